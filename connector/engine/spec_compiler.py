"""Compile specs, and find their mistakes: what an author needs, and a run of compiled specs does not load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.engine.compiled_specs import text_key, write_form
from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.request.request_compiler import template_findings_at
from locoia_pat.request.template import compiler as template
from locoia_pat.spec.compiled_form import is_super, to_form
from locoia_pat.spec.connector_rules import header_findings, identifier_findings
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, ConnectorSpec


def compile_auth(spec: ConnectorSpec) -> list[Any]:
    """Return the templates of a connector's ``auth``, ``token_format`` and ``token_prefix``, as JSON values.

    Raises:
        SpecError: one is wrong.

    """
    findings: list[Finding] = []
    compiled: list[Any] = []
    for key, source, names in (
        ("token_format", spec.auth.token_format, ["token", *(["identifier"] if spec.env.identifier else [])]),
        ("token_prefix", spec.auth.token_prefix, ["token_format"]),
    ):
        try:
            compiled.append(list(template.text(source, names).to_data()))
        except template.TemplateError as error:
            findings += template_findings_at(spec.document, ("auth", key), error)
    if findings:
        raise SpecError(findings)
    return compiled


def checked_action(spec: ActionSpec, connector: ConnectorSpec, **options: Any) -> CompiledAction:
    """Return the model *spec* of *connector*, ready to run.

    Raises:
        SpecError: it is wrong.

    """
    if findings := [*header_findings(spec, connector), *identifier_findings(spec, connector)]:
        raise SpecError(findings)
    return CompiledAction(spec, **options)


def compile_texts(folder: SpecFolder, texts: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the last of the files *texts* of *folder* in its compiled form: an action, or the connector.

    Raises:
        InvalidError: it is wrong, or what it needs of the others.

    """
    snapshot = _Snapshot(folder, texts)
    name = list(texts)[-1].removesuffix(".yaml")
    if len(texts) == 1:
        return {"spec": to_form(snapshot.connector), "templates": AuthHeader(snapshot.connector).templates}
    spec = snapshot.spec(name)
    templates = None if is_super(spec) else checked_action(spec, snapshot.connector).templates
    return {"spec": to_form(spec), "templates": templates}


def write_own(folder: str) -> None:
    """Write the compiled form of our own specs into *folder*, for a wheel."""
    own = SpecFolder()
    for files in ((CONNECTOR_FILE,), *((CONNECTOR_FILE, f"{name}.yaml") for name in own.names)):
        texts = {file: own.text(file) for file in files}
        write_form(Path(folder), text_key(texts), json.dumps(compile_texts(own, texts), allow_nan=False).encode())


class _Snapshot(SpecFolder):
    """A folder as it was when *texts* were read: what is compiled is what was hashed."""

    def __init__(self, folder: SpecFolder, texts: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(folder.folder)
        self._texts = texts

    def text(self, file: str) -> tuple[str, str]:
        return self._texts[file]
