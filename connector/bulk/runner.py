"""``BulkRun``: reads items as they are needed, runs them, and yields a result for each.

The caller's thread reads the items, writes the journal and reports; the worker threads send. The number of items in
progress is bounded, so a slow reader of results slows the sending down, and neither items nor results pile up.
"""

from __future__ import annotations

import os
from contextlib import closing, nullcontext, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.bulk.items import (
    STORE_FIELD,
    Item,
    ItemResult,
    JournalOptions,
    StoreTemplate,
    Task,
    number_items,
    stores_of,
)
from locoia_pat.bulk.recovery import Recovery, RunJournal
from locoia_pat.bulk.workers import WorkerPool
from locoia_pat.engine.compiled_specs import ready_spec
from locoia_pat.engine.row_search import can_list_later
from locoia_pat.files import sync_folder
from locoia_pat.outcomes import InvalidError, NotDoneError, Outcome, Problem, invalid
from locoia_pat.spec.compiled_form import is_super

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from locoia_pat.bulk.items import BulkOptions
    from locoia_pat.bulk.rate_limit import RateLimiter
    from locoia_pat.bulk.recovery import Runnable
    from locoia_pat.engine.engine import Engine
    from locoia_pat.spec.model import ActionSpec

_LINGER = 0.01
"""Seconds to collect more results, so that one write to the disk journals many; the workers have tasks meanwhile."""


