"""The three endpoints of the API page.

Source: https://docs.locoia.com/api/authentication-with-our-api.  What it leaves open is a switch of ``Behaviour``.
"""

from __future__ import annotations

import datetime as dt
import html
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from locoia_pat.actions import scopes
from locoia_pat.actions.sandbox.behaviour import ANY
from locoia_pat.actions.sandbox.endpoints import new_endpoint
from locoia_pat.actions.sandbox.responses import ApiError, format_time, wrap_list

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.endpoints import Call
    from locoia_pat.actions.sandbox.sandbox_store import Row, SandboxStore
    from locoia_pat.secrets.secret import Secret

_MAX_DAYS = 36_500  # a later expiry does not fit into a datetime
_MAX_NOTE = 255
_PAGE_SIZE = 5
_CUT_NOTE = 60


class TokenEndpoints:
    """Create, regenerate and list."""

    def __init__(self, store: SandboxStore, behaviour: Behaviour) -> None:
        self._store = store
        self._behaviour = behaviour
        self._created_at: dict[str, float] = {}
        """When each row of this process was created, by id; on the monotonic clock."""

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the three endpoints."""
        path = "/v1/personal-access-tokens"
        endpoint = partial(new_endpoint, self._store, self._behaviour)
        return [
            Route(path, endpoint(self._check_scope, self._create), methods=["POST"]),
            Route(path, endpoint(self._check_list_scope, self._list), methods=["GET"]),
            Route(path + "/{token_id}/regenerate", endpoint(self._check_scope, self._regenerate), methods=["POST"]),
        ]

    def _check_scope(self, caller: Row) -> None:
        needed = self._behaviour.pat_scope
        if needed != ANY and not any(scopes.includes(scope, needed) for scope in caller.scopes):
            raise ApiError(403, "forbidden", f"to call the token endpoints, a token needs {needed}")

    def _check_list_scope(self, caller: Row) -> None:
        if self._behaviour.pat_scope_for == "all":
            self._check_scope(caller)

    def _create(self, call: Call) -> tuple[int, Any]:
        days, requested, note = _read_days(call.body), _read_scopes(call.body), self._stored_note(_read_note(call.body))
        self._check_not_wider(call.caller, requested)
        row, token = self._store.create(owner=call.caller.owner, days=days, scopes=requested, note=note)
        self._created_at[row.id] = time.monotonic()
        return self._behaviour.create_status, self._with_token(row, token)

    def _regenerate(self, call: Call) -> tuple[int, Any]:
        days, token_id, owner = _read_days(call.body), call.request.path_params["token_id"], call.caller.owner
        if (before := self._store.row(token_id, owner=owner)) is not None:
            self._check_not_wider(call.caller, before.scopes)
        regenerated = self._store.regenerate(
            token_id,
            owner=owner,
            days=days,
            new_id=self._behaviour.regenerate_id == "new",
            expired=self._behaviour.expired_renewable,
        )
        if regenerated is None:
            raise ApiError(404, "not_found", "no such personal access token")
        row, token = regenerated
        whole_row = self._behaviour.regenerate_response == "row"
        content = self._with_token(row, token) if whole_row else {"token": token.reveal()}
        return self._behaviour.regenerate_status, content

    def _list(self, call: Call) -> tuple[int, Any]:
        rows = self._store.owned_by(call.caller.owner, expired=self._behaviour.expired_listed)
        latest = time.monotonic() - self._behaviour.list_lag
        shown = [self._to_json(row) for row in rows if self._created_at.get(row.id, 0) <= latest]
        if self._behaviour.list_pages == "no" or len(shown) <= _PAGE_SIZE:
            return 200, wrap_list(shown, self._behaviour)
        link = {"link": '<?page=2>; rel="next"'} if self._behaviour.list_pages == "link" else None
        return 200, JSONResponse(wrap_list(shown[:_PAGE_SIZE], self._behaviour), headers=link)

    def _stored_note(self, note: str) -> str:
        match self._behaviour.note:
            case "trimmed":
                return note.strip()
            case "escaped":
                return html.escape(note)
            case "cut":
                return note[:_CUT_NOTE]
            case _:
                return note

    def _check_not_wider(self, caller: Row, requested: list[str]) -> None:
        if self._behaviour.may_widen:
            return
        for scope in requested:
            if not any(scopes.includes(own, scope) for own in caller.scopes):
                raise ApiError(403, "forbidden", f"the caller's own scopes do not include {scope}", "scopes")

    def _with_token(self, row: Row, token: Secret) -> dict[str, Any]:
        return {**self._to_json(row), "token": token.reveal()}

    def _to_json(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id,
            "expiration": format_time(self._shown_expiration(row), self._behaviour),
            "note": row.note,
            "last_used": format_time(self._shown_use(row), self._behaviour),
            "scopes": row.scopes,
        }

    def _shown_expiration(self, row: Row) -> dt.datetime | None:
        """Return the expiry, moved within its day as the switch says."""
        if row.expiration is None or self._behaviour.expiration_at == "exact":
            return row.expiration
        midnight = row.expiration.replace(hour=0, minute=0, second=0, microsecond=0)
        end = dt.timedelta(days=1, seconds=-1) if self._behaviour.expiration_at == "end_of_day" else dt.timedelta()
        return midnight + end

    def _shown_use(self, row: Row) -> dt.datetime | None:
        """Return the time of the last use, or None while the lag has not passed."""
        lag = dt.timedelta(seconds=self._behaviour.last_used_lag)
        return row.last_used if row.last_used is not None and row.last_used + lag <= self._store.now() else None


def _read_days(body: Any) -> int | None:
    if "expiration" not in body:
        raise ApiError(422, "validation", "expiration is missing; null means never", "expiration")
    days = body["expiration"]
    if days is not None and (not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MAX_DAYS):
        message = f"expiration must be a number of days from 1 to {_MAX_DAYS}, or null"
        raise ApiError(422, "validation", message, "expiration")
    return days


def _read_scopes(body: Any) -> list[str]:
    requested = body.get("scopes")
    if not isinstance(requested, list) or not requested or not all(isinstance(scope, str) for scope in requested):
        raise ApiError(422, "validation", "scopes must be a list of scopes", "scopes")
    if unknown := [scope for scope in requested if scope not in scopes.ALL]:
        raise ApiError(422, "validation", f"unknown scope: {unknown[0]}", "scopes")
    return requested


def _read_note(body: Any) -> str:
    note = body.get("note")
    if not isinstance(note, str) or len(note) > _MAX_NOTE:
        raise ApiError(422, "validation", f"note must be a string of at most {_MAX_NOTE} characters", "note")
    return note
