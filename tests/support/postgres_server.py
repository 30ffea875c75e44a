"""A PostgreSQL server for the tests: one for a session, on a Unix socket in a temporary folder, with many databases."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "postgres"
_FAST = (
    "fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "shared_buffers=16MB", "max_connections=200",
    "log_min_messages=fatal",
)  # fmt: skip


def find_programs() -> Path | None:
    """Return the folder of the server's programs, or None if none is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("postgres")
    return folders[-1] if folders else Path(on_path).parent if on_path else None


class PostgresServer:
    """A running server."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._numbers = itertools.count()
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Create the server's files."""
        if os.getuid() == 0:
            shutil.chown(self.folder, _USER, _USER)
        initdb = [str(self._programs / "initdb"), "-D", str(self.folder / "data"), "-U", _USER, "-A", "trust", "-N"]
        subprocess.run(as_user(*initdb), check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = [part for option in _FAST for part in ("-c", option)]
        command = [
            str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1",
            "-k", str(self.folder), *options,
        ]  # fmt: skip
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(as_user(*command), stdout=log, stderr=log, cwd="/")
        ready = [str(self._programs / "pg_isready"), "-h", str(self.folder), "-p", str(self.port), "-t", "1", "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it by its process id: SIGINT ends its sessions, SIGQUIT is a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(60)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it from doing anything, without its connections being closed."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        pids = [self._process.pid, *map(int, children)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def url(self, database: str = "postgres", user: str = _USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as an administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Create a database and return its URL."""
        name = f"state_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)


@contextmanager
def running_pooler(server: PostgresServer, connections: int) -> Iterator[int]:
    """Run PgBouncer before *server*, which gives each transaction one of few connections, and yield its port."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": connections,
        "max_client_conn": 200,
        "logfile": server.folder / "pooler.log",
    }
    lines = [f"{key} = {value}" for key, value in settings.items()]
    file = server.folder / "pooler.ini"
    database = f"* = host=127.0.0.1 port={server.port} user={_USER}"
    file.write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
    with subprocess.Popen(as_user("pgbouncer", "-q", str(file)), stderr=subprocess.DEVNULL, cwd="/") as process:
        try:
            while not accepts(port):
                assert process.poll() is None, (server.folder / "pooler.log").read_text()
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


def accepts(port: int) -> bool:
    """Return whether something listens on *port* of localhost."""
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def as_user(*command: str) -> list[str]:
    """Return *command* as a user that the servers accept: they refuse root."""
    change_user = ["setpriv", "--reuid", _USER, "--regid", _USER, "--clear-groups"] if os.getuid() == 0 else []
    return [*change_user, *command]


@contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """Run a server in a folder of its own; a path of a socket may have 100 characters only."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = PostgresServer(folder, programs)
    try:
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for all tests of this process."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with running_postgres(programs) as server:
        yield server
