"""Compile templates; the only use of Jinja.

Pure.  A lone ``{{ expression }}`` keeps the type of its value, and anything else is a string; strings are never parsed
back, so ``"007"`` and ``"null"`` stay strings.  A whole YAML structure becomes one compiled Jinja expression: a request
body costs one evaluation, and an input can never add a key to it, because keys are not templates.

Only expressions are supported: names, constants, item access, arithmetic, comparisons, conditions and a few filters.
There are no calls and no attributes of Python objects, and every result is bounded, so a spec of unknown origin can
only compute a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Undefined, UndefinedError, nodes
from jinja2.runtime import Context

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.request.template import dialect
from locoia_pat.request.template.source import Path, TemplateError, Use, jinja, parse
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["Template", "TemplateError", "Use", "path", "structure", "text"]

MAX_EXPRESSIONS = 100
"""The most templates in one structure."""
MAX_ERRORS = 25
"""The most invalid templates of one structure that are reported."""
MAX_NODES = 1_000
"""The most names, values and operations in the templates of one structure."""
_MAX_QUOTED = 100
"""The most characters of a template that an error quotes."""


class Template:
    """A compiled template."""

    __slots__ = ("_render", "uses")

    def __init__(self, render: Callable[[Mapping[str, Any]], Any], uses: Iterable[Use]) -> None:
        self._render = render
        self.uses = tuple(uses)
        """The names that it uses, with positions."""

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Return its value for *values*, which have every name that it was compiled for.

        Raises:
            InvalidError: a value cannot be used where the template puts it; the error names the input.

        """
        return self._render(values)


def structure(value: Any, names: Collection[str]) -> Template:
    """Compile a whole YAML *value*, whose templates can use *names*.

    Raises:
        TemplateError: for the first invalid template in it; its ``all`` has the others.

    """
    builder = _Builder(names, " text")
    return builder.compiled(builder.node(value, ()))


def text(source: str, names: Collection[str]) -> Template:
    """Compile a template that always evaluates to a string."""
    return _text(source, names, " text")


def path(source: str, names: Collection[str]) -> Template:
    """Compile the template of a URL path: each value is percent-encoded into its own segment."""
    return _text(source, names, " segment")


def _text(source: str, names: Collection[str], wrap: str) -> Template:
    builder = _Builder(names, wrap)
    parts = builder.parts(source, ())
    constants = [part.data for part in parts if isinstance(part, nodes.TemplateData)]
    if parts and len(constants) == len(parts):
        constant = "".join(constants)
        return Template(lambda _: constant, ())
    return builder.compiled(builder.concat(source, parts))


def _segment(value: Any, template: str, field: str | None) -> str:
    """Percent-encode *value* as one segment of a path."""
    if isinstance(value, Secret):
        raise invalid(f"a secret cannot be used in the path {template}", field=field)
    part = dialect.text(value, template, field)
    if part in {"", ".", ".."}:
        raise invalid(f"{describe_value(part)} cannot be a segment of the path {template}", field=field)
    return quote(part, safe="")


def _defined(value: Any, template: str, field: str | None) -> Any:
    if isinstance(value, Undefined):
        raise invalid(f"{template} has no value", field=field)
    return value


# A name with a space cannot occur in a template, so only the compiler can use these filters.
jinja.filters.update({" text": dialect.text, " segment": _segment, " defined": _defined, " joined": dialect.joined})


class _Builder:
    """Builds one expression of a structure, and collects the names it uses."""

    def __init__(self, names: Collection[str], wrap: str) -> None:
        self._names = names
        self._wrap = wrap
        self._uses: list[Use] = []
        self._errors: list[TemplateError] = []
        self._expressions = 0
        self._nodes = 0

    def node(self, value: Any, at: Path) -> nodes.Expr:
        match value:
            case str() if "{" in value:
                parts = self.parts(value, at)
                if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
                    lone = parts[0]
                    return lone if isinstance(lone, nodes.Name) else _filter(lone, " defined", value)
                return self.concat(value, parts)
            case list():
                return nodes.List([self.node(item, (*at, index)) for index, item in enumerate(value)])
            case dict():
                pairs = [nodes.Pair(nodes.Const(key), self.node(item, (*at, key))) for key, item in value.items()]
                return nodes.Dict(pairs)
            case _:
                return nodes.Const(value)

    def parts(self, source: str, at: Path) -> list[nodes.Expr]:
        if len(self._errors) + self._expressions >= MAX_EXPRESSIONS:
            raise TemplateError("yaml-limit", f"there are at most {MAX_EXPRESSIONS} templates in one structure", at)
        if len(self._errors) >= MAX_ERRORS:
            return []
        try:
            parts, uses = parse(source, self._names, at)
        except TemplateError as error:
            self._errors.append(error)
            return []
        self._expressions += sum(not isinstance(part, nodes.TemplateData) for part in parts)
        self._nodes += sum(1 for part in parts for _ in part.find_all(nodes.Node))
        if self._nodes > MAX_NODES:
            raise TemplateError("yaml-limit", f"templates have at most {MAX_NODES} names, values and operations", at)
        self._uses += uses
        for part in parts:
            for node in (part, *part.find_all(nodes.Concat)):
                if isinstance(node, nodes.Concat):  # "~" follows the same rules as "{{ a }}{{ b }}"
                    node.nodes = [_joined([_filter(inner, " text", source) for inner in node.nodes])]
        return parts

    def concat(self, source: str, parts: list[nodes.Expr]) -> nodes.Expr:
        return _joined(
            [
                nodes.Const(part.data) if isinstance(part, nodes.TemplateData) else _filter(part, self._wrap, source)
                for part in parts
            ]
        )

    def compiled(self, expression: nodes.Expr) -> Template:
        if self._errors:
            first = self._errors[0]
            first.all = tuple(self._errors)
            raise first
        try:
            return Template(_compile(expression), self._uses)
        except (RecursionError, SyntaxError, MemoryError):
            raise TemplateError("yaml-limit", "this structure is nested too deeply") from None


def _compile(expression: nodes.Expr) -> Callable[[Mapping[str, Any]], Any]:
    assign = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    root = jinja.from_string(nodes.Template([assign], lineno=1)).root_render_func

    def render(values: Mapping[str, Any]) -> Any:
        problem: Problem | None = None
        context = Context(jinja, dict(values), None, {})
        try:
            next(root(context), None)  # an assignment yields nothing, so it runs to its end
            return context.vars["result"]
        except InvalidError as error:
            problem = error.problem
        except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, UndefinedError) as error:
            problem = Problem("validation", f"a template cannot be evaluated: {type(error).__name__}")
        # Outside the handler, so that the error does not reference the frames of the template, which have values.
        raise InvalidError(problem)

    return render


def _joined(parts: list[nodes.Expr]) -> nodes.Expr:
    return nodes.Filter(nodes.List(parts), " joined", [], [], None, None)


def _filter(node: nodes.Expr, name: str, source: str) -> nodes.Filter:
    fields = [part.name for part in (node, *node.find_all(nodes.Name)) if isinstance(part, nodes.Name)]
    quoted = source if len(source) <= _MAX_QUOTED else source[:_MAX_QUOTED] + "…"
    arguments: list[nodes.Expr] = [nodes.Const(quoted), nodes.Const(fields[0] if fields else None)]
    return nodes.Filter(node, name, arguments, [], None, None)
