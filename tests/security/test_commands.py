"""The output of the command: only ``token``, ``--reveal`` and ``exec`` let a token out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.canaries import CREATE, ODD, PAIRS, WORDS, files_with_canaries, headers, leaks, minted, repeated
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.security.conftest import Done
    from tests.support.canaries import Canaries

    Call = Callable[..., Done]

GOOD = (answer(201, minted(ODD), headers(ODD)),)
LIST = (answer(200, [minted(ODD)], headers(ODD)),)
REFUSED = (answer(401, {"message": repeated(ODD)}, headers(ODD)),)
BUSY = (answer(429, {"message": repeated(ODD)}, headers(ODD) | {"Retry-After": "9999"}),)
BROKEN = (answer(500, repeated(ODD), headers(ODD)),)
STORE = ("--token-to", "file:t")
AUTH_INPUTS = ("connector_id=ft", "name=CRM", "auth_type=basic_auth", "password=@ref:env:CANARY")
COMMANDS: dict[str, tuple[int, tuple[str, ...], tuple[Any, ...]]] = {
    "run create": (0, ("run", "create_pat", *WORDS, *STORE), GOOD),
    "run create, verbose": (0, ("run", "create_pat", *WORDS, *STORE, "--verbose"), GOOD),
    "run create, table": (0, ("run", "create_pat", *WORDS, *STORE, "--table"), GOOD),
    "run create, quiet": (0, ("run", "create_pat", *WORDS, *STORE, "--quiet"), GOOD),
    "run rotate": (0, ("run", "regenerate_pat", "token_id=1", "expiration=1", *STORE), GOOD),
    "run list": (0, ("run", "list_pats"), LIST),
    "run list, table": (0, ("run", "list_pats", "--table"), LIST),
    "run with a secret": (0, ("run", "create_connector_auth", *AUTH_INPUTS), (answer(201, {"id": "1"}),)),
    "run with a secret, refused": (3, ("run", "create_connector_auth", *AUTH_INPUTS), REFUSED),
    "run refused": (3, ("run", "create_pat", *WORDS, *STORE), REFUSED),
    "run refused, reveal": (3, ("run", "create_pat", *WORDS, "--reveal"), REFUSED),
    "run unknown": (5, ("run", "create_pat", *WORDS, *STORE, "--verbose"), BROKEN),
    "run unknown, reveal": (5, ("run", "create_pat", *WORDS, "--reveal"), BROKEN),
    "run not done": (4, ("run", "list_pats"), BUSY),
    "run without a store": (2, ("run", "create_pat", *WORDS), ()),
    "run with a wrong store": (2, ("run", "create_pat", *WORDS, "--token-to", "file:nowhere/t"), ()),
    "run with a store that holds a token": (2, ("run", "create_pat", *WORDS, "--token-to", "file:stored"), ()),
    "run a typo": (2, ("run", "creat_pat", *WORDS), ()),
    "run a wrong option": (2, ("run", "create_pat", "--tokn"), ()),
    "plan": (0, ("plan", "create_pat", *WORDS), ()),
    "plan, json": (0, ("plan", "create_pat", *WORDS, "--json"), ()),
    "plan with a secret": (0, ("plan", "create_connector_auth", *AUTH_INPUTS), ()),
    "plan with a secret, json": (0, ("plan", "create_connector_auth", *AUTH_INPUTS, "--json"), ()),
    "show": (0, ("show", "create_pat"), ()),
    "show, json": (0, ("show", "create_pat", "--json"), ()),
    "actions": (0, ("actions", "--json"), ()),
    "scopes": (0, ("scopes",), ()),
    "whoami": (0, ("whoami",), LIST),
    "whoami, json": (0, ("whoami", "--json"), LIST),
    "whoami refused": (3, ("whoami", "--json"), REFUSED),
    "whoami busy": (4, ("whoami",), BUSY),
    "logout": (0, ("logout",), ()),
    "check": (0, ("check", "acme"), ()),
    "check of another file": (1, ("check", "other/other.yaml"), ()),
    "check of another file, json": (1, ("check", "other/other.yaml", "--json"), ()),
    "test": (0, ("test", "acme"), ()),
    "new": (0, ("new", "beta"), ()),
    "eject": (0, ("eject", "create_pat"), ()),
    "exec of nothing": (127, ("exec", "file:stored", "--", "no-such-command"), ()),
    "token of nothing": (2, ("token", "file:stored#previous"), ()),
    "help": (0, ("--help",), ()),
    "help of run": (0, ("run", "--help"), ()),
    "version": (0, ("--version",), ()),
    "nothing": (2, (), ()),
    "a command that is none": (2, ("create",), ()),
}


@pytest.fixture(params=["in the variable", "stored"])
def credential(request: pytest.FixtureRequest, call: Call, home: Path) -> str:
    """The credential in the environment or stored by ``login``; a file holds another token either way."""
    file = home / "work" / "stored"
    with serving(*LIST) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("login", "--with-token", "--to", f"file:{file}", stdin=f"{ODD.credential}\n")
    assert (done.code, leaks(done.out)) == (0, []), done.out
    os.environ["CANARY"] = ODD.minted
    if request.param == "in the variable":
        os.environ["LOCOIA_TOKEN"] = ODD.credential
    call("new", "acme")
    call("new", "other")
    (home / "work" / "other" / "other.yaml").write_text(
        f"token: {json.dumps(ODD.minted)}\nx: {PAIRS['plain'].minted}\n"
    )
    return str(request.param)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_no_token(name: str, call: Call, credential: str, home: Path) -> None:
    code, arguments, scripts = COMMANDS[name]
    with serving(*(scripts or LIST)) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call(*arguments)
    assert (done.code, leaks(done.out)) == (code, []), credential
    assert set(files_with_canaries(home)) <= {"work/stored", "work/t", "work/other/other.yaml"}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_commands_that_let_a_token_out_print_it_and_not_the_credential(pair: Canaries, call: Call, home: Path) -> None:
    os.environ["LOCOIA_TOKEN"] = pair.credential
    with serving(answer(201, minted(pair))) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        revealed = call("run", "create_pat", *WORDS, "--reveal")
    (home / "work" / "t").write_text(pair.minted)
    name = next(name for name, known in PAIRS.items() if known is pair)
    assert leaks(revealed.out) == leaks(call("token", "file:t").out) == [f"{name} minted"]


LOGIN = {"accepted": (0, LIST), "refused": (3, REFUSED), "busy": (4, BUSY)}


@pytest.mark.parametrize("name", LOGIN)
def test_a_login_prints_no_token(name: str, call: Call, home: Path) -> None:
    code, scripts = LOGIN[name]
    with serving(*scripts) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("login", "--with-token", "--to", f"file:{home}/t", stdin=f"{ODD.credential}\n")
    assert (done.code, leaks(done.out)) == (code, [])
    assert files_with_canaries(home) == ({"t": 0o600} if code == 0 else {})


@pytest.mark.parametrize(
    "stdin", ["{}x", "{} x", "Bearer {}", '{{"token": "{}"'], ids=["long", "two", "bearer", "json"]
)
def test_a_login_with_text_that_is_not_a_token_repeats_nothing_of_it(stdin: str, call: Call, home: Path) -> None:
    with serving(*REFUSED) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("login", "--with-token", "--to", f"file:{home}/t", stdin=stdin.format(ODD.credential) + "\n")
    assert done.code != 0
    assert leaks(done.out) == []
    assert files_with_canaries(home) == {}


MISPLACED: dict[str, Callable[[str], list[str]]] = {
    "a command": lambda value: [value],
    "an action": lambda value: ["run", value],
    "an input": lambda value: ["run", "create_pat", value],
    "the name of an input": lambda value: ["run", "list_pats", f"{value}=1"],
    "the value of an input": lambda value: ["run", "create_pat", "expiration=1", f"scopes={value}", "note=CI"],
    "an option": lambda value: ["run", "list_pats", f"--{value}"],
    "the value of an option": lambda value: ["run", "list_pats", "--timeout", value],
    "auth": lambda value: ["run", "list_pats", "--auth", value],
    "auth, joined": lambda value: ["run", "list_pats", f"--auth={value}"],
    "a file": lambda value: ["run", "list_pats", "--auth", f"file:{value}"],
    "a variable": lambda value: ["run", "list_pats", "--auth", f"env:{value}"],
    "a scheme": lambda value: ["run", "list_pats", "--auth", f"{value}:x"],
    "a store": lambda value: ["run", "create_pat", *WORDS, "--token-to", value],
    "a secret input": lambda value: ["run", "create_connector_auth", *AUTH_INPUTS[:3], f"password={value}"],
    "inputs": lambda value: ["run", "list_pats", "--inputs", value],
    "specs": lambda value: ["run", "list_pats", "--specs", value],
    "token": lambda value: ["token", value],
    "exec": lambda value: ["exec", value, "--", "true"],
    "login": lambda value: ["login", "--to", value],
    "login, a word": lambda value: ["login", value],
    "scope": lambda value: ["scopes", value],
    "entity": lambda value: ["scopes", value, "read"],
    "plan": lambda value: ["plan", "create_pat", value],
    "show": lambda value: ["show", value],
    "check": lambda value: ["check", value],
    "new": lambda value: ["new", value],
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("name", MISPLACED)
def test_a_token_in_a_wrong_argument_is_not_printed(name: str, pair: Canaries, call: Call) -> None:
    """Whoever typed it did so once; a job's log would keep it."""
    with serving(*LIST) as server:
        os.environ.update(LOCOIA_BASE_URL=server.url, LOCOIA_TOKEN=PAIRS["plain"].credential)
        done = call(*MISPLACED[name](pair.minted))
    assert (done.code, server.got) == (2, [])
    assert leaks(done.out) == []


