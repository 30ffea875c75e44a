"""The state in PostgreSQL: leases that can be lost, a database that fails or is not ours, and several versions."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, NotDoneError, Secret
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile
from locoia_pat.extras import install_command
from locoia_pat.state.access_keys import AccessKeys
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from locoia_pat.state.lease import LeaseLostError
from locoia_pat.state.postgres import PostgresDatabase
from tests.support.postgres_server import running_pooler
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.postgres_server import PostgresServer

API = "http://127.0.0.1:1/v1"
TOKEN = Secret("fake-token-0123456789")


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def expire_leases(postgres: PostgresServer, url: str) -> None:
    """Let the database's clock pass the end of every lease."""
    postgres.execute("UPDATE locoia_pat.leases SET expires = now() - interval '1 hour'", name_of(url))


# Leases


def test_once_a_lease_has_passed_to_another_worker_the_first_one_can_write_nothing(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    first, second = State(url), State(url)
    lease, next_lease = first.lease(API, "ci"), second.lease(API, "ci")
    assert lease.acquire(0)
    stale = first.under(lease)
    stale.save(API, "ci", {"a": 1})
    expire_leases(postgres, url)
    stale.save(API, "ci", {"a": 2})  # no one else has acquired it, so it is still held
    expire_leases(postgres, url)
    assert next_lease.acquire(0)
    writes: list[Callable[[], None]] = [
        lambda: stale.save(API, "ci", {"a": 3}),
        lambda: stale.save_token_metadata(API, "ci", TOKEN, {"id": "x"}),
        lambda: stale.record_delivery(API, "ci", "command:x", TOKEN),
        lambda: stale.write_receipt(API, "ci", {"change": "created"}),
        lambda: stale.forget_damaged(API, "ci", with_entry=True),
        lease.check,
    ]
    for number, write in enumerate(writes):
        with pytest.raises(LeaseLostError, match="the lease of the name ci was lost"):
            write()
        assert second.load(API, "ci") == {"a": 2}, number
    assert (second.receipts(API, "ci"), second.last_delivery(API, "ci", "command:x")) == ([], None)
    lease.release()  # releases nothing, for it holds nothing
    assert not State(url).lease(API, "ci").acquire(0)
    second.under(next_lease).save(API, "ci", {"a": 4})
    next_lease.check()


def test_a_lease_that_was_never_acquired_permits_no_write(postgres: PostgresServer) -> None:
    state = State(postgres.new_database())
    lease = state.lease(API, "ci")
    with pytest.raises(LeaseLostError):
        state.under(lease).save(API, "ci", {"a": 1})
    with pytest.raises(LeaseLostError):
        lease.check()


def test_a_lease_is_renewed_by_the_clock_of_the_database_while_its_process_works(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    lease = State(url, lease_seconds=0.3).lease(API, "ci")
    assert lease.acquire(0)

    def end() -> Any:
        return postgres.execute("SELECT expires, expires - now() < '1 s' FROM locoia_pat.leases", name_of(url))[0]

    for _ in range(2):
        before, is_near = end()
        assert is_near
        eventually(lambda before=before: end()[0] > before)  # type: ignore[misc]  # mypy does not infer the default
    other = State(url).lease(API, "ci")
    assert not other.acquire(0)
    assert other.describe_holder().startswith(f"process {os.getpid()} on ")
    threading.Timer(0.2, lease.release).start()
    assert other.acquire(20)  # waits for it
    other.release()


def test_the_lease_of_a_killed_process_passes_on_once_its_time_has_passed(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    script = (
        "import sys; from locoia_pat.state.journal import State\n"
        f"lease = State({url!r}, lease_seconds=0.5).lease({API!r}, 'ci'); assert lease.acquire(0)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        (held,) = inspect_state(url).leases
        assert (held.api, held.name, held.process.split()[1]) == (API, "ci", str(process.pid))
        process.kill()
    state = State(url)
    assert state.lease(API, "ci").acquire(20)
    assert [held.process.split()[1] for held in state.held_leases()] == [str(os.getpid())]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own_and_no_lease(postgres: PostgresServer) -> None:
    state = State(postgres.new_database())
    lease = state.lease(API, "ci")
    assert lease.acquire(0)
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            assert state.entries(API) == []
            state.save(API, "child", {"a": 1})
            for write in (lease.check, lambda: state.under(lease).save(API, "ci", {"a": 1})):
                with pytest.raises(LeaseLostError):
                    write()
            lease.release()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lease.check()
    assert list(dict(state.entries(API))) == ["child"]


# What is shared


def test_what_was_measured_of_an_api_is_known_to_all_machines(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    assert CapabilityFile(State(url)).read(API) == ApiFacts()
    CapabilityFile(State(url)).write(API, ApiFacts({"list_lag": {"value": 2, "at": "now", "how": "x"}}))
    for state in (State(url), inspect_state(url)):
        assert CapabilityFile(state).read(API).facts["list_lag"]["value"] == 2
    postgres.execute("DROP TABLE locoia_pat.documents", name_of(url))
    for call in (CapabilityFile(State(url)).read, lambda api: CapabilityFile(State(url)).write(api, ApiFacts())):
        with pytest.raises(InvalidError, match=r"capabilities.json in postgresql://.* cannot be .*does not exist"):
            call(API)


def test_a_state_is_inspected_without_being_created(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    report = inspect_state(url)
    assert (report.exists, report.trouble, report.names) == (False, None, ())
    assert CapabilityFile(report).read(API) == ApiFacts()
    assert postgres.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'locoia_pat'", name_of(url)) == []
    state = State(url)
    state.save(API, "ci", {"a": 1})
    state.save(API, "crm", {"a": 1})
    postgres.execute("UPDATE locoia_pat.names SET entry = '{' WHERE name = 'crm'", name_of(url))
    assert state.lease(API, "ci").acquire(0)
    report = inspect_state(url)
    assert (report.names, report.damaged) == (((API, "ci", {"a": 1}),), ((API, "crm", "it is not JSON"),))
    assert ([lease.name for lease in report.leases], report.label) == (["ci"], state.database.label)
    with pytest.raises(InvalidError, match=r'"crm".*the table names of postgresql://'):
        state.load(API, "crm")
    assert "cannot be used" in str(inspect_state(postgres.url("missing")).trouble)


@pytest.mark.skipif(shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None, reason="apt-get install pgbouncer")
def test_a_pooler_that_pools_by_transaction_may_be_between(postgres: PostgresServer) -> None:
    name = name_of(postgres.new_database())
    with running_pooler(postgres, 2) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        states = [State(url) for _ in range(4)]

        def work(number: int) -> bool:
            state = states[number % 4]
            lease = state.lease(API, f"n{number % 3}")
            acquired = lease.acquire(60)
            for value in range(8):
                state.under(lease).save(API, f"n{number % 3}", {"a": value})
            lease.check()
            lease.release()
            return acquired

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(12)))
        assert len(states[0].events(API, "n0")) == 4 * 8
        assert AccessKeys(states[1]).all() == []


# A database that cannot be used


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u:fake-password@h/d", "holds a password"),
        ("postgresql://h/d?password=fake-password", "holds a password"),
        ("postgresql://h/d?sslpassword=fake-password", "holds a password"),
        ("postgresql://h:fake-password/d?x", "not valid"),
        ("postgresql+psycopg://u:fake-password@h/d", r"a URL that starts with postgresql\+psycopg://$"),
        ("mysql://u:fake-password@h/d", "a URL that starts with mysql://$"),
    ],
)
def test_a_url_with_a_password_or_of_another_kind_is_refused_and_not_shown(url: str, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        State(url)
    assert caught.value.problem.field == "state"
    assert caught.match(message.removesuffix("$"))
    assert "fake-password" not in repr(astuple(caught.value.problem))


def test_the_database_may_be_named_by_the_variables_of_libpq(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = name_of(postgres.new_database())
    for variable, value in {"PGHOST": "127.0.0.1", "PGPORT": postgres.port, "PGUSER": "postgres"}.items():
        monkeypatch.setenv(variable, str(value))
    monkeypatch.setenv("PGDATABASE", name)
    monkeypatch.setenv("LOCOIA_PAT_STATE", "postgresql://")
    State().save(API, "ci", {"a": 1})
    monkeypatch.delenv("PGDATABASE")
    (tmp_path / "services").write_text(f"[tokens]\ndbname={name}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    state = State("postgresql://?service=tokens")
    assert (state.load(API, "ci"), state.database.label) == ({"a": 1}, "postgresql://?service=tokens")


def test_a_database_that_is_not_ours_or_not_there_is_invalid(postgres: PostgresServer) -> None:
    foreign, damaged = postgres.new_database(), postgres.new_database()
    postgres.execute("CREATE SCHEMA locoia_pat", name_of(foreign))
    postgres.execute("CREATE TABLE locoia_pat.users (id int)", name_of(foreign))
    State(damaged)
    postgres.execute("DELETE FROM locoia_pat.meta WHERE key = 'oldest'", name_of(damaged))
    for url, message in (
        (foreign, "was not created by locoia-pat"),
        (damaged, "was not created by locoia-pat"),
        (postgres.url("missing"), 'database "missing" does not exist'),
        (postgres.url(user="no_one"), 'role "no_one" does not exist'),
    ):
        with pytest.raises(InvalidError, match=message):
            State(url)
    assert postgres.execute("SELECT relname FROM pg_class WHERE relname = 'names'", name_of(foreign)) == []


def test_a_user_without_rights_is_told_what_to_ask_for_and_may_use_an_empty_schema(postgres: PostgresServer) -> None:
    name = name_of(postgres.new_database())
    postgres.execute(f"CREATE ROLE worker_{name} LOGIN")
    url = postgres.url(name, user=f"worker_{name}")
    with pytest.raises(InvalidError, match="permission denied") as caught:
        State(url)
    assert "may create the schema locoia_pat" in str(caught.value.problem.hint)
    postgres.execute(f"CREATE SCHEMA locoia_pat AUTHORIZATION worker_{name}", name)
    State(url).save(API, "ci", {"a": 1})
    assert list(dict(State(url).entries(API))) == ["ci"]


def test_a_database_that_is_away_is_not_done() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://postgres@127.0.0.1:{unused.getsockname()[1]}/d"
        with pytest.raises(NotDoneError, match="refused") as caught:
            State(url, timeout=0.2)
    assert (caught.value.problem.code, caught.value.problem.field) == ("unavailable", "state")


def test_a_write_that_the_server_refuses_says_why_and_changes_nothing(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    state = State(url)
    state.save(API, "ci", {"a": 1})
    fail = (
        "CREATE FUNCTION locoia_pat.fail() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN RAISE 'why' USING ERRCODE = '{}'; END$$"
    )
    create = "CREATE TRIGGER fail BEFORE INSERT ON locoia_pat.names EXECUTE FUNCTION locoia_pat.fail()"
    for code, number, message in (
        ("53100", errno.ENOSPC, "the disk of the server is full"),
        ("25006", errno.EROFS, "it is read-only; it may be a standby"),
        ("57014", None, "it took too long for a statement"),
        ("XX000", None, "why"),
    ):
        postgres.execute(f"{fail.format(code)}; {create}", name_of(url))
        with pytest.raises(OSError, match=f"the state in .* cannot be used: {message}") as caught:
            state.save(API, "ci", {"a": 2})
        assert caught.value.errno == number, code
        postgres.execute("DROP FUNCTION locoia_pat.fail CASCADE", name_of(url))
        assert state.load(API, "ci") == {"a": 1}, code
    postgres.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    with pytest.raises(OSError, match="read-only"):
        State(url).save(API, "ci", {"a": 2})
    with pytest.raises(InvalidError, match="read-only"):
        NextVersion(url)


def test_a_row_that_another_transaction_holds_is_waited_for_a_limited_time(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    state = State(url)
    state.save(API, "ci", {"a": 1})
    with state.writing(lock="names"), pytest.raises(OSError, match="it took too long for a statement"):
        State(url, timeout=0.2).save(API, "ci", {"a": 2})
    assert state.load(API, "ci") == {"a": 1}
    with state.writing() as session:
        session.execute("LOCK TABLE meta")
        with pytest.raises(NotDoneError, match="it took too long for a statement"):
            State(url, timeout=0.2)


def test_a_server_that_hangs_is_not_waited_for_without_end(postgres: PostgresServer) -> None:
    state = State(postgres.new_database(), timeout=0.1)
    started = time.monotonic()
    with postgres.frozen(), pytest.raises(OSError, match="timeout"):
        state.entries(API)
    assert time.monotonic() - started < 20
    assert state.entries(API) == []


def test_a_restarted_database_is_waited_for_and_nothing_is_lost(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    state = State(url)
    state.save(API, "ci", {"a": 1})
    postgres.stop()
    start = threading.Timer(0.3, postgres.start)
    start.start()
    try:
        state.save(API, "ci", {"a": 2})
    finally:
        start.join()
    assert state.load(API, "ci") == {"a": 2}


def test_a_connection_that_ends_inside_a_transaction_is_an_error_and_the_next_one_works(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    state = State(url)

    def write_and_end() -> None:
        with state.writing() as session:
            session.execute("INSERT INTO meta VALUES ('x', 'y')")
            postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE xact_start < now()")
            session.execute("SELECT 1")

    with pytest.raises(OSError, match="terminating connection"):
        write_and_end()
    with state.connected() as session:
        assert session.execute("SELECT 1 FROM meta WHERE key = 'x'").fetchone() is None


def test_transactions_are_durable_even_where_the_default_is_not(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    for default, used in (("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")):
        postgres.execute(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = {default}")
        with State(url).connected() as session:
            assert session.execute("SHOW synchronous_commit").fetchone() == (used,)


# Versions


class NextVersion(State):
    """A later version of the program, which only adds."""

    postgres_schemas = (*State.postgres_schemas, "CREATE TABLE later (key TEXT);\n")


def test_an_older_worker_goes_on_next_to_a_newer_one_that_only_adds(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    older = State(url)
    older.save(API, "ci", {"a": 1})
    newer = NextVersion(url)
    assert (newer.load(API, "ci"), newer.owner) == ({"a": 1}, older.owner)
    older.save(API, "ci", {"a": 2})
    State(url).save(API, "crm", {"a": 3})
    assert list(dict(newer.entries(API))) == ["ci", "crm"]
    with newer.connected() as session:
        assert session.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() == ("2",)


def test_a_version_that_this_one_cannot_use_is_named_with_the_way_out(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    NextVersion(url)
    postgres.execute("UPDATE locoia_pat.meta SET value = '2' WHERE key = 'oldest'", name_of(url))
    with pytest.raises(InvalidError, match=r"version 2 of .* in .* is newer than this program") as caught:
        State(url)
    assert caught.value.problem.next == install_command("postgres", upgrade=True)
    assert "newer" in str(inspect_state(url).trouble)
    assert NextVersion(url).entries(API) == []


def test_workers_that_create_the_tables_at_the_same_time_have_one_owner(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    owners: list[str] = []
    threads = [threading.Thread(target=lambda: owners.append(State(url).owner)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(owners), len(set(owners))) == (6, 1)
    assert PostgresDatabase(url).version == 1
