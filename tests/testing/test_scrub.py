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

from locoia_pat.secrets.secret import Secret, redact
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.yaml import dump
from locoia_pat.testing.lint import lint
from locoia_pat.testing.scrub import comparable_body, scrub
from locoia_pat.testing.secret_names import SecretNames, is_placeholder
from tests.security.test_credentials import forms
from tests.support.spec_folders import action, connector, folder
from tests.support.writings import ENCODINGS

OURS = SecretNames.from_specs(SpecFolder())
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


def kept(*exchanges: dict[str, Any], rules: SecretNames = OURS) -> str:
    """What would be written of *exchanges*."""
    return json.dumps(scrub(exchanges, rules)[0])


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
    first, second = scrub(exchanges, OURS)[0]
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
    (one,), _ = scrub([exchange(headers={"authorization": [f"Basic {credential}"]})], OURS)
    assert one["request"]["headers"]["authorization"] == ["Basic fake-secret-0001"]


def test_a_placeholder_in_a_header_and_in_an_address_stays() -> None:
    made = exchange(uri="https://you:xxxx@x.example/", headers={"authorization": ["Bearer fake-credential"]})
    assert scrub([made], OURS) == ([made], [])


def test_a_secret_in_the_address_of_an_answer_becomes_a_fake() -> None:
    text = kept(exchange(answered={"Location": [f"https://x.example/a?token={TOKEN}&page=2"]}))
    assert TOKEN not in text
    assert "page=2" in text


def test_headers_are_kept_by_a_list_of_those_allowed() -> None:
    answered = {"Date": ["today"], "Server": ["x"], "X-Request-Id": ["Zq8vK3xY7wR5nB2m"], "ETag": ["y"]}
    (one,), _ = scrub([exchange(headers={"Accept": ["*/*"], "X-Trace": ["1"]}, answered=answered)], OURS)
    assert (one["request"]["headers"], one["response"]["headers"]) == ({"Accept": ["*/*"]}, {"Date": ["today"]})
    (one,), _ = scrub([exchange(answered=answered)], OURS, ["etag"])
    assert one["response"]["headers"] == {"Date": ["today"], "ETag": ["y"]}


def test_a_body_without_a_secret_stays_as_it_was_to_the_byte() -> None:
    for body in ('{"a":  1, "note": "caf\\u00e9"}', "<p>hello</p>", "", "a=1&b=2", "[1, 2]"):
        (one,), secrets = scrub([exchange(body, body)], OURS)
        assert (one["request"]["body"], one["response"]["body"]["string"], secrets) == (body, body, [])


