"""The shapes of the API page, as models.

Source: https://docs.locoia.com/api/authentication-with-our-api
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from locoia_pat import Secret

if TYPE_CHECKING:
    from locoia_pat import Result


class Managed(BaseModel):
    """Whose row it is: what the marker in its note tells."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    slot: Literal["a", "b"]
    state: str
    """The state that manages the name."""


class PersonalAccessToken(BaseModel):
    """One row of the API: a token without its secret."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="ignore")

    id: str | None
    """The row's id; None where the API gave none."""
    expiration: dt.datetime | None
    """When the token stops working, in UTC; None for never, or where the API's text could not be read."""
    expiration_raw: str | None = None
    """The API's own text, where its time zone was assumed or the time could not be read."""
    expires_in_days: int | None
    """Days left, rounded, by the server's clock."""
    note: str | None
    last_used: dt.datetime | None
    """When the token was last used, in UTC; the API may write it late."""
    scopes: list[str] | None
    managed: Managed | None = None
    """Set where the row belongs to a managed name."""


class MintedToken(PersonalAccessToken):
    """A token just minted: the only time its secret is there."""

    token: Secret = Field(repr=False)
    token_refs: tuple[str, ...] = ()
    """Where it was put."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: Result) -> Self:
        """The token of a *result* that is done."""
        return cls.model_validate(
            {**(result.data or {}), "token": result.token, "token_refs": result.token_refs, "warnings": result.warnings}
        )


class ManagedToken(BaseModel):
    """The token of a managed name; its secret is in its places alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    change: Literal["created", "adopted", "rotated", "retired", "none"]
    """What was done about it."""
    id: str | None
    """The row of the token that is used now; None where the name ended."""
    expiration: dt.datetime | None
    scopes: list[str] | None
    retire_due: dt.datetime | None
    """When the token before is made useless, by the first call after that which touches the name."""
    token_refs: tuple[str, ...] = ()
    """Where it stands."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: Result) -> Self:
        """The token of a *result* that is done."""
        return cls.model_validate({**(result.data or {}), "token_refs": result.token_refs, "warnings": result.warnings})
