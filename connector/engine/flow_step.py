"""The flow engine in whose step this code runs.

A flow engine keeps what a step returns, and runs the step again: there, a token needs a store.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def current_flow_engine() -> str | None:
    """Return the name of the flow engine in whose step this code runs, or None; none is imported for that."""
    modules: dict[str, Any] = sys.modules
    if (prefect := modules.get("prefect.context")) and (prefect.TaskRunContext.get() or prefect.FlowRunContext.get()):
        return "Prefect"
    if (dbos := modules.get("dbos")) and dbos.DBOS.workflow_id:
        return "DBOS"
    if (celery := modules.get("celery")) and celery.current_task:
        return "Celery"
    return "Airflow" if "AIRFLOW_CTX_DAG_ID" in os.environ else None
