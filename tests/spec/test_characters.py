"""What cannot be seen is refused, raw and escaped, by the classes of Unicode."""

from __future__ import annotations

import sys
import unicodedata
from html import unescape

import pytest
from pydantic_core import SchemaValidator, ValidationError, core_schema

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.actions.lifecycle.desired import parse_desired
from locoia_pat.authoring.packs.content import check_content
from locoia_pat.characters import describe_character, hidden_character
from locoia_pat.outcomes import SpecError
from locoia_pat.spec.parse import parse_connector, parse_spec
from locoia_pat.stores import open_store, read_credential
from tests.support.loopback import answer, serving
from tests.support.spec_folders import ACME

ACTION = """\
spec: 1
action: put_thing
title: Put thing
summary: SUMMARY
effect: update
request: {method: PUT, path: /things, body: {}}
reply: {ok: [200], output: {}}
"""
HIDDEN = (
    "\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2066", "\u061c", "\ufeff", "\u00ad", "\u2060", "\u180e",
    "\u034f", "\u115f", "\u3164", "\uffa0", "\ufe0f", "\U000e0041", "\U000e0100", "\u2028", "\u2029", "\ue000",
    "\U000f0000", "\u0378", "\x00", "\x1b", "\x7f", "\x85", "\x9b", "\u206a", "\ufff9", "\ufffe", "\U0001d173",
)  # fmt: skip
SEEN = (
    "Caf\u00e9", "\u65e5\u672c\u8a9e", "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "e\u0301",
    "\u2764\ufe0f", "\U0001f469\u200d\U0001f4bb", "\U0001f3f3\ufe0f\u200d\U0001f308", "1\ufe0f\u20e3",
    "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "a\u00a0b", "5 \u20ac", "",
)  # fmt: skip


def test_hidden_characters_are_found_by_their_classes_and_emoji_are_seen() -> None:
    for character in HIDDEN:
        assert hidden_character(f"a{character}b") == character, describe_character(character)
        assert hidden_character(character) == character, describe_character(character)
        assert hidden_character(f"a{character}b", allowed=character) is None
    for text in SEEN:
        assert hidden_character(text) is None, ascii(text)
    assert describe_character("\u202e") == "U+202E RIGHT-TO-LEFT OVERRIDE"
    assert describe_character("\x1b") == "U+001B"


def test_every_default_ignorable_character_of_unicode_is_hidden() -> None:
    ignorable = SchemaValidator(core_schema.str_schema(pattern=r"\p{Default_Ignorable_Code_Point}"))
    classes = ("Cc", "Cf", "Cn", "Co", "Zl", "Zp")
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    hidden = [character for character in characters if hidden_character(character)]
    assert {character for character in characters if unicodedata.category(character) in classes} <= {*hidden}
    for character in hidden:
        if unicodedata.category(character) not in classes:
            ignorable.validate_python(character)  # or it would be hidden without a reason
    with pytest.raises(ValidationError):
        ignorable.validate_python("".join(sorted({*characters} - {*hidden})))


def test_a_spec_with_hidden_characters_is_refused_raw_and_escaped() -> None:
    for character in HIDDEN:
        code = ord(character)
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        for summary in (f"a{character}b", f'"a{escape}b"', f"ab # a{character}b"):
            with pytest.raises(SpecError) as caught:
                parse_spec(ACTION.replace("SUMMARY", summary), "put_thing.yaml")
            assert 1 <= caught.value.findings[0].line <= 6, ascii(summary)
            assert str(caught.value).replace("\n", "").isprintable(), ascii(summary)
        with pytest.raises(SpecError):
            parse_connector(f'{ACME}"a{escape}b": 1\n', "connector.yaml")
    for text in SEEN:
        parse_spec(ACTION.replace("SUMMARY", f"a {text}"), "put_thing.yaml")
    parse_spec("\ufeff" + ACTION.replace("\n", "\r\n"), "put_thing.yaml")


def test_a_pack_with_hidden_characters_is_refused_raw_and_as_an_entity() -> None:
    for character in HIDDEN:
        for text in (f"a{character}b", f"a&#{ord(character)};b", f"a&#x{ord(character):x};b"):
            if character not in unescape(text):
                continue  # HTML has no entity for this one
            with pytest.raises(InvalidError, match="invisible character"):
                check_content({"README.md": text.encode()})
    for text in SEEN:
        check_content({"README.md": text.encode()})
    for recipe in ('a: "x\\u202ey"', '"a\\u200b": x'):
        with pytest.raises(InvalidError, match="invisible character"):
            check_content({"recipes/a.yaml": recipe.encode()})


def test_a_host_that_can_look_like_another_is_refused() -> None:
    for host in ("xn--pple-43d.com", "api.xn--80ak6aa92e.com", "xn--a.example", "\u0430pple.com", "a\u200bpple.com"):
        for before, after in (("https://api.acme.example", f"https://{host}"), ("[api.acme.example]", f"[{host}]")):
            with pytest.raises(SpecError):
                parse_connector(ACME.replace(before, after), "connector.yaml")


def test_references_and_notes_with_hidden_characters_are_invalid_and_nothing_is_sent() -> None:
    with serving(answer(201, {"id": "x", "token": "lpat_x"})) as server:
        with Connector(ConnectorAuth(Secret("fake-credential-0123456789")), base_url=server.url) as connector:
            for character in HIDDEN:
                for ref in (f"file:a{character}.json", f"keyring:a/b{character}", f"env:A{character}"):
                    for read in (open_store, read_credential):
                        with pytest.raises(InvalidError, match="invisible character"):
                            read(ref)
                note = {"note": f"C{character}I"}
                result = connector.run("create_pat", {"expiration": 30, "scopes": ["embed"], **note})
                assert result.outcome is Outcome.INVALID, describe_character(character)
                assert result.problem is not None
                assert result.problem.field == "note"
                with pytest.raises(InvalidError) as caught:
                    parse_desired(name="ci", expiration=30, scopes=["embed"], **note)
                assert caught.value.problem.field == "note"
                with pytest.raises(InvalidError):
                    parse_desired(name=f"c{character}i", expiration=30, scopes=["embed"], note="CI")
        assert server.got == []
    for name in ("c\u0456", "\u0441i", "\uff43i"):  # letters that look like ASCII ones
        with pytest.raises(InvalidError):
            parse_desired(name=name, expiration=30, scopes=["embed"], note="CI")
