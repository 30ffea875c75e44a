"""A fleet that several workers handle, over the PostgreSQL database of the state."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dbos import DBOS
from sqlalchemy.exc import ProgrammingError

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.fleet_plan import FleetPlan
from locoia_pat.actions.fleet.fleet_queue import FleetQueue
from locoia_pat.actions.fleet.fleet_worker import FleetWorker
from locoia_pat.actions.fleet.interval import Interval
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.state.journal import State
from locoia_pat.stores import open_store, read_token
from tests.engines.engine_run import search
from tests.engines.fleet_workers import dumped
from tests.state.conftest import postgres
from tests.support.command import Done, call, spawn
from tests.support.loopback import free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
    from tests.support.postgres_server import PostgresServer

__all__ = ["call", "postgres"]


@contextmanager
def using_sandbox(monkeypatch: pytest.MonkeyPatch, *injected: Fault) -> Iterator[tuple[Faults, SandboxStore]]:
    """A sandbox with faults, which the workers call; its faults, and its rows."""
    faults = Faults(injected)
    with running(faults=faults) as (url, store):
        token = first_token(store)
        assert token is not None
        monkeypatch.setenv("LOCOIA_TOKEN", token.reveal())
        monkeypatch.setenv("LOCOIA_BASE_URL", url)
        yield faults, store


@pytest.fixture(autouse=True)
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with using_sandbox(monkeypatch):
        monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "unused"))
        yield


def fleet(folder: Path, *stores: str) -> str:
    tokens = [
        f"  - {{name: t{number}, scopes: [embed], note: N, to: [{json.dumps(store)}]}}"
        for number, store in enumerate(stores)
    ]
    (folder / "fleet.yaml").write_text("\n".join(["fleet: 1", "tokens:", *tokens, ""]))
    return str(folder / "fleet.yaml")


@contextmanager
def stopping(*processes: subprocess.Popen[str]) -> Iterator[None]:
    """End the *processes*, by SIGTERM and then by force."""
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(90)
            finally:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def test_workers_handle_a_fleet_and_their_database_holds_no_token(
    call: Callable[..., Done], postgres: PostgresServer, tmp_path: Path
) -> None:
    url, credential = postgres.new_database(), os.environ["LOCOIA_TOKEN"]
    file = fleet(tmp_path, *(f"file:{tmp_path}/t{number}.json" for number in range(4)))

    def apply(*options: str) -> Done:
        os.environ["LOCOIA_TOKEN"] = credential  # the command removes it
        return call("fleet", "apply", file, "--on", url, *options)

    assert (apply().code, call("fleet", "apply", file, "--on", str(tmp_path / "state")).code) == (4, 2)
    os.environ["LOCOIA_TOKEN"] = credential
    assert call("worker", "--on", str(tmp_path / "state")).code == 2
    os.environ["LOCOIA_TOKEN"] = credential
    workers = [spawn("worker", "--on", url, "--rate", "600"), spawn("worker", "--on", url)]
    with stopping(*workers):
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline().startswith("locoia-pat worker ")
        for change in ("created", "none"):
            done = apply()
            assert (done.code, json.loads(done.out.splitlines()[-1])["summary"]["changes"]) == (0, {change: 4}), done
        base_url, os.environ["LOCOIA_BASE_URL"] = os.environ["LOCOIA_BASE_URL"], "http://127.0.0.1:1/v1"
        done = apply("--only", "t0")
        assert (done.code, "not http://127.0.0.1:1/v1" in done.out) == (2, True)
        assert apply("--only", "t0", "--exit-zero").code == 0
        os.environ["LOCOIA_BASE_URL"], os.environ["LOCOIA_TOKEN"] = base_url, credential
        fleet_file = parse_fleet(
            Path(file).read_text().replace("tokens:", "defaults: {auth: 'file:no'}\ntokens:"), file
        )
        default = Connector()
        plan = FleetPlan(fleet_file, State(url), default)
        plan.__enter__()
        queue = FleetQueue(plan.state, lost_seconds=0.1)
        nonsense: Any = "nonsense"
        options: dict[str, Any] = {"now": False, "wait": 0}
        assert queue.handle(plan, plan.tokens[1], "ensure", **options).outcome is Outcome.INVALID  # no such credential
        assert queue.handle(plan, plan.tokens[0], nonsense, **options).outcome is Outcome.UNKNOWN  # a bug
    assert [worker.returncode for worker in workers] == [0, 0]
    lost = queue.handle(plan, plan.tokens[2], "ensure", **options)
    assert (lost.outcome, lost.problem and lost.problem.message) == ("unknown", "no worker is running any longer")
    queue.close()
    plan.__exit__()
    default.close()
    tokens = [read_token(f"file:{tmp_path}/t{number}.json") for number in range(4)]
    for token in tokens:
        with Connector(ConnectorAuth(token)) as connector:
            assert connector.run("list_pats").outcome is Outcome.DONE
    folder = dumped(url, tmp_path / "dump")
    assert search(folder, [credential, *(token.reveal() for token in tokens)])[0] == []
    assert search(folder, ["token_ref"])[0] != []  # what is searched can be read


PROGRAM = """\
cat >"$1/token"
echo $$ >>"$1/runs"
[ "$(wc -l <"$1/runs")" -gt 1 ] || exec sleep 600
"""


def test_the_plan_says_of_a_store_that_only_another_machine_reaches_what_apply_will(
    postgres: PostgresServer, tmp_path: Path, call: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", postgres.new_database())
    file, token = fleet(tmp_path, f"file:{tmp_path}/t0.json"), os.environ["LOCOIA_TOKEN"]

    def run(verb: str, *options: str) -> Done:
        os.environ["LOCOIA_TOKEN"] = token  # the command removes it
        return call("fleet", verb, file, *options)

    assert run("apply").code == 0
    state, api = State(), os.environ["LOCOIA_BASE_URL"]
    state.save(api, "t0", {**(state.load(api, "t0") or {}), "machine": "worker-7"})
    (tmp_path / "t0.json").unlink()
    planned = run("plan", "--json")
    applied = run("apply")
    (told,) = planned.envelope["tokens"]
    message = (
        f"file:{tmp_path}/t0.json#current holds no token on this machine, but the machine worker-7 has stored one there"
    )
    assert (planned.code, told["step"], told["reason"]) == (2, "blocked", message)
    assert (applied.code, json.loads(applied.out.splitlines()[0])["error"]["message"]) == (2, message)
    assert run("status", "--json").envelope["tokens"] == [told]
    taken = (tmp_path / "fleet.yaml").read_text().replace("note: N,", "note: N, take_over: true,")
    (tmp_path / "fleet.yaml").write_text(taken)
    assert run("plan", "--json").envelope["tokens"][0]["step"] == "create"
    assert run("apply").code == 0


def test_what_a_killed_worker_began_is_finished_by_another_one(postgres: PostgresServer, tmp_path: Path) -> None:
    url, runs = postgres.new_database(), tmp_path / "runs"
    (tmp_path / "program.sh").write_text(PROGRAM)
    file = fleet(tmp_path, f"command:sh {tmp_path}/program.sh {tmp_path}")
    command = [sys.executable, "-m", "tests.support.fleet_worker_process", url]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with stopping(first):
        assert first.stdout is not None
        assert first.stdout.readline()
        apply = spawn("fleet", "apply", file, "--on", url)
        eventually(lambda: runs.exists() and runs.read_text())
        first.kill()
        first.wait()
        os.kill(int(runs.read_text()), signal.SIGKILL)
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with stopping(second):
            out, errors = apply.communicate(timeout=60)
        assert second.returncode == 0
    line, summary = map(json.loads, out.splitlines())
    assert (line["outcome"], summary["summary"]["outcomes"]) == ("done", {"done": 1}), errors
    assert len(runs.read_text().splitlines()) == 2
    with Connector(ConnectorAuth(Secret((tmp_path / "token").read_text().strip()))) as connector:
        assert connector.run("list_pats").outcome is Outcome.DONE


def test_a_worker_acquires_a_lost_lease_again_and_work_that_was_cancelled_or_dropped_is_not_waited_for(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    database = url.rpartition("/")[2]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fleet_worker_process", url], stdout=subprocess.PIPE, text=True
    )
    with stopping(worker):
        assert worker.stdout is not None
        assert worker.stdout.readline()
        ((lost,),) = postgres.execute("DELETE FROM locoia_pat.leases RETURNING holder", database)
        eventually(lambda: postgres.execute("SELECT 1 FROM locoia_pat.leases", database))
        assert postgres.execute("SELECT holder FROM locoia_pat.leases", database) == [(lost,)]
    state, cancel = State(url), "UPDATE locoia_pat_dbos.workflow_status SET status = 'CANCELLED' RETURNING 1"
    enqueued = "SELECT 1 FROM locoia_pat_dbos.workflow_status WHERE status = 'ENQUEUED'"
    lease = state.lease("worker", "one that takes no work")
    assert lease.acquire(0)
    file = fleet(tmp_path, f"file:{tmp_path}/t0.json", f"file:{tmp_path}/t1.json")
    with Connector() as default, FleetPlan(parse_fleet(Path(file).read_text(), file), state, default) as plan:
        queue = FleetQueue(state)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(queue.handle, plan, plan.tokens[0], "ensure", now=False, wait=0)
            eventually(lambda: postgres.execute(cancel, database))
            result = waiting.result(timeout=60)
            waiting = pool.submit(queue.handle, plan, plan.tokens[1], "ensure", now=False, wait=0)
            eventually(lambda: postgres.execute(enqueued, database))
            postgres.execute("DROP SCHEMA locoia_pat_dbos CASCADE", database)
            with pytest.raises(ProgrammingError):
                waiting.result(timeout=60)
        queue.close()
    lease.release()
    assert (result.outcome, result.problem and result.problem.message) == ("unknown", "it is CANCELLED in DBOS")


def test_a_fleet_with_an_interval_is_applied_once_by_all_workers_until_its_file_is_gone(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    database = url.rpartition("/")[2]
    stores = [f"file:{tmp_path}/{name}.json" for name in ("t0", "t1", "t2", "nowhere/t3")]
    folder, away = tmp_path / "fleets", tmp_path / "away"
    folder.mkdir()
    file = Path(fleet(folder, *stores))
    text = file.read_text()
    file.write_text(text.replace("fleet: 1\n", "fleet: 1\nevery: 1d\n"))
    command = [sys.executable, "-m", "tests.support.fleet_worker_process", url, str(file)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    runs = "SELECT status FROM locoia_pat_dbos.workflow_status WHERE name = 'apply_fleet'"
    schedules = "SELECT schedule FROM locoia_pat_dbos.workflow_schedules"
    with stopping(*workers):
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline()
            assert worker.stdout.readline() == f"{file} is applied every 1d\n"
        eventually(lambda: postgres.execute(runs, database) == [("SUCCESS",)])
        assert len({read_token(store).reveal() for store in stores[:3]}) == 3
        ((daily,),) = postgres.execute(schedules, database)
        assert daily == Interval.parse("1d", str(file)).cron()
        file.write_text(text.replace("fleet: 1\n", "fleet: 1\nevery: 7d\n"))
        eventually(lambda: postgres.execute(schedules, database) not in ([], [(daily,)]))
        dues = {Interval.parse(every, str(file)).last_due(dt.datetime.now(dt.UTC)) for every in ("1d", "7d")}
        eventually(lambda: postgres.execute(runs, database) == [("SUCCESS",)] * len(dues))  # each due time once
        file.write_text(text.replace("fleet: 1\n", "fleet: 1\nevery: 5w\n"))
        for worker in workers:
            assert worker.stdout is not None
            lines = (line for line in worker.stdout if "cannot be used" in line)
            assert 'every: "5w" is not an interval' in next(lines)
        folder.rename(away)
        for worker in workers:
            assert worker.stdout is not None
            assert "no such file" in next(line for line in worker.stdout if "cannot be used" in line)
        away.rename(folder)
        assert len(postgres.execute(schedules, database)) == 1
        file.unlink()
        eventually(lambda: postgres.execute(schedules, database) == [])
    assert [worker.returncode for worker in workers] == [0, 0]


def test_what_a_stopped_worker_left_of_a_scheduled_run_is_done_by_the_next_one(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    file, stores = scheduled(tmp_path, tokens=10, every="7d"), [tmp_path / f"t{number}.json" for number in range(10)]
    with stopping(worker(url, file)):
        eventually(lambda: sum(store.exists() for store in stores) > 1)
    assert not all(store.exists() for store in stores)
    with stopping(worker(url, file)):
        eventually(lambda: all(open_store(f"file:{store}").record().current for store in stores))


RUNS = "SELECT status FROM locoia_pat_dbos.workflow_status WHERE name = 'apply_fleet'"
TRIES = "SELECT count(*) FROM locoia_pat_dbos.operation_outputs WHERE function_name = 'apply'"


def scheduled(folder: Path, *, tokens: int = 2, every: str = "1d") -> Path:
    """A fleet that is applied on time."""
    file = Path(fleet(folder, *[f"file:{folder}/t{number}.json" for number in range(tokens)]))
    file.write_text(file.read_text().replace("fleet: 1\n", f"fleet: 1\nevery: {every}\n"))
    return file


def worker(url: str, file: Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.fleet_worker_process", url, str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables})


def line_with(words: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line)


AWAY = Fault("status", status=503, times=None)
PAUSES = " ".join(["1"] * 60)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_due_run_that_fails_is_tried_again_and_each_due_time_is_run_once_over_all_workers(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path)
    database = url.rpartition("/")[2]
    with using_sandbox(monkeypatch, AWAY) as (faults, store):
        first = worker(url, file, PAUSES="600")
        with stopping(first):
            line = line_with("applied again at", first)
            assert line.startswith(f"{file}: 2 not_done; it is applied again at 20")
            first.send_signal(end)
            assert first.wait(60) == (0 if end is signal.SIGTERM else -end), "it does not wait for the pause to end"
        assert postgres.execute(RUNS, database) == [("PENDING",)]
        faults.clear()
        workers = [worker(url, file) for _ in range(2)]
        with stopping(*workers):
            eventually(lambda: postgres.execute(RUNS, database) == [("SUCCESS",)])
        assert len({read_token(f"file:{tmp_path}/t{number}.json").reveal() for number in range(2)}) == 2
        ((tries,),) = postgres.execute(TRIES, database)
        assert tries >= 2
        assert len(store.owned_by("sandbox")) == 3, "the credential and two tokens: none was created twice"


def test_a_run_is_not_tried_again_for_ever_nor_for_what_needs_a_person(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path)
    database = url.rpartition("/")[2]
    monkeypatch.setenv("LOCOIA_BASE_URL", f"http://127.0.0.1:{free_port()}/v1")
    with stopping(process := worker(url, file, PAUSES="0.1 0.1")):
        assert line_with("it is applied again when it is due", process).startswith(f"{file}: 2 not_done;")
        eventually(lambda: postgres.execute(RUNS, database) == [("SUCCESS",)])
        assert postgres.execute(TRIES, database) == [(3,)]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_run_is_tried_again_with_the_file_as_it_is_then(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_gone: bool
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path)
    database = url.rpartition("/")[2]
    with using_sandbox(monkeypatch, AWAY) as (faults, _), stopping(process := worker(url, file, PAUSES=PAUSES)):
        line_with("2 not_done; it is applied again at", process)
        if is_gone:
            file.unlink()
            line_with("is not scheduled", process)
        else:
            file.write_text(file.read_text().replace("t1.json", "moved.json"))
            line_with("is applied every 1d", process)
        faults.clear()
        eventually(lambda: postgres.execute(RUNS, database) == [("SUCCESS",)])
    stored = {path.name for path in tmp_path.glob("*.json")}
    assert stored == (set() if is_gone else {"t0.json", "moved.json"})


def test_a_run_is_not_tried_again_if_it_was_due_while_no_worker_ran_or_is_not_scheduled_any_longer(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, state = scheduled(tmp_path), State(postgres.new_database())
    schedule = {"context": {"text": file.read_text(), "file": str(file)}}
    due = Interval.parse("1d", str(file)).last_due(dt.datetime.now(dt.UTC)) - dt.timedelta(days=1)
    for schedules, reason in (({str(file): schedule}, "was due in the meantime"), ({}, "is not scheduled any longer")):
        monkeypatch.setattr(DBOS, "get_schedule", schedules.get)
        with Connector(ConnectorAuth.from_env()) as connector:
            worker = FleetWorker(state, connector, concurrency=1, rate=None)
            tried = worker._try(str(file), None, due)  # noqa: SLF001  # a test cannot wait for a day
        assert (tried["summary"], tried["failed"]) == (None, None)
        assert capsys.readouterr().out == f"{file} is not tried again: it {reason}\n"


def test_tokens_that_were_not_started_because_others_were_refused_are_not_tried_again(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path, tokens=6)
    refusing = Fault("status", method="POST", status=403, times=None)
    with using_sandbox(monkeypatch, refusing), stopping(process := worker(url, file)):
        line_with("not_done", process)  # the counts
        eventually(lambda: postgres.execute(RUNS, url.rpartition("/")[2]) == [("SUCCESS",)])
    assert postgres.execute(TRIES, url.rpartition("/")[2]) == [(1,)]


@pytest.mark.parametrize("is_over", [True, False])
def test_a_run_without_its_database_is_tried_again(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_over: bool
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path)
    database = url.rpartition("/")[2]
    with using_sandbox(monkeypatch, AWAY) as (faults, _):
        with stopping(process := worker(url, file, PAUSES="1 1 1 1 1 1")):
            line_with("2 not_done; it is applied again at", process)
            postgres.execute("ALTER TABLE locoia_pat.leases RENAME TO gone", database)
            faults.clear()
            assert "it could not be applied: " in line_with("applied again at", process)
            if not is_over:
                line_with("when it is due", process)
            postgres.execute("ALTER TABLE locoia_pat.gone RENAME TO leases", database)
            eventually(lambda: postgres.execute(RUNS, database) == [("SUCCESS" if is_over else "ERROR",)])
        assert (tmp_path / "t1.json").exists() is is_over


def test_a_scheduled_fleet_that_cannot_be_applied_at_all_is_not_tried_again(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url, file = postgres.new_database(), scheduled(tmp_path)
    file.write_text(file.read_text().replace(f"file:{tmp_path}/t1.json", f"file:{tmp_path}/../{tmp_path.name}/t0.json"))
    with stopping(process := worker(url, file)):
        line_with("is applied every 1d", process)
        eventually(lambda: postgres.execute(RUNS, url.rpartition("/")[2]) == [("ERROR",)])
