"""``create_pat``: a new token, shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.models import MintedToken


def create_pat(
    connector: Connector,
    *,
    expiration: int | None,
    scopes: Sequence[str],
    note: str,
    token_to: Sequence[str] = (),
    replace: bool = False,
) -> MintedToken:
    """Create a token.

    Args:
        connector: what calls the API.
        expiration: days until it expires; None for never.
        scopes: what it may do, for example ``["automation:view"]``.
        note: what it is for, at most 255 characters.
        token_to: places for it, as REFs such as ``file:ci.json``.
        replace: whether a place may hold another token, which becomes its previous one.

    Raises:
        InvalidError: an input, a place or the credential is wrong; nothing was sent.
        RefusedError: the API said no.
        NotDoneError: the API was not reached, or asked for a longer wait; safe to repeat.
        UnknownOutcomeError: it may have happened; look with :func:`list_pats` before you repeat.
        NotStoredError: it happened, and no place took the token.

    """
    from locoia_pat.actions.models import MintedToken  # noqa: PLC0415  # pydantic is only needed from here on

    inputs = {"expiration": expiration, "scopes": scopes if isinstance(scopes, str) else list(scopes), "note": note}
    return MintedToken.of(connector.run("create_pat", inputs, token_to=token_to, replace=replace).raise_for_outcome())
