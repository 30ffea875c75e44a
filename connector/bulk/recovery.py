"""What an earlier run may have done: a line that was begun, and whose end nobody has told.

What may simply be repeated is.  A create is not: its row is looked for by the mark that was sent with it.  Where the
place holds the token of that row, the line is done; else the row is made useless, for nobody holds its secret, and the
line is free to be run.
"""

from __future__ import annotations

import base64
import re
import secrets
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from locoia_pat.bulk.stored_tokens import Standing
from locoia_pat.outcomes import Outcome, Problem, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat.bulk.journal import Line
    from locoia_pat.engine.engine import Engine
    from locoia_pat.spec.model import ActionSpec
    from locoia_pat.stores import Sink

_MARK = re.compile(r"~lpb/([A-Z2-7]{16})\s*\Z")
ROOM = len(" ~lpb/") + 16
"""Characters that a mark takes, behind the text it stands behind."""

Row = dict[str, Any]


class Runner(Protocol):
    """A connector, as a bulk run uses it."""

    def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        token_to: Sequence[str | Sink] = (),
        replace: bool = False,
        wait: float = 60,
    ) -> Result:
        """Run an action."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


def new_mark() -> str:
    """80 random bits, so that no other row has it."""
    return base64.b32encode(secrets.token_bytes(10)).decode()


def marked(text: str, mark: str) -> str:
    """*Text* with *mark* behind it."""
    return f"{text} ~lpb/{mark}".strip()


def mark_in(text: object) -> str | None:
    """The mark behind *text*; None where there is none."""
    found = _MARK.search(text) if isinstance(text, str) else None
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Free:
    """The line may be run."""

    warnings: tuple[str, ...] = ()
    """What was done about the run before."""
    late: bool = False
    """Whether what the run before sent may still come."""


class Recovery:
    """Settles the lines of one action."""

    def __init__(self, core: Engine, spec: ActionSpec, *, replace: bool, repeat_unknown: bool) -> None:
        self._core = core
        self._spec = spec
        self._replace = replace
        self._standing = Standing(core.open_place)
        self._repeat_unknown = repeat_unknown
        self._rows: dict[str, Row] | Result | None = None
        self._looking = threading.Lock()

    def settle(self, runner: Runner, line: Line) -> Free | Result:
        """Whether *line* may be run; else how it ended, or why that cannot be told."""
        if self._repeat_unknown or self._repeatable() or (line.outcome == Outcome.NOT_STORED and line.mark is None):
            return Free()
        if line.mark is None:
            return self._nobody_knows()
        with self._looking:  # once, for all of them
            self._rows = self._rows if self._rows is not None else self.look(runner)
            rows = self._rows
        return rows if isinstance(rows, Result) else self.settle_row(runner, rows.get(line.mark), line.places)

    def look(self, runner: Runner) -> dict[str, Row] | Result:
        """The rows that carry marks, by these; or the result that does not show them."""
        spec = self._spec
        result = runner.run(spec.look or "")
        if result.problem is not None:
            message = f"it is not known whether an earlier run did it, and {spec.look} failed: {result.problem.message}"
            return replace(result, action=spec.action, problem=replace(result.problem, message=message))
        rows: list[Row] = next(iter((result.data or {}).values()))
        return {mark: row for row in rows if (mark := mark_in(row.get(spec.mark or "")))}

    def settle_row(
        self, runner: Runner, row: Row | None, places: Sequence[str], *, repeated: bool = False
    ) -> Free | Result:
        """Make the *row* of a line useless, unless one of its *places* holds the token.

        A place that keeps no ids was vacant when the line was sent, so what stands there came of it: unless it was to
        be replaced, or the line was *repeated* since.
        """
        if row is None:
            return Free(late=True)
        bare = not (repeated or self._replace)
        refs = tuple(ref for place in places if (ref := self._standing.ref(place, row.get("id"), bare=bare)))
        if refs:
            return self._made(row, refs)
        inputs = self._core.action(self._spec.action).revoke_inputs(row)
        if inputs is None or self._spec.revoke is None:
            return self._nobody_knows()
        result = runner.run(self._spec.revoke.action, inputs)
        if result.outcome is Outcome.DONE or (result.problem is not None and result.problem.code == "not_found"):
            return Free((f"an earlier run made the row {row.get('id')} for it and was ended; it was made useless",))
        return replace(result, action=self._spec.action, data=None, secrets={})

    def _repeatable(self) -> bool:
        """Whether doing it twice leaves what doing it once does: by what HTTP means, and for a row's new secret."""
        return self._spec.effect == "rotate" or self._spec.request.method in ("PUT", "DELETE")

    def _made(self, row: Row, refs: tuple[str, ...]) -> Result:
        outputs = self._spec.reply.output
        data = {name: row.get(name) for name, output in outputs.items() if not output.secret}
        warning = "an earlier run did it and was ended before it could tell; this is what its row shows"
        return Result(self._spec.action, Outcome.DONE, self._core.base_url, 0, (warning,), data, token_refs=refs)

    def _nobody_knows(self) -> Result:
        look = self._spec.look
        hint = "Look whether it did. If it did, take the line out; if it did not, --repeat-unknown runs it again."
        problem = Problem(
            "unknown",
            "an earlier run began it, and its end is not known; it was not repeated",
            hint=hint,
            next=f"locoia-pat run {look}" if look else None,
        )
        return Result(self._spec.action, Outcome.UNKNOWN, self._core.base_url, problem=problem)
