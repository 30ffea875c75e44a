"""What can go wrong, as the caller can react to it.

    ConnectorError
    ├── InvalidError          fix the inputs, the spec, the place or the call; nothing was sent
    │   └── SpecError         a spec is wrong; every finding has file, line and column
    ├── RefusedError          the API said no; nothing changed
    ├── NotDoneError          it did not happen; safe to repeat
    ├── UnknownOutcomeError   it may have happened; look before you repeat
    └── NotStoredError        it happened, and no place took the token

One class for each outcome but ``done``.  This module needs nothing of the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locoia_pat.result import Result


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    INVALID = "invalid"
    REFUSED = "refused"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"
    NOT_STORED = "not_stored"

    @property
    def exit_code(self) -> int:
        """The command's exit code for this outcome."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Outcome.DONE: 0,
    Outcome.INVALID: 2,
    Outcome.REFUSED: 3,
    Outcome.NOT_DONE: 4,
    Outcome.UNKNOWN: 5,
    Outcome.NOT_STORED: 6,
}

Code = Literal[
    "validation",
    "unauthorized",
    "forbidden",
    "not_found",
    "conflict",
    "rate_limited",
    "unavailable",
    "busy",
    "unsafe",
    "scopes_differ",
    "managed_elsewhere",
    "credential_would_expire",
    "not_stored",
    "unknown",
]
"""The closed list of ``error.code``: what a flow may branch on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for people and for flows; it never holds a secret."""

    code: Code
    message: str
    """What happened, with the API's own words where it gave any."""
    status: int | None = None
    """The HTTP status, where there was an answer."""
    field: str | None = None
    """The input at fault."""
    hint: str | None = None
    """What to do about it."""
    next: str | None = None
    """The command to run next, literally."""

    def to_dict(self) -> dict[str, str | int | None]:
        """The ``error`` of the envelope."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class ConnectorError(Exception):
    """Never raised itself: the root of all errors of this package."""

    outcome: ClassVar[Outcome]

    def __init__(self, problem: Problem, result: Result | None = None) -> None:
        super().__init__(problem, result)
        self.problem = problem
        #: The whole result, where an action ran.
        self.result = result

    def __str__(self) -> str:
        """The message, the field at fault in front and the hint behind."""
        problem = self.problem
        place = f"{problem.field}: " if problem.field else ""
        hint = f"\n{problem.hint}" if problem.hint else ""
        return f"{place}{problem.message}{hint}"


class InvalidError(ConnectorError):
    """Inputs, spec, place, credential or usage are wrong; nothing was sent."""

    outcome = Outcome.INVALID


class RefusedError(ConnectorError):
    """The API said no; nothing changed."""

    outcome = Outcome.REFUSED


class NotDoneError(ConnectorError):
    """It did not happen: not reached, asked to wait too long, or a read failed.  Safe to repeat."""

    outcome = Outcome.NOT_DONE


class UnknownOutcomeError(ConnectorError):
    """It may have happened: a lost, cut or unusable answer.  Look before you repeat."""

    outcome = Outcome.UNKNOWN


class NotStoredError(ConnectorError):
    """The API did it, and no place took the token."""

    outcome = Outcome.NOT_STORED


FindingCode = Literal[
    "yaml",
    "yaml-limit",
    "yaml-feature",
    "duplicate-key",
    "ambiguous-scalar",
    "unknown-key",
    "missing-key",
    "bad-name",
    "bad-value",
    "file-name",
    "template-syntax",
    "template-language",
    "template-type",
    "unknown-name",
    "unknown-filter",
    "secret-in-address",
    "unused-input",
    "contradiction",
    "effect-method",
    "unknown-reference",
    "foreign-variable",
    "foreign-host",
    "bad-example",
]
"""The closed list of what the checker finds; ``docs/spec.md`` says what each means."""


LeakCode = Literal["secret-value", "secret-form", "high-entropy", "live-secret", "not-text"]
"""Why a text in a cassette may be a secret: by its name, by its form, by chance, by its value, or nobody can tell."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake in a spec, or one leak in a cassette, and where it stands (line and column count from 1)."""

    file: str
    line: int
    column: int
    code: FindingCode | LeakCode
    message: str

    def __str__(self) -> str:
        """``file:line:column: code message``, as editors and terminals link it."""
        return f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}"


class SpecError(InvalidError):
    """A spec is wrong: all its findings, in the order of the file."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(set(findings)))
        super().__init__(Problem("validation", "\n".join(map(str, self.findings))))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Finding, ...]]]:
        return SpecError, (self.findings,)


def invalid(
    message: str, *, field: str | None = None, hint: str | None = None, next: str | None = None
) -> InvalidError:
    """An :class:`InvalidError` for *field*, ready to be raised."""
    return InvalidError(Problem("validation", message, field=field, hint=hint, next=next))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for a near miss, else nothing."""
    names = [name for name in known if len(name) <= _MAX_NAME][:_MAX_NAMES]
    if not 0 < len(word) <= _MAX_NAME:
        return ""
    import difflib  # noqa: PLC0415  # only for a misspelt word

    near = difflib.get_close_matches(word.lower(), names, n=1) or [name for name in names if word in name]
    return f"; did you mean {near[0]}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """*Names* for an error message, sorted; of many the first."""
    known = sorted(names)
    return ", ".join(known[:_MAX_LISTED]) + (", …" if len(known) > _MAX_LISTED else "") or "nothing"


_MAX_NAME, _MAX_NAMES, _MAX_LISTED = 64, 100, 30
"""What is looked at for a suggestion: it must not cost more than it helps."""


_ROW_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PLAIN_WORD = re.compile(r"[\w:.,@ +-]{0,40}")
_LIKE_A_TOKEN = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])\S{16,}")


def shown(value: object) -> str:
    """*Value* for an error message: short and plain ones as they are, others by their kind.

    A user may have put a token into the wrong field, so nothing that could be one is repeated.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > 132:
            return "a very long number"
        case int() | float():
            return str(value)
        case str() if _ROW_ID.fullmatch(value) or (_PLAIN_WORD.fullmatch(value) and not _LIKE_A_TOKEN.search(value)):
            return f'"{value}"'
        case str():
            return f"a text of {len(value)} characters"
        case []:
            return "an empty list"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"
