"""Validate the inputs of an action, and explain what is wrong with them.

Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.secrets.detect import looks_like_token
from locoia_pat.spec.input_types import describe_allowed, input_validator
from locoia_pat.spec.pattern import MAX_COMPLEXITY, complexity, pattern_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.spec.model import Input

Path = tuple[str, ...]


class InputValidator:
    """Validates the inputs of one action."""

    def __init__(self, fields: Mapping[str, Input], *, any_option: Collection[str] = ()) -> None:
        """Build what validates *fields*, which must have no :func:`definition_errors`.

        Args:
            fields: the inputs that the spec declares.
            any_option: the names of inputs that accept options which the spec does not list.

        """
        self._fields = fields
        self._validator = input_validator(
            {
                name: field.model_copy(update={"allow_create": True}) if name in any_option else field
                for name, field in fields.items()
            }
        )

    def check(self, values: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """Return *values* as the templates use them: complete, typed, and with secrets as :class:`Secret`.

        Args:
            values: the inputs, by name.
            today: the date from which an error counts the days until a date.

        Raises:
            InvalidError: for the first input that is invalid; it names the input and what is allowed, and never repeats
                what could be a secret.

        """
        for name in values:
            if name not in self._fields:  # reported first: an unknown name is most often a misspelt one
                # The name itself may be a misplaced secret.
                field = name if str(name).isidentifier() and not looks_like_token(name) else None
                hint = f"Inputs: {', '.join(self._fields) or 'none'}."
                raise invalid(f"unknown input{did_you_mean(str(name), self._fields)}", field=field, hint=hint)
        try:
            checked: dict[str, Any] = self._validator.validate_python(dict(values))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
        else:
            return checked
        # Outside the handler: pydantic's error holds the value that was given, a misplaced token included.
        raise InvalidError(self._problem(first["loc"], first["type"], first["msg"], first["input"], today))

    def _problem(
        self, loc: tuple[int | str, ...], kind: str, message: str, given: object, today: dt.date | None
    ) -> Problem:
        path = [str(loc[0])]
        spec = self._fields[path[0]]
        for part in loc[1:]:
            children = spec.children or {}
            if isinstance(part, str) and (part in children or kind == "extra_forbidden"):
                path.append(part)
                spec = children.get(part, spec)
        field = ".".join(path)
        if kind == "extra_forbidden":
            children = spec.children or {}
            hint = f"Inputs: {', '.join(children)}."
            return Problem("validation", f"unknown input{did_you_mean(path[-1], children)}", field=field, hint=hint)
        hint = f"Allowed: {describe_allowed(spec)}." + (f" {spec.info}" if spec.info else "")
        if kind == "missing":
            return Problem("validation", "is missing", field=field, hint=hint)
        if kind == "unknown_option":
            hint = f"Allowed: {', '.join(spec.enum or ())}."
            return Problem("validation", message, field=field, hint=hint, reason="unknown_option")
        if fix := suggest_fix(spec, given, today):
            hint = f"{fix} {hint}"
        value = "this value" if spec.type == "password" else describe_value(given)
        return Problem("validation", f"{value} is not allowed", field=field, hint=hint)


def suggest_fix(field: Input, given: object, today: dt.date | None) -> str | None:
    """Return what to give instead of the invalid value *given*, or None if there is no guess."""
    if field.multiple and isinstance(given, str):
        return "Give a list: repeat the name for each of its values."
    if not isinstance(given, str):
        return None
    if field.nullable and given.lower() in {"never", "none", "no", "unlimited", "nil", ""}:
        return "For never or none, give null."
    if field.unit == "days" and today and (match := re.match(r"\d{4}-\d\d-\d\d", given)):
        try:
            days = (dt.date.fromisoformat(match[0]) - today).days
        except ValueError:
            return None
        return f"{match[0]} is {days} days from today." if days > 0 else f"{match[0]} is not in the future."
    if field.unit and (match := re.match(r"\s*(\d+)\s*[a-z]", given)):
        return f"Give the number of {field.unit} without a unit, for example {match[1]}."
    return None


def definition_errors(path: Path, fields: Mapping[str, Input]) -> list[tuple[Path, str]]:
    """Return the invalid patterns and defaults of *fields*, which are at *path*: the path and the message of each."""
    patterns = [(at, field.pattern) for at, field in _with_children(path, fields) if field.pattern is not None]
    if sum(complexity(pattern) for _, pattern in patterns) > MAX_COMPLEXITY:
        return [((*patterns[-1][0], "pattern"), "the patterns of this action are too complex")]
    errors = [((*at, "pattern"), message) for at, pattern in patterns if (message := pattern_error(pattern))]
    return errors or [
        ((*at, "default"), f"the default {message}")
        for at, field in _with_children(path, fields)
        if field.default is not None and (message := _default_error(at[-1], field))
    ]


def _with_children(path: Path, fields: Mapping[str, Input]) -> Iterator[tuple[Path, Input]]:
    """Yield all inputs, those in objects included, with their paths."""
    for name, field in fields.items():
        yield (*path, name), field
        yield from _with_children((*path, name, "children"), field.children or {})


def _default_error(name: str, field: Input) -> str | None:
    """Return why the default of *field* is not allowed, or None if it is."""
    try:
        InputValidator({name: field}).check({name: field.default})
    except InvalidError as error:
        return error.problem.message
    return None
