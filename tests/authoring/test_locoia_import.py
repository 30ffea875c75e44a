"""Locoia's configuration as specs: what an export wrote, whole; what its documentation shows, as drafts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locoia_pat import InvalidError
from locoia_pat.authoring import locoia
from locoia_pat.authoring.locoia.reading import Imported, imported
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.yaml import read as yaml
from tests.security.test_coercion import BODY, CONSTANTS, INPUTS
from tests.support.locoia_export import FOLDERS, one, read, values, written
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path


def jsons(specs: SpecFolder) -> dict[str, str]:
    """The JSON files of an export."""
    return {name: text for name, text in locoia.files(specs).items() if name.endswith(".json")}


def made(done: Imported, file: str) -> dict[str, Any]:
    """What a file that was made says."""
    found: dict[str, Any] = yaml(done.texts[file], file).value
    return found


def keys(done: Imported, file: str) -> list[str]:
    """What a file lacks."""
    return [note.key for note in done.missing if note.file == file]


# There and back


@pytest.mark.parametrize("name", FOLDERS)
def test_an_export_with_its_sidecar_gives_back_the_specs(tmp_path: Path, name: str) -> None:
    specs = SpecFolder(FOLDERS[name])
    done = imported(jsons(specs))
    assert (done.missing, done.chosen, done.changed) == ([], [], [])
    back = written(done, tmp_path / "back")
    assert values(back) == values(specs)
    assert [back.spec(each).model_dump() for each in back.names] == [
        specs.spec(each).model_dump() for each in specs.names
    ]
    assert check_specs(back, whole=False) == []


@pytest.mark.parametrize("name", FOLDERS)
def test_what_was_imported_is_exported_as_it_was(tmp_path: Path, name: str) -> None:
    specs = SpecFolder(FOLDERS[name])
    assert jsons(written(imported(jsons(specs)), tmp_path / "back")) == jsons(specs)


def test_specs_of_every_part_of_the_language_come_back(tmp_path: Path) -> None:
    shared = connector(
        base_url="https://api.acme.example/v1/", hosts=["api.acme.example", "eu.acme.example"], docs="https://acme.example",
        env={"token": "ACME_KEY", "identifier": "ACME_USER", "base_url": "ACME_URL"}, check="rows",
        auth={"header_key": "X-Key", "token_format": "{{identifier}}-{{  token }}", "encode": "base64",
              "token_prefix": "Key {{ token_format }}", "info": "From the app."},
    )  # fmt: skip
    body = {name: f"{{{{ {name} }}}}" for name in BODY} | CONSTANTS
    texts = {"t": {"title": "T", "type": "text", "required": True, "nullable": False}}
    whole = action(
        INPUTS | texts,
        {"path": "/a/{{ t ~ '/' }}/{{ t|lower }}", "query": {"q": "{{ t }}", "none": None, "list": [1, "a"]},
         "headers": {"X-T": "<{{ t }}>"}, "omit_null": True,
         "body": body | {"cat": "{{ t ~ '/' ~ t }}", "raw": "{% raw %}{{ 1 }}{% endraw %}", "r": "{{ required }}"}},
        title="Do act", docs="https://acme.example/act", effect="rotate", replaces="t", look="rows",
        revoke={"action": "gone", "inputs": {"id": "{{ id }}"}},
        reply={"ok": [200], "output": {"id": {"type": "text"}, "token": {"type": "text", "secret": "once"}}},
    )  # fmt: skip
    rows = action(
        {}, {"method": "GET", "query": {"a": 1}}, action="rows", effect="read",
        pages={"by": "page", "query": "p", "first": 0},
        reply={"ok": [200], "at": ["items"], "rows": "rows", "output": {}},
    )  # fmt: skip
    search = action({}, {"method": "POST", "body": ["x"]}, action="search", effect="read")
    gone = action(
        {"id": {"title": "I", "type": "text", "required": True}},
        {"path": "/gone/{{ id }}", "form": {"a": "{{ id }}"}},
        action="gone",
        effect="delete",
    )
    specs = SpecFolder(folder(tmp_path / "specs", shared, whole, rows, search, gone))
    assert check_specs(specs) == []
    done = imported(jsons(specs))
    assert (done.missing, done.changed) == ([], [])
    assert values(written(done, tmp_path / "back")) == values(specs)


def test_what_is_changed_in_locoia_is_what_the_specs_say_then() -> None:
    files = jsons(SpecFolder())
    create = json.loads(files["actions/create_pat.json"])
    create["ui_form_schema"]["note"]["maxLength"] = 200
    create["unverified"]["body"] = create["unverified"]["body"].replace("note | jsonify", '(note ~ "!") | jsonify')
    create["short_description"] = "Make a token."
    base = json.loads(files["connector.json"]) | {"base_domain": "https://eu.api.locoia.com/v1/"}
    done = imported(files | {"actions/create_pat.json": json.dumps(create), "connector.json": json.dumps(base)})
    spec = made(done, "create_pat.yaml")
    assert (spec["inputs"]["note"]["maxLength"], spec["summary"]) == (200, "Make a token.")
    assert spec["request"]["body"]["note"] == "{{ note }}!"
    assert spec["inputs"]["expiration"]["nullable"] is True
    assert made(done, "connector.yaml")["base_url"] == "https://eu.api.locoia.com/v1"
    assert done.changed == []


def test_where_both_sides_differ_locoia_s_is_taken_and_told() -> None:
    files = jsons(SpecFolder())
    create = json.loads(files["actions/create_connector_auth.json"])
    del create["ui_form_schema"]["tags"]
    create["unverified"]["body"] = '{"name": "{{ name }}"}'
    done = imported(files | {"actions/create_connector_auth.json": json.dumps(create)})
    spec = made(done, "create_connector_auth.yaml")
    assert "tags" not in spec["inputs"]
    assert spec["request"]["body"] == {"name": "{{ name }}"}
    assert done.changed == []

    pat = json.loads(files["actions/create_pat.json"])
    del pat["ui_form_schema"]["expiration"]
    pat["action_name"] = "create_pat"
    side = json.loads(files["sidecar.json"])
    title = next(step for step in side["actions"]["create_pat"] if step["op"] == "test")
    title["value"] = "Something else"
    changed = imported(files | {"actions/create_pat.json": json.dumps(pat), "sidecar.json": json.dumps(side)})
    assert {(note.file, note.key) for note in changed.changed} == {
        ("create_pat.yaml", "title"),
        *(("create_pat.yaml", f"inputs.expiration.{key}") for key in ("unit", "required", "nullable")),
    }
    assert made(changed, "create_pat.yaml")["title"] == "Create Pat"


def test_a_file_that_the_sidecar_speaks_of_and_nobody_gives_is_told() -> None:
    files = jsons(SpecFolder(FOLDERS["twilio"]))
    del files["actions/list_keys.json"]
    done = imported(files)
    (note,) = [note for note in done.missing if not note.key]
    assert (note.file, "no file holds it" in note.message) == ("list_keys.yaml", True)
    assert keys(done, "list_keys.yaml")[1:] == ["summary", "effect", "request.method", "request.path"]


def test_without_the_sidecar_what_is_missing_is_listed_and_the_rest_is_there(tmp_path: Path) -> None:
    files = jsons(SpecFolder())
    del files["sidecar.json"]
    done = imported(files)
    assert keys(done, "create_pat.yaml") == ["effect", "reply"]
    assert keys(done, "list_pats.yaml") == ["reply"]
    assert keys(done, "connector.yaml") == []
    assert "nullable" in next(note.message for note in done.missing if note.file == "sidecar.json")
    assert ("connector.yaml", "version") in {(note.file, note.key) for note in done.chosen}
    assert ("list_pats.yaml", "effect") in {(note.file, note.key) for note in done.chosen}
    assert "# missing: reply: " in done.texts["create_pat.yaml"]
    spec = made(done, "create_pat.yaml")
    assert spec["request"] == SpecFolder().action("create_pat").document.value["request"]
    update = made(done, "update_connector_auth.yaml")
    assert update["request"]["omit_null"] is True
    assert update["inputs"]["tags"] == {"title": "Tags", "type": "text", "multiple": True}
    back = written(done, tmp_path / "back")
    assert {finding.code for finding in check_specs(back)} == {"missing-key"}


# What Locoia's documentation shows

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


def test_the_empty_template_of_a_base_connector_lacks_everything() -> None:
    done = read(connector=EMPTY)
    assert keys(done, "connector.yaml") == ["connector", "base_url", "auth"]
    assert list(done.texts) == ["connector.yaml"]
    assert done.name is None


def test_a_base_connector_with_every_key_filled_is_kept_whole(tmp_path: Path) -> None:
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
        "tags": ["crm"], "future": {"key": [1]},
    }  # fmt: skip
    done = read(connector=full)
    assert keys(done, "connector.yaml") == []
    spec = made(done, "connector.yaml")
    assert (spec["connector"], spec["base_url"], spec["hosts"]) == (
        "hubspot",
        "https://api.hubapi.com",
        ["api.hubapi.com"],
    )
    assert spec["auth"]["info"] == "From the settings."
    back = written(done, tmp_path / "back")
    assert check_specs(back) == []
    assert json.loads(locoia.files(back)["connector.json"]) == full


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
def test_a_documented_header_imports_by_itself_and_in_its_connector(header: Any, auth: dict[str, str]) -> None:
    for done in (
        read(header=header),
        read(connector={"header": header}),
        read(connector={"header": json.dumps(header)}),
    ):
        assert made(done, "connector.yaml")["auth"] == auth
        assert keys(done, "connector.yaml") == ["connector", "base_url"]


def test_a_connector_with_a_user_name_reads_a_variable_for_it() -> None:
    done = read(connector=EMPTY | {"name": "Zendesk", "header": BASIC})
    assert made(done, "connector.yaml")["env"] == {"token": "ZENDESK_TOKEN", "identifier": "ZENDESK_USER"}


def test_a_key_in_the_address_and_credentials_that_locoia_renews_are_told() -> None:
    in_address = read(connector=EMPTY | {"url_token_extension": "{{endpoint}}&access_token={{token}}"})
    assert "in Locoia it stands in the address" in in_address.missing[2].message
    off = read(connector=EMPTY | {"header": {"token_in_header": False}})
    assert "in Locoia it stands in the address" in off.missing[2].message
    oauth = {"oauth2": {"auth_form": [], "config": {"client_id": "", "step1_authorize_url": "https://x.example"}}}
    refreshed = {"refreshable_token": {"auth_form": [], "config": {"authorization_request_headers": "{}"}}}
    for config, kind in ((oauth, "oauth2"), (refreshed, "refreshable_token")):
        done = read(auth=config)
        assert f"of the kind {kind}" in done.missing[2].message
        assert json.loads(done.texts["locoia.json"])["connector"]["auth_config"] == config


def test_an_auth_form_imports_as_a_list_and_as_the_object_of_older_pages() -> None:
    older = {field["name"]: {key: value for key, value in field.items() if key != "name"} for field in FIELDS}
    for form in (FIELDS, older):
        for file in ({"basic_auth": {"auth_form": form, "config": {}}}, {"auth_form": form, "config": {}}):
            kept = json.loads(read(auth=file).texts["locoia.json"])["connector"]["auth_config"]
            assert kept == {"basic_auth": {"auth_form": FIELDS}}
    odd = {"basic_auth": {"auth_form": {"a": 1, "b": {"type": "text"}}}, "oauth2": 1}
    assert json.loads(read(connector={"auth_config": odd}).texts["locoia.json"])["connector"]["auth_config"] == {
        "basic_auth": {"auth_form": [{"name": "b", "type": "text"}]}, "oauth2": 1,
    }  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_form_schema_imports_with_and_without_its_outer_key(*, wrapped: bool) -> None:
    done = read(actions__create_contact={"ui_form_schema": FORM} if wrapped else FORM)
    spec = made(done, "create_contact.yaml")
    assert spec["inputs"]["tags"] == FORM["tags"]
    assert spec["inputs"]["contact_info"] == FORM["contact_info"]
    assert spec["inputs"]["free"] == {"title": "Free", "type": "text", "multiple": True}
    assert "default" not in spec["inputs"]["name"]  # it is required, so nothing stands in for it
    assert json.loads(done.texts["locoia.json"])["actions"]["create_contact"] == {
        "ui_form_schema": {"name": {"default": "x"}}
    }
    assert keys(done, "create_contact.yaml") == ["summary", "effect", "request.method", "request.path", "reply"]
    assert keys(done, "connector.yaml") == [""]


def test_a_form_s_inputs_are_right_and_lead_back_to_the_form(tmp_path: Path) -> None:
    inputs = made(read(f=FORM), "f.yaml")["inputs"]
    specs = one(tmp_path, inputs, {"body": {name: f"{{{{ {name} }}}}" for name in inputs}})
    form = json.loads(locoia.files(specs)["actions/act.json"])["ui_form_schema"]
    assert form == FORM | {"name": {key: value for key, value in FORM["name"].items() if key != "default"}}


def test_a_field_of_a_type_that_is_not_known_is_for_the_checker_to_tell(tmp_path: Path) -> None:
    done = read(f={"a": {"title": "A", "type": "textarea"}}, connector={"name": "Acme"})
    assert made(done, "f.yaml")["inputs"] == {"a": {"title": "A", "type": "textarea"}}
    assert any("inputs.a.type" in finding.message for finding in check_specs(written(done, tmp_path / "back")))


@pytest.mark.parametrize(
    ("config", "pages"),
    [
        ({"response_jsonpath": "$.x", "query": '{"page": {{ page + 1 }}}'}, {"by": "page", "query": "page"}),
        ({"query": '{"p": "{{page+1}}"}'}, {"by": "page", "query": "p"}),
        ({"query": {"p": "{{ page + 1 }}"}}, {"by": "page", "query": "p"}),
        ({"query": '{"p": {{ page }}}'}, {"by": "page", "query": "p", "first": 0}),
        ({"query": '{"p": {{ page * 10 }}}'}, None),
        ({"query": '{"p": {{ page + 1 }}, "size": 5}'}, None),
        ({"query": '{"p": 1}'}, None),
        ({"query": "[1]"}, None),
        ({"query": "{% if page %}{% endif %}"}, None),
        ({"query": '{"p": {{ page }}}', "body": "{}"}, None),
        ({"body": '{"page": {{ page + 1 }}}'}, None),
        ({"response_jsonpath": "$", "header": "{}"}, None),
    ],
)  # fmt: skip
def test_a_pagination_imports_and_is_the_pages_of_actions_that_have_it(config: Any, pages: Any) -> None:
    alone = read(pagination=config)
    assert json.loads(alone.texts["locoia.json"])["connector"]["pagination_config"] == config
    listing: dict[str, Any] = {"action_name": "list", "method": "GET", "unverified": {"endpoint": "x"}}
    listing["unverified"]["retrieve_all_data"] = True
    done = read(pagination=config, list=listing)
    assert made(done, "list.yaml").get("pages") == pages
    del listing["unverified"]["retrieve_all_data"]
    plain = read(pagination=config, list=listing)
    assert "pages" not in made(plain, "list.yaml")
    assert "pages" in [note.key for note in plain.chosen]


@pytest.mark.parametrize("query", [{"q": "{{ q }}"}, '{"q": "{{ q }}"}', "q={{ q }}", 5])
def test_a_search_imports_and_its_query_is_an_object_today(query: Any) -> None:
    config = {
        "response_fields": {"id": "$[*].id", "match": "$[*].name"},
        "endpoint": "x",
        "query": query,
        "type": "list",
    }
    kept = json.loads(read(search=config).texts["locoia.json"])["connector"]["search_config"]
    assert kept == config | ({"query": {"q": "{{ q }}"}} if isinstance(query, str) and query[0] == "{" else {})


# Anyone's Actions


def test_an_action_imports_by_the_labels_of_its_dialog_too() -> None:
    by_label = {
        "ID": "5a1f3c1e-0000-4000-8000-000000000001", "Connector": "Acme", "Action Name": "createContact",
        "Order Rank": 4,
        "Status": "active", "Short Description": "Create a contact.", "Tag": "CRM", "Internal Docs": None,
        "External Docs": "https://acme.example", "Method": "post",
        "UI Form Schema": json.dumps({"ui_form_schema": {"name": FORM["mail"] | {"searchable": 1},
                                                             "empty": FORM["day"]}}),
        "path": "contacts?dry={{ empty }}", "headers": {"X-Name": "{{ name }}"},
        "body": '{"n": "{{ name }}"}', "response_path": "$.data",
    }  # fmt: skip
    done = read(
        connector=EMPTY | {"name": "Acme", "base_domain": "https://api.acme.example", "header": BEARER}, a=by_label
    )
    spec = made(done, "create_contact.yaml")
    assert spec["request"] == {
        "method": "POST", "path": "/contacts", "query": {"dry": "{{ empty }}"}, "headers": {"X-Name": "{{ name }}"},
        "body": {"n": "{{ name }}"},
    }  # fmt: skip
    assert (spec["summary"], spec["docs"]) == ("Create a contact.", "https://acme.example")
    assert keys(done, "create_contact.yaml") == ["effect", "reply"]
    assert json.loads(done.texts["locoia.json"])["actions"]["create_contact"] == {
        "id": by_label["ID"], "order_rank": 4, "tag": "CRM", "ui_form_schema": {"name": {"searchable": 1}},
        "response_path": "$.data",
    }  # fmt: skip


def test_what_a_spec_cannot_say_of_a_request_is_missing_and_why() -> None:
    done = read(
        a={"action_name": "a", "method": "POST", "endpoint": "{% if x %}{% endif %}", "body": "a=1", "query": ""}
    )
    told = {note.key: note.message for note in done.missing if note.file == "a.yaml"}
    assert "no statements" in told["request.path"]
    assert "no JSON" in told["request.body"]
    assert "request.query" not in told


def test_a_base_domain_that_locoia_asks_for_is_told() -> None:
    done = read(connector=EMPTY | {"name": "Z", "base_domain": "https://{{ subdomain }}.zendesk.com/"})
    (note,) = [note for note in done.missing if note.key == "base_url"]
    assert "https://{{ subdomain }}.zendesk.com/" in note.message
    assert keys(read(connector=EMPTY | {"base_domain": "https://[x"}), "connector.yaml")[1] == "base_url"
    assert keys(read(connector=EMPTY | {"base_domain": "x"}), "connector.yaml")[1] == "base_url"


def test_parts_come_together_in_one_connector() -> None:
    done = read(base={"name": "Acme", "base_domain": "https://a.example"}, header=BEARER, pagination={"query": "{}"})
    assert keys(done, "connector.yaml") == []


# Bad input

SIDE: dict[str, Any] = {"format": "locoia-pat sidecar 1", "connector": [], "actions": {}, "supers": {}}
HUGE = {"n": {"title": "N", "type": "number", "max": 10**20}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a.json:1:1: this is no JSON"),
        ('{"name": "x"\n "b": 1}', "a.json:2:2: this is no JSON"),
        ("{“name”: 1}", "a.json:1:2: this is no JSON"),
        ("[" * 100_000, "too deeply"),
        ("[" * 40 + "]" * 40, "too deeply"),
        ('{"a": {"b": 1, "b": 2}}', "same key twice"),
        ('{"a": NaN}', "NaN"),
        ("5", "holds 5, not an object"),
        ([EMPTY], "holds a list, not an object"),
        ({}, "an empty object"),
        ({"openapi": "3.1.0", "paths": {}}, "no Connector of Locoia's"),
        ({"nodes": [], "edges": []}, "no Connector of Locoia's"),
        ({"a": {"b": 1}}, "no Connector of Locoia's"),
        ({"response_fields": 1, "x": 1}, "no Connector of Locoia's"),
        ({"encode": False}, "no Connector of Locoia's"),
        ({"response_jsonpath": "$"}, "no Connector of Locoia's"),
        ({"oauth2": 1}, "no Connector of Locoia's"),
        ({"format": "locoia-pat action 2"}, "does not read"),
        ({"format": "locoia-pat platform 1"}, "does not read"),
        ({"format": "locoia-pat sidecar 2"}, 'this version reads "locoia-pat sidecar 1"'),
        ({"format": "locoia-pat sidecar 1"}, "damaged"),
        (SIDE | {"actions": {"a": 1}}, "damaged"),
        (SIDE | {"actions": {"../a": []}}, "damaged"),
        (SIDE | {"actions": {"a": [{"op": "move"}]}}, "damaged"),
        (SIDE | {"actions": {"a": [{"op": "remove", "path": "a"}]}}, "damaged"),
        (SIDE | {"actions": {"a": [{"op": "remove", "path": "/a", "x": 1}]}}, "damaged"),
        (SIDE | {"supers": {"../x": {}}}, "damaged"),
        (SIDE | {"supers": {"x": 1}}, "damaged"),
        (EMPTY | {"name": 5}, '"name" is 5, and a text in Locoia'),
        (EMPTY | {"header": []}, '"header" is an empty list, and an object'),
        (EMPTY | {"header": "{"}, '"header" is a text, and no JSON'),
        (EMPTY | {"header": '{"a": 1, "a": 2}'}, '"header" is a text, and no JSON'),
        ({"action_name": ["a"]}, '"action_name" is a list'),
        ({"action_name": "a", "unverified": 1}, '"unverified" is 1'),
        ({"action_name": "???"}, "no name for an action"),
        ({"action_name": "connector"}, "no name for an action"),
        ({"action_name": "a", "ui_form_schema": HUGE}, "cannot be said"),
        ({"action_name": "a", "body": "[" * 24 + "]" * 24}, "cannot be said"),
    ],
)  # fmt: skip
def test_what_is_nothing_of_locoia_s_is_refused(text: Any, told: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read(a=text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a": {"action_name": "Get it", "method": "GET"}, "b": {"action_name": "get_it"}}, "another action"),
        ({"a": EMPTY | {"name": "A"}, "b": EMPTY | {"name": "B"}}, 'another "name"'),
        ({"a": BEARER, "b": BASIC}, 'another "header"'),
        ({"a": SIDE, "b": SIDE}, "two sidecars"),
        ({"a": SIDE | {"supers": {"b": {}}}, "b": {"action_name": "b"}}, "no super action"),
    ],
)  # fmt: skip
def test_files_that_contradict_each_other_are_refused(files: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read(**files)
    assert told in str(caught.value)


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert keys(imported({"a.json": "\ufeff" + json.dumps(EMPTY)}), "connector.yaml")


def test_a_token_in_the_wrong_file_is_not_repeated() -> None:
    token = "Gk3mP9xQ2vL7wR4tY8zB1nC6dF5hJ0sA"
    for text in ({"format": f"locoia-pat {token}"}, {token: 1}, EMPTY | {"header": f"{token}"}):
        with pytest.raises(InvalidError) as caught:
            read(a=text)
        assert token not in str(caught.value)


KEYS = st.sampled_from([*EMPTY, "action_name", "method", "ui_form_schema", "unverified", "endpoint", "body", "format",
                        "type", "title", "basic_auth", "auth_form", "config", "query", "token_format"])  # fmt: skip
KEYS |= st.text()
WORDS = (
    st.sampled_from(["locoia-pat action 1", "text", "select", "{{ x", "{% a %}", "{{ x | jsonify }}", "POST", "[1"])
    | st.text()
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


@example(value={"unverified": None}, full=False, named=True)
@example(value={"auth_config": {"\x1f": None}}, full=False, named=False)
@settings(max_examples=400, deadline=None)
@given(value=st.dictionaries(KEYS, VALUE, max_size=6), full=st.booleans(), named=st.booleans())
def test_whatever_a_file_holds_it_is_imported_or_refused(value: dict[str, Any], *, full: bool, named: bool) -> None:
    whole = (EMPTY if full else {}) | ({"action_name": "a"} if named else {}) | value
    try:
        done = read(a=whole)
    except InvalidError:
        return
    assert done.texts
    for name, text in done.texts.items():
        assert json.loads(text) if name.endswith(".json") else yaml(text, name)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_sidecar_that_was_changed_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    files = SAMPLE | {"sidecar.json": changed(SAMPLE["sidecar.json"], data)}
    try:
        imported(files)
    except InvalidError:
        return


SAMPLE = jsons(SpecFolder(FOLDERS["twilio"]))


def changed(text: str, data: st.DataObject) -> str:
    """JSON *text* with one value in it that is another."""
    value = json.loads(text)
    at = value
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not at[key] or not isinstance(at[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            at[key] = data.draw(VALUE)
            return json.dumps(value)
        at = at[key]
