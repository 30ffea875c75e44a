"""The list of tokens: states, search, filters, order and pages, and a timeline of expiries.

Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.actions.lifecycle.marker import strip_marker
from locoia_pat.messages import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

PAGE_ROWS = 50
SOON_DAYS = 14
UNUSED_DAYS = 90
STATES = {
    "works": "Works",
    "soon": "Expires soon",
    "never": "Never expires",
    "unused": "Unused",
    "managed": "Managed",
    "expired": "Expired",
    "revoked": "Revoked",
}
"""The states of a row, and how a page calls them."""
_WEEKS = 13


class Row(NamedTuple):
    """A row of the list."""

    id: str | None
    note: str
    """Without the marker of a managed name."""
    scopes: Sequence[str]
    last_used: dt.datetime | None
    expiration: dt.datetime | None
    days: int | None
    """Days left, rounded."""
    states: tuple[str, ...]
    managed: Mapping[str, Any] | None

    @property
    def expires(self) -> str:
        """When it expires, as a number of days from now."""
        return "unknown" if self.days is None else describe_distance(self.days)


class Query(NamedTuple):
    """The search, the filters, the order and the page of the list."""

    text: str = ""
    scope: str = ""
    state: str = ""
    sort: str = "expires"
    descending: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """One page of the list."""

    rows: list[Row]
    total: int
    matching: int
    page: int
    pages: int
    counts: Mapping[str, int]
    """How many rows are in each state."""
    scopes: Sequence[str]
    """The scopes that the rows have."""


class Bar(NamedTuple):
    """One column of the timeline."""

    label: str
    tokens: int
    kind: str
    height: float
    """Of the highest one; 0 to 1."""


def describe_distance(days: int) -> str:
    """Describe a number of days from now."""
    if days == 0:
        return "today"
    amount = plural(abs(days), "day")
    return f"in {amount}" if days > 0 else f"{amount} ago"


def read_rows(rows: Iterable[Mapping[str, Any]], revoked: Collection[str], now: dt.datetime) -> list[Row]:
    """Return the rows of ``list_pats`` with their states.

    Args:
        rows: as the action returns them.
        revoked: ids of rows that were revoked on purpose.
        now: the time of the API.

    """
    return [_read_row(row, revoked, now) for row in rows]


def _read_row(row: Mapping[str, Any], revoked: Collection[str], now: dt.datetime) -> Row:
    note = row["note"] or ""
    managed, days = row["managed"], row["expires_in_days"]
    last_used = dt.datetime.fromisoformat(row["last_used"]) if row["last_used"] else None
    expiration = dt.datetime.fromisoformat(row["expiration"]) if row["expiration"] else None
    if row["id"] in revoked:
        states: tuple[str, ...] = ("revoked",)
    elif expiration is not None and expiration <= now:
        states = ("expired",)
    else:
        states = ("works",)
        if expiration is None and "expiration_raw" not in row:
            states += ("never",)
        elif days is not None and days <= SOON_DAYS:
            states += ("soon",)
        unused = managed is None if last_used is None else (now - last_used).days >= UNUSED_DAYS
        if unused:
            states += ("unused",)
    if managed is not None:
        states += ("managed",)
        note = strip_marker(note)
    return Row(row["id"], note, row["scopes"] or (), last_used, expiration, days, states, managed)


_FAR = dt.datetime.max.replace(tzinfo=dt.UTC)
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
SORTS: Mapping[str, Callable[[Row], Any]] = {
    "note": lambda row: row.note.casefold(),
    "scopes": lambda row: (len(row.scopes), *row.scopes),
    "used": lambda row: row.last_used or _LONG_AGO,
    "expires": lambda row: row.expiration or _FAR,
}
"""What the list can be sorted by."""


def parse_query(values: Mapping[str, str]) -> Query:
    """Return the query of an URL; what is not valid in it is left out."""
    page = values.get("page", "")
    return Query(
        text=values.get("q", "").strip()[:255],
        scope=values.get("scope", ""),
        state=values.get("state", "") if values.get("state") in STATES else "",
        sort=values.get("sort", "") if values.get("sort") in SORTS else "expires",
        descending=values.get("order") == "desc",
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 8 else 1,
    )


def select(rows: Sequence[Row], query: Query) -> Table:
    """Return the page of *rows* that *query* asks for."""
    counts = dict.fromkeys(STATES, 0)
    scopes: set[str] = set()
    for row in rows:
        scopes.update(row.scopes)
        for state in row.states:
            counts[state] += 1
    text = query.text.casefold()
    matching = [
        row
        for row in rows
        if (not query.state or query.state in row.states)
        and (not query.scope or query.scope in row.scopes)
        and (not text or _matches(row, text))
    ]
    matching.sort(key=SORTS[query.sort], reverse=query.descending)
    pages = max(1, -(-len(matching) // PAGE_ROWS))
    page = min(max(query.page, 1), pages)
    shown = matching[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return Table(shown, len(rows), len(matching), page, pages, counts, sorted(scopes))


def _matches(row: Row, text: str) -> bool:
    name = row.managed["name"] if row.managed else ""
    return text in row.note.casefold() or text in name or text == (row.id or "").casefold()


def timeline(rows: Iterable[Row]) -> list[Bar]:
    """Return the live rows by the week in which they expire, then those that expire later and never."""
    counts = [0] * (_WEEKS + 2)
    for row in rows:
        if "works" not in row.states:
            continue
        if "never" in row.states:
            counts[-1] += 1
        elif row.days is not None:
            counts[min(row.days // 7, _WEEKS)] += 1
    highest = max(counts) or 1
    labels = ["this week", *(f"in {plural(week, 'week')}" for week in range(1, _WEEKS))]
    kinds = ["soon", "soon", *["later"] * (_WEEKS - 1), "never"]
    names = [*labels, "later", "never"]
    return [Bar(*bar, bar[1] / highest) for bar in zip(names, counts, kinds, strict=True)]
