"""A lease: one holder at a time, among processes and threads, and free as soon as its process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = "http://127.0.0.1:1/v1"


@contextmanager
def holder(folder: Path, then: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that holds the lease of "ci" until it is killed or its input ends."""
    script = (
        "import os, sys; from locoia_pat.state.journal import State\n"
        f"lease = State({str(folder)!r}).lease({API!r}, 'ci'); assert lease.acquire(0)\n"
        f"{then}\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_lease_has_one_holder_until_it_is_released(location: str | Path) -> None:
    state = State(location)
    first, second = state.lease(API, "ci"), state.lease(API, "ci")
    assert first.acquire(0)
    assert first.acquire(0)  # it holds it already
    assert not second.acquire(0.1)
    second.release()  # releases nothing, for it holds nothing
    assert not second.acquire(0)
    first.release()
    assert second.acquire(0)
    first.release()
    assert not first.acquire(0)


def test_a_negative_wait_is_no_wait(location: str | Path) -> None:
    state = State(location)
    holder_, other = state.lease(API, "ci"), state.lease(API, "ci")
    assert holder_.acquire(0)
    assert not other.acquire(-1)
    holder_.release()


def test_leases_of_other_names_and_other_apis_are_free(location: str | Path) -> None:
    state = State(location)
    assert state.lease(API, "ci").acquire(0)
    for api, name in [(API, "another"), ("http://127.0.0.1:2/v1", "ci")]:
        lease = state.lease(api, name)
        assert lease.acquire(0)
        lease.release()


@pytest.mark.parametrize("name", ["../../escape", "a/b", "x" * 300, "", "\0", "\ud800", "doctor --measure", "Straße"])
def test_any_name_has_a_lease_and_its_file_name_shows_nothing_of_it(name: str, tmp_path: Path) -> None:
    lease = State(tmp_path / "state").lease("https://user:secret@host/v1", name)
    assert lease.acquire(0)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    files = sorted((tmp_path / "state" / "locks").iterdir())
    assert [path.suffix for path in files] == [".json", ".lock"]
    assert all(len(path.stem) == 32 and path.stem.isalnum() for path in files)
    lease.release()


def test_lock_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        lease = State(tmp_path).lease(API, "ci")
        assert lease.acquire(0)
        modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "locks").iterdir()}
        assert modes == {0o600}
        assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
        lease.release()
    finally:
        os.umask(old)


def test_threads_of_one_process_exclude_each_other(location: str | Path) -> None:
    state = State(location)
    inside: list[int] = []
    most = 0

    def work(_: int) -> bool:
        nonlocal most
        lease = state.lease(API, "ci")
        acquired = lease.acquire(30)
        inside.append(1)
        most = max(most, len(inside))
        state.save(API, "ci", {"a": 1})
        inside.pop()
        lease.release()
        return acquired

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))
    assert most == 1


def test_a_lease_that_one_thread_acquired_is_released_by_another(location: str | Path) -> None:
    state = State(location)
    lease = state.lease(API, "ci")
    assert lease.acquire(0)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lease.release).result()
    assert state.lease(API, "ci").acquire(0)


def test_a_killed_process_holds_no_lease(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        lease = State(tmp_path).lease(API, "ci")
        assert not lease.acquire(0.1)
        assert lease.describe_holder().startswith(f"process {process.pid} on ")
        process.kill()
        assert lease.acquire(5)  # although its parent has not waited for it yet
        assert f"process {os.getpid()} on " in lease.describe_holder()
        lease.release()
        assert lease.describe_holder() == "another process"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_keeps_no_lease_of_its_killed_parent(tmp_path: Path) -> None:
    with holder(tmp_path, then="if not os.fork(): sys.stdin.read(); os._exit(0)") as process:
        lease = State(tmp_path).lease(API, "ci")
        assert not lease.acquire(0)
        process.kill()
        process.wait(10)
        assert lease.acquire(5)  # while the child still runs, until its input ends


def test_a_held_lease_is_inspected_and_a_free_one_is_not(tmp_path: Path) -> None:
    lease = State(tmp_path).lease(API, "ci")
    assert inspect_state(tmp_path).leases == ()
    with holder(tmp_path) as process:
        (held,) = inspect_state(tmp_path).leases
        assert (held.api, held.name) == (API, "ci")
        assert held.process.startswith(f"process {process.pid} on ")
    process.wait(10)
    assert list((tmp_path / "locks").glob("*.json"))  # the note of the killed process
    assert inspect_state(tmp_path).leases == ()
    assert lease.acquire(0)
    assert [held.name for held in inspect_state(tmp_path).leases] == ["ci"]


def test_a_damaged_note_harms_nothing(tmp_path: Path) -> None:
    state = State(tmp_path)
    lease = state.lease(API, "ci")
    assert lease.acquire(0)
    (note,) = (tmp_path / "locks").glob("*.json")
    for damaged in ("", "[]", "{", '{"api": 1}'):
        note.write_text(damaged)
        assert lease.describe_holder() == "another process"
        assert inspect_state(tmp_path).leases == ()
        assert not state.lease(API, "ci").acquire(0)
    note.unlink()
    lease.release()


def test_a_lock_file_that_cannot_be_used_is_an_error_and_no_lease(tmp_path: Path) -> None:
    lease = State(tmp_path).lease(API, "ci")
    assert lease.acquire(0)
    lease.release()
    (file,) = (tmp_path / "locks").glob("*.lock")
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        lease.acquire(0)
