"""Connectors to make packs of, and packs that nobody should install."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.packs.archive import write_archive
from locoia_pat.spec.yaml import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.command import Done

    Call = Callable[..., Done]

Spec = dict[str, Any]

CONNECTOR: Spec = {
    "spec": 1,
    "connector": "acme",
    "title": "Acme",
    "version": "1.2.0",
    "base_url": "https://api.acme.example/v1",
    "hosts": ["api.acme.example"],
    "env": {"token": "ACME_TOKEN", "base_url": "ACME_BASE_URL"},
    "check": "list_keys",
}
LIST: Spec = {
    "spec": 1,
    "action": "list_keys",
    "title": "List keys",
    "summary": "List the keys there are.",
    "effect": "read",
    "request": {"method": "GET", "path": "/keys"},
    "reply": {"ok": [200], "rows": "keys", "output": {"id": {"title": "ID", "type": "text"}}},
    "examples": [
        {
            "name": "one key",
            "request": {"method": "GET", "path": "/keys"},
            "reply": {"status": 200, "body": [{"id": "k1"}]},
            "result": {"outcome": "done", "data": {"keys": [{"id": "k1"}]}},
        }
    ],
}
PURGE: Spec = {
    "spec": 1,
    "action": "purge_keys",
    "title": "Purge keys",
    "summary": "Delete all keys.",
    "effect": "delete",
    "request": {"method": "DELETE", "path": "/keys"},
    "reply": {"ok": [204], "output": {}},
    "examples": [
        {
            "name": "all of them",
            "request": {"method": "DELETE", "path": "/keys"},
            "reply": {"status": 204},
            "result": {"outcome": "done", "data": {}},
        }
    ],
}
SUPER: Spec = {
    "spec": 1,
    "action": "rotate_pat",
    "title": "Rotate",
    "summary": "Rotate a token.",
    "effect": "rotate",
    "super": "rotate_pat",
    "output": {},
}


def changed(value: Spec, path: str, new: Any) -> Spec:
    """A copy of *value* with *new* at the dotted *path*; ``...`` takes away what stands there."""
    value = copy.deepcopy(value)
    *parents, last = path.split(".")
    inner = value
    for part in parents:
        inner = inner.setdefault(part, {})
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return value


def written(
    folder: Path, *actions: Spec, connector: Spec | None = None, pages: Mapping[str, str] | None = None
) -> Path:
    """A folder of specs, and of other files by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "connector.yaml").write_text(dump(connector or CONNECTOR))
    for action in actions or (LIST,):
        (folder / f"{action['action']}.yaml").write_text(dump(action))
    for name, text in (pages or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def built(call: Call, folder: Path, out: Path) -> Path:
    """The pack of *folder*, by the command."""
    done = call("pack", "build", str(folder), "--out", str(out))
    assert (done.code, done.out.splitlines()[0]) == (0, str(out)), done.err
    return out


def hash_of(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def installed(call: Call, file: Path, verb: str = "install", *more: str) -> Done:
    """A pack, installed or upgraded without a terminal."""
    return call("pack", verb, str(file), "--accept", hash_of(file), *more)


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(files: dict[str, bytes], /, **said: Any) -> bytes:
    """An archive of *files* as packs are written, whose manifest is right about their checksums and says *said*."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: f"sha256:{hashlib.sha256(data).hexdigest()}"
        for name, data in sorted(files.items())
        if name != "manifest.json"
    }
    manifest |= said
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    return write_archive({**files, "manifest.json": text.encode()})
