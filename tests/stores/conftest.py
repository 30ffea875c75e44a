"""Secrets Manager on loopback, started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.aws_secrets import running_moto

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    with running_moto() as url:
        yield url
