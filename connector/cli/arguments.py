"""``name=value`` arguments, typed by the inputs of the spec."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import read_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.spec.form import Input

_REF = "@ref:"


Reader = Callable[[str, str], Secret]
"""Gives the secret at a place, for an input."""


def _read_secret(ref: str, name: str) -> Secret:
    return read_ref(ref, field=name)


def inputs_of(
    pairs: Iterable[str], inputs_file: str | None, fields: Mapping[str, Input], *, read: Reader = _read_secret
) -> dict[str, Any]:
    """The inputs from *inputs_file* (``-`` is standard input), and from *pairs*, which win.

    *read* gives the secret that stands at a place.

    Raises:
        InvalidError: an argument is no ``name=value``, a file cannot be read, or a secret is given as text.

    """
    inputs = _from_file(inputs_file, fields, read) if inputs_file else {}
    named: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise invalid(
                f"{describe_value(pair)} is no input",
                hint="An input is name=value, for example note=CI; an option begins --.",
            )
        field = fields.get(name)
        value = _value(name, text, field, read) if field else text
        if field and field.multiple:
            named.setdefault(name, []).extend(value if isinstance(value, list) else [value])
        elif name in named:
            raise invalid("is given twice, and takes one value", field=name)
        else:
            named[name] = value
    for name, value in named.items():
        field = fields.get(name)
        if field and field.multiple and len(value) == 1 and _joined(value[0], field):
            named[name] = value[0]  # the input model tells how a list is given
    return {**inputs, **named}


def _joined(value: object, field: Input) -> bool:
    return isinstance(value, str) and "," in value and value not in (field.enum or [])


def _value(name: str, text: str, field: Input, read: Reader) -> Any:
    if field.type == "password":
        if not text.startswith(_REF):
            raise invalid(
                "a secret is never an argument: other programs and the shell's history would see it",
                field=name,
                hint=f"Name its place: {name}={_REF}file:secret.txt or {name}={_REF}env:NAME.",
            )
        return read(text.removeprefix(_REF), name)
    if text.startswith("@"):
        return _read(name, text[1:]).removesuffix("\n")
    if text == "null" and field.nullable:
        return None
    if field.type in ("nested_object", "daterange", "json") or (field.multiple and text.startswith("[")):
        return _json_or_text(text)
    if field.type == "switch":
        return {"true": True, "false": False}.get(text, text)
    if field.type == "number":
        number = _json_or_text(text)
        return number if isinstance(number, (int, float)) and not isinstance(number, bool) else text
    return text


def _from_file(file: str, fields: Mapping[str, Input], read: Reader) -> dict[str, Any]:
    text = sys.stdin.read() if file == "-" else _read("inputs", file)
    try:
        found = json.loads(text)
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise invalid(
            f"{describe_value(file)} is not JSON{place}", field="inputs", hint="It is one object of inputs."
        ) from None
    if not isinstance(found, dict):
        raise invalid(f"is {describe_value(found)}, where an object of inputs is due", field="inputs")
    return {name: secret_at(name, value, fields.get(name), read=read) for name, value in found.items()}


def secret_at(name: str, value: Any, field: Input | None, *, read: Reader = _read_secret) -> Any:
    """*Value* of the input *name*; for a secret one, what stands at the place that it names.

    Raises:
        InvalidError: it is a secret input, and *value* names no place.

    """
    if field is None or field.type != "password":
        return value
    match value:
        case {"$ref": str(ref), **rest} if not rest:
            return read(ref, name)
        case _:
            raise invalid("a secret is given as its place", field=name, hint='Write {"$ref": "file:PATH"}.')


def _read(name: str, file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise invalid(f"the file {describe_value(file)} cannot be read: {error.strerror}", field=name) from None
    except UnicodeDecodeError:
        raise invalid(f"the file {describe_value(file)} is no UTF-8 text", field=name) from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
