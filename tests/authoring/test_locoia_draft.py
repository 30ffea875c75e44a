"""Drafts of specs from the JSON that Locoia documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locoia_pat import InvalidError
from locoia_pat.authoring import locoia
from locoia_pat.authoring.locoia.draft import Draft, draft
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.yaml import load as yaml
from tests.support.cells import cell
from tests.support.locoia_export import FOLDERS

if TYPE_CHECKING:
    from pathlib import Path

EMPTY: dict[str, Any] = {
    "name": "", "contype": "", "status": "", "auth_config": {}, "base_domain": "", "header": {},
    "url_token_extension": "", "search_config": None, "pagination_config": None, "external_schema_config": None,
    "image_url": "", "display_on_landing_pages": False, "internal_docs": None, "external_docs": None,
    "external_auth_docs": None, "external_swagger_docs": None, "short_description": None, "long_description": None,
    "con_arrow": None, "order_rank": 1, "tags": [],
}  # fmt: skip
BEARER = {
    "encode": False, "token_in_header": True, "content_type": "application/json", "header_key": "Authorization",
    "token_format": "{{token}}", "token_prefix": "Bearer {{token_format}}",
}  # fmt: skip
BASIC = BEARER | {
    "encode": "base64", "token_format": "{{identifier}}:{{token}}", "token_prefix": "Basic {{token_format}}",
}  # fmt: skip
FIELDS: list[dict[str, Any]] = [
    {"name": "subdomain", "title": "Subdomain", "type": "text", "required": True, "info": "yours.zendesk.com",
     "pattern": r"/^[\w-_]+$/", "regexErrorMessage": "only the first part"},
    {"name": "auth_token", "title": "API key", "type": "password", "required": True, "info": "From the settings."},
]  # fmt: skip
FORM: dict[str, Any] = {
    "name": {"title": "Name", "type": "text", "required": True, "default": "x", "placeholder": "Name", "info": "i",
             "minLength": 1, "maxLength": 20, "rows": 3},
    "mail": {"title": "Mail", "type": "email", "required": False},
    "secret": {"title": "Secret", "type": "password", "required": True},
    "age": {"title": "Age", "type": "number", "min": 0, "max": 120, "step": 0.5, "default": 0},
    "day": {"title": "Day", "type": "date"},
    "days": {"title": "Days", "type": "daterange"},
    "at": {"title": "At", "type": "datetime"},
    "kind": {"title": "Kind", "type": "select", "enum": ["a", "b"], "default": "a"},
    "tags": {"title": "Tags", "type": "select", "enum": ["a"], "multiple": True, "allowCreate": True, "default": ["a"]},
    "free": {"title": "Free", "type": "select", "enum": [], "multiple": True, "allowCreate": True},
    "on": {"title": "On", "type": "switch", "default": True},
    "contact_info": {"title": "Contact", "type": "nested_object",
                     "children": {"company": {"title": "Company", "type": "text"}}},
}  # fmt: skip


def read(**files: object) -> Draft:
    """Draft from JSON files, named without their endings."""
    return draft({f"{name}.json": text if isinstance(text, str) else json.dumps(text) for name, text in files.items()})


def spec_in(result: Draft, file: str) -> dict[str, Any]:
    """Return the value of a drafted file."""
    value: dict[str, Any] = yaml(result.texts[file], file).value
    return value


def missing_keys(result: Draft, file: str = "connector.yaml") -> list[str]:
    return [note.key for note in result.missing if note.file == file]


def message(result: Draft, key: str) -> str:
    (note,) = [note for note in [*result.missing, *result.chosen] if note.key == key]
    return note.message


def written(result: Draft, path: Path) -> SpecFolder:
    path.mkdir(parents=True)
    for name, text in result.texts.items():
        (path / name).write_text(text, encoding="utf-8")
    return SpecFolder(path)


# A base connector


def test_an_empty_base_connector_lacks_everything() -> None:
    result = read(connector=EMPTY)
    assert missing_keys(result) == ["connector", "base_url", "auth"]
    assert list(result.texts) == ["connector.yaml"]
    assert (result.name, result.chosen) == (None, [])


def test_a_complete_base_connector_is_exported_as_it_was_imported(tmp_path: Path) -> None:
    full = EMPTY | {
        "name": "HubSpot", "contype": "connector", "status": "active", "base_domain": "https://api.hubapi.com/",
        "auth_config": {"basic_auth": {"auth_form": FIELDS, "config": {}}},
        "header": BEARER | {"content_type": "text/xml"},
        "search_config": {"response_fields": {"id": "$[*].id", "match": "$[*].name"}, "endpoint": "search",
                          "query": {"q": "{{ q }}"}, "type": "search", "when": "{{ resource_type == 'contacts' }}"},
        "pagination_config": {"response_jsonpath": "$.{{ endpoint.split('/', 1)[0] }}",
                              "query": '{"page": {{ page + 1 }}}'},
        "external_schema_config": {"a": 1}, "image_url": "hubspot.svg", "display_on_landing_pages": True,
        "internal_docs": "https://docs.locoia.com/x", "external_docs": "https://developers.hubspot.com",
        "external_auth_docs": "https://developers.hubspot.com/auth", "external_swagger_docs": "https://x.example/o.json",
        "short_description": "CRM", "long_description": "A CRM.", "con_arrow": ["true"], "order_rank": 3,
        "tags": ["crm"],
    }  # fmt: skip
    result = read(connector=full)
    assert missing_keys(result) == []
    spec = spec_in(result, "connector.yaml")
    assert (result.name, spec["connector"], spec["title"]) == ("hubspot", "hubspot", "HubSpot")
    assert (spec["base_url"], spec["hosts"]) == ("https://api.hubapi.com", ["api.hubapi.com"])
    assert (spec["docs"], spec["auth"]["info"]) == ("https://developers.hubspot.com", "From the settings.")
    assert [note.key for note in result.chosen] == ["connector", "version", "hosts", "pages"]
    specs = written(result, tmp_path / "specs")
    assert check_specs(specs) == []
    assert json.loads(locoia.files(specs)["connector.json"]) == full


def test_the_base_connector_of_each_export_gives_its_connector_spec() -> None:
    for name, folder in FOLDERS.items():
        specs = SpecFolder(folder)
        result = draft({"connector.json": locoia.files(specs)["connector.json"]})
        spec, given_ = spec_in(result, "connector.yaml"), specs.connector.document.value
        assert missing_keys(result) == [], name
        assert spec["base_url"] == given_["base_url"].rstrip("/"), name
        assert (spec["title"], spec.get("docs")) == (given_["title"], given_.get("docs")), name
        for key in ("header_key", "token_format", "token_prefix", "encode"):
            if key in given_.get("auth", {}):
                assert spec["auth"][key] == given_["auth"][key], (name, key)


@pytest.mark.parametrize(
    ("header", "auth"),
    [
        (BEARER, {"header_key": "Authorization", "token_format": "{{ token }}",
                  "token_prefix": "Bearer {{ token_format }}"}),
        (BASIC, {"header_key": "Authorization", "token_format": "{{ identifier }}:{{ token }}", "encode": "base64",
                 "token_prefix": "Basic {{ token_format }}"}),
        (BASIC | {"token_format": "{{identifier}}/token:{{token}}"},
         {"header_key": "Authorization", "token_format": "{{ identifier }}/token:{{ token }}", "encode": "base64",
          "token_prefix": "Basic {{ token_format }}"}),
        (BEARER | {"header_key": "X-Key", "token_prefix": "{{token_format}}"},
         {"header_key": "X-Key", "token_format": "{{ token }}", "token_prefix": "{{ token_format }}"}),
    ],
)  # fmt: skip
def test_a_header_gives_the_credential_alone_and_within_a_base_connector(header: Any, auth: dict[str, str]) -> None:
    for result in (read(header=header), read(connector={"header": header})):
        assert spec_in(result, "connector.yaml")["auth"] == auth
        assert missing_keys(result) == ["connector", "base_url"]


def test_a_header_with_a_user_name_gives_a_variable_for_it() -> None:
    result = read(connector=EMPTY | {"name": "Zendesk", "header": BASIC})
    assert spec_in(result, "connector.yaml")["env"] == {"token": "ZENDESK_TOKEN", "identifier": "ZENDESK_USER"}


def test_credentials_that_specs_do_not_support_are_named_and_kept_in_locoia_json() -> None:
    for connector in (
        {"url_token_extension": "{{endpoint}}&access_token={{token}}"},
        {"header": {"token_in_header": False}},
    ):
        result = read(connector=EMPTY | connector)
        assert "part of the URL" in message(result, "auth")
        assert json.loads(result.texts["locoia.json"])["connector"] == connector
    for kind in ("oauth2", "refreshable_token"):
        config = {kind: {"auth_form": [], "config": {"client_id": "", "authorization_request_headers": "{}"}}}
        result = read(connector={"auth_config": config})
        assert f"of the kind {kind} are not supported" in message(result, "auth")
        assert json.loads(result.texts["locoia.json"])["connector"]["auth_config"] == config


def test_a_base_domain_that_is_not_a_url_is_missing() -> None:
    result = read(connector=EMPTY | {"name": "Z", "base_domain": "https://{{ subdomain }}.zendesk.com/"})
    assert "https://{{ subdomain }}.zendesk.com/" in message(result, "base_url")
    for domain in ("https://[x", "x"):
        assert missing_keys(read(connector=EMPTY | {"base_domain": domain}))[1] == "base_url"


def test_parts_are_combined_into_one_connector() -> None:
    result = read(base={"name": "Acme", "base_domain": "https://a.example"}, header=BEARER, pagination={"query": "{}"})
    assert missing_keys(result) == []
    assert json.loads(result.texts["locoia.json"]) == {"connector": {"pagination_config": {"query": "{}"}}}


def test_a_pagination_is_kept_and_page_numbers_are_proposed_as_pages() -> None:
    for config, pages in [
        ({"response_jsonpath": "$.x", "query": '{"page": {{ page + 1 }}}'}, {"by": "page", "query": "page"}),
        ({"query": '{"p": "{{page+1}}"}'}, {"by": "page", "query": "p"}),
        ({"query": '{"p": {{ page }}}'}, {"by": "page", "query": "p", "first": 0}),
        ({"query": '{"p": {{ page * 10 }}}'}, None),
        ({"query": '{"p": {{ page + 1 }}, "size": 5}'}, None),
        ({"query": {"p": 1}}, None),
        ({"query": '{"p": {{ page }}}', "body": "{}"}, None),
        ({"body": '{"page": {{ page + 1 }}}'}, None),
        ({"response_jsonpath": "$", "header": "{}"}, None),
    ]:
        with cell(config, pages):
            result = read(pagination=config)
            assert json.loads(result.texts["locoia.json"])["connector"]["pagination_config"] == config
            proposed = [note.message.rpartition("pages: ")[2] for note in result.chosen if note.key == "pages"]
            assert [json.loads(each) for each in proposed] == ([pages] if pages else [])


# A form


def test_a_form_gives_the_inputs_of_the_action_its_file_names(tmp_path: Path) -> None:
    for form in (FORM, {"ui_form_schema": FORM}):
        result = draft({"forms/create_contact.json": json.dumps(form)})
        spec = spec_in(result, "create_contact.yaml")
        assert (spec["action"], spec["title"]) == ("create_contact", "Create Contact")
        assert spec["inputs"]["free"] == {"title": "Free", "type": "text", "multiple": True}
        assert "default" not in spec["inputs"]["name"]
        kept = FORM.keys() - {"free", "name"}
        assert {key: spec["inputs"][key] for key in kept} == {key: FORM[key] for key in kept}
        assert missing_keys(result, "create_contact.yaml") == ["summary", "effect", "request", "reply"]
        assert missing_keys(result) == [""]
        assert result.texts["create_contact.yaml"].startswith("# yaml-language-server: $schema=action.schema.json\n")
        assert "# missing: effect: " in result.texts["create_contact.yaml"]
    result = draft({"a.json": json.dumps(FORM), "c.json": json.dumps({"name": "Acme"})})
    assert {finding.code for finding in check_specs(written(result, tmp_path / "specs"))} == {"missing-key"}


def test_the_forms_of_an_export_give_the_inputs_that_forms_can_express() -> None:
    create = json.loads(locoia.files(SpecFolder())["actions/create_pat.json"])["ui_form_schema"]
    spec = spec_in(read(create_pat=create), "create_pat.yaml")
    given_ = SpecFolder().action("create_pat").document.value["inputs"]
    for name, field in given_.items():
        expected = {
            key: value
            for key, value in field.items()
            if key not in ("nullable", "null_title", "unit", "includes", "option_notes")
        }
        assert spec["inputs"][name] == expected, name


def test_an_unknown_field_type_is_left_for_the_checker(tmp_path: Path) -> None:
    result = read(f={"a": {"title": "A", "type": "textarea"}}, connector={"name": "Acme"})
    assert spec_in(result, "f.yaml")["inputs"] == {"a": {"title": "A", "type": "textarea"}}
    assert any("inputs.a.type" in finding.message for finding in check_specs(written(result, tmp_path / "specs")))
    nested = {"a": {"title": "A", "type": "nested_object", "children": {"b": 1}}}
    assert spec_in(read(f=nested), "f.yaml")["inputs"] == nested


# Invalid files


def test_json_that_locoia_does_not_document_is_refused() -> None:
    huge = {"n": {"title": "N", "type": "number", "max": 10**20}}
    deep = '{"a": {"type": "text", "default": ' + "[" * 60 + "]" * 60 + "}}"
    for text, expected in (
        ("", "a.json is not valid JSON: it is empty"),
        ('{"name": "x"\n "b": 1}', "a.json is not valid JSON: line 2, column 2: a comma is missing before this"),
        ("{“name”: 1}", "a.json is not valid JSON: line 1, column 2"),
        ("[" * 100_000, "too deeply"),
        ('{"a": {"b": 1, "b": 2}}', "a key is given twice in one object"),
        ('{"a": NaN}', "NaN is not allowed"),
        ("5", "does not hold a JSON object"),
        ([EMPTY], "does not hold a JSON object"),
        ({}, "does not hold a JSON object"),
        ({"openapi": "3.1.0", "paths": {}}, 'unknown keys: "openapi", "paths"'),
        ({"a": {"b": 1}}, 'unknown keys: "a"'),
        (EMPTY | {"future": 1}, 'unknown keys: "future"'),
        ({"action_name": "a", "method": "GET"}, "unknown keys"),
        ({"ui_form_schema": {"a": 1}}, 'unknown keys: "ui_form_schema"'),
        (EMPTY | {"name": 5}, '"name" is not a string'),
        (EMPTY | {"header": ["x"]}, '"header" is not an object'),
        (EMPTY | {"header": "{"}, '"header" is not an object'),
        (huge, "cannot be written in a spec"),
        (deep, "cannot be written in a spec"),
    ):  # fmt: skip
        with pytest.raises(InvalidError) as caught:
            read(a=text)
        assert expected in str(caught.value), text


def test_files_that_contradict_each_other_are_refused() -> None:
    form = {"v": {"type": "text"}}
    for files, expected in (
        ({"a": EMPTY | {"name": "A"}, "b": EMPTY | {"name": "B"}}, 'another file has a different "name"'),
        ({"a": BEARER, "b": BASIC}, 'another file has a different "header"'),
        ({"a/f": form, "b/F": form}, "another form for the action f"),
        ({"???": form}, "cannot be used as the name of an action"),
        ({"connector": form}, '"connector" cannot be used'),
    ):
        with pytest.raises(InvalidError) as caught:
            read(**files)
        assert expected in str(caught.value)


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert missing_keys(draft({"a.json": "\ufeff" + json.dumps(EMPTY)}))


def test_a_token_in_the_wrong_file_is_not_in_the_message() -> None:
    token = "Gk3mP9xQ2vL7wR4tY8zB1nC6dF5hJ0sA"
    for text in ({token: 1}, {"a": token}, EMPTY | {"header": token}):
        with pytest.raises(InvalidError) as caught:
            read(a=text)
        assert token not in str(caught.value)


KEYS = st.sampled_from([*EMPTY, *BEARER, "response_jsonpath", "query", "type", "title", "basic_auth", "auth_form"])
WORDS = st.sampled_from(["text", "select", "{{ x", "{% a %}", "{{ token }}", "POST", "[1"]) | st.text()
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=5),
    max_leaves=12,
)


@example(value={"auth_config": {"\x1f": None}})
@settings(max_examples=400, deadline=None)
@given(value=st.dictionaries(KEYS, VALUE, max_size=6))
def test_any_json_gives_readable_drafts_or_is_refused(value: dict[str, Any]) -> None:
    try:
        result = read(a=value)
    except InvalidError:
        return
    assert result.texts
    for name, text in result.texts.items():
        assert json.loads(text) if name.endswith(".json") else yaml(text, name)
