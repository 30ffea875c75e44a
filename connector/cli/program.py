"""The ``locoia-pat`` command: the list of its commands, and how it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from locoia_pat.cli import output, render
from locoia_pat.cli.other_exit_codes import BUG, EXIT_ZERO, FOUND, INTERRUPTED
from locoia_pat.interrupts import signals
from locoia_pat.outcomes import ConnectorError, InvalidError, Outcome, Problem, Result, invalid
from locoia_pat.secrets.detect import is_id_name, looks_like_token
from locoia_pat.spec.load import SpecFolder
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Command(NamedTuple):
    """A command, so that it can be listed without loading it."""

    module: str
    """The module of this package that defines it as ``NAME_command``."""
    help: str


_COMMANDS = {
    "demo": _Command("sandbox", "Create, list and regenerate a token in a temporary sandbox."),
    "run": _Command("run_command", "Run an action and print one JSON object."),
    "actions": _Command("browse", "List the available actions."),
    "show": _Command("browse", "Show an action's inputs, outputs and form."),
    "plan": _Command("browse", "Show the request an action would send, without sending it."),
    "scopes": _Command("browse", "Show what each scope allows, and which scope is sufficient."),
    "login": _Command("credentials", "Store a credential for later commands."),
    "whoami": _Command("credentials", "Show which credential is used and whether the API accepts it."),
    "logout": _Command("credentials", "Remove the stored credential."),
    "exec": _Command("credentials", "Run a program with a stored token in its environment."),
    "token": _Command("credentials", "Print a stored token."),
    "sandbox": _Command("sandbox", "Serve the token API, or the examples of specs, on localhost."),
    "console": _Command("console_command", "Serve a page in the browser to list, create and rotate tokens."),
    "mcp": _Command("mcp_command", "Serve actions as tools to an MCP client."),
    "serve": _Command("serve", "Serve the actions over HTTP, for flow engines, behind keys."),
    "new": _Command("authoring", "Create a folder of specs for a new connector."),
    "check": _Command("authoring", "Find errors in specs."),
    "test": _Command("authoring", "Run the examples of specs without a network."),
    "eject": _Command("authoring", "Copy an action's spec so that you can change it."),
    "pack": _Command("packs", "Build, install and manage packs: connectors to share."),
    "diff": _Command("export", "Compare two versions of specs."),
    "reconcile": _Command("maintenance", "Finish interrupted work on managed names."),
    "recipe": _Command("recipe_command", "List recipes, flows of several actions, and run one."),
    "worker": _Command("worker_command", "Handle the tokens of fleets, as one of several workers."),
    "fleet": _Command("fleet_command", "Plan, apply, rotate, retire and show many managed tokens from one file."),
    "state": _Command("state_command", "Move the journal of managed names to another place."),
    "history": _Command("maintenance", "Show what was done to managed names, and when."),
    "doctor": _Command("doctor", "Check the setup; with --measure, probe undocumented API behaviour."),
    "cassettes": _Command("authoring", "Find possible secrets in recorded exchanges."),
    "completion": _Command("completion", "Print the completion script of a shell."),
    "export": _Command("export", "Write specs for other tools: Locoia configuration, OpenAPI, JSON Schema, Markdown."),
    "import": _Command("export", "Draft specs from Locoia's configuration."),
}


_COMPLETE = "_LOCOIA_PAT_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        module = import_module(f"locoia_pat.cli.{_COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            from locoia_pat.messages import closest, describe_value, did_you_mean

            suggestion = did_you_mean(args[0], _COMMANDS)
            if not suggestion and (instead := SpecFolder().instead_of(args[0])):
                suggestion = f". {instead}"
            elif not suggestion and (action := closest(args[0].replace("-", "_"), SpecFolder().names)):
                suggestion = f"; to run the action: locoia-pat run {action}"
            ctx.fail(f"unknown command {describe_value(args[0])}{suggestion}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 invalid, 3 refused, 4 not done, 5 unknown outcome, 6 not stored, 70 a bug, "
    "130 interrupted.",
)
@click.version_option(VERSION, prog_name="locoia-pat", message="%(prog)s %(version)s")
def group() -> None:
    """Manage Locoia's Personal Access Tokens (PATs)."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with *arguments*, or those of the process, and exit with its code."""
    installed = signals.install()
    try:
        arguments = list(sys.argv[1:] if arguments is None else arguments)
        code = output.end(_hide_outcome(_main(arguments), arguments))
    finally:
        if installed:
            signals.restore()
    sys.exit(code)


