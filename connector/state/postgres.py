"""The state in PostgreSQL, which any number of machines share.

A pooler may stand between, so nothing outlives a transaction: no settings of a session, no prepared statements and no
locks of a session.  All times of leases are by the clock of the database.
"""

from __future__ import annotations

import errno
import re
import secrets
import time
import weakref
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from locoia_pat.extras import install_command
from locoia_pat.files import user_folder
from locoia_pat.forks import call_after_fork
from locoia_pat.outcomes import ConnectorError, InvalidError, NotDoneError, Problem, invalid
from locoia_pat.state.database import moved_error, new_id
from locoia_pat.state.lease import LeaseInfo, LeaseLostError, parse_lease_note
from locoia_pat.state.postgres_lease import LEASE_SECONDS, PostgresLease
from locoia_pat.state.postgres_schema import POSTGRES_SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import LiteralString

    from locoia_pat.state.lease import Lease

SCHEMA = "locoia_pat"
"""The schema that holds our tables, so that others may use the same database."""
OPEN_SECONDS = 5.0
"""How long opening a state waits for a database that cannot be reached."""
_CONNECT_SECONDS = 10
_OPTIONS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_BEGIN = f"""BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL search_path = {SCHEMA};
SET LOCAL statement_timeout = %d;
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"""
_UPGRADE_LOCK = 5_717_341_090_871
"""Any number that other programs are unlikely to use for their advisory locks."""
_NOT_NOW = re.compile(r"refused|timeout|timed out|No such file|could not|unreachable|shutting down|starting up|"
                      r"too many|closed the connection|reset by peer|not yet accepting|in recovery|terminating|"
                      r"no more connections|server_login_retry|pooler", re.IGNORECASE)  # fmt: skip
"""Of errors at connecting, which carry no code: those that pass by themselves."""


_inherited: list[_Connection] = []
"""Connections of the parent of a forked process, which are never closed."""


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that does not wait forever for a server that hangs."""

    limit = 30.0
    """Seconds."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for what *gen* waits for."""
        return super().wait(gen, interval, self.limit if timeout is None else timeout)


