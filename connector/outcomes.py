"""Outcomes, results and errors.

    ConnectorError
    ├── InvalidError          fix the inputs, the spec, the store or the call; nothing was sent
    │   └── SpecError         a spec is wrong; every finding has file, line and column
    ├── RefusedError          the API refused; nothing changed
    ├── NotDoneError          it did not happen; safe to retry
    ├── UnknownOutcomeError   it may have happened; check before you retry
    └── NotStoredError        it happened, and the token could not be stored

There is one class for each outcome but ``done``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Mapping

    from locoia_pat.secrets.secret import Secret


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

    @property
    def safe_to_retry(self) -> bool:
        """Whether the same call may be sent again without harm, and may succeed then: only after ``not_done``."""
        return self is Outcome.NOT_DONE


def worst(outcomes: Collection[Outcome]) -> Outcome:
    """Return the outcome that several together have: the worst one, ``done`` if there are none."""
    worst_first = (Outcome.NOT_STORED, Outcome.UNKNOWN, Outcome.INVALID, Outcome.REFUSED, Outcome.NOT_DONE)
    return next((outcome for outcome in worst_first if outcome in outcomes), Outcome.DONE)


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
"""All values of ``error.code``, which a flow may branch on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, for people and for flows; it never contains a secret."""

    code: Code
    message: str
    """What happened, with the API's message if it sent one."""
    status: int | None = None
    """The HTTP status, if there was a response."""
    field: str | None = None
    """The input at fault."""
    hint: str | None = None
    """What to do about it."""
    next: str | None = None
    """The command to run next, literally."""
    reason: Literal["unknown_option"] | None = None
    """Why a value is invalid, for code that adds what it knows to the hint; not in the envelope."""
    others: tuple[Problem, ...] = ()
    """The same kind of problem of other inputs: a caller gets all that are wrong at once."""

    def to_dict(self) -> dict[str, Any]:
        """Return the ``error`` object of the envelope; ``others`` is in it only if there are any."""
        error = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"reason", "others"}}
        if not self.others:
            return error
        parts = ("field", "message", "hint")
        return {**error, "others": [{part: getattr(other, part) for part in parts} for other in self.others]}

    def __str__(self) -> str:
        """Return the message, after the field at fault and before the hint; and those of the others."""
        field = f"{self.field}: " if self.field else ""
        hint = f"\n{self.hint}" if self.hint else ""
        return "\n".join([f"{field}{self.message}{hint}", *map(str, self.others)])


_NOT_COPIED = (
    "the token is not in this copy of the result, and in no token store that can be read: name one in token_to"
)


