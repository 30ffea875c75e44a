"""``export locoia`` and ``import locoia``, as people run them; and what is never written over."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat import InvalidError
from locoia_pat.authoring.export.export_folder import MANIFEST, write_export, write_new
from locoia_pat.spec.load import SpecFolder
from tests.support.command import Done, call
from tests.support.locoia_export import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[..., Done]

__all__ = ["call"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path) -> Iterator[Path]:
    """A working directory of each test's own."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# There and back


def test_an_export_goes_into_a_folder_of_its_kind_and_tells_its_files(call: Call, place: Path) -> None:
    done = call("export", "locoia")
    assert (done.code, done.out) == (0, "")
    *files, note = done.err.splitlines()
    assert files[:2] == ["locoia/GUIDE.md", "locoia/connector.json"]
    assert sorted(files) == sorted(f"locoia/{name}" for name in tree(place / "locoia") if name != MANIFEST)
    assert note.startswith("note: audit_pats, ensure_pat")


def test_the_documented_files_of_an_export_are_imported_as_drafts(call: Call, place: Path) -> None:
    assert call("export", "locoia", "--out", "a/b").code == 0
    form = json.loads((place / "a" / "b" / "actions" / "create_pat.json").read_text())["ui_form_schema"]
    (place / "create_pat.json").write_text(json.dumps(form))
    done = call("import", "locoia", "a/b/connector.json", "create_pat.json")
    assert done.code == 0
    assert "locoia/connector.yaml" in done.out
    assert "locoia/locoia.json    (settings that specs cannot express)" in done.out
    assert "Missing, to be filled in:\n  create_pat.yaml summary: one sentence" in done.out
    assert "Chosen, to be reviewed:\n  connector.yaml connector: locoia" in done.out
    assert done.out.endswith("\nNext: locoia-pat check locoia\n")
    assert (place / "locoia" / "action.schema.json").exists()
    assert SpecFolder(place / "locoia").connector.base_url == SpecFolder().connector.base_url
    assert call("check", "locoia").code == 1


def test_a_form_alone_is_imported_without_a_connector(call: Call, place: Path) -> None:
    (place / "forms").mkdir()
    (place / "forms" / "send.json").write_text('{"to": {"title": "To", "type": "email", "required": true}}')
    told = call("import", "locoia", "forms", "--json").envelope
    assert told["files"] == ["imported/send.yaml"]
    assert told["missing"][0]["message"] == "the base connector: name, URL and credential"
    assert [note["key"] for note in told["missing"]] == ["", "summary", "effect", "request", "reply"]
    assert (told["chosen"][0]["key"], told["findings"]) == ("title", [])


def test_findings_beside_missing_keys_are_listed(call: Call, place: Path) -> None:
    (place / "send.json").write_text('{"to": {"title": "To", "type": "textarea"}}')
    (place / "acme.json").write_text('{"name": "Acme", "base_domain": "https://api.acme.example/"}')
    done = call("import", "locoia", "send.json", "acme.json")
    assert "To be changed:\n  acme/send.yaml:" in done.out


def test_help_names_the_kinds(call: Call) -> None:
    assert "locoia: Locoia's configuration" in call("export", "--help").out
    assert "import" in call("--help").out
    assert "FILE" in call("import", "--help").out
    assert call("export", "locoai").code == call("import", "openapi", "x").code == call("import", "locoia").code == 2


# What is never written over


def test_an_export_replaces_an_unchanged_one_and_removes_files_that_are_no_longer_part_of_it(
    call: Call, place: Path
) -> None:
    specs = place / "specs"
    shutil.copytree(str(FOLDERS["gitlab"]), specs)
    assert call("export", "locoia", "--specs", "specs", "--out", "out").code == 0
    before = tree(place / "out")
    (specs / "revoke_self.yaml").unlink()
    (place / "out" / "actions" / "get_self.json").unlink()
    assert call("export", "locoia", "--specs", "specs", "--out", "out").code == 0
    after = tree(place / "out")
    assert before.keys() - after.keys() == {"actions/revoke_self.json", "rest-helper/revoke_self.md"}
    assert call("export", "locoia", "--specs", "specs", "--out", "new").code == 0
    assert tree(place / "new") == after


