"""Secret, and redaction by its value."""

from __future__ import annotations

import base64
import copy
import json
import math
import pickle
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.secrets.detect import public_affixes
from locoia_pat.secrets.secret import MASK, Secret, credential, is_plausible_token, load_json, redact, redacted
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "pat_Zq8/vK+3=xY7&wR5?nB2"

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=60).filter(
    lambda text: not text.isalpha() and public_affixes(text) == (0, 0)  # their cuts may be words, as tested below
)


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>99}".format, "{!r}".format, "%s".__mod__, "%r".__mod__])
def test_a_secret_shows_neither_its_value_nor_its_length(show: Callable[[object], str]) -> None:
    shown = show(Secret(TOKEN))
    assert shown == show(Secret("x"))
    assert MASK in shown


@pytest.mark.parametrize(
    "leave",
    [
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
        json.dumps,
        hash,
        iter,
        len,
        vars,
        bytes,
        Secret.__getstate__,
        lambda secret: secret[0],
        lambda secret: secret + "x",
        lambda secret: {secret},
    ],
    ids=["copy", "deepcopy", "pickle", "json", "hash", "iter", "len", "vars", "bytes", "state", "item", "add", "set"],
)
def test_only_reveal_returns_the_value(leave: Callable[[Any], object]) -> None:
    secret = Secret(TOKEN)
    with pytest.raises(TypeError) as caught:
        leave(secret)
    assert TOKEN not in str(caught.value)
    assert secret.reveal() == TOKEN


def test_secrets_are_equal_if_their_values_are() -> None:
    assert Secret(TOKEN) == Secret(TOKEN)
    assert Secret(TOKEN) != Secret(TOKEN + "x")
    assert Secret("ü") != Secret("u")


def test_a_secret_is_not_equal_to_its_value_as_a_string() -> None:
    as_object: object = TOKEN
    assert Secret(TOKEN) != as_object


def test_a_plausible_token_is_16_to_4096_visible_ascii_characters() -> None:
    for value, plausible in [
        ("x" * 15, False),
        ("x" * 16, True),
        ("x" * 4096, True),
        ("x" * 4097, False),
        ("!" + "~" * 15, True),
        ("x" * 16 + "\n", False),
        ("x" * 16 + " ", False),
        ("x" * 16 + "\x7f", False),
        ("é" * 16, False),
        ("٣" * 16, False),
        ("", False),
        (None, False),
        (1234567890123456, False),
        (["x" * 16], False),
        (Secret("x" * 16), False),
    ]:
        with cell(value, plausible):
            assert is_plausible_token(value) is plausible


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), (TOKEN, TOKEN), ("y" * 8192, "y" * 8192)],
    ids=["short", "line feed", "windows", "token", "longest"],
)
def test_a_credential_loses_the_line_break_at_its_end(text: str, expected: str) -> None:
    secret = credential(Secret(text))
    assert secret is not None
    assert secret.reveal() == expected


def test_text_that_no_header_can_carry_is_not_a_credential() -> None:
    for text in ["", "\n", " x", "x ", "x y", "x\ny", "x\ty", "ü", "x\x00", "x\x7f", "\ufeffx", "\ud800", "x" * 8193]:
        with cell(text):
            assert credential(Secret(text)) is None


def test_strings_under_secret_keys_are_secrets_at_any_depth() -> None:
    body = {"token": TOKEN, "rows": [{"token": "inner", "id": "1"}], "data": {"deep": {"token": ""}}}
    loaded = load_json(Secret(json.dumps(body)), ["token"])
    assert loaded == {
        "token": Secret(TOKEN),
        "rows": [{"token": Secret("inner"), "id": "1"}],
        "data": {"deep": {"token": Secret("")}},
    }


def test_only_strings_become_secrets() -> None:
    body = {"token": 1, "a": {"token": None}, "b": {"token": [TOKEN]}, "Token": "x"}
    assert load_json(Secret(json.dumps(body)), ["token"]) == body


def test_the_last_of_two_equal_keys_is_secret_too() -> None:
    assert load_json(Secret('{"token": "a", "token": "b"}'), {"token"}) == {"token": Secret("b")}


def test_without_secret_keys_json_is_plain() -> None:
    assert load_json(Secret('{"token": "a"}'), ()) == {"token": "a"}


