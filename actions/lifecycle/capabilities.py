"""What was measured of an API, as far as a machine acts on it; ``None`` is not known, and changes nothing.

Pure.  The facts are those of ``doctor --measure``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.actions.scopes import includes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Allowed = Mapping[str, Any]
"""Of each scope that was tried, whether its token may."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is known of an API."""

    markers: bool | None = None
    """Whether a note comes back as it was sent, so that a row can be found by its marker."""
    keeps_id: bool | None = None
    """Whether a row's id survives a regenerate."""
    dead_status: int | None = None
    """What a replaced secret is answered."""
    list_whole: bool | None = None
    """Whether a list has all rows."""
    list_lag: float = 0
    """Seconds until a new row is listed."""
    expired_renewable: bool | None = None
    """Whether an expired row can be regenerated."""
    may_list: Allowed = field(default_factory=dict[str, Any])
    may_regenerate: Allowed = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """What measured *facts*, by name, tell; a value of another kind than is meant is not known."""
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
        """Whether a 403 to a list says that a token of *scopes* is dead, for it could list while it lived."""
        return self.dead_status == 403 and may(self.may_list, scopes) is True


def may(allowed: Allowed, scopes: Iterable[str]) -> bool | None:
    """Whether a token of *scopes* may, by what was *allowed* to tokens of one scope; None where that tells nothing."""
    asked = tuple(scopes)
    if any(allowed.get(scope) is True for scope in asked):
        return True
    refused = [scope for scope, answer in allowed.items() if answer is False]
    narrower = [any(wide == scope or includes(wide, scope) for wide in refused) for scope in asked]
    return False if asked and all(narrower) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _allowed(value: object) -> Allowed:
    return value if isinstance(value, Mapping) else {}
