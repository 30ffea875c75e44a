"""``locoia-pat worker``: handle the tokens of fleets that ``fleet apply --on`` gives to workers."""

from __future__ import annotations

import sys

import click

from locoia_pat import limits
from locoia_pat.cli import output
from locoia_pat.cli.options import Number, auth_option, resolve_auth
from locoia_pat.connector import CONCURRENCY, Connector
from locoia_pat.engine.compiled_specs import ready_connector
from locoia_pat.extras import import_extra
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State


@click.command("worker")
@click.option("--on", "url", metavar="URL", help="The state, postgresql://…; by default LOCOIA_PAT_STATE.")
@auth_option
@click.option("--concurrency", type=Number(limits.CONCURRENCY), default=CONCURRENCY, show_default=True, metavar="N",
              help="How many tokens this worker handles at a time.")  # fmt: skip
@click.option("--rate", type=Number(limits.MAX_FAILURES), metavar="N",
              help="How many tokens a minute all workers handle by one credential, at most.")  # fmt: skip
@click.option("--fleet", "fleets", metavar="FILE", multiple=True,
              help="Apply the fleet of FILE as often as its key every says; may repeat.")  # fmt: skip
def worker_command(
    url: str | None, *, auth: str | None, concurrency: int, rate: int | None, fleets: tuple[str, ...]
) -> None:
    """Handle the tokens of fleets that "fleet apply --on" gives to workers, until it is stopped.

    Any number of workers, on any machines, share the PostgreSQL database of the state. What a worker that ends has not
    finished, another one takes over within a minute.
    """
    worker_module = import_extra("locoia_pat.actions.fleet.fleet_worker", "dbos")
    specs = SpecFolder()
    connector = Connector(resolve_auth(auth, ready_connector(specs)).auth, specs=specs)
    worker = worker_module.FleetWorker(State(url), connector, concurrency=concurrency, rate=rate, fleets=fleets)
    output.set_effect()
    worker.run(_report)


def _report(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
