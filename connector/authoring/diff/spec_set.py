"""What can be compared: a file of specs, a folder of them, the archive of a pack, or an installed pack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.installed_packs import Packs
from locoia_pat.authoring.packs.pack import open_pack
from locoia_pat.outcomes import invalid
from locoia_pat.spec import yaml
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.parse import parse_connector, parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec

_PACK_PREFIX = "pack:"


@dataclass(frozen=True, slots=True)
class SpecSet:
    """One of the two things that are compared."""

    connector: ConnectorSpec | None
    """None if it is the file of an action."""
    actions: Mapping[str, ActionSpec | SuperSpec]
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Recipes and pages."""
    is_file: bool = False
    """Whether it is a single file, not a complete connector."""


def load_specs(name: str) -> SpecSet:
    """Load the specs that *name* means: a path, or ``pack:NAME`` for an installed pack.

    Raises:
        InvalidError: there is nothing that can be compared, or a spec is invalid.

    """
    if name.startswith(_PACK_PREFIX):
        specs = Packs().specs(name.removeprefix(_PACK_PREFIX))
        return specs_of(specs, collect_files(specs.path).files)
    path = Path(name)
    if path.is_dir():
        return specs_of(SpecFolder(path), collect_files(path).files)
    if path.suffix == ".yaml":
        return _load_file(path)
    pack = open_pack(path)
    return specs_of(pack.specs(), pack.files)


def specs_of(folder: SpecFolder, files: Mapping[str, bytes]) -> SpecSet:
    """Return the specs of *folder*, with the pages and recipes among *files*.

    Raises:
        SpecError: a spec is invalid.

    """
    spec_files = {CONNECTOR_FILE, *(f"{name}.yaml" for name in folder.names)}
    pages = {name: data for name, data in files.items() if name not in spec_files}
    return SpecSet(folder.connector, {name: folder.spec(name) for name in folder.names}, pages)


def _load_file(path: Path) -> SpecSet:
    """Load one file, whatever its name: an old version may be stored under any name."""
    folder = SpecFolder(path.parent)
    source = folder.text(path.name)
    value = yaml.load(*source).value
    if isinstance(value, dict) and "connector" in value:
        return SpecSet(parse_connector(*source), {}, is_file=True)
    spec = parse_spec(*source, lambda: folder.connector.options)
    return SpecSet(None, {spec.action: spec}, is_file=True)


def require_comparable(old: SpecSet, new: SpecSet) -> None:
    """Check that a file is not compared with a folder, or an action with a connector.

    Raises:
        InvalidError: *old* and *new* are of different kinds.

    """
    if (old.is_file, old.connector is None) != (new.is_file, new.connector is None):
        raise invalid(
            "these cannot be compared",
            field="new",
            hint="Compare two files of actions, two of connector.yaml, or two complete connectors: folders or packs.",
        )
