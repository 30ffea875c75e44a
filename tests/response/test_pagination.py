"""Reads whose rows come in several answers: where each kind goes on, where it ends, and what fails it."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from tests.support.cells import cell
from tests.support.loopback import Server, answer, drop, serving

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"


def run(
    tmp_path: Path, pages: dict[str, Any], *scripts: Any, query: dict[str, Any] | None = None
) -> tuple[Result, Server]:
    """What a read by *pages* gives, where the API answers by *scripts*."""
    (tmp_path / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\n"
        "base_url: https://api.acme.example\nhosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
    )
    spec = {
        "spec": 1,
        "action": "ls",
        "title": "List",
        "summary": "List.",
        "effect": "read",
        "pages": pages,
        "request": {"method": "GET", "path": "/rows", "query": query or {}},
        "reply": {"ok": [200], "at": ["$", "rows"], "rows": "rows", "output": {"id": {"type": "text"}}},
    }
    (tmp_path / "ls.yaml").write_text(json.dumps(spec))
    with (
        serving(*scripts) as server,
        Connector(ConnectorAuth(Secret(CREDENTIAL)), specs=tmp_path, base_url=server.url) as api,
    ):
        return api.run("ls"), server


def rows(*names: str) -> list[dict[str, str]]:
    return [{"id": name} for name in names]


def test_pages_are_counted_until_one_is_empty(tmp_path: Path) -> None:
    scripts = [answer(200, rows("a", "b")), answer(200, rows("c")), answer(200, [])]
    result, server = run(tmp_path, {"by": "page", "query": "page"}, *scripts, query={"per_page": 2, "page": "first"})
    assert result.data == {"rows": rows("a", "b", "c")}
    assert (result.outcome, result.attempts, result.warnings) == (Outcome.DONE, 3, ())
    assert [got.path for got in server.got] == [
        *("/v1/rows?per_page=2&page=first", "/v1/rows?per_page=2&page=2", "/v1/rows?per_page=2&page=3"),
    ]
    assert {got.headers["authorization"] for got in server.got} == {f"Bearer {CREDENTIAL}"}


def test_pages_may_count_from_zero(tmp_path: Path) -> None:
    result, server = run(tmp_path, {"by": "page", "query": "p", "first": 0}, answer(200, rows("a")), answer(200, []))
    assert [got.path for got in server.got] == ["/v1/rows", "/v1/rows?p=1"]
    assert result.data == {"rows": rows("a")}


def test_an_offset_counts_rows(tmp_path: Path) -> None:
    scripts = [answer(200, rows("a", "b")), answer(200, rows("c")), answer(200, [])]
    result, server = run(tmp_path, {"by": "offset", "query": "skip"}, *scripts)
    assert [got.path for got in server.got] == ["/v1/rows", "/v1/rows?skip=2", "/v1/rows?skip=3"]
    assert result.data == {"rows": rows("a", "b", "c")}


@pytest.mark.parametrize("end", [None, "", "absent"])
def test_a_cursor_is_followed_until_there_is_none(tmp_path: Path, end: str | None) -> None:
    last = {"rows": rows("c"), "page": {"next": end} if end != "absent" else {}}
    scripts = [
        answer(200, {"rows": rows("a"), "page": {"next": "x/y z"}}),
        answer(200, {"rows": [], "page": {"next": 7}}),
    ]
    result, server = run(tmp_path, {"by": "cursor", "query": "after", "at": "page.next"}, *scripts, answer(200, last))
    assert [got.path for got in server.got] == ["/v1/rows", "/v1/rows?after=x%2Fy%20z", "/v1/rows?after=7"]
    assert result.data == {"rows": rows("a", "c")}


def test_the_link_header_is_followed(tmp_path: Path) -> None:
    link = '</v1/rows?page=1>; rel="prev", <rows?page=2#x>; title="a, b"; rel="foo next", </v1/rows?page=9>; rel=last'
    result, server = run(tmp_path, {"by": "link"}, answer(200, rows("a"), {"Link": link}), answer(200, rows("b")))
    assert [got.path for got in server.got] == ["/v1/rows", "/v1/rows?page=2"]
    assert result.data == {"rows": rows("a", "b")}


def test_an_address_in_the_answer_is_followed(tmp_path: Path) -> None:
    scripts = [
        answer(200, {"rows": rows("a"), "next": "/v1/other?x=1"}),
        answer(200, {"rows": rows("b"), "next": None}),
    ]
    result, server = run(tmp_path, {"by": "link", "at": "next"}, *scripts)
    assert [got.path for got in server.got] == ["/v1/rows", "/v1/other?x=1"]
    assert result.data == {"rows": rows("a", "b")}


def test_a_next_url_with_the_credential_is_masked_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "locoia_pat")
    url = f"?after=b&access_token={CREDENTIAL}"
    scripts = [answer(200, {"rows": rows("a"), "next": url}), answer(200, {"rows": rows("b")})]
    result, server = run(tmp_path, {"by": "link", "at": "next"}, *scripts)
    assert (result.data, server.got[1].path) == ({"rows": rows("a", "b")}, f"/v1/rows{url}")
    assert "?after=b&access_token=«secret»: 200, attempt 1" in caplog.text
    assert CREDENTIAL not in caplog.text


def test_a_url_on_another_host_is_not_followed_and_the_error_says_what_differs(tmp_path: Path) -> None:
    for url, other in (
        ("http://127.0.0.2/v1/rows", "http://127.0.0.2"),
        ("https://127.0.0.1/rows", "https://127.0.0.1"),
        ("//evil.example/rows", "http://evil.example"),
        ("http://[", "another host"),
        ("http://me:secret@127.0.0.1/r", "another host"),
        ("/é", "a URL with characters that must be encoded"),
    ):
        result, server = run(tmp_path, {"by": "link", "at": "next"}, answer(200, {"rows": rows("a"), "next": url}))
        assert len(server.got) == 1, url
        assert result.outcome is Outcome.NOT_DONE, url
        assert result.problem is not None
        host = f"http://127.0.0.1:{server.port}"
        assert result.problem.message == f"the next-page URL points to {other}, not to {host}, and was not followed"


@pytest.mark.parametrize("cursor", [True, 1.5, [], {"a": 1}])
def test_a_cursor_that_is_none_fails_the_read(tmp_path: Path, cursor: object) -> None:
    pages = {"by": "cursor", "query": "after", "at": "next"}
    result, server = run(tmp_path, pages, answer(200, {"rows": rows("a"), "next": cursor}))
    assert (result.outcome, len(server.got), result.data) == (Outcome.NOT_DONE, 1, None)
    assert result.problem is not None
    assert result.problem.message == 'the response\'s "next" is not a string or number'


def test_a_cursor_that_stands_still_fails_the_read(tmp_path: Path) -> None:
    pages = {"by": "cursor", "query": "after", "at": "next"}
    result, server = run(tmp_path, pages, answer(200, {"rows": rows("a"), "next": "x"}))
    assert (result.outcome, len(server.got)) == (Outcome.NOT_DONE, 2)
    assert result.problem is not None
    assert result.problem.message == 'page 2: the response\'s "next" was the same on two pages'


@pytest.mark.parametrize("url", ["/v1/rows?page=2", "?page=2", "/v1/rows", "rows#2"])
def test_a_next_url_that_was_followed_before_fails_the_read(tmp_path: Path, url: str) -> None:
    """Its rows would be listed again and again."""
    for number, (pages, script) in enumerate(
        [
            ({"by": "link"}, answer(200, rows("a"), {"Link": f'<{url}>; rel="next"'})),
            ({"by": "link", "at": "next"}, answer(200, {"rows": rows("a"), "next": url})),
        ]
    ):
        place = tmp_path / str(number)
        place.mkdir()
        result, server = run(place, pages, script)
        assert (result.outcome, result.data, len(server.got) <= 2) == (Outcome.NOT_DONE, None, True)
        assert result.problem is not None
        assert "was the same on two pages" in result.problem.message


def test_cursors_in_a_circle_fail_the_read(tmp_path: Path) -> None:
    circle = [answer(200, {"rows": rows(name), "next": next_}) for name, next_ in [("a", "x"), ("b", "y"), ("c", "x")]]
    result, server = run(tmp_path, {"by": "cursor", "query": "after", "at": "next"}, *circle)
    assert (result.outcome, len(server.got)) == (Outcome.NOT_DONE, 3)


MORE = "the API says that there is another page, and not where: rows may be missing"


@pytest.mark.parametrize(
    "pages",
    [
        {"by": "cursor", "query": "after", "at": "next"},
        {"by": "cursor", "query": "after", "header": "X-Next"},
        {"by": "cursor", "query": "after", "last_row": "name"},
        {"by": "link"},
        {"by": "link", "at": "next"},
        {"by": "page", "query": "page", "total_at": "total"},
    ],
)
def test_a_list_whose_next_page_is_not_found_has_a_warning(tmp_path: Path, pages: dict[str, Any]) -> None:
    result, server = run(tmp_path, pages, answer(200, {"rows": rows("a"), "has_more": True, "total": 1}))
    assert (result.outcome, result.data, len(server.got)) == (Outcome.DONE, {"rows": rows("a")}, 1)
    assert result.warnings == (MORE,)


def test_a_list_that_goes_on_by_its_own_words_goes_on_after_a_page_that_is_not_full(tmp_path: Path) -> None:
    def page(*names: str, more: bool) -> Any:
        return answer(200, {"rows": rows(*names), "has_more": more, "limit": 2})

    scripts = [page("a", "b", more=True), page(more=True), page("c", more=True), page("d", more=False)]
    kinds: list[dict[str, Any]] = [
        {"by": "page", "query": "page", "page_size": 2},
        {"by": "offset", "query": "offset", "page_size": 2},
        {"by": "offset", "query": "offset", "limit_at": "limit"},
    ]
    for number, pages in enumerate(kinds):
        place = tmp_path / str(number)
        place.mkdir()
        result, server = run(place, pages, *scripts, query={"limit": 2})
        assert (result.data, result.warnings) == ({"rows": rows("a", "b", "c", "d")}, ()), pages
        assert len(server.got) == 4
    empty = tmp_path / "empty"
    empty.mkdir()
    result, server = run(empty, {"by": "offset", "query": "offset"}, answer(200, {"rows": [], "has_more": True}))
    assert (result.data, len(server.got), result.warnings) == ({"rows": []}, 1, (MORE,)), "nothing says how far to go"


def test_each_way_to_say_no_ends_a_list_before_an_empty_page(tmp_path: Path) -> None:
    pages = {"by": "page", "query": "page", "more_at": "more"}
    for number, more in enumerate((False, "false", "False", 0, "0", "")):
        place = tmp_path / str(number)
        place.mkdir()
        first, last = ({"rows": rows(name), "more": value} for name, value in (("a", True), ("b", more)))
        result, server = run(place, pages, answer(200, first), answer(200, last))
        assert (result.data, result.warnings, len(server.got)) == ({"rows": rows("a", "b")}, (), 2), more


def test_an_api_that_ignores_pages_is_noticed(tmp_path: Path) -> None:
    result, server = run(tmp_path, {"by": "page", "query": "page"}, answer(200, rows("a", "b")))
    assert (result.data, len(server.got)) == ({"rows": rows("a", "b")}, 2)
    assert result.warnings == ("the API returned the same page twice, so its rows are taken as the complete list",)


def test_a_list_that_is_cut_says_so(tmp_path: Path) -> None:
    scripts = [answer(200, rows(name)) for name in "abcd"]
    result, server = run(tmp_path, {"by": "offset", "query": "skip", "max_pages": 3}, *scripts)
    assert (result.data, len(server.got)) == ({"rows": rows("a", "b", "c")}, 3)
    assert result.warnings == ("the list was truncated after 3 pages; there may be more",)


@pytest.mark.parametrize(
    ("script", "outcome", "told"),
    [
        (answer(403, {"message": "no"}), Outcome.REFUSED, "page 2: the API answered 403: no"),
        (answer(200, "no JSON"), Outcome.NOT_DONE, "page 2: the API answered 200, but the response is not JSON"),
        (answer(302, None, {"Location": "/x"}), Outcome.NOT_DONE, "page 2: the API answered 302; redirects"),
        (drop, Outcome.NOT_DONE, "page 2: incomplete response"),
    ],
    ids=["refused", "no JSON", "redirect", "lost"],
)
def test_a_page_that_fails_fails_the_whole(tmp_path: Path, script: Any, outcome: Outcome, told: str) -> None:
    result, _ = run(tmp_path, {"by": "page", "query": "page"}, answer(200, rows("a")), script)
    assert (result.outcome, result.data) == (outcome, None)
    assert result.problem is not None
    assert result.problem.message.startswith(told)


def test_all_pages_share_the_time_of_one_action(tmp_path: Path) -> None:
    numbers = itertools.count()

    def slow(connection: Any) -> bool:
        time.sleep(0.3)
        return bool(answer(200, rows(str(next(numbers))))(connection))

    run(tmp_path, {"by": "page", "query": "page"}, answer(200, []))  # writes the specs
    with (
        serving(slow) as server,
        Connector(ConnectorAuth(Secret(CREDENTIAL)), specs=tmp_path, base_url=server.url, timeout=1) as api,
    ):
        result = api.run("ls")
    assert result.outcome is Outcome.NOT_DONE
    assert len(server.got) <= 5


def test_pages_end_where_another_one_would_take_too_much_memory(tmp_path: Path) -> None:
    for name, page, count in (
        ("long rows", rows(*["x" * 250_000] * 20), 2),
        ("rows of wide characters", json.dumps(rows(*["\U0001f511" * 200_000] * 5), ensure_ascii=False), 3),
        ("many rows", json.dumps([{}] * 60_000), 3),
    ):
        with cell(name):
            pages = (answer(200, page, {"Link": f'</rows?page={n}>; rel="next"'}) for n in itertools.count())
            result, server = run(tmp_path, {"by": "link"}, *itertools.islice(pages, 5))
            assert (result.outcome, len(server.got)) == (Outcome.DONE, count)
            assert f"the list was truncated after {count} pages; there may be more" in result.warnings
