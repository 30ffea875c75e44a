"""Vault's KV engine (version 2) and GitLab's CI/CD variables on loopback, as their documentation describes them.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
and https://docs.gitlab.com/api/project_level_variables/
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIAL = "fake-store-credential-0123456789abcdef"
Answer = tuple[int, Any]


@dataclass
class SecretServer:
    """What is stored, by the path of a secret or the name of a variable."""

    values: dict[str, str] = field(default_factory=dict[str, str])
    versions: int = 0
    writes: int = 0
    failure: Answer | None = None
    """What is answered instead, if anything."""
    loses_response: bool = False
    """Whether the response to a write is lost, after it was done."""
    refuses_deletes: bool = False
    url: str = ""

    def vault(self, method: str, path: str, body: Any) -> Answer:
        mount, _, secret = unquote(path).removeprefix("/v1/").partition("/data/")
        if mount != "secret":
            return 404, {"errors": [f"no handler for route {path!r}"]}
        if method == "GET":
            if secret not in self.values:
                return 404, {"errors": []}
            return 200, {"data": {"data": {"token": self.values[secret]}, "metadata": {"version": self.versions}}}
        if method == "DELETE":
            self.values.pop(secret, None)
            return 204, None
        self.values[secret] = body["data"]["token"]
        self.versions += 1
        return 200, {"data": {"version": self.versions, "destroyed": False, "deletion_time": ""}}

    def gitlab(self, method: str, path: str, body: Any) -> Answer:
        key = body["key"] if method == "POST" else path.rpartition("/")[2]
        if method != "POST" and key not in self.values:
            return 404, {"message": "404 Variable Not Found"}
        if method == "DELETE":
            del self.values[key]
            return 204, None
        if method != "GET":
            self.values[key] = body["value"]
        variable = {"key": key, "value": self.values[key], "masked": True, "protected": False, "environment_scope": "*"}
        return 201 if method == "POST" else 200, variable

    def answer(self, method: str, path: str, headers: Any, body: Any) -> Answer:
        self.writes += method != "GET"
        if self.failure is not None:
            return self.failure
        if (self.refuses_deletes and method == "DELETE") or CREDENTIAL not in (
            headers.get("X-Vault-Token"),
            headers.get("PRIVATE-TOKEN"),
        ):
            return 403, {"errors": ["permission denied"], "message": "401 Unauthorized"}
        is_vault = "X-Vault-Token" in headers
        return self.vault(method, path, body) if is_vault else self.gitlab(method, path, body)

    @contextmanager
    def serving(self) -> Iterator[SecretServer]:
        kept = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, content = kept.answer(self.command, self.path, self.headers, body)
                if kept.loses_response and self.command == "POST":
                    return
                data = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # as http.server calls them

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
