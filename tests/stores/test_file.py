"""``file:PATH``: a token file is written, read and refused."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import time
import traceback
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import InvalidError, Outcome
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import TokenEntry, open_store, read_token
from locoia_pat.stores.file import FileStore
from tests.support.store_child import API, RECORD, TOKEN, entry, files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FULL = json.dumps(
    {
        "v": 1,
        "api": API,
        "name": None,
        "current": {"id": "2", "token": f"{TOKEN}-current", "scopes": ["embed"]},
        "previous": {"id": "1", "token": f"{TOKEN}-previous"},
        "pending": {"id": "3", "token": f"{TOKEN}-pending"},
    }
)


def token_file(path: Path) -> FileStore:
    return FileStore(str(path))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# Storing


@pytest.mark.usefixtures("no_umask")
def test_a_new_file_is_readable_only_by_its_owner_even_under_umask_0(tmp_path: Path) -> None:
    token_file(tmp_path / "t.json").store(entry(1), api=API)
    assert mode(tmp_path / "t.json") == 0o600


MODES = {"wider": (0o666, 0o600), "as ours": (0o600, 0o600), "stricter": (0o400, 0o400), "executable": (0o755, 0o600)}


@pytest.mark.parametrize(("before", "after"), MODES.values(), ids=MODES)
def test_a_file_gets_no_wider_than_0600_and_a_stricter_mode_stays(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "t.json"
    path.write_text(RECORD)
    path.chmod(before)
    token_file(path).store(entry(1), api=API)
    assert mode(path) == after


def test_a_stored_token_is_a_record_of_version_1(tmp_path: Path) -> None:
    assert token_file(tmp_path / "t.json").store(entry(7), api=API) == ()
    record = json.loads((tmp_path / "t.json").read_text())
    assert Secret(record["current"].pop("token")) == entry(7).token
    assert record == {
        "v": 1,
        "api": API,
        "name": None,
        "current": {"id": "7", "expiration": None, "scopes": ["embed"]},
        "previous": None,
        "pending": None,
    }


def test_the_old_current_token_becomes_previous(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(FULL)
    token_file(path).store(entry(9), api=API)
    assert read_token(f"file:{path}") == entry(9).token
    assert read_token(f"file:{path}#previous") == Secret(f"{TOKEN}-current")
    assert read_token(f"file:{path}#pending") == Secret(f"{TOKEN}-pending")


def test_the_token_of_a_regenerated_row_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(FULL)
    token_file(path).store(entry(9), api=API, replaced_id=json.loads(FULL)["current"]["id"])
    assert read_token(f"file:{path}") == entry(9).token
    assert read_token(f"file:{path}#previous") == Secret(f"{TOKEN}-previous")
    assert f"{TOKEN}-current" not in path.read_text()


def test_a_bare_token_becomes_previous(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(f"{TOKEN}\n")
    token_file(path).store(entry(1), api=API)
    assert read_token(f"file:{path}#previous") == Secret(TOKEN)


def test_a_minted_token_is_stored_even_over_text_that_is_not_a_record(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("two words")
    token_file(path).store(entry(1), api=API)
    assert read_token(f"file:{path}") == entry(1).token


def test_storing_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    for number in range(3):
        token_file(tmp_path / "t.json").store(entry(number), api=API)
    assert files(tmp_path).keys() == {"t.json"}


def test_a_symbolic_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text(RECORD)
    (tmp_path / "t.json").symlink_to("target.json")
    token_file(tmp_path / "t.json").store(entry(1), api=API)
    assert (tmp_path / "target.json").read_text() == RECORD
    assert read_token(f"file:{tmp_path}/t.json") == entry(1).token


def become_a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


CHANGED_SINCE_PROBE: dict[str, Callable[[Path], object]] = {
    "its folder was deleted": lambda path: path.parent.rmdir(),
    "it became a folder": lambda path: path.mkdir(),
    "its folder became a file": lambda path: become_a_file(path.parent),
}


@pytest.mark.parametrize("change", CHANGED_SINCE_PROBE.values(), ids=CHANGED_SINCE_PROBE)
def test_a_path_that_became_unusable_after_the_probe_raises_an_os_error(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    store = token_file(tmp_path / "folder" / "t.json")
    store.path.parent.mkdir()
    assert store.probe() is None
    change(store.path)
    with pytest.raises(OSError, match=r"(?i)director") as caught:
        store.store(entry(1), api=API)
    assert TOKEN not in str(caught.value)
    assert not any(path.is_file() and path.stat().st_size for path in tmp_path.rglob("*"))


# Probing

CONTENTS = {
    "nothing": (None, None),
    "an empty file": ("", None),
    "blank lines": ("\n \n", None),
    "a record without a current token": ('{"v": 1, "current": null}', None),
    "a record": (RECORD, "0"),
    "a full record": (FULL, "2"),
}


@pytest.mark.parametrize(("text", "token_id"), CONTENTS.values(), ids=CONTENTS)
def test_a_probe_returns_the_current_entry_and_changes_nothing(
    tmp_path: Path, text: str | None, token_id: str | None
) -> None:
    path = tmp_path / "t.json"
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    before = files(tmp_path)
    probed = token_file(path).probe()
    assert (probed and probed.id) == token_id
    assert (probed is None) == (token_id is None)
    assert files(tmp_path) == before
    assert not path.exists() or mode(path) == 0o600


def test_a_probe_finds_a_bare_token(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(f"{TOKEN}\r\n".encode())
    probed = token_file(tmp_path / "t").probe()
    assert probed == TokenEntry(Secret(TOKEN))
    assert probed is not None
    assert probed.id is None
    assert (tmp_path / "t").read_bytes() == f"{TOKEN}\r\n".encode()


def test_a_folder_that_took_a_token_counts_as_probed_for_a_second(tmp_path: Path) -> None:
    token_file(tmp_path / "a.json").store(entry(1), api=API)
    stored = tmp_path.stat().st_mtime_ns
    assert token_file(tmp_path / "b.json").probe() is None
    assert tmp_path.stat().st_mtime_ns == stored
    time.sleep(1)
    assert token_file(tmp_path / "b.json").probe() is None
    assert tmp_path.stat().st_mtime_ns != stored


def test_a_file_that_exists_or_has_an_impossible_name_is_probed_in_a_probed_folder_too(tmp_path: Path) -> None:
    token_file(tmp_path / "a.json").store(entry(1), api=API)
    assert token_file(tmp_path / "a.json").probe() is not None
    with pytest.raises(InvalidError, match="name too long"):
        token_file(tmp_path / ("b" * 300)).probe()


def test_a_folder_in_which_a_token_could_not_be_stored_is_probed_again(tmp_path: Path) -> None:
    token_file(tmp_path / "a.json").store(entry(1), api=API)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # as a disk that is full
    try:
        with pytest.raises(OSError, match="too large"):
            token_file(tmp_path / "b.json").store(entry(1), api=API)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused = tmp_path.stat().st_mtime_ns
    assert token_file(tmp_path / "c.json").probe() is None
    assert tmp_path.stat().st_mtime_ns != refused


def missing(_: Path) -> None:
    pass


def as_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, chdir(path.parent):  # a socket's name is short
        listener.bind(path.name)


def holding(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


SECRET_TEXT = "s3cr3t-text-that-is-not-a-token"
REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a missing folder": ("missing/t.json", missing, "no such file or directory"),
    "a folder": ("t", Path.mkdir, "is a directory"),
    "under a file": ("t/t.json", lambda path: path.parent.touch(), "not a directory"),
    "a link to a file": ("t", lambda path: path.symlink_to(__file__), "is a symbolic link"),
    "a link to a folder": ("t", lambda path: path.symlink_to("."), "is a symbolic link"),
    "a link to nothing": ("t", lambda path: path.symlink_to("nothing"), "is a symbolic link"),
    "a link to itself": ("t", lambda path: path.symlink_to("t"), "is a symbolic link"),
    "a socket": ("t", as_socket, "is not writable"),
    "a null byte": ("t\0t", missing, "null"),
    "words": ("t", holding(f"{SECRET_TEXT} two words"), "on one line: it has a space or another blank in it"),
    "two lines": ("t", holding(f"{SECRET_TEXT}\n{SECRET_TEXT}"), "on one line: it has several lines"),
    "other JSON": ("t", holding(f'{{"token": "{SECRET_TEXT}"}}'), "not a token record of version 1"),
    "a later version": ("t", holding('{"v": 2}'), "not a token record of version 1"),
    "an entry that is not an object": (
        "t",
        holding(f'{{"v": 1, "current": "{SECRET_TEXT}"}}'),
        "not an object with a token",
    ),
    "an entry without token": ("t", holding('{"v": 1, "current": {"id": "1"}}'), "not an object with a token"),
    "not UTF-8": ("t", holding(SECRET_TEXT.encode() + b"\xff\xfe"), "it is not UTF-8 text"),
}


@pytest.mark.parametrize(("name", "make", "words"), REFUSED.values(), ids=REFUSED)
def test_a_probe_refuses_what_cannot_hold_a_token_and_changes_nothing(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / name
    make(path)
    before = sorted(tmp_path.rglob("*"))
    content = path.read_bytes() if name == "t" and path.is_file() else None
    with pytest.raises(InvalidError) as caught:
        token_file(path).probe()
    problem = caught.value.problem
    assert (caught.value.outcome, problem.code, problem.field) == (Outcome.INVALID, "validation", "token_to")
    assert words in problem.message
    assert problem.hint
    assert SECRET_TEXT not in "".join(traceback.format_exception(caught.value))
    assert sorted(tmp_path.rglob("*")) == before
    assert content is None or path.read_bytes() == content


@pytest.fixture(params=[3, 5, 7], ids=["null", "zero", "full"])
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A device of the test's own: the machine's own /dev/null must outlive a test that fails as root."""
    try:
        os.mknod(tmp_path / "device", stat.S_IFCHR | 0o600, os.makedev(1, request.param))
        (tmp_path / "device").open("rb").close()
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    return tmp_path / "device"


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers of devices are Linux's")
def test_a_device_is_refused(device: Path) -> None:
    with pytest.raises(InvalidError, match="it is not a regular file"):
        open_store(f"file:{device}").probe()
    assert device.is_char_device()


