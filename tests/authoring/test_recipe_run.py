"""``locoia-pat recipe``: recipes run by arazzo-runner, whose requests the engine sends."""

from __future__ import annotations

import json
import logging
import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.authoring.recipe_runner import Recipe
from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.load import SpecFolder
from tests.support.command import call, spawn
from tests.support.loopback import answer, drop, serving
from tests.support.sandbox_client import OWNER, Caller, calling

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command import Done

__all__ = ["call"]

TOKENS, AUTHS = "/v1/personal-access-tokens", "/v1/connector-auths"
AUTH = ("--auth", "file:token.txt")
ROTATE = {"scopes": ["automation:view"], "note": "CRM"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Caller]:
    with calling(scopes=("automation", "connector_auth")) as caller:
        (tmp_path / "token.txt").write_text(caller.token.reveal())
        monkeypatch.setenv("LOCOIA_BASE_URL", caller.url)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CREDENTIAL_TOKEN", "of-another-program-0123456789")
        monkeypatch.setenv("LOCOIA_CREDENTIAL_TOKEN", "of-another-program-0123456789")
        yield caller


def connector_auth(api: Caller) -> str:
    token = api.create(note="CRM").json()["token"]
    made = api.call("POST", "/connector-auths", json={"name": "CRM", "auth_token": token}).json()
    return str(made["id"])


def live_tokens(api: Caller) -> list[str]:
    """The ids of rows whose secret the Connector Auth may hold."""
    return [row.id for row in api.store.owned_by(OWNER) if row.note == "CRM"]


def test_a_recipe_runs_at_the_sandbox_with_the_credential_of_the_command(
    api: Caller, call: Callable[..., Done], tmp_path: Path
) -> None:
    def run(*arguments: str) -> Done:
        return call("recipe", "run", *arguments, "--auth", "file:token.txt")

    held = connector_auth(api)
    arguments = ("rotate_connector_auth", f"connector_auth_id={held}", "note=CRM")
    done = run(*arguments, "scopes=automation:view")
    envelope = done.envelope
    assert (done.code, done.err, envelope["outcome"], envelope["attempts"]) == (0, "", "done", 5)
    assert [step["step"] for step in envelope["data"]["steps"]] == ["find", "create", "check", "store", "confirm"]
    assert envelope["data"]["outputs"]["token_id"] == live_tokens(api)[-1]
    (tmp_path / "rotator.txt").write_text(api.token.reveal())
    again = run(*arguments, "scopes=automation:view", f"credential=@ref:file:{tmp_path}/rotator.txt")
    assert again.envelope["data"]["outputs"]["previous_token_id"] == envelope["data"]["outputs"]["token_id"]
    used = [row.last_used for row in api.store.owned_by(OWNER) if row.id == live_tokens(api)[-1]]
    assert used != [None]  # the step "check" was sent with the new token
    retired = run("rotate_connector_auth", "--workflow", "retire_token", f"token_id={live_tokens(api)[0]}")
    assert retired.code == 0
    customer = run("create_token_for_customer", "customer=A", "connector_id=c", "scopes=embed")
    assert customer.envelope["data"]["outputs"]["connector_auth_id"]
    everything = "".join(done.out + done.err for done in (done, again, retired, customer))
    assert "lpat_" not in everything
    assert "placeholder" not in everything


def test_the_alert_fails_while_it_has_something_to_say(api: Caller, call: Callable[..., Done]) -> None:
    quiet = call("recipe", "run", "alert_on_expiring_tokens", "before=2020-01-01T00:00:00Z", *AUTH)
    assert quiet.code == 0
    api.create(expiration=2)
    alert = call("recipe", "run", "alert_on_expiring_tokens", "before=2120-01-01T00:00:00Z", *AUTH)
    assert (alert.code, alert.envelope["outcome"]) == (3, "refused")
    assert len(alert.envelope["data"]["outputs"]["tokens"]) == 2
    assert alert.envelope["error"]["message"] == "the step alert failed: its criteria are not met"
    hidden = call("recipe", "run", "alert_on_expiring_tokens", "before=2120-01-01T00:00:00Z", "--exit-zero", *AUTH)
    assert (hidden.code, hidden.envelope["outcome"]) == (0, "refused")


