"""What is compared: a file, a folder of specs, the archive of a pack, or an installed pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.authoring.diff.compare_specs import Side
from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.pack import open_pack
from locoia_pat.authoring.packs.registry import Packs
from locoia_pat.outcomes import invalid
from locoia_pat.spec import yaml as document
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.parse import parse_connector, parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

PACK = "pack:"
"""What stands before the name of an installed pack."""


def side(word: str) -> Side:
    """What *word* names.

    Raises:
        InvalidError: it names nothing that can be compared, or a spec there is wrong.

    """
    if word.startswith(PACK):
        specs = Packs().specs(word.removeprefix(PACK))
        return of_folder(specs, collect_files(specs.path).files)
    path = Path(word)
    if path.is_dir():
        return of_folder(SpecFolder(path), collect_files(path).files)
    if path.suffix == ".yaml":
        return _of_file(path)
    pack = open_pack(path)
    return of_folder(pack.specs(), pack.files)


def of_folder(specs: SpecFolder, files: Mapping[str, bytes]) -> Side:
    """The connector of *specs*, with the pages and recipes among *files*.

    Raises:
        SpecError: a spec is wrong.

    """
    told = {CONNECTOR_FILE, *(f"{name}.yaml" for name in specs.names)}
    beside = {name: data for name, data in files.items() if name not in told}
    return Side(specs.connector, {name: specs.spec(name) for name in specs.names}, beside)


def _of_file(path: Path) -> Side:
    """One file, whatever it is called: an old version may lie anywhere."""
    source = SpecFolder(path.parent).text(path.name)
    value = document.read(*source).value
    if isinstance(value, dict) and "connector" in value:
        return Side(parse_connector(*source), {}, is_file=True)
    spec = parse_spec(*source)
    return Side(None, {spec.action: spec}, is_file=True)


def refuse_unlike(old: Side, new: Side) -> None:
    """Refuse to compare a file with a folder, or an action with a connector.

    Raises:
        InvalidError: *old* and *new* are so.

    """
    if (old.is_file, old.connector is None) != (new.is_file, new.connector is None):
        raise invalid(
            "these cannot be compared",
            field="new",
            hint="Compare two files of actions, two of connector.yaml, or two whole connectors: folders or packs.",
        )