def test_a_fifo_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t")
    other_end = os.open(tmp_path / "t", os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(InvalidError, match="it is not a regular file"):
            token_file(tmp_path / "t").probe()
    finally:
        os.close(other_end)
    assert (tmp_path / "t").is_fifo()


@pytest.mark.parametrize("key", ["previous", "pending"])
def test_a_new_token_can_only_become_current(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidError, match=f"a new token becomes #current, not #{key}"):
        open_store(f"file:{tmp_path}/t.json#{key}").probe()
    assert files(tmp_path) == {}


# Reading

READABLE = {
    "a bare line": (TOKEN, "", TOKEN),
    "a bare line with a line break": (f"{TOKEN}\n", "", TOKEN),
    "a bare line with a Windows line break": (f"{TOKEN}\r\n", "#current", TOKEN),
    "a record": (RECORD, "", TOKEN),
    "current": (FULL, "#current", f"{TOKEN}-current"),
    "previous": (FULL, "#previous", f"{TOKEN}-previous"),
    "pending": (FULL, "#pending", f"{TOKEN}-pending"),
}


@pytest.mark.parametrize(("text", "key", "token"), READABLE.values(), ids=READABLE)
def test_a_token_is_read_by_its_key(tmp_path: Path, text: str, key: str, token: str) -> None:
    (tmp_path / "t.json").write_bytes(text.encode())
    assert read_token(f"file:{tmp_path}/t.json{key}") == Secret(token)


def test_a_link_is_read_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text(TOKEN)
    (tmp_path / "t").symlink_to("target")
    assert read_token(f"file:{tmp_path}/t") == Secret(TOKEN)


UNREADABLE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (missing, "", "cannot be read: there is no such file"),
    "a folder": (Path.mkdir, "", "cannot be read: is a directory"),
    "an empty file": (holding(""), "", "holds no current token"),
    "a record without it": (holding(RECORD), "#previous", "holds no previous token"),
    "a bare line without it": (holding(TOKEN), "#pending", "holds no pending token"),
    "words": (holding(f"{SECRET_TEXT} two words"), "", "on one line: it has a space or another blank in it"),
    "the word Bearer": (holding(f"Bearer {SECRET_TEXT}"), "", "such as Bearer, which is added to the token"),
    "not UTF-8": (holding(SECRET_TEXT.encode() + b"\xff"), "", "cannot be read: it is not UTF-8 text"),
}


