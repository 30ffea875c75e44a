"""The form of a new token: what was entered, what it means, and a narrower choice.

Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from locoia_pat.actions.scopes import ALL, NAMES, redundant
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PRESETS = ("7", "30", "60", "90")
"""Days that are offered."""
ACCESS = {"view": ":view", "manage": ":manage", "full": ""}
"""The access levels of the form, and the extension of each."""


class Narrower(NamedTuple):
    """A scope that allows less than the chosen one."""

    scope: str
    instead_of: str
    advice: str
    """When it is enough."""


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What was entered, as it was entered."""

    note: str = ""
    scopes: tuple[str, ...] = ()
    lifetime: str = "30"
    """Days, ``date`` or ``never``."""
    date: str = ""
    to: str = "show"
    """``show``, or ``store``."""
    store: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]]) -> TokenForm:
        """Return the form that *fields* hold."""

        def last(name: str, default: str) -> str:
            return next(iter(fields.get(name, ())), default)

        levels = [(name, last(f"access_{name}", "")) for name in NAMES]
        chosen = [f"{name}{ACCESS[level]}" for name, level in levels if level in ACCESS]
        scopes = dict.fromkeys([*chosen, *fields.get("scopes", ())])
        return cls(
            note=last("note", "").replace("\r\n", " ").strip(),
            scopes=tuple(scopes),
            lifetime=last("lifetime", "30"),
            date=last("date", ""),
            to=last("to", "show"),
            store=last("store", "").strip(),
        )

    def days(self, today: dt.date) -> int | None:
        """Return the lifetime in days; None for never.

        Raises:
            InvalidError: it is not a lifetime, or a date that is over.

        """
        if self.lifetime == "never":
            return None
        if self.lifetime.isascii() and self.lifetime.isdecimal() and len(self.lifetime) < 6:
            return int(self.lifetime)
        try:
            days = (dt.date.fromisoformat(self.date) - today).days if self.lifetime == "date" else 0
        except ValueError:
            days = 0
        if days < 1:
            raise invalid("choose a date from tomorrow on", field="expiration", hint="Write it as YYYY-MM-DD.")
        return days

    def level(self, name: str) -> str:
        """Return the access level that is chosen for the scope *name*, or an empty string."""
        return next((level for level, extension in ACCESS.items() if f"{name}{extension}" in self.scopes), "")

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of a form that holds the same."""
        simple = [(name, getattr(self, name)) for name in ("note", "lifetime", "date", "to", "store")]
        return [*simple, *(("scopes", scope) for scope in self.scopes)]

    @property
    def query(self) -> str:
        """The same as the query of an URL."""
        return urlencode(self.fields)

    def with_narrower(self, choice: Narrower) -> TokenForm:
        """Return the form with a narrower scope."""
        scopes = dict.fromkeys(choice.scope if scope == choice.instead_of else scope for scope in self.scopes)
        return replace(self, scopes=tuple(scopes))


def narrower_choices(scopes: Sequence[str]) -> Iterator[Narrower]:
    """Yield the scopes that may be enough instead of *scopes*."""
    for scope in scopes:
        name, _, extension = scope.partition(":")
        if scope not in ALL or name not in NAMES:
            continue
        if not extension:
            yield Narrower(f"{name}:manage", scope, f"If it never deletes, {name}:manage is enough.")
        if extension in ("", "manage"):
            yield Narrower(f"{name}:view", scope, f"If it only reads, {name}:view is enough.")
    for wider, narrow in redundant([scope for scope in scopes if scope in ALL]):
        yield Narrower(wider, narrow, f"{wider} includes {narrow}, which adds nothing.")
