"""Find strings in a cassette that may be secrets.

Any YAML or JSON file can be read, whatever recorded it.  Scrubbing is not trusted: a random-looking string whose name
does not explain it is a finding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locoia_pat.outcomes import Finding
from locoia_pat.secrets.decoding import decoded
from locoia_pat.secrets.detect import find_known_formats, find_random_runs, find_secrets, is_id_name
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.yaml import iter_scalars
from locoia_pat.testing.secret_names import (
    LABELS,
    MIN_SEARCHED_LENGTH,
    SecretNames,
    cookie_values,
    is_broken_json,
    is_cookie,
    is_label,
    is_masked,
    is_placeholder,
    iter_strings,
    named_parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from locoia_pat.outcomes import LeakCode
    from locoia_pat.spec.yaml import Mark, Path

_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Characters that text never has: compressed bytes, or UTF-16 that was taken for UTF-8."""
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
    linter = _Linter(rules or SecretNames(), is_placeholder if live is None else is_masked)
    texts = _with_labels(texts)
    linter.learn(texts)
    findings: list[Finding] = []
    for path, value, (line, column) in texts:
        for where, code, message in linter.leaks(path, value):
            findings.append(Finding(name, line, column, code, f"{where or _dotted(path) or 'a key'}: {message}"))
        if live is not None and path[-1:] in (("body",), ("string",)) and is_broken_json(value or ""):
            message = "begins like JSON and is not JSON, cannot be checked"
            findings.append(Finding(name, line, column, "not-text", f"{_dotted(path)}: {message}"))
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


Text = tuple["Path", str | None, "Mark"]
Leak = tuple[str, "LeakCode", str]


class _Linter:
    def __init__(self, rules: SecretNames, is_harmless: Callable[[str], bool]) -> None:
        self._rules = rules
        self._is_harmless = is_harmless
        self._ids: set[str] = set()

    def learn(self, texts: list[Text]) -> None:
        """Collect the ids: they may look random, and occur in URLs as well."""
        for path, text, _ in texts:
            for names, value in self._parts(path, text or ""):
                if self._may_be_random(names):
                    self._ids.add(value)
            self._ids.update(re.findall(r"boundary=[\"']?([^\s\"';]+)", text or ""))

    def leaks(self, path: Path, text: str | None) -> Iterator[Leak]:
        if text is None or _BINARY.search(text):
            yield _dotted(path), "not-text", "binary data, cannot be checked"
            return
        for names, value in self._parts(path, text):
            yield from self._leaks(names, value)

    def _parts(self, path: Path, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield the parts of *text* with the names they are under: of JSON, of a form or query, and of encoded text."""
        names = tuple(part for part in path if isinstance(part, str) and part not in _STRUCTURE)
        yield from self._read(names, text)

    def _read(self, names: tuple[str, ...], text: str, depth: int = 8) -> Iterator[tuple[tuple[str, ...], str]]:
        for leaf in iter_strings(text, names):
            if leaf.names and self._rules.is_secret(leaf.names[-1], leaf.names[:-1], leaf.text):
                yield leaf.names, leaf.text
                continue
            pairs, rest = named_parts(leaf.rest)
            yield leaf.names, rest
            for name, part in pairs if depth else ():
                yield from self._read((*leaf.names, name), part, depth - 1)
            for reading in decoded(leaf.rest) if depth else ():
                yield from self._read(leaf.names, reading, depth - 1)

    def _leaks(self, names: tuple[str, ...], value: str) -> Iterator[Leak]:
        if self._is_harmless(value) or value in names or (names and names[-1] in self._rules.harmless):
            return
        where = ".".join(names)
        if names and self._rules.is_secret(names[-1], names[:-1], value):
            cookies = cookie_values(value) if is_cookie(names[-1]) else []
            if not cookies or not all(map(self._is_harmless, cookies)):
                yield where, "secret-value", "a value under the name of a secret that is not a fake"
        elif any(not self._is_harmless(value[slice(*span)]) for span in self._formats(value)):
            yield where, "secret-form", "a string in the format of a secret"
        elif not self._may_be_random(names) and any(find_random_runs(self._without_ids(value))):
            yield where, "high-entropy", "high-entropy string; list its name under harmless if it is not a secret"

    def _formats(self, text: str) -> Iterator[tuple[int, int]]:
        return find_known_formats(text, self._rules.is_secret_name)

    def _may_be_random(self, names: tuple[str, ...]) -> bool:
        return bool(names) and (is_id_name(names[-1]) or names[-1] in self._rules.harmless)

    def _without_ids(self, text: str) -> str:
        for word in {*re.split(r"[/?&=#\s\"'`,;]", text)}:
            if word.removeprefix("--").removesuffix("--") in self._ids:
                text = text.replace(word, "")
        return text


def _with_labels(texts: list[Text]) -> list[Text]:
    """Return *texts* with paths that end with the name that the file has for a value next to it.

    ``{"name": "X-Api-Key", "value": …}``, ``[["X-Api-Key", …]]`` and ``headers: ["X-Api-Key", …]`` have such names.
    """
    values = {path: value for path, value, _ in texts}
    labels = {path[:-1]: value for path, value in values.items() if path and str(path[-1]).lower() in LABELS and value}

    def label(path: Path) -> str | None:
        *outer, last = path or ("",)
        if isinstance(last, str):
            return labels.get(tuple(outer)) if last.lower() == "value" else None
        before = values.get((*outer, last - 1))
        in_pair = last == 1 and isinstance(outer[-1] if outer else "", int) and (*outer, 2) not in values
        in_turn = last % 2 and is_label(before, [name for name in outer if isinstance(name, str)])
        return before if in_pair or in_turn else None

    return [((*path[:-1], label(path) or path[-1]) if path else path, value, mark) for path, value, mark in texts]


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
