"""Compiled actions, made from the parts of a spec as values."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.http.exchange_types import Response
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.parse import parse_action, parse_connector

if TYPE_CHECKING:
    from locoia_pat.outcomes import SpecError

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
HEAD = "spec: 1\naction: act\ntitle: Act\nsummary: Act.\n"


def compiled_action(
    inputs: Any = None, output: Any = None, *, effect: str = "create", body: Any = None, **more: Any
) -> CompiledAction:
    """Return an action with these parts, and *more* in its ``reply``; by default its body has all inputs."""
    request = {"method": "POST", "path": "/act", "body": body or {name: f"{{{{ {name} }}}}" for name in inputs or {}}}
    reply = {"ok": [200], "output": output or {"id": {"type": "text", "nullable": True}}, **more}
    text = f"{HEAD}effect: {effect}\ninputs: {json.dumps(inputs or {})}\nrequest: {json.dumps(request)}\n"
    return CompiledAction(parse_action(f"{text}reply: {json.dumps(reply)}\n", "act.yaml"))


def authorization(**auth: str) -> AuthHeader:
    """Return the header of a connector with this ``auth``."""
    text = (
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        f"hosts: [api.acme.example]\nenv: {{token: ACME_TOKEN}}\nauth: {json.dumps(auth)}\n"
    )
    return AuthHeader(parse_connector(text, "connector.yaml"))


def code_at(error: SpecError) -> tuple[str, int, str]:
    """Return file, line and code of the only finding of *error*."""
    [finding] = error.findings
    return finding.file, finding.line, finding.code


def classify(output: Any, body: object, headers: dict[str, str] | None = None) -> Any:
    """Return the result of a 200 with *body*."""
    reply = Response(200, headers or {}, Secret(body if isinstance(body, str) else json.dumps(body)))
    return compiled_action(output=output).classify(reply, {}, NOW)
