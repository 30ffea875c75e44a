#!/bin/sh
# devpi-server responds to a wrong password with status 200, as if no password had been sent.
#
# Versions: devpi-server 6.20.3.
# Behaviour: one would expect 401 for a wrong password. But whatever is open to everybody can be read with it, and also
#   /+api, which exists to say who is logged in, has status 200; only "authstatus" in its body differs, and it says the
#   same with a wrong password as without any. So a check of a credential that looks at the status passes always.
#   Only what changes something is refused, and with 403: the same status as for a user who may not do it.
# Source: the program below.
# Seen:
#   right password: GET /root 200, GET /+api 200 ok, PUT /root/a 200
#   wrong password: GET /root 200, GET /+api 200 noauth, PUT /root/b 403
#   no password: GET /root 200, GET /+api 200 noauth, PUT /root/c 403
# For us: the actions for devpi read the state from the body (tests/servers/devpi.py runs them).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet devpi-server==6.20.3
cat >"$folder/run.py" <<'PY'
import base64, json, os, socket, subprocess, sys, time, urllib.error, urllib.request

folder = sys.argv[1]
programs = os.path.dirname(sys.executable)
data = ["--serverdir", f"{folder}/index"]
initial = [f"{programs}/devpi-init", *data, "--no-root-pypi", "--root-passwd", "fake-password"]
subprocess.run(initial, check=True, capture_output=True)
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
url = f"http://127.0.0.1:{port}"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send(method, path, password, body=None):
    headers = {"Content-Type": "application/json"}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"root:{password}".encode()).decode()
    try:
        with opener.open(urllib.request.Request(url + path, body, headers, method=method), timeout=60) as response:
            return response.status, json.load(response)["result"]
    except urllib.error.HTTPError as error:
        return error.code, None


with open(f"{folder}/log", "w") as log:
    command = [f"{programs}/devpi-server", *data, "--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
    server = subprocess.Popen(command, stdout=log, stderr=log)
try:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert server.poll() is None, "the server has ended"
            time.sleep(0.1)
    seen = []
    for name, password, index in (("right", "fake-password", "a"), ("wrong", "another", "b"), ("no", None, "c")):
        read = send("GET", "/root", password)[0]
        status, api = send("GET", "/+api", password)
        change = send("PUT", f"/root/{index}", password, b"{}")[0]
        seen.append((read, status, api["authstatus"][0], change))
        print(f"{name} password: GET /root {read}, GET /+api {status} {api['authstatus'][0]}, PUT /root/{index} {change}")
finally:
    server.terminate()
    server.wait()
assert seen == [(200, 200, "ok", 200), (200, 200, "noauth", 403), (200, 200, "noauth", 403)], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