def _main(arguments: list[str]) -> int:
    try:
        try:
            output.begin()
            signals.raise_from_here()
            render.mark_sensitive(arguments)
            _disable_core_dumps()
            _refuse_tokens(arguments)
            if (shell := os.environ.get(_COMPLETE)) in _SHELLS:
                from locoia_pat.cli.completion import LINE, print_completions

                print_completions(shell, os.environ.get(LINE, ""), group)
                return 0
            code = group.main(arguments, prog_name="locoia-pat", standalone_mode=False)
        finally:
            signals.hold_from_here()
    except click.UsageError as error:
        return _usage_error(error, arguments)
    except ConnectorError as error:
        return _error(error, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(arguments)
    except Exception as error:  # noqa: BLE001  # whatever arrives here is a bug of this package
        return _bug(error, arguments)
    return code if isinstance(code, int) else 0


def _disable_core_dumps() -> None:
    """Keep a crash from writing tokens to disk; the hard limit stays, so that a child process can raise it again."""
    with suppress(ImportError):  # not on Windows
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def _refuse_tokens(arguments: Iterable[str]) -> None:
    """Refuse an argument that looks like a token, up to ``--``: what follows belongs to another program.

    Raises:
        InvalidError: an argument looks like a token. The error does not repeat it.

    """
    for argument in arguments:
        if argument == "--":
            return
        name, _, value = argument.partition("=")
        name = name.lstrip("-").replace("-", "_")
        suspicious = looks_like_token(value, may_be_id=is_id_name(name)) if value else looks_like_token(argument)
        if not suspicious or Path(value or argument).exists():
            continue
        raise invalid(
            "an argument looks like a token; other programs and the shell history can read arguments",
            field=name if value and name.isidentifier() else None,
            hint="If it is a token, it is compromised: regenerate it, keep it in a token store such as "
            "file:token.json, and pass that reference. If it is not, pass the value as NAME=@FILE or with --inputs.",
        )


def _hide_outcome(code: int, arguments: list[str]) -> int:
    """Return 0 for the exit *code* of an outcome that ``run`` has printed, if ``--exit-zero`` asks for that."""
    if EXIT_ZERO not in arguments or not _prints_envelope(arguments) or output.failed():
        return code
    return 0 if code in {FOUND, *(outcome.exit_code for outcome in Outcome)} else code


def _prints_envelope(arguments: list[str]) -> bool:
    """Return whether the command of *arguments* prints one envelope, whatever happens."""
    return arguments[:1] == ["run"] or arguments[:2] == ["recipe", "run"]


def _interrupted(arguments: list[str]) -> int:
    if _prints_envelope(arguments):
        problem = Problem("unavailable", "interrupted; nothing was sent")
        render.print_result(Result(None, Outcome.NOT_DONE, problem=problem))
    else:
        render.say("interrupted")
    return signals.exit_code or INTERRUPTED


def _usage_error(error: click.UsageError, arguments: list[str]) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        render.say(error.format_message())
        return Outcome.INVALID.exit_code
    from locoia_pat.cli.usage import usage_problem

    return _error(InvalidError(usage_problem(error, arguments)), arguments)


def _error(error: ConnectorError, arguments: list[str]) -> int:
    """Print *error*, as an envelope for a command that always prints one; return the exit code."""
    if _prints_envelope(arguments):
        # Only the name of a known action: any other argument may be a value, even a misplaced secret.
        action = next((argument for argument in arguments if argument in SpecFolder().names), None)
        return render.print_result(Result.from_error(action, error))
    render.say_error(error)
    return error.outcome.exit_code


def _bug(error: Exception, arguments: list[str]) -> int:
    """Report where an unexpected error happened, without its values, which may be secrets."""
    import traceback

    if _prints_envelope(arguments):
        hint = "Check what happened before you run it again."
        problem = Problem("unknown", "a bug in locoia-pat ended the run", hint=hint)
        render.print_result(Result(None, Outcome.UNKNOWN, problem=problem), quiet=True)
    frames = traceback.extract_tb(error.__traceback__)
    lines = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-8:])
    render.say(f"This is a bug in locoia-pat {VERSION}; please report these lines.\n{type(error).__name__}\n{lines}")
    return BUG
