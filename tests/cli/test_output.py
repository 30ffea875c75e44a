"""Standard output is a store like any other: what it cannot take changes nothing that was done, and loses no token."""

from __future__ import annotations

import array
import fcntl
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import time
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, Outcome, Problem, Result, Secret
from locoia_pat.cli import main, render
from locoia_pat.stores import read_token
from tests.support.loopback import TOKEN, answer, created, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = ("run", "create_pat", "expiration=30", "scopes=embed", "note=CI")
ROW = created()["id"]
HALF = "Billing \ud83d"
"""Half of a surrogate pair, as an API returns that cuts a text by UTF-16 units."""
COMMAND = f"exec {sys.executable} -m locoia_pat"


ULIMIT = "ulimit -f 65536; "
_LIMIT = 65536 * 512
"""No file gets longer, and only those that are meant to are as long."""


def nearly_full(file: Path) -> str:
    """Make *file* so long that an envelope ends behind the limit; return it as the standard output of a shell."""
    with file.open("wb") as sparse:
        sparse.truncate(_LIMIT - 112)
    return f'>>"{file}"'


def closed(folder: Path) -> str:  # noqa: ARG001  # as the others
    return ">&-"


def full(folder: Path) -> str:  # noqa: ARG001  # as the others
    return ">/dev/full"


def read_only(folder: Path) -> str:  # noqa: ARG001  # as the others
    return "1</dev/null"


def no_reader(folder: Path) -> str:
    """A pipe whose reader is gone: a named one, opened for reading and writing, then for writing only."""
    return f'3<>"{folder}/pipe" 1>"{folder}/pipe" 3<&-'


def too_large(folder: Path) -> str:
    with (folder / "large").open("wb") as file:
        file.truncate(_LIMIT)  # it takes no space
    return f'>>"{folder}/large"'


FAILING = {too_large: ULIMIT, closed: "", full: "", read_only: "", no_reader: 'mkfifo "$BOX/pipe"; '}
"""Standard outputs that cannot be written, and what the shell does before."""


