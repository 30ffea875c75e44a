"""The ``locoia-pat`` command: thin, and each command loads only what it needs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

from locoia_pat.cli import render
from locoia_pat.cli.process import BUG, INTERRUPTED, no_core_dumps, refuse_tokens
from locoia_pat.outcomes import ConnectorError, InvalidError, Outcome, Problem, Result
from locoia_pat.spec.load import SpecFolder
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Command(NamedTuple):
    """A command, listed without loading it."""

    module: str
    """The module of this package that has it."""
    help: str
    """One line for the list of commands."""


_COMMANDS = {
    "demo": _Command("sandbox", "Create, list and regenerate a token on a sandbox of its own."),
    "run": _Command("run_command", "Run an action and print one JSON object."),
    "actions": _Command("browse", "List the actions there are."),
    "show": _Command("browse", "Show an action's inputs, outputs and form."),
    "plan": _Command("browse", "Show what an action would send, without sending it."),
    "scopes": _Command("browse", "Say what each scope allows, and which one is enough."),
    "login": _Command("credentials", "Store a credential for later calls."),
    "whoami": _Command("credentials", "Say which credential is used, and whether it is accepted."),
    "logout": _Command("credentials", "Take away the stored credential."),
    "exec": _Command("credentials", "Run a program with a stored token in its environment."),
    "token": _Command("credentials", "Print a stored token."),
    "sandbox": _Command("sandbox", "Serve the token API, or the examples of specs, on this computer."),
    "new": _Command("authoring", "Begin a connector of your own: a folder of specs."),
    "check": _Command("authoring", "Find what is wrong with specs."),
    "test": _Command("authoring", "Run the examples of specs, without a network."),
    "eject": _Command("authoring", "Copy an action's spec, to change it."),
    "pack": _Command("packs", "Make, install and look after packs: connectors of others."),
    "diff": _Command("export", "Say what changed between two versions of specs."),
    "reconcile": _Command("maintenance", "Finish what was left unfinished under managed names."),
    "fleet": _Command("maintenance", "Plan, apply and show many managed tokens, listed in a file."),
    "doctor": _Command("doctor", "Look for what stands in the way, or measure what the API leaves open."),
    "cassettes": _Command("authoring", "Find what may be a secret in recorded exchanges."),
    "export": _Command(
        "export", "Write specs as what others read: Locoia's configuration, OpenAPI, JSON Schema, pages."
    ),
    "import": _Command("export", "Make specs of Locoia's configuration."),
}


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
            from locoia_pat.messages import describe_value, did_you_mean

            meant = f"; it is an action: locoia-pat run {args[0]}" if args[0] in SpecFolder().names else ""
            ctx.fail(f"there is no command {describe_value(args[0])}{meant or did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 invalid, 3 refused, 4 not done, 5 unknown, 6 not stored, 70 a bug, 130 interrupted.",
)
@click.version_option(VERSION, prog_name="locoia-pat", message="%(prog)s %(version)s")
def group() -> None:
    """Locoia's Personal Access Tokens as flow steps."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    sys.exit(_main(list(sys.argv[1:] if arguments is None else arguments)))


def _main(arguments: list[str]) -> int:
    render.distrust(arguments)
    no_core_dumps()
    try:
        refuse_tokens(arguments)
        code = group.main(arguments, prog_name="locoia-pat", standalone_mode=False)
    except click.UsageError as error:
        return _usage(error, arguments)
    except ConnectorError as error:
        return _told(error, arguments)
    except (KeyboardInterrupt, click.Abort):
        render.say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last net: whatever it is, it is ours
        return _bug(error, arguments)
    return code if isinstance(code, int) else 0


def _usage(error: click.UsageError, arguments: list[str]) -> int:
    """A wrong call: ``run`` answers it with its envelope, as it answers everything."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        render.say(error.format_message())
        return Outcome.INVALID.exit_code
    command = arguments[0] if arguments and arguments[0] in _COMMANDS else ""
    help_ = f"locoia-pat {command} --help".replace("  ", " ")
    return _told(InvalidError(Problem("validation", error.format_message(), next=help_)), arguments)


def _told(error: ConnectorError, arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:
        # Only a name we know: any other word may be a value, even a misplaced secret.
        action = next((word for word in arguments if word in SpecFolder().names), None)
        return render.print_result(Result.from_error(action, error))
    render.say_error(error)
    return error.outcome.exit_code


def _bug(error: Exception, arguments: list[str]) -> int:
    """Name the place of a bug, and not the values there: they may be secrets."""
    import traceback

    if arguments[:1] == ["run"]:
        unknown = Problem("unknown", "a bug of locoia-pat ended the run", hint="Look before you run it again.")
        render.print_result(Result(None, Outcome.UNKNOWN, problem=unknown), quiet=True)
    frames = traceback.extract_tb(error.__traceback__)
    where = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-8:])
    render.say(f"This is a bug of locoia-pat {VERSION}; please report these lines.\n{type(error).__name__}\n{where}")
    return BUG
