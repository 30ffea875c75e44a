"""The fleet file: which tokens there are to be, and where.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from locoia_pat.actions.fleet.waves import lifetime
from locoia_pat.actions.lifecycle.desired import parse_desired
from locoia_pat.actions.scopes import ALL
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Finding, InvalidError
from locoia_pat.spec import yaml as document
from locoia_pat.spec.form import Line, Model
from locoia_pat.spec.model import Located
from locoia_pat.spec.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.lifecycle.desired import DesiredToken

TIMES = 64
"""So many times a spec's limits: some ten thousand tokens."""

Days = Annotated[int, Field(ge=1, le=36_500)]
Hours = Annotated[float, Field(ge=0, le=24 * 366)]
Places = Annotated[list[Line], Field(min_length=1, max_length=20)]


class Defaults(Model):
    """What holds for each token that does not say otherwise."""

    expiration: Days = 30
    """Days a token lives at most; the days are spread, so that not all expire at once."""
    overlap: Hours | int = 24
    """Hours for which the token before works on."""
    renew_within: float | int | None = None
    """Days left from which a token is renewed; a third of its lifetime by default."""
    auth: Line | None = None
    """Where the credential stands that authorises it; by default the one of the command."""


class Token(Model):
    """One managed name."""

    name: Line
    scopes: Annotated[list[Line], Field(min_length=1)]
    note: Line
    to: Places
    """Where it is stored."""
    auth: Line | None = None
    expiration: Days | None = None
    overlap: Hours | int | None = None
    renew_within: float | int | None = None
    change_scopes: bool = False
    take_over: bool = False
    canary: bool = False
    """Whether it is the first of its owner's tokens: the one that matters least, and shows most."""


class Fleet(Located):
    """All of them."""

    fleet: Literal[1]
    defaults: Defaults = Defaults()
    tokens: Annotated[list[Token], Field(min_length=1, max_length=20_000)]

    def auth(self, token: Token) -> str | None:
        """Where the credential of *token* stands; None for that of the command."""
        return token.auth or self.defaults.auth

    def wanted(self, token: Token) -> DesiredToken:
        """What is asked of *token*.

        Raises:
            InvalidError: it is against itself.

        """
        defaults = self.defaults
        days = lifetime(token.name, token.expiration or defaults.expiration)
        within = defaults.renew_within if token.renew_within is None else token.renew_within
        return parse_desired(
            name=token.name,
            scopes=token.scopes,
            note=token.note,
            expiration=days,
            overlap=defaults.overlap if token.overlap is None else token.overlap,
            renew_within=within,
            change_scopes=token.change_scopes,
            take_over=token.take_over,
        )


def parse_fleet(text: str, file: str) -> Fleet:
    """The fleet that the YAML *text* of *file* describes.

    Raises:
        SpecError: with every mistake found, each with line and column.

    """
    return parse(Fleet, document.read(text, file, times=TIMES), _findings)


def _findings(fleet: Fleet) -> Iterator[Finding]:
    names: set[str] = set()
    places: set[str] = set()
    for number, token in enumerate(fleet.tokens):
        at: document.Path = ("tokens", number)
        try:
            fleet.wanted(token)
        except InvalidError as error:
            field = error.problem.field or "name"
            told = f"{field}: {error.problem.message}" + (f"; {error.problem.hint}" if error.problem.hint else "")
            yield fleet.document.finding("bad-value", (*at, field), told)
        for index, scope in enumerate(token.scopes):
            if scope not in ALL:
                told = f"{describe_value(scope)} is no scope{did_you_mean(scope, ALL)}"
                yield fleet.document.finding("bad-value", (*at, "scopes", index), told)
        if token.name in names:
            yield fleet.document.finding("contradiction", (*at, "name"), f"the name {token.name} stands here twice")
        names.add(token.name)
        for index, ref in enumerate(token.to):
            if ref.removesuffix("#current") in places:
                yield fleet.document.finding("contradiction", (*at, "to", index), "this place is used twice")
            places.add(ref.removesuffix("#current"))
