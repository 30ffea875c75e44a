"""Compile the templates of a spec, and find their mistakes; the result is data, which ``builder.py`` fills.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.request.builder import IDENTIFIER
from locoia_pat.request.template import compiler as template
from locoia_pat.spec.input_types import INPUT_TYPES
from locoia_pat.spec.yaml import load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from locoia_pat.spec.model import ActionSpec, Input
    from locoia_pat.spec.yaml import Document, Path

_PADDED = (
    "the spaces or line breaks around this expression would turn its value into a string: write it alone, on one line "
    """in quotes; to add a line break on purpose, write "{{ name ~ '\\n' }}\""""
)
_COMPILERS: dict[Path, Callable[[Any, Collection[str]], template.Template]] = {
    ("request", "path"): template.path,
    ("request", "query"): template.structure,
    ("request", "headers"): template.structure,
    ("request", "body"): template.structure,
    ("request", "form"): template.structure,
    ("revoke", "inputs"): template.structure,
    ("poll", "path"): template.path,
}
"""The paths of templates in a spec, and how each is compiled."""

_POLL_ID = "id"
"""The name that ``poll.path`` has for the value in the response."""


def compile_request(spec: ActionSpec) -> dict[str, Any]:
    """Return the templates of *spec* as JSON values.

    Returns:
        ``slots``: the two keys of each place of templates, what is there as a node, and the names that it uses;
        ``parts``: the location, the source and the inputs of each part of the request that has a template;
        ``identified``: whether the request has the identifier of the connector.

    Raises:
        SpecError: a template is invalid, or uses an input where its values are not allowed.

    """
    templates, findings = _compiled(spec.document)
    findings += () if findings else [*_invalid_uses(spec, templates), *_unused_of_row(spec, templates)]
    if findings:
        raise SpecError(findings)
    slots: list[Any] = []
    parts: list[Any] = []
    for slot, compiled in templates.items():
        slots.append([*slot, *compiled.to_data()])
        uses: dict[Path, list[str]] = {}
        for use in compiled.uses if slot[0] == "request" else ():
            uses.setdefault(use.path, []).append(use.name)
        for path, names in uses.items():
            location = ".".join(map(str, (*slot[1:], *path)))
            parts.append([location, _get(spec.document.value, (*slot, *path)), list(dict.fromkeys(names))])
    identified = IDENTIFIER not in spec.inputs and any(
        use.name == IDENTIFIER for slot, compiled in templates.items() if slot[0] != "revoke" for use in compiled.uses
    )
    return {"slots": slots, "parts": parts, "identified": identified}


def template_findings(text: str, file: str) -> list[Finding]:
    """Return the mistakes in the templates of a spec that need not be valid otherwise; none if it is not YAML."""
    try:
        return _compiled(load(text, file))[1]
    except SpecError:
        return []


def _compiled(source: Document) -> tuple[dict[Path, template.Template], list[Finding]]:
    if not isinstance(_get(source.value, ("inputs",)), dict | None):
        return {}, []  # the names that a template can use are unknown
    inputs = _keys(source.value, ("inputs",))
    outputs = _keys(source.value, ("reply", "output"))
    known = inputs | ({IDENTIFIER} if IDENTIFIER in source.text else set())
    compiled: dict[Path, template.Template] = {}
    findings: list[Finding] = []
    for slot, make in _COMPILERS.items():
        value = _get(source.value, slot)
        if value is None or (slot[1] == "path" and not isinstance(value, str)):
            continue
        names = {
            "request": known,
            "poll": known | {_POLL_ID},
            "revoke": outputs | _names(source.value, ("revoke", "from_row")),
        }[str(slot[0])]
        try:
            compiled[slot] = make(value, names)
        except template.TemplateError as error:
            found = template_findings_at(source, slot, error)
            findings += map(_explain_revoke, found) if slot[0] == "revoke" else found
    return compiled, findings


def _explain_revoke(finding: Finding) -> Finding:
    """Return *finding*, which says where else the outputs of a revoke may be if one is unknown."""
    if finding.code != "unknown-name":
        return finding
    hint = '; name it under "from_row" if the response lacks it and the rows of "verify_with" have it'
    return replace(finding, message=f"{finding.message}{hint}")


