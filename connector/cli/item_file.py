"""The items of a file: JSON lines, or CSV whose cells are typed by the spec."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from locoia_pat.bulk import Item
from locoia_pat.cli.arguments import secret_at
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.spec.form import Input

MAX_LINE = 4 * 1024 * 1024
"""Characters that one item may have."""
_REF = "@ref:"
_DELIMITERS = ",;\t"
_ENDINGS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Lines:
    """The items of one file, which can be gone through again and again, and are not kept."""

    def __init__(self, file: IO[bytes], name: str, fields: Mapping[str, Input], given: Mapping[str, Any]) -> None:
        """Read *file*, called *name*: its items have *fields*, and the inputs *given* for all of them, which win.

        Raises:
            InvalidError: it is neither JSON lines nor CSV.

        """
        self._file, self._name, self._fields, self._given = file, name, fields, given
        self.size = file.seek(0, io.SEEK_END)
        """Its size in bytes."""
        file.seek(0)
        head = file.read(64 * 1024).removeprefix(b"\xef\xbb\xbf").lstrip()
        kind = _ENDINGS.get(Path(name).suffix.lower(), "json" if head[:1] in (b"{", b"") else "csv")
        if head[:1] == b"[":
            raise invalid(
                f"{describe_value(name)} is one JSON list, where each item is due on a line of its own",
                field="each",
                hint="jq -c '.[]' makes such lines of it.",
            )
        self._header = self._read_header() if kind == "csv" else None

    def __iter__(self) -> Iterator[Item]:
        text = self._text()
        yield from self._json(text) if self._header is None else self._csv(text, self._header)

    def _json(self, text: io.TextIOWrapper) -> Iterator[Item]:
        number = position = 0
        while line := text.readline(MAX_LINE + 1):
            number += 1
            position += len(line)
            whole = len(line) <= MAX_LINE
            while not whole and (more := text.readline(MAX_LINE)):
                position += len(more)
                whole = more.endswith("\n")
            if not line.strip():
                continue
            found = _too_long() if len(line) > MAX_LINE else _object(line)
            if isinstance(found, Problem):
                yield Item(number, {}, found, offset=position)
            else:
                yield Item(number, {**found, **self._given}, parse=self._of_json, offset=position)

    def _csv(self, text: io.TextIOWrapper, header: list[str]) -> Iterator[Item]:
        counted = _Counted(text)
        rows = csv.reader(counted, delimiter=self._delimiter, strict=True)
        next(rows)
        while True:
            number = counted.lines + 1
            try:
                row = next(rows, None)
            except (csv.Error, _LongError) as error:
                yield Item(number, {}, _wrong(f"is no line of a CSV file: {error}"), offset=counted.characters)
                continue
            if row is None:
                return
            if not any(row):
                continue
            if len(row) != len(header):
                told = f"has {len(row)} cells, where the first line has {len(header)}"
                yield Item(number, {}, _wrong(told), offset=counted.characters)
            elif any("\udc80" <= c <= "\udcff" for cell in row for c in cell):
                yield Item(number, {}, _wrong("is no UTF-8 text"), offset=counted.characters)
            else:
                cells = {name: cell for name, cell in zip(header, row, strict=True) if cell}
                yield Item(number, {**cells, **self._given}, parse=self._of_csv, offset=counted.characters)

    def _read_header(self) -> list[str]:
        text = self._text()
        line = text.readline(MAX_LINE)
        self._delimiter = max(_DELIMITERS, key=line.count)
        header = next(csv.reader([line], delimiter=self._delimiter), [])
        header = [name.strip() for name in header]
        twice = next((name for name in header if header.count(name) > 1), None)
        if not header or not all(name.isidentifier() for name in header) or twice:
            why = f"names {twice} twice" if twice else "does not name its columns"
            raise invalid(
                f"the first line of {describe_value(self._name)} {why}",
                field="each",
                hint=f"A CSV file begins with the names of its inputs: {', '.join(self._fields)}. In JSON lines, each "
                "line is an object.",
            )
        return header

    def _text(self) -> io.TextIOWrapper:
        source = io.BufferedReader(_Shared(self._file), 256 * 1024)
        return io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")

    def _of_json(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: secret_at(name, value, self._fields.get(name)) for name, value in fields.items()}

    def _of_csv(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: text if name in self._given else _typed(name, text, self._fields.get(name))
            for name, text in cells.items()
        }


class _Shared(io.RawIOBase):
    """A file that others go through as well: each has its own place in it, and closing it closes nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class _LongError(Exception):
    """A line is longer than it may be."""


class _Counted:
    """The lines of a text, none of which is longer than it may be."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.lines = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self.lines += 1
        self.characters += len(line)
        if len(line) > MAX_LINE:
            while not line.endswith("\n") and (line := self._text.readline(MAX_LINE)):
                self.characters += len(line)
            raise _LongError(f"it has more than {MAX_LINE} characters")
        return line


@contextmanager
def opened(name: str) -> Iterator[tuple[IO[bytes], str]]:
    """The file *name*, ``-`` for standard input, to be gone through more than once; and what tells it again.

    What cannot be read twice, such as a pipe, is kept in a file of its own for as long.

    Raises:
        InvalidError: it cannot be read.

    """
    try:
        path = Path(name).expanduser()
        source = sys.stdin.buffer if name == "-" else path.open("rb")
    except OSError as error:
        raise invalid(f"the file {describe_value(name)} cannot be read: {error.strerror}", field="each") from None
    with source:
        if name != "-" and stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            yield source, str(path.resolve())
            return
        with tempfile.TemporaryFile() as kept:
            shutil.copyfileobj(source, kept)
            yield kept, f"- {_digest(kept)}"


def _digest(file: IO[bytes]) -> str:
    import hashlib

    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file that is read


def _object(line: str) -> dict[str, Any] | Problem:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return _wrong("is not JSON; each line is one object of inputs")
    if not isinstance(found, dict):
        return _wrong(f"is {describe_value(found)}, where an object of inputs is due")
    if any("\udc80" <= c <= "\udcff" for c in line):
        return _wrong("is no UTF-8 text")
    return found


def _wrong(message: str) -> Problem:
    return Problem("validation", f"this line {message}")


def _too_long() -> Problem:
    return _wrong(f"has more than {MAX_LINE} characters")


def _typed(name: str, text: str, field: Input | None) -> Any:
    """The cell *text* as the input it is for; a wrong one stays text, and is refused as that."""
    if field is None:
        return text
    if field.type == "password":
        if not text.startswith(_REF):
            raise invalid("a secret is given as its place", field=name, hint=f"Write {_REF}file:PATH.")
        return secret_at(name, {"$ref": text.removeprefix(_REF)}, field)
    if text == "null" and field.nullable:
        return None
    if field.multiple:
        found = _json(text) if text.startswith("[") else _listed(text, field)
        return (
            [_single(item, field) if isinstance(item, str) else item for item in found]
            if isinstance(found, list)
            else found
        )
    return _single(text, field)


def _single(text: str, field: Input) -> Any:
    match field.type:
        case "nested_object" | "daterange" | "json":
            return _json(text)
        case "switch":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "number":
            return json.loads(text) if _NUMBER.fullmatch(text) else text
        case _:
            return text


def _listed(text: str, field: Input) -> list[str]:
    """Several values in one cell, with semicolons between them; or commas, where options tell that it is several."""
    between = ";," if field.enum and text not in field.enum else ";"
    return [part.strip() for part in re.split(f"[{between}]", text) if part.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