@dataclass(frozen=True, slots=True)
class Result:
    """How one action ended.  It contains no token outside :attr:`secrets`.

    A copy, such as the pickle that a flow engine keeps, has no secret: :attr:`secrets` says there where each is stored.
    """

    action: str | None
    """The name of the action; None if the call did not name one."""
    outcome: Outcome
    api: str | None = None
    """The base URL that was, or would have been, called."""
    attempts: int = 0
    """Attempts to send, over all requests."""
    warnings: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None
    """The outputs that are not secret, as JSON values."""
    problem: Problem | None = None
    """Set for every outcome but ``done``."""
    token_refs: tuple[str, ...] = ()
    """The REFs of the stores that hold the token; each is valid as ``--auth``."""
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, "Secret"])
    """The outputs that are shown once, by name."""
    at: dt.datetime | None = field(default=None, compare=False, repr=False)
    """When the API responded, by its clock if it sent its time; set if the outcome is ``done``."""
    mark: str | None = field(default=None, compare=False, repr=False)
    """What the create has sent to find its row by, if its spec says that the response does not tell which it is."""
    row_inputs: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """The inputs of the action that lists that row."""
    is_whole: bool = field(default=True, compare=False, repr=False)
    """Whether a list was read to its end, as far as that can be seen; if not, a warning says so."""

    @property
    def token(self) -> Secret | None:
        """The secret this action minted, if it minted one."""
        return next(iter(self.secrets.values()), None)

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return self.outcome.exit_code

    def with_warnings(self, *warnings: str) -> Self:
        """Return the result with *warnings* added."""
        return replace(self, warnings=(*self.warnings, *warnings)) if warnings else self

    def to_dict(self) -> dict[str, Any]:
        """Return the envelope, version 1: JSON values only, and never a token."""
        envelope: dict[str, Any] = {
            "v": 1,
            "action": self.action,
            "api": self.api,
            "outcome": self.outcome.value,
            "attempts": self.attempts,
            "warnings": list(self.warnings),
        }
        if self.data is not None:
            envelope["data"] = dict(self.data)
        if self.problem is not None:
            envelope["error"] = self.problem.to_dict()
        if self.token_refs:
            envelope["token_ref"] = self.token_refs[0]
        if len(self.token_refs) > 1:
            envelope["token_refs"] = list(self.token_refs)
        return envelope

    @classmethod
    def from_dict(cls, envelope: Mapping[str, Any]) -> Self:
        """Return the result with that *envelope*."""
        refs = envelope.get("token_refs") or ([envelope["token_ref"]] if "token_ref" in envelope else [])
        return cls(
            envelope["action"],
            Outcome(envelope["outcome"]),
            envelope["api"],
            envelope["attempts"],
            tuple(envelope["warnings"]),
            envelope.get("data"),
            Problem(**envelope["error"]) if "error" in envelope else None,
            tuple(refs),
        )

    __json__ = to_dict
    """What a JSON encoder that asks for it writes, such as Celery's."""

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Return how the result is pickled and copied: without its secrets."""
        secrets = {name: secret.without_value(self.token_refs) for name, secret in self.secrets.items()}
        is_lost = bool(secrets) and not self.token_refs and _NOT_COPIED not in self.warnings
        warnings = (*self.warnings, _NOT_COPIED) if is_lost else self.warnings
        result = replace(self, secrets=secrets, warnings=warnings)
        return type(self), tuple(getattr(result, each.name) for each in fields(result))

    def raise_for_outcome(self) -> Self:
        """Return this result if its outcome is ``done``.

        Raises:
            ConnectorError: of the class for the outcome, with this result.

        """
        if self.problem is None:
            return self
        raise _ERRORS[self.outcome](self.problem, self)

    @classmethod
    def from_error(cls, action: str | None, error: ConnectorError, *, api: str | None = None) -> Self:
        """Return the result for an *error* that ended *action* before anything was sent."""
        return cls(action, error.outcome, api=api, problem=error.problem)


class ConnectorError(Exception):
    """The base class of all errors of this package."""

    outcome: ClassVar[Outcome]

    def __init__(self, problem: Problem, result: Result | None = None) -> None:
        super().__init__(problem, result)
        self.problem = problem
        #: The result, if an action ran.
        self.result = result

    def __str__(self) -> str:
        """Return the message, after the field at fault and before the hint."""
        return str(self.problem)


class InvalidError(ConnectorError):
    """The inputs, spec, store, credential or usage are wrong; nothing was sent."""

    outcome = Outcome.INVALID


class RefusedError(ConnectorError):
    """The API refused; nothing changed."""

    outcome = Outcome.REFUSED


class NotDoneError(ConnectorError):
    """It did not happen: the API was not reached or asked to wait too long, or a read failed.  Safe to retry."""

    outcome = Outcome.NOT_DONE


class UnknownOutcomeError(ConnectorError):
    """It may have happened: the response was lost, incomplete or unusable.  Check before you retry."""

    outcome = Outcome.UNKNOWN


class NotStoredError(ConnectorError):
    """The action succeeded, and the token could not be stored."""

    outcome = Outcome.NOT_STORED


_ERRORS: dict[Outcome, type[ConnectorError]] = {
    error.outcome: error for error in (InvalidError, RefusedError, NotDoneError, UnknownOutcomeError, NotStoredError)
}


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
"""All codes of the checker; ``docs/spec.md`` explains each."""


LeakCode = Literal["secret-value", "secret-form", "high-entropy", "live-secret", "not-text"]
"""Why a string in a cassette may be a secret: its name, its format, its randomness, its value, or it is not text."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake in a spec, or one leak in a cassette, with its position (line and column count from 1)."""

    file: str
    line: int
    column: int
    code: FindingCode | LeakCode
    message: str

    def __str__(self) -> str:
        """Return ``file:line:column: code message``, which editors and terminals turn into a link."""
        return f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}"


class SpecError(InvalidError):
    """A spec is wrong; the error has all findings, in the order of the file."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(set(findings)))
        super().__init__(Problem("validation", "\n".join(map(str, self.findings))))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Finding, ...]]]:
        return SpecError, (self.findings,)


def invalid(
    message: str, *, field: str | None = None, hint: str | None = None, next: str | None = None
) -> InvalidError:
    """Return an :class:`InvalidError` for *field*."""
    return InvalidError(Problem("validation", message, field=field, hint=hint, next=next))
