"""The API for benchmarks: a process of its own on loopback that answers at once, and tells what it was sent.

It ends when its standard input does.  ``GET /v1/personal-access-tokens`` answers with as many rows as the first
argument says, or with those that the JSON file of that name has for the credential; ``GET /seen`` tells all requests
since it was asked last, each with how often it came.  With a key and a certificate as further arguments it speaks
https.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

MOST_SEEN = 100_000
"""The most different requests that are told apart."""
ROW = {"scopes": ["embed"], "note": "CI", "expires_at": "2027-01-01T00:00:00Z", "last_used": None}
CREATED = json.dumps({**ROW, "id": "8f14e45f-ceea-467f-a9e6-2d1c0c0e1a2b", "token": "fake_9aK2mQ7xR4tW8zB3nV6c"})


def rows(count: int) -> str:
    """A list of so many tokens."""
    return json.dumps([{**ROW, "id": f"8f14e45f-ceea-467f-a9e6-{number:012}"} for number in range(count)])


@lru_cache(maxsize=1)
def listed(file: Path) -> dict[str, bytes]:
    """The answers to lists in *file*, which is written once the server runs."""
    return {token: answer("200 OK", json.dumps(found)) for token, found in json.loads(file.read_text()).items()}


def answer(status: str, body: str) -> bytes:
    """An answer as it is sent."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


REFUSED = answer("401 Unauthorized", "{}")


class Head(NamedTuple):
    """What stands before a request's body."""

    line: str
    authorization: str
    length: int


@lru_cache(maxsize=1024)
def read(raw: bytes) -> Head:
    """A head as it came; the same ones come again and again."""
    line, *fields = raw.decode("latin-1").split("\r\n")
    values = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Head(line, values.get("authorization", ""), int(values.get("content-length", 0)))


class Api:
    """What is answered, and what was sent."""

    def __init__(self, count: str) -> None:
        self._created = answer("201 Created", CREATED)
        self._listed = answer("200 OK", rows(int(count))) if count.isdecimal() else b""
        self._lists = Path(count)
        self._seen: Counter[tuple[str, str, bytes]] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            while True:
                head = read(await reader.readuntil(b"\r\n\r\n"))
                body = await reader.readexactly(head.length)
                writer.write(self._answer(head, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: Head, body: bytes) -> bytes:
        if head.line.startswith("GET /seen"):
            told = [[*sent[:2], sent[2].decode(), times] for sent, times in self._seen.items()]
            self._seen.clear()
            return answer("200 OK", json.dumps(told))
        if len(self._seen) > MOST_SEEN:
            self._seen = Counter({("and others", "", b""): self._seen.total()})
        self._seen[head.line, head.authorization, body] += 1
        if head.line.startswith("POST"):
            return self._created
        return self._listed or listed(self._lists).get(head.authorization.removeprefix("Bearer "), REFUSED)


async def main(count: str, *certificate: str) -> None:
    """Serve, and print the port."""
    tls = None
    if certificate:
        key, chain = certificate
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(chain, key)
    server = await asyncio.start_server(Api(count).serve, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
