"""What an API may be like, said in YAML alone: authentication, requests, answers and pages, over real HTTP."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.connectors import command
from tests.support.loopback import Got, answer, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN = "fake/acme+token=0123456789"

CONNECTOR = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example/v1
hosts: [api.acme.example]
env: {token: ACME_TOKEN, base_url: ACME_BASE_URL, identifier: ACME_USER}
"""
BEARER = ""

ACT = """\
spec: 1
action: act
title: Act
summary: Act.
"""

NOTHING = "reply: {ok: [200], output: {}}\n"


def folder(place: Path, spec: str, auth: str = BEARER) -> Path:
    (place / "connector.yaml").write_text(CONNECTOR + auth)
    (place / "act.yaml").write_text(ACT + spec)
    assert check_specs(SpecFolder(place)) == []
    return place


def run(
    place: Path, spec: str, inputs: Mapping[str, Any] | None = None, *scripts: Any, auth: str = BEARER
) -> tuple[Result, list[Got]]:
    """What the action *spec* sends and gives; by default the API answers with an empty object."""
    specs = folder(place, spec, auth)
    credential = ConnectorAuth(Secret(TOKEN), identifier="anna")
    with (
        serving(*scripts or [answer(200, {})]) as server,
        Connector(credential, specs=specs, base_url=server.url) as api,
    ):
        return api.run("act", inputs), server.got


# Authentication


KEY_HEADER = """\
auth: {header_key: X-API-Key, token_prefix: "{{ token_format }}"}
"""
WORD = """\
auth: {token_prefix: "token {{ token_format }}"}
"""
BASIC = """\
auth: {token_format: "{{ identifier }}:{{ token }}", encode: base64, token_prefix: "Basic {{ token_format }}"}
"""
USER_ALONE = """\
auth: {token_format: "{{ token }}:", encode: base64, token_prefix: "Basic {{ token_format }}"}
"""


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


AUTHS = {
    "bearer, by default": (BEARER, "authorization", f"Bearer {TOKEN}"),
    "a header of its own": (KEY_HEADER, "x-api-key", TOKEN),
    "another word in front": (WORD, "authorization", f"token {TOKEN}"),
    "basic": (BASIC, "authorization", basic(f"anna:{TOKEN}")),
    "basic, with the token as the user": (USER_ALONE, "authorization", basic(f"{TOKEN}:")),
}


@pytest.mark.parametrize(("auth", "header", "value"), AUTHS.values(), ids=AUTHS)
def test_the_credential_is_in_the_header_that_the_connector_names(
    tmp_path: Path, auth: str, header: str, value: str
) -> None:
    spec = f"effect: read\nrequest: {{method: GET, path: /me}}\n{NOTHING}"
    result, (got,) = run(tmp_path, spec, auth=auth)
    assert result.outcome is Outcome.DONE
    assert got.headers[header] == value
    assert [name for name, text in got.headers.items() if TOKEN in text or value in text] == [header]
    assert TOKEN not in got.path


# Requests


QUERY = f"""\
effect: read
inputs:
  state: {{title: State, type: text}}
  tags: {{title: Tags, type: text, multiple: true}}
  page_size: {{title: Page size, type: number, step: 1, default: 20}}
  deep: {{title: Deep, type: switch}}
  between: {{title: Between, type: daterange}}
  ratio: {{title: Ratio, type: number}}
request:
  method: GET
  path: /rows
  query:
    fixed: a b
    state: "{{{{ state }}}}"
    "tag[]": "{{{{ tags }}}}"
    size: "{{{{ page_size }}}}"
    deep: "{{{{ deep }}}}"
    between: "{{{{ between }}}}"
    ratio: "{{{{ ratio }}}}"
    all: [1, true, x]
  omit_null: true
{NOTHING}"""


def test_a_query_has_all_types_of_values_and_leaves_out_null(tmp_path: Path) -> None:
    inputs = {
        "state": "on&off=1",
        "tags": ["a", "b c", "ü"],
        "deep": False,
        "between": ["2026-01-01", "2026-02-01"],
        "ratio": 0.5,
    }
    _, (got,) = run(tmp_path, QUERY, inputs)
    assert got.path == (
        "/v1/rows?fixed=a%20b&state=on%26off%3D1&tag%5B%5D=a&tag%5B%5D=b%20c&tag%5B%5D=%C3%BC&size=20&deep=false"
        "&between=2026-01-01&between=2026-02-01&ratio=0.5&all=1&all=true&all=x"
    )
    _, (got,) = run(tmp_path, QUERY, {"tags": [], "state": None, "page_size": 5})
    assert got.path == "/v1/rows?fixed=a%20b&size=5&all=1&all=true&all=x"