def template_findings_at(source: Document, at: Path, error: template.TemplateError) -> list[Finding]:
    """Return the mistakes in the templates of the structure *at* a path of *source*."""
    return [source.finding(one.code, (*at, *one.path), one.message, offset=one.offset) for one in error.all]


def _invalid_uses(spec: ActionSpec, templates: Mapping[Path, template.Template]) -> list[Finding]:
    """Return the uses of inputs whose values are not allowed there, and the inputs that are not used."""
    at = spec.document.finding
    findings: list[Finding] = []
    unused = dict.fromkeys(spec.inputs)
    if spec.request.file is not None:
        unused.pop(spec.request.file.input, None)
    for slot, compiled in templates.items():
        padded = {use.path: use.offset for use in reversed(compiled.uses) if use.is_padded}
        findings += [at("template-type", (*slot, *path), _PADDED, offset=offset) for path, offset in padded.items()]
        for use in compiled.uses:
            if slot[0] == "revoke":
                output = spec.reply.output.get(use.name)
                if output is not None and output.secret and use.position != "alone":
                    message = f'"{use.name}" is a secret, which is given as it is: write it alone'
                    findings.append(at("template-type", (*slot, *use.path), message, offset=use.offset))
                continue
            unused.pop(use.name, None)
            if (field := spec.inputs.get(use.name)) is None:
                continue  # the identifier, or the id of a poll
            path = (*slot, *use.path)
            if _is_secret(field) and slot[1] in ("path", "query"):
                message = f'"{use.name}" is or contains a secret, and URLs are logged; send it in the body or a header'
                findings.append(at("secret-in-address", path, message, offset=use.offset))
            elif why := _why_not_allowed(use, field, slot[1], spec.request.omit_null):
                findings.append(at("template-type", path, f'"{use.name}" {why}', offset=use.offset))
    return [*findings, *(at("unused-input", ("inputs", name), _unused(name, spec), at_key=True) for name in unused)]


def _unused_of_row(spec: ActionSpec, templates: Mapping[Path, template.Template]) -> list[Finding]:
    """Return the names in ``revoke.from_row`` that its inputs do not use."""
    used = {use.name for slot, compiled in templates.items() if slot[0] == "revoke" for use in compiled.uses}
    return [
        spec.document.finding("contradiction", ("revoke", "from_row", index), f'"{name}" is not used in "inputs"')
        for index, name in enumerate(spec.revoke.from_row if spec.revoke else ())
        if name not in used
    ]


def _unused(name: str, spec: ActionSpec) -> str:
    """Return the message for an input without a template; in other languages a template has other braces."""
    text = repr(spec.request.model_dump(mode="json"))
    other = next((form for form in (f"${{{name}}}", f"{{{name}}}", f"${name}", f"<{name}>") if form in text), None)
    hint = f"; {other} is not a template, write {{{{ {name} }}}}" if other else ""
    return f"this input is not used in the request{hint}"


def _is_secret(field: Input) -> bool:
    return field.type == "password" or any(map(_is_secret, (field.children or {}).values()))


def _why_not_allowed(use: template.Use, field: Input, key: str | int, omit_null: bool) -> str | None:
    """Return why values of *field* cannot be used there, or None if they can, or if that depends on the value."""
    if use.position == "in expression" or (key == "body" and use.position == "alone"):
        return None
    alone = use.position == "alone" and key != "path"
    python_type = INPUT_TYPES[field.type].python_type
    if python_type is dict and not (alone and key == "form"):
        return f"is an object, which cannot be used in the {key}"
    if (field.multiple or python_type is list) and not (alone and key in ("query", "form")):
        return f"is a list, which cannot be used in the {key}" + ("" if alone else " within a string")
    if (field.nullable or (not field.required and field.default is None)) and not (alone and omit_null):
        instead = "make it required" + (", or set omit_null: true to leave it out" if alone else ", or give a default")
        return f"may be null, which cannot be used here; {instead}"
    return None


def _get(value: Any, path: Path) -> Any:
    for part in path:
        fits = isinstance(value, list) if isinstance(part, int) else isinstance(value, dict) and part in value
        if not fits:
            return None
        value = value[part]
    return value


def _names(value: Any, path: Path) -> frozenset[str]:
    names = _get(value, path)
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _keys(value: Any, path: Path) -> frozenset[str]:
    mapping = _get(value, path)
    return frozenset(mapping) if isinstance(mapping, dict) else frozenset()