def test_a_constant_that_json_does_not_have_is_refused() -> None:
    for text in ("NaN", '{"a": Infinity}', "[-Infinity]"):
        with pytest.raises(ValueError, match="not JSON"):
            load_json(Secret(text), [])


@pytest.mark.parametrize(
    "text",
    ["", TOKEN, f'{{"token": "{TOKEN}"', f'"{TOKEN}" x', "[" * 100_000, "9" * 5000, "\ud800", "\ufeff{}"],
    ids=["empty", "plain", "cut", "more", "deep", "long number", "surrogate", "bom"],
)
def test_the_error_for_invalid_json_repeats_no_part_of_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"\Anot JSON\Z") as caught:
        load_json(Secret(text), ["token"])
    assert type(caught.value) is ValueError
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_redact_masks_only_the_secrets() -> None:
    for text, secrets, expected in [
        (f"a {TOKEN} b", [TOKEN], f"a {MASK} b"),
        (f"{TOKEN}{TOKEN}", [TOKEN], MASK + MASK),
        (f"<{TOKEN[:8]}>", [TOKEN], f"<{MASK}>"),
        (f"<{TOKEN[-8:]}>", [TOKEN], f"<{MASK}>"),
        (f"<{TOKEN[:-1]}>", [TOKEN], f"<{MASK}>"),
        (f"<{TOKEN[1:]}>", [TOKEN], f"<{MASK}>"),
        (TOKEN[1:], [TOKEN], MASK),
        (TOKEN[0] + TOKEN[2:], [TOKEN], TOKEN[0] + MASK),
        (f"<{TOKEN[:7]}> <{TOKEN[-7:]}>", [TOKEN], f"<{TOKEN[:7]}> <{TOKEN[-7:]}>"),
        (f"x={quote(TOKEN, safe='')}&y=1", [TOKEN], f"x={MASK}&y=1"),
        ('{"t": "ab\\"cd\\\\efgh"}', ['ab"cd\\efgh'], f'{{"t": "{MASK}"}}'),
        ("abcdefghijkl", ["abcdefgh", "efghijkl"], MASK),
        ("one oneone two", ["oneone", "two"], f"one {MASK} {MASK}"),
        ("pw: pw12!", ["pw12!"], f"pw: {MASK}"),
        ("«secret» stays", ["other-secret-value"], "«secret» stays"),
        ("nothing to hide", [], "nothing to hide"),
        ("nothing to hide", [""], "nothing to hide"),
        ("", [TOKEN], ""),
        ("über püasswörd", ["püasswörd"], f"über {MASK}"),
        ("a" * 100, ["a" * 20], MASK),
        ("\ud800 " + TOKEN, [TOKEN], "\ud800 " + MASK),
    ]:
        with cell(text, secrets, expected):
            assert redact(text, map(Secret, secrets)) == expected


@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Z"]), max_size=7)),
    gap=st.sampled_from([" ", "\n", " \t"]),
    secrets=st.lists(visible, max_size=3),
)
def test_redact_does_not_change_a_text_without_the_secrets(words: list[str], gap: str, secrets: list[str]) -> None:
    text = gap.join(words)  # words of seven: nothing in it is eight characters of a secret
    assert redact(text, map(Secret, secrets)) == text


def _plain_forms(secret: str) -> dict[str, str]:
    return {
        "as it is": secret,
        "json": json.dumps(secret)[1:-1],
        "url": quote(secret, safe=""),
        "form": quote_plus(secret),
    }


@given(secret=visible, data=st.data())
def test_no_form_of_a_secret_survives_redact(secret: str, data: st.DataObject) -> None:
    for name, form in _plain_forms(secret).items():
        cut = data.draw(st.integers(8, len(form)), label=name)
        cuts = (form[:cut], form[-cut:]) if public_affixes(form) == (0, 0) else ()  # else a cut may be a public word
        for part in (form, *cuts):
            redacted = redact(f"\n{part}\n", [Secret(secret)])
            assert redacted.replace(MASK, "") == "\n\n", name
            assert MASK in redacted, name


