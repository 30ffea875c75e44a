"""The flow for Prefect, deployed to the real engine, headless on loopback.

    python -m tests.engines.prefect_flow

It installs Prefect from PyPI in the user's cache folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.engines.flow_run import free_port, opened, python_with, report
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engines.flow_run import FlowRun

VERSION = "3.9.1"
FLOW = Path(__file__).parents[2] / "docs" / "flows" / "prefect_flow.py"
SAVE_KEY = 'import os; from prefect.blocks.system import Secret; Secret(value=os.environ["KEY"]).save("locoia-pat-key")'
OUTCOMES = {"LaterError": "not_done", "LookError": "unknown"}
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Prefect:
    """A running server, and a process that runs the deployed flow."""

    def __init__(self, api: str, http: httpx.Client) -> None:
        self._api, self._http = api, http

    def run(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start a run of the deployment and return how it ended."""
        deployment = self._get("deployments/name/locoia-token/weekly")
        created = self._post(f"deployments/{deployment['id']}/create_flow_run", {"parameters": dict(settings)})
        path = f"flow_runs/{created['id']}"
        eventually(lambda: self._get(path)["state"]["type"] in ENDED, within=120, every=0.3)
        message = self._get(path)["state"]["message"] or ""
        logs: list[dict[str, Any]] = []

        def logged() -> bool:
            logs[:] = self._post("logs/filter", {"logs": {"flow_run_id": {"any_": [created["id"]]}}})
            return "exception" in message or any(line["message"].startswith("ended: ") for line in logs)

        eventually(logged, every=0.3)  # logs are sent a little later
        for line in logs:
            if line["message"].startswith("ended: "):
                return json.loads(line["message"].removeprefix("ended: "))  # type: ignore[no-any-return]  # JSON
        error, _, text = message.partition("exception: ")[2].partition(": ")
        outcome = text.partition(":")[0]
        branch = OUTCOMES.get(error, outcome if error == "ChangeError" else error)
        return {"outcome": branch, "message": text} if branch == outcome else {"outcome": f"{outcome} at {error}"}

    def exists(self) -> bool:
        """Return whether the flow is deployed."""
        return self._http.get(f"{self._api}/deployments/name/locoia-token/weekly").status_code == 200

    def _get(self, path: str) -> Any:
        return self._request("GET", path, None)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        responses: list[httpx.Response] = []

        def is_answered() -> bool:
            responses.append(self._http.request(method, f"{self._api}/{path}", json=body))
            return responses[-1].status_code != 503  # Prefect's own SQLite was locked

        eventually(is_answered, within=120, every=0.5)
        return responses[-1].raise_for_status().json()


@contextmanager
def started(flow_run: FlowRun, python: Path) -> Iterator[Prefect]:
    """Run a server and the flow, with a folder of their own."""
    port, log = free_port(), flow_run.folder / "prefect.log"
    api = f"http://127.0.0.1:{port}/api"
    variables = {
        **os.environ, "PREFECT_HOME": str(flow_run.folder), "PREFECT_API_URL": api, "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    processes: list[subprocess.Popen[bytes]] = []
    with log.open("w") as out, httpx.Client(trust_env=False, timeout=30) as http:

        def start(*command: str | Path) -> None:
            processes.append(
                subprocess.Popen(command, cwd=flow_run.folder, env=variables, stdout=out, stderr=subprocess.STDOUT)
            )

        def answers() -> bool:
            assert processes[0].poll() is None, log.read_text()
            try:
                return http.get(f"{api}/health").status_code == 200
            except httpx.TransportError:
                return False

        try:
            start(python / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
            eventually(answers, within=180, every=0.3)
            save = [str(python / "python"), "-c", SAVE_KEY]
            subprocess.run(save, cwd=flow_run.folder, env={**variables, "KEY": flow_run.key}, check=True)
            start(python / "python", FLOW)
            prefect = Prefect(api, http)
            eventually(prefect.exists, within=60, every=0.3)
            yield prefect
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(60)


def main() -> int:
    """Run the flow with every fault."""
    python = python_with(f"prefect=={VERSION}")
    print("Prefect", VERSION)
    with opened() as flow_run:
        with started(flow_run, python) as prefect:
            wrong = flow_run.run(prefect.run)
        return report([*wrong, *flow_run.leaks()])


if __name__ == "__main__":
    sys.exit(main())
