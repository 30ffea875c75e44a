"""Workers on several machines share one state: no name is managed elsewhere, and a worker that lost its lease stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from socket import gethostname
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, RefusedError, UnknownOutcomeError
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from locoia_pat.actions import ManagedToken
    from tests.support.lifecycle_sandbox import ManagedSandbox
    from tests.support.postgres_server import PostgresServer


@pytest.fixture
def new_database(postgres: PostgresServer) -> Callable[[], str]:
    """Keep each state in PostgreSQL."""
    return postgres.new_database


class Interrupted(State):
    """Something else happens after the first write of the journal, which says what is about to be done."""

    then: list[Callable[[], object]] | None = None

    def save(self, api: str, name: str, entry: Mapping[str, Any]) -> None:
        super().save(api, name, entry)
        if self.then:
            self.then.pop()()


def rotate_interrupted(sandbox: ManagedSandbox, then: Callable[[], object], **options: Any) -> ManagedToken:
    state = Interrupted(sandbox.location(), **options)
    state.then = [then]
    return sandbox.rotate(state=state)


def end_leases(sandbox: ManagedSandbox, postgres: PostgresServer) -> None:
    """Let the database's clock pass the end of every lease."""
    database = sandbox.urls["state"].rpartition("/")[2]
    postgres.execute("UPDATE locoia_pat.leases SET expires = now() - interval '1 hour'", database)


