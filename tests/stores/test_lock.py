"""Locks of token files and of their folders."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.stores.lock import is_held_here, lock_file, lock_folder
from tests.support.store_machine import without_rights

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_write_different_files_of_a_folder_at_once(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=30)

    def write(name: str) -> None:
        with lock_file(tmp_path / name):
            both.wait()  # each waits for the other while it holds its lock

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not both.broken


def test_threads_write_one_file_one_after_the_other(tmp_path: Path) -> None:
    order: list[str] = []

    def write(number: str) -> None:
        with lock_file(tmp_path / "a"):
            order.append(number)
            time.sleep(0.1)
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert order[0::2] == order[1::2]


def test_a_folder_is_released_before_a_thread_joins_after_a_second(tmp_path: Path) -> None:
    order: list[str] = []
    started = threading.Event()

    def hold(name: str, seconds: float) -> None:
        with lock_file(tmp_path / name):
            order.append(f"{name} starts")
            started.set()
            time.sleep(seconds)
            order.append(f"{name} ends")

    first = threading.Thread(target=hold, args=("a", 1.5))
    first.start()
    assert started.wait(30)
    time.sleep(1.2)
    hold("b", 0)
    first.join(60)
    assert order == ["a starts", "a ends", "b starts", "b ends"]


def test_the_lock_of_a_folder_waits_for_threads_that_share_it(tmp_path: Path) -> None:
    began = time.monotonic()
    ready = threading.Event()

    def hold() -> None:
        with lock_file(tmp_path / "a"):
            ready.set()
            time.sleep(0.3)

    first = threading.Thread(target=hold)
    first.start()
    assert ready.wait(30)
    with lock_folder(tmp_path):
        assert time.monotonic() - began >= 0.3
    first.join(60)


# Folders without a lock of their own, as on some network file systems

NO_LOCKS = """
import errno, fcntl
def flock(*_): raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
"""
WRITER = """
import sys
from locoia_pat import Secret
from locoia_pat.stores import TokenEntry, open_store
for number in range(5):
    store = open_store(f"env-file:{sys.argv[1]}/.env#T{sys.argv[2]}_{number}")
    store.probe()
    store.store(TokenEntry(Secret(f"fake-token-{sys.argv[2]}-{number}-0123456789")), api="x")
"""
HOLDER = """
import pathlib, sys
from locoia_pat.stores.lock import lock_folder
with lock_folder(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("setup", ["", NO_LOCKS], ids=["with locks", "without locks"])
def test_processes_that_write_one_file_lose_nothing(tmp_path: Path, setup: str) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    command = [sys.executable, "-c", setup + WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(6)]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    names = {line.partition("=")[0] for line in (tmp_path / ".env").read_text().splitlines()}
    assert names == {"A"} | {f"T{writer}_{number}" for writer in range(6) for number in range(5)}
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


@pytest.mark.usefixtures("no_locks")
def test_the_lock_file_of_a_killed_process_is_taken_over_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_LOCKS + HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        holder.kill()
    assert [file.name for file in tmp_path.iterdir()] == [".locoia-pat.lock"]
    began = time.monotonic()
    with lock_folder(tmp_path):
        assert time.monotonic() - began < 9
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_a_lock_file_of_nobody_is_removed_once_it_has_not_changed_for_the_time_out(tmp_path: Path) -> None:
    (tmp_path / ".locoia-pat.lock").touch()
    began = time.monotonic()
    with lock_folder(tmp_path):
        assert time.monotonic() - began >= 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_a_folder_that_others_lock_all_the_time_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".locoia-pat.lock"
    file.touch()
    later = threading.Timer(1, lambda: os.utime(file, (1, 1)))  # another process has the lock now
    later.start()
    with pytest.raises(OSError, match="another process has been writing"), lock_folder(tmp_path):
        pass
    later.join()
    assert file.exists()


@pytest.mark.usefixtures("no_locks")
def test_a_lock_file_of_a_running_process_is_busy_however_long_it_does_not_change(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_LOCKS + HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with Connector(ConnectorAuth(Secret("fake-credential-0123456789"))) as connector:
            inputs = {"expiration": 30, "scopes": ["embed"], "note": "CI"}
            result = connector.run("create_pat", inputs, token_to=[f"file:{tmp_path}/t.json"])
        assert result.outcome is Outcome.NOT_DONE
        assert result.problem is not None
        assert result.problem.code == "busy"
        assert (tmp_path / ".locoia-pat.lock").exists()
        holder.communicate(b"", timeout=30)


def test_a_lock_file_without_the_start_of_its_process_is_held_only_while_it_is_new(tmp_path: Path) -> None:
    file = tmp_path / ".locoia-pat.lock"
    host = socket.gethostname()
    for text, age, held in (
        (f"{os.getpid()}\n{host}\n12345\n", 10_000, True),
        (f"{os.getpid()}\n{host}\n", 0, True),
        (f"{os.getpid()}\n{host}\n", 10_000, False),  # its id may be in use again
        (f"{os.getpid()}\nanother-host\n12345\n", 0, False),
        ("", 0, False),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), 0, False),
    ):
        file.write_text(text)
        os.utime(file, (time.time() - age, time.time() - age))
        assert is_held_here(file) == held, text
    file.unlink()
    assert not is_held_here(file)


@pytest.mark.usefixtures("no_locks")
def test_a_missing_folder_is_not_created_and_left_to_the_write_to_report(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "missing"):
        assert not (tmp_path / "missing").exists()


def test_a_read_only_folder_without_a_lock_is_left_to_the_write_to_report(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    command = [*without_rights(), sys.executable, "-c", NO_LOCKS + HOLDER, str(folder)]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"locked\n")
    assert list(folder.iterdir()) == []
