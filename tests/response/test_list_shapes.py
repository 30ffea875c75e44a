"""Lists as the documents of public APIs describe them: every row once, whichever way the pages are linked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, serving
from tests.support.spec_folders import ACME, action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.loopback import Server

AUTH = ConnectorAuth(Secret("fake-credential-0123456789abcdef"))
ROWS = [{"id": str(number), "name": "x"} for number in range(1, 8)]
"""The rows of each API; a page has three."""

Reply = tuple[int, object, dict[str, str]]


class Query(NamedTuple):
    """A request to the stand-in of an API."""

    values: Mapping[str, str]
    body: Any
    url: str
    """The URL of the server, without a path."""


class Shape(NamedTuple):
    """How one API lists: what the spec says, and what the API does."""

    pages: dict[str, Any] | None
    api: Callable[[Query], Reply]
    at: str | list[str] = "$"
    method: str = "GET"
    ok: tuple[int, ...] = (200,)
    limit: int | None = None
    expected: list[dict[str, str]] = ROWS
    requests: int = 3
    warning: str = ""


def slice_of(query: Query, name: str, *, first: int = 1) -> tuple[int, list[dict[str, str]]]:
    """Return the number of the page, and its rows."""
    number = int(query.values.get(name, first))
    return number, ROWS[(number - first) * 3 : (number - first) * 3 + 3]


def numbered(wrap: Callable[[int, list[Any]], object], name: str = "page", first: int = 1) -> Callable[[Query], Reply]:
    return lambda query: (200, wrap(*slice_of(query, name, first=first)), {})


def failing_after(status: int) -> Callable[[Query], Reply]:
    def api(query: Query) -> Reply:
        _, page = slice_of(query, "page")
        return (200, page, {}) if page else (status, {"detail": "Invalid page."}, {})

    return api


def offsets(wrap: Callable[[int, list[Any]], object], name: str = "offset", gap: str = "") -> Callable[[Query], Reply]:
    def api(query: Query) -> Reply:
        start = int(query.values.get(name, 0))
        return 200, wrap(start, [row for row in ROWS[start : start + 3] if row["id"] not in gap]), {}

    return api


def cursors(
    wrap: Callable[[list[Any], str | None], object], name: str = "cursor", header: str = "", prefix: str = "c"
) -> Callable[[Query], Reply]:
    def api(query: Query) -> Reply:
        given = query.values.get(name) or ((query.body or {}).get("paging") or {}).get(name, f"{prefix}0")
        start = int(str(given).removeprefix(prefix))
        following = f"{prefix}{start + 3}" if start + 3 < len(ROWS) else None
        return 200, wrap(ROWS[start : start + 3], following), {header: following or ""} if header else {}

    return api


def after_last(more: str) -> Callable[[Query], Reply]:
    """Return the API that goes on behind the row whose id it is given."""

    def api(query: Query) -> Reply:
        start = int(query.values.get("starting_after", 0))
        return 200, {"data": ROWS[start : start + 3], more: start + 3 < len(ROWS)}, {}

    return api


def links(
    link: Callable[[str, int, bool], str], *, in_body: str = "", always: bool = False
) -> Callable[[Query], Reply]:
    """Return the API that sends the URL of the next page in a header, or in the body at *in_body*."""

    def api(query: Query) -> Reply:
        number, page = slice_of(query, "page")
        has_next = number * 3 < len(ROWS)
        url = link(query.url, number + 1, has_next) if has_next or always else None
        if not in_body:
            return 200, page, {"Link": url} if url else {}
        body: Any = url
        for key in reversed(in_body.split("/")):
            body = {key: body}
        return 200, {"items": page, **body}, {}

    return api


def github(url: str, number: int, has_next: bool) -> str:  # the signature of a link
    first = f'<{url}/v1/rows?page=1>; rel="first"'
    return f'{first}, <{url}/v1/rows?page={number}>; rel="next"' if has_next else first


def sentry(url: str, number: int, has_next: bool) -> str:  # as above
    results = "true" if has_next else "false"
    return (
        f'<{url}/v1/rows?page=0>; rel="previous"; results="false", '
        f'<{url}/v1/rows?page={number}>; rel="next"; results="{results}"; cursor="0:{number}:0"'
    )


PAGE = {"by": "page", "query": "page"}
OFFSET = {"by": "offset", "query": "offset"}
CURSOR = {"by": "cursor", "query": "cursor"}
LINK = {"by": "link"}
NULL = '"data" is null in the response, which is taken as a list without rows'
PAST = "is taken as the end of the list"

SHAPES: dict[str, Shape] = {
    "one page, a bare list (Gitea)": Shape(None, lambda _: (200, ROWS, {}), requests=1),
    "next links by relation (FHIR)": Shape(
        {"by": "link", "at": "link[relation=next].url"},
        cursors(
            lambda page, cursor: {
                "entry": page,
                "link": [
                    {"relation": "self", "url": "/rows"},
                    *([{"relation": "next", "url": f"/rows?cursor={cursor}"}] if cursor else []),
                ],
            }
        ),
        at="entry",
    ),
    "rows in the first item of a list (BigQuery style)": Shape(
        {"by": "cursor", "query": "cursor", "at": "$[0].next"},
        cursors(lambda page, cursor: [{"rows": page, "next": cursor}]),
        at="$[0].rows",
    ),
    "a total by name": Shape(
        PAGE | {"total_at": "counts[name=all].count"},
        numbered(lambda _, page: {"rows": page, "counts": [{"name": "own", "count": 1}, {"name": "all", "count": 7}]}),
        at="rows",
    ),
    "one page, wrapped": Shape(None, lambda _: (200, {"data": ROWS}, {}), at="data", requests=1),
    "no rows: null (Go)": Shape(None, lambda _: (200, {"items": None}, {}), at="items", expected=[], requests=1),
    "no rows: null before the list": Shape(
        None, lambda _: (200, {"code": 0, "data": None}, {}), at="data.items", expected=[], requests=1, warning=NULL
    ),
    "no rows: null before the list (GraphQL)": Shape(
        CURSOR | {"at": "data.user.keys.pageInfo.endCursor"}, lambda _: (200, {"data": {"user": None}}, {}),
        at="data.user.keys.nodes", expected=[], requests=1, warning='"data.user" is null in the response',
    ),
    "no rows: null before the list, declared": Shape(
        None, lambda _: (200, {"data": None}, {}), at=["data.items", "data"], expected=[], requests=1
    ),
    "null after the last page": Shape(
        PAGE, numbered(lambda _, page: {"data": {"rows": page} if page else None}), at="data.rows", requests=4,
        warning=NULL,
    ),
    "no rows: 204": Shape(None, lambda _: (204, None, {}), ok=(200, 204), expected=[], requests=1),
    "no rows: [] for {} (PHP)": Shape(None, lambda _: (200, [], {}), at="items", expected=[], requests=1),
    "no rows on the first page": Shape(PAGE, lambda _: (200, {"rows": []}, {}), at="rows", expected=[], requests=1),
    "a null page after the last": Shape(PAGE, numbered(lambda _, page: {"rows": page or None}), at="rows", requests=4),
    "numbered pages until one is empty": Shape(PAGE, numbered(lambda _, page: page), requests=4),
    "pages from 0 (Spring, last)": Shape(
        PAGE | {"first": 0}, numbered(lambda n, page: {"content": page, "last": n == 2}, first=0), at="content"
    ),
    "404 after the last page (Django REST)": Shape(PAGE, failing_after(404), requests=4, warning=PAST),
    "400 after the last page (Cloudflare)": Shape(PAGE, failing_after(400), requests=4, warning=PAST),
    "422 after the last page, declared": Shape(PAGE | {"end_status": [422]}, failing_after(422), requests=4),
    "a number of pages (Cloudflare)": Shape(
        PAGE | {"pages_at": "result_info.total_pages"},
        numbered(lambda n, page: {"result": page, "result_info": {"page": n, "total_pages": 3}}), at="result",
    ),
    "a total (Elastic)": Shape(PAGE | {"total_at": "total"}, numbered(lambda _, p: {"rows": p, "total": 7}), at="rows"),
    "a total as a string": Shape(PAGE | {"total_at": "n"}, numbered(lambda _, p: {"rows": p, "n": "7"}), at="rows"),
    "a total that is wrong": Shape(
        PAGE | {"total_at": "total"}, numbered(lambda _, p: {"rows": p, "total": 9}), at="rows", requests=4,
        warning="the API counts 9 rows, and 7 were read",
    ),
    "a short page (Harbor)": Shape(PAGE | {"page_size": 3}, numbered(lambda _, page: page)),
    "has_more with numbers (Freshdesk)": Shape(
        PAGE, numbered(lambda n, page: {"rows": page, "has_more": n < 3}), at="rows"
    ),
    "hasNextPage under pagination": Shape(
        PAGE, numbered(lambda n, page: {"rows": page, "pagination": {"hasNextPage": n < 3}}), at="rows"
    ),
    "isLast (Jira boards)": Shape(
        OFFSET | {"query": "startAt"},
        offsets(lambda start, page: {"values": page, "isLast": start >= 6}, "startAt"), at="values",
    ),
    "a flag of its own": Shape(
        PAGE | {"more_at": "paging.again"},
        numbered(lambda n, page: {"rows": page, "paging": {"again": "true" if n < 3 else "false"}}), at="rows",
    ),
    "an empty page in the middle, and more": Shape(
        PAGE, lambda query: (200, {"rows": ROWS[:3] if (n := int(query.values.get("page", 1))) == 1
                                   else ROWS[3:] if n == 3 else [], "has_more": n < 3}, {}), at="rows",
    ),
    "offsets until a page is empty": Shape(OFFSET, offsets(lambda _, page: page), requests=4),
    "offsets with a total (Microsoft CRM)": Shape(
        OFFSET | {"total_at": "count"}, offsets(lambda _, page: {"rows": page, "count": 7}), at="rows"
    ),
    "offsets, rows left out, no limit in the response": Shape(
        OFFSET, offsets(lambda _, page: page, gap="25"), expected=[row for row in ROWS if row["id"] not in "25"],
        requests=5, warning="a row was on two pages, and is listed once",
    ),
    "offsets, a page of which all is left out (Jira)": Shape(
        OFFSET, offsets(lambda start, page: {"rows": page, "offset": start, "limit": 3, "total": 7}, gap="456"),
        at="rows", limit=3, expected=[row for row in ROWS if row["id"] not in "456"], requests=4,
    ),
    "offsets by the limit of the response": Shape(
        OFFSET | {"limit_at": "page.size", "total_at": "total"},
        offsets(lambda _, page: {"rows": page, "page": {"size": 3}, "total": 7}, gap="25"), at="rows",
        expected=[row for row in ROWS if row["id"] not in "25"], warning="the API counts 7 rows, and 5 were read",
    ),
    "an offset in the body of a POST": Shape(
        {"by": "offset", "body": "page.from", "total_at": "total"},
        lambda query: (200, {"rows": ROWS[(at := ((query.body or {}).get("page") or {}).get("from", 0)) : at + 3],
                             "total": 7}, {}), at="rows", method="POST",
    ),
    "a cursor until it is null": Shape(
        CURSOR | {"at": "next"}, cursors(lambda page, following: {"rows": page, "next": following}), at="rows"
    ),
    "a cursor until it is empty (Slack)": Shape(
        CURSOR | {"at": "response_metadata.next_cursor"},
        cursors(lambda page, c: {"ok": True, "rows": page, "response_metadata": {"next_cursor": c or ""}}), at="rows",
    ),
    "a cursor until it is missing (Google)": Shape(
        {"by": "cursor", "query": "pageToken", "at": "nextPageToken"},
        cursors(lambda page, c: {"rows": page} | ({"nextPageToken": c} if c else {}), "pageToken"), at="rows",
    ),
    "a cursor that stays, and hasMore false (HubSpot)": Shape(
        {"by": "cursor", "query": "offset", "at": "offset"},
        lambda query: (200, {"rows": ROWS[3:] if "offset" in query.values else ROWS[:3],
                             "hasMore": "offset" not in query.values, "offset": 77}, {}), at="rows", requests=2,
    ),
    "a cursor in a header": Shape(
        CURSOR | {"header": "X-Next-Cursor"}, cursors(lambda page, _: page, header="x-next-cursor")
    ),
    "the number of the next page in a header (GitLab)": Shape(
        {"by": "cursor", "query": "page", "header": "X-Next-Page"},
        lambda query: (200, slice_of(query, "page")[1],
                       {"X-Next-Page": str(n + 1) if (n := slice_of(query, "page")[0]) < 3 else ""}),
    ),
    "a cursor in the last row, and has_more (Stripe)": Shape(
        {"by": "cursor", "query": "starting_after", "last_row": "id"}, after_last("has_more"), at="data"
    ),
    "a cursor in the last row until a page is empty": Shape(
        {"by": "cursor", "query": "starting_after", "last_row": "id"}, after_last("more_of_it"), at="data", requests=4
    ),
    "a cursor in the body of a POST (Notion)": Shape(
        {"by": "cursor", "body": "paging.cursor", "at": "next_cursor"},
        cursors(lambda page, c: {"results": page, "next_cursor": c, "has_more": c is not None}), at="results",
        method="POST",
    ),
    "a Link header (GitHub)": Shape(LINK, links(github, always=True)),
    "a Link header that never ends (Sentry)": Shape(LINK, links(sentry, always=True)),
    "a Link header with a title that looks like a link": Shape(
        LINK, links(lambda url, n, _: f'<x>; title="a, <b>; rel=\\"next\\""; rel=up, <{url}/v1/rows?page={n}>;REL=next')
    ),
    "a Link header with parameters that say nothing": Shape(
        LINK, links(lambda _, n, __: f'<?page=1>;;rel=next;anchor="#a", <?page={n}>; ; flag ; x=1;rel=next;')
    ),
    "a relative Link header": Shape(LINK, links(lambda _, n, __: f"<?page={n}>; rel=next")),
    "a next URL in the response (Django REST)": Shape(
        LINK | {"at": "next"}, links(lambda url, n, _: f"{url}/v1/rows?page={n}", in_body="next"), at="items"
    ),
    "a next URL under a key with a dot (OData)": Shape(
        LINK | {"at": "@odata.nextLink"},
        links(lambda url, n, _: f"{url}/v1/rows?page={n}", in_body="@odata.nextLink"), at="items",
    ),
    "a next URL deep in the response (JSON:API, HAL)": Shape(
        LINK | {"at": "_links.next.href"}, links(lambda _, n, __: f"/v1/rows?page={n}", in_body="_links/next/href"),
        at="items",
    ),
    "a next path below the base URL (Confluence)": Shape(
        LINK | {"at": "_links.next"}, links(lambda _, n, __: f"/rows?page={n}", in_body="_links/next"), at="items"
    ),
    "a next path below the base URL, declared": Shape(
        LINK | {"at": "next", "relative_to": "base"}, links(lambda _, n, __: f"/rows?page={n}", in_body="next"),
        at="items",
    ),
    "rows that differ in what the spec does not read": Shape(
        PAGE, numbered(lambda n, page: [{"id": "same", "key": f"{n}-{row['id']}"} for row in page]),
        expected=[{"id": "same", "name": ""}] * 7, requests=4,
    ),
    "a page that shifted by one row while it was read": Shape(
        PAGE, lambda query: (200, [ROWS[:3], ROWS[2:5], ROWS[5:], []][int(query.values.get("page", 1)) - 1], {}),
        requests=4, warning="a row was on two pages, and is listed once",
    ),
    "the same page each time": Shape(
        PAGE, lambda _: (200, ROWS, {}), requests=2, warning="the API returned the same page twice"
    ),
}  # fmt: skip


def serve(shape: Shape, server: Server) -> Callable[[Any], bool]:
    def script(connection: Any) -> bool:
        request = server.got[-1]
        body = request.body.decode()
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}
        url = f"http://127.0.0.1:{server.port}"
        status, reply, headers = shape.api(Query(query, json.loads(body) if body else None, url))
        return bool(answer(status, reply, headers)(connection))

    return script


@pytest.mark.parametrize("name", SHAPES)
def test_every_row_is_read_once_and_the_list_ends_by_itself(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    (tmp_path / "connector.yaml").write_text(ACME)
    output = {"id": {"type": "text"}, "name": {"type": "text", "nullable": True}}
    places = [shape.at] if isinstance(shape.at, str) else shape.at
    spec: dict[str, Any] = {
        "spec": 1, "action": "ls", "title": "List", "summary": "List.", "effect": "read",
        "request": {"method": shape.method, "path": "/rows", "query": {"limit": shape.limit} if shape.limit else {}},
        "reply": {"ok": list(shape.ok), "at": places, "rows": "rows", "output": output},
    }  # fmt: skip
    if shape.method == "POST":
        spec["request"]["body"] = {"filter": "all", "page": {"size": 3}}
    if shape.pages is not None:
        spec["pages"] = shape.pages
    (tmp_path / "ls.yaml").write_text(json.dumps(spec))
    with (
        serving() as server,
        Connector(
            ConnectorAuth(Secret("fake-credential-0123456789abcdef")), specs=tmp_path, base_url=server.url
        ) as api,
    ):
        server.scripts[:] = [serve(shape, server)]
        result = api.run("ls")
    assert result.outcome is Outcome.DONE, result.problem
    expected = [{"id": row["id"], "name": row["name"] or None} for row in shape.expected]
    assert result.data == {"rows": expected}
    assert len(server.got) == shape.requests
    if shape.warning:
        assert shape.warning in result.warnings[0]
    else:
        assert result.warnings == ()
    if shape.method == "POST":
        assert all(json.loads(request.body)["filter"] == "all" for request in server.got)


def test_each_kind_of_pages_has_its_keys_and_exactly_one_parameter(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(ACME)
    base = {
        "spec": 1, "action": "ls", "title": "List", "summary": "List.", "effect": "read",
        "reply": {"ok": [200], "rows": "rows", "output": {"id": {"type": "text"}}},
    }  # fmt: skip
    for pages, method, message in (
        ({"by": "page"}, "GET", 'pages by page need "query" or "body"'),
        ({"by": "offset", "query": "o", "body": "o"}, "POST", '"query" and "body" exclude each other'),
        ({"by": "cursor", "query": "c"}, "GET", 'pages by cursor need "at" or "header" or "last_row"'),
        ({"by": "cursor", "query": "c", "at": "a", "last_row": "b"}, "GET", '"at" and "last_row" exclude each other'),
        ({"by": "page", "query": "p", "limit_at": "x"}, "GET", 'pages by page cannot have "limit_at"'),
        ({"by": "offset", "query": "p", "pages_at": "x"}, "GET", 'pages by offset cannot have "pages_at"'),
        ({"by": "cursor", "query": "p", "at": "a", "total_at": "x"}, "GET", 'pages by cursor cannot have "total_at"'),
        ({"by": "link", "query": "p"}, "GET", 'pages by link cannot have "query"'),
        ({"by": "page", "query": "p"}, "POST", 'only a GET with effect: read and "rows" can have "pages"'),
        ({"by": "page", "body": "p"}, "GET", 'only a POST with effect: read and "rows" can have such "pages"'),
        ({"by": "page", "query": "p", "end_status": [500]}, "GET", "at most 499"),
        ({"by": "page", "query": "p", "page_size": 0}, "GET", "at least 1"),
        ({"by": "link", "relative_to": "host"}, "GET", "(allowed: base, request)"),
    ):
        request = {"method": method, "path": "/rows", **({"body": {"a": 1}} if method == "POST" else {})}
        (tmp_path / "ls.yaml").write_text(json.dumps(base | {"pages": pages, "request": request}))
        with pytest.raises(InvalidError) as error:
            Connector(specs=tmp_path).plan("ls")
        assert message in str(error.value), (pages, method)


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        ({}, True),
        ({"form": {"a": "b"}}, True),
        ({"body": ["{{ f }}"]}, True),
        ({"body": "{{ f }}"}, True),
        ({"body": {}}, False),
        ({"body": {"filter": "{{ f }}"}}, False),
    ],
)
def test_a_page_is_put_into_a_body_that_is_an_object(tmp_path: Path, content: dict[str, Any], is_found: bool) -> None:
    spec: dict[str, Any] = {
        "effect": "read",
        "inputs": {"f": {"title": "F", "type": "json", "required": True}} if "{{ f }}" in str(content) else {},
        "pages": {"by": "cursor", "body": "page.after", "at": "next"},
        "request": {"method": "POST", "path": "/rows", **content},
        "reply": {"ok": [200], "rows": "rows", "output": {"id": {"type": "text"}}},
    }
    findings = check_specs(SpecFolder(folder(tmp_path, connector(), action(**spec))))
    assert [(each.code, "must be an object" in each.message) for each in findings] == [
        ("contradiction", True)
    ] * is_found
