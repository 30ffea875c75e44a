"""Connector Auths of Locoia: what flows send to other systems.  The API does not show the secrets in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.actions.tokens import as_list
from locoia_pat.actions.typed_call import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat import Connector, Secret
    from locoia_pat.actions.models import ConnectorAuthEntry


@typed
def create_connector_auth(
    connector: Connector,
    *,
    connector_id: str,
    name: str,
    auth_type: str,
    auth_token: Secret | None = None,
    auth_details: str | None = None,
    api_endpoint: str | None = None,
    username: str | None = None,
    password: Secret | None = None,
    tags: Sequence[str] | None = None,
) -> ConnectorAuthEntry:
    """Create a Connector Auth.

    Args:
        connector: calls the API.
        connector_id: the Connector that the credential is for.
        name: which system and environment it is for.
        auth_type: for example ``basic_auth``, ``oauth2`` or ``username_password``.
        auth_token: what flows send to the other system.
        auth_details: details of the type.
        api_endpoint: the URL, only for a subdomain or another version of the API.
        username: for systems that ask for a user and a password.
        password: the password of *username*.
        tags: its tags.

    Raises:
        ConnectorError: one class for each outcome, as for :func:`~locoia_pat.actions.tokens.create_pat`.

    """
    inputs = {
        "connector_id": connector_id,
        "name": name,
        "auth_type": auth_type,
        "auth_token": auth_token,
        "auth_details": auth_details,
        "api_endpoint": api_endpoint,
        "username": username,
        "password": password,
        "tags": as_list(tags),
    }
    return _entry(connector.run("create_connector_auth", _given(inputs)).raise_for_outcome().data)


@typed
def get_connector_auth(connector: Connector, connector_auth_id: str) -> ConnectorAuthEntry:
    """Return a Connector Auth without its secrets.

    Raises:
        ConnectorError: it could not be read.

    """
    result = connector.run("get_connector_auth", {"connector_auth_id": connector_auth_id})
    return _entry(result.raise_for_outcome().data)


@typed
def list_connector_auths(connector: Connector) -> list[ConnectorAuthEntry]:
    """List the Connector Auths, without their secrets.

    Raises:
        ConnectorError: the list could not be read.

    """
    data = connector.run("list_connector_auths").raise_for_outcome().data or {}
    return [_entry(row) for row in data["connector_auths"]]


@typed
def update_connector_auth(
    connector: Connector,
    connector_auth_id: str,
    *,
    name: str | None = None,
    auth_type: str | None = None,
    auth_token: Secret | None = None,
    auth_details: str | None = None,
    api_endpoint: str | None = None,
    username: str | None = None,
    password: Secret | None = None,
    tags: Sequence[str] | None = None,
) -> None:
    """Change a Connector Auth; what is None stays as it is.

    Args:
        connector: calls the API.
        connector_auth_id: the id of the Connector Auth.
        name: which system and environment it is for.
        auth_type: for example ``basic_auth``, ``oauth2`` or ``username_password``.
        auth_token: what flows send to the other system.
        auth_details: details of the type.
        api_endpoint: the URL, only for a subdomain or another version of the API.
        username: for systems that ask for a user and a password.
        password: the password of *username*.
        tags: its tags, instead of those it has.

    Raises:
        ConnectorError: one class for each outcome.

    """
    inputs = {
        "connector_auth_id": connector_auth_id,
        "name": name,
        "auth_type": auth_type,
        "auth_token": auth_token,
        "auth_details": auth_details,
        "api_endpoint": api_endpoint,
        "username": username,
        "password": password,
        "tags": as_list(tags),
    }
    connector.run("update_connector_auth", _given(inputs)).raise_for_outcome()


@typed
def delete_connector_auth(connector: Connector, connector_auth_id: str) -> None:
    """Delete a Connector Auth.

    Raises:
        ConnectorError: one class for each outcome.

    """
    connector.run("delete_connector_auth", {"connector_auth_id": connector_auth_id}).raise_for_outcome()


def _given(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if value is not None}


def _entry(data: Any) -> ConnectorAuthEntry:
    from locoia_pat.actions.models import ConnectorAuthEntry  # noqa: PLC0415  # pydantic is only needed from here on

    return ConnectorAuthEntry.model_validate(data)
