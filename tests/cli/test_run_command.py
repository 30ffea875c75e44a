"""``locoia-pat run``: one JSON object, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Secret
from locoia_pat.cli.run_command import _confirmation_details
from locoia_pat.stores import read_token
from tests.support.command import Done, on_terminal, spawn
from tests.support.loopback import TOKEN, answer, created, free_port, serving, stall
from tests.support.spec_folders import action, connector, folder
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Done]

CREDENTIAL = "fake-credential-0123456789abcdef"
GOOD = ("expiration=30", "scopes=automation:view", "note=CI")
ID = created()["id"]


@pytest.fixture(autouse=True)
def credential() -> None:
    os.environ["LOCOIA_TOKEN"] = CREDENTIAL


def test_a_created_token_goes_to_its_file_and_the_envelope_does_not_hold_it(call: Call, tmp_path: Path) -> None:
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "create_pat", "--token-to", f"file:{tmp_path}/t.json", *GOOD)
    assert done.code == 0
    assert TOKEN not in done.out + done.err
    assert done.envelope["outcome"] == "done"
    assert done.envelope["token_ref"] == f"file:{tmp_path}/t.json#current"
    assert done.out.count("\n") == 1  # one line when piped
    assert server.got[0].json == {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
    assert read_token(f"file:{tmp_path}/t.json") == Secret(TOKEN)


def test_reveal_prints_the_token(call: Call) -> None:
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "create_pat", *GOOD, "--reveal")
    assert done.code == 0
    assert Secret(done.envelope["data"]["token"]) == Secret(TOKEN)


def test_no_token_is_minted_without_a_store_or_reveal(call: Call) -> None:
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "create_pat", *GOOD)
    assert (done.code, server.got) == (2, [])
    assert done.envelope["error"]["field"] == "token_to"
    assert "--reveal" in done.envelope["error"]["hint"]


WRONG = {
    "nothing": ([], "ACTION", None),
    "unknown action": (["creat_pat", *GOOD], "did you mean create_pat?", "action"),
    "unknown option": (["create_pat", *GOOD, "--tokn-to", "x"], "--tokn-to", None),
    "no value": (["create_pat", "expiration"], "the input expiration has no value", None),
    "a token as input": (["create_pat", CREDENTIAL], "invalid argument a 32-character string", None),
    "missing": (["create_pat", "scopes=embed", "note=CI"], "is missing", "expiration"),
    "unknown input": (["create_pat", *GOOD, "notes=x"], "did you mean note?", "notes"),
    "unknown scope": (
        ["create_pat", "expiration=1", "note=x", "scopes=automatoin"],
        "did you mean automation",
        "scopes",
    ),
    "joined scopes": (["create_pat", "expiration=1", "note=x", "scopes=embed,company"], "is not allowed", "scopes"),
    "long note": (["create_pat", "expiration=1", "scopes=embed", f"note={'x' * 256}"], "256-character string", "note"),
    "twice": (["create_pat", *GOOD, "note=again"], "given more than once", "note"),
    "null note": (["create_pat", "expiration=1", "scopes=[1]", "note=null"], "1 is not allowed", "scopes"),
    **{
        f"expiration={value}": (["create_pat", f"expiration={value}", "scopes=embed", "note=x"], words, "expiration")
        for value, words in {
            "0": "0 is not allowed",
            "-1": "-1 is not allowed",
            "1.5": "1.5 is not allowed",
            "true": '"true" is not allowed',
            "30 days": '"30 days" is not allowed',
            "": '"" is not allowed',
            "never": '"never" is not allowed',
            "2026-13-01": "is not allowed",
        }.items()
    },
    "zero timeout": (["list_pats", "--timeout", "0"], '"0" is not allowed', "timeout"),
    "empty id": (["regenerate_pat", "token_id=", "expiration=1"], '"" is not allowed', "token_id"),
    "dots as id": (["regenerate_pat", "token_id=..", "expiration=1", "--reveal"], "cannot be a segment", "token_id"),
    "two from stdin": (["list_pats", "--inputs", "-", "--auth", "-"], "both read standard input", "auth"),
    "auth by value": (["list_pats", "--auth", CREDENTIAL], "not a valid token store reference", "auth"),
    "auth of a bad file": (["list_pats", "--auth", "file:/nowhere/t"], "cannot be read", "auth"),
    "auth of no variable": (["list_pats", "--auth", "env:NOT_SET"], "is not set", "auth"),
    "auth of stdin that is empty": (["list_pats", "--auth", "-"], "holds no credential", "auth"),
    "a place that is missing": (["create_pat", *GOOD, "--token-to", "file:/nowhere/t"], "no such file", "token_to"),
    "no specs": (["list_pats", "--specs", "/nowhere"], "is not a folder of specs", "specs"),
    "inputs of a bad file": (["list_pats", "--inputs", "/nowhere"], "cannot be read", "inputs"),
    "inputs that are no JSON": (["list_pats", "--inputs", "-"], "is not valid JSON", "inputs"),
    "text of a bad file": (["create_pat", "note=@/nowhere"], "cannot be read", "note"),
}


@pytest.mark.parametrize(("arguments", "words", "field"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_invalid_and_sends_nothing(
    call: Call, arguments: list[str], words: str, field: str | None
) -> None:
    with serving(answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", *arguments)
    assert (done.code, server.got) == (2, [])
    envelope = done.envelope
    assert envelope["outcome"] == "invalid"
    assert envelope["error"]["code"] == "validation"
    assert words in envelope["error"]["message"]
    assert envelope["error"]["field"] == field
    assert envelope["error"]["hint"] or envelope["error"]["next"] or envelope["error"]["field"]
    assert CREDENTIAL not in done.out + done.err


MISPLACED = "lpat_E4cBi8FPVphfSjKNG6MoWOFSbQfXzS3vsqYe"


@pytest.mark.parametrize(
    "arguments",
    [
        [MISPLACED],
        ["list_pats", f"{MISPLACED}=1"],
        ["list_pats", f"--{MISPLACED}"],
        ["list_pats", "--timeout", MISPLACED],
        ["list_pats", "--auth", f"file:{MISPLACED}"],
        ["create_pat", *GOOD, "--token-to", f"file:/nowhere/{MISPLACED}/x"],
        ["list_pats", "--inputs", MISPLACED],
    ],
    ids=str,
)
def test_a_misplaced_token_is_not_repeated(call: Call, arguments: list[str]) -> None:
    done = call("run", *arguments)
    assert (done.code, done.envelope["outcome"]) == (2, "invalid")
    assert MISPLACED[-20:] not in done.out + done.err


@pytest.mark.parametrize("arguments", [["--token-to"], ["--auth"], ["--replace=1"], ["--timeout"]], ids=str)
def test_an_option_without_its_value_is_invalid_as_everything_is(call: Call, arguments: list[str]) -> None:
    done = call("run", "create_pat", *GOOD, *arguments)
    assert (done.code, done.envelope["outcome"], done.envelope["action"]) == (2, "invalid", "create_pat")
    assert done.envelope["error"]["next"] == "locoia-pat run --help"


def test_an_unknown_scope_names_the_option_that_sends_it(call: Call) -> None:
    done = call("run", "create_pat", "expiration=1", "note=x", "scopes=new:one", "--reveal")
    assert "--allow-unknown-scope" in done.envelope["error"]["hint"]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("30 days", "Give the number of days without a unit, for example 30."),
        ("never", "For never or none, give null: expiration=null."),
        ("2999-01-01", "days from today: give 355"),
        ("2001-01-01", "is not in the future"),
    ],
)
def test_an_error_says_what_was_probably_meant(call: Call, value: str, advice: str) -> None:
    done = call("run", "create_pat", f"expiration={value}", "scopes=embed", "note=CI", "--reveal")
    assert advice in done.envelope["error"]["hint"]


def test_values_are_typed_by_the_spec(call: Call, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("from a file")
    (tmp_path / "inputs.json").write_text(json.dumps({"expiration": 5, "note": "overridden"}))
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        for arguments in (
            ["expiration=null", "scopes=embed", "scopes=company", "note=null"],
            ["expiration=7", 'scopes=["embed", "company"]', f"note=@{tmp_path}/note.txt"],
            ["--inputs", f"{tmp_path}/inputs.json", "note=", "scopes=embed"],
            ["--inputs", "-"],
        ):
            os.environ["LOCOIA_TOKEN"] = CREDENTIAL
            stdin = json.dumps(server.got[0].json) if server.got else ""
            assert call("run", "create_pat", *arguments, "--reveal", stdin=stdin).code == 0
    assert [got.json for got in server.got] == [
        {"expiration": None, "scopes": ["embed", "company"], "note": "null"},
        {"expiration": 7, "scopes": ["embed", "company"], "note": "from a file"},
        {"expiration": 5, "scopes": ["embed"], "note": ""},
        {"expiration": None, "scopes": ["embed", "company"], "note": "null"},
    ]


def test_a_scope_this_version_does_not_know_can_be_sent(call: Call) -> None:
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call(
            "run", "create_pat", "expiration=1", "scopes=new:one", "note=x", "--allow-unknown-scope", "--reveal"
        )
    assert (done.code, server.got[0].json["scopes"]) == (0, ["new:one"])


def test_the_variable_leaves_the_environment_once_it_is_read(call: Call) -> None:
    with serving(answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        assert call("run", "list_pats").code == 0
        assert "LOCOIA_TOKEN" not in os.environ
        os.environ["OTHER"] = "fake-other-credential"
        assert call("run", "list_pats", "--auth", "env:OTHER").code == 0
        assert "OTHER" not in os.environ
        assert call("run", "list_pats", "--auth", "-", stdin="fake-from-standard-input\n").code == 0
    assert [got.headers["authorization"] for got in server.got] == [
        f"Bearer {CREDENTIAL}",
        "Bearer fake-other-credential",
        "Bearer fake-from-standard-input",
    ]


def test_a_stored_token_is_a_credential(call: Call, tmp_path: Path) -> None:
    place = f"file:{tmp_path}/t.json"
    with serving(answer(201, created()), answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        call("run", "create_pat", *GOOD, "--token-to", place)
        assert call("run", "list_pats", "--auth", place).code == 0
    assert Secret(server.got[1].headers["authorization"]) == Secret(f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("script", "code", "outcome"),
    [
        (answer(403), 3, "refused"),
        (answer(429, None, {"Retry-After": "999"}), 4, "not_done"),
        (answer(500), 5, "unknown"),
    ],
)
def test_the_exit_code_is_that_of_the_outcome(call: Call, script: Any, code: int, outcome: str) -> None:
    with serving(script) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "create_pat", *GOOD, "--reveal")
        os.environ["LOCOIA_TOKEN"] = "fake-credential-0123456789"
        hidden = call("run", "create_pat", *GOOD, "--reveal", "--exit-zero")
    assert (done.code, done.envelope["outcome"]) == (code, outcome)
    assert outcome in done.err
    assert (hidden.code, hidden.envelope["outcome"]) == (0, outcome)


def test_exit_zero_holds_for_a_wrong_call_and_for_lines_too(call: Call, tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"note": 1}\n')
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        for wrong in (["--no-such-option"], ["note"], GOOD, ["--each", f"{tmp_path}/items.jsonl"]):
            done = call("run", "create_pat", *wrong, "--exit-zero")
            assert (done.code, done.envelope["outcome"]) == (0, "invalid"), wrong
            assert call("run", "create_pat", *wrong).code == 2, wrong
        assert server.got == []


def test_a_retry_shows_in_attempts_and_is_not_logged(call: Call) -> None:
    os.environ["LOCOIA_BASE_URL"] = f"http://127.0.0.1:{free_port()}/v1"
    done = call("run", "list_pats", "--quiet")
    assert (done.code, done.envelope["attempts"], done.err) == (4, 3, "")


def test_verbose_says_what_is_sent_and_quiet_says_nothing(call: Call) -> None:
    with serving(answer(201, created(id=None))) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        loud = call("run", "create_pat", *GOOD, "--reveal", "--verbose")
        os.environ["LOCOIA_TOKEN"] = CREDENTIAL
        quiet = call("run", "create_pat", *GOOD, "--reveal", "--quiet")
    assert f"POST {server.url}/personal-access-tokens" in loud.err
    assert 'warning: the response has no "id"' in loud.err
    assert quiet.err == ""
    assert quiet.envelope["warnings"] == ['the response has no "id"']


def test_a_table_is_for_people(call: Call, tmp_path: Path) -> None:
    row = {"id": "1", "expiration": "2099-01-01T00:00:00", "note": "a\tb", "last_used": None, "scopes": ["a", "b"]}
    with serving(answer(200, [row]), answer(200, []), answer(201, created()), answer(401)) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        results = []
        for arguments in (
            ["list_pats"],
            ["list_pats"],
            ["create_pat", *GOOD, "--token-to", f"file:{tmp_path}/t"],
            ["list_pats"],
        ):
            os.environ["LOCOIA_TOKEN"] = CREDENTIAL
            results.append(call("run", *arguments, "--table"))
    listed, empty, minted, refused = results
    head, line = listed.out.splitlines()
    assert head.split() == ["id", "expiration", "expires_in_days", "note", "last_used", "scopes", "managed"]
    assert "2099-01-01T00:00:00Z" in line
    assert "a?b" in line
    assert empty.out == "no tokens\n"
    assert "token_ref" in minted.out
    assert TOKEN not in minted.out
    assert refused.envelope["outcome"] == "refused"  # there is nothing to make a table of


def test_on_a_terminal_a_create_names_the_host_and_asks(tmp_path: Path) -> None:
    with serving(answer(201, created())) as server:
        arguments = ("run", "create_pat", *GOOD, "--token-to", f"file:{tmp_path}/t.json")
        no = on_terminal(*arguments, typed="n\n", LOCOIA_BASE_URL=server.url)
        assert (no.code, no.envelope["outcome"], server.got) == (2, "invalid", [])
        assert (
            f"Create personal access token at 127.0.0.1:{server.port}\nnote: CI; scopes: automation:view; to: "
            in no.err
        )
        assert on_terminal(*arguments, typed="y\n", LOCOIA_BASE_URL=server.url).code == 0
        again = on_terminal(*arguments, "--yes", "--replace", LOCOIA_BASE_URL=server.url)
    assert again.code == 0
    assert "Continue?" not in again.err


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": ID, "note": "Billing", "last_used": "2026-01-02T03:04:05Z"}, 'note "Billing", last used 2026-01-02'),
        ({"id": "another"}, 'note "-", last used never, or unknown'),
    ],
)
def test_on_a_terminal_a_regenerate_names_what_it_kills(row: dict[str, Any], words: str) -> None:
    with serving(answer(200, [row]), answer(200, created())) as server:
        done = on_terminal(
            "run",
            "regenerate_pat",
            f"token_id={ID}",
            "expiration=1",
            "--reveal",
            typed="y\n",
            LOCOIA_BASE_URL=server.url,
        )
    assert f"This revokes the token {ID}, {words}" in done.err
    assert done.code == 0


def test_on_a_terminal_a_rotate_names_the_one_row_that_another_action_shows(tmp_path: Path) -> None:
    key = {"key_id": {"title": "Key", "type": "number", "required": True}}
    shown = {"id": {"type": "text"}, "note": {"type": "text"}}
    look = {"method": "GET", "path": "/keys/{{ key_id }}"}
    specs = folder(
        tmp_path,
        connector(env={"token": "ACME_TOKEN", "base_url": "ACME_URL"}),
        action(key, {"path": "/keys/{{ key_id }}"}, effect="rotate", replaces="key_id", verify_with="look"),
        action(key, look, action="look", effect="read", reply={"ok": [200], "output": shown}),
    )
    variables = {"ACME_TOKEN": "fake-acme-credential-0123456789"}
    with serving(answer(200, {"id": 7, "note": "Billing"}), answer(200, {})) as server:
        done = on_terminal("run", str(specs / "act.yaml"), "key_id=7", typed="y\n", ACME_URL=server.url, **variables)
    assert (done.code, len(server.got)) == (0, 2), done.err
    assert 'This revokes the token 7, note "Billing", last used never, or unknown' in done.err


def test_on_a_terminal_the_credential_is_asked_for_hidden() -> None:
    with serving(answer(200, [])) as server:
        done = on_terminal("run", "list_pats", "--auth", "-", typed=f"{CREDENTIAL}\n", LOCOIA_BASE_URL=server.url)
    assert done.code == 0
    assert CREDENTIAL not in done.out + done.err
    assert server.got[0].headers["authorization"] == f"Bearer {CREDENTIAL}"


def interrupted(*arguments: str) -> Any:
    """The envelope of a run that gets Ctrl-C while it waits for an answer, which takes it some seconds more."""
    with serving(stall(60)) as server:
        process = spawn("run", *arguments, LOCOIA_BASE_URL=server.url)
        eventually(lambda: server.got)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    return json.loads(out)


def test_an_interrupted_create_says_that_it_may_have_happened() -> None:
    envelope = interrupted("create_pat", *GOOD, "--reveal")
    assert (envelope["outcome"], envelope["error"]["next"]) == ("unknown", "locoia-pat run list_pats")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_ended_says_what_is_known(number: signal.Signals) -> None:
    with serving(stall(60)) as server:
        process = spawn("run", "create_pat", *GOOD, "--reveal", LOCOIA_BASE_URL=server.url)
        eventually(lambda: server.got)
        process.send_signal(number)
        time.sleep(0.3)  # two at once would count as one
        process.send_signal(number)  # it does not wait any longer
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert json.loads(out)["outcome"] == "unknown"


def test_a_managed_name_that_is_interrupted_twice_says_how_it_is_finished(tmp_path: Path) -> None:
    def answer_reads(connection: Any) -> bool:
        return bool((stall(60) if server.got[-1].method == "POST" else answer(200, []))(connection))

    with serving(answer_reads) as server:
        store = ("--token-to", f"file:{tmp_path}/t.json")
        process = spawn("run", "ensure_pat", "name=ci", *GOOD, *store, LOCOIA_BASE_URL=server.url)
        eventually(lambda: server.got and server.got[-1].method == "POST")
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)  # as above
        out, _ = process.communicate(timeout=20)
    envelope = json.loads(out)
    assert (process.returncode, envelope["outcome"]) == (143, "unknown")
    assert "reconcile" in envelope["error"]["hint"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_anything_is_sent_is_not_done(number: signal.Signals) -> None:
    with serving(answer(201, created())) as server:
        arguments = ("create_pat", *GOOD, "--reveal", "--inputs", "-")
        process = spawn("run", *arguments, LOCOIA_BASE_URL=server.url)
        assert process.stdin is not None
        process.stdin.write("{")
        process.stdin.flush()
        time.sleep(1)  # it reads its inputs, or is still loading
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert server.got == []
    assert (process.returncode, json.loads(out)["outcome"]) == (128 + number, "not_done"), err


def test_an_interrupt_that_is_lost_in_a_destructor_is_raised_before_anything_is_sent() -> None:
    script = (
        "import signal, sys\nfrom locoia_pat import ConnectorAuth\nfrom locoia_pat.__main__ import run\n"
        "class Lost:\n    def __init__(self, error): self.error = error\n"
        "    def __del__(self):\n        if self.error: raise ValueError('mine')\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "former = ConnectorAuth.credential\n"
        "def credential(*arguments):\n    Lost(True)\n    Lost(False)\n    return former(*arguments)\n"
        "ConnectorAuth.credential = credential; run()"
    )
    with serving(answer(201, created())) as server:
        done = subprocess.run(
            [sys.executable, "-c", script, "run", "create_pat", *GOOD, "--reveal"],
            env={**os.environ, "LOCOIA_BASE_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert server.got == []
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (143, "not_done")
    assert ("ValueError: mine" in done.stderr, "KeyboardInterrupt" in done.stderr) == (True, False)


@pytest.mark.parametrize("command", [["run", "create_pat"], ["actions"], ["fleet", "apply", "fleet.yaml"]])
def test_a_signal_during_the_first_imports_ends_the_command_when_it_can_say_so(command: list[str]) -> None:
    script = (
        "import signal, sys\nfrom locoia_pat.__main__ import run\nfrom locoia_pat.interrupts import signals\n"
        "signals.install(); signal.raise_signal(signal.SIGTERM); run()"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 143
    if command[0] == "run":
        assert json.loads(done.stdout)["outcome"] == "not_done"
    else:
        assert (done.stdout, done.stderr) == ("", "interrupted\n")


def test_a_signal_waits_until_a_minted_token_is_stored(tmp_path: Path) -> None:
    """The place is a pipe's neighbour: its folder lock is held, so the store waits while the signal comes."""
    import fcntl  # noqa: PLC0415  # only this test holds a lock

    folder = os.open(tmp_path, os.O_RDONLY)

    def hold(connection: Any) -> bool:
        fcntl.flock(folder, fcntl.LOCK_EX)
        return bool(answer(201, created())(connection))

    with serving(hold) as server:
        place = f"file:{tmp_path}/t.json"
        process = spawn("run", "create_pat", *GOOD, "--token-to", place, LOCOIA_BASE_URL=server.url)
        eventually(lambda: server.got)
        time.sleep(0.5)  # the answer is read, and the store waits for the lock
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        os.close(folder)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert json.loads(out)["outcome"] == "done"
    assert read_token(place) == Secret(TOKEN)


