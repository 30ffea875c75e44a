"""Validate the inputs of an action, and explain what is wrong with them.

Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import closest, describe_value, did_you_mean
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.secrets.detect import looks_like_token
from locoia_pat.spec.core_validator import ValidationError
from locoia_pat.spec.input_types import UNIT_SECONDS, describe_allowed, input_validator
from locoia_pat.spec.json_text import describe_json_mistake
from locoia_pat.spec.pattern import MAX_COMPLEXITY, complexity, pattern_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from locoia_pat.spec.model import Input

Path = tuple[str, ...]

_MAX_PROBLEMS = 20
"""Problems that one error has besides the first."""
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_SWITCH_WORDS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


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
            InvalidError: for all inputs that are invalid; it names each and what is allowed, and never repeats what
                could be a secret.

        """
        if not isinstance(values, Mapping):
            raise invalid(
                f"the inputs are {describe_value(values)}; expected an object",
                field="inputs",
                hint='Give a dict of names and values, such as {"note": "CI"}.',
            )
        unknown = [name for name in values if name not in self._fields]
        problems = [self._unknown(name) for name in unknown]  # first: an unknown name is most often a misspelt one
        try:
            checked: dict[str, Any] = self._validator.validate_python(
                {name: value for name, value in values.items() if name in self._fields}
            )
        except ValidationError as error:
            mistakes = error.errors(include_url=False)
        else:
            if not problems:
                return checked
            mistakes = []
        # Outside the handler: pydantic's error holds the value that was given, a misplaced token included.
        misspelt = " ".join(problem.message for problem in problems)
        by_field: dict[str | None, Problem] = {}
        for each in mistakes:
            problem = self._problem(each["loc"], each["type"], each["msg"], each["input"], today)
            if each["type"] != "missing" or f"did you mean {problem.field}?" not in misspelt:
                by_field.setdefault(problem.field, problem)
        first, *others = [*problems, *by_field.values()]
        raise InvalidError(replace(first, others=tuple(others[:_MAX_PROBLEMS])))

    def _unknown(self, name: object) -> Problem:
        # The name itself may be a misplaced secret.
        field = name if isinstance(name, str) and name.isidentifier() and not looks_like_token(name) else None
        hint = f"Inputs: {', '.join(self._fields)}." if self._fields else "This action takes no inputs."
        return Problem("validation", f"unknown input{did_you_mean(str(name), self._fields)}", field=field, hint=hint)

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
        if fix := suggest_fix(spec, given, today, name=path[-1]):
            hint = f"{fix} {hint}"
        value = "this value" if spec.type == "password" else describe_value(given)
        return Problem("validation", f"{value} is not allowed", field=field, hint=hint)


def suggest_fix(field: Input, given: object, today: dt.date | None, *, name: str) -> str | None:
    """Return what to give instead of the invalid value *given* of the input *name*, or None if there is no guess."""
    if not isinstance(given, str):
        return None
    if field.multiple:
        return _suggest_list(field, given, name)
    if field.type == "switch" and given.lower() in _SWITCH_WORDS:
        return f"Give {_SWITCH_WORDS[given.lower()]}."
    if field.type == "number" and _NUMBER.fullmatch(given):
        return f"Give the number without quotes: {given}."
    if field.type in {"nested_object", "json", "daterange"} and given[:1] in {"{", "["}:
        return f"It is not valid JSON: {describe_json_mistake(given)}."
    if field.nullable and given.lower() in {"never", "none", "no", "unlimited", "nil"}:
        return f"For never or none, give null: {name}=null."
    if field.unit and today and (match := re.match(r"\d{4}-\d\d-\d\d", given)):
        try:
            days = (dt.date.fromisoformat(match[0]) - today).days
        except ValueError:
            return None
        number = days * 86_400 // UNIT_SECONDS[field.unit]
        is_future = f"{match[0]} is {number} {field.unit} from today: give {number}."
        return is_future if days > 0 else f"{match[0]} is not in the future."
    if field.unit and (match := re.match(r"\s*(\d+)\s*[a-z]", given)):
        return f"Give the number of {field.unit} without a unit, for example {match[1]}."
    return None


def _suggest_list(field: Input, given: str, name: str) -> str:
    if given.startswith("["):
        return (
            f"It is not a JSON list: {describe_json_mistake(given)}. A list can also be given by repeating the name: "
            f"{name}=A {name}=B."
        )
    parts = [part for each in given.split(",") if (part := each.strip())]
    if len(parts) > 1 and all(describe_value(part) == f'"{part}"' for part in parts):
        close = [part if part in (field.enum or [part]) else closest(part, field.enum or ()) for part in parts]
        if all(close):
            return f"Repeat the name for each value: {' '.join(f'{name}={part}' for part in close)}."
    return 'Give a list: repeat the name for each of its values, or in JSON ["…"].'


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
        return f"{error.problem.message}: {describe_allowed(field)}"
    return None
