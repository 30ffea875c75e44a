"""An input is a value and nothing else: it is refused before anything is sent, or it arrives as one decoded part.

No attempt changes the number of requests, of path segments, of query parts, of headers or of keys, and none leads the
credential to another host.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Result, Secret, SpecError
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.cells import cell
from tests.support.loopback import Server, answer, created, serving
from tests.support.spec_folders import TOKEN, action, connector, folder, pairs, query, segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

V: dict[str, Any] = {"v": {"title": "V", "type": "text", "required": True}}
READ: dict[str, Any] = {"effect": "read"}
ROWS: dict[str, Any] = READ | {
    "reply": {"ok": [200], "at": ["$", "rows"], "rows": "rows", "output": {"id": {"type": "number"}}}
}
GET: dict[str, Any] = {"method": "GET", "path": "/rows", "query": {"a": "1"}}

ACTIONS = [
    action(V, {"method": "GET", "path": "/a/{{ v }}/b", "query": {"q": "1"}}, action="path", **READ),
    action(V, {"method": "GET", "path": "/a/x{{ v }}y", "query": {"q": "1"}}, action="part", **READ),
    action(V, {"method": "GET", "query": {"a": "1", "v": "{{ v }}", "b": "2"}}, action="query", **READ),
    action(V, {"headers": {"X-A": "1", "X-V": "{{ v }}", "X-B": "2"}}, action="header"),
    action(V, {"headers": {"X-A": "1", "X-V": "x {{ v }} y", "X-B": "2"}}, action="line"),
    action(V, {"body": {"role": "user", "v": "{{ v }}", "list": ["{{ v }}"], "end": True}}, action="body"),
    action(V, {"body": {"role": "user", "v": "x {{ v }} y", "list": ["{{ v ~ '' }}"], "end": True}}, action="text"),
    action(V, {"form": {"role": "user", "v": "{{ v }}", "end": "1"}}, action="form"),
    action({}, GET, action="links", pages={"by": "link"}, **ROWS),
    action({}, GET, action="body_link", pages={"by": "link", "at": "next"}, **ROWS),
    action({}, GET, action="cursors", pages={"by": "cursor", "query": "c", "at": "next"}, **ROWS),
    action({}, {"method": "GET"}, action="read", **READ),
    action({}, {"method": "PUT"}, action="put", effect="update"),
    action({}, {"body": {}}, action="plain"),
]

SHELL = [
    "$(id)",
    "`id`",
    "${ACME_TOKEN}",
    "$ACME_TOKEN",
    "; id",
    "' ; id ; '",
    '" ; id ; "',
    "| id",
    "&& id",
    "@/etc/passwd",
]
FORMATS = ["{token}", "{0}", "{v.__class__}", "%s", "%(token)s", "%n%n%n", "{}", "{{}}", "{!r}", "$token", "#{token}"]
JINJA = [
    "{{ 7*7 }}",
    "{{ token }}",
    "{{ v }}",
    "{{ self }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ config.items() }}",
    "{% raw %}",
    "{% raw %}{{ 7*7 }}{% endraw %}",
    "{% for x in v %}x{% endfor %}",
    "{# gone #}",
    "{{",
    "}}",
    "{% include 'connector.yaml' %}",
    "{{ v|jsonify }}",
    "\x00{{ v }}",
]
REFS = [
    "env:ACME_TOKEN",
    "env:LOCOIA_TOKEN",
    "file:/etc/passwd",
    "file:///etc/passwd",
    "-",
    "keyring:acme",
    "!secret token",
]
BREAKS = [
    "a\r\nX-Evil: 1",
    "a\nX-Evil: 1",
    "a\rX-Evil: 1",
    "a\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n",
    "a\n",
]
SEPARATORS = ["a\u2028b", "a\u2029b", "a\u0085b", "a\x0bb", "a\x0cb", "a\tb", "a\x1bb", "a\x7fb"]
HALVES = ["\ud800", "a\udfffb", "\udfff\ud800"]
QUOTES = [
    '"}, "admin": true, "x": {"y": "',
    '", "role": "admin',
    "', 'role': 'admin",
    "\\",
    '\\"',
    "\\u0022",
    '"',
    "\\x22",
    "null",
    "true",
    "[1]",
    '{"role": "admin"}',
    "a: b",
    "- a",
    "&a *a",
    "!!python/object/apply:os.system ['id']",
    "<script>alert(1)</script>",
    "<!--#exec cmd='id'-->",
    "' OR 1=1 --",
]
PATHS = [
    "../admin",
    "../../admin",
    "a/b",
    "/admin",
    "a/",
    "//evil",
    "//evil/admin",
    "\\\\evil",
    "..\\admin",
    "a\\b",
    "%2e%2e",
    "%2e%2e%2fadmin",
    "%2E%2E/admin",
    "%252e%252e",
    "..%2fadmin",
    "%2f",
    "%",
    "%zz",
    "%00",
    "?x=1",
    "a?x=1",
    "#f",
    "a#f",
    ";x=1",
    "a;jsessionid=1",
    ":x",
    "@evil",
    "http://evil",
    "*",
    "+",
    " ",
    "a b",
    " . ",
    "...",
    ". .",
    ".\u200b.",
    "\x00",
    "..\x00",
    "\u2024\u2024",
    "\u2025",
    "\uff0e\uff0e",
    "a\u2215b",
    "a\u2044b",
    "a\uff0fb",
    "\u202e",
    "\ufeff",
    "\u00e4\u0308",
]
PARTS = [
    "a&admin=true",
    "&a=2",
    "a=b",
    "=",
    "a[]=1",
    "a;b=2",
    "a%26admin=true",
    "a+b",
    "&",
    "?",
    "a=1#",
    "a&a&a",
    "%26",
]
HEADERS = [
    "",
    " ",
    " a",
    "a ",
    "\t",
    "a\x00b",
    "a\x00",
    "\u00e4",
    "a\u010db",
    "\u560a\u560dX-Evil: 1",
    "\u0120",
    "\U0001f511",
]
ASCII = [*SHELL, *FORMATS, *REFS, *QUOTES, *PARTS, "a:b", "a, b", "a; b", "Bearer x", "chunked", "=?utf-8?q?x?="]

LAST = ["", ".", ".."]
"""What no part of a path can be, for a client or a server takes it away."""
ATTEMPTS = [
    *(
        ("path", value, True)
        for value in [*PATHS, *SHELL, *FORMATS, *JINJA, *REFS, *BREAKS, *SEPARATORS, *QUOTES, *PARTS]
    ),
    *(("path", value, False) for value in [*LAST, *HALVES]),
    *(("part", value, True) for value in [*PATHS, *BREAKS, *PARTS]),
    *(("part", value, False) for value in [*LAST, *HALVES]),
    *(
        ("query", value, True)
        for value in [*PARTS, *LAST, *PATHS, *SHELL, *FORMATS, *JINJA, *BREAKS, *SEPARATORS, *QUOTES]
    ),
    *(("query", value, False) for value in HALVES),
    *(("form", value, True) for value in [*PARTS, *LAST, *JINJA, *BREAKS, *QUOTES]),
    *(("form", value, False) for value in HALVES),
    *((name, value, True) for name in ("header", "line") for value in [*ASCII, *JINJA[:-1]]),
    *(("header", value, False) for value in [*HEADERS, *BREAKS, *HALVES, JINJA[-1], *SEPARATORS[:5], *SEPARATORS[6:]]),
    *(
        ("line", value, False)
        for value in [*HEADERS[5:], *BREAKS, *HALVES, JINJA[-1], *SEPARATORS[:5], *SEPARATORS[6:]]
    ),
    *(
        (name, value, True)
        for name in ("body", "text")
        for value in [*QUOTES, *JINJA, *FORMATS, *SHELL, *REFS, *BREAKS, *SEPARATORS, *HALVES, *LAST]
    ),
]
"""The action that puts the value into a channel, the value, and whether it arrives or is refused."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("specs"), connector(), *ACTIONS)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(answer(200, {})) as made:
        yield made


