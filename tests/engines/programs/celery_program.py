"""Runs the cases as tasks of a Celery worker, with files as its broker and store, and writes down their states."""

import json
import subprocess
import sys
from pathlib import Path

from adapter import app, run_step
from celery.exceptions import TimeoutError as CeleryTimeoutError

from locoia_pat import Connector

for folder in ("broker", "done", "results"):
    Path(folder).mkdir(exist_ok=True)
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": "broker", "data_folder_out": "broker", "processed_folder": "done",
                              "store_processed": True, "control_folder": "control"},
    result_backend=f"file://{Path('results').resolve()}",
    result_extended=True,
)  # fmt: skip


@app.task(name="run_whole")
def run_whole(inputs, token_to):
    """Return the whole result, as a step may."""
    with Connector() as connector:
        return connector.run("create_pat", inputs, token_to=token_to)


def state_of(result):
    try:
        result.get(timeout=60, propagate=False)
    except CeleryTimeoutError:
        return "timeout"
    return {"SUCCESS": "completed", "FAILURE": "failed"}.get(result.state, result.state)


if __name__ == "__main__":
    command = [sys.executable, "-m", "celery", "-A", "celery_program", "worker", "--pool", "solo", "--loglevel", "info"]
    worker = subprocess.Popen(command)
    try:
        cases = json.loads(Path("cases.json").read_text())
        results = {"whole": run_whole.delay(*cases.pop("whole"))}
        results |= {note: run_step.delay("create_pat", *case) for note, case in cases.items()}
        states = {note: state_of(result) for note, result in results.items()}
    finally:
        worker.terminate()
        worker.wait(60)
    Path("states.json").write_text(json.dumps(states))
