#!/bin/sh
# stripe's own default of two retries does not hold for StripeClient: it does not retry at all.
#
# Versions: stripe 16.1.0.
# Behaviour: stripe.max_network_retries is 2, and a call of a resource class that gets status 500 is sent three times with one
#   idempotency key. The same call by a StripeClient is sent once, since a client's unset max_network_retries counts as 0. Moving
#   code from the resource classes to StripeClient, as stripe recommends, takes the retries away without a word.
# Source: the program below; stripe/_http_client.py takes 0 for None.
# Seen:
#   resource class: 3 POSTs, 1 key; StripeClient: 1 POST; StripeClient(max_network_retries=2): 3 POSTs, 1 key
# For us: a create with "idempotency_key" is retried wherever it is called from (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet stripe==16.1.0
cat >"$folder/run.py" <<'PY'
import http.server
import threading

import stripe

keys = []
BODY = b'{"error": {"message": "a fault", "type": "api_error"}}'


class Fail(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        keys.append(self.headers["Idempotency-Key"])
        self.send_response(500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fail)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
stripe.api_key = "sk_test_key"
stripe.api_base = url
WEBHOOK = {"url": "https://example.com/hook", "enabled_events": ["*"]}


def count(call):
    keys.clear()
    try:
        call()
    except stripe.APIError:
        return len(keys), len(set(keys))
    raise SystemExit("no error")


def client(**settings):
    return stripe.StripeClient("sk_test_key", base_addresses={"api": url}, **settings)


assert stripe.max_network_retries == 2
by_class = count(lambda: stripe.WebhookEndpoint.create(**WEBHOOK))
by_client = count(lambda: client().v1.webhook_endpoints.create(WEBHOOK))
by_client_of_two = count(lambda: client(max_network_retries=2).v1.webhook_endpoints.create(WEBHOOK))
print(
    f"resource class: {by_class[0]} POSTs, {by_class[1]} key; StripeClient: {by_client[0]} POST; "
    f"StripeClient(max_network_retries=2): {by_client_of_two[0]} POSTs, {by_client_of_two[1]} key"
)
assert (by_class, by_client, by_client_of_two) == ((3, 1), (1, 1), (3, 1))
PY
"$folder/venv/bin/python" "$folder/run.py"
