"""What is left in a cassette that may be a secret.

Pure.  It reads any file of YAML or JSON, whoever recorded it, and does not trust the scrubbing: what nothing explains
is a finding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from locoia_pat.outcomes import Finding
from locoia_pat.secrets.detect import known_forms, named_id, random_runs, suspects
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.yaml import leaves
from locoia_pat.testing.secret_names import (
    FOLLOWED,
    SecretNames,
    as_json,
    cookies_in,
    is_cookie,
    is_fake,
    is_form,
    is_placeholder,
    pairs_of,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from locoia_pat.outcomes import LeakCode
    from locoia_pat.spec.yaml import Path

_STRUCTURE = frozenset({"string", "body", "headers", "request", "response", "interactions", "base64_string"})
"""Names that a cassette has for its parts; they say nothing of what stands there."""


def lint(
    text: str, name: str, rules: SecretNames | None = None, *, live: Collection[Secret] | None = None
) -> list[Finding]:
    """The findings in the *text* of the file *name*.

    Args:
        text: YAML or JSON.
        name: the file's name, for the findings.
        rules: names that specs mark as secret, or that are harmless.
        live: secrets that must not be there in any form; where they are told, the text is a recorder's of ours, and
            only its own fakes pass as such.

    """
    try:
        texts = list(leaves(text))
    except ValueError:
        return [Finding(name, 1, 1, "not-text", "this is no YAML and no JSON, so nobody can tell what it holds")]
    linter = _Linter(rules or SecretNames(), is_placeholder if live is None else is_fake)
    called = {path[:-1]: value for path, value, _ in texts if path[-1:] in (("name",), ("key",)) and value}
    texts = [
        ((*path[:-1], called[path[:-1]]) if path[-1:] == ("value",) and path[:-1] in called else path, value, mark)
        for path, value, mark in texts
    ]  # {"name": "X-Api-Key", "value": …}, as HAR has it
    linter.learn(texts)
    findings: list[Finding] = []
    for path, value, (line, column) in texts:
        for where, code, why in linter.leaks(path, value):
            findings.append(Finding(name, line, column, code, f"{where or _told(path) or 'a key'}: {why}"))
        if value is not None and any(_stands_in(value, secret) for secret in live or ()):
            findings.append(Finding(name, line, column, "live-secret", f"{_told(path)}: a form of a live secret"))
    findings += [
        Finding(name, number, line.index("#") + 1, "secret-form", "a comment: it has the form of a secret")
        for number, line in enumerate(text.splitlines(), 1)
        if line.lstrip().startswith("#") and suspects(line)
    ]
    return sorted(set(findings))


def _stands_in(text: str, secret: Secret) -> bool:
    return secret == Secret(text) if len(secret.reveal()) < FOLLOWED else bool(secret.places_in(text))


Leak = tuple[str, "LeakCode", str]


class _Linter:
    def __init__(self, rules: SecretNames, passes: Callable[[str], bool]) -> None:
        self._rules = rules
        self._passes = passes
        self._ids: set[str] = set()

    def learn(self, texts: list[tuple[Path, str | None, tuple[int, int]]]) -> None:
        """Note the ids: they may look random, and stand in addresses too."""
        for path, text, _ in texts:
            for names, value in _parts(path, text or ""):
                if self._may_be_random(names):
                    self._ids.add(value)
            self._ids.update(re.findall(r"boundary=[\"']?([^\s\"';]+)", text or ""))

    def leaks(self, path: Path, text: str | None) -> Iterator[Leak]:
        if text is None:
            yield _told(path), "not-text", "bytes, so nobody can tell what they hold"
            return
        for names, value in _parts(path, text):
            yield from self._leaks(names, value)

    def _leaks(self, names: tuple[str, ...], value: str) -> Iterator[Leak]:
        if self._passes(value) or value in names or (names and names[-1] in self._rules.harmless):
            return
        where = ".".join(names)
        if names and self._rules.is_secret(names[-1], names[:-1], value):
            cookies = cookies_in(value) if is_cookie(names[-1]) else []
            if not cookies or not all(map(self._passes, cookies)):
                yield where, "secret-value", "a text by the name of a secret, and no fake"
        elif any(not self._passes(value[start:end]) for start, end in known_forms(value)):
            yield where, "secret-form", "it has the form of a secret"
        elif not self._may_be_random(names) and any(random_runs(self._without_ids(value))):
            yield where, "high-entropy", "it looks as if it was made by chance, and nothing says that it is harmless"

    def _may_be_random(self, names: tuple[str, ...]) -> bool:
        return bool(names) and (named_id(names[-1]) or names[-1] in self._rules.harmless)

    def _without_ids(self, text: str) -> str:
        for word in {*re.split(r"[/?&=#\s\"'`,;]", text)}:
            if word.removeprefix("--").removesuffix("--") in self._ids:
                text = text.replace(word, "")
        return text


def _parts(path: Path, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """*Text* in its parts, each with the names it stands under: JSON in a body, the pairs of a query or a form."""
    names = tuple(part for part in path if isinstance(part, str))
    inner = tuple(name for name in names if name not in _STRUCTURE)
    value = as_json(text)
    if value is not None:
        yield from (((*inner, *under), found) if under else ((), found) for under, found in texts_of(value))
        return
    if names[-1:] in (("body",), ("string",), ("text",)) and is_form(text):
        yield from (((*inner, name), found) for name, found in parse_qsl(text))
        return
    pairs = pairs_of(text)
    yield from (((*inner, name), found) for name, found in pairs)
    yield inner, re.sub(r"(?<==)[^&#\s<>\"']+", "", text) if pairs else text


def _told(path: Path) -> str:
    return ".".join(map(str, path))
