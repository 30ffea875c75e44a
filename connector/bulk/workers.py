"""The worker threads of a bulk run: each runs one task at a time, over its own connections."""

from __future__ import annotations

import threading
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from locoia_pat.bulk.items import STORE_FIELD
from locoia_pat.bulk.rate_limit import MAX_RETRY_AFTER, RateLimiter
from locoia_pat.bulk.recovery import MayRun
from locoia_pat.files import flushing_folders_later
from locoia_pat.outcomes import InvalidError, Outcome, Problem, Result
from locoia_pat.spec.row_mark import mark_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locoia_pat.bulk.items import BulkOptions, StoreTemplate, Task
    from locoia_pat.bulk.recovery import Recovery, Runnable
    from locoia_pat.spec.model import ActionSpec, SuperSpec


class WorkerPool:
    """Runs tasks in threads, in any order."""

    def __init__(
        self,
        spec: ActionSpec | SuperSpec,
        api: str,
        *,
        clone: Callable[[RateLimiter], Runnable],
        options: BulkOptions,
        template: StoreTemplate | None,
        recovery: Recovery | None,
    ) -> None:
        self.rate_limiter = RateLimiter(options.concurrency, options.rate)
        self._spec, self._api, self._options, self._recovery = spec, api, options, recovery
        self._clone = clone
        self._not_inputs = frozenset(template.fields if template else ()) | {STORE_FIELD}
        """Fields of an item that are not inputs, unless the action has an input of that name."""
        self._submitted: SimpleQueue[Task | None] = SimpleQueue()
        self._finished: SimpleQueue[Task] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._pending = 0
        self._failures = 0
        self._lock = threading.Lock()
        self.stopped: str | None = None
        """Why no more tasks are started; None while they are."""
        self.report_skipped = True
        """Whether tasks that are not started because of that still get a result."""

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._options.concurrency):
            # Daemons: a process that must end at once does not wait for them.
            thread = threading.Thread(target=self._work, name=f"locoia-pat-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, task: Task) -> None:
        """Have *task* run."""
        self._pending += 1
        self._submitted.put(task)

    def collect(self, *, linger: float = 0) -> list[Task]:
        """Return finished tasks; wait for one if any is running, and *linger* seconds more for others."""
        tasks = [self._finished.get()] if self._pending else []
        if linger and self._pending > len(tasks):
            time.sleep(linger)
        tasks += self._finished_now()
        self._pending -= len(tasks)
        return tasks

    def _finished_now(self) -> Iterator[Task]:
        while True:
            try:
                yield self._finished.get_nowait()
            except Empty:
                return

    def stop(self, reason: str, *, report_skipped: bool) -> None:
        """Start no more tasks and end all waiting; requests in flight complete."""
        with self._lock:
            if self.stopped is None:
                self.stopped, self.report_skipped = reason, report_skipped
        self.rate_limiter.stop()

    def close(self, *, wait: bool) -> list[Task]:
        """Stop the threads and return the tasks that finished since; with *wait*, let running ones complete."""
        self.stop("it was closed", report_skipped=False)
        for _ in self._threads:
            self._submitted.put(None)
        for thread in self._threads if wait else ():
            thread.join()
        return list(self._finished_now())

    def new_runner(self) -> Runnable:
        """Return a connector under the same rate limit."""
        return self._clone(self.rate_limiter)

    def failed(self, outcome: Outcome, problem: Problem) -> Result:
        """Return a result for which nothing was sent."""
        return Result(self._spec.action, outcome, self._api, problem=problem)

    def skipped(self) -> Result:
        """Return the result of a task that was not started."""
        message = f"not run, because the run was stopped: {self.stopped}"
        return self.failed(Outcome.NOT_DONE, Problem("unavailable", message, hint="It is safe to retry."))

    def _work(self) -> None:
        # With a journal, the caller's thread flushes the folders of many tokens at once, before it reports their items.
        later = flushing_folders_later() if self._recovery is not None else nullcontext(set[Path]())
        with closing(self.new_runner()) as runner, later as folders:
            while (task := self._submitted.get()) is not None:
                try:
                    self._run(runner, task)
                except BaseException as error:  # noqa: BLE001  # a bug is raised in the thread that reads the results
                    task.error = error
                task.unflushed = frozenset(folders)
                folders.clear()
                self._finished.put(task)

    def _run(self, runner: Runnable, task: Task) -> None:
        task.released = False
        if self.stopped is not None:
            task.result, task.keep_record = self.skipped(), task.before is not None
        elif task.before is not None and self._recovery is not None:
            settled = self._recovery.settle(runner, task.before)
            if isinstance(settled, MayRun):
                task.released, task.warnings, task.may_appear_late = True, settled.warnings, settled.may_appear_late
            else:
                task.result, task.keep_record = settled, settled.problem is not None
                self._count_failure(settled)
        else:
            task.result = self._send(runner, task).with_warnings(*task.warnings)
            self._count_failure(task.result)

    def _send(self, runner: Runnable, task: Task) -> Result:
        """Run the action, and again after the pause while the API only asks to come back later."""
        try:
            inputs = self._inputs(task)
        except InvalidError as error:
            return self.failed(Outcome.INVALID, error.problem)
        options: dict[str, Any] = {
            "token_to": task.stores,
            "replace": self._options.replace,
            "wait": self._options.wait,
        }
        deadline = time.monotonic() + MAX_RETRY_AFTER
        tries = attempts = 0
        while True:
            result = runner.run(self._spec.action, inputs, **options)
            attempts += result.attempts
            if (seconds := self.rate_limiter.excessive_retry_after) is not None:
                self.stop(f"the API asks to wait {seconds:.0f} s", report_skipped=True)
            limited = result.problem is not None and result.problem.code == "rate_limited"
            if not limited or self.stopped is not None or time.monotonic() > deadline:
                return replace(result, attempts=attempts)
            self.rate_limiter.pause(tries)
            tries += 1

    def _inputs(self, task: Task) -> Mapping[str, Any]:
        """Return the inputs of a task, with its mark."""
        item, declared = task.item, self._spec.inputs
        fields = {
            name: value for name, value in item.fields.items() if name in declared or name not in self._not_inputs
        }
        inputs = item.parse(fields) if item.parse else fields
        if task.mark is None:
            return inputs
        hint = "An interrupted run finds the rows it created by their marks; --no-journal sends none."
        return mark_inputs(self._spec, inputs, task.mark, hint)

    def _count_failure(self, result: Result) -> None:
        """Stop if the result says that continuing is pointless, or if there were too many failures."""
        problem = result.problem
        if problem is None or result.outcome is Outcome.INVALID:
            return
        if problem.code == "unauthorized":
            self.stop("the credential was not accepted", report_skipped=True)
        with self._lock:
            self._failures += 1
            failures = self._failures
        if self._options.max_failures is not None and failures >= self._options.max_failures:
            self.stop(f"{failures} items failed", report_skipped=True)