def test_the_content_of_a_file_that_does_not_hold_inputs_is_not_printed(call: Call, home: Path) -> None:
    os.environ["LOCOIA_TOKEN"] = ODD.credential
    for text in (
        ODD.minted,
        json.dumps(ODD.minted),
        json.dumps({ODD.minted: 1}),
        json.dumps({**CREATE, "scopes": ODD.minted}),
    ):
        (home / "work" / "inputs").write_text(text)
        done = call("run", "create_pat", "--inputs", "inputs", *STORE)
        assert (done.code, leaks(done.out)) == (2, [])


def test_recorded_examples_hold_no_token(call: Call, home: Path) -> None:
    call("eject", "create_pat", "--out", "own")
    spec = home / "work" / "own" / "create_pat.yaml"
    text = re.sub(r"(?s)examples:.*", "", spec.read_text())
    spec.write_text(f"{text}examples:\n  - name: one\n    inputs: {{expiration: 1, scopes: [embed], note: CI}}\n")
    os.environ["LOCOIA_TOKEN"] = ODD.credential
    body = minted(ODD, note=f"{ODD.credential} made {ODD.minted}", more={"credential": ODD.credential, "x": ODD.minted})
    with serving(answer(201, body, headers(ODD))) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call("test", "own/create_pat.yaml", "--record", "--token-to", "file:t", "--yes")
    assert len(server.got) == 1, done.out
    assert leaks(done.out) == []
    assert "reply:" in spec.read_text()
    assert list(files_with_canaries(home)) == ["work/t"]


