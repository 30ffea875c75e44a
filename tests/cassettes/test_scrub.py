"""Secrets in recorded exchanges become fakes; everything else stays as it was."""

from __future__ import annotations

import base64
import json
import string
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locoia_pat.cassettes.lint import lint
from locoia_pat.cassettes.scrub import Marks, is_placeholder, normal, scrubbed
from locoia_pat.document import write
from locoia_pat.folder import SpecFolder

from tests.safety.kit import action, connector, folder
from tests.safety.test_credentials import forms

OURS = Marks.of(SpecFolder())
TOKEN = "lpat_sbx_Zq8vK3xY7wR5nB2mC4dF6gH8"
ROW = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def exchange(
    body: Any = None,
    answer: Any = None,
    *,
    uri: str = "https://api.example/v1/x",
    headers: dict[str, list[str]] | None = None,
    answered: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """One exchange, as vcrpy hands it to a serializer."""
    return {
        "request": {"method": "POST", "uri": uri, "body": _text(body), "headers": headers or {}},
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": answered or {},
            "body": {"string": _text(answer)},
        },
    }


def _text(body: Any) -> Any:
    return body if isinstance(body, str | None) else json.dumps(body)


def bearer(credential: str) -> dict[str, list[str]]:
    return {"authorization": [f"Bearer {credential}"]}


def kept(*exchanges: dict[str, Any], marks: Marks = OURS) -> str:
    """What would be written of *exchanges*."""
    return json.dumps(scrubbed(exchanges, marks)[0])


