"""A folder of specs, each read when it is asked for."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.engine.checker import check_specs
from locoia_pat.outcomes import InvalidError, SpecError
from locoia_pat.spec.load import SpecFolder
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from pathlib import Path


def _action(name: str) -> str:
    return f"""\
spec: 1
action: {name}
title: Show
summary: Show it.
effect: read
request: {{method: GET, path: /it}}
reply: {{ok: [200], output: {{id: {{type: text}}}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a connector and two actions."""
    (tmp_path / "connector.yaml").write_text(ACME, encoding="utf-8")
    for name in ("show_it", "count_it"):
        (tmp_path / f"{name}.yaml").write_text(_action(name), encoding="utf-8")
    return tmp_path


def test_the_actions_of_a_folder_are_named_by_its_files(folder: Path) -> None:
    (folder / "notes.txt").write_text("not a spec", encoding="utf-8")
    found = SpecFolder(folder)
    assert found.names == ("count_it", "show_it")
    assert found.action("show_it").action == "show_it"
    assert found.connector.hosts == ["api.acme.example"]


def test_a_folder_can_be_a_path_or_a_resource(folder: Path) -> None:
    assert SpecFolder(str(folder)).names == SpecFolder(folder).names
    assert SpecFolder(files("locoia_pat.specs")).names == SpecFolder().names
    assert {"create_pat", "list_pats", "regenerate_pat"} <= set(SpecFolder().names)


def test_the_home_folder_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert SpecFolder(f"~/{folder.name}").folder == folder


def test_no_file_is_read_before_it_is_needed(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [", encoding="utf-8")
    (folder / "connector.yaml").write_text("a: [", encoding="utf-8")
    found = SpecFolder(folder)
    assert found.action("show_it").title == "Show"
    assert "broken" in found.names
    with pytest.raises(SpecError):
        found.action("broken")
    with pytest.raises(SpecError):
        _ = found.connector


def test_an_action_is_read_once(folder: Path) -> None:
    found = SpecFolder(folder)
    first = found.action("show_it")
    (folder / "show_it.yaml").unlink()
    assert found.action("show_it") is first


def test_an_action_must_be_named_like_its_file(folder: Path) -> None:
    (folder / "show_it.yaml").write_text(_action("count_it"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        SpecFolder(folder).action("show_it")
    [finding] = caught.value.findings
    assert (
        str(finding) == f'{folder / "show_it.yaml"}:2:9: file-name the action must be named "show_it", as its file is'
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("show_its", "; did you mean show_it?"),
        ("xyz", ""),
        ("connector", ""),
        ("../show_it", "; did you mean show_it?"),
        ("", ""),
        ("show_it.yaml", "; did you mean show_it?"),
    ],
)
def test_an_unknown_action_is_reported_with_the_existing_ones(folder: Path, name: str, hint: str) -> None:
    with pytest.raises(InvalidError) as caught:
        SpecFolder(folder).action(name)
    problem = caught.value.problem
    told = f'"{name}"' if "/" not in name else "a 10-character string"
    assert problem.message == f"there is no action {told}{hint}"
    assert (problem.field, problem.hint) == ("action", "Actions: count_it, show_it.")
    assert problem.next == "locoia-pat actions"


@pytest.mark.parametrize("place", ["", "absent", "count_it.yaml"], ids=["no connector", "no folder", "a file"])
def test_a_folder_without_a_connector_is_not_a_folder_of_specs(folder: Path, place: str) -> None:
    (folder / "connector.yaml").unlink()
    with pytest.raises(
        InvalidError, match=r"not a folder of specs: it (has no connector\.yaml|does not exist)"
    ) as caught:
        SpecFolder(folder / place).action("show_it")
    assert caught.value.problem.field == "specs"


def test_a_missing_connector_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"connector\.yaml cannot be read: No such file") as caught:
        _ = SpecFolder(tmp_path).connector
    assert caught.value.problem.field == "specs"


def test_a_spec_that_cannot_be_read_is_reported(folder: Path) -> None:
    (folder / "dir.yaml").mkdir()
    with pytest.raises(InvalidError, match=r"dir\.yaml cannot be read: Is a directory"):
        SpecFolder(folder).action("dir")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"title: \xe9", "title: x".encode("utf-16")])
def test_a_spec_that_is_not_utf_8_is_a_finding(folder: Path, content: bytes) -> None:
    (folder / "show_it.yaml").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        SpecFolder(folder).action("show_it")
    assert str(caught.value) == f"{folder / 'show_it.yaml'}:1:1: yaml the file is not UTF-8 text"


def test_a_finding_names_its_file(folder: Path) -> None:
    (folder / "show_it.yaml").write_text(_action("show_it").replace("read", "reed"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        SpecFolder(folder).action("show_it")
    [finding] = caught.value.findings
    assert (finding.file, finding.line, finding.column) == (str(folder / "show_it.yaml"), 5, 9)
    assert finding.code == "bad-value"


def test_an_input_has_the_options_that_it_names_in_the_connector(folder: Path) -> None:
    options = "options: {colors: {enum: [red, pink], includes: {red: [pink]}, option_notes: {pink: is new}}}\n"
    (folder / "connector.yaml").write_text(ACME + options, encoding="utf-8")
    select = "{title: Color, type: select, options: colors}"
    inputs = f"inputs:\n  a: {select}\n  b: {{title: B, type: nested_object, children: {{c: {select}}}}}\n"
    text = _action("show_it").replace("effect: read\n", f"effect: update\n{inputs}").replace("GET", "PUT")
    (folder / "show_it.yaml").write_text(text, encoding="utf-8")
    spec = SpecFolder(folder).action("show_it")
    expected = {"enum": ["red", "pink"], "includes": {"red": ["pink"]}, "option_notes": {"pink": "is new"}}
    for field in (spec.inputs["a"], (spec.inputs["b"].children or {})["c"]):
        assert field.model_dump(include=set(expected)) == expected
        assert field.options is None
    assert spec.document.value["inputs"]["a"] == {"title": "Color", "type": "select", **expected}


def test_the_connector_is_not_read_for_an_action_without_shared_options(folder: Path) -> None:
    (folder / "connector.yaml").write_text("not: a connector", encoding="utf-8")
    assert SpecFolder(folder).action("show_it").title == "Show"


def test_an_invalid_connector_is_reported_once_though_actions_need_it(folder: Path) -> None:
    (folder / "connector.yaml").write_text(ACME + "options: {colors: {enum: []}}\n", encoding="utf-8")
    inputs = "inputs: {a: {title: A, type: select, options: colors}}\n"
    for name in ("show_it", "count_it"):
        text = _action(name).replace("effect: read\n", f"effect: read\n{inputs}")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (finding,) = check_specs(SpecFolder(folder))
    assert (finding.file, finding.line) == (str(folder / "connector.yaml"), 8)


def test_a_super_action_has_no_request_of_its_own() -> None:
    specs = SpecFolder()
    assert specs.spec("ensure_pat").title == "Ensure personal access token"
    with pytest.raises(InvalidError, match="ensure_pat is a super action: it has no request of its own") as caught:
        specs.action("ensure_pat")
    assert caught.value.problem.next == "locoia-pat show ensure_pat"


@pytest.mark.parametrize("folder", ["\0", "~no-such-user"])
def test_a_path_that_cannot_exist_is_not_a_folder_of_specs(folder: str) -> None:
    with pytest.raises(InvalidError, match="is not a folder of specs"):
        _ = SpecFolder(folder).names


def test_a_file_that_is_only_an_extension_is_not_an_action(tmp_path: Any) -> None:
    (tmp_path / "connector.yaml").touch()
    (tmp_path / ".yaml").touch()
    assert SpecFolder(tmp_path).names == ()


def test_a_hint_of_a_connector_that_is_wrong_hides_no_unknown_action(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text("spec: 1\n")
    with pytest.raises(InvalidError, match='there is no action "delete_key"'):
        SpecFolder(tmp_path).spec("delete_key")
