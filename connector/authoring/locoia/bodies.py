"""What a request carries, as Locoia's text of JSON with Jinja in it.

Pure.  A spec has a structure with templates in its texts; Locoia has one text, in which ``jsonify`` makes JSON of each
value.  Stock Jinja renders that text to the JSON that our own templates make; a test holds it for every value of the
table of coercions.  Only what the documentation names is used: ``jsonify``, ``default``, ``namespace`` and what every
Jinja has.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.locoia import forms
from locoia_pat.request.template import pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

SEGMENT = ' | urlencode | replace("/", "%2F")'
"""What quotes a value into its own segment of an address."""
BEGIN = '{% set sent = namespace(comma="") %}{'
COMMA = "{{ sent.comma }}"
NEXT = '{% set sent.comma = ", " %}'
END = "{% endif %}"
"""How keys that are null are left out: the documentation's own way to place commas."""
_INDENT = "  "
_OPENS = re.compile(r"\{(?=[{%#])")


class _Maybe(NamedTuple):
    """How to ask whether a value is there, and the name that it is then, where that is all."""

    test: str
    name: str = ""


class Writer:
    """Writes the templates of one action as Locoia's."""

    def __init__(self, fields: Mapping[str, Any], prefix: str = "") -> None:
        """Take the inputs of the action, and what stands before their names where they are used."""
        self._fields = fields
        self._prefix = prefix

    def json(self, value: Any, depth: int = 0) -> str:
        """*Value* as a text that renders to its JSON."""
        match value:
            case {}:
                lines = [f"{_key(key)}: {self.json(inner, depth + 1)}" for key, inner in value.items()]
                return _block("{}", lines, depth)
            case [_, *_] if any(isinstance(inner, dict | list) for inner in value):
                return _block("[]", [self.json(inner, depth + 1) for inner in value], depth)
            case list():
                return f"[{', '.join(self.json(inner) for inner in value)}]"
            case str() if "{" in value:
                return self._text(value)
            case _:
                return json.dumps(value, ensure_ascii=False)

    def sparse(self, value: Mapping[str, Any]) -> str:
        """*Value* as :meth:`json`, without its keys that are null."""
        if not any(self._maybe(inner) for inner in value.values()):
            return self.json({key: inner for key, inner in value.items() if inner is not None})
        lines = [BEGIN]
        for key, inner in value.items():
            if inner is None:
                continue
            maybe = self._maybe(inner)
            told = f"{{{{ {self._prefix}{maybe.name} | jsonify }}}}" if maybe and maybe.name else self.json(inner, 1)
            line = f"{COMMA}{_key(key)}: {told}{NEXT}"
            lines.append(f"{_INDENT}{{% if {maybe.test} %}}{line}{END}" if maybe else f"{_INDENT}{line}")
        return "\n".join([*lines, "}"])

    def address(self, path: str) -> str:
        """*Path*, each of its values quoted into its own segment."""
        return "".join(
            piece.source if piece.kind == "text" else f"{{{{ {self._said(piece.source)}{SEGMENT} }}}}"
            for piece in pieces.pieces(path)
        )

    def _maybe(self, value: Any) -> _Maybe | None:
        """What tells whether *value* is there, where it may be null; else None."""
        found = list(pieces.pieces(value)) if isinstance(value, str) and "{" in value else []
        if len(found) != 1 or found[0].kind != "expression":
            return None
        name = found[0].source
        field = self._fields.get(name)
        if field is None or field.get("default") is not None:
            return _Maybe(f"{self._value(name)} is not none")
        if not forms.is_empty(field):
            return None
        return _Maybe(f'{self._prefix}{name} | default("") not in [none, ""]', "" if field["type"] == "json" else name)

    def _text(self, source: str) -> str:
        found = list(pieces.pieces(source))
        if all(piece.kind == "text" for piece in found):
            return _OPENS.sub(r"\\u007b", json.dumps("".join(piece.source for piece in found), ensure_ascii=False))
        if len(found) > 1:
            return f"{{{{ ({' ~ '.join(self._among(piece) for piece in found)}) | jsonify }}}}"
        name = found[0].source
        if self._fields.get(name, {}).get("type") == "json":
            # A form has no field for JSON, so what is in this one is JSON already.
            empty = pieces.quoted(json.dumps(self._fields[name].get("default")))
            otherwise = f" | default({empty}, true)" if self._empty(name) else ""
            return f"{{{{ {self._prefix}{name}{otherwise} }}}}"
        return f"{{{{ {self._value(name)} | jsonify }}}}"

    def _among(self, piece: pieces.Piece) -> str:
        return pieces.quoted(piece.source) if piece.kind == "text" else self._said(piece.source)

    def _said(self, expression: str) -> str:
        """*Expression* as it stands among text, where true and false are words of JSON."""
        if self._fields.get(expression, {}).get("type") == "switch":
            return f'("true" if {self._prefix}{expression} else "false")'
        return self._expression(expression)

    def _value(self, expression: str) -> str:
        """*Expression* with its type; a field that was left empty, or never sent, is none."""
        if expression not in self._fields or not self._empty(expression):
            return self._expression(expression)
        reference = self._prefix + expression
        otherwise = _literal(self._fields[expression].get("default"))
        return f'({reference} | default({otherwise}) if {reference} != "" else none)'

    def _expression(self, expression: str) -> str:
        made = pieces.renamed(expression, self._fields, self._prefix) if self._prefix else expression
        return made if expression in self._fields else f"({made})"

    def _empty(self, name: str) -> bool:
        return forms.is_empty(self._fields[name])


def _key(key: str) -> str:
    return _OPENS.sub(r"\\u007b", json.dumps(key, ensure_ascii=False))


def _block(signs: str, lines: list[str], depth: int) -> str:
    if not lines:
        return signs
    inner = ",\n".join(f"{_INDENT * (depth + 1)}{line}" for line in lines)
    return f"{signs[0]}\n{inner}\n{_INDENT * depth}{signs[1]}"


def _literal(value: Any) -> str:
    """A JSON value as a constant of Jinja's."""
    match value:
        case None:
            return "none"
        case dict():
            return f"{{{', '.join(f'{_literal(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
