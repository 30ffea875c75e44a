"""Templates: the only Jinja in the house.  Compiled once, checked against the names they may use, typed.

Pure.  A lone ``{{ expression }}`` keeps the type of its value, anything else is text, and nothing is read back from
text, so ``"007"`` and ``"null"`` stay texts.  A whole YAML structure becomes one compiled Jinja expression: a request
body costs one evaluation, and an input can never add a key to it, for keys are no templates.

Expressions only: names, constants, item access, comparisons, conditions and the filters below.  No calls and no
attributes of Python objects, so a stranger's template computes nothing but its value.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from jinja2 import TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .errors import InvalidError, Problem, did_you_mean, invalid, shown
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Dict,
    nodes.Filter,
    nodes.Getattr,
    nodes.Getitem,
    nodes.List,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Pair,
)


class TemplateError(Exception):
    """A template is wrong: *message* at *path* of the structure it stands in."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Template(Protocol):
    """A compiled template."""

    def __call__(self, values: Mapping[str, Any], /) -> Any:
        """Its value for *values*, which hold every name it was compiled for.

        Raises:
            InvalidError: a value does not fit where the template puts it; the input is named.

        """
        ...


def _text(value: Any, template: str, field: str | None) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Secret():
            return value.reveal()
    raise invalid(f"{shown(value)} cannot stand inside the text {template}", field=field)


def _segment(value: Any, template: str, field: str | None) -> str:
    """*Value* quoted into one segment of a path."""
    if isinstance(value, Secret):
        raise invalid(f"a secret cannot stand in the path {template}", field=field)
    text = _text(value, template, field)
    if text in {"", ".", ".."}:
        raise invalid(f"{shown(text)} cannot be a part of the path {template}", field=field)
    return quote(text, safe="")


def _defined(value: Any, template: str, field: str | None) -> Any:
    if isinstance(value, Undefined):
        raise invalid(f"{template} has no value", field=field)
    return value


def _jsonify(value: Any) -> str:
    return json.dumps(value)


def _default(value: Any, otherwise: Any = "") -> Any:
    return otherwise if isinstance(value, Undefined) else value


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without what Python objects bring along: ``a.b`` is the item ``b`` of an object, and nothing else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(name=str(argument))


_jinja = _Environment(autoescape=False, keep_trailing_newline=True)
_jinja.globals.clear()
_jinja.filters.clear()
_jinja.tests.clear()
_jinja.filters.update({"default": _default, "jsonify": _jsonify, "lower": str.lower, "upper": str.upper})
_PUBLIC_FILTERS = frozenset(_jinja.filters)
_jinja.filters.update({" text": _text, " segment": _segment, " defined": _defined})  # no template can say a space


def structure(value: Any, names: Iterable[str]) -> Template:
    """A template for a whole YAML *value* that may use *names*.

    Raises:
        TemplateError: for the first template in it that is wrong.

    """
    return _compile(_node(value, frozenset(names), ()))


def text(source: str, names: Iterable[str]) -> Template:
    """A template that always gives text."""
    return _compile(_concat(source, _parts(source, frozenset(names), ()), " text"))


def path(source: str, names: Iterable[str]) -> Template:
    """A template for a URL path: each value is quoted into its own segment."""
    return _compile(_concat(source, _parts(source, frozenset(names), ()), " segment"))


def used(value: Any) -> frozenset[str]:
    """The names that the templates of a correct structure use."""
    match value:
        case str():
            return frozenset(name.name for name in _jinja.parse(value).find_all(nodes.Name))
        case list():
            return frozenset().union(*map(used, value))
        case dict():
            return frozenset().union(*map(used, value.values()))
        case _:
            return frozenset()


def _compile(expression: nodes.Expr) -> Template:
    assign = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    template = _jinja.from_string(nodes.Template([assign], lineno=1))
    root = template.root_render_func
    new_context = template.new_context

    def render(values: Mapping[str, Any]) -> Any:
        problem: Problem | None = None
        context = new_context(dict(values), shared=True)
        try:
            next(root(context), None)  # an assignment writes no text, so it runs to its end
            return context.vars["result"]
        except InvalidError as error:
            problem = error.problem
        except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, UndefinedError) as error:
            problem = Problem("validation", f"a template cannot be evaluated: {type(error).__name__}")
        # Outside the handler, so that the error does not hold the template's frames, which hold values.
        raise InvalidError(problem)

    return render


