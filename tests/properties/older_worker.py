"""A worker of an earlier version next to one of this version, which upgrades the tables while the other works.

Both rotate the same names at the same time, over one PostgreSQL database and one folder of tokens.

Run it:  python -m tests.properties.older_worker [COMMIT]

COMMIT is the earlier version; by default the one before the last change of the tables.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.state.journal import State
from tests.support.postgres_server import find_programs, running_postgres

ROOT = Path(__file__).parents[2]
_SCHEMA = "connector/state/postgres_schema.py"
_WORKER = """
import json, sys
import locoia_pat
from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions.managed import run_ensure_pat, run_rotate_pat
from locoia_pat.state.journal import State

url, database, folder, token, package, is_later = json.loads(sys.argv[1])
assert locoia_pat.__file__.startswith(package), locoia_pat.__file__

class Later(State):
    postgres_schemas = (*State.postgres_schemas, "CREATE TABLE later (key TEXT);\\n")

state = (Later if is_later else State)(database)
connector = Connector(ConnectorAuth(Secret(token)), base_url=url)
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    options = {"token_to": [f"file:{folder}/{name}.json"], "state": state, "settle": 0}
    wishes = {"name": name, "expiration": 30, "scopes": ["embed"], "note": "CI", "overlap": 24}
    result = run_ensure_pat(connector, wishes, **options)
    if result.problem is None:
        result = run_rotate_pat(connector, {"name": name, "expiration": 30, "overlap": 0}, **options)
    print(json.dumps(result.to_dict()), flush=True)
"""


def export(commit: str, folder: Path) -> Path:
    """Write the package of *commit* into *folder*, and return the folder to import it from."""
    archive = subprocess.run(
        ["git", "archive", commit, "connector", "actions", "specs"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    package = folder / "locoia_pat"
    (folder / "connector").rename(package)
    for part in ("actions", "specs"):
        (folder / part).rename(package / part)
    return folder


def start(packages: Path, *arguments: Any) -> subprocess.Popen[str]:
    """Start a worker that imports the package from *packages*, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=packages,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def run(commit: str, names: int) -> Counter[str]:
    """Let both workers handle all names; return how many calls ended how, and raise if a token was harmed."""
    outcomes: Counter[str] = Counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for part in ("older", "newer", "tokens"):
            (folder / part).mkdir()
        programs = find_programs()
        assert programs is not None, "PostgreSQL is not installed: apt-get install postgresql"
        database = stack.enter_context(running_postgres(programs)).new_database()
        url, store = stack.enter_context(running())
        token = first_token(store)
        assert token is not None
        workers: list[subprocess.Popen[str]] = []
        for part, version in (("older", commit), ("newer", "HEAD")):
            packages = export(version, folder / part)
            options = (url, database, str(folder / "tokens"), token.reveal(), str(packages), part == "newer")
            workers.append(stack.enter_context(start(packages, *options)))
            for number in range(names):  # the older one alone, and then both at once
                for worker in workers:
                    print(f"name-{number}", file=worker.stdin, flush=True)
                for worker in workers:
                    assert worker.stdout is not None
                    result = json.loads(worker.stdout.readline())
                    outcomes[result["outcome"]] += 1
                    assert result["outcome"] == "done", result
        for worker in workers:
            worker.communicate()
        state = State(database)
        with Connector(ConnectorAuth(token), base_url=url) as connector:
            rows = (connector.run("list_pats").data or {})["tokens"]
        managed = Counter(marker.name for row in rows if (marker := find_marker(row["note"])))
        journalled = dict(state.entries(url))
        assert managed == dict.fromkeys(journalled, 2), managed
        for name in journalled:
            auth = ConnectorAuth.from_ref(f"file:{folder}/tokens/{name}.json")
            with Connector(auth, base_url=url) as connector:
                assert connector.run("list_pats").outcome == "done", name
    return outcomes


@click.command()
@click.argument("commit", required=False)
@click.option("--names", default=10, show_default=True)
def main(commit: str | None, names: int) -> None:
    """Run both workers, and print how their calls ended."""
    if commit is None:
        log = ["git", "log", "-n", "1", "--format=%H^", "--", _SCHEMA]
        commit = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    print(f"next to {commit}: {dict(run(commit, names))}; every stored token works")


if __name__ == "__main__":
    main()
