"""Reads that come in several pages: where the next page is, and when the list ends.

Pure.  A spec says what its API documents; what many APIs have in common is understood without being said, and only ever
ends a list where the API itself says that there is no more.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from sys import getsizeof
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from locoia_pat.http.exchange_types import TransportError
from locoia_pat.http.json_document import MAX_VALUES
from locoia_pat.http.link_header import find_next_link
from locoia_pat.http.percent_encoding import encode_pair
from locoia_pat.http.url import resolve_url
from locoia_pat.outcomes import Outcome, Problem
from locoia_pat.response.classify import ParsedResponse
from locoia_pat.response.outputs import find_rows, get_path
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from locoia_pat.http.exchange_types import Request, Response, ResponseOrError
    from locoia_pat.spec.model import ActionSpec, PagesSpec

MAX_ALL_BYTES = 8 * 1024 * 1024
"""Bytes of the text of all pages together, after which no further page is read."""
_PARENTS = ("meta", "metadata", "pagination", "paging", "page", "page_info", "pageInfo", "links", "_links")
"""Where APIs put what they say of a page; the response itself is looked at first."""
_MORE = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "more", "more_results")
_LAST = ("is_last", "isLast", "is_last_page", "isLastPage", "last")
"""Booleans that say whether there is another page, and whether this one is the last."""
_IDS = ("id", "uuid", "guid", "key", "_id")
"""Keys by which a row is known to be the same on two pages."""
_PAST_END = (404, 400)
"""What APIs answer to a page after the last one, besides a page without rows."""


class Paginator:
    """Gathers the pages of one read."""

    def __init__(self, spec: ActionSpec, pages: PagesSpec, first: Request) -> None:
        """Start with the request *first* of the action *spec*; *pages* says how to find the next page."""
        self._spec = spec
        self._pages = pages
        self._first = first
        self._request = first
        self._rows: list[Any] = []
        self._last_page: list[Any] = []
        """The rows of the last page, as the API sent them."""
        self._count = self._bytes = 0
        self._offset = 0
        self._warnings: dict[str, None] = {}
        self._seen = {first.url}
        """The cursors and next URLs so far."""
        self._failed: ParsedResponse | None = None
        self._is_whole = True
        self._at: dt.datetime | None = None
        self.pause = 0.0
        """The seconds to wait before the next request."""

    def advance(self, response: ResponseOrError, parsed: ParsedResponse) -> Request | None:
        """Add a page, and return the request for the next one, or None after the last."""
        self._count += 1
        if isinstance(response, TransportError) or parsed.data is None:
            if not self._is_past_end(response):
                self._failed = parsed
            return None
        self._warnings |= dict.fromkeys(parsed.warnings)
        self._is_whole = self._is_whole and parsed.is_whole
        self._at = parsed.at
        page = find_rows(self._spec.reply, parsed.body)
        if self._is_counted and page and page == self._last_page:
            self._doubt("the API returned the same page twice, so its rows are taken as the complete list")
            return None
        self._add(page, parsed.data[self._spec.reply.rows or ""])
        self._bytes += getsizeof(response.text.reveal())
        more = self._says_more(parsed.body)
        try:
            next_request = None if more is False else self._next_request(response, parsed.body, page, more=more is True)
        except ValueError as error:
            problem = Problem("unavailable", str(error), response.status)
            self._failed = ParsedResponse(Outcome.NOT_DONE, problem=problem)
            return None
        self._last_page = page
        if next_request is None:
            self._check_total(parsed.body)
            if more:
                self._doubt("the API says that there is another page, and not where: rows may be missing")
        elif self._count == self._pages.max_pages or self._is_large():
            self._doubt(f"the list was truncated after {self._count} pages; there may be more")
            return None
        self._request = next_request or self._request
        return next_request

    def parsed(self) -> ParsedResponse:
        """Return all pages as one response; if a page failed, that failure."""
        if self._failed is None:
            data = {self._spec.reply.rows or "": self._rows}
            warnings = tuple(self._warnings)
            return ParsedResponse(Outcome.DONE, data, warnings=warnings, at=self._at, is_whole=self._is_whole)
        problem = self._failed.problem
        if problem is None or self._count == 1:
            return self._failed
        return replace(self._failed, problem=replace(problem, message=f"page {self._count}: {problem.message}"))

    def _doubt(self, warning: str) -> None:
        """Warn that the list may not be whole."""
        self._is_whole = False
        self._warnings[warning] = None

    def _is_large(self) -> bool:
        """Return whether another page like the last one would take too much memory."""
        rows = len(self._rows) + len(self._last_page or ())
        return self._bytes > MAX_ALL_BYTES or rows * len(self._spec.reply.output) > MAX_VALUES

    @property
    def _is_counted(self) -> bool:
        return self._pages.by in ("page", "offset")

    def _is_past_end(self, response: ResponseOrError) -> bool:
        """Return whether a failed page is what the API answers after its last page."""
        if isinstance(response, TransportError) or self._count == 1 or not self._is_counted:
            return False
        if self._pages.end_status is not None:
            return response.status in self._pages.end_status
        if response.status not in _PAST_END or not self._last_page:
            return False
        status = response.status
        self._doubt(
            f"the API answered {status} to page {self._count}, which is taken as the end of the list; declare "
            f"end_status: [{status}] if it documents that"
        )
        return True

    def _add(self, page: list[Any], rows: list[Any]) -> None:
        """Add the *rows* of a *page*; those that the page before had too are added once."""
        before = {_id(row): row for row in self._last_page} if self._is_counted else {}
        for sent, row in zip(page, rows, strict=True):
            if (id_ := _id(sent)) is not None and before.get(id_) == sent:
                self._warnings["a row was on two pages, and is listed once"] = None
            else:
                self._rows.append(row)

    def _next_request(self, response: Response, body: object, page: list[Any], *, more: bool) -> Request | None:
        """Return the request for the next page; *more* says whether the API said that there is one."""
        pages = self._pages
        match pages.by:
            case "page":
                is_last = self._is_complete(body, page, more=more) or not (page or more)
                return None if is_last else self._with_param(pages.first + self._count)
            case "offset":
                step = self._step(body, page)
                self._offset += step
                total = _count(get_path(body, pages.total_at or "total"))
                is_last = not (page or more) and (total is None or self._offset >= total)
                is_last = is_last or step == 0 or self._is_complete(body, page, more=more)
                return None if is_last else self._with_param(self._offset)
            case "cursor":
                cursor = self._cursor(response, body, page)
                return None if cursor is None else self._with_param(cursor)
            case _:
                url = self._cursor(response, body, page)
                return None if url is None else replace(self._first, url=url)

    def _says_more(self, body: object) -> bool | None:
        """Return whether the API says that there is another page, or None if it does not say."""
        if self._pages.more_at is not None:
            value = get_path(body, self._pages.more_at)
            return None if value is None else str(value).lower() not in ("false", "0", "")
        for place in (body, *(get_path(body, parent) for parent in _PARENTS)):
            if isinstance(place, dict):
                for names, inverted in ((_MORE, False), (_LAST, True)):
                    for name in names:
                        if isinstance(value := place.get(name), bool):
                            return value is not inverted
        return None

    def _is_complete(self, body: object, page: list[Any], *, more: bool) -> bool:
        """Return whether this page is the last one by what the spec declares."""
        pages = self._pages
        total, count = (_count(get_path(body, path)) if path else None for path in (pages.total_at, pages.pages_at))
        read = self._offset if pages.by == "offset" else len(self._rows)
        return (
            (total is not None and read >= total)
            or (count is not None and self._count >= count)
            or (pages.page_size is not None and len(page) < pages.page_size and not more)
        )

    def _step(self, body: object, page: list[Any]) -> int:
        """Return by how much the offset grows.

        It is the rows of the page, for an API may return fewer than it was asked for.  Only a page without rows, all of
        which were left out, counts as what the API says of its size.
        """
        if self._pages.limit_at is not None:
            return _count(get_path(body, self._pages.limit_at)) or len(page)
        limits = [_count(get_path(body, name)) or 0 for name in self._spec.request.query if name != self._pages.query]
        return len(page) or max(limits, default=0)

    def _check_total(self, body: object) -> None:
        """Warn if the API counts other rows than were read."""
        total = _count(get_path(body, self._pages.total_at)) if self._pages.total_at else None
        if total is not None and total != len(self._rows):
            self._doubt(f"the API counts {total} rows, and {len(self._rows)} were read")

    def _cursor(self, response: Response, body: object, page: list[Any]) -> str | None:
        """Return the cursor or the absolute URL of the next page, or None."""
        pages = self._pages
        value: object
        if pages.by == "link" and pages.at is None:
            what, value = "the next URL in the Link header", find_next_link(response.headers.get("link", ""))
        elif pages.header is not None:
            what, value = f'the header "{pages.header}"', response.headers.get(pages.header.lower())
        elif pages.last_row is not None:
            what = f'"{pages.last_row}" of the last row'
            value = get_path(page[-1], pages.last_row) if page else None
        else:
            what, value = f'the response\'s "{pages.at}"', get_path(body, pages.at or "$")
        if value is None or value == "":
            return None
        if isinstance(value, bool | dict | list | Secret | float):
            message = f"{what} is not a string or number"
            raise ValueError(message)  # noqa: TRY004  # the response is wrong, not the code
        found = self._same_host(str(value)) if pages.by == "link" else str(value)
        if found in self._seen:
            raise ValueError(f"{what} was the same on two pages")
        self._seen.add(found)
        return found

    def _with_param(self, value: str | int) -> Request:
        """Return the first request with *value* as the parameter of the page."""
        if self._pages.body is not None:
            return replace(self._first, content=Secret(self._body_with(self._pages.body, value)))
        name = self._pages.query or ""
        url, _, query = self._first.url.partition("?")
        others = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) != name]
        parameter = encode_pair(name, str(value), "replace")
        return replace(self._first, url=f"{url}?{'&'.join([*others, parameter])}")

    def _body_with(self, path: str, value: str | int) -> str:
        content = self._first.content
        body: dict[str, Any] = json.loads(content.reveal()) if content is not None else {}
        *parents, name = path.split(".")
        place = body
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                place[parent] = {}
            place = place[parent]
        place[name] = value
        return json.dumps(body)

    def _same_host(self, url: str) -> str:
        """Return the absolute form of *url*, if it is on the host that the credential is sent to."""
        with suppress(ValueError):  # it is no URL, which is reported as one on another host
            url = self._below_base(url, urlsplit(self._first.url).path)
        return resolve_url(url, self._request.url, self._first.url, what="the next-page URL")

    def _below_base(self, url: str, first_path: str) -> str:
        """Return *url*, or its absolute path if it begins below the base URL and not at the root of the host."""
        path = urlsplit(url).path
        segments = re.sub(r"\{\{.*?\}\}", "", self._spec.request.path).count("/")
        base = first_path.rsplit("/", segments)[0]
        is_below = self._pages.relative_to == "base" or base + path == first_path
        return base + url if is_below and re.match(r"/(?!/)", url) and not url.startswith(f"{base}/") else url


def _id(row: Mapping[str, Any]) -> tuple[str, str | int] | None:
    """Return what identifies a row of the API, or None."""
    return next(((name, row[name]) for name in _IDS if isinstance(row.get(name), str | int)), None)


def _count(value: object) -> int | None:
    """Return the number that *value* counts, or None if it is no count."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18 else None
