"""A sandbox to be called by the server; without the SDK, which the extra [mcp] brings, there is nothing to test."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.command import call
from tests.support.sandbox_client import calling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sandbox_client import Caller

__all__ = ["call"]

if find_spec("mcp") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def api() -> Iterator[Caller]:
    """A sandbox, and the owner of a credential."""
    with calling(scopes=["automation", "connector_auth"]) as caller:
        yield caller
