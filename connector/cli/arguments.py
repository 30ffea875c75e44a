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
from locoia_pat.request.secret_inputs import resolve_secret
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import INPUT_TYPES, parse_json, parse_text
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.spec.model import Input

SECRET_PREFIX = "@ref:"  # noqa: S105  # a prefix, not a secret
"""What precedes the REF of a secret in an argument or a cell."""

SecretReader = Callable[[str, str], Secret]
"""Read the secret at a REF, for the input of a name."""


def read_secret(ref: str, name: str) -> Secret:
    """Return the secret at *ref*, for the input *name*."""
    return read_token(ref, field=name)


def parse_inputs(
    pairs: Iterable[str], inputs_file: str | None, fields: Mapping[str, Input], *, read: SecretReader = read_secret
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
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise invalid(
                f"invalid argument {describe_value(pair)}: expected NAME=VALUE",
                hint="An input is given as NAME=VALUE, for example note=CI; an option starts with --.",
            )
        texts.setdefault(name, []).append(text)
    return {**inputs, **{name: _parse_arguments(name, given, fields.get(name), read) for name, given in texts.items()}}


def _parse_arguments(name: str, texts: list[str], field: Input | None, read: SecretReader) -> Any:
    values = [_parse_argument(name, text, field, read) if field else text for text in texts]
    if not (field and field.multiple) or (field.nullable and texts == ["null"]):
        if len(values) > 1:
            raise invalid("given more than once; this input takes one value", field=name)
        return values[0]
    if len(texts) == 1 and isinstance(values[0], str) and (texts[0].startswith("[") or _is_joined(values[0], field)):
        return values[0]  # validation explains how a list is given
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _is_joined(value: str, field: Input) -> bool:
    return "," in value and value not in (field.enum or [])


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
        text = _read_file(name, text[1:]).removesuffix("\n")
        if not field.multiple:
            return INPUT_TYPES[field.type].parse(text)  # the content of a file is never null by accident
    if field.multiple and text.startswith("["):
        return parse_json(text)
    return parse_text(text, field)


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
        return read_secret(text.removeprefix(SECRET_PREFIX), name)
    if field.multiple and not (text == "null" and field.nullable):
        if text.startswith("["):
            return parse_json(text)
        # Commas separate values only where an enum shows that none of them contains a comma.
        separators = ";," if field.enum and text not in field.enum else ";"
        parts = [part.strip() for part in re.split(f"[{separators}]", text)]
        return [parse_text(part, field) for part in parts if part]
    return parse_text(text, field)


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
