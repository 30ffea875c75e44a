"""``sandbox`` and ``demo``: a local server that behaves like the token API."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour, format_value
from locoia_pat.actions.sandbox.faults import KINDS, Fault, Faults
from locoia_pat.cli import render
from locoia_pat.cli.options import Number, resolve_specs
from locoia_pat.cli.other_exit_codes import BUG
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.extras import import_extra
from locoia_pat.http.listener import open_listener, url_of
from locoia_pat.http.url import is_loopback
from locoia_pat.limits import PORT
from locoia_pat.outcomes import InvalidError, Outcome, invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from socket import socket
    from types import ModuleType

    from locoia_pat.actions.console.page_app import PageApp
    from locoia_pat.connector import Connector
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder


_PORT = 8321
_EPILOG = "\n".join(
    [
        "\b",
        "Switches, for what the API page leaves open; the first value is the default:",
        *(
            f"  {name}={'|'.join(map(format_value, values))}"
            for name, values in SWITCHES.items()
            if name != "pat_scope"
        ),
        "  pat_scope=any|SCOPE",
        "",
        "\b",
        f"Faults: {', '.join(KINDS)}.",
        "Their options: seconds, status, retry_after, retry_after_form, location, commit, path.",
        "To add faults while it runs, POST a JSON list to /_sandbox/faults.",
    ]
)


@click.command("sandbox", epilog=_EPILOG)
@click.option(
    "--port",
    type=Number(PORT),
    default=_PORT,
    show_default=True,
    help="0 chooses a free one.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder to keep tokens in; by default they are only in memory.",
)
@click.option("--new-token", is_flag=True, help="Mint and print one more token.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Host to listen on.")
@click.option("--expose", is_flag=True, help="Allow a host that other computers can reach.")
@click.option("--behaviour", "switches", metavar="NAME=VALUE", multiple=True, help="Set a switch; may repeat.")
@click.option(
    "--fault",
    "faults",
    metavar="KIND[:METHOD][:TIMES][:NAME=VALUE]…",
    multiple=True,
    help="Add a fault; may repeat.",
)
@click.option(
    "--specs",
    metavar="DIR",
    help="Serve the examples of a spec folder or of pack:NAME instead; only --port, --host and --expose apply.",
)
def sandbox_command(
    *,
    specs: str | None,
    port: int,
    data: Path | None,
    new_token: bool,
    host: str,
    expose: bool,
    switches: tuple[str, ...],
    faults: tuple[str, ...],
) -> None:
    """Serve a stand-in for Locoia's token API on localhost until Ctrl-C.

    It is written from the public API page and is not Locoia's software.  It prints the lines that make locoia-pat use
    it, with a first token if it has none yet.  With --specs it replays the examples of specs, so that a connector can
    be tried without its API.
    """
    server = import_extra("locoia_pat.actions.sandbox.server", "sandbox")
    if not is_loopback(host) and not expose:
        raise invalid(
            "other computers can reach this host, over plain http",
            field="host",
            hint="Listen on 127.0.0.1, or pass --expose to allow it.",
        )
    if specs is not None:
        if data or new_token or switches or faults:
            raise invalid("--specs cannot be combined with --data, --new-token, --behaviour or --fault", field="specs")
        _serve_examples(server, resolve_specs(specs), host, port)
    else:
        behaviour, script = Behaviour.parse(switches), Faults(map(_fault, faults))
        _serve_api(server, behaviour, script, data, host=host, port=port, new_token=new_token)


def _serve_api(
    server: ModuleType,
    behaviour: Behaviour,
    script: Faults,
    data: Path | None,
    *,
    host: str,
    port: int,
    new_token: bool,
) -> None:
    try:
        store = import_extra("locoia_pat.actions.sandbox.sandbox_store", "sandbox").SandboxStore(_data_file(data))
    except OSError as error:
        raise invalid(str(error), field="data") from None
    try:
        listener = _listener(host, port)
        token = server.first_token(store, force=new_token)
        url = url_of(listener)
        click.echo(f"# A stand-in for Locoia's token API, at {url}; Ctrl-C stops it.")
        _print_lines({"LOCOIA_BASE_URL": url, **({"LOCOIA_TOKEN": token} if token is not None else {})})
        if token is None:
            click.echo("# It keeps the tokens of the last run; --new-token mints one more.")
        app = server.create_app(store, behaviour, script)
        if token is None or not is_loopback(host):
            server.serve(app, listener, _ready)
        else:
            with _pages(token, url) as pages:
                server.serve(server.with_pages(app, pages.asgi()), listener, lambda: _ready(pages))
    finally:
        store.close()


@contextmanager
def _pages(token: Secret, url: str) -> Iterator[PageApp]:
    """Yield the token page over the sandbox at *url*."""
    from locoia_pat.actions.console.page_app import PageApp
    from locoia_pat.connector import Connector

    with Connector(ConnectorAuth(token), base_url=url) as connector:
        pages = PageApp(connector, url.removesuffix("/v1"), lambda link: click.echo(f"# The token page: {link}"))
        try:
            yield pages
        finally:
            pages.close()


def _serve_examples(server: ModuleType, folder: SpecFolder, host: str, port: int) -> None:
    examples = import_extra("locoia_pat.authoring.example_server", "sandbox")
    app = examples.create_app(folder)
    listener = _listener(host, port)
    url = url_of(listener, examples.base_path(folder))
    click.echo(f"# The examples of {folder.connector.title}, at {url}; Ctrl-C stops it.")
    _print_lines(examples.environment(folder, url))
    server.serve(app, listener, _ready)


def _listener(host: str, port: int) -> socket:
    listener = open_listener(host, port)
    if not is_loopback(host):
        render.say("warning: other computers can reach this sandbox and read the requests")
    return listener


def _ready(pages: PageApp | None = None) -> None:
    if pages is not None:
        pages.offer_link()
    click.echo("# ready")
    sys.stdout.flush()


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except InvalidError as error:
        problem = error.problem
    raise invalid(problem.message, field=f"fault.{problem.field}", hint="For example --fault lost:POST:1.")


def _print_lines(variables: Mapping[str, str | Secret]) -> None:
    """Print lines to paste that set *variables*."""
    for shell, line in (
        ("sh, bash, zsh", "export {}='{}'"),
        ("PowerShell, without the leading #", "# $env:{} = '{}'"),
    ):
        click.echo(f"# {shell}")
        for name, value in variables.items():
            click.echo(line.format(name, value.reveal() if isinstance(value, Secret) else value))


def _data_file(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        folder.expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise invalid(f"the folder {folder} cannot be used: {error.strerror}", field="data") from None
    return folder.expanduser() / "sandbox.sqlite3"


@click.command("demo")
def demo_command() -> int:
    """Create, list and regenerate a token on a temporary sandbox.

    It starts and stops the sandbox itself, and neither reads nor changes anything of yours.
    """
    from locoia_pat.connector import Connector

    server = import_extra("locoia_pat.actions.sandbox.server", "sandbox")
    with tempfile.TemporaryDirectory(prefix="locoia-pat-demo-") as folder, server.running() as (url, store):
        click.echo(f"A sandbox of Locoia's token API runs at {url}.")
        first: Secret = server.first_token(store)
        ref = f"file:{Path(folder, 'ci.json')}"
        with Connector(ConnectorAuth(first), base_url=url) as connector:
            worked = _demonstrate(connector, url, ref)
    ended = "It worked: created, listed, regenerated." if worked else "It did not work as expected."
    click.echo(f"\n{ended} The sandbox and its tokens are gone.")
    return 0 if worked else BUG


def _demonstrate(connector: Connector, url: str, ref: str) -> bool:
    from locoia_pat.connector import Connector

    inputs = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
    created = _print_step("create_pat", connector.run("create_pat", inputs, token_to=[ref]))
    old = read_token(ref)
    _print_note(f"The token went to {created.token_refs[0]}; the output above does not contain it.")

    listed = _print_step("list_pats", connector.run("list_pats"))
    rows = (listed.data or {})["tokens"]
    _print_note(f"{len(rows)} tokens: the sandbox's first one, and the new one.")

    token_id = (created.data or {})["id"]
    _print_step(
        "regenerate_pat",
        connector.run("regenerate_pat", {"token_id": token_id, "expiration": 90}, token_to=[ref]),
    )
    outcomes = []
    for name, token in (("old", old), ("new", read_token(ref))):
        with Connector(ConnectorAuth(token), base_url=url) as other:
            outcomes.append(other.run("list_pats").outcome)
        _print_note(f"The {name} token is {'accepted' if outcomes[-1] is Outcome.DONE else 'refused'}.")
    return outcomes == [Outcome.REFUSED, Outcome.DONE]


def _print_step(name: str, result: Result) -> Result:
    click.echo(f"\n{click.style(name, bold=True)}: {result.outcome.value}")
    for key, value in (result.raise_for_outcome().data or {}).items():
        if not isinstance(value, list) or key == "scopes":
            click.echo(f"  {key}: {render.show_value(value)}")
    return result


def _print_note(line: str) -> None:
    click.echo(f"  {line}")
