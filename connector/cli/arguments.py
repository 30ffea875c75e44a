"""Inputs of an action from ``NAME=VALUE`` arguments, JSON files and cells, typed by the spec."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.request.secret_inputs import resolve_secret
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import INPUT_TYPES, parse_list, parse_text
from locoia_pat.spec.json_text import load_json
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from locoia_pat.spec.model import Input

MAX_INPUT = 8 * 1024 * 1024
"""The most characters of a file with inputs, or of one input from a file."""
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
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]  # validation explains how a list is given
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _is_joined(text: str, field: Input) -> bool:
    """Return whether the text of an argument has a comma, and may be several values; a name can be repeated instead."""
    return "," in text and not text.startswith("[") and text not in (field.enum or ())


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
            with _naming(name):
                return INPUT_TYPES[field.type].parse(text)  # the content of a file is never null by accident
    return text if field.multiple and _is_joined(text, field) else _parse_value(name, text, field)


def _parse_value(name: str, text: str, field: Input) -> Any:
    """Return the *text* of an argument or of a CSV cell as a value of *field*: both mean the same."""
    is_list = field.multiple and not (text == "null" and field.nullable)
    with _naming(name):
        return parse_list(text, field) if is_list else parse_text(text, field)


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Name *field* in an error that names no input."""
    try:
        yield
    except InvalidError as error:
        raise InvalidError(dataclasses.replace(error.problem, field=error.problem.field or field)) from None


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
    return _parse_value(name, text, field)


def _read_inputs_file(file: str, fields: Mapping[str, Input], read: SecretReader) -> dict[str, Any]:
    text = _checked_size("inputs", file, sys.stdin.read(MAX_INPUT + 1)) if file == "-" else _read_file("inputs", file)
    try:
        inputs = load_json(text)
    except InvalidError as error:
        message = f"{describe_value(file)}: {error.problem.message}"
        raise invalid(message, field="inputs", hint=error.problem.hint) from None
    except ValueError as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid(
            f"{describe_value(file)} is not valid JSON{line}",
            field="inputs",
            hint="Pass one JSON object with the inputs.",
        ) from None
    if not isinstance(inputs, dict):
        raise invalid(f"expected a JSON object of inputs, got {describe_value(inputs)}", field="inputs")
    return {name: resolve_secret(name, value, fields.get(name), read=read) for name, value in inputs.items()}


def _checked_size(name: str, file: str, text: str) -> str:
    if len(text) > MAX_INPUT:
        raise invalid(f"{describe_value(file)} has more than {MAX_INPUT} characters", field=name)
    return text


def _read_file(name: str, file: str) -> str:
    try:
        with Path(file).expanduser().open(encoding="utf-8") as source:
            return _checked_size(name, file, source.read(MAX_INPUT + 1))
    except OSError as error:
        raise invalid(f"the file {describe_value(file)} cannot be read: {error.strerror}", field=name) from None
    except UnicodeDecodeError:
        raise invalid(f"the file {describe_value(file)} is not UTF-8 text", field=name) from None
