"""The items of a bulk run, from a file of JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import os
import stat
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from locoia_pat.bulk import Item
from locoia_pat.cli.typed_inputs import parse_cell, read_secret
from locoia_pat.messages import describe_value, find_repeated
from locoia_pat.outcomes import InvalidError, Problem, invalid
from locoia_pat.request.secret_inputs import resolve_secret
from locoia_pat.spec.json_text import load_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.spec.model import Input

MAX_LINE = 4 * 1024 * 1024
"""Maximum length of one item in characters."""
MAX_PIPE_BYTES = 256 * 1024 * 1024
MAX_PIPE_LINES = 1_000_000
MAX_PIPE_SECONDS = 3600
"""What a pipe may have, and how long it may take, before the first item is run: some never end."""
_PIPE_HINT = "Write it to a file, which has no such limit, and pass --each FILE."
_CHUNK = 64 * 1024
_DELIMITERS = ",;\t"
_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


class ItemFile:
    """The items of one file; it can be iterated repeatedly and keeps no item in memory."""

    def __init__(self, file: IO[bytes], name: str, fields: Mapping[str, Input], given: Mapping[str, Any]) -> None:
        """Detect the format of *file*.

        Args:
            file: an open, seekable file.
            name: its name, for messages; its extension tells the format.
            fields: the inputs that the spec declares.
            given: inputs for every item; they override those of the file.

        Raises:
            InvalidError: it is a JSON list, or a CSV file without a header.

        """
        self._file, self._name, self._fields, self._given = file, name, fields, given
        self.size = file.seek(0, io.SEEK_END)
        """Size in bytes."""
        file.seek(0)
        head = file.read(64 * 1024).removeprefix(b"\xef\xbb\xbf").lstrip()
        format_ = _FORMATS.get(Path(name).suffix.lower(), "json" if head[:1] in (b"{", b"") else "csv")
        if head[:1] == b"[":
            raise invalid(
                f"{describe_value(name)} is a JSON list; expected one JSON object per line",
                field="each",
                hint="jq -c '.[]' FILE converts a list to lines.",
            )
        self._header = self._read_header() if format_ == "csv" else None

    def __iter__(self) -> Iterator[Item]:
        text = self._text()
        yield from self._json_items(text) if self._header is None else self._csv_items(text, self._header)

    def _json_items(self, text: io.TextIOWrapper) -> Iterator[Item]:
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
            inputs = _too_long() if len(line) > MAX_LINE else _parse_object(line)
            if isinstance(inputs, Problem):
                yield Item(number, {}, inputs, offset=position)
            else:
                yield Item(number, {**inputs, **self._given}, parse=self._parse_json, offset=position)

    def _csv_items(self, text: io.TextIOWrapper, header: list[str]) -> Iterator[Item]:
        lines = _BoundedLines(text)
        rows = csv.reader(lines, delimiter=self._delimiter, strict=True)
        next(rows)
        while True:
            number = lines.count + 1
            try:
                row = next(rows, None)
            except (csv.Error, _LineTooLongError) as error:
                yield Item(number, {}, _line_problem(f"is not valid CSV: {error}"), offset=lines.characters)
                continue
            if row is None:
                return
            if not any(row):
                continue
            if len(row) != len(header):
                problem = _line_problem(f"has {len(row)} cells, but the header has {len(header)}")
                yield Item(number, {}, problem, offset=lines.characters)
            elif any("\udc80" <= c <= "\udcff" for cell in row for c in cell):
                yield Item(number, {}, _line_problem("is not UTF-8 text"), offset=lines.characters)
            else:
                cells = {name: cell for name, cell in zip(header, row, strict=True) if cell}
                yield Item(number, {**cells, **self._given}, parse=self._parse_csv, offset=lines.characters)

    def _read_header(self) -> list[str]:
        text = self._text()
        line = text.readline(MAX_LINE)
        self._delimiter = max(_DELIMITERS, key=line.count)
        header = next(csv.reader([line], delimiter=self._delimiter), [])
        header = [name.strip() for name in header]
        duplicate = find_repeated(header)
        if not header or not all(name.isidentifier() for name in header) or duplicate:
            reason = f"names {describe_value(duplicate)} twice" if duplicate else "is not a header"
            raise invalid(
                f"the first line of {describe_value(self._name)} {reason}",
                field="each",
                hint=f"A CSV file starts with the names of its inputs: {', '.join(self._fields)}. In JSON lines, each "
                "line is an object.",
            )
        return header

    def _text(self) -> io.TextIOWrapper:
        source = io.BufferedReader(_SharedFile(self._file), 256 * 1024)
        return io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")

    def _parse_json(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: resolve_secret(name, value, self._fields.get(name), read=read_secret)
            for name, value in fields.items()
        }

    def _parse_csv(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: text if name in self._given else parse_cell(name, text, self._fields.get(name))
            for name, text in cells.items()
        }


class _SharedFile(io.RawIOBase):
    """A view of a file with its own position; closing it leaves the file open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._position = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._position)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class _LineTooLongError(Exception):
    """A line exceeds ``MAX_LINE``."""


