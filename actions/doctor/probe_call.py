"""What came of one call, and a throw-away row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import server_time
from locoia_pat.response.outputs import get_path
from locoia_pat.secrets.secret import load_json

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from locoia_pat import Result, Secret
    from locoia_pat.http.exchange_types import ResponseOrError


@dataclass(slots=True)
class Throwaway:
    """A row of ours, and its secret, which is kept nowhere else."""

    number: int
    scope: str
    note: str
    id: str
    token: Secret


@dataclass(frozen=True)
class Came:
    """What came of one call."""

    result: Result
    answer: ResponseOrError | None
    now: dt.datetime
    """This computer's time."""

    @property
    def done(self) -> bool:
        """Whether the API did it."""
        return self.result.outcome is Outcome.DONE

    @property
    def refused(self) -> bool:
        """Whether the API said no."""
        return self.result.outcome is Outcome.REFUSED

    @property
    def reply(self) -> Response | None:
        """The whole answer, where one came."""
        return self.answer if isinstance(self.answer, Response) else None

    @cached_property
    def body(self) -> Any:
        """The answer's JSON, its token a secret; None where there is none."""
        try:
            return load_json(self.reply.text, ("token",)) if self.reply else None
        except ValueError:
            return None

    @property
    def payload(self) -> Any:
        """The object that holds the token."""
        places = [get_path(self.body, place) for place in ("$", "data")]
        return next((place for place in places if isinstance(place, dict) and "token" in place), None)

    @property
    def names_id(self) -> bool:
        """Whether the answer itself says which row it is about."""
        return bool(self.payload and self.payload.get("id"))

    @property
    def date(self) -> dt.datetime:
        """The server's time, or this computer's where it gave none."""
        return server_time(self.reply.headers, self.now) if self.reply else self.now

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of a list."""
        return list((self.result.data or {}).get("tokens", ()))

    @property
    def status(self) -> int | None:
        """The status of a refusal, also where it came inside of a success."""
        return self.result.problem.status if self.result.problem else None
