"""The other commands: demo, sandbox, actions, show, help."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.actions.sandbox.behaviour import SWITCHES
from locoia_pat.actions.sandbox.faults import KINDS
from tests.support.command import Done, spawn
from tests.support.loopback import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Done]


def test_the_demo_creates_lists_and_regenerates(call: Call) -> None:
    os.environ.update(LOCOIA_TOKEN="wrong", LOCOIA_BASE_URL="https://wrong.example")  # it ignores the environment
    done = call("demo")
    assert done.code == 0
    for words in ("create_pat: done", "list_pats: done", "regenerate_pat: done"):
        assert words in done.out
    assert "The old token is refused." in done.out
    assert "The new token is accepted." in done.out
    assert "last_used: -" in done.out
    assert "scopes: automation:view\n" in done.out
    assert "lpat_sbx_" not in done.out + done.err


def test_actions_are_listed_with_their_effect(call: Call) -> None:
    head, *lines = [line.split()[:2] for line in call("actions").out.splitlines()]
    assert head == ["action", "effect"]
    assert ["create_pat", "create"] in lines
    assert ["list_pats", "read"] in lines
    assert ["regenerate_pat", "rotate"] in lines
    assert [head["action"] for head in call("actions", "--json").envelope["actions"]] == [name for name, _ in lines]


def test_actions_of_another_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text("spec: 1")
    (tmp_path / "ping.yaml").write_text("- no mapping")
    os.environ["LOCOIA_PAT_SPECS"] = str(tmp_path)
    assert call("actions", "--json").envelope == {"actions": [{"action": "ping", "effect": None, "summary": None}]}


def test_show_lists_inputs_and_outputs_of_an_action(call: Call) -> None:
    out = call("show", "create_pat").out
    assert re.search(r"expiration +yes +- +a whole number of days, at least 1, or null", out)
    assert re.search(r"token +text +Token \(shown only once; stored with --token-to\)", out)
    assert "input" not in call("show", "list_pats").out
    shown = call("show", "create_pat", "--json").envelope
    assert shown["ui_form_schema"]["note"] == {
        "title": "Note",
        "type": "text",
        "info": "What the token is for.",
        "required": True,
        "maxLength": 255,
    }
    assert shown["effect"] == "create"


def test_show_works_for_a_spec_with_every_kind_of_input(call: Call, tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
    )
    (tmp_path / "ping.yaml").write_text(
        "spec: 1\naction: ping\ntitle: Ping\nsummary: Ping it.\neffect: update\n"
        "inputs:\n  who: {title: Who, type: nested_object, children: {mail: {title: Mail, type: email}}}\n"
        "  on_time: {title: Time, type: switch}\n  key: {title: Key, type: password}\n"
        "request: {method: PUT, path: /ping, body: {who: '{{ who }}', late: '{{ on_time }}', key: '{{ key }}'}}\n"
        "reply: {ok: [200], output: {pong: {type: text, nullable: true}}}\n"
    )
    out = call("show", "ping", "--specs", str(tmp_path)).out
    assert "an object with mail" in out
    shown = call("show", "ping", "--specs", str(tmp_path), "--json").envelope
    assert shown["ui_form_schema"]["who"]["children"] == {"mail": {"title": "Mail", "type": "email"}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], "did you mean run?"),
        (["show"], "is missing"),
        (["show", "creat_pat"], "did you mean create_pat?"),
        (["sandbox", "--port", "x"], "--port"),
        (["sandbox", "--host", "0.0.0.0"], "--expose"),  # noqa: S104  # is what must be refused
        (["sandbox", "--host", "no.such.host.invalid"], "--expose"),
        (["sandbox", "--data", "/dev/null/x"], "cannot be used"),
        (["sandbox", "--fault", "lots:POST:1"], "fault.fault: received"),
        (["sandbox", "--fault", "lost:0"], "--fault lost:POST:1"),
        (["sandbox", "--behaviour", "list_shape=itms"], "behaviour.list_shape: received"),
        ([], "Usage"),
    ],
)
def test_a_wrong_call_says_what_is_right(call: Call, arguments: list[str], words: str) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert words in done.err


def test_an_action_in_place_of_a_command_gets_the_command_that_runs_it(call: Call) -> None:
    done = call("create_pat")
    assert (done.code, done.out) == (2, "")
    assert 'unknown command "create_pat"; to run the action: locoia-pat run create_pat' in done.err


def test_a_port_in_use_is_named(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call("sandbox", "--port", str(taken.getsockname()[1]))
    assert done.code == 2
    assert "--port 0" in done.err


def test_a_bug_report_has_file_and_line_but_no_value() -> None:
    """The values in the frames may be secrets, so a traceback is not printed."""
    script = (
        "import sys, types\nfrom locoia_pat.cli import main\nimport click\n"
        "broken = types.ModuleType('locoia_pat.cli.{1}')\n"
        "broken.{0}_command = click.Command('{0}', callback=lambda: 1 / 0)\n"
        "sys.modules['locoia_pat.cli.{1}'] = broken\nmain(['{0}'])"
    )
    for name, module in (("demo", "sandbox"), ("run", "run_command")):
        call = [sys.executable, "-c", script.format(name, module)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 70
        assert "This is a bug in locoia-pat" in done.stderr
        assert "ZeroDivisionError" in done.stderr
        assert "Traceback" not in done.stderr
        assert (json.loads(done.stdout)["outcome"] == "unknown") if name == "run" else done.stdout == ""


def test_interrupting_any_command_ends_with_130() -> None:
    script = (
        "import sys, types\nfrom locoia_pat.cli import main\nimport click, signal\n"
        "broken = types.ModuleType('locoia_pat.cli.sandbox')\n"
        "broken.demo_command = click.Command('demo', callback=lambda: signal.raise_signal(signal.SIGINT))\n"
        "sys.modules['locoia_pat.cli.sandbox'] = broken\nmain(['demo'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")


def test_commands_are_completed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "locoia_pat"],
        env={**os.environ, "_LOCOIA_PAT_COMPLETE": "bash_complete", "COMP_WORDS": "locoia-pat s", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stdout.split()) == [f"plain,{name}" for name in ("sandbox", "scopes", "serve", "show", "state")]


def test_a_data_file_that_is_not_a_sandbox_store_is_reported(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sandbox.sqlite3").write_text("no database at all, but a text that is long enough")
    done = call("sandbox", "--data", str(tmp_path))
    assert done.code == 2
    assert "cannot be opened" in done.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"]])
def test_help_and_version_end_well(call: Call, arguments: list[str]) -> None:
    done = call(*arguments)
    assert done.code == 0
    assert "locoia-pat" in done.out


LIGHT = {"--help": ["pydantic", "jinja2", "httpx", "yaml"], "--version": ["pydantic", "jinja2", "httpx", "yaml"],
         "actions": ["pydantic", "jinja2", "httpx"],
    "scopes": ["pydantic", "jinja2", "httpx", "yaml"], "show create_pat": ["jinja2", "httpx"]}  # fmt: skip


@pytest.mark.parametrize(("arguments", "heavy"), LIGHT.items(), ids=LIGHT)
def test_a_light_command_loads_nothing_heavy(arguments: str, heavy: list[str]) -> None:
    script = (
        "import sys\nfrom locoia_pat.cli import main\n"
        f"try: main({arguments.split()!r})\nexcept SystemExit: pass\n"
        f"print('loaded:', [name for name in {heavy!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    subprocess.run(command, capture_output=True, check=True)  # it may have to compile the specs
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: []\n")


def started(*arguments: str) -> tuple[Any, str, str | None]:
    """A sandbox in a process of its own: the process, its address and its token."""
    process = spawn("sandbox", *arguments)
    url, token = "", None
    for line in process.stdout or ():
        if found := re.match(r"export LOCOIA_BASE_URL='(.*)'", line):
            url = found[1]
        if found := re.match(r"export LOCOIA_TOKEN='(.*)'", line):
            token = found[1]
        if line.startswith("# ready"):
            break
    return process, url, token


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err


def test_scopes_are_a_readable_table(call: Call) -> None:
    out = call("scopes").out
    assert re.search(
        r"^automation +read, create, update, delete +Flows, .* Connector Auths, Env Variables", out, re.MULTILINE
    )
    assert re.search(r"^embed:view +read +Embeds$", out, re.MULTILINE)
    assert re.search(r"^webhook_run +trigger +Webhook Flows$", out, re.MULTILINE)
    rows = {row["scope"]: row for row in call("scopes", "--json").envelope["scopes"]}
    assert rows["company:manage"]["delete"] == []
    assert "Users" in rows["company:manage"]["create"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (["automation:view"], "A token with automation:view can read Flows"),
        (["Flows", "delete"], "automation\n"),
        (["flows", "READ"], "automation:view\n"),
        (["Connector", "Auths", "read"], "connector_auth:view\n"),
        (["Webhook Flows", "trigger"], "automation:webhook_run or webhook_run\n"),
        (["Flows", "trigger"], "No scope allows to trigger Flows.\n"),
    ],
)
def test_scopes_answer_questions(call: Call, asked: list[str], answer: str) -> None:
    assert call("scopes", *asked).out.startswith(answer)


def test_scopes_answer_in_json(call: Call) -> None:
    assert call("scopes", "Flows", "delete", "--json").envelope["narrowest"] == ["automation"]
    assert call("scopes", "embed", "--json").envelope["scope"] == "embed"


@pytest.mark.parametrize("asked", [["automatoin"], ["Flow", "delete"], ["Flows", "remove"]])
def test_scopes_that_are_not_on_the_page_are_named(call: Call, asked: list[str]) -> None:
    done = call("scopes", *asked)
    assert done.code == 2
    assert "is not on the API page" in done.err


def test_the_sandbox_serves_the_command_and_keeps_its_tokens(call: Call, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    process, url, token = started("--port", "0", "--data", data)
    try:
        assert token is not None
        os.environ.update(LOCOIA_BASE_URL=url, LOCOIA_TOKEN=token)
        arguments = ("expiration=30", "scopes=automation:view", "note=CI", "--token-to", f"file:{tmp_path}/t.json")
        created = call("run", "create_pat", *arguments)
        assert created.code == 0
        assert (tmp_path / "t.json").stat().st_mode & 0o777 == 0o600
        listed = call("run", "list_pats", "--auth", f"file:{tmp_path}/t.json")
        assert len(listed.envelope["data"]["tokens"]) == 2
    finally:
        stopped(process)
    assert json.loads((tmp_path / "t.json").read_text())["v"] == 1
    process, url, token = started("--port", "0", "--data", data)
    try:
        assert token is None  # a second start prints no token
        os.environ["LOCOIA_BASE_URL"] = url
        assert call("run", "list_pats", "--auth", f"file:{tmp_path}/t.json").code == 0
    finally:
        stopped(process)
    process, _, token = started("--port", "0", "--data", data, "--new-token")
    stopped(process)
    assert token is not None


def test_the_sandbox_has_the_given_behaviour_and_faults(call: Call) -> None:
    switches = ("--behaviour", "list_shape=items", "--behaviour", "time_format=naive")
    faults = ("--fault", "status:POST:1:status=422", "--fault", "lost:POST:1")
    process, url, token = started("--port", "0", *switches, *faults)
    try:
        assert token is not None
        os.environ["LOCOIA_BASE_URL"] = url

        def run(*arguments: str) -> Any:
            os.environ["LOCOIA_TOKEN"] = token or ""  # the command takes it out
            return call("run", *arguments).envelope

        create = ("create_pat", "expiration=30", "scopes=embed", "note=CI", "--reveal")
        assert [run(*create)["outcome"] for _ in range(3)] == ["refused", "unknown", "done"]
        listed = run("list_pats")
        assert len(listed["data"]["tokens"]) == 3
        assert listed["data"]["tokens"][1]["expiration_raw"][-1] != "Z"
    finally:
        stopped(process)


def test_the_help_of_the_sandbox_names_every_switch_and_fault(call: Call) -> None:
    shown = call("sandbox", "--help").out
    assert all(f"  {name}=" in shown for name in SWITCHES)
    assert all(kind in shown for kind in KINDS)


def test_an_exposed_sandbox_warns() -> None:
    process = spawn("sandbox", "--host", "0.0.0.0", "--expose", "--port", str(free_port()))  # noqa: S104  # on purpose
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("# ready"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "other computers can reach this sandbox" in err
