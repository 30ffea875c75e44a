"""Run the adapter for Airflow in Airflow: ``python -m tests.engines.airflow_step``."""

from __future__ import annotations

from tests.engines.engine_run import run_engine

if __name__ == "__main__":
    run_engine(
        "airflow",
        "apache-airflow-core==3.3.2",
        variables={
            "AIRFLOW_HOME": "{home}/airflow",
            "AIRFLOW__CORE__DAGS_FOLDER": "{home}/dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        },
    )
