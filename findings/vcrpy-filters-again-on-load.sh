#!/bin/sh
# vcrpy calls before_record_response again for each recorded response when it loads a cassette.
#
# Versions: vcrpy 9.4.2, httpx 0.28.1.
# Behaviour: the hook is named and documented as what happens before a response is recorded. Loading a cassette adds each
#   recorded interaction by the same function, so the hook runs on what has been through it once, and the test gets the
#   result of the second pass. A hook that counts, numbers its replacements, adds something or encrypts changes what is
#   replayed: the file and the replay differ. A hook has to give the same result when it is run on its own result.
# Source: the program below; Cassette._load calls append in vcr/cassette.py.
# Seen:
#   recorded: {"n": 1}, in the file: {"n": 1}+, replayed: {"n": 1}++
#   calls of the hook: 1 while recording, 1 while replaying
# For us: the recorder replaces secrets by fakes that it then takes for fakes (tests/testing).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vcrpy==9.4.2 httpx==0.28.1
cat >"$folder/run.py" <<'PY'
import http.server, pathlib, threading

import httpx
import vcr


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b'{"n": 1}')

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
calls = []


def mark(response):
    calls.append(response)
    response["body"]["string"] += b"+"
    return response


cassette = pathlib.Path(__file__).with_name("cassette.yaml")
recorder = vcr.VCR(before_record_response=mark)
with recorder.use_cassette(str(cassette)):
    recorded = httpx.get(url).text
while_recording = len(calls)
in_file = "{\"n\": 1}+" if "'{\"n\": 1}+'" in cassette.read_text() else "something else"
with recorder.use_cassette(str(cassette), record_mode="none"):
    replayed = httpx.get(url).text
while_replaying = len(calls) - while_recording
print(f"recorded: {recorded}, in the file: {in_file}, replayed: {replayed}")
print(f"calls of the hook: {while_recording} while recording, {while_replaying} while replaying")
assert (recorded, in_file, replayed) == ('{"n": 1}', '{"n": 1}+', '{"n": 1}++'), "the behaviour has changed"
assert (while_recording, while_replaying) == (1, 1), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
