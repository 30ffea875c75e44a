"""A process that forks a child for each job it is given, so that a test can kill the child at any moment.

Each line of standard input is a job as JSON. For each, the process id of its child is printed, and once it has ended,
how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions import ensure_pat, retire_pat, rotate_pat
from locoia_pat.actions.fleet import apply
from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.fleet_plan import FleetPlan
from locoia_pat.actions.managed import reconcile
from locoia_pat.bulk import JournalOptions
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Sequence

WISHES: dict[str, Any] = {"scopes": ["embed"], "expiration": 30, "note": "CI"}


def work(*, what: str, url: str, auth: str, folder: str, name: str, stores: Sequence[Any]) -> None:
    """Do a job; *stores* are those of *name*, or for each name of a fleet or line those of that."""
    state = State(folder)
    options: dict[str, Any] = {"state": state, "settle": 0}
    with Connector(ConnectorAuth.from_ref(auth), base_url=url, timeout=60) as connector:
        match what:
            case "ensure":
                ensure_pat(connector, name=name, overlap=0, token_to=stores, **WISHES, **options)
            case "rotate":
                rotate_pat(connector, name=name, expiration=30, overlap=0, token_to=stores, **options)
            case "retire":
                retire_pat(connector, name=name, token_to=stores, **options)
            case "reconcile":
                reconcile(connector, **options).raise_for_outcome()
            case "fleet":
                tokens = [
                    {"name": f"{name}-{number}", "to": to, "scopes": ["embed"], "note": "CI"}
                    for number, to in enumerate(stores)
                ]
                content = {"fleet": 1, "defaults": {"overlap": 0}, "tokens": tokens}
                fleet = parse_fleet(json.dumps(content), "fleet.yaml")
                with FleetPlan(fleet, state, connector) as plan:
                    for _, result in apply.apply(plan, settle=0):
                        result.raise_for_outcome()
            case _:
                items = [{**WISHES, "note": f"Line {number}", "token_to": to} for number, to in enumerate(stores)]
                journal = JournalOptions("run", state)
                with connector.run_many("create_pat", items, journal=journal, concurrency=3) as bulk:
                    for one in bulk:
                        one.result.raise_for_outcome()


def main() -> None:
    """Fork a child for each job."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(**json.loads(line))
                code = 0
            except BaseException:  # noqa: BLE001  # the child must not go on as its parent
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(pid, flush=True)  # noqa: T201  # the test reads it
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main()
