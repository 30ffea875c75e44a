"""``completion``: what the word that is being typed in a shell can become.

click completes commands and options.  Inputs, their values, names and references are completed here, without loading
the command: it must not take much longer than ``--version``.  click's own script for bash cannot do it, for bash splits
words at ``=`` and ``:``; here the whole line is passed, and what is before the last of them is cut off again.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli.options import SPECS_VARIABLE, resolve_action, resolve_specs
from locoia_pat.outcomes import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locoia_pat.spec.load import SpecFolder

VARIABLE = "_LOCOIA_PAT_COMPLETE"
"""The variable that asks for completions, with the name of the shell."""
LINE = "COMP_LINE"
"""The variable that holds the line up to the cursor."""
_BASH = """\
_locoia_pat_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $(_LOCOIA_PAT_COMPLETE=bash COMP_LINE="${COMP_LINE:0:COMP_POINT}" locoia-pat 2>/dev/null) )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:/] ]]; then compopt -o nospace; fi
}
complete -o default -F _locoia_pat_completion locoia-pat
"""
_ZSH = """\
_locoia_pat_completion() {
    local -a open closed
    local word
    for word in ${(f)"$(_LOCOIA_PAT_COMPLETE=zsh COMP_LINE="${(j: :)words[1,CURRENT]}" locoia-pat 2>/dev/null)"}; do
        if [[ $word == *[=:/] ]]; then open+=("$word"); else closed+=("$word"); fi
    done
    if (( ${#open} + ${#closed} == 0 )); then _files; return; fi
    compadd -Q -S '' -a open
    compadd -Q -a closed
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _locoia_pat_completion locoia-pat
"""
_FISH = """\
function __locoia_pat_completion
    set -lx _LOCOIA_PAT_COMPLETE fish
    set -lx COMP_LINE (commandline -cp)
    locoia-pat 2>/dev/null
end
complete -c locoia-pat -f -a '(__locoia_pat_completion)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""The script of each shell."""
_REF_OPTIONS = ("--token-to", "--auth", "--to")
_NAME_OPTIONS = ("--only", "--take-over")
_REF_COMMANDS = ("exec", "token")
_MAX_PATHS = 200


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SCRIPTS)))
def completion_command(shell: str) -> None:
    """Print the completion script of SHELL: bash, zsh or fish.

    For bash, add this line to ~/.bashrc: eval "$(locoia-pat completion bash)"
    """
    click.echo(SCRIPTS[shell], nl=False)


def print_completions(shell: str, line: str, group: click.Group) -> None:
    """Print what *shell* offers at the end of *line*, one on each line."""
    words, incomplete = _split(line)
    cut = max(incomplete.rfind("="), incomplete.rfind(":")) + 1 if shell == "bash" else 0
    for word in complete(words, incomplete, group):
        click.echo(word[cut:])


def complete(words: Sequence[str], incomplete: str, group: click.Group) -> list[str]:
    """Return what *incomplete* can become, after *words*, which do not include the program."""
    try:
        found = _own_completions(words, incomplete)
        return _click_completions(words, incomplete, group) if found is None else list(found)
    except (ConnectorError, OSError):
        return []


def _split(line: str) -> tuple[list[str], str]:
    """Return the words before the one at the end of *line*, without the program, and that word."""
    for quote in ("", "'", '"'):
        try:
            words = shlex.split(line + quote)
        except ValueError:
            continue
        break
    else:
        words = line.split()
    is_new = line[-1:].isspace() or not words
    return words[1:] if is_new else words[1:-1], "" if is_new else words[-1]


def _own_completions(words: Sequence[str], incomplete: str) -> Iterable[str] | None:
    """Return what is completed here, or None for what click completes."""
    option, equals, value = incomplete.partition("=")
    if equals and option in _REF_OPTIONS:
        return [f"{option}={ref}" for ref in _refs(value)]
    command, last = (*words[:1], "")[0], (*words[-1:], "")[0]
    if last in _REF_OPTIONS or (words[1:] == [] and command in _REF_COMMANDS):
        return _refs(incomplete)
    if last in _NAME_OPTIONS or (command == "history" and not incomplete.startswith("-")):
        return _starting(incomplete, _names())
    if command in {"run", "plan"} and len(words) > 1 and not incomplete.startswith("-") and not last.startswith("--"):
        return _inputs(words, incomplete)
    return None


def _click_completions(words: Sequence[str], incomplete: str, group: click.Group) -> list[str]:
    from click.shell_completion import ShellComplete

    completer = ShellComplete(group, {}, "locoia-pat", VARIABLE)
    return [item.value for item in completer.get_completions(list(words), incomplete) if item.type == "plain"]


def _inputs(words: Sequence[str], incomplete: str) -> Iterator[str]:
    """Yield the inputs of an action that are not given yet, or the values of the one that is being typed."""
    fields = _fields(words)
    name, equals, value = incomplete.partition("=")
    if not equals:
        given = {word.partition("=")[0] for word in words if "=" in word}
        open_fields = (f"{key}=" for key, field in fields.items() if key not in given or field.get("multiple"))
        yield from _starting(incomplete, open_fields)
        return
    yield from (f"{name}={each}" for each in _values(name, fields.get(name, {}), value))


def _values(name: str, field: dict[str, Any], value: str) -> Iterator[str]:
    kind = field.get("type")
    if kind == "password":
        yield from (f"@ref:{ref}" for ref in _refs(value.removeprefix("@ref:")))
        return
    if value.startswith("@"):
        yield from (f"@{path}" for path in _paths(value[1:]))
        return
    options = [*(field.get("enum") or ()), *(("true", "false") if kind == "switch" else ())]
    options += ["null"] if field.get("nullable") else []
    options += _names() if name == "name" else []
    yield from _starting(value, options)


def _fields(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the inputs of the action in *words* as its file has them, with the options of its connector."""
    folder = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "--specs"), None)
    action, specs = resolve_action(words[1], resolve_specs(folder or os.environ.get(SPECS_VARIABLE)))
    fields = _load(specs, action).get("inputs") or {}
    if any("options" in field for field in fields.values()):
        shared = _load(specs, "connector").get("options") or {}
        fields = {name: {**(shared.get(field.get("options")) or {}), **field} for name, field in fields.items()}
    return fields


def _load(specs: SpecFolder, name: str) -> dict[str, Any]:
    from locoia_pat.spec import yaml

    value = yaml.load(*specs.text(f"{name}.yaml")).value
    return value if isinstance(value, dict) else {}


def _refs(incomplete: str) -> Iterator[str]:
    """Yield references: their kinds, then the files or variables of one."""
    from locoia_pat.stores.references import SCHEMES

    scheme, colon, place = incomplete.partition(":")
    if not colon:
        yield from _starting(incomplete, (f"{each}:" for each in SCHEMES))
    elif scheme in {"file", "text", "env-file"}:
        yield from (f"{scheme}:{path}" for path in _paths(place))
    elif scheme == "env":
        yield from (f"env:{name}" for name in _starting(place, sorted(os.environ)))


def _paths(incomplete: str) -> Iterator[str]:
    """Yield the files and folders that *incomplete* can become."""
    folder, name = os.path.split(incomplete)
    entries = sorted(os.scandir(Path(folder or ".").expanduser()), key=lambda entry: entry.name)
    for entry in entries[:_MAX_PATHS]:
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")):
            yield os.path.join(folder, entry.name) + ("/" if entry.is_dir() else "")  # noqa: PTH118  # strings


def _names() -> list[str]:
    """Return the managed names of the state; nothing is created."""
    from locoia_pat.state.inspect import inspect_state

    return sorted({name for _, name, _ in inspect_state().names})


def _starting(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
