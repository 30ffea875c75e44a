#!/bin/sh
# With "Referrer-Policy: no-referrer", Chromium sends "Origin: null" with the forms of a site's own pages.
#
# Versions: Chromium 150 (Debian's package; "apt-get install chromium" when it is missing).
# Behaviour: the policy's name speaks of Referer alone. But a form that posts to its own site then has "Origin: null",
#   the value that a form of a foreign, sandboxed page has too. A server that compares Origin with its own refuses its own
#   pages; one that lets "null" pass has no protection. "same-origin" keeps Referer from other sites just as well, and
#   sends the real Origin. Sec-Fetch-Site is "same-origin" in both cases.
# Source: the program below; "append a request Origin header" in the Fetch standard.
# Seen:
#   no-referrer: Origin null, Referer none, Sec-Fetch-Site same-origin
#   same-origin: Origin http://127.0.0.1:PORT, Referer http://127.0.0.1:PORT/same-origin, Sec-Fetch-Site same-origin
# For us: the console's pages have "same-origin" (actions/console/page_guard.py).
set -eu
command -v chromium >/dev/null || { echo "install Debian's package first: apt-get install chromium" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/run.py" <<'PY'
import http.server, subprocess, sys, threading

PAGE = b"<form method=post action=/form></form><script>document.forms[0].submit()</script>"
POLICIES = ("no-referrer", "same-origin")
NAMES = ("Origin", "Referer", "Sec-Fetch-Site")
forms = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.respond(PAGE)

    def do_POST(self):
        forms.append([self.headers.get(name, "none") for name in NAMES])
        self.respond(b"sent")

    def respond(self, body):
        self.send_response(200)
        if self.path.strip("/") in POLICIES:
            self.send_header("Referrer-Policy", self.path.strip("/"))
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
browser = ["chromium", "--headless", "--no-sandbox", "--no-proxy-server", f"--user-data-dir={sys.argv[1]}/profile"]
for policy in POLICIES:
    command = [*browser, "--virtual-time-budget=5000", "--dump-dom", f"{url}/{policy}"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
seen = dict(zip(POLICIES, forms, strict=True))
for policy, values in seen.items():
    print(f"{policy}: {', '.join(map(' '.join, zip(NAMES, values)))}")
assert seen == {
    "no-referrer": ["null", "none", "same-origin"],
    "same-origin": [url, f"{url}/same-origin", "same-origin"],
}, "the behaviour has changed"
PY
python3 "$folder/run.py" "$folder"
