#!/bin/sh
# google-auth fetches a token that lives for three minutes again for each request, msal does so up to five, and Authlib up to one.
#
# Versions: google-auth 2.63.0, msal 1.39.0, Authlib 1.9.10; requests-oauthlib 2.0.0 beside them.
# Behaviour: an access token is kept until it expires, and a little earlier a new one is fetched. How much earlier is a constant that does
#   not look at the lifetime: 225 s in google-auth, 300 s in msal, 60 s in Authlib. A token that lives for less than that is old when it
#   arrives, so each request to the API has a token request before it, without a warning: ten calls mint ten tokens, against the rate
#   limit of the token server, and each time a refresh token may be replaced. With the usual hour no test shows it.
# Source: the program below; REFRESH_THRESHOLD in google/auth/_helpers.py, the five minutes in msal/application.py, and leeway=60
#   in authlib/oauth2/client.py.
# Seen (token requests for five calls of an API, by the lifetime of the token):
#   3600 s: google-auth 1, msal 1, Authlib 1, requests-oauthlib 1
#   180 s: google-auth 5, msal 5, Authlib 1, requests-oauthlib 1
#   45 s: google-auth 5, msal 5, Authlib 5, requests-oauthlib 1
# For us: a token is replaced in the last tenth of its life, and at most 30 s before its end (connector/engine/token_exchange.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet google-auth==2.63.0 msal==1.39.0 authlib==1.9.10 requests-oauthlib==2.0.0 requests==2.34.2
cat >"$folder/run.py" <<'PY'
import http.server
import json
import threading

import google.auth.transport.requests
import google.oauth2.credentials
import msal
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session

lifetime = None
fetched = []


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        fetched.append(self.path)
        self.respond({"access_token": f"token-{len(fetched)}", "token_type": "Bearer", "expires_in": lifetime})

    def do_GET(self):
        self.respond({})

    def respond(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
token_url, api = base + "/token", base + "/api"


def by_google_auth():
    credentials = google.oauth2.credentials.Credentials(
        None, refresh_token="r", token_uri=token_url, client_id="i", client_secret="s"
    )
    session = google.auth.transport.requests.AuthorizedSession(credentials)
    return lambda: session.get(api)


class Loopback:
    """What msal needs of an HTTP client: its authority has an https URL, whose requests come here."""

    def get(self, url, **options):
        issuer = "https://login.example/t"
        return Response({"token_endpoint": f"{issuer}/token", "authorization_endpoint": issuer, "issuer": issuer})

    def post(self, url, **options):
        return Response(requests.post(token_url, data=options["data"]).json())


class Response:
    status_code = 200
    headers = {}

    def __init__(self, value):
        self.text = json.dumps(value)

    def raise_for_status(self):
        pass


def by_msal():
    client = msal.ConfidentialClientApplication(
        "i", client_credential="s", authority="https://login.example/t", http_client=Loopback(), instance_discovery=False
    )

    def call():
        token = client.acquire_token_for_client(["api/.default"])["access_token"]
        requests.get(api, headers={"Authorization": f"Bearer {token}"})

    return call


def by_authlib():
    session = AuthlibSession("i", "s", token_endpoint=token_url, grant_type="client_credentials")
    session.token = {"access_token": "expired", "token_type": "Bearer", "expires_at": 1}
    return lambda: session.get(api)


def by_requests_oauthlib():
    token = {"access_token": "expired", "refresh_token": "r", "token_type": "Bearer", "expires_in": -1}
    session = OAuth2Session("i", token=token, auto_refresh_url=token_url, token_updater=lambda token: None)
    return lambda: session.get(api)


clients = {
    "google-auth": by_google_auth,
    "msal": by_msal,
    "Authlib": by_authlib,
    "requests-oauthlib": by_requests_oauthlib,
}
seen = {}
for lifetime in (3600, 180, 45):
    for name, client in clients.items():
        call = client()
        fetched.clear()
        for _ in range(5):
            call()
        seen[lifetime, name] = len(fetched)
    print(f"{lifetime} s:", ", ".join(f"{name} {seen[lifetime, name]}" for name in clients))
assert list(seen.values()) == [1, 1, 1, 1, 5, 5, 1, 1, 5, 5, 5, 1], "the behaviour has changed"
PY
OAUTHLIB_INSECURE_TRANSPORT=1 AUTHLIB_INSECURE_TRANSPORT=1 NO_PROXY=127.0.0.1 "$folder/venv/bin/python" "$folder/run.py"
