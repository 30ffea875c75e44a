"""``keyring:SERVICE/NAME``: our record in the system's keyring.

With no keyring, as on many servers, nothing is stored and the error names another place: never a fall-back in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import invalid
from ..require import require
from ..secret import Secret
from .record import Key, Record, parse
from .sink import Credential

if TYPE_CHECKING:
    from .sink import Entry


class KeyringSink:
    """One entry of the keyring."""

    def __init__(self, place: str, key: Key = "current", *, field: str = "token_to") -> None:
        """The entry at *place*, written ``SERVICE/NAME``, of whose record *key* is read.

        Raises:
            InvalidError: *place* is not of that form, or the extra is not installed.
        """
        self._service, _, self._name = place.partition("/")
        self._key: Key = key
        self._field = field
        if not self._service or not self._name:
            raise invalid("a place in the keyring is keyring:SERVICE/NAME", field=field)
        self._keyring: Any = require("keyring", "keyring")

    @property
    def ref(self) -> str:
        """The entry as a REF."""
        return f"keyring:{self._service}/{self._name}#current"

    def read(self) -> Credential:
        """The token under the REF's key.

        Raises:
            InvalidError: the entry holds none, or there is no keyring.
        """
        record = self.record()
        entry = record.at(self._key)
        if entry is None:
            raise invalid(f"{self.ref} holds no {self._key} token", field=self._field)
        return Credential(entry.token, record.api)

    def probe(self) -> Entry | None:
        """Write what stands there once more, and take it away again where nothing did.

        Raises:
            InvalidError: that does not work, for example because there is no keyring.
        """
        if self._key != "current":
            raise invalid(f"a new token becomes #current, not #{self._key}", field=self._field)
        text = self._text()
        record = self.record()
        self._call("set_password", text or record.to_text())
        if text is None:
            self._call("delete_password")
        return record.current

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:
        """Make *entry* the current token, and read it back.

        Raises:
            InvalidError: the keyring does not hold it now.
        """
        return self.keep(self.record().promote(entry, api=api, dead=dead))

    def keep(self, record: Record) -> tuple[str, ...]:
        """Put *record* in the place of all that stands there, and read it back.

        Raises:
            InvalidError: the keyring does not hold it now.
        """
        self._call("set_password", record.to_text())
        if self.record() != record:
            raise invalid(f"{self.ref} holds something else than what was written", field=self._field)
        return ()

    def remove(self) -> bool:
        """Take the entry away, with all it holds; whether there was one.

        Raises:
            InvalidError: there is no keyring.
        """
        if self._text() is None:
            return False
        self._call("delete_password")
        return True

    def record(self) -> Record:
        """All that stands there; an empty record where nothing does.

        Raises:
            InvalidError: it is no record, or there is no keyring.
        """
        text = self._text()
        try:
            return parse(text) if text else Record()
        except ValueError as error:
            words = str(error)
        raise invalid(f"{self.ref}: {words}", field=self._field)

    def _text(self) -> Secret | None:
        found = self._call("get_password")
        return Secret(found) if found is not None else None

    def _call(self, method: str, *value: Secret) -> Any:
        """Ask the keyring; its errors, which may hold what it was given, become ours."""
        try:
            return getattr(self._keyring, method)(self._service, self._name, *(one.reveal() for one in value))
        except self._keyring.errors.KeyringError as error:
            kind = type(error).__name__
        raise invalid(
            f"this computer has no keyring that works here ({kind})",
            field=self._field,
            hint="Name another place, for example file:~/.locoia-token.json.",
        )
