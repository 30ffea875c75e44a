"""Writers take turns: at a file, and in a folder."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from locoia_pat.sinks.turns import alone, turn

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_write_different_files_of_a_folder_at_once_and_one_file_in_turn(tmp_path: Path) -> None:
    inside = threading.Barrier(2, timeout=5)

    def write(name: str) -> None:
        with turn(tmp_path / name):
            inside.wait()  # each waits for the other while it has its turn

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not inside.broken
    order: list[str] = []

    def same(number: str) -> None:
        with turn(tmp_path / "a"):
            order.append(number)
            time.sleep(0.1)
            order.append(number)

    threads = [threading.Thread(target=same, args=(number,)) for number in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert order[0::2] == order[1::2]


def test_a_folder_is_let_go_before_more_threads_join_after_a_second(tmp_path: Path) -> None:
    order: list[str] = []

    def hold(name: str, seconds: float) -> None:
        with turn(tmp_path / name):
            order.append(f"{name} begins")
            time.sleep(seconds)
            order.append(f"{name} ends")

    first = threading.Thread(target=hold, args=("a", 1.5))
    first.start()
    time.sleep(1.2)
    hold("b", 0)
    first.join(10)
    assert order == ["a begins", "a ends", "b begins", "b ends"]


def test_who_wants_a_folder_alone_waits_for_those_that_share_it(tmp_path: Path) -> None:
    began = time.monotonic()
    ready = threading.Event()

    def hold() -> None:
        with turn(tmp_path / "a"):
            ready.set()
            time.sleep(0.3)

    first = threading.Thread(target=hold)
    first.start()
    ready.wait(5)
    with alone(tmp_path):
        assert time.monotonic() - began >= 0.3
    first.join(10)
