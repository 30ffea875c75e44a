"""What earlier runs of a bulk run did, and how it is resumed.

An item that was begun and whose end is unknown may simply run again if running it twice does no harm. A create may not:
its row is looked up by the mark that was sent in its note. If one of the item's stores holds the token of that row, it
is written to the stores that do not hold it yet, and the item is done. Otherwise the row's secret is lost: the row is
revoked, and the item runs again. While a store cannot be read, neither is decided.
"""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from locoia_pat.bulk.bulk_journal import BulkJournal
from locoia_pat.bulk.item_stores import ItemStore, find_token
from locoia_pat.bulk.items import item_digest
from locoia_pat.engine.compiled_specs import ready_action
from locoia_pat.messages import join_names
from locoia_pat.outcomes import InvalidError, Outcome, Problem, Result
from locoia_pat.spec.row_mark import add_mark, find_mark, new_mark, required_inputs
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from locoia_pat.bulk.bulk_journal import ItemState
    from locoia_pat.bulk.items import JournalOptions, Task
    from locoia_pat.engine.engine import Engine
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import ActionSpec
    from locoia_pat.stores import TokenEntry, TokenStore

_FINGERPRINT = "fingerprint"
"""Key in the journalled envelope: identifies the token in a store that keeps no row id."""
_FINAL = (Outcome.DONE, Outcome.REFUSED, Outcome.INVALID)
"""Outcomes that would be the same if the item ran again."""

Row = dict[str, Any]