SHAPES: dict[str, Any] = {
    "personal_access_token": {"personal_access_token": "glpat-Zq8vK3xY7wR5nB2m"},
    "accessToken": {"accessToken": "Zq8vK3xY7wR5"},
    "plainTextToken": {"plainTextToken": "1|Zq8vK3xY7wR5"},
    "pat.value": {"pat": {"value": "Zq8vK3xY7wR5"}},
    "tokens": {"tokens": ["Zq8vK3xY7wR5"]},
    "data.key": {"data": {"key": "Zq8vK3xY7wR5nB2mC"}},
    "free text": {"message": "send it as Bearer Zq8vK3xY7wR5 in a header"},
    "token": {"token": "Zq8vK3xY7wR5"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("side", ["request", "response"])
def test_a_secret_of_any_shape_becomes_a_fake_and_an_id_stays(shape: Any, side: str) -> None:
    body = {**shape, "id": ROW, "note": "CI"}
    text = kept(exchange(body) if side == "request" else exchange(None, body))
    assert "Zq8vK3xY7wR5" not in text
    assert "fake-secret-0001" in text
    assert ROW in text
    assert "CI" in text


@pytest.mark.parametrize(
    "uri",
    [
        "https://x.example/a?token=Zq8vK3xY7wR5&page=2",
        "https://x.example/a?page=2&api_key=Zq8vK3xY7wR5",
        "https://anna:Zq8vK3xY7wR5@x.example/a?page=2",
    ],
)
def test_a_secret_in_an_address_becomes_a_fake(uri: str) -> None:
    text = kept(exchange(uri=uri))
    assert "Zq8vK3xY7wR5" not in text
    assert "x.example/a" in text
    assert "page=2" in text


def test_the_same_secret_gets_the_same_fake_wherever_it_stands() -> None:
    exchanges = [
        exchange({"note": "a"}, {"id": "1", "token": TOKEN}, headers={"authorization": ["Bearer first-credential-1"]}),
        exchange(
            None, {"you": TOKEN}, uri=f"https://x.example/{TOKEN}", headers={"authorization": [f"Bearer {TOKEN}"]}
        ),
    ]
    first, second = scrubbed(exchanges, OURS)[0]
    fake = json.loads(first["response"]["body"]["string"])["token"]
    assert second["request"]["headers"]["authorization"] == [f"Bearer {fake}"]
    assert second["request"]["uri"].endswith(f"/{fake}")
    assert json.loads(second["response"]["body"]["string"]) == {"you": fake}
    assert first["request"]["headers"]["authorization"] != [f"Bearer {fake}"]
    assert len(fake) >= 16  # as long as a token must be to be one


@pytest.mark.parametrize(
    "header", ["Authorization", "X-Api-Key", "Cookie", "Set-Cookie", "X-Auth-Token", "Proxy-Authorization"]
)
@pytest.mark.parametrize("side", ["headers", "answered"])
def test_what_a_header_holds_is_not_found_in_a_body_either(header: str, side: Any) -> None:
    value = {"Cookie": f"a=1; sid={TOKEN}", "Set-Cookie": f"sid={TOKEN}; Path=/; HttpOnly"}.get(header, TOKEN)
    given_headers: dict[str, Any] = {side: {header: [value]}}
    made = exchange(None, {"echo": f"you are {TOKEN}"}, **given_headers)
    assert TOKEN not in kept(made)


def test_basic_credentials_leave_neither_their_whole_nor_their_parts() -> None:
    encoded = base64.b64encode(b"anna-the-user:s3cret-pass").decode()
    text = kept(
        exchange(None, {"user": "anna-the-user", "x": "s3cret-pass"}, headers={"authorization": [f"Basic {encoded}"]})
    )
    assert not [part for part in (encoded, "s3cret-pass", "anna-the-user") if part in text]


@pytest.mark.parametrize("credential", ["?", "/w==", base64.b64encode(b"a:b").decode()])
def test_a_basic_header_that_holds_no_name_and_password_is_a_secret_as_a_whole(credential: str) -> None:
    (one,), _ = scrubbed([exchange(headers={"authorization": [f"Basic {credential}"]})], OURS)
    assert one["request"]["headers"]["authorization"] == ["Basic fake-secret-0001"]


def test_a_placeholder_in_a_header_and_in_an_address_stays() -> None:
    made = exchange(uri="https://you:xxxx@x.example/", headers={"authorization": ["Bearer fake-credential"]})
    assert scrubbed([made], OURS) == ([made], [])


def test_a_secret_in_the_address_of_an_answer_becomes_a_fake() -> None:
    text = kept(exchange(answered={"Location": [f"https://x.example/a?token={TOKEN}&page=2"]}))
    assert TOKEN not in text
    assert "page=2" in text


def test_headers_are_kept_by_a_list_of_those_allowed() -> None:
    answered = {"Date": ["today"], "Server": ["x"], "X-Request-Id": ["Zq8vK3xY7wR5nB2m"], "ETag": ["y"]}
    (one,), _ = scrubbed([exchange(headers={"Accept": ["*/*"], "X-Trace": ["1"]}, answered=answered)], OURS)
    assert (one["request"]["headers"], one["response"]["headers"]) == ({"Accept": ["*/*"]}, {"Date": ["today"]})
    (one,), _ = scrubbed([exchange(answered=answered)], OURS, ["etag"])
    assert one["response"]["headers"] == {"Date": ["today"], "ETag": ["y"]}


def test_a_body_without_a_secret_stays_as_it_was_to_the_byte() -> None:
    for body in ('{"a":  1, "note": "caf\\u00e9"}', "<p>hello</p>", "", "a=1&b=2", "[1, 2]"):
        (one,), secrets = scrubbed([exchange(body, body)], OURS)
        assert (one["request"]["body"], one["response"]["body"]["string"], secrets) == (body, body, [])


def test_bytes_are_handed_on_for_the_lint_to_refuse() -> None:
    made = exchange()
    made["response"]["body"]["string"] = b"\xff"
    assert scrubbed([made], OURS)[0][0]["response"]["body"]["string"] == b"\xff"


def test_a_form_is_read_by_its_names() -> None:
    text = kept(exchange("user=anna&password=h%C3%BCnter2&x=1"))
    assert "nter2" not in text
    assert "user=anna" in text


def test_a_short_secret_is_replaced_where_it_is_the_whole_text_and_is_not_cut_out_of_others() -> None:
    text = kept(exchange({"password": "admin", "role": "administrator", "login": "admin"}))
    assert '"admin\\"' not in text
    assert "administrator" in text


def test_a_spec_marks_what_no_name_tells(tmp_path: Any) -> None:
    secret = {"title": "X", "type": "password", "required": True}
    spec = action(
        {"plain": secret, "other": secret, "user": {"title": "U", "type": "text", "required": True}},
        {
            "body": {"handle": "{{ plain }}", "user": "{{ user }}"},
            "headers": {"X-Handle": "{{ other }}"},
        },
        reply={"ok": [200], "output": {"made": {"type": "text", "secret": "once", "from": "shape.handy"}}},
    )
    marks = Marks.of(SpecFolder(folder(tmp_path, connector(), spec)))
    assert marks.names == {"handle", "handy", "X-Handle"}
    assert marks.headers == {"authorization", "x-handle"}
    (one,), _ = scrubbed(
        [
            exchange(
                {"handle": "abcdefgh", "user": "anna"}, {"shape": {"handy": "ijklmnop"}}, headers={"X-Handle": ["qrst"]}
            )
        ],
        marks,
    )
    assert "abcdefgh" not in one["request"]["body"]
    assert "ijklmnop" not in one["response"]["body"]["string"]
    assert one["request"]["headers"]["X-Handle"] == ["fake-secret-0001"]


FORMS = {
    "raw": TOKEN,
    "url": quote(TOKEN + "/+", safe=""),
    "base64": base64.b64encode(f"user:{TOKEN}".encode()).decode(),
    "json": json.dumps(TOKEN),
    "first": TOKEN[:12],
    "last": TOKEN[-12:],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_known_secret_is_followed_into_each_of_its_forms(form: str) -> None:
    text = kept(exchange({"token": TOKEN}), exchange(f"it says {form} somewhere"))
    assert [one for one in forms(TOKEN) if one in text] == []


def test_overlapping_secrets_leave_nothing() -> None:
    text = kept(
        exchange({"token": "abcdefghij", "password": "abcdefghijklmnop", "note": "abcdefghijklmnop abcdefghij"})
    )
    assert not [part for part in ("abcdefgh", "klmnop") if part in text]


tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=80).filter(
    lambda text: not is_placeholder(text) and "fake-secret" not in text
)


@given(token=tokens, credential=tokens)
def test_no_token_that_an_api_may_give_is_written_in_any_form(token: str, credential: str) -> None:
    exchanges = [
        exchange({"note": "x"}, {"id": "1", "token": token}, headers=bearer(credential)),
        exchange(f"{token} and {credential}", f"<p>{token}{credential}</p>"),
    ]
    text = kept(*exchanges)
    for secret in (token, credential):
        escaped = json.dumps(secret)[1:-1]
        assert not [form for form in (secret, escaped, quote(secret, safe="")) if form in text]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(string.ascii_lowercase + " ", max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "note", "scopes", "user", "page"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_an_exchange_without_secrets_is_not_changed(body: Any) -> None:
    (one,), secrets = scrubbed([exchange({"b": body}, {"b": body})], OURS)
    assert secrets == []
    assert json.loads(one["request"]["body"]) == {"b": body}


def test_bodies_are_compared_as_values_and_without_their_secrets() -> None:
    assert normal(b'{"a": 1, "token": "fake-secret-0001"}', OURS) == normal('{"token":"whatever1234","a":1}', OURS)
    assert normal('{"a": 1}', OURS) != normal('{"a": 2}', OURS)
    assert normal("a=1", OURS) != normal("a=2", OURS)
    assert normal(None, OURS) == normal("", OURS) == normal(b"", OURS)
    assert normal("password=x1y2z3", OURS) == normal("password=fake-secret-0001", OURS)


def test_what_is_scrubbed_passes_the_lint() -> None:
    made, secrets = scrubbed([exchange(shape, shape) for shape in SHAPES.values()], OURS)
    assert lint(write({"interactions": made}), "x.yaml", OURS, live=secrets) == []
