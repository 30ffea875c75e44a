"""The token record: what is written can be read, and nothing else is accepted as one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import TokenEntry
from locoia_pat.stores.record import Record, parse
from locoia_pat.stores.token_text import read_bare_token
from tests.support.cells import cell

TOKEN = "fake-minted-token-0123456789abcdef"

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=80).map(Secret)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts.filter("token".__ne__), inner, max_size=3),
    max_leaves=8,
)
entries = st.builds(TokenEntry, tokens, st.dictionaries(texts.filter("token".__ne__), plain, max_size=4))
some = st.none() | entries
records = st.builds(Record, st.none() | texts, st.none() | texts, some, some, some)


@given(records)
def test_a_record_written_and_read_again_is_equal(record: Record) -> None:
    assert parse(record.to_text()) == record


@given(records, entries, texts, st.booleans())
def test_promotion_changes_only_current_api_and_previous(
    record: Record, entry: TokenEntry, api: str, same: bool
) -> None:
    replaced_id = record.current.id if same and record.current else "another row"
    promoted = record.promote(entry, api=api, replaced_id=replaced_id)
    assert (promoted.api, promoted.current) == (api, entry)
    assert (promoted.name, promoted.pending) == (record.name, record.pending)
    replaced = record.current is None or (replaced_id is not None and record.current.id == replaced_id)
    assert promoted.previous == (record.previous if replaced else record.current)


@given(records)
def test_a_record_shows_no_token(record: Record) -> None:
    shown = f"{record!r} {record} {record.to_text()!r} {record.to_text()}"
    tokens = [entry.token for entry in (record.current, record.previous, record.pending) if entry is not None]
    assert shown.count("Secret(«secret»)") == len(tokens) * 2 + 1


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7A), min_size=1), st.sampled_from(["", "\n", "\r\n"]))
def test_a_bare_line_is_a_current_token(token: str, end: str) -> None:
    assume(isinstance(read_bare_token(Secret(token)), Secret))  # not in quotes, for example
    assert parse(Secret(token + end)) == Record(current=TokenEntry(Secret(token)))


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t "])
def test_an_empty_text_is_an_empty_record(text: str) -> None:
    assert parse(Secret(text)) == Record()


NOT_RECORDS = {
    "two lines": (f"{TOKEN}\n{TOKEN}\n", "neither"),
    "spaces": (f"Bearer {TOKEN}", "neither"),
    "an assignment with spaces": (f"token = {TOKEN}", "neither"),
    "not ASCII": (f"{TOKEN}é", "neither"),
    "too long": ("x" * 8193, "neither"),
    "truncated JSON": (json.dumps({"v": 1, "current": {"token": TOKEN}})[:-1], "neither"),
    "too deep": ("[" * 100_000, "neither"),
    "a list of records": (json.dumps([{"v": 1, "current": {"token": TOKEN}}]), "neither"),
    "no version": (json.dumps({"current": {"token": TOKEN}}), "not a token record of version 1"),
    "version 2": (json.dumps({"v": 2, "current": {"token": TOKEN}}), "not a token record of version 1"),
    "version as text": (json.dumps({"v": "1", "current": {"token": TOKEN}}), "not a token record of version 1"),
    "entry as text": (json.dumps({"v": 1, "previous": TOKEN}), "an entry of it"),
    "entry as list": (json.dumps({"v": 1, "pending": [TOKEN]}), "an entry of it"),
    "entry as number": (json.dumps({"v": 1, "current": 0}), "an entry of it"),
    "no token": (json.dumps({"v": 1, "current": {"id": TOKEN}}), "an entry of it"),
    "token as number": (json.dumps({"v": 1, "current": {"token": 1234567890123456}}), "an entry of it"),
    "token null": (json.dumps({"v": 1, "current": {"token": None}}), "an entry of it"),
}


def test_text_that_is_not_a_record_is_refused_by_an_error_that_repeats_no_part_of_it() -> None:
    for case, (text, words) in NOT_RECORDS.items():
        with cell(case):
            with pytest.raises(ValueError, match=words) as caught:
                parse(Secret(text))
            assert TOKEN[:8] not in str(caught.value)
            assert caught.value.__context__ is None
            assert caught.value.__cause__ is None


def test_the_metadata_of_an_entry_is_kept() -> None:
    text = json.dumps({"v": 1, "name": "ci", "current": {"id": "7", "token": TOKEN, "yours": {"team": ["a"]}}})
    record = parse(Secret(text))
    assert record.name == "ci"
    assert record.current == TokenEntry(Secret(TOKEN), {"id": "7", "yours": {"team": ["a"]}})
    assert record.current is not None
    assert record.current.id == "7"
