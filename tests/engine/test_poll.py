"""A request that an API only accepts is polled until it is done: bounded, on its own hosts, and never sent again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.examples import NOW, example_findings
from locoia_pat.http.exchange_types import Response
from locoia_pat.spec.load import SpecFolder
from tests.support.command import call as call  # noqa: PLC0414  # a fixture
from tests.support.loopback import TOKEN, Got, answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTH = ConnectorAuth(Secret("fake-acme-credential-0123456789"))
OUTPUT: dict[str, Any] = {"id": {"type": "text"}, "token": {"type": "text", "secret": "once"}}
REPLY: dict[str, Any] = {"ok": [200, 201], "output": OUTPUT}
POST = {"method": "POST", "path": "/act"}
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}
ROW = {"id": "k1", "token": TOKEN}
ACCEPTED = answer(202, {"status": "queued"}, {"Location": "/v1/jobs/7"})


def run(place: Path, poll: dict[str, Any], *scripts: Any, given: Any = None, **keys: Any) -> tuple[Result, list[Got]]:
    """The result of the action, and the requests that arrived."""
    spec: dict[str, Any] = {"reply": REPLY, "poll": {"interval": 0.01, **poll}} | keys
    specs = folder(place, connector(), action(**spec), action(**{**READ, "action": "list_keys"}))
    assert check_specs(SpecFolder(specs)) == []
    with serving(*scripts) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act", given or {}), server.got


def test_the_status_is_polled_where_the_api_says_until_it_is_done(tmp_path: Path) -> None:
    still = answer(202)
    job = answer(200, {"job": {"id": 7, "status": "queued", "url": "/v1/jobs/7"}})
    done = answer(200, ROW)
    pending = {"pending_when": {"job.status": ["queued", "running"], "state": "busy"}}
    see = answer(303, None, {"Location": "/v1/keys/k1"})
    for poll, scripts, paths in (
        ({}, [ACCEPTED, still, done], ["/v1/jobs/7"] * 2),
        ({}, [done], []),
        ({}, [ACCEPTED, answer(202, None, {"Location": "8"}), done], ["/v1/jobs/7", "/v1/jobs/8"]),
        ({}, [ACCEPTED, drop, answer(503), done], ["/v1/jobs/7"] * 3),
        ({}, [ACCEPTED, answer(429, None, {"Retry-After": "0"}), done], ["/v1/jobs/7"] * 2),
        ({}, [see, done], ["/v1/keys/k1"]),
        ({"header": "X-Job"}, [answer(202, None, {"X-Job": "/v1/jobs/9"}), see, done], ["/v1/jobs/9", "/v1/keys/k1"]),
        ({"at": "job.url", **pending}, [job, job, done], ["/v1/jobs/7"] * 2),
        ({"at": "job.id", "path": "/jobs/{{ id }}/status", **pending}, [job, done], ["/v1/jobs/7/status"]),
        ({"header": "X-Id", "path": "/jobs/{{ id }}"}, [answer(202, {}, {"X-Id": "a/b"}), done], ["/v1/jobs/a%2Fb"]),
        ({"at": "url", "pending_when": {"state": "busy"}}, [answer(200, {"url": "/j", "state": "busy"}), done], ["/j"]),
    ):
        result, got = run(tmp_path, poll, *scripts)
        assert (result.outcome, result.data) == (Outcome.DONE, {"id": "k1"}), (poll, result)
        assert result.token == Secret(TOKEN), poll
        assert [request.method for request in got] == ["POST", *["GET"] * (len(got) - 1)], poll
        assert [request.path for request in got[1:]] == paths, poll
        assert all(request.headers["authorization"].startswith("Bearer ") for request in got)
        assert all("idempotency-key" not in request.headers and request.body == b"" for request in got[1:])


def test_an_effect_whose_end_is_not_seen_is_unknown_and_is_not_sent_again(tmp_path: Path) -> None:
    still = answer(202)
    for name, poll, scripts, reason in (
        ("endless", {"max_polls": 3}, [ACCEPTED, still], "it was not done after 3 polls"),
        ("too long", {}, [answer(202, None, {"Location": "/j", "Retry-After": "3600"})], "another 3600 s"),
        ("no URL", {}, [still], "the response has no header Location"),
        ("no id", {"at": "job"}, [answer(202, {"job": {"id": 1}})], 'the response has no "job"'),
        ("not JSON", {"at": "job"}, [answer(202, "accepted")], 'the response has no "job"'),
        ("empty id", {"at": "job", "path": "/j/{{ id }}"}, [answer(202, {"job": ".."})], "cannot be a segment"),
        ("gone", {}, [ACCEPTED, answer(404, {"message": "no such job"})], "no such job"),
        ("failing", {}, [ACCEPTED, answer(500)], "the API answered 500"),
        ("lost", {}, [ACCEPTED, drop], "ReadError"),
        (
            "another host",
            {},
            [answer(202, None, {"Location": "https://evil.example/j"})],
            "points to https://evil.example",
        ),
        (
            "http",
            {},
            [answer(202, None, {"Location": "http://api.acme.example/j"})],
            "points to http://api.acme.example",
        ),
    ):
        result, got = run(tmp_path, poll, *scripts, verify_with="list_keys")
        assert result.outcome is Outcome.UNKNOWN, name
        assert result.problem is not None, name
        assert result.problem.message.startswith("the API accepted the request, and its end was not seen: "), name
        assert reason in result.problem.message, (name, result.problem)
        assert result.problem.hint == "The request may still be done. Check with list_keys before running it again.", (
            name
        )
        assert result.problem.next == "locoia-pat run list_keys", name
        assert [request.method for request in got].count("POST") == 1, name
    assert len(run(tmp_path, {"max_polls": 3}, ACCEPTED, still)[1]) == 4
    assert len(run(tmp_path, {}, answer(202, None, {"Location": "/j", "Retry-After": "3600"}))[1]) == 1, (
        "it did not wait"
    )


def test_a_request_that_is_not_accepted_is_not_polled(tmp_path: Path) -> None:
    for script, outcome in (
        (answer(422, {"message": "bad"}), Outcome.REFUSED),
        (drop, Outcome.UNKNOWN),
        (answer(500), Outcome.UNKNOWN),
    ):
        result, got = run(tmp_path, {}, script)
        assert (result.outcome, len(got)) == (outcome, 1)
        assert result.problem is not None
        assert "accepted" not in result.problem.message


def test_a_job_that_failed_is_refused_and_a_read_is_safe_to_retry(tmp_path: Path) -> None:
    reply = REPLY | {"ok_when": {"status": "succeeded"}}
    failed = answer(200, {"status": "failed", "message": "the quota is used up"})
    poll = {"pending_when": {"status": "queued"}}
    result, _ = run(tmp_path, poll, ACCEPTED, failed, reply=reply)
    assert (result.outcome, result.problem and result.problem.message) == (Outcome.REFUSED, "the quota is used up")
    read = READ | {"reply": {"ok": [200], "rows": "rows", "output": {"id": {"type": "text"}}}}
    result, _ = run(tmp_path, {}, ACCEPTED, answer(404), **read)
    assert (result.outcome, result.problem and result.problem.hint) == (Outcome.NOT_DONE, "It is safe to retry.")
    result, _ = run(tmp_path, {}, ACCEPTED, answer(200, [ROW]), **read)
    assert result.data == {"rows": [{"id": "k1"}]}


def test_a_token_in_any_response_is_stored_and_never_given_up(tmp_path: Path) -> None:
    first = answer(202, ROW, {"Location": "/v1/jobs/7"})
    result, _ = run(tmp_path, {}, first, answer(200, {"id": "k1"}))
    assert (result.outcome, result.token) == (Outcome.DONE, Secret(TOKEN))
    assert "the token was received, and then: the API answered 200" in result.warnings[-1]
    result, _ = run(tmp_path, {"max_polls": 1}, first, answer(202))
    assert (result.outcome, result.token) == (Outcome.DONE, Secret(TOKEN))
    assert "the token was received, and then: the API accepted the request" in result.warnings[-1]
    specs = folder(tmp_path, connector(), action(reply=REPLY, poll={"interval": 0.01}))
    store = f"file:{tmp_path / 'token.json'}"
    with serving(ACCEPTED, answer(200, ROW)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", {}, token_to=[store])
    assert result.token_refs == (f"{store}#current",)
    assert TOKEN in (tmp_path / "token.json").read_text()


def test_the_secrets_of_a_request_stay_on_its_host_and_its_key_on_the_post(tmp_path: Path) -> None:
    request = {
        "headers": {"X-Password": "{{ password }}", "X-Version": "2"},
        "body": {"name": "{{ name }}"},
        "idempotency_key": "Idempotency-Key",
    }
    inputs = {
        "password": {"title": "Password", "type": "password", "required": True},
        "name": {"title": "Name", "type": "text", "required": True},
        "owner": {"title": "Owner", "type": "text", "required": True},
    }
    given = {"password": Secret("fake-password-1"), "name": "CI", "owner": "a b"}
    poll = {"header": "X-Id", "path": "/users/{{ owner }}/jobs/{{ id }}"}
    scripts = [answer(202, None, {"X-Id": "1"}), answer(200, ROW)]
    result, got = run(tmp_path, poll, *scripts, given=given, inputs=inputs, request={**POST, **request})
    assert result.outcome is Outcome.DONE, result
    post, get = got
    assert get.path == "/v1/users/a%20b/jobs/1"
    assert (post.headers["x-password"], get.headers["x-password"]) == ("fake-password-1",) * 2
    assert ("idempotency-key" in post.headers, "idempotency-key" in get.headers) == (True, False)
    assert "content-type" not in get.headers
    spec = action(inputs, request, reply=REPLY, poll={"header": "Location"})
    del spec["inputs"]["owner"]
    act = CompiledAction(SpecFolder(folder(tmp_path, connector(), spec)).action("act"))
    checked = {"password": given["password"], "name": "CI"}
    first = act.request(checked, "https://api.acme.example")
    follower = act.follower(first, checked, "https://api.acme.example", NOW, ["jobs.acme.example"])
    response = Response(202, {"location": "https://jobs.acme.example/7"}, Secret(""))
    assert follower is not None
    second = follower.advance(response, act.classify(response, checked, NOW))
    assert second is not None
    assert (second.url, [name for name, _ in second.headers]) == (
        "https://jobs.acme.example/7",
        ["accept", "x-version"],
    )


def test_what_is_wrong_about_poll_is_a_finding(tmp_path: Path) -> None:
    def mistakes(poll: Any, **spec: Any) -> list[tuple[str, int, str]]:
        specs = folder(tmp_path, connector(), action(reply=REPLY, poll=poll, **spec))
        lines = (tmp_path / "act.yaml").read_text().splitlines()
        return [
            (one.code, one.line, lines[one.line - 1].strip().replace('"', "")) for one in check_specs(SpecFolder(specs))
        ]

    for poll, code, where in (
        ({"at": "a", "header": "B"}, "contradiction", "header: B"),
        ({"path": "/j/{{ id }}"}, "missing-key", "path: /j/{{ id }}"),
        ({"at": "a", "path": "/j"}, "contradiction", "path: /j"),
        ({"at": "a", "path": "/j/{{ id }}/{{ nmae }}"}, "unknown-name", "path: /j/{{ id }}/{{ nmae }}"),
        ({"at": "a", "path": "j/{{ id }}"}, "bad-value", "path: j/{{ id }}"),
        ({"pending_when": {"status": []}}, "bad-value", "status: []"),
        ({"pending_when": {"status": None}}, "bad-value", "status: null"),
        ({"interval": 0}, "bad-value", "interval: 0"),
        ({"max_polls": 1001}, "bad-value", "max_polls: 1001"),
        ({"most": 3}, "unknown-key", "most: 3"),
    ):
        found = mistakes(poll)
        assert [(each[0], each[2]) for each in found] == [(code, where)], (poll, found)
    inputs = {"id": {"title": "ID", "type": "text", "required": True}}
    found = mistakes({"at": "a", "path": "/j/{{ id }}"}, inputs=inputs, request={**POST, "path": "/{{ id }}"})
    assert [each[0] for each in found] == ["contradiction"]
    secret = {"key": {"title": "Key", "type": "password", "required": True}}
    request = {**POST, "body": {"key": "{{ key }}"}}
    found = mistakes({"at": "a", "path": "/j/{{ id }}/{{ key }}"}, inputs=secret, request=request)
    assert [each[0] for each in found] == ["secret-in-address"]
    rows = {"reply": {"ok": [200], "rows": "rows", "output": {"id": {"type": "text"}}}, "pages": {"by": "link"}}
    specs = folder(tmp_path, connector(), action(**READ | rows, poll={}))
    assert [one.code for one in check_specs(SpecFolder(specs))] == ["contradiction"]


def test_an_example_states_the_polls_and_a_recorded_one_replays(tmp_path: Path) -> None:
    for poll, accepted in (({}, ACCEPTED), ({"at": "job"}, None)):
        specs = folder(
            tmp_path,
            connector(),
            action(reply=REPLY, poll={"interval": 0.01, **poll}, examples=[{"name": "one"}]),
        )
        act = CompiledAction(SpecFolder(specs).action("act"))
        (recording,) = plan_recordings([act], [f"file:{tmp_path / f'{len(poll)}.json'}"], {})
        with serving(answer(500)) as server, Recorder(AUTH, specs=specs, base_url=server.url) as recorder:
            url = f"{server.url}/jobs/7"
            first = accepted and answer(202, None, {"Location": url})
            server.scripts[:] = [first or answer(202, {"job": url}), answer(200, ROW)]
            recorder.check(recording)
            example = record_example(recording, recorder, Secret("fake-acme-credential-0123456789"))
        assert "127.0.0.1" not in json.dumps(example)
        assert [reply["status"] for reply in (example["reply"], *example["pages"])] == [202, 200]
        specs = folder(tmp_path, connector(), action(reply=REPLY, poll=poll, examples=[example]))
        assert list(example_findings(CompiledAction(SpecFolder(specs).action("act")), whole=True)) == []
        specs = folder(tmp_path, connector(), action(reply=REPLY, poll=poll, examples=[{**example, "pages": []}]))
        (finding,) = example_findings(CompiledAction(SpecFolder(specs).action("act")))
        assert finding.message.endswith("is missing")


def test_show_and_plan_say_that_it_is_polled(tmp_path: Path, call: Callable[..., Any]) -> None:
    specs = folder(tmp_path, connector(), action(reply=REPLY, poll={"max_polls": 5}))
    assert "polled until it is done: every 2 s, up to 5 times" in call("show", str(specs / "act.yaml")).out
    described = json.loads(call("show", "--json", str(specs / "act.yaml")).out)
    assert described["poll"] == {"pending_when": {}, "interval": 2, "max_polls": 5}
    assert "if it is only accepted, up to 5 polls" in call("plan", str(specs / "act.yaml")).out
