"""The export to Locoia: every documented key, and undocumented ones marked as unverified."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError
from locoia_pat.authoring import locoia
from locoia_pat.authoring.locoia import unverified
from locoia_pat.spec.load import SpecFolder
from tests.support.locoia_export import FOLDERS, exported, one, rendered
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

BASE = {
    *("name", "contype", "status", "auth_config", "base_domain", "header", "url_token_extension", "search_config"),
    *("pagination_config", "external_schema_config", "image_url", "display_on_landing_pages", "internal_docs"),
    *("external_docs", "external_auth_docs", "external_swagger_docs", "short_description", "long_description"),
    *("con_arrow", "order_rank", "tags"),
}
"""The keys that Locoia documents for a base connector."""
DIALOG = {
    "id": "ID", "connector": "Connector", "action_name": "Action Name", "order_rank": "Order Rank", "status": "Status",
    "short_description": "Short Description", "tag": "Tag", "internal_docs": "Internal Docs",
    "external_docs": "External Docs", "method": "Method", "ui_form_schema": "UI Form Schema",
    "pre_save_flow": "Pre Save Flow", "on_delete_flow": "On Delete Flow",
}  # fmt: skip
"""The fields that Locoia documents for an Action."""
FORM_KEYS = {
    *("title", "type", "required", "default", "placeholder", "info", "minLength", "maxLength", "rows", "min", "max"),
    *("step", "enum", "multiple", "allowCreate", "children", "pattern", "regexErrorMessage"),
}
FORM_TYPES = {
    *("text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object"),
}


@pytest.fixture(scope="module", params=FOLDERS)
def export(request: pytest.FixtureRequest) -> dict[str, Any]:
    return exported(SpecFolder(FOLDERS[request.param])) | {"specs": SpecFolder(FOLDERS[request.param])}


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    return exported(SpecFolder())


def actions(export: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in export.items() if name.startswith("actions/")}


def test_a_base_connector_has_every_documented_key_and_no_other(export: dict[str, Any]) -> None:
    assert export["connector.json"].keys() == BASE


def test_the_base_connector_of_locoia_s_own_api(own: dict[str, Any]) -> None:
    base = own["connector.json"]
    assert (base["name"], base["contype"], base["status"]) == ("Locoia", "connector", "draft")
    assert base["base_domain"] == "https://api.locoia.com/v1/"
    assert base["header"] == {
        "encode": False,
        "token_in_header": True,
        "content_type": "application/json",
        "header_key": "Authorization",
        "token_format": "{{token}}",
        "token_prefix": "Bearer {{token_format}}",
    }
    (field,) = base["auth_config"]["basic_auth"]["auth_form"]
    assert (field["name"], field["type"], field["required"]) == ("auth_token", "password", True)
    assert base["auth_config"]["basic_auth"]["config"] == {}
    assert base["short_description"]
    assert len(base["short_description"]) <= 160


def test_a_credential_with_a_user_name_asks_for_it_and_is_encoded() -> None:
    base = exported(SpecFolder(FOLDERS["twilio"]))["connector.json"]
    assert base["header"]["encode"] == "base64"
    assert base["header"]["token_format"] == "{{identifier}}:{{token}}"
    assert base["header"]["token_prefix"] == "Basic {{token_format}}"
    names = [field["name"] for field in base["auth_config"]["basic_auth"]["auth_form"]]
    assert names == [unverified.IDENTIFIER_FIELD, "auth_token"]


def test_every_action_with_a_request_has_its_file_with_each_field_of_the_dialog(export: dict[str, Any]) -> None:
    found = actions(export)
    wanted = [name for name in export["specs"].names if "request" in export["specs"].spec(name).document.value]
    assert list(found) == [f"actions/{name}.json" for name in wanted]
    for rank, value in enumerate(found.values(), 1):
        assert value.keys() == {"unverified", *DIALOG}
        assert value["order_rank"] == rank


def test_forms_have_only_documented_keys_and_types(export: dict[str, Any]) -> None:
    def check_form(form: dict[str, Any]) -> None:
        for field in form.values():
            assert field.keys() <= FORM_KEYS
            assert field["type"] in FORM_TYPES
            assert not (field.get("multiple") and field["type"] != "select")
            check_form(field.get("children", {}))

    for value in actions(export).values():
        check_form(value["ui_form_schema"])


def test_undocumented_fields_are_separate_and_marked(export: dict[str, Any]) -> None:
    for value in actions(export).values():
        assert set(value["unverified"]) - {"note", "retrieve_all_data"} <= set(unverified.SLOTS)
        assert "documentation shows no fields" in value["unverified"]["note"]
    guide = export["GUIDE.md"]
    for label in set(unverified.SLOTS.values()):
        assert f"**{label}**" not in re.sub(rf"\*\*{label}\*\* \*\(unverified\)\*", "", guide)


def test_null_has_a_switch_of_its_own_in_a_form(own: dict[str, Any]) -> None:
    for name in ("create_pat", "regenerate_pat"):
        form = own[f"actions/{name}.json"]["ui_form_schema"]
        assert form["expiration"]["required"] is True
        assert form["no_expiration"] == {
            "title": "Never expires",
            "type": "switch",
            "info": "Replaces the value of expiration, which is then not used.",
            "default": False,
        }
        assert "only the switch `no_expiration` sends `null`" in own["GUIDE.md"]
    body = own["actions/create_pat.json"]["unverified"]["body"]
    rest = {"scopes": ["embed"], "note": "n"}
    for on in (True, "true"):
        for typed in ({}, {"expiration": ""}, {"expiration": 7}):
            assert json.loads(rendered(body, no_expiration=on, **typed, **rest)) == {"expiration": None, **rest}
    for off in ({}, {"no_expiration": False}, {"no_expiration": "false"}, {"no_expiration": ""}):
        assert json.loads(rendered(body, expiration=7, **off, **rest)) == {"expiration": 7, **rest}


@pytest.mark.parametrize("empty", ["missing", None, ""])
def test_a_field_that_is_left_empty_never_means_null_where_null_must_be_said(
    export: dict[str, Any], own: dict[str, Any], empty: str | None
) -> None:
    """A token that never expires is asked for by a switch; a field that was forgotten makes the request fail."""
    for file, value in actions(export).items():
        inputs = export["specs"].action(value["action_name"]).inputs
        form = dict.fromkeys(value["ui_form_schema"], "x")
        for name in (name for name, field in inputs.items() if field.required and field.nullable):
            fields = {**form, f"no_{name}": False, name: empty}
            if empty == "missing":
                del fields[name]
            body = json.loads(rendered(value["unverified"]["body"], **fields))
            assert body[name] == f"{name} is empty: fill it in, or switch no_{name} on", file
    assert "no_expiration" in own["rest-helper/create_pat.md"]


def test_a_list_of_strings_is_a_select_whose_options_the_user_types(own: dict[str, Any]) -> None:
    tags = own["actions/create_connector_auth.json"]["ui_form_schema"]["tags"]
    assert tags == {"title": "Tags", "type": "select", "multiple": True, "enum": [], "allowCreate": True}


def test_the_guide_has_a_line_for_every_field(export: dict[str, Any]) -> None:
    guide = export["GUIDE.md"]
    before, *sections = guide.split("\n## Action ")
    for key in BASE:
        assert re.search(rf"^- .*\*\*{key}\*\*", before, re.MULTILINE), key
    assert len(sections) == len(actions(export))
    for value, section in zip(actions(export).values(), sections, strict=True):
        for label in DIALOG.values():
            assert re.search(rf"^- .*\*\*{label}\*\*", section, re.MULTILINE), label
        for slot in value["unverified"].keys() & unverified.SLOTS.keys():
            assert f"**{unverified.SLOTS[slot]}** *(unverified)*" in section


def test_the_blocks_of_the_guide_hold_the_values_of_the_files(export: dict[str, Any]) -> None:
    blocks = re.findall(r"^  ```(json|text)\n(.*?)^  ```$", export["GUIDE.md"], re.MULTILINE | re.DOTALL)
    copied = [re.sub(r"^  ", "", text, flags=re.MULTILINE).removesuffix("\n") for _, text in blocks]
    for value in actions(export).values():
        if value["ui_form_schema"]:
            assert value["ui_form_schema"] in [json.loads(text) for (kind, _), text in zip(blocks, copied, strict=True)
                                               if kind == "json"]  # fmt: skip
        for slot in value["unverified"].keys() & {"body", "query", "form"}:
            assert value["unverified"][slot] in copied


def test_the_guide_opens_with_rights_safety_and_the_debugger(export: dict[str, Any]) -> None:
    heads = re.findall(r"^## (.*)$", export["GUIDE.md"], re.MULTILINE)
    assert heads[:4] == [
        "Who can do this",
        "Safety features of this package that do not apply here",
        "Keep tokens out of the debugger",
        "The Connector",
    ]
    assert heads[-1] == "What is not documented"


def test_the_guide_ends_with_a_trial_of_the_connectors_check(own: dict[str, Any], export: dict[str, Any]) -> None:
    trial = own["GUIDE.md"].split("\n## Try it, then make it active\n")[1].split("\n## ")[0]
    assert "`list_pats`, which only reads" in trial
    assert "`https://api.locoia.com/v1/personal-access-tokens`" in trial
    assert "1. Run a flow of one step with" in export["GUIDE.md"]


def test_the_guide_names_the_actions_that_a_retry_harms_and_those_with_a_secret(own: dict[str, Any]) -> None:
    guide = own["GUIDE.md"]
    assert "each flow that uses `create_connector_auth`, `create_pat` and `regenerate_pat`." in guide
    assert "`create_pat` and `regenerate_pat` return a secret" in guide
    assert "`create_connector_auth` and `update_connector_auth` take a secret as input" in guide
    assert "one second later" in guide
    create, listing = (
        guide.split(f"\n## Action `{name}`")[1].split("\n## ")[0] for name in ("create_pat", "list_pats")
    )
    assert "**Its output holds a secret**" in create
    assert "Turn automatic retries off" in create
    assert "secret" not in listing
    assert "retries" not in listing


def test_super_actions_are_in_the_guide_and_not_exported_as_actions(own: dict[str, Any]) -> None:
    supers = {"audit_pats", "ensure_pat", "retire_pat", "revoke_pat", "rotate_pat"}
    assert not any(f"actions/{name}.json" in own or f"rest-helper/{name}.md" in own for name in supers)
    section = own["GUIDE.md"].split("\n## Super actions, which run outside Locoia")[1].split("\n## ")[0]
    for name in supers:
        assert f"locoia-pat run {name}" in section
    assert "`locoia-pat run rotate_pat name=… expiration=… --token-to file:token.json`" in section
    (note,) = locoia.notes(SpecFolder())
    assert all(name in note for name in supers)


def test_the_guide_of_a_folder_without_super_actions_does_not_mention_them() -> None:
    specs = SpecFolder(FOLDERS["gitlab"])
    assert "uper action" not in exported(specs)["GUIDE.md"]
    assert locoia.notes(specs) == []


# Pages


def paged(place: Path, *pages: dict[str, Any], at: str = "$") -> dict[str, Any]:
    made = [
        action({}, {"method": "GET", "path": f"/act{number}"}, action=f"act{number}", effect="read", pages=one_,
               reply={"ok": [200], "at": [at], "rows": "rows", "output": {}})
        for number, one_ in enumerate(pages)
    ]  # fmt: skip
    return exported(SpecFolder(folder(place, connector(), *made)))


@pytest.mark.parametrize(
    ("first", "pages"), [({}, [2, 3]), ({"first": 1}, [2, 3]), ({"first": 0}, [1, 2])]
)  # fmt: skip
def test_page_numbers_become_the_connector_s_pagination(
    tmp_path: Path, first: dict[str, int], pages: list[int]
) -> None:
    found = paged(tmp_path, {"by": "page", "query": "p"} | first, at="data.items")
    config = found["connector.json"]["pagination_config"]
    assert config["response_jsonpath"] == "$.data.items"
    # Locoia counts further requests from 1, and the first of them is the second request.
    assert [json.loads(rendered(config["query"], page=page)) for page in (1, 2)] == [{"p": page} for page in pages]
    assert found["actions/act0.json"]["unverified"]["retrieve_all_data"] is True
    assert "Allow **Retrieve all data** *(unverified)*" in found["GUIDE.md"]
    assert "100 pages at most" in found["GUIDE.md"]


@pytest.mark.parametrize(
    "pages", [{"by": "offset", "query": "o"}, {"by": "cursor", "query": "c", "at": "next"}, {"by": "link"}]
)
def test_undocumented_kinds_of_pages_are_named_in_the_guide(tmp_path: Path, pages: dict[str, Any]) -> None:
    found = paged(tmp_path, pages)
    assert found["connector.json"]["pagination_config"] is None
    assert f"`act0` has pages by {pages['by']}" in found["GUIDE.md"]
    assert "retrieve_all_data" not in found["actions/act0.json"]["unverified"]


def test_one_connector_has_one_pagination(tmp_path: Path) -> None:
    same = paged(tmp_path / "same", {"by": "page", "query": "p"}, {"by": "page", "query": "p", "first": 1})
    assert same["connector.json"]["pagination_config"] == {"response_jsonpath": "$", "query": '{"p": {{ page + 1 }}}'}
    other = paged(tmp_path / "other", {"by": "page", "query": "p"}, {"by": "page", "query": "q"}, {"by": "link"})
    assert other["connector.json"]["pagination_config"] is None
    assert "`act0` has other pages than another action" in other["GUIDE.md"]
    assert "`act2` has pages by link" in other["GUIDE.md"]


# The REST Helper


def test_the_page_for_a_rest_helper_renders_over_a_form_helper_s_step(own: dict[str, Any]) -> None:
    page = own["rest-helper/regenerate_pat.md"]
    url, body = re.findall(r"^  ```text\n(.*?)^  ```$", page, re.MULTILINE | re.DOTALL)
    form = {"token_id": "a/b", "expiration": 30}
    assert rendered(url, form=form).strip() == "https://api.locoia.com/v1/personal-access-tokens/a%2Fb/regenerate"
    assert json.loads(rendered(body, form=form)) == {"expiration": 30}
    assert json.loads(rendered(body, form={"token_id": "a", "no_expiration": True})) == {"expiration": None}
    assert "Copy `form` into the step's **reference**" in page
    assert "`Bearer TOKEN`, with the prefix" in page
    assert "Set **Error Handling** to `false`" in page


def test_the_page_of_an_action_without_inputs_needs_no_form(own: dict[str, Any]) -> None:
    assert "Form Helper" not in own["rest-helper/list_pats.md"]
    assert "## 1. A REST Helper step" in own["rest-helper/list_pats.md"]


def test_the_page_says_where_another_credential_and_a_form_go() -> None:
    gitlab, twilio = (exported(SpecFolder(FOLDERS[name])) for name in ("gitlab", "twilio"))
    assert "the header `PRIVATE-TOKEN` as `TOKEN`" in gitlab["rest-helper/get_self.md"]
    assert "`Basic base64 of USER:TOKEN`" in twilio["rest-helper/create_key.md"]
    assert "application/x-www-form-urlencoded" in twilio["rest-helper/create_key.md"]


def test_undocumented_uses_of_form_fields_are_noted_in_the_guide(tmp_path: Path) -> None:
    inputs = {
        "filter": {"title": "F", "type": "json"},
        "sizes": {"title": "S", "type": "number", "multiple": True},
        "code": {"title": "C", "type": "nested_object", "children": {
            "id": {"title": "I", "type": "text", "pattern": "[a-z]+"}}},
    }  # fmt: skip
    body = {name: f"{{{{ {name} }}}}" for name in inputs}
    guide = exported(one(tmp_path, inputs, {"body": body, "query": {"q": "```"}}))["GUIDE.md"]
    assert "The text in `filter` is copied into the request unchanged" in guide
    assert "`multiple` of `sizes` is documented for a `select` only *(unverified)*" in guide
    assert "`pattern` of `code.id` is documented for the forms of credentials only *(unverified)*" in guide
    assert '  ````text\n  {\n    "q": "```"\n  }\n  ````' in guide


# What specs cannot express


def test_an_invalid_spec_is_not_exported(tmp_path: Path) -> None:
    specs = one(tmp_path, {"v": {"title": "V", "type": "text", "required": True}}, {"body": {"v": "{{ w }}"}})
    with pytest.raises(InvalidError, match="unknown-name"):
        locoia.files(specs)


def test_the_keys_of_locoia_json_are_part_of_the_export(tmp_path: Path) -> None:
    specs = one(tmp_path, {"v": {"title": "V", "type": "text"}}, {"body": ["{{ v }}"]})
    extra = {
        "connector": {"image_url": "acme.svg", "tags": ["crm"], "header": {"content_type": "text/plain"}, "own": 1},
        "actions": {"act": {"tag": "Keys", "order_rank": 7, "ui_form_schema": {"v": {"searchable": True}}}},
    }
    (tmp_path / "locoia.json").write_text(json.dumps(extra))
    found = exported(specs)
    base, act = found["connector.json"], found["actions/act.json"]
    assert (base["image_url"], base["tags"], base["header"]["content_type"]) == ("acme.svg", ["crm"], "text/plain")
    assert base["header"]["header_key"] == "Authorization"
    assert (act["tag"], act["order_rank"]) == ("Keys", 7)
    assert act["ui_form_schema"]["v"] == {"title": "V", "type": "text", "searchable": True}
    assert "**own** *(unverified)*" in found["GUIDE.md"]


def test_an_invalid_locoia_json_is_refused(tmp_path: Path) -> None:
    specs = one(tmp_path, {}, {})
    for content, expected in (
        ("{", "expected a JSON object"),
        ("[" * 100_000, "expected a JSON object"),
        ([], "expected a JSON object"),
        ({"connector": []}, "expected a JSON object"),
        ({"actions": []}, "expected a JSON object"),
        ({"actions": {"act": 1}}, "expected a JSON object"),
        ({"steps": {}}, "expected a JSON object"),
        ({"actions": {"acts": {}}}, 'names "acts", but there is no such action; did you mean act?'),
        ({"connector": {"name": "Acme"}}, 'sets "name", whose value comes from the specs'),
        ({"connector": {"header": {"encode": False}}}, 'sets "encode"'),
        ({"connector": {"header": "x"}}, '"header" is not an object'),
        ({"actions": {"act": {"unverified": {}}}}, 'sets "unverified"'),
        ({"connector": {"short_description": "a" * 161}}, "161 characters; Locoia allows 160"),
    ):
        (tmp_path / "locoia.json").write_text(content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(InvalidError) as caught:
            locoia.files(specs)
        assert expected in str(caught.value), content
