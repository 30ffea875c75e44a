"""Load YAML as plain values with the line and column of each, and dump plain values as YAML.

Pure.  Only YAML that corresponds to JSON is read.  What YAML parsers disagree about is refused, so that a spec means
the same to all of them: a duplicate key, an unquoted ``no`` or ``1.10``, anchors, aliases and tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from locoia_pat.outcomes import Finding, FindingCode, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 24
MAX_PARTS = 4_000
MAX_FINDINGS = 50
"""The most findings that are reported; a file with more is probably not a spec."""

_MAX_SHOWN = 100
"""The most characters of a value that a finding shows."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIMELESS: Any = type("Timeless", (_LOADER,), {})
"""Reads times as strings, as JSON does."""
_TIMELESS.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_LITERAL = re.compile(r"(?i)~|null|true|false|[-+]?[0-9]{1,19}(?:\.[0-9]*)?(?:e[-+]?[0-9]{1,3})?")
_BINARY = "tag:yaml.org,2002:binary"
_CONSTANTS = {"null": None, "~": None, "": None, "true": True, "false": False}
_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_EXPONENT = re.compile(r"-?[1-9]\.[0-9]+e[+-][0-9]{1,2}")
_MISTAKES = {
    "mapping values are not allowed in this context": "this line is indented more than the one above, or a colon and a "
    "space are missing there",
    "did not find expected '-' indicator": "this line is not part of the list above; indent it as the keys of an item, "
    'or begin it with "- "',
    "did not find expected ',' or ']'": 'a list in brackets needs "," or "]" here; put special characters in quotes',
    "did not find expected ',' or '}'": 'an object in braces needs "," or "}" here; put special characters in quotes',
    "did not find expected key": "this line is indented differently from the keys that belong to it",
    "could not find expected ':'": 'a colon and a space are missing: a key is written "key: value"',
}
"""What PyYAML says, and what to say instead."""
_COLON = re.compile(r"^\s*(- )?[\w.-]+: ")
_OPEN_QUOTE = re.compile(r"""(?:[:,\[{-] |[\[{])(["'])""")
# What some version or parser of YAML does not read as a string.
_AMBIGUOUS = re.compile(
    r"(?i)yes|no|on|off|null|true|false|=|<<|\.nan"
    r"|[-+]?(\.inf|\.?[0-9][0-9_,:]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|0[xob][0-9a-f_]+)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document: its *value* and the position of each part."""

    name: str
    value: Any
    values: Mapping[Path, Mark]
    """The position of the value at a path: line and column, from 1."""
    keys: Mapping[Path, Mark]
    """The position of the key of the value at a path."""
    plain: frozenset[Path]
    """The paths of strings that are on one line and without quotes, so that offsets in them are columns of the file."""
    text: str = field(repr=False)

    def finding(self, code: FindingCode, path: Path, message: str, *, at_key: bool = False, offset: int = 0) -> Finding:
        """Return a finding at *path*, or at the nearest parent of it that exists.

        Args:
            code: the code of the finding.
            path: the path of the value.
            message: what is wrong.
            at_key: point at the key instead of the value.
            offset: characters into a string; used only if the string is plain.

        """
        marks = self.keys if at_key else self.values
        while path and path not in marks:
            path, offset = path[:-1], 0
            marks = self.values
        line, column = marks.get(path, (1, 1))
        return Finding(self.name, line, column + offset if path in self.plain else column, code, message)


def load(text: str, name: str, *, size_factor: int = 1) -> Document:
    """Load the YAML *text* of the file *name*.

    Args:
        text: the text.
        name: the name of the file, for findings.
        size_factor: how many times as large as a spec the file may be.

    Raises:
        SpecError: the text is not allowed; the error has all findings.

    """
    if len(text) > MAX_CHARACTERS * size_factor:
        message = f"the file has {len(text)} characters; at most {MAX_CHARACTERS * size_factor} are allowed"
        raise SpecError([Finding(name, 1, 1, "yaml-limit", message)])
    reader = _Reader(text, name, MAX_PARTS * size_factor)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reader.stop(
            *position, "yaml", f"invalid YAML: {_explain(text, *position, str(error.problem or error.context))}"
        )
    except UnicodeEncodeError:
        raise SpecError([Finding(name, 1, 1, "yaml", "invalid UTF-8: the text has unpaired surrogates")]) from None
    except yaml.YAMLError:
        raise SpecError([Finding(name, 1, 1, "yaml", "invalid YAML: a character is not allowed in YAML")]) from None
    if reader.findings:
        raise SpecError(reader.findings)
    return Document(name, value, reader.values, reader.keys, frozenset(reader.plain), text)


def _explain(text: str, line: int, column: int, problem: str) -> str:
    """Return what is wrong at *line* and *column* and what to write, instead of the *problem* in PyYAML's words."""
    lines = text.split("\n")
    here = lines[line - 1] if line <= len(lines) else ""
    before = here[: column - 1]
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab indents this line; use spaces"
    open_quote = next((number for number, each in enumerate(lines[:line], 1) if _has_open_quote(each)), None)
    if open_quote is not None:
        return f"the quote that opens in line {open_quote} is not closed there"
    if problem == "found character that cannot start any token":
        return f"a value cannot begin with {here[column - 1 : column]}; put it in quotes"
    if problem.startswith("mapping values") and _COLON.search(before):
        return 'the value contains ": "; put it in quotes'
    if problem == "did not find expected key" and before.strip():
        return "there is more after the end of the value; put the whole value in quotes"
    return _MISTAKES.get(problem, "this cannot be read; look for a missing quote, comma, colon or space here or above")


def _has_open_quote(line: str) -> bool:
    """Return whether a value in *line* opens with a quote that nothing closes in it."""
    opened = _OPEN_QUOTE.search(line)
    return opened is not None and opened[1] not in line[opened.end() :].replace(f"\\{opened[1]}", "")


def load_any(text: str) -> Any:
    """Return the value of the first document in *text*, which may use all of YAML; times stay strings.

    Raises:
        ValueError: it is not YAML.

    """
    try:
        return next(yaml.load_all(text, _TIMELESS), None)
    except (yaml.YAMLError, RecursionError):
        raise ValueError("not YAML") from None


def iter_scalars(text: str) -> Iterator[tuple[Path, str | None, Mark]]:
    """Yield the path, text and position of every key and string of the YAML or JSON *text*; a key has an empty path.

    Any YAML is read, since the files of others may use all of it.  Bytes (``!!binary``) have None as text.  An alias
    repeats a string; the parts of a list or object that it repeats have been yielded before.

    Raises:
        ValueError: *text* is not YAML.

    """
    anchors: dict[str, str] = {}
    holders: list[list[Any]] = []  # for each open container: its current key or index, and whether a key is next
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent() | yaml.AliasEvent():
                    value, is_string = _scalar(event, anchors)
                    path: Path = ()
                    if holders and holders[-1][1]:
                        holders[-1][:] = [str(value), False]
                    else:
                        path = tuple(holder[0] for holder in holders)
                        _advance(holders)
                    if is_string or (not path and value is not None):
                        yield path, value, _mark(event)
                case yaml.MappingStartEvent():
                    holders.append(["", True])
                case yaml.SequenceStartEvent():
                    holders.append([0, False])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    holders.pop()
                    _advance(holders)
    except yaml.YAMLError:
        raise ValueError("not YAML") from None


def _scalar(event: yaml.ScalarEvent | yaml.AliasEvent, anchors: dict[str, str]) -> tuple[str | None, bool]:
    """Return the text of a scalar, None for bytes; and whether it is a string or bytes: not null, a bool, a number."""
    if isinstance(event, yaml.AliasEvent):
        return anchors.get(event.anchor or ""), event.anchor in anchors
    if event.tag == _BINARY:
        return None, True
    if event.anchor:
        anchors[event.anchor] = event.value
    return event.value, not (event.implicit[0] and _LITERAL.fullmatch(event.value))


def _advance(holders: list[list[Any]]) -> None:
    """Move past a value: to the next index, or to the next key."""
    if holders:
        key = holders[-1][0]
        holders[-1][:] = [key + 1, False] if isinstance(key, int) else [key, True]


class _Reader:
    """Reads the events of one document."""

    def __init__(self, text: str, name: str, max_parts: int) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self._lines = text.split("\n")
        self._max_parts = max_parts
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.plain: set[Path] = set()
        self.findings: list[Finding] = []

    def document(self) -> Any:
        value = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if () in self.values:
                    self.stop(*_mark(event), "yaml-feature", "a file can have only one document")
                value = self._value(event, ())
        return value

    def stop(self, line: int, column: int, code: FindingCode, message: str) -> NoReturn:
        """Raise all findings, with one more."""
        raise SpecError([*self.findings, Finding(self._name, line, column, code, message)]) from None

    def _note(self, event: yaml.Event, code: FindingCode, message: str) -> None:
        self.findings.append(Finding(self._name, *_mark(event), code, message))
        if len(self.findings) == MAX_FINDINGS:
            raise SpecError(self.findings)

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self.values[path] = _mark(event)
        if len(self.values) > self._max_parts:
            self.stop(*_mark(event), "yaml-limit", f"the file has more than {self._max_parts} keys and values")
        if len(path) > MAX_DEPTH:
            self.stop(*_mark(event), "yaml-limit", f"a value is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self._note(event, "yaml-feature", "aliases are not allowed; repeat the value")
            return None
        self._note_marks(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items = self._until(yaml.SequenceEndEvent)
            return [self._value(item, (*path, index)) for index, item in enumerate(items)]
        return self._mapping(path)

    def _note_marks(self, event: yaml.Event) -> None:
        for kind in ("anchor", "tag"):
            if getattr(event, kind, None):
                self._note(event, "yaml-feature", f"{kind}s are not allowed; remove it")

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None and self._is_template(event):
                message = 'a value that begins with {{ must be in quotes, as "{{ name }}": YAML reads { as an object'
                self.stop(_mark(event)[0], _mark(event)[1] - 1, "yaml", message)
            if key is None:
                self._note(event, "yaml-feature", "a key must be a string")
                self._value(event, (*path, "?"))
                key = "?"
            else:
                self._note_marks(event)
                if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_ambiguous_key(key):
                    message = f"ambiguous unquoted key: {_shortened(key)}; YAML parsers disagree about it, so quote it"
                    self._note(event, "ambiguous-scalar", message)
                if key in mapping:
                    self._note(event, "duplicate-key", f'duplicate key "{_shortened(key)}"')
            self.keys[*path, key] = _mark(event)
            mapping[key] = self._value(next(self._events), (*path, key))
        return mapping

    def _is_template(self, event: yaml.Event) -> bool:
        """Return whether *event* is the second brace of a template without quotes."""
        line, column = _mark(event)
        return column > 1 and self._lines[line - 1][column - 2 : column] == "{{"

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted, or a block: always a string
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if (_FLOAT.fullmatch(text) and str(float(text)) == text) or _EXPONENT.fullmatch(text):
            return float(text)
        if _AMBIGUOUS.fullmatch(text):
            what = f"ambiguous unquoted value: {_shortened(text)}"
            fix = "quote it if it is a string"
            if text.lower() in _SWITCHES:
                fix = f"write {_SWITCHES[text.lower()]} for a switch, or quote it if it is a string"
            message = f"{what}; YAML parsers disagree about it, so {fix}"
            self._note(event, "ambiguous-scalar", message)
        if event.start_mark and event.end_mark and event.start_mark.line == event.end_mark.line:
            self.plain.add(path)
        return text


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _is_ambiguous_key(key: str) -> bool:
    """Return whether parsers disagree about *key*; a plain integer, such as the status 404, is read alike by all."""
    return _AMBIGUOUS.fullmatch(key) is not None and _INTEGER.fullmatch(key) is None


def _mark(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def dump(value: Any) -> str:
    """Return a JSON value as YAML that :func:`load` reads back as the same value.

    Raises:
        ValueError: it has a number of more than 16 digits, or is too deep or too large.

    """
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    try:
        same = load(text, "").value == value
    except SpecError:
        same = False
    if not same:
        raise ValueError("the YAML of a spec cannot represent this value")
    return text


class _Dumper(yaml.SafeDumper):
    """Repeats values instead of using aliases, and quotes strings that are not plain words."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def _represent_string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(value) and value not in _CONSTANTS and not _AMBIGUOUS.fullmatch(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _represent_string)
