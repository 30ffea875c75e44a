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


def pages(connection: socket.socket) -> bool:
    """A page of rows, and the URL of the next one."""
    body = ("[" + ",".join(f'{{"id": "{n}{time.monotonic_ns()}"}}' for n in range(20_000)) + "]").encode()
    link = f'</v1/personal-access-tokens?p={time.monotonic_ns()}>; rel="next"'
    connection.sendall(head(Content_Length=len(body), Link=link) + body)
    return True


def unique_keys() -> str:
    return "{" + ",".join(f'"{n:x}":1' for n in range(FULL // 10)) + "}"


def short_members() -> Iterator[bytes]:
    member = gzip.compress(b" ")
    yield head(Content_Encoding="gzip", Content_Length=len(member) * (FULL // len(member)))
    yield member * (FULL // len(member))


TWICE = f'{{"token":"{TOKEN}","token":"{TOKEN[::-1]}"}}'
CHUNKED = head(Transfer_Encoding="chunked")
HOSTILE: dict[str, Hostile] = {
    "57 MB behind the end of a gzip body": whole(gzip.compress(b"[]") + bytes(57 << 20), encoding="gzip"),
    "57 MB behind a minted token": whole(gzip.compress(minted("").encode()) + b"x" * (57 << 20), CREATE, "gzip"),
    "a gzip bomb of 1 GB": whole(bomb(1000), encoding="deflate"),
    "a bomb in a bomb": whole(zlib.compress(bomb(1000)), encoding="deflate, deflate"),
    "400,000 gzip members": Hostile(short_members),
    "empty rows": rows("{}"),
    "empty rows at the limit": rows("{}", 2 * 100_000),
    "rows at the limit": rows('{"id":"1"}', 11 * 50_000),
    "rows at the limit, as a table": rows('{"id":"1"}', 11 * 50_000, TABLE),
    "numbers": rows("1"),
    "long rows": rows('{"id": "' + "x" * 800 + '", "note": "' + "y" * 800 + '"}'),
    "long rows of wide characters": rows('{"id": "' + "é" * 300 + '", "note": "' + WIDE * 200 + '"}'),
    "keys": whole(unique_keys(), CREATE),
    "keys at the limit": whole("{" + ",".join(f'"{n:x}":1' for n in range(99_000)) + "}", CREATE),
    "lists in lists": whole("[" * FULL, CREATE),
    "lists in lists that end": whole('{"a":' + "[" * 400_000 + "]" * 400_000 + "}", CREATE),
    "objects in objects": whole('{"a":' * 1_000_000, CREATE),
    "quotes and backslashes": whole('["' + '\\"' * (FULL // 2 - 3), CREATE),
    "commas in a string": whole(minted("," * (FULL - 400)), CREATE),
    "one long string": whole(minted("x" * (FULL - 400)), CREATE),
    "one long string with a wide character": whole(minted("x" * (FULL - 400) + WIDE), CREATE),
    "one long string of wide characters": whole(minted(WIDE * (FULL // 4 - 100)), CREATE),
    "one long string of accents": whole(minted("é" * (FULL // 2 - 200)), CREATE),
    "one long string of escapes": whole(minted("\x01" * (FULL // 6 - 400)), CREATE),
    "one long string of broken bytes": whole(
        minted("").encode().replace(b'""', b'"' + b"\xff" * (FULL - 400) + b'"'), CREATE
    ),
    "UTF-16": whole(minted("x" * (FULL // 2 - 400)).encode("utf-16"), CREATE),
    "the credential again and again": whole(minted(CREDENTIAL * (FULL // 40)), CREATE),
    "the credential with spaces": whole(minted(f"{CREDENTIAL} " * (FULL // 40)), CREATE),
    "the credential, cut": whole(minted(f"{CREDENTIAL[:-2]} " * (FULL // 40)), CREATE),
    "the credential in each scope": whole(minted("", scopes=[CREDENTIAL] * 150_000), CREATE),
    "a part of the credential in each scope": whole(minted("", scopes=[CREDENTIAL[:12]] * 150_000), CREATE),
    "the token in each scope": whole(minted("", scopes=[TOKEN] * 150_000), CREATE),
    "the credential in each row": rows(f'{{"id":"{CREDENTIAL}"}}', 46 * 60_000),
    "an error of tokens": whole(
        json.dumps([{"message": "m"}, *({"token": f"{n:040}"} for n in range(45_000))]), CREATE, status=422
    ),
    "an error of words": whole(json.dumps({"errors": [["w" * 20] * 1000] * 150}), CREATE, status=422),
    "an error of one long line": whole("x" * FULL, CREATE, status=400),
    "an error of random letters": whole(json.dumps({"message": "a1B2c3D4" * (FULL // 9)}), CREATE, status=400),
    "a page of brackets": whole("<title>" + "<" * (FULL - 10), CREATE),
    "numbers of many digits": whole("[" + ",".join(["9" * 4000] * 2000) + "]", CREATE),
    "a comma after each list": whole("[" + "[1,]," * 60_000 + "1]", CREATE),
    "a key twice, often": whole(f"[{f'{TWICE},' * 30_000}1]", CREATE),
    "JSON in a string": whole(json.dumps("[" + "{}," * 60_000 + "1]" + " " * 4_000_000), CREATE),
    "chunks without end": endless(CHUNKED, b"ffff\r\n" + b" " * 0xFFFF + b"\r\n"),
    "small chunks without end": endless(CHUNKED, b"1\r\n \r\n" * 10_000),
    "a body without end": endless(head(), b" " * 65536),
    "a token and a body without end": endless(head() + minted("").encode(), b" " * 65536, action=CREATE),
    "headers without end": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "headers that come slowly": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05),
    "one header without end": endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 65536),
    "folded lines without end": endless(b"HTTP/1.1 200 OK\r\nX-A: b\r\n", b" b\r\n" * 1000),
    "100 Continue without end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a chunk extension without end": endless(CHUNKED, b"1;" + b"a" * 65536),
    "trailers without end": endless(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000),
    "a body that comes slowly": drip(head(Content_Length=10_000) + b"[" + b" " * 9999),
    "a token that comes slowly": drip(head(Content_Length=5_000) + minted("x" * 4000).encode(), CREATE),
    "a status line that comes slowly": drip(b"HTTP/1.1 200 " + b"O" * 10_000),
    "nothing at all": Hostile(lambda: (time.sleep(30) or b"" for _ in [0]), CREATE),
}
COMMANDS: dict[str, Any] = {"pages of rows": pages}


def measured(name: str, timeout: float = TIMEOUT) -> CommandCost:
    """Return what the hostile response *name* costs, in seconds and megabytes."""
    case = HOSTILE.get(name)
    action = case.action if case else LIST
    harmless = answer(201, created()) if action is CREATE else answer(200, [])
    with tempfile.TemporaryDirectory() as folder, serving(harmless, case.send if case else pages) as server:
        environment = {
            "LOCOIA_TOKEN": CREDENTIAL,
            "LOCOIA_BASE_URL": server.url,
            "LOCOIA_PAT_STATE": folder,
            "PYTHONIOENCODING": "ascii",  # each character takes six bytes or more when it is printed
        }
        return cost_of(["run", *action, "--timeout", f"{timeout:g}"], environment)


def main(names: Iterable[str]) -> int:
    """Measure the responses with these *names*, or all; return 1 if one exceeds a bound."""
    worst = 0
    for name in names or [*HOSTILE, *COMMANDS]:
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
