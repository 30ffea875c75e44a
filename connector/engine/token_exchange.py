"""``TokenExchange``: exchanges a long-lived credential for the short-lived token that requests carry.

The short-lived token is in memory only.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.auth import ExchangeError
from locoia_pat.forks import call_after_fork
from locoia_pat.http.retry import Exchange
from locoia_pat.interrupts import held
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.spec.model import ConnectorSpec, ExchangeSpec
    from locoia_pat.spec.yaml import Mark, Path

_AT: Path = ("auth", "exchange")
_REJECTED = ("invalid_client", "invalid_grant", "unauthorized_client")
"""Errors of OAuth 2.0 (RFC 6749, 5.2) that say that the credential is not accepted; APIs answer 400 with them."""
_MARGIN = 30.0
"""Seconds before its end from which a short-lived token is not used any longer, at most a tenth of its life."""


@dataclass(frozen=True, slots=True)
class _ShortLived:
    credential: Secret
    base_url: str
    token: Secret
    until: float
    """By the monotonic clock."""


class TokenExchange:
    """The exchange that a connector declares, and the token that it returned last.  Safe to share between threads."""

    def __init__(self, connector: ConnectorSpec, declared: ExchangeSpec) -> None:
        """Compile the exchange that *connector* has *declared*.

        Raises:
            SpecError: a template is wrong, or no part of the request has the credential.

        """
        self._declared = declared
        self._action = CompiledAction(exchange_action(connector, declared))
        self._last: _ShortLived | None = None
        self._forget_lock()
        call_after_fork(self, TokenExchange._forget_lock)

    @property
    def spec(self) -> ActionSpec:
        """The exchange as an action."""
        return self._action.spec

    def _forget_lock(self) -> None:
        self._lock = threading.Lock()

    def token(
        self,
        send: Callable[[Exchange, Request], ResponseOrError],
        credential: Secret,
        *,
        identifier: str | None,
        base_url: str,
        remaining: Callable[[], float],
        rejected: Secret | None = None,
    ) -> tuple[Secret, bool]:
        """Return a short-lived token for *credential*, and whether it is new.

        Args:
            send: sends one request of a run.
            credential: the long-lived credential.
            identifier: what the connector sends with it; the caller requires it where ``env`` has one.
            base_url: the base URL of the API.
            remaining: returns the seconds that the exchange may take, which another thread may have used up.
            rejected: the short-lived token that the API has just refused; it is not returned again.

        Raises:
            ExchangeError: the API does not exchange the credential.
            InvalidError: the credential cannot be sent as the exchange is declared.

        """
        with self._lock:
            last = self._last
            is_usable = last is not None and (last.credential, last.base_url) == (credential, base_url)
            if last is not None and is_usable and last.token != rejected and time.monotonic() < last.until:
                return last.token, False
            self._last = None
            self._last = self._exchange(send, credential, identifier, base_url, remaining())
            return self._last.token, True

    def _exchange(
        self,
        send: Callable[[Exchange, Request], ResponseOrError],
        credential: Secret,
        identifier: str | None,
        base_url: str,
        timeout: float,
    ) -> _ShortLived:
        action = self._action
        values = {"token": credential, "identifier": identifier}
        inputs = action.check({name: value for name, value in values.items() if name in action.spec.inputs})
        exchange = Exchange(action.spec, self._header(credential, identifier), timeout)
        hold = held()
        phase = hold.phase if hold is not None else "idle"
        response = send(exchange, action.request(inputs, base_url))
        if hold is not None and hold.phase != "abandoned":
            hold.phase = phase  # the request of the action itself was not sent yet
        parsed = action.classify(response, inputs, dt.datetime.now(dt.UTC), credential)
        if (problem := parsed.problem) is not None:
            message = f"the credential was not exchanged for a short-lived token: {problem.message}"
            explained = replace(parsed, problem=replace(problem, message=message))
            raise ExchangeError(explained, exchange.attempts)
        (token,) = parsed.secrets.values()
        lifetime = _seconds((parsed.data or {}).get("expires_in")) or self._declared.lifetime
        usable = math.inf if lifetime is None else lifetime - min(_MARGIN, lifetime / 10)
        return _ShortLived(credential, base_url, token, time.monotonic() + usable)

    def _header(self, credential: Secret, identifier: str | None) -> tuple[str, Secret] | None:
        if not self._declared.basic:
            return None
        pair = f"{identifier or ''}:{credential.reveal()}"
        return "Authorization", Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")


def exchange_action(connector: ConnectorSpec, declared: ExchangeSpec) -> ActionSpec:
    """Return the exchange of *connector* as an action that reads a secret; its parts are where they are in the file."""
    request = {
        "method": "POST",
        "path": declared.path,
        "base_url": declared.base_url,
        "body": declared.body,
        "form": declared.form,
    }
    used = " ".join(re.findall(r"\{\{(.*?)\}\}", json.dumps([declared.body, declared.form])))
    names = ["token"] if not declared.basic or re.search(r"\btoken\b", used) else []
    names += ["identifier"] if connector.env.identifier and re.search(r"\bidentifier\b", used) else []
    types = {"token": "password", "identifier": "text"}
    value: dict[str, Any] = {
        "spec": 1,
        "action": "exchange",
        "title": "Exchange",
        "summary": "Exchange the credential for a short-lived token.",
        "effect": "read",
        "inputs": {name: {"title": name, "type": types[name], "required": True} for name in names},
        "request": {key: part for key, part in request.items() if part is not None},
        "reply": {
            "ok": [200, 201],
            "output": {
                "token": {"type": "text", "from": declared.at, "secret": "stored"},
                "expires_in": {"type": "text", "from": declared.expires_in_at, "nullable": True},
            },
            "code_at": "error",
            "codes": dict.fromkeys(_REJECTED, "unauthorized"),
        },
    }
    source = connector.document
    spec = ActionSpec.model_validate(value)
    spec._document = replace(  # noqa: SLF001  # the model's own private attribute, set once, here
        source, value=value, values=_moved(source.values), keys=_moved(source.keys), plain=frozenset()
    )
    return spec


def _moved(marks: Mapping[Path, Mark]) -> dict[Path, Mark]:
    """Return the positions of the parts of the exchange, as if they were those of an action."""
    whole = marks[_AT]
    moved = {("request", *path[2:]): mark for path, mark in marks.items() if path[:2] == _AT}
    return {**moved, **{("inputs", name): whole for name in ("token", "identifier")}}


def _seconds(text: str | None) -> float | None:
    """Return the seconds in *text*, or None if it is not a positive number."""
    match = re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text or "")
    return float(match[0]) or None if match else None
