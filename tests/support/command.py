"""The command, run in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Done:
    """What a call of the command left."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> Any:
        """Standard output as exactly one JSON value."""
        return json.loads(self.out)


def call_captured(capture: pytest.CaptureFixture[str], *arguments: str, stdin: str = "") -> Done:
    """Run the command in this process."""
    before, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
    finally:
        sys.stdin = before
    captured = capture.readouterr()
    assert isinstance(end.value.code, int)
    return Done(end.value.code, captured.out, captured.err)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command in this process."""
    return partial(call_captured, capsys)


def spawn(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "locoia_pat", *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_terminal(*arguments: str, typed: str | tuple[str, ...] = (), **variables: str) -> Done:
    """The command on a terminal, where a person reads each question and types."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "locoia_pat", *arguments],
        env={**os.environ, **variables},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        assert process.stderr is not None
        asked = ""
        for answer in (typed,) if isinstance(typed, str) else typed:
            question = ""
            while not question.endswith(("]: ", "Token: ")):
                read = process.stderr.read(1)
                assert read, f"it ended without a question: {question}"
                question += read
            os.write(ours, answer.encode())
            asked += question
        out, err = process.communicate(timeout=20)
        os.close(ours)
    return Done(process.returncode, out, asked + err)
