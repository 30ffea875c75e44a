"""``Bulk``: takes items as they are needed, has them run, and gives a result for each.

The thread of the caller reads the items, journals and tells; the crew sends.  What is under way is bounded, so a slow
reader of results slows the sending, and neither items nor results pile up.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.bulk.items import PLACE, Item, ItemResult, Journal, PlaceTemplate, numbered, places_of
from locoia_pat.bulk.recovery import Recovery
from locoia_pat.bulk.task import Work
from locoia_pat.bulk.workers import Crew
from locoia_pat.outcomes import InvalidError, Outcome, Problem, invalid
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from locoia_pat.bulk.items import Terms
    from locoia_pat.bulk.rate_limit import Pace
    from locoia_pat.bulk.recovery import Runner
    from locoia_pat.bulk.run_journal import Ledger
    from locoia_pat.engine.engine import Engine
    from locoia_pat.spec.model import ActionSpec

_GATHER = 0.01
"""Seconds for which results gather, so that one write to the disk journals many; more work waits for the crew."""


class Bulk:
    """One bulk run: an iterator over the :class:`ItemResult` of each item."""

    def __init__(
        self,
        core: Engine,
        twin: Callable[[Pace], Runner],
        action: str,
        items: Iterable[Mapping[str, Any] | Item],
        terms: Terms,
    ) -> None:
        """Look at all that can be known before; nothing is sent yet.  See ``Connector.run_many``."""
        terms.check()
        self._terms = terms
        self._spec = core.specs.spec(action)
        self._api = core.base_url
        self._open_place = core.open_place
        self._template = PlaceTemplate(terms.token_to) if terms.token_to is not None else None
        single: ActionSpec | None = None if isinstance(self._spec, SuperSpec) else core.action(action).spec
        self._single = single
        self._journal: Journal | None = None
        self._recovery: Recovery | None = None
        if terms.journal is not None and single is not None and single.effect != "read":
            self._journal = Journal(terms.journal) if isinstance(terms.journal, str) else terms.journal
            self._recovery = Recovery(core, single, replace=terms.replace, repeat_unknown=self._journal.repeat_unknown)
        self._crew = Crew(
            self._spec, self._api, twin=twin, terms=terms, template=self._template, recovery=self._recovery
        )
        if self._spec.effect != "read":
            items = items if iter(items) is not items else list(items)
            self._refuse_twins(items)
        self._items = numbered(items)
        self._window = 2 * terms.width + 8
        self._taken = self._told = 0
        self._exhausted = False
        self._waiting: dict[int, Work] = {}
        self.notes: list[str] = []
        """What is to be known about the run as a whole."""
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
        """Begin no more items, wait for those that are being sent, and close what is open."""
        if not self._over:
            self._crew.stop("it was closed", told=False)
        self._results.close()

    @property
    def _over(self) -> bool:
        return self._exhausted and self._told == self._taken

    def stop(self, why: str) -> None:
        """Begin no more items.  Those that are being sent have their results, and the others none."""
        self._crew.stop(why, told=False)

    @property
    def stopped(self) -> str | None:
        """Why it was stopped before its end; None where it was not."""
        return self._crew.stopped

    @property
    def waiting(self) -> float:
        """Seconds for which nothing is sent, because the API asked for it."""
        return self._crew.pace.waiting

    def _refuse_twins(self, items: Iterable[Mapping[str, Any] | Item]) -> None:
        """Refuse two items with the same place."""
        from locoia_pat.bulk.journal import Distinct  # noqa: PLC0415  # as above
        from locoia_pat.stores import spot  # noqa: PLC0415  # a read has no places

        with closing(Distinct()) as known:
            for item in numbered(items):
                try:
                    refs = [self._open_place(place).ref for place in self._places(item)] if item.problem is None else []
                except InvalidError:
                    continue  # the item is told so when its turn comes
                for ref in refs:
                    if (before := known.before(spot(ref), item.number)) is not None:
                        raise invalid(
                            f"the items {before} and {item.number} have the same place, {ref}",
                            field=PLACE,
                            hint="Each token has a place of its own; nothing was sent.",
                        )

    def _places(self, item: Item) -> tuple[str, ...]:
        return places_of(item, self._template, own=PLACE in self._spec.inputs)

    def _run(self) -> Generator[ItemResult, None, None]:
        ledger = self._opened()
        whole, patient = False, True
        try:
            self._crew.begin()
            done: list[Work] = []
            while not self._over:
                with ledger.batch() if ledger else nullcontext():
                    fresh, told = self._sorted(ledger, done)
                    self._filled(ledger, fresh, told)
                for work in fresh:
                    self._crew.give(work)
                if (error := next((work.error for work in done if work.error is not None), None)) is not None:
                    raise error
                yield from map(_told, self._in_turn(told))
                done = self._crew.take(gather=_GATHER if ledger and self._terms.width > 1 else 0)
            whole = self.stopped is None
            if whole and ledger and self._recovery:
                self.notes += ledger.sweep(self._recovery, self._crew.runner)
        except KeyboardInterrupt:
            patient = False
            raise
        finally:
            stopped = self.stopped
            late = self._crew.end(patient=patient)
            self._crew.stopped = stopped  # that it came to its end is no reason
            if ledger:
                with ledger.batch():
                    for work in late:
                        ledger.end(work)
                ledger.close(whole=whole)

    def _opened(self) -> Ledger | None:
        if self._journal is None or self._single is None:
            return None
        from locoia_pat.bulk.run_journal import Ledger  # noqa: PLC0415  # only a journalled run needs it

        ledger = Ledger(self._single, self._api, self._journal, self._open_place)
        if ledger.resumes is not None:
            self.notes.append(f"this goes on with the run that began {ledger.resumes}")
        return ledger

    def _sorted(self, ledger: Ledger | None, done: list[Work]) -> tuple[list[Work], list[Work]]:
        """Of what was *done*, that which may be run now, and that which ended; both are journalled."""
        fresh: list[Work] = []
        told: list[Work] = []
        for work in done:
            if work.error is not None:
                continue
            if work.free and ledger is not None:
                ledger.free(work)
                if self.stopped is None:
                    ledger.begin(work)
                    fresh.append(work)
                    continue
                work.result, work.kept = self._crew.not_run(), True
            if ledger is not None:
                ledger.end(work)
            told.append(work)
        return fresh, told

    def _filled(self, ledger: Ledger | None, fresh: list[Work], told: list[Work]) -> None:
        """Take as many items as there is room for: *fresh* are to be run, *told* have their results."""
        while self._taken - self._told < self._window and not self._exhausted:
            silent = self.stopped is not None and not self._crew.told
            item = None if silent else next(self._items, None)
            if item is None:
                self._exhausted = True
                return
            work = Work(self._taken, item)
            self._taken += 1
            self._prepare(ledger, work)
            (told if work.result is not None else fresh).append(work)

    def _prepare(self, ledger: Ledger | None, work: Work) -> None:
        """Know what there is to do for it, and journal that it is about to be done."""
        problem = work.item.problem
        try:
            work.places = self._places(work.item) if problem is None else ()
        except InvalidError as error:
            problem = error.problem
        if problem is None and ledger and self._single and self._single.secrets and not work.places:
            problem = Problem(
                "validation",
                "there is no place for the token, which is shown once",
                field=PLACE,
                hint="Name one beside its inputs, or for all of them, such as file:out/{name}.json.",
            )
        if problem is not None:
            work.result = self._crew.failed(Outcome.INVALID, problem)
        elif ledger:
            ledger.recall(work)
        if work.result is None and self.stopped is not None:
            work.result, work.kept = self._crew.not_run(), True
        if work.result is not None and ledger:
            ledger.end(work)
        elif work.before is None and ledger:
            ledger.begin(work)

    def _in_turn(self, works: list[Work]) -> Iterator[Work]:
        """Those of *works*, and of those that waited, whose turn it is to be told."""
        if not self._terms.in_order:
            self._told += len(works)
            yield from works
            return
        self._waiting.update({work.turn: work for work in works})
        while (following := self._waiting.pop(self._told, None)) is not None:
            self._told += 1
            yield following


def _told(work: Work) -> ItemResult:
    assert work.result is not None  # noqa: S101  # it ended
    return ItemResult(work.item.number, work.result, work.earlier, work.item.position)
