"""Token files under missing rights, mounts, full disks, kills and other writers."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import NotDoneError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.file import FileStore
from locoia_pat.stores.record import parse
from tests.support.store_child import API, RECORD, entry, files
from tests.support.store_machine import exit_code, mounted, run, without_rights, writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locoia_pat.stores.record import Record


def record(path: Path) -> Record:
    return parse(Secret(path.read_text()))


UNUSABLE = {
    "a folder that may not be written": ("folder", 0o500),
    "a file that may not be read": ("file", 0o200),
    "a file without any mode": ("file", 0o000),
}


@pytest.mark.parametrize(("what", "mode"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_or_folder_without_rights_is_refused(tmp_path: Path, what: str, mode: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "t.json"
    file.write_text(RECORD)
    before = files(folder)
    chosen = folder if what == "folder" else file
    rights = without_rights()
    chosen.chmod(mode)
    try:
        probed, stored = run(file, "probe", "store", before=rights)
    finally:
        chosen.chmod(0o700)
    assert (probed.raised, stored.raised) == ("InvalidError", "PermissionError")
    assert "permission denied" in probed.message
    assert files(folder) == before


def test_a_file_of_another_user_in_a_sticky_folder_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    folder = tmp_path / "sticky"
    folder.mkdir()
    file = folder / "t.json"
    file.write_text(RECORD)
    file.chmod(0o666)
    os.chown(file, 65534, 65534)
    os.chown(folder, 65534, 65534)
    folder.chmod(0o1777)
    before = files(folder)
    probed, stored = run(file, "probe", "store", before=without_rights())
    assert (probed.raised, probed.files) == ("InvalidError", before)
    assert (stored.raised, stored.files) == ("PermissionError", before)
    assert "operation not permitted" in probed.message


def test_a_file_of_another_user_keeps_its_owner_or_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "t.json"
    file.write_text(RECORD)
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    probed, stored = run(file, "probe", "store")
    assert (probed.raised, stored.raised) == (None, None)
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (65534, 65534, 0o600)
    file.chmod(0o666)
    folder.chmod(0o777)
    os.chown(folder, 65534, 65534)
    before = files(folder)
    probed, stored = run(file, "probe", "store", before=without_rights())
    assert (probed.raised, stored.raised) == ("InvalidError", "PermissionError")
    assert files(folder) == before


def test_a_bind_mounted_file_fails_the_probe_because_it_cannot_be_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.json").write_text(RECORD)
    (folder / "t.json").touch()
    mount = mounted("--bind", tmp_path / "outside.json", folder / "t.json")
    listed, probed, stored = run(folder / "t.json", "list", "probe", "store", before=mount)
    assert listed.files.keys() == {"t.json"}
    assert (probed.raised, probed.files) == ("InvalidError", listed.files)
    assert "device or resource busy" in probed.message
    assert (stored.raised, stored.files) == ("OSError", listed.files)
    assert (tmp_path / "outside.json").read_text() == RECORD


def test_a_full_disk_fails_the_probe_and_keeps_the_old_record(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = mounted("-t", "tmpfs", "-o", "size=16k", "none", folder)
    put, filled, probed, stored = run(folder / "t.json", "put", "fill", "probe", "store", before=mount)
    assert (put.raised, filled.raised) == (None, None)
    assert filled.files.keys() == {"filler", "t.json"}
    assert (probed.raised, probed.files) == ("InvalidError", filled.files)
    assert "no space left on device" in probed.message
    assert (stored.raised, stored.files) == ("OSError", filled.files)
    assert filled.files["t.json"] == put.files["t.json"]


def test_a_write_that_fails_midway_leaves_only_the_old_record(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(RECORD)
    before = files(tmp_path)
    probed, stored = run("--small", file, "probe", "store")
    assert (probed.raised, probed.files) == ("InvalidError", before)
    assert "file too large" in probed.message
    assert (stored.raised, stored.files) == ("OSError", before)


@pytest.mark.parametrize("operation", ["probe", "store"])
def test_a_kill_at_the_first_write_leaves_only_private_files_even_under_umask_0(tmp_path: Path, operation: str) -> None:
    file = tmp_path / "t.json"
    file.write_text(RECORD)
    file.chmod(0o600)
    assert exit_code("--doomed", file, operation) == -signal.SIGXFSZ
    assert file.read_text() == RECORD
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_kill_at_any_moment_leaves_a_complete_record(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    moments = random.Random(0)  # noqa: S311  # it keeps no secret
    ends = time.monotonic() + 10
    kills = 0
    while kills < 25 and time.monotonic() < ends:
        process = writer(file)
        time.sleep(moments.uniform(0, 0.03))
        process.kill()
        process.communicate()
        kills += 1
        if not file.exists():
            continue  # killed before the first token was stored
        stored = record(file)
        assert stored.current is not None
        assert stored.current == entry(int(str(stored.current.id)))
        if stored.previous is not None and stored.current.id != "1":
            assert stored.previous == entry(int(str(stored.current.id)) - 1)
    assert kills >= 5
    assert file.exists()


def test_a_reader_finds_either_the_old_record_or_the_new_one(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "t.json"))
    store.store(entry(0), api=API)
    records_read: list[Record] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            records_read.append(record(store.path))

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read)
        for number in range(1, 100):
            store.store(entry(number), api=API)
        stop.set()
        reading.result()
    complete = [(entry(number), entry(number - 1)) for number in range(1, 100)]
    assert len({str(read.current) for read in records_read}) > 1
    assert all((read.current, read.previous) in [(entry(0), None), *complete] for read in records_read)


def test_of_many_writers_the_one_whose_token_remains_reports_success(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(RECORD)

    def write(number: int) -> bool:
        try:
            FileStore(str(path)).store(entry(number), api=API)
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(8) as writers:
        stored = dict(zip(range(40), writers.map(write, range(40)), strict=True))
    current = record(path).current
    assert current is not None
    assert current == entry(int(str(current.id)))
    assert stored[int(str(current.id))]
    assert files(tmp_path).keys() == {"t.json"}


def test_a_folder_that_another_process_keeps_locked_is_busy(tmp_path: Path) -> None:
    holder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        with pytest.raises(NotDoneError, match="another process has been writing"):
            FileStore(str(tmp_path / "t.json")).probe()
    finally:
        os.close(holder)
    assert FileStore(str(tmp_path / "t.json")).probe() is None


@contextmanager
def suppress_overwritten_before() -> Iterator[None]:
    """Suppress the error for a record that another program wrote before this write, which is not what is tested."""
    try:
        yield
    except OSError as error:
        if "different token since" not in str(error):
            raise


def test_a_token_that_another_program_overwrites_at_once_is_not_reported_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    stop = threading.Event()

    def overwrite() -> None:
        while not stop.is_set():
            (tmp_path / "other").write_text(RECORD)
            (tmp_path / "other").replace(path)

    def write() -> None:
        for number in range(1, 10_000):
            with suppress_overwritten_before():
                FileStore(str(path)).store(entry(number), api=API)

    with ThreadPoolExecutor(1) as other:
        overwriting = other.submit(overwrite)
        try:
            with pytest.raises(OSError, match="does not hold"):
                write()
        finally:
            stop.set()
            overwriting.result()


def test_a_file_that_stays_readable_by_others_is_warned_about(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "t.json"))
    store.store(entry(0), api=API)
    stop = threading.Event()

    def open_up() -> None:  # as a file system without modes does
        while not stop.is_set():
            store.path.chmod(0o644)

    with ThreadPoolExecutor(1) as other:
        opening = other.submit(open_up)
        warnings = (warning for number in range(1, 1000) for warning in store.store(entry(number), api=API))
        try:
            assert next(warning for warning in warnings if "can be read by others (mode 0644)" in warning)
        finally:
            stop.set()
            opening.result()
