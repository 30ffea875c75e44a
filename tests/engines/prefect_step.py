"""Run the adapter for Prefect in Prefect: ``python -m tests.engines.prefect_step``."""

from __future__ import annotations

from tests.engines.engine_run import run_engine

if __name__ == "__main__":
    run_engine(
        "prefect",
        "prefect==3.9.1",
        variables={
            "PREFECT_HOME": "{home}/prefect",
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        },
    )
