"""A GitLab on loopback: it keeps the rows of personal access tokens, as the API's documentation describes them.

https://docs.gitlab.com/api/personal_access_tokens/ and https://docs.gitlab.com/api/user_tokens/
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT_TOKEN = "fake-gitlab-root-0123456789abcdef"
"""Of an administrator, with the scope api."""
USER_TOKEN = "fake-gitlab-user-0123456789abcdef"
"""Of a user, with the scope api."""
PAGE = 2
"""Rows on a page."""
_ROOT, _USER = 1, 7
_SELF_SERVICE = {"k8s_proxy", "self_rotate"}

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Row:
    """One token."""

    id: int
    user_id: int
    name: str
    scopes: list[str]
    token: str
    family: int
    description: str | None = None
    expires_at: str | None = "2027-01-01"
    revoked: bool = False
    last_used_at: str | None = None

    def plain(self) -> dict[str, Any]:
        """The row as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "revoked": self.revoked,
            "created_at": "2026-01-01T08:00:00.000Z",
            "description": self.description,
            "scopes": self.scopes,
            "user_id": self.user_id,
            "last_used_at": self.last_used_at,
            "active": not self.revoked,
            "expires_at": self.expires_at,
        }


@dataclass
class StandIn:
    """The rows there are, and what was received."""

    port: int = 0
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    calls: list[tuple[str, str, str | None]] = field(default_factory=list[tuple[str, str, "str | None"]])
    """Method, path with query, and body of each request."""
    received: bytearray = field(default_factory=bytearray)
    """Every byte."""

    def __post_init__(self) -> None:
        self.mint(_ROOT, "root", ["api"], token=ROOT_TOKEN)
        self.mint(_USER, "user", ["api"], token=USER_TOKEN)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}/api/v4"

    def token(self, id: str) -> str:
        """The token of the row *id*."""
        return self.rows[int(id)].token

    def mint(
        self, user_id: int, name: str, scopes: list[str], *, token: str | None = None, family: int | None = None
    ) -> Row:
        """A new row."""
        number = len(self.rows) + 1
        token = token or f"fake-gitlab-{number:04d}-0123456789abcdef"
        self.rows[number] = Row(number, user_id, name, scopes, token, family or number)
        return self.rows[number]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str | None) -> Answer:
        """What the API answers."""
        used = next((row for row in self.rows.values() if row.token == token and not row.revoked), None)
        if used is None:
            return _error(401, "Unauthorized")
        used.last_used_at = "2026-01-01T09:00:00.000Z"
        return self._routed(used, method, path.removeprefix("/api/v4/").split("/"), query, body)

    def _routed(self, used: Row, method: str, parts: list[str], query: dict[str, str], body: Any) -> Answer:
        match method, parts:
            case "GET", ["personal_access_tokens"]:
                return self._list(used, query)
            case "GET", ["personal_access_tokens", id]:
                row = self._row(used, id)
                return (200, row.plain()) if row else _missing(used)
            case "POST", ["user", "personal_access_tokens"]:
                return self._create(used, used.user_id, body, _SELF_SERVICE)
            case "POST", ["users", id, "personal_access_tokens"]:
                if used.user_id == _ROOT:
                    return self._create(used, int(id), body, {"api", "read_api", *_SELF_SERVICE})
                return _error(403, "Forbidden")
            case "POST", ["personal_access_tokens", id, "rotate"]:
                return self._rotate(used, id, body)
            case "DELETE", ["personal_access_tokens", id]:
                return self._revoke(used, id)
            case _:
                return _error(404, "Not Found")

    def _row(self, used: Row, id: str) -> Row | None:
        row = used if id == "self" else self.rows.get(int(id))
        return row if row and used.user_id in (_ROOT, row.user_id) else None

    def _list(self, used: Row, query: dict[str, str]) -> Answer:
        if "api" not in used.scopes:
            return 403, {"error": "insufficient_scope", "error_description": "It requires higher privileges."}
        revoked = {"active": False, "inactive": True}.get(query.get("state", ""))
        rows = [
            row.plain()
            for row in self.rows.values()
            if used.user_id in (_ROOT, row.user_id)
            and query.get("search", "") in row.name
            and (revoked is None or row.revoked is revoked)
            and ("revoked" not in query or row.revoked is (query["revoked"] == "true"))
        ]
        page = int(query.get("page", "1"))
        last = max(1, -(-len(rows) // PAGE))
        places = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
        link = ", ".join(
            f'<{self.url}/personal_access_tokens?{urlencode({**query, "page": number})}>; rel="{rel}"'
            for rel, number in places.items()
            if 1 <= number <= last
        )
        return 200, rows[(page - 1) * PAGE : page * PAGE], {"Link": link}

    def _create(self, used: Row, user_id: int, body: Any, allowed: set[str]) -> Answer:
        if "api" not in used.scopes:
            return 403, {"error": "insufficient_scope", "error_description": "It requires higher privileges."}
        if set(body) - {"name", "description", "expires_at", "scopes"} or not set(body["scopes"]) <= allowed:
            return 400, {"error": "scopes does not have a valid value"}
        row = self.mint(user_id, body["name"], body["scopes"])
        row.description = body.get("description")
        row.expires_at = body.get("expires_at", row.expires_at)
        return 201, row.plain() | {"token": row.token}

    def _revoke(self, used: Row, id: str) -> Answer:
        row = self._row(used, id)
        if row is None:
            return _error(401, "Unauthorized")
        if row.revoked:
            return _error(400, "Bad Request")
        row.revoked = True
        return 204, None

    def _rotate(self, used: Row, id: str, body: Any) -> Answer:
        if not {"api", "self_rotate" if id in ("self", str(used.id)) else "api"} & set(used.scopes):
            return _error(403, "Forbidden")
        old = self._row(used, id)
        if old is None:
            return _missing(used)
        if old.revoked:  # reuse: the whole family goes
            for row in self.rows.values():
                row.revoked = row.revoked or row.family == old.family
            return _error(401, "Unauthorized")
        old.revoked = True
        new = self.mint(old.user_id, old.name, old.scopes, family=old.family)
        new.description, new.expires_at = old.description, body.get("expires_at", "2026-01-08")
        return 200, new.plain() | {"token": new.token}


def _error(status: int, words: str) -> Answer:
    return status, {"message": f"{status} {words}"}


def _missing(used: Row) -> Answer:
    """Only an administrator is told that there is none."""
    return _error(404, "Not Found") if used.user_id == _ROOT else _error(401, "Unauthorized")


class _Tee:
    """A file whose every byte that is read is kept."""

    def __init__(self, file: Any, kept: bytearray) -> None:
        self._file = file
        self._kept = kept

    def readline(self, size: int = -1) -> bytes:
        return self._keep(self._file.readline(size))

    def read(self, size: int = -1) -> bytes:
        return self._keep(self._file.read(size))

    def close(self) -> None:
        self._file.close()

    def _keep(self, data: bytes) -> bytes:
        self._kept += data
        return data


@contextmanager
def standing() -> Iterator[StandIn]:
    """A stand-in on a port of its own, for the length of a test."""
    api = StandIn()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.rfile = _Tee(self.rfile, api.received)  # type: ignore[assignment]  # as much of a file as is used

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            with lock:
                api.calls.append((self.command, self.path, text or None))
                token = self.headers.get("PRIVATE-TOKEN")
                told = api.answer(self.command, parts.path, query, json.loads(text) if text else {}, token)
            status, body, *headers = told
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815  # their names in Python

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join(5)
