"""A worker whose leases are short, so that a test sees soon what becomes of one that was killed."""

from __future__ import annotations

import functools
import signal
import sys

from locoia_pat import Connector
from locoia_pat.actions.fleet.fleet_worker import FleetWorker
from locoia_pat.state.journal import State

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worker = FleetWorker(
        State(sys.argv[1], lease_seconds=1.5), Connector(), concurrency=2, rate=None, fleets=sys.argv[2:]
    )
    worker.run(functools.partial(print, flush=True), check_seconds=0.2)
