"""A user whose home, temporary folder and working folder are the test's own."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import call_captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Done:
    """What a call of the command left."""

    code: int
    out: str

    """Standard output and standard error."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder below which everything is that a run may write to."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    for name, folder in {"HOME": "home", "XDG_CONFIG_HOME": "home/config", "XDG_DATA_HOME": "home/data"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def call(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command in this process, as the user of *home*."""
    assert home == Path.cwd().parent

    def call(*arguments: str, stdin: str = "") -> Done:
        done = call_captured(capfd, *arguments, stdin=stdin)
        return Done(done.code, done.out + done.err)

    return call


LOGGERS = ("httpx", *(f"httpcore{part}" for part in ("", ".connection", ".http11", ".proxy")), "asyncio", "anyio")


class Log(logging.Handler):
    """Collect everything that a handler can see of a record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [record.getMessage(), repr(record.__dict__)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def log() -> Iterator[Log]:
    """Everything that is logged, at every level, by our libraries too."""
    handler = Log()
    loggers = [logging.getLogger(name) for name in ("", *LOGGERS)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.debug("heard")
    assert handler.text.count("'msg': 'heard'") == len(loggers)  # else a test would look at nothing
    handler.lines.clear()
    yield handler
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def proc() -> Callable[[int, str], bytes]:
    """Read a file of a process below /proc."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("this system has no /proc")
    return lambda pid, name: Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The variables of a process that the user of *home* starts."""
    return {**os.environ, "HOME": str(home / "home")}
