"""The three endpoints of the API page.

Source: https://docs.locoia.com/api/authentication-with-our-api.  What it leaves open is a switch of ``Behaviour``.
"""

from __future__ import annotations

import datetime as dt
import html
import time
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from locoia_pat.actions import scopes
from locoia_pat.actions.sandbox.behaviour import ANY
from locoia_pat.actions.sandbox.responses import Refusal, listed, told_time

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.endpoint import Call, Endpoints
    from locoia_pat.actions.sandbox.token_store import Row, Store
    from locoia_pat.secrets.secret import Secret

_MAX_DAYS = 36_500  # past it, a date no longer fits
_PAGE = 5
_CUT = 60


class Tokens:
    """Create, regenerate and list."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self._store = store
        self._behaviour = behaviour
        self._made: dict[str, float] = {}

    def routes(self, endpoints: Endpoints) -> list[BaseRoute]:
        """Where they are found."""
        path = "/v1/personal-access-tokens"
        return [
            Route(path, endpoints.of(self._permit, self._create), methods=["POST"]),
            Route(path, endpoints.of(self._permit_list, self._list), methods=["GET"]),
            Route(path + "/{token_id}/regenerate", endpoints.of(self._permit, self._regenerate), methods=["POST"]),
        ]

    def _permit(self, caller: Row) -> None:
        needed = self._behaviour.pat_scope
        if needed != ANY and not any(scopes.includes(scope, needed) for scope in caller.scopes):
            raise Refusal(403, "forbidden", f"to call the token endpoints, a token needs {needed}")

    def _permit_list(self, caller: Row) -> None:
        if self._behaviour.pat_scope_for == "all":
            self._permit(caller)

    def _create(self, call: Call) -> tuple[int, Any]:
        days, chosen, note = _days(call.body), _scopes(call.body), self._kept(_note(call.body))
        self._not_wider(call.caller, chosen)
        row, token = self._store.create(owner=call.caller.owner, days=days, scopes=chosen, note=note)
        self._made[row.id] = time.monotonic()
        return self._behaviour.create_status, self._minted(row, token)

    def _regenerate(self, call: Call) -> tuple[int, Any]:
        days, token_id, owner = _days(call.body), call.request.path_params["token_id"], call.caller.owner
        if (row := self._store.row(token_id, owner=owner)) is not None:
            self._not_wider(call.caller, row.scopes)
        found = self._store.regenerate(
            token_id,
            owner=owner,
            days=days,
            new_id=self._behaviour.regenerate_id == "new",
            expired=self._behaviour.expired_renewable,
        )
        if found is None:
            raise Refusal(404, "not_found", "there is no such personal access token")
        row, token = found
        whole = self._behaviour.regenerate_answer == "row"
        return self._behaviour.regenerate_status, self._minted(row, token) if whole else {"token": token.reveal()}

    def _list(self, call: Call) -> tuple[int, Any]:
        rows = self._store.owned_by(call.caller.owner, expired=self._behaviour.expired_listed)
        late = time.monotonic() - self._behaviour.list_lag
        shown = [self._shown(row) for row in rows if self._made.get(row.id, 0) <= late]
        if self._behaviour.list_pages == "no" or len(shown) <= _PAGE:
            return 200, listed(shown, self._behaviour)
        link = {"link": '<?page=2>; rel="next"'} if self._behaviour.list_pages == "link" else None
        return 200, JSONResponse(listed(shown[:_PAGE], self._behaviour), headers=link)

    def _kept(self, note: str) -> str:
        match self._behaviour.note:
            case "trimmed":
                return note.strip()
            case "escaped":
                return html.escape(note)
            case "cut":
                return note[:_CUT]
            case _:
                return note

    def _not_wider(self, caller: Row, asked: list[str]) -> None:
        if self._behaviour.may_widen:
            return
        for scope in asked:
            if not any(scopes.includes(own, scope) for own in caller.scopes):
                raise Refusal(403, "forbidden", f"a token gets no scope wider than its own: {scope}", "scopes")

    def _minted(self, row: Row, token: Secret) -> dict[str, Any]:
        return {**self._shown(row), "token": token.reveal()}

    def _shown(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id,
            "expiration": told_time(self._expiry(row), self._behaviour),
            "note": row.note,
            "last_used": told_time(self._used(row), self._behaviour),
            "scopes": row.scopes,
        }

    def _expiry(self, row: Row) -> dt.datetime | None:
        """When it expires, as that is told."""
        if row.expiration is None or self._behaviour.expiration_at == "exact":
            return row.expiration
        midnight = row.expiration.replace(hour=0, minute=0, second=0, microsecond=0)
        end = dt.timedelta(days=1, seconds=-1) if self._behaviour.expiration_at == "end_of_day" else dt.timedelta()
        return midnight + end

    def _used(self, row: Row) -> dt.datetime | None:
        """Its last use, once that is told."""
        lag = dt.timedelta(seconds=self._behaviour.last_used_lag)
        return row.last_used if row.last_used is not None and row.last_used + lag <= self._store.now() else None


def _days(body: Any) -> int | None:
    if "expiration" not in body:
        raise Refusal(422, "validation", "expiration is missing; null means never", "expiration")
    days = body["expiration"]
    if days is not None and (not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MAX_DAYS):
        raise Refusal(
            422, "validation", f"expiration must be a number of days from 1 to {_MAX_DAYS}, or null", "expiration"
        )
    return days


def _scopes(body: Any) -> list[str]:
    chosen = body.get("scopes")
    if not isinstance(chosen, list) or not chosen or not all(isinstance(scope, str) for scope in chosen):
        raise Refusal(422, "validation", "scopes must be a list of scopes", "scopes")
    if unknown := [scope for scope in chosen if scope not in scopes.ALL]:
        raise Refusal(422, "validation", f"unknown scope: {unknown[0]}", "scopes")
    return chosen


def _note(body: Any) -> str:
    note = body.get("note")
    if not isinstance(note, str) or len(note) > 255:
        raise Refusal(422, "validation", "note must be a text of at most 255 characters", "note")
    return note
