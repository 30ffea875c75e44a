"""A template's text taken apart without being run: for those who translate it into another dialect, or from one.

Pure.  Any Jinja is read here, also what the spec language refuses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jinja2 import TemplateSyntaxError

from locoia_pat.request.template.source import TemplateError, jinja

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_KINDS = {"variable_begin": "expression", "block_begin": "statement", "comment_begin": "comment"}
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a template: plain text, or what stands between its braces."""

    kind: Literal["text", "expression", "statement", "comment"]
    source: str


def pieces(source: str) -> Iterator[Piece]:
    """The parts of the template *source*, in order.

    Raises:
        TemplateError: it is no template.

    """
    kind: str | None = None
    inside: list[str] = []
    for token, value in _tokens(source):
        if kind is None and token in _KINDS:
            kind = _KINDS[token]
        elif kind is None and token == "data":  # noqa: S105  # Jinja's word for text
            yield Piece("text", value)
        elif kind is not None and token.endswith("_end"):
            yield Piece(kind, "".join(inside).strip())  # type: ignore[arg-type]  # one of the kinds above
            kind, inside = None, []
        elif kind is not None:
            inside.append(value)
    if kind is not None:
        raise TemplateError("template-syntax", "this is no template: its braces are not closed", (), len(source))


def renamed(expression: str, names: Collection[str], prefix: str) -> str:
    """*Expression* with *prefix* before each name that is one of *names*; items and filters keep theirs."""
    made: list[str] = []
    before = ""
    for token, value in _inside(expression):
        free = token == "name" and value in names and before not in (".", "|")  # noqa: S105  # Jinja's word
        made.append(prefix + value if free else value)
        before = before if token == "whitespace" else value  # noqa: S105  # as above
    return "".join(made)


def is_name(expression: str) -> bool:
    """Whether *expression* is a name and nothing more."""
    return [token for token, _ in _inside(expression)] == ["name"]


def unwrapped(expression: str) -> str:
    """*Expression* without the parentheses around the whole of it."""
    depth = 0
    found = list(_inside(expression))
    for at, (_, value) in enumerate(found):
        depth += (value in _OPEN) - (value in _CLOSE)
        if depth == 0:
            whole = at == len(found) - 1 and found[0][1] == "("
            return "".join(value for _, value in found[1:-1]).strip() if whole else expression
    return expression


def split(expression: str, sign: str) -> list[str]:
    """The parts of *expression* between the operators *sign* that stand in no parentheses."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token, value in _inside(expression):
        depth += (value in _OPEN) - (value in _CLOSE)
        if token == "operator" and value == sign and depth == 0:  # noqa: S105  # Jinja's word
            parts.append([])
        else:
            parts[-1].append(value)
    return ["".join(part).strip() for part in parts]


def quoted(text: str) -> str:
    """*Text* as a constant of an expression."""
    return json.dumps(text, ensure_ascii=False)


def constant(expression: str) -> str | None:
    """The text that *expression* is; None where it is something else than one text."""
    found = list(_inside(expression))
    if len(found) != 1 or found[0][0] != "string":
        return None
    return found[0][1][1:-1].encode("ascii", "backslashreplace").decode("unicode-escape")


def _inside(expression: str) -> Iterable[tuple[str, str]]:
    """The tokens of *expression*, spaces included."""
    return [(token, value) for token, value in _tokens("{{" + expression + "}}")][1:-1]


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    try:
        for _, token, value in jinja.lex(source):
            yield token, value
    except TemplateSyntaxError as error:
        raise TemplateError("template-syntax", f"this is no template: {error.message}", (), error.lineno) from None
