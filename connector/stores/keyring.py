"""``keyring:SERVICE/NAME``: our record in the system's keyring.

With no keyring, as on many servers, nothing is stored and the error names another place: never a fall-back in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.extras import import_extra
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.record_store import Place

if TYPE_CHECKING:
    from locoia_pat.stores.record import Key


class KeyringSink(Place):
    """One entry of the keyring."""

    def __init__(self, place: str, key: Key = "current", *, field: str = "token_to") -> None:
        """The entry at *place*, written ``SERVICE/NAME``, of whose record *key* is read.

        Raises:
            InvalidError: *place* is not of that form, or the extra is not installed.
        """
        super().__init__(key, field=field)
        self._service, _, self._name = place.partition("/")
        if not self._service or not self._name:
            raise invalid("a place in the keyring is keyring:SERVICE/NAME", field=field)
        self._keyring: Any = import_extra("keyring", "keyring")

    @property
    def ref(self) -> str:
        """The entry as a REF."""
        return f"keyring:{self._service}/{self._name}#current"

    @property
    def where(self) -> str:
        """The REF."""
        return self.ref

    def _text(self) -> Secret | None:
        found = self._call("get_password")
        return Secret(found) if found is not None else None

    def _write(self, text: Secret) -> None:
        self._call("set_password", text)

    def _remove(self) -> bool:
        there = self._text() is not None
        if there:
            self._call("delete_password")
        return there

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
