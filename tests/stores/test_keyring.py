"""``keyring:``: whatever a keyring does wrong is an error in time, which repeats nothing of the token."""

from __future__ import annotations

import getpass
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from locoia_pat.extras import install_command
from locoia_pat.outcomes import InvalidError
from locoia_pat.stores import keyring as keyring_store
from locoia_pat.stores import open_store, read_token
from tests.support.store_child import API, TOKEN, entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REF = "keyring:acme/ci"
TEXT = entry(1).token.reveal()


class DBusErrorResponseError(Exception):
    """As the library under a keyring raises it: not an error of keyring itself."""


class Broken(keyring.backend.KeyringBackend):
    """A keyring that does *behaviour* whenever it is called."""

    priority = 9  # pyright: ignore[reportAssignmentType]  # as keyring documents it
    behaviour: Callable[..., Any]

    def get_password(self, service: str, username: str) -> str | None:
        found: str | None = self.behaviour(service, username)
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        self.behaviour(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.behaviour(service, username)


def raising(error: BaseException) -> Callable[..., Any]:
    def behaviour(*_: str) -> None:
        raise error

    return behaviour


def ask(*_: str) -> str:
    return getpass.getpass("Password of the keyring: ")


BROKEN: dict[str, tuple[Callable[..., Any], str]] = {
    "an error of keyring": (raising(keyring.errors.KeyringError(TEXT)), "KeyringError"),
    "it is locked": (raising(keyring.errors.KeyringLocked(TEXT)), "KeyringLocked"),
    "it cannot be opened": (raising(keyring.errors.InitError(TEXT)), "InitError"),
    "no backend": (raising(keyring.errors.NoKeyringError(TEXT)), "NoKeyringError"),
    "an error of a library": (raising(DBusErrorResponseError(TEXT)), "DBusErrorResponseError"),
    "a wrong type": (raising(TypeError(TEXT)), "TypeError"),
    "no file": (raising(FileNotFoundError(2, TEXT)), "FileNotFoundError"),
    "an encoding": (raising(UnicodeDecodeError("utf-8", b"x", 0, 1, TEXT)), "UnicodeDecodeError"),
    "a failed assertion": (raising(AssertionError(TEXT)), "AssertionError"),
    "recursion": (raising(RecursionError(TEXT)), "RecursionError"),
    "an exit": (raising(SystemExit(TEXT)), "SystemExit"),
    "an interrupt of its own": (raising(KeyboardInterrupt(TEXT)), "KeyboardInterrupt"),
    "no terminal for a password": (raising(EOFError(TEXT)), "EOFError"),
    "bytes": (lambda *_: TEXT.encode(), "TypeError"),
    "a number": (lambda *_: 7, "TypeError"),
}


@pytest.fixture
def use() -> Iterator[Callable[[Callable[..., Any]], None]]:
    before = keyring.get_keyring()

    def install(behaviour: Callable[..., Any]) -> None:
        broken = Broken()  # type: ignore[no-untyped-call]  # keyring has no types
        broken.behaviour = behaviour
        keyring.set_keyring(broken)

    yield install
    keyring.set_keyring(before)


def test_any_error_of_a_keyring_is_invalid_and_repeats_nothing(use: Callable[[Callable[..., Any]], None]) -> None:
    for name, (behaviour, kind) in BROKEN.items():
        use(behaviour)
        store = open_store(REF)
        for work in (store.probe, store.read, store.remove, store.record, lambda: read_token(REF)):
            with pytest.raises(InvalidError) as caught:
                work()
            assert caught.value.problem.message == f"there is no working keyring here ({kind})", name
            assert "file:" in (caught.value.problem.hint or ""), name
            asks = kind in ("EOFError", "InitError", "KeyringLocked")
            assert ("asking for a password" in (caught.value.problem.hint or "")) == asks, name
            assert caught.value.__context__ is None, name
            assert TOKEN not in str(caught.value), name
        with pytest.raises(InvalidError):
            store.store(entry(1), api=API)


def test_a_keyring_that_asks_for_a_password_without_a_terminal_fails(
    use: Callable[[Callable[..., Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_store, "TIMEOUT", 5.0)
    use(ask)
    with pytest.raises(InvalidError, match="there is no working keyring here") as caught:
        read_token(REF)
    assert "asking for a password" in (caught.value.problem.hint or "")


def test_a_keyring_that_does_not_respond_is_given_up(
    use: Callable[[Callable[..., Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_store, "TIMEOUT", 0.2)
    done = threading.Event()
    use(lambda *_: done.wait(60))
    try:
        with pytest.raises(InvalidError, match="no response within 0 s") as caught:
            read_token(REF)
    finally:
        done.set()
    assert "asking for a password" in (caught.value.problem.hint or "")


def test_a_keyring_that_does_not_respond_does_not_keep_the_program_from_its_end() -> None:
    script = """
import threading
import keyring
from locoia_pat.outcomes import InvalidError
from locoia_pat.stores import keyring as keyring_store, read_token
from tests.stores.test_keyring import REF, Broken

keyring_store.TIMEOUT = 0.2
broken = Broken()
broken.behaviour = lambda *_: threading.Event().wait()
keyring.set_keyring(broken)
try:
    read_token(REF)
except InvalidError as error:
    print(error.problem.message)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "there is no working keyring here (no response within 0 s)\n"


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)  # as Python marks a module that cannot be imported
    with pytest.raises(InvalidError, match="keyring is not installed") as error:
        open_store(REF)
    assert error.value.problem.next == install_command("keyring")
    assert "--to file:token.json" in (error.value.problem.hint or "")
