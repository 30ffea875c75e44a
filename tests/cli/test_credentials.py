"""login, whoami, logout, token and exec: the stored credential, and how programs get it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, Secret
from locoia_pat.cli.options import save_login, stored_login
from locoia_pat.stores import open_store, read_token
from tests.support.command import Done, on_terminal, spawn
from tests.support.loopback import TOKEN, answer, created, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., Done]

CREDENTIAL = "fake-credential-0123456789abcdef"
GOOD = ("expiration=30", "scopes=automation:view", "note=CI")


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Path:
    """A user with a home, and a keyring that is a file in it."""
    home = tmp_path / "home"
    home.mkdir()
    os.environ.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / "config"),
        XDG_DATA_HOME=str(home / "data"),
        PYTHON_KEYRING_BACKEND="keyrings.alt.file.PlaintextKeyring",
    )
    return home


def command(*arguments: str, stdin: str = "", **variables: str) -> Done:
    """The command in a process of its own, for the keyring is chosen once in a process."""
    process = spawn(*arguments, **variables)
    out, err = process.communicate(stdin, timeout=30)
    return Done(process.returncode, out, err)


def test_login_checks_and_stores_and_later_calls_find_it(home: Path) -> None:
    with serving(answer(200, [])) as server:
        url = {"LOCOIA_BASE_URL": server.url}
        done = command("login", stdin=f"{CREDENTIAL}\n", **url)
        assert (done.code, done.out) == (0, ""), done.err
        assert "the credential is at keyring:locoia-pat/locoia" in done.err
        assert command("run", "list_pats", **url).code == 0
        who = command("whoami", "--json", **url).envelope
        assert who["accepted"] is True
        assert who["credential"] == "keyring:locoia-pat/locoia#current"
        table = command("whoami", **url)
        assert "accepted" in table.out
        out = command("logout", **url)
        assert "The token itself stays valid" in out.err
        assert "not logged in" in command("logout", **url).err
        after = command("run", "list_pats", **url)
    assert after.code == 2
    assert "locoia-pat login" in after.envelope["error"]["hint"]
    assert {got.headers["authorization"] for got in server.got} == {f"Bearer {CREDENTIAL}"}
    for file in home.rglob("*"):
        assert not file.is_file() or CREDENTIAL not in file.read_text()


def test_the_variable_wins_over_the_login(tmp_path: Path) -> None:
    place = f"file:{tmp_path}/login.json"
    with serving(answer(200, [])) as server:
        url = {"LOCOIA_BASE_URL": server.url}
        assert command("login", "--to", place, "--with-token", stdin=CREDENTIAL, **url).code == 0
        command("run", "list_pats", LOCOIA_TOKEN="fake-from-the-variable", **url)
        command("run", "list_pats", "--auth", place, LOCOIA_TOKEN="fake-from-the-variable", **url)
        assert command("logout", **url).code == 0
    assert [got.headers["authorization"] for got in server.got] == [
        f"Bearer {CREDENTIAL}",
        "Bearer fake-from-the-variable",
        f"Bearer {CREDENTIAL}",
    ]
    assert not (tmp_path / "login.json").exists()


def test_a_second_login_says_what_becomes_of_the_first_and_asks_on_a_terminal(tmp_path: Path) -> None:
    record, bare = f"file:{tmp_path}/login.json", f"text:{tmp_path}/bare"
    first, second = CREDENTIAL, CREDENTIAL[::-1]
    with serving(answer(200, [])) as server:
        url = {"LOCOIA_BASE_URL": server.url}

        def login(to: str, token: str, *options: str) -> list[str]:
            done = command("login", "--to", to, *options, stdin=token, **url)
            assert done.code == 0, done.err
            return [line for line in done.err.splitlines() if line.startswith("warning")]

        assert login(record, first) == []
        assert login(record, first) == []
        assert login(record, second) == [f"warning: {record} holds another token, which is kept as #previous"]
        assert login(bare, second) == [
            f"warning: you are logged in with {record}; it is left as it is, and not used any longer"
        ]
        assert login(bare, first) == [f"warning: {bare} holds another token, which is lost"]
        no = on_terminal("login", "--to", bare, typed=(f"{second}\n", "n\n"), **url)
        assert (no.code, "The login is replaced. Continue?" in no.err) == (2, True)
        assert "not confirmed; nothing was stored" in no.err
        assert read_token(bare) == Secret(first)
        yes = on_terminal("login", "--to", bare, "--yes", typed=f"{second}\n", **url)
    assert (yes.code, "Continue?" in yes.err) == (0, False)
    assert read_token(bare) == Secret(second)


def test_login_on_a_terminal_asks_hidden_and_says_where_a_first_token_comes_from(tmp_path: Path) -> None:
    with serving(answer(200, [])) as server:
        arguments = ("login", "--to", f"file:{tmp_path}/t")
        done = on_terminal(*arguments, typed=f"{CREDENTIAL}\n", LOCOIA_BASE_URL=server.url)
    assert done.code == 0
    assert "avatar > User > Personal Access Token" in done.err
    assert CREDENTIAL not in done.out + done.err
    assert read_token(f"file:{tmp_path}/t") == Secret(CREDENTIAL)


def test_login_for_a_connector_without_instructions_still_asks(tmp_path: Path) -> None:
    specs = tmp_path / "acme"
    specs.mkdir()
    (specs / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
    )
    arguments = ("login", "--specs", str(specs), "--to", f"file:{tmp_path}/t")
    done = on_terminal(*arguments, typed=f"{CREDENTIAL}\n")
    assert done.code == 0
    assert "avatar" not in done.err
    assert read_token(f"file:{tmp_path}/t") == Secret(CREDENTIAL)


def test_a_token_file_in_a_git_repository_gets_a_warning(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    with serving(answer(200, [])) as server:
        done = command("login", "--to", f"file:{tmp_path}/t", stdin=CREDENTIAL, LOCOIA_BASE_URL=server.url)
    assert done.code == 0
    assert "warning: " in done.err
    assert ".gitignore" in done.err


@pytest.mark.parametrize(("status", "code"), [(401, 3), (500, 4)])
def test_a_credential_that_the_api_does_not_accept_is_not_stored(tmp_path: Path, status: int, code: int) -> None:
    with serving(answer(status)) as server:
        done = command("login", "--to", f"file:{tmp_path}/t", stdin=CREDENTIAL, LOCOIA_BASE_URL=server.url)
    assert done.code == code
    assert not (tmp_path / "t").exists()


def test_a_credential_that_may_not_list_is_stored_with_a_warning(tmp_path: Path) -> None:
    with serving(answer(403)) as server:
        done = command("login", "--to", f"file:{tmp_path}/t", stdin=CREDENTIAL, LOCOIA_BASE_URL=server.url)
    assert done.code == 0
    assert "the credential could not be checked" in done.err


def test_a_check_whose_list_may_not_be_whole_is_said_to_be_a_weak_one(tmp_path: Path) -> None:
    env = {"token": "ACME_TOKEN", "base_url": "ACME_BASE_URL"}
    reply = {"ok": [200], "at": ["data.items"], "rows": "keys", "output": {"id": {"type": "text"}}}
    read = action({}, {"method": "GET", "path": "/keys"}, action="list_keys", effect="read", reply=reply)
    specs = ("--specs", str(folder(tmp_path / "acme", connector(env=env, check="list_keys"), read)))
    with serving(
        answer(200, {"data": None}), answer(200, {"data": None}), answer(200, {"data": {"items": []}})
    ) as server:
        url = {"ACME_BASE_URL": server.url}
        done = command("login", "--to", f"file:{tmp_path}/t", *specs, stdin=CREDENTIAL, **url)
        assert 'warning: list_keys: "data" is null in the response' in done.err
        who = command("whoami", "--json", *specs, **url).envelope
        assert (who["accepted"], who["message"].startswith('"data" is null')) == (True, True)
        assert command("whoami", "--json", *specs, **url).envelope["message"] is None


def test_without_a_keyring_nothing_is_stored_and_the_hint_names_another_store(home: Path) -> None:
    with serving(answer(200, [])) as server:
        done = command(
            "login",
            stdin=CREDENTIAL,
            LOCOIA_BASE_URL=server.url,
            PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
        )
    assert (done.code, server.got) == (2, [])
    assert "no working keyring" in done.err
    assert "file:" in done.err
    assert [file for file in home.rglob("*") if file.is_file()] == []


def test_a_configuration_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(answer(200, [])) as server:
        done = command(
            "login",
            *("--to", f"file:{tmp_path}/t"),
            stdin=CREDENTIAL,
            LOCOIA_BASE_URL=server.url,
            XDG_CONFIG_HOME=str(tmp_path / "file"),
        )
    assert done.code == 2
    assert "XDG_CONFIG_HOME" in done.err


@pytest.mark.parametrize("text", ["", "[]", '{"locoia": 1}', "no JSON"])
def test_a_login_file_of_another_program_is_ignored(home: Path, text: str) -> None:
    (home / "config" / "locoia-pat").mkdir(parents=True)
    (home / "config" / "locoia-pat" / "logins.json").write_text(text)
    assert "not logged in" in command("logout").err


def test_a_connector_without_a_check_takes_any_credential(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
    )
    specs = ("--specs", str(tmp_path))
    done = command("login", "--to", f"file:{tmp_path}/t", *specs, stdin=CREDENTIAL)
    assert done.code == 0
    assert "the credential could not be checked" in done.err
    who = command("whoami", "--json", *specs)
    assert (who.code, who.envelope["accepted"]) == (0, None)


def test_whoami_says_why_a_credential_is_refused() -> None:
    with serving(answer(401, {"message": "expired"})) as server:
        done = command("whoami", "--json", LOCOIA_BASE_URL=server.url, LOCOIA_TOKEN=CREDENTIAL)
    assert done.code == 3
    assert done.envelope["credential"] == "LOCOIA_TOKEN"
    assert done.envelope["accepted"] is False
    assert "expired" in done.envelope["message"]


def test_a_token_goes_into_the_keyring_and_comes_back() -> None:
    place = "keyring:acme/ci"
    with serving(answer(201, created()), answer(200, [])) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL}
        made = command("run", "create_pat", *GOOD, "--token-to", place, **variables)
        assert made.envelope["token_ref"] == f"{place}#current"
        again = command("run", "create_pat", *GOOD, "--token-to", place, **variables)
        assert (again.code, len(server.got)) == (2, 1)
        assert command("run", "list_pats", "--auth", place, **variables).code == 0
    assert Secret(server.got[1].headers["authorization"]) == Secret(f"Bearer {TOKEN}")
    assert Secret(command("token", place).out) == Secret(f"{TOKEN}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["token", "keyring:acme"], "keyring:SERVICE/NAME"),
        (["token", "keyring:acme/nobody"], "there is no such entry"),
        (["token", "file:/nowhere"], "cannot be read"),
        (["run", "create_pat", *GOOD, "--token-to", "keyring:acme/x#pending"], "becomes #current"),
        (["exec", "-", "--", "env"], "standard input is passed to the command"),
        (["exec", "file:/nowhere", "--as", "a-b", "--", "env"], "not a valid variable name"),
        (["exec", "file:/nowhere", "--", "env"], "cannot be read"),
        (["exec", "file:/nowhere"], "COMMAND... is missing"),
    ],
)
def test_an_invalid_reference_is_rejected(arguments: list[str], words: str) -> None:
    done = command(*arguments, LOCOIA_TOKEN=CREDENTIAL)
    assert done.code == 2
    assert words in done.out + done.err


def test_a_keyring_entry_that_is_not_a_record_is_invalid(home: Path) -> None:
    script = "import keyring; keyring.set_password('acme', 'x', 'two words')"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert "neither a token record" in command("token", "keyring:acme/x").err
    assert home.exists()


def test_a_keyring_that_forgets_is_found_out(home: Path) -> None:
    """A keyring that takes a token and gives back another has not stored it."""
    (home / "forgetful.py").write_text(
        "from keyring.backend import KeyringBackend\n"
        "class Keyring(KeyringBackend):\n"
        "    priority = 1\n"
        "    def get_password(self, service, name): return None\n"
        "    def set_password(self, service, name, value): pass\n"
        "    def delete_password(self, service, name): pass\n"
    )
    variables = {"PYTHONPATH": str(home), "PYTHON_KEYRING_BACKEND": "forgetful.Keyring", "LOCOIA_TOKEN": CREDENTIAL}
    with serving(answer(201, created()), answer(200, created())) as server:
        done = command(
            "run", "create_pat", *GOOD, "--token-to", "keyring:acme/x", LOCOIA_BASE_URL=server.url, **variables
        )
    assert (done.code, done.envelope["outcome"]) == (6, "not_stored")
    assert "does not hold what was written to it" in done.envelope["error"]["message"]


def test_removing_reports_whether_a_token_was_stored(tmp_path: Path) -> None:
    place = open_store(f"file:{tmp_path}/t")
    assert place.remove() is False
    (tmp_path / "t").write_text(CREDENTIAL)
    assert place.remove() is True
    with pytest.raises(InvalidError, match="cannot be removed"):
        open_store(f"file:{tmp_path}").remove()
    script = "from locoia_pat.stores import open_store; print(open_store('keyring:a/b').remove())"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


def stored(tmp_path: Path) -> str:
    (tmp_path / "t").write_text(CREDENTIAL)
    return f"file:{tmp_path}/t"


SHOW = "import os, json; print(json.dumps([dict(os.environ), open('/proc/self/cmdline').read()]))"


@pytest.mark.parametrize("name", ["LOCOIA_TOKEN", "OTHER"])
def test_exec_passes_the_token_only_in_the_environment(tmp_path: Path, name: str) -> None:
    chosen = () if name == "LOCOIA_TOKEN" else ("--as", name)
    done = command("exec", stored(tmp_path), *chosen, "--", sys.executable, "-c", SHOW)
    assert done.code == 0
    environment, words = json.loads(done.out)
    assert {key for key, value in environment.items() if CREDENTIAL in value} == {name}
    assert CREDENTIAL not in words
    assert done.err == ""


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM)])
def test_exec_ends_as_its_command_does(tmp_path: Path, script: str, code: int) -> None:
    assert command("exec", stored(tmp_path), "--", "sh", "-c", script).code == code


def test_exec_passes_signals_on(tmp_path: Path) -> None:
    process: Any = spawn(
        "exec", stored(tmp_path), "--", "sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    )
    assert process.stdout.readline() == "ready\n"
    assert CREDENTIAL not in Path(f"/proc/{process.pid}/cmdline").read_text()
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=20)
    assert process.returncode == 9


@pytest.mark.parametrize(("words", "code"), [(["no-such-command"], 127), (["/etc/hostname"], 126)])
def test_exec_of_a_command_that_cannot_run_exits_as_shells_do(tmp_path: Path, words: list[str], code: int) -> None:
    done = command("exec", stored(tmp_path), "--", *words)
    assert done.code == code
    assert words[0] in done.err


def test_a_revealed_token_is_masked_in_a_ci_log(tmp_path: Path) -> None:
    place = stored(tmp_path)
    mask = f"::add-mask::{CREDENTIAL}\n"
    assert command("token", place, GITHUB_ACTIONS="true").err == mask
    assert command("exec", place, "--", "true", GITHUB_ACTIONS="true").err == mask
    with serving(answer(201, created())) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL, "GITHUB_ACTIONS": "true"}
        done = command("run", "create_pat", *GOOD, "--reveal", **variables)
    assert done.err == f"::add-mask::{TOKEN}\n"


def test_actions_are_completed() -> None:
    variables = {"_LOCOIA_PAT_COMPLETE": "bash_complete", "COMP_WORDS": "locoia-pat run cre", "COMP_CWORD": "2"}
    assert command(**variables).out.split() == ["plain,create_connector_auth", "plain,create_pat"]


def test_logins_at_the_same_time_are_all_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    refs = {f"connector{number}": f"file:/tokens/{number}#current" for number in range(30)}
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(save_login, refs, refs.values())) == [None] * 30
    assert {name: stored_login(name) for name in refs} == refs


def test_a_link_to_the_file_of_logins_stays_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "locoia-pat").mkdir(parents=True)
    link = tmp_path / "config" / "locoia-pat" / "logins.json"
    link.symlink_to(tmp_path / "dotfiles.json")
    save_login("acme", "keyring:acme/ci#current")
    assert link.is_symlink()
    assert stored_login("acme") == "keyring:acme/ci#current"
