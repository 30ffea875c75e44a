"""new, check, test, eject and plan, and a sandbox that serves examples."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
import yaml

from locoia_pat import specs
from locoia_pat.authoring import spec_schema as schema
from tests.support.cells import cell
from tests.support.command import Done, on_terminal, spawn
from tests.support.loopback import answer, drop, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[..., Done]

SHIPPED = Path(specs.__path__[0])
CANARY = "canary-credential-0123456789abcdef"


@pytest.fixture
def acme(call: Call, tmp_path: Path) -> Path:
    """A new connector, as ``new`` makes it."""
    folder = tmp_path / "acme"
    assert call("new", "acme", "--out", str(folder)).code == 0
    return folder


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new))


@contextmanager
def examples(folder: Path) -> Iterator[dict[str, str]]:
    """A sandbox of the examples in *folder*: the variables that it prints."""
    process = spawn("sandbox", "--specs", str(folder), "--port", "0")
    assert process.stdout is not None
    variables: dict[str, str] = {}
    try:
        for line in process.stdout:
            if found := re.fullmatch(r"export (\w+)=(.*)\n", line):
                variables[found[1]] = shlex.split(found[2])[0]
            if line == "# ready\n":
                break
        yield variables
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


# new


@pytest.mark.parametrize("auth", ["bearer", "header", "basic"])
def test_a_new_connector_passes_check_and_test_and_its_actions_run(call: Call, tmp_path: Path, auth: str) -> None:
    folder = tmp_path / "shop_crm"
    made = call("new", "shop_crm", "--auth", auth, "--out", str(folder))
    assert (made.code, call("check", str(folder)).code) == (0, 0)
    tested = call("test", str(folder))
    assert (tested.code, tested.out.splitlines()[-1]) == (0, "4 passed, 0 failed")
    with examples(folder) as variables:
        os.environ.update(variables)
        listed = call("run", "--specs", str(folder), "list_keys", "owner=ann")
        os.environ.update(variables)  # a credential leaves the environment once it is read
        created = call(
            "run", str(folder / "create_key.yaml"), "name=CI", "days=null", "--token-to", f"file:{tmp_path}/k"
        )
    assert [row["id"] for row in listed.envelope["data"]["keys"]] == ["k1", "k2"]
    assert (created.envelope["outcome"], created.envelope["data"]) == ("done", {"id": "k1", "expires": None})
    assert json.loads((tmp_path / "k").read_text())["current"]["token"] == "fake-secret-0123456789"


def test_a_new_connector_goes_into_a_folder_of_its_name_and_says_what_is_next(call: Call, tmp_path: Path) -> None:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        made = call("new", "acme", "--base-url", "https://api.acme.com/v2")
    finally:
        os.chdir(before)
    assert "locoia-pat check acme" in made.out
    connector = yaml.safe_load((tmp_path / "acme" / "connector.yaml").read_text())
    assert (connector["base_url"], connector["hosts"]) == ("https://api.acme.com/v2", ["api.acme.com"])
    assert connector["env"]["token"] == "ACME_TOKEN"


def test_new_prints_its_files_as_json(call: Call, tmp_path: Path) -> None:
    files = call("new", "acme", "--out", str(tmp_path / "a"), "--json").envelope["files"]
    assert [Path(file).name for file in files] == ["connector.yaml", "create_key.yaml", "list_keys.yaml"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Acme CRM"], "name"),
        (["9acme"], "name"),
        (["acme", "--base-url", "ftp://x"], "base_url"),
        (["acme", "--base-url", "https://"], "base_url"),
        (["acme", "--auth", "oauth"], "--auth"),
    ],
)
def test_a_wrong_new_writes_nothing(call: Call, tmp_path: Path, arguments: list[str], told: str) -> None:
    done = call("new", *arguments, "--out", str(tmp_path / "a"))
    assert (done.code, told in done.err, (tmp_path / "a").exists()) == (2, True, False)


def test_new_overwrites_nothing(call: Call, acme: Path) -> None:
    change(acme / "list_keys.yaml", "limit: 50\n", "limit: 51\n")
    done = call("new", "acme", "--out", str(acme))
    assert (done.code, "already exists" in done.err) == (2, True)
    assert "limit: 51\n" in (acme / "list_keys.yaml").read_text()


def test_a_folder_that_cannot_be_written_is_reported(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("new", "acme", "--out", str(tmp_path / "file" / "acme"))
    assert (done.code, "cannot be written" in done.err) == (2, True)


# check


def test_check_shows_the_line_and_a_caret(call: Call, acme: Path) -> None:
    change(acme / "list_keys.yaml", "  path: /keys\n", "  path: /keys/{{ ownr }}\n")
    done = call("check", str(acme))
    file = acme / "list_keys.yaml"
    message = 'unknown-name unknown name "ownr"; did you mean owner? (known names: owner)'
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        f"{file}:11:18: {message}",
        "   11 |   path: /keys/{{ ownr }}",
        "      " + "  " + " " * 17 + "^",
    ]
    assert done.err == "1 finding\n"
    assert call("check", "--exit-zero", str(acme)).code == 0


def test_check_of_one_file_reports_only_that_file(call: Call, acme: Path) -> None:
    change(acme / "list_keys.yaml", "effect: read", "effect: reed")
    change(acme / "create_key.yaml", "effect: create", "effect: make")
    done = call("check", str(acme / "create_key.yaml"), "--json")
    assert [(Path(f["file"]).name, f["line"], f["code"]) for f in done.envelope["findings"]] == [
        ("create_key.yaml", 6, "bad-value")
    ]
    assert done.code == 1


def test_check_writes_annotations_for_github(call: Call, acme: Path) -> None:
    change(acme / "list_keys.yaml", "title: List keys\n", 'title: "100%: a, b"\ntitel: x\n')
    done = call("check", "--format", "github", str(acme))
    line = next(line for line in done.out.splitlines() if "unknown-key" in line)
    assert line.startswith(f'::error file={acme}/list_keys.yaml,line=5,col=1,title=unknown-key::unknown key "titel"')
    assert "\n" not in line


def test_a_file_that_cannot_be_a_spec_is_rejected(call: Call, acme: Path) -> None:
    (acme / "create_key.yml").write_text((acme / "create_key.yaml").read_text())
    for command in ("check", "test"):
        done = call(command, str(acme / "create_key.yml"))
        assert (done.code, "the name must end in .yaml" in done.err) == (2, True)


def test_a_test_without_examples_fails(call: Call, acme: Path) -> None:
    done = call("test", str(acme / "connector.yaml"))
    assert (done.code, done.out) == (1, "no examples found\n")


def test_check_shows_nothing_of_a_token_in_the_wrong_file(call: Call, acme: Path) -> None:
    token = "Gk3mP9xQ2vL7wR4tY8zB1nC6dF5hJ0sA"
    (acme / "token.yaml").write_text(f"token: {token}\n")
    for arguments in ([], ["--json"], ["--format", "github"]):
        done = call("check", *arguments, str(acme))
        assert (done.code, token in done.out + done.err) == (1, False)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/list_keys.yaml"])
def test_check_of_a_path_without_specs_is_invalid(call: Call, tmp_path: Path, path: str) -> None:
    assert call("check", str(tmp_path / path)).code == 2


def test_check_needs_a_path(call: Call) -> None:
    assert call("check").code == 2


def test_check_of_a_file_that_is_not_text_is_a_finding(call: Call, acme: Path) -> None:
    (acme / "odd.yaml").write_bytes(b"\xff\xfe")
    done = call("check", str(acme))
    assert (done.code, "odd.yaml:1:1: yaml " in done.out) == (1, True)


def test_the_shipped_specs_have_no_finding(call: Call) -> None:
    done = call("check", str(SHIPPED))
    assert (done.code, done.out, done.err) == (0, "", "0 findings\n")


# test


def test_an_example_that_differs_fails_and_says_how(call: Call, acme: Path) -> None:
    change(acme / "create_key.yaml", "label: made for CI}", "label: made by CI}")
    done = call("test", str(acme))
    assert done.code == 1
    assert re.search(r"^FAILED +create_key: a key that never expires$", done.out, re.MULTILINE)
    assert re.search(r"^ok +create_key: a name that is taken$", done.out, re.MULTILINE)
    assert "the body that is sent is" in done.out
    assert done.out.splitlines()[-1] == "3 passed, 1 failed"
    told = call("test", "--json", str(acme / "create_key.yaml")).envelope
    assert [row["passed"] for row in told["examples"]] == [False, True]
    assert len(told["findings"]) == 1


def test_an_action_without_an_example_fails(call: Call, acme: Path) -> None:
    file = acme / "create_key.yaml"
    file.write_text(file.read_text().partition("examples:")[0])
    done = call("test", str(acme))
    assert (done.code, "create_key: has no example" in done.out) == (1, True)


def test_a_spec_that_is_wrong_fails(call: Call, acme: Path) -> None:
    change(acme / "create_key.yaml", "effect: create", "effect: make")
    done = call("test", str(acme))
    assert (done.code, "create_key: the spec has errors" in done.out) == (1, True)


def empty_example(file: Path, example: str) -> None:
    file.write_text(file.read_text().partition("examples:")[0] + f"examples:\n  - {example}\n")


def test_an_example_that_may_hold_a_secret_is_not_written(call: Call, acme: Path, tmp_path: Path) -> None:
    file = acme / "create_key.yaml"
    empty_example(file, "{name: forever, inputs: {name: CI, days: null}}")
    before = file.read_text()
    body = {"id": "k1", "secret": "minted-secret-0123456789abcdef", "expires_at": None, "handle": "aB3dE5gH7jK9mN1pQ3"}
    with serving(answer(201, body)) as server:
        variables = {"ACME_TOKEN": CANARY, "ACME_BASE_URL": server.url}
        os.environ.update(variables)
        done = call("test", "--record", "--token-to", f"file:{tmp_path}/k", str(acme))
        assert done.code == 2
        assert "forever: cannot be recorded because it may hold a secret: reply.handle: high-entropy" in done.err
        assert "aB3dE5gH7jK9mN1pQ3" not in done.out + done.err
        assert file.read_text() == before
        os.environ.update(variables)
        done = call("test", "--record", "--token-to", f"file:{tmp_path}/l", "--harmless", "handle", str(acme))
        assert done.code == 0, done.out + done.err


def test_an_example_is_recorded_from_a_real_call_and_scrubbed(call: Call, acme: Path, tmp_path: Path) -> None:
    file = acme / "create_key.yaml"
    empty_example(file, "{name: forever, inputs: {name: CI, days: null}}")
    head = file.read_text().partition("examples:")[0]
    minted = "minted-secret-0123456789abcdef"
    body = {"id": "k1", "secret": minted, "expires_at": None, "echo": f"Bearer {CANARY}", "again": minted}
    assert call("test", str(acme)).code == 1
    with serving(answer(201, body, {"Set-Cookie": CANARY, "Date": "Fri, 02 Jan 2026 00:00:00 GMT"})) as server:
        os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
        place = f"file:{tmp_path}/k"
        assert call("test", "--record", str(acme)).code == 2  # a token for nobody
        assert server.got == []
        os.environ["ACME_TOKEN"] = CANARY
        done = call("test", "--record", "--token-to", place, str(acme))
        assert done.code == 0, done.out + done.err
        assert len(server.got) == 1
        os.environ["ACME_TOKEN"] = CANARY
        assert call("test", "--record", "--token-to", place, str(acme)).code == 0  # there is nothing left to record
        assert len(server.got) == 1
    text = file.read_text()
    assert text.startswith(head)
    assert CANARY not in text
    assert minted not in text
    (example,) = yaml.safe_load(text)["examples"]
    assert example["reply"]["body"]["secret"].startswith("fake-secret")
    assert example["reply"]["headers"] == {"date": "Fri, 02 Jan 2026 00:00:00 GMT"}
    assert example["result"] == {"outcome": "done", "data": {"id": "k1", "expires": None}}
    assert json.loads((tmp_path / "k").read_text())["current"]["token"] == minted


def test_what_to_do_next_names_the_folder_of_the_specs(call: Call, acme: Path, tmp_path: Path) -> None:
    with serving(drop) as server:
        for call_ in (["create_key", "--specs", str(acme)], [str(acme / "create_key.yaml")]):
            os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
            done = call("run", *call_, "name=CI", "days=null", "--token-to", f"file:{tmp_path / 'key'}")
            assert (done.code, done.envelope["action"]) == (5, "create_key"), done.err
            assert done.envelope["error"]["next"] == f"locoia-pat run list_keys --specs {acme}"


def test_all_pages_and_refusals_are_recorded(call: Call, acme: Path) -> None:
    empty_example(acme / "list_keys.yaml", "{name: ann, inputs: {owner: ann}}\n  - {name: nobody, inputs: {owner: x}}")
    row = {"id": "k", "name": "n", "created_at": "2026-01-01T00:00:00Z"}
    scripts = [answer(200, {"keys": [row], "next": "c2"}), answer(200, {"keys": [], "next": None}), answer(404, "gone")]
    with serving(*scripts) as server:
        os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
        done = call("test", "--record", str(acme / "list_keys.yaml"))
    assert done.code == 0, done.out + done.err
    ann, nobody = yaml.safe_load((acme / "list_keys.yaml").read_text())["examples"]
    assert [len(ann["pages"]), ann["result"]["outcome"]] == [1, "done"]
    assert nobody["result"] == {"outcome": "refused", "code": "not_found"}
    assert "gone" not in (acme / "list_keys.yaml").read_text()  # no JSON: nobody knows what it holds


def test_an_incomplete_response_is_not_recorded(call: Call, acme: Path) -> None:
    empty_example(acme / "list_keys.yaml", "{name: ann, inputs: {owner: ann}}")
    before = (acme / "list_keys.yaml").read_text()
    with serving(drop) as server:
        os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
        done = call("test", "--record", str(acme))
    assert (done.code, "cannot be recorded" in done.err) == (2, True)
    assert (acme / "list_keys.yaml").read_text() == before


def test_a_spec_in_one_line_cannot_take_a_record(call: Call, acme: Path) -> None:
    file = acme / "list_keys.yaml"
    empty_example(file, "{name: ann, inputs: {owner: ann}}")
    file.write_text(json.dumps(yaml.safe_load(file.read_text())))
    with serving(answer(200, {"keys": []})) as server:
        os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
        done = call("test", "--record", str(acme))
    assert (done.code, "top-level keys on one line" in done.err) == (2, True)


def test_a_response_that_a_spec_cannot_express_is_not_recorded(call: Call, acme: Path) -> None:
    empty_example(acme / "list_keys.yaml", "{name: ann, inputs: {owner: ann}}")
    with serving(answer(200, {"keys": [], "count": 10**30})) as server:
        os.environ.update(ACME_TOKEN=CANARY, ACME_BASE_URL=server.url)
        done = call("test", "--record", str(acme))
    assert (done.code, "cannot be written in a spec" in done.err) == (2, True)


@pytest.mark.parametrize(("typed", "code", "sent"), [("n\n", 2, 0), ("y\n", 0, 1)])
def test_on_a_terminal_a_record_that_changes_something_asks(
    acme: Path, tmp_path: Path, typed: str, code: int, sent: int
) -> None:
    empty_example(acme / "create_key.yaml", "{name: forever, inputs: {name: CI, days: null}}")
    with serving(answer(201, {"id": "k1", "secret": "minted-0123456789", "expires_at": None})) as server:
        variables = {"ACME_TOKEN": CANARY, "ACME_BASE_URL": server.url}
        done = on_terminal("test", "--record", "--token-to", f"file:{tmp_path}/k", str(acme), typed=typed, **variables)
        assert (done.code, len(server.got)) == (code, sent)
    assert "Create key at 127.0.0.1" in done.err


# eject and plan


def test_an_ejected_action_runs_from_its_new_folder(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert call("eject", "create_pat", "--out", str(folder)).code == 0
    assert sorted(path.name for path in folder.glob("*.yaml")) == [
        *("connector.yaml", "create_pat.yaml", "list_pats.yaml", "regenerate_pat.yaml")
    ]
    assert call("check", str(folder)).code == 0
    change(folder / "create_pat.yaml", "maxLength: 255", "maxLength: 3")
    planned = call("plan", "--specs", str(folder), "create_pat", "expiration=1", "scopes=embed", "note=long")
    assert (planned.code, "at most 3 characters" in planned.err) == (2, True)
    assert call("eject", "create_pat", "--out", str(folder)).code == 2
    assert call("eject", "nothing").code == 2


def test_an_ejected_file_of_another_folder_is_copied_with_what_it_names(call: Call, acme: Path, tmp_path: Path) -> None:
    done = call("eject", str(acme / "create_key.yaml"), "--out", str(tmp_path / "copy"), "--json")
    assert [Path(file).name for file in done.envelope["files"]] == [
        "connector.yaml",
        "create_key.yaml",
        "list_keys.yaml",
    ]
    for name in ("connector.yaml", "create_key.yaml", "list_keys.yaml"):
        assert (tmp_path / "copy" / name).read_text() == (acme / name).read_text()


def test_a_plan_shows_the_whole_request_and_needs_no_credential(call: Call) -> None:
    os.environ["LOCOIA_BASE_URL"] = "http://127.0.0.1:9/v1"  # nobody listens
    inputs = [
        "connector_id=c1",
        "name=CRM",
        "auth_type=basic_auth",
        "auth_token=@ref:file:/nowhere",
        "tags=a",
        "tags=b",
    ]
    done = call("plan", "create_connector_auth", *inputs, "--json")
    plan = done.envelope
    assert (plan["method"], plan["url"]) == ("POST", "http://127.0.0.1:9/v1/connector-auths")
    assert plan["headers"]["authorization"] == "«secret»"
    assert plan["body"] == {
        "connector_id": "c1",
        "user_input": {},
        "name": "CRM",
        "auth_type": "basic_auth",
        "auth_token": "«secret»",
        "tags": ["a", "b"],
    }
    assert plan["effect"] == "create"
    assert plan["retry"].startswith("sent once")
    assert {"location": "body.tags", "template": "{{ tags }}", "inputs": ["tags"]} in plan["template_uses"]
    words = shlex.split(plan["curl"])
    assert words[:3] == ["curl", "--request", "POST"]
    assert words[-1] == plan["url"]
    assert json.loads(words[words.index("--data-raw") + 1]) == plan["body"]


def test_a_plan_for_people_reads_from_top_to_bottom(call: Call, acme: Path) -> None:
    out = call("plan", str(acme / "list_keys.yaml"), "owner=a b").out.splitlines()
    assert out[0] == "GET https://api.acme.example/v1/keys?owner=a%20b&limit=50"
    assert "effect: read" in out
    assert any(re.fullmatch(r"query.owner +\{\{ owner \}\} +owner", line) for line in out)
    assert out[-1].startswith("curl --request GET")
    create = call("plan", "create_pat", "expiration=null", "scopes=new", "note=CI", "--allow-unknown-scope").out
    assert '"expiration": null' in create


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_planned_curl_line_sends_what_the_action_sends(call: Call, acme: Path) -> None:
    with serving(answer(201, {"id": "k", "secret": "minted-0123456789", "expires_at": None})) as server:
        os.environ.update(ACME_BASE_URL=server.url, ACME_TOKEN=CANARY)
        planned = call("plan", str(acme / "create_key.yaml"), 'name=it\'s "CI" ü', "days=3", "--json").envelope
        subprocess.run(shlex.split(planned["curl"]), check=True, capture_output=True, timeout=20)
        call("run", str(acme / "create_key.yaml"), 'name=it\'s "CI" ü', "days=3", "--reveal")
        by_curl, by_us = server.got
    assert (by_curl.method, by_curl.path, by_curl.json) == (by_us.method, by_us.path, by_us.json)
    assert by_curl.headers["content-type"] == by_us.headers["content-type"]


def test_a_plan_of_a_form_shows_its_fields(call: Call, acme: Path) -> None:
    change(acme / "create_key.yaml", '  body:\n    name: "{{ name }}"', '  form:\n    name: "{{ name }}"')
    change(acme / "create_key.yaml", "    expires_in", "    in")
    change(acme / "create_key.yaml", "path: /keys\n", "path: /keys\n  omit_null: true\n")
    planned = call("plan", str(acme / "create_key.yaml"), "name=a&b", "days=null", "--json").envelope
    assert planned["body"] == [["name", "a&b"], ["label", "made for a&b"]]
    assert planned["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_a_plan_without_templates_has_no_table(call: Call) -> None:
    assert "filled" not in call("plan", "list_pats").out


def test_a_header_of_the_credential_is_refused_when_an_action_runs(call: Call, acme: Path) -> None:
    change(acme / "list_keys.yaml", "  omit_null", "  headers: {X-Api-Key: a}\n  omit_null")
    change(acme / "connector.yaml", "header_key: Authorization", "header_key: X-API-KEY")
    done = call("plan", str(acme / "list_keys.yaml"))
    assert (done.code, "the header of the credential" in done.err) == (2, True)


def test_a_wrong_plan_is_invalid(call: Call) -> None:
    done = call("plan", "create_pat", "expiration=soon")
    assert (done.code, done.out) == (2, "")


# sandbox --specs


def test_a_sandbox_of_examples_answers_them_and_nothing_else(call: Call, acme: Path) -> None:
    with examples(acme) as variables:
        os.environ.update(variables)
        taken = call("run", "--specs", str(acme), "create_key", "name=CD", "days=30", "--reveal").envelope
        os.environ.update(variables)
        other = call("run", "--specs", str(acme), "create_key", "name=CE", "days=30", "--reveal").envelope
    assert (taken["error"]["code"], taken["error"]["hint"]) == (
        *("conflict", "There is a key of that name; choose another."),
    )
    assert "name is taken" in taken["error"]["message"]
    assert (other["error"]["status"], "no example sends POST /v1/keys" in other["error"]["message"]) == (404, True)


def test_a_sandbox_of_examples_wants_a_credential(acme: Path) -> None:
    with examples(acme) as variables:
        url = variables["ACME_BASE_URL"] + "/keys"
        refused = httpx.get(f"{url}?limit=50")
        headers = {"authorization": "x", "content-type": "application/json"}
        unknown = httpx.post(url, content=b"{", headers=headers)
    assert (refused.status_code, refused.json()) == (401, {"message": "the header Authorization is missing"})
    assert (unknown.status_code, "no example sends POST /v1/keys" in unknown.json()["message"]) == (404, True)


def test_a_sandbox_of_examples_gives_an_identifier_where_one_is_needed(call: Call, tmp_path: Path) -> None:
    call("new", "acme", "--auth", "basic", "--out", str(tmp_path / "a"))
    with examples(tmp_path / "a") as variables:
        assert set(variables) == {"ACME_BASE_URL", "ACME_TOKEN", "ACME_USER"}


@pytest.mark.parametrize("option", [["--new-token"], ["--behaviour", "list_shape=data"], ["--fault", "lost"]])
def test_a_sandbox_of_examples_takes_no_option_of_the_other(call: Call, acme: Path, option: list[str]) -> None:
    assert call("sandbox", "--specs", str(acme), *option).code == 2


def test_a_sandbox_of_wrong_specs_does_not_start(call: Call, acme: Path) -> None:
    change(acme / "create_key.yaml", "effect: create", "effect: make")
    assert call("sandbox", "--specs", str(acme), "--port", "0").code == 2


# the schema


@pytest.mark.parametrize("file", list(schema.FILES))
def test_the_shipped_schema_is_that_of_the_models(file: str) -> None:
    assert (SHIPPED / file).read_text() == schema.text(file), "python -m locoia_pat.authoring.spec_schema specs"


def test_the_schema_is_written_by_one_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "locoia_pat.authoring.spec_schema", str(tmp_path)]
    subprocess.run(command, check=True, timeout=30)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(schema.FILES)


def test_the_shipped_specs_are_valid_by_their_schema_and_point_to_it() -> None:
    for path in sorted(SHIPPED.glob("*.yaml")):
        with cell(path):
            text = path.read_text()
            kind = "connector" if path.name == "connector.yaml" else "super" if "\nsuper:" in text else "action"
            name = f"{kind}.schema.json"
            assert text.startswith(f"# yaml-language-server: $schema={name}\n")
            jsonschema.validate(_plain(yaml.safe_load(text)), json.loads((SHIPPED / name).read_text()))


def _plain(value: Any) -> Any:
    """As an editor reads it: the keys of an object are texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def test_the_schema_explains_keys_by_the_names_that_specs_use() -> None:
    action = json.loads(schema.text("action.schema.json"))
    assert "Locoia" not in action["$defs"]["Output"]["properties"]["from"]["description"]
    assert "path in the payload" in action["$defs"]["Output"]["properties"]["from"]["description"]
    assert {"minLength", "regexErrorMessage"} <= set(action["$defs"]["Input"]["properties"])
