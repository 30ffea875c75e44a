"""What may be a secret in a file is found, with its place, and is not repeated."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.secrets.secret import Secret
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames
from tests.support.cells import cell

if TYPE_CHECKING:
    from locoia_pat.outcomes import Finding

CHANCE = "aB3dE5gH7jK9mN1pQ3"


def found(text: str, **more: object) -> list[Finding]:
    return lint(text, "x.yaml", **more)  # type: ignore[arg-type]


LEAKS = {
    "a name": ("a: 1\nb:\n  token: abc-def-ghi", 3, 10, "secret-value"),
    "a list of a name": ("tokens: [abc-def-ghi]", 1, 10, "secret-value"),
    "a header": ("headers:\n  Authorization:\n  - abc-def-ghi", 3, 5, "secret-value"),
    "a cookie": ("headers: {Set-Cookie: [a=b1c2d3e4f5]}", 1, 24, "secret-value"),
    "a value in a pat": ("pat: {value: abc-def-ghi}", 1, 14, "secret-value"),
    "a body of JSON": ("""string: '{"a": {"password": "x"}}'""", 1, 9, "secret-value"),
    "a form": ("body: a=1&password=x", 1, 7, "secret-value"),
    "a query": ("uri: https://x.example/?api_key=abcd1234", 1, 6, "secret-value"),
    "a prefix": ("note: 'it is ghp_abcdefghijkl1'", 1, 7, "secret-form"),
    "a JWT": ("note: eyJhbGciOiJub25l.eyJzdWIiOiIx.c2ln", 1, 7, "secret-form"),
    "a scheme": ("note: use Bearer abc123def456", 1, 7, "secret-form"),
    "a user in an address": ("note: https://anna:hunter2@x.example", 1, 7, "secret-form"),
    "a pair in a text": ("note: 'said token=abc123def'", 1, 7, "secret-form"),
    "chance": (f"note: {CHANCE}", 1, 7, "high-entropy"),
    "chance in a path": (f"uri: https://x.example/{CHANCE}", 1, 6, "high-entropy"),
    "chance as a key": (f"{CHANCE}: 1", 1, 1, "high-entropy"),
    "chance as a key in JSON": (f"""string: '{{"{CHANCE}": 1}}'""", 1, 9, "high-entropy"),
    "a header of HAR": ('{"name": "X-Api-Key", "value": "abc-def-ghi"}', 1, 32, "secret-value"),
    "a form of HAR": ('{"postData": {"text": "client_secret=abc-def&grant_type=x"}}', 1, 23, "secret-value"),
    "a bare token that ends like a form": ("body: q7Zt2mXw9Lk4Pv8Rb3Nc6Yh1Zx=", 1, 7, "high-entropy"),
    "headers in turn": ('{"rawHeaders": ["Date", "x", "X-Auth-Token", "abc-def-ghi"]}', 1, 46, "secret-value"),
    "a cookie in turn": ('{"rawHeaders": ["Set-Cookie", "a=b1c2d3e4f5; Path=/"]}', 1, 31, "secret-value"),
    "a pair": ('{"x": [["X-Auth-Token", "abc-def-ghi"]]}', 1, 25, "secret-value"),
    "a name of AWS": ("- {Name: API_TOKEN, Value: abc-def-ghi}", 1, 28, "secret-value"),
    "an alias": ("a: &x abc-def-ghi\ntoken: *x", 2, 8, "secret-value"),
    "digits in quotes": ("otp: '12345678'", 1, 6, "secret-value"),
    "digits that are no number": ("token: 0x1234567890abcdef", 1, 8, "secret-value"),
    "percent signs": ("note: '%67%68%70%5Fabcdefghijkl1'", 1, 7, "secret-form"),
    "entities": ("note: '&#103;hp_abcdefghijkl1'", 1, 7, "secret-form"),
    "escapes in a text": ("note: 'it is gh\\u0070_abcdefghijkl1'", 1, 7, "secret-form"),
    "base85 of a form": ('note: "aA9+EcW-iJJ#%$!ZDn#TXm4z3WMO#"', 1, 7, "secret-value"),
    "a control character": ('body: "a\\0b"', 1, 7, "not-text"),
    "bytes": ("body: !!binary /w==", 1, 7, "not-text"),
    "no YAML": ("a: [", 1, 1, "not-text"),
}


def test_a_leak_is_found_at_its_place_and_not_repeated() -> None:
    for case, (text, line, column, code) in LEAKS.items():
        with cell(case):
            (finding,) = found(text)
            assert (finding.line, finding.column, finding.code) == (line, column, code)
            for part in (CHANCE, "abc-def", "hunter2", "abc123", "abcd1234", "b1c2d3"):
                assert part not in finding.message


HARMLESS = [
    "id: da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "token_id: aB3dE5gH7jK9mN1pQ3",
    "row_id: aB3dE5gH7jK9mN1pQ3\nuri: https://x.example/rows/aB3dE5gH7jK9mN1pQ3/regenerate",
    "note: 5a1f3c1e-0000-4000-8000-000000000001",
    "date: Wed, 25 Nov 2026 00:03:22 GMT\nexpiration: '2026-12-25T00:03:22Z'\nstamp: 20261225T000322Z",
    "token: fake-secret-0001",
    "Set-Cookie: [sid=REDACTED; path=/; HttpOnly]",
    "authorization: [Bearer fake-secret-0012]",
    "password: ''",
    "password: REDACTED\napi_key: <API_KEY>\nsecret: ${SECRET}\ntoken: xxxxx",
    "tokens: [{id: '1', note: CI, scopes: ['automation:view'], last_used: null}]",
    "token_type: bearer\nexpires_in: 3600\nhas_token: true",
    "uri: https://api.locoia.com/v1/personal-access-tokens?page=2&per_page=100",
    "string: <!doctype html><title>404 Not Found</title>",
    'string: \'{"scopes": ["automation:view", "embed"], "name": "CRM EU"}\'',
    "key: name\nsession: closed",
    "token: null\npassword: true\npin: 12345678\nsecret: ~\napi_key: -1.5",
    '{"token": null, "password": true, "otp": 12345678}',
    "body: token=null&password=false\nscopes: ['read:tokens!user=ann', 'tokens!user=ann']",
    "rawHeaders: [Date, today, Content-Type, token, X-Total, '5']",
    "text: 'see [here](x) for {things}'",
    "interactions: []\nversion: 1",
    "a: &x {b: 1}\nc: *x\n? [d]\n: e",
    "",
]


def test_what_is_harmless_is_no_finding() -> None:
    for text in HARMLESS:
        with cell(text):
            assert found(text) == []


def test_a_name_can_be_called_harmless() -> None:
    assert found(f"cursor_x: {CHANCE}\nother: 1", rules=SecretNames(harmless=frozenset({"cursor_x"}))) == []
    assert len(found(f"other: {CHANCE}", rules=SecretNames(harmless=frozenset({"cursor_x"})))) == 1


def test_the_marks_of_specs_tell_more_names() -> None:
    assert found("handle: abc") == []
    assert [finding.code for finding in found("handle: abc", rules=SecretNames(frozenset({"handle"})))] == [
        "secret-value"
    ]


def test_a_live_secret_is_found_in_any_form() -> None:
    live = [Secret("my own secret/42")]
    for form in ("my own secret/42", "my%20own%20secret%2F42", "bXkgb3duIHNlY3JldC80Mg==", "my own s"):
        assert [one.code for one in found(f"note: {json.dumps(form)}", live=live)][-1:] == ["live-secret"]
    assert found("note: another text", live=live) == []


@given(st.sampled_from([(string.ascii_letters + string.digits, 24), ("0123456789abcdef", 40)]), st.integers(0, 40))
def test_a_text_made_by_chance_is_found_wherever_it_stands(made: tuple[str, int], more: int) -> None:
    signs, least = made
    token = "".join(secrets.choice(signs) for _ in range(least + more))
    assert found(f"note: the text {json.dumps(token)[1:-1]} of chance") != []


@given(st.text(string.ascii_letters + " .,;:()", max_size=60))
def test_words_are_no_finding(text: str) -> None:
    spaced = " ".join(word[:9] for word in text.split())
    assert found(json.dumps({"note": spaced})) == []
