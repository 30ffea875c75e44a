"""A worker whose leases are short, so that a test sees soon what becomes of one that was killed."""

from __future__ import annotations

import datetime as dt
import functools
import os
import signal
import sys

from locoia_pat import Connector
from locoia_pat.actions.fleet.fleet_worker import FleetWorker
from locoia_pat.state.journal import State

if __name__ == "__main__":
    os.environ.setdefault("PAUSES", "0.5 0.5 0.5 0.5 5 5 5 5 5 5")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worker = FleetWorker(
        State(sys.argv[1], lease_seconds=1.5),
        Connector(timeout=5),
        concurrency=2,
        rate=None,
        fleets=sys.argv[2:],
        pauses=[dt.timedelta(seconds=seconds) for seconds in map(float, os.environ["PAUSES"].split())],
    )
    worker.run(functools.partial(print, flush=True), check_seconds=0.2)