BODY = f"""\
effect: create
inputs:
  id: {{title: ID, type: text, required: true}}
  count: {{title: Count, type: number, required: true, nullable: true}}
  big: {{title: Big, type: switch, default: true}}
  note: {{title: Note, type: text}}
  owner:
    title: Owner
    type: nested_object
    children:
      name: {{title: Name, type: text, required: true}}
      age: {{title: Age, type: number}}
  extra: {{title: Extra, type: json}}
request:
  method: POST
  path: /things
  body:
    count: "{{{{ count }}}}"
    label: "thing {{{{ id }}}}"
    note: "{{{{ note }}}}"
    owner: "{{{{ owner }}}}"
    kept:
      - {{big: "{{{{ big }}}}", note: "{{{{ note }}}}", first: "{{{{ owner.name }}}}"}}
      - [1, 2.5, null, "007"]
    extra: "{{{{ extra }}}}"
    size: "{{{{ 'large' if big else 'small' }}}}"
  omit_null: true
{NOTHING}"""


def test_a_json_body_keeps_types_and_leaves_out_null_at_the_top_level_only(tmp_path: Path) -> None:
    inputs = {
        "id": "007",
        "count": None,
        "owner": {"name": "Anna", "age": None},
        "extra": [None, {"a": 1e3, "true": "true"}],
    }
    _, (got,) = run(tmp_path, BODY, inputs)
    assert (got.method, got.path, got.headers["content-type"]) == ("POST", "/v1/things", "application/json")
    assert got.json == {
        "label": "thing 007",
        "owner": {"name": "Anna", "age": None},
        "kept": [{"big": True, "note": None, "first": "Anna"}, [1, 2.5, None, "007"]],
        "extra": [None, {"a": 1000.0, "true": "true"}],
        "size": "large",
    }


ANY = f"""\
effect: create
inputs:
  payload: {{title: Payload, type: json, required: true}}
request: {{method: POST, path: /events, body: "{{{{ payload }}}}"}}
{NOTHING}"""


@pytest.mark.parametrize("value", [{}, [], {"a": [1, None, {"b": "{{ c }}"}]}, "text", 7, 1.5, True, "null"], ids=repr)
def test_a_json_input_can_be_the_whole_body(tmp_path: Path, value: object) -> None:
    result, (got,) = run(tmp_path, ANY, {"payload": value})
    assert result.outcome is Outcome.DONE
    assert (got.json, type(got.json)) == (value, type(value))


def test_a_json_input_is_given_as_json_on_the_command_line(tmp_path: Path) -> None:
    specs = folder(tmp_path, ANY)
    with serving(answer(200, {})) as server:
        for text in ('{"a": [1, null, "2"]}', "no json"):
            done = command(
                *("run", str(specs / "act.yaml"), f"payload={text}"), ACME_TOKEN=TOKEN, ACME_BASE_URL=server.url,
                ACME_USER="anna",
            )  # fmt: skip
            assert (done.code, done.envelope["outcome"]) == (0, "done")
    assert [got.json for got in server.got] == [{"a": [1, None, "2"]}, "no json"]


FORM = f"""\
effect: update
inputs:
  name: {{title: Name, type: text}}
  tags: {{title: Tags, type: text, multiple: true}}
  secret: {{title: Secret, type: password, required: true}}
request:
  method: PATCH
  path: /things/7
  form:
    name: "{{{{ name }}}}"
    tag: "{{{{ tags }}}}"
    secret: "{{{{ secret }}}}"
    big: true
    label: "{{{{ tags|join('+') }}}}"
  omit_null: true
{NOTHING}"""


def test_a_form_is_encoded_and_can_contain_a_secret(tmp_path: Path) -> None:
    inputs = {"tags": ["a&b", "c"], "secret": Secret("fake=secret&0123456789")}
    result, (got,) = run(tmp_path, FORM, inputs)
    assert result.outcome is Outcome.DONE
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert got.body == b"tag=a%26b&tag=c&secret=fake%3Dsecret%260123456789&big=true&label=a%26b%2Bc"
    assert parse_qsl(got.body.decode())[2] == ("secret", "fake=secret&0123456789")


