"""Odd files, folders and references, each of which once lost, leaked or truncated something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import chdir
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import open_store, read_token
from locoia_pat.stores.file import FileStore
from locoia_pat.stores.record import Record, parse
from tests.support.store_child import API, RECORD, TOKEN, entry, files
from tests.support.store_machine import run, without_rights

if TYPE_CHECKING:
    from pathlib import Path

NEW = entry(1)


@pytest.mark.parametrize("part", ["name", "api", "metadata"])
def test_a_record_that_the_probe_accepts_can_be_replaced(tmp_path: Path, part: str) -> None:
    record = json.loads(RECORD) | ({part: {"token": "x"}} if part != "metadata" else {})
    if part == "metadata":
        record["current"]["note"] = {"token": "x"}
    (tmp_path / "t").write_text(json.dumps(record))
    store = FileStore(str(tmp_path / "t"))
    try:
        store.probe()
    except InvalidError:
        return
    store.store(NEW, api=API)


def test_a_token_in_a_record_that_cannot_be_a_credential_is_refused(tmp_path: Path) -> None:
    for token in ("", "a b", "x" * 20 + "\r\nEvil: 1", "é" * 20, "\ud800" * 20, "x" * 9000):
        (tmp_path / "t").write_text(json.dumps({"v": 1, "current": {"token": token}}))
        with pytest.raises(InvalidError):
            read_token(f"file:{tmp_path}/t")


def test_a_token_can_be_stored_in_a_folder_that_is_writable_but_not_readable(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    folder.chmod(0o300)
    script = (
        "from tests.support.store_child import *; s = FileStore(sys.argv[1]); s.probe(); s.store(entry(1), api=API)"
    )
    command = [*without_rights(), sys.executable, "-c", script, str(folder / "t")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    folder.chmod(0o700)
    assert done.returncode == 0, done.stderr[-200:]


def test_a_probe_of_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t")
    (error,) = run_limited(tmp_path / "t")
    assert error == "InvalidError"


def run_limited(path: Path) -> list[str]:
    code = (f"from locoia_pat.stores import open_store\ntry: open_store('file:{path}').probe()\n"
            "except Exception as e: print(type(e).__name__)")  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()


def test_a_probe_and_a_store_of_two_processes_lose_no_token(tmp_path: Path) -> None:
    lost = 0
    path = tmp_path / "t"
    for _ in range(100):
        path.unlink(missing_ok=True)
        other = threading.Thread(target=lambda: FileStore(str(path)).probe())
        other.start()
        try:
            FileStore(str(path)).store(NEW, api=API)
        except OSError:
            continue  # it says that it is not stored
        finally:
            other.join()
        lost += not path.exists() or parse(Secret(path.read_text())).current != NEW
    assert lost == 0


@pytest.mark.parametrize("ref", [f"env:{TOKEN}9", "abc123DEF456ghi789jkl:x", "file:x#lpat0123456789abcdefABCDEF"])
def test_no_error_repeats_what_may_be_a_token(ref: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read_token(ref)
    assert ref.partition(":")[2].partition("#")[2][:12] not in str(caught.value) or "#" not in ref
    assert TOKEN not in str(caught.value)
    assert "abc123DEF456ghi789jkl" not in str(caught.value)


def test_the_home_of_an_unknown_user_is_invalid() -> None:
    with pytest.raises(InvalidError):
        open_store("file:~no-such-user/t.json")


def test_a_path_in_a_deleted_working_folder_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    with chdir(tmp_path):
        os.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        with pytest.raises(InvalidError):
            open_store("file:t.json")


def test_a_probe_does_not_truncate_a_long_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(" " * (1 << 20) + "precious")
    before = files(tmp_path)
    with pytest.raises(InvalidError):
        FileStore(str(tmp_path / "t")).probe()
    assert files(tmp_path) == before


@pytest.mark.parametrize("text", ['{"v":1,"current":{"token":"abc', '["abc"]', '"abc"', "null", "true"])
def test_json_that_is_not_a_record_is_not_a_bare_token_either(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse(Secret(text))


@pytest.mark.parametrize("text", ['{"v": true}', '{"v": 1, "api": 5}', '{"v": 1, "name": []}'])
def test_a_record_with_values_of_wrong_types_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="record"):
        parse(Secret(text))


def test_promotion_keeps_previous_if_there_was_no_current() -> None:
    record = Record(previous=entry(5)).promote(NEW, api=API)
    assert record.previous == entry(5)


def test_a_long_name_that_is_not_ascii_can_be_written(tmp_path: Path) -> None:
    assert FileStore(str(tmp_path / ("é" * 127))).probe() is None


def stored(path: Path) -> tuple[str, ...]:
    return FileStore(str(path)).store(NEW, api=API)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    (tmp_path / "repo" / "sub").mkdir()
    return tmp_path / "repo"


def test_a_file_reached_by_a_link_into_a_checkout_is_warned_about(checkout: Path) -> None:
    (checkout.parent / "link").symlink_to(checkout / "sub")
    assert stored(checkout.parent / "link" / "t")


def test_a_file_in_a_checkout_is_warned_about_whatever_git_dir_says(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(checkout.parent / "elsewhere"))
    assert stored(checkout / "t")


def test_a_file_in_the_checkout_of_another_user_is_warned_about(checkout: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    for path in (checkout, checkout / ".git"):
        os.chown(path, 65534, 65534)
    assert stored(checkout / "t")


def test_a_git_folder_that_cannot_be_inspected_does_not_fail_the_write(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "co").mkdir()
    (tmp_path / "co" / ".git").symlink_to(tmp_path / "secret" / "git")
    (tmp_path / "secret").chmod(0)
    (operation,) = run(tmp_path / "co" / "t", "store", before=without_rights())
    (tmp_path / "secret").chmod(0o700)
    assert operation.raised is None


def test_a_closed_standard_input_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InvalidError):
        read_token("-")


def test_standard_input_that_is_not_utf8_is_invalid() -> None:
    code = (
        "from locoia_pat.stores import read_token\ntry: read_token('-')\nexcept Exception as e: print(type(e).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"\xff\xfe\n", capture_output=True, check=True,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})  # fmt: skip
    assert done.stdout == b"InvalidError\n"