def test_an_interrupted_read_is_safe_to_repeat() -> None:
    assert interrupted("list_pats")["outcome"] == "not_done"


def test_a_question_that_is_interrupted_sends_nothing(tmp_path: Path) -> None:
    with serving(answer(201, created())) as server:
        arguments = ("run", "create_pat", *GOOD, "--token-to", f"file:{tmp_path}/t.json")
        done = on_terminal(*arguments, typed="\x04", LOCOIA_BASE_URL=server.url)
    assert (done.code, done.envelope["outcome"], server.got) == (130, "not_done", [])


def test_verbose_shows_each_attempt_of_a_super_action_too(call: Call) -> None:
    with serving(answer(503), answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "audit_pats", "--verbose")
        lines = [line for line in done.err.splitlines() if line.startswith("GET ")]
    url = f"{server.url}/personal-access-tokens"
    assert lines[0].startswith(f"GET {url}: 503, attempt 1, the next in 0.")
    assert lines[1] == f"GET {url}: 200, attempt 2"


def test_the_requests_are_logged_as_json_lines(call: Call) -> None:
    with serving(answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("run", "list_pats", "--log-format", "json")
        os.environ["LOCOIA_TOKEN"] = CREDENTIAL
        assert call("run", "list_pats").err == ""  # it ends with the command
        os.environ["LOCOIA_TOKEN"] = CREDENTIAL
        assert call("run", "list_pats", "--log-format", "json", "--quiet").err == ""
    line = json.loads(done.err)
    assert line.pop("at").endswith("Z")
    facts = {"method": "GET", "url": f"{server.url}/personal-access-tokens", "attempt": 1, "wait": None, "status": 200}
    assert line == {"event": "request", **facts}


def test_the_curl_line_of_a_plan_can_be_pasted(call: Call) -> None:
    with serving(answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        line = call("plan", "list_pats").out.splitlines()[-1]
        assert line.startswith("curl --request GET ")
        subprocess.run(["bash", "-c", f"{line} -s"], check=True, env={**os.environ, "LOCOIA_TOKEN": CREDENTIAL})
    (got,) = server.got
    assert got.headers["authorization"] == f"Bearer {CREDENTIAL}"


def test_a_question_names_what_is_confirmation_details() -> None:
    with serving(answer(200, [])) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL}
        inputs = ["expiration=null", "scopes=embed", "scopes=automation:view", "note=CI", "--token-to", "file:t.json"]
        asked = on_terminal("run", "create_pat", *inputs, typed="n\n", **variables).err
        ended = on_terminal("run", "retire_pat", "name=ci", "--token-to", "file:t.json", typed="n\n", **variables).err
    assert "note: CI; scopes: embed, automation:view; to: file:t.json\n" in asked
    assert "Warning: it never expires\n" in asked
    assert "Warning: a scope without a colon includes delete: embed. Continue?" in asked
    assert "\nname: ci; to: file:t.json. Continue?" in ended
    assert server.got == []


def test_a_question_without_inputs_is_one_line() -> None:
    assert _confirmation_details({}, ()) == ""
    assert _confirmation_details({"expiration": None, "scopes": ["embed"]}, ()).count("\n") == 3
