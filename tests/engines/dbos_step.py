"""Run the adapter for DBOS in DBOS: ``python -m tests.engines.dbos_step``."""

from __future__ import annotations

from tests.engines.engine_run import run_engine

if __name__ == "__main__":
    run_engine("dbos", "dbos==3.4.0")