HEADERS = f"""\
effect: read
inputs:
  trace: {{title: Trace, type: text}}
  version: {{title: Version, type: number, default: 3}}
request:
  method: GET
  path: /rows
  headers: {{X-Trace: "{{{{ trace }}}}", Accept: "application/vnd.acme.v{{{{ version }}}}+json", X-Fixed: one line}}
  omit_null: true
{NOTHING}"""


def test_headers_are_templates_and_never_more_than_one_line(tmp_path: Path) -> None:
    _, (got,) = run(tmp_path, HEADERS, {"trace": "a-1"})
    assert (got.headers["x-trace"], got.headers["x-fixed"]) == ("a-1", "one line")
    assert got.headers["accept"] == "application/vnd.acme.v3+json"
    _, (got,) = run(tmp_path, HEADERS)
    assert "x-trace" not in got.headers
    for value in ("a\r\nX-Evil: 1", "ü", " a"):
        result, none = run(tmp_path, HEADERS, {"trace": value})
        assert (result.outcome, none) == (Outcome.INVALID, [])
        assert result.problem is not None
        assert result.problem.field == "trace"


@pytest.mark.parametrize(
    ("effect", "method", "tries"),
    [
        ("read", "GET", 3),
        ("read", "POST", 3),
        ("create", "POST", 1),
        ("create", "PUT", 3),
        ("update", "PUT", 3),
        ("update", "PATCH", 1),
        ("update", "POST", 1),
        ("delete", "DELETE", 3),
        ("delete", "POST", 1),
    ],
)
def test_each_method_is_sent_and_retried_only_if_that_is_safe(
    tmp_path: Path, effect: str, method: str, tries: int
) -> None:
    body = "" if method in ("GET", "DELETE") else ", body: {a: 1}"
    inputs = "inputs: {id: {title: ID, type: text, required: true}}\n"
    spec = f'effect: {effect}\n{inputs}request: {{method: {method}, path: "/things/{{{{ id }}}}"{body}}}\n{NOTHING}'
    done, (got,) = run(tmp_path, spec, {"id": "a/../b c"})
    assert done.outcome is Outcome.DONE
    assert (got.method, got.path) == (method, "/v1/things/a%2F..%2Fb%20c")
    assert got.body == (b'{"a": 1}' if body else b"")
    lost, got_all = run(tmp_path, spec, {"id": "x"}, answer(503))
    assert (len(got_all), lost.attempts) == (tries, tries)
    assert lost.outcome is (Outcome.NOT_DONE if effect == "read" else Outcome.UNKNOWN)


# Answers


OUTPUT = """\
effect: read
request: {method: GET, path: /things/7}
reply:
  ok: [200]
  at: [result.thing, result, $]
  output:
    id: {type: text, from: meta.id}
    city: {type: text, from: owner.address.city}
    zip: {type: number, from: owner.address.zip, nullable: true}
    open: {type: switch, from: flags.is-open}
    made: {type: datetime, from: meta.made_at}
    days: {type: number, days_until: made}
    owner:
      type: nested_object
      children:
        name: {type: text, from: full_name}
        roles: {type: text, multiple: true}
    items: {type: nested_object, multiple: true, from: meta.items, children: {sku: {type: text}}}
    raw: {type: json, from: "$meta"}
"""


def test_outputs_are_read_from_their_paths_and_keep_their_types(tmp_path: Path) -> None:
    thing = {
        "meta": {"id": 7, "made_at": "2026-01-11T01:00:00+01:00", "items": [{"sku": "a", "no": 1}, {"sku": "b"}]},
        "owner": {"address": {"city": "Köln"}, "full_name": "Anna", "roles": ["x", "y"]},
        "flags": {"is-open": False},
        "$meta": {"any": [1, None, {"x": "y"}]},
    }
    date = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    result, _ = run(tmp_path, OUTPUT, {}, answer(200, {"result": {"thing": thing}}, date))
    assert (result.outcome, result.warnings) == (Outcome.DONE, ())
    assert result.data == {
        "id": "7",
        "city": "Köln",
        "zip": None,
        "open": False,
        "made": "2026-01-11T00:00:00Z",
        "days": 10,
        "owner": {"name": "Anna", "roles": ["x", "y"]},
        "items": [{"sku": "a"}, {"sku": "b"}],
        "raw": {"any": [1, None, {"x": "y"}]},
    }


