"""Token APIs on loopback that behave as their public documents say: GitHub, Stripe, Slack and Microsoft Graph.

https://docs.github.com/rest, https://docs.stripe.com/api, https://docs.slack.dev/reference/methods and
https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 2
"""Rows on a page."""
Answer = tuple[int, Any, dict[str, str]]


class Call(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def bearer(self) -> str:
        """The token that it was authorized with."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def form(self) -> dict[str, list[str]]:
        """Its fields."""
        return parse_qs(self.body, keep_blank_values=True)


class Api:
    """The rows of one API, and what was received."""

    prefix = ""
    """The path of its base URL."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[Call] = []
        self.live: set[str] = set()
        """The tokens that are accepted."""
        self.faults: list[Answer | None] = []
        """Responses to the next requests in place of what the API does; None does it, and loses the response."""
        self.numbers = itertools.count(1)

    @property
    def host(self) -> str:
        """The URL of its host."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.host + self.prefix

    def mint(self, kind: str) -> str:
        """A new token, which is accepted."""
        token = f"fake-{kind}-{next(self.numbers):04d}-0123456789abcdef"
        self.live.add(token)
        return token

    def answer(self, call: Call) -> Answer:
        """What the API answers."""
        raise NotImplementedError


class GitHub(Api):
    """Installation tokens of an app, deploy keys and fine-grained tokens of an organization."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.app = self.mint("ghp"), self.mint("jwt")
        self.keys: dict[int, dict[str, Any]] = {}
        self.tokens = {number: f"CI {number}" for number in range(1, 6)}

    def answer(self, call: Call) -> Answer:
        parts = call.path.strip("/").split("/")
        if call.headers.get("x-github-api-version") != "2022-11-28":
            return _github(400, "no version")
        match call.method, parts:
            case "POST", ["credentials", "revoke"]:
                if "authorization" in call.headers:
                    return _github(403, "This endpoint does not accept authentication")
                self.live -= set(json.loads(call.body)["credentials"])
                return 202, {}, {}
            case _ if call.bearer not in self.live:
                return _github(401, "Bad credentials")
            case "GET", ["user"] if call.bearer != self.app:
                expires = {"GitHub-Authentication-Token-Expiration": "2027-01-01 00:00:00 UTC"}
                return 200, {"login": "ann", "id": 7}, expires
            case _, ["repos", "acme", "shop", "keys", *rest]:
                return self._keys(call, rest)
            case _, ["orgs", "acme", "personal-access-tokens", *rest]:
                return self._org_tokens(call, rest)
        return self._installation(call, parts)

    def _installation(self, call: Call, parts: list[str]) -> Answer:
        match call.method, parts:
            case "POST", ["app", "installations", "12", "access_tokens"]:
                if call.bearer != self.app:
                    return _github(401, "A JSON web token could not be decoded")
                granted = json.loads(call.body).get("permissions") or {"contents": "write"}
                body = {"token": self.mint("ghs"), "expires_at": "2027-01-01T01:00:00Z", "permissions": granted}
                return 201, body | {"repository_selection": "all"}, {}
            case "GET", ["installation", "repositories"]:
                rows = [{"id": n, "full_name": f"acme/{n}", "private": n % 2 == 0} for n in range(1, 4)]
                return self._page(call, rows, lambda page: {"total_count": 3, "repositories": page})
            case "DELETE", ["installation", "token"]:
                self.live.discard(call.bearer)
                return 204, None, {}
        return _github(404, "Not Found")

    def _org_tokens(self, call: Call, rest: list[str]) -> Answer:
        if call.method == "GET":
            return self._page(call, [_org_token(*token) for token in self.tokens.items()], list)
        assert json.loads(call.body) == {"action": "revoke"}
        gone = self.tokens.pop(int(rest[0]), None)
        return (204, None, {}) if gone else _github(404, "Not Found")

    def _keys(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", []:
                return self._page(call, list(self.keys.values()), list)
            case "POST", []:
                wanted = json.loads(call.body)
                if any(row["key"] == wanted["key"] for row in self.keys.values()):
                    error = {
                        "resource": "PublicKey",
                        "code": "custom",
                        "field": "key",
                        "message": "key is already in use",
                    }
                    return _github(422, "Validation Failed", errors=[error])
                number = next(self.numbers)
                self.keys[number] = {"id": number, "verified": True, "created_at": "2026-01-01T08:00:00Z", **wanted}
                return 201, self.keys[number], {}
            case "DELETE", [number] if self.keys.pop(int(number), None):
                return 204, None, {}
        return _github(404, "Not Found")

    def _page(self, call: Call, rows: list[Any], wrap: Any) -> Answer:
        """A page of *rows*; the next one is on a path of its own, as at GitHub."""
        number = int(call.query.get("page", 1))
        rest = rows[number * PAGE :]
        link = f'<{self.host}{call.path}?{urlencode(call.query | {"page": str(number + 1)})}>; rel="next"'
        return 200, wrap(rows[(number - 1) * PAGE : number * PAGE]), {"Link": link} if rest else {}


def _org_token(number: int, name: str) -> dict[str, Any]:
    return {
        "id": number, "owner": {"login": "ann"}, "token_name": name, "token_expired": False, "permissions": {},
        "access_granted_at": "2026-01-01T08:00:00Z", "token_expires_at": None, "token_last_used_at": None,
    }  # fmt: skip


def _github(status: int, message: str, **more: Any) -> Answer:
    return (
        status,
        {"message": message, "documentation_url": "https://docs.github.com", "status": str(status)} | more,
        {},
    )


class Stripe(Api):
    """Webhook endpoints and ephemeral keys."""

    prefix = "/v1"

    def __init__(self) -> None:
        super().__init__()
        self.secret_key = self.mint("sk")
        self.hooks: dict[str, dict[str, Any]] = {}
        self.ephemeral: dict[str, str] = {}
        self.expired: set[str] = set()
        self.answered: dict[str, tuple[str, Answer]] = {}
        """By idempotency key, the body of the request and the response to it."""

    def answer(self, call: Call) -> Answer:
        if call.bearer in self.expired:
            return _stripe(401, "Expired API Key provided: ek_test_****0000", code="api_key_expired")
        if call.bearer not in self.live:
            return _stripe(401, "Invalid API Key provided: sk_test_****0000")
        assert call.headers["stripe-version"] == "2024-06-20"
        key = call.headers.get("idempotency-key")
        if key is None:
            return self._act(call)
        if key not in self.answered:
            self.answered[key] = (call.body, self._act(call))
        body, answered = self.answered[key]
        return answered if body == call.body else _stripe(400, "Keys can only be used with the same parameters")

    def _act(self, call: Call) -> Answer:
        form = call.form
        match call.method, call.path.strip("/").split("/")[1:]:
            case "GET", ["webhook_endpoints"]:
                ids = list(self.hooks)
                start = ids.index(call.query["starting_after"]) + 1 if "starting_after" in call.query else 0
                rows = [self.hooks[name] for name in ids[start : start + PAGE]]
                more = len(ids) > start + PAGE
                return 200, {"object": "list", "url": "/v1/webhook_endpoints", "has_more": more, "data": rows}, {}
            case "POST", ["webhook_endpoints"]:
                if form["enabled_events[]"] == ["charge.vanished"]:
                    return _stripe(400, "Invalid enabled_events[0]", param="enabled_events[0]")
                name = f"we_{next(self.numbers)}"
                events, description = form["enabled_events[]"], form.get("description", [None])[0]
                self.hooks[name] = {
                    "id": name, "object": "webhook_endpoint", "created": 1767254400, "livemode": False, "metadata": {},
                    "url": form["url"][0], "enabled_events": events, "description": description, "status": "enabled",
                }  # fmt: skip
                return 200, self.hooks[name] | {"secret": self.mint("whsec")}, {}
            case "POST", ["webhook_endpoints", name] if name in self.hooks:
                self.hooks[name]["status"] = "disabled" if form["disabled"] == ["true"] else "enabled"
                return 200, self.hooks[name], {}
            case "DELETE", ["webhook_endpoints", name] if self.hooks.pop(name, None):
                return 200, {"id": name, "object": "webhook_endpoint", "deleted": True}, {}
            case "POST", ["ephemeral_keys"] if form["customer"] == ["cus_1"]:
                name = f"ephkey_{next(self.numbers)}"
                self.ephemeral[name] = self.mint("ek")
                return 200, {"id": name, "expires": 1798790400, "livemode": False, "secret": self.ephemeral[name]}, {}
            case "DELETE", ["ephemeral_keys", name] if name in self.ephemeral:
                self.expired.add(self.ephemeral.pop(name))
                return 200, {"id": name, "object": "ephemeral_key", "expires": 1767254500, "livemode": False}, {}
            case "GET", ["customers", "cus_1"]:
                return 200, {"id": "cus_1", "object": "customer", "created": 1767254400}, {}
        status = 400 if call.method == "POST" else 404
        return _stripe(status, "No such object", code="resource_missing", param="id")


def _stripe(status: int, message: str, **more: str) -> Answer:
    return status, {"error": {"type": "invalid_request_error", "message": message, **more}}, {}


class Slack(Api):
    """Tokens and apps; every response is 200."""

    prefix = "/api"

    def __init__(self) -> None:
        super().__init__()
        self.bot, self.config = self.mint("xoxb"), self.mint("xoxe")
        self.codes = {"fake-code-0001-0123456789abcdef"}
        self.client_secret = "fake-client-0001-0123456789abcdef"
        self.apps: set[str] = set()
        self.revoked: set[str] = set()

    def answer(self, call: Call) -> Answer:
        done = self._act(call)
        body = {"ok": False, "error": done} if isinstance(done, str) else {"ok": True, **done}
        return 200, body, {"X-OAuth-Scopes": "chat:write"}

    def _act(self, call: Call) -> dict[str, Any] | str:
        """What is in the response, or the error."""
        method = call.path.removeprefix("/api/")
        form = {name: values[0] for name, values in call.form.items()}
        if method == "oauth.v2.access":
            return self._access(form)
        if call.bearer not in self.live:
            return "token_revoked" if call.bearer in self.revoked else "invalid_auth" if call.bearer else "not_authed"
        match method:
            case "auth.test":
                return {
                    "url": "https://acme.slack.com/",
                    "team": "Acme",
                    "user": "ci",
                    "team_id": "T1",
                    "user_id": "U1",
                }
            case "auth.revoke":
                self.live.remove(call.bearer)
                self.revoked.add(call.bearer)
                return {"revoked": True}
            case "auth.teams.list":
                start = int(base64.b64decode(call.query.get("cursor", "MA==")))
                rows = [{"id": f"T{n}", "name": f"Team {n}"} for n in range(1, 6)][start : start + PAGE]
                cursor = base64.b64encode(str(start + PAGE).encode()).decode() if start + PAGE < 5 else ""
                return {"teams": rows, "response_metadata": {"next_cursor": cursor}}
        return self._app(method, form) if call.bearer == self.config else "not_allowed_token_type"

    def _access(self, form: dict[str, str]) -> dict[str, Any] | str:
        if form["client_secret"] != self.client_secret:
            return "bad_client_secret"
        if form["code"] not in self.codes:
            return "invalid_code"
        self.codes.remove(form["code"])
        team = {"id": "T1", "name": "Acme"}
        minted = {"access_token": self.mint("xoxb"), "token_type": "bot", "scope": "chat:write", "team": team}
        return minted | {"bot_user_id": "U9", "app_id": "A1", "authed_user": {"id": "U2"}}

    def _app(self, method: str, form: dict[str, str]) -> dict[str, Any] | str:
        match method:
            case "apps.manifest.create":
                if "display_information" not in json.loads(form["manifest"]):
                    return "invalid_manifest"
                self.apps.add(app := f"A{next(self.numbers)}")
                shown = {"client_id": "1.2", "client_secret": self.mint("client"), "signing_secret": self.mint("sign")}
                return {"app_id": app, "credentials": shown, "oauth_authorize_url": "https://slack.com/oauth"}
            case "apps.manifest.delete" if form["app_id"] in self.apps:
                self.apps.remove(form["app_id"])
                return {}
        return "invalid_app_id"


class MicrosoftGraph(Api):
    """Passwords of applications, and the tokens that Entra exchanges them for."""

    prefix = "/v1.0"

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[str, dict[str, dict[str, Any]]] = {"app-1": {}, "app-2": {}, "app-3": {}}
        self.secret = str(self._add("app-1", "first")["secretText"])

    def _add(self, app: str, name: str, end: str = "2027-01-01T00:00:00Z") -> dict[str, Any]:
        key = f"00000000-0000-0000-0000-{next(self.numbers):012d}"
        text = f"fake-entra-{next(self.numbers):04d}-0123456789abcdef"
        row = {"keyId": key, "displayName": name, "hint": text[:3], "endDateTime": end, "secretText": text}
        self.passwords[app][key] = row | {"startDateTime": "2026-01-01T00:00:00Z", "customKeyIdentifier": None}
        return self.passwords[app][key]

    def answer(self, call: Call) -> Answer:
        if call.path == "/acme/oauth2/v2.0/token":
            return self._exchange(dict(parse_qsl(call.body)))
        if call.bearer not in self.live:
            return _graph(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        match call.method, call.path.strip("/").split("/")[1:]:
            case "GET", ["applications"]:
                apps, start = list(self.passwords), int(call.query.get("$skiptoken", 0))
                rows = [self._application(app) for app in apps[start : start + PAGE]]
                more = {"@odata.nextLink": f"{self.url}/applications?$skiptoken={start + PAGE}"}
                more = more if start + PAGE < len(apps) else {}
                return 200, {"@odata.context": f"{self.url}/$metadata#applications", "value": rows, **more}, {}
            case "GET", ["applications", app] if app in self.passwords:
                return 200, self._application(app), {}
            case "POST", ["applications", app, "addPassword"] if app in self.passwords:
                wanted = json.loads(call.body)["passwordCredential"]
                return 200, self._add(app, wanted["displayName"], wanted.get("endDateTime", "2028-01-01T00:00:00Z")), {}
            case "POST", ["applications", app, "removePassword"] if app in self.passwords:
                if self.passwords[app].pop(json.loads(call.body)["keyId"], None) is None:
                    return _graph(400, "Request_BadRequest", "No password credential found with keyId.")
                return 204, None, {}
        return _graph(404, "Request_ResourceNotFound", "Resource does not exist.")

    def _exchange(self, form: dict[str, str]) -> Answer:
        passwords = [row["secretText"] for row in self.passwords.get(form.get("client_id", ""), {}).values()]
        assert form["scope"].endswith("/.default")
        if form["client_secret"] not in passwords:
            error = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            return 401, error | {"error_codes": [7000215]}, {}
        return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": self.mint("access")}, {}

    def _application(self, app: str) -> dict[str, Any]:
        shown = [row | {"secretText": None} for row in self.passwords[app].values()]
        return {"id": app, "appId": app, "displayName": app.upper(), "passwordCredentials": shown}


def _graph(status: int, code: str, message: str) -> Answer:
    inner = {"date": "2026-01-01T00:00:00", "request-id": "r", "client-request-id": "r"}
    return status, {"error": {"code": code, "message": message, "innerError": inner}}, {}


@contextmanager
def serving_api(api: Api) -> Iterator[None]:
    """Serve *api* on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, url.path, dict(parse_qsl(url.query)), headers, body)
            api.calls.append(call)
            is_lost = api.faults[:1] == [None]
            fault = api.faults.pop(0) if api.faults else None
            status, value, more = fault or api.answer(call)
            if is_lost:
                self.close_connection = True
                return
            content = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(content)), "Content-Type": "application/json", **more}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_one  # noqa: N815  # the names that the server calls

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
