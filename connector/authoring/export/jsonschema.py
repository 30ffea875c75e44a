"""The inputs and outputs of each action as JSON Schema, for flow engines, forms and type generators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from locoia_pat.authoring.export import schemas as shapes
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from locoia_pat.authoring.export.schemas import Schema
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import SuperSpec


def files(folder: SpecFolder) -> dict[str, str]:
    """``ACTION.inputs.json`` and ``ACTION.outputs.json`` for each action of *folder*, super actions included.

    Raises:
        InvalidError: a spec is wrong.

    """
    found: dict[str, str] = {}
    for name in folder.names:
        spec = folder.spec(name)
        inputs = shapes.taken(spec.inputs)
        for kind, schema in (("inputs", inputs), ("outputs", _outputs(spec))):
            head = {"$schema": shapes.DIALECT, "title": f"{spec.title}: {kind}", "description": spec.summary}
            found[f"{name}.{kind}.json"] = json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"
    return found


def _outputs(spec: ActionSpec | SuperSpec) -> Schema:
    """``data`` of the envelope, where the outcome is ``done``."""
    if not isinstance(spec, ActionSpec):
        return shapes.read(spec.output)
    row = shapes.read(spec.reply.output)
    if not spec.reply.rows:
        return row
    rows = {spec.reply.rows: {"type": "array", "items": row}}
    return {"type": "object", "properties": rows, "required": [spec.reply.rows], "additionalProperties": False}