@given(
    secret=visible,
    before=st.binary(max_size=7),
    behind=st.binary(max_size=5),
    encode=st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_base64_of_a_secret_does_not_survive_redact_at_any_alignment(
    secret: str, before: bytes, behind: bytes, encode: Callable[[bytes], bytes]
) -> None:
    text = encode(before + secret.encode() + behind).decode()
    # Only the characters whose bits are all of the secret.
    own = text[math.ceil(len(before) * 8 / 6) : (len(before) + len(secret)) * 8 // 6]
    redacted = redact(f"Basic {text} ok", [Secret(secret)])
    assert [own[at : at + 8] for at in range(len(own) - 7) if own[at : at + 8] in redacted] == []
    for part in (own[:8], own[-8:], own[1:], own[:-1]):
        assert redact(part, [Secret(secret)]) == MASK
    assert redacted.startswith("Basic ")
    assert redacted.endswith(" ok")


@given(secret=visible, user=st.text(st.characters(codec="ascii", categories=["L", "N"])))
def test_basic_credentials_do_not_survive_redact(secret: str, user: str) -> None:
    text = base64.b64encode(f"{user}:{secret}".encode()).decode()
    redacted = redact(text, [Secret(secret)])
    left = redacted.replace(MASK, "")
    assert len(left) <= len(text) - (len(secret) * 8 // 6 - 1)


@given(secrets=st.lists(visible, min_size=1, max_size=4))
def test_adjacent_secrets_are_all_masked(secrets: list[str]) -> None:
    redacted = redact("".join(secrets), map(Secret, secrets))
    assert set(redacted.split(MASK)) == {""}


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("automation-robot-9XYZ12345678", "automation:view and automation"),
        ("sk_live_Zq8vK3xY7wR5nB2m", "rotate all sk_live_ keys"),
        ("https://hooks.example/T00Zq8vK3xY7wR5", "see https://hooks.example/ and https://docs"),
        ("correcthorsebatterystaple", "it is correct, the horse battery is correcthorse"),
        ("Zq8vK3xY7wR5nB2m-production", "it is in production"),
    ],
)
def test_public_words_at_the_ends_of_a_secret_are_not_masked(secret: str, text: str) -> None:
    assert redact(text, [Secret(secret)]) == text
    assert redact(f"<{secret}>", [Secret(secret)]) == f"<{MASK}>"


def test_a_fragment_that_continues_a_public_prefix_is_masked() -> None:
    assert redact("sk_live_Zq8", [Secret("sk_live_Zq8vK3xY7wR5nB2m")]) == MASK


ODD = 'Zq8vK3x"7wR5n<2mC4d~gH8p'
MORE_FORMS = {
    "jinja": ODD.replace('"', "&#34;").replace("<", "&lt;"),
    "html": ODD.replace('"', "&quot;").replace("<", "&lt;"),
    "json in json": json.dumps(json.dumps(ODD))[3:-3],
    "php": ODD.replace('"', "\\u0022").replace("<", "\\u003C"),
    "java": quote(ODD, safe="").replace("~", "%7E"),
    "twice quoted": quote(quote(ODD, safe=""), safe=""),
    "the end of base64": base64.b64encode(ODD.encode() + b"x").decode()[-8:],
}


@pytest.mark.parametrize("form", MORE_FORMS.values(), ids=MORE_FORMS)
def test_a_secret_is_masked_as_other_programs_write_it(form: str) -> None:
    end = [Secret(ODD + "x")] if len(form) == 8 else [Secret(ODD)]
    assert redact(f"<{form}>", end) == f"<{MASK}>" or set(redact(form, end)) & set("Zq8") == set()


@pytest.mark.parametrize("secret", ["0000000000\\\\", 'abcdefgh1"\\', '"abcdefgh1'])
def test_a_fragment_of_one_form_that_contains_another_form_is_masked_to_its_end(secret: str) -> None:
    for form in _plain_forms(secret).values():
        for size in range(8, len(form) + 1):
            assert redact(f"\n{form[:size]}\n", [Secret(secret)]).replace(MASK, "") == "\n\n"
            assert redact(f"\n{form[-size:]}\n", [Secret(secret)]).replace(MASK, "") == "\n\n"


def test_many_complete_secrets_in_a_text_do_not_mask_the_rest() -> None:
    secret = "Zq8vK3xY7wR5nB2m"
    assert redact(f"a {secret} b " * 150, [Secret(secret)]) == f"a {MASK} b " * 150


def test_secrets_with_unpaired_surrogates_are_compared_and_redacted() -> None:
    secret = Secret("\ud800" * 20)
    assert secret == Secret("\ud800" * 20)
    assert redact("x" + "\ud800" * 20, [secret]) == "x«secret»"


FORMS = {
    "quoted as a path": quote("F#C/h>TVabcdefgh1234"),
    "lower-case percents": quote("F#C/h>TVabcdefgh1234", safe="").replace("%2F", "%2f").replace("%3E", "%3e"),
    "escaped slash": json.dumps("F#C/h>TVabcdefgh1234")[1:-1].replace("/", "\\/"),
    "escaped for HTML": json.dumps("F#C/h>TVabcdefgh1234")[1:-1].replace(">", "\\u003e"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secrets_in_unusual_encodings_are_redacted(form: str) -> None:
    assert "abcdefgh" not in redact(f"it is {form}, is it not", [Secret("F#C/h>TVabcdefgh1234")])


def test_a_short_secret_is_redacted_in_base64() -> None:
    encoded = base64.b64encode(b"anna:pass").decode()
    assert redact(f"Basic {encoded}", [Secret("pass")]) != f"Basic {encoded}"


def test_redaction_of_repetitive_text_takes_linear_time() -> None:
    began = time.monotonic()
    assert set(redact("aB1" * 3_500, [Secret("aB1" * 1365)])) == set("«secret»")
    assert len(redact("a" * 10_000, [Secret("a" * 4096)])) < 2_000  # what is left is too little of one word
    assert time.monotonic() - began < 30  # seconds, where a careless pattern takes hours


def test_the_error_for_nan_in_json_repeats_no_part_of_it() -> None:
    with pytest.raises(ValueError, match=r"^not JSON$") as caught:
        load_json(Secret(f'{{"token": "{TOKEN}", "x": NaN}}'), ["token"])
    assert caught.value.__context__ is None


def test_a_secret_that_is_repeated_in_a_large_structure_is_masked_in_linear_time() -> None:
    value = {"note": f"{TOKEN} " * 40_000, "list": [f"x{n}" for n in range(40_000)] + [TOKEN] * 10_000}
    began = time.process_time()
    masked = redacted(value, [Secret(TOKEN)])
    assert time.process_time() - began < 20  # a copy of the note for each of them took minutes
    assert TOKEN not in json.dumps(masked)
    assert masked["list"][:40_000] == value["list"][:40_000]
    assert redacted([TOKEN] * 1000 + ["x"], [Secret(TOKEN)])[-1] == MASK  # the rest is not looked at


def test_many_rows_are_redacted_as_each_of_them_is() -> None:
    uuid = "8f14e45f-ceea-467f-a9e6-2d1c0c0e1a2b"
    secret = Secret(f"{TOKEN}{uuid}")
    parts: list[Any] = [
        ["usual"],
        [f"x {secret.reveal()}"],
        [*secret.reveal()],
        [*secret.reveal().encode()],
        [float(code) for code in secret.reveal().encode()],
        {"a": secret.reveal()},
        {secret.reveal(): 1},
        uuid,
        "7f14e45f-ceea-467f-a9e6-2d1c0c0e1a2b",
        "2026-05-01T00:00:00Z",
        None,
        5,
    ]
    for tags in parts:
        for name, first in (("name", "a name of a row"), ("id", "a"), (secret.reveal(), "a name of a row")):
            rows: list[Any] = [{name: first, "note": None, "tags": ["usual"]} for _ in range(9)]
            rows.insert(4, {name: first, "note": None, "tags": tags})
            tables: list[list[Any]] = [rows, [*rows, {}], [{}, {}], [*rows, "text"]]
            for table in tables:
                assert redacted(table, [secret]) == [redacted(row, [secret]) for row in table], (tags, name)
    spelled = [{"a": character, "b": "x"} for character in secret.reveal()]
    assert redacted(spelled, [secret]) == spelled  # as before: rows are not joined
    assert (
        redacted([dict(zip("abcdefghijklmnop", TOKEN, strict=False))] * 2, [Secret(TOKEN[:16])])
        == [dict.fromkeys("abcdefghijklmnop", MASK)] * 2
    )
