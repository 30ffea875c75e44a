"""``Plan``: the request that a run would send."""

from __future__ import annotations

import json
import re
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

_WITH_VARIABLE = re.compile(r"(.*)(\$[A-Z_][A-Z0-9_]*)")
_WORDS = re.compile(r"[A-Za-z0-9 :_.-]*")
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
    """The JSON body, the fields of a form, or the path of a file with those of its form."""
    retry: str
    """When it would be retried."""
    template_uses: tuple[TemplateUse, ...]
    curl: str
    """The same request as a command line, with a variable for the token, and secret inputs masked."""

    @classmethod
    def of(
        cls,
        action: CompiledAction,
        request: Request,
        credential_header: tuple[str, str] | None,
        secrets: Iterable[Secret],
    ) -> Self:
        """Return the plan of *request*, with all *secrets* masked.

        Args:
            action: the action.
            request: its request, without the credential.
            credential_header: the name of the credential's header, and its value with a variable of the shell for the
                token; None without one.
            secrets: the secrets in the request.

        """
        hidden = list(secrets)
        headers = {name: redact(revealed(value), hidden) for name, value in request.headers}
        in_shell = {name: shlex.quote(f"{name}: {value}") for name, value in headers.items()}
        if credential_header is not None:
            name = credential_header[0].lower()
            headers[name], in_shell[name] = MASK, _quote_with_variable(f"{name}: {credential_header[1]}")
        content = redact(request.content.reveal(), hidden) if request.content is not None else None
        body = _parse_body(content, headers.get("content-type"))
        data = ["--data-raw", content] if content is not None else []
        if (upload := request.upload) is not None:
            fields = [[name, redact(revealed(value), hidden)] for name, value in upload.fields]
            body = {"file": upload.path, **({"form": fields} if fields else {})}
            data = ["--data-binary", f"@{upload.path}"]
            if upload.part is not None:
                in_shell.pop("content-type")  # curl makes the boundary
                data = [word for name, value in fields for word in ("--form-string", f"{name}={value}")]
                path, name = (re.sub(r'(["\\])', r"\\\1", text) for text in (upload.path, upload.file_name))
                data += ["--form", f'{upload.part}=@"{path}";type={upload.content_type};filename="{name}"']
        spec = action.spec
        return cls(
            spec.action,
            spec.effect,
            spec.request.method,
            request.url,
            headers,
            body,
            describe_policy(spec),
            tuple(TemplateUse(*use) for use in action.template_uses()),
            _curl(spec.request.method, request.url, in_shell.values(), data),
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


def _quote_with_variable(text: str) -> str:
    """Quote *text* for a shell, except a variable at its end."""
    match = _WITH_VARIABLE.fullmatch(text)
    if match is None:
        return shlex.quote(text)
    return f'"{text}"' if _WORDS.fullmatch(match[1]) else f'{shlex.quote(match[1])}"{match[2]}"'


def _curl(method: str, url: str, headers: Iterable[str], data: Iterable[str]) -> str:
    """Return a command that a shell can run; *headers* are quoted already."""
    arguments = ["curl", "--request", method]
    for header in headers:
        arguments += ["--header", header]
    arguments += map(shlex.quote, data)
    return " ".join([*arguments, shlex.quote(url)])
