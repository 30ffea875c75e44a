"""An action names others that look at what it did or undo it; and its request may have the connector's identifier."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.authoring.export import openapi
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.examples import example_findings
from locoia_pat.spec.load import SpecFolder
from tests.support.canaries import FailingStore
from tests.support.loopback import TOKEN, answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = Secret("fake-acme-credential-0123456789")
AUTH = ConnectorAuth(CREDENTIAL)
KEY = {"title": "Key", "type": "password", "required": True}
TEXT = {"title": "Text", "type": "text", "required": True}
REVOKE = action(
    {"key": KEY, "hint": TEXT},
    {"path": "/revoke", "form": {"token": "{{ key }}", "token_type_hint": "{{ hint }}"}},
    action="revoke_key",
    effect="delete",
)
CREATE: dict[str, Any] = {
    "reply": {"ok": [201], "output": {"token": {"type": "text", "secret": "once"}}},
    "revoke": {"action": "revoke_key", "inputs": {"key": "{{ token }}", "hint": "access_token"}},
}
CREATED = answer(201, {"token": TOKEN})


def codes(specs: Path) -> list[tuple[str, str]]:
    """The code and message of each finding."""
    return [(finding.code, finding.message) for finding in check_specs(SpecFolder(specs))]


def test_a_token_that_no_store_took_is_revoked_by_the_token_itself(tmp_path: Path) -> None:
    specs = folder(tmp_path, connector(), action(**CREATE), REVOKE)
    assert codes(specs) == []
    with serving(CREATED, answer(200)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", token_to=[FailingStore()])
        assert server.got[1].path == "/v1/revoke"
        assert server.got[1].body.decode() == f"token={TOKEN}&token_type_hint=access_token"
        assert server.got[1].headers["authorization"] == f"Bearer {CREDENTIAL.reveal()}"
    assert result.outcome is Outcome.NOT_STORED
    assert result.problem is not None
    assert result.problem.hint == "The new token was revoked immediately."
    assert TOKEN not in json.dumps(result.to_dict())
    with serving(CREATED, answer(503)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", token_to=[FailingStore()])
    assert result.problem is not None
    assert "may still be active and its secret is lost" in (result.problem.hint or "")
    assert result.problem.next is None, "a command must not have the token"


def test_a_token_of_an_action_without_a_credential_authorizes_its_own_revoke(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    specs = folder(tmp_path, connector(), action(**CREATE, auth="none"), REVOKE)
    none = ConnectorAuth.from_env({})
    with serving(CREATED, answer(200)) as server, Connector(none, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", token_to=[FailingStore()])
        assert [got.headers.get("authorization") for got in server.got] == [None, f"Bearer {TOKEN}"]
    assert result.problem is not None
    assert "was revoked immediately" in (result.problem.hint or "")
    specs = folder(tmp_path, connector(), action(**CREATE), REVOKE)
    with serving(CREATED) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        created = acme.run("act")
    with serving(answer(200)) as server, Connector(none, specs=specs, base_url=server.url) as acme:
        result = acme.discard(created, "it was interrupted")
        assert server.got == [], "the token of an action with a credential is revoked with the credential only"
    assert result.problem is not None
    assert "still active" in (result.problem.hint or "")


def test_a_revoke_is_done_only_when_it_is(tmp_path: Path) -> None:
    plain: dict[str, Any] = {
        "reply": {"ok": [201], "output": {"id": {"type": "text"}, "token": {"type": "text", "secret": "once"}}},
        "revoke": {"action": "revoke_key", "inputs": {"id": "{{ id }}"}},
    }
    revoker = action(
        {"id": TEXT}, {"method": "DELETE", "path": "/keys/{{ id }}"}, action="revoke_key", effect="delete",
        poll={"interval": 0.01, "max_polls": 2},
    )  # fmt: skip
    specs = folder(tmp_path, connector(), action(**plain), revoker)
    assert codes(specs) == []
    created = answer(201, {"id": "k1", "token": TOKEN})
    accepted = answer(202, None, {"Location": "/v1/jobs/1"})
    for scripts, words in (
        ([answer(200)], "was revoked immediately: row k1."),
        ([accepted, answer(200)], "was revoked immediately: row k1."),
        ([accepted, answer(202)], "row k1 may still be active"),
        ([drop, answer(404)], "was revoked immediately: row k1."),
        ([answer(404)], "row k1 is still active"),
        ([drop], "row k1 may still be active"),
    ):
        with serving(created, *scripts) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
            result = acme.run("act", token_to=[FailingStore()])
        assert result.problem is not None
        assert words in (result.problem.hint or ""), (words, result.problem)


def test_the_secret_is_given_alone_and_to_a_secret_input(tmp_path: Path) -> None:
    for given, code, message in (
        ({"key": "Bearer {{ token }}", "hint": "a"}, "template-type", '"token" is a secret, which is given as it is'),
        ({"key": "{{ token|upper }}", "hint": "a"}, "template-type", '"token" is a secret, which is given as it is'),
        ({"key": "{{ token }}", "hint": "{{ token }}"}, "contradiction", 'type password; see "hint"'),
        ({"key": "constant", "hint": "a"}, "contradiction", 'type password; see "key"'),
    ):
        revoke = {"action": "revoke_key", "inputs": given}
        found = codes(folder(tmp_path, connector(), action(**CREATE | {"revoke": revoke}), REVOKE))
        assert [each[0] for each in found] == [code], (given, found)
        assert message in found[0][1]


def test_the_command_that_checks_an_unknown_outcome_has_values_as_a_shell_gives_them(tmp_path: Path) -> None:
    inputs: dict[str, Any] = {
        "on": {"title": "On", "type": "switch", "required": True},
        "days": {"title": "Days", "type": "number", "required": True},
        "tags": {**TEXT, "multiple": True},
        "more": {"title": "More", "type": "json", "required": True},
        "login": {"title": "Login", "type": "nested_object", "required": True, "children": {"key": KEY}},
    }
    body = {name: f"{{{{ {name} }}}}" for name in inputs}
    create = action(inputs, {"path": "/keys", "body": body}, verify_with="list_keys")
    lists = action(inputs, {"path": "/search", "body": body}, action="list_keys", effect="read")
    specs = folder(tmp_path, connector(), create, lists)
    assert codes(specs) == []
    given = {"on": True, "days": 1.5, "tags": ["a b", "c;d"], "more": {"n": None}, "login": {"key": Secret("fake-k")}}
    with serving(drop) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", given)
        assert result.problem is not None
        words = shlex.split(result.problem.next or "")
        assert words[:3] == ["locoia-pat", "run", "list_keys"]
        assert words[3:] == ["on=true", "days=1.5", 'tags=["a b", "c;d"]', 'more={"n": null}'], "and no secret"


def test_the_command_that_checks_an_unknown_outcome_has_the_inputs_that_both_share(tmp_path: Path) -> None:
    inputs = {"owner": TEXT, "note": {**TEXT, "required": False}, "key": KEY}
    create = action(
        inputs, {"path": "/users/{{ owner }}", "body": {"n": "{{ note }}", "k": "{{ key }}"}}, verify_with="list_keys"
    )
    request = {
        "method": "GET",
        "path": "/users/{{ owner }}",
        "query": {"n": "{{ note or '' }}"},
        "headers": {"K": "{{ key }}"},
    }
    lists = action(inputs, request, action="list_keys", effect="read")
    specs = folder(tmp_path, connector(), create, lists)
    assert codes(specs) == []
    for owner, command in (
        ("ann lee", "locoia-pat run list_keys 'owner=ann lee'"),
        ("a\nb", None),
    ):
        with serving(drop) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
            result = acme.run("act", {"owner": owner, "key": Secret("fake-key-1")})
        assert result.outcome is Outcome.UNKNOWN
        assert result.problem is not None
        assert result.problem.next == command
    with serving(drop) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", {"owner": "@ann", "key": Secret("fake-key-1")})
    assert result.problem is not None
    assert result.problem.next is None, "it would be the name of a file"
    (specs / "list_keys.yaml").write_text("spec: 1\n")
    with serving(drop) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act", {"owner": "ann", "key": Secret("fake-key-1")})
    assert result.problem is not None
    assert result.problem.next == "locoia-pat run list_keys"


def test_a_tag_is_looked_for_where_nothing_is_required(tmp_path: Path) -> None:
    tagged = CREATE | {"tag_input": "note", "verify_with": "list_keys"}
    create = action({"note": TEXT}, {"body": {"n": "{{ note }}"}}, **tagged)
    rows = {"ok": [200], "rows": "rows", "output": {"note": {"type": "text"}}}
    request = {"method": "GET", "path": "/users/{{ owner }}"}
    lists = action({"owner": TEXT}, request, action="list_keys", effect="read", reply=rows)
    (found,) = codes(folder(tmp_path, connector(), create, lists, REVOKE))
    assert found == ("contradiction", 'list_keys requires "owner", so a bulk run cannot list all rows with it')


def test_the_identifier_of_the_connector_may_be_in_the_request(tmp_path: Path, monkeypatch: Any) -> None:
    shared = connector(env={"token": "ACME_TOKEN", "identifier": "ACME_ACCOUNT"})
    request = {"path": "/accounts/{{ identifier }}/keys", "body": {"account": "{{ identifier }}"}}
    sent = {"method": "POST", "path": "/accounts/A%201/keys", "body": {"account": "A 1"}}
    example = {
        "name": "one",
        "inputs": {"identifier": "A 1"},
        "request": sent,
        "reply": {"status": 200, "body": {}},
        "result": {"outcome": "done", "data": {}},
    }
    specs = folder(tmp_path, shared, action({}, request, examples=[example]))
    assert codes(specs) == []
    monkeypatch.setenv("ACME_ACCOUNT", "B/2")
    with serving(answer(200, {})) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        assert acme.plan("act").url == f"{server.url}/accounts/B%2F2/keys"
        assert acme.run("act").outcome is Outcome.DONE
        assert (server.got[0].path, server.got[0].json) == ("/v1/accounts/B%2F2/keys", {"account": "B/2"})
    monkeypatch.delenv("ACME_ACCOUNT")
    with serving(answer(200, {})) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act")
        assert server.got == []
    assert result.problem is not None
    assert (result.outcome, result.problem.hint) == (Outcome.INVALID, "Set ACME_ACCOUNT.")
    assert "/accounts/{" in json.dumps(openapi.document(SpecFolder(specs)))
    for inputs in ({}, {"identifier": 1}, {"identifier": ""}):
        specs = folder(tmp_path, shared, action({}, request, examples=[example | {"inputs": inputs}]))
        assert codes(specs) == [("bad-example", "identifier: required, because the request has it")]
    own = action({"identifier": TEXT}, request, examples=[example])
    assert codes(folder(tmp_path, connector(), own)) == [], "an input of that name goes before"
    found = check_specs(SpecFolder(folder(tmp_path, connector(), action({}, request))))
    assert [(one.code, one.line) for one in found] == [("unknown-name", one.line) for one in found]
    assert len(found) == 2, found


def test_an_example_with_an_identifier_is_recorded_with_the_fake_one(tmp_path: Path, monkeypatch: Any) -> None:
    shared = connector(env={"token": "ACME_TOKEN", "identifier": "ACME_ACCOUNT"})
    example = {"name": "one", "inputs": {"identifier": "A1"}}
    specs = folder(tmp_path, shared, action({}, {"path": "/accounts/{{ identifier }}"}, examples=[example]))
    monkeypatch.setenv("ACME_ACCOUNT", "B2")
    act = CompiledAction(SpecFolder(specs).action("act"))
    (recording,) = plan_recordings([act], [], {})
    with serving(answer(200, {})) as server, Recorder(AUTH, specs=specs, base_url=server.url) as recorder:
        recorder.check(recording)
        recorded = record_example(recording, recorder, CREDENTIAL)
        assert server.got[0].path == "/v1/accounts/B2"
    assert (recorded["inputs"], recorded["request"]["path"]) == ({"identifier": "A1"}, "/accounts/A1")
    specs = folder(tmp_path, shared, action({}, {"path": "/accounts/{{ identifier }}"}, examples=[recorded]))
    assert list(example_findings(CompiledAction(SpecFolder(specs).action("act")), whole=True)) == []
