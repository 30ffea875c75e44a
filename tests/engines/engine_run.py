"""The adapters of docs/step.md in a real flow engine: how often each step runs, and where its token appears.

An engine is installed, with this package, in an environment of its own, which is kept in a cache folder.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import threading
import venv
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from platformdirs import user_cache_path

from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import read_token
from tests.support.loopback import created

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("ENGINES_CACHE", user_cache_path("locoia-pat-engines")))
PAGE = ROOT / "docs" / "step.md"
CREDENTIAL = f"lpat_{secrets.token_hex(20)}"
CANARY = secrets.token_hex(8)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


class Case(NamedTuple):
    """A step, how often it runs and how it ends."""

    runs: int
    completed: bool
    expiration: int = 30
    has_store: bool = True


CASES = {
    "done": Case(1, completed=True),
    "invalid": Case(1, completed=False, expiration=-1),
    "unstored": Case(1, completed=False, has_store=False),
    "refused": Case(1, completed=False),
    "unknown": Case(1, completed=False),
    "not_done": Case(3, completed=True),
}

WHOLE = "whole"
"""The note of a step that returns the Result itself, where the engine has one."""

COUNTING = """\
import os
import steps

uncounted = steps.run_action


def run_action(action, inputs, token_to=()):
    with open(os.environ["RUNS"], "a") as file:
        file.write(inputs["note"] + "\\n")
    return uncounted(action, inputs, token_to)


