"""Which actions are tools, what their schemas allow, and what their annotations say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from locoia_pat import InvalidError, Result
from locoia_pat.mcp.tools import offer_tools
from locoia_pat.spec.load import SpecFolder
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from pathlib import Path

SPECS = SpecFolder()
STORES = ["file:/srv/{name}.json", "create_pat=file:/srv/{note}.json", "regenerate_pat=file:/srv/{token_id}.json"]
FOLDER = {
    "connector.yaml": ACME,
    "send_key.yaml": """
        spec: 1
        action: send_key
        title: Send a key
        summary: Send a key with an optional second one
        effect: create
        inputs:
          name: {title: Name, type: text, required: true}
          key: {title: Key, type: password, required: true}
          spare: {title: Spare key, type: password}
          more: {title: More, type: nested_object, children: {pin: {title: PIN, type: password}}}
        request:
          method: POST
          path: /keys
          body: {name: "{{ name }}", key: "{{ key }}", spare: "{{ spare }}", more: "{{ more }}"}
        reply: {ok: [200], output: {}}
    """,
}


@pytest.fixture
def acme(tmp_path: Path) -> SpecFolder:
    """A connector with an action that has secret inputs."""
    for name, text in FOLDER.items():
        (tmp_path / name).write_text(text)
    return SpecFolder(tmp_path)


def offered(*allow: str, specs: SpecFolder = SPECS, **options: Any) -> list[str]:
    return list(offer_tools(specs, allow=allow, **options)[0])


def refused(*allow: str, specs: SpecFolder = SPECS, **options: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidError) as error:
        offer_tools(specs, allow=allow, **options)
    return error.value.problem.field, f"{error.value.problem.message} {error.value.problem.hint}"


def test_by_default_only_reads_are_tools_and_an_operator_allows_others_by_name_or_pattern() -> None:
    reads = ["audit_pats", "get_connector_auth", "list_connector_auths", "list_pats"]
    assert offered() == reads
    assert offered("list_*", "revoke_pat") == ["list_connector_auths", "list_pats", "revoke_pat"]
    assert offered("*", token_to=STORES) == list(SPECS.names)
    assert "did you mean list_pats?" in refused("list_pat")[1]
    tools, left_out = offer_tools(SPECS, allow=["*_pat"], token_to=["file:/srv/{name}.json"])
    assert list(tools) == ["ensure_pat", "retire_pat", "revoke_pat", "rotate_pat"]
    assert left_out == [
        f"{name} is left out: it has no token store. Name one with --token-to {name}=REF."
        for name in ("create_pat", "regenerate_pat")
    ]
    assert "create_pat cannot be a tool: it has no token store" in refused("create_pat")[1]


def test_the_operator_fixes_the_token_stores_and_an_input_can_only_name_a_file_in_them() -> None:
    tools, _ = offer_tools(
        SPECS,
        allow=["ensure_pat", "create_pat"],
        token_to=["file:/srv/{name}.json", "keyring:ci/{name}", "create_pat=file:/srv/a=b/{note}.json"],
    )
    assert tools["ensure_pat"].token_to({"name": "ci"}) == ("file:/srv/ci.json", "keyring:ci/ci")
    assert tools["create_pat"].token_to({"note": "CI"}) == ("file:/srv/a=b/CI.json",)
    for note in ("../../etc/passwd", "a#previous", ".hidden", "a/b", "a:b", "", "a\nb"):
        with pytest.raises(InvalidError) as error:
            tools["create_pat"].token_to({"note": note})
        assert error.value.problem.field == "note"
    assert refused(token_to=["create_pat=file:/srv/{name}.json"])[1].startswith("create_pat has no input name")
    assert refused(token_to=["list_pats=file:/srv/a.json"])[1].startswith("list_pats returns no token")
    assert refused(token_to=["nothing=file:a.json"])[0] == "action"


def test_a_secret_input_is_given_by_the_operator_or_it_is_no_argument(acme: SpecFolder, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("fake-key-0123456789abcdef")
    assert "a caller cannot give the secret key" in refused("send_key", specs=acme)[1]
    given = f"send_key.key=text:{tmp_path}/key.txt"
    tool = offer_tools(acme, allow=["send_key"], secrets=[given])[0]["send_key"]
    assert list(tool.input_schema["properties"]) == ["name"]
    assert {name: secret.reveal() for name, secret in tool.secret_inputs().items()} == {
        "key": "fake-key-0123456789abcdef"
    }
    for name in ("key", "spare", "more"):
        with pytest.raises(InvalidError, match="unknown input"):
            tool.check({"name": "a", name: {"$ref": "file:/etc/passwd"}})
    for text in ("send_key.name=env:A", "send_key.nothing=env:A", "send_key=env:A", "send_key.key"):
        assert refused("send_key", specs=acme, secrets=[text])[0] == "secret"


def test_every_schema_is_strict_and_holds_no_secret() -> None:
    tools, _ = offer_tools(SPECS, allow=["*"], token_to=STORES)
    for name, tool in tools.items():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["additionalProperties"] is False, name
        fields = SPECS.spec(name).inputs
        assert set(tool.input_schema["properties"]) == {n for n, f in fields.items() if f.type != "password"}, name
        assert "token" not in tool.output_schema["properties"]["data"]["properties"], name
    create = Draft202012Validator(tools["create_pat"].input_schema)
    inputs = {"expiration": 30, "scopes": ["embed"], "note": "CI"}
    assert create.is_valid(inputs)
    for wrong in ({"expiration": True}, {"expiration": "30"}, {"dry_run": True}, {"scopes": "embed"}, {"note": None}):
        assert not create.is_valid(inputs | wrong), wrong


def test_an_envelope_with_several_mistakes_fits_the_schema_of_its_tool() -> None:
    tool = offer_tools(SPECS, allow=["create_pat"], token_to=STORES)[0]["create_pat"]
    with pytest.raises(InvalidError) as caught:
        tool.check({"expiration": "30", "scopes": "embed", "note": None})
    envelope = Result.from_error(tool.name, caught.value).to_dict()
    assert len(envelope["error"]["others"]) == 2
    Draft202012Validator(tool.output_schema).validate(envelope)


def test_the_annotations_follow_from_the_effect() -> None:
    tools, _ = offer_tools(SPECS, allow=["*"], token_to=STORES)
    table = {name: (tool.is_read, tool.is_destructive, tool.is_idempotent) for name, tool in tools.items()}
    read, additive, repeatable, destructive = (
        (True, False, True),
        (False, False, False),
        (False, True, True),
        (False, True, False),
    )
    assert table == {
        "audit_pats": read,
        "create_connector_auth": additive,
        "create_pat": additive,
        "delete_connector_auth": repeatable,
        "ensure_pat": repeatable,
        "get_connector_auth": read,
        "list_connector_auths": read,
        "list_pats": read,
        "regenerate_pat": destructive,
        "retire_pat": repeatable,
        "revoke_pat": repeatable,
        "rotate_pat": destructive,
        "update_connector_auth": repeatable,
    }
    for tool in tools.values():
        assert ("confirms" in tool.description) is tool.is_destructive
        assert ("never shown here" in tool.description) is bool(tool.stores)
