"""``Plan``: the request that a run would send."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qsl

from locoia_pat.http.retry import describe_policy
from locoia_pat.secrets.secret import MASK, redact, revealed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import Request
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import Effect, Method

_FORM = "application/x-www-form-urlencoded"


class TemplateUse(NamedTuple):
    """A part of the request that comes from a template."""

    location: str
    """``path``, ``query.page``, ``headers.X-Trace``, ``body.note`` or ``form.name``."""
    template: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One request as it would be sent, its secrets masked."""

    action: str
    effect: Effect
    method: Method
    url: str
    headers: dict[str, str]
    body: Any
    """The JSON body, or the fields of a form."""
    retry: str
    """When it would be retried."""
    template_uses: tuple[TemplateUse, ...]
    curl: str
    """The same request as a command line, with the credential and secret inputs masked."""

    @classmethod
    def of(
        cls, action: CompiledAction, request: Request, credential_header: str | None, secrets: Iterable[Secret]
    ) -> Self:
        """Return the plan of *request*, with the *credential_header*, if it has one, and all *secrets* masked."""
        hidden = list(secrets)
        headers = {name: redact(revealed(value), hidden) for name, value in request.headers}
        if credential_header is not None:
            headers[credential_header.lower()] = MASK
        content = redact(request.content.reveal(), hidden) if request.content is not None else None
        spec = action.spec
        return cls(
            spec.action,
            spec.effect,
            spec.request.method,
            request.url,
            headers,
            _parse_body(content, headers.get("content-type")),
            describe_policy(spec.effect, spec.request.method),
            tuple(TemplateUse(*use) for use in action.template_uses()),
            _curl(spec.request.method, request.url, headers, content),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            **asdict(self),
            "template_uses": [{**use._asdict(), "inputs": list(use.inputs)} for use in self.template_uses],
        }


def _parse_body(content: str | None, kind: str | None) -> Any:
    if content is None:
        return None
    if kind == _FORM:
        return [list(pair) for pair in parse_qsl(content, keep_blank_values=True)]
    return json.loads(content)


def _curl(method: str, url: str, headers: dict[str, str], content: str | None) -> str:
    arguments = ["curl", "--request", method]
    for name, value in headers.items():
        arguments += ["--header", f"{name}: {value}"]
    arguments += ["--data-raw", content] if content is not None else []
    return shlex.join([*arguments, url])