def shell(
    script: str, folder: Path, url: str = "", errors: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell, with its standard output where *script* says."""
    return subprocess.run(
        ["sh", "-c", script + errors],
        env={
            **os.environ,
            "LOCOIA_BASE_URL": url,
            "LOCOIA_TOKEN": CREDENTIAL,
            "LOCOIA_PAT_STATE": str(folder / "state"),
            "BOX": str(folder),
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def words(*arguments: str) -> str:
    return " ".join([COMMAND, *(f'"{argument}"' for argument in arguments)])


def test_a_token_is_not_minted_to_be_revealed_where_nothing_can_be_written(tmp_path: Path) -> None:
    for output, before in FAILING.items():
        with serving(answer(201, created())) as server:
            done = shell(f"{before}{words(*CREATE, '--reveal')} {output(tmp_path)}", tmp_path, server.url)
            assert (done.returncode, server.got) == (2, []), (output.__name__, done.stderr)
        assert "standard output cannot be written" in done.stderr, output.__name__
        assert "Traceback" not in done.stderr, output.__name__


def test_a_stored_token_stays_done_where_nothing_can_be_written(tmp_path: Path) -> None:
    for number, (output, before) in enumerate(FAILING.items()):
        ref = f"file:{tmp_path}/{number}.json"
        with serving(answer(201, created())) as server:
            done = shell(f"{before}{words(*CREATE, '--token-to', ref)} {output(tmp_path)}", tmp_path, server.url)
        assert done.returncode == 0, (output.__name__, done.stderr)
        assert read_token(ref) == Secret(TOKEN), output.__name__
        assert "standard output cannot be written" in done.stderr, output.__name__
        assert "locoia-pat doctor shows it" in done.stderr, output.__name__
        kept = [json.loads(line) for line in (tmp_path / "state" / "unprinted.jsonl").read_text().splitlines()]
        assert (len(kept), kept[-1]["outcome"], kept[-1]["token_ref"]) == (number + 1, "done", f"{ref}#current")
        assert (tmp_path / "state" / "unprinted.jsonl").stat().st_mode & 0o777 == 0o600
        assert TOKEN not in json.dumps(kept), output.__name__


def test_every_outcome_keeps_its_exit_code_where_nothing_can_be_written(tmp_path: Path) -> None:
    store = ("--token-to", f"file:{tmp_path}/t.json")
    cases: dict[tuple[str, ...], tuple[Any, int]] = {
        (*CREATE, *store): (answer(422, {"message": "no"}), 3),
        (*CREATE, *store, "expiration=x"): (answer(500), 2),
        ("run", "create_pat", *store): (answer(500), 2),
        (*CREATE, "--timeout", "5", *store): (answer(500), 5),
        ("run", "list_pats"): (answer(200, []), 4),
        ("run", "list_pats", "--table"): (answer(200, []), 4),
        ("run", "audit_pats"): (answer(200, []), 4),
        ("whoami",): (answer(200, []), 4),
        ("actions",): (answer(500), 4),
        ("show", "create_pat", "--json"): (answer(500), 4),
        ("plan", "list_pats"): (answer(500), 4),
        ("scopes",): (answer(500), 4),
        ("--help",): (answer(500), 4),
        ("token", "env:LOCOIA_TOKEN"): (answer(500), 4),
        ("new", "acme", "--out", f"{tmp_path}/new"): (answer(500), 0),
        ("eject", "create_pat", "--out", f"{tmp_path}/ejected"): (answer(500), 0),
        ("export", "jsonschema", "--json", "--out", f"{tmp_path}/exported"): (answer(500), 0),
        ("unknown",): (answer(500), 2),
    }
    for arguments, (script, code) in cases.items():
        with serving(script) as server:
            done = shell(f"{words(*arguments)} >/dev/full", tmp_path, server.url)
        assert done.returncode == code, (arguments, done.stderr)
        assert "Traceback" not in done.stderr, arguments
        assert "Exception ignored" not in done.stderr, arguments


def test_closed_standard_errors_and_inputs_change_nothing(tmp_path: Path) -> None:
    endings = (" 2>&-", " 2>/dev/full", " 2>&- <&-", " 2>&1 <&-", " 2>/dev/full >/dev/full", " >&- 2>&- <&-")
    for number, errors in enumerate(endings):
        ref = f"file:{tmp_path}/{number}.json"
        with serving(answer(201, created(expiration="2099-12-23T16:36:49"))) as server:
            done = shell(words(*CREATE, "--token-to", ref), tmp_path, server.url, errors)
        assert (done.returncode, done.stderr) == (0, ""), (errors, done)
        assert read_token(ref) == Secret(TOKEN), errors
        assert " >" in errors or json.loads(done.stdout.splitlines()[-1])["outcome"] == "done", errors


def test_a_token_that_was_minted_is_revoked_if_its_envelope_cannot_be_printed(tmp_path: Path) -> None:
    """The disk is full at the envelope, and was not before: the limit of the file's size is in its middle."""
    script = f"{ULIMIT}{words(*CREATE, '--reveal')} {nearly_full(tmp_path / 'out')}"
    with serving(answer(201, created()), answer(200, created(token=f"{TOKEN}2"))) as server:
        done = shell(script, tmp_path, server.url)
        assert [got.path.rpartition("/")[2] for got in server.got] == ["personal-access-tokens", "regenerate"]
    assert done.returncode == 6, done.stderr
    assert "was revoked immediately" in done.stderr
    assert TOKEN not in done.stderr
    assert TOKEN not in (tmp_path / "state" / "unprinted.jsonl").read_text()


def test_a_token_in_a_store_is_not_revoked_if_it_cannot_be_revealed_as_well(tmp_path: Path) -> None:
    create = words(*CREATE, "--reveal", "--token-to", f"text:{tmp_path}/t")
    script = f"{ULIMIT}{create} {nearly_full(tmp_path / 'out')}"
    with serving(answer(201, created())) as server:
        done = shell(script, tmp_path, server.url)
        assert (done.returncode, len(server.got)) == (0, 1), done.stderr
    assert read_token(f"text:{tmp_path}/t") == Secret(TOKEN)


def test_a_state_folder_that_cannot_be_written_either_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(answer(201, created())) as server:
        create = words(*CREATE, "--token-to", f"file:{tmp_path}/t.json")
        done = shell(f"{create} >/dev/full", tmp_path, server.url, LOCOIA_PAT_STATE=f"{tmp_path}/file/state")
    assert (done.returncode, done.stderr) == (0, "standard output cannot be written: no space left on device\n")


def test_a_key_is_not_created_where_it_cannot_be_shown(tmp_path: Path) -> None:
    create = words("serve", "key", "new", "ci", "--allow", "list_pats")
    done = shell(f"{create} >/dev/full", tmp_path)
    assert (done.returncode, "standard output cannot be written" in done.stderr) == (2, True), done
    assert "ci" not in shell(words("serve", "key", "list"), tmp_path).stdout
    assert shell(create, tmp_path).returncode == 0


def test_nothing_is_kept_of_a_run_that_did_nothing(tmp_path: Path) -> None:
    for arguments in (
        (*CREATE, "--reveal"),
        ("run", "list_pats"),
        (*CREATE[:2], "--token-to", f"file:{tmp_path}/t.json"),
    ):
        with serving(answer(200, [])) as server:
            done = shell(f"{words(*arguments)} >/dev/full", tmp_path, server.url)
        assert done.returncode in {2, 4}, arguments
        assert not (tmp_path / "state").exists(), arguments


def test_a_bulk_run_that_only_reads_stops_and_any_other_one_runs_to_its_end(tmp_path: Path) -> None:
    items = [{"expiration": 30, "scopes": ["embed"], "note": f"n{number}"} for number in range(30)]
    (tmp_path / "creates").write_text("\n".join(map(json.dumps, items)))
    (tmp_path / "reads").write_text("{}\n" * 300)
    with serving(answer(201, created())) as server:
        store = f"file:{tmp_path}/{{note}}.json"
        each = (*CREATE[:2], "--each", f"{tmp_path}/creates", "--no-journal", "--token-to", store)
        done = shell(f"{words(*each)} >/dev/full", tmp_path, server.url)
        assert (done.returncode, len(server.got)) == (0, 30), done.stderr
    assert len(list(tmp_path.glob("n*.json"))) == 30
    with serving(answer(200, [])) as server:
        done = shell(f"{words('run', 'list_pats', '--each', f'{tmp_path}/reads')} >/dev/full", tmp_path, server.url)
        assert done.returncode == 4, done.stderr
        assert len(server.got) < 200
    assert "stopped: standard output cannot be written" in done.stderr


def test_a_reader_that_goes_away_ends_a_list_quietly(tmp_path: Path) -> None:
    rows = [created(id=f"{ROW[:-4]}{number:04}", note="x" * 200) for number in range(3000)]
    with serving(answer(200, rows)) as server:
        done = shell(f"(({words('run', 'list_pats', '--table')}); echo $? >&2) | head -1", tmp_path, server.url)
    assert (done.stdout.count("\n"), done.stderr) == (1, "4\n")


def test_what_an_encoding_lacks_ends_nothing(tmp_path: Path) -> None:
    encodings: list[dict[str, str]] = [
        {},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "utf-16"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "POSIX"},
    ]
    notes = [HALF, "\udc80 first", "grün", "日本", "😀", "\ud83d\ud83d", "\udfff"]
    rows = [created(id=f"r{number}", note=note) for number, note in enumerate(notes)]
    for variables in encodings:
        encoding = variables.get("PYTHONIOENCODING", "utf-8")
        for number, arguments in enumerate(
            [
                ("run", "list_pats"),
                ("run", "list_pats", "--table"),
                (*CREATE, "--reveal"),
                ("token", f"text:{tmp_path}/t"),
            ]
        ):
            (tmp_path / "t").write_text(TOKEN)
            scripts = [answer(200, rows)] if number < 2 else [answer(201, created(note=HALF))]
            with serving(*scripts) as server:
                process = subprocess.run(
                    [sys.executable, "-m", "locoia_pat", *arguments],
                    env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL, **variables},
                    capture_output=True,
                    check=False,
                )
            text = process.stdout.decode(encoding, "replace")
            assert process.returncode == 0, (variables, arguments, process.stderr)
            if number == 0:
                assert [row["note"] for row in json.loads(text)["data"]["tokens"]] == notes, variables
            assert number < 2 or TOKEN in text, (variables, arguments)


