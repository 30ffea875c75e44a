"""A spec says which outputs a success has, and where their values are in the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.export.json_schema import data_schema
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

AUTH = ConnectorAuth(Secret("fake-acme-credential-0123456789"))
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}


def run(place: Path, script: Any, **spec: Any) -> Any:
    """The result of the action."""
    specs = folder(place, connector(), action(**spec))
    assert check_specs(SpecFolder(specs)) == []
    with serving(script) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act")


def mistakes(place: Path, reply: dict[str, Any], **spec: Any) -> list[tuple[str, str]]:
    """The code and message of each finding; all are in the reply."""
    findings = check_specs(SpecFolder(folder(place, connector(), action(**spec, reply={"ok": [200], **reply}))))
    start = (place / "act.yaml").read_text().splitlines().index("reply:")
    assert all(finding.line > start for finding in findings), findings
    return [(finding.code, finding.message) for finding in findings]


def test_a_success_without_a_required_output_is_not_believed(tmp_path: Path) -> None:
    reply = {"ok": [200], "output": {"name": {"type": "text", "required": True}, "note": {"type": "text"}}}
    bodies: list[dict[str, Any]] = [{}, {"name": None}, {"name": ""}, {"name": {}}]
    for body in bodies:
        read = run(tmp_path, answer(200, body), **READ, reply=reply)
        assert (read.outcome, read.problem.code) == (Outcome.NOT_DONE, "unavailable"), body
        assert read.problem.message == "the API answered 200, but the response has no name"
        assert run(tmp_path, answer(200, body), reply=reply).outcome is Outcome.UNKNOWN, body
    done = run(tmp_path, answer(200, {"name": "0"}), **READ, reply=reply)
    assert (done.outcome, done.data) == (Outcome.DONE, {"name": "0", "note": None})
    rows = reply | {"rows": "rows"}
    assert run(tmp_path, answer(200, []), **READ, reply=rows).outcome is Outcome.DONE
    assert run(tmp_path, answer(200, [{"name": "a"}]), **READ, reply=rows).outcome is Outcome.DONE
    cut = run(tmp_path, answer(200, [{"name": "a"}, {}]), **READ, reply=rows)
    assert (cut.outcome, "a row of the response has no name" in cut.problem.message) == (Outcome.NOT_DONE, True)
    properties = data_schema(SpecFolder(folder(tmp_path, connector(), action(reply=reply))).spec("act"))["properties"]
    assert (properties["name"]["type"], properties["note"]["type"]) == ("string", ["string", "null"])


def test_an_output_that_cannot_be_required_is_a_finding(tmp_path: Path) -> None:
    required: dict[str, Any] = {"type": "text", "required": True}
    secret = {"token": {"type": "text", "secret": "once"}}
    outputs: list[tuple[dict[str, Any], str]] = [
        ({"a": required | {"nullable": True}}, '"required" and "nullable"'),
        ({"a": {"type": "nested_object", "children": {"b": required}}}, "only a top-level output"),
        ({"a": required} | secret, "the secret of a success would be lost"),
    ]
    for number, (output, words) in enumerate(outputs):
        ((code, message),) = mistakes(tmp_path / str(number), {"output": output})
        assert (code, words in message) == ("contradiction", True), message