def test_recipes_are_listed_with_their_workflows(call: Callable[..., Done]) -> None:
    listed = call("recipe", "list", "--json").envelope["recipes"]
    assert [(item["recipe"], item["workflow"]) for item in listed][-1] == ("rotate_connector_auth", "retire_token")
    assert "retire_token" in call("recipe", "list").out


def test_wrong_calls_are_invalid_and_send_nothing(api: Caller, call: Callable[..., Done], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    call("new", "empty", "--out", str(empty), "--base-url", "https://api.example.com")
    rotate, alert = "rotate_connector_auth", "alert_on_expiring_tokens"
    cases = {
        ("rotate",): 'recipe: unknown recipe "rotate"; did you mean rotate_connector_auth?',
        ("x", "--specs", str(empty)): 'recipe: unknown recipe "x"',
        (rotate, "--workflow", "retire"): 'workflow: unknown workflow "retire"; did you mean retire_token?',
        (rotate, "note=x", "scops=embed"): "scops: unknown input; did you mean scopes?",
        (rotate, "connector_auth_id=../x", "note=x", "scopes=embed"): (
            "the step find failed: a value in the path has characters other than letters, digits and ._~-"
        ),
        (alert, "before=2026-01-01'"): (
            "before: is part of a condition, and has other characters than letters, digits and .:+-_"
        ),
        (alert, "--inputs", "-", "--auth", "-"): "auth: --inputs and --auth cannot both read standard input",
        (alert, "credential=abc"): (
            "credential: a secret cannot be an argument: other programs and the shell history can read it"
        ),
        (alert, "--wrokflow", "x"): "there is no option --wrokflow; did you mean --workflow?",
    }
    for arguments, message in cases.items():
        done = call("recipe", "run", *arguments, *(() if "--auth" in arguments else AUTH))
        error = done.envelope["error"]
        shown = f"{error['field']}: {error['message']}" if error["field"] else error["message"]
        assert (done.code, shown) == (2, message), arguments
    assert api.store.owned_by(OWNER)[0].last_used is None


STEP_FAILURES: list[tuple[dict[str, Any], str, str | None, str]] = [
    # the fault, the outcome, the failed step, and the last one
    ({"fault": "status", "method": "GET", "path": f"{AUTHS}/*", "status": 404}, "refused", "find", "find"),
    ({"fault": "lost", "method": "GET", "path": f"{AUTHS}/*"}, "not_done", "find", "find"),
    ({"fault": "status", "method": "POST", "path": TOKENS, "status": 422}, "refused", "create", "create"),
    ({"fault": "status", "method": "POST", "path": TOKENS, "status": 503, "commit": True},
     "unknown", "create", "create"),
    ({"fault": "lost", "method": "POST", "path": TOKENS}, "unknown", "create", "create"),
    ({"fault": "cut", "method": "POST", "path": TOKENS}, "unknown", "create", "create"),
    ({"fault": "html", "method": "POST", "path": TOKENS}, "unknown", "create", "create"),
    ({"fault": "no_token", "method": "POST", "path": TOKENS}, "unknown", "create", "create"),
    ({"fault": "redirect", "method": "GET", "path": TOKENS}, "unknown", "check", "revoke"),
    ({"fault": "status", "method": "PUT", "path": f"{AUTHS}/*", "status": 403}, "unknown", "store", "revoke"),
    ({"fault": "status", "method": "PUT", "path": f"{AUTHS}/*", "status": 500}, "unknown", "store", "store"),
]  # fmt: skip


def test_a_run_that_fails_says_by_its_outcome_what_may_have_happened(api: Caller) -> None:
    held = connector_auth(api)
    recipe = Recipe(SpecFolder(), "rotate_connector_auth")
    inputs = recipe.check({"connector_auth_id": held, **ROTATE})
    for fault, outcome, failed, last in STEP_FAILURES:
        api.faults.clear()
        api.faults.add(Fault(**{"times": None, **fault}))
        with RecordingConnector(ConnectorAuth(api.token), base_url=api.url, timeout=20) as connector:
            result = recipe.run(connector, inputs)
        assert (result.outcome.value, result.data and result.data["steps"][-1]["step"]) == (outcome, last), fault
        assert result.problem is not None
        assert result.problem.message.startswith(f"the step {failed} failed: "), fault
        if failed in {"check", "store"}:
            assert "; these steps may have changed something: create" in result.problem.message
        assert "lpat_" not in json.dumps(result.to_dict())


CONNECTOR = """
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example
hosts: [api.acme.example]
auth: {header_key: X-Key, token_prefix: "{{ token_format }}", token_format: "{{ token }}"}
env: {token: ACME_TOKEN, base_url: ACME_URL}
"""
SAY_IT = """
spec: 1
action: say_it
title: Say it
summary: Says something.
effect: update
inputs:
  id: {title: Id, type: text, required: true}
  text: {title: Text, type: password, required: true}
  to: {title: To, type: text, required: true}
request:
  method: POST
  path: /say/{{ id }}
  query: {to: "{{ to }}"}
  body: {text: "{{ text }}"}
reply: {ok: [200], output: {heard: {title: Heard, type: text}}}
"""
LOOK = """
spec: 1
action: look
title: Look
summary: Looks.
effect: read
auth: none
request: {method: GET, path: /look}
reply: {ok: [200], output: {heard: {title: Heard, type: text}}}
"""


class Folder:
    """A connector with one recipe, whose workflow a test changes."""

    def __init__(self, folder: Path, steps: list[dict[str, Any]], **more: Any) -> None:
        self.specs = SpecFolder(folder)
        folder.mkdir(exist_ok=True)
        (folder / "connector.yaml").write_text(CONNECTOR)
        (folder / "say_it.yaml").write_text(SAY_IT)
        (folder / "look.yaml").write_text(LOOK)
        (folder / "recipes").mkdir(exist_ok=True)
        workflow = {
            "workflowId": "w",
            "inputs": {
                "type": "object",
                "properties": {
                    "credential": {"type": "string", "format": "password"},
                    "text": {"type": "string", "format": "password"},
                },
            },
            "steps": steps,
            **more,
        }
        source = {"name": "acme", "url": "openapi.json", "type": "openapi"}
        self.document: dict[str, Any] = {"sourceDescriptions": [source], "workflows": [workflow]}
        self.file = folder / "recipes" / "try.arazzo.yaml"
        self.save()

    def save(self) -> None:
        self.file.write_text(yaml.safe_dump(self.document))

    def refusal(self) -> str:
        with pytest.raises(InvalidError) as refused:
            Recipe(self.specs, "try")
        return refused.value.problem.message.removeprefix("try.arazzo.yaml: ")


def look(**more: Any) -> dict[str, Any]:
    return {"stepId": "look", "operationId": "look", **more}


def say(value: Any = "$inputs.text", **more: Any) -> dict[str, Any]:
    return {
        "stepId": "say",
        "operationId": "say_it",
        "parameters": [
            {"name": "X-Key", "in": "header", "value": "$inputs.credential"},
            {"name": "X-Text", "in": "header", "value": "says {$inputs.text}"},
            {"name": "id", "in": "path", "value": "a.1"},
            {"name": "to", "in": "query", "value": "me & you"},
        ],
        "requestBody": {"contentType": "application/json", "payload": {"text": value}},
        **more,
    }


def test_documents_that_the_runner_would_run_wrongly_or_as_code_are_refused(tmp_path: Path) -> None:
    code = "__import__('os').system('true') == 0"
    cases: list[tuple[list[dict[str, Any]], str]] = [
        ([], "each step needs a stepId of its own"),
        ([look(), look()], "each step needs a stepId of its own"),
        ([{"operationId": "look"}], "each step needs a stepId of its own"),
        ([look(workflowId="other")], "look: workflowId cannot be run"),
        (
            [{"stepId": "x", "operationId": "nothing"}],
            "x: operationId is no action of this connector that sends a request",
        ),
        ([look(requestBody={"contentType": "text/plain", "payload": {}})], "look: requestBody must be a JSON object"),
        (
            [look(requestBody={"contentType": "application/json", "payload": "{}"})],
            "look: requestBody must be a JSON object",
        ),
        (
            [look(onFailure=[{"name": "again", "type": "retry"}])],
            "look: an action must end the workflow or go to one of its steps",
        ),
        (
            [look(onSuccess=[{"name": "go", "type": "goto", "stepId": "nowhere"}])],
            "look: an action must end the workflow or go to one of its steps",
        ),
        ([look(onSuccess=[{"name": "go", "type": "goto", "workflowId": "w"}])], "look: workflowId cannot be run"),
        (
            [look(onFailure=[{"name": "x", "type": "end", "criteria": [{"condition": "$statusCode == 503"}]}])],
            "look: the criteria of an action cannot see the response",
        ),
        ([look(successCriteria=[{"condition": code}])], "look: a condition is not a comparison"),
        (
            [look(successCriteria=[{"condition": "$response.body#/a == print(1)"}])],
            "look: a condition is not a comparison",
        ),
        (
            [look(successCriteria=[{"condition": "$response.body#/a == 1 && $statusCode == 200"}])],
            "look: a condition is not a comparison",
        ),
        ([look(successCriteria=["$statusCode == 200"])], "look: a condition is not a comparison"),
        (
            [look(successCriteria=[{"condition": "$[?@.a > '{$inputs.other}']", "type": "jsonpath"}])],
            "look: a condition cannot be evaluated",
        ),
        ([look(successCriteria=[{"condition": "//a", "type": "xpath"}])], "look: a condition cannot be evaluated"),
    ]
    for steps, message in cases:
        assert Folder(tmp_path, steps).refusal() == message, steps
    folder = Folder(tmp_path, [look()], dependsOn=["other"])
    assert folder.refusal() == "w: dependsOn cannot be run"
    folder.document["sourceDescriptions"] = []
    folder.save()
    assert folder.refusal() == "needs one source description of type openapi"
    folder.document["workflows"] = []
    folder.save()
    assert folder.refusal() == "has no workflows"
    folder.file.write_text("a: [")
    assert folder.refusal() == f"{folder.file} is not YAML"


def test_an_action_that_a_recipe_would_send_in_another_form_or_to_another_host_is_refused(tmp_path: Path) -> None:
    plain = "{method: GET, path: /look}"
    for number, (key, request) in enumerate(
        (
            ("form", "{method: POST, path: /look, form: {a: b}}"),
            ("base_url", "{method: GET, path: /look, base_url: logs}"),
            ("file", '{method: POST, path: /look, file: {input: "text"}}'),
        )
    ):
        folder = Folder(tmp_path / str(number), [look()])
        spec = LOOK.replace(plain, request)
        if key == "file":
            spec = spec.replace("auth: none", "inputs: {text: {title: Text, type: text, required: true}}")
        (tmp_path / str(number) / "look.yaml").write_text(spec)
        shared = CONNECTOR + "base_urls: {logs: https://api.acme.example/logs}\n"
        (tmp_path / str(number) / "connector.yaml").write_text(shared)
        message = f"look: an action with {key} in its request cannot be run, as it is not sent like that"
        assert folder.refusal() == message


def test_values_of_a_query_and_of_headers_are_written_as_the_engine_writes_them(tmp_path: Path) -> None:
    key, text, id_, _ = say()["parameters"]
    for value, query in ((True, "?to=true"), (["a b", 1.5, False, None], "?to=a+b&to=1.5&to=false"), ([], "")):
        to = {"name": "to", "in": "query", "value": value}
        folder = Folder(tmp_path, [say(parameters=[key, text | {"value": False}, id_, to])])
        with serving(answer(200, {"heard": "yes"})) as server:
            assert run(folder, server.url)["outcome"] == "done"
        assert (server.got[0].path, server.got[0].headers["x-text"]) == (f"/v1/say/a.1{query}", "false")


def run(folder: Folder, url: str, **inputs: Any) -> Any:
    recipe = Recipe(folder.specs, "try")
    given = recipe.check({"text": Secret("hidden-text-0123456789"), **inputs})
    with RecordingConnector(
        ConnectorAuth(Secret("credential-0123456789")), specs=folder.specs, base_url=url, timeout=20
    ) as connector:
        return recipe.run(connector, given).to_dict()


def test_the_runner_never_gets_a_secret_and_logs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    steps = [say(outputs={"said": "$response.body#/said"})]
    folder = Folder(tmp_path, steps, outputs={"said": "$steps.say.outputs.said", "text": "$inputs.text"})
    with serving(answer(200, {"heard": "yes", "said": ["I got hidden-text-0123456789"], "more": 1})) as server:
        ran = run(folder, server.url)
    assert (ran["outcome"], ran["data"]["outputs"]) == ("done", {"said": ["I got «secret»"], "text": "«secret»"})
    (got,) = server.got
    assert (got.method, got.path, got.json) == (
        "POST",
        "/v1/say/a.1?to=me+%26+you",
        {"text": "hidden-text-0123456789"},
    )
    assert (got.headers["x-key"], got.headers["x-text"]) == ("credential-0123456789", "says hidden-text-0123456789")
    assert "hidden-text" not in caplog.text
    assert (root.handlers, root.level) == before


def test_an_input_may_be_the_same_secret_as_the_credential(tmp_path: Path) -> None:
    with serving(answer(200, {"heard": "yes"})) as server:
        ran = run(Folder(tmp_path, [say()]), server.url, text=Secret("credential-0123456789"))
    assert (ran["outcome"], server.got[0].json) == ("done", {"text": "credential-0123456789"})


def test_what_a_step_gets_wrong_ends_the_run(tmp_path: Path) -> None:
    not_json = answer(200, "<p>hidden-text-0123456789</p>", {"Content-Type": "text/html"})
    other = [{"name": "go", "type": "goto", "stepId": "look"}]
    heard = {"heard": "yes"}
    cases: list[tuple[list[dict[str, Any]], Any, str, str | None, int]] = [
        # the steps, the response, the outcome, the message, and how many requests were sent
        ([look(parameters=5)], answer(200, heard), "invalid", "its request cannot be composed", 0),
        ([say(parameters=say()["parameters"][1:])], answer(200, heard), "invalid", "the step has no credential", 0),
        ([look(successCriteria=[{"condition": "$statusCode == 204"}])], answer(200, heard),
         "refused", "its criteria are not met", 1),
        ([look(onSuccess=other)], answer(200, heard), "refused", "there is no end after 50 steps", 50),
        ([say()], not_json, "unknown", None, 1),
        ([say(onFailure=other), look()], drop, "unknown", None, 1),
        ([say(parameters=[*say()["parameters"][:3], {"name": "to", "in": "query", "value": "$inputs.text"}])], drop,
         "invalid", "a secret cannot be part of a URL, which is logged", 0),
        ([look(outputs={"a": "$response.body#/heard/x/y"})], answer(200, heard), "done", None, 1),
    ]  # fmt: skip
    for steps, response, outcome, message, sent in cases:
        with serving(response) as server:
            ran = run(Folder(tmp_path, steps), server.url)
        error = ran.get("error") or {"message": None}
        assert (ran["outcome"], len(server.got)) == (outcome, sent), (steps, ran)
        assert message is None or error["message"] == f"the step {steps[0]['stepId']} failed: {message}", steps
        assert "hidden-text" not in json.dumps(ran), steps


def test_a_signal_waits_for_the_end_of_a_recipe_that_has_begun_to_change_something(tmp_path: Path) -> None:
    steps = [look(), say(), look(stepId="after")]
    Folder(tmp_path / "specs", steps)
    for at, code, outcome, last in ((0, 130, "not_done", None), (1, 130, "done", "after")):
        interrupt = Interrupt(at)
        with serving(interrupt, interrupt, answer(200, {"heard": "yes"})) as server:
            process = spawn(
                "recipe", "run", "try", "--specs", str(tmp_path / "specs"), "text=@ref:env:SAID", "--timeout", "20",
                ACME_TOKEN="credential-0123456789", SAID="hidden-text-0123456789", ACME_URL=server.url,
            )  # fmt: skip
            interrupt.process = process
            out, err = process.communicate(timeout=60)
        envelope = json.loads(out)
        assert (process.returncode, envelope["outcome"]) == (code, outcome), (at, out, err)
        if last:
            assert envelope["data"]["steps"][-1]["step"] == last


class Interrupt:
    """Answers a request, but sends SIGINT to the process that sent the one at *at* before its answer."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, connection: Any) -> bool:
        if self.count == self.at:
            assert self.process
            self.process.send_signal(signal.SIGINT)
        self.count += 1
        return bool(answer(200, {"heard": "yes"})(connection))
