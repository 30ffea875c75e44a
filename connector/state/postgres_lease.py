"""A lease in PostgreSQL: a row with the time until which it is held, by the clock of the database.

A thread renews it, so a killed process loses its leases after :data:`LEASE_SECONDS`.  A process that was paused for
longer loses them too, and cannot know it when it continues; so each write of the state names the lease under which it
is made, and is refused once another process has acquired it.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from locoia_pat.state.lease import LeaseLostError, describe_lease, lease_key, lease_note, parse_lease_note

if TYPE_CHECKING:
    from locoia_pat.state.postgres import PostgresDatabase, PostgresSession

LEASE_SECONDS = 30.0
"""How long a lease is held after it was last renewed; it is renewed three times in that time."""
_ACQUIRE = """INSERT INTO leases (key, fence, holder, note, expires)
VALUES (?, nextval('fences'), ?, ?, clock_timestamp() + make_interval(secs => ?))
ON CONFLICT (key) DO UPDATE
SET fence = excluded.fence, holder = excluded.holder, note = excluded.note, expires = excluded.expires
WHERE leases.expires <= clock_timestamp() OR leases.holder = excluded.holder RETURNING fence"""
_RENEW = """UPDATE leases SET expires = clock_timestamp() + make_interval(secs => ?)
WHERE key = ? AND fence = ? AND holder = ?"""
_OWN = "key = ? AND fence = ? AND holder = ?"


class PostgresLease:
    """The lease of one name."""

    def __init__(self, database: PostgresDatabase, api: str, name: str) -> None:
        """Prepare the lease of *name* at *api*; nothing is acquired yet."""
        self._database = database
        self._api, self._name = api, name
        self._key = lease_key(api, name)
        self._holder = secrets.token_hex(8)
        """Says that a row is this lease, even if the database lost the last second and gives a number twice."""
        self._fence: int | None = None
        self._process = 0
        self._released = Event()

    def acquire(self, wait: float) -> bool:
        """Acquire the lease, for as long as this process renews it."""
        deadline = time.monotonic() + wait
        pause = 0.05
        while not self._acquire():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, pause * random.uniform(0.5, 1)))  # noqa: S311  # no secret
            pause = min(2 * pause, 1.0)
        return True

    def _acquire(self) -> bool:
        if self._fence is not None:
            return True
        values = (self._key, self._holder, lease_note(self._api, self._name), self._database.lease_seconds)
        with self._database.writing() as session:
            row = session.execute(_ACQUIRE, values).fetchone()
        if row is None:
            return False
        self._fence, self._process = row[0], os.getpid()
        self._released = Event()
        Thread(target=self._keep_renewing, args=(self._released,), name="lease", daemon=True).start()
        return True

    def check(self) -> None:
        """Renew the lease, before an effect that cannot be undone.

        Raises:
            LeaseLostError: it passed to another process.
            OSError: the database cannot be used.

        """
        if not self._renew():
            raise LeaseLostError(self.lost_message())

    def lock(self, session: PostgresSession) -> bool:
        """Return whether the lease is still held; until the transaction ends, no one else acquires it."""
        if not self._is_ours():
            return False
        # What has expired and was not acquired by another process is still ours.
        row = session.execute(f"SELECT 1 FROM leases WHERE {_OWN} FOR SHARE", self._identity()).fetchone()  # noqa: S608  # ours
        return row is not None

    def lost_message(self) -> str:
        """Return the message for a lease that is no longer held."""
        return f"the lease of the name {self._name} was lost, because this process could not renew it in time"

    def release(self) -> None:
        """Release the lease; does nothing if it is not held, and a database that is gone lets it expire."""
        self._released.set()
        if self._is_ours():
            with suppress(OSError):
                self._database.execute_not_durably(f"DELETE FROM leases WHERE {_OWN}", self._identity())  # noqa: S608  # ours
        self._fence = None

    def describe_holder(self) -> str:
        """Return who holds the lease."""
        with self._database.connected() as session:
            row = session.execute("SELECT note FROM leases WHERE key = ?", (self._key,)).fetchone()
        return describe_lease(parse_lease_note(row[0]) if row else None)

    def _identity(self) -> tuple[str, int | None, str]:
        return self._key, self._fence, self._holder

    def _is_ours(self) -> bool:
        """Whether it was acquired, and not by the process that this one was forked from."""
        return self._fence is not None and self._process == os.getpid()

    def _renew(self) -> bool:
        if not self._is_ours():
            return False
        return self._database.execute_not_durably(_RENEW, (self._database.lease_seconds, *self._identity())) == 1

    def _keep_renewing(self, released: Event) -> None:
        while not released.wait(self._database.lease_seconds / 3):
            with suppress(OSError):  # the database is gone for now; the next write or check says so
                self._renew()
