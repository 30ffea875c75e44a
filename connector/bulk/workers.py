"""The threads of a bulk run: each sends for one item at a time, over connections of its own."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from locoia_pat.bulk.items import PLACE
from locoia_pat.bulk.rate_limit import PATIENCE, Pace
from locoia_pat.bulk.recovery import ROOM, Free, marked
from locoia_pat.outcomes import InvalidError, Outcome, Problem, Result, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locoia_pat.bulk.items import PlaceTemplate, Terms
    from locoia_pat.bulk.recovery import Recovery, Runner
    from locoia_pat.bulk.task import Work
    from locoia_pat.spec.model import ActionSpec, SuperSpec


class Crew:
    """Does the work that is given to it, in no order."""

    def __init__(
        self,
        spec: ActionSpec | SuperSpec,
        api: str,
        *,
        twin: Callable[[Pace], Runner],
        terms: Terms,
        template: PlaceTemplate | None,
        recovery: Recovery | None,
    ) -> None:
        self.pace = Pace(terms.width, terms.rate)
        self._spec, self._api, self._terms, self._recovery = spec, api, terms, recovery
        self._twin = twin
        self._others = frozenset(template.fields if template else ()) | {PLACE}
        """Fields of an item that are no inputs, unless the action has one of that name."""
        self._todo: SimpleQueue[Work | None] = SimpleQueue()
        self._done: SimpleQueue[Work] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._out = 0
        self._failures = 0
        self._counting = threading.Lock()
        self.stopped: str | None = None
        """Why no more work is begun; None while it is."""
        self.told = True
        """Whether those that are not begun have results."""

    def begin(self) -> None:
        """Let the threads begin."""
        for number in range(self._terms.width):
            # Not waited for where the process is to end at once.
            thread = threading.Thread(target=self._work, name=f"locoia-pat-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def give(self, work: Work) -> None:
        """Have *work* done."""
        self._out += 1
        self._todo.put(work)

    def take(self, *, gather: float = 0) -> list[Work]:
        """All work that is done; waits for one, if any is under way, and *gather* seconds more for others."""
        done = [self._done.get()] if self._out else []
        if gather and self._out > len(done):
            time.sleep(gather)
        done += self._ready()
        self._out -= len(done)
        return done

    def _ready(self) -> Iterator[Work]:
        while True:
            try:
                yield self._done.get_nowait()
            except Empty:
                return

    def stop(self, why: str, *, told: bool) -> None:
        """Begin no more work, and wait for nothing; what is being sent ends."""
        with self._counting:
            if self.stopped is None:
                self.stopped, self.told = why, told
        self.pace.stop()

    def end(self, *, patient: bool) -> list[Work]:
        """End the threads, and wait for what is under way, unless somebody is not *patient*; what was done since."""
        self.stop("it was closed", told=False)
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads if patient else ():
            thread.join()
        return list(self._ready())

    def runner(self) -> Runner:
        """A connector that keeps the pace of the others."""
        return self._twin(self.pace)

    def failed(self, outcome: Outcome, problem: Problem) -> Result:
        """A result for which nothing was sent."""
        return Result(self._spec.action, outcome, self._api, problem=problem)

    def not_run(self) -> Result:
        """The result of an item that was not begun."""
        message = f"not run: the run was stopped, for {self.stopped}"
        return self.failed(Outcome.NOT_DONE, Problem("unavailable", message, hint="It is safe to repeat."))

    def _work(self) -> None:
        with closing(self.runner()) as runner:
            while (work := self._todo.get()) is not None:
                try:
                    self._do(runner, work)
                except BaseException as error:  # noqa: BLE001  # a bug is raised where the results are read
                    work.error = error
                self._done.put(work)

    def _do(self, runner: Runner, work: Work) -> None:
        work.free = False
        if self.stopped is not None:
            work.result, work.kept = self.not_run(), work.before is not None
        elif work.before is not None and self._recovery is not None:
            settled = self._recovery.settle(runner, work.before)
            if isinstance(settled, Free):
                work.free, work.warnings, work.late = True, settled.warnings, settled.late
            else:
                work.result, work.kept = settled, settled.problem is not None
                self._count(settled)
        else:
            work.result = self._sent(runner, work).with_warnings(*work.warnings)
            self._count(work.result)

    def _sent(self, runner: Runner, work: Work) -> Result:
        """Run it, and again after the pause where all that the API said was to come later."""
        try:
            inputs = self._inputs(work)
        except InvalidError as error:
            return self.failed(Outcome.INVALID, error.problem)
        options: dict[str, Any] = {"token_to": work.places, "replace": self._terms.replace, "wait": self._terms.wait}
        until = time.monotonic() + PATIENCE
        attempts = 0
        while True:
            result = runner.run(self._spec.action, inputs, **options)
            attempts += result.attempts
            if self.pace.asked is not None:
                self.stop(f"the API asks to wait {self.pace.asked:.0f} s", told=True)
            limited = result.problem is not None and result.problem.code == "rate_limited"
            if not limited or self.stopped is not None or time.monotonic() > until:
                return replace(result, attempts=attempts)

    def _inputs(self, work: Work) -> Mapping[str, Any]:
        item, known = work.item, self._spec.inputs
        fields = {name: value for name, value in item.fields.items() if name in known or name not in self._others}
        inputs = item.read(fields) if item.read else fields
        if work.mark is None:
            return inputs
        name: str = getattr(self._spec, "mark", "")
        text, most = inputs.get(name), known[name].max_length
        if not isinstance(text, str):
            return inputs  # it is wrong, and told so
        if most is not None and most - ROOM < len(text) <= most:
            raise invalid(
                f"is longer than {most - ROOM} characters, which is the room beside the mark of a bulk run",
                field=name,
                hint="By its mark a run that was killed finds what it made; without a journal there is none.",
            )
        return {**inputs, name: marked(text, work.mark)}

    def _count(self, result: Result) -> None:
        """Stop where a result says that going on is of no use."""
        problem = result.problem
        if problem is None or result.outcome is Outcome.INVALID:
            return
        if problem.code == "unauthorized":
            self.stop("the credential was not accepted", told=True)
        with self._counting:
            self._failures += 1
            failures = self._failures
        if self._terms.max_failures is not None and failures >= self._terms.max_failures:
            self.stop(f"{failures} items failed", told=True)