def test_machines_that_share_a_database_manage_the_same_names(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    assert sandbox.ensure().change == "created"
    assert sandbox.ensure(**sandbox.options()).change == "none"
    assert sandbox.rotate().change == "rotated"
    assert [receipt["change"] for receipt in sandbox.state().receipts(sandbox.url, "ci")] == ["created", "rotated"]
    assert sandbox.works()
    with pytest.raises(RefusedError) as refused:
        sandbox.ensure(state=State(tmp_path / "of this machine"))
    assert "share one state, in PostgreSQL" in str(refused.value.problem.hint)


def test_a_store_that_only_another_machine_reaches_is_refused_and_its_token_keeps_working(
    sandbox: ManagedSandbox, tmp_path: Path
) -> None:
    assert sandbox.ensure().change == "created"
    sandbox.rotate()
    token, file = read_token(sandbox.ref()), sandbox.folder / "ci.json"
    file.rename(tmp_path / "on the disk of the other machine")
    entry = sandbox.state().load(sandbox.url, "ci") or {}
    assert entry["machine"] == gethostname()
    for operation in (None, "rotate"):
        left = {**entry, "machine": "worker-7", "operation": operation, "operation_id": "A" * 16}
        sandbox.state().save(sandbox.url, "ci", left)
        for call in (sandbox.ensure, sandbox.rotate):
            with pytest.raises(InvalidError, match=r"holds no token on this machine, but the machine worker-7 has"):
                call()
    assert sandbox.accepts(token)
    assert (sandbox.state().load(sandbox.url, "ci"), file.exists()) == (left, False)
    sandbox.state().save(sandbox.url, "ci", {**entry, "machine": "worker-7"})
    other = sandbox.ensure(token_to=[f"file:{tmp_path}/shared.json", sandbox.ref()], take_over=True)
    assert other.change == "adopted"
    file.unlink()  # on the machine that has written it
    (tmp_path / "shared.json").unlink()
    assert sandbox.ensure(token_to=[f"file:{tmp_path}/shared.json", sandbox.ref()]).change == "adopted"


def test_a_change_of_scopes_that_another_machine_began_is_refused_where_its_store_is_empty(
    sandbox: ManagedSandbox, tmp_path: Path
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    sandbox.ensure()
    token, file = read_token(sandbox.ref()), sandbox.folder / "ci.json"
    wishes: dict[str, Any] = {"scopes": ["company:view"], "change_scopes": True}
    state = Interrupted(sandbox.location())
    state.then = [stop]
    with pytest.raises(KeyboardInterrupt):
        sandbox.ensure(state=state, **wishes)
    entry = sandbox.state().load(sandbox.url, "ci") or {}
    assert (entry["operation"], entry["rows"]) == ("create", {})
    file.rename(tmp_path / "on the disk of the other machine")
    sandbox.state().save(sandbox.url, "ci", {**entry, "machine": "worker-7"})
    with pytest.raises(InvalidError, match="holds no token on this machine, but the machine worker-7 has"):
        sandbox.ensure(**wishes)
    assert sandbox.accepts(token)
    assert sandbox.ensure(**wishes, take_over=True).change == "created"


def test_a_worker_that_lost_its_lease_writes_nothing_more_and_the_token_of_the_other_one_works(
    sandbox: ManagedSandbox, postgres: PostgresServer
) -> None:
    sandbox.ensure()
    sandbox.rotate()
    written: list[Any] = []

    def pass_on() -> None:
        end_leases(sandbox, postgres)
        assert sandbox.rotate().change == "rotated"
        written.append((sandbox.state().load(sandbox.url, "ci"), (sandbox.folder / "ci.json").read_text()))

    with pytest.raises(UnknownOutcomeError, match="the lease of the name ci was lost"):
        rotate_interrupted(sandbox, pass_on)
    assert written == [(sandbox.state().load(sandbox.url, "ci"), (sandbox.folder / "ci.json").read_text())]
    assert sandbox.works()
    assert sandbox.ensure().change == "none"
    assert sandbox.state().held_leases() == []


def test_a_database_that_goes_away_during_a_rotation_leaves_it_unknown_and_the_next_call_finishes(
    sandbox: ManagedSandbox, postgres: PostgresServer
) -> None:
    sandbox.ensure()
    sandbox.rotate()  # from now on each slot has a row
    try:
        with pytest.raises(UnknownOutcomeError, match=r"the state in postgresql://.* cannot be used"):
            rotate_interrupted(sandbox, postgres.stop, timeout=0.2)
    finally:
        postgres.start()
    assert sandbox.works()  # the previous token
    end_leases(sandbox, postgres)  # this one could not be released
    assert sandbox.rotate().change == "rotated"
    assert sandbox.works()
    assert len(sandbox.rows()) == 2


def test_a_database_that_is_restarted_during_a_rotation_is_waited_for(
    sandbox: ManagedSandbox, postgres: PostgresServer
) -> None:
    sandbox.ensure()
    sandbox.rotate()

    def restart() -> None:
        postgres.stop()
        postgres.start()

    rotated = rotate_interrupted(sandbox, restart)
    assert rotated.change == "rotated"
    assert sandbox.works()


def test_a_failover_that_loses_the_end_of_the_journal_loses_no_token(
    sandbox: ManagedSandbox, postgres: PostgresServer
) -> None:
    def fail_over(work: Callable[[], object]) -> None:
        """Do *work*, and continue with the database as it was before."""
        database = sandbox.urls["state"].rpartition("/")[2]
        postgres.execute(f"CREATE DATABASE {database}_standby TEMPLATE {database}")
        work()
        sandbox.urls["state"] = postgres.url(f"{database}_standby")

    sandbox.ensure(name="warm", token_to=[sandbox.ref("warm")])
    fail_over(sandbox.ensure)
    with pytest.raises(RefusedError, match="does not know"):  # the row is not in the journal
        sandbox.ensure()
    assert sandbox.works()
    sandbox.ensure(take_over=True, overlap=0)
    sandbox.rotate()
    fail_over(sandbox.rotate)
    for _ in range(2):
        sandbox.ensure(overlap=0)
        assert sandbox.works()
    assert sandbox.rotate().change == "rotated"
    assert sandbox.works()
    assert sandbox.works("warm")


def test_a_database_that_takes_no_more_writes_during_a_rotation_leaves_it_unknown_and_the_next_call_finishes(
    sandbox: ManagedSandbox, postgres: PostgresServer
) -> None:
    sandbox.ensure()
    sandbox.rotate()
    database = sandbox.urls["state"].rpartition("/")[2]
    refuse = (
        "CREATE FUNCTION locoia_pat.fail() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN RAISE 'why' USING ERRCODE = '{}'; END$$; "
        "CREATE TRIGGER fail BEFORE INSERT ON locoia_pat.names EXECUTE FUNCTION locoia_pat.fail()"
    )
    for code, why in (("53100", "is full"), ("25006", "is read-only"), ("57014", "took too long")):
        with pytest.raises(UnknownOutcomeError, match=why):
            rotate_interrupted(sandbox, partial(postgres.execute, refuse.format(code), database))
        assert sandbox.works(), why
        postgres.execute("DROP FUNCTION locoia_pat.fail CASCADE", database)
        assert sandbox.rotate().change == "rotated"
        assert (sandbox.works(), len(sandbox.rows())) == (True, 2), why


ENSURE = """
import json, sys
from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions.managed import run_ensure_pat
from locoia_pat.state.journal import State

url, token, database, ref = json.loads(sys.argv[1])
wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
with Connector(ConnectorAuth(Secret(token)), base_url=url) as connector:
    result = run_ensure_pat(connector, wishes, token_to=[ref], state=State(database), wait=0)
print(json.dumps(result.to_dict()))
"""


def test_machines_whose_clocks_are_minutes_apart_hold_one_lease_and_rotate_no_name_twice(
    sandbox: ManagedSandbox,
) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is needed for a clock that is wrong")
    sandbox.ensure()
    lease = sandbox.state().lease(sandbox.url, "ci")
    given = json.dumps([sandbox.url, sandbox.rotator.reveal(), sandbox.location(), sandbox.ref()])

    def run(clock: str) -> dict[str, Any]:
        done = subprocess.run(
            ["faketime", "-f", clock, sys.executable, "-c", ENSURE, given],
            env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
            capture_output=True,
            check=True,
            timeout=60,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    for clock in ("+10m", "-10m"):
        assert lease.acquire(0)
        assert run(clock)["error"]["code"] == "busy", clock
        lease.release()
        assert run(clock)["data"]["change"] == "none", clock
    assert sandbox.works()
