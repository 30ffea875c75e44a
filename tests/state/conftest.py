"""Both kinds of state: an SQLite file, and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command import call
from tests.support.postgres_server import postgres

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres_server import PostgresServer


__all__ = ["call", "postgres"]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Return where a state of its own is kept."""
    if request.param == "SQLite":
        return tmp_path / "state"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
