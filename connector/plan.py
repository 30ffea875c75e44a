"""``Plan``: what a run would send, without sending it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from .secret import MASK, redact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .secret import Secret
    from .spec import ActionSpec, Effect, Method
    from .wire import Request


@dataclass(frozen=True, slots=True)
class Plan:
    """One request as it would be sent, its secrets masked."""

    action: str
    effect: Effect
    method: Method
    url: str
    headers: dict[str, str]
    body: Any

    @classmethod
    def of(cls, spec: ActionSpec, request: Request, credential_header: str, secrets: Iterable[Secret]) -> Self:
        """The plan for *request*, whose credential goes into the header *credential_header*, without *secrets*."""
        content = redact(request.content.decode(), secrets) if request.content else "null"
        return cls(
            spec.action,
            spec.effect,
            spec.request.method,
            request.url,
            {**dict(request.headers), credential_header.lower(): MASK},
            json.loads(content),
        )

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)
