"""The template language: Jinja without access to Python objects, and with bounded operations.

Pure.  Each operation takes time and memory in proportion to its values, and its result is bounded, so a template of
unknown origin can only compute a value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateSyntaxError, Undefined, nodes
from jinja2.lexer import Lexer
from jinja2.sandbox import ImmutableSandboxedEnvironment

from locoia_pat.request.template.evaluate import MAX_TEXT, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ITEMS = 10_000
"""The most items of a list that a template evaluates to."""
_MAX_NUMBER = 10**18

EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    nodes.Add,
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Dict,
    nodes.Div,
    nodes.Filter,
    nodes.FloorDiv,
    nodes.Getattr,
    nodes.Getitem,
    nodes.List,
    nodes.Mod,
    nodes.Mul,
    nodes.Name,
    nodes.Neg,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Pair,
    nodes.Sub,
)
"""The kinds of expression that are part of the language."""


def _small(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise ValueError("too long")
    return value


def _jsonify(value: Any) -> str:
    """Return *value* as JSON text: Locoia's filter for an object within a string."""
    parts: list[str] = []
    size = 0
    for part in json.JSONEncoder(allow_nan=False).iterencode(value):
        size += len(part)
        if size > MAX_TEXT:
            raise ValueError("too long")
        parts.append(part)
    return "".join(parts)


def _default(value: Any, default: Any = "") -> Any:
    return default if isinstance(value, Undefined) else value


def _lower(value: str) -> str:
    return _small(str.lower(value))


def _upper(value: str) -> str:
    return _small(str.upper(value))


def _trim(value: str) -> str:
    return str.strip(value)


def _length(value: str | list[Any] | dict[str, Any]) -> int:
    if not isinstance(value, str | list | dict):
        raise TypeError("has no length")
    return len(value)


def _first(value: list[Any]) -> Any:
    return value[0] if _list(value) else Undefined(name="first")


def _last(value: list[Any]) -> Any:
    return value[-1] if _list(value) else Undefined(name="last")


def _join(value: list[str], between: str = "") -> str:
    if sum(map(len, _list(value))) + len(value) * len(between) > MAX_TEXT:
        raise ValueError("too long")
    return str.join(between, value)


def _list(value: list[Any]) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


FILTERS = {
    "default": _default,
    "first": _first,
    "join": _join,
    "jsonify": _jsonify,
    "last": _last,
    "length": _length,
    "lower": _lower,
    "trim": _trim,
    "upper": _upper,
}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MAX_NUMBER:
        raise TypeError("not a number within bounds")
    return value


def _binary(operator: str, left: Any, right: Any) -> Any:
    match operator, left, right:
        case "+", str(), str():
            return joined([left, right])
        case "+", list(), list():
            if len(left) + len(right) > MAX_ITEMS:
                raise ValueError("too long")
            return left + right
    one, other = _number(left), _number(right)
    match operator:
        case "+":
            return _number(one + other)
        case "-":
            return _number(one - other)
        case "*":
            return _number(one * other)
        case "/":
            return _number(one / other)
        case "//":
            return _number(one // other)
        case _:
            return one % other


class _PositionLexer(Lexer):
    """Counts characters instead of lines, so that ``lineno`` of a node is its offset in the template."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        at = 0
        try:
            for _, kind, value in super().tokeniter(source, name, filename, state):
                at = max(at, source.find(value, at))  # what "-" strips is not in the tokens
                yield at, kind, value
                at += len(value)
        except TemplateSyntaxError as error:
            error.lineno = at
            raise


class Environment(ImmutableSandboxedEnvironment):
    """Jinja for expressions: ``a.b`` is the item ``b`` of an object, never an attribute."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%"])
    intercepted_unops = frozenset(["-"])

    def __init__(self) -> None:
        # Constants are not folded: that would evaluate operations without their limits.
        super().__init__(autoescape=False, keep_trailing_newline=True, optimized=False)
        self.globals.clear()
        self.filters.clear()
        self.tests.clear()
        self.filters.update(FILTERS)
        self._position_lexer = _PositionLexer(self)

    @property
    def lexer(self) -> Lexer:
        """The lexer; its line numbers are offsets."""
        return self._position_lexer

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return the item of that name; attributes cannot be reached."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return the item of a list, an object or a string, or undefined."""
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(name=argument if isinstance(argument, str) else "item")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002  # Jinja's signature
        """Return the result of an operation.

        Raises:
            TypeError: a value has the wrong type, or a number is out of bounds.
            ValueError: the result is too long.

        """
        return _binary(operator, left, right)

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:  # noqa: ARG002  # Jinja's signature
        """Return the negated number."""
        return -_number(arg)
