"""Rules of the inputs and outputs of an action that no single one of their keys can see.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locoia_pat.messages import did_you_mean
from locoia_pat.secrets.detect import is_secret_name
from locoia_pat.spec.input_types import INPUT_TYPES, types_with_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.outcomes import Finding
    from locoia_pat.spec import yaml
    from locoia_pat.spec.model import ActionSpec, Input, OptionList, Output, SuperSpec

# Words that a template does not read as names.
RESERVED_NAMES = frozenset(["and", "else", "false", "if", "in", "is", "none", "not", "or", "self", "true"])
_TYPE_KEYS = sorted(frozenset[str]().union(*(info.keys for info in INPUT_TYPES.values())))
"""The keys of an input that only some types have."""
_MAX_INPUTS = 100


def value_findings(
    spec: ActionSpec | SuperSpec, at_output: yaml.Path, outputs: Mapping[str, Output]
) -> Iterator[Finding]:
    """Yield the mistakes in the inputs and outputs of an action."""
    at = spec.document.finding
    if (count := _count(spec.inputs)) > _MAX_INPUTS:
        yield at(
            "yaml-limit", ("inputs",), f"an action has at most {_MAX_INPUTS} inputs; this one has {count}", at_key=True
        )
    yield from _input_findings(spec, ("inputs",), spec.inputs)
    yield from _output_findings(spec, at_output, outputs)


def _count(inputs: Mapping[str, Input]) -> int:
    return len(inputs) + sum(_count(field.children or {}) for field in inputs.values())


def unknown_input(spec: ActionSpec | SuperSpec, path: yaml.Path, name: str) -> Finding:
    """Return that *name*, at *path*, is not an input of the action."""
    return spec.document.finding("unknown-reference", path, f'unknown input "{name}"{did_you_mean(name, spec.inputs)}')


def _input_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, inputs: Mapping[str, Input]) -> Iterator[Finding]:
    for name, field in inputs.items():
        yield from _shape_findings(spec, (*path, name), field)
        yield from _limit_findings(spec, (*path, name), field)
        yield from _input_findings(spec, (*path, name, "children"), field.children or {})


def _shape_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, field: Input) -> Iterator[Finding]:
    """Yield what an input of its type must have and does not, or must not have and does."""
    at = spec.document.finding
    if path[-1] in RESERVED_NAMES:
        message = f'"{path[-1]}" has a meaning in templates; choose another name'
        yield at("bad-name", path, message, at_key=True)
    if field.options is not None and field.type == "select":  # a list that exists has been inserted
        if (*path, "enum") in spec.document.keys or field.includes or field.option_notes:
            message = '"options" replaces "enum", "includes" and "option_notes"; remove either'
            yield at("contradiction", (*path, "options"), message, at_key=True)
        else:
            message = f'"options" in connector.yaml has no list "{field.options}"'
            yield at("unknown-reference", (*path, "options"), message)
    elif field.type == "select" and not field.enum:
        yield at("missing-key", path, 'a select needs "enum", the list of its options')
    if field.type == "nested_object" and not field.children:
        yield at("missing-key", path, 'a nested_object needs "children"')
    for key in _TYPE_KEYS:
        if (*path, key) in spec.document.keys and key not in INPUT_TYPES[field.type].keys:
            message = f'an input of type {field.type} cannot have "{key}"; only {" and ".join(types_with_key(key))} can'
            yield at("contradiction", (*path, key), message, at_key=True)
    if field.null_title is not None and not (field.required and field.nullable):
        message = '"null_title" is for an input that is required and nullable'
        yield at("contradiction", (*path, "null_title"), message, at_key=True)
    if field.options is None:
        yield from option_findings(spec.document, path, field)


def option_findings(document: yaml.Document, path: yaml.Path, options: Input | OptionList) -> Iterator[Finding]:
    """Yield the keys of "includes" and "option_notes" that are not options."""
    for key in ("includes", "option_notes"):
        for option in getattr(options, key) or {}:
            if option not in (options.enum or ()):
                message = f'"{option}" is not an option in "enum"{did_you_mean(option, options.enum or ())}'
                yield document.finding("unknown-reference", (*path, key, option), message, at_key=True)


def _limit_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, field: Input) -> Iterator[Finding]:
    """Yield limits and defaults that contradict each other."""
    at = spec.document.finding
    if field.required and field.default is not None:
        yield at("contradiction", (*path, "default"), "a required input cannot have a default", at_key=True)
    if field.min is not None and field.max is not None and field.min > field.max:
        yield at("contradiction", (*path, "max"), "max is less than min")
    if (field.min_length or 0) > (field.max_length if field.max_length is not None else field.min_length or 0):
        yield at("contradiction", (*path, "maxLength"), "maxLength is less than minLength")
    if field.regex_error_message is not None and field.pattern is None:
        yield at("missing-key", path, '"regexErrorMessage" needs "pattern"')


def _output_findings(
    spec: ActionSpec | SuperSpec, outputs_path: yaml.Path, outputs: Mapping[str, Output]
) -> Iterator[Finding]:
    at = spec.document.finding
    times = [key for key, output in outputs.items() if output.type == "datetime"]
    for name, output in outputs.items():
        path = (*outputs_path, name)
        if output.fallback_input is not None and output.fallback_input not in spec.inputs:
            yield unknown_input(spec, (*path, "fallback_input"), output.fallback_input)
        elif output.fallback_input is not None and spec.inputs[output.fallback_input].type == "password":
            message = f'"{output.fallback_input}" is a secret input, and an output is shown; name another input'
            yield at("contradiction", (*path, "fallback_input"), message)
        if output.days_until is not None and (output.days_until not in times or output.type != "number"):
            message = f'there is no datetime output "{output.days_until}"{did_you_mean(output.days_until, times)}'
            yield at("unknown-reference", (*path, "days_until"), message)
        if output.last_word is not None and (
            output.multiple or sorted(_part_names(output.last_word)) != sorted(output.children or ())
        ):
            yield at("contradiction", (*path, "last_word"), 'the names in braces must match the keys of "children"')
        if (output.type == "nested_object") != bool(output.children):
            yield at(
                "contradiction",
                path,
                'an output needs "children" if its type is nested_object, and cannot have them otherwise',
            )
        yield from _requested_findings(spec, path, output)
        yield from _required_findings(spec.document, path, output)
        yield from _header_findings(spec, path, output)
        yield from _from_input_findings(spec, path, output)
        yield from _source_findings(spec.document, path, output)
        if output.type == "datetime" and output.multiple:
            yield at("contradiction", (*path, "multiple"), 'an output of type datetime cannot be "multiple"')
        if output.secret and (
            len(outputs_path) > 2 or output.type != "text" or output.multiple or output.store_with_token
        ):
            message = 'a secret must be a top-level output of type text, without "multiple" or "store_with_token"'
            yield at("contradiction", path, message, at_key=True)
        yield from _output_findings(spec, (*path, "children"), output.children or {})


def _part_names(format_: str) -> list[str]:
    """Return the names of the parts of *format_*, the format of a last word such as ``~m/{name}/{}/{slot}``."""
    return re.findall(r"\{([a-z0-9_]+)\}", format_)


def _is_top_level(path: yaml.Path) -> bool:
    """Return whether *path* is that of an output itself, and not of one inside another."""
    return len(path) == len(("reply", "output", "name"))


def _requested_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why the input that an output names cannot have asked for its time, if it names one."""
    if (name := output.requested_by) is None:
        return
    at, field = spec.document.finding, spec.inputs.get(name)
    if field is None:
        yield unknown_input(spec, (*path, "requested_by"), name)
    elif field.multiple or not (field.unit or field.type == "datetime"):
        message = f'"{name}" asks for no time: it needs a "unit" or the type datetime'
        yield at("contradiction", (*path, "requested_by"), message)
    if output.type != "datetime" or spec.effect == "read" or not _is_top_level(path):
        message = '"requested_by" is for a top-level datetime output of an action that changes something'
        yield at("contradiction", (*path, "requested_by"), message, at_key=True)