class Runnable(Protocol):
    """What a bulk run needs of a connector."""

    def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        token_to: Sequence[str | TokenStore] = (),
        replace: bool = False,
        wait: float = 60,
    ) -> Result:
        """Run an action."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True, slots=True)
class MayRun:
    """The item may run again."""

    warnings: tuple[str, ...] = ()
    """What was done about its earlier row."""
    may_appear_late: bool = False
    """Whether an earlier request may still create a row."""


_ADVICE = "If so, remove the item; otherwise pass --retry-unknown."


class MarkedRows(NamedTuple):
    """The rows that carry a mark, by mark."""

    by_mark: dict[str, Row]
    is_whole: bool
    """Whether there are certainly no others."""


class Recovery:
    """Decides for one action what becomes of items that an earlier run left unfinished."""

    def __init__(
        self, engine: Engine, spec: ActionSpec, *, replace: bool, retry_unknown: bool, advice: str = _ADVICE
    ) -> None:
        """Prepare for *spec*; *advice* says what to do about a create whose outcome stays unknown."""
        self._engine = engine
        self._spec = spec
        self._replace = replace
        self._retry_unknown = retry_unknown
        self._advice = advice
        self._rows: MarkedRows | Result | None = None
        self._listing = threading.Lock()

    def settle(self, runner: Runnable, before: ItemState) -> MayRun | Result:
        """Return whether the item may run again; otherwise its result, or why that is unknown."""
        if (
            self._retry_unknown
            or self._is_repeatable()
            or (before.outcome == Outcome.NOT_STORED and before.mark is None)
        ):
            return MayRun()
        if before.mark is None:
            return self._unknown()
        with self._listing:  # one list for all items
            if self._rows is None:
                self._rows = self.list_marked_rows(runner)
            rows = self._rows
        return rows if isinstance(rows, Result) else self._settle_mark(runner, rows, before.mark, before.stores)

    def list_marked_rows(self, runner: Runnable) -> MarkedRows | Result:
        """Return the rows that carry a mark, or the failed result of listing them."""
        spec = self._spec
        result = runner.run(spec.verify_with or "")
        if result.problem is not None:
            message = (
                f"whether an earlier run did it is unknown, because {spec.verify_with} failed: {result.problem.message}"
            )
            return replace(result, action=spec.action, problem=replace(result.problem, message=message))
        rows: list[Row] = next(iter((result.data or {}).values()))
        by_mark = {mark: row for row in rows if (mark := find_mark(row.get(spec.tag_input or "")))}
        return MarkedRows(by_mark, result.is_whole)

    def settle_marks(self, runner: Runnable, marks: Sequence[str], stores: Sequence[str]) -> MayRun | Result:
        """Settle the rows of all attempts of one item, whose *marks* are given oldest first."""
        rows = self.list_marked_rows(runner)
        if isinstance(rows, Result):
            return rows
        settled = [self._settle_mark(runner, rows, mark, stores, was_retried=mark != marks[-1]) for mark in marks]
        results = sorted((one for one in settled if isinstance(one, Result)), key=lambda result: result.exit_code)
        may_run = [one for one in settled if isinstance(one, MayRun)]
        warnings = tuple(warning for one in may_run for warning in one.warnings)
        if results:
            return results[0].with_warnings(*warnings)
        return MayRun(warnings, may_appear_late=any(one.may_appear_late for one in may_run))

    def _settle_mark(
        self, runner: Runnable, rows: MarkedRows, mark: str, stores: Sequence[str], *, was_retried: bool = False
    ) -> MayRun | Result:
        """Settle the row with *mark*; if a list that may not be whole has none, its outcome stays unknown."""
        row = rows.by_mark.get(mark)
        if row is None and not rows.is_whole:
            return self._unknown()
        return self.settle_row(runner, row, stores, was_retried=was_retried)

    def settle_row(
        self, runner: Runnable, row: Row | None, stores: Sequence[str], *, was_retried: bool = False
    ) -> MayRun | Result:
        """Revoke the *row* of an item, unless one of its *stores* holds the token, which then goes to all of them.

        A store without row ids was empty when the item was sent, so the token in it is the item's own, unless the item
        replaces tokens or was retried since.
        """
        if row is None:
            return MayRun(may_appear_late=True)
        opened = [ItemStore.read(ref, self._engine.open_store) for ref in stores]
        outputs = self._spec.reply.output
        metadata = {name: row.get(name) for name, output in outputs.items() if output.store_with_token}
        assume_ours = not (was_retried or self._replace)
        entry = find_token(opened, row.get("id"), metadata, assume_ours=assume_ours)
        if entry is not None:
            return self._finish(row, entry, opened)
        if unreadable := [f"{store.ref} cannot be read: {store.problem}" for store in opened if store.problem]:
            return self._undecided(row, unreadable)
        inputs = self._engine.action(self._spec.action).revoke_inputs(row)
        if inputs is None or self._spec.revoke is None:
            return self._unknown()
        result = runner.run(self._spec.revoke.action, inputs)
        if result.outcome is Outcome.DONE or (result.problem is not None and result.problem.code == "not_found"):
            return MayRun((f"row {row.get('id')}, created by an interrupted run, was revoked",))
        return replace(result, action=self._spec.action, data=None, secrets={})

    def _is_repeatable(self) -> bool:
        """Return whether running it twice has the effect of running it once: PUT, DELETE, or a new secret for a row."""
        return self._spec.effect == "rotate" or self._spec.request.method in ("PUT", "DELETE")

    def _finish(self, row: Row, entry: TokenEntry, stores: Sequence[ItemStore]) -> Result:
        """Write the token of *row* to those of its *stores* that do not hold it yet."""
        outputs = self._spec.reply.output
        data = {name: row.get(name) for name, output in outputs.items() if not output.secret}
        warnings = ["an earlier run did it but was interrupted before reporting it; the data is from its row"]
        failures: list[str] = []
        refs: list[str] = []
        for store in stores:
            if store.current is None or store.current.token != entry.token:
                problem = store.fill(entry, api=self._engine.base_url, may_replace=self._replace)
                if problem:
                    failures.append(f"{store.ref} did not store the token: {problem}")
                    continue
                again = "; it may have been given it before" if store.is_write_only else ""
                warnings.append(f"{store.ref} did not hold the token yet, and was given it now{again}")
            refs += [] if store.is_write_only else [store.ref]
        result = Result(
            self._spec.action, Outcome.DONE, self._engine.base_url, 0, tuple(warnings), data, token_refs=tuple(refs)
        )
        if not failures:
            return result
        hint = f"It is in {' and '.join(refs)}: correct the other stores and run the same command again."
        return replace(
            result, outcome=Outcome.NOT_STORED, problem=Problem("not_stored", "; ".join(failures), hint=hint)
        )

    def _undecided(self, row: Row, unreadable: Sequence[str]) -> Result:
        message = f"whether the token of row {row.get('id')} is stored is unknown: {'; '.join(unreadable)}"
        hint = "Make every store readable and run the same command again; nothing was sent."
        problem = Problem("unavailable", message, hint=hint)
        return Result(self._spec.action, Outcome.NOT_DONE, self._engine.base_url, problem=problem)

    def _unknown(self) -> Result:
        verifier, command = self._spec.verify_with, None
        with suppress(InvalidError):  # its spec is wrong
            if verifier and not required_inputs(ready_action(self._engine.specs, verifier)):
                command = f"locoia-pat run {verifier}"
        check = f"Check{f' with {verifier}' if verifier else ''} whether it succeeded."
        problem = Problem(
            "unknown",
            "it was begun before and its outcome is unknown; it was not retried",
            hint=f"{check} {self._advice}",
            next=command,
        )
        return Result(self._spec.action, Outcome.UNKNOWN, self._engine.base_url, problem=problem)


class RunJournal:
    """Records the tasks of a run in its journal, and recalls what earlier runs recorded."""

    def __init__(
        self,
        spec: ActionSpec,
        api: str,
        options: JournalOptions,
        open_store: Callable[[str], TokenStore],
        *,
        marks: bool,
    ) -> None:
        """Open the journal; *marks* says whether the rows of the run are found by marks.

        Raises:
            NotDoneError: another process is running it.
            InvalidError: the state cannot be used.

        """
        self._spec = spec
        self._open_store = open_store
        self._marks = marks
        self._state = options.state or State()
        self._journal = BulkJournal(self._state, f"{spec.action}\n{api}\n{options.name}", restart=options.restart)
        self._unfinished = False

    @property
    def resumed_from(self) -> str | None:
        """When the run that is being resumed was started; None if this is a new run."""
        return self._journal.started_at if self._journal.resumed else None

    def transaction(self) -> AbstractContextManager[None]:
        """Write everything inside to disk at the end."""
        return self._journal.transaction()

    def recall(self, task: Task) -> None:
        """Set the task's result if an earlier run finished it, or what it left unfinished."""
        task.key = self._journal.next_key(item_digest(task.item, task.stores))
        before = self._journal.find(task.key)
        if before is None:
            return
        if before.outcome == Outcome.DONE and before.envelope is not None:
            row_id = (before.envelope.get("data") or {}).get("id")
            fingerprint = before.envelope.get(_FINGERPRINT)

            def is_same(token: Secret) -> bool:
                return self._state.fingerprint(token) == fingerprint

            stores = [ItemStore.read(ref, self._open_store) for ref in task.stores]
            lacking = [store for store in stores if not store.still_holds(row_id, is_same)]
            if not stores or len(lacking) < len(stores):
                warnings = [f"{store.ref} no longer holds the token{_reason(store)}" for store in lacking]
                task.result, task.earlier = Result.from_dict(before.envelope).with_warnings(*warnings), True
            elif self._spec.effect == "create":
                task.warnings = (
                    f"no store of this item holds the token of row {row_id} now; that row was not revoked",
                )
        elif before.outcome in (None, Outcome.UNKNOWN, Outcome.NOT_STORED):
            task.before = before

    def begin(self, task: Task) -> None:
        """Record that the task is about to be sent."""
        assert task.key is not None  # noqa: S101  # recall() set it
        task.mark = new_mark() if self._marks else None
        self._journal.begin(task.key, task.mark, task.stores)

    def release(self, task: Task) -> None:
        """Forget what an earlier run left unfinished: it is settled, and the task may run."""
        if task.may_appear_late and task.before is not None and task.before.mark is not None:
            self._journal.add_orphan(task.before.mark, task.stores)
        task.before = None

    def finish(self, task: Task) -> None:
        """Record the result of a task."""
        result = task.result
        if result is None:
            return
        # While an item of a create is not done, keep the journal, so that those that are done are not created twice.
        final = (Outcome.DONE,) if self._spec.effect == "create" else _FINAL
        self._unfinished = self._unfinished or result.outcome not in final
        if task.key is not None and not task.keep_record and not task.earlier:
            envelope = result.to_dict() if result.outcome is Outcome.DONE else None
            if envelope is not None and result.token is not None:
                envelope[_FINGERPRINT] = self._state.fingerprint(result.token)
            self._journal.finish(task.key, result.outcome.value, envelope)

    def revoke_orphans(self, recovery: Recovery, runner: Callable[[], Runnable]) -> list[str]:
        """Look once more for rows that requests of earlier runs have created late; return notes about it."""
        missing = self._journal.unfinished_missing()
        retried = self._journal.orphans()
        orphans = retried | {item.mark: item.stores for item in missing if item.mark is not None}
        notes: list[str] = []
        if unknown := sum(item.mark is None for item in missing):
            notes.append(f"{unknown} items that an earlier run began are no longer listed; their outcome is unknown")
        if not orphans:
            return notes
        with closing(runner()) as sender:
            rows = recovery.list_marked_rows(sender)
            found = {} if isinstance(rows, Result) else rows.by_mark
            late = {mark: row for mark, row in found.items() if mark in orphans}
            settled = [
                recovery.settle_row(sender, row, orphans[mark], was_retried=mark in retried)
                for mark, row in late.items()
            ]
        if isinstance(rows, Result) or any(isinstance(one, Result) and one.problem for one in settled):
            self._unfinished = True
            return [*notes, "whether an earlier run left rows could not be checked; run the same command again"]
        if not rows.is_whole and (unseen := orphans.keys() - late.keys()):
            self._unfinished = True
            marks = join_names(add_mark("", mark) for mark in unseen)
            note = f"whether an earlier run left rows is unknown, as their list may not be whole: look for {marks}"
            return [*notes, note, *_warnings_of(settled)]
        with self._journal.transaction():
            self._journal.forget_orphans()
        return notes + _warnings_of(settled)

    def close(self, *, complete: bool) -> None:
        """Close the journal; delete it if the run is *complete* and every item ended for good."""
        self._journal.close(delete=complete and not self._unfinished)


def _warnings_of(settled: Sequence[MayRun | Result]) -> list[str]:
    return [warning for one in settled if isinstance(one, MayRun) for warning in one.warnings]


def _reason(store: ItemStore) -> str:
    return f": it cannot be read: {store.problem}" if store.problem else "; copy it from another one"
