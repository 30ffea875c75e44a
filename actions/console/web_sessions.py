"""Who may use the pages: one-time launch links, and the sessions that they open.

Pure but for the random values: time is an argument.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio

    from locoia_pat.actions.console.page_reports import Report
    from locoia_pat.outcomes import Result

LINK_SECONDS = 10 * 60
"""How long a launch link can be used."""
IDLE_SECONDS = 30 * 60
"""How long a session lasts without a request."""
LIFETIME_SECONDS = 8 * 60 * 60
"""How long a session lasts at most."""
MAX_SUBMISSIONS = 10_000
"""Forms, and reports of what became of them, that a session remembers."""
_T = TypeVar("_T")


@dataclass
class Reveal:
    """A new token that is shown once."""

    result: Result
    shown: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self) -> bool:
        """Whether it was not shown yet; from now on it counts as shown, whatever thread asks next."""
        with self._lock:
            was_shown, self.shown = self.shown, True
        return not was_shown


@dataclass
class Session:
    """What the server remembers of one browser."""

    id: str
    csrf: str
    """The CSRF token, a hidden field in each form of this session."""
    started: float
    used: float
    ended: bool = False
    submissions: dict[str, asyncio.Task[str]] = field(default_factory=dict[str, "asyncio.Task[str]"])
    """The submitted forms by the id of the form; each ends with the path of its report."""
    reveals: dict[str, Reveal] = field(default_factory=dict[str, Reveal])
    reports: dict[str, Report] = field(default_factory=dict[str, "Report"])


class WebSessions:
    """The launch link and the sessions of one server, in memory."""

    def __init__(self) -> None:
        self._link: tuple[str, float] | None = None
        self._sessions: dict[str, Session] = {}

    def new_link(self, now: float) -> str | None:
        """Return the code of a new launch link, or None while one can still be used."""
        if self._link is not None and now < self._link[1]:
            return None
        code = secrets.token_urlsafe(32)
        self._link = (code, now + LINK_SECONDS)
        return code

    def open(self, code: str, now: float) -> Session | None:
        """Use up a launch link and return a new session, or None if the *code* is not valid."""
        if self._link is None or not _equal(code, self._link[0]) or now >= self._link[1]:
            return None
        self._link = None
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now, now)
        self._sessions[session.id] = session
        return session

    def find(self, id_: str | None, now: float) -> Session | None:
        """Return the session with this id, if it has not ended."""
        session = self._sessions.get(id_ or "")
        if session is not None:
            session.used = now
        return session

    def end(self, session: Session) -> None:
        """End a session."""
        session.ended = True
        self._sessions.pop(session.id, None)

    def end_expired(self, now: float) -> list[Session]:
        """End and return the sessions whose time is over."""
        expired = [
            session
            for session in self._sessions.values()
            if now - session.used >= IDLE_SECONDS or now - session.started >= LIFETIME_SECONDS
        ]
        for session in expired:
            self.end(session)
        return expired

    def end_all(self) -> list[Session]:
        """End and return all sessions."""
        sessions = list(self._sessions.values())
        for session in sessions:
            self.end(session)
        return sessions


def remember(entries: dict[str, _T], key: str, value: _T) -> None:
    """Add an entry; the oldest one is forgotten once there are too many."""
    entries[key] = value
    if len(entries) > MAX_SUBMISSIONS:
        del entries[next(iter(entries))]


def has_csrf(session: Session, value: str) -> bool:
    """Whether *value* is the one that forms of *session* carry."""
    return _equal(value, session.csrf)


def _equal(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())
