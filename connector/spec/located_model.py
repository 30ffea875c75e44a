"""YAML files as pydantic models whose parts know their line, or as findings: what is wrong, and where.

Pure.  Here is what all files have in common, so that a file that is not a spec loads no models of specs.
"""

from __future__ import annotations

import re
from functools import cached_property, reduce
from itertools import islice
from operator import getitem
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from locoia_pat.characters import describe_character, hidden_character
from locoia_pat.messages import describe_value, did_you_mean, join_names
from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.spec import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
PATTERN_WORDS = {_LINE: "one line without control characters"}
"""What a string that does not match one of these patterns should be, for messages; each language adds its own."""
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=_LINE)]
_RENAMED = {
    "look": "verify_with",
    "mark": "tag_input",
    "or_input": "fallback_input",
    "keep": "store_with_token",
    "most": "max_pages",
    "covers": "includes",
    "remarks": "option_notes",
    "parts": "last_word",
}
"""Keys of specs before 1.0, and what they are called now."""
_OTHER_WORDS = {
    "response": "reply",
    "params": "query",
    "parameters": "query",
    "json": "body",
    "data": "body",
    "url": "path",
    "description": "summary",
    "expires": "expiration",
    "store": "to",
    "token_to": "to",
}
"""Keys as other languages call them."""
_CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
"""Control characters, which a string may contain as escapes: what is shown to people refuses or replaces them."""
_HIDDEN = "the invisible character {} is not allowed; remove it"


class Model(BaseModel):
    """The base of all parts of a file: no unknown keys, immutable, no conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LocatedModel(Model):
    """A file whose parts know their line and column."""

    _document: yaml.Document = PrivateAttr()

    @cached_property
    def document(self) -> yaml.Document:
        """The YAML document, which knows the line and column of each part."""
        return self._document


_File = TypeVar("_File", bound=LocatedModel)


def parse(model: type[_File], source: yaml.Document, rules: Callable[[_File], Iterator[Finding]]) -> _File:
    """Return *source* as a *model*, once it is validated.

    Args:
        model: the model of the file.
        source: the YAML document.
        rules: yields what is wrong with a file that fits the model.

    Raises:
        SpecError: the document is invalid; the error has all mistakes, with line and column.

    """
    try:
        spec = model.model_validate(source.value)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    else:
        refuse_hidden(source)
        spec._document = source  # noqa: SLF001  # the model's own private attribute, set once, here
        if findings := list(islice(rules(spec), yaml.MAX_FINDINGS)):
            raise SpecError(findings)
        return spec
    by_path: dict[tuple[yaml.Path, str], Finding] = {}
    for mistake in mistakes[: yaml.MAX_FINDINGS]:
        path = _path_in_file(source, mistake["loc"], mistake["type"])
        kind = mistake["type"] if len(path) == len(mistake["loc"]) else "union"  # one finding for all its branches
        message = _explain(path, mistake["type"], mistake["msg"], mistake.get("ctx", {}), mistake["input"])
        by_path.setdefault((path, kind), _finding(model, source, path, mistake["type"], message))
    raise SpecError(by_path.values())


def refuse_hidden(source: yaml.Document) -> None:
    """Refuse a document with characters that cannot be seen, in its text or written as escapes in its strings.

    Raises:
        SpecError: it has some; the error has each line.

    """
    text = source.text.removeprefix("\ufeff")
    strings = [
        (path, string)
        for path in source.values
        for string in (*path[-1:], _value_at(source.value, path))
        if isinstance(string, str)
    ]
    # A document without any is looked through in one go, and not line by line.
    findings = [
        Finding(source.name, number, line.index(hidden) + 1, "bad-value", _HIDDEN.format(describe_character(hidden)))
        for number, line in enumerate(text.split("\n") if hidden_character(text, allowed="\n\t\r") else (), 1)
        if (hidden := hidden_character(line, allowed="\t\r"))
    ]
    if not findings and hidden_character("\n".join(string for _, string in strings), allowed=_CONTROLS):
        findings = [
            source.finding("bad-value", path, _HIDDEN.format(describe_character(hidden)))
            for path, string in strings
            if (hidden := hidden_character(string, allowed=_CONTROLS))
        ]
    if findings:
        raise SpecError(findings[: yaml.MAX_FINDINGS])


def _value_at(value: Any, path: yaml.Path) -> Any:
    """Return the value at *path*, or None where the options of the connector were inserted."""
    try:
        return reduce(getitem, path, value)
    except (KeyError, IndexError, TypeError):
        return None


def _path_in_file(source: yaml.Document, loc: yaml.Path, kind: str) -> yaml.Path:
    """Return the path in the file for *loc*: pydantic adds the names of the branches of a union."""
    last = loc[-1:] if kind == "missing" or loc[-1:] == ("[key]",) else ()
    path: yaml.Path = ()
    for part in loc[: len(loc) - len(last)]:
        if (*path, part) in source.values:
            path = (*path, part)
    return (*path, *last)


def _explain(path: yaml.Path, kind: str, message: str, context: Mapping[str, Any], given: object) -> str:
    """Return what is wrong with the value *given*; pydantic's *message* is about Python and regular expressions."""
    received = f"got {describe_value(given)}"
    if kind == "literal_error":
        return _explain_option(path, [each.strip("'") for each in _OR.split(str(context["expected"]))], given)
    if kind == "string_pattern_mismatch":
        words = PATTERN_WORDS.get(context["pattern"], "a string of another form")
        return f"{describe_value(given)} is not allowed; expected {words}"
    if kind == "list_type" and isinstance(given, str | int) and describe_value(given).strip('"') == str(given):
        return f"expected a list, as [{given}]; {received}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**context)}; {received}"
    return message


