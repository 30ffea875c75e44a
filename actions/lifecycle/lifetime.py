"""How long a managed token lives, by what the API shows and what was asked for; and whether it is to be renewed.

Pure.  The API's expiry counts where it can be read and is not later than what was asked for, else the lifetime that was
asked for, from the time of minting: a token is renewed before it can expire, and a name is not rotated by every call.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.response.timestamp import read_time, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat import Result
    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.stores import TokenEntry

_DAY = dt.timedelta(days=1)
_LONGEST = 100_000
"""Days; a longer lifetime may end beyond the calendar."""
_TOLERANCE = dt.timedelta(hours=1)
"""An expiry that differs by more from what was asked for is a warning."""
_ZONES = dt.timedelta(hours=14)
"""A time without a zone may be earlier by this much than the same time in UTC."""


class Clock(NamedTuple):
    """The time, by the API's clock and by the local one."""

    api: dt.datetime
    local: dt.datetime


class Lifetime(NamedTuple):
    """The lifetime of a managed token, as far as it is known."""

    end: dt.datetime | None
    """When it is taken to expire; None if nothing is known."""
    share: float = 1
    """How long it lives, as a share of what was asked for."""
    warning: str | None = None
    """Why it is not simply what the API shows, or how that differs from what was asked for."""


def minting(data: Mapping[str, Any], days: int, clock: Clock) -> dict[str, Any]:
    """Return what is stored with a token that was just minted for *days*, to know later how long it lives.

    Args:
        data: the outputs of the response.
        days: the lifetime that was asked for.
        clock: when it was minted.

    """
    shown = {key: data[key] for key in ("expiration", "expiration_raw") if key in data}
    times = {"minted_at": rfc3339(clock.api), "minted_at_local": rfc3339(clock.local)}
    return {"expiration": None, **shown, "days": days, **times}


def minted_at(result: Result, clock: Clock) -> Clock:
    """Return when the token of *result* was minted."""
    return clock._replace(api=result.at or clock.api)


def lifetime(entry: TokenEntry, row: Mapping[str, Any], desired: DesiredToken) -> Lifetime:
    """Return the lifetime of the token of *entry*.

    Args:
        entry: the stored token.
        row: its row in the list of the rotator; empty if it is not listed.
        desired: says how many days were asked for, if *entry* does not.

    """
    minted = read_time(entry.metadata.get("minted_at")).time
    shown, assumed = None, False
    for source in (entry.metadata, row):  # the row counts, if it shows an expiry that may be right
        time = read_time(source.get("expiration")).time
        if time is not None and (minted is None or time > minted):
            shown, assumed = time, "expiration_raw" in source
    if minted is None:  # a record of an earlier version
        return Lifetime(shown)
    days = entry.metadata.get("days")
    days = days if isinstance(days, int) else desired.expiration
    asked = minted + min(days, _LONGEST) * _DAY
    if shown is None:
        what = "shows no expiry of the token that can be read, or one before it was minted"
        return Lifetime(asked, warning=f"the API {what}: it is renewed by the {days} days that were asked for")
    difference, end = shown - asked, shown
    if abs(difference) <= _TOLERANCE:
        return Lifetime(min(asked, end))
    if assumed:  # such as a time zone
        end -= min(_ZONES, (shown - minted) / 2)
    end = min(asked, end)
    direction = "later" if difference > dt.timedelta() else "earlier"
    by = abs(difference) / _DAY
    amount = f"{by:.0f} days" if by >= 2 else f"{by * 24:.0f} hours"
    warning = (
        f"the API shows the expiry {rfc3339(shown)}, {amount} {direction} than the {days} days that were asked for: "
        "the token is renewed by the earlier of both"
    )
    return Lifetime(end, (end - minted) / (asked - minted), warning)


def is_due(entry: TokenEntry, row: Mapping[str, Any], desired: DesiredToken, clock: Clock) -> bool:
    """Whether the token of *entry* is to be renewed: it has fewer days left than desired, or its expiry is unknown.

    For a token that lives shorter than was asked for, these days shrink in the same proportion: else every call would
    renew it.
    """
    end, share, _ = lifetime(entry, row, desired)
    within = desired.expiration / 3 if desired.renew_within is None else desired.renew_within
    return end is None or (end - _now(entry, clock)) / _DAY < within * share


def _now(entry: TokenEntry, clock: Clock) -> dt.datetime:
    """Return the API's time; by the local clock if the API's has not moved since *entry* was minted."""
    minted, local = (read_time(entry.metadata.get(key)).time for key in ("minted_at", "minted_at_local"))
    if minted is None or local is None or clock.api - minted > _TOLERANCE:
        return clock.api
    return max(clock.api, minted + (clock.local - local))
