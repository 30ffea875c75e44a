"""YAML text as plain values that remember where they stood.

Pure: text in, values out.  It reads the YAML that JSON can say and refuses what readers of YAML disagree about, so a
spec means the same to everybody: a key said twice, a plain ``no`` or ``1.10``, anchors, aliases and tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from .errors import Finding, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 24

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS = {"null": None, "~": None, "": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
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

    def finding(self, path: Path, message: str, *, at_key: bool = False) -> Finding:
        """*Message* at *path*, or at the nearest part above it that exists."""
        marks = self.keys if at_key else self.values
        while path and path not in marks:
            path = path[:-1]
            marks = self.values
        return Finding(self.name, *marks.get(path, (1, 1)), message)


def read(text: str, name: str) -> Document:
    """The YAML *text* of the file *name*.

    Raises:
        SpecError: with every finding of the file.

    """
    if len(text) > MAX_CHARACTERS:
        raise SpecError([Finding(name, 1, 1, f"a spec has at most {MAX_CHARACTERS} characters, this has {len(text)}")])
    reader = _Reader(text, name)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SpecError([Finding(name, *place, f"this is not YAML: {error.problem or error.context}")]) from None
    except UnicodeEncodeError:
        raise SpecError([Finding(name, 1, 1, "a spec is UTF-8 text, without halves of characters")]) from None
    except yaml.YAMLError as error:
        raise SpecError([Finding(name, 1, 1, f"this is not YAML: {error}")]) from None
    if reader.findings:
        raise SpecError(reader.findings)
    return Document(name, value, reader.values, reader.keys)


class _Reader:
    """Walks the events of one document."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._name = name
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.findings: list[Finding] = []

    def document(self) -> Any:
        value = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if () in self.values:
                    raise SpecError([Finding(self._name, *_mark(event), "one file holds one document")])
                value = self._value(event, ())
        return value

    def _note(self, event: yaml.Event, message: str) -> None:
        self.findings.append(Finding(self._name, *_mark(event), message))

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self.values[path] = _mark(event)
        if len(path) > MAX_DEPTH:
            raise SpecError([Finding(self._name, *_mark(event), f"a spec is at most {MAX_DEPTH} levels deep")])
        if isinstance(event, yaml.AliasEvent):
            self._note(event, "aliases are not part of the spec language; write the value out")
            return None
        self._note_marks(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = self._until(yaml.SequenceEndEvent)
            return [self._value(item, (*path, index)) for index, item in enumerate(items)]
        return self._mapping(path)

    def _note_marks(self, event: yaml.Event) -> None:
        for kind in ("anchor", "tag"):
            if getattr(event, kind, None):
                self._note(event, f"{kind}s are not part of the spec language; leave it out")

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._note(event, "a key is a text")
                self._value(event, (*path, "?"))
                key = "?"
            else:
                self._note_marks(event)
                if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _AMBIGUOUS.fullmatch(key):
                    self._note(event, f"readers of YAML disagree about a plain {key}; put it in quotes")
                if key in found:
                    self._note(event, f'the key "{key}" stands here twice')
            self.keys[*path, key] = _mark(event)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted, or a block: text as it stands
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and str(float(text)) == text:
            return float(text)
        if _AMBIGUOUS.fullmatch(text):
            self._note(event, f"readers of YAML disagree about a plain {text}; put it in quotes if it is a text")
        return text


def _mark(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