class BulkRun:
    """One bulk run: an iterator over the :class:`ItemResult` of each item."""

    def __init__(
        self,
        engine: Engine,
        clone: Callable[[RateLimiter], Runnable],
        action: str,
        items: Iterable[Mapping[str, Any] | Item],
        options: BulkOptions,
    ) -> None:
        """Check everything that can be checked before anything is sent.  See ``Connector.run_many``."""
        options.check()
        self._options = options
        self._spec = ready_spec(engine.specs, action)
        self._api = engine.base_url
        self._open_store = engine.open_store
        self._template = StoreTemplate(options.token_to) if options.token_to is not None else None
        single: ActionSpec | None = None if is_super(self._spec) else engine.action(action).spec
        self._single = single
        self._journal_options: JournalOptions | None = None
        self._can_list_rows = False
        self._recovery: Recovery | None = None
        if options.journal is not None and single is not None and single.effect != "read":
            journal = JournalOptions(options.journal) if isinstance(options.journal, str) else options.journal
            self._journal_options = journal
            self._can_list_rows = can_list_later(engine.specs, single)
            self._recovery = Recovery(engine, single, replace=options.replace, retry_unknown=journal.retry_unknown)
        self._pool = WorkerPool(
            self._spec, self._api, clone=clone, options=options, template=self._template, recovery=self._recovery
        )
        if self._spec.effect != "read":
            items = items if iter(items) is not items else list(items)
            self._refuse_shared_stores(items)
        self._items = number_items(items)
        self._max_in_progress = 2 * options.concurrency + 8
        self._read = self._reported = 0
        self._exhausted = False
        self._out_of_turn: dict[int, Task] = {}
        self.notes: list[str] = []
        """Messages about the run as a whole."""
        self._results = self._run()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemResult:
        return next(self._results)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Start no more items, wait for requests in flight, and close all connections."""
        if not self._ended:
            self._pool.stop("it was closed", report_skipped=False)
        self._results.close()

    @property
    def _ended(self) -> bool:
        return self._exhausted and self._reported == self._read

    def stop(self, reason: str) -> None:
        """Start no more items. Those in progress get their results, the others none."""
        self._pool.stop(reason, report_skipped=False)

    @property
    def stopped(self) -> str | None:
        """Why the run was stopped before its end; None if it was not."""
        return self._pool.stopped

    @property
    def pause_left(self) -> float:
        """Seconds until anything is sent again, after a 429."""
        return self._pool.rate_limiter.pause_left

    def _refuse_shared_stores(self, items: Iterable[Mapping[str, Any] | Item]) -> None:
        """Refuse two items with the same store."""
        from locoia_pat.bulk.bulk_journal import DuplicateFinder  # noqa: PLC0415  # a read needs no SQLite
        from locoia_pat.stores import canonical_location  # noqa: PLC0415  # a read has no stores

        @cache  # most stores are in one folder
        def realpath(path: str) -> str:
            return os.path.realpath(path)

        with closing(DuplicateFinder()) as finder:
            for item in number_items(items):
                try:
                    refs = [self._open_store(ref).ref for ref in self._stores(item)] if item.problem is None else []
                except InvalidError:
                    continue  # the result of the item will say so
                for ref in refs:
                    if (first := finder.first_number(canonical_location(ref, realpath), item.number)) is not None:
                        raise invalid(
                            f"items {first} and {item.number} have the same token store, {ref}",
                            field=STORE_FIELD,
                            hint="Each token needs a store of its own; nothing was sent.",
                        )

    def _stores(self, item: Item) -> tuple[str, ...]:
        return stores_of(item, self._template, is_input=STORE_FIELD in self._spec.inputs)

    def _run(self) -> Generator[ItemResult, None, None]:
        journal = self._open_journal()
        complete, wait = False, True
        try:
            self._pool.start()
            finished: list[Task] = []
            while not self._ended:
                _flush_folders(finished)
                with journal.transaction() if journal else nullcontext():
                    runnable, reportable = self._sort(journal, finished)
                    self._read_items(journal, runnable, reportable)
                for task in runnable:
                    self._pool.submit(task)
                if (error := next((task.error for task in finished if task.error is not None), None)) is not None:
                    raise error
                yield from map(_item_result, self._in_turn(reportable))
                finished = self._pool.collect(linger=_LINGER if journal and self._options.concurrency > 1 else 0)
            complete = self.stopped is None
            if complete and journal and self._recovery:
                self.notes += journal.revoke_orphans(self._recovery, self._pool.new_runner)
        except KeyboardInterrupt:
            wait = self.stopped is None  # the first one lets requests in flight end, so that their tokens are stored
            raise
        finally:
            stopped = self.stopped
            late = self._pool.close(wait=wait)
            self._pool.stopped = stopped  # closing it is not the reason
            if journal:
                with journal.transaction(), suppress(NotDoneError):  # a file that may be lost is journalled as begun
                    _flush_folders(late)
                    for task in late:
                        journal.finish(task)
                journal.close(complete=complete)

    def _open_journal(self) -> RunJournal | None:
        if self._journal_options is None or self._single is None:
            return None
        journal = RunJournal(
            self._single, self._api, self._journal_options, self._open_store, marks=self._can_list_rows
        )
        if journal.resumed_from is not None:
            self.notes.append(f"resuming the run that was started at {journal.resumed_from}")
        return journal

    def _sort(self, journal: RunJournal | None, finished: list[Task]) -> tuple[list[Task], list[Task]]:
        """Split *finished* tasks into those that may run now and those to report; journal both."""
        runnable: list[Task] = []
        reportable: list[Task] = []
        for task in finished:
            if task.error is not None:
                continue
            if task.released and journal is not None:
                journal.release(task)
                if self.stopped is None:
                    journal.begin(task)
                    runnable.append(task)
                    continue
                task.result, task.keep_record = self._pool.skipped(), True
            if journal is not None:
                journal.finish(task)
            reportable.append(task)
        return runnable, reportable

    def _read_items(self, journal: RunJournal | None, runnable: list[Task], reportable: list[Task]) -> None:
        """Read as many items as may be in progress; add each to *runnable*, or to *reportable* if it has a result."""
        while self._read - self._reported < self._max_in_progress and not self._exhausted:
            skip_silently = self.stopped is not None and not self._pool.report_skipped
            item = None if skip_silently else next(self._items, None)
            if item is None:
                self._exhausted = True
                return
            task = Task(self._read, item)
            self._read += 1
            self._prepare(journal, task)
            (reportable if task.result is not None else runnable).append(task)

    def _prepare(self, journal: RunJournal | None, task: Task) -> None:
        """Find out what is to be done for a task, and journal that it is about to be done."""
        problem = task.item.problem
        try:
            task.stores = self._stores(task.item) if problem is None else ()
        except InvalidError as error:
            problem = error.problem
        if problem is None and journal and self._single and self._single.secrets and not task.stores:
            problem = Problem(
                "validation",
                "no token store was given, and the token is shown only once",
                field=STORE_FIELD,
                hint="Name one in the item, or one for all items, such as file:out/{name}.json.",
            )
        if problem is not None:
            task.result = self._pool.failed(Outcome.INVALID, problem)
        elif journal:
            try:
                journal.recall(task)
            except InvalidError as error:  # its row was damaged, which keeps no other item back
                task.result, task.keep_record = self._pool.failed(Outcome.INVALID, error.problem), True
        if task.result is None and self.stopped is not None:
            task.result, task.keep_record = self._pool.skipped(), True
        if task.result is not None and journal:
            journal.finish(task)
        elif task.before is None and journal:
            journal.begin(task)

    def _in_turn(self, tasks: list[Task]) -> Iterator[Task]:
        """Yield the tasks to report now: all of them, or in the order of the items if that was asked for."""
        if not self._options.ordered:
            self._reported += len(tasks)
            yield from tasks
            return
        self._out_of_turn.update({task.index: task for task in tasks})
        while (following := self._out_of_turn.pop(self._reported, None)) is not None:
            self._reported += 1
            yield following


def _item_result(task: Task) -> ItemResult:
    assert task.result is not None  # noqa: S101  # it has ended
    return ItemResult(task.item.number, task.result, task.earlier, task.item.offset)


def _flush_folders(tasks: Iterable[Task]) -> None:
    """Flush the folders of the tokens of *tasks* to the disk, each once, before their results are journalled.

    Raises:
        NotDoneError: one cannot be flushed; its tokens are found when the run is resumed.

    """
    for folder in {folder for task in tasks for folder in task.unflushed}:
        try:
            sync_folder(folder)
        except OSError as error:
            hint = "Run the same command again when its disk works: it finds the tokens that were stored."
            message = f"the folder {folder} cannot be flushed to the disk: {(error.strerror or str(error)).lower()}"
            raise NotDoneError(Problem("unavailable", message, field=STORE_FIELD, hint=hint)) from None