DEBUG = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from locoia_pat.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("store", ["file:t", "keyring:acme/ci"])
def test_only_the_store_gets_the_token(store: str, home: Path) -> None:
    """Run with the debug output of every library."""
    with serving(answer(201, minted(ODD), headers(ODD)), *LIST) as server:
        for words, code in (
            (["run", "create_pat", *WORDS, "--token-to", store], 0),
            (["run", "create_pat", *WORDS, "--token-to", store], 2),
            (["run", "list_pats", "--auth", store], 0),
        ):
            done = subprocess.run(
                [sys.executable, "-X", "dev", "-c", DEBUG, *words],
                env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": ODD.credential},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, leaks(done.stdout + done.stderr)) == (code, [])
    token_file = "work/t" if store == "file:t" else "home/data/python_keyring/keyring_pass.cfg"
    assert list(files_with_canaries(home)) == [token_file]


def test_the_sandbox_shows_only_its_own_token(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "locoia_pat", "sandbox", "--port", "0"],
        env={**os.environ, "LOCOIA_TOKEN": ODD.credential, "TMPDIR": str(home / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] not in ("# ready\n", ""):
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        lines.append(process.communicate(timeout=20)[0])
    assert "# ready\n" in lines
    assert leaks("".join(lines)) == []


def test_the_demo_shows_no_token_of_the_user(call: Call, home: Path) -> None:
    os.environ["LOCOIA_TOKEN"] = ODD.credential
    done = call("demo")
    assert (done.code, leaks(done.out), files_with_canaries(home)) == (0, [], {})
    assert os.environ["LOCOIA_TOKEN"] == ODD.credential  # it reads none of yours
    assert Path.cwd() == home / "work"
