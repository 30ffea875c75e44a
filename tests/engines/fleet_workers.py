"""Several workers with one fleet, killed again and again: ``python -m tests.engines.fleet_workers NAMES WORKERS SEED``.

At the end every stored token must work, every name must have been created once, and the database may hold no token.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psycopg

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.stores import read_token
from tests.engines.engine_run import search
from tests.support.postgres_server import PostgresServer, find_programs, running_postgres

CREDENTIALS = 5
KILL_SECONDS = (5.0, 10.0)


class Workers:
    """Workers in processes of their own."""

    def __init__(self, count: int, url: str, log: Path) -> None:
        self._url, self._log = url, log
        self.kills = 0
        self.processes = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "locoia_pat", "worker", "--on", self._url]
            return subprocess.Popen(command, stdout=log, stderr=log)

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of them, and start another one."""
        number = chance.randrange(len(self.processes))
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = self._start()
        self.kills += 1

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(90)


def _works(token: Secret) -> bool:
    with Connector(ConnectorAuth(token)) as connector:
        return connector.run("list_pats").outcome is Outcome.DONE


def dumped(url: str, folder: Path) -> Path:
    """Write all rows of all tables of ours into files of *folder*."""
    folder.mkdir()
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema LIKE 'locoia%'"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t'.encode()).fetchall()  # noqa: S608  # ours
            (folder / f"{schema}.{table}").write_text("\n".join(row for (row,) in rows))
    return folder


def run(names: int, workers: int, seed: int, server: PostgresServer, folder: Path) -> list[str]:
    """Apply a fleet while workers are killed; return what is wrong."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    url = server.new_database()
    with running() as (api, store):
        first = first_token(store)
        assert first is not None
        os.environ |= {"LOCOIA_TOKEN": first.reveal(), "LOCOIA_BASE_URL": api, "LOCOIA_PAT_STATE": url}
        with Connector() as connector:
            for number in range(CREDENTIALS):
                inputs = {"expiration": 30, "scopes": ["automation", "embed"], "note": f"credential {number}"}
                connector.run("create_pat", inputs, token_to=[f"file:{folder}/credential{number}.json"])
        refs = [f"file:{folder}/credential{number % CREDENTIALS}.json" for number in range(names)]
        tokens = [
            f"  - {{name: t{number}, scopes: [embed], note: N, auth: '{ref}', to: ['file:{folder}/t{number}.json']}}"
            for number, ref in enumerate(refs)
        ]
        (folder / "fleet.yaml").write_text("\n".join(["fleet: 1", "tokens:", *tokens, ""]))
        apply = [sys.executable, "-m", "locoia_pat", "fleet", "apply", str(folder / "fleet.yaml"), "--on", url]
        pool = Workers(workers, url, folder / "log")
        changes: Counter[str] = Counter()
        try:
            time.sleep(10)  # they start
            for attempt in range(10):
                begin = time.monotonic()
                process = subprocess.Popen(apply, stdout=subprocess.PIPE, text=True)
                while process.poll() is None and attempt == 0:
                    time.sleep(chance.uniform(*KILL_SECONDS))
                    pool.kill_one(chance)
                out = process.communicate()[0]
                lines = [json.loads(line) for line in out.splitlines()]
                summary = lines[-1]["summary"] if lines else {}
                changes += Counter(summary.get("changes", {}))
                seconds = time.monotonic() - begin
                print(
                    f"attempt {attempt}: exit {process.returncode}, {seconds:.0f} s, {summary}, {pool.kills} kills",
                    flush=True,
                )
                for line in lines[:-1]:
                    if line["outcome"] != "done":
                        print(line["name"], line["outcome"], line["error"]["message"])
                if process.returncode == 0:
                    break
            again = subprocess.run(apply, stdout=subprocess.PIPE, text=True, check=False)
            print("again:", again.stdout.splitlines()[-1:])
        finally:
            pool.stop()
        stored = [read_token(f"file:{folder}/t{number}.json") for number in range(names)]
        problems = [f"t{number} does not work" for number, token in enumerate(stored) if not _works(token)]
        if changes["rotated"]:
            problems.append(f"{changes['rotated']} were rotated")
        if len({token.reveal() for token in stored}) != names:
            problems.append("two names have one token")
        secrets = [first.reveal(), *(token.reveal() for token in stored)]
        problems += search(dumped(url, folder / "dump"), secrets)[0]
    return problems


if __name__ == "__main__":
    programs = find_programs()
    assert programs is not None, "apt-get install postgresql"
    with running_postgres(programs) as running_server, tempfile.TemporaryDirectory() as temporary:
        names, workers, seed = map(int, sys.argv[1:4])
        found = run(names, workers, seed, running_server, Path(temporary))
    print("\n".join(found) or "every token works, and the database holds none")
    sys.exit(bool(found))
