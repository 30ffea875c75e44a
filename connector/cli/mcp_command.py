"""``locoia-pat mcp``: serve actions as tools to an MCP client, over standard input and output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from locoia_pat.cli import render
from locoia_pat.cli.options import auth_option, resolve_auth, specs_option, wait_option
from locoia_pat.connector import WAIT
from locoia_pat.extras import import_extra
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from locoia_pat.mcp.tool_server import Confirm
    from locoia_pat.spec.load import SpecFolder


@click.command("mcp")
@click.option("--allow", metavar="ACTION", multiple=True,
              help="Action to offer, or a pattern such as '*_pat'; may repeat. By default, all reads.")  # fmt: skip
@click.option("--token-to", metavar="[ACTION=]REF", multiple=True,
              help="Token store for new tokens, such as file:/srv/tokens/{name}.json; may repeat.")  # fmt: skip
@click.option("--secret", "secrets", metavar="ACTION.INPUT=REF", multiple=True,
              help="Where a secret input is read from, since a caller cannot give one; may repeat.")  # fmt: skip
@auth_option
@click.option("--replace", is_flag=True, help="Replace a token in the store; it stays readable as REF#previous.")
@click.option("--confirm", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
              help="Ask before something is revoked: auto, where the client can ask; always, or refuse.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=DEFAULT_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time limit for all attempts of a call together.")  # fmt: skip
@wait_option(WAIT)
@specs_option
def mcp_command(
    specs: SpecFolder,
    *,
    allow: tuple[str, ...],
    token_to: tuple[str, ...],
    secrets: tuple[str, ...],
    auth: str | None,
    replace: bool,
    confirm: Confirm,
    timeout: float,
    wait: float,
) -> int:
    """Serve actions as tools of the Model Context Protocol (MCP) until standard input ends.

    An MCP client starts this command. The one who writes its configuration decides which actions there are, with which
    credential they run and where their tokens go; a model chooses a tool and its inputs only, and never sees a token.
    """
    import_extra("mcp.server", "mcp")
    if auth == "-":
        raise invalid(
            "standard input carries the protocol", field="auth", hint="Name a store, such as file:token.json."
        )
    from locoia_pat.mcp.caller import LocalCaller, ObservedConnector
    from locoia_pat.mcp.stdio import serve_stdio
    from locoia_pat.mcp.tool_server import ToolServer
    from locoia_pat.mcp.tools import offer_tools

    tools, left_out = offer_tools(specs, allow=allow, token_to=token_to, secrets=secrets)
    for message in left_out:
        render.say(message)
    credential = resolve_auth(auth, specs.connector).auth
    if sys.stdin.isatty():
        render.say(f"Tools: {', '.join(tools)}. An MCP client is expected on standard input; Ctrl-C stops.")
    with ObservedConnector(credential, specs=specs, timeout=timeout) as connector:
        caller = LocalCaller(connector, tools, replace=replace, wait=wait)
        return serve_stdio(ToolServer(specs, lambda _: caller, confirm))
