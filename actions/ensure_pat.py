"""``ensure_pat``: one usable token of a name, created, adopted or renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle import machine
from locoia_pat.actions.lifecycle.desired import wanted_of
from locoia_pat.actions.lifecycle.run import tended

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from locoia_pat import Connector, Result
    from locoia_pat.actions.models import ManagedToken
    from locoia_pat.stores import Sink


def ensure_pat(
    connector: Connector,
    *,
    name: str,
    scopes: Sequence[str],
    expiration: int,
    note: str,
    token_to: Sequence[str | Sink],
    renew_within: float | None = None,
    overlap: float = 24,
    change_scopes: bool = False,
    take_over: bool = False,
    replaces: str | None = None,
    **options: Any,
) -> ManagedToken:
    """Have one usable token of that name, and no other that anybody could use.

    It is created, adopted, or renewed where less than *renew_within* days are left.  Safe to run again at any time, at
    once, and after a kill.

    Args:
        connector: the rotator, which authorises all this; or the token itself, read from the place that is written.
        name: by which the token is managed.
        scopes: what it may do.
        expiration: days it lives; it is renewed before.
        note: what it is for; a marker stands behind it.
        token_to: the places that hold it.
        renew_within: days left from which it is renewed; a third of *expiration* by default.
        overlap: hours for which the token before works on.
        change_scopes: whether other scopes than those of the token there is may be asked for.
        take_over: whether a name that another state manages is taken over.
        replaces: a row made by hand, which goes once the overlap has passed.
        options: ``state``, ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    Raises:
        InvalidError: it cannot be done safely, or an input, a place or the credential is wrong; nothing was sent.
        RefusedError: the API said no, or the name is managed elsewhere.
        NotDoneError: the API was not reached, or the name is busy; safe to repeat.
        UnknownOutcomeError: an answer was lost again and again; run it again.
        NotStoredError: a place did not take the token; run it again.

    """
    from locoia_pat.actions.models import ManagedToken  # noqa: PLC0415  # pydantic is only needed from here on

    wishes = {
        "name": name,
        "scopes": scopes if isinstance(scopes, str) else list(scopes),
        "expiration": expiration,
        "note": note,
        "renew_within": renew_within,
        "overlap": overlap,
        "change_scopes": change_scopes,
        "take_over": take_over,
        "replaces": replaces,
    }
    return ManagedToken.of(run(connector, wishes, token_to, **options).raise_for_outcome())


def run(connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | Sink], **options: Any) -> Result:
    """The same from inputs, as a step has them; returns a result for every outcome."""
    return tended("ensure_pat", machine.ensure, connector, wanted_of(**inputs), token_to, **options)
