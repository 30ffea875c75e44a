"""``export``, ``diff``, ``import``: convert and compare specs."""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output, render
from locoia_pat.cli.options import json_option, out_option, specs_option
from locoia_pat.cli.other_exit_codes import FOUND
from locoia_pat.files import read_text
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locoia_pat.authoring.diff.comparison import Comparison
    from locoia_pat.authoring.locoia.draft import Draft
    from locoia_pat.outcomes import Finding
    from locoia_pat.spec.load import SpecFolder


_KINDS = {
    "locoia": "locoia",
    "openapi": "export.openapi",
    "jsonschema": "export.json_schema",
    "docs": "export.markdown",
}
"""Export formats, and the module of ``authoring`` for each: ``files`` returns the files, ``notes`` optional notes."""


@click.command("export")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@out_option("named like KIND")
@click.option("--served", metavar="URL", help="With locoia: Actions that call locoia-pat serve at this URL.")
@json_option
@specs_option
def export_command(kind: str, specs: SpecFolder, out: Path | None, served: str | None, *, as_json: bool) -> None:
    """Write the specs in the format KIND to a folder.

    locoia: Locoia's configuration, with a guide on what to copy into which field; with --served, of a Connector whose
    Actions, super actions included, are calls of a server.

    openapi: the connector's API as OpenAPI 3.1, and the recipes as Arazzo documents.

    jsonschema: the inputs and outputs of each action.

    docs: a Markdown page for each action.

    The folder must be new, empty, or unchanged since an earlier export.
    """
    exporter = import_module(f"locoia_pat.authoring.{_KINDS[kind]}")
    from locoia_pat.authoring.export.export_folder import write_export

    if served is not None:
        if kind != "locoia":
            raise invalid("goes with the kind locoia only", field="served")
        from locoia_pat.authoring.locoia import served as exporter

        texts, kind = exporter.files(specs, served), "locoia-served"
    else:
        texts = exporter.files(specs)
    folder = out or Path(kind)
    written = write_export(texts, folder, kind)
    output.set_effect()
    if as_json:
        render.print_json({"files": [str(file) for file in written]})
    for file in () if as_json else written:
        render.say(str(file))
    notes: Callable[[SpecFolder], Iterable[str]] | None = getattr(exporter, "notes", None)
    for note in notes(specs) if notes else ():
        render.say(f"{click.style('note', fg='yellow')}: {note}")


@click.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are breaking changes.")
@json_option
def diff_command(old: str, new: str, *, exit_zero: bool, as_json: bool) -> int:
    """List the changes from OLD to NEW, and propose the next version and a line for the changelog.

    OLD and NEW are spec files, folders of specs, pack archives, or pack:NAME for an installed pack.  A change is
    breaking if a working flow may stop working, or if an action does more than was accepted.  Exit code: 0 no breaking
    change, 1 breaking changes.
    """
    from locoia_pat.authoring.diff.comparison import compare
    from locoia_pat.authoring.diff.spec_set import load_specs, require_comparable

    before, after = load_specs(old), load_specs(new)
    require_comparable(before, after)
    comparison = compare(before, after)
    if as_json:
        render.print_json(comparison.to_dict())
    else:
        _print_comparison(comparison)
    return FOUND if comparison.is_breaking and not exit_zero else 0


def _print_comparison(comparison: Comparison) -> None:
    if not comparison.changes:
        click.echo("no change")
        return
    rows = [(change.kind, change.bump, change.action, change.message) for change in comparison.changes]
    render.print_table(("change", "version", "action", "description"), rows)
    click.echo()
    if comparison.proposed is not None:
        remark = "" if comparison.is_enough else f"; {comparison.new}, the version of NEW, is too low"
        click.echo(f"version: {comparison.proposed} after {comparison.old} ({comparison.bump}){remark}")
    else:
        click.echo(f"version: {comparison.bump}")
    render.print_text(f"changelog: {comparison.changelog}")


_MAX_CHARACTERS = 512 * 1024
_UNNAMED = "imported"


@click.command("import")
@click.argument("kind", type=click.Choice(["locoia"]))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@out_option("named like the connector")
@json_option
def import_command(kind: str, files: tuple[str, ...], out: Path | None, *, as_json: bool) -> None:  # noqa: ARG001  # one kind
    """Draft specs from the JSON that Locoia documents.

    FILE is a base connector, a header, a pagination or a UI Form Schema, or a folder of such files. A form is named
    after its action, such as create_contact.json. What the drafts lack is listed: fill it in, then check the folder.
    """
    from locoia_pat.authoring import scaffold
    from locoia_pat.authoring.locoia.draft import draft
    from locoia_pat.engine.checker import check_specs
    from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder

    done = draft({str(path): _import_text(path) for file in files for path in _import_files(Path(file))})
    folder = out or Path(done.name or _UNNAMED)
    written = scaffold.write_specs(done.texts, folder)
    output.set_effect()
    # Without a connector.yaml it is not yet a folder of specs; the list of missing parts says so.
    all_findings = check_specs(SpecFolder(folder)) if CONNECTOR_FILE in done.texts else []
    findings = [finding for finding in all_findings if finding.code != "missing-key"]
    if as_json:
        render.print_json(_import_json(written, done, findings))
    else:
        _print_import(written, done, findings, folder)


def _import_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.rglob("*.json")) if not file.name.startswith(".")]
    if not files:
        raise invalid(f"{path} contains no JSON files", field="file")
    return files


def _import_text(path: Path) -> str:
    text = read_text(path, field="file", most=_MAX_CHARACTERS + 1)
    if len(text) > _MAX_CHARACTERS:
        raise invalid(f"{path} has more than {_MAX_CHARACTERS} characters", field="file")
    return text


def _import_json(written: Sequence[Path], done: Draft, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "files": [str(file) for file in written],
        "missing": [asdict(note) for note in done.missing],
        "chosen": [asdict(note) for note in done.chosen],
        "findings": [str(finding) for finding in findings],
    }


def _print_import(written: Sequence[Path], done: Draft, findings: Sequence[Finding], folder: Path) -> None:
    for file in written:
        click.echo(f"{file}    (settings that specs cannot express)" if file.name == "locoia.json" else file)
    for title, notes in (
        ("Missing, to be filled in", done.missing),
        ("Chosen, to be reviewed", done.chosen),
    ):
        if notes:
            click.echo(f"\n{title}:")
        for note in notes:
            click.echo(f"  {note.file}{f' {note.key}' if note.key else ''}: {note.message}")
    if findings:
        click.echo("\nTo be changed:")
    for finding in findings:
        click.echo(f"  {finding}")
    click.echo(f"\nNext: locoia-pat check {folder}")