def _explain_option(path: yaml.Path, allowed: Sequence[str], given: object) -> str:
    """Return that *given* is not one of the words that are *allowed*, and which of them is meant."""
    word = str(given)
    suggestion = did_you_mean(word, allowed)
    if word.upper() in allowed:
        suggestion = f"; write {word.upper()}"
    elif path[-1:] == ("type",) and (known := _TYPE_WORDS.get(word.lower())) in allowed:
        suggestion = f"; write {known}"
    return f"{describe_value(given)} is not allowed{suggestion} (allowed: {', '.join(allowed)})"


_EXPECTED = {
    "list_type": "a list",
    "int_type": "a whole number without quotes",
    "int_from_float": "a whole number",
    "float_type": "a number without quotes",
    "bool_type": "true or false without quotes",
    "string_type": "a string: put it in quotes",
    "model_type": "keys with values, as {{key: value}}",
    "dict_type": "keys with values, as {{key: value}}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}
"""What is expected, by pydantic's type of the error."""
_OR = re.compile(r", | or ")
_TYPE_WORDS = {
    "string": "text",
    "str": "text",
    "integer": "number",
    "int": "number",
    "float": "number",
    "boolean": "switch",
    "bool": "switch",
    "object": "nested_object",
    "dict": "nested_object",
    "secret": "password",
    "array": "json",
    "list": "json",
}
"""What other languages call the types of inputs."""


def _finding(model: type[BaseModel], source: yaml.Document, loc: yaml.Path, kind: str, message: str) -> Finding:
    if kind == "extra_forbidden":
        known = _known_keys(model, loc)
        renamed = _RENAMED.get(str(loc[-1]))
        other = _OTHER_WORDS.get(str(loc[-1]))
        hint = f"; did you mean {other}?" if other in known else did_you_mean(str(loc[-1]), known)
        hint = f"; it is {renamed} now" if renamed in known else hint
        text = f'unknown key "{loc[-1]}"{hint} (known keys: {join_names(known)})'
        return source.finding("unknown-key", loc, text, at_key=True)
    if kind == "missing":
        return source.finding("missing-key", loc[:-1], f'the key "{loc[-1]}" is missing')
    if loc[-1:] == ("[key]",):
        return source.finding(
            "bad-name", loc[:-1], f'invalid name "{loc[-2]}": {message.partition("; ")[2] or message}', at_key=True
        )
    return source.finding("bad-value", loc, f"{'.'.join(map(str, loc)) or 'the file'}: {message}")


def _known_keys(model: type[BaseModel], loc: yaml.Path) -> list[str]:
    """Return the keys that are allowed in place of ``loc[-1]``."""
    for part in loc[:-1]:
        if (field := _field(model, part)) is not None:
            model = field
    return [info.alias or name for name, info in model.model_fields.items()]


def _field(model: type[BaseModel], key: str | int) -> type[BaseModel] | None:
    """Return the model of the value of *key*, or None if *key* is the name of an item, which has its parent's model."""
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            return next(iter(_models(info.annotation)), None)
    return None


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)
