"""``connector-auth:ID[#bearer]``: a Connector Auth of Locoia as a token store, so that flows use the token.

It cannot be read: the API does not show what it stores.  It is written through the specs, with Locoia's own credential,
which needs the scope ``connector_auth:manage``.

Source: https://docs.locoia.com/api/create-connector-authentication
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, Secret
from locoia_pat.outcomes import invalid
from locoia_pat.stores.store import WriteOnlyStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat import Result
    from locoia_pat.stores import Credential, TokenEntry, TokenStore

_LOCOIA = "locoia"
_BEARER = "bearer"
_ABSENT = "locoia-pat run list_connector_auths --table lists them."
_FORBIDDEN = "The credential needs the scope connector_auth:manage, and its user the right to change this one."


def open_store(location: str, by: Callable[[], Connector], *, field: str) -> TokenStore:
    """Open the Connector Auth *location*, which is written by the connector that *by* returns.

    Raises:
        InvalidError: *location* is not ID or ID#bearer.

    """
    id_, separator, key = location.partition("#")
    if not id_ or (separator and key != _BEARER):
        raise invalid(
            "a Connector Auth is connector-auth:ID, or connector-auth:ID#bearer",
            field=field,
            hint="#bearer puts the word Bearer before the token, as the REST Helper expects it.",
        )
    return ConnectorAuthStore(id_, by, bearer=key == _BEARER, field=field)


class ConnectorAuthStore(WriteOnlyStore):
    """A Connector Auth whose ``auth_token`` is the token."""

    def __init__(self, id_: str, by: Callable[[], Connector], *, bearer: bool, field: str) -> None:
        self.ref = f"connector-auth:{id_}{'#bearer' if bearer else ''}"
        self._id = id_
        self._by = by
        self._bearer = bearer
        self._field = field

    def read(self) -> Credential:
        """Fail: a Connector Auth cannot be read.

        Raises:
            InvalidError: always.
        """
        raise invalid(f"{self.ref} cannot be read: the API does not show it", field=self._field)

    def check(self) -> None:
        """Read it: one that cannot be read cannot be written either.

        Raises:
            InvalidError: it does not exist, or this credential may not see it.
        """
        self._require(self._run("get_connector_auth"))

    def probe(self) -> None:
        """Update its name to the same name: a write that changes nothing.

        Raises:
            InvalidError: it does not exist, or this credential may not change it.
        """
        result = self._run("get_connector_auth")
        if result.problem is None:
            name = (result.data or {}).get("name")
            result = self._run("update_connector_auth", **({"name": name} if name else {}))
        self._require(result)

    def _require(self, result: Result) -> None:
        if result.problem is not None:
            raise invalid(
                f"{self.ref} cannot be written: {result.problem.message}",
                field=self._field,
                hint=_ABSENT if result.problem.code == "not_found" else _FORBIDDEN,
            )

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:  # noqa: ARG002  # no record
        """Store *entry*.

        Raises:
            OSError: the API did not accept it, or did not confirm it.
        """
        value = Secret(f"Bearer {entry.token.reveal()}") if self._bearer else entry.token
        result = self._run("update_connector_auth", auth_token=value)
        if result.problem is not None:
            raise OSError(f"{result.outcome.value}: {result.problem.message}")
        return ()

    def _run(self, action: str, **inputs: Any) -> Result:
        with self._locoia() as connector:
            return connector.run(action, {"connector_auth_id": self._id, **inputs})

    def _locoia(self) -> Connector:
        """Return a connector of Locoia: the one in use, or if that is another one, the one of the environment."""
        connector = self._by()
        return connector if connector.name == _LOCOIA else Connector()
