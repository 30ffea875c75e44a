"""A secret is masked in whatever way it is written, and only the secret is."""

from __future__ import annotations

import base64
import json
import string
import time
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from hypothesis import assume, given
from hypothesis import strategies as st

from locoia_pat.secrets.decoding import decoded
from locoia_pat.secrets.secret import MASK, Secret, redact, redacted
from tests.support.writings import ENCODINGS, POSITIONS, WRAPPINGS

SECRETS = (
    "Zq8vK3xY7wR5nB2mC4dF6gH8pJ9",
    "lpat_sbx_Zq8vK3xY7wR5nB2mC4dF6gH8",
    "a1B/+=&?\"\\Zq8vK3x%Y7w<R5n'B2m",
    "a%41b\\u0041c&amp;dZq8vK3xY7w",
)
_MOST_LEFT = 12
"""Characters of a writing that may be left: where base85 mixes bytes of the secret with others."""

secrets = st.text(string.ascii_letters + string.digits + "._~+/=&%-", min_size=16, max_size=50).map("Zq8{}v3K".format)
"""They begin and end with characters that do not separate others."""


def check(secret: str, encoding: str, wrapping: str, position: str) -> None:
    """Redact a text with *secret* in it, and compare what is left with the text around it."""
    written = ENCODINGS[encoding](secret)
    around = POSITIONS[position](WRAPPINGS[wrapping]("\0"))
    shown = redact(POSITIONS[position](WRAPPINGS[wrapping](written)), [Secret(secret)])
    cell = (secret, encoding, wrapping, position, shown)
    assert written not in shown, cell
    assert shown.count(MASK) >= around.count("\0"), cell
    assert len(shown.replace(MASK, "")) <= len(around.replace("\0", "")) + _MOST_LEFT * around.count("\0"), cell
    before, *_, after = around.split("\0")
    assert shown.startswith(before.rstrip(" \n[\"'=:>")), cell
    assert shown.endswith(after.lstrip(" \n]\"'")), cell


def test_every_writing_is_masked_and_the_text_around_it_stays() -> None:
    wrappings, positions = [*WRAPPINGS], [*POSITIONS]
    for number, encoding in enumerate(ENCODINGS):
        for secret in SECRETS:
            for wrapping in wrappings:
                check(secret, encoding, wrapping, positions[number % len(positions)])
            for position in positions:
                check(secret, encoding, wrappings[number % len(wrappings)], position)


