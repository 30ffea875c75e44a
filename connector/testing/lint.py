"""Find strings in a cassette that may be secrets.

Any YAML or JSON file can be read, whatever recorded it.  Scrubbing is not trusted: a random-looking string whose name
does not explain it is a finding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from locoia_pat.outcomes import Finding
from locoia_pat.secrets.detect import find_known_formats, find_random_runs, find_secrets, is_id_name
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.yaml import iter_scalars
from locoia_pat.testing.secret_names import (
    MIN_SEARCHED_LENGTH,
    SecretNames,
    as_json,
    cookie_values,
    is_cookie,
    is_fake,
    is_form,
    is_placeholder,
    iter_strings,
    query_pairs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from locoia_pat.outcomes import LeakCode
    from locoia_pat.spec.yaml import Path

_STRUCTURE = frozenset({"string", "body", "headers", "request", "response", "interactions", "base64_string"})
"""Names that a cassette has for its parts; they say nothing about the value."""


def lint(
    text: str, name: str, rules: SecretNames | None = None, *, live: Collection[Secret] | None = None
) -> list[Finding]:
    """Return the findings in the *text* of the file *name*.

    Args:
        text: YAML or JSON.
        name: the file's name, for the findings.
        rules: names that specs mark as secret, or that are harmless.
        live: secrets that must not occur in any form; if given, the text comes from our own recorder, and only its
            own fakes are accepted as fakes.

    """
    try:
        texts = list(iter_scalars(text))
    except ValueError:
        return [Finding(name, 1, 1, "not-text", "not valid YAML or JSON, cannot be checked")]
    linter = _Linter(rules or SecretNames(), is_placeholder if live is None else is_fake)
    labels = {path[:-1]: value for path, value, _ in texts if path[-1:] in (("name",), ("key",)) and value}
    texts = [
        ((*path[:-1], labels[path[:-1]]) if path[-1:] == ("value",) and path[:-1] in labels else path, value, mark)
        for path, value, mark in texts
    ]  # {"name": "X-Api-Key", "value": …}, as in HAR files
    linter.learn(texts)
    findings: list[Finding] = []
    for path, value, (line, column) in texts:
        for where, code, message in linter.leaks(path, value):
            findings.append(Finding(name, line, column, code, f"{where or _dotted(path) or 'a key'}: {message}"))
        if value is not None and any(_occurs_in(value, secret) for secret in live or ()):
            findings.append(Finding(name, line, column, "live-secret", f"{_dotted(path)}: contains a live secret"))
    findings += [
        Finding(
            name, number, line.index("#") + 1, "secret-form", "a comment contains a string in the format of a secret"
        )
        for number, line in enumerate(text.splitlines(), 1)
        if line.lstrip().startswith("#") and find_secrets(line)
    ]
    return sorted(set(findings))


def _occurs_in(text: str, secret: Secret) -> bool:
    return secret == Secret(text) if len(secret.reveal()) < MIN_SEARCHED_LENGTH else bool(secret.find_in(text))


Leak = tuple[str, "LeakCode", str]


class _Linter:
    def __init__(self, rules: SecretNames, is_harmless: Callable[[str], bool]) -> None:
        self._rules = rules
        self._is_harmless = is_harmless
        self._ids: set[str] = set()

    def learn(self, texts: list[tuple[Path, str | None, tuple[int, int]]]) -> None:
        """Collect the ids: they may look random, and occur in URLs as well."""
        for path, text, _ in texts:
            for names, value in _parts(path, text or ""):
                if self._may_be_random(names):
                    self._ids.add(value)
            self._ids.update(re.findall(r"boundary=[\"']?([^\s\"';]+)", text or ""))

    def leaks(self, path: Path, text: str | None) -> Iterator[Leak]:
        if text is None:
            yield _dotted(path), "not-text", "binary data, cannot be checked"
            return
        for names, value in _parts(path, text):
            yield from self._leaks(names, value)

    def _leaks(self, names: tuple[str, ...], value: str) -> Iterator[Leak]:
        if self._is_harmless(value) or value in names or (names and names[-1] in self._rules.harmless):
            return
        where = ".".join(names)
        if names and self._rules.is_secret(names[-1], names[:-1], value):
            cookies = cookie_values(value) if is_cookie(names[-1]) else []
            if not cookies or not all(map(self._is_harmless, cookies)):
                yield where, "secret-value", "a value under the name of a secret that is not a fake"
        elif any(not self._is_harmless(value[start:end]) for start, end in find_known_formats(value)):
            yield where, "secret-form", "a string in the format of a secret"
        elif not self._may_be_random(names) and any(find_random_runs(self._without_ids(value))):
            yield where, "high-entropy", "high-entropy string; list its name under harmless if it is not a secret"

    def _may_be_random(self, names: tuple[str, ...]) -> bool:
        return bool(names) and (is_id_name(names[-1]) or names[-1] in self._rules.harmless)

    def _without_ids(self, text: str) -> str:
        for word in {*re.split(r"[/?&=#\s\"'`,;]", text)}:
            if word.removeprefix("--").removesuffix("--") in self._ids:
                text = text.replace(word, "")
        return text


def _parts(path: Path, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the parts of *text* with the names they are under: of JSON in a body, of a query or of a form."""
    names = tuple(part for part in path if isinstance(part, str))
    inner = tuple(name for name in names if name not in _STRUCTURE)
    value = as_json(text)
    if value is not None:
        yield from (((*inner, *keys), string) if keys else ((), string) for keys, string in iter_strings(value))
        return
    if names[-1:] in (("body",), ("string",), ("text",)) and is_form(text):
        yield from (((*inner, name), part) for name, part in parse_qsl(text))
        return
    pairs = query_pairs(text)
    yield from (((*inner, name), part) for name, part in pairs)
    yield inner, re.sub(r"(?<==)[^&#\s<>\"']+", "", text) if pairs else text


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
