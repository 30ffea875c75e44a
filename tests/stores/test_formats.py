"""``text:`` and ``env-file:``: the bare token, and one variable of a file."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import open_store, read_token
from locoia_pat.stores.formats import JsonField
from locoia_pat.stores.record import Record
from tests.support.store_child import API, TOKEN, entry

if TYPE_CHECKING:
    from pathlib import Path

NEW = entry(1).token.reveal()


# text:


def test_a_text_file_holds_the_bare_token_and_is_readable_only_by_its_owner(tmp_path: Path) -> None:
    store = open_store(f"text:{tmp_path}/t")
    assert store.probe() is None
    assert list(tmp_path.iterdir()) == []
    store.store(entry(1), api=API)
    assert (tmp_path / "t").read_text() == f"{NEW}\n"
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600
    assert (store.ref, store.readback) == (f"text:{tmp_path}/t", "token")
    assert read_token(store.ref) == entry(1).token
    store.store(entry(2), api=API)
    assert read_token(store.ref) == entry(2).token
    assert store.probe() is not None
    assert store.remove()
    assert not store.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ['{"v": 1}', "two words", f"{TOKEN}\n{TOKEN}\n", '["x"]'])
def test_a_text_file_with_other_content_is_refused_and_unchanged(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(InvalidError, match="does not hold a single token on one line"):
        open_store(f"text:{tmp_path}/t").probe()
    assert (tmp_path / "t").read_text() == text


def test_an_empty_record_empties_a_text_file(tmp_path: Path) -> None:
    store = open_store(f"text:{tmp_path}/t")
    store.store(entry(1), api=API)
    store.write_record(Record())
    assert (tmp_path / "t").read_text() == ""
    assert store.record() == Record()


# env-file:

FILES = {
    "a new file": (None, f"CI_TOKEN={NEW}\n"),
    "an empty file": ("", f"CI_TOKEN={NEW}\n"),
    "another variable": ("A=1\n", f"A=1\nCI_TOKEN={NEW}\n"),
    "no line break at the end": ("A=1", f"A=1\nCI_TOKEN={NEW}\n"),
    "in the middle": ("# hi\nA=1\nCI_TOKEN=old\nB='2 3'\n", f"# hi\nA=1\nCI_TOKEN={NEW}\nB='2 3'\n"),
    "an export": ("export CI_TOKEN='old'\n", f"export CI_TOKEN={NEW}\n"),
    "spaces": ("  CI_TOKEN = old  \nA=1\n", f"  CI_TOKEN={NEW}\nA=1\n"),
    "an empty value": ("CI_TOKEN=\n", f"CI_TOKEN={NEW}\n"),
    "no line break after it": ("CI_TOKEN=old", f"CI_TOKEN={NEW}"),
    "carriage returns": ("A=1\r\nCI_TOKEN=old\r\nB=2\r\n", f"A=1\r\nCI_TOKEN={NEW}\nB=2\r\n"),
    "names that look alike": ("CI_TOKEN_2=x\nMY_CI_TOKEN=y\n#CI_TOKEN=z\n",
                              f"CI_TOKEN_2=x\nMY_CI_TOKEN=y\n#CI_TOKEN=z\nCI_TOKEN={NEW}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), FILES.values(), ids=FILES)
def test_only_the_line_of_the_variable_changes(tmp_path: Path, before: str | None, after: str) -> None:
    path = tmp_path / ".env"
    if before is not None:
        path.write_bytes(before.encode())
    store = open_store(f"env-file:{path}#CI_TOKEN")
    store.probe()
    assert (path.read_bytes().decode() if path.exists() else None) == before
    store.store(entry(1), api=API)
    assert path.read_bytes().decode() == after
    assert read_token(store.ref) == entry(1).token
    assert store.ref == f"env-file:{path}#CI_TOKEN"


def test_removing_a_variable_empties_it_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    store = open_store(f"env-file:{path}#CI_TOKEN")
    assert not store.remove()
    store.store(entry(1), api=API)
    assert store.remove()
    assert path.read_text() == "A=1\nCI_TOKEN=\n"
    with pytest.raises(InvalidError, match="holds no current token"):
        store.read()
    store.write_record(Record())
    assert path.read_text() == "A=1\nCI_TOKEN=\n"


AMBIGUOUS = {
    "twice": ("CI_TOKEN=a\nCI_TOKEN=b\n", "more than once"),
    "a comment after it": ("CI_TOKEN=abc # old\n", "programs read differently"),
    "a dollar": ("CI_TOKEN=a$b\n", "programs read differently"),
    "a dollar in quotes": ('CI_TOKEN="a$b"\n', "programs read differently"),
    "a backslash": ("CI_TOKEN='a\\b'\n", "programs read differently"),
    "an open quote": ("CI_TOKEN='ab\n", "programs read differently"),
    "a variable in quotes": ("CI_TOKEN='a${b}'\n", "programs read differently"),
    "a tilde": ("CI_TOKEN=~old\n", "programs read differently"),
    "spaces in quotes": ("CI_TOKEN='a b'\n", "is not a token"),
}


@pytest.mark.parametrize(("text", "words"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_variable_is_refused_and_unchanged(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    for work in (open_store(f"env-file:{path}#CI_TOKEN").probe, lambda: read_token(f"env-file:{path}#CI_TOKEN")):
        with pytest.raises(InvalidError, match=words):
            work()
    assert path.read_text() == text


@pytest.mark.parametrize("place", ["x", "x#", "#X", "x#1X", "x#A B", "x#A-B"])
def test_a_reference_needs_a_path_and_the_name_of_a_variable(place: str) -> None:
    with pytest.raises(InvalidError, match="env-file:PATH#NAME"):
        open_store(f"env-file:{place}")


def test_a_variable_that_is_empty_in_quotes_holds_no_token_and_can_be_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A=1\nexport T=""\n')
    store = open_store(f"env-file:{tmp_path}/.env#T")
    assert store.probe() is None
    store.store(entry(1), api=API)
    assert (tmp_path / ".env").read_text() == f"A=1\nexport T={NEW}\n"


def test_a_comment_after_the_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("T=  # filled by the platform\n")
    with pytest.raises(InvalidError, match="with no comment after it"):
        open_store(f"env-file:{tmp_path}/.env#T").probe()


def test_a_number_that_cannot_be_written_again_is_refused_before_a_token_is_minted() -> None:
    with pytest.raises(ValueError, match="a number in it is too large"):
        JsonField("A").parse(Secret('{"port": 1e400}'))
