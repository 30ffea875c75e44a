"""What is left in a cassette that may be a secret.

Pure.  It reads any file of YAML or JSON, whoever recorded it, and does not trust the scrubbing: what nothing explains
is a finding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from ..document import leaves
from ..errors import Finding
from ..suspect import known_forms, named_id, random_runs
from .scrub import Marks, as_json, is_form, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ..document import Path
    from ..errors import LeakCode
    from ..secret import Secret

_STRUCTURE = frozenset({"string", "body", "headers", "request", "response", "interactions", "base64_string"})
"""Names that a cassette has for its parts; they say nothing of what stands there."""


def lint(
    text: str, name: str, marks: Marks | None = None, *, harmless: Collection[str] = (), live: Collection[Secret] = ()
) -> list[Finding]:
    """The findings in the *text* of the file *name*.

    Args:
        text: YAML or JSON.
        name: the file's name, for the findings.
        marks: names that specs mark as secret, beside those that everybody has.
        harmless: names whose texts look random and are no secrets.
        live: secrets that must not be there in any form.

    """
    linter = _Linter(marks or Marks(), harmless)
    findings: list[Finding] = []
    try:
        texts = list(leaves(text))
    except ValueError:
        return [Finding(name, 1, 1, "not-text", "this is no YAML and no JSON, so nobody can tell what it holds")]
    linter.learn(texts)
    for path, value, (line, column) in texts:
        for where, code, why in linter.leaks(path, value):
            findings.append(Finding(name, line, column, code, f"{where}: {why}" if where else why))
        if value is not None and any(secret.places_in(value) for secret in live):
            findings.append(Finding(name, line, column, "live-secret", f"{_told(path)}: a form of a live secret"))
    return sorted(set(findings))


Leak = tuple[str, "LeakCode", str]


class _Linter:
    def __init__(self, marks: Marks, harmless: Collection[str]) -> None:
        self._marks = marks
        self._harmless = frozenset(harmless)
        self._ids: set[str] = set()

    def learn(self, texts: list[tuple[Path, str | None, tuple[int, int]]]) -> None:
        """Note the ids: they may look random, and stand in addresses too."""
        for path, text, _ in texts:
            for names, value in _parts(path, text or ""):
                if self._may_be_random(names):
                    self._ids.add(value)

    def leaks(self, path: Path, text: str | None) -> Iterator[Leak]:
        if text is None:
            yield _told(path), "not-text", "bytes, so nobody can tell what they hold"
            return
        for names, value in _parts(path, text):
            yield from self._leaks(names, value)

    def _leaks(self, names: tuple[str, ...], value: str) -> Iterator[Leak]:
        if is_placeholder(value) or value in names:
            return
        where = ".".join(names)
        if names and self._marks.secret(names[-1], names[:-1], value):
            yield where, "secret-value", "a text by the name of a secret, and no fake"
        elif any(not is_placeholder(value[start:end]) for start, end in known_forms(value)):
            yield where, "secret-form", "it has the form of a secret"
        elif not self._may_be_random(names) and any(random_runs(self._without_ids(value))):
            yield where, "high-entropy", "it looks as if it was made by chance, and nothing says that it is harmless"

    def _may_be_random(self, names: tuple[str, ...]) -> bool:
        return bool(names) and (named_id(names[-1]) or names[-1] in self._harmless)

    def _without_ids(self, text: str) -> str:
        for word in set(re.split(r"[/?&=#\s\"'`,;]", text)) & self._ids:
            text = text.replace(word, "")
        return text


def _parts(path: Path, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """*Text* in its parts, each with the names it stands under: JSON in a body, the pairs of a query or a form."""
    names = tuple(part for part in path if isinstance(part, str))
    inner = tuple(name for name in names if name not in _STRUCTURE)
    value = as_json(text)
    if value is not None:
        yield from _json_parts(value, inner)
    elif names[-1:] in (("uri",), ("url",), ("Location",), ("location",)):
        parts = urlsplit(text)
        yield from (((*inner, name), found) for name, found in parse_qsl(parts.query))
        yield inner, parts._replace(query="").geturl()
    elif names[-1:] in (("body",), ("string",)) and is_form(text):
        yield from (((*inner, name), found) for name, found in parse_qsl(text))
    else:
        yield inner, text


def _json_parts(value: object, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    match value:
        case str():
            yield names, value
        case list():
            for item in value:
                yield from _json_parts(item, names)
        case dict():
            for key, item in value.items():
                yield (), key
                yield from _json_parts(item, (*names, key))
        case _:
            return


def _told(path: Path) -> str:
    return ".".join(map(str, path))
