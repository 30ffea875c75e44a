"""Workers that share a database, killed and cut off: every token works, and no name is rotated twice."""

from __future__ import annotations

import pytest

from tests.properties.workers import run_workers
from tests.support.postgres_server import find_programs


@pytest.mark.timeout(600)
@pytest.mark.skipif(find_programs() is None, reason="PostgreSQL is not installed: apt-get install postgresql")
def test_killed_workers_and_a_restarted_database_lose_no_token_and_rotate_none_twice() -> None:
    report = run_workers(8, 2, 2, "1", kills=1, every=0, restarts=1)
    assert report.harm() == []
    assert (report.kills, report.restarts) == (1, 1)
    assert report.outcomes["done"] >= 8
