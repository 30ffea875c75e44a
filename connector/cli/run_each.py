"""``locoia-pat run ACTION --each FILE``: run an action once per line of a file, and print one JSON line for each."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.bulk import JournalOptions
from locoia_pat.cli import output, render
from locoia_pat.cli.item_file import ItemFile, open_items
from locoia_pat.cli.options import resolve_auth
from locoia_pat.cli.other_exit_codes import INTERRUPTED
from locoia_pat.cli.typed_inputs import parse_inputs
from locoia_pat.connector import Connector
from locoia_pat.engine.compiled_specs import ready_connector, ready_spec
from locoia_pat.interrupts import signals
from locoia_pat.messages import plural
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.spec.compiled_form import is_super

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.bulk import BulkRun, ItemResult
    from locoia_pat.spec.load import SpecFolder

_SINGLE_RUN_OPTIONS = ("inputs_file", "reveal", "table")
"""Options that cannot be combined with ``--each``."""
_REDRAW_INTERVAL = 0.5
"""Seconds between two redraws of the progress bar."""


def run_each(action: str, specs: SpecFolder, **options: Any) -> int:
    """Run *action* once per line of a file, and return the exit code.

    Raises:
        InvalidError: an option, the file or a token store is invalid; nothing was sent.

    """
    spec = ready_spec(specs, action)
    for name in _SINGLE_RUN_OPTIONS:
        if options[name]:
            message = f"--{name.removesuffix('_file')} cannot be combined with --each"
            raise invalid(message, field="each", hint="Each line has its own inputs and token store.")
    if options["each"] == "-" and options["auth"] == "-":
        raise invalid("--each and --auth cannot both read standard input", field="auth")
    template = _template(options["token_to"])
    if spec.effect != "read" and not is_super(spec) and not spec.secrets and template:
        raise invalid(f"{action} returns no token to store", field="token_to")
    given = parse_inputs(options["pairs"], None, spec.inputs)
    quiet: bool = options["quiet"]
    if spec.effect != "read":
        output.set_effect()
    with (
        open_items(options["each"]) as (file, source),
        Connector(
            resolve_auth(options["auth"], ready_connector(specs)).auth,
            specs=specs,
            timeout=options["timeout"],
            any_option=("scopes",) if options["allow_unknown_scope"] else (),
        ) as connector,
    ):
        items = ItemFile(file, options["each"], spec.inputs, given)
        question = f"{spec.title} at {connector.base_url}, for each line of {options['each']}"
        render.confirm(question, yes=options["yes"] or spec.effect == "read")
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
                return _print_results(bulk, items.size, quiet=quiet, needs_output=spec.effect == "read")
        except KeyboardInterrupt:
            render.say("interrupted; run the same command again to resume")
            return INTERRUPTED


def _template(refs: tuple[str, ...]) -> str | None:
    if len(refs) > 1:
        raise invalid(
            "--token-to can be given only once with --each",
            field="token_to",
            hint='A line can name several token stores: "token_to": ["file:a.json", "file:b.json"].',
        )
    return refs[0] if refs else None


def _stopping(bulk: BulkRun, connector: Connector) -> Callable[[], bool]:
    """Return what a signal does: the first one lets requests in flight finish, the next one does not wait."""

    def wait() -> bool:
        first = bulk.stopped is None
        bulk.stop("it was interrupted")
        return first or connector.storing

    return wait


def _print_results(bulk: BulkRun, size: int, *, quiet: bool, needs_output: bool) -> int:
    """Print each result as it arrives, then how many there are of each outcome; return the exit code.

    If standard output fails, a run that *needs_output*, because it only reads, stops; any other one runs to its end.
    """
    outcomes: Counter[Outcome] = Counter()
    printed_notes = 0
    with _progress_bar(size, bulk, outcomes, quiet=quiet) as advance:
        for item_result in bulk:
            for note in bulk.notes[printed_notes:] if not quiet else ():
                render.say(note)
            printed_notes = len(bulk.notes)
            outcomes[item_result.result.outcome] += 1
            render.print_item(item_result)
            if needs_output and output.failed():
                bulk.stop("standard output cannot be written")
            advance(item_result)
    if not quiet:
        for note in bulk.notes[printed_notes:]:
            render.say(note)
        counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome if outcomes[outcome])
        render.say(f"{plural(outcomes.total(), 'item')}: {counts or 'none'}")
        if bulk.stopped is not None:
            render.say(f"stopped: {bulk.stopped}; run the same command again to resume")
    return max((outcome.exit_code for outcome in outcomes), default=0)


@contextmanager
def _progress_bar(
    size: int, bulk: BulkRun, outcomes: Counter[Outcome], *, quiet: bool
) -> Iterator[Callable[[ItemResult], None]]:
    """Show a progress bar if standard error is a terminal and standard output is not."""
    if quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return

    def status(_: object) -> str:
        failed = outcomes.total() - outcomes[Outcome.DONE]
        pause = f", waiting {bulk.pause_left:.0f} s" if bulk.pause_left else ""
        return f"{outcomes[Outcome.DONE]} done, {failed} not done{pause}"

    furthest = 0
    drawing, ended = threading.Lock(), threading.Event()
    with click.progressbar(length=max(size, 1), file=sys.stderr, item_show_func=status) as bar:

        def advance(item_result: ItemResult) -> None:
            nonlocal furthest
            with drawing:
                bar.update(max(0, item_result.offset - furthest), item_result)
            furthest = max(furthest, item_result.offset)

        def redraw() -> None:
            while not ended.wait(_REDRAW_INTERVAL):  # no item finishes during a pause
                with drawing:
                    bar.render_progress()

        ticker = threading.Thread(target=redraw, daemon=True)
        ticker.start()
        try:
            yield advance
        finally:
            ended.set()
            ticker.join()
        bar.render_progress()
