"""The examples of the shipped specs and of the example connectors: they pass, are enough, and hold no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import locoia_pat.specs
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec
from tests.support.cells import cell
from tests.support.connectors import EXAMPLES, GITLAB, TWILIO, command

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = Path(locoia_pat.specs.__path__[0])
FOLDERS = {"locoia": SHIPPED, **{folder.name: folder for folder in sorted(EXAMPLES.iterdir())}}
ACTIONS = [
    (name, action)
    for name, folder in FOLDERS.items()
    for action in SpecFolder(folder).names
    if isinstance(SpecFolder(folder).spec(action), ActionSpec)
]
MADE_IN_PAGES = {
    *(("gitlab", "list_tokens"), ("twilio", "list_keys"), ("stripe", "list_webhooks"), ("slack", "list_teams")),
    *(("github", "list_deploy_keys"), ("github", "list_repositories"), ("microsoft_graph", "list_applications")),
}


def test_check_finds_nothing_and_all_examples_pass() -> None:
    for case, folder in FOLDERS.items():
        with cell(case):
            checked = command("check", str(folder))
            assert (checked.code, checked.out, checked.err) == (0, "", "0 findings\n")
            tested = command("test", str(folder), "--json")
            assert (tested.code, tested.envelope["findings"]) == (0, [])
            assert {row["action"] for row in tested.envelope["examples"]} == {
                action for name, action in ACTIONS if FOLDERS[name] == folder
            }
            assert all(row["passed"] for row in tested.envelope["examples"])


def test_the_example_connectors_can_create_list_rotate_and_revoke() -> None:
    assert SpecFolder(GITLAB).names == (
        *("create_token", "create_user_token", "create_variable", "delete_variable"),
        *("get_self", "get_token", "get_variable", "list_tokens"),
        *("revoke_self", "revoke_token", "rotate_self", "rotate_token", "update_variable"),
    )
    assert SpecFolder(TWILIO).names == ("create_key", "delete_key", "get_key", "list_keys", "update_key")


def test_each_action_has_an_example_that_is_done_and_one_that_is_refused() -> None:
    for name, action in ACTIONS:
        spec = SpecFolder(FOLDERS[name]).action(action)
        outcomes = [example.result.outcome for example in spec.examples if example.result]
        with cell(name, action):
            assert {"done", "refused"} <= set(outcomes)
            assert len(outcomes) == len(spec.examples)  # none leaves its result out
            assert len({example.name for example in spec.examples}) == len(spec.examples)
            assert any(example.pages for example in spec.examples) is ((name, action) in MADE_IN_PAGES)
            assert list(spec.document.value)[-1] == "examples"  # the head of the file is what is read first


def test_a_secret_in_an_example_is_plainly_fake() -> None:
    for name, action in ACTIONS:
        spec = SpecFolder(FOLDERS[name]).action(action)
        keys = {*spec.secret_keys, *(key for key, field in spec.inputs.items() if field.type == "password")}
        found = [text for key, text in _texts(spec.document.value["examples"]) if key in keys]
        with cell(name, action):
            assert [text for text in found if not text.startswith("fake-")] == []
            assert bool(found) is bool(keys)


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield key, value
        case list():
            for item in value:
                yield from _texts(item, key)
        case dict():
            for name, item in value.items():
                yield from _texts(item, name)


@pytest.mark.parametrize("folder", [GITLAB, TWILIO], ids=["gitlab", "twilio"])
def test_each_file_names_its_schema_and_is_valid_against_it(folder: Path) -> None:
    specs = SpecFolder(folder)
    files = {"connector": specs.connector.document, **{name: specs.action(name).document for name in specs.names}}
    for name, document in files.items():
        schema = "connector.schema.json" if name == "connector" else "action.schema.json"
        assert document.text.startswith(f"# yaml-language-server: $schema=../../../specs/{schema}\n")
        jsonschema.validate(document.value, json.loads((SHIPPED / schema).read_text()))