@pytest.fixture
def other() -> Iterator[Server]:
    """A host that the credential is not for."""
    with serving(answer(200, [])) as made:
        yield made


def run(place: Path, name: str, inputs: dict[str, Any], url: str | None) -> Result:
    with Connector(ConnectorAuth(Secret(TOKEN)), specs=place, base_url=url, timeout=5) as made:
        return made.run(name, inputs)


def head(server: Server, *without: str) -> dict[str, str]:
    """The headers that arrived, but for what differs by its nature."""
    (got,) = server.got
    return {name: value for name, value in got.headers.items() if name not in ("host", "content-length", *without)}


HEAD = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "authorization": f"Bearer {TOKEN}",
    "connection": "keep-alive",
}


@pytest.mark.parametrize("name", ["path", "part", "query", "form", "header", "line", "body", "text"])
def test_a_value_arrives_as_one_part_or_is_refused(name: str, place: Path) -> None:
    for value, arrives in [(value, arrives) for channel, value, arrives in ATTEMPTS if channel == name]:
        with cell(name, value), serving(answer(200, {})) as server:
            result = run(place, name, {"v": value}, server.url)
            if not arrives:
                assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
                assert result.problem is not None
                assert result.problem.code == "validation"
                continue
            assert result.outcome is Outcome.DONE, result.problem
            assert (server.connections, len(server.got)) == (1, 1)
            (got,) = server.got
            assert got.headers["authorization"] == f"Bearer {TOKEN}"
            own = {
                name: text for name, text in head(server, "user-agent", "accept-encoding").items() if name not in HEAD
            }
            kind = {"content-type": "application/json"} if name in ("body", "text") else {}
            match name:
                case "path":
                    assert segments(got) == ["", "v1", "a", value, "b"]
                    assert (query(got), got.body, own) == ([("q", "1")], b"", {})
                case "part":
                    assert segments(got) == ["", "v1", "a", f"x{value}y"]
                    assert (query(got), got.body, own) == ([("q", "1")], b"", {})
                case "query":
                    assert segments(got) == ["", "v1", "act"]
                    assert (query(got), got.body, own) == ([("a", "1"), ("v", value), ("b", "2")], b"", {})
                case "form":
                    assert (got.path, own) == ("/v1/act", {"content-type": "application/x-www-form-urlencoded"})
                    assert pairs(got.body.decode("ascii")) == [("role", "user"), ("v", value), ("end", "1")]
                case "header":
                    assert (got.path, got.body, own) == ("/v1/act", b"", {"x-a": "1", "x-v": value, "x-b": "2"})
                case "line":
                    assert (got.path, got.body, own) == (
                        "/v1/act",
                        b"",
                        {"x-a": "1", "x-v": f"x {value} y", "x-b": "2"},
                    )
                case "body":
                    assert (got.path, own) == ("/v1/act", kind)
                    assert list(got.json.items()) == [("role", "user"), ("v", value), ("list", [value]), ("end", True)]
                case _:
                    assert (got.path, own) == ("/v1/act", kind)
                    assert list(got.json.items()) == [
                        ("role", "user"),
                        ("v", f"x {value} y"),
                        ("list", [value]),
                        ("end", True),
                    ]


