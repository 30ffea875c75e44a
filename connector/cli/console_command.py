"""``console``: the token page on localhost, over any base URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat import limits
from locoia_pat.cli import render
from locoia_pat.cli.doctor import check_setup
from locoia_pat.cli.options import Number, auth_option, resolve_auth
from locoia_pat.connector import Connector
from locoia_pat.extras import import_extra
from locoia_pat.http.listener import open_listener, url_of
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locoia_pat.actions.fleet.fleet_plan import TokenPlan

_PORT = 8323
_TIMEOUT = 20.0


@click.command("console")
@click.option("--port", type=Number(limits.PORT), default=_PORT, show_default=True, help="0 chooses a free one.")
@auth_option
@click.option("--fleet", "fleet_file", metavar="FILE", help="Fleet file whose status the page shows.")
@click.option("--timeout", type=Number(limits.TIMEOUT), default=_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time limit of a call, for all attempts together.")  # fmt: skip
def console_command(*, port: int, auth: str | None, fleet_file: str | None, timeout: float) -> None:
    """Serve a page in the browser to list, create, regenerate, revoke and rotate tokens, until Ctrl-C.

    Calls use the credential of --auth, of the environment or of "locoia-pat login"; it is never sent to the browser.
    The page is served on localhost only. Prints a link that opens it once, and a new one when a browser without a
    session asks for the page.
    """
    page_app = import_extra("locoia_pat.actions.console.page_app", "console")
    server = import_extra("locoia_pat.actions.console.page_server", "console")
    from locoia_pat.actions.console.health_report import HealthSources

    specs = SpecFolder()
    resolved = resolve_auth(auth, specs.connector)
    with Connector(resolved.auth, specs=specs, timeout=timeout) as connector:
        connector.base_url  # noqa: B018  # a wrong URL is reported now, not at the first page
        fleet = _fleet_reader(fleet_file, connector) if fleet_file is not None else None
        sources = HealthSources(lambda: check_setup(specs, resolved), fleet)
        listener = open_listener("127.0.0.1", port)
        app = page_app.PageApp(connector, url_of(listener, ""), _say, sources=sources)
        try:
            server.serve(app, listener)
        finally:
            app.close()


def _fleet_reader(file: str, connector: Connector) -> Callable[[], Sequence[TokenPlan]]:
    from locoia_pat.actions.fleet.fleet_file import read_fleet
    from locoia_pat.actions.fleet.fleet_plan import FleetPlan
    from locoia_pat.state.journal import State

    read_fleet(file)  # a mistake is reported now

    def read() -> Sequence[TokenPlan]:
        with FleetPlan(read_fleet(file), State(), connector) as plan:
            return list(plan.token_plans())

    return read


def _say(link: str) -> None:
    render.say("open this link once; it is valid for 10 minutes")
    click.echo(link)
