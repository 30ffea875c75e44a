"""Runs the cases as tasks of a Prefect flow, and writes down their states."""

import json
from pathlib import Path

from adapter import run_step
from prefect import flow, task

from locoia_pat import Connector


@task
def run_whole(inputs, token_to):
    """Return the whole result, as a step may."""
    with Connector() as connector:
        return connector.run("create_pat", inputs, token_to=token_to)


@flow
def run_cases(cases):
    whole = cases.pop("whole")
    states = {
        note: run_step("create_pat", inputs, token_to, return_state=True) for note, (inputs, token_to) in cases.items()
    }
    states["whole"] = run_whole(*whole, return_state=True)
    inputs, (store,) = whole
    for _ in range(2):  # the second call is made too: it is invalid, for the store has a token by then
        run_step("create_pat", inputs, [store.replace("whole", "again")], return_state=True)
    return {note: "completed" if state.is_completed() else state.type.value.lower() for note, state in states.items()}


if __name__ == "__main__":
    states = run_cases(json.loads(Path("cases.json").read_text()))
    Path("states.json").write_text(json.dumps(states))
