"""Writers take turns: at a file, and in a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from locoia_pat.stores.lock import lock_file, lock_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_write_different_files_of_a_folder_at_once_and_one_file_in_turn(tmp_path: Path) -> None:
    inside = threading.Barrier(2, timeout=30)

    def write(name: str) -> None:
        with lock_file(tmp_path / name):
            inside.wait()  # each waits for the other while it has its turn

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not inside.broken
    order: list[str] = []

    def same(number: str) -> None:
        with lock_file(tmp_path / "a"):
            order.append(number)
            time.sleep(0.1)
            order.append(number)

    threads = [threading.Thread(target=same, args=(number,)) for number in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert order[0::2] == order[1::2]


def test_a_folder_is_let_go_before_more_threads_join_after_a_second(tmp_path: Path) -> None:
    order: list[str] = []
    begun = threading.Event()

    def hold(name: str, seconds: float) -> None:
        with lock_file(tmp_path / name):
            order.append(f"{name} begins")
            begun.set()
            time.sleep(seconds)
            order.append(f"{name} ends")

    first = threading.Thread(target=hold, args=("a", 1.5))
    first.start()
    assert begun.wait(30)
    time.sleep(1.2)
    hold("b", 0)
    first.join(60)
    assert order == ["a begins", "a ends", "b begins", "b ends"]


def test_who_wants_a_folder_alone_waits_for_those_that_share_it(tmp_path: Path) -> None:
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


# Folders that have no lock, as on some network file systems

NO_LOCKS = (
    "import errno, fcntl\ndef flock(*_): raise OSError(errno.ENOLCK, 'No locks available')\nfcntl.flock = flock\n"
)
WRITER = """
import sys
from locoia_pat import Secret
from locoia_pat.stores import TokenEntry, open_store
for number in range(5):
    sink = open_store(f"env-file:{sys.argv[1]}/.env#T{sys.argv[2]}_{number}")
    sink.probe()
    sink.store(TokenEntry(Secret(f"fake-token-{sys.argv[2]}-{number}-0123456789")), api="x")
"""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_without_locks_processes_that_write_one_file_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(6)]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    there = {line.partition("=")[0] for line in (tmp_path / ".env").read_text().splitlines()}
    assert there == {"A"} | {f"T{writer}_{number}" for writer in range(6) for number in range(5)}
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


@pytest.mark.usefixtures("no_locks")
def test_without_locks_one_that_a_killed_process_left_is_broken_once_it_has_been_there_all_the_time(
    tmp_path: Path,
) -> None:
    (tmp_path / ".locoia-pat.lock").touch()
    began = time.monotonic()
    with lock_folder(tmp_path):
        assert time.monotonic() - began >= 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_folder_where_others_are_at_work_all_the_time_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".locoia-pat.lock"
    file.touch()
    later = threading.Timer(1, lambda: os.utime(file, (1, 1)))  # another one has it now
    later.start()
    with pytest.raises(OSError, match="another process has been writing"), lock_folder(tmp_path):
        pass
    later.join()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_folder_that_is_not_there_is_left_to_what_writes(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "nowhere"):
        assert not (tmp_path / "nowhere").exists()
