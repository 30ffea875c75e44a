"""What all tests share: a clean environment, and a switch that allows no skip."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


settings.register_profile("any machine", deadline=None)  # a busy one is no mistake of ours
settings.load_profile("any machine")


if threading.current_thread() is threading.main_thread():
    # A shell starts background jobs with SIGINT ignored, and nohup ignores SIGHUP; children inherit that, and a signal
    # would reach no test.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of the machine reaches a test, and none of a test reaches the next."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("LOCOIA_") or name.upper().endswith("_PROXY"):
            del os.environ[name]
    os.environ["LOCOIA_PAT_PACKS"] = "/nowhere/packs"  # what is installed on the machine is no test's
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = str(tmp_path_factory.getbasetemp() / "homes" / secrets.token_hex(8))
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
