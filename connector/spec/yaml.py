"""YAML text as plain values that remember where they stood, and back.

Pure: text in, values out.  It reads the YAML that JSON can say and refuses what readers of YAML disagree about, so a
spec means the same to everybody: a key said twice, a plain ``no`` or ``1.10``, anchors, aliases and tags.
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
"""So many of one kind are told; a file with more of them is something else than a spec."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BINARY = "tag:yaml.org,2002:binary"
_CONSTANTS = {"null": None, "~": None, "": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_EXPONENT = re.compile(r"-?[1-9]\.[0-9]+e[+-][0-9]{1,2}")
# What one version of YAML, or one reader of it, takes for something else than text.
_AMBIGUOUS = re.compile(
    r"(?i)yes|no|on|off|null|true|false|=|<<|\.nan"
    r"|[-+]?(\.inf|\.?[0-9][0-9_,:]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|0[xob][0-9a-f_]+)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document: its *value* and the place of each part."""

    name: str
    value: Any
    values: Mapping[Path, Mark]
    """Where the value at a path starts: line and column, from 1."""
    keys: Mapping[Path, Mark]
    """Where the key of the value at a path starts."""
    plain: frozenset[Path]
    """The values that stand in the text as they are: on one line, without quotes."""
    text: str = field(repr=False)

    def finding(self, code: FindingCode, path: Path, message: str, *, at_key: bool = False, offset: int = 0) -> Finding:
        """*Message* at *path*, or at the nearest part above it that exists.

        *offset* counts characters into a text; it is used where the text stands in the file as it is.
        """
        marks = self.keys if at_key else self.values
        while path and path not in marks:
            path, offset = path[:-1], 0
            marks = self.values
        line, column = marks.get(path, (1, 1))
        return Finding(self.name, line, column + offset if path in self.plain else column, code, message)


def load(text: str, name: str, *, size_factor: int = 1) -> Document:
    """The YAML *text* of the file *name*, which may be *size_factor* times as large as a spec.

    Raises:
        SpecError: with every finding of the file.

    """
    if len(text) > MAX_CHARACTERS * size_factor:
        message = f"this file may have {MAX_CHARACTERS * size_factor} characters, and has {len(text)}"
        raise SpecError([Finding(name, 1, 1, "yaml-limit", message)])
    reader = _Reader(text, name, MAX_PARTS * size_factor)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reader.stop(*place, "yaml", f"this is not YAML: {error.problem or error.context}")
    except UnicodeEncodeError:
        raise SpecError([Finding(name, 1, 1, "yaml", "a spec is UTF-8 text, without halves of characters")]) from None
    except yaml.YAMLError as error:
        raise SpecError([Finding(name, 1, 1, "yaml", f"this is not YAML: {error}")]) from None
    if reader.findings:
        raise SpecError(reader.findings)
    return Document(name, value, reader.values, reader.keys, frozenset(reader.plain), text)


def iter_scalars(text: str) -> Iterator[tuple[Path, str | None, Mark]]:
    """Every scalar of the YAML or JSON *text*, with the path it stands at, and every key, with none.

    It is for files of others, so any YAML is read.  What is no text, as base64 of bytes, comes as None.  Aliases are
    not followed: what they repeat was told before.

    Raises:
        ValueError: it is not YAML.

    """
    holders: list[list[Any]] = []  # for each container around: the key or the index there, and whether a key is due
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case yaml.ScalarEvent() | yaml.AliasEvent():
                    value = getattr(event, "value", None)
                    path: Path = ()
                    if holders and holders[-1][1]:
                        holders[-1][:] = [str(value), False]
                    else:
                        path = tuple(holder[0] for holder in holders)
                        _advance(holders)
                    if isinstance(event, yaml.ScalarEvent):
                        yield path, None if event.tag == _BINARY else value, _mark(event)
                case yaml.MappingStartEvent():
                    holders.append(["", True])
                case yaml.SequenceStartEvent():
                    holders.append([0, False])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    holders.pop()
                    _advance(holders)
    except yaml.YAMLError:
        raise ValueError("not YAML") from None


def _advance(holders: list[list[Any]]) -> None:
    """Go on behind a value: to the next index, or to the next key."""
    if holders:
        key = holders[-1][0]
        holders[-1][:] = [key + 1, False] if isinstance(key, int) else [key, True]


class _Reader:
    """Walks the events of one document."""

    def __init__(self, text: str, name: str, most: int) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self._most = most
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.plain: set[Path] = set()
        self.findings: list[Finding] = []

    def document(self) -> Any:
        value = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if () in self.values:
                    self.stop(*_mark(event), "yaml-feature", "one file holds one document")
                value = self._value(event, ())
        return value

    def stop(self, line: int, column: int, code: FindingCode, message: str) -> NoReturn:
        """End the reading with one more finding."""
        raise SpecError([*self.findings, Finding(self._name, line, column, code, message)]) from None

    def _note(self, event: yaml.Event, code: FindingCode, message: str) -> None:
        self.findings.append(Finding(self._name, *_mark(event), code, message))
        if len(self.findings) == MAX_FINDINGS:
            raise SpecError(self.findings)

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self.values[path] = _mark(event)
        if len(self.values) > self._most:
            self.stop(*_mark(event), "yaml-limit", f"this file may have {self._most} keys and values")
        if len(path) > MAX_DEPTH:
            self.stop(*_mark(event), "yaml-limit", f"a spec is at most {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self._note(event, "yaml-feature", "aliases are not part of the spec language; write the value out")
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
                self._note(event, "yaml-feature", f"{kind}s are not part of the spec language; leave it out")

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._note(event, "yaml-feature", "a key is a text")
                self._value(event, (*path, "?"))
                key = "?"
            else:
                self._note_marks(event)
                if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_ambiguous_key(key):
                    message = f"readers of YAML disagree about a plain {key}; put it in quotes"
                    self._note(event, "ambiguous-scalar", message)
                if key in found:
                    self._note(event, "duplicate-key", f'the key "{key}" stands here twice')
            self.keys[*path, key] = _mark(event)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted, or a block: text as it stands
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if (_FLOAT.fullmatch(text) and str(float(text)) == text) or _EXPONENT.fullmatch(text):
            return float(text)
        if _AMBIGUOUS.fullmatch(text):
            message = f"readers of YAML disagree about a plain {text}; put it in quotes if it is a text"
            self._note(event, "ambiguous-scalar", message)
        if event.start_mark and event.end_mark and event.start_mark.line == event.end_mark.line:
            self.plain.add(path)
        return text


def _is_ambiguous_key(key: str) -> bool:
    """Keys are texts here; a number that all readers write alike, such as the status 404, is no trap."""
    return _AMBIGUOUS.fullmatch(key) is not None and _INTEGER.fullmatch(key) is None


def _mark(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def dump(value: Any) -> str:
    """*Value*, of JSON's kinds, as YAML that :func:`load` gives back as it was.

    Raises:
        ValueError: this YAML cannot say it: a number of more than 16 digits, or one that is too deep or too large.

    """
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    try:
        same = load(text, "").value == value
    except SpecError:
        same = False
    if not same:
        raise ValueError("a spec cannot say this value")
    return text


class _Dumper(yaml.SafeDumper):
    """Writes each value in full, and quotes a text that is not plainly one."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # a value that stands twice is written twice
        return True


_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def _text(writer: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(value) and value not in _CONSTANTS and not _AMBIGUOUS.fullmatch(value)
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _text)
