"""Names a second by 1, 2 and 4 workers, next to a bare DBOS workflow with the same requests.

Run it:  python -m tests.benchmarks.worker_rate [NAMES] [ROUNDS] [MILLISECONDS]

Each round creates so many names by ``fleet apply --on``, and then has a workflow of one step, enqueued in the same way,
make the requests that this takes.  Sandbox, database and workers are processes on this machine; the API takes so many
milliseconds for each request.  The time counts from the first token that is enqueued to the last that is done.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import sqlalchemy
from dbos import DBOS, DBOSClient

from locoia_pat.actions.fleet.fleet_queue import IN_FLIGHT
from locoia_pat.actions.scopes import NAMES
from tests.support.postgres_server import find_programs, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbos import WorkflowHandle

    from tests.support.postgres_server import PostgresServer

WORKERS = (1, 2, 4)
CREDENTIALS = 5
CONCURRENCY = 8
_PATH = "/personal-access-tokens"
_QUEUE: dict[str, Any] = {
    "worker_concurrency": CONCURRENCY,
    "partition_worker_concurrency": CONCURRENCY,
    "polling_interval_sec": 0.2,
    "on_conflict": "always_update",
}
"""As ``locoia-pat worker`` has it."""


def engine(url: str) -> sqlalchemy.Engine:
    """Return an engine for *url*, as a worker has one."""
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, prepare_threshold=None), pool_pre_ping=True
    )


def make_requests(client: httpx.Client, api: str, credential: str, note: str) -> str:
    """Make the requests that ``ensure_pat`` makes for a new name, and return the id of its row."""

    def rows(token: str) -> None:
        client.get(api + _PATH, headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()

    rows(credential)  # whether a row of the name is there
    inputs = {"expiration": 30, "scopes": ["embed"], "note": note}
    created = client.post(api + _PATH, json=inputs, headers={"Authorization": f"Bearer {credential}"})
    body = created.raise_for_status().json()
    rows(body["token"])  # whether it works
    rows(credential)  # whether a row is left over
    return str(body["id"])


def bare_worker(url: str) -> None:
    """Be a worker that makes the requests and nothing else, until standard input ends."""
    client = httpx.Client(limits=httpx.Limits(max_connections=64))

    @DBOS.step()
    def step(task: dict[str, str]) -> str:
        return make_requests(client, **task)

    @DBOS.workflow(name="bare")
    def bare(task: dict[str, str]) -> str:
        return step(task)

    config: Any = {
        "name": "bare",
        "system_database_engine": engine(url),
        "dbos_system_schema": "bare",
        "application_version": "1",
        "executor_id": secrets.token_hex(4),
        "use_listen_notify": False,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue("bare", **_QUEUE)
    print("ready", flush=True)
    sys.stdin.read()
    DBOS.destroy()


@contextmanager
def processes(*commands: list[str], env: dict[str, str] | None = None) -> Iterator[list[str]]:
    """Run *commands* until the end, and yield the first line of each."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, env={**os.environ, **(env or {})}, **pipes) for command in commands]
    try:
        yield [process.stdout.readline() for process in started if process.stdout]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.communicate(timeout=90)


def rate(url: str, schema: str, names: int) -> float:
    """Return names a second, by the times in *schema*: from the first that was enqueued to the last that ended."""
    with psycopg.connect(url) as connection:
        select = f"SELECT count(*), max(updated_at) - min(created_at) FROM {schema}.workflow_status"  # noqa: S608  # ours
        row = connection.execute(select.encode()).fetchone()
    assert row is not None
    count, milliseconds = row
    assert count == names, count
    return names * 1000 / float(milliseconds)


def bare_rate(url: str, api: str, credentials: list[str], names: int) -> float:
    """Have the bare workers make the requests of so many names; return names a second."""
    used = engine(url)
    client = DBOSClient(system_database_engine=used, dbos_system_schema="bare", application_name="bare")
    waiting: list[WorkflowHandle[str]] = []
    for number in range(names):
        credential = credentials[number % CREDENTIALS]
        task = {"api": api, "credential": credential, "note": f"N {secrets.token_hex(8)}"}
        options: Any = {
            "queue_name": "bare", "workflow_name": "bare", "app_version": "1", "queue_partition_key": credential
        }  # fmt: skip
        waiting.append(client.enqueue(options, task))
        if len(waiting) == IN_FLIGHT:
            waiting.pop(0).get_result()
    for handle in waiting:
        handle.get_result()
    client.destroy()
    used.dispose()
    return rate(url, "bare", names)


