"""``new``, ``eject``, ``check``, ``test``, ``cassettes``: for those who write connectors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat.authoring import scaffold
from locoia_pat.cli import render
from locoia_pat.cli.options import action_argument, resolve_action, resolve_auth, resolve_path, specs_option
from locoia_pat.cli.process import FOUND
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, Problem, SpecError, invalid
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locoia_pat.outcomes import Finding


@click.command("new")
@click.argument("name")
@click.option("--base-url", metavar="URL", help="The address of the API.")
@click.option(
    "--auth", type=click.Choice(list(scaffold.AUTHS)), default="bearer", show_default=True,
    help="How the API takes a credential.",
)  # fmt: skip
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default called NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def new_command(name: str, base_url: str | None, auth: str, out: Path | None, *, as_json: bool) -> None:
    """Begin a connector: a folder that passes check and test, and lists and creates keys until you change it."""
    folder = out or Path(name)
    _print_written(scaffold.write_specs(scaffold.new_connector(name, base_url, auth), folder), folder, as_json=as_json)


def _print_written(written: list[Path], folder: Path, *, as_json: bool) -> None:
    """Say what was written, and what comes next."""
    if as_json:
        render.print_json({"files": [str(file) for file in written]})
        return
    for file in written:
        click.echo(file)
    click.echo(f"\nNext: change them, then\n  locoia-pat check {folder}\n  locoia-pat test {folder}")
    click.echo(f"  locoia-pat sandbox --specs {folder}")


@click.command("eject")
@action_argument
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default the connector's name."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@specs_option
def eject_command(action: str, specs: SpecFolder, out: Path | None, *, as_json: bool) -> None:
    """Copy the spec of ACTION, those it names and its connector.yaml into a folder of your own.

    What you change there runs with --specs DIR.
    """
    name, source = resolve_action(action, specs)
    folder = out or Path(source.connector.connector)
    _print_written(scaffold.write_specs(scaffold.eject_action(source, name), folder), folder, as_json=as_json)


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="For people, for programs, or for the annotations of GitHub Actions.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something was found.")
def check_command(paths: tuple[str, ...], form: str, *, as_json: bool, exit_zero: bool) -> int:
    """Find everything that is wrong with specs: PATH is a folder of them, or one file; or pack:NAME, or PACK.ACTION.

    Each finding is FILE:LINE:COLUMN: CODE MESSAGE.  Exit code: 0 nothing was found, 1 something was.
    """
    findings = [finding for path in paths for finding in found_at(resolve_path(path))]
    return _report(findings, "json" if as_json else form, exit_zero=exit_zero, excerpts=True)


def _report(findings: Sequence[Finding], form: str, *, exit_zero: bool, excerpts: bool = False) -> int:
    """Print *findings*, with the lines they are about where *excerpts* are wanted; returns the exit code."""
    if form == "json":
        render.print_json({"findings": [_plain(finding) for finding in findings]})
    else:
        for finding in findings:
            plain = f"{finding}\n{excerpt(finding)}" if excerpts else str(finding)
            click.echo(_github(finding) if form == "github" else plain)
        render.say(f"{len(findings)} finding{'s' if len(findings) != 1 else ''}")
    return FOUND if findings and not exit_zero else 0


def found_at(path: Path, *, whole: bool = False) -> list[Finding]:
    """The findings in a folder, or in one file of a folder.

    Raises:
        InvalidError: it is neither.

    """
    from locoia_pat.engine.checker import check_specs

    if path.is_dir():
        return check_specs(SpecFolder(path), whole=whole)
    if path.suffix != ".yaml":
        raise invalid(f"{describe_value(path.name)} is no spec: their names end in .yaml", field="path")
    folder = SpecFolder(path.parent)
    folder.text(path.name)
    return [finding for finding in check_specs(folder, whole=whole) if Path(finding.file) == path]


def excerpt(finding: Finding) -> str:
    """The line that *finding* is about, and a caret below its column."""
    try:
        lines = Path(finding.file).read_text(encoding="utf-8").splitlines()
        line = lines[finding.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
    first = max(0, finding.column - 1 - _BEFORE)
    part = "".join(c if c.isprintable() else " " for c in render.mask_line(line)[first : first + _WIDTH])
    number = f"{finding.line:>5} | "
    return f"{number}{part}\n{' ' * (len(number) + finding.column - 1 - first)}^"


_BEFORE, _WIDTH = 70, 110


def _plain(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("file", "line", "column", "code", "message")}


def _github(finding: Finding) -> str:
    """An annotation (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
    place = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.code}
    words = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in place.items())
    return f"::error {words}::{_escaped(finding.message, '')}"


def _escaped(text: str, more: Iterable[str]) -> str:
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


