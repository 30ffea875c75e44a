"""Write the parts of a request as Locoia does: one text of JSON with Jinja in it.

A spec has a structure whose strings hold templates; Locoia has one text, in which ``jsonify`` makes JSON of each value.
Stock Jinja renders that text to the JSON that our own templates give; the tests check it for every value of the table
of coercions.  Only what Locoia documents is used: ``jsonify``, ``default``, ``namespace`` and Jinja's core.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.locoia.ui_form import may_be_empty, null_switch
from locoia_pat.request.template.source import jinja

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUOTE_SEGMENT = ' | urlencode | replace("/", "%2F")'
"""Filters that quote a value into one segment of a path."""
_BEGIN = '{% set sent = namespace(comma="") %}{'
_COMMA = "{{ sent.comma }}"
_NEXT = '{% set sent.comma = ", " %}'
_END = "{% endif %}"
"""How keys that are null are left out: the documentation's own way to place commas."""
_INDENT = "  "
_TEMPLATE_OPENS = re.compile(r"\{(?=[{%#])")


class _Piece(NamedTuple):
    """A part of a template: plain text, or an expression between its braces."""

    is_text: bool
    source: str


class _Condition(NamedTuple):
    """The test whether a value is given, and the input whose value it then is, if that is all."""

    test: str
    name: str = ""


class BodyWriter:
    """Translates the templates of one action into Locoia's."""

    def __init__(self, fields: Mapping[str, Any], prefix: str = "") -> None:
        """Take the inputs of the action.

        Args:
            fields: the inputs, as the spec declares them.
            prefix: the text before the name of each input in the templates.

        """
        self._fields = fields
        self._prefix = prefix

    def to_json(self, value: Any, depth: int = 0) -> str:
        """Return a template that renders to the JSON of *value*, indented by *depth* levels."""
        match value:
            case {}:
                lines = [f"{_key(key)}: {self.to_json(inner, depth + 1)}" for key, inner in value.items()]
                return _block("{}", lines, depth)
            case [_, *_] if any(isinstance(inner, dict | list) for inner in value):
                return _block("[]", [self.to_json(inner, depth + 1) for inner in value], depth)
            case list():
                return f"[{', '.join(self.to_json(inner) for inner in value)}]"
            case str() if "{" in value:
                return self._string(value)
            case _:
                return json.dumps(value, ensure_ascii=False)

    def to_sparse_json(self, value: Mapping[str, Any]) -> str:
        """Return a template as :meth:`to_json` does, which leaves out the keys of *value* that are null."""
        if not any(self._condition(inner) for inner in value.values()):
            return self.to_json({key: inner for key, inner in value.items() if inner is not None})
        lines = [_BEGIN]
        for key, inner in value.items():
            if inner is None:
                continue
            condition = self._condition(inner)
            if condition and condition.name:
                rendered = f"{{{{ {self._prefix}{condition.name} | jsonify }}}}"
            else:
                rendered = self.to_json(inner, 1)
            line = f"{_COMMA}{_key(key)}: {rendered}{_NEXT}"
            lines.append(f"{_INDENT}{{% if {condition.test} %}}{line}{_END}" if condition else f"{_INDENT}{line}")
        return "\n".join([*lines, "}"])

    def to_path(self, path: str) -> str:
        """Return a template of the *path* that quotes each value into one segment."""
        return "".join(
            piece.source if piece.is_text else f"{{{{ {self._embedded(piece.source)}{_QUOTE_SEGMENT} }}}}"
            for piece in _pieces(path)
        )

    def _condition(self, value: Any) -> _Condition | None:
        """Return the test whether *value* is given, or None if it is never null."""
        pieces = list(_pieces(value)) if isinstance(value, str) and "{" in value else []
        if len(pieces) != 1 or pieces[0].is_text:
            return None
        name = pieces[0].source
        field = self._fields.get(name)
        if field is not None and (switch := null_switch(name, self._fields)) is not None:
            return _Condition(f"not {self._is_on(switch)}")
        if field is None or field.get("default") is not None:
            return _Condition(f"{self._value(name)} is not none")
        if not may_be_empty(field):
            return None
        test = f'{self._prefix}{name} | default("") not in [none, ""]'
        return _Condition(test, "" if field["type"] == "json" else name)

    def _string(self, source: str) -> str:
        pieces = list(_pieces(source))
        if all(piece.is_text for piece in pieces):
            return _key("".join(piece.source for piece in pieces))
        if len(pieces) > 1:
            parts = (_quoted(piece.source) if piece.is_text else self._embedded(piece.source) for piece in pieces)
            return f"{{{{ ({' ~ '.join(parts)}) | jsonify }}}}"
        name = pieces[0].source
        if self._fields.get(name, {}).get("type") == "json":
            # A form has no field for JSON, so the text in this one is JSON already.
            default = _quoted(json.dumps(self._fields[name].get("default")))
            fallback = f" | default({default}, true)" if may_be_empty(self._fields[name]) else ""
            return f"{{{{ {self._prefix}{name}{fallback} }}}}"
        return f"{{{{ {self._value(name)} | jsonify }}}}"

    def _is_on(self, switch: str) -> str:
        """Return the test whether the form's *switch* is on."""
        return f'{self._prefix}{switch} | default(false) in [true, "true"]'

    def _embedded(self, expression: str) -> str:
        """Return *expression* as part of a longer text, in which booleans are written as in JSON."""
        if self._fields.get(expression, {}).get("type") == "switch":
            return f'("true" if {self._prefix}{expression} else "false")'
        return self._expression(expression)

    def _value(self, expression: str) -> str:
        """Return *expression* with its type; a field that is empty or missing is none."""
        if expression not in self._fields:
            return self._expression(expression)
        reference = self._prefix + expression
        if not may_be_empty(self._fields[expression]):
            return self._reference(expression)
        default = _literal(self._fields[expression].get("default"))
        return f'({reference} | default({default}) if {reference} != "" else none)'

    def _expression(self, expression: str) -> str:
        renamed = _replace_names(expression, {name: self._reference(name) for name in self._fields})
        return renamed if expression in self._fields else f"({renamed})"

    def _reference(self, name: str) -> str:
        """Return the input *name* as the form has it: null if its switch says so, and never because it is empty."""
        reference = self._prefix + name
        if (switch := null_switch(name, self._fields)) is None:
            return reference
        message = f"{name} is empty: fill it in, or switch {switch} on"
        given = f'{reference} if {reference} | default("") not in [none, ""] else {_quoted(message)}'
        return f"(none if {self._is_on(switch)} else {given})"


