"""Packed answers: unpacked within bounds, and what is not whole is no answer."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.http.body import MAX_RESPONSE_BYTES
from tests.support.loopback import send, serving

if TYPE_CHECKING:
    import socket

ROWS = json.dumps([{"id": str(n), "note": "x" * 50} for n in range(100)]).encode()


def listed(content: bytes, encoding: str) -> Result:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    with (
        serving(send(head.encode() + content)) as server,
        Connector(ConnectorAuth(Secret("fake-credential")), base_url=server.url, timeout=10) as api,
    ):
        result = api.run("list_pats")
        assert server.got[0].headers["accept-encoding"] == "gzip, deflate"
    return result


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (gzip.compress(ROWS), "gzip"),
        (zlib.compress(ROWS), "Deflate"),
        (gzip.compress(ROWS), "x-gzip"),
        (ROWS, "identity"),
        (gzip.compress(gzip.compress(ROWS)), "gzip, gzip"),
        (ROWS, "br"),
    ],
    ids=["gzip", "deflate", "x-gzip", "identity", "twice", "a plain body with another label"],
)
def test_a_packed_answer_is_read(content: bytes, encoding: str) -> None:
    result = listed(content, encoding)
    assert result.outcome is Outcome.DONE
    assert len((result.data or {})["tokens"]) == 100


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        (gzip.compress(ROWS)[:-9], "gzip", "the response is truncated"),
        (b"no gzip", "gzip", "the response cannot be decompressed"),
        (b"\x0b\x02\x80[1]\x03", "br", "a content encoding that was not asked for"),
        (gzip.compress(b" " * (MAX_RESPONSE_BYTES + 1)), "gzip", f"larger than {MAX_RESPONSE_BYTES} bytes"),
    ],
    ids=["cut", "no gzip", "another", "bomb"],
)
def test_a_packed_answer_that_is_not_whole_is_none(content: bytes, encoding: str, told: str) -> None:
    result = listed(content, encoding)
    assert (result.outcome, result.data) == (Outcome.NOT_DONE, None)
    assert result.problem is not None
    assert told in result.problem.message


def test_small_chunks_that_have_all_arrived_end_with_the_time_of_the_action() -> None:
    def chunks(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\n \r\n" * 20_000)

    for _ in range(3):
        with (
            serving(chunks) as server,
            Connector(ConnectorAuth(Secret("fake-credential")), base_url=server.url, timeout=0.4) as api,
        ):
            result = api.run("list_pats")
        assert result.outcome is Outcome.NOT_DONE
        assert result.problem is not None
        assert result.problem.message.endswith("it took too long")
        assert result.attempts == 1