def test_a_file_that_was_changed_or_added_by_hand_is_never_overwritten_or_removed(call: Call, place: Path) -> None:
    for file in ("actions/create_pat.json", "GUIDE.md", "mine.txt", "actions/mine.json"):
        shutil.rmtree(place / "locoia", ignore_errors=True)
        call("export", "locoia")
        (place / "locoia" / file).write_text("mine")
        before = tree(place / "locoia")
        done = call("export", "locoia")
        assert (done.code, f"changed or added since the last export: {file}" in done.err) == (2, True), file
        assert tree(place / "locoia") == before, file


def test_a_link_in_an_export_is_never_followed_or_removed(call: Call, place: Path) -> None:
    call("export", "locoia")
    guide = place / "locoia" / "GUIDE.md"
    guide.rename(place / "mine.md")
    guide.symlink_to(place / "mine.md")
    done = call("export", "locoia")
    assert (done.code, "changed or added since the last export: GUIDE.md" in done.err) == (2, True)
    assert guide.is_symlink()


def test_a_folder_that_no_export_wrote_is_left_alone(call: Call, place: Path) -> None:
    for manifest in (None, "{", "[]", '{"export": "locoia", "files": 5}', '{"files": {}}', "[" * 100_000):
        shutil.rmtree(place / "out", ignore_errors=True)
        (place / "out").mkdir()
        (place / "mine").write_text("mine")
        (place / "out" / "mine").write_text("mine")
        if manifest is not None:
            (place / "out" / MANIFEST).write_text(manifest)
        before = tree(place)
        done = call("export", "locoia", "--out", "out")
        assert (done.code, "is not empty, and no export wrote it" in done.err) == (2, True), manifest
        assert tree(place) == before, manifest


def test_an_export_of_another_kind_is_left_alone(call: Call, place: Path) -> None:
    write_export({"a": "1"}, place / "out", "openapi")
    done = call("export", "locoia", "--out", "out")
    assert (done.code, 'holds an export of the kind "openapi"' in done.err) == (2, True)


def test_a_folder_that_is_empty_is_filled(call: Call, place: Path) -> None:
    (place / "out").mkdir()
    assert call("export", "locoia", "--out", "out").code == 0
    (place / "here").mkdir()
    os.chdir(place / "here")
    assert call("export", "locoia", "--out", ".").code == 0
    os.chdir(place)
    assert tree(place / "here") == tree(place / "out")


def test_what_cannot_be_written_leaves_nothing(call: Call, place: Path) -> None:
    (place / "file").write_text("mine")
    for out in ("file", "file/below"):
        done = call("export", "locoia", "--out", out)
        assert done.code == 2
        assert "Traceback" not in done.err
    assert tree(place) == {"file": "mine"}


def test_if_one_file_cannot_be_written_none_is(place: Path) -> None:
    with pytest.raises(InvalidError, match="cannot be written"):
        write_new({"a/b.txt": "1", f"{'c' * 300}.txt": "2"}, place / "new" / "deep")
    assert tree(place) == {}


def test_an_empty_folder_in_place_of_a_file_is_replaced(place: Path) -> None:
    write_export({"a/b": "1", "c": "1"}, place / "out", "k")
    shutil.rmtree(place / "out" / "a")
    (place / "out" / "c").unlink()
    (place / "out" / "c").mkdir()
    assert write_export({"c": "2"}, place / "out", "k") == [place / "out" / "c"]
    assert tree(place / "out").keys() == {"c", MANIFEST}


def test_an_import_writes_over_nothing(call: Call, place: Path) -> None:
    call("export", "locoia", "--out", "x")
    (place / "locoia").mkdir()
    (place / "locoia" / "connector.yaml").write_text("mine")
    done = call("import", "locoia", "x/connector.json")
    assert (done.code, "connector.yaml already exists" in done.err) == (2, True)
    assert tree(place / "locoia") == {"connector.yaml": "mine"}


# Bad input


def test_what_cannot_be_read_is_told_and_nothing_is_written(call: Call, place: Path) -> None:
    (place / "empty").mkdir()
    (place / "odd.json").write_bytes(b"\xff\xfe{}")
    (place / "big.json").write_text(" " * (512 * 1024 + 1))
    (place / "foreign.json").write_text('{"openapi": "3.1.0"}')
    before = tree(place)
    for file, told in (
        ("none.json", "cannot be read"),
        ("empty", "contains no JSON files"),
        ("odd.json", "is not UTF-8 text"),
        ("big.json", "more than"),
        ("foreign.json", "not JSON that Locoia documents"),
    ):
        done = call("import", "locoia", file)
        assert (done.code, told in done.err, done.out) == (2, True, "")
    assert tree(place) == before
