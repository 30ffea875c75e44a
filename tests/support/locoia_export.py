"""Exports and imports without a command, and stock Jinja in the place of Locoia's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from locoia_pat.authoring import locoia
from locoia_pat.authoring.locoia.reading import Imported, imported
from locoia_pat.engine.action import CompiledAction
from locoia_pat.spec.load import SpecFolder
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
FOLDERS: dict[str, Path | None] = {
    "own": None,
    "gitlab": ROOT / "docs" / "examples" / "gitlab",
    "twilio": ROOT / "docs" / "examples" / "twilio",
}

JINJA = jinja2.Environment(autoescape=False)  # noqa: S701  # Locoia renders JSON, not HTML
JINJA.filters["jsonify"] = json.dumps


def one(place: Path, inputs: Mapping[str, Any], request: Mapping[str, Any], **more: Any) -> SpecFolder:
    """A folder with one action, ``act``."""
    return SpecFolder(folder(place, connector(), action(inputs, request, **more)))


def exported(specs: SpecFolder) -> dict[str, Any]:
    """The files of an export, those of JSON as values."""
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in locoia.files(specs).items()}


def request(specs: SpecFolder) -> dict[str, str]:
    """What is not documented of the one Action of an export: its request."""
    found: dict[str, str] = exported(specs)["actions/act.json"]["unverified"]
    return found


def rendered(template: str, **values: Any) -> str:
    """*Template* as stock Jinja renders it."""
    return JINJA.from_string(template).render(**values)


def sent(specs: SpecFolder, **inputs: Any) -> tuple[str, Any]:
    """The address below the base, and the JSON, that our own templates make."""
    act = CompiledAction(specs.action("act"))
    made = act.request(act.check(inputs), "")
    return made.url, None if made.content is None else json.loads(made.content.reveal())


def read(**files: object) -> Imported:
    """An import of JSON files, named without their endings; two underscores stand for a folder."""
    return imported(
        {f"{name.replace('__', '/')}.json": text if isinstance(text, str) else json.dumps(text)
         for name, text in files.items()}
    )  # fmt: skip


def values(specs: SpecFolder) -> dict[str, Any]:
    """What the files of a folder say, by name."""
    found = {name: specs.spec(name).document.value for name in specs.names}
    return found | {"connector.yaml": specs.connector.document.value}


def written(done: Imported, place: Path) -> SpecFolder:
    """The folder that an import makes."""
    place.mkdir(parents=True)
    for name, text in done.texts.items():
        (place / name).write_text(text, encoding="utf-8")
    return SpecFolder(place)
