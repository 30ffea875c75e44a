"""``text:``, ``env-file:`` and ``command:``: the token as other programs read it, or as they take it."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import command as command_module
from locoia_pat.stores import open_store, read_credential, read_token
from locoia_pat.stores.formats import EnvVariable
from locoia_pat.stores.record import Record
from tests.support.store_child import API, TOKEN, entry
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

NEW = entry(1).token.reveal()


# text:


def test_a_text_file_holds_the_bare_token_and_is_its_owners_alone(tmp_path: Path) -> None:
    place = open_store(f"text:{tmp_path}/t")
    assert place.probe() is None
    assert list(tmp_path.iterdir()) == []
    place.store(entry(1), api=API)
    assert (tmp_path / "t").read_text() == f"{NEW}\n"
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600
    assert (place.ref, place.readback) == (f"text:{tmp_path}/t", "token")
    assert read_token(place.ref) == entry(1).token
    place.store(entry(2), api=API)
    assert read_token(place.ref) == entry(2).token
    assert place.probe() is not None
    assert place.remove()
    assert not place.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ['{"v": 1}', "two words", f"{TOKEN}\n{TOKEN}\n", '["x"]'])
def test_a_text_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(InvalidError, match="does not hold a single token on one line"):
        open_store(f"text:{tmp_path}/t").probe()
    assert (tmp_path / "t").read_text() == text


def test_an_empty_record_empties_a_text_file(tmp_path: Path) -> None:
    place = open_store(f"text:{tmp_path}/t")
    place.store(entry(1), api=API)
    place.write_record(Record())
    assert (tmp_path / "t").read_text() == ""
    assert place.record() == Record()


# env-file:

FILES = {
    "a new file": (None, f"CI_TOKEN={NEW}\n"),
    "an empty file": ("", f"CI_TOKEN={NEW}\n"),
    "another variable": ("A=1\n", f"A=1\nCI_TOKEN={NEW}\n"),
    "no line break at the end": ("A=1", f"A=1\nCI_TOKEN={NEW}\n"),
    "in the middle": ("# hi\nA=1\nCI_TOKEN=old\nB='2 3'\n", f"# hi\nA=1\nCI_TOKEN={NEW}\nB='2 3'\n"),
    "an export": ("export CI_TOKEN='old'\n", f"export CI_TOKEN={NEW}\n"),
    "spaces": ("  CI_TOKEN = old  \nA=1\n", f"  CI_TOKEN = {NEW}\nA=1\n"),
    "an empty value": ("CI_TOKEN=\n", f"CI_TOKEN={NEW}\n"),
    "no line break after it": ("CI_TOKEN=old", f"CI_TOKEN={NEW}"),
    "carriage returns": ("A=1\r\nCI_TOKEN=old\r\nB=2\r\n", f"A=1\r\nCI_TOKEN={NEW}\r\nB=2\r\n"),
    "names that look alike": ("CI_TOKEN_2=x\nMY_CI_TOKEN=y\n#CI_TOKEN=z\n",
                              f"CI_TOKEN_2=x\nMY_CI_TOKEN=y\n#CI_TOKEN=z\nCI_TOKEN={NEW}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), FILES.values(), ids=FILES)
def test_one_variable_of_a_file_changes_and_every_other_line_stays(
    tmp_path: Path, before: str | None, after: str
) -> None:
    path = tmp_path / ".env"
    if before is not None:
        path.write_bytes(before.encode())
    place = open_store(f"env-file:{path}#CI_TOKEN")
    place.probe()
    assert (path.read_bytes().decode() if path.exists() else None) == before
    place.store(entry(1), api=API)
    assert path.read_bytes().decode() == after
    assert read_token(place.ref) == entry(1).token
    assert place.ref == f"env-file:{path}#CI_TOKEN"


def test_a_variable_that_is_removed_is_emptied_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    place = open_store(f"env-file:{path}#CI_TOKEN")
    assert not place.remove()
    place.store(entry(1), api=API)
    assert place.remove()
    assert path.read_text() == "A=1\nCI_TOKEN=\n"
    with pytest.raises(InvalidError, match="holds no current token"):
        place.read()
    place.write_record(Record())
    assert path.read_text() == "A=1\nCI_TOKEN=\n"


UNCLEAR = {
    "twice": ("CI_TOKEN=a\nCI_TOKEN=b\n", "more than once"),
    "a comment behind it": ("CI_TOKEN=abc # old\n", "programs read differently"),
    "a dollar": ("CI_TOKEN=a$b\n", "programs read differently"),
    "a dollar in quotes": ('CI_TOKEN="a$b"\n', "programs read differently"),
    "a backslash": ("CI_TOKEN='a\\b'\n", "programs read differently"),
    "an open quote": ("CI_TOKEN='ab\n", "programs read differently"),
    "spaces in quotes": ("CI_TOKEN='a b'\n", "is not a token"),
}


@pytest.mark.parametrize(("text", "words"), UNCLEAR.values(), ids=UNCLEAR)
def test_a_variable_that_cannot_be_read_for_sure_is_refused_and_left_alone(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    for work in (open_store(f"env-file:{path}#CI_TOKEN").probe, lambda: read_token(f"env-file:{path}#CI_TOKEN")):
        with pytest.raises(InvalidError, match=words):
            work()
    assert path.read_text() == text


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=60))
def test_every_token_that_can_be_written_as_a_variable_is_read_again(token: str) -> None:
    form = EnvVariable("CI_TOKEN")
    try:
        text = form.format(Record(current=entry(1).__class__(Secret(token))), None)
    except ValueError:
        assert "'" in token or "\\" in token
        return
    read = form.parse(text).current
    assert read is not None
    assert read.token == Secret(token)


def test_a_shell_reads_the_variable_as_it_was_meant(tmp_path: Path) -> None:
    token = 'fake-"token"$HOME;`x`&|<>()*?!#0123'
    place = open_store(f"env-file:{tmp_path}/.env#CI_TOKEN")
    place.store(entry(1).__class__(Secret(token)), api=API)
    script = f'. {shlex.quote(str(tmp_path))}/.env; printf %s "$CI_TOKEN"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == token


def test_a_token_that_no_two_readers_would_take_alike_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read differently"):
        open_store(f"env-file:{tmp_path}/.env#X").store(entry(1).__class__(Secret("fake-'token'-0123456789")), api=API)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["x", "x#", "#X", "x#1X", "x#A B", "x#A-B"])
def test_a_variable_of_a_file_needs_both(place: str) -> None:
    with pytest.raises(InvalidError, match="env-file:PATH#NAME"):
        open_store(f"env-file:{place}")


# command:


def program(folder: Path, text: str) -> str:
    """A REF of a Python program."""
    path = folder / "program.py"
    path.write_text(text)
    return "command:" + json.dumps([sys.executable, str(path), str(folder / "out")])


def test_a_variable_that_is_empty_in_quotes_holds_no_token_and_takes_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A=1\nexport T=""\n')
    place = open_store(f"env-file:{tmp_path}/.env#T")
    assert place.probe() is None
    place.store(entry(1), api=API)
    assert (tmp_path / ".env").read_text() == f"A=1\nexport T={NEW}\n"


def test_a_comment_behind_a_token_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("T=  # filled by the platform\n")
    with pytest.raises(InvalidError, match="with no comment after it"):
        open_store(f"env-file:{tmp_path}/.env#T").probe()


def test_a_new_variable_ends_its_line_as_the_file_does(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\r\nB=2")
    open_store(f"env-file:{tmp_path}/.env#T").store(entry(1), api=API)
    assert (tmp_path / ".env").read_bytes() == f"A=1\r\nB=2\r\nT={NEW}\r\n".encode()


TAKES = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


def test_a_command_gets_the_token_on_its_standard_input_and_is_never_run_to_try_it(tmp_path: Path) -> None:
    place = open_store(program(tmp_path, TAKES))
    assert place.probe() is None
    assert not (tmp_path / "out").exists()
    assert place.store(entry(1), api=API) == ()
    assert (tmp_path / "out").read_text() == f"{NEW}\n"
    assert (place.readback, place.record(), place.remove()) == ("nothing", Record(), False)
    (warning,) = place.write_record(Record())
    assert "no longer works" in warning
    assert place.write_record(Record(current=entry(2))) == ()
    assert (tmp_path / "out").read_text() == f"{NEW}\n{entry(2).token.reveal()}\n"


def test_a_command_prints_a_credential(tmp_path: Path) -> None:
    assert read_credential(program(tmp_path, f"print('{TOKEN}')")).token == Secret(TOKEN)
    words = [sys.executable, "-c", f"print('{TOKEN}')"]
    assert read_token(f"command:{shlex.join(words)}") == Secret(TOKEN)


FAILING = {
    "an exit code": ("import sys; sys.exit(3)", "exited with 3"),
    "words": ("import sys; print('a', file=sys.stderr); sys.exit('no such vault')", "exited with 1: no such vault"),
    "two lines": ("print('a'); print('b')", "printed no token"),
    "nothing": ("", "printed no token"),
}


@pytest.mark.parametrize(("text", "words"), FAILING.values(), ids=FAILING)
def test_a_command_that_prints_no_token_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        read_token(program(tmp_path, text))


def test_what_a_failing_command_says_shows_no_token(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="exited with 1: refused «secret»") as caught:
        open_store(program(tmp_path, "import sys; sys.exit('refused ' + sys.stdin.read())")).store(entry(1), api=API)
    assert NEW not in str(caught.value)


def test_a_command_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "TIMEOUT", 0.5)
    with pytest.raises(OSError, match="did not end"):
        open_store(program(tmp_path, "import time; time.sleep(60)")).store(entry(1), api=API)


def ended(pipe: int) -> bool:
    """Whether no process holds the other end of *pipe*."""
    try:
        return os.read(pipe, 100) == b""
    except BlockingIOError:
        return False


@pytest.mark.skipif(os.name != "posix", reason="processes have groups there alone")
def test_a_command_that_does_not_end_takes_what_it_started_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize("place", ["", " ", "'", "[", "[1]", "[]", '["a\\u0000"]', '[""]', "a 'b"])
def test_what_is_no_command_is_refused(place: str) -> None:
    with pytest.raises(InvalidError):
        open_store(f"command:{place}")


def test_a_program_that_is_not_there_is_told_before_anything_is_sent() -> None:
    with pytest.raises(InvalidError, match="command not found"):
        open_store("command:no-such-program-here x").probe()
    with pytest.raises(InvalidError, match="could not be run: no such file"):
        read_token("command:no-such-program-here x")
