"""list_pats against recorded answers."""

from __future__ import annotations

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions import create_pat, list_pats
from tests.replay.conftest import URL

pytestmark = [pytest.mark.cassette, pytest.mark.block_network(allowed_hosts=[])]


def test_the_tokens_of_the_user_are_listed_without_their_secrets(connector: Connector) -> None:
    created = create_pat(connector, expiration=30, scopes=["company:view"], note="second")
    first, second = list_pats(connector)
    assert first.last_used is not None
    assert second.model_dump(exclude={"expires_in_days"}) == created.model_dump(
        exclude={"expires_in_days", "token", "token_refs", "warnings"}
    )


@pytest.mark.usefixtures("credential")
def test_a_wrong_credential_is_refused() -> None:
    with Connector(ConnectorAuth(Secret("a-credential-nobody-minted")), base_url=URL) as connector:
        result = connector.run("list_pats")
    assert result.outcome is Outcome.REFUSED
    assert result.problem is not None
    assert result.problem.message == ("the API answered 401: the bearer token is missing, wrong, replaced or expired")
