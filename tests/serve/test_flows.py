"""The flows in docs/flows call the server as it is.  ``tests/engines`` runs them in the real engines."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema

from locoia_pat.cli.run_command import run_command
from locoia_pat.outcomes import Outcome, Problem
from locoia_pat.serve.call_response import retry_after
from locoia_pat.serve.served_openapi import document
from locoia_pat.spec.description import describe_action
from locoia_pat.spec.load import SpecFolder

FLOWS = Path(__file__).parents[2] / "docs" / "flows"
OUTCOMES = [str(outcome) for outcome in Outcome]
SPECS = SpecFolder()
PATHS = document(SPECS)["paths"]
LONGEST = max(retry_after(Problem(code, "")) for code in ("busy", "rate_limited", "unavailable"))


def assert_valid_call(action: str, body: dict[str, Any]) -> None:
    """Check a call against the OpenAPI document of the server."""
    schema = PATHS[f"/v1/actions/{action}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(body, schema)


def test_the_flow_for_node_red_calls_and_branches_as_the_server_responds() -> None:
    tab, *nodes = json.loads((FLOWS / "node-red.json").read_text())
    by_name = {node["name"]: node for node in nodes}
    names = {node["id"]: node["name"] for node in nodes}
    environment = {
        each["name"]: json.loads(each["value"]) if each["type"] in ("json", "num") else each["value"]
        for each in tab["env"]
    }
    assert environment["RETRY_SECONDS"] >= LONGEST
    assert [each["type"] for each in tab["env"] if each["name"] == "LOCOIA_PAT_KEY"] == ["cred"]
    for action in ("ensure_pat", "list_pats"):
        rules = {rule["p"]: rule.get("to") for rule in by_name[f"inputs of {action}"]["rules"]}
        assert rules["url"] == f'$env("LOCOIA_PAT_URL") & "/v1/actions/{action}"'
        assert rules["headers"] is None, "the headers of the response before must not be sent"
        expression = re.sub(
            r'\$env\("(\w+)"\)', lambda found: json.dumps(environment[found[1]]), rules["payload"] or ""
        )
        assert_valid_call(action, json.loads(expression))
        request = by_name[action]
        assert (request["method"], request["authType"], request["ret"]) == ("POST", "bearer", "obj")
        assert request["credentials"] == {"password": "${LOCOIA_PAT_KEY}"}
        assert request["senderr"] is False, "a lost connection must reach the switch"
        assert names[by_name[f"inputs of {action}"]["wires"][0][0]] == action
    key = {"keyType": "other", "keyValue": "Idempotency-Key", "valueType": "msg", "valueValue": "_msgid"}
    assert (by_name["ensure_pat"]["headers"], by_name["list_pats"]["headers"]) == ([key], [])

    switch = by_name["outcome?"]
    values = [rule.get("v", "no envelope") for rule in switch["rules"]]
    branches = {value: [names[each] for each in wire] for value, wire in zip(values, switch["wires"], strict=True)}
    later, look = ["count the attempts"], ["Look: it may have happened"]
    change = ["Change: nothing happened"]
    assert (switch["property"], switch["checkall"]) == ("payload.outcome", "false")
    assert branches == {
        "done": ["inputs of list_pats"], "not_done": later, "no envelope": later, "unknown": look,
        "not_stored": look, "refused": change, "invalid": change,
    }  # fmt: skip
    assert set(branches) == {*OUTCOMES, "no envelope"}
    assert names[by_name["wait"]["wires"][0][0]] == "inputs of ensure_pat"


def test_the_node_for_node_red_calls_and_branches_as_the_server_responds() -> None:
    folder = FLOWS / "node-red-contrib-locoia-pat"
    program, editor = ((folder / f"locoia-pat.{kind}").read_text() for kind in ("js", "html"))
    branches = dict(re.findall(r"(\w+): (\d)", program.split("const BRANCHES = {")[1].split("}")[0]))
    assert branches == {"done": "0", "not_done": "1", "unknown": "2", "not_stored": "2", "refused": "3", "invalid": "3"}
    assert set(branches) == set(OUTCOMES)
    (wait,) = re.findall(r"wait: \{ value: (\d+)", editor)
    assert int(wait) >= LONGEST
    properties = re.findall(
        r"^      (\w+): \{", editor.split("outputs: 4")[0].split('registerType("locoia-pat", {')[1], re.MULTILINE
    )
    assert not {"inputs", "outputs", "type", "wires"} & set(properties), "the editor has these for itself"
    forms = [describe_action(SPECS.spec(name))["ui_form_schema"] for name in SPECS.names]
    types = {field["type"] for form in forms for field in form.values()}
    assert types == {"text", "number", "select", "switch", "password"}, "the form of the node shows these"
    for node in json.loads((folder / "examples" / "keep a token.json").read_text()):
        if node["type"] == "locoia-pat":
            assert_valid_call(node["action"], node["values"])
            assert int(node["wait"]) >= LONGEST
            assert node["reads"] == (SPECS.spec(node["action"]).effect == "read")


def test_the_flows_for_n8n_call_and_branch_as_the_server_and_the_command_respond() -> None:
    for file in ("n8n", "n8n-command"):
        flow = json.loads((FLOWS / f"{file}.json").read_text())
        nodes = {node["name"]: node["parameters"] for node in flow["nodes"]}
        following = {
            name: [[each["node"] for each in output] for output in outputs["main"]]
            for name, outputs in flow["connections"].items()
        }
        settings = {each["name"]: each["value"] for each in nodes["Settings"]["assignments"]["assignments"]}
        assert settings["retry_seconds"] >= LONGEST, file

        switch = nodes["outcome?"]
        assert switch["options"]["fallbackOutput"] == "extra", file
        for rule in switch["rules"]["values"]:
            (condition,) = rule["conditions"]["conditions"]
            assert condition["leftValue"] == "={{ $json.outcome }}", file
            assert condition["rightValue"] == rule["outputKey"], file
        values = [rule["outputKey"] for rule in switch["rules"]["values"]]
        assert values == ["done", "not_done", "unknown", "not_stored", "refused", "invalid"], file
        assert set(values) == set(OUTCOMES), file
        later = ["5 attempts?"]
        assert following["outcome?"] == [["list_pats"], later, ["Look"], ["Look"], ["Change"], ["Change"], later], file
        assert following["5 attempts?"] == [["Wait"], ["Later"]], file
        assert following["Wait"] == [["ensure_pat"]], file
        (assert_calls_the_server if file == "n8n" else assert_calls_the_command)(nodes, settings)


def assert_calls_the_server(nodes: dict[str, Any], settings: dict[str, Any]) -> None:
    assert settings["key"] == "=n8n-{{ $workflow.id }}-{{ $execution.id }}-{{ $itemIndex }}"
    values = {**settings, "scopes": json.loads(settings["scopes"])}
    for action in ("ensure_pat", "list_pats"):
        request = nodes[action]
        assert request["url"] == f"={{{{ $('Settings').item.json.url }}}}/v1/actions/{action}"
        assert (request["method"], request["genericAuthType"]) == ("POST", "httpBearerAuth")
        assert request["options"]["response"]["response"]["neverError"], "a refusal must reach the switch"
        pairs = re.findall(r"(\w+): \$\('Settings'\)\.item\.json\.(\w+)", request["jsonBody"])
        assert_valid_call(action, {name: values[value] for name, value in pairs})
    (header,) = nodes["ensure_pat"]["headerParameters"]["parameters"]
    assert header == {"name": "Idempotency-Key", "value": "={{ $('Settings').item.json.key }}"}
    assert "headerParameters" not in nodes["list_pats"]


def assert_calls_the_command(nodes: dict[str, Any], _: dict[str, Any]) -> None:
    for action in ("ensure_pat", "list_pats"):
        assert "{{" not in nodes[action]["command"], "the shell would run what an expression holds"
        program, run, name, *words = shlex.split(nodes[action]["command"])
        assert (program, run, name) == ("locoia-pat", "run", action)
        assert "--exit-zero" in words, action
        run_command.make_context(name, [name, *words])  # it knows all options


def test_the_node_for_n8n_calls_and_branches_as_the_server_responds() -> None:
    folder = FLOWS / "n8n-nodes-locoia-pat"
    program = (folder / "nodes" / "LocoiaPat.node.js").read_text()
    branches = dict(re.findall(r"(\w+): (\d)", program.split("const BRANCHES = {")[1].split("}")[0]))
    assert branches == {"done": "0", "not_done": "1", "unknown": "2", "not_stored": "2", "refused": "3", "invalid": "3"}
    shown = set(re.findall(r"(\w+):", program.split("const TYPES = {")[1].split("}")[0]))
    forms = [describe_action(SPECS.spec(name))["ui_form_schema"] for name in SPECS.names]
    assert shown == {field["type"] for form in forms for field in form.values()}
    flow = json.loads((folder / "example.json").read_text())
    for node in flow["nodes"]:
        if node["type"] == "n8n-nodes-locoia-pat.locoiaPat":
            assert_valid_call(node["parameters"]["action"], node["parameters"]["inputs"]["value"])
            assert node["parameters"]["wait"] >= LONGEST
            ends = [[each["node"] for each in output] for output in flow["connections"][node["name"]]["main"]]
            assert ends[1:] == [["Later"], ["Look"], ["Change"]]


def test_the_flow_for_prefect_calls_and_branches_as_the_server_responds() -> None:
    source = (FLOWS / "prefect_flow.py").read_text()
    placeholders = ast.literal_eval(source.split("PLACEHOLDERS = ")[1].split("\n\n")[0])
    assert placeholders.pop("retry_seconds") >= LONGEST
    assert placeholders.pop("url").startswith("http://127.0.0.1:")
    assert_valid_call("ensure_pat", placeholders)
    assert_valid_call("list_pats", {})
    strings = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert {"done", "not_done", "unknown", "not_stored", "ensure_pat", "list_pats", "Idempotency-Key"} <= strings
    last = source.split("raise ChangeError(message)")[1].split("\n")[0]
    assert set(re.findall(r"\w+", last)) == set(OUTCOMES) - {"done", "not_done", "unknown", "not_stored"}
