"""Inputs of an action from ``NAME=VALUE`` arguments, JSON files and cells, typed by the spec."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.files import similar_file
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.request.secret_inputs import resolve_secret
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import INPUT_TYPES, parse_list, parse_text
from locoia_pat.spec.json_text import describe_json_mistake, load_json
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locoia_pat.spec.model import Input

MAX_INPUT = 8 * 1024 * 1024
"""The most characters of a file with inputs, or of one input from a file."""
SECRET_PREFIX = "@ref:"  # noqa: S105  # a prefix, not a secret
"""What precedes the REF of a secret in an argument or a cell."""

_JSON_HINT = 'Pass one JSON object of inputs, such as {"note": "CI"}.'

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
    given = tuple(pairs)
    for number, pair in enumerate(given):
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            message, hint = _explain_argument(given, number, fields)
            raise invalid(message, hint=hint)
        texts.setdefault(name, []).append(text)
    return {**inputs, **{name: _parse_arguments(name, given, fields.get(name), read) for name, given in texts.items()}}


def _explain_argument(pairs: Sequence[str], number: int, fields: Mapping[str, Input]) -> tuple[str, str]:
    """Return what is wrong with the argument at *number*, which is not ``NAME=VALUE``, and what to write."""
    pair = pairs[number]
    following = pairs[number + 1] if number + 1 < len(pairs) else ""
    value = following if following and "=" not in following and _is_plain(following) else "VALUE"
    name = pair.rstrip(":")
    if name in fields:
        return f"the input {name} has no value", f"Write {name}={shlex.quote(value)}, without spaces around the sign."
    if pair.startswith("{"):
        return "an argument is JSON; expected NAME=VALUE", "Pass JSON in a file, or on standard input: --inputs -."
    before = pairs[number - 1] if number else ""
    if "=" in before and _is_plain(before.replace("=", "")) and _is_plain(pair):
        return (
            f"invalid argument {describe_value(pair)}: expected NAME=VALUE",
            f"If it belongs to the value before it, put both in quotes: {shlex.quote(f'{before} {pair}')}.",
        )
    return (
        f"invalid argument {describe_value(pair)}: expected NAME=VALUE",
        "An input is given as NAME=VALUE, for example note=CI; an option starts with --.",
    )


def _is_plain(word: str) -> bool:
    """Return whether *word* can be repeated in a message."""
    return describe_value(word) == f'"{word}"'


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
            return _named(name, INPUT_TYPES[field.type].parse, text)  # content of a file is never null by accident
    return text if field.multiple and _is_joined(text, field) else _parse_value(name, text, field)


def _parse_value(name: str, text: str, field: Input) -> Any:
    """Return the *text* of an argument or of a CSV cell as a value of *field*: both mean the same."""
    is_list = field.multiple and not (text == "null" and field.nullable)
    return _named(name, parse_list if is_list else parse_text, text, field)


def _named(field: str, parse: Callable[..., Any], *arguments: Any) -> Any:
    """Return what *parse* returns for *arguments*; name *field* in an error that names no input."""
    try:
        return parse(*arguments)
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
    except ValueError:
        raise invalid(
            f"{describe_value(file)} is not valid JSON: {describe_json_mistake(text)}",
            field="inputs",
            hint=_JSON_HINT,
        ) from None
    if not isinstance(inputs, dict):
        hint = "For many runs, pass a file with one object per line to --each." if isinstance(inputs, list) else None
        message = f"expected a JSON object of inputs, got {describe_value(inputs)}"
        raise invalid(message, field="inputs", hint=hint or _JSON_HINT)
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
        if file.lstrip().startswith("{"):
            hint = "Write the JSON to a file, or pass it on standard input: --inputs -."
            raise invalid("expected the name of a file, got JSON", field=name, hint=hint) from None
        reason = f"{(error.strerror or '').lower()}{similar_file(file)}"
        raise invalid(f"the file {describe_value(file)} cannot be read: {reason}", field=name) from None
    except UnicodeDecodeError:
        raise invalid(f"the file {describe_value(file)} is not UTF-8 text", field=name) from None