ERRORS = """\
effect: %s
request: {method: %s, path: /things}
reply:
  ok: [200]
  output: {}
  errors:
    400: Write it in another way.
    404: Make one before.
    409: Choose another name.
    429: Come back tomorrow.
    500: Ask the people of Acme.
"""


HINTS = {
    400: ("validation", Outcome.REFUSED, "Write it in another way."),
    404: ("not_found", Outcome.REFUSED, "Make one before."),
    409: ("conflict", Outcome.REFUSED, "Choose another name."),
    429: ("rate_limited", Outcome.NOT_DONE, "Come back tomorrow."),
    500: ("unavailable", Outcome.NOT_DONE, "Ask the people of Acme."),
}


@pytest.mark.parametrize("status", HINTS)
def test_the_hint_of_a_spec_for_a_status_is_added_to_the_message_of_the_api(tmp_path: Path, status: int) -> None:
    code, outcome, hint = HINTS[status]
    script = answer(status, {"error": {"message": "so it is"}}, {"Retry-After": "999"})
    read, _ = run(tmp_path, ERRORS % ("read", "GET"), {}, script)
    assert read.problem is not None
    assert (read.outcome, read.problem.code, read.problem.status) == (outcome, code, status)
    assert read.problem.message == f"the API answered {status}: so it is"
    if status != 429:  # where the API says how long, that is told
        assert read.problem.hint == hint
    change, _ = run(tmp_path, ERRORS % ("create", "POST"), {}, answer(status, None, {"Retry-After": "0"}))
    assert change.problem is not None
    assert change.problem.hint is not None
    assert change.problem.hint.startswith(hint)
    assert change.outcome is (Outcome.UNKNOWN if status == 500 else outcome)


def test_a_status_without_a_hint_in_the_spec_has_a_general_one(tmp_path: Path) -> None:
    result, _ = run(tmp_path, ERRORS % ("read", "GET"), {}, answer(403))
    assert result.problem is not None
    assert result.problem.hint == "The credential is valid, but lacks permission for this."


# Pages


LIST = """\
effect: read
inputs: {{kind: {{title: Kind, type: text, required: true}}}}
request: {{method: GET, path: "/{{{{ kind }}}}", query: {{size: 2}}}}
pages: {pages}
reply: {{ok: [200], at: [$, rows], rows: things, output: {{n: {{type: number}}}}}}
"""


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"n": number} for number in numbers]


def link(page: int) -> dict[str, str]:
    return {"Link": f'</v1/x?size=2&page={page - 1}>; rel="prev", </v1/x?size=2&page={page + 1}>; rel="next"'}


KINDS: dict[str, tuple[str, list[Any], list[str]]] = {
    "page": (
        "{by: page, query: page}",
        [answer(200, rows(1, 2)), answer(200, rows(3, 4)), answer(200, rows(5)), answer(200, [])],
        ["?size=2", "?size=2&page=2", "?size=2&page=3", "?size=2&page=4"],
    ),
    "page from zero": (
        "{by: page, query: page, first: 0}",
        [answer(200, {"rows": rows(1, 2)}), answer(200, {"rows": rows(3, 4)}), answer(200, {"rows": rows(5)}),
         answer(200, {"rows": []})],
        ["?size=2", "?size=2&page=1", "?size=2&page=2", "?size=2&page=3"],
    ),
    "offset": (
        "{by: offset, query: skip}",
        [answer(200, rows(1, 2)), answer(200, rows(3, 4)), answer(200, rows(5)), answer(200, [])],
        ["?size=2", "?size=2&skip=2", "?size=2&skip=4", "?size=2&skip=5"],
    ),
    "cursor": (
        "{by: cursor, query: after, at: meta.next}",
        [answer(200, {"rows": rows(1, 2), "meta": {"next": "c&2"}}),
         answer(200, {"rows": rows(3, 4), "meta": {"next": 5}}),
         answer(200, {"rows": rows(5), "meta": {}})],
        ["?size=2", "?size=2&after=c%262", "?size=2&after=5"],
    ),
    "Link header": (
        "{by: link}",
        [answer(200, rows(1, 2), link(1)), answer(200, rows(3, 4), link(2)), answer(200, rows(5))],
        ["?size=2", "?size=2&page=2", "?size=2&page=3"],
    ),
    "link in the body": (
        "{by: link, at: links.next}",
        [answer(200, {"rows": rows(1, 2), "links": {"next": "/v1/x?p=2"}}),
         answer(200, {"rows": rows(3, 4), "links": {"next": "?p=3"}}),
         answer(200, {"rows": rows(5), "links": {"next": None}})],
        ["?size=2", "?p=2", "?p=3"],
    ),
}  # fmt: skip
PAGES = pytest.mark.parametrize(("pages", "scripts", "queries"), KINDS.values(), ids=KINDS)


