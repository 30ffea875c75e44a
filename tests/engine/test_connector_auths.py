"""Connector Auths by YAML alone: what each action sends, and that its secrets show nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from tests.support.loopback import answer, serving

CREDENTIAL = "fake-credential-0123456789abcdef"
AUTH_TOKEN = Secret("Bearer fake-auth-token-0123456789".replace(" ", "-"))
ROW = {"id": "7", "name": "CRM", "connector_id": "c1", "auth_type": "basic_auth", "api_endpoint": None, "tags": ["a"]}


def run(action: str, inputs: dict[str, Any], *scripts: Any) -> tuple[Result, Any]:
    with serving(*scripts) as server, Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url) as api:
        result = api.run(action, inputs)
    return result, server.got


def test_create_sends_what_was_given_and_shows_no_secret() -> None:
    inputs = {"connector_id": "c1", "name": "CRM", "auth_type": "basic_auth", "auth_token": AUTH_TOKEN, "tags": ["a"]}
    result, (got,) = run("create_connector_auth", inputs, answer(201, ROW | {"auth_token": AUTH_TOKEN.reveal()}))
    assert (got.method, got.path) == ("POST", "/v1/connector-auths")
    sent = got.json
    assert Secret(sent.pop("auth_token")) == AUTH_TOKEN
    assert sent == {"connector_id": "c1", "name": "CRM", "auth_type": "basic_auth", "tags": ["a"], "user_input": {}}
    assert result.data == ROW
    assert AUTH_TOKEN.reveal() not in repr(result)


def test_update_sends_the_part_that_was_given() -> None:
    result, (got,) = run("update_connector_auth", {"connector_auth_id": "7", "name": "New"}, answer(204))
    assert (got.method, got.path, got.json) == ("PUT", "/v1/connector-auths/7", {"name": "New"})
    assert (result.outcome, result.data) == (Outcome.DONE, {})


def test_get_and_list_read() -> None:
    got, (request,) = run("get_connector_auth", {"connector_auth_id": "7"}, answer(200, ROW))
    assert (request.path, got.data) == ("/v1/connector-auths/7", ROW)
    listed, (request,) = run("list_connector_auths", {}, answer(200, {"data": [ROW]}))
    assert (request.path, listed.data) == ("/v1/connector-auths/", {"connector_auths": [ROW]})


@pytest.mark.parametrize("script", [answer(204), answer(200, {}), answer(200, "deleted"), answer(202)])
def test_delete_is_done_by_any_success(script: Any) -> None:
    result, (got,) = run("delete_connector_auth", {"connector_auth_id": "7"}, script)
    assert (got.method, got.path) == ("DELETE", "/v1/connector-auths/7")
    assert (result.outcome, result.warnings) == (Outcome.DONE, ())


def test_an_error_inside_a_200_is_no_success_of_a_delete() -> None:
    body = {"status": 403, "error": "forbidden", "message": "no", "data": None}
    result, _ = run("delete_connector_auth", {"connector_auth_id": "7"}, answer(200, body))
    assert result.outcome is Outcome.REFUSED


def test_put_and_delete_may_repeat_and_post_may_not() -> None:
    create = {"connector_id": "c1", "name": "CRM", "auth_type": "basic_auth"}
    for action, inputs, tries, outcome in (
        ("update_connector_auth", {"connector_auth_id": "7", "name": "x"}, 2, Outcome.DONE),
        ("delete_connector_auth", {"connector_auth_id": "7"}, 2, Outcome.DONE),
        ("create_connector_auth", create, 1, Outcome.UNKNOWN),
    ):
        result, got = run(action, inputs, answer(503), answer(200, ROW))
        assert (action, result.outcome, len(got)) == (action, outcome, tries)


def test_the_apis_words_do_not_repeat_a_secret_input() -> None:
    inputs = {"connector_auth_id": "7", "auth_token": AUTH_TOKEN}
    result, _ = run("update_connector_auth", inputs, answer(422, {"message": f"{AUTH_TOKEN.reveal()} is wrong"}))
    assert result.problem is not None
    assert result.problem.message == "the API answered 422: «secret» is wrong"


def test_a_plan_masks_secret_inputs_wherever_they_stand() -> None:
    plan = Connector().plan("update_connector_auth", {"connector_auth_id": "7", "auth_token": AUTH_TOKEN})
    assert plan.body == {"auth_token": "«secret»"}


def test_redundant_scopes_and_doubtful_spellings_are_warnings() -> None:
    scopes = ["automation", "automation:view", "embed:manage", "embed:view", "webhook_run"]
    inputs = {"expiration": 1, "scopes": scopes, "note": "x"}
    result, _ = run("create_pat", inputs, answer(403))
    assert len(result.warnings) == 3
    assert result.warnings[0] == "scopes: automation includes automation:view, which can be left out"
    assert result.warnings[1] == "scopes: embed:manage includes embed:view, which can be left out"
    assert "without a colon" in result.warnings[2]
