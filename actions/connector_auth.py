"""``connector-auth:ID[#bearer]``: a Connector Auth of Locoia as the place for a token, so that flows pick it up.

It can only be written: the API does not show what it stores.  It is written through the specs, by Locoia's own
credential, which needs the scope ``connector_auth:manage``.

Source: https://docs.locoia.com/api/create-connector-authentication
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, Secret
from locoia_pat.outcomes import invalid
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat import Result
    from locoia_pat.stores import Credential, Readback, TokenEntry, TokenStore

_LOCOIA = "locoia"
_BEARER = "bearer"
_ABSENT = "locoia-pat run list_connector_auths --table shows those there are."
_FORBIDDEN = "The credential needs the scope connector_auth:manage, and its user the right to change this one."


def open_store(place: str, by: Callable[[], Connector], *, field: str) -> TokenStore:
    """The Connector Auth *place*, written by the connector that *by* makes.

    Raises:
        InvalidError: *place* is none.

    """
    id_, mark, key = place.partition("#")
    if not id_ or (mark and key != _BEARER):
        raise invalid(
            "a Connector Auth is connector-auth:ID, or connector-auth:ID#bearer",
            field=field,
            hint="#bearer puts the word Bearer before the token, as the REST Helper wants it.",
        )
    return ConnectorAuthStore(id_, by, bearer=key == _BEARER, field=field)


class ConnectorAuthStore:
    """One Connector Auth, whose ``auth_token`` is the token."""

    readback: Readback = "nothing"

    def __init__(self, id_: str, by: Callable[[], Connector], *, bearer: bool, field: str) -> None:
        self.ref = f"connector-auth:{id_}{'#bearer' if bearer else ''}"
        self._id = id_
        self._by = by
        self._bearer = bearer
        self._field = field

    def read(self) -> Credential:
        """Not possible.

        Raises:
            InvalidError: always.
        """
        raise invalid(f"{self.ref} cannot be read: the API does not show it", field=self._field)

    def probe(self) -> None:
        """Write its name once more: an update, as the store will be, that changes nothing.

        Raises:
            InvalidError: it is not there, or this credential may not change it.
        """
        found = self._run("get_connector_auth")
        if found.problem is None:
            name = (found.data or {}).get("name")
            found = self._run("update_connector_auth", **({"name": name} if name else {}))
        if found.problem is not None:
            raise invalid(
                f"{self.ref} cannot be written: {found.problem.message}",
                field=self._field,
                hint=_ABSENT if found.problem.code == "not_found" else _FORBIDDEN,
            )

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:  # noqa: ARG002  # no record
        """Make *entry* its token.

        Raises:
            OSError: the API did not take it, or did not say so.
        """
        told = self._run("update_connector_auth", auth_token=self._shape(entry.token))
        if told.problem is not None:
            raise OSError(f"{told.outcome.value}: {told.problem.message}")
        return ()

    def record(self) -> Record:
        """Nothing: it cannot be read."""
        return Record()

    def write_record(self, record: Record) -> tuple[str, ...]:
        """Make the current token of *record* its token; where there is none it stays as it is.

        Raises:
            OSError: the API did not take it, or did not say so.
        """
        if record.current is None:
            return (f"{self.ref} keeps a token that works no more",)
        return self.store(record.current, api=record.api or "")

    def remove(self) -> bool:
        """Nothing can be taken away."""
        return False

    def _shape(self, token: Secret) -> Secret:
        return Secret(f"Bearer {token.reveal()}") if self._bearer else token

    def _run(self, action: str, **inputs: Any) -> Result:
        with self._locoia() as connector:
            return connector.run(action, {"connector_auth_id": self._id, **inputs})

    def _locoia(self) -> Connector:
        """A connector of Locoia: the one in use, or where another runs, that of the environment."""
        connector = self._by()
        return connector if connector.name == _LOCOIA else Connector()
