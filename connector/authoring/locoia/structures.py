"""Locoia's text of JSON with Jinja in it as the structure that a spec has: what ``bodies`` writes, and what people do.

Pure.  What is no JSON once its expressions are taken out, or is computed by statements, is :class:`Unreadable`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia.bodies import BEGIN, COMMA, END, NEXT, SEGMENT
from locoia_pat.request.template import pieces
from locoia_pat.request.template.compiler import TemplateError
from locoia_pat.spec.yaml import MAX_CHARACTERS, MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TEXTS = frozenset(["text", "email", "password", "date", "datetime", "select"])
"""Types of inputs whose values are texts, so that quotes around them change nothing."""
_IF = re.compile(r'\{% if [^%\n]*? (?:is not none|not in \[none, ""\]) %\}')
_LAST_COMMA = re.compile(r",\s*\}\s*$")
_OPENS = re.compile(r"\{[{%#]")
# What the exporter writes for a field that may be left empty, and for one that is true or false.
_EMPTY = re.compile(r'\(?(?P<name>\w+) \| default\(.*\) if (?P=name) != "" else none\)?', re.DOTALL)
_SWITCH = re.compile(r'\("true" if (\w+) else "false"\)')
_JSON = re.compile(r"(\w+) \| default\(.*, true\)", re.DOTALL)


class Unreadable(Exception):  # noqa: N818  # it is told as something to do, not as an error
    """A text is nothing that a spec can say; the message says why."""


def structure(given: Any, fields: Mapping[str, Any]) -> tuple[Any, bool]:
    """What *given* says: a text of JSON, or the JSON itself; and whether keys that are null are left out.

    Raises:
        Unreadable: a spec cannot say it.

    """
    if not isinstance(given, str):
        return _walked(given, lambda text: _read(text, lambda: _said(text, fields))), False
    text = given.strip()
    sparse = text.startswith(BEGIN)
    if sparse:
        text = "{" + _IF.sub("", text.removeprefix(BEGIN).replace(NEXT, ",").replace(COMMA, "").replace(END, ""))
        text = _LAST_COMMA.sub("}", text)
    return _read(text, lambda: _Reading(text, fields).value()), sparse


def path(endpoint: str) -> tuple[str, dict[str, Any]]:
    """The path of an *endpoint*, and the query in it.

    Raises:
        Unreadable: a spec cannot say it.

    """
    held: list[str] = []
    text = _read(endpoint, lambda: _held(endpoint, held, _segment))
    before, _, after = text.partition("?")
    pairs = [part.partition("=") for part in after.split("&") if part]
    query = {name: _put_back(value, held) for name, _, value in pairs}
    return _put_back(before, held), query


def plain(expression: str) -> str:
    """*Expression* without what the exporter puts around a name."""
    for form, group in ((_EMPTY, "name"), (_SWITCH, 1), (_JSON, 1)):
        if found := form.fullmatch(expression):
            return str(found[group])
    return pieces.unwrapped(expression)


def _read(source: str, work: Callable[[], Any]) -> Any:
    if len(source) > MAX_CHARACTERS:
        raise Unreadable(f"it has more than {MAX_CHARACTERS} characters")
    try:
        return work()
    except TemplateError as error:
        raise Unreadable(error.message) from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def _held(source: str, held: list[str], made: Callable[[str], str]) -> str:
    """*Source* with its expressions, as *made* gives them, in *held*, and their numbers where they stood."""
    parts: list[str] = []
    for piece in pieces.pieces(source):
        if piece.kind == "statement":
            raise Unreadable(f"it has {{% {piece.source} %}}, and specs have no statements")
        if piece.kind == "expression":
            parts.append(f"\0{len(held)}\0")
            held.append(made(piece.source))
        elif piece.kind == "text":
            parts.append(piece.source.replace("\0", ""))
    return "".join(parts)


def _put_back(text: str, held: list[str]) -> str:
    return re.sub(r"\0(\d+)\0", lambda found: held[int(found[1])], text)


def _segment(expression: str) -> str:
    """An expression of an address; a path quotes its values by itself."""
    return f"{{{{ {plain(expression.removesuffix(SEGMENT))} }}}}"


class _Reading:
    """One text of JSON, with marks where its expressions stood."""

    def __init__(self, source: str, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._mark = "@" * (1 + max(map(len, re.findall("@+", source)), default=0))
        self._held: list[str] = []
        self._text = "".join(self._parts(source))

    def value(self) -> Any:
        try:
            return _walked(json.loads(self._text, object_pairs_hook=_once, parse_constant=_no_number), self._leaf)
        except json.JSONDecodeError as error:
            raise Unreadable(f"it is no JSON once its expressions are taken out: {error.msg}") from None

    def _parts(self, source: str) -> list[str]:
        parts: list[str] = []
        quoted = False
        for piece in pieces.pieces(source):
            match piece.kind:
                case "text":
                    parts.append(piece.source)
                    signs = [sign for sign in re.findall(r'\\.|"', piece.source, re.DOTALL) if sign == '"']
                    quoted ^= len(signs) % 2 == 1
                case "expression":
                    mark = f"{self._mark}{'q' if quoted else 'v'}{len(self._held)}{self._mark}"
                    parts.append(mark if quoted else f'"{mark}"')
                    self._held.append(piece.source)
                case "statement":
                    raise Unreadable(f"it has {{% {piece.source} %}}, and specs have no statements")
                case _:
                    pass
        return parts

    def _leaf(self, text: str) -> str:
        """A text of the JSON, with its marks taken back."""
        parts = re.split(f"{self._mark}([qv][0-9]+){self._mark}", text)
        if len(parts) == 1:
            return _constant(text)
        if len(parts) == 3 and not parts[0] + parts[2]:
            expression = self._held[int(parts[1][1:])]
            return _lone(expression) if parts[1][0] == "v" else _alone_in_quotes(expression, self._fields)
        found = [self._held[int(part[1:])] if at % 2 else part for at, part in enumerate(parts)]
        return "".join(_among(part) if at % 2 else _constant(part, last=False) for at, part in enumerate(found))


def _said(text: str, fields: Mapping[str, Any]) -> str:
    """A text with templates that stands in JSON, as a spec has it."""
    if "{" not in text:
        return text
    found = [piece for piece in pieces.pieces(text) if piece.kind != "comment"]
    for piece in found:
        if piece.kind == "statement":
            raise Unreadable(f"it has {{% {piece.source} %}}, and specs have no statements")
    if len(found) == 1 and found[0].kind == "expression":
        return _alone_in_quotes(found[0].source, fields)
    return "".join(
        _constant(piece.source, last=piece is found[-1]) if piece.kind == "text" else _among(piece.source)
        for piece in found
    )


def _lone(expression: str) -> str:
    """An expression that is a value of its own: ``jsonify`` is what our structures do by themselves."""
    *inner, last = pieces.split(expression, "|")
    if last.replace(" ", "") not in ("jsonify", "tojson") or not inner:
        return f"{{{{ {plain(expression)} }}}}"
    bare = plain(" | ".join(inner))
    parts = pieces.split(bare, "~")
    if len(parts) > 1 and all(_is_part(part) for part in parts):
        texts = [pieces.constant(part) for part in parts]
        return "".join(
            _among(part) if text is None else _constant(text, last=False)
            for part, text in zip(parts, texts, strict=True)
        )
    return f"{{{{ {bare} }}}}"


def _is_part(expression: str) -> bool:
    """Whether *expression* stands between two ``~`` as the exporter writes it."""
    wrapped = pieces.unwrapped(expression) != expression
    return wrapped or pieces.is_name(expression) or pieces.constant(expression) is not None


def _among(expression: str) -> str:
    return f"{{{{ {plain(expression)} }}}}"


def _alone_in_quotes(expression: str, fields: Mapping[str, Any]) -> str:
    """An expression with quotes around it is a text, whatever its value is."""
    field = fields.get(expression, {})
    if not field or (field.get("type") in _TEXTS and not field.get("multiple")):
        return _among(expression)
    return f'{{{{ {expression} ~ "" }}}}'


def _constant(text: str, *, last: bool = True) -> str:
    """*Text* as a spec says it: what would begin a template there stands in one, as a constant."""
    if _OPENS.search(text) or (text.endswith("{") and not last):
        return f"{{{{ {pieces.quoted(text)} }}}}"
    return text


def _walked(value: Any, leaf: Callable[[str], str], depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise Unreadable("it is nested too deeply")
    match value:
        case str():
            return leaf(value)
        case list():
            return [_walked(inner, leaf, depth + 1) for inner in value]
        case dict():
            return {key: _walked(inner, leaf, depth + 1) for key, inner in value.items()}
        case _:
            return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("an object of it has a key twice")
    return found


def _no_number(word: str) -> Any:
    raise Unreadable(f"{word} is no JSON")
