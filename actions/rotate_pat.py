"""``rotate_pat``: a new token for a name that has one."""

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


def rotate_pat(
    connector: Connector,
    *,
    name: str,
    expiration: int,
    token_to: Sequence[str | Sink],
    overlap: float = 24,
    in_place: bool = False,
    **options: Any,
) -> ManagedToken:
    """Rotate the token of that name, always; the one before works on for *overlap* hours.

    Args:
        connector: the rotator; or the token itself, read from the place that is written.
        name: by which the token is managed.
        expiration: days the new one lives.
        token_to: the places that hold it.
        overlap: hours for which the token before works on.
        in_place: give the same row a new secret: the old one dies at once, and consumers are without a token until
            they read it again.  Needs a rotator that is another token.
        options: ``state``, ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    Raises:
        ConnectorError: as :func:`ensure_pat` does.

    """
    from locoia_pat.actions.models import ManagedToken  # noqa: PLC0415  # pydantic is only needed from here on

    wishes = {"name": name, "expiration": expiration, "overlap": overlap, "in_place": in_place}
    return ManagedToken.of(run(connector, wishes, token_to, **options).raise_for_outcome())


def run(connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | Sink], **options: Any) -> Result:
    """The same from inputs, as a step has them; returns a result for every outcome."""
    wishes = dict(inputs)
    work = machine.rotate_in_place if wishes.pop("in_place", False) else machine.rotate
    return tended("rotate_pat", work, connector, wanted_of(**wishes), token_to, **options)
