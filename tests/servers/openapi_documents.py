"""Draft specs from five OpenAPI documents of others, and check them: ``python -m tests.servers.openapi_documents``.

The documents are in npm packages, which are installed into the cache folder of :mod:`tests.servers.server`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.servers.server import install_node
from tests.support.connectors import command

_PACKAGE = {
    "name": "openapi-documents-for-tests",
    "private": True,
    "dependencies": {"@octokit/openapi": "23.0.2", "@directus/specs": "15.2.0", "@readme/oas-examples": "8.2.2"},
}
_GITHUB = ("apps/*", "actions/*secret*", "repos/*key*", "users/get-authenticated")
DOCUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "github": ("@octokit/openapi/generated/api.github.com.json", _GITHUB),
    "directus": ("@directus/specs/dist/openapi.json", ()),
    "readme": ("@readme/oas-examples/3.1/json/readme.json", ()),
    "train_travel": ("@readme/oas-examples/3.1/yaml/train-travel.yaml", ()),
    "petstore": ("@readme/oas-examples/3.0/yaml/petstore.yaml", ()),
}
"""For each connector: the document, and the operations that are drafted if not all are."""


def main() -> int:
    """Draft and check each document, and print what a person must decide; return 1 if a draft does not pass."""
    modules = install_node("openapi-documents", json.dumps(_PACKAGE)).parent
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (document, operations) in DOCUMENTS.items():
            out = Path(folder, name)
            chosen = [part for operation in operations for part in ("--operation", operation)]
            drafted = command("new", name, "--from", str(modules / document), "--out", str(out), *chosen)
            checked = command("check", str(out))
            failed = failed or bool(drafted.code or checked.code)
            specs = len(list(out.glob("*.yaml")))
            print(f"== {name}: {specs} files, new exits {drafted.code}, check exits {checked.code}")  # noqa: T201
            print(drafted.err, drafted.out.partition("\n\n")[2], checked.out)  # noqa: T201
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
