"""The rows and tokens of the API page, as pydantic models.

Source: https://docs.locoia.com/api/authentication-with-our-api
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from locoia_pat import Secret

if TYPE_CHECKING:
    from locoia_pat import Result


class Managed(BaseModel):
    """Whose row it is, by the marker in its note."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    slot: Literal["a", "b"]
    state: str
    """The state folder that manages the name."""


class PersonalAccessToken(BaseModel):
    """A row of the API: a token without its secret."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="ignore")

    id: str | None
    """The row's id; None if the API gave none."""
    expiration: dt.datetime | None
    """When the token expires, in UTC; None for never, or if the API's string could not be parsed."""
    expiration_raw: str | None = None
    """The API's own string, if it was read with an assumption, such as its time zone, or could not be parsed."""
    expires_in_days: int | None
    """Days left, rounded, by the server's clock."""
    note: str | None
    last_used: dt.datetime | None
    """When the token was last used, in UTC; the API may record it late."""
    scopes: list[str] | None
    managed: Managed | None = None
    """Set if the row belongs to a managed name."""


class MintedToken(PersonalAccessToken):
    """A newly minted token with its secret, which the API shows only once."""

    token: Secret = Field(repr=False)
    token_refs: tuple[str, ...] = ()
    """The token stores that hold it."""
    warnings: tuple[str, ...] = ()

    @field_serializer("token", when_used="json")
    def _mask(self, token: Secret) -> str:
        return str(token)

    def __getstate__(self) -> dict[Any, Any]:
        """Return what is pickled: the token without its value, as in the copy of a result."""
        state = super().__getstate__()
        return {**state, "__dict__": {**state["__dict__"], "token": self.token.without_value(self.token_refs)}}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.model_copy(update={"token": self.token.without_value(self.token_refs)})

    @classmethod
    def of(cls, result: Result) -> Self:
        """Return the token of a *result* whose outcome is done."""
        return cls.model_validate(
            {**(result.data or {}), "token": result.token, "token_refs": result.token_refs, "warnings": result.warnings}
        )


class ManagedToken(BaseModel):
    """The token of a managed name; only its token stores hold the secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    change: Literal["created", "adopted", "rotated", "retired", "none"]
    """What was done."""
    id: str | None
    """The row of the token in use; None if the name ended."""
    expiration: dt.datetime | None
    scopes: list[str] | None
    retire_due: dt.datetime | None
    """When the previous token is due to be revoked; the first call after that which touches the name does it."""
    token_refs: tuple[str, ...] = ()
    """The token stores that hold it."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: Result) -> Self:
        """Return the token of a *result* whose outcome is done."""
        return cls.model_validate({**(result.data or {}), "token_refs": result.token_refs, "warnings": result.warnings})


class ConnectorAuthEntry(BaseModel):
    """A Connector Auth without its secrets; the API may leave out all but the id."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str | None = None
    connector_id: str | None = None
    auth_type: str | None = None
    api_endpoint: str | None = None
    tags: list[str] | None = None
