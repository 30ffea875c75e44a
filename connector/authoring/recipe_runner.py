"""Recipes, run by arazzo-runner, whose requests the engine sends.

The runner evaluates expressions and criteria, and decides on the next step.  It does nothing else here, for as of 0.9.6

- a step without a response is passed over, and the workflow is complete: here it ends the run;
- it runs conditions as Python: only comparisons of expressions and constants are accepted;
- what it gets wrong without an error (``retry``, the status in a criterion of an action, an expression inside a
  condition) is refused before anything is sent;
- it logs values, and takes credentials from the environment: it is given placeholders for secrets, and no security
  schemes.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from locoia_pat.authoring import recipes
from locoia_pat.authoring.export import openapi
from locoia_pat.authoring.openapi_document import OpenApiDocument, mapping, sequence
from locoia_pat.authoring.openapi_fields import input_of
from locoia_pat.authoring.recipe_client import RecipeClient, RecipeStep
from locoia_pat.engine.spec_compiler import checked_action
from locoia_pat.extras import import_extra
from locoia_pat.interrupts import Hold
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Outcome, Problem, Result, invalid
from locoia_pat.request.validation import InputValidator
from locoia_pat.spec.model import ActionSpec, Input
from locoia_pat.spec.yaml import load_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.connector import RecordingConnector
    from locoia_pat.spec.load import SpecFolder

CREDENTIAL = "credential"
"""The input that is the credential of the command, unless it is given."""
_MAX_STEPS = 50
"""Steps of one run, so that a recipe cannot run in a circle."""
_WORKFLOW_KEYS = {"workflowId", "summary", "description", "inputs", "steps", "outputs"}
_STEP_KEYS = {
    "stepId", "description", "operationId", "parameters", "requestBody", "successCriteria", "onSuccess", "onFailure",
    "outputs",
}  # fmt: skip
_ACTION_KEYS = {"name", "type", "stepId", "criteria"}
_CRITERION_KEYS = {"condition", "context", "type"}
_OPERAND = r"(?:\$[\w.]+|-?\d+(?:\.\d+)?|'[^'\\$#{}<>=!&|]*'|true|false|null)"
_COMPARISON = rf"\s*{_OPERAND}\s*(?:==|!=|<=|>=|<|>)\s*{_OPERAND}\s*"
_CONDITION = re.compile(rf"{_COMPARISON}(?:(?:&&|\|\|){_COMPARISON})*|\$response\.body#/[\w/~-]+\s*[=!]=\s*{_OPERAND}")
"""The conditions that the runner evaluates as Arazzo means them, and that run no code."""
_EMBEDDED = re.compile(r"\{\$inputs\.(\w+)\}")


class Listed(NamedTuple):
    """A workflow of a recipe."""

    recipe: str
    workflow: str
    purpose: str


def list_recipes(specs: SpecFolder) -> list[Listed]:
    """Return the workflows of the recipes of *specs*."""
    return [
        Listed(name, workflow, " ".join(str(value.get("summary") or "").split()))
        for name in recipes.names(specs)
        for workflow, value in _workflows(_read(specs, name)).items()
    ]


class Recipe:
    """One workflow of a recipe, checked and ready to run."""

    def __init__(self, specs: SpecFolder, name: str, workflow: str | None = None) -> None:
        """Read the recipe *name* of *specs*, and its workflow, by default the first.

        Raises:
            InvalidError: the recipe or the workflow does not exist, or uses what cannot be run safely.

        """
        names = recipes.names(specs)
        if name not in names:
            hint = f"There are {', '.join(names)}." if names else "These specs have no recipes."
            message = f"unknown recipe {describe_value(name)}{did_you_mean(name, names)}"
            raise invalid(message, field="recipe", hint=hint)
        self.name, self._specs = name, specs
        document = _read(specs, name)
        self.title = str(mapping(document.get("info")).get("title") or name)
        workflows = _workflows(document)
        if workflow is not None and workflow not in workflows:
            raise invalid(
                f"unknown workflow {describe_value(workflow)}{did_you_mean(workflow, workflows)}",
                field="workflow",
                hint=f"{name} has {', '.join(workflows)}.",
            )
        if not workflows:
            self._refuse("has no workflows")
        self.workflow = workflow or next(iter(workflows))
        self._workflow: dict[str, Any] = workflows[self.workflow]
        self._sources = document.get("sourceDescriptions")
        self._openapi = openapi.document(specs)
        operations = ((path, value) for path, item in self._openapi["paths"].items() for value in item.values())
        self._paths: dict[str, str] = {value["operationId"]: path for path, value in operations}
        self._steps = {str(step.get("stepId") or ""): step for step in _steps(self._workflow)}
        self.inputs = self._inputs()
        self._actions = self._check()

    @property
    def has_effect(self) -> bool:
        """Whether a step may change something."""
        return any(spec.effect != "read" for spec in self._actions.values())

    def check(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return *inputs*, complete and typed; the input ``credential`` may be missing.

        Raises:
            InvalidError: one is wrong, missing or unknown.

        """
        fields = self.inputs
        if CREDENTIAL in fields and CREDENTIAL not in inputs:
            fields = {name: field for name, field in fields.items() if name != CREDENTIAL}
        checked = InputValidator(fields).check(inputs)
        for name in {name for item in _criteria(self._workflow) for name in _EMBEDDED.findall(item["condition"])}:
            if not re.fullmatch(r"[\w.:+-]*", str(checked.get(name))):
                message = "is part of a condition, and has other characters than letters, digits and .:+-_"
                raise invalid(message, field=name)
        return checked

    def run(self, connector: RecordingConnector, inputs: Mapping[str, Any]) -> Result:
        """Run it with checked *inputs*, and return a result for every outcome; ``data`` has its steps and outputs.

        A step without a usable response ends the run.  Signals wait from the first request with an effect to the end.
        """
        client = RecipeClient(connector, self._actions, self._paths)
        given = {name: client.seal(value) for name, value in inputs.items()}
        if CREDENTIAL in self.inputs and CREDENTIAL not in inputs:
            given[CREDENTIAL] = client.seal(connector.credential(), is_own=True)
        runner = _new_runner(self._document(given), self._api(connector.base_url), client)
        runner.register_callback("step_start", lambda step_id, **_: client.begin(step_id))
        runner.register_callback(
            "step_complete", lambda success, error=None, **_: client.end(is_met=success, error=error)
        )
        status = ""
        with Hold(effect=False):  # each run inside says whether it has one
            execution = runner.start_workflow(self.workflow, given)
            for _ in range(_MAX_STEPS):
                status = str(runner.execute_next_step(execution)["status"])
                if status not in {"step_complete", "goto_step"} or client.must_end:
                    break
            outputs = runner.execution_states[execution].workflow_outputs
        is_complete = status == "workflow_complete" and not client.must_end
        return self._result(connector.base_url, client, outputs, is_complete=is_complete)

    def _result(self, api: str, client: RecipeClient, outputs: Mapping[str, Any], *, is_complete: bool) -> Result:
        steps = client.steps
        data = {
            "workflow": self.workflow,
            "steps": [
                {
                    "step": step.name,
                    "action": self._actions[step.name].action,
                    "outcome": step.result.outcome.value,
                    "criteria_met": step.is_met,
                }
                for step in steps
            ],
            "outputs": client.mask(dict(outputs)),
        }
        attempts = sum(step.result.attempts for step in steps)
        warnings = tuple(dict.fromkeys(warning for step in steps for warning in step.result.warnings))
        if is_complete:
            return Result(self.name, Outcome.DONE, api, attempts, warnings, data)
        outcome, problem = self._failure(steps)
        return Result(self.name, outcome, api, attempts, warnings, data, problem)

    def _failure(self, steps: list[RecipeStep]) -> tuple[Outcome, Problem]:
        """Return the outcome of a run that failed, by the first step that did and what others may have changed."""
        failed = next((step for step in steps if not step.is_usable), steps[-1])
        outcome, problem = failed.result.outcome, failed.result.problem
        changes = [
            step.name
            for step in steps
            if self._actions[step.name].effect != "read" and step.result.outcome in {Outcome.DONE, Outcome.UNKNOWN}
        ]
        if problem is None:  # the response is what the API promises, and not what the recipe asks for
            hint = " ".join(str(self._steps[failed.name].get("description") or "").split()) or None
            message = f"there is no end after {_MAX_STEPS} steps" if failed.is_usable else "its criteria are not met"
            outcome, problem = Outcome.REFUSED, Problem("conflict", message, hint=hint)
        message = f"the step {failed.name} failed: {problem.message}"
        if not changes:
            field = problem.field if problem.field in self.inputs else None
            return outcome, dataclasses.replace(problem, message=message, field=field)
        message += f"; these steps may have changed something: {', '.join(changes)}"
        hint = "See what the page of the recipe says about this step before you run it again."
        return Outcome.UNKNOWN, Problem("unknown", message, status=problem.status, hint=hint)

    def _document(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Arazzo document for the runner: this workflow, with the inputs inside its conditions filled in."""
        steps = json.loads(json.dumps(self._workflow["steps"], default=str))
        for criterion in _criteria({"steps": steps}):
            criterion["condition"] = _EMBEDDED.sub(lambda match: str(inputs[match[1]]), criterion["condition"])
        workflow = {**self._workflow, "steps": steps}
        return {"arazzo": "1.0.1", "info": {}, "sourceDescriptions": self._sources, "workflows": [workflow]}

    def _api(self, base_url: str) -> dict[str, Any]:
        """Return the OpenAPI document for the runner, without the schemes by which it would look for credentials."""
        api = {key: value for key, value in self._openapi.items() if key != "security"}
        api["components"] = {"schemas": api["components"]["schemas"]}
        source = str(mapping(sequence(self._sources)[0]).get("name"))
        return {source: {**api, "servers": [{"url": base_url.rstrip("/")}]}}

    def _check(self) -> dict[str, ActionSpec]:
        """Return the action of each step, or refuse what cannot be run safely."""
        sources = sequence(self._sources)
        if len(sources) != 1 or mapping(sources[0]).get("type") != "openapi":
            self._refuse("needs one source description of type openapi")
        self._allow(self._workflow, _WORKFLOW_KEYS, self.workflow)
        if not self._steps or not all(self._steps) or len(self._steps) != len(self._workflow["steps"]):
            self._refuse("each step needs a stepId of its own")
        return {name: self._action(name, step) for name, step in self._steps.items()}

    def _action(self, name: str, step: Mapping[str, Any]) -> ActionSpec:
        """Return the action of a step, or refuse the step."""
        self._allow(step, _STEP_KEYS, name)
        action = step.get("operationId")
        spec = self._specs.spec(action) if action in self._paths else None
        if not isinstance(spec, ActionSpec):
            self._refuse(f"{name}: operationId is no action of this connector that sends a request")
        if key := next((key for key in ("base_url", "form", "file") if getattr(spec.request, key) is not None), None):
            self._refuse(f"{name}: an action with {key} in its request cannot be run, as it is not sent like that")
        body = mapping(step.get("requestBody"))
        if body and (body.get("contentType") != "application/json" or not isinstance(body.get("payload"), dict)):
            self._refuse(f"{name}: requestBody must be a JSON object")
        for step_action in _step_actions(step):
            self._allow(step_action, _ACTION_KEYS, name)
            kind = step_action.get("type")
            if kind != "end" and not (kind == "goto" and step_action.get("stepId") in self._steps):
                self._refuse(f"{name}: an action must end the workflow or go to one of its steps")
        for criterion in _criteria({"steps": [step]}):
            self._check_criterion(name, criterion)
        for criterion in _action_criteria(step):
            if re.search(r"\$(statusCode|response)", f"{criterion.get('context')} {criterion.get('condition')}"):
                self._refuse(f"{name}: the criteria of an action cannot see the response", "Use outputs of the step.")
        checked_action(spec, self._specs.connector, any_option=())
        return spec

    def _check_criterion(self, step: str, criterion: dict[str, Any]) -> None:
        self._allow(criterion, _CRITERION_KEYS, step)
        condition, kind = str(criterion.get("condition")), criterion.get("type", "simple")
        filled = _EMBEDDED.sub(lambda match: "x" if match[1] in self.inputs else match[0], condition)
        if kind not in ("simple", "regex", "jsonpath") or "{$" in filled:
            self._refuse(
                f"{step}: a condition cannot be evaluated", "Only inputs of the workflow can be inside of one."
            )
        if kind == "simple" and not _CONDITION.fullmatch(filled):
            hint = "Compare expressions with numbers, 'strings', true, false or null, joined by && and ||."
            self._refuse(f"{step}: a condition is not a comparison", hint)

    def _allow(self, value: Mapping[str, Any], keys: set[str], where: str) -> None:
        if unknown := sorted(set(value) - keys):
            self._refuse(f"{where}: {', '.join(unknown)} cannot be run")

    def _refuse(self, message: str, hint: str | None = None) -> NoReturn:
        raise invalid(f"{self.name}{recipes.ARAZZO}: {message}", field="recipe", hint=hint)

    def _inputs(self) -> dict[str, Input]:
        schema = mapping(self._workflow.get("inputs"))
        required = sequence(schema.get("required"))
        document = OpenApiDocument('{"openapi": "3.1.0"}', self.name)
        fields: dict[str, Input] = {}
        for name, value in mapping(schema.get("properties")).items():
            declared = mapping(value)
            if "pattern" in declared:
                declared.pop("format", None)  # the pattern says more
            keys = input_of(document, name, declared, required=name in required and "default" not in declared)
            fields[name] = Input.model_validate({**keys, "default": declared.get("default")})
        return fields


def _read(specs: SpecFolder, name: str) -> dict[str, Any]:
    text, path = specs.text(f"{recipes.FOLDER}/{name}{recipes.ARAZZO}")
    try:
        return mapping(load_any(text))
    except ValueError:
        raise invalid(f"{path} is not YAML", field="recipe") from None


def _workflows(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(item.get("workflowId")): item for item in map(mapping, sequence(document.get("workflows")))}


def _steps(workflow: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [mapping(step) for step in sequence(workflow.get("steps"))]


def _criteria(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the criteria of all steps, of their success and of their actions."""
    for step in _steps(workflow):
        yield from _objects(step.get("successCriteria"))
        yield from _action_criteria(step)


def _action_criteria(step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for action in _step_actions(step):
        yield from _objects(action.get("criteria"))


def _objects(value: object) -> list[dict[str, Any]]:
    """Return the items of the list *value* themselves, so that they can be changed; an empty object for any other."""
    return [item if isinstance(item, dict) else {} for item in sequence(value)]


def _step_actions(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [mapping(action) for key in ("onSuccess", "onFailure") for action in sequence(step.get(key))]


def _new_runner(document: Mapping[str, Any], api: Mapping[str, Any], client: RecipeClient) -> Any:
    """Return a runner that logs nothing: it sets up the log of the process when it is imported, and logs values."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    library = import_extra("arazzo_runner", "recipes")
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("arazzo-runner", "arazzo_runner"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return library.ArazzoRunner(document, api, client)