@given(secrets, *map(st.sampled_from, ([*ENCODINGS], [*WRAPPINGS], [*POSITIONS])))
def test_any_secret_is_masked_in_any_writing(secret: str, encoding: str, wrapping: str, position: str) -> None:
    assume(len(set(secret)) > len(secret) // 2)
    around = POSITIONS[position](WRAPPINGS[wrapping](""))
    assume(redact(around, [Secret(secret)]) == around)
    check(secret, encoding, wrapping, position)


def test_a_cut_of_an_escaped_secret_is_masked() -> None:
    secret = SECRETS[0]
    for encoding in ("JSON, every character", "URL, every character", "HTML, decimal", "mail, every character"):
        written = ENCODINGS[encoding](secret)
        size = len(written) // len(secret) * 12
        for part in (written[:size], written[-size:]):
            assert len(redact(f"<{part}>", [Secret(secret)])) <= len(f"<{MASK}>") + len(written) // len(secret), part


def test_characters_and_bytes_in_a_structure_are_masked() -> None:
    secret = SECRETS[0]
    pieces = [secret[at : at + 5] for at in range(0, len(secret), 5)]
    structures: list[tuple[Any, Any]] = [
        ([*secret], [MASK]),
        ([*secret.encode()], [MASK]),
        (pieces, [MASK]),
        (["x", *secret, "y"], [MASK]),
        ({str(at): sign for at, sign in enumerate(secret)}, {str(at): MASK for at in range(len(secret))}),
        ({"a": [1, [*secret]]}, {"a": [1, [MASK]]}),
        ([secret, "other"], [MASK, "other"]),
        ([secret], [MASK]),
    ]
    for value, expected in structures:
        assert redacted(value, [Secret(secret)]) == expected
    for value in ([1, 2, 3], [True, None], ["a", "b"], [], {}, [*range(0x20, 0x7F)], {"id": "Zq8v", "note": "K3xY"}):
        assert redacted(value, [Secret(secret)]) is value


def _jwt(number: int) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": "https://api.example.com", "sub": f"robot-{number}"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, sha256(bytes([number])).hexdigest()])


def test_a_list_of_jwts_keeps_those_that_only_begin_alike() -> None:
    tokens = [_jwt(number) for number in range(12)]
    for at, token in enumerate(tokens):
        others = [MASK if index == at else other for index, other in enumerate(tokens)]
        assert redacted({"rows": tokens}, [Secret(token)]) == {"rows": others}
        assert redact("\n".join(tokens), [Secret(token)]) == "\n".join(others)
    secret = Secret(tokens[0])
    for cut in (tokens[0][:70], tokens[0][:-1], tokens[0][-12:], tokens[0].rpartition(".")[0]):
        assert MASK in redact(f"<{cut}>", [secret]), cut
    assert redact("JWTs begin with eyJhbGciOi", [secret]) == "JWTs begin with eyJhbGciOi"
    assert MASK in redact(tokens[1].rpartition(".")[0] + "." + tokens[0].rpartition(".")[2], [secret])


URLS = {
    "https://hooks.example/services/a1/production": [
        "https://docs.example/",
        "in production",
        "https://hooks.example/",
    ],
    "https://hooks.example/T00Zq8vK3xY7wR5": ["see https://hooks.example/ and https://docs"],
    "https://robot:hunter2@api.example/v1": ["https://api.example/v1", "https://other.example"],
    "https://hooks.example/alpha/beta/production": ["https://", "https://hooks.example/", "a production system"],
    "postgres://app:pw12@db.example:5432/production": ["postgres://", "production", "postgres://other"],
    "https://hooks.example:8443/T00Zq8vK3xY7wR5/messages": ["https://hooks.example:8443/", "no messages"],
}


def test_the_public_parts_of_a_secret_url_are_not_masked() -> None:
    for secret, texts in URLS.items():
        for text in texts:
            for write in (str, json.dumps, lambda text: quote(text, safe=""), lambda text: text.replace("/", "\\/")):
                assert redact(write(text), [Secret(secret)]) == write(text), (secret, text)
        assert redact(f"<{secret}>", [Secret(secret)]) == f"<{MASK}>"
        assert redact(quote(secret, safe=""), [Secret(secret)]) == MASK
        assert MASK in redact(base64.b64encode(secret.encode()).decode(), [Secret(secret)])
        assert MASK in redact(secret[:-3], [Secret(secret)]), secret


def test_words_of_a_secret_are_not_masked_where_they_are_words() -> None:
    secret = Secret("ci-bot-of-the-team")
    for text in ("ci bot of the team", "ci:bot:of:the:team", "the team of the ci bot"):
        assert redact(text, [secret]) == text
    for text in ("c i b o t o f t h e t e a m", "ci-bot-of-the-team", "ci%2Dbot%2Dof%2Dthe%2Dteam"):
        assert MASK in redact(text, [secret])


def test_text_that_is_all_escapes_is_read_in_bounded_time() -> None:
    began = time.monotonic()
    secret = Secret(SECRETS[0])
    for text in (
        "%41" * 300_000,
        "\\" * 500_000,
        "%25" * 300_000,
        "&amp;" * 200_000,
        "\\u0041" * 100_000,
        "0x " * 200_000,
    ):
        assert redact(text, [secret]) == text
    assert time.monotonic() - began < 60  # seconds; far less than one on a machine of its own


def test_encoded_text_is_decoded_if_it_is_readable() -> None:
    text = '{"password": "correct horse"}'
    for encoding in (
        "URL, every character",
        "HTML, decimal",
        "base64",
        "base64 for URLs",
        "hex",
        "base32",
        "base85",
        "Ascii85",
    ):
        assert text in decoded(ENCODINGS[encoding](text)), encoding
    for other in ("", "short", "words with spaces only", "aGk=", "q7Zt2mXw9Lk4Pv8Rb3Nc6Yh1Zx==", "x" * 600_000):
        assert [*decoded(other)] == [], other


def test_a_secret_that_is_not_ascii_is_masked_in_its_escapes() -> None:
    secret = "pässwörd-\U0001f511-Zq8vK3xY7w"
    for written in (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""),
        str(secret.encode())[2:-1],
        "".join(f"&#{ord(sign)};" for sign in secret),
        "".join(f"\\u{{{ord(sign):x}}}" for sign in secret),
        "".join(f"\\U{ord(sign):08x}" for sign in secret),
        base64.b64encode(secret.encode()).decode(),
        json.dumps([*secret], ensure_ascii=False),
    ):
        assert MASK in redact(f"<{written}>", [Secret(secret)]), written
        assert "Zq8" not in redact(written, [Secret(secret)]), written
    for other in ("\\UFFFFFFFF", "%FF%FE", "\\xff", "&nosuchname;", "&#1114112;"):
        assert redact(other, [Secret(secret)]) == other


def test_characters_that_look_like_the_prefix_of_a_byte_are_part_of_a_secret() -> None:
    secret = "Zq8000000000012450xv3K"  # a fake
    assert redact(str(list(secret)), [Secret(secret)]) == f"['{MASK}']"
