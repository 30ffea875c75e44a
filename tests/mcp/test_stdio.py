"""Standard input and output: what ends a connection, and that nothing is lost when it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.extras import install_command
from locoia_pat.stores import read_token
from tests.support.mcp_client import environment, lines
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.mcp_client import Lines
    from tests.support.sandbox_client import Caller

CREATE: dict[str, Any] = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}


def create_options(folder: Path, *stores: str) -> list[str]:
    refs = stores or (f"file:{folder}/ci.json",)
    return ["--allow", "create_pat", *(part for ref in refs for part in ("--token-to", ref))]


def outcome(server: Lines, id_: int) -> str:
    found: str = server.result(id_)["structuredContent"]["outcome"]
    return found


@pytest.mark.parametrize("ending", ["end of input", signal.SIGTERM])
def test_a_create_that_was_received_is_run_and_answered_however_the_connection_ends(
    ending: Any, api: Caller, tmp_path: Path
) -> None:
    api.faults.add(Fault("slow", method="POST", seconds=1))
    with lines(tmp_path, environment(api, tmp_path), *create_options(tmp_path)) as server:
        id_ = server.call("create_pat", **CREATE)
        if ending == "end of input":
            assert server.end() == 0
        else:
            eventually(api.notes)
            assert server.end(ending) == 128 + ending
    assert outcome(server, id_) == "done"
    assert api.store.authenticate(read_token(f"file:{tmp_path}/ci.json"))
    assert (tmp_path / "err").read_bytes() == b""


def test_a_create_is_stored_when_the_client_is_gone_without_reading(api: Caller, tmp_path: Path) -> None:
    api.faults.add(Fault("slow", method="POST", seconds=1))
    with lines(tmp_path, environment(api, tmp_path), *create_options(tmp_path)) as server:
        assert server.process.stdout is not None
        server.call("create_pat", **CREATE)
        server.process.stdout.close()
        server.send("ping")
        assert server.process.wait(timeout=60) == 0
    assert api.store.authenticate(read_token(f"file:{tmp_path}/ci.json"))
    assert (tmp_path / "err").read_bytes() == b""


def test_a_cancelled_call_gets_no_response_and_its_token_is_stored_before_the_server_ends(
    api: Caller, tmp_path: Path
) -> None:
    api.faults.add(Fault("slow", method="POST", seconds=1))
    with lines(tmp_path, environment(api, tmp_path), *create_options(tmp_path)) as server:
        id_ = server.call("create_pat", **CREATE)
        eventually(api.notes)
        server.send("notifications/cancelled", {"requestId": id_}, request=False)
        assert server.end() == 0
    assert [line for line in server.read if json.loads(line)["id"] == id_] == []
    assert api.store.authenticate(read_token(f"file:{tmp_path}/ci.json"))


def test_a_question_that_is_refused_or_that_no_one_can_answer_any_longer_is_a_no(api: Caller, tmp_path: Path) -> None:
    row, token = api.store.create(owner="anna", days=30, scopes=["embed"], note="CI")
    options = ["--allow", "revoke_pat"]
    with lines(tmp_path, environment(api, tmp_path), *options, capabilities={"elicitation": {}}) as server:
        id_ = server.call("revoke_pat", token_id=row.id)
        error = {"code": -32601, "message": "no"}
        server.write(json.dumps({"jsonrpc": "2.0", "id": server.receive()["id"], "error": error}).encode())
        assert server.receive(id_)["result"]["structuredContent"]["outcome"] == "invalid"
        id_ = server.call("revoke_pat", token_id=row.id)
        assert server.receive()["method"] == "elicitation/create"
        assert server.end() == 0
    assert outcome(server, id_) == "invalid"
    assert api.store.authenticate(token)


def test_a_server_that_is_killed_in_ensure_pat_finishes_it_at_the_next_call(api: Caller, tmp_path: Path) -> None:
    options = ["--allow", "ensure_pat", "--token-to", f"file:{tmp_path}/{{name}}.json"]
    ensure = {**CREATE, "name": "billing"}
    for kill_after in ("the row is created", "a response is lost"):
        if kill_after == "a response is lost":
            api.faults.add(Fault("lost", method="POST", times=1), Fault("slow", seconds=0.5))
        else:
            api.faults.add(Fault("slow", method="POST", seconds=30))
        with lines(tmp_path, environment(api, tmp_path), *options) as server:
            server.call("ensure_pat", **ensure, overlap=0, change_scopes=True)
            eventually(lambda: [note for note in api.notes() if "billing" in note])
            server.process.kill()
            server.process.wait()
        api.faults.clear()
        ensure["scopes"] = [*ensure["scopes"], "embed"]
    with lines(tmp_path, environment(api, tmp_path), *options) as server:
        ended = server.receive(server.call("ensure_pat", **ensure, overlap=0, change_scopes=True))
        assert ended["result"]["structuredContent"]["outcome"] == "done", ended
        used = api.store.authenticate(read_token(f"file:{tmp_path}/billing.json"))
        assert used is not None
        assert used.id == ended["result"]["structuredContent"]["data"]["id"]


def test_a_line_that_is_no_message_is_answered_and_the_next_one_is_served(api: Caller, tmp_path: Path) -> None:
    with lines(tmp_path, environment(api, tmp_path)) as server:
        for line, id_ in (
            (b"nothing", None),
            (b"[]", None),
            (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"a": "\\ud83d"}}', 7),
            (b'{"jsonrpc": "2.0", "id": "a", "method": 1}', "a"),
            (b"\xff\xfe", None),
            (b"[" * 100_000, None),
        ):
            server.write(line)
            message = server.receive()
            assert (message["id"], message["error"]["code"]) == (id_, -32700), line[:80]
        server.write(b"")
        assert server.receive(server.send("ping"))["result"] == {}
        # What follows a message that is too large is not read.
        with suppress(BrokenPipeError):
            server.write(b'{"jsonrpc": "2.0", "id": 8, "method": "ping", "params": {"a": "' + b"a" * 5_000_000 + b'"}}')
        assert server.process.wait(timeout=30) == 0


def test_standard_output_holds_messages_only_whatever_a_store_prints(api: Caller, tmp_path: Path) -> None:
    script = tmp_path / "store.sh"
    script.write_text("#!/bin/sh\ncat >/dev/null\necho printed by the store\n")
    script.chmod(0o700)
    with lines(tmp_path, environment(api, tmp_path), *create_options(tmp_path, f"command:{script}")) as server:
        assert server.receive(server.call("create_pat", **CREATE))["result"]["structuredContent"]["outcome"] == "done"
        assert server.end() == 0
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in server.read)


def test_what_cannot_be_served_is_said_at_the_start(call: Callable[..., Done], tmp_path: Path) -> None:
    for arguments, message in (
        (("--auth", "-"), "standard input carries the protocol"),
        (("--allow", "create_pat"), "create_pat cannot be a tool: it has no token store"),
    ):
        done = call("mcp", *arguments)
        assert (done.code, done.out) == (2, "")
        assert message in done.err

    def start(*arguments: str, before: str = "") -> tuple[int, str]:
        script = f"import sys\n{before}\nfrom locoia_pat.cli import main\nmain(['mcp', *sys.argv[1:]])"
        variables = {**os.environ, "LOCOIA_TOKEN": "fake-credential-0123456789"}
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(
            command, input="", capture_output=True, text=True, check=False, cwd=tmp_path, env=variables
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    code, message = start(before="sys.modules['mcp'] = None")
    assert code == 2
    assert install_command("mcp") in message
    code, message = start("--allow", "*_pat")
    assert code == 0
    assert message.startswith("create_pat is left out: it has no token store.")
    assert start("--allow", "*_pat", before="import os\nos.close(2)\nsys.stderr = None") == (0, "")


def test_a_person_who_starts_it_on_a_terminal_learns_what_it_expects(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "locoia_pat", "mcp", "--allow", "list_pats"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line == "Tools: list_pats. An MCP client is expected on standard input; Ctrl-C stops.\n"
        os.write(ours, b"\x04")
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0
    os.close(ours)
    os.close(theirs)