def fleet_rate(url: str, folder: Path, credentials: list[str], names: int, env: dict[str, str]) -> float:
    """Create so many names by the workers; return names a second."""
    folder.mkdir()
    for number, credential in enumerate(credentials):
        (folder / f"credential{number}").write_text(credential)
    tokens = [
        f"  - {{name: t{number}, scopes: [embed], note: N, auth: 'file:{folder}/credential{number % CREDENTIALS}', "
        f"to: ['file:{folder}/t{number}.json']}}"
        for number in range(names)
    ]
    (folder / "fleet.yaml").write_text("\n".join(["fleet: 1", "tokens:", *tokens, ""]))
    command = [sys.executable, "-m", "locoia_pat", "fleet", "apply", str(folder / "fleet.yaml"), "--on", url]
    done = subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["changes"] == {"created": names}
    return rate(url, "locoia_pat_dbos", names)


def measure(server: PostgresServer, workers: int, names: int, delay: int, folder: Path) -> tuple[float, float, float]:
    """Return names a second of ours and of the bare workflow, and the seconds of the requests of one name."""
    ours, bare = server.new_database(), server.new_database()
    with ExitStack() as stack:
        sandbox = [sys.executable, "-m", "tests.benchmarks.worker_rate", "--sandbox", str(delay)]
        (line,) = stack.enter_context(processes(sandbox))
        api, *credentials = json.loads(line)
        env = {"LOCOIA_BASE_URL": api, "LOCOIA_TOKEN": credentials[0], "LOCOIA_PAT_STATE": ours}
        worker = [sys.executable, "-m", "locoia_pat", "worker", "--on", ours, "--concurrency", str(CONCURRENCY)]
        with processes(*[worker] * workers, env=env):
            fleet = fleet_rate(ours, folder, credentials, names, env)
        (line,) = stack.enter_context(processes(sandbox))  # a new one, with as short lists
        api, *credentials = json.loads(line)
        with processes(*[[sys.executable, "-m", "tests.benchmarks.worker_rate", "--bare", bare]] * workers):
            plain = bare_rate(bare, api, credentials, names)
        with httpx.Client() as client:
            began = time.perf_counter()
            for number in range(50):
                make_requests(client, api, credentials[number % CREDENTIALS], "N")
            return fleet, plain, (time.perf_counter() - began) / 50


def serve_sandbox(delay: int) -> None:
    """Serve the sandbox until standard input ends; print its URL and a credential for each of several users.

    Args:
        delay: milliseconds that each request takes longer.

    """
    from locoia_pat.actions.sandbox.faults import Fault, Faults  # noqa: PLC0415  # not in the other processes
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore  # noqa: PLC0415  # as above
    from locoia_pat.actions.sandbox.server import running  # noqa: PLC0415  # as above

    store = SandboxStore()
    created = [
        store.create(owner=f"u{number}", days=None, scopes=list(NAMES), note="c") for number in range(CREDENTIALS)
    ]
    faults = Faults([Fault("slow", times=None, seconds=delay / 1000)] if delay else [])
    with running(store=store, faults=faults) as (url, _):
        print(json.dumps([url, *(secret.reveal() for _, secret in created)]), flush=True)
        sys.stdin.read()


def main(names: int = 200, rounds: int = 3, delay: int = 100) -> None:
    """Measure, and print a table."""
    programs = find_programs()
    assert programs is not None, "PostgreSQL is not installed: apt-get install postgresql"
    print("| workers | names a second | bare DBOS workflow | ours over bare | requests of one name, ms |")
    print("|---:|---:|---:|---:|---:|")
    with running_postgres(programs) as server, TemporaryDirectory() as folder:
        for workers in WORKERS:
            found = [
                measure(server, workers, names, delay, Path(folder, f"{workers}-{turn}")) for turn in range(rounds)
            ]
            fleet, bare, api = (statistics.median(each) for each in zip(*found, strict=True))
            ratio = statistics.median(ours / plain for ours, plain, _ in found)
            print(f"| {workers} | {fleet:.1f} | {bare:.1f} | {ratio:.2f} | {api * 1000:.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        bare_worker(sys.argv[2])
    elif sys.argv[1:2] == ["--sandbox"]:
        serve_sandbox(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
