"""What a bulk run knows of earlier ones, and leaves for later ones."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from locoia_pat.bulk.items import digest
from locoia_pat.bulk.journal import Lines
from locoia_pat.bulk.recovery import Free, new_mark
from locoia_pat.bulk.stored_tokens import Standing
from locoia_pat.outcomes import Outcome, Result
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from locoia_pat.bulk.items import Journal
    from locoia_pat.bulk.recovery import Recovery, Runner
    from locoia_pat.bulk.task import Work
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import ActionSpec
    from locoia_pat.stores import Sink

_FINGERPRINT = "fingerprint"
"""Beside the envelope of a line that is done: what tells its token again, in a place that holds no id."""
_ENDED = (Outcome.DONE, Outcome.REFUSED, Outcome.INVALID)
"""How an item ends that would end no other way again."""


class Ledger:
    """The journal of a run, and what its lines mean."""

    def __init__(self, spec: ActionSpec, api: str, journal: Journal, open_place: Callable[[str], Sink]) -> None:
        """Open it.

        Raises:
            NotDoneError: another process is at work on this run.
            InvalidError: the state cannot be used.

        """
        self._spec = spec
        self._standing = Standing(open_place)
        name = f"{spec.action}\n{api}\n{journal.name}"
        self._state = journal.state or State()
        self._lines = Lines(self._state, name, anew=journal.anew)
        self.open = False
        """Whether something is left for the same call to take up again."""

    @property
    def resumes(self) -> str | None:
        """When the run began that this one goes on with; None where it is the first."""
        return self._lines.began if self._lines.resumed else None

    def batch(self) -> AbstractContextManager[None]:
        """What is written within is on the disk when it ends."""
        return self._lines.batch()

    def recall(self, work: Work) -> None:
        """Find what an earlier run did about it: its result, or what is to be settled first."""
        work.key = self._lines.key(digest(work.item, work.places))
        line = self._lines.find(work.key)
        if line is None:
            return
        if line.outcome == Outcome.DONE and line.told is not None:
            row = (line.told.get("data") or {}).get("id")
            known = line.told.get(_FINGERPRINT)

            def same(token: Secret) -> bool:
                return self._state.fingerprint(token) == known

            if not work.places or any(self._standing.holds(place, row, same) for place in work.places):
                work.result, work.earlier = _result(line.told), True
        elif line.outcome in (None, Outcome.UNKNOWN, Outcome.NOT_STORED):
            work.before = line

    def begin(self, work: Work) -> None:
        """It is about to be sent."""
        assert work.key is not None  # noqa: S101  # it was recalled
        work.mark = new_mark() if self._spec.mark else None
        self._lines.begin(work.key, work.mark, work.places)

    def free(self, work: Work) -> None:
        """It was settled: nothing of the run before is in the way."""
        if work.late and work.before is not None and work.before.mark is not None:
            self._lines.stray(work.before.mark, work.places)
        work.before = None

    def end(self, work: Work) -> None:
        """It ended."""
        result = work.result
        if result is None:
            return
        # While an item of a create is not done, those that are stay known, so that none is made twice.
        ended = (Outcome.DONE,) if self._spec.effect == "create" else _ENDED
        self.open = self.open or result.outcome not in ended
        if work.key is not None and not work.kept and not work.earlier:
            told = result.to_dict() if result.outcome is Outcome.DONE else None
            if told is not None and result.token is not None:
                told[_FINGERPRINT] = self._state.fingerprint(result.token)
            self._lines.end(work.key, result.outcome.value, told)

    def sweep(self, recovery: Recovery, runner: Callable[[], Runner]) -> list[str]:
        """At the end, look once more for rows that requests of earlier runs have left; what is to be told of it."""
        left = self._lines.left()
        repeated = self._lines.strays()
        strays = repeated | {line.mark: line.places for line in left if line.mark is not None}
        notes: list[str] = []
        if unknown := sum(line.mark is None for line in left):
            notes.append(
                f"{unknown} items that an earlier run began are not there any more; how they ended is not known"
            )
        if not strays:
            return notes
        with closing(runner()) as sender:
            rows = recovery.look(sender)
            found = {} if isinstance(rows, Result) else {mark: row for mark, row in rows.items() if mark in strays}
            settled = [
                recovery.settle_row(sender, row, strays[mark], repeated=mark in repeated) for mark, row in found.items()
            ]
        if isinstance(rows, Result) or any(isinstance(one, Result) and one.problem for one in settled):
            self.open = True
            return [*notes, "it could not be seen whether an earlier run has left rows; the same call looks again"]
        with self._lines.batch():
            self._lines.forget_strays()
        return notes + [warning for one in settled if isinstance(one, Free) for warning in one.warnings]

    def close(self, *, whole: bool) -> None:
        """Close it; it is gone where the run came to its *whole* end and left nothing open."""
        self._lines.close(over=whole and not self.open)


def _result(told: Mapping[str, Any]) -> Result:
    """The result whose envelope was *told*."""
    refs = told.get("token_refs") or ([told["token_ref"]] if "token_ref" in told else [])
    return Result(
        told["action"],
        Outcome.DONE,
        told["api"],
        told["attempts"],
        tuple(told["warnings"]),
        told.get("data"),
        token_refs=tuple(refs),
    )