@PAGES
def test_each_kind_of_pages_returns_the_same_rows(
    tmp_path: Path, pages: str, scripts: list[Any], queries: list[str]
) -> None:
    result, got = run(tmp_path, LIST.format(pages=pages), {"kind": "x"}, *scripts)
    assert (result.outcome, result.warnings, result.attempts) == (Outcome.DONE, (), len(scripts))
    assert result.data == {"things": rows(1, 2, 3, 4, 5)}
    assert [one.path for one in got] == [f"/v1/x{query}" for query in queries]
    assert {one.headers["authorization"] for one in got} == {f"Bearer {TOKEN}"}


@PAGES
def test_a_list_of_too_many_pages_is_cut_with_a_warning(
    tmp_path: Path, pages: str, scripts: list[Any], queries: list[str]
) -> None:
    spec = LIST.format(pages=pages.replace("}", ", max_pages: 2}"))
    result, got = run(tmp_path, spec, {"kind": "x"}, *scripts)
    assert (result.outcome, result.data) == (Outcome.DONE, {"things": rows(1, 2, 3, 4)})
    assert result.warnings == ("the list was truncated after 2 pages; there may be more",)
    assert [one.path for one in got] == [f"/v1/x{query}" for query in queries[:2]]


@PAGES
def test_a_page_that_fails_fails_the_read(tmp_path: Path, pages: str, scripts: list[Any], queries: list[str]) -> None:
    script = answer(403, {"message": "no more"})
    result, got = run(tmp_path, LIST.format(pages=pages), {"kind": "x"}, scripts[0], script)
    assert (result.outcome, result.data) == (Outcome.REFUSED, None)
    assert result.problem is not None
    assert result.problem.message == "page 2: the API answered 403: no more"
    assert [one.path for one in got] == [f"/v1/x{query}" for query in queries[:2]]


@pytest.mark.parametrize("kind", ["page", "page from zero", "offset"])
def test_paging_stops_if_the_same_page_is_returned_twice(tmp_path: Path, kind: str) -> None:
    result, got = run(tmp_path, LIST.format(pages=KINDS[kind][0]), {"kind": "x"}, answer(200, rows(1, 2)))
    assert (result.outcome, result.data, len(got)) == (Outcome.DONE, {"things": rows(1, 2)}, 2)
    assert result.warnings == ("the API returned the same page twice, so its rows are taken as the complete list",)


# A secret, from its making to its end


KEY = """\
effect: create
inputs: {name: {title: Name, type: text, required: true}}
request: {method: POST, path: /keys, body: {name: "{{ name }}"}}
reply:
  ok: [201]
  at: [data]
  output:
    id: {type: text, from: key.id, store_with_token: true}
    value: {type: text, from: key.value, secret: once}
    hint: {type: text}
"""


def test_a_secret_of_any_name_is_stored_and_can_be_a_credential(tmp_path: Path) -> None:
    secret = "fake-value-0123456789abcdef"
    specs = folder(tmp_path, KEY)
    place = tmp_path / "key.json"
    made = answer(201, {"data": {"key": {"id": 9, "value": secret}, "hint": f"it is {secret}"}})
    with serving(made, answer(409)) as server:
        variables = {"ACME_BASE_URL": server.url, "ACME_USER": "anna"}
        arguments = ("run", "act", "--specs", str(specs), "name=CI")
        done = command(*arguments, "--token-to", f"file:{place}", ACME_TOKEN=TOKEN, **variables)
        again = command(*arguments, "--auth", f"file:{place}", "--reveal", **variables)
    assert (done.code, done.envelope["data"]) == (0, {"id": "9", "hint": "it is «secret»"})
    assert secret not in done.out + done.err
    assert json.loads(place.read_text())["current"] == {"id": "9", "token": secret}
    assert (again.code, server.got[1].headers["authorization"]) == (3, f"Bearer {secret}")
