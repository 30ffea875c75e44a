"""What stands in the places of lines that an earlier run came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.outcomes import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores import Entry, Sink


class Standing:
    """Looks into places.  One that cannot be opened or read holds nothing."""

    def __init__(self, open_place: Callable[[str], Sink]) -> None:
        self._open_place = open_place

    def ref(self, place: str, id_: object, *, bare: bool) -> str | None:
        """The REF of *place* where the token of the row *id_* stands there; where only tokens do, whether *bare*."""
        sink, current = self._look(place)
        if sink is None or current is None:
            return None
        return sink.ref if (current.id == id_ if sink.keeps == "record" else bare) else None

    def holds(self, place: str, id_: object, same: Callable[[Secret], bool]) -> bool:
        """Whether *place* still holds what it was given, the token of the row *id_*; *same* tells a bare one again.

        Of a place that can only be written nobody knows: it was given the token, and is not given another one.
        """
        sink, current = self._look(place)
        if sink is None or current is None:
            return sink is not None and sink.keeps == "nothing"
        return current.id == id_ if sink.keeps == "record" else same(current.token)

    def _look(self, place: str) -> tuple[Sink | None, Entry | None]:
        try:
            sink = self._open_place(place)
            return sink, sink.record().current
        except (ConnectorError, OSError, ValueError):
            return None, None