class _BoundedLines:
    """Count and iterate the lines of a file; a line longer than ``MAX_LINE`` raises an error and is skipped."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.count = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self.count += 1
        self.characters += len(line)
        if len(line) > MAX_LINE:
            while not line.endswith("\n") and (line := self._text.readline(MAX_LINE)):
                self.characters += len(line)
            raise _LineTooLongError(f"more than {MAX_LINE} characters")
        return line


@contextmanager
def open_items(name: str, *, seconds: float = MAX_PIPE_SECONDS) -> Iterator[tuple[IO[bytes], str]]:
    """Open the file *name* (``-`` is standard input) for repeated reading, and identify it for the journal.

    The identity of a file is its path. A pipe is copied to a temporary file; its identity is a digest.

    Args:
        name: the file.
        seconds: how long a pipe may take to end.

    Raises:
        InvalidError: it cannot be read, or is a pipe that exceeds a limit.

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
        with tempfile.TemporaryFile() as copy:
            try:
                limit = _copy_pipe(source, copy, seconds)
            except OSError as error:
                raise invalid(f"{describe_value(name)} cannot be copied: {error.strerror}", field="each") from None
            if limit is not None:
                raise invalid(f"{describe_value(name)} did not end within {limit}", field="each", hint=_PIPE_HINT)
            yield copy, f"- {_digest(copy)}"


def _copy_pipe(source: IO[bytes], copy: IO[bytes], seconds: float) -> str | None:
    """Copy *source*, and return the limit that it exceeds, or None."""
    end = time.monotonic() + seconds
    size = lines = 0
    while chunk := source.read1(_CHUNK):  # type: ignore[attr-defined]  # it is buffered
        size += len(chunk)
        lines += chunk.count(b"\n")
        if size > MAX_PIPE_BYTES:
            return f"{MAX_PIPE_BYTES} bytes"
        if lines > MAX_PIPE_LINES:
            return f"{MAX_PIPE_LINES} lines"
        if time.monotonic() > end:
            return f"{seconds:g} seconds"
        copy.write(chunk)
    return None


def _digest(file: IO[bytes]) -> str:
    import hashlib

    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file that is read


def _parse_object(line: str) -> dict[str, Any] | Problem:
    try:
        inputs = load_json(line)
    except InvalidError as error:
        return replace(error.problem, message=f"this line: {error.problem.message}")
    except ValueError:
        return _line_problem("is not valid JSON; expected one JSON object of inputs")
    if not isinstance(inputs, dict):
        return _line_problem(f"is {describe_value(inputs)}; expected a JSON object of inputs")
    if any("\udc80" <= c <= "\udcff" for c in line):
        return _line_problem("is not UTF-8 text")
    return inputs


def _line_problem(message: str) -> Problem:
    return Problem("validation", f"this line {message}")


def _too_long() -> Problem:
    return _line_problem(f"has more than {MAX_LINE} characters")
