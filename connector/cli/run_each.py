"""``locoia-pat run ACTION --each FILE``: the action for each line of a file, one JSON line for each."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.bulk import JournalOptions
from locoia_pat.cli import render
from locoia_pat.cli.arguments import parse_inputs
from locoia_pat.cli.item_file import ItemFile, open_items
from locoia_pat.cli.options import resolve_auth
from locoia_pat.cli.process import INTERRUPTED
from locoia_pat.connector import Connector
from locoia_pat.outcomes import InvalidError, Outcome, Problem, invalid
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.bulk import BulkRun, ItemResult
    from locoia_pat.cli.process import Signals
    from locoia_pat.spec.load import SpecFolder

_ALONE = ("inputs_file", "reveal", "table")
"""Options that are for one run alone."""
_TICK = 0.5
"""Seconds after which a progress bar is drawn again."""


def run_each(action: str, specs: SpecFolder, signals: Signals, **options: Any) -> int:
    """Run *action* for each line of a file; returns the exit code.

    Raises:
        InvalidError: the call, the file or a place is wrong; nothing was sent.

    """
    spec = specs.spec(action)
    for name in _ALONE:
        if options[name]:
            told = f"--{name.removesuffix('_file')} is for one run; with --each there are many"
            raise invalid(told, field="each", hint="Tokens go into places, one for each line.")
    if options["each"] == "-" and options["auth"] == "-":
        raise invalid("--each and --auth cannot both read standard input", field="auth")
    template = _template(options["token_to"])
    if spec.effect != "read" and not isinstance(spec, SuperSpec) and not spec.secrets and template:
        raise invalid(f"{action} gives no token to put anywhere", field="token_to")
    given = parse_inputs(options["pairs"], None, spec.inputs)
    quiet: bool = options["quiet"]
    with (
        open_items(options["each"]) as (file, source),
        Connector(
            resolve_auth(options["auth"], specs.connector).auth,
            specs=specs,
            timeout=options["timeout"],
            any_option=("scopes",) if options["allow_unknown_scope"] else (),
        ) as connector,
    ):
        items = ItemFile(file, options["each"], spec.inputs, given)
        if spec.effect != "read" and not options["yes"] and sys.stdin.isatty():
            _ask(f"{spec.title} at {connector.base_url}, for each line of {options['each']}")
        journal = JournalOptions(source, restart=options["restart"], retry_unknown=options["retry_unknown"])
        bulk = connector.run_many(
            action,
            items,
            token_to=template,
            replace=options["replace"],
            wait=options["wait"],
            concurrency=options["concurrency"],
            ordered=options["ordered"],
            max_failures=options["max_failures"],
            rate=options["rate"],
            journal=None if options["no_journal"] else journal,
        )
        signals.wait_while = _stopping(bulk, connector)
        try:
            with bulk:
                return _tell(bulk, items.size, quiet=quiet)
        except KeyboardInterrupt:
            render.say("interrupted; run the same command again to resume")
            return INTERRUPTED


def _template(places: tuple[str, ...]) -> str | None:
    if len(places) > 1:
        raise invalid(
            "with --each there is one place for each line",
            field="token_to",
            hint='A line may name several: "token_to": ["file:a.json", "file:b.json"].',
        )
    return places[0] if places else None


def _ask(question: str) -> None:
    if not click.confirm(f"{question}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))


def _stopping(bulk: BulkRun, connector: Connector) -> Callable[[], bool]:
    """What a signal does: the first one has what is being sent end, the next one does not wait for it."""

    def wait() -> bool:
        first = bulk.stopped is None
        bulk.stop("it was interrupted")
        return first or connector.storing

    return wait


def _tell(bulk: BulkRun, size: int, *, quiet: bool) -> int:
    """Print each result as it comes, and at the end how many there were of each kind; returns the exit code."""
    outcomes: Counter[Outcome] = Counter()
    told = 0
    with _bar(size, bulk, outcomes, quiet=quiet) as moved:
        for done in bulk:
            for note in bulk.notes[told:] if not quiet else ():
                render.say(note)
            told = len(bulk.notes)
            outcomes[done.result.outcome] += 1
            render.print_item(done)
            moved(done)
    if not quiet:
        for note in bulk.notes[told:]:
            render.say(note)
        counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome if outcomes[outcome])
        render.say(f"{outcomes.total()} items: {counts or 'none'}")
        if bulk.stopped is not None:
            render.say(f"stopped: {bulk.stopped}; run the same command again to resume")
    return max((outcome.exit_code for outcome in outcomes), default=0)


@contextmanager
def _bar(
    size: int, bulk: BulkRun, outcomes: Counter[Outcome], *, quiet: bool
) -> Iterator[Callable[[ItemResult], None]]:
    """A progress bar on a terminal, where the results go elsewhere."""
    if quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return

    def shown(_: object) -> str:
        failed = outcomes.total() - outcomes[Outcome.DONE]
        waits = f", waits {bulk.pause_left:.0f} s" if bulk.pause_left else ""
        return f"{outcomes[Outcome.DONE]} done, {failed} not{waits}"

    furthest = 0
    drawing, ended = threading.Lock(), threading.Event()
    with click.progressbar(length=max(size, 1), file=sys.stderr, item_show_func=shown) as bar:

        def moved(done: ItemResult) -> None:
            nonlocal furthest
            with drawing:
                bar.update(max(0, done.offset - furthest), done)
            furthest = max(furthest, done.offset)

        def told() -> None:
            while not ended.wait(_TICK):  # while all wait nothing moves
                with drawing:
                    bar.render_progress()

        ticker = threading.Thread(target=told, daemon=True)
        ticker.start()
        try:
            yield moved
        finally:
            ended.set()
            ticker.join()
        bar.render_progress()
