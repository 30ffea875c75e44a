"""Reads that come in several pages: where the next page is, and when the list ends.

Pure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from sys import getsizeof
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from locoia_pat.http.exchange_types import TransportError
from locoia_pat.http.json_document import MAX_VALUES
from locoia_pat.outcomes import Outcome, Problem
from locoia_pat.response.classify import ParsedResponse
from locoia_pat.response.outputs import get_path
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    import datetime as dt

    from locoia_pat.http.exchange_types import Request, Response, ResponseOrError
    from locoia_pat.spec.model import ActionSpec, PagesSpec

MAX_ALL_BYTES = 8 * 1024 * 1024
"""Bytes of the text of all pages together, after which no further page is read."""
# RFC 8288, 3: a URL in angle brackets, and its parameters.
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';\s*rel\s*=\s*"?([^";,]*)', re.IGNORECASE)


class Paginator:
    """Gathers the pages of one read."""

    def __init__(self, spec: ActionSpec, pages: PagesSpec, first: Request) -> None:
        """Start with the request *first* of the action *spec*; *pages* says how to find the next page."""
        self._spec = spec
        self._pages = pages
        self._first = first
        self._request = first
        self._rows: list[Any] = []
        self._last_page: list[Any] | None = None
        self._count = self._bytes = 0
        self._warnings: dict[str, None] = {}
        self._last_cursor: str | None = None
        self._failed: ParsedResponse | None = None
        self._at: dt.datetime | None = None

    def advance(self, response: ResponseOrError, parsed: ParsedResponse) -> Request | None:
        """Add a page, and return the request for the next one, or None after the last."""
        self._count += 1
        self._warnings |= dict.fromkeys(parsed.warnings)
        self._at = parsed.at
        if isinstance(response, TransportError) or parsed.data is None:
            self._failed = parsed
            return None
        rows: list[Any] = parsed.data[self._spec.reply.rows or ""]
        is_counted = self._pages.by in ("page", "offset")
        if is_counted and rows and rows == self._last_page:
            self._warnings["the API returned the same page twice, so its rows are taken as the complete list"] = None
            return None
        self._last_page = rows
        self._rows += rows
        self._bytes += getsizeof(response.text.reveal())
        try:
            next_request = None if is_counted and not rows else self._next_request(response, parsed.body)
        except ValueError as error:
            problem = Problem("unavailable", str(error), response.status)
            self._failed = ParsedResponse(Outcome.NOT_DONE, problem=problem)
            return None
        is_full = self._count == self._pages.max_pages or self._is_large()
        if next_request is not None and is_full:
            self._warnings[f"the list was truncated after {self._count} pages; there may be more"] = None
            return None
        self._request = next_request or self._request
        return next_request

    def parsed(self) -> ParsedResponse:
        """Return all pages as one response; if a page failed, that failure."""
        if self._failed is None:
            data = {self._spec.reply.rows or "": self._rows}
            return ParsedResponse(Outcome.DONE, data, warnings=tuple(self._warnings), at=self._at)
        problem = self._failed.problem
        if problem is None or self._count == 1:
            return self._failed
        return replace(self._failed, problem=replace(problem, message=f"page {self._count}: {problem.message}"))

    def _is_large(self) -> bool:
        """Return whether another page like the last one would take too much memory."""
        rows = len(self._rows) + len(self._last_page or ())
        return self._bytes > MAX_ALL_BYTES or rows * len(self._spec.reply.output) > MAX_VALUES

    def _next_request(self, response: Response, body: object) -> Request | None:
        pages = self._pages
        match pages.by:
            case "page":
                return self._with_param(pages.first + self._count)
            case "offset":
                return self._with_param(len(self._rows))
            case "cursor":
                cursor = self._cursor(body)
                return None if cursor is None else self._with_param(cursor)
            case _:
                url = self._cursor(body) if pages.at else _next_link(response.headers.get("link", ""))
                return None if not url else replace(self._first, url=self._same_host(url))

    def _cursor(self, body: object) -> str | None:
        """Return the cursor or URL of the next page that *body* holds, or None."""
        path = self._pages.at or "$"
        value = get_path(body, path)
        if value is None or value == "":
            return None
        if isinstance(value, bool | dict | list | Secret | float):
            message = f'the response\'s "{path}" is not a string or number'
            raise ValueError(message)  # noqa: TRY004  # the response is wrong, not the code
        if str(value) == self._last_cursor:
            raise ValueError(f'the response\'s "{path}" was the same on two pages')
        self._last_cursor = str(value)
        return self._last_cursor

    def _with_param(self, value: str | int) -> Request:
        """Return the first request with *value* as the query parameter of the page."""
        name = self._pages.query or ""
        url, _, query = self._first.url.partition("?")
        others = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) != name]
        parameter = f"{quote(name, safe='')}={quote(str(value), safe='', errors='replace')}"
        return replace(self._first, url=f"{url}?{'&'.join([*others, parameter])}")

    def _same_host(self, url: str) -> str:
        """Return the absolute form of *url*, if it is on the host that the credential is sent to."""
        with suppress(ValueError):
            target = urlsplit(urljoin(self._request.url, url))
            first = urlsplit(self._first.url)
            is_same = (target.scheme, target.netloc) == (first.scheme, first.netloc)
            if is_same and re.fullmatch(r"[!-~]+", target.geturl()):
                return target._replace(fragment="").geturl()
        raise ValueError("the next-page URL points to another host and was not followed")


def _next_link(header: str) -> str | None:
    for link in _LINK.finditer(header):
        rel = _REL.search(link[2])
        if rel and "next" in rel[1].lower().split():
            return link[1]
    return None