def _node(value: Any, names: frozenset[str], at: tuple[str | int, ...]) -> nodes.Expr:
    match value:
        case str():
            if "{" not in value:
                return nodes.Const(value)
            parts = _parts(value, names, at)
            if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
                lone = parts[0]
                return lone if isinstance(lone, nodes.Name) else _filter(lone, " defined", value)
            return _concat(value, parts, " text")
        case list():
            return nodes.List([_node(item, names, (*at, index)) for index, item in enumerate(value)])
        case dict():
            return nodes.Dict([nodes.Pair(nodes.Const(k), _node(item, names, (*at, k))) for k, item in value.items()])
        case _:
            return nodes.Const(value)


def _concat(source: str, parts: list[nodes.Expr], wrap: str) -> nodes.Expr:
    return nodes.Concat(
        [
            nodes.Const(part.data) if isinstance(part, nodes.TemplateData) else _filter(part, wrap, source)
            for part in parts
        ]
        or [nodes.Const("")]
    )


def _filter(node: nodes.Expr, name: str, source: str) -> nodes.Filter:
    fields = [part.name for part in (node, *node.find_all(nodes.Name)) if isinstance(part, nodes.Name)]
    arguments: list[nodes.Expr] = [nodes.Const(source), nodes.Const(fields[0] if fields else None)]
    return nodes.Filter(node, name, arguments, [], None, None)


def _parts(source: str, names: frozenset[str], at: tuple[str | int, ...]) -> list[nodes.Expr]:
    """The texts and expressions of *source*, checked and proven to compile."""
    if "{#" in source or "\r" in source:
        raise TemplateError(at, "a template has no {# comments #} and no carriage returns")
    if re.search(r"\[\s*\*\s*\]", source):
        raise TemplateError(at, "[*] is JSONPath, which templates here do not read")
    try:
        parts = _parsed(source, at)
        for part in parts:
            _check(part, names, at)
            for node in (part, *part.find_all(nodes.Concat)):
                if isinstance(node, nodes.Concat):  # "~" follows the rules of text, as "{{ a }}{{ b }}" does
                    node.nodes = [_filter(inner, " text", source) for inner in node.nodes]
            _compile(part)
    except TemplateSyntaxError as error:
        raise TemplateError(at, f"this is no template: {error.message}") from None
    except (RecursionError, SyntaxError, MemoryError):
        raise TemplateError(at, "this template is nested too deeply") from None
    return parts


def _parsed(source: str, at: tuple[str | int, ...]) -> list[nodes.Expr]:
    parts: list[nodes.Expr] = []
    for output in _jinja.parse(source).body:
        if not isinstance(output, nodes.Output):
            raise TemplateError(at, "only {{ expressions }} are part of the spec language, no {% statements %}")
        parts += output.nodes
    return parts


def _check(part: nodes.Expr, names: frozenset[str], at: tuple[str | int, ...]) -> None:
    if isinstance(part, nodes.TemplateData):
        return
    for node in (part, *part.find_all(nodes.Node)):
        if not isinstance(node, _EXPRESSIONS):
            raise TemplateError(at, f"{type(node).__name__} is not part of the template language")
        if isinstance(node, nodes.Name) and node.name not in names:
            allowed = f"known here: {', '.join(sorted(names)) or 'nothing'}"
            raise TemplateError(at, f'there is no "{node.name}"{did_you_mean(node.name, names)} ({allowed})')
        if isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
            raise TemplateError(at, "a number in a template is finite")
        if isinstance(node, nodes.Filter) and (node.dyn_args is not None or node.dyn_kwargs is not None):
            raise TemplateError(at, "* and ** are not part of the template language")
        if isinstance(node, nodes.Filter) and node.name not in _PUBLIC_FILTERS:
            allowed = f"known: {', '.join(sorted(_PUBLIC_FILTERS))}"
            raise TemplateError(
                at, f'there is no filter "{node.name}"{did_you_mean(node.name, _PUBLIC_FILTERS)} ({allowed})'
            )
