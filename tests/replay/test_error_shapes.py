"""Every shape an error may have, against recorded answers."""

from __future__ import annotations

import pytest

from locoia_pat import Connector, Outcome

pytestmark = [pytest.mark.cassette, pytest.mark.block_network(allowed_hosts=[])]


def unknown_row(connector: Connector) -> None:
    result = connector.run("regenerate_pat", {"token_id": "no-such-row", "expiration": 7})
    assert result.outcome is Outcome.REFUSED
    assert result.problem is not None
    assert result.problem.code == "not_found"
    assert "no such personal access token" in result.problem.message


@pytest.mark.behaviour(error_shape="envelope")
def test_locoias_envelope(connector: Connector) -> None:
    unknown_row(connector)


@pytest.mark.behaviour(error_shape="envelope_in_200")
def test_locoias_envelope_inside_a_200(connector: Connector) -> None:
    unknown_row(connector)


@pytest.mark.behaviour(error_shape="detail")
def test_a_detail(connector: Connector) -> None:
    unknown_row(connector)


@pytest.mark.behaviour(error_shape="detail_list")
def test_a_list_of_details(connector: Connector) -> None:
    unknown_row(connector)


@pytest.mark.behaviour(error_shape="html")
def test_a_page_of_html(connector: Connector) -> None:
    result = connector.run("regenerate_pat", {"token_id": "no-such-row", "expiration": 7})
    assert result.outcome is Outcome.REFUSED
    assert result.problem is not None
    assert result.problem.code == "not_found"