def waiting_in(pipe: Any) -> int:
    """How many bytes a pipe holds."""
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def test_a_pipe_that_others_made_not_to_block_gets_everything(tmp_path: Path) -> None:
    rows = [created(id=f"r{number}", note="x" * 200) for number in range(2000)]
    with serving(answer(200, rows)) as server, connected() as (ours, theirs):
        theirs.setblocking(False)
        with subprocess.Popen(
            [sys.executable, "-m", "locoia_pat", "run", "list_pats"],
            env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL},
            stdout=theirs.fileno(),
            cwd=tmp_path,
        ) as process:
            theirs.close()
            received = b"".join(iter(lambda: ours.recv(65536), b""))
    assert process.returncode == 0
    assert len(json.loads(received)["data"]["tokens"]) == 2000


def test_two_signals_end_a_command_whose_output_nothing_reads(tmp_path: Path) -> None:
    rows = [created(id=f"r{number}", note="x" * 200) for number in range(2000)]
    with (
        serving(answer(200, rows)) as server,
        subprocess.Popen(
            [sys.executable, "-m", "locoia_pat", "run", "list_pats"],
            env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        ) as process,
    ):
        assert process.stdout is not None
        eventually(lambda: waiting_in(process.stdout) > 60_000)  # the pipe is full
        time.sleep(0.5)  # it has looked for a signal by then
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)  # two at once would count as one
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(20)
    assert (process.returncode, b"nothing reads it" in errors) == (143, True)


