"""The input model: built from a spec's inputs, it decides what may be sent, and says what is allowed instead.

Pure.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.secrets.detect import looks_like_token
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec import pattern
from locoia_pat.spec.input_types import describe_allowed, is_whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from locoia_pat.spec.model import Input


class InputValidator:
    """Checks the inputs of one action."""

    def __init__(self, fields: Mapping[str, Input], *, any_option: Collection[str] = ()) -> None:
        """Build the model of *fields*, in which there are no :func:`definition_errors`.

        Those named in *any_option* take options the spec does not know.
        """
        self._fields = fields
        self._model = _model(fields, any_option)

    def check(self, values: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """*Values* as the templates use them: complete, typed, and with secrets as :class:`Secret`.

        *today* lets an error say how many days a date stands for.

        Raises:
            InvalidError: for the first input that is wrong; it names the input and what is allowed, and never repeats
                what could be a secret.

        """
        for name in values:
            if name not in self._fields:  # told first: an unknown name is most often a misspelt one
                known = ", ".join(self._fields) or "none"
                near = did_you_mean(str(name), self._fields)
                field = (
                    name if str(name).isidentifier() and not looks_like_token(name) else None
                )  # it may be a misplaced secret
                raise invalid(f"unknown input{near}", field=field, hint=f"Inputs: {known}.")
        try:
            return _plain(self._fields, self._model.model_validate(dict(values)))
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
        # Outside the handler: pydantic's error holds what was given, a misplaced token included.
        raise InvalidError(self._problem(mistake["loc"], mistake["type"], mistake["msg"], mistake["input"], today))

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
            return Problem("validation", message, field=field, hint=f"Allowed: {', '.join(spec.enum or ())}.")
        if meant := suggest_fix(spec, given, today):
            hint = f"{meant} {hint}"
        told = "what was given" if spec.type == "password" else describe_value(given)
        return Problem("validation", f"{told} is not allowed", field=field, hint=hint)


def suggest_fix(field: Input, given: object, today: dt.date | None) -> str | None:
    """Return what the user probably meant, or None."""
    if field.multiple and isinstance(given, str):
        return "Give a list: repeat the name for each of its values."
    if not isinstance(given, str):
        return None
    if field.nullable and given.lower() in {"never", "none", "no", "unlimited", "nil", ""}:
        return "For never, or none at all, give null."
    if field.unit == "days" and today and (found := re.match(r"\d{4}-\d\d-\d\d", given)):
        try:
            days = (dt.date.fromisoformat(found[0]) - today).days
        except ValueError:
            return None
        return f"{found[0]} is {days} days from today." if days > 0 else f"{found[0]} is not in the future."
    if field.unit and (found := re.match(r"\s*(\d+)\s*[a-z]", given)):
        return f"Give the number of {field.unit} alone, for example {found[1]}."
    return None


def _model(fields: Mapping[str, Input], any_option: Collection[str]) -> type[BaseModel]:
    """A model whose aliases are the names of *fields*: an input may be called as a method of pydantic's."""
    definitions: dict[str, Any] = {}
    for number, (name, field) in enumerate(fields.items()):
        kind = _type(field, any_option=field.allow_create or name in any_option)
        if field.nullable or not field.required:  # a form sends null for a field that was left empty
            kind = kind | None
        if field.default is not None and not field.nullable:
            kind = Annotated[kind, AfterValidator(partial(_or_default, field.default))]
        default: Any = ... if field.required else field.default
        definitions[f"input_{number}"] = (kind, Field(default, alias=name))
    config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
    return create_model("Inputs", __config__=config, **definitions)


def _or_default(default: object, value: object) -> object:
    return deepcopy(default) if value is None else value


def _plain(fields: Mapping[str, Input], checked: BaseModel) -> dict[str, Any]:
    """The values of a model by the names of its *fields*."""
    return dict(zip(fields, (value for _, value in checked), strict=True))


def _type(field: Input, *, any_option: bool) -> Any:
    kind: Any = _option(field, any_option=any_option) if field.type == "select" else _scalar(field)
    if not field.multiple:
        return kind
    return Annotated[list[kind], Field(min_length=1 if field.required else 0), BeforeValidator(_listed)]


def _option(field: Input, *, any_option: bool) -> Any:
    return StrictStr if any_option else Annotated[StrictStr, AfterValidator(_one_of(field.enum or []))]


