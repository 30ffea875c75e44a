"""``serve``: the actions over HTTP, and the keys of those who may call them."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat import limits
from locoia_pat.cli import output, render
from locoia_pat.cli.options import Number, auth_option, json_option, resolve_auth, specs_option
from locoia_pat.connector import Connector
from locoia_pat.extras import import_extra
from locoia_pat.http.listener import open_listener, url_of
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.http.url import is_loopback
from locoia_pat.outcomes import NotDoneError, Problem, invalid
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locoia_pat.mcp.tool_server import Confirm
    from locoia_pat.serve.mcp_endpoint import ToolOptions
    from locoia_pat.spec.load import SpecFolder

_PORT = 8322
_WAIT = 10.0
_STOP_WAIT = 60.0
"""Seconds to wait for a server on the same state folder that is just stopping."""


@click.group("serve", invoke_without_command=True, subcommand_metavar="[key COMMAND]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Host to listen on.")
@click.option("--port", type=Number(limits.PORT), default=_PORT, show_default=True, help="0 chooses a free one.")
@auth_option
@click.option("--tls-cert", metavar="FILE", type=click.Path(path_type=Path), help="Certificate chain, to serve https.")
@click.option("--tls-key", metavar="FILE", type=click.Path(path_type=Path), help="Private key of the certificate.")
@click.option("--proxy", "proxies", metavar="ADDRESS", multiple=True,
              help="IP address of the proxy that serves https; no other address is answered. May repeat.")  # fmt: skip
@click.option("--concurrency", type=Number(limits.THREADS), default=40, show_default=True, metavar="N",
              help="How many calls run at a time.")  # fmt: skip
@click.option("--timeout", type=Number(limits.TIMEOUT), default=DEFAULT_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time limit of a call, for all attempts together.")  # fmt: skip
@click.option("--wait", type=Number(limits.WAIT), default=_WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another call that works on the same name.")  # fmt: skip
@click.option("--mcp", is_flag=True, help="Serve the actions as tools of MCP at /mcp as well.")
@click.option("--mcp-token-to", metavar="[ACTION=]REF", multiple=True,
              help="Token store for tools, such as file:/srv/tokens/{name}.json; may repeat.")  # fmt: skip
@click.option("--mcp-confirm", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Ask before a tool revokes: auto, where the client can ask; always, or refuse.")  # fmt: skip
@specs_option
@click.pass_context
def serve_command(
    context: click.Context,
    *,
    host: str,
    port: int,
    auth: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    proxies: tuple[str, ...],
    concurrency: int,
    timeout: float,
    wait: float,
    mcp: bool,
    mcp_token_to: tuple[str, ...],
    mcp_confirm: Confirm,
    specs: SpecFolder,
) -> None:
    """Serve the actions over HTTP until SIGTERM or Ctrl-C, for flow engines.

    POST /v1/actions/NAME takes the inputs as a JSON object, and token_to next to them; the response is the envelope of
    "locoia-pat run". Each caller needs a key of "locoia-pat serve key new". Calls use the credential of --auth, of the
    environment or of "locoia-pat login", unless their key names another one.

    Prints one line with the URL when it is ready, and its log, one JSON object per line, to standard error. A host
    that other computers can reach needs --tls-cert and --tls-key, or --proxy.
    """
    if context.invoked_subcommand is not None:
        return
    if (tls_cert is None) != (tls_key is None):
        raise invalid("one of --tls-cert and --tls-key is missing", field="tls_cert" if tls_key else "tls_key")
    if not is_loopback(host) and tls_cert is None and not proxies:
        raise invalid(
            "other computers can reach this host, over plain http",
            field="host",
            hint="Listen on 127.0.0.1; or pass --tls-cert and --tls-key; or pass --proxy with the address of the proxy "
            "that serves https, and no other address is answered.",
        )
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
    for file in tls or ():
        _check_readable(file)
    server = import_extra("locoia_pat.serve.http_server", "serve")
    http_app = import_extra("locoia_pat.serve.http_app", "serve")
    request_log = import_extra("locoia_pat.serve.request_log", "serve")
    from locoia_pat.serve.service import Service

    tools = _tool_options(specs, mcp_token_to, mcp_confirm) if mcp else None
    for name in specs.names:
        specs.spec(name)  # a spec that is not valid is reported now, and no call waits for it to be read
    state = State()
    lease = state.lease("serve", "http")
    if not lease.acquire(_STOP_WAIT):
        raise NotDoneError(
            Problem(
                "busy",
                f"another server uses this state: {lease.describe_holder()}",
                field="state",
                hint="Stop it, or set LOCOIA_PAT_STATE to another folder.",
            )
        )
    try:
        connector = Connector(resolve_auth(auth, specs.connector).auth, specs=specs, timeout=timeout)
        connector.base_url  # noqa: B018  # a wrong URL is reported now, not at the first call
        keys = AccessKeys(State(state.location, timeout=5))
        if not keys.all():
            render.say("there is no key yet, so no call is allowed: locoia-pat serve key new NAME --allow ACTION")
        limits = http_app.Limits(concurrency=concurrency, peers=frozenset(proxies) or None)
        app = http_app.HttpApp(Service(connector, specs, state, wait=wait), keys, limits, tools)
        listener = open_listener(host, port)
        url = url_of(listener, "", scheme="https" if tls else "http")
        request_log.configure()
        server.run(app, listener, lambda: _ready(url), tls=tls)
    finally:
        lease.release()


def _tool_options(specs: SpecFolder, token_to: tuple[str, ...], confirm: Confirm) -> ToolOptions:
    import_extra("mcp.server", "mcp")
    from locoia_pat.mcp.tools import offer_tools
    from locoia_pat.serve.mcp_endpoint import ToolOptions

    tools, left_out = offer_tools(specs, allow=["*"], token_to=token_to)
    for message in left_out:
        render.say(message.replace("--token-to", "--mcp-token-to"))
    return ToolOptions(tools, confirm)


def _ready(url: str) -> None:
    click.echo(f"locoia-pat serves at {url}")
    sys.stdout.flush()


def _check_readable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}", field="tls_cert") from None


@serve_command.group("key")
def key_group() -> None:
    """Create, list and revoke the keys of callers."""


@key_group.command("new")
@click.argument("name")
@click.option("--allow", multiple=True, required=True, metavar="ACTION,...",
              help="Actions that it may call; * matches any characters. May repeat.")  # fmt: skip
@click.option("--names", multiple=True, metavar="PATTERN,...",
              help="Managed names that it may work on, such as 'billing-*'. May repeat.")  # fmt: skip
@click.option("--places", multiple=True, metavar="PATTERN",
              help="Token stores for new tokens: 'connector-auth:*', 'file:/srv/*.json'. May repeat.")  # fmt: skip
@click.option("--secrets", multiple=True, metavar="PATTERN",
              help="Stores from which a secret input may be read. May repeat.")  # fmt: skip
@click.option("--expires", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Days until it expires.")
@click.option("--auth", metavar="REF", help="Credential for its calls, instead of the server's.")
@specs_option
def key_new_command(
    name: str,
    *,
    allow: tuple[str, ...],
    names: tuple[str, ...],
    places: tuple[str, ...],
    secrets: tuple[str, ...],
    expires: float | None,
    auth: str | None,
    specs: SpecFolder,
) -> None:
    """Create a key for the caller NAME and print it; it is shown only this once.

    What is not allowed is denied. Without --names no managed name, and without --places no token store is allowed. In
    a pattern * matches any characters but /, and ** any folders. A command: store is allowed by its exact
    reference only.
    """
    permissions = Permissions(
        allow=tuple(_split(allow)),
        names=tuple(_split(names)),
        places=_normalize(places, "places"),
        secrets=_normalize(secrets, "secrets"),
        auth=_absolute_auth(auth),
    )
    specs.matching(permissions.allow, field="allow")
    output.probe("key", "It is shown only once: send it to a file or a program that can take it.")
    key = AccessKeys(State()).create(name, permissions, days=expires, now=dt.datetime.now(dt.UTC))
    render.hide_in_ci_log(key)
    click.echo(key.reveal())
    render.say("Store it now: it cannot be shown again. Callers send it as Authorization: Bearer KEY.")


@key_group.command("list")
@json_option
def key_list_command(*, as_json: bool) -> None:
    """List the keys and what they allow."""
    now = dt.datetime.now(dt.UTC)
    rows = [key.to_dict(now) for key in AccessKeys(State()).all()]
    if as_json:
        render.print_json({"keys": rows})
        return
    columns = ("name", "status", "allow", "names", "places", "secrets", "auth", "expires")
    render.print_table(columns, [[_cell(row[column]) for column in columns] for row in rows])


@key_group.command("revoke")
@click.argument("name")
def key_revoke_command(name: str) -> None:
    """Revoke the key NAME; calls with it are refused from now on."""
    AccessKeys(State()).revoke(name, dt.datetime.now(dt.UTC))
    render.say(f"The key {name} is revoked.")


def _cell(value: object) -> object:
    return " ".join(map(str, value)) or None if isinstance(value, (list, tuple)) else value


def _split(values: Iterable[str]) -> Iterator[str]:
    return (part.strip() for value in values for part in value.split(",") if part.strip())


def _normalize(patterns: tuple[str, ...], field: str) -> tuple[str, ...]:
    from locoia_pat.serve.place_patterns import normalize_pattern

    return tuple(normalize_pattern(pattern, field=field) for pattern in patterns)


def _absolute_auth(ref: str | None) -> str | None:
    """Return *ref* in a form that does not depend on the working folder."""
    if ref is None or ref.startswith("env:"):
        return ref
    if ref == "-":
        raise invalid("standard input can be read only once", field="auth", hint="Name a store, such as file:PATH.")
    from locoia_pat.stores import open_store

    return open_store(ref, field="auth").ref
