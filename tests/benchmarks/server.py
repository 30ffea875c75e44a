"""The API for benchmarks: a process of its own on loopback that answers at once, and tells what it was sent.

It takes the bodies of ``POST`` requests as they come; ``GET /seen`` gives them back, once, as a JSON list.
``GET /v1/personal-access-tokens`` answers with as many rows as the first argument says.
"""

from __future__ import annotations

import asyncio
import json
import sys

ROW = {"scopes": ["embed"], "note": "CI", "expires_at": "2027-01-01T00:00:00Z", "last_used": None}
CREATED = json.dumps({**ROW, "id": "8f14e45f-ceea-467f-a9e6-2d1c0c0e1a2b", "token": "fake_9aK2mQ7xR4tW8zB3nV6c"})


def rows(count: int) -> str:
    """A list of so many tokens."""
    return json.dumps([{**ROW, "id": f"8f14e45f-ceea-467f-a9e6-{number:012}"} for number in range(count)])


def answer(status: str, body: str) -> bytes:
    """An answer as it is sent."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class Api:
    """What is answered, and what was sent."""

    def __init__(self, count: int) -> None:
        self._created = answer("201 Created", CREATED)
        self._listed = answer("200 OK", rows(count))
        self._seen: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                if body:
                    self._seen.append(body.decode())
                writer.write(self._answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"POST"):
            return self._created
        if head.startswith(b"GET /seen"):
            told, self._seen = answer("200 OK", json.dumps(self._seen[-1:])), []
            return told
        return self._listed


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


async def main() -> None:
    """Serve, and print the port."""
    server = await asyncio.start_server(Api(int(sys.argv[1])).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
