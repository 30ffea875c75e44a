"""Recipes, run by arazzo-runner over the exported OpenAPI document.

Three things about the runner, as of 0.9.6, are minded here and in the recipes:

- it does not fill in expressions that are embedded in a condition, which Arazzo 1.0.1 allows: that is done beforehand;
- a step that raises, as a lost answer does, is told as ``step_error`` and ``execute_workflow`` goes on with the next
  one: here such a step is the end, as the specification has it;
- a ``retry`` goes on with the next step as well, and its command exits with 0 after a step in the middle failed: no
  recipe retries, and the status is read, not the exit code.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from locoia_pat.authoring.export import markdown, openapi
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDS = {"workflow_complete", "error", "step_error"}
_MOST_STEPS = 20


@cache
def exported() -> dict[str, str]:
    """The OpenAPI document and the recipes of Locoia's own specs."""
    return openapi.files(SpecFolder())


@cache
def exported_pages() -> dict[str, str]:
    """The pages of Locoia's own specs and recipes."""
    return markdown.files(SpecFolder())


class Ran(NamedTuple):
    """How a run ended."""

    green: bool
    outputs: dict[str, Any]
    steps: list[str]
    """The steps that ran, in order."""
    token: str | None
    """What ``create`` minted, where its answer came."""


class Recipe:
    """A recipe over an API that stands at *url*."""

    def __init__(self, name: str, url: str) -> None:
        self.document = yaml.safe_load(exported()[f"{name}.arazzo.yaml"])
        self.api = json.loads(exported()["openapi.json"])
        self.api["servers"] = [{"url": url}]

    def run(self, inputs: Mapping[str, Any], workflow: str | None = None, *, go_on: bool = False) -> Ran:
        """Run it; with *go_on*, a step that raises is passed over, as the runner's own loop does it."""
        import requests  # noqa: PLC0415  # only these tests need it
        from arazzo_runner import (  # type: ignore[import-untyped]  # noqa: PLC0415  # it sets up logging when imported
            ArazzoRunner,
        )

        with requests.Session() as session:
            session.trust_env = False
            document = json.loads(_filled(json.dumps(self.document["workflows"]), inputs))
            runner = ArazzoRunner({**self.document, "workflows": document}, {"locoia": self.api}, session)
            steps: list[str] = []
            runner.register_callback("step_start", lambda step_id, **_: steps.append(step_id))
            name = workflow or document[0]["workflowId"]
            execution = runner.start_workflow(name, dict(inputs))
            status = ""
            ends = _ENDS - {"step_error"} if go_on else _ENDS
            for _ in range(_MOST_STEPS):
                status = str(runner.execute_next_step(execution)["status"])
                if status in ends:
                    break
            state = runner.execution_states[execution]
            token = state.step_outputs.get("create", {}).get("token")
            return Ran(status == "workflow_complete", state.workflow_outputs, steps, token)


def _filled(workflows: str, inputs: Mapping[str, Any]) -> str:
    """*Workflows* with the embedded input of a condition in its place."""
    for name, value in inputs.items():
        workflows = workflows.replace(f"'{{$inputs.{name}}}'", f"'{value}'")
    return workflows
