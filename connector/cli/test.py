"""``locoia-pat test PATH…``: the examples of specs, run without a network or recorded from real calls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat.cli import output
from locoia_pat.cli.check import FOUND, excerpt, found_at
from locoia_pat.cli.options import auth_of, path_of
from locoia_pat.engine import examples
from locoia_pat.engine.action import CompiledAction
from locoia_pat.outcomes import InvalidError, Problem, SpecError, invalid
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from locoia_pat.outcomes import Finding


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
def command(
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
    places = [path_of(path) for path in paths]
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
        rows += [row for file in _files(place) for row in _rows(file, found)]
    failed = [row for row in rows if not row["passed"]]
    if as_json:
        output.print_json({"examples": rows, "findings": [str(finding) for finding in findings]})
    else:
        for row in rows:
            click.echo(
                f"{'ok' if row['passed'] else 'FAILED':<6}  {row['action']}: {row['example'] or 'has no example'}"
            )
        for finding in findings:
            click.echo(f"\n{finding}\n{excerpt(finding)}")
        click.echo(f"{len(rows) - len(failed)} passed, {len(failed)} failed" if rows else "there was nothing to run")
    return FOUND if failed or findings or not rows else 0


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.name != CONNECTOR_FILE else []
    return [path / f"{name}.yaml" for name in SpecFolder(path).names]


def _rows(file: Path, findings: list[Finding]) -> list[dict[str, Any]]:
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
    from locoia_pat.authoring import recorder  # noqa: PLC0415  # only here is something sent

    folder = SpecFolder(path if path.is_dir() else path.parent)
    todo = [
        (file, action, index)
        for file in _files(path)
        for spec in [folder.spec(file.stem)]
        if isinstance(spec, ActionSpec)
        for action in [CompiledAction(spec)]
        for index, example in enumerate(action.spec.examples)
        if examples.lacking(example)
    ]
    if not todo:
        return
    credential = auth_of(auth, folder.connector).auth
    token = credential.credential(folder.connector).token
    with recorder.Recorder(credential, specs=folder) as connector:
        for file, action, index in todo:
            _confirm(action.spec, connector.base_url, placed=bool(token_to), yes=yes)
            source = SpecFolder(folder.folder).action(file.stem).document
            told = list(source.value["examples"])
            example = action.spec.examples[index]
            told[index] = recorder.recorded(action, example, connector, token_to, token, harmless=harmless)
            file.write_text(recorder.with_examples(source, told), encoding="utf-8")
            output.say(f"recorded {action.spec.action}: {example.name}")


def _confirm(spec: ActionSpec, base_url: str, *, placed: bool, yes: bool) -> None:
    if spec.secrets and not placed:
        hint = "Name a place with --token-to file:PATH."
        raise invalid(f"{spec.action} mints a token, and there is no place for it", field="token_to", hint=hint)
    host = urlsplit(base_url).netloc
    if spec.effect == "read" or yes or not sys.stdin.isatty() or click.confirm(f"{spec.title} at {host}?", err=True):
        return
    raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))
