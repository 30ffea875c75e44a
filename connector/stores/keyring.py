"""``keyring:SERVICE/NAME``: a token record in the system's keyring.

Without a keyring, as on many servers, nothing is stored and the error names another store: there is no fall-back to
clear text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.extras import import_extra
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.record_store import RecordStore

if TYPE_CHECKING:
    from locoia_pat.stores.record import Key


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
            raise invalid("expected keyring:SERVICE/NAME", field=field)
        self._keyring: Any = import_extra("keyring", "keyring")

    @property
    def ref(self) -> str:
        """The reference of the entry."""
        return f"keyring:{self._service}/{self._name}#current"

    def _load(self) -> Secret | None:
        text = self._call("get_password")
        return Secret(text) if text is not None else None

    def _save(self, text: Secret) -> None:
        self._call("set_password", text)

    def _delete(self) -> bool:
        exists = self._load() is not None
        if exists:
            self._call("delete_password")
        return exists

    def _call(self, method: str, *value: Secret) -> Any:
        """Call the keyring; its errors, which may hold what it was given, become ours."""
        try:
            return getattr(self._keyring, method)(self._service, self._name, *(one.reveal() for one in value))
        except self._keyring.errors.KeyringError as error:
            kind = type(error).__name__
        raise invalid(
            f"there is no working keyring here ({kind})",
            field=self._field,
            hint="Name another token store, for example file:~/.locoia-token.json.",
        )
