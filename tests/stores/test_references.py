"""References of token stores: which store they name, and that no error repeats a token."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locoia_pat import ConnectorAuth
from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import EnvSecrets, Secret
from locoia_pat.stores import canonical_location, open_store, read_token
from locoia_pat.stores.token_text import read_bare_token
from tests.support.cells import cell

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "fake-minted-token-0123456789abcdef"
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)

NOT_REFERENCES = {
    "nothing": ("", "not a valid token store reference"),
    "a bare token": (TOKEN, "not a valid token store reference"),
    "a path": ("/home/me/token.json", "not a valid token store reference"),
    "no scheme": (":place", "not a valid token store reference"),
    "a near scheme": ("fil:t.json", 'unknown kind of token store: "fil"; did you mean file?'),
    "another near scheme": ("envs:NAME", 'unknown kind of token store: "envs"; did you mean env?'),
    "another scheme": ("s3:bucket", 'unknown kind of token store: "s3"'),
    "another case": ("FILE:t.json", 'unknown kind of token store: "FILE"; did you mean file?'),
    "standard input with a place": ("-:x", "not a valid token store reference"),
    "an unknown key": ("file:t.json#newest", 'a token record has no entry "newest"'),
    "an empty key": ("file:t.json#", 'a token record has no entry ""'),
    "a key without a path": ("file:#current", 'a token record has no entry "current"'),
}


def test_a_malformed_reference_is_refused_with_its_field_and_a_hint() -> None:
    for case, (ref, words) in NOT_REFERENCES.items():
        with cell(case):
            with pytest.raises(InvalidError) as opened:
                open_store(ref)
            with pytest.raises(InvalidError) as read:
                read_token(ref, field="auth_token")
            assert (opened.value.problem.field, read.value.problem.field) == ("token_to", "auth_token")
            for problem in (opened.value.problem, read.value.problem):
                assert problem.message == words
                assert problem.hint


def test_a_token_given_instead_of_a_reference_is_not_repeated() -> None:
    for ref in (TOKEN, f"lpat_{TOKEN}", f"{TOKEN}:", f"Bearer {TOKEN}", f"{TOKEN}:{TOKEN}"):
        with pytest.raises(InvalidError) as caught:
            read_token(ref)
        assert TOKEN[:8] not in str(caught.value)


@pytest.mark.parametrize(("ref", "what"), [("env:NAME", "the environment"), ("-", "standard input")])
def test_a_read_only_source_cannot_store_a_token(ref: str, what: str) -> None:
    with pytest.raises(InvalidError) as caught:
        open_store(ref)
    assert caught.value.problem.message == f"{what} is read-only"
    assert (caught.value.problem.field, "file:" in str(caught.value.problem.hint)) == ("token_to", True)


def test_a_path_with_a_number_sign_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "a#b").write_text(TOKEN)
    assert read_token(f"file:{tmp_path}/a#b#current") == Secret(TOKEN)


def test_a_variable_is_read_from_the_given_environment_or_else_that_of_the_process() -> None:
    os.environ["A_TOKEN"] = TOKEN
    assert read_token("env:A_TOKEN") == Secret(TOKEN)
    assert read_token("env:A_TOKEN", environ=EnvSecrets({"A_TOKEN": f"{TOKEN}-2"})) == Secret(f"{TOKEN}-2")
    assert os.environ["A_TOKEN"] == TOKEN


def test_a_variable_that_is_not_set_is_named() -> None:
    os.environ["A_TOKEN"] = TOKEN
    with pytest.raises(InvalidError) as caught:
        read_token("env:A_TOKEN", environ=EnvSecrets({}), field="auth")
    assert (caught.value.problem.field, caught.value.problem.message) == ("auth", 'the variable "A_TOKEN" is not set')


def test_only_one_line_of_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO(f"{TOKEN}\nyes\n")
    monkeypatch.setattr("sys.stdin", lines)
    assert read_token("-") == Secret(TOKEN)
    assert lines.read() == "yes\n"


@given(visible, st.sampled_from(["", "\n", "\r\n", "\n\n"]))
def test_a_credential_is_read_without_the_line_break_at_its_end(token: str, end: str) -> None:
    assume(isinstance(read_bare_token(Secret(token)), Secret))
    assert read_token("-", stdin=lambda: token + end) == Secret(token)
    assert read_token("env:A", environ=EnvSecrets({"A": token + end})) == Secret(token)


NOT_CREDENTIALS = {
    "": "is empty",
    "\n": "is empty",
    " \t\n": "is empty",
    f"Bearer {TOKEN}": "begins with a word such as Bearer, which is added to the token",
    f"authorization: bearer {TOKEN}": "begins with a word such as Bearer, which is added to the token",
    f"Basic {TOKEN}": "begins with a word such as Bearer, which is added to the token",
    f" {TOKEN}": "has a space or another blank at one end",
    f"{TOKEN}\t\n": "has a space or another blank at one end",
    f"{TOKEN}\N{NO-BREAK SPACE}": "has a space or another blank at one end",
    f"{TOKEN} {TOKEN}": "has a space or another blank in it",
    f"{TOKEN}\n{TOKEN}": "has several lines",
    f"{TOKEN}\r{TOKEN}": "has several lines",
    f'"{TOKEN}"': "is in quotes",
    f"'{TOKEN}'\r\n": "is in quotes",
    f"`{TOKEN}`": "is in quotes",
    f"\N{LEFT DOUBLE QUOTATION MARK}{TOKEN}\N{RIGHT DOUBLE QUOTATION MARK}": "is in quotes",
    f'"{TOKEN}': "begins with a quote",
    f"export ACME={TOKEN}": "sets a variable, instead of being its value",
    f"LOCOIA_TOKEN={TOKEN}": "sets a variable, instead of being its value",
    f"API_KEY = {TOKEN}": "sets a variable, instead of being its value",
    f"$env:ACME = {TOKEN}": "sets a variable, instead of being its value",
    f"set ACME={TOKEN}": "sets a variable, instead of being its value",
    "$LOCOIA_TOKEN": "names a variable that nothing has replaced by its value",
    "${LOCOIA_TOKEN}": "names a variable that nothing has replaced by its value",
    "${{ secrets.PAT }}": "names a variable that nothing has replaced by its value",
    "%LOCOIA_TOKEN%": "names a variable that nothing has replaced by its value",
    "<your-token>": "names a variable that nothing has replaced by its value",
    "null": "is JSON",
    f'{{"token": "{TOKEN}"}}': "is JSON",
    f"\ufeff{TOKEN}": "begins with a byte order mark",
    "\0".join(TOKEN): "has NUL characters, as UTF-16 without a byte order mark has",
    f"{TOKEN}\0\0": "has NUL characters, as UTF-16 without a byte order mark has",
    f"{TOKEN}é": "has characters that are not ASCII",
    f"{TOKEN}\udcff": "has characters that are not ASCII",
    f"{TOKEN}\x1b": "has control characters",
    TOKEN * 300: "is too long",
}


def test_text_that_is_not_a_credential_is_refused_with_what_it_is_and_not_repeated(tmp_path: Path) -> None:
    for text, reason in NOT_CREDENTIALS.items():
        (tmp_path / "t").write_bytes(text.encode("utf-8", "surrogateescape"))
        for ref, where in (("env:A", 'the variable "A"'), ("-", "standard input")):
            with pytest.raises(InvalidError) as caught:
                read_token(ref, environ=EnvSecrets({"A": text}), stdin=lambda text=text: text, field="auth")  # type: ignore[misc]  # a lambda with a default
            assert caught.value.problem.message == f"{where} holds no credential: it {reason}", text
            assert caught.value.problem.field == "auth", text
            assert caught.value.problem.hint, text
            assert TOKEN[:8] not in str(caught.value), text
        with pytest.raises(InvalidError) as python:
            ConnectorAuth(Secret(text))
        assert python.value.problem.message == f"invalid credential: it {reason}"
        if text.strip() and not text.isascii() | text.startswith("{"):
            continue
        if reason not in ("is empty", "is JSON"):
            for scheme in ("file", "text"):
                with pytest.raises(InvalidError, match=re.escape(f"on one line: it {reason}")) as caught:
                    read_token(f"{scheme}:{tmp_path}/t")
                assert TOKEN[:8] not in str(caught.value), text


def test_a_token_that_a_program_wrote_with_a_byte_order_mark_or_as_utf_16_is_read(tmp_path: Path) -> None:
    record = json.dumps({"v": 1, "current": {"id": "1", "token": TOKEN}})
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
        for end in ("", "\n", "\r\n"):
            raw = mark + (TOKEN + end).encode(encoding)
            (tmp_path / "t").write_bytes(raw)
            for ref in (f"file:{tmp_path}/t", f"text:{tmp_path}/t", f"command:cat {tmp_path}/t"):
                assert read_token(ref) == Secret(TOKEN), (ref, encoding, end)
            assert open_store(f"text:{tmp_path}/t").probe() is not None
            assert (tmp_path / "t").read_bytes() == (TOKEN + end).encode(), (encoding, end)
            script = "from locoia_pat.stores import read_token; print(read_token('-').reveal())"
            if end == "\r\n":
                done = subprocess.run([sys.executable, "-c", script], input=raw, capture_output=True, check=True)
                assert done.stdout.split() == [TOKEN.encode()], encoding
        (tmp_path / "t").write_bytes(mark + record.encode(encoding))
        assert read_token(f"file:{tmp_path}/t") == Secret(TOKEN), encoding
    (tmp_path / "t").write_bytes(TOKEN.encode("utf-16-le"))
    with pytest.raises(InvalidError, match="UTF-16 without a byte order mark"):
        read_token(f"file:{tmp_path}/t")


def test_a_store_of_the_platform_can_only_be_opened_with_a_connector_to_write_it() -> None:
    with pytest.raises(InvalidError) as caught:
        open_store("connector-auth:7")
    assert caught.value.problem.message == "connector-auth: can only be written, by an action"


def test_references_that_write_to_the_same_location_have_one_canonical_location(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for refs in (
        (f"file:{tmp_path}/t#current", f"text:{tmp_path}/t", f"text:{tmp_path}/link/t"),
        (f"env-file:{tmp_path}/.env#A", f"env-file:{tmp_path}/link/.env#A"),
        ("connector-auth:7", "connector-auth:7#bearer"),
    ):
        assert len({canonical_location(ref) for ref in refs}) == 1, refs
    assert canonical_location(f"env-file:{tmp_path}/.env#A") != canonical_location(f"env-file:{tmp_path}/.env#B")
    assert canonical_location("keyring:a/b#current") == "keyring:a/b#current"
