"""``command:``: a program that gets a token or prints one."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import command as command_module
from locoia_pat.stores import open_store, read_credential, read_token
from locoia_pat.stores.record import Record
from tests.support.cells import cell
from tests.support.store_child import API, TOKEN, entry
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

NEW = entry(1).token.reveal()


def program(folder: Path, text: str) -> str:
    """Return the reference of a Python program."""
    path = folder / "program.py"
    path.write_text(text)
    return "command:" + json.dumps([sys.executable, str(path), str(folder / "out")])


TAKES = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def test_a_command_gets_the_token_on_its_standard_input_and_is_not_run_by_the_probe(tmp_path: Path) -> None:
    store = open_store(program(tmp_path, TAKES))
    assert store.probe() is None
    assert not (tmp_path / "out").exists()
    assert store.store(entry(1), api=API) == ()
    assert (tmp_path / "out").read_text() == f"{NEW}\n"
    assert (store.readback, store.record(), store.remove()) == ("nothing", Record(), False)
    (warning,) = store.write_record(Record())
    assert "no longer works" in warning
    assert store.write_record(Record(current=entry(2))) == ()
    assert (tmp_path / "out").read_text() == f"{NEW}\n{entry(2).token.reveal()}\n"


def test_a_credential_is_read_from_the_output_of_a_command(tmp_path: Path) -> None:
    assert read_credential(program(tmp_path, f"print('{TOKEN}')")).token == Secret(TOKEN)
    argv = [sys.executable, "-c", f"print('{TOKEN}')"]
    assert read_token(f"command:{shlex.join(argv)}") == Secret(TOKEN)


FAILING = {
    "an exit code": ("import sys; sys.exit(3)", "exited with 3"),
    "a message": ("import sys; print('a', file=sys.stderr); sys.exit('no such vault')", "exited with 1: no such vault"),
    "two lines": ("print('a'); print('b')", "printed no token"),
    "nothing": ("", "printed no token"),
}


@pytest.mark.parametrize(("text", "words"), FAILING.values(), ids=FAILING)
def test_a_command_that_prints_no_token_is_invalid(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        read_token(program(tmp_path, text))


def test_a_token_in_the_message_of_a_failing_command_is_masked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="exited with 1: refused «secret»") as caught:
        open_store(program(tmp_path, "import sys; sys.exit('refused ' + sys.stdin.read())")).store(entry(1), api=API)
    assert NEW not in str(caught.value)


def test_a_command_is_killed_after_the_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "TIMEOUT", 0.5)
    with pytest.raises(OSError, match="did not end"):
        open_store(program(tmp_path, "import time; time.sleep(60)")).store(entry(1), api=API)


def ended(pipe: int) -> bool:
    """Return whether no process holds the other end of *pipe* open."""
    try:
        return os.read(pipe, 100) == b""
    except BlockingIOError:
        return False


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has process groups")
def test_a_command_is_killed_with_the_processes_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "TIMEOUT", 1.5)
    os.mkfifo(tmp_path / "alive")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    began = time.monotonic()
    with pytest.raises(OSError, match="did not end"):
        open_store(f"command:sh -c '(echo started; exec sleep 60) >{tmp_path}/alive & wait'").store(entry(1), api=API)
    assert time.monotonic() - began < 30
    assert os.read(alive, 100) == b"started\n"
    eventually(lambda: ended(alive))
    os.close(alive)


def test_a_malformed_command_is_refused() -> None:
    for place in ["", " ", "'", "[", "[1]", "[]", '["a\\u0000"]', '[""]', "a 'b"]:
        with cell(place), pytest.raises(InvalidError):
            open_store(f"command:{place}")


def test_a_missing_program_is_found_by_the_probe() -> None:
    with pytest.raises(InvalidError, match="command not found") as caught:
        open_store("command:no-such-program-here x").probe()
    assert caught.value.problem.field == "token_to"
    with pytest.raises(InvalidError, match="could not be run: no such file"):
        read_token("command:no-such-program-here x")