def _required_findings(document: yaml.Document, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be required, if it is."""
    if not output.required:
        return
    if not _is_top_level(path):
        message = 'only a top-level output of a reply can be "required"'
        yield document.finding("contradiction", (*path, "required"), message, at_key=True)
    for key in ("nullable", "fallback_input", "days_until"):
        if getattr(output, key):
            message = f'"required" and "{key}" exclude each other'
            yield document.finding("contradiction", (*path, key), message, at_key=True)


def _header_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be read from a header, if it is."""
    if output.header is None:
        return
    at = spec.document.finding
    reply = getattr(spec, "reply", None)
    if reply is None or reply.rows or not _is_top_level(path):
        message = 'only a top-level output of a reply without "rows" can have a "header"'
        yield at("contradiction", (*path, "header"), message, at_key=True)
    if output.secret is None and is_secret_name(output.header):
        yield at("contradiction", (*path, "header"), f'"{output.header}" holds a secret, and an output is shown')
    if output.type not in ("text", "number", "datetime") and output.last_word is None:
        message = f"a header holds the types text, number and datetime, and not {output.type}"
        yield at("contradiction", (*path, "type"), message)
    for key in ("multiple", "sources", "days_until"):
        if getattr(output, key):
            name = "from" if key == "sources" else key
            message = f'"header" and "{name}" exclude each other'
            yield at("contradiction", (*path, name), message, at_key=True)


_OUTPUT_TYPES = {
    "text": ("text", "datetime", "json"),
    "select": ("text", "datetime", "json"),
    "number": ("number", "text", "datetime", "json"),
    "switch": ("switch", "json"),
}
"""The types of an output that the value of an input of each type can have."""


def _from_input_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be the value of an input, if it is."""
    if (name := output.from_input) is None:
        return
    at, declared = spec.document.finding, spec.inputs.get(name)
    if declared is None:
        yield unknown_input(spec, (*path, "from_input"), name)
    elif declared.multiple or (types := _OUTPUT_TYPES.get(declared.type)) is None:
        message = f'"{name}" is a secret, a list or an object, so it cannot be an output'
        yield at("contradiction", (*path, "from_input"), message)
    elif output.type not in types:
        message = f'"{name}" is of type {declared.type}, so the output cannot be of type {output.type}'
        yield at("contradiction", (*path, "type"), f"{message}: use {' or '.join(types)}")
    if not hasattr(spec, "reply") or not _is_top_level(path):
        message = 'only a top-level output of a reply can have "from_input"'
        yield at("contradiction", (*path, "from_input"), message, at_key=True)
    for key in ("secret", "multiple", "sources", "header", "days_until", "last_word", "fallback_input"):
        if getattr(output, key):
            key_name = "from" if key == "sources" else key
            message = f'"from_input" and "{key_name}" exclude each other'
            yield at("contradiction", (*path, key_name), message, at_key=True)


def _source_findings(document: yaml.Document, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield the paths of an output that read what it cannot be, or that are never read."""
    for index, source in enumerate(output.sources):
        at = (*path, "from", index)  # if it is a single one, the position is that of "from"
        if "[]" in source and not output.multiple:
            yield document.finding("contradiction", at, '"[]" reads all items of a list; add "multiple: true"')
        if output.secret and source.endswith("]"):
            yield document.finding("contradiction", at, "a secret needs a key: it is known by that")
        if source in output.sources[:index]:
            yield document.finding("contradiction", at, f'"{source}" is in the list twice')
        elif "$" in output.sources[:index]:
            yield document.finding("contradiction", at, f'"{source}" is never read: "$" before it is always there')
