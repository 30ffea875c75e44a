"""Checks that each request must pass, and the headers that each response gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, a browser sends "Origin: null" with each form
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class PageGuard:
    """Refuses requests for other hosts and from other sites, and adds the headers of the pages."""

    def __init__(self, app: ASGIApp, authorities: frozenset[str]) -> None:
        """Guard *app*, which is reached under these values of the Host header."""
        self._app = app
        self._authorities = authorities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        answer = self._app if refusal is None else PlainTextResponse(f"{refusal}\n", status_code=403)
        await answer(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._authorities:
            return "This host is not served: open the URL that the command printed."
        if method in ("GET", "HEAD"):
            return None
        origins = headers.getlist("origin")
        is_own = all(origin == f"http://{hosts[0].lower()}" for origin in origins)
        if not is_own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return "The request comes from another site. Nothing was done."
        return None
