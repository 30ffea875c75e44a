"""``Plan``: what a run would send, without sending it."""

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
    """A part of the request that a template filled."""

    place: str
    """Where: ``path``, ``query.page``, ``headers.X-Trace``, ``body.note`` or ``form.name``."""
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
    """What would be tried again, and when."""
    fills: tuple[TemplateUse, ...]
    curl: str
    """The same request as a command line; the credential and secret inputs are masked there too."""

    @classmethod
    def of(cls, action: CompiledAction, request: Request, credential_header: str, secrets: Iterable[Secret]) -> Self:
        """The plan for *request*, whose credential goes into the header *credential_header*, without *secrets*."""
        hidden = list(secrets)
        headers = {name: redact(revealed(value), hidden) for name, value in request.headers}
        headers[credential_header.lower()] = MASK
        content = redact(request.content.reveal(), hidden) if request.content is not None else None
        spec = action.spec
        return cls(
            spec.action,
            spec.effect,
            spec.request.method,
            request.url,
            headers,
            _read(content, headers.get("content-type")),
            describe_policy(spec.effect, spec.request.method),
            tuple(TemplateUse(*fill) for fill in action.template_uses()),
            _curl(spec.request.method, request.url, headers, content),
        )

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            **asdict(self),
            "fills": [{**fill._asdict(), "inputs": list(fill.inputs)} for fill in self.fills],
        }


def _read(content: str | None, kind: str | None) -> Any:
    if content is None:
        return None
    if kind == _FORM:
        return [list(pair) for pair in parse_qsl(content, keep_blank_values=True)]
    return json.loads(content)


def _curl(method: str, url: str, headers: dict[str, str], content: str | None) -> str:
    words = ["curl", "--request", method]
    for name, value in headers.items():
        words += ["--header", f"{name}: {value}"]
    words += ["--data-raw", content] if content is not None else []
    return shlex.join([*words, url])
