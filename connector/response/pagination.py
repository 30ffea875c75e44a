"""The rows of a read that come in several answers: where the next ones are, and when it ends.

Pure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from locoia_pat.http.exchange_types import TransportError
from locoia_pat.outcomes import Outcome, Problem
from locoia_pat.response.classify import ParsedResponse
from locoia_pat.response.outputs import get_path
from locoia_pat.secrets.secret import Secret, load_json

if TYPE_CHECKING:
    import datetime as dt

    from locoia_pat.http.exchange_types import Request, Response, ResponseOrError
    from locoia_pat.spec.model import ActionSpec, PagesSpec

# RFC 8288, 3: an address in angle brackets, and what is said of it.
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';\s*rel\s*=\s*"?([^";,]*)', re.IGNORECASE)


class Paginator:
    """Gathers the pages of one read."""

    def __init__(self, spec: ActionSpec, pages: PagesSpec, first: Request) -> None:
        """Begin with the request *first* of the action *spec*, whose *pages* say how to go on."""
        self._spec = spec
        self._pages = pages
        self._first = first
        self._request = first
        self._rows: list[Any] = []
        self._page: list[Any] | None = None
        self._count = 0
        self._warnings: dict[str, None] = {}
        self._next: str | None = None
        self._failed: ParsedResponse | None = None
        self._at: dt.datetime | None = None

    def advance(self, answer: ResponseOrError, verdict: ParsedResponse) -> Request | None:
        """Take an answer and its *verdict*; gives the request for the next page, None where this was the last."""
        self._count += 1
        self._warnings |= dict.fromkeys(verdict.warnings)
        self._at = verdict.at
        if isinstance(answer, TransportError) or verdict.data is None:
            self._failed = verdict
            return None
        rows: list[Any] = verdict.data[self._spec.reply.rows or ""]
        counted = self._pages.by in ("page", "offset")
        if counted and rows and rows == self._page:
            self._warnings["the API gave the same page twice, so what it gave is taken as the whole list"] = None
            return None
        self._page = rows
        self._rows += rows
        try:
            following = None if counted and not rows else self._following(answer)
        except ValueError as error:
            self._failed = ParsedResponse(Outcome.NOT_DONE, problem=Problem("unavailable", str(error), answer.status))
            return None
        if following is not None and self._count == self._pages.most:
            self._warnings[f"the list was cut after {self._count} pages; there may be more"] = None
            return None
        self._request = following or self._request
        return following

    def parsed(self) -> ParsedResponse:
        """What all answers together mean: a page that failed fails the whole."""
        if self._failed is None:
            data = {self._spec.reply.rows or "": self._rows}
            return ParsedResponse(Outcome.DONE, data, warnings=tuple(self._warnings), at=self._at)
        problem = self._failed.problem
        if problem is None or self._count == 1:
            return self._failed
        return replace(self._failed, problem=replace(problem, message=f"page {self._count}: {problem.message}"))

    def _following(self, reply: Response) -> Request | None:
        pages = self._pages
        match pages.by:
            case "page":
                return self._asking(pages.first + self._count)
            case "offset":
                return self._asking(len(self._rows))
            case "cursor":
                cursor = self._told(reply, f'"{pages.at}"')
                return None if cursor is None else self._asking(cursor)
            case _:
                address = self._told(reply, f'"{pages.at}"') if pages.at else _next_link(reply.headers.get("link", ""))
                return None if not address else replace(self._first, url=self._checked(address))

    def _told(self, reply: Response, where: str) -> str | None:
        """The cursor or address in the answer; None where it ends."""
        value = get_path(load_json(reply.text, self._spec.sealed), self._pages.at or "$")
        if value is None or value == "":
            return None
        if isinstance(value, bool | dict | list | Secret | float):
            raise ValueError(f"the answer's {where} is no text and no number")  # noqa: TRY004  # the answer is wrong
        if str(value) == self._next:
            raise ValueError(f"the answer's {where} is the same twice")
        self._next = str(value)
        return self._next

    def _asking(self, value: str | int) -> Request:
        name = self._pages.query or ""
        address, _, query = self._first.url.partition("?")
        kept = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) != name]
        said = f"{quote(name, safe='')}={quote(str(value), safe='', errors='replace')}"
        return replace(self._first, url=f"{address}?{'&'.join([*kept, said])}")

    def _checked(self, address: str) -> str:
        """*Address*, if it is one of the host that the credential is sent to."""
        with suppress(ValueError):
            there = urlsplit(urljoin(self._request.url, address))
            here = urlsplit(self._first.url)
            same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
            if same and re.fullmatch(r"[!-~]+", there.geturl()):
                return there._replace(fragment="").geturl()
        raise ValueError("the address of the next page is none of this API's host, so it is not followed")


def _next_link(header: str) -> str | None:
    for link in _LINK.finditer(header):
        found = _REL.search(link[2])
        if found and "next" in found[1].lower().split():
            return link[1]
    return None
