"""What all tests share: a clean environment, and no waiting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def clean_environment() -> Iterator[None]:
    """No variable of the machine reaches a test, and none of a test reaches the next."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("LOCOIA_") or name.upper().endswith("_PROXY"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
