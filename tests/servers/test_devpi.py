"""Tokens of devpi, recorded from devpi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import devpi as server

if TYPE_CHECKING:
    from tests.servers.server import Life


@pytest.mark.cassette
def test_a_token_of_devpi_lives_its_whole_life(life: Life) -> None:
    server.live(life)
