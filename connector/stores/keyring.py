"""``keyring:SERVICE/NAME``: a token record in the system's keyring.

Without a keyring, as on many servers, nothing is stored and the error names another store: there is no fall-back to
clear text.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from locoia_pat.extras import import_extra
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.record_store import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.outcomes import Problem
    from locoia_pat.stores.record import Key

TIMEOUT = 30.0
"""Seconds that one call of the keyring may take, with the password that it may ask for."""
_ASKING = ("EOFError", "GetPassWarning", "KeyringLocked", "InitError")
"""Errors of a keyring that asks for a password and gets none."""
_OTHERWISE = "Or name another store, such as --to file:token.json for login."


class KeyringStore(RecordStore):
    """One entry of the keyring."""

    def __init__(self, place: str, key: Key = "current", *, field: str = "token_to") -> None:
        """Open the entry at *place*, written ``SERVICE/NAME``; see :class:`RecordStore`.

        Raises:
            InvalidError: *place* has another form, or the extra is not installed.
        """
        super().__init__(key, field=field)
        self._service, _, self._name = place.partition("/")
        if not self._service or not self._name:
            hint = "For example keyring:locoia-pat/ci."
            raise invalid("expected keyring:SERVICE/NAME", field=field, hint=hint)
        self.ref = f"keyring:{place}#current"
        self._keyring: Any = self._guard(lambda: import_extra("keyring", "keyring", otherwise=_OTHERWISE))

    def _load(self) -> Secret | None:
        text: Secret | None = self._call("get_password")
        return text

    def _save(self, text: Secret) -> None:
        self._call("set_password", text)

    def _delete(self) -> bool:
        exists = self._load() is not None
        if exists:
            self._call("delete_password")
        return exists

    def _call(self, method: str, *value: Secret) -> Any:
        def call() -> Secret | None:
            text = getattr(self._keyring, method)(self._service, self._name, *(one.reveal() for one in value))
            if not isinstance(text, str | None):
                raise TypeError
            return None if text is None else Secret(text)

        return self._guard(call)

    def _guard(self, work: Callable[[], Any]) -> Any:
        """Return what *work* returns; its errors, which may hold what it was given, become ours.

        A keyring is a plug-in: it may raise anything, and ask for a password where no one can type one.
        """
        results: list[Any] = []
        problems: list[Problem] = []
        failures: list[str] = []

        def run() -> None:
            try:
                results.append(work())
            except InvalidError as error:  # the extra is missing
                problems.append(error.problem)
            except BaseException as error:  # noqa: BLE001  # see above
                failures.append(type(error).__name__)

        thread = threading.Thread(target=run, name="locoia-pat-keyring", daemon=True)  # it may never end
        thread.start()
        thread.join(TIMEOUT)
        if results:
            return results[0]
        if problems:
            raise InvalidError(problems[0])
        failure = failures[0] if failures else f"no response within {TIMEOUT:.0f} s"
        asks = failure in _ASKING or not failures
        raise invalid(
            f"there is no working keyring here ({failure})",
            field=self._field,
            hint=f"{'It may be asking for a password: unlock it first. ' if asks else ''}"
            "Name another token store, for example file:~/.locoia-token.json.",
        )