class PostgresSession:
    """A connection inside a transaction."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement, with ``?`` for each of *values*."""
        query = statement.replace("%", "%%").replace("?", "%s")
        return self._connection.execute(query.encode(), values)

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each of *values*."""
        for each in values:
            self.execute(statement, each)


class PostgresDocument:
    """A document in the table ``documents``."""

    def __init__(self, database: PostgresDatabase, name: str, lease: Lease | None) -> None:
        self._database, self._name, self._lease = database, name, lease
        self.label = f"{name} in {database.label}"

    def read(self) -> bytes:
        """Return its content."""
        row = None
        if self._database.version:
            with self._database.connected() as session:
                row = session.execute("SELECT content FROM documents WHERE name = ?", (self._name,)).fetchone()
        if row is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such document", self._name)
        return str(row[0]).encode()

    def write(self, content: bytes) -> None:
        """Replace its content, if the lease was not lost."""
        upsert = """INSERT INTO documents VALUES (?, ?)
                    ON CONFLICT (name) DO UPDATE SET content = excluded.content"""
        with self._database.writing(self._lease) as session:
            session.execute(upsert, (self._name, content.decode()))


class PostgresDatabase:
    """The schema ``locoia_pat`` of one database."""

    tool = "psql"

    def __init__(
        self,
        url: str,
        schemas: tuple[str, ...] = POSTGRES_SCHEMAS,
        *,
        timeout: float = 30.0,
        lease_seconds: float = LEASE_SECONDS,
        create: bool = True,
        moved_to: str | None = None,
    ) -> None:
        """Open the database at *url*; its credentials come from where libpq looks for them.

        Args:
            url: ``postgresql://``, with what libpq reads; without a password.
            schemas: the statements that each version adds.
            timeout: seconds to wait for a database that is restarted, and for each statement.
            lease_seconds: how long a lease is held after it was last renewed.
            create: whether to create or upgrade our tables; otherwise a database without them has no names.
            moved_to: open it also if it was moved to this database.

        Raises:
            InvalidError: it cannot be used, or a newer version wrote it.
            NotDoneError: it cannot be reached now.

        """
        self.folder = user_folder("state")
        self._options, self.label = _parse(url)
        self.schemas = schemas
        self.moved_to = moved_to
        self.version = 0
        """The version of our tables; 0 if there are none."""
        self._idle: list[_Connection] = []
        self._lock = Lock()
        self._statement_seconds = max(timeout, 0.1)
        self.lease_seconds = lease_seconds
        self._timeout = min(timeout, OPEN_SECONDS)
        weakref.finalize(self, _close_all, self._idle)
        call_after_fork(self, PostgresDatabase._forget_connections)
        try:
            self._open(create=create)
        except psycopg.Error as error:
            problem = self._cannot_open(error)
        else:
            self._timeout = timeout
            return
        raise problem

    def _forget_connections(self) -> None:
        """Leave the connections to the parent of this process: to close one here would end it there."""
        _inherited.extend(self._idle)
        self._idle.clear()
        self._lock = Lock()

    # Transactions

    @contextmanager
    def connected(self) -> Iterator[PostgresSession]:
        """Run one transaction; an error of the database becomes an ``OSError``."""
        with self._errors_as_os_errors(), self._transaction() as session:
            yield session

    @contextmanager
    def writing(self, lease: Lease | None = None, *, lock: str | None = None) -> Iterator[PostgresSession]:
        """Run one transaction that *lease* must survive; no one else writes to the table *lock*."""
        with self.connected() as session:
            if isinstance(lease, PostgresLease) and not lease.lock(session):
                raise LeaseLostError(lease.lost_message())
            if lock is not None:
                session.execute(f"LOCK TABLE {lock} IN SHARE ROW EXCLUSIVE MODE")
            yield session

    def execute_not_durably(self, statement: LiteralString, values: Sequence[Any]) -> int:
        """Run one statement, with ``?`` for each of *values*, in one round trip; return the number of its rows.

        It may run twice, and a crash of the server may lose it.
        """
        query = sql.SQL(statement.replace("?", "{}")).format(*map(sql.Literal, values)).as_string()
        with self._errors_as_os_errors():
            connection, cursor = self._begin(f"SET LOCAL synchronous_commit = off; {query}; COMMIT")
            self._release(connection)
        cursor.set_result(-2)
        return cursor.rowcount

    @contextmanager
    def _errors_as_os_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            number, reason = _errno(error), _reason(error)
        else:
            return
        message = f"the state in {self.label} cannot be used: {reason}"
        raise OSError(number, message) if number else OSError(message)

    @contextmanager
    def _transaction(self) -> Iterator[PostgresSession]:
        connection, _ = self._begin()
        try:
            yield PostgresSession(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            self._release(connection)
            raise
        self._release(connection)

    def _begin(self, more: str = "") -> tuple[_Connection, psycopg.Cursor[tuple[Any, ...]]]:
        """Begin a transaction on an idle connection or on a new one, and run *more* statements with it.

        Waits for a database that is restarted, and begins again.
        """
        deadline = time.monotonic() + self._timeout
        pause = 0.05
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            is_new = connection is None
            try:
                connection = connection or self._connect()
                begin = _BEGIN % round(self._statement_seconds * 1000)
                cursor = connection.execute(f"{begin}; {more}".encode())
            except BaseException as error:
                if connection is not None:
                    connection.close()
                passes = isinstance(error, psycopg.OperationalError) and (
                    not is_new or (_may_pass(error) and time.monotonic() < deadline)
                )
                if not passes:
                    raise
                if is_new:
                    time.sleep(pause)
                    pause = min(2 * pause, 1.0)
            else:
                return connection, cursor

    def _connect(self) -> _Connection:
        connect = {"connect_timeout": max(2, min(_CONNECT_SECONDS, round(self._statement_seconds))), **self._options}
        connection = _Connection.connect(**connect, autocommit=True, prepare_threshold=None)
        connection.limit = 1 + 1.1 * self._statement_seconds  # a server that responds ends the statement before
        return connection

    def _release(self, connection: _Connection) -> None:
        """Keep the connection for the next transaction, unless this one did not end."""
        if connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    # What is kept

    def lease(self, api: str, name: str) -> PostgresLease:
        """Return the lease of *name* at *api*, not acquired yet."""
        return PostgresLease(self, api, name)

    def held_leases(self) -> list[LeaseInfo]:
        """Return the leases that are held now."""
        with self.connected() as session:
            rows = session.execute("SELECT note FROM leases WHERE expires > clock_timestamp() ORDER BY fence")
            return [info for (note,) in rows.fetchall() if (info := parse_lease_note(note))]

    def document(self, name: str, lease: Lease | None = None) -> PostgresDocument:
        """Return the document *name*; it is not written once *lease* was lost."""
        return PostgresDocument(self, name, lease)

    # Create and upgrade

    def _open(self, *, create: bool) -> None:
        with self._transaction() as session:
            self.version = self._read_version(session)
        if not create or self.version >= len(self.schemas):
            return
        with self._transaction() as session:
            session.execute("SELECT pg_advisory_xact_lock(?)", (_UPGRADE_LOCK,))
            version = self._read_version(session)  # another process may have been faster
            if not _has_schema(session):
                session.execute(f"CREATE SCHEMA {SCHEMA}")
            for schema in self.schemas[version:]:
                for statement in schema.strip().split(";\n"):
                    session.execute(statement)
            insert = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
            session.executemany(insert, [("owner", new_id()), ("key", secrets.token_hex(32)), ("oldest", "1")])
            self.version = max(version, len(self.schemas))
            update = "INSERT INTO meta VALUES ('version', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            session.execute(update, (str(self.version),))

    def _read_version(self, session: PostgresSession) -> int:
        """Return the version of our tables, 0 if there are none.

        Raises:
            InvalidError: they are not ours, or too new.

        """
        if not _has_schema(session):
            return 0
        tables = session.execute("SELECT relname FROM pg_class WHERE relnamespace = ?::regnamespace", (SCHEMA,))
        names = {name for (name,) in tables.fetchall()}
        if not names:
            return 0  # made ready for us by an administrator
        meta = dict(session.execute("SELECT key, value FROM meta").fetchall()) if "meta" in names else {}
        if not all(str(meta.get(key)).isdigit() for key in ("version", "oldest")):
            raise invalid(
                f"the schema {SCHEMA} of {self.label} was not created by locoia-pat",
                field="state",
                hint="Name another database, or rename that schema.",
            )
        if int(meta["oldest"]) > len(self.schemas):
            raise invalid(
                f"version {meta['version']} of locoia-pat's state in {self.label} is newer than this program",
                field="state",
                hint="Upgrade locoia-pat on this machine.",
                next=install_command("postgres", upgrade=True),
            )
        if meta.get("moved", self.moved_to) != self.moved_to:
            raise moved_error(self.label, meta["moved"])
        return int(meta["version"])

    def _cannot_open(self, error: psycopg.Error) -> ConnectorError:
        message = f"the state in {self.label} cannot be used: {_reason(error)}"
        if isinstance(error, psycopg.OperationalError) and _may_pass(error):
            hint = "Nothing was sent; it is safe to retry."
            return NotDoneError(Problem("unavailable", message, field="state", hint=hint))
        hint = "Check the URL, and what libpq reads: PGHOST, PGUSER, PGPASSWORD, ~/.pgpass, ~/.pg_service.conf."
        if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
            hint = f"Name a database that may be written, by a user that may create the schema {SCHEMA} in it."
        return InvalidError(Problem("validation", message, field="state", hint=hint))


def _close_all(connections: list[_Connection]) -> None:
    for connection in connections:
        connection.close()


def _has_schema(session: PostgresSession) -> bool:
    return session.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (SCHEMA,)).fetchone() is not None


def _parse(url: str) -> tuple[dict[str, Any], str]:
    """Return the options of the connection, and how to show it.

    Raises:
        InvalidError: *url* cannot be read, or has a password; the error shows nothing of it.

    """
    try:
        options = conninfo_to_dict(url)
    except psycopg.Error:
        options = None
    hint = "Write it as postgresql://HOST/DATABASE or postgresql://?service=NAME."
    if options is None:
        raise invalid("the URL of the state is not valid", field="state", hint=hint)
    if options.keys() & {"password", "sslpassword"}:
        raise invalid(
            "the URL of the state holds a password, which others can read in the list of processes",
            field="state",
            hint="Put it into ~/.pgpass, a service file or PGPASSWORD, where libpq looks for it.",
        )
    host, port, name = (options.get(key) for key in ("host", "port", "dbname"))
    place = "".join([str(host or ""), f":{port}" if port else "", f"/{name}" if name else ""])
    service = f"?service={options['service']}" if "service" in options else ""
    return {**_OPTIONS, **options}, f"postgresql://{place}{service}"


def _may_pass(error: psycopg.OperationalError) -> bool:
    """Return whether the same may succeed later, without a change of ours."""
    if error.sqlstate is None:
        return _NOT_NOW.search(str(error)) is not None
    return error.sqlstate[:2] in {"08", "53", "57"}


def _reason(error: psycopg.Error) -> str:
    """Return why, on one line; values of rows are only in the detail, which is left out."""
    match error:
        case errors.QueryCanceled():
            return "it took too long for a statement"
        case errors.DiskFull():
            return "the disk of the server is full"
        case errors.ReadOnlySqlTransaction():
            return "it is read-only; it may be a standby"
        case _:
            return " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())


def _errno(error: psycopg.Error) -> int | None:
    match error:
        case errors.DiskFull():
            return errno.ENOSPC
        case errors.ReadOnlySqlTransaction():
            return errno.EROFS
        case _:
            return None
