#!/bin/sh
# In Airbyte, a stream whose list is not where it was is COMPLETE with no records, and one whose pages are capped is COMPLETE after the first.
#
# Versions: airbyte-cdk 7.39.1.
# Behaviour: a manifest says where a response has its rows (field_path) and how many a page has (page_size). If a response of status 200 has
#   no such field, because the API renamed it or says {"error": "no access"}, one would expect an error; the extractor takes it for an empty
#   list. If the API allows fewer rows for a page than the manifest asks for, the first page is shorter than page_size, and the stream
#   ends there. Each ends with status COMPLETE and no line above INFO, and a destination that overwrites replaces all rows with none.
# Source: the program below; dpath.get(..., default=[]) in airbyte_cdk/sources/declarative/extractors/dpath_extractor.py;
#   airbytehq/airbyte issues 34883 and 32403, open.
# Seen (records, status and levels of the log):
#   as it was: 7 of 7, COMPLETE
#   the list has another name: 0 of 7, COMPLETE
#   an error in a response of 200: 0, COMPLETE
#   pages of three where five were asked for: 3 of 7, COMPLETE
#   levels in the log: INFO
# For us: rows that are not where the spec says are a failure, and so is an error in a response of 200 (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet airbyte-cdk==7.39.1
cat >"$folder/run.py" <<'PY'
import http.server
import json
import logging
import threading
import urllib.parse

from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

ROWS = [{"id": number} for number in range(1, 8)]
STREAMS = {
    "as it was": "7 of 7",
    "the list has another name": "0 of 7",
    "an error in a response of 200": "0",
    "pages of three where five were asked for": "3 of 7",
}


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        size = min(int(query["per_page"]), 3 if "three" in url.path else 5)
        begin = (int(query.get("page", 1)) - 1) * size
        body = {"data": ROWS[begin : begin + size]}
        if "name" in url.path:
            body = {"items": body["data"]}
        elif "error" in url.path:
            body = {"error": "no access"}
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()


def parameter(name):
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


def stream(name):
    requester = {
        "type": "HttpRequester",
        "url_base": f"http://127.0.0.1:{server.server_port}",
        "path": f"/{name.replace(' ', '-')}",
        "http_method": "GET",
    }
    paginator = {
        "type": "DefaultPaginator",
        "pagination_strategy": {"type": "PageIncrement", "page_size": 5, "start_from_page": 1},
        "page_size_option": parameter("per_page"),
        "page_token_option": parameter("page"),
    }
    extractor = {"type": "DpathExtractor", "field_path": ["data"]}
    retriever = {
        "type": "SimpleRetriever",
        "requester": requester,
        "paginator": paginator,
        "record_selector": {"type": "RecordSelector", "extractor": extractor},
    }
    schema = {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    return {"type": "DeclarativeStream", "name": name, "primary_key": "id", "retriever": retriever, "schema_loader": schema}


manifest = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["as it was"]},
    "streams": [stream(name) for name in STREAMS],
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
}
configured = [
    {
        "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
        "sync_mode": "full_refresh",
        "destination_sync_mode": "overwrite",
    }
    for name in STREAMS
]
catalog = ConfiguredAirbyteCatalogSerializer.load({"streams": configured})
records, statuses = dict.fromkeys(STREAMS, 0), {}
levels = set()


class Collect(logging.Handler):
    def emit(self, record):
        levels.add(record.levelname)


logger = logging.getLogger("airbyte")
logger.addHandler(Collect())
source = ConcurrentDeclarativeSource(catalog=catalog, config={}, state=[], source_config=manifest)
messages = list(source.read(logger, {}, catalog, []))
for message in messages:
    if message.type == Type.RECORD:
        records[message.record.stream] += 1
    elif message.type == Type.TRACE and message.trace.stream_status:
        status = message.trace.stream_status
        statuses[status.stream_descriptor.name] = status.status.value
levels |= {message.log.level.value for message in messages if message.type == Type.LOG}
for name, expected in STREAMS.items():
    seen = f"{records[name]}{expected.removeprefix(expected.split()[0])}"
    print(f"{name}: {seen}, {statuses[name]}")
    assert (seen, statuses[name]) == (expected, "COMPLETE"), "the behaviour has changed"
print("levels in the log:", ", ".join(sorted(levels)))
assert levels == {"INFO"}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" >"$folder/log" 2>&1 || { tail -5 "$folder/log"; exit 1; }
grep -v '^{' "$folder/log"
