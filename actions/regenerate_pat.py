"""``regenerate_pat``: a new secret for an existing row; the old one dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.models import MintedToken


def regenerate_pat(
    connector: Connector,
    token_id: str,
    *,
    expiration: int | None,
    token_to: Sequence[str] = (),
    replace: bool = False,
) -> MintedToken:
    """Replace the secret of the row *token_id*; the old secret stops working at once.

    Take the id from the answer: the API page does not say whether it stays.

    Args:
        connector: what calls the API.
        token_id: the row.
        expiration: days until the new secret expires; None for never.
        token_to: places for it; one that holds a token must hold that of *token_id*.
        replace: whether a place may hold another token, which becomes its previous one.

    Raises:
        InvalidError: an input, a place or the credential is wrong; nothing was sent.
        RefusedError: the API said no; the old secret works as before.
        NotDoneError: the API was not reached, or asked for a longer wait; safe to repeat.
        UnknownOutcomeError: it may have happened, and then the old secret is dead.
        NotStoredError: it happened, and no place took the token.

    """
    from locoia_pat.actions.models import MintedToken  # noqa: PLC0415  # pydantic is only needed from here on

    inputs = {"token_id": token_id, "expiration": expiration}
    return MintedToken.of(
        connector.run("regenerate_pat", inputs, token_to=token_to, replace=replace).raise_for_outcome()
    )
