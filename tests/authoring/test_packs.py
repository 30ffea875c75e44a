"""A pack is made of a folder: the same bytes everywhere, and nothing in it that should not be."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.pack import build_pack, open_pack
from locoia_pat.authoring.recipes import texts
from locoia_pat.outcomes import InvalidError
from tests.support.connectors import GITLAB, TWILIO
from tests.support.packs import CONNECTOR, LIST, PURGE, SUPER, built, changed, files_of, hash_of, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.packs import Call, Spec

ALL = {
    "README.md": "# Acme\n",
    "LICENSE": "MIT\n",
    "CHANGELOG.md": "# 1.2.0\n",
    "docs/keys.md": "Keys.\n",
    "recipes/weekly.md": "Each week.\n",
    "recipes/weekly.yaml": 'arazzo: "1.0.1"\nsourceDescriptions:\n  - {name: acme, url: ./openapi.json}\n'
    "  - {name: acme, url: https://api.acme.example/v1/openapi.json}\n  - {name: acme, url: https://localhost/x}\n",
    "recipes/notes.yaml": "- a list\n",
    "recipes/odd.yaml": "sourceDescriptions: none\n",
}


def test_a_pack_that_is_built_twice_is_the_same_bytes(call: Call, tmp_path: Path) -> None:
    one = built(call, written(tmp_path / "a" / "acme", LIST, PURGE, pages=ALL), tmp_path / "one.zip")
    other = written(tmp_path / "b" / "other", PURGE, LIST, pages=dict(reversed(ALL.items())))
    for file in other.rglob("*.*"):
        os.utime(file, (1, 1))
        file.chmod(0o755)
    (other / "README.md").write_bytes(b"# Acme\r\n")  # as Git writes it on Windows
    two = built(call, other, tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()


def test_a_pack_is_the_same_bytes_on_every_computer(tmp_path: Path) -> None:
    """A hash that was published must be right for all who build the pack, by any Python."""
    pack, _ = build_pack(written(tmp_path / "acme", pages={"README.md": "# Acme\n"}))
    assert pack.hash == "sha256:9c458caaac1ff31f6f9b19b83df051557e261a9dd82d1f6012e0f8d25121b6ec"


@pytest.mark.parametrize("folder", [GITLAB, TWILIO], ids=lambda folder: folder.name)
def test_the_connectors_shown_in_the_documentation_make_packs(folder: Path, tmp_path: Path) -> None:
    pack, left_out = build_pack(folder)
    (tmp_path / "pack.zip").write_bytes(pack.archive)
    assert open_pack(tmp_path / "pack.zip") == pack
    assert left_out == ()
    assert {f"{name}.yaml" for name in pack.manifest.actions} | {"connector.yaml"} == {*pack.files}


def test_what_is_in_a_pack_and_what_is_left_out(call: Call, tmp_path: Path) -> None:
    folder = written(
        tmp_path / "acme", pages=ALL | {"setup.py": "", "recipes/x.json": "{}", "manifest.json": "{}", ".git": ""}
    )
    (folder / "action.schema.json").write_text("{}")
    (folder / "docs" / "more").mkdir()
    (folder / "elsewhere").symlink_to(tmp_path)
    done = call("pack", "build", str(folder), "--out", str(tmp_path), "--json")
    assert (done.code, done.envelope["file"]) == (0, str(tmp_path / "acme-1.2.0.zip"))
    assert done.envelope["left_out"] == ["elsewhere", "setup.py", "recipes/x.json", "docs/more"]
    assert done.err.splitlines() == [f"left out: {name}" for name in done.envelope["left_out"]]
    files = files_of((tmp_path / "acme-1.2.0.zip").read_bytes())
    names = ["CHANGELOG.md", "LICENSE", "README.md", "connector.yaml", "docs/keys.md", "list_keys.yaml"]
    assert [*files] == [
        "manifest.json",
        *names,
        *(f"recipes/{name}" for name in ("notes.yaml", "odd.yaml", "weekly.md", "weekly.yaml")),
    ]
    assert done.envelope["hash"] == hash_of(tmp_path / "acme-1.2.0.zip")


def test_it_can_be_opened_by_any_program(call: Call, tmp_path: Path) -> None:
    file = built(call, written(tmp_path / "acme"), tmp_path / "acme.zip")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_the_manifest_says_what_the_specs_do(tmp_path: Path) -> None:
    connector = changed(CONNECTOR, "env.identifier", "ACME_USER")
    create = LIST | {
        "action": "create_key",
        "effect": "create",
        "inputs": {"pin": {"title": "PIN", "type": "password", "required": True}},
        "request": {"method": "POST", "path": "/keys", "body": {"pin": "{{ pin }}"}},
        "reply": {"ok": [200], "output": {"token": {"type": "text", "secret": "once"}}},
        "examples": [
            {
                "name": "one",
                "inputs": {"pin": "fake-pin-0123456789"},
                "request": {"method": "POST", "path": "/keys", "body": {"pin": "fake-pin-0123456789"}},
                "reply": {"status": 200, "body": {"token": "fake-token-0123456789abcdef"}},
                "result": {"outcome": "done", "data": {}},
            }
        ],
    }
    pack, _ = build_pack(written(tmp_path / "acme", LIST, PURGE, create, connector=connector))
    said = json.loads(files_of(pack.archive)["manifest.json"])
    files = said.pop("files")
    assert said == {
        "pack": 1,
        "name": "acme",
        "version": "1.2.0",
        "title": "Acme",
        "base_url": "https://api.acme.example/v1",
        "hosts": ["api.acme.example"],
        "header": "Authorization",
        "variables": ["ACME_BASE_URL", "ACME_TOKEN", "ACME_TOKEN_FILE", "ACME_USER"],
        "secret_inputs": ["create_key.pin"],
        "effects": ["create", "delete", "read"],
        "methods": ["DELETE", "GET", "POST"],
        "actions": {
            "create_key": {
                "effect": "create",
                "method": "POST",
                "path": "/keys",
                "summary": "List the keys there are.",
                "secret_outputs": ["token"],
            },
            "list_keys": {
                "effect": "read",
                "method": "GET",
                "path": "/keys",
                "summary": "List the keys there are.",
            },
            "purge_keys": {"effect": "delete", "method": "DELETE", "path": "/keys", "summary": "Delete all keys."},
        },
    }
    assert [*files] == ["connector.yaml", "create_key.yaml", "list_keys.yaml", "purge_keys.yaml"]


REFUSED: dict[str, tuple[Spec, Spec | None, str]] = {
    "no example": (changed(LIST, "examples", ...), None, "needs an example"),
    "half an example": (LIST | {"examples": [{"name": "one"}]}, None, "bad-example this example has no request"),
    "what check finds": (changed(LIST, "request.path", "/keys/{{ id }}"), None, "unknown-name"),
    "a super action": (SUPER, changed(CONNECTOR, "check", ...), "a super action is code"),
    "our name": (LIST, CONNECTOR | {"connector": "locoia_x", "env": {"token": "LOCOIA_X_TOKEN"}}, "begins with"),
    "no semantic version": (LIST, changed(CONNECTOR, "version", "1.02.0"), "not a semantic version"),
    "what looks like a token": (
        changed(LIST, "examples", [LIST["examples"][0] | {"reply": {"status": 200, "body": [
            {"id": "k1", "note": "see 9f8Xc2LmQ7vB4nTz6RkW1yHs"}]}}]),
        None,
        "high-entropy",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("action", "connector", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shared_is_not_built(
    action: Spec, connector: Spec | None, why: str, call: Call, tmp_path: Path
) -> None:
    folder = written(tmp_path / "acme", action, connector=connector)
    done = call("pack", "build", str(folder), "--out", str(tmp_path / "out.zip"))
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert str(folder) in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]


def test_a_harmless_text_is_said_to_be_so(call: Call, tmp_path: Path) -> None:
    action, _, _ = REFUSED["what looks like a token"]
    folder = written(tmp_path / "acme", action)
    done = call("pack", "build", str(folder), "--out", str(tmp_path / "out.zip"), "--harmless", "note")
    assert (done.code, done.err) == (0, "")


def test_a_page_that_is_none_is_not_built(call: Call, tmp_path: Path) -> None:
    folder = written(tmp_path / "acme", pages={"docs/a.md": "a", "docs/A.md": "b"})
    if len([*(folder / "docs").iterdir()]) == 2:
        done = call("pack", "build", str(folder))
        assert (done.code, "are one file on some computers" in done.err) == (2, True)
    (folder / "docs" / "A.md").unlink()
    (folder / "docs" / "b.md").symlink_to("/etc/passwd")
    done = call("pack", "build", str(folder))
    assert (done.code, "docs/b.md is a link" in done.err) == (2, True)


@pytest.mark.parametrize(("count", "size", "why"), [(301, 1, "at most 300"), (20, 250_000, "bytes"), (1, 300_000, "")])
def test_what_is_too_large_is_not_built(count: int, size: int, why: str, tmp_path: Path, call: Call) -> None:
    folder = written(tmp_path / "acme", pages={f"docs/{number}.md": "a" * size for number in range(count)})
    done = call("pack", "build", str(folder), "--out", str(tmp_path / "x.zip"))
    assert (done.code, why in done.err, (tmp_path / "x.zip").exists()) == (2, True, False)


@pytest.mark.parametrize("where", ["nowhere/x.zip", "acme/list_keys.yaml/x.zip"])
def test_a_place_that_cannot_be_written_is_told(where: str, call: Call, tmp_path: Path) -> None:
    done = call("pack", "build", str(written(tmp_path / "acme")), "--out", str(tmp_path / where))
    assert (done.code, "cannot be written" in done.err) == (2, True)


def test_a_folder_that_is_none_is_told(call: Call, tmp_path: Path) -> None:
    assert "is not a folder of specs" in call("pack", "build", str(tmp_path)).err
    assert "is not a folder of specs" in call("pack", "build", str(tmp_path / "nowhere")).err


def test_the_pack_is_written_where_the_author_stands(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "acme")
    monkeypatch.chdir(tmp_path)
    assert call("pack", "build", "acme").out.splitlines()[0] == "acme-1.2.0.zip"
    assert (tmp_path / "acme-1.2.0.zip").is_file()


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="nowhere cannot be read"):
        collect_files(tmp_path / "nowhere")


def test_the_recipes_of_a_pack_can_be_read_from_memory(tmp_path: Path) -> None:
    pack, _ = build_pack(written(tmp_path / "acme", pages=ALL))
    assert [*texts(pack.specs(), ".md")] == ["recipes/weekly.md"]
