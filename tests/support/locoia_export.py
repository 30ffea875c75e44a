"""Export to Locoia's configuration without the command, and stock Jinja in place of Locoia's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from locoia_pat.authoring import locoia
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


def one(path: Path, inputs: Mapping[str, Any], request: Mapping[str, Any], **more: Any) -> SpecFolder:
    """Return a folder with one action, ``act``."""
    return SpecFolder(folder(path, connector(), action(inputs, request, **more)))


def exported(specs: SpecFolder) -> dict[str, Any]:
    """Return the files of an export; those of JSON as values."""
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in locoia.files(specs).items()}


def request(specs: SpecFolder) -> dict[str, str]:
    """Return the undocumented part of the one Action of an export: its request."""
    parts: dict[str, str] = exported(specs)["actions/act.json"]["unverified"]
    return parts


def rendered(template: str, **values: Any) -> str:
    """Render *template* with stock Jinja."""
    return JINJA.from_string(template).render(**values)


def sent(specs: SpecFolder, **inputs: Any) -> tuple[str, Any]:
    """Return the path below the base URL and the JSON that our own templates give."""
    act = CompiledAction(specs.action("act"))
    made = act.request(act.check(inputs), "")
    return made.url, None if made.content is None else json.loads(made.content.reveal())
