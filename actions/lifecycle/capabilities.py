"""What was measured of an API, and ``capabilities.json``, the document of the state that keeps it.

``doctor --measure`` writes it.  It is the journal of a measurement too: each throwaway row is written down when
it is created, so that the next measurement cleans up after a kill.  It holds no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from locoia_pat.actions.scopes import includes
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locoia_pat.state.inspect import StateReport
    from locoia_pat.state.journal import State

UNKNOWN = "unknown"
"""The value of a fact that was not measured, or that a measurement could not decide."""

QUESTIONS = {
    "list_whole": "whether a list has all rows",
    "list_lag": "seconds until a new row is in the list",
    "regenerate_keeps_id": "whether a row's id survives a regenerate",
    "old_secret_dies": "whether the secret before a regenerate is refused after it",
    "dead_token_status": "HTTP status of a call with a replaced secret",
    "note_kept": "whether a note with a marker is returned as it was sent",
    "note_length_kept": "whether a note of 255 characters is returned whole",
    "may_list": "which scopes may list",
    "may_create": "which scopes may create",
    "may_regenerate": "which scopes may regenerate",
    "may_create_wider": "whether a token may create one with wider scopes than its own",
    "may_regenerate_wider": "whether a token may regenerate one with wider scopes than its own",
    "expired_renewable": "whether an expired row can be regenerated",
}
"""Each fact by its name, and the question it answers."""

LATER = ("expired_renewable",)
"""Facts that can be measured only after the throwaway rows have expired."""


class Fact(NamedTuple):
    """One measured fact."""

    name: str
    value: Any
    """A JSON value, or :data:`UNKNOWN`."""
    how: str
    """What was done and observed, for people."""


Allowed = Mapping[str, Any]
"""For each scope that was tried, whether a token with it may make the call."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is known of an API, as far as the rotation acts on it; None is unknown and changes nothing."""

    markers: bool | None = None
    """Whether a note is returned as it was sent, so that a row can be found by its marker."""
    keeps_id: bool | None = None
    """Whether a row's id survives a regenerate."""
    dead_status: int | None = None
    """The HTTP status of a call with a replaced secret."""
    list_whole: bool | None = None
    """Whether a list has all rows."""
    list_lag: float = 0
    """Seconds until a new row is listed."""
    expired_renewable: bool | None = None
    """Whether an expired row can be regenerated."""
    may_list: Allowed = field(default_factory=dict[str, Any])
    may_regenerate: Allowed = field(default_factory=dict[str, Any])

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Return the capabilities that *facts* (values by name) imply; a value of an unexpected type is unknown."""
        notes = [_flag(facts.get(name)) for name in ("note_kept", "note_length_kept")]
        status, lag = facts.get("dead_token_status"), facts.get("list_lag")
        return cls(
            markers=False if False in notes else None if None in notes else True,
            keeps_id=_flag(facts.get("regenerate_keeps_id")),
            dead_status=status if isinstance(status, int) else None,
            list_whole=_flag(facts.get("list_whole")),
            list_lag=lag if isinstance(lag, int | float) else 0,
            expired_renewable=_flag(facts.get("expired_renewable")),
            may_list=_allowed(facts.get("may_list")),
            may_regenerate=_allowed(facts.get("may_regenerate")),
        )

    def forbidden_is_dead(self, scopes: Sequence[str]) -> bool:
        """Whether a 403 response to a list means that a token with *scopes* was revoked: before, it could list."""
        return self.dead_status == 403 and may(self.may_list, scopes) is True


def may(allowed: Allowed, scopes: Iterable[str]) -> bool | None:
    """Whether a token with *scopes* may make a call, judged by tokens with one scope each; None if unknown."""
    asked = tuple(scopes)
    if any(allowed.get(scope) is True for scope in asked):
        return True
    refused = [scope for scope, is_allowed in allowed.items() if is_allowed is False]
    narrower = [any(wide == scope or includes(wide, scope) for wide in refused) for scope in asked]
    return False if asked and all(narrower) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _allowed(value: object) -> Allowed:
    return value if isinstance(value, Mapping) else {}


FILE = "capabilities.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class MeasurementRun:
    """One measurement and the rows it created."""

    op: str
    """80 random bits, found in the note of each of its rows."""
    at: str
    """When it started, RFC 3339 in UTC."""
    rows: Mapping[str, str] = field(default_factory=dict[str, str])
    """The id of each row it created, by its number."""
    cleared: bool = False
    """Whether all its rows were revoked."""
    due: str | None = None
    """When all its rows have expired; set once it is cleared."""


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """The facts and the measurements of one API."""

    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])
    """``value``, ``at`` and ``how`` of each fact that was measured or tried, by name."""
    runs: tuple[MeasurementRun, ...] = ()

    def all_facts(self) -> dict[str, Any]:
        """Return every fact, measured or not."""
        never = {"value": UNKNOWN, "at": None, "how": "not measured"}
        return {name: dict(self.facts.get(name, never)) for name in QUESTIONS}

    def capabilities(self) -> Capabilities:
        """Return what the facts imply."""
        return Capabilities.from_facts({name: fact.get("value") for name, fact in self.facts.items()})

    def with_run(self, run: MeasurementRun) -> ApiFacts:
        """Return a copy with *run* added, or replaced by its newer state."""
        return replace(self, runs=(*(other for other in self.runs if other.op != run.op), run))


class CapabilityFile:
    """``capabilities.json`` in one state."""

    def __init__(self, state: State | StateReport) -> None:
        self._document = state.document(FILE)

    def read(self, api: str) -> ApiFacts:
        """Return what is known of *api*; nothing if there is no file.

        Raises:
            InvalidError: the file is damaged, or a newer version wrote it.

        """
        entry = self._read_apis().get(api, {})
        try:
            runs = tuple(MeasurementRun(**run) for run in entry.get("runs", ()))
            facts = {name: dict(fact) for name, fact in entry.get("facts", {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise self._unusable("it is not as locoia-pat writes it") from None
        return ApiFacts(facts, runs)

    def write(self, api: str, facts: ApiFacts) -> None:
        """Write *facts* to disk and wait until they are there.  The lease that *state* is under keeps others away.

        Raises:
            InvalidError: the file cannot be written.

        """
        entry = {"facts": facts.all_facts(), "runs": [asdict(run) for run in facts.runs]}
        text = json.dumps({"v": _VERSION, "apis": {**self._read_apis(), api: entry}}, indent=2) + "\n"
        try:
            self._document.write(text.encode())
        except OSError as error:
            reason = error.strerror or str(error)
            raise invalid(f"{self._document.label} cannot be written: {reason}", field="state") from None

    def _read_apis(self) -> dict[str, Any]:
        try:
            content = json.loads(self._document.read())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from None
        except ValueError:
            raise self._unusable("it is not JSON") from None
        if not isinstance(content, dict) or content.get("v") != _VERSION or not isinstance(content.get("apis"), dict):
            raise self._unusable("another version of locoia-pat wrote it, or another program")
        apis: dict[str, Any] = content["apis"]
        return apis

    def _unusable(self, why: str) -> Exception:
        hint = f"Move {self._document.label} away and measure again: locoia-pat doctor --measure."
        return invalid(f"{self._document.label} cannot be used: {why}", field="state", hint=hint)
