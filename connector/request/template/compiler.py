"""Compile templates: Jinja parses them, and what is left is data.

Pure.  A lone ``{{ expression }}`` keeps the type of its value, and anything else is a string; strings are never parsed
back, so ``"007"`` and ``"null"`` stay strings.  An input can never add a key to a structure, because keys are not
templates.

Only expressions are supported: names, constants, item access, arithmetic, comparisons, conditions and a few filters.
There are no calls and no attributes of Python objects, and every result is bounded, so a spec of unknown origin can
only compute a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from locoia_pat.request.template.evaluate import Template, Use
from locoia_pat.request.template.expression import compile_expression, quoted
from locoia_pat.request.template.source import TemplateError, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from locoia_pat.request.template.evaluate import Node, Path, Wrap

__all__ = ["Template", "TemplateError", "Use", "path", "structure", "text"]

MAX_EXPRESSIONS = 100
"""The most templates in one structure."""
MAX_ERRORS = 25
"""The most invalid templates of one structure that are reported."""
MAX_NODES = 1_000
"""The most names, values and operations in the templates of one structure."""


def structure(value: Any, names: Collection[str]) -> Template:
    """Compile a whole YAML *value*, whose templates can use *names*.

    Raises:
        TemplateError: for the first invalid template in it; its ``all`` has the others.

    """
    builder = _Builder(names)
    try:
        return builder.compiled(builder.node(value, ()))
    except RecursionError:
        raise TemplateError("yaml-limit", "this structure is nested too deeply") from None


def text(source: str, names: Collection[str]) -> Template:
    """Compile a template that always evaluates to a string."""
    builder = _Builder(names)
    return builder.compiled(builder.string(source, builder.parts(source, ()), "text"))


def path(source: str, names: Collection[str]) -> Template:
    """Compile the template of a URL path: each value is percent-encoded into its own segment."""
    builder = _Builder(names)
    return builder.compiled(builder.string(source, builder.parts(source, ()), "segment"))


class _Builder:
    """Compiles the templates of one structure, and collects the names they use."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._uses: list[Use] = []
        self._errors: list[TemplateError] = []
        self._expressions = 0
        self._nodes = 0

    def node(self, value: Any, at: Path) -> Node:
        match value:
            case str() if "{" in value:
                parts = self.parts(value, at)
                if len(parts) != 1 or isinstance(parts[0], nodes.TemplateData):
                    return self.string(value, parts, "text")
                if isinstance(parts[0], nodes.Name):
                    return ["name", parts[0].name]
                return self._expression(value, parts, None)
            case list():
                return ["list", [self.node(item, (*at, index)) for index, item in enumerate(value)]]
            case dict():
                return ["object", [[key, self.node(item, (*at, key))] for key, item in value.items()]]
            case _:
                return ["constant", value]

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
        return parts

    def string(self, source: str, parts: list[nodes.Expr], wrap: Wrap) -> Node:
        """Return the string of *parts*, in which each value becomes text by *wrap*."""
        pieces: list[str | list[str]] = []
        for part in parts:
            match part:
                case nodes.TemplateData():
                    pieces.append(part.data)
                case nodes.Name():
                    pieces.append([part.name])
                case _:
                    return self._expression(source, parts, wrap)
        constants = [piece for piece in pieces if isinstance(piece, str)]
        if len(constants) == len(pieces):
            return ["constant", "".join(constants)]
        return ["string", wrap, quoted(source), pieces]

    def _expression(self, source: str, parts: list[nodes.Expr], wrap: Wrap | None) -> Node:
        names = sorted({node.name for part in parts for node in _names(part)})
        compile_expression(source, names, wrap)  # ready for the first run
        return ["expression", source, names, wrap]

    def compiled(self, node: Node) -> Template:
        if self._errors:
            first = self._errors[0]
            first.all = tuple(self._errors)
            raise first
        return Template(node, self._uses)


def _names(part: nodes.Expr) -> Iterator[nodes.Name]:
    return part.find_all(nodes.Name) if not isinstance(part, nodes.Name) else iter((part,))
