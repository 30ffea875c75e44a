"""``locoia-pat cassettes lint PATH…``: what may be a secret in recorded exchanges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat.cli.check import report
from locoia_pat.cli.options import specs_option
from locoia_pat.outcomes import invalid
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.spec.load import SpecFolder

_KINDS = ("*.yaml", "*.yml", "*.json", "*.har")


@click.group("cassettes")
def command() -> None:
    """Look after recorded exchanges."""


@command.command("lint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--harmless", multiple=True, metavar="NAME", help="Texts of this name look random and are no secrets.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="For people, for programs, or for the annotations of GitHub Actions.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something was found.")
@specs_option
def lint_command(
    paths: tuple[str, ...], harmless: tuple[str, ...], form: str, specs: SpecFolder, *, as_json: bool, exit_zero: bool
) -> int:
    """Find what may be a secret: PATH is a YAML or JSON file, or a folder of them, whatever recorded them.

    The specs tell which names are secret, beside those that everybody has.  No finding repeats what was found.  Exit
    code: 0 nothing was found, 1 something was.
    """
    rules = SecretNames.of(specs, harmless)
    findings = [
        finding for path in paths for file in _files(Path(path)) for finding in lint(_text(file), str(file), rules)
    ]
    return report(findings, "json" if as_json else form, exit_zero=exit_zero)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(file for kind in _KINDS for file in path.rglob(kind))
    if not files:
        raise invalid(f"{path} holds no cassettes", field="path", hint="They are YAML or JSON files.")
    yield from files


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}", field="path") from None
    except UnicodeDecodeError:
        return "\0"  # no text, and no YAML
