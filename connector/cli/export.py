"""``locoia-pat export KIND``: specs as what others read."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import specs_option

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

_KINDS = {"locoia": "locoia", "openapi": "export.openapi", "jsonschema": "export.jsonschema", "docs": "export.docs"}
"""What can be exported, and the module of ``authoring`` whose ``files`` makes it; its ``notes``, if any, are told."""


@click.command("export")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default called as the kind is."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@specs_option
def command(kind: str, specs: SpecFolder, out: Path | None, *, as_json: bool) -> None:
    """Write the specs as KIND into a folder.

    locoia: Locoia's configuration, with a guide on what to copy into which field.

    openapi: the API that the connector calls as OpenAPI 3.1, and the recipes as Arazzo documents over it.

    jsonschema: the inputs and outputs of each action.

    docs: a page for each action, in Markdown.

    The folder is new or empty, or one that such an export filled and nobody changed since.
    """
    exporter = import_module(f"locoia_pat.authoring.{_KINDS[kind]}")
    from locoia_pat.authoring.export import files as placing  # noqa: PLC0415  # --help needs no checksums

    texts = exporter.files(specs)
    folder = out or Path(kind)
    written = placing.export(texts, folder, kind)
    if as_json:
        output.print_json({"files": [str(file) for file in written]})
    for file in () if as_json else written:
        output.say(str(file))
    for note in exporter.notes(specs) if hasattr(exporter, "notes") else ():
        output.say(f"{click.style('note', fg='yellow')}: {note}")