def test_there_are_many_attempts_and_each_channel_has_some() -> None:
    assert len(ATTEMPTS) > 60
    assert {name for name, _, _ in ATTEMPTS} == {"path", "part", "query", "form", "header", "line", "body", "text"}


def test_a_string_of_a_spec_is_a_constant_unless_it_is_a_template(tmp_path: Path) -> None:
    for value in [*JINJA, *FORMATS, *SHELL, *REFS]:
        with cell(value), serving(answer(200, {})) as server:
            inputs = {
                "d": {"title": "D", "type": "text", "default": value, "placeholder": value, "info": value},
                "s": {"title": "S", "type": "select", "enum": [value], "default": value},
            }
            body = {"d": "{{ d }}", "t": "<{{ d }}>", "s": "{{ s }}", "l": ["{{ [d] }}"], "j": "{{ d ~ s }}"}
            result = run(folder(tmp_path, connector(), action(inputs, {"body": body})), "act", {}, server.url)
            assert result.outcome is Outcome.DONE, result.problem
            (got,) = server.got
            assert got.json == {"d": value, "t": f"<{value}>", "s": value, "l": [[value]], "j": value + value}


def test_the_result_of_a_template_is_not_rendered_again(tmp_path: Path) -> None:
    for value in [*JINJA, *FORMATS]:
        with cell(value), serving(answer(200, {})) as server:
            body = {
                "one": "{{ '{' ~ '{ v }' ~ '}' }}",
                "two": "{{ v }}{{ v }}",
                "three": "{{ {'k': v} }}",
                "four": "{{ [v]|jsonify }}",
            }
            run(folder(tmp_path, connector(), action(V, {"body": body})), "act", {"v": value}, server.url)
            (got,) = server.got
            four = json.dumps([value])
            assert got.json == {"one": "{{ v }}", "two": value * 2, "three": {"k": value}, "four": four}


PRINT_WORDS = "curl() { for word; do printf '%s\\0' \"$word\"; done; }\n"


