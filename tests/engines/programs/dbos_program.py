"""Runs the cases as steps of DBOS workflows, and writes down their states."""

import json
from contextlib import suppress
from pathlib import Path

from adapter import run_step
from dbos import DBOS

from locoia_pat import Connector, ConnectorError


@DBOS.step()
def run_whole(inputs, token_to):
    """Return the whole result, as a step may."""
    with Connector() as connector:
        return connector.run("create_pat", inputs, token_to=token_to)


@DBOS.workflow()
def run_case(inputs, token_to):
    if inputs["note"] == "whole":
        return run_whole(inputs, token_to)
    return run_step("create_pat", inputs, token_to)


if __name__ == "__main__":
    DBOS(config={"name": "steps", "system_database_url": "sqlite:///steps.sqlite"})
    DBOS.launch()
    states = {}
    for note, case in json.loads(Path("cases.json").read_text()).items():
        handle = DBOS.start_workflow(run_case, *case)
        with suppress(ConnectorError):
            handle.get_result()
        status = handle.get_status().status
        states[note] = {"SUCCESS": "completed", "ERROR": "failed"}.get(status, status)
    DBOS.destroy()
    Path("states.json").write_text(json.dumps(states))