@pytest.mark.parametrize("script", ["main(['actions'])", "main(['run', 'list_pats'])"])
def test_a_program_that_calls_the_command_keeps_its_streams(script: str) -> None:
    code = (
        "import sys; from locoia_pat.cli import main\nbefore = sys.stdout\n"
        f"try:\n    {script}\nfinally:\n    assert sys.stdout is before"
    )
    with serving(answer(200, [])) as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL},
            capture_output=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


class Terminal(io.StringIO):
    """A stream, as if it were a terminal."""

    def isatty(self) -> bool:
        return True


def shown(*arguments: str, columns: int) -> str:
    """Return what the command prints on a terminal of that width."""
    os.environ["COLUMNS"] = str(columns)
    terminal = Terminal()
    with redirect_stdout(terminal), pytest.raises(SystemExit):
        main([*arguments])
    return terminal.getvalue()


def test_a_table_fits_the_terminal_unless_it_is_asked_for_in_full() -> None:
    for command in (("scopes",), ("actions",), ("show", "ensure_pat")):
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown(*command, columns=80))
        tables = [line for line in text.splitlines()[3 if command[0] == "show" else 0 :] if "  " in line]
        assert max(map(len, tables)) <= 80, command
    assert "…" not in shown("scopes", columns=80)
    assert "…" in shown("scopes", columns=66)
    assert "…" not in shown("scopes", "--no-trunc", columns=66)
    assert "a whole number of days from 1 to 36500" in shown("show", "ensure_pat", columns=100)
    narrow = shown("scopes", columns=20)  # too narrow for any table: the heads stay whole
    assert "scope" in narrow
    assert "read only" in narrow


def test_a_state_has_its_color_on_a_terminal(tmp_path: Path) -> None:
    with serving(answer(401)) as server:
        os.environ.update({"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": "fake-credential-0123456789abcdef"})
        fleet = tmp_path / "fleet.yaml"
        fleet.write_text("fleet: 1\ntokens: [{name: ci, scopes: [embed], note: CI, to: ['file:a.json']}]\n")
        os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
        assert "\x1b[31mblocked" in shown("fleet", "status", str(fleet), columns=100)


def test_a_path_in_a_table_is_broken_behind_a_slash_and_other_words_between_them(tmp_path: Path) -> None:
    file = tmp_path / "a-folder-of-secrets" / "another-folder" / "billing-ci.json"
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(f"fleet: 1\ntokens: [{{name: ci, scopes: [embed], note: CI, to: ['file:{file}']}}]\n")
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
    with serving(answer(200, [])) as server:
        os.environ.update({"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": "fake-credential-0123456789abcdef"})
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown("fleet", "status", str(fleet), columns=80))
    head, *lines = text.splitlines()
    reason = [line[head.index("reason") :] for line in lines]
    assert max(map(len, lines)) <= 80
    assert "".join(reason).startswith(f"{file.parent}")
    assert reason[0].endswith("/")
    assert reason[-1].split()[-1] == "directory"
    os.environ["COLUMNS"] = "30"
    terminal = Terminal()
    with redirect_stdout(terminal):
        render.print_table(("a", "reason"), [("b", "no /slash\\in " + "x" * 60), ("b", "/" + "y" * 40)])
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines() == [
        "a  reason",
        "b  no /slash\\in",
        *(f"   {'x' * width}" for width in (27, 27, 6)),
        f"b  /{'y' * 26}",
        f"   {'y' * 14}",
    ]


