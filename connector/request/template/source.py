"""The source of a template: read, checked against the names it may use, and each mistake where it stands.

Pure.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jinja2 import TemplateSyntaxError, nodes

from locoia_pat.messages import did_you_mean, join_names
from locoia_pat.request.template.dialect import EXPRESSIONS, FILTERS, Environment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from locoia_pat.outcomes import FindingCode

MAX_SOURCE = 2 * 1024
"""Characters that one text with templates may have."""
_MAX_DEPTH = 24

Path = tuple[str | int, ...]
Spot = Literal["alone", "among text", "inside"]

jinja = Environment()


class TemplateError(Exception):
    """A template is wrong: *message* at *path* of the structure it stands in, *offset* characters into the text."""

    def __init__(self, code: FindingCode, message: str, path: Path = (), offset: int = 0) -> None:
        super().__init__(message)
        self.code: FindingCode = code
        self.message = message
        self.path = path
        self.offset = offset
        self.all: tuple[TemplateError, ...] = (self,)
        """This one, and what else is wrong in the same structure."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name, and where a template uses it."""

    name: str
    path: Path
    offset: int
    spot: Spot
    """``alone`` keeps its type, ``among text`` becomes text, ``inside`` is part of a larger expression."""


def parse(source: str, names: Collection[str], path: Path) -> tuple[list[nodes.Expr], list[Use]]:
    """Return the constant strings and expressions of *source*, in order, and the names that they use.

    Raises:
        TemplateError: the first mistake in it.

    """
    if len(source) > MAX_SOURCE:
        raise TemplateError("yaml-limit", f"a text with templates has at most {MAX_SOURCE} characters", path)
    if found := re.search(r"\{#|\r", source):
        what = "a template has no {# comments #} and no carriage returns"
        raise TemplateError("template-language", what, path, found.start())
    if found := re.search(r"\[ {0,9}\*", source):
        what = "[*] is JSONPath, which templates here do not read"
        raise TemplateError("template-language", what, path, found.start())
    try:
        parts = list(_expressions(source, path))
        for part in parts:
            _check(part, frozenset(names), path, source)
    except TemplateSyntaxError as error:
        raise TemplateError("template-syntax", f"this is no template: {error.message}", path, error.lineno) from None
    except RecursionError:
        raise TemplateError("yaml-limit", "this template is nested too deeply", path) from None
    uses: list[Use] = []
    for part in parts:
        if isinstance(part, nodes.Name):
            uses.append(Use(part.name, path, part.lineno, "alone" if len(parts) == 1 else "among text"))
        else:
            uses += [Use(name.name, path, name.lineno, "inside") for name in part.find_all(nodes.Name)]
    return parts, uses


def _expressions(source: str, path: Path) -> Iterator[nodes.Expr]:
    for output in jinja.parse(source).body:
        if not isinstance(output, nodes.Output):
            message = "only {{ expressions }} are part of the spec language, no {% statements %}"
            raise TemplateError("template-language", message, path, output.lineno)
        yield from output.nodes


# Nodes begin where their first value does; these are at fault by a sign that stands behind it.
_SIGNS: dict[type[nodes.Node], str] = {nodes.Pow: "**", nodes.Test: "is ", nodes.Tuple: ",", nodes.Slice: ":"}


def _check(node: nodes.Node, names: frozenset[str], path: Path, source: str, depth: int = 0) -> None:
    at = node.lineno
    if depth > _MAX_DEPTH:
        raise TemplateError("yaml-limit", "this template is nested too deeply", path, at)
    match node:
        case nodes.TemplateData():
            return
        case nodes.Name() if node.name not in names:
            known = f"known here: {join_names(names)}"
            message = f'there is no "{node.name}"{did_you_mean(node.name, names)} ({known})'
            raise TemplateError("unknown-name", message, path, at)
        case nodes.Filter() if node.name not in FILTERS:
            known = f"known: {join_names(FILTERS)}"
            message = f'there is no filter "{node.name}"{did_you_mean(node.name, FILTERS)} ({known})'
            raise TemplateError("unknown-filter", message, path, at)
        case nodes.Filter() if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise TemplateError("template-language", "* and ** are not part of the template language", path, at)
        case nodes.Const(value=float(value)) if not math.isfinite(value):
            raise TemplateError("template-language", "a number in a template is finite", path, at)
        case _ if not isinstance(node, EXPRESSIONS):
            sign = source.find(_SIGNS[type(node)], at) if type(node) in _SIGNS else at
            if isinstance(node, nodes.Keyword):  # it begins where its value does
                at = sign = source.rfind(node.key, 0, at)
            message = f"{type(node).__name__} is not part of the template language{_instead(node)}"
            raise TemplateError("template-language", message, path, max(sign, at))
    for child in node.iter_child_nodes():
        _check(child, names, path, source, depth + 1)


def _instead(node: nodes.Node) -> str:
    match node:
        case nodes.Call():
            return "; there are no calls, only filters such as |lower"
        case nodes.Test():
            return "; compare with ==, or give a missing item a value by |default(…)"
        case nodes.Keyword():
            return "; give a filter its values in order, without names"
        case _:
            return ""
