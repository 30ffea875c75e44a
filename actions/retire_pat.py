"""``retire_pat``: the end of a name."""

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


def retire_pat(connector: Connector, *, name: str, token_to: Sequence[str | Sink], **options: Any) -> ManagedToken:
    """End a name: its rows are made useless, its places emptied, and the journal says so.

    Args:
        connector: the rotator; or the token itself, read from the place that is emptied.
        name: by which the token is managed.
        token_to: the places that hold it.
        options: ``state``, ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    Raises:
        ConnectorError: as :func:`ensure_pat` does.

    """
    from locoia_pat.actions.models import ManagedToken  # noqa: PLC0415  # pydantic is only needed from here on

    return ManagedToken.of(run(connector, {"name": name}, token_to, **options).raise_for_outcome())


def run(connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | Sink], **options: Any) -> Result:
    """The same from inputs, as a step has them; returns a result for every outcome."""
    return tended("retire_pat", machine.retire, connector, wanted_of(**inputs), token_to, ending=True, **options)
