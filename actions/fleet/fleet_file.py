"""The fleet file: the desired tokens, and where each is stored.

Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PrivateAttr

from locoia_pat.actions.fleet.interval import Interval
from locoia_pat.actions.lifecycle.desired import parse_desired
from locoia_pat.actions.scopes import ALL
from locoia_pat.files import read_text
from locoia_pat.limits import DAYS, HOURS, RENEW_WITHIN
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Finding, InvalidError
from locoia_pat.spec import yaml
from locoia_pat.spec.located_model import Line, LocatedModel, Model, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.lifecycle.desired import DesiredToken

SIZE_FACTOR = 64
"""A fleet file may be this many times as large as a spec: about ten thousand tokens."""
SPREAD_DAYS = 14
"""Days over which expiries are spread, if tokens live long enough."""

Days = Annotated[int, Field(ge=DAYS.least, le=DAYS.most)]
Hours = Annotated[float | int, Field(ge=HOURS.least, le=HOURS.most)]
DaysLeft = Annotated[float | int, Field(ge=RENEW_WITHIN.least, le=RENEW_WITHIN.most)]
StoreRefs = Annotated[list[Line], Field(min_length=1, max_length=20)]


class Defaults(Model):
    """The values of tokens that do not set their own."""

    expiration: Days = 30
    """Longest lifetime of a token in days; the days are spread, so that not all tokens expire at once."""
    overlap: Hours = 24
    """Hours for which the previous token keeps working."""
    renew_within: DaysLeft | None = None
    """Days left at which a token is renewed; a third of its lifetime by default."""
    auth: Line | None = None
    """Reference of the credential that authorises it; by default the command's credential."""
    take_over: bool = False
    """Whether to take over names that another state folder manages."""


class FleetToken(Model):
    """One managed name."""

    name: Line
    scopes: Annotated[list[Line], Field(min_length=1)]
    note: Line
    to: StoreRefs
    """The stores that keep it."""
    auth: Line | None = None
    expiration: Days | None = None
    overlap: Hours | None = None
    renew_within: DaysLeft | None = None
    change_scopes: bool = False
    take_over: bool | None = None
    canary: bool = False
    """Whether it is handled first of its credential's tokens: one whose failure shows a problem and does no harm."""


class Fleet(LocatedModel):
    """The content of a fleet file."""

    fleet: Literal[1]
    every: Line | None = None
    """How often workers apply it, such as ``1d``."""
    defaults: Defaults = Defaults()
    tokens: Annotated[list[FleetToken], Field(min_length=1, max_length=20_000)]
    _desired: dict[str, tuple[FleetToken, DesiredToken]] = PrivateAttr(default_factory=dict)
    """The desired state of each token that was asked for."""

    def credential_ref(self, token: FleetToken) -> str | None:
        """Return the reference of the credential of *token*; None for the command's credential."""
        return token.auth or self.defaults.auth

    def desired(self, token: FleetToken) -> DesiredToken:
        """Return the desired state of *token*.

        Raises:
            InvalidError: its values are invalid or contradict each other.

        """
        if (desired := self._desired.get(token.name)) is not None and desired[0] is token:
            return desired[1]
        defaults = self.defaults
        parsed = parse_desired(
            name=token.name,
            scopes=token.scopes,
            note=token.note,
            expiration=spread_lifetime(token.name, token.expiration or defaults.expiration),
            overlap=defaults.overlap if token.overlap is None else token.overlap,
            renew_within=defaults.renew_within if token.renew_within is None else token.renew_within,
            change_scopes=token.change_scopes,
            take_over=defaults.take_over if token.take_over is None else token.take_over,
        )
        self._desired[token.name] = token, parsed
        return parsed


def parse_fleet(text: str, file: str) -> Fleet:
    """Return the fleet that the YAML *text* of *file* describes.

    Raises:
        SpecError: with every mistake, each with line and column.

    """
    return parse(Fleet, yaml.load(text, file, size_factor=SIZE_FACTOR), _findings)


def read_fleet(file: str) -> Fleet:
    """Return the fleet that *file* describes.

    Raises:
        InvalidError: it cannot be read, or a mistake is in it.

    """
    return parse_fleet(read_text(file, field="file"), file)


def _findings(fleet: Fleet) -> Iterator[Finding]:
    yield from _interval_findings(fleet)
    names: set[str] = set()
    refs: set[str] = set()
    for number, token in enumerate(fleet.tokens):
        at: yaml.Path = ("tokens", number)
        try:
            fleet.desired(token)
        except InvalidError as error:
            field = error.problem.field or "name"
            message = f"{field}: {error.problem.message}" + (f"; {error.problem.hint}" if error.problem.hint else "")
            yield fleet.document.finding("bad-value", (*at, field), message)
        if "expiration" in token.model_fields_set and token.expiration is None:
            message = "a managed token always expires: give days, or leave it out for the default"
            yield fleet.document.finding("bad-value", (*at, "expiration"), message)
        for index, scope in enumerate(token.scopes):
            if scope not in ALL:
                message = f"unknown scope {describe_value(scope)}{did_you_mean(scope, ALL)}"
                yield fleet.document.finding("bad-value", (*at, "scopes", index), message)
        if token.name in names:
            yield fleet.document.finding("contradiction", (*at, "name"), f"the name {token.name} is used twice")
        names.add(token.name)
        for index, ref in enumerate(token.to):
            if ref.removesuffix("#current") in refs:
                yield fleet.document.finding("contradiction", (*at, "to", index), "this store is used twice")
            refs.add(ref.removesuffix("#current"))


def _interval_findings(fleet: Fleet) -> Iterator[Finding]:
    if fleet.every is not None:
        try:
            Interval.parse(fleet.every, fleet.document.name)
        except InvalidError as error:
            message = f"every: {error.problem.message}; {error.problem.hint}"
            yield fleet.document.finding("bad-value", ("every",), message)


def spread_lifetime(name: str, days: int) -> int:
    """Return the lifetime in days of the token *name*, at most *days*: not all tokens expire on the same day."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return days - number % (min(SPREAD_DAYS, days // 3) + 1)
