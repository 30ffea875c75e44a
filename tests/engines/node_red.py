"""The flow for Node-RED and the node with its example, imported into the real engine, headless on loopback.

    python -m tests.engines.node_red
    python -m tests.engines.node_red --version 4.1.15

It installs Node.js from PyPI and Node-RED from npm in the user's cache folder.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from locoia_pat.spec.description import describe_action
from locoia_pat.spec.load import SpecFolder
from tests.engines.flow_run import free_port, npm_with, opened, report
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engines.flow_run import FlowRun

VERSION = "5.0.7"
FLOWS = Path(__file__).parents[2] / "docs" / "flows"
NODE = FLOWS / "node-red-contrib-locoia-pat"
BRANCHES = {
    "done": "Done",
    "not_done": "Later: the next run does it",
    "unknown": "Look: it may have happened",
    "not_stored": "Look: it may have happened",
    "refused": "Change: nothing happened",
    "invalid": "Change: nothing happened",
}
SETTINGS = """module.exports = {{
  uiHost: "127.0.0.1", uiPort: {port}, flowFile: "flows.json", credentialSecret: "of this test",
  httpNodeRoot: false, telemetry: {{ enabled: false }}, logging: {{ console: {{ level: "info" }} }},
}};
"""


@dataclass
class NodeRed:
    """A running Node-RED."""

    url: str
    http: httpx.Client
    log: Path
    key: str

    def deploy(self, flow: list[dict[str, Any]], settings: Mapping[str, Any]) -> None:
        """Import a flow and set its placeholders, as a user does in the editor."""
        for node in flow:
            for variable in node.get("env", []):
                name = variable["name"].removeprefix("LOCOIA_PAT_").lower()
                if name in settings:
                    value = settings[name]
                    variable["value"] = json.dumps(value) if variable["type"] == "json" else str(value)
                node["credentials"] = {"LOCOIA_PAT_KEY": self.key}
            if node["type"] == "locoia-pat-server":
                node |= {"url": settings["url"], "credentials": {"key": self.key}}
            if node["type"] == "locoia-pat":
                node["values"] = {name: settings[name] for name in node["values"]}
                node["wait"] = str(settings["retry_seconds"])
        starts = self._text().count("Started flows")
        self.http.post(f"{self.url}/flows", json=flow).raise_for_status()
        eventually(lambda: self._text().count("Started flows") > starts)  # the response comes before

    def run(self, flow: list[dict[str, Any]], settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Press the button of the flow, and return what its end shows."""
        self.deploy(flow, settings)
        before = len(self._ends())
        (button,) = [node["id"] for node in flow if node["type"] == "inject"]
        self.http.post(f"{self.url}/inject/{button}").raise_for_status()
        eventually(lambda: len(self._ends()) > before, within=60, every=0.05)
        ((name, text),) = self._ends()[before:]
        end: dict[str, Any] = json.loads(text)
        branch = BRANCHES.get(end.get("outcome", ""))
        return end if name == branch else {**end, "outcome": f"{end.get('outcome')} at {name}"}

    def form(self, flow: list[dict[str, Any]], action: str) -> Any:
        """Return what the editor makes the form of an action from."""
        (server,) = [node["id"] for node in flow if node["type"] == "locoia-pat-server"]
        response = self.http.get(f"{self.url}/locoia-pat/{server}/actions/{action}").raise_for_status()
        assert self.key not in response.text
        return response.json()["ui_form_schema"]

    def _text(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text())

    def _ends(self) -> list[tuple[str, str]]:
        """Return what the debug nodes have logged: the name of each and its string."""
        return re.findall(r"\[debug:([^\]]+)\] (.+)\n", self._text())


def main() -> int:
    """Run the flow with every fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", default=VERSION)
    modules, variables = npm_with(f"node-red@{parser.parse_args().version}")
    with opened() as flow_run:
        install = ["npm", "install", "--install-links", "--no-audit", "--no-fund", "--silent", str(NODE)]
        subprocess.run(install, cwd=flow_run.folder, env=variables, check=True)
        with started(flow_run, modules, variables) as engine:
            print(re.findall(r"Node.*version: .*", engine.log.read_text()))
            flow = json.loads((FLOWS / "node-red.json").read_text())
            wrong = flow_run.run(lambda settings: engine.run(flow, settings))
            print("by the node of docs/flows/node-red-contrib-locoia-pat")
            example = json.loads((NODE / "examples" / "keep a token.json").read_text())
            wrong += flow_run.run(lambda settings: engine.run(example, settings))
            inputs = describe_action(SpecFolder().spec("ensure_pat"))["inputs"]
            if list(engine.form(example, "ensure_pat")) != list(inputs):
                wrong.append("the form of the node has other fields than the inputs of the action")
        return report([*wrong, *flow_run.leaks()])


@contextmanager
def started(flow_run: FlowRun, modules: Path, variables: Mapping[str, str]) -> Iterator[NodeRed]:
    """Run Node-RED with a folder of its own."""
    port = free_port()
    (flow_run.folder / "settings.js").write_text(SETTINGS.format(port=port))
    log = flow_run.folder / "node-red.log"
    command = ["node", str(modules / "node-red" / "red.js"), "--userDir", str(flow_run.folder)]
    with log.open("w") as out, httpx.Client(trust_env=False, timeout=30) as http:
        process = subprocess.Popen(command, cwd=flow_run.folder, env=dict(variables), stdout=out, stderr=out)
        try:
            events = ("Started flows", "Server now running")  # in any order
            eventually(lambda: process.poll() is not None or all(event in log.read_text() for event in events))
            assert process.poll() is None, log.read_text()
            yield NodeRed(f"http://127.0.0.1:{port}", http, log, flow_run.key)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
