"""The Connector Auth actions against recorded answers."""

from __future__ import annotations

import pytest

from locoia_pat import Connector, Outcome

pytestmark = [pytest.mark.cassette, pytest.mark.block_network(allowed_hosts=[])]

NEW = {"connector_id": "crm", "name": "CRM", "auth_type": "basic_auth", "tags": ["eu"]}


def test_a_connector_auth_is_created_changed_shown_listed_and_deleted(connector: Connector) -> None:
    created = connector.run("create_connector_auth", NEW).raise_for_outcome().data
    assert created is not None
    chosen = {"connector_auth_id": created["id"]}
    assert connector.run("update_connector_auth", {**chosen, "name": "CRM EU"}).outcome is Outcome.DONE
    shown = connector.run("get_connector_auth", chosen).data
    assert shown is not None
    assert (shown["name"], shown["tags"]) == ("CRM EU", ["eu"])
    assert connector.run("list_connector_auths").data == {"connector_auths": [shown]}
    assert connector.run("delete_connector_auth", chosen).outcome is Outcome.DONE
    assert connector.run("list_connector_auths").data == {"connector_auths": []}


@pytest.mark.parametrize("action", ["get_connector_auth", "update_connector_auth", "delete_connector_auth"])
def test_an_unknown_connector_auth_is_refused(connector: Connector, action: str) -> None:
    result = connector.run(action, {"connector_auth_id": "no-such-row"})
    assert result.outcome is Outcome.REFUSED
    assert result.problem is not None
    assert result.problem.code == "not_found"
