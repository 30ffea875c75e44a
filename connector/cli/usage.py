"""Say what is wrong with a command line, and what to write instead."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from locoia_pat.cli.options import resolve_action, resolve_specs
from locoia_pat.messages import closest, describe_value
from locoia_pat.outcomes import ConnectorError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat.spec.model import Input


def usage_problem(error: click.UsageError, arguments: Sequence[str]) -> Problem:
    """Return *error*, which click found in *arguments*, in our words and with what to write."""
    path = " ".join(["locoia-pat", *arguments[:1]])
    if error.ctx is not None:
        path = error.ctx.command_path
    message, hint = _describe(error, arguments)
    return Problem("validation", message, hint=hint, next=f"{path} --help")


def _describe(error: click.UsageError, arguments: Sequence[str]) -> tuple[str, str | None]:
    match error:
        case click.NoSuchOption():
            return _unknown_option(error, arguments)
        case click.BadOptionUsage():
            takes_none = "does not take" in error.message
            return f"{error.option_name} {'takes no value' if takes_none else 'has no value'}", None
        case click.exceptions.MissingParameter(param=click.Parameter() as parameter):
            return f"{_shown(parameter)} is missing", _usage(error)
        case click.BadParameter(param=click.Parameter(type=click.Choice() as choice) as parameter):
            given = next((word for word in _values(parameter, arguments) if word not in choice.choices), "")
            close = closest(given, map(str, choice.choices))
            suggestion = f"; did you mean {close}?" if close else ""
            shown = f"{describe_value(given)} is not allowed" if given else "this value is not allowed"
            return f"{_shown(parameter)}: {shown}{suggestion}", f"Allowed: {', '.join(map(str, choice.choices))}."
    message = error.format_message()
    if message.startswith("Got unexpected extra argument"):
        return message.replace("Got unexpected", "unexpected"), _usage(error)
    return message, None


def _unknown_option(error: click.NoSuchOption, arguments: Sequence[str]) -> tuple[str, str | None]:
    """Return what to write instead of an option that does not exist; most often it is the name of an input."""
    inputs = _inputs_of(arguments)
    if _input_name(error.option_name) in inputs:
        pairs = _as_pairs(arguments, inputs)
        return (
            f"{error.option_name} is not an option: {_input_name(error.option_name)} is an input",
            f"An input has no dashes: write {' '.join(pairs)}.",
        )
    options = [name for each in _parameters(error) for name in each.opts if name.startswith("--")]
    parts = error.option_name.strip("-").split("-")
    close = next((name for name in options if name.strip("-").split("-")[-len(parts) :] == parts), None)
    close = close or closest(error.option_name, options)
    shown = error.option_name if describe_value(error.option_name).startswith('"') else "an option"
    return f"there is no option {shown}" + (f"; did you mean {close}?" if close else ""), None


def _inputs_of(arguments: Sequence[str]) -> Mapping[str, Input]:
    """Return the inputs of the action that ``run`` or ``plan`` has in *arguments*; none if it cannot be found."""
    if len(arguments) < 2 or arguments[0] not in {"run", "plan"} or arguments[1].startswith("-"):
        return {}
    folder = next((arguments[i + 1] for i, word in enumerate(arguments[:-1]) if word == "--specs"), None)
    try:
        name, specs = resolve_action(arguments[1], resolve_specs(folder))
        return specs.spec(name).inputs
    except ConnectorError:
        return {}


def _input_name(word: str) -> str:
    return word.partition("=")[0].lstrip("-").replace("-", "_")


def _as_pairs(arguments: Sequence[str], inputs: Mapping[str, Input]) -> list[str]:
    """Return each input that *arguments* give as an option, as it is written; what may be a secret is left out."""
    pairs = []
    for number, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if word.startswith("--") and _input_name(word) in inputs:
            following = arguments[number + 1] if number + 1 < len(arguments) else ""
            value = value if equals else following
            is_plain = value and not value.startswith("-") and describe_value(value).startswith('"')
            pairs.append(f"{_input_name(name)}={shlex.quote(value) if is_plain else 'VALUE'}")
    return pairs


def _parameters(error: click.UsageError) -> list[click.Parameter]:
    return error.ctx.command.params if error.ctx is not None else []


def _shown(parameter: click.Parameter) -> str:
    return (
        parameter.opts[-1]
        if isinstance(parameter, click.Option)
        else (parameter.metavar or str(parameter.name)).upper()
    )


def _values(parameter: click.Parameter, arguments: Sequence[str]) -> list[str]:
    """Return the words of *arguments* that may be the value of *parameter*."""
    if isinstance(parameter, click.Argument):
        return [word for word in arguments[1:] if not word.startswith("-")][:1]
    options = set(parameter.opts)
    joined = [word.partition("=")[2] for word in arguments if word.partition("=")[0] in options and "=" in word]
    return joined + [arguments[i + 1] for i, word in enumerate(arguments[:-1]) if word in options]


def _usage(error: click.UsageError) -> str | None:
    return error.ctx.get_usage() if error.ctx is not None else None