steps.run_action = run_action
"""
"""Counts how often a step runs; the adapter uses what this module puts into ``steps``."""


def adapter_of(engine: str) -> str:
    """Return the code block of docs/step.md for *engine*; the empty string is the one for all."""
    blocks = re.findall(r"^```python ?(\w*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (text,) = (text for name, text in blocks if name == engine and "run_action" in text)
    return str(text)


class Api:
    """The token API: the note of a create says how it responds."""

    def __init__(self) -> None:
        self.creates: Counter[str] = Counter()
        self.tokens: list[str] = []
        self.url = ""

    def respond(self, note: str) -> tuple[int, dict[str, Any]]:
        self.creates[note] += 1
        if note == "refused":
            return 403, {"message": "no"}
        if note == "unknown":
            return 500, {}
        if note == "not_done" and self.creates[note] < CASES[note].runs:
            return 429, {}
        token = f"lpat_{secrets.token_hex(20)}"
        self.tokens.append(token)
        return 201, created(token=token, note=note, id=f"row-{CANARY}")

    @contextmanager
    def serving(self) -> Iterator[None]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = api.respond(body["note"])
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if status == 429:
                    self.send_header("Retry-After", "999")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


def python_with(engine: str, *requirements: str) -> Path:
    """Return the Python of an environment with *requirements* and this package, made once."""
    place = CACHE / engine
    python, stamp = place / "bin" / "python", place / "requirements.txt"
    wanted = "\n".join((*requirements, str(ROOT)))
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {', '.join(requirements)} into {place}", flush=True)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements, "--editable", ROOT], check=True)
        stamp.write_text(wanted)
    return python


def run_engine(engine: str, *requirements: str, variables: dict[str, str] | None = None) -> None:
    """Run the steps in *engine*, print what was found, and exit with 1 if it is not as documented."""
    python = python_with(engine, *requirements)
    api = Api()
    with tempfile.TemporaryDirectory() as name, api.serving():
        folder = Path(name)
        home, tokens = folder / "home", folder / "tokens"
        home.mkdir()
        tokens.mkdir()
        (home / "steps.py").write_text(adapter_of(""))
        (home / "counting.py").write_text(COUNTING)
        adapter = adapter_of(engine).replace("=60", "=0")  # seconds before a retry
        (home / "adapter.py").write_text(f"import counting\n{adapter}")
        cases = {
            note: (
                {"expiration": case.expiration, "scopes": ["embed"], "note": note},
                [f"file:{tokens}/{note}.json"] if case.has_store else (),
            )
            for note, case in {**CASES, WHOLE: CASES["done"]}.items()
        }
        (home / "cases.json").write_text(json.dumps(cases))
        program = Path(__file__).parent / "programs" / f"{engine}_program.py"
        with (home / "log.txt").open("wb") as log:
            done = subprocess.run(
                [python, program],
                cwd=home,
                env={
                    "HOME": str(home),
                    "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
                    "PYTHONPATH": f"{home}{os.pathsep}{program.parent}",
                    "LOCOIA_TOKEN": CREDENTIAL,
                    "LOCOIA_BASE_URL": api.url,
                    "RUNS": str(home / "runs.txt"),
                    **{key: value.format(home=home) for key, value in (variables or {}).items()},
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=900,
                check=False,
            )
        if done.returncode:
            print((home / "log.txt").read_text(errors="replace")[-5000:])
            sys.exit(1)
        states = json.loads((home / "states.json").read_text())
        runs = Counter((home / "runs.txt").read_text().split())
        problems = list(_compare(states, runs, api, tokens))
        hits, texts = search(home, [CREDENTIAL, *api.tokens])
        if not search(home, [f"row-{CANARY}"])[0]:  # the id of a row, which the engine keeps with the result
            problems.append("no result was found in what the engine has stored")
        print(f"{engine}: states {states}; runs {dict(runs)}; creates at the API {dict(api.creates)}")
        print(f"{engine}: {len(api.tokens)} tokens and the credential, searched in {texts} texts: {len(hits)} hits")
        problems += hits
    print("\n".join(problems) or f"{engine}: as documented")
    sys.exit(bool(problems))


def _compare(states: dict[str, str], runs: Counter[str], api: Api, tokens: Path) -> Iterator[str]:
    for note, case in CASES.items():
        state = "completed" if case.completed else "failed"
        if states[note] != state:
            yield f"{note}: the engine shows {states[note]}, not {state}"
        if runs[note] != case.runs:
            yield f"{note}: it ran {runs[note]} times, not {case.runs}"
        sent = 0 if note in {"invalid", "unstored"} else case.runs
        if api.creates[note] != sent:
            yield f"{note}: {api.creates[note]} requests arrived, not {sent}"
        if case.completed and read_token(f"file:{tokens}/{note}.json").reveal() not in api.tokens:
            yield f"{note}: its token is not stored"
    if WHOLE in runs and runs[WHOLE] != 2:
        yield f"{WHOLE}: two calls with the same inputs were made {runs[WHOLE]} times"
    if len(api.tokens) != sum(case.completed for case in CASES.values()) + (WHOLE in states) + (WHOLE in runs):
        yield f"{len(api.tokens)} tokens were created"
    if states.get(WHOLE, "completed") != "completed":
        yield f"{WHOLE}: the engine shows {states[WHOLE]}"


def search(folder: Path, tokens: list[str]) -> tuple[list[str], int]:
    """Search all files and tables in *folder* for *tokens*, base64 decoded too; return the hits, and how many texts."""
    wanted = [Secret(token) for token in tokens]
    hits: list[str] = []
    texts = 0
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        for content in _contents(file):
            texts += 1
            if any(secret.occurs_in(content.decode("latin-1")) for secret in wanted):
                hits.append(f"{file.relative_to(folder)} holds a token")
    return hits, texts


def _contents(file: Path) -> Iterator[bytes]:
    """Yield the content of *file*, the values of its tables, and each of them base64 decoded, pickles included."""
    raw = [file.read_bytes()]
    if raw[0].startswith(b"SQLite format 3"):
        with sqlite3.connect(file) as database:
            database.text_factory = bytes
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in database.execute(f'SELECT * FROM "{table.decode()}"'):  # noqa: S608  # the engine's own names
                    raw += [value for value in row if isinstance(value, bytes)]
    while raw:
        content = raw.pop()
        yield content
        for found in _BASE64.findall(content):
            try:
                decoded = base64.b64decode(found + b"=" * (-len(found) % 4))
            except ValueError:
                continue
            if len(decoded) >= 16:
                raw.append(decoded)
