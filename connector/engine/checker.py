"""Finds everything that is wrong with a folder of specs, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.engine import examples
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.engine.token_exchange import TokenExchange
from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.request.request_compiler import template_findings
from locoia_pat.spec.connector_rules import reference_findings
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


def check_specs(folder: SpecFolder, *, whole: bool = False) -> list[Finding]:
    """Return the mistakes in all files of *folder*, sorted; *whole* also requires complete examples.

    Raises:
        InvalidError: it is not a folder of specs.

    """
    findings: list[Finding] = []
    specs: dict[str, ActionSpec] = {}
    for name in folder.names:
        source: tuple[str, str] | None = None
        try:
            source = folder.text(f"{name}.yaml")
            spec = folder.spec(name)
        except SpecError as error:
            findings += [*error.findings, *(template_findings(*source) if source else [])]
            continue
        if isinstance(spec, ActionSpec):
            try:
                action = CompiledAction(spec)
            except SpecError as error:
                findings += error.findings
            else:
                specs[name] = spec
                findings += examples.example_findings(action, whole=whole)
    try:
        AuthHeader(folder.connector)
        if (exchange := folder.connector.auth.exchange) is not None:
            TokenExchange(folder.connector, exchange)
        findings += reference_findings(folder.connector, specs, folder.names)
    except SpecError as error:
        findings += error.findings
    return sorted(set(findings))  # an invalid connector.yaml is also reported by the actions that need it
