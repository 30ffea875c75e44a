"""``list_pats``: the tokens of the credential's owner, without their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locoia_pat import Connector
    from locoia_pat.actions.models import PersonalAccessToken


def list_pats(connector: Connector) -> list[PersonalAccessToken]:
    """All tokens of the user who owns the credential; other users' tokens are not listed.

    Raises:
        InvalidError: the credential or the base address is wrong; nothing was sent.
        RefusedError: the API said no.
        NotDoneError: the read failed; safe to repeat.

    """
    from locoia_pat.actions.models import PersonalAccessToken  # noqa: PLC0415  # pydantic is only needed from here on

    data = connector.run("list_pats").raise_for_outcome().data or {}
    return [PersonalAccessToken.model_validate(row) for row in data["tokens"]]
