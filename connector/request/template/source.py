"""Parse the source of a template, check the names it uses, and locate each mistake.

Pure.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes

from locoia_pat.messages import did_you_mean, join_names
from locoia_pat.request.template.dialect import EXPRESSIONS, FILTERS, Environment
from locoia_pat.request.template.evaluate import Use

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from locoia_pat.outcomes import FindingCode
    from locoia_pat.request.template.evaluate import Path

MAX_SOURCE = 2 * 1024
"""The most characters of one string with templates."""
_MAX_DEPTH = 24

jinja = Environment()


class TemplateError(Exception):
    """A template is invalid: *message* at *path* of its structure, *offset* characters into the string."""

    def __init__(self, code: FindingCode, message: str, path: Path = (), offset: int = 0) -> None:
        super().__init__(message)
        self.code: FindingCode = code
        self.message = message
        self.path = path
        self.offset = offset
        self.all: tuple[TemplateError, ...] = (self,)
        """This error, and the others in the same structure."""


def parse(source: str, names: Collection[str], path: Path) -> tuple[list[nodes.Expr], list[Use]]:
    """Return the constant strings and expressions of *source*, in order, and the names that they use.

    Raises:
        TemplateError: the first mistake in it.

    """
    if len(source) > MAX_SOURCE:
        raise TemplateError("yaml-limit", f"a string with templates has at most {MAX_SOURCE} characters", path)
    if match := re.search(r"\{#|\r", source):
        what = "comments {# #} and carriage returns are not allowed in a template"
        raise TemplateError("template-language", what, path, match.start())
    if match := re.search(r"\[ {0,9}\*", source):
        what = "[*] is JSONPath, which templates do not support"
        raise TemplateError("template-language", what, path, match.start())
    try:
        parts = list(_expressions(source, path))
        for part in parts:
            _check(part, frozenset(names), path, source)
    except TemplateSyntaxError as error:
        reason = _explain(source, str(error.message))
        raise TemplateError("template-syntax", f"invalid template: {reason}", path, error.lineno) from None
    except RecursionError:
        raise TemplateError("yaml-limit", "this template is nested too deeply", path) from None
    constants = [part.data for part in parts if isinstance(part, nodes.TemplateData)]
    is_padded = len(constants) == len(parts) - 1 > 0 and not "".join(constants).strip()
    uses: list[Use] = []
    for part in parts:
        if isinstance(part, nodes.Name):
            uses.append(Use(part.name, path, part.lineno, "alone" if len(parts) == 1 else "in string", is_padded))
        else:
            names_in = part.find_all(nodes.Name)
            uses += [Use(name.name, path, name.lineno, "in expression", is_padded) for name in names_in]
    return parts, uses


def _explain(source: str, message: str) -> str:
    """Return what is wrong with *source*, where Jinja's *message* is about its own words."""
    if source.count("{{") > source.count("}}"):
        return "}} is missing: a template begins with {{ and ends with }}"
    return "only {{ expressions }} are allowed, not {% statements %}" if "{%" in source else message


def _expressions(source: str, path: Path) -> Iterator[nodes.Expr]:
    for output in jinja.parse(source).body:
        if not isinstance(output, nodes.Output):
            message = "only {{ expressions }} are allowed, not {% statements %}"
            raise TemplateError("template-language", message, path, output.lineno)
        yield from output.nodes


# A node begins where its first value does; the mistake in these is an operator after that value.
_OPERATORS: dict[type[nodes.Node], str] = {nodes.Pow: "**", nodes.Test: "is ", nodes.Tuple: ",", nodes.Slice: ":"}


def _check(node: nodes.Node, names: frozenset[str], path: Path, source: str, depth: int = 0) -> None:
    at = node.lineno
    if depth > _MAX_DEPTH:
        raise TemplateError("yaml-limit", "this template is nested too deeply", path, at)
    match node:
        case nodes.TemplateData():
            return
        case nodes.Name() if node.name not in names:
            known = f"known names: {join_names(names)}"
            message = f'unknown name "{node.name}"{did_you_mean(node.name, names)} ({known})'
            raise TemplateError("unknown-name", message, path, at)
        case nodes.Filter() if node.name not in FILTERS:
            known = f"known filters: {join_names(FILTERS)}"
            message = f'unknown filter "{node.name}"{did_you_mean(node.name, FILTERS)} ({known})'
            raise TemplateError("unknown-filter", message, path, at)
        case nodes.Filter() if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise TemplateError("template-language", "* and ** are not allowed in a template", path, at)
        case nodes.Const(value=float(value)) if not math.isfinite(value):
            raise TemplateError("template-language", "a number in a template must be finite", path, at)
        case _ if not isinstance(node, EXPRESSIONS):
            sign = source.find(_OPERATORS[type(node)], at) if type(node) in _OPERATORS else at
            if isinstance(node, nodes.Keyword):  # a keyword begins where its value does
                at = sign = source.rfind(node.key, 0, at)
            message = f"{type(node).__name__} is not allowed in a template{_instead(node)}"
            raise TemplateError("template-language", message, path, max(sign, at))
    for child in node.iter_child_nodes():
        _check(child, names, path, source, depth + 1)


def _instead(node: nodes.Node) -> str:
    match node:
        case nodes.Call():
            return "; use a filter such as |lower"
        case nodes.Test():
            return "; compare with ==, or use |default(…) for a missing item"
        case nodes.Keyword():
            return "; give the arguments of a filter in order, without names"
        case _:
            return ""
