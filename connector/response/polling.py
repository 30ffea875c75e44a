"""Effects and reads that an API accepts and finishes later: where their status is, and when they are done.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Request, TransportError
from locoia_pat.http.json_document import DocumentError, parse_document
from locoia_pat.http.retry import retry_after
from locoia_pat.http.url import resolve_url
from locoia_pat.outcomes import InvalidError, Outcome, Problem
from locoia_pat.response.classify import ParsedResponse, is_value, unknown
from locoia_pat.response.outputs import get_path
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection

    from locoia_pat.http.exchange_types import Response, ResponseOrError
    from locoia_pat.spec.model import ActionSpec, PollSpec

_ACCEPTED, _SEE_OTHER = 202, 303


class Poller:
    """Follows one request that the API has accepted until it is done; only reads are sent for that."""

    def __init__(
        self,
        spec: ActionSpec,
        poll: PollSpec,
        first: Request,
        *,
        now: dt.datetime,
        hosts: Collection[str],
        path_url: Callable[[object], str],
    ) -> None:
        """Start with the request *first* of the action *spec*; *poll* says where its status is.

        Args:
            spec: the action.
            poll: its ``poll``.
            first: the request that may be accepted only.
            now: the time, used if the server sent none.
            hosts: the hosts of the connector, which may be asked besides that of *first*.
            path_url: returns the URL of ``poll.path`` for the value in the response.

        """
        self._spec = spec
        self._poll = poll
        self._first = first
        self._now = now
        self._hosts = hosts
        self._path_url = path_url
        self._url = first.url
        self._has_url = False
        self._polls = 0
        self._result: ParsedResponse | None = None
        self._minted: ParsedResponse | None = None
        self.pause = poll.interval
        """The seconds to wait before the next request."""

    def advance(self, response: ResponseOrError, parsed: ParsedResponse) -> Request | None:
        """Return the request that asks whether it is done, after *response*; None at the end."""
        is_first = self._result is None
        self._result = parsed
        if parsed.secrets:
            self._minted = parsed
        if isinstance(response, TransportError):
            self._end(is_first, response.reason, None)
            return None
        body = self._body(response)
        if response.status != _SEE_OTHER and not 200 <= response.status < 300:
            self._end(is_first, parsed.problem.message if parsed.problem else "", response.status)
            return None
        if response.status != _SEE_OTHER and not self._is_pending(response, body):
            return None
        try:
            self._find_url(response, body)
        except (ValueError, InvalidError) as error:
            self._end(False, str(error), response.status)
            return None
        if self._polls == self._poll.max_polls:
            self._end(False, f"it was not done after {self._polls} polls", response.status)
            return None
        self._polls += 1
        self.pause = self._seconds(response)
        return self._request()

    def parsed(self) -> ParsedResponse:
        """Return what the last response means; a token that was read once is never given up."""
        assert self._result is not None  # noqa: S101  # a response was added before
        minted = self._minted
        if minted is None or self._result.secrets:
            return self._result
        problem = self._result.problem
        warnings = (f"the token was received, and then: {problem.message}",) if problem is not None else ()
        return replace(minted, warnings=(*minted.warnings, *warnings))

    def _end(self, is_first: bool, reason: str, status: int | None) -> None:
        """Say what is true of a request that was accepted, and whose end was not seen."""
        if is_first:
            return  # it was not accepted
        message = f"the API accepted the request, and its end was not seen: {reason}"
        if self._spec.effect == "read":
            problem = Problem("unavailable", message, status, hint="It is safe to retry.")
            self._result = ParsedResponse(Outcome.NOT_DONE, problem=problem)
            return
        self._result = unknown(self._spec, status, message, may="still be done")

    def _body(self, response: Response) -> object:
        try:
            return parse_document(response.text, self._spec.secret_keys).value
        except DocumentError:
            return None

    def _is_pending(self, response: Response, body: object) -> bool:
        """Return whether *response* says that it is not done: in its body if the spec says where, else by 202."""
        stated = [
            any(is_value(value, each) for each in (expected if isinstance(expected, list) else [expected]))
            for path, expected in self._poll.pending_when.items()
            if (value := get_path(body, path)) is not None
        ]
        return any(stated) if stated else response.status == _ACCEPTED

    def _find_url(self, response: Response, body: object) -> None:
        """Take the URL of the status from *response*; a later response need not repeat it.

        Raises:
            ValueError: there is none, or it is on a host that the credential may not be sent to.
            InvalidError: the value does not fit into the path.

        """
        poll = self._poll
        value: object
        if poll.at is not None and response.status != _SEE_OTHER:
            where, value = f'no "{poll.at}"', get_path(body, poll.at)
        else:
            header = (poll.header if response.status != _SEE_OTHER else None) or "Location"
            where, value = f"no header {header}", response.headers.get(header.lower())
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            is_path = poll.path is not None and response.status != _SEE_OTHER
            url = self._path_url(value) if is_path else str(value)
            self._url = resolve_url(url, self._url, self._first.url, what="the URL of its status", hosts=self._hosts)
            self._has_url = True
        elif not self._has_url:
            message = f"the response has {where}, so its status cannot be read"
            raise ValueError(message)

    def _seconds(self, response: Response) -> float:
        if response.status == _SEE_OTHER:
            return 0
        seconds = retry_after(response.headers, self._now)
        return self._poll.interval if seconds is None else seconds

    def _request(self) -> Request:
        """Return the read of the status, with the headers of the action that belong to its host."""
        is_same_host = self._url.split("/")[:3] == self._first.url.split("/")[:3]
        headers = tuple(
            (name, value)
            for name, value in self._first.headers
            if name != "content-type" and (is_same_host or not isinstance(value, Secret))
        )
        return Request("GET", self._url, headers)