def _pieces(source: str) -> Iterator[_Piece]:
    """Split the template *source*, which has been checked, into texts and expressions."""
    inside: list[str] | None = None
    for _, token, value in jinja.lex(source):
        match token:
            case "variable_begin":
                inside = []
            case "variable_end":
                yield _Piece(is_text=False, source="".join(inside or ()).strip())
                inside = None
            case "data":
                yield _Piece(is_text=True, source=value)
            case _ if inside is not None:
                inside.append(value)


def _replace_names(expression: str, replacements: Mapping[str, str]) -> str:
    """Return *expression* with each name of *replacements* replaced; attributes and filters are not changed."""
    parts: list[str] = []
    previous = ""
    for _, token, value in jinja.lex("{{" + expression + "}}"):
        if token in ("variable_begin", "variable_end"):
            continue
        is_input = token == "name" and value in replacements and previous not in (".", "|")  # noqa: S105  # Jinja's word
        parts.append(replacements[value] if is_input else value)
        previous = previous if token == "whitespace" else value  # noqa: S105  # as above
    return "".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key(text: str) -> str:
    """Return *text* as a JSON string in which Jinja finds no template."""
    return _TEMPLATE_OPENS.sub(r"\\u007b", _quoted(text))


def _block(braces: str, lines: list[str], depth: int) -> str:
    if not lines:
        return braces
    inner = ",\n".join(f"{_INDENT * (depth + 1)}{line}" for line in lines)
    return f"{braces[0]}\n{inner}\n{_INDENT * depth}{braces[1]}"


def _literal(value: Any) -> str:
    """Return a JSON value as a constant of Jinja's."""
    match value:
        case None:
            return "none"
        case dict():
            return f"{{{', '.join(f'{_literal(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
