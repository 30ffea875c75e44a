"""Compile expressions that are more than a name; Jinja evaluates them.

Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined, UndefinedError, nodes
from jinja2.runtime import Context

from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.request.template import evaluate
from locoia_pat.request.template.source import jinja, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.request.template.evaluate import Wrap

_MAX_QUOTED = 100
"""The most characters of a template that an error quotes."""


def quoted(source: str) -> str:
    """Return *source* as an error quotes it."""
    return source if len(source) <= _MAX_QUOTED else source[:_MAX_QUOTED] + "…"


def _defined(value: Any, template: str, field: str | None) -> Any:
    if isinstance(value, Undefined):
        raise invalid(f"{template} has no value", field=field)
    return value


# A name with a space cannot occur in a template, so only the compiler can use these filters.
jinja.filters.update(
    {" text": evaluate.text, " segment": evaluate.segment, " defined": _defined, " joined": evaluate.joined}
)


def compile_expression(source: str, names: list[str], wrap: Wrap | None) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that evaluates the template *source*.

    Args:
        source: a template that was checked.
        names: the names that it uses.
        wrap: how its values become parts of a string; None for a lone expression, which keeps its type.

    """
    return _compile(source, tuple(names), wrap)


@lru_cache(maxsize=256)
def _compile(source: str, names: tuple[str, ...], wrap: Wrap | None) -> Callable[[Mapping[str, Any]], Any]:
    parts, _ = parse(source, names, ())
    for part in parts:
        for node in (part, *part.find_all(nodes.Concat)):
            if isinstance(node, nodes.Concat):  # "~" follows the same rules as "{{ a }}{{ b }}"
                node.nodes = [_joined([_filter(inner, " text", source) for inner in node.nodes])]
    expression = (
        _filter(parts[0], " defined", source)
        if wrap is None
        else _joined(
            [
                nodes.Const(part.data) if isinstance(part, nodes.TemplateData) else _filter(part, f" {wrap}", source)
                for part in parts
            ]
        )
    )
    assign = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    root = jinja.from_string(nodes.Template([assign], lineno=1)).root_render_func

    def render(values: Mapping[str, Any]) -> Any:
        context = Context(jinja, dict(values), None, {})
        try:
            next(root(context), None)  # an assignment yields nothing, so it runs to its end
            return context.vars["result"]
        except UndefinedError:
            pass
        # Outside the handler, so that the error does not reference the frames of the template, which have values.
        raise InvalidError(Problem("validation", "a template cannot be evaluated: UndefinedError"))

    return render


def _joined(parts: list[nodes.Expr]) -> nodes.Expr:
    return nodes.Filter(nodes.List(parts), " joined", [], [], None, None)


def _filter(node: nodes.Expr, name: str, source: str) -> nodes.Filter:
    fields = [part.name for part in (node, *node.find_all(nodes.Name)) if isinstance(part, nodes.Name)]
    arguments: list[nodes.Expr] = [nodes.Const(quoted(source)), nodes.Const(fields[0] if fields else None)]
    return nodes.Filter(node, name, arguments, [], None, None)
