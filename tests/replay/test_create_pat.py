"""create_pat against recorded answers."""

from __future__ import annotations

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, RefusedError, Secret
from locoia_pat.actions import create_pat
from tests.replay.conftest import FAKE_TOKEN, URL

pytestmark = [pytest.mark.cassette, pytest.mark.block_network(allowed_hosts=[])]


def test_a_token_is_created(connector: Connector) -> None:
    created = create_pat(connector, expiration=30, scopes=["automation:view", "embed"], note="CI")
    assert created.token.reveal().startswith(("lpat_sbx_", FAKE_TOKEN))
    assert created.expires_in_days == 30
    assert created.note == "CI"
    assert created.scopes == ["automation:view", "embed"]
    assert created.last_used is None


def test_a_token_may_never_expire(connector: Connector) -> None:
    created = create_pat(connector, expiration=None, scopes=["embed"], note="for ever")
    assert created.expiration is None
    assert created.expires_in_days is None


def test_an_unknown_scope_is_refused_by_the_api(credential: Secret) -> None:
    with Connector(ConnectorAuth(credential), base_url=URL, any_option=["scopes"]) as connector:
        result = connector.run("create_pat", {"expiration": 1, "scopes": ["automation:all"], "note": "CI"})
    assert result.outcome is Outcome.REFUSED
    assert result.problem is not None
    assert (result.problem.code, result.problem.field) == ("validation", "scopes")
    assert "unknown scope: automation:all" in result.problem.message


@pytest.mark.usefixtures("credential")
def test_a_wrong_credential_is_refused() -> None:
    with (
        Connector(ConnectorAuth(Secret("a-credential-nobody-minted")), base_url=URL) as connector,
        pytest.raises(RefusedError) as raised,
    ):
        create_pat(connector, expiration=1, scopes=["embed"], note="CI")
    assert raised.value.problem.code == "unauthorized"
