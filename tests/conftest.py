"""What all tests share: a clean environment, and a switch that allows no skip."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With NO_SKIP set, as in continuous integration, a skip is a failure."""
    report = yield
    if report.skipped and os.environ.get("NO_SKIP"):
        report.outcome = "failed"
    return report