@pytest.mark.parametrize(("make", "key", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_reading_a_file_without_a_token_fails_and_repeats_nothing_of_it(
    tmp_path: Path, make: Callable[[Path], object], key: str, words: str
) -> None:
    make(tmp_path / "t")
    with pytest.raises(InvalidError) as caught:
        read_token(f"file:{tmp_path}/t{key}")
    problem = caught.value.problem
    assert problem.field == "auth"
    assert problem.message.startswith(f"{tmp_path / 't'} ")
    assert problem.message.endswith(words)
    assert SECRET_TEXT not in "".join(traceback.format_exception(caught.value))


# Git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "checkout")], check=True)  # the user's git
    folder = tmp_path / "checkout" / "folder"
    folder.mkdir()
    return folder


def warnings(folder: Path) -> tuple[str, ...]:
    return token_file(folder / "t.json").store(entry(1), api=API)


def test_a_file_in_a_git_checkout_that_is_not_ignored_is_warned_about(checkout: Path) -> None:
    (warning,) = warnings(checkout)
    assert "Git checkout" in warning
    assert ".gitignore" in warning
    assert str(checkout / "t.json") in warning
    assert TOKEN not in warning


@pytest.mark.parametrize("rule", ["*.json", "/folder/", "t.json"])
def test_an_ignored_file_is_not_warned_about(checkout: Path, rule: str) -> None:
    (checkout.parent / ".gitignore").write_text(f"{rule}\n")
    assert warnings(checkout) == ()


def test_a_tracked_file_is_warned_about_even_if_a_rule_ignores_it(checkout: Path) -> None:
    (checkout / "t.json").touch(0o600)
    git = ["git", "-C", str(checkout)]
    subprocess.run([*git, "add", "t.json"], check=True)
    (checkout / ".gitignore").write_text("t.json\n")
    assert len(warnings(checkout)) == 1


def test_a_file_outside_of_a_checkout_is_not_warned_about(checkout: Path) -> None:
    assert warnings(checkout.parent.parent) == ()


def test_without_git_a_file_in_a_checkout_is_warned_about(checkout: Path) -> None:
    (checkout.parent / ".gitignore").write_text("*.json\n")
    os.environ["PATH"] = str(checkout)
    assert len(warnings(checkout)) == 1


# Its reference


def test_its_reference_is_absolute_and_can_be_read(tmp_path: Path) -> None:
    with chdir(tmp_path):
        store = open_store("file:t.json")
    store.store(entry(1), api=API)
    assert store.ref == f"file:{tmp_path}/t.json#current"
    assert read_token(store.ref) == store.read().token == entry(1).token


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    os.environ["HOME"] = str(tmp_path)
    open_store("file:~/t.json").store(entry(1), api=API)
    assert read_token(f"file:{tmp_path}/t.json") == entry(1).token


# Other writers


def test_a_newer_token_of_the_replaced_row_is_overwritten_because_it_no_longer_works(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    store = token_file(path)
    store.probe()
    token_file(path).store(entry(1), api=API)
    store.store(entry(2), api=API, replaced_id="1")
    assert read_token(f"file:{path}") == entry(2).token
    assert entry(1).token.reveal() not in path.read_text()


def test_a_newer_token_of_another_row_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    store = token_file(path)
    store.probe()
    token_file(path).store(entry(1), api=API)
    with pytest.raises(OSError, match="another process has stored a different token"):
        store.store(entry(2), api=API, replaced_id="another row")
    assert read_token(f"file:{path}") == entry(1).token