def test_bytes_are_handed_on_for_the_lint_to_refuse() -> None:
    made = exchange()
    made["response"]["body"]["string"] = b"\xff"
    assert scrub([made], OURS)[0][0]["response"]["body"]["string"] == b"\xff"


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
    rules = SecretNames.from_specs(SpecFolder(folder(tmp_path, connector(), spec)))
    assert rules.names == {"handle", "handy", "shape.handy", "X-Handle"}, "a key may have a dot itself"
    assert rules.headers == {"authorization", "x-handle"}
    (one,), _ = scrub(
        [
            exchange(
                {"handle": "abcdefgh", "user": "anna"}, {"shape": {"handy": "ijklmnop"}}, headers={"X-Handle": ["qrst"]}
            )
        ],
        rules,
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
    (one,), secrets = scrub([exchange({"b": body}, {"b": body})], OURS)
    assert secrets == []
    assert json.loads(one["request"]["body"]) == {"b": body}


def test_bodies_are_compared_as_values_and_without_their_secrets() -> None:
    assert comparable_body(b'{"a": 1, "token": "fake-secret-0001"}', OURS) == comparable_body(
        '{"token":"whatever1234","a":1}', OURS
    )
    assert comparable_body('{"a": 1}', OURS) != comparable_body('{"a": 2}', OURS)
    assert comparable_body("a=1", OURS) != comparable_body("a=2", OURS)
    assert comparable_body('{"a": 1', OURS) != comparable_body('{"a": 2', OURS)
    assert comparable_body(None, OURS) == comparable_body("", OURS) == comparable_body(b"", OURS)
    assert comparable_body("password=x1y2z3", OURS) == comparable_body("password=fake-secret-0001", OURS)


def test_what_is_scrubbed_passes_the_lint() -> None:
    made, secrets = scrub([exchange(shape, shape) for shape in SHAPES.values()], OURS)
    assert lint(dump({"interactions": made}), "x.yaml", OURS, live=secrets) == []


ID = "5a1f3c1e-1b2c-4d3e-8f90-a1b2c3d4e5f6"
WORDS = "correcthorsebatterystaple"
HIDDEN = {
    "a key that stands there twice": exchange(None, f'{{"token":"{TOKEN}","token":null}}'),
    "an element": exchange(None, f"<token>{ID}</token>"),
    "a field of a page": exchange(None, f'<input name="csrf_token" value="{ID}">'),
    "a part of a multipart body": exchange(f'--x\r\nX: form-data; name="password"\r\n\r\n{WORDS}\r\n--x--'),
    "a name and a value": exchange(None, {"name": "API_TOKEN", "value": ID}),
    "whatever secrets hold": exchange(None, {"secrets": {"prod": ID}}),
    "JSON in JSON": exchange(None, {"x": json.dumps({"y": json.dumps({"token": WORDS})})}),
    "a connection string": exchange(None, f"Server=x;Password={WORDS};"),
    "a password like a placeholder": exchange({"password": "test-server-admin"}),
    "a credential like a placeholder": exchange(headers=bearer("test-server-admin")),
    "words without a sign": exchange(None, {"accesstoken": WORDS, "PGPASSWORD": WORDS, "db_pass": WORDS}),
    "ids that let in": exchange(None, {"session_id": ID, "secret_id": ID}),
    "an address in an answer": exchange(None, {"next": f"https://x.example/a?api_key={WORDS}&page=2"}),
    "a link": exchange(answered={"Link": [f"<https://x.example/a?access_token={ID}>; rel=next"]}),
    "a fragment": exchange(answered={"Location": [f"https://x.example/cb#access_token={ID}"]}),
    "a header of many parts": exchange(headers={"authorization": [f'Token token="{TOKEN}", email="a@b.example"']}),
    "beside a mask": exchange(None, {"token": TOKEN, "note": f"a «secret» of {TOKEN}"}),
    "a key in PEM": exchange(None, {"data": f"-----BEGIN PRIVATE KEY-----\n{TOKEN}\n-----END PRIVATE KEY-----"}),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_secret_is_found_wherever_it_hides(name: str) -> None:
    made, secrets = scrub([HIDDEN[name]], OURS)
    text = json.dumps(made)
    assert secrets != []
    assert not [secret for secret in (TOKEN, ID, WORDS, "test-server-admin") if secret in text]
    assert lint(text, "x.json", OURS, live=secrets) == []


HARMLESS: list[Any] = [
    {"error": {"code": "payment_intent_failed"}, "payment_method": "card", "payment_id": "1"},
    {"sid": "SM87dcf0a1b2c3d4e5f60718293a4b5c6d", "account_sid": "AC2f"},
    {"Key": "reports/2026/november/summary.csv"},
    {"token_endpoint": "https://a.example/oauth/token", "password_policy": "strong", "token_version": "2"},
    {"price": 1.10, "big": 1e300, "next_page": None, "cookie_domain": "x.example"},
]


@pytest.mark.parametrize("body", HARMLESS, ids=str)
def test_what_is_harmless_is_not_touched_and_is_no_finding(body: Any) -> None:
    made = [exchange(body, body)]
    assert scrub(made, OURS) == (made, [])
    assert lint(json.dumps(made), "x.json", OURS, live=[]) == []


def test_a_name_that_is_called_harmless_is_not_touched() -> None:
    made = [exchange({"token": "page-2-of-7"})]
    assert scrub(made, SecretNames(harmless=frozenset({"token"}))) == (made, [])


def test_numbers_keep_their_digits_beside_a_secret() -> None:
    (one,), _ = scrub([exchange(f'{{"token": "{TOKEN}", "price": 1.10, "n": 1E400}}')], OURS)
    assert one["request"]["body"] == '{"token": "fake-secret-0001", "price": 1.10, "n": 1E400}'


def test_a_short_secret_of_an_address_is_a_whole_value() -> None:
    made, secrets = scrub([exchange(None, {"n": "1234567 123456"}, uri="https://x.example/?otp=123456&page=1")], OURS)
    assert made[0]["request"]["uri"] == "https://x.example/?otp=fake-secret-0001&page=1"
    assert made[0]["response"]["body"]["string"] == '{"n": "1234567 123456"}'
    assert lint(json.dumps(made), "x.json", OURS, live=secrets) == []


@pytest.mark.parametrize("text", ["[" * 900, '{"a": "\\ud83d"}', "http://[::1", "=&=", "?=", '{"a":'])
def test_odd_bodies_and_addresses_are_read_without_harm(text: str) -> None:
    made = exchange(text, text, uri=text, answered={"Location": [text]})
    assert scrub([made], OURS) == ([made], [])
    assert isinstance(lint(json.dumps([made]), "x.json", OURS), list)


def test_bodies_of_other_types_are_other_bodies() -> None:
    assert len({comparable_body(f'{{"a":{value}}}', OURS) for value in ("1", "true", "1.0", '"1"', "null")}) == 5


MARKED = SecretNames(frozenset({"handle"}))
HANDLE = "correct-horse-9"
_DOCUMENT = json.dumps({"handle": HANDLE})
WRITTEN = {
    "a key twice": f'{{"handle": "{HANDLE}", "handle": null}}',
    "JSON lines": f'{{"a": 1}}\n{_DOCUMENT}\n',
    "a byte order mark": f"\ufeff{_DOCUMENT}",
    "a guard prefix": f")]}}',\n{_DOCUMENT}",
    "a loop before it": f"while(1);{_DOCUMENT}",
    "an object before it": f"{{}}&& {_DOCUMENT}",
    "a call around it": f"callback({_DOCUMENT});",
    "server-sent events": f"data: {_DOCUMENT}\n\n",
    "a nested object": f'{{"handle": {{"v": "{HANDLE}", "id": "1"}}}}',
    "a list": f'{{"handle": ["{HANDLE}"]}}',
    "200 levels": '{"a":' * 200 + _DOCUMENT + "}" * 200,
    "escapes of every character": _DOCUMENT.replace(HANDLE, "".join(f"\\u{ord(sign):04x}" for sign in HANDLE)),
    "an escaped key": _DOCUMENT.replace("handle", "\\u0068andle"),
    "a line break in a string": f'{{"handle": "{HANDLE}\n"}}',
    "JSON in JSON in JSON": json.dumps({"x": json.dumps({"y": _DOCUMENT})}),
    "a string of JSON": json.dumps(_DOCUMENT),
    "an element": f"<handle>{HANDLE}</handle>",
    "a form": f"a=1&handle={HANDLE}",
    "percent signs for every character": "a=1&handle=" + "".join(f"%{ord(sign):02X}" for sign in HANDLE),
    "JSON in a form": "payload=" + quote(_DOCUMENT),
    "a part of a multipart body": f'--x\r\nX: form-data; name="handle"\r\n\r\n{HANDLE}\r\n--x--',
    "pairs": json.dumps({"x": [["handle", HANDLE], ["a", "b"]]}),
    "a name and a value": json.dumps({"x": [{"Key": "handle", "Value": HANDLE}]}),
    "names and values in turn": json.dumps({"rawHeaders": ["date", "x", "handle", HANDLE]}),
    "a line of text": f"handle: {HANDLE}",
    "a script": f"var x = {{handle: '{HANDLE}'}}",
}
REFUSED = {
    "JSON that was cut": _DOCUMENT[:-1],
    "a comma too many": _DOCUMENT[:-1] + ",}",
    "JSON with more behind it": _DOCUMENT + " and more",
    "a log line": f"[info] handle {HANDLE}",
    "a NUL at the end": _DOCUMENT + "\0",
    "UTF-16 taken for UTF-8": _DOCUMENT.encode("utf-16-le").decode(),
    "base64": base64.b64encode(_DOCUMENT.encode()).decode(),
    "base64 for addresses, without its end": base64.urlsafe_b64encode(_DOCUMENT.encode()).decode().rstrip("="),
    "base32": base64.b32encode(_DOCUMENT.encode()).decode(),
    "base85": base64.b85encode(_DOCUMENT.encode()).decode(),
    "Ascii85": base64.a85encode(_DOCUMENT.encode()).decode(),
    "hexadecimal digits": _DOCUMENT.encode().hex(),
    "a bare token in base64": "q7Zt2mXw9Lk4Pv8Rb3Nc6Yh1Zx==",
    "a bare token with a sign of equality": "q7Zt2mXw9Lk4Pv8R=b3Nc6Yh1Zx",
    "a token before a query": "mine=q7Zt2mXw9Lk4Pv8Rb3Nc6Yh1Zx see https://x.example/?a=1",
}


def test_a_marked_name_counts_in_whatever_the_engine_would_read() -> None:
    for name, text in WRITTEN.items():
        scrubbed, secrets = scrub([exchange(text, text)], MARKED)
        file = dump({"interactions": scrubbed})
        assert HANDLE not in file, name
        assert "fake-secret-" in file, name
        assert lint(file, "x.yaml", MARKED, live=secrets) == [], name
        assert lint(file, "x.yaml", MARKED) == [], name
        assert lint(json.dumps([exchange(text)]), "x.json", MARKED) != [], name


def test_what_cannot_be_scrubbed_is_a_finding() -> None:
    for name, text in REFUSED.items():
        scrubbed, secrets = scrub([exchange(None, text)], MARKED)
        assert lint(json.dumps(scrubbed), "x.json", MARKED, live=secrets) != [], name


def test_each_of_many_tokens_that_begin_alike_has_its_own_fake() -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    same = base64.urlsafe_b64encode(b'{"iss":"https://api.example","sub":"robot"}').decode().rstrip("=")
    tokens = [f"{head}.{same}.Zq8vK3xY7wR5nB2mC4dF6gH{number}" for number in range(12)]
    (one,), secrets = scrub([exchange(None, {"tokens": tokens})], OURS)
    fakes = json.loads(one["response"]["body"]["string"])["tokens"]
    assert fakes == [f"fake-secret-{number:04}" for number in range(1, 13)]
    assert lint(json.dumps(one), "x.json", OURS, live=secrets) == []


def test_the_recorder_and_the_lint_agree_about_fakes_and_masks() -> None:
    for text in (
        "fake-secret-0001",
        "fake-secret-12345",
        "fake-credential",
        "xxxx",
        "****",
        "«secret»",
        "[REDACTED]",
    ):
        made = [exchange({"token": text}, {"message": f"Bearer {text}"}, headers=bearer(text))]
        assert scrub(made, OURS) == (made, []), text
        assert lint(json.dumps(made), "x.json", OURS, live=[]) == [], text
    for text in (
        "fake-Zq8vK3xY7wR5",
        "FAKE",
        "test-admin",
        "my-password",
        "<hunter2>",
        "{hunter2}",
        "dummy",
        "$SECRET",
    ):
        made = [exchange({"token": text})]
        scrubbed, secrets = scrub(made, OURS)
        assert lint(json.dumps(made), "x.json", OURS, live=[]) != [], text
        assert lint(json.dumps(scrubbed), "x.json", OURS, live=secrets) == [], text


_NAMES = ["token", "note", "id", "handle", "password", "data", "x-api-key", "url", "message", "value", "rows"]
_SECRET = "Zq8vK3xY7wR5nB2mC4dF6gH8pJ9"
_values = st.recursive(
    st.sampled_from([_SECRET, "fake-secret-0001", "«secret»", "xxxx", "a note", "", "12345678", ROW, "test-admin"])
    | st.sampled_from([write(_SECRET) for write in ENCODINGS.values()])
    | st.none()
    | st.booleans()
    | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3),
    max_leaves=6,
)
_bodies = _values.map(json.dumps) | st.tuples(st.sampled_from(_NAMES), st.sampled_from([*ENCODINGS])).flatmap(
    lambda pair: st.sampled_from(
        [
            f"{pair[0]}={ENCODINGS[pair[1]](_SECRET)}&a=1",
            f"<{pair[0]}>{ENCODINGS[pair[1]](_SECRET)}</{pair[0]}>",
            f"{pair[0]}: {ENCODINGS[pair[1]](_SECRET)}",
            ENCODINGS[pair[1]](_SECRET),
            ")]}'\n" + json.dumps({pair[0]: ENCODINGS[pair[1]](_SECRET)}),
        ]
    )
)


@given(body=_bodies, reply=_bodies, sends=st.booleans())
def test_what_is_written_passes_the_lint_and_what_the_lint_flags_is_not_written(
    body: str, reply: str, *, sends: bool
) -> None:
    made = [exchange(body, reply, headers=bearer(_SECRET) if sends else None)]
    scrubbed, secrets = scrub(made, MARKED)
    text = json.dumps({"interactions": scrubbed})
    is_written = lint(text, "x.json", MARKED, live=secrets) == []
    if is_written:
        assert lint(text, "x.json", MARKED) == []
        assert scrub(scrubbed, MARKED)[0] == scrubbed  # a written cassette is not changed by another recording
        if sends:
            assert redact(text, [Secret(_SECRET)]) == text
    if lint(text, "x.json", MARKED):
        assert not is_written


def test_a_secret_of_eight_characters_is_cut_out_of_other_text_and_a_shorter_one_is_not() -> None:
    for secret, is_cut_out in (("Abcd1234", True), ("Abcd123", False)):
        (one,), _ = scrub([exchange({"password": secret, "note": f"it is {secret} now"})], OURS)
        assert (secret in one["request"]["body"]) is not is_cut_out
