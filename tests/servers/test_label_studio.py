"""Personal access tokens of Label Studio, recorded from Label Studio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import label_studio as server

if TYPE_CHECKING:
    from tests.servers.server import Life


@pytest.mark.cassette
def test_a_token_of_label_studio_lives_its_whole_life(life: Life) -> None:
    server.live(life)
