"""regenerate_pat against recorded answers."""

from __future__ import annotations

import pytest

from locoia_pat import Connector, RefusedError, Secret
from locoia_pat.actions import list_pats, regenerate_pat
from tests.replay.conftest import FAKE_TOKEN

pytestmark = [pytest.mark.cassette, pytest.mark.block_network(allowed_hosts=[])]


def test_a_row_gets_a_new_secret_and_a_new_lifetime(connector: Connector) -> None:
    (row,) = list_pats(connector)
    assert row.id is not None
    renewed = regenerate_pat(connector, row.id, expiration=7)
    assert renewed.id == row.id
    assert renewed.expires_in_days == 7
    assert renewed.token.reveal().startswith(("lpat_sbx_", FAKE_TOKEN))


def test_an_unknown_row_is_refused(connector: Connector) -> None:
    with pytest.raises(RefusedError) as raised:
        regenerate_pat(connector, "no-such-row", expiration=7)
    assert raised.value.problem.code == "not_found"


def test_the_credential_itself_may_be_regenerated_and_is_refused_from_then_on(
    connector: Connector, credential: Secret
) -> None:
    (row,) = list_pats(connector)
    assert row.id is not None
    assert regenerate_pat(connector, row.id, expiration=7).token != credential
    with pytest.raises(RefusedError) as raised:
        regenerate_pat(connector, row.id, expiration=8)
    assert raised.value.problem.code == "unauthorized"
