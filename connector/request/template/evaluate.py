"""Evaluate compiled templates.

Pure.  A compiled template is data: constants, names, lists, objects and strings of them.  Only an expression that is
more than a name is still a source, which Jinja compiles when it is first evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from locoia_pat.http.percent_encoding import NO_SEGMENTS, encode
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Evaluate = Callable[[Mapping[str, Any]], Any]

Node = list[Any]
"""One of ``["constant", value]``, ``["name", name]``, ``["list", nodes]``, ``["object", [[key, node], …]]``,
``["string", wrap, template, [text or [name], …]]`` and ``["expression", source, names, wrap]``; JSON can express it."""
Wrap = Literal["text", "segment"]
"""How a value becomes part of a string: as it is, or percent-encoded into one segment of a path."""
Path = tuple[str | int, ...]
Position = Literal["alone", "in string", "in expression"]

MAX_TEXT = 256 * 1024
"""The most characters of a string that a template evaluates to."""


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a name in a template."""

    name: str
    path: Path
    offset: int
    position: Position
    """``alone`` keeps its type, ``in string`` becomes text, ``in expression`` is part of a larger expression."""
    is_padded: bool = False
    """Whether nothing but spaces and line breaks is around the expression, so that it becomes text by accident."""


class Template:
    """A compiled template."""

    __slots__ = ("_evaluate", "node", "uses")

    def __init__(self, node: Node, uses: Iterable[Use]) -> None:
        self.node = node
        """What it is, as data."""
        self.uses = tuple(uses)
        """The names that it uses, with positions."""
        self._evaluate = _evaluator(node)

    @classmethod
    def from_data(cls, node: Node, uses: Iterable[list[Any]]) -> Self:
        """Return the template that :meth:`to_data` described."""
        return cls(node, [Use(name, tuple(path), *rest) for name, path, *rest in uses])

    def to_data(self) -> tuple[Node, list[list[Any]]]:
        """Return what it is and the names that it uses, as JSON values."""
        return self.node, [[use.name, list(use.path), use.offset, use.position, use.is_padded] for use in self.uses]

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Return its value for *values*, which have every name that it was compiled for.

        Raises:
            InvalidError: a value cannot be used where the template puts it; the error names the input.

        """
        try:
            return self._evaluate(values)
        except InvalidError as error:
            problem = error.problem
        except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = Problem("validation", f"a template cannot be evaluated: {type(error).__name__}")
        # Outside the handler, so that the error does not reference the frames of the template, which have values.
        raise InvalidError(problem)


def _evaluator(node: Node) -> Evaluate:
    match node:
        case ["constant", value]:
            return lambda _: value
        case ["name", name]:
            return lambda values: values[name]
        case ["list", items]:
            evaluators = [_evaluator(item) for item in items]
            return lambda values: [evaluate(values) for evaluate in evaluators]
        case ["object", pairs]:
            named = [(key, _evaluator(item)) for key, item in pairs]
            return lambda values: {key: evaluate(values) for key, evaluate in named}
        case ["string", wrap, template, parts]:
            return _string(_WRAPPERS[wrap], template, parts)
        case ["expression", source, names, wrap]:
            return _expression(source, names, wrap)
        case _:
            raise ValueError("not a compiled template")


def _string(wrapper: Callable[[Any, str, str | None], str], template: str, parts: list[str | list[str]]) -> Evaluate:
    def evaluate(values: Mapping[str, Any]) -> str:
        return joined(
            [part if isinstance(part, str) else wrapper(values[part[0]], template, part[0]) for part in parts]
        )

    return evaluate


def _expression(source: str, names: list[str], wrap: Wrap | None) -> Evaluate:
    def evaluate(values: Mapping[str, Any]) -> Any:
        from locoia_pat.request.template.expression import compile_expression  # noqa: PLC0415  # Jinja, if needed

        return compile_expression(source, names, wrap)(values)

    return evaluate


def text(value: Any, template: str, field: str | None) -> str:
    """Return *value* as part of a string.

    Raises:
        InvalidError: it is null, a list or an object.

    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Secret():
            return value.reveal()
    raise invalid(f"{describe_value(value)} cannot be used within the string {template}", field=field)


def segment(value: Any, template: str, field: str | None) -> str:
    """Percent-encode *value* as one segment of a path.

    Raises:
        InvalidError: it is a secret, empty, ``.``, ``..``, or not a part of a string.

    """
    if isinstance(value, Secret):
        raise invalid(f"a secret cannot be used in the path {template}", field=field)
    part = text(value, template, field)
    if part in NO_SEGMENTS:
        raise invalid(f"{describe_value(part)} cannot be a segment of the path {template}", field=field)
    return encode(part)


def joined(parts: list[str]) -> str:
    """Return *parts* as one string.

    Raises:
        ValueError: it is too long.

    """
    if sum(map(len, parts)) > MAX_TEXT:
        raise ValueError("too long")
    return "".join(parts)


_WRAPPERS: Mapping[Wrap, Callable[[Any, str, str | None], str]] = {"text": text, "segment": segment}
