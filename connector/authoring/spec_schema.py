"""The spec language as JSON Schema, for editors that complete, explain and check a spec.

``python -m locoia_pat.authoring.spec_schema DIR`` writes the files; the shipped ones are next to Locoia's own specs.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from locoia_pat.spec import model as spec

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: dict[str, type[BaseModel]] = {
    "action.schema.json": spec.ActionSpec,
    "super.schema.json": spec.SuperSpec,
    "connector.schema.json": spec.ConnectorSpec,
}
"""The files, each with the model that it describes."""


def text(file: str) -> str:
    """Return the JSON Schema in *file*, one of :data:`FILES`."""
    schema = FILES[file].model_json_schema()
    docstrings = _docstrings()
    for name, definition in [(FILES[file].__name__, schema), *schema.get("$defs", {}).items()]:
        for field, described in definition.get("properties", {}).items():
            described.pop("title", None)
            if docstring := docstrings.get((name, field)):
                described["description"] = docstring
    title = f"locoia-pat: {FILES[file].__name__}"
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**head, **{key: value for key, value in schema.items() if key != "title"}}, indent=1) + "\n"


def _docstrings() -> dict[tuple[str, str], str]:
    """Return the docstrings of the models' fields, by model and by the name that a spec uses."""
    return {
        (model.name, _alias(model.name, field)): " ".join(docstring.replace("``", "").split())
        for model in ast.parse(inspect.getsource(spec)).body
        if isinstance(model, ast.ClassDef)
        for field, docstring in _documented(model)
    }


def _documented(model: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(model.body, model.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(docstring))):
                yield name, docstring


def _alias(model: str, field: str) -> str:
    owner = getattr(spec, model)
    return owner.model_fields[field].alias or field if issubclass(owner, BaseModel) else field


def main(folder: str) -> None:
    """Write the files into *folder*."""
    for file in FILES:
        Path(folder, file).write_text(text(file), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