def words_of(line: str) -> list[str]:
    """Run *line* in a shell in which ``curl`` prints its arguments; return them."""
    command = ["sh", "-c", PRINT_WORDS + line]
    environment = {"ACME_TOKEN": TOKEN, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\0")[:-1]


def test_the_curl_line_of_a_plan_is_one_command_with_the_value_in_one_word(place: Path) -> None:
    for value in [*SHELL, *QUOTES, *JINJA[:-1], *BREAKS, *LAST]:
        with cell(value):
            with Connector(ConnectorAuth(Secret(TOKEN)), specs=place, base_url="http://127.0.0.1:1/v1") as made:
                plan = made.plan("body", {"v": value})
            words = words_of(plan.curl)
            data = words.index("--data-raw")
            assert json.loads(words[data + 1])["v"] == value
            assert words[:2] == ["--request", "POST"]
            assert words[2:data:2] == ["--header"] * ((data - 2) // 2)
            assert f"authorization: Bearer {TOKEN}" in words[3:data:2]
            assert words[data + 2 :] == ["http://127.0.0.1:1/v1/act"]


def test_a_header_of_a_spec_or_an_input_runs_nothing_in_the_curl_line_of_a_plan(tmp_path: Path) -> None:
    inputs = {"v": {"title": "V", "type": "text", "required": True}}
    for prefix in ("Token $(id) {{ token_format }}", "Key `id` 'x' \"{{ token_format }}", "$HOME {{ token_format }}"):
        for value in [*SHELL, "$(id) $ACME_TOKEN", '"; id; echo "$ACME_TOKEN', "a $HOME"]:
            with cell((prefix, value)):
                shared = connector(auth={"token_prefix": prefix}, env={"token": "ACME_TOKEN"})
                made = folder(tmp_path, shared, action(inputs, {"headers": {"X-Value": "{{ v }}"}}))
                with Connector(ConnectorAuth(Secret(TOKEN)), specs=made, base_url="http://127.0.0.1:1/v1") as connected:
                    words = words_of(connected.plan("act", {"v": value}).curl)
                headers = words[3::2]
                assert f"x-value: {value}" in headers
                assert f"authorization: {prefix.replace('{{ token_format }}', TOKEN)}" in headers


IDS = [*SHELL, "a b", "a\nb", "* ", "~", "--auth=file:x", "a' --auth 'file:x", "\x1b[31m"]


def test_the_command_to_run_next_is_one_command_whatever_the_api_calls_its_row(tmp_path: Path) -> None:
    doomed = tmp_path / "doomed"

    def lose(row_id: str, connection: Any) -> bool:
        shutil.rmtree(doomed)
        return bool(answer(201, created(id=row_id))(connection))

    for value in IDS:
        with cell(value):
            doomed.mkdir()

            inputs = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
            with (
                serving(partial(lose, value), answer(500)) as server,
                Connector(ConnectorAuth(Secret(TOKEN)), base_url=server.url) as made,
            ):
                result = made.run("create_pat", inputs, token_to=[f"file:{doomed}/t"])
            assert (result.outcome, len(server.got)) == (Outcome.NOT_STORED, 2)
            assert segments(server.got[1]) == ["", "v1", "personal-access-tokens", value, "regenerate"]
            assert result.problem is not None
            words = ["run", "regenerate_pat", f"token_id={value}", "expiration=1", "--token-to", "file:token.json"]
            if value.isprintable() and not value.startswith("@"):  # that would be the name of a file
                assert result.problem.next == shlex.join(["locoia-pat", *words])
            else:
                assert result.problem.next is None


OUR_HEADERS = [
    "Host",
    "hOST",
    "Cookie",
    "Content-Length",
    "content-LENGTH",
    "Transfer-Encoding",
    "Connection",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "x-acme-KEY",
]
NO_HEADERS = [
    "X-A: 1\r\nX-Evil",
    "X-Evil\r\n",
    "X-Evil\n",
    "X Evil",
    "X-Evil:",
    "",
    "X-\u00c4",
    "X\x00",
    ":authority",
    "X_E",
]


def test_a_spec_cannot_set_a_header_of_ours(tmp_path: Path) -> None:
    for header in OUR_HEADERS:
        with cell(header), serving(answer(200, {})) as server:
            shared = connector(auth={"header_key": "X-Acme-Key"})
            made = folder(tmp_path, shared, action({}, {"headers": {header: "evil"}}))
            result = run(made, "act", {}, server.url)
            assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
            assert [finding.code for finding in check_specs(SpecFolder(made))] == ["contradiction"]


def test_a_spec_cannot_set_the_header_that_the_credential_goes_by(tmp_path: Path) -> None:
    for header in ("Authorization", "authorization", "AUTHORIZATION"):
        with cell(header), serving(answer(200, {})) as server:
            made = folder(tmp_path, connector(), action({}, {"headers": {header: "evil"}}))
            assert (run(made, "act", {}, server.url).outcome, server.connections) == (Outcome.INVALID, 0)


def test_the_name_of_a_header_is_valid(tmp_path: Path) -> None:
    for header in NO_HEADERS:
        with cell(header), serving(answer(200, {})) as server:
            made = folder(tmp_path, connector(), action({}, {"headers": {header: "evil"}}))
            assert (run(made, "act", {}, server.url).outcome, server.connections) == (Outcome.INVALID, 0)


def test_a_credential_is_sent_in_no_header_of_the_connection_or_the_body(tmp_path: Path) -> None:
    for header in [
        "Host",
        "hOST",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
    ]:
        with cell(header), serving(answer(200, {})) as server:
            made = folder(tmp_path, connector(auth={"header_key": header}), action({}, {"body": {"a": 1}}))
            assert (run(made, "act", {}, server.url).outcome, server.connections) == (Outcome.INVALID, 0)


def test_the_path_of_a_spec_is_one_path_of_its_host(tmp_path: Path) -> None:
    for path in [
        "/a/../b",
        "/a?x=1",
        "/a#f",
        "/a b",
        "//evil",
        "/a\\b",
        "a",
        "",
        "/a\r\nX-Evil: 1",
        "/{v}",
        "http://evil/",
    ]:
        with cell(path), serving(answer(200, {})) as server:
            made = folder(tmp_path, connector(), action({}, {"path": path}))
            result = run(made, "act", {}, server.url)
            if result.outcome is Outcome.INVALID:
                assert server.connections == 0
            else:
                assert [(got.path, got.headers["host"]) for got in server.got] == [
                    (f"/v1{path}" if ".." not in path else "/v1/b", f"127.0.0.1:{server.port}")
                ]


def test_a_name_in_the_query_stays_one_name(tmp_path: Path) -> None:
    for name in ["a&admin=true", "a b", "a\r\nb", "", "a=b", "\u00e4"]:
        with cell(name), serving(answer(200, {})) as server:
            made = folder(tmp_path, connector(), action({}, {"query": {name: "1", "z": "2"}}))
            result = run(made, "act", {}, server.url)
            if result.outcome is Outcome.INVALID:
                assert server.connections == 0
            else:
                assert [query(got) for got in server.got] == [[(name, "1"), ("z", "2")]]


LOCATIONS = [
    "http://127.0.0.1:{other}/v1/act",
    "//127.0.0.1:{other}/v1/act",
    "http://localhost:{other}/",
    "http://127.0.0.1:{port}/v1/other",
    "/v1/other",
    "http://127.0.0.1:{port}@127.0.0.1:{other}/",
    "\\\\127.0.0.1:{other}\\",
]


@pytest.mark.parametrize("name", ["read", "put", "plain"])
def test_a_redirect_is_not_followed(name: str, place: Path) -> None:
    for location, status in product(LOCATIONS, [300, 301, 302, 303, 305, 307, 308]):
        with cell(status, location), serving(answer(200, [])) as other:
            with serving(answer(500)) as server:
                to = location.format(port=server.port, other=other.port)
                server.scripts[:] = [
                    answer(status, {}, {"Location": to, "Refresh": f"0; url={to}", "Content-Location": to})
                ]
                result = run(place, name, {}, server.url)
                assert (len(server.got), other.connections) == (1, 0)
            assert result.outcome is (Outcome.NOT_DONE if name == "read" else Outcome.UNKNOWN)
            assert result.problem is not None
            assert "redirects are not followed" in result.problem.message


def test_a_response_sends_no_later_request_elsewhere(place: Path, other: Server) -> None:
    headers = {
        "Alt-Svc": f'h2="127.0.0.1:{other.port}"; ma=3600, http/1.1="127.0.0.1:{other.port}"',
        "Set-Cookie": "session=evil; Path=/",
        "WWW-Authenticate": 'Basic realm="evil"',
        "Link": f"<http://127.0.0.1:{other.port}/>; rel=next",
        "Strict-Transport-Security": "max-age=1",
    }
    with (
        serving(answer(200, {}, headers)) as server,
        Connector(ConnectorAuth(Secret(TOKEN)), specs=place, base_url=server.url) as made,
    ):
        for _ in range(2):
            assert made.run("read").outcome is Outcome.DONE
    first, second = server.got
    assert first.headers == second.headers
    assert "cookie" not in second.headers
    assert other.connections == 0


FOREIGN = [
    "http://127.0.0.1:{other}/v1/rows",
    "http://localhost:{port}/v1/rows",
    "http://localhost:{other}/v1/rows",
    "https://127.0.0.1:{port}/v1/rows",
    "https://127.0.0.1:{other}/v1/rows",
    "//127.0.0.1:{other}/v1/rows",
    "//localhost:{port}/v1/rows",
    "http://evil.example/",
    "http://user@127.0.0.1:{port}/v1/rows",
    "http://user:pw@127.0.0.1:{port}/v1/rows",
    "http://127.0.0.1:{port}@127.0.0.1:{other}/",
    "http://127.0.0.1:{port}:pw@127.0.0.1:{other}/",
    "http://127.0.0.1:{port}\\@127.0.0.1:{other}/",
    "http://127.0.0.1:{port}%40127.0.0.1:{other}/",
    "http://127.0.0.1:{port}.evil.example/",
    "http://127.0.0.1:{port}0/",
    "http://127.0.0.1/",
    "http://127.0.0.1:/v1/rows",
    "http://127.1:{port}/v1/rows",
    "http://2130706433:{port}/v1/rows",
    "http://0x7f000001:{port}/v1/rows",
    "http://0.0.0.0:{port}/v1/rows",
    "http://[::1]:{port}/v1/rows",
    "http://[::ffff:127.0.0.1]:{port}/v1/rows",
    "http://[127.0.0.1]:{port}/v1/rows",
    "http://127.0.0.1.:{port}/v1/rows",
    "http://\uff11\uff12\uff17.0.0.1:{port}/v1/rows",
    "http://127\u30020\u30020\u30021:{port}/v1/rows",
    "http://127.0.0.1\u2024evil:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:application/json,[]",
    "gopher://127.0.0.1:{other}/",
    "ws://127.0.0.1:{port}/",
    "http+unix://127.0.0.1:{port}/",
    "http://[",
    "http://127.0.0.1:{port}/v1/r\u00f6ws",
    "http://127.0.0.1:{port}/v1/ rows",
    "http://127.0.0.1:{port}/\x00",
]
"""Addresses that are none of the host, or that no two readers read alike."""
NEAR = [
    "http:127.0.0.1:{other}/",
    "http:/127.0.0.1:{other}/",
    "http:///127.0.0.1:{other}/",
    "/\\127.0.0.1:{other}/",
    "\\\\127.0.0.1:{other}/",
    "\\/127.0.0.1:{other}/",
    "/%2f127.0.0.1:{other}/",
    ".//127.0.0.1:{other}/",
    "////127.0.0.1:{other}/",
    "@127.0.0.1:{other}/",
    "?next=http://127.0.0.1:{other}/",
    "#http://127.0.0.1:{other}/",
    "HTTP://127.0.0.1:{port}/v1/rows?b=2",
    "../../../../etc/passwd",
]
"""Addresses that browsers may read as another host's: they stay with the host, or are not followed."""


@pytest.mark.parametrize("name", ["links", "body_link"])
def test_a_next_page_of_another_host_is_not_asked_for(name: str, place: Path) -> None:
    for address in [*FOREIGN, *NEAR]:
        with cell(address), serving(answer(200, [])) as other, serving(answer(500)) as server:
            to = address.format(port=server.port, other=other.port)
            rows: dict[str, Any] = {"rows": [{"id": 1}]}
            if name == "body_link":
                first = answer(200, rows | {"next": to})
            elif to.isascii() and to.isprintable():
                first = answer(200, rows, {"Link": f'<{to}>; rel="next"'})
            else:
                continue  # no header says it
            server.scripts[:] = [first, answer(200, {"rows": []})]
            result = run(place, name, {}, server.url)
            assert other.connections == 0
            assert all(got.headers["host"] == f"127.0.0.1:{server.port}" for got in server.got)
            if address in FOREIGN:
                assert (result.outcome, len(server.got)) == (Outcome.NOT_DONE, 1)
                assert result.problem is not None
                assert "not followed" in result.problem.message


def test_a_cursor_stays_one_part_of_the_query(place: Path) -> None:
    for cursor in [*PARTS, *PATHS, *JINJA, *FORMATS, *SHELL, *BREAKS, *SEPARATORS]:
        with cell(cursor), serving(answer(200, {})) as server:
            server.scripts[:] = [answer(200, {"rows": [{"id": 1}], "next": cursor}), answer(200, {"rows": []})]
            result = run(place, "cursors", {}, server.url)
            assert result.outcome is Outcome.DONE, result.problem
            assert [segments(got) for got in server.got] == [["", "v1", "rows"]] * 2
            assert [query(got) for got in server.got] == [[("a", "1")], [("a", "1"), ("c", cursor)]]
            first, second = server.got
            assert first.headers == second.headers


BASES = [
    "https://api.acme.example@127.0.0.1:{port}",
    "https://api.acme.example:443@127.0.0.1:{port}/",
    "https://api.acme.example\\@127.0.0.1:{port}/",
    "http://user:pw@127.0.0.1:{port}/v1",
    "http://@127.0.0.1:{port}/v1",
    "http://127.0.0.1:{port}/#x",
    "http://127.0.0.1:{port}/?x=1",
    "https://evil.example/#",
    "https://evil.example/?api.acme.example",
    "https://evil.example/api.acme.example",
    "https://api.acme.example.evil.example",
    "https://evilapi.acme.example",
    "https://api-acme.example",
    "https://acme.example",
    "https://api.acme.example.",
    "https://api.acme.example%00.evil.example",
    "https://api.acme.example%2eevil.example",
    "https://api.acme.example\\.evil.example",
    "https://api.acme.example\t.evil.example",
    "https://api\u3002acme.example.evil.example",
    "https://\u0430pi.acme.example",
    "https://xn--pi-7kc.acme.example",
    "https://\uff41pi.acme.example",
    "https://api\u00ad.acme.example",
    "http://api.acme.example",
    "http://evil.example",
    "http://0.0.0.0:{port}/v1",
    "http://127.1:{port}/v1",
    "http://2130706433:{port}/v1",
    "https://2130706433:{port}/v1",
    "http://0x7f000001:{port}/v1",
    "http://017700000001:{port}/v1",
    "http://0177.0.0.1:{port}/v1",
    "http://[::ffff:7f00:1]:{port}/v1",
    "http://localhost.:{port}/v1",
    "http://localhost.evil.example:{port}/v1",
    "http://127.0.0.1.evil.example:{port}/v1",
    "http://127\u30020\u30020\u30021:{port}/v1",
    "http://\uff11\uff12\uff17.0.0.1:{port}/v1",
    "http://[::1].evil.example/v1",
    "http://[::1]evil.example/v1",
    "http://evil.example[::1]/v1",
    "http://[127.0.0.1]:{port}/v1",
    "http://127.0.0.1:{port}:80/v1",
    "http://127.0.0.1:99999999/v1",
    "http://127.0.0.1:x/v1",
    "http://[",
    "http://127.0.0.1:{port}/../v1",
    "http://127.0.0.1:{port}/v1/..",
    "http://127.0.0.1:{port}/v1 x",
    "http://127.0.0.1:{port}/\x00",
    "ftp://127.0.0.1:{port}/v1",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//127.0.0.1:{port}/v1",
    "127.0.0.1:{port}/v1",
    "http:127.0.0.1:{port}/v1",
    "http:///127.0.0.1:{port}/v1",
    "",
    " ",
    "{{ v }}",
    "${ACME_TOKEN}",
]


@pytest.mark.parametrize("given", ["argument", "variable", "spec"])
def test_a_base_url_of_another_host_receives_nothing(given: str, tmp_path: Path) -> None:
    for base in BASES:
        with cell(base), serving(answer(200, {})) as server, pytest.MonkeyPatch.context() as monkeypatch:
            url = base.format(port=server.port, **{" v ": ""}) if base.count("{") == 1 and "{port}" in base else base
            env = {"token": "ACME_TOKEN", "base_url": "ACME_BASE_URL"}
            shared = connector(env=env, base_url=url if given == "spec" else "https://api.acme.example/v1")
            monkeypatch.setenv("ACME_TOKEN", TOKEN)
            if given == "variable":
                if url in ("", " ") or "\x00" in url:
                    continue  # the same as none, or no variable
                monkeypatch.setenv("ACME_BASE_URL", url)
            made = folder(tmp_path, shared, action({}, {"body": {}}))
            with Connector(specs=made, base_url=url if given == "argument" else None, timeout=5) as acme:
                result = acme.run("act")
            assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
            assert result.api is None


STOLEN = {
    "Locoia's variable": connector("evil", env={"token": "LOCOIA_TOKEN"}),
    "another connector's variable": connector("evil", env={"token": "OTHER_TOKEN"}),
    "another connector's variable as identifier": connector(
        "evil", env={"token": "EVIL_TOKEN", "identifier": "LOCOIA_TOKEN"}
    ),
    "another connector's variable as address": connector(
        "evil", env={"token": "EVIL_TOKEN", "base_url": "LOCOIA_TOKEN"}
    ),
    "a variable of the system": connector("evil", env={"token": "PATH"}),
    "a variable that begins alike": connector("evil", env={"token": "EVILTOKEN"}),
    "a name that begins alike": connector("loco", env={"token": "LOCOIA_TOKEN"}),
    "a name with an underscore": connector("locoia_", env={"token": "LOCOIA_TOKEN"}),
    "a name in capitals": connector("LOCOIA", env={"token": "LOCOIA_TOKEN"}),
    "a name with a long s": connector("\u017focoia", env={"token": "LOCOIA_TOKEN"}),
    "a name with a line break": connector("locoia\n", env={"token": "LOCOIA_TOKEN"}),
    "a template as variable": connector("evil", env={"token": "{{ LOCOIA_TOKEN }}"}),
    "a reference as variable": connector("evil", env={"token": "env:LOCOIA_TOKEN"}),
    "Locoia with a foreign host": connector("locoia", hosts=["evil.example"], base_url="https://evil.example"),
    "Locoia with one more host": connector(
        "locoia", hosts=["api.locoia.com", "evil.example"], base_url="https://evil.example"
    ),
    "Locoia with a name of this computer": connector(
        "locoia", hosts=["api.locoia.com", "127.1"], base_url="https://127.1:{port}"
    ),
    "Locoia with a host that ends alike": connector(
        "locoia", hosts=["api.locoia.com.evil.example"], base_url="https://api.locoia.com.evil.example"
    ),
    "Locoia with a dot behind its host": connector(
        "locoia", hosts=["api.locoia.com."], base_url="https://api.locoia.com."
    ),
    "Locoia without https": connector("locoia", hosts=["api.locoia.com"], base_url="http://api.locoia.com"),
    "a host that is not named": connector("evil", base_url="https://evil.example"),
    "no hosts": connector("evil", hosts=[]),
    "a host that is a pattern": connector("evil", hosts=["*"], base_url="https://evil.example"),
    "a host with a port": connector("evil", hosts=["evil.example:443"], base_url="https://evil.example"),
}


def test_a_spec_that_reaches_for_another_credential_sends_not_one_byte(tmp_path: Path) -> None:
    for case, shared in STOLEN.items():
        with cell(case), serving(answer(200, {})) as server, pytest.MonkeyPatch.context() as monkeypatch:
            for name in ("LOCOIA_TOKEN", "OTHER_TOKEN", "EVIL_TOKEN", "EVILTOKEN"):
                monkeypatch.setenv(name, f"fake-{name}-0123456789")
            base_url = shared["base_url"].replace("{port}", str(server.port))
            made = folder(tmp_path, shared | {"base_url": base_url}, action({}, {"body": {}}))
            for url in (server.url, None):
                with Connector(specs=made, base_url=url, timeout=5) as evil:
                    result = evil.run("act")
                assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
                with pytest.raises(InvalidError) as caught:
                    result.raise_for_outcome()
                assert "0123456789" not in str(caught.value)
            with pytest.raises(SpecError):
                _ = SpecFolder(made).connector


def test_a_token_minted_elsewhere_is_not_sent(tmp_path: Path, place: Path, server: Server) -> None:
    record = {"v": 1, "api": "https://api.locoia.com/v1", "name": None, "current": {"id": "1", "token": TOKEN}}
    (tmp_path / "token.json").write_text(json.dumps(record | {"previous": None, "pending": None}), encoding="utf-8")
    (tmp_path / "token.json").chmod(0o600)
    auth = ConnectorAuth.from_ref(f"file:{tmp_path}/token.json")
    with Connector(auth, specs=place, base_url=server.url) as made:
        result = made.run("plain")
    assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
    assert result.problem is not None
    assert result.problem.field == "auth"


SHOWN = [
    ("\x1b[31mred\x1b[0m", "[31mred [0m"),
    ("a\r\nb\tc", "a b c"),
    ("a\u202eb\u2066c\u200bd", "a b c d"),
    ("a\x00b\x07c\x9bd", "a b c d"),
    ("{{ token }} {% raw %}", "{{ token }} {% raw %}"),
    ("%s %(token)s {token} ${TOKEN}", "%s %(token)s {token} ${TOKEN}"),
    (f"you sent {TOKEN}", "you sent \u00absecret\u00bb"),
    (f"header: Bearer {TOKEN[:26]}", "header: Bearer \u00absecret\u00bb"),
    ("\ud800", None),
]


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_message_of_the_api_is_shown_on_one_line(status: int, place: Path) -> None:
    for said, shown in SHOWN:
        with cell(said, shown), serving(answer(200, {})) as server:
            server.scripts[:] = [answer(status, {"message": said})]
            result = run(place, "plain", {}, server.url)
            assert result.outcome is Outcome.REFUSED
            assert result.problem is not None
            expected = f"the API answered {status}" + (f": {shown}" if shown else "")
            assert result.problem.message == expected
            assert TOKEN not in json.dumps(result.to_dict())


def test_a_hint_of_a_spec_is_shown_unchanged(tmp_path: Path) -> None:
    for value in ["{{ token }}", "{{ 7*7 }}", "%(token)s", "{token}"]:
        with cell(value), serving(answer(200, {})) as server:
            server.scripts[:] = [answer(404, {})]
            spec = action({}, {}, reply={"ok": [200], "output": {}, "errors": {"404": value}})
            result = run(folder(tmp_path, connector(), spec), "act", {}, server.url)
            assert result.problem is not None
            assert result.problem.hint == value


MISPLACED = [TOKEN, f"Bearer {TOKEN}", f"{TOKEN}\n", f"a {TOKEN}", "ghp_0123456789abcdefghij", f"\x00{TOKEN}"]


def test_a_token_in_the_wrong_input_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    for value in MISPLACED:
        with cell(value), serving(answer(200, {})) as server:
            inputs: dict[str, Any] = {
                "option": {"title": "O", "type": "select", "enum": ["a"]},
                "count": {"title": "C", "type": "number"},
                "day": {"title": "D", "type": "date"},
                "mail": {"title": "M", "type": "email"},
                "short": {"title": "S", "type": "text", "maxLength": 3},
                "object": {"title": "O", "type": "nested_object", "children": {"a": {"title": "A", "type": "number"}}},
                "secret": {"title": "S", "type": "password"},
                "header": {"title": "H", "type": "text", "default": ""},
            }
            request = {"body": [f"{{{{ {name} }}}}" for name in inputs if name != "header"]}
            made = folder(
                tmp_path, connector(), action(inputs, request | {"headers": {"X-H": "{{ header ~ '\u00e4' }}"}})
            )
            for name in inputs:
                given: Any = {"a": value} if name == "object" else value
                result = run(made, "act", {name: given}, server.url)
                assert (result.outcome, server.connections) == (Outcome.INVALID, 0)
                for secret in (TOKEN, "0123456789"):
                    assert secret not in json.dumps(result.to_dict())
                    assert secret not in repr(result)
