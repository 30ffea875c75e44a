"""``locoia-pat import KIND FILE…``: what others have as specs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locoia_pat.authoring.locoia.draft import Draft, Note
    from locoia_pat.outcomes import Finding

_MAX_BYTES = 512 * 1024
_UNNAMED = "imported"


@click.command("import")
@click.argument("kind", type=click.Choice(["locoia"]))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default called as the connector is."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, files: tuple[str, ...], out: Path | None, *, as_json: bool) -> None:  # noqa: ARG001  # one kind
    """Draft specs from the JSON that Locoia documents.

    FILE is a base connector, a header, a pagination or a UI Form Schema, or a folder of such files. A form is named
    after its action, such as create_contact.json. What the drafts lack is listed: fill it in, then check the folder.
    """
    from locoia_pat.authoring import scaffold  # noqa: PLC0415
    from locoia_pat.authoring.export import files as placing  # noqa: PLC0415
    from locoia_pat.authoring.locoia.draft import draft  # noqa: PLC0415
    from locoia_pat.engine.checker import check_specs  # noqa: PLC0415  # --help needs none of these
    from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder  # noqa: PLC0415

    done = draft({str(path): _text(path) for file in files for path in _found(Path(file))})
    folder = out or Path(done.name or _UNNAMED)
    written = placing.new({**done.texts, **scaffold.schemas()}, folder)[: len(done.texts)]
    # Without a connector.yaml it is no folder of specs yet, and that is told already.
    found = check_specs(SpecFolder(folder)) if CONNECTOR_FILE in done.texts else []
    findings = [finding for finding in found if finding.code != "missing-key"]
    if as_json:
        output.print_json(_plain(written, done, findings))
    else:
        _tell(written, done, findings, folder)


def _found(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = [file for file in sorted(path.rglob("*.json")) if not file.name.startswith(".")]
    if not files:
        raise invalid(f"{path} holds no JSON files", field="file")
    yield from files


def _text(path: Path) -> str:
    try:
        with path.open("rb") as source:
            content = source.read(_MAX_BYTES + 1)
    except OSError as error:
        raise invalid(f"{path} cannot be read: {error.strerror}", field="file") from None
    if len(content) > _MAX_BYTES:
        raise invalid(f"{path} has more than {_MAX_BYTES} bytes", field="file")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise invalid(f"{path} is no UTF-8 text", field="file") from None


def _plain(written: Sequence[Path], done: Draft, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "files": [str(file) for file in written],
        "missing": [_note(note) for note in done.missing],
        "chosen": [_note(note) for note in done.chosen],
        "findings": [str(finding) for finding in findings],
    }


def _note(note: Note) -> dict[str, str]:
    return {"file": note.file, "key": note.key, "message": note.message}


def _tell(written: Sequence[Path], done: Draft, findings: Sequence[Finding], folder: Path) -> None:
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