@click.command("test")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--record", is_flag=True, help="Fill in what examples leave out, from real calls.")
@click.option("--auth", metavar="REF", help="The credential for --record.")
@click.option("--token-to", metavar="REF", multiple=True, help="Where a token goes that --record mints.")
@click.option(
    "--harmless", multiple=True, metavar="NAME", help="Texts of this name look random and are no secrets, for --record."
)
@click.option("--yes", is_flag=True, help="Do not ask on a terminal before --record changes something.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test_command(
    paths: tuple[str, ...],
    *,
    record: bool,
    auth: str | None,
    token_to: tuple[str, ...],
    harmless: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> int:
    """Run the examples of specs: PATH is a folder of them, or one file; or pack:NAME, or PACK.ACTION.

    An example tells inputs, the request that must be sent, the reply, and the result that must come of it.  Exit
    code: 0 all are as told, 1 one is not, an action has none, or there is no action.
    """
    places = [resolve_path(path) for path in paths]
    if record:
        for path, place in zip(paths, places, strict=True):
            if place != Path(path):
                raise invalid(f"{path} is installed, and stays as it was accepted", hint="Copy it with eject first.")
            _record(place, auth, token_to, harmless, yes=yes)
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for place in places:
        found = found_at(place, whole=True)
        findings += found
        rows += [row for file in _spec_files(place) for row in _example_rows(file, found)]
    failed = [row for row in rows if not row["passed"]]
    if as_json:
        render.print_json({"examples": rows, "findings": [str(finding) for finding in findings]})
    else:
        for row in rows:
            click.echo(
                f"{'ok' if row['passed'] else 'FAILED':<6}  {row['action']}: {row['example'] or 'has no example'}"
            )
        for finding in findings:
            click.echo(f"\n{finding}\n{excerpt(finding)}")
        click.echo(f"{len(rows) - len(failed)} passed, {len(failed)} failed" if rows else "there was nothing to run")
    return FOUND if failed or findings or not rows else 0


def _spec_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.name != CONNECTOR_FILE else []
    return [path / f"{name}.yaml" for name in SpecFolder(path).names]


def _example_rows(file: Path, findings: list[Finding]) -> list[dict[str, Any]]:
    """Each example of *file*, and whether it is as told; an action without one fails."""
    here = [finding for finding in findings if Path(finding.file) == file]
    try:
        spec = SpecFolder(file.parent).spec(file.stem)
    except SpecError:
        return [{"action": file.stem, "example": "the spec is wrong", "passed": False}]
    if isinstance(spec, SuperSpec):
        return []  # it sends nothing of its own, so there is nothing to tell
    starts = [spec.document.values["examples", index] for index in range(len(spec.examples))]
    ends = [*starts[1:], (10**9, 0)]
    return [
        {
            "action": spec.action,
            "example": example.name,
            "passed": not any(start <= (finding.line, finding.column) < end for finding in here),
        }
        for example, start, end in zip(spec.examples, starts, ends, strict=False)
    ] or [{"action": spec.action, "example": None, "passed": False}]


def _record(path: Path, auth: str | None, token_to: tuple[str, ...], harmless: tuple[str, ...], *, yes: bool) -> None:
    """Fill in the examples of *path* that leave something out, each put back as soon as it is known."""
    from locoia_pat.authoring import recorder
    from locoia_pat.engine import examples
    from locoia_pat.engine.action import CompiledAction

    folder = SpecFolder(path if path.is_dir() else path.parent)
    todo = [
        (file, action, index)
        for file in _spec_files(path)
        for spec in [folder.spec(file.stem)]
        if isinstance(spec, ActionSpec)
        for action in [CompiledAction(spec)]
        for index, example in enumerate(action.spec.examples)
        if examples.missing_parts(example)
    ]
    if not todo:
        return
    credential = resolve_auth(auth, folder.connector).auth
    token = credential.credential(folder.connector).token
    with recorder.Recorder(credential, specs=folder) as connector:
        for file, action, index in todo:
            _ask_record(action.spec, connector.base_url, placed=bool(token_to), yes=yes)
            source = SpecFolder(folder.folder).action(file.stem).document
            told = list(source.value["examples"])
            example = action.spec.examples[index]
            told[index] = recorder.record_example(action, example, connector, token_to, token, harmless=harmless)
            file.write_text(recorder.replace_examples(source, told), encoding="utf-8")
            render.say(f"recorded {action.spec.action}: {example.name}")


def _ask_record(spec: ActionSpec, base_url: str, *, placed: bool, yes: bool) -> None:
    if spec.secrets and not placed:
        hint = "Name a place with --token-to file:PATH."
        raise invalid(f"{spec.action} mints a token, and there is no place for it", field="token_to", hint=hint)
    host = urlsplit(base_url).netloc
    if spec.effect == "read" or yes or not sys.stdin.isatty() or click.confirm(f"{spec.title} at {host}?", err=True):
        return
    raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))


_KINDS = ("*.yaml", "*.yml", "*.json", "*.har")


@click.group("cassettes")
def cassettes_command() -> None:
    """Look after recorded exchanges."""


@cassettes_command.command("lint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--harmless", multiple=True, metavar="NAME", help="Texts of this name look random and are no secrets.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="For people, for programs, or for the annotations of GitHub Actions.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something was found.")
@specs_option
def lint_(
    paths: tuple[str, ...], harmless: tuple[str, ...], form: str, specs: SpecFolder, *, as_json: bool, exit_zero: bool
) -> int:
    """Find what may be a secret: PATH is a YAML or JSON file, or a folder of them, whatever recorded them.

    The specs tell which names are secret, beside those that everybody has.  No finding repeats what was found.  Exit
    code: 0 nothing was found, 1 something was.
    """
    from locoia_pat.testing.lint import lint
    from locoia_pat.testing.secret_names import SecretNames

    rules = SecretNames.from_specs(specs, harmless)
    findings = [
        finding
        for path in paths
        for file in _cassette_files(Path(path))
        for finding in lint(_cassette_text(file), str(file), rules)
    ]
    return _report(findings, "json" if as_json else form, exit_zero=exit_zero)


def _cassette_files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(file for kind in _KINDS for file in path.rglob(kind))
    if not files:
        raise invalid(f"{path} holds no cassettes", field="path", hint="They are YAML or JSON files.")
    yield from files


def _cassette_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}", field="path") from None
    except UnicodeDecodeError:
        return "\0"  # no text, and no YAML