def _scalar(field: Input) -> Any:
    match field.type:
        case "number":
            number = StrictInt if is_whole_number(field) else StrictInt | StrictFloat
            limits = Field(ge=_or(field.min, -MAX_NUMBER), le=_or(field.max, MAX_NUMBER))
            return Annotated[number, BeforeValidator(_no_bool), limits, AfterValidator(_in_steps(field))]
        case "switch":
            return StrictBool
        case "password":
            return Annotated[Any, AfterValidator(_secret)]
        case "date":
            return Annotated[StrictStr, AfterValidator(_checked_by(_date))]
        case "datetime":
            return Annotated[StrictStr, AfterValidator(_checked_by(dt.datetime.fromisoformat))]
        case "daterange":
            day = Annotated[StrictStr, AfterValidator(_checked_by(_date))]
            return Annotated[list[day], Field(min_length=2, max_length=2), AfterValidator(_in_order)]
        case "nested_object":
            children = field.children or {}
            return Annotated[_model(children, ()), AfterValidator(partial(_plain, children))]
        case "json":
            return Annotated[Any, AfterValidator(_json)]
        case _:
            kind: Any = Annotated[StrictStr, Field(min_length=field.min_length, max_length=field.max_length)]
            if field.type == "email":
                kind = Annotated[kind, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
            return Annotated[kind, Field(pattern=pattern.expression(field.pattern))] if field.pattern else kind


Path = tuple[str, ...]


def definition_errors(path: Path, fields: Mapping[str, Input]) -> list[tuple[Path, str]]:
    """What no model can be built of, or is against itself: patterns that are none, and defaults that are refused."""
    patterns = [(at, text) for at, field in _all(path, fields) if (text := field.pattern) is not None]
    if sum(pattern.weight(text) for _, text in patterns) > pattern.MAX_WEIGHT:
        return [((*patterns[-1][0], "pattern"), "the patterns of this action repeat their parts too often")]
    wrong = [((*at, "pattern"), why) for at, text in patterns if (why := pattern.wrong(text))]
    return wrong or [
        ((*at, "default"), f"the default {why}")
        for at, field in _all(path, fields)
        if field.default is not None and (why := _refused(at[-1], field))
    ]


def _all(path: Path, fields: Mapping[str, Input]) -> Iterator[tuple[Path, Input]]:
    """All inputs, those in objects included, and where each stands."""
    for name, field in fields.items():
        yield (*path, name), field
        yield from _all((*path, name, "children"), field.children or {})


def _refused(name: str, field: Input) -> str | None:
    """Why the default of an input is not allowed; None where it is."""
    try:
        InputValidator({name: field}).check({name: field.default})
    except InvalidError as error:
        return error.problem.message
    return None


def _one_of(options: list[str]) -> Any:
    known = frozenset(options)

    def check(value: str) -> str:
        if value not in known:
            raise PydanticCustomError(
                "unknown_option",
                "{what}",
                {"what": f"{describe_value(value)} is no option{did_you_mean(value, options)}"},
            )
        return value

    return check


MAX_NUMBER = 10**18
"""No number is larger, so that none costs much to write out."""


def _or(limit: float | None, otherwise: int) -> float:
    return otherwise if limit is None else limit


def _in_steps(field: Input) -> Callable[[float], float]:
    def check(value: float) -> float:
        steps = (value - (field.min or 0)) / field.step if field.step else 0
        if abs(steps - round(steps)) > 1e-9:
            raise PydanticCustomError("step", "not in steps")
        return value

    return check


def _date(text: str) -> None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("no date")
    dt.date.fromisoformat(text)


def _listed(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("list", "a list, and nothing that only can be made one")
    return value


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("bool", "true and false are no numbers")
    return value


def _checked_by(parse: Any) -> Any:
    def check(value: str) -> str:
        parse(value)
        return value

    return check


def _in_order(days: list[str]) -> list[str]:
    if days[0] > days[1]:
        raise PydanticCustomError("order", "the first date is after the second")
    return days


_DEPTH = 24
"""Levels that a JSON value may have."""


def _json(value: object) -> object:
    """A JSON value; texts, which are most of its cost, are not looked into."""
    if not _is_json(value, _DEPTH):
        raise PydanticCustomError("json", "no JSON value")
    return value


def _is_json(value: object, depth: int) -> bool:
    match value:
        case None | bool() | str():
            return True
        case int():
            return abs(value) <= MAX_NUMBER
        case float():
            return math.isfinite(value)
        case list():
            return depth > 0 and all(_is_json(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all(isinstance(key, str) and _is_json(item, depth - 1) for key, item in value.items())
        case _:
            return False


_SECRET_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,8190}[\x21-\x7e])?")
"""What is sent as a secret input: a word such as Bearer may stand before a token, and a password may have spaces."""


def _secret(value: object) -> Secret:
    if not isinstance(value, Secret) or not _SECRET_VALUE.fullmatch(value.reveal()):
        raise PydanticCustomError("secret", "no usable secret")
    return value
