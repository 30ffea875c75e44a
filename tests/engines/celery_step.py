"""Run the adapter for Celery in Celery: ``python -m tests.engines.celery_step``."""

from __future__ import annotations

from tests.engines.engine_run import run_engine

if __name__ == "__main__":
    run_engine("celery", "celery==5.7.0")
