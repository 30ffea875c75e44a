"""A fleet brought to what its file says, in waves."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions.fleet.waves import Stop, waves
from locoia_pat.actions.lifecycle.driver import run_protocol
from locoia_pat.actions.lifecycle.rotation import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.fleet.file import Token
    from locoia_pat.actions.fleet.plan import Lookout
    from locoia_pat.actions.fleet.waves import Turn

WIDTH = 8
"""Tokens that are worked on at once."""
_HARMLESS = {Outcome.DONE, Outcome.INVALID}
"""What says nothing against an owner: a token whose own place or inputs are wrong was not sent anywhere."""


def apply(lookout: Lookout, *, most: int | None = None, **options: Any) -> Iterator[tuple[str, Result]]:
    """Bring each token to what the file says, and tell its name and result once it is done.

    Each is :func:`~locoia_pat.actions.ensure_pat`, so a run that was killed is simply begun again: what was finished
    is found, and not repeated.

    Args:
        lookout: the fleet.
        most: failures after which nothing more is begun; by default each owner stops by itself, where one in twenty
            of its tokens failed, and at least two.  One that is invalid is no failure: nothing was sent.
        options: ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    """
    tokens = {token.name: token for token in lookout.tokens}
    turns = [lookout.turn(token) for token in lookout.tokens]
    stop, noting = Stop(turns, most), Lock()
    for owner in lookout.owners.values():
        if owner.problem is not None and owner.problem.code == "unauthorized":
            stop.refused.add(owner.name)

    def work(turn: Turn) -> tuple[Turn, Result]:
        if why := stop.why(turn.owner):
            return turn, _skipped(why)
        result = _ensured(lookout, tokens[turn.name], **options)
        unauthorized = result.problem is not None and result.problem.code == "unauthorized"
        with noting:
            stop.note(turn, failed=result.outcome not in _HARMLESS, unauthorized=unauthorized)
        return turn, result

    pool = ThreadPoolExecutor(WIDTH)
    try:
        for wave in waves(turns):
            for turn, result in pool.map(work, wave):
                yield turn.name, result
    finally:
        pool.shutdown(cancel_futures=True)  # what has begun comes to its end; nothing more begins


def _ensured(lookout: Lookout, token: Token, **options: Any) -> Result:
    owner = lookout.owner(token)
    if owner.problem is not None and not owner.rows:
        return Result("ensure_pat", Outcome.NOT_DONE, problem=owner.problem)
    desired = lookout.fleet.wanted(token)
    stores = token.to
    return run_protocol("ensure_pat", ensure, owner.connector, desired, stores, state=lookout.state, **options)


def _skipped(why: str) -> Result:
    hint = "Mend that, and apply the fleet again: what is finished is not repeated."
    return Result(None, Outcome.NOT_DONE, problem=Problem("unavailable", f"not begun: {why}", hint=hint))


class Summary:
    """What came of a fleet."""

    def __init__(self) -> None:
        self.changes: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.begun = 0

    def note(self, result: Result) -> None:
        """Count *result*."""
        self.outcomes[result.outcome.value] += 1
        self.begun += result.action is not None
        if result.problem is None:
            self.changes[(result.data or {}).get("change", "none")] += 1

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of all."""
        worst = (Outcome.NOT_STORED, Outcome.UNKNOWN, Outcome.INVALID, Outcome.REFUSED, Outcome.NOT_DONE)
        return next((one for one in worst if self.outcomes[one.value]), Outcome.DONE)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        total = self.outcomes.total()
        told = {"tokens": total, "not_begun": total - self.begun}
        return {"v": 1, "summary": {**told, "outcomes": dict(self.outcomes), "changes": dict(self.changes)}}
