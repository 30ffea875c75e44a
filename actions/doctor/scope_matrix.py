"""Which scope may call what, and whether a token may make one that can do more than itself.

One row for each scope, made by the token of the scope before where the API allows it: that is how the number of rows
stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.actions import scopes
from locoia_pat.actions.lifecycle.capabilities import UNKNOWN, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat import Secret
    from locoia_pat.actions.doctor.probe_call import Came, Throwaway
    from locoia_pat.actions.doctor.probe_session import Bench

_CALLS = {"may_list": "list", "may_create": "create", "may_regenerate": "regenerate of its own row"}


def most_rows(count: int) -> int:
    """The most rows that so many scopes need."""
    return 2 * count


def scoped(bench: Bench) -> Iterator[Fact]:
    """Every scope, one after another."""
    found = _Found(bench)
    row: Throwaway | None = bench.rows[0]
    for scope in bench.scopes[bench.scopes.index(bench.rows[0].scope) :]:
        if row is None or row.scope != scope:
            row = found.made(scope)
        if row is not None:
            row = found.scope(row)
    yield from found.facts()


class _Found:
    """What the scopes told so far."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._may: dict[str, dict[str, Any]] = {call: dict.fromkeys(bench.scopes, UNKNOWN) for call in _CALLS}
        self._wider: dict[str, Any] = {"may_create_wider": UNKNOWN, "may_regenerate_wider": UNKNOWN}
        self._narrow: Any = UNKNOWN
        self._dead: Came | None = None

    def made(self, scope: str) -> Throwaway | None:
        """A row of *scope* by the credential; None where it may not make one."""
        return self._bench.rows[-1] if _created(self._bench, scope).done else None

    def scope(self, row: Throwaway) -> Throwaway | None:
        """What the token of *row* may do; the row of the next scope, where it could make that."""
        came = self._bench.list(by=row.token)
        self._tell("may_list", row, came)
        if came.refused and self._narrow == UNKNOWN:
            self._narrow = came.status
        following = self._create(row)
        self._tell("may_regenerate", row, self._renewed(row, listed=came.done))
        if self._may["may_regenerate"][row.scope] is True:
            self._regenerate_wider(row)
        return following

    def _renewed(self, row: Throwaway, *, listed: bool) -> Came:
        """A regenerate of its own row; and what the secret before it is answered then, by a list that it could do."""
        old = row.token
        renewed = self._bench.regenerate(row, by=old)
        if listed and self._dead is None and (renewed.done or self._bench.regenerate(row).done):
            self._dead = self._bench.list(by=old)
        return renewed

    def _tell(self, call: str, row: Throwaway, came: Came) -> None:
        self._may[call][row.scope] = _may(came)

    def _create(self, row: Throwaway) -> Throwaway | None:
        """Whether it may create: a row of the next scope where that is wider, else one of its own."""
        wider = self._next(row.scope)
        if wider is not None and self._wider["may_create_wider"] is not False:
            came = _created(self._bench, wider, row.token)
            if came.done:
                self._may["may_create"][row.scope] = self._wider["may_create_wider"] = True
                return self._bench.rows[-1]
        came = _created(self._bench, row.scope, row.token)
        self._tell("may_create", row, came)
        if came.done and wider is not None:
            self._wider["may_create_wider"] = False
        return None

    def _next(self, scope: str) -> str | None:
        """A scope that *scope* does not include: the one that comes next; of the last any other, if needed."""
        all_ = self._bench.scopes
        following = all_[all_.index(scope) + 1 :][:1]
        if not following and self._wider["may_create_wider"] == UNKNOWN:
            following = scopes.NAMES
        return next((other for other in following if not scopes.includes(scope, other)), None)

    def _regenerate_wider(self, row: Throwaway) -> None:
        if self._wider["may_regenerate_wider"] != UNKNOWN:
            return
        for other in self._bench.rows:
            if other is not row and not scopes.includes(row.scope, other.scope):
                self._wider["may_regenerate_wider"] = _may(self._bench.regenerate(other, by=row.token))
                return

    def facts(self) -> Iterator[Fact]:
        """What was found, as facts."""
        for call, what in _CALLS.items():
            yield Fact(call, self._may[call], f"a {what} by a throw-away token of each scope")
        for call, value in self._wider.items():
            what = call.removeprefix("may_").removesuffix("_wider")
            yield Fact(call, value, f"a {what}, by a token whose scope does not include the other's")
        yield Fact("narrow_token_status", self._narrow, "a list by the first token that may not list")
        if self._dead is not None and (self._dead.done or self._dead.refused):
            how = "a list by the secret before a regenerate, of a token that may list"
            yield Fact("old_secret_dies", self._dead.refused, how)
            yield Fact("dead_token_status", self._dead.status if self._dead.refused else UNKNOWN, how)


def _may(came: Came) -> Any:
    """Whether a call is allowed; what was neither done nor refused tells nothing, nor does a row that is not found."""
    missing = came.result.problem is not None and came.result.problem.code == "not_found"
    return True if came.done else False if came.refused and not missing else UNKNOWN


def _created(bench: Bench, scope: str, by: Secret | None = None) -> Came:
    """A create, and once more with a plain note where it was refused: it may have been for the note."""
    came = bench.create(scope, by=by)
    return bench.create(scope, by=by, plain=True) if came.refused else came
