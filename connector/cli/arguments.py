"""Inputs of an action from ``NAME=VALUE`` arguments, JSON files and cells, typed by the spec."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.spec.model import Input

SECRET_PREFIX = "@ref:"  # noqa: S105  # a prefix, not a secret
"""What precedes the REF of a secret in an argument or a cell."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

SecretReader = Callable[[str, str], Secret]
"""Read the secret at a REF, for the input of a name."""


def _read_secret(ref: str, name: str) -> Secret:
    return read_token(ref, field=name)


def parse_inputs(
    pairs: Iterable[str], inputs_file: str | None, fields: Mapping[str, Input], *, read: SecretReader = _read_secret
) -> dict[str, Any]:
    """Return the inputs of a command.

    Args:
        pairs: ``NAME=VALUE`` arguments; they override *inputs_file*.
        inputs_file: the path of a JSON object of inputs, ``-`` for standard input, or None.
        fields: the inputs that the spec declares.
        read: how to read a secret.

    Raises:
        InvalidError: an argument is not ``NAME=VALUE``, a file cannot be read, or a secret is given as plain text.

    """
    inputs = _read_inputs_file(inputs_file, fields, read) if inputs_file else {}
    named: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise invalid(
                f"invalid argument {describe_value(pair)}: expected NAME=VALUE",
                hint="An input is given as NAME=VALUE, for example note=CI; an option starts with --.",
            )
        field = fields.get(name)
        value = _parse_argument(name, text, field, read) if field else text
        if field and field.multiple:
            named.setdefault(name, []).extend(value if isinstance(value, list) else [value])
        elif name in named:
            raise invalid("given more than once; this input takes one value", field=name)
        else:
            named[name] = value
    for name, value in named.items():
        field = fields.get(name)
        if field and field.multiple and len(value) == 1 and _is_joined(value[0], field):
            named[name] = value[0]  # validation then explains how a list is given
    return {**inputs, **named}


def _is_joined(value: object, field: Input) -> bool:
    return isinstance(value, str) and "," in value and value not in (field.enum or [])


def _parse_argument(name: str, text: str, field: Input, read: SecretReader) -> Any:
    if field.type == "password":
        if not text.startswith(SECRET_PREFIX):
            raise invalid(
                "a secret cannot be an argument: other programs and the shell history can read it",
                field=name,
                hint=f"Pass a reference: {name}={SECRET_PREFIX}file:secret.txt or {name}={SECRET_PREFIX}env:NAME.",
            )
        return read(text.removeprefix(SECRET_PREFIX), name)
    if text.startswith("@"):
        return _read_file(name, text[1:]).removesuffix("\n")
    if field.multiple and text.startswith("["):
        return _json_or_string(text)
    return parse_text(text, field)


def parse_text(text: str, field: Input) -> Any:
    """Return *text* as one value of the type of *field*; text of another type stays a string, for validation."""
    if text == "null" and field.nullable:
        return None
    match field.type:
        case "nested_object" | "daterange" | "json":
            return _json_or_string(text)
        case "switch":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "number":
            return _json_or_string(text) if _NUMBER.fullmatch(text) else text
        case _:
            return text


def parse_cell(name: str, text: str, field: Input | None) -> Any:
    """Return the text of a CSV cell as a value of *field*; None if the spec has no such input.

    Raises:
        InvalidError: it is a secret input, and *text* is not ``@ref:REF``, or the secret cannot be read.

    """
    if field is None:
        return text
    if field.type == "password":
        if not text.startswith(SECRET_PREFIX):
            hint = f"Write {SECRET_PREFIX}file:PATH."
            raise invalid("expected a reference to the secret, not the secret itself", field=name, hint=hint)
        return _read_secret(text.removeprefix(SECRET_PREFIX), name)
    if field.multiple and not (text == "null" and field.nullable):
        if text.startswith("["):
            return _json_or_string(text)
        # Commas separate values only where an enum shows that none of them contains a comma.
        separators = ";," if field.enum and text not in field.enum else ";"
        parts = [part.strip() for part in re.split(f"[{separators}]", text)]
        return [parse_text(part, field) for part in parts if part]
    return parse_text(text, field)


def resolve_secret(name: str, value: Any, field: Input | None, *, read: SecretReader = _read_secret) -> Any:
    """Return *value* of the input *name*, with a secret in place of its ``{"$ref": REF}``.

    Raises:
        InvalidError: it is a secret input, and *value* is not a reference, or the secret cannot be read.

    """
    if field is None or field.type != "password":
        return value
    match value:
        case {"$ref": str(ref), **rest} if not rest:
            return read(ref, name)
        case _:
            raise invalid(
                "expected a reference to the secret, not the secret itself",
                field=name,
                hint='Write {"$ref": "file:PATH"}.',
            )


def _read_inputs_file(file: str, fields: Mapping[str, Input], read: SecretReader) -> dict[str, Any]:
    text = sys.stdin.read() if file == "-" else _read_file("inputs", file)
    try:
        inputs = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid(
            f"{describe_value(file)} is not valid JSON{line}",
            field="inputs",
            hint="Pass one JSON object with the inputs.",
        ) from None
    if not isinstance(inputs, dict):
        raise invalid(f"expected a JSON object of inputs, got {describe_value(inputs)}", field="inputs")
    return {name: resolve_secret(name, value, fields.get(name), read=read) for name, value in inputs.items()}


def _read_file(name: str, file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise invalid(f"the file {describe_value(file)} cannot be read: {error.strerror}", field=name) from None
    except UnicodeDecodeError:
        raise invalid(f"the file {describe_value(file)} is not UTF-8 text", field=name) from None


def _json_or_string(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
