"""What the system shows of our process, and what the processes that it starts get."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome
from tests.support.canaries import CREATE, ODD, PAIRS, WORDS, leaks, minted
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.canaries import Canaries

    Proc = Callable[[int, str], bytes]


class HeldResponse:
    """Answers on request."""

    def __init__(self, script: Any) -> None:
        self._script = script
        self.arrived = threading.Event()
        self.go = threading.Event()

    def __call__(self, connection: Any) -> bool:
        self.arrived.set()
        self.go.wait(20)
        return bool(self._script(connection))


@contextmanager
def waiting(ref: str, pair: Canaries, *auth: str, **variables: str) -> Iterator[int]:
    """Run the command, and yield its process id while the API has not responded."""
    held = HeldResponse(answer(201, minted(pair)))
    with (
        serving(held) as server,
        subprocess.Popen(
            [sys.executable, "-m", "locoia_pat", "run", "create_pat", *WORDS, *auth, "--token-to", ref],
            env={**os.environ, "LOCOIA_BASE_URL": server.url, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        try:
            assert held.arrived.wait(20)
            yield process.pid
        finally:
            held.go.set()
            out, err = process.communicate(timeout=20)
    assert process.returncode == 0, out + err
    assert leaks(out + err) == []


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_arguments_of_the_process_hold_no_token(pair: Canaries, home: Path, proc: Proc) -> None:
    ref = f"file:{home}/t"
    with waiting(ref, pair, "--auth", "env:NAME", NAME=pair.credential) as pid:
        words = proc(pid, "cmdline")
    assert ref.encode() in words
    assert leaks(words) == []


def test_the_process_leaves_no_core_dump(home: Path, proc: Proc) -> None:
    """Its memory holds the credential."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if not before[1]:
        pytest.skip("this machine allows no core dump at all")
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with waiting(f"file:{home}/t", ODD, LOCOIA_TOKEN=ODD.credential) as pid:
            limits = proc(pid, "limits").decode()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


DUMP = "#!{}\nimport os, sys\nopen({!r}, 'w').write(repr((dict(os.environ), sys.argv)))\n"


@pytest.fixture
def git(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git checkout, and a stand-in for Git that writes down what it was given."""
    (home / "work" / ".git").mkdir()
    tool = home / "bin" / "git"
    tool.parent.mkdir()
    tool.write_text(DUMP.format(sys.executable, str(home / "dump")))
    tool.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    return home / "dump"


AUTHS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "the connector's variable": ((), {"LOCOIA_TOKEN": ODD.credential}),
    "a variable by name": (("--auth", "env:NAME"), {"NAME": ODD.credential}),
    "a file, and the variable as well": (("--auth", "file:credential"), {"LOCOIA_TOKEN": ODD.credential}),
}


@pytest.mark.parametrize("name", AUTHS)
def test_programs_that_the_command_starts_get_no_token(name: str, home: Path, git: Path) -> None:
    (home / "work" / "credential").write_text(ODD.credential)
    auth, variables = AUTHS[name]
    with waiting(f"file:{home}/work/t", ODD, *auth, **variables):
        pass
    given = git.read_text()
    assert "check-ignore" in given
    assert leaks(given) == []


def test_programs_that_the_library_starts_get_no_token(home: Path, git: Path) -> None:
    """A program keeps its variables; Git needs none of them, and runs what a checkout configures."""
    os.environ["LOCOIA_TOKEN"] = ODD.credential
    with serving(answer(201, minted(ODD))) as server, Connector(ConnectorAuth.from_env(), base_url=server.url) as api:
        result = api.run("create_pat", CREATE, token_to=[f"file:{home}/work/t"])
    assert result.outcome is Outcome.DONE
    assert os.environ["LOCOIA_TOKEN"] == ODD.credential
    assert leaks(git.read_text()) == []
