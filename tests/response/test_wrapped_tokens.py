"""A token that was received is stored, whatever wraps it; what may not be the token is never believed."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.http.body import MAX_MEMBERS, BodyReader
from locoia_pat.http.exchange_types import Response, TransportError
from locoia_pat.http.json_document import parse_document
from tests.support.cells import cell
from tests.support.compiled_actions import classify
from tests.support.loopback import TOKEN, created, send, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = {"expiration": None, "scopes": ["automation:view"], "note": "CI"}
OTHER = "fake-other-token-fedcba9876543210"
JSON = json.dumps(created(note="Größe"), ensure_ascii=False)
BODY = JSON.encode()
Wrapped = tuple[dict[str, str], bytes]


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def encoded(name: str, body: bytes) -> Wrapped:
    return {"Content-Encoding": name}, body


def charset(name: str, codec: str | None = None) -> Wrapped:
    return {"Content-Type": f"application/json; charset={name}"}, JSON.encode(codec or name)


def text(changed: str) -> Wrapped:
    return {}, changed.encode()


def with_member(member: str) -> Wrapped:
    return text(JSON[:-1] + ", " + member + "}")


PLAIN = "its JSON is complete"
READ: dict[str, tuple[Wrapped, str | None]] = {
    "a byte order mark": (({}, b"\xef\xbb\xbf" + BODY), None),
    "two byte order marks and line breaks": (({}, b"\xef\xbb\xbf\xef\xbb\xbf\r\n" + BODY), None),
    "UTF-16 with its mark": (({}, JSON.encode("utf-16")), None),
    "UTF-16 without anything": (({}, JSON.encode("utf-16-le")), None),
    "UTF-16 that is called UTF-8": (charset("utf-8", "utf-16-be"), None),
    "UTF-32": (({}, JSON.encode("utf-32-be")), None),
    "UTF-8 that is called UTF-16": (charset("utf-16", "utf-8"), None),
    "Latin-1": (charset('"ISO-8859-1"', "latin-1"), None),
    "Windows-1252": (charset("windows-1252"), None),
    "EBCDIC": (charset("cp500"), None),
    "UTF-8 that is called EBCDIC": (charset("cp500", "utf-8"), None),
    "a charset that nobody knows": (charset("utf8mb4", "utf-8"), None),
    "a charset that would change ASCII": (charset("unicode_escape", "utf-8"), None),
    "Latin-1 without a word": (({}, JSON.encode("latin-1")), "bytes that are not UTF-8"),
    "NaN where nobody reads it": (with_member('"quota": NaN, "rest": [Infinity, -Infinity]'), None),
    "NaN where it is read": (with_member('"note": NaN'), '"note" is not a text'),
    "a number of many digits": (with_member(f'"n": {"9" * 5000}, "m": -{"9" * 5000}, "k": 3'), None),
    "a line break in a string": (text(JSON.replace("CI", "C\nI")), None),
    "a key twice": (with_member('"note": "last"'), "a key twice"),
    "the token twice": (with_member(f'"token": "{TOKEN}"'), "a key twice"),
    "null, then the token": (text('{"token": null, ' + JSON[1:]), "a key twice"),
    "the token at two levels": (with_member(f'"data": {{"token": "{TOKEN}"}}'), None),
    "an encoding that is a charset": (encoded("UTF-8", BODY), None),
    "an encoding that is a wide charset": (encoded("utf-16", BODY), None),
    "an encoding that is a wider charset": (encoded("utf-32", BODY), None),
    "more commas in a string than values are read": (with_member(f'"rest": "{"," * 250_000}"'), None),
    "the encoding none": (encoded("None", BODY), None),
    "an empty encoding": (encoded("", BODY), None),
    "an unknown encoding of a plain body": (encoded("br", BODY), PLAIN),
    "gzip that is not": (encoded("gzip", BODY), PLAIN),
    "deflate that is not": (encoded("deflate", BODY), PLAIN),
    "x-gzip": (encoded("x-gzip", gzip.compress(BODY)), None),
    "deflate without a header": (encoded("deflate", raw_deflate(BODY)), None),
    "deflate with gzip's header": (encoded("deflate", gzip.compress(BODY)), None),
    "gzip of two members": (encoded("gzip", gzip.compress(BODY[:70]) + gzip.compress(BODY[70:])), None),
    "gzip of many members": (encoded("gzip", b"".join(gzip.compress(bytes([byte])) for byte in BODY)), None),
    "gzip and zeros": (encoded("gzip", gzip.compress(BODY) + bytes(300)), None),
    "gzip and other bytes": (encoded("gzip", gzip.compress(BODY) + b"the end"), PLAIN),
    "gzip without its checksum": (encoded("gzip", gzip.compress(BODY)[:-8]), PLAIN),
    "gzip in deflate": (encoded("gzip, deflate", zlib.compress(gzip.compress(BODY))), None),
    "gzip, a charset and deflate": (encoded("gzip,utf-8 ,deflate", zlib.compress(gzip.compress(BODY))), None),
    "gzip in gzip that is called once": (encoded("gzip", gzip.compress(gzip.compress(BODY))), None),
    "gzip without a word": (({}, gzip.compress(BODY)), None),
    "gzip of UTF-16": (encoded("gzip", gzip.compress(JSON.encode("utf-16"))), None),
    "a guard prefix": (text(")]}',\n" + JSON), None),
    "a guard loop": (text("while (1);" + JSON), None),
    "a guard and a mark": (text("\ufefffor(;;);\ufeff" + JSON), None),
    "zeros behind it": (({}, BODY + b"\0\0\0\r\n"), None),
    "a comma behind the last value": (text(JSON[:-1] + ",\n}"), "a comma after a last value"),
    "JSON in a JSON string": (text(json.dumps(JSON)), "a JSON string"),
    "JSON that is called a page": (({"Content-Type": "text/html"}, BODY), None),
    "no type at all": (({"Content-Type": ""}, BODY), None),
    "less than its length says": (({"Content-Length": str(len(BODY) + 9)}, BODY), PLAIN),
    "more spaces than are read": (({}, BODY + b" " * (9 << 20)), PLAIN),
    "more packed spaces than are read": (encoded("gzip", gzip.compress(BODY + b" " * (9 << 20))), PLAIN),
    "chunks that do not end": (
        ({"Transfer-Encoding": "chunked", "Content-Length": "-"}, b"%x\r\n%b\r\n" % (len(BODY), BODY)),
        PLAIN,
    ),
}

NOT_BELIEVED: dict[str, tuple[Wrapped, str]] = {
    "two tokens under one key": (with_member(f'"token": "{OTHER}"'), 'two different values of "token"'),
    "two tokens at two levels": (with_member(f'"data": {{"token": "{OTHER}"}}'), "two different usable values"),
    "the token, then null": (with_member('"token": null'), "no usable token"),
    "two documents": (text(JSON + JSON.replace(TOKEN, OTHER)), "is not JSON"),
    "the token twice, on two lines": (text(f"{JSON}\n{JSON}"), "is not JSON"),
    "the credential": (text(JSON.replace(TOKEN, CREDENTIAL)), "the credential of this call"),
    "asterisks": (text(JSON.replace(TOKEN, "*" * 32)), "no usable token"),
    "a prefix and asterisks": (text(JSON.replace(TOKEN, "lpat_" + "*" * 12 + "a1b2")), "no usable token"),
    "the ends of a token": (text(JSON.replace(TOKEN, "lpat_0123456789...abcdef")), "no usable token"),
    "a word for a token": (text(JSON.replace(TOKEN, "[REDACTED_SECRET]")), "no usable token"),
    "a bracket behind it": (text(JSON + " }"), "is not JSON"),
    "a word before it": (text("OK " + JSON), "is not JSON"),
    "two commas": (text(JSON[:-1] + ",,}"), "is not JSON"),
    "a broken guard": (text(")]}'," + JSON[:-1]), "is not JSON"),
    "JSON in a string, cut": (text(json.dumps(JSON[:-1])), "no object"),
    "UTF-7": (charset("utf-7"), "a charset that cannot be read with certainty"),
    "UTF-16 with a byte too few": (({}, JSON.encode("utf-16")[:-1]), "is not JSON"),
    "an encoding that we cannot undo": (encoded("br", b"\x8b\x02\x80" + BODY), "not asked for"),
    "an encoding of Python's": (encoded("base64", b"e30="), "not asked for"),
    "gzip that is damaged": (encoded("gzip", gzip.compress(BODY)[:40] + bytes(60)), "cannot be decompressed"),
    "deflate that is damaged": (encoded("deflate", raw_deflate(BODY)[:-30]), "cannot be decompressed"),
    "gzip of too many members": (encoded("gzip", gzip.compress(b" ") * (MAX_MEMBERS + 1)), "compressed members"),
    "a token that is cut": (({"Content-Length": str(len(BODY) + 9)}, BODY[:90]), "RemoteProtocolError"),
    "an empty gzip": (encoded("gzip", b""), "is not JSON"),
    "too many values": (text(f'{{"token": "{TOKEN}", "n": [{"1," * 200_000}1]}}'), "more than 200000 values"),
    "lists in lists": (text(f'{{"token": "{TOKEN}", "n": {"[" * 150_000}'), "nested too deeply"),
    "text that takes too much memory": (text(JSON[:-1] + " " * 5_000_000 + "\U0001f511"), "16777216 bytes as text"),
    "nothing but a number": (text("9" * 5000), "no object"),
}


def raw(headers: dict[str, str], body: bytes) -> bytes:
    lines = {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value != "-")
    return f"HTTP/1.1 201 Created\r\n{head}\r\n".encode() + body


def test_a_token_is_stored_whatever_wraps_it(tmp_path: Path) -> None:
    for number, (name, (wrapped, warning)) in enumerate(READ.items()):
        with cell(name), serving(send(raw(*wrapped))) as server:
            file = tmp_path / f"{number}.json"
            with Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url, timeout=20) as api:
                result = api.run("create_pat", CREATE, token_to=[f"file:{file}"])
            assert result.outcome is Outcome.DONE, result.problem
            assert json.loads(file.read_text())["current"]["token"] == TOKEN
            assert any(warning in one for one in result.warnings) if warning else result.warnings == ()
            assert len(server.got) == 1


def test_what_may_not_be_the_token_is_unknown_and_nothing_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "token.json"
    for name, (wrapped, reason) in NOT_BELIEVED.items():
        with cell(name), serving(send(raw(*wrapped))) as server:
            with Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url, timeout=20) as api:
                result = api.run("create_pat", CREATE, token_to=[f"file:{file}"])
            assert result.outcome is Outcome.UNKNOWN
            assert result.problem is not None
            assert reason in result.problem.message
            assert result.problem.next == "locoia-pat run list_pats"
            assert not file.exists()
            assert len(server.got) == 1
            shown = json.dumps(result.to_dict())
            assert not any(secret in shown for secret in (TOKEN, OTHER, CREDENTIAL))


def test_a_charset_that_is_named_is_believed_for_every_other_text() -> None:
    for codec, note in (("latin-1", "Müller"), ("shift_jis", "東京"), ("koi8-r", "Москва"), ("utf-16", "東京")):
        with cell(codec):
            wrapped = (
                {"Content-Type": f"text/json; charset={codec}"},
                json.dumps([{"id": note}], ensure_ascii=False).encode(codec),
            )
            with (
                serving(send(raw(*wrapped).replace(b"201 Created", b"200 OK"))) as server,
                Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url) as api,
            ):
                result = api.run("list_pats")
            assert (result.data or {})["tokens"][0]["id"] == note


def test_a_list_whose_end_may_be_missing_is_not_read() -> None:
    for name, wrapped in {
        "less than its length": ({"Content-Length": "999"}, b"[]"),
        "bytes behind it": encoded("gzip", gzip.compress(b"[]") + b"["),
    }.items():
        with (
            cell(name),
            serving(send(raw(*wrapped).replace(b"201 Created", b"200 OK"))) as server,
            Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url) as api,
        ):
            assert api.run("list_pats").outcome is Outcome.NOT_DONE


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=200).filter(
    lambda token: "***" not in token and "..." not in token and any(map(str.isdigit, token))
)
OTHERS = st.dictionaries(TEXTS.filter(lambda key: key != "token"), TEXTS | st.integers() | st.none(), max_size=6)
CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
}
LABELS = ["", "none", "identity", "UTF-8", "iso-8859-1", "binary"]


@settings(max_examples=150)
@given(data=st.data(), token=TOKENS, others=OTHERS)
def test_any_token_is_read_in_any_charset_and_any_encodings(data: st.DataObject, token: str, others: Any) -> None:
    before, after = data.draw(st.sampled_from(["", "\ufeff", "\n", ")]}'\n", "for(;;);"])), data.draw(TEXTS)
    document = before + json.dumps({**others, "token": token}, ensure_ascii=data.draw(st.booleans()))
    codec = data.draw(st.sampled_from(CODECS))
    body = document.encode(codec)
    names: list[str] = []
    for name in data.draw(st.lists(st.sampled_from([*ENCODERS, *LABELS]), max_size=4)):
        names.append(name)
        if name in ENCODERS:
            cut = data.draw(st.integers(0, len(body))) if "gzip" in name else 0
            parts = [part for part in (body[:cut], body[cut:]) if part]
            body = b"".join(map(ENCODERS[name], parts))
    headers = [(b"Content-Encoding", ", ".join(names).encode())] if names else []
    if data.draw(st.booleans()):
        headers.append((b"Content-Type", f"application/json; charset={codec}".encode()))
    reader = BodyReader("POST", 201, headers)
    at = 0
    while at < len(body):
        size = data.draw(st.integers(1, len(body)))
        assert reader.feed(body[at : at + size])
        at += size
    response = reader.result()
    assert isinstance(response, Response), after
    sealed = parse_document(response.text, ["token"]).value
    assert sealed["token"] == Secret(token)
    assert {key: value for key, value in sealed.items() if key != "token"} == others
    assert (response.warnings, parse_document(response.text).warnings) == ((), ())
    assert classify({"token": {"type": "text", "secret": "once"}}, response.text.reveal()).outcome is Outcome.DONE


@settings(max_examples=300)
@given(body=st.binary(max_size=300), name=st.sampled_from([*ENCODERS, *LABELS, "br", "gzip, gzip"]))
def test_any_bytes_end_as_a_response_or_an_error(body: bytes, name: str) -> None:
    for start in (b"", b"\x1f\x8b\x08\x00", b"\x78\x9c", b'{"token": "'):
        reader = BodyReader("POST", 201, [(b"content-encoding", name.encode())])
        reader.feed(start + body)
        response = reader.result()
        assert isinstance(response, TransportError) or classify(None, response.text.reveal()).outcome in Outcome
