"""However a run ends, only the token file holds the token, and only its owner can read it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, Outcome, Secret
from locoia_pat.stores import read_token
from tests.support.canaries import (
    CASES,
    CREATE,
    ODD,
    PAIRS,
    PLAIN,
    WORDS,
    FailingStore,
    auth_of,
    files_with_canaries,
    leaks,
    minted,
)
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.canaries import Canaries
    from tests.support.loopback import Server


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """A user whose new files are readable by everyone."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.action == "create_pat"])
def test_a_run_writes_its_token_only_into_its_store(name: str, pair: Canaries, home: Path) -> None:
    case = CASES[name]
    with serving(*case.scripts(pair)) as server, Connector(auth_of(pair), base_url=server.url, timeout=10) as api:
        result = api.run("create_pat", CREATE, token_to=[f"file:{home}/t", *case.stores])
    stored = {"t": 0o600} if result.token else {}
    assert files_with_canaries(home) == stored
    assert bool(stored) is (case.outcome in (Outcome.DONE, Outcome.NOT_STORED))
    assert not any("locoia" in path.name for path in home.rglob("*"))


def test_a_failing_store_leaves_the_token_in_no_file(home: Path) -> None:
    with (
        serving(answer(201, minted(ODD)), answer(200, minted(ODD))) as server,
        Connector(auth_of(ODD), base_url=server.url) as api,
    ):
        result = api.run("create_pat", CREATE, token_to=[FailingStore()])
    assert result.outcome is Outcome.NOT_STORED
    assert files_with_canaries(home) == {}


def test_a_rotated_token_replaces_the_old_one(home: Path) -> None:
    ref = f"file:{home}/t"
    scripts = (answer(201, minted(ODD)), answer(200, minted(PLAIN)))
    with serving(*scripts) as server, Connector(auth_of(ODD), base_url=server.url) as api:
        first = api.run("create_pat", CREATE, token_to=[ref])
        token_id = (first.data or {})["id"]
        api.run("regenerate_pat", {"token_id": token_id, "expiration": 1}, token_to=[ref])
    assert files_with_canaries(home) == {"t": 0o600}
    assert leaks((home / "t").read_bytes()) == ["plain minted"]


RUN = "from locoia_pat.cli import main\nmain(sys.argv[1:])\n"
FULL = f"import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (MOST, resource.RLIM_INFINITY))\n{RUN}"
KILLED = f"""import os, signal, sys
calls = 0
def temporary_files():
    return [entry for entry in os.scandir(".") if entry.name.endswith(".tmp")]
moments = dict(
    begun=lambda: True,
    born=temporary_files,
    written=lambda: [entry for entry in temporary_files() if entry.stat().st_size],
    renamed=lambda: os.path.exists("t"),
)
def trace(frame, event, _):
    global calls
    if (frame.f_globals.get("__name__"), frame.f_code.co_name) != ("locoia_pat.files", "write_atomic"):
        return None
    calls += event == "call"
    if event == "line" and calls == 2 and moments[os.environ["MOMENT"]]():
        os.kill(os.getpid(), signal.SIGKILL)
    return trace
sys.settrace(trace)
{RUN}"""
"""The first write is the probe, the second one has the token."""


def ended(script: str, server: Server, file: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A create by *script*, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-c", script, "run", "create_pat", *WORDS, "--token-to", f"file:{file}"],
        env={**environment, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": ODD.credential, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("size", [150, 200, 260])
def test_a_full_disk_holds_no_part_of_the_token(size: int, home: Path) -> None:
    """The probe fits, and the token does not; the size says where its record is cut."""
    good = answer(201, minted(ODD))
    with serving(good, answer(200, minted(ODD))) as server:
        done = ended(FULL.replace("MOST", str(size)), server, home / "t")
    assert (done.returncode, len(server.got)) == (6, 2), done.stderr
    assert files_with_canaries(home) == {}
    assert leaks(done.stdout + done.stderr) == []


MOMENTS = {"begun": {}, "born": {}, "written": {".tmp": 0o600}, "renamed": {"/t": 0o600}}
"""When the process is killed, and the end of the name of the file that then has the token."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_while_it_writes_leaves_only_private_files(moment: str, home: Path) -> None:
    """At worst a temporary file next to it remains, which the next run removes."""
    file = home / "work" / "t"
    with serving(answer(201, minted(ODD))) as server:
        done = ended(KILLED, server, file, MOMENT=moment)
        assert done.returncode == -signal.SIGKILL, done.stderr
        left = {
            name[-4:] if name.endswith(".tmp") else name[-2:]: mode for name, mode in files_with_canaries(home).items()
        }
        assert left == MOMENTS[moment]
        assert leaks(done.stdout + done.stderr) == []
        again = ended(f"import sys\n{RUN}", server, file)
    assert again.returncode == (2 if moment == "renamed" else 0)  # a token that was stored is not replaced
    assert files_with_canaries(home) == {"work/t": 0o600}
    assert read_token(f"file:{file}") == Secret(ODD.minted)


def test_a_process_killed_while_it_waits_leaves_no_token(home: Path) -> None:
    arrived, over = threading.Event(), threading.Event()

    def hold(_: Any) -> bool:
        arrived.set()
        over.wait(20)
        return False

    with serving(hold) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "locoia_pat", "run", "create_pat", *WORDS, "--token-to", f"file:{home}/t"],
            env={**os.environ, "LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": ODD.credential},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with process:
            assert arrived.wait(20)
            process.kill()
            out, _ = process.communicate(timeout=20)
        over.set()
    assert leaks(out) == []
    assert files_with_canaries(home) == {}