def test_a_table_on_a_terminal_shows_ids_whole_and_nothing_that_is_empty() -> None:
    def printed(head: tuple[str, ...], *rows: tuple[object, ...], columns: int = 40) -> list[str]:
        os.environ["COLUMNS"] = str(columns)
        terminal = Terminal()
        with redirect_stdout(terminal):
            render.print_table(head, rows)
        return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()

    id_ = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    assert printed(("id", "note", "managed"), (id_, "CI", None), columns=60) == [
        f"{'id':36}  note",
        f"{id_}  CI",
    ]
    blocks = printed(("id", "state", "note"), (id_, "blocked", "words that are many"), (id_, "ok", None))
    assert blocks == [
        f"id     {id_[:33]}",
        f"       {id_[33:]}",
        "state  blocked",
        "note   words that are many",
        "",
        f"id     {id_[:33]}",
        f"       {id_[33:]}",
        "state  ok",
        "note   -",
    ]
    assert printed(("a", "b"), (None, None)) == ["a", "-"]
    name = "給与システム"  # each character takes two cells
    assert printed(("key", "state", "b"), (name * 2, "ok", "x" * 40), ("e\u0301", "ok", name * 3), columns=47) == [
        "key               state  b",
        f"給与システム給…   ok     {'x' * 22}",
        f"{' ' * 25}{'x' * 18}",
        "e\u0301                 ok     給与システム給与シ",
        f"{' ' * 25}ステム給与システム",
    ]
    os.environ["COLUMNS"] = "40"
    terminal = Terminal()
    with redirect_stdout(terminal):
        render.print_text("name  some words that are longer than a line", bold="name")
    assert terminal.getvalue() == "\x1b[1mname\x1b[0m  some words that are longer than a\nline\n"


def test_prose_on_a_terminal_is_broken_between_words_and_a_command_to_copy_is_not() -> None:
    os.environ["COLUMNS"] = "30"
    path = f"/a/{'folder/' * 6}file"
    command = f"locoia-pat run create_pat --token-to file:{path}"
    hint = f"Some words about what can be done.\n  indented\nSee {path}."
    error = InvalidError(Problem("validation", "a message that is longer than a line", hint=hint, next=command))
    terminal = Terminal()
    with redirect_stderr(terminal):
        render.say_error(error)
    assert terminal.getvalue() == (
        "\x1b[31merror\x1b[0m: a message that is\nlonger than a line\nSome words about what can be\ndone.\n  indented\n"
        f"See\n{path}.\nTry: {command}\n"
    )


def test_a_failure_in_a_table_is_said_once_on_a_terminal() -> None:
    problem = Problem("forbidden", "no")
    result = Result("list_pats", Outcome.REFUSED, problem=problem)
    for err, quiet, is_printed in (
        (Terminal(), False, False),
        (Terminal(), True, True),
        (io.StringIO(), False, True),
    ):
        out = Terminal()
        with redirect_stdout(out), redirect_stderr(err):
            assert render.print_result(result, table=True, quiet=quiet) == 3
        assert bool(out.getvalue()) is is_printed, (err, quiet)
        assert ("refused" in err.getvalue()) is not quiet


def test_what_is_beside_the_rows_of_a_table_stands_apart_on_a_terminal() -> None:
    criteria = {"only": None, "expiring_within": 14}
    result = Result("audit_pats", Outcome.DONE, data={"findings": [{"id": "1"}], "criteria": criteria, "checked": 2})
    out, err = Terminal(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        render.print_result(result, table=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) == "id\n1\n\n"
    assert err.getvalue() == "criteria: expiring_within=14\nchecked: 2\n"
    empty = Result("audit_pats", Outcome.DONE, data={"findings": [], "criteria": {"only": None}})
    with redirect_stdout(piped := io.StringIO()):
        render.print_result(empty, table=True)
    assert piped.getvalue().split() == ["output", "value", "findings", "-", "criteria", "-"]
