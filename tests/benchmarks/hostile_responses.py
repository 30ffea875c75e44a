"""What hostile responses cost: the peak of memory and the time of the command, for each of them.

    python -m tests.benchmarks.hostile_responses [NAME]

Each is sent to the command in a process of its own.  It may take 64 MB above what the process had before, and 1.2 times
its ``--timeout``.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.command_cost import CommandCost, cost_of
from tests.support.hostile import bomb
from tests.support.loopback import TOKEN, answer, created, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

MEGABYTES = 64
TIMEOUT = 10
FULL = 8 << 20
CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = ("create_pat", "expiration=30", "scopes=automation:view", "note=CI", "--reveal")
LIST = ("list_pats",)
TABLE = ("list_pats", "--table")
WIDE = "\U0001f511"


@dataclass(frozen=True)
class Hostile:
    """One hostile response."""

    parts: Callable[[], Iterable[bytes]]
    """The bytes, which may have no end."""
    action: tuple[str, ...] = LIST
    pause: float = 0
    """Seconds between two parts."""

    def send(self, connection: socket.socket) -> bool:
        for part in self.parts():
            connection.sendall(part)
            time.sleep(self.pause)
        return False


def head(**headers: object) -> bytes:
    lines = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return b"HTTP/1.1 200 OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items()).encode() + b"\r\n"


def whole(body: str | bytes, action: tuple[str, ...] = LIST, encoding: str = "identity", status: int = 200) -> Hostile:
    content = body.encode() if isinstance(body, str) else body
    start = head(Content_Length=len(content), Content_Encoding=encoding).replace(b"200 OK", b"%d Status" % status)
    return Hostile(lambda: [start, content], action)


def endless(start: bytes, part: bytes, pause: float = 0, action: tuple[str, ...] = LIST) -> Hostile:
    return Hostile(lambda: itertools.chain([start], itertools.repeat(part)), action, pause)


def drip(data: bytes, action: tuple[str, ...] = LIST) -> Hostile:
    return Hostile(lambda: (bytes([byte]) for byte in data), action, 0.05)


def rows(row: str, size: int = FULL, action: tuple[str, ...] = LIST) -> Hostile:
    count = (size - 2) // (len(row.encode()) + 1)
    return whole("[" + ",".join([row] * count) + "]", action)


def minted(note: str, **more: Any) -> str:
    return json.dumps(created(note=note, **more), ensure_ascii=False)


def pages(row: str, count: int) -> Callable[[socket.socket], bool]:
    """*Count* rows on each page, and the URL of the next one."""

    def send(connection: socket.socket) -> bool:
        body = ("[" + ",".join([row] * count) + "]").encode()
        link = f'</v1/rows?page={time.monotonic_ns()}>; rel="next"'
        connection.sendall(head(Content_Length=len(body), Link=link) + body)
        return True

    return send


PAGED = {
    "connector.yaml": "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
    "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN, base_url: ACME_BASE_URL}\n",
    "ls.yaml": "spec: 1\naction: ls\ntitle: List\nsummary: List.\neffect: read\ninputs: {}\n"
    "request: {method: GET, path: /rows}\nreply: {ok: [200], rows: rows, output: {id: {type: text}}}\n"
    "pages: {by: link, max_pages: 1000}\n",
}


def unique_keys() -> str:
    return "{" + ",".join(f'"{n:x}":1' for n in range(FULL // 10)) + "}"


def short_members() -> Iterator[bytes]:
    member = gzip.compress(b" ")
    yield head(Content_Encoding="gzip", Content_Length=len(member) * (FULL // len(member)))
    yield member * (FULL // len(member))


TWICE = f'{{"token":"{TOKEN}","token":"{TOKEN[::-1]}"}}'
CHUNKED = head(Transfer_Encoding="chunked")
HOSTILE: dict[str, Callable[[], Hostile]] = {
    "57 MB behind the end of a gzip body": lambda: whole(gzip.compress(b"[]") + bytes(57 << 20), encoding="gzip"),
    "57 MB behind a minted token": lambda: whole(
        gzip.compress(minted("").encode()) + b"x" * (57 << 20), CREATE, "gzip"
    ),
    "a gzip bomb of 1 GB": lambda: whole(bomb(1000), encoding="deflate"),
    "a bomb in a bomb": lambda: whole(zlib.compress(bomb(1000)), encoding="deflate, deflate"),
    "400,000 gzip members": lambda: Hostile(short_members),
    "empty rows": lambda: rows("{}"),
    "empty rows at the limit": lambda: rows("{}", 3 * 28_000),
    "rows at the limit": lambda: rows('{"id":"1"}', 11 * 28_000),
    "rows at the limit, as a table": lambda: rows('{"id":"1"}', 11 * 28_000, TABLE),
    "numbers": lambda: rows("1"),
    "long rows": lambda: rows('{"id": "' + "x" * 800 + '", "note": "' + "y" * 800 + '"}'),
    "long rows of wide characters": lambda: rows('{"id": "' + "é" * 300 + '", "note": "' + WIDE * 200 + '"}'),
    "keys": lambda: whole(unique_keys(), CREATE),
    "keys at the limit": lambda: whole("{" + ",".join(f'"{n:x}":1' for n in range(99_000)) + "}", CREATE),
    "lists in lists": lambda: whole("[" * FULL, CREATE),
    "lists in lists that end": lambda: whole('{"a":' + "[" * 400_000 + "]" * 400_000 + "}", CREATE),
    "objects in objects": lambda: whole('{"a":' * 1_000_000, CREATE),
    "quotes and backslashes": lambda: whole('["' + '\\"' * (FULL // 2 - 3), CREATE),
    "commas in a string": lambda: whole(minted("," * (FULL - 400)), CREATE),
    "one long string": lambda: whole(minted("x" * (FULL - 400)), CREATE),
    "one long string with a wide character": lambda: whole(minted("x" * (FULL - 400) + WIDE), CREATE),
    "one long string of wide characters": lambda: whole(minted(WIDE * (FULL // 4 - 100)), CREATE),
    "one long string of accents": lambda: whole(minted("é" * (FULL // 2 - 200)), CREATE),
    "one long string of escapes": lambda: whole(minted("\x01" * (FULL // 6 - 400)), CREATE),
    "one long string of broken bytes": lambda: whole(
        minted("").encode().replace(b'""', b'"' + b"\xff" * (FULL - 400) + b'"'), CREATE
    ),
    "UTF-16": lambda: whole(minted("x" * (FULL // 2 - 400)).encode("utf-16"), CREATE),
    "the credential again and again": lambda: whole(minted(CREDENTIAL * (FULL // 40)), CREATE),
    "the credential with spaces": lambda: whole(minted(f"{CREDENTIAL} " * (FULL // 40)), CREATE),
    "the credential, cut": lambda: whole(minted(f"{CREDENTIAL[:-2]} " * (FULL // 40)), CREATE),
    "the credential in each scope": lambda: whole(minted("", scopes=[CREDENTIAL] * 150_000), CREATE),
    "a part of the credential in each scope": lambda: whole(minted("", scopes=[CREDENTIAL[:12]] * 150_000), CREATE),
    "the token in each scope": lambda: whole(minted("", scopes=[TOKEN] * 150_000), CREATE),
    "the credential in each row": lambda: rows(f'{{"id":"{CREDENTIAL}"}}', 43 * 28_000),
    "percent signs": lambda: whole(minted("%25" * 80_000 + CREDENTIAL), CREATE),
    "backslashes": lambda: whole(minted("\\" * 260_000 + CREDENTIAL), CREATE),
    "entities": lambda: whole(minted("&amp;" * 50_000 + CREDENTIAL), CREATE),
    "escapes in each scope": lambda: whole(
        minted(CREDENTIAL, scopes=[f"%25{n:x}\\x41&lt;" for n in range(150_000)]), CREATE
    ),
    "characters in each scope": lambda: whole(minted(CREDENTIAL, scopes=list(CREDENTIAL) * 4_500), CREATE),
    "an error of tokens": lambda: whole(
        json.dumps([{"message": "m"}, *({"token": f"{n:040}"} for n in range(45_000))]), CREATE, status=422
    ),
    "an error of words": lambda: whole(json.dumps({"errors": [["w" * 20] * 1000] * 150}), CREATE, status=422),
    "an error of one long line": lambda: whole("x" * FULL, CREATE, status=400),
    "an error of random letters": lambda: whole(json.dumps({"message": "a1B2c3D4" * (FULL // 9)}), CREATE, status=400),
    "a page of brackets": lambda: whole("<title>" + "<" * (FULL - 10), CREATE),
    "numbers of many digits": lambda: whole("[" + ",".join(["9" * 4000] * 2000) + "]", CREATE),
    "a comma after each list": lambda: whole("[" + "[1,]," * 60_000 + "1]", CREATE),
    "a key twice, often": lambda: whole(f"[{f'{TWICE},' * 30_000}1]", CREATE),
    "JSON in a string": lambda: whole(json.dumps("[" + "{}," * 60_000 + "1]" + " " * 4_000_000), CREATE),
    "chunks without end": lambda: endless(CHUNKED, b"ffff\r\n" + b" " * 0xFFFF + b"\r\n"),
    "small chunks without end": lambda: endless(CHUNKED, b"1\r\n \r\n" * 10_000),
    "a body without end": lambda: endless(head(), b" " * 65536),
    "a token and a body without end": lambda: endless(head() + minted("").encode(), b" " * 65536, action=CREATE),
    "headers without end": lambda: endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "headers that come slowly": lambda: endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05),
    "one header without end": lambda: endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 65536),
    "folded lines without end": lambda: endless(b"HTTP/1.1 200 OK\r\nX-A: b\r\n", b" b\r\n" * 1000),
    "100 Continue without end": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a chunk extension without end": lambda: endless(CHUNKED, b"1;" + b"a" * 65536),
    "trailers without end": lambda: endless(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000),
    "a body that comes slowly": lambda: drip(head(Content_Length=10_000) + b"[" + b" " * 9999),
    "a token that comes slowly": lambda: drip(head(Content_Length=5_000) + minted("x" * 4000).encode(), CREATE),
    "a status line that comes slowly": lambda: drip(b"HTTP/1.1 200 " + b"O" * 10_000),
    "nothing at all": lambda: Hostile(lambda: [b"", b""], CREATE, 15),
}
PAGES: dict[str, Callable[[socket.socket], bool]] = {
    "pages of rows": pages('{"id":"1"}', 10_000),
    "pages of empty rows": pages("{}", 60_000),
    "pages of long rows": pages('{"id":"' + "x" * 250_000 + '"}', 28),
    "pages of wide rows": pages('{"id":"' + WIDE * 50_000 + '"}', 28),
    "pages of a few rows": pages('{"id":"1"}', 1),
}


def measured(name: str, timeout: float = TIMEOUT) -> CommandCost:
    """Return what the hostile response *name* costs, in seconds and megabytes."""
    case = HOSTILE[name]() if name in HOSTILE else None
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(
            answer(201, created()) if case and case.action is CREATE else answer(200, []),
            case.send if case else PAGES[name],
        ) as server,
    ):
        for file, text in PAGED.items():
            Path(folder, file).write_text(text)
        action = case.action if case else (f"{folder}/ls.yaml",)
        environment = {
            **dict.fromkeys(("LOCOIA_TOKEN", "ACME_TOKEN"), CREDENTIAL),
            **dict.fromkeys(("LOCOIA_BASE_URL", "ACME_BASE_URL"), server.url),
            "LOCOIA_PAT_STATE": f"{folder}/state",
            "PYTHONIOENCODING": "ascii",  # each character takes six bytes or more when it is printed
        }
        return cost_of(["run", *action, "--timeout", f"{timeout:g}"], environment)


def main(names: Iterable[str]) -> int:
    """Measure the responses with these *names*, or all; return 1 if one exceeds a bound."""
    worst = 0
    for name in names or [*HOSTILE, *PAGES]:
        try:
            cost = measured(name)
        except RuntimeError as error:
            print(f"{name:42} {error}", flush=True)
            worst = 1
            continue
        bad = cost["megabytes"] > MEGABYTES or cost["seconds"] > 1.2 * TIMEOUT
        worst |= bad
        print(
            f"{name:42} {cost['megabytes']:5} MB {cost['seconds']:6.2f} s ({cost['processor']:6.2f} s of the processor)"
            f" {cost['outcome'] or '-':10}{' TOO MUCH' if bad else ''}",
            flush=True,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
