"""The network edge: httpx lives here and nowhere else.

One try in, one :class:`~locoia_pat.wire.Reply` or :class:`~locoia_pat.wire.Failure` out.  Nothing of httpx leaves:
a request holds the credential and an answer may hold a fresh token, and httpx's exceptions hold both.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
import zlib
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import truststore

from .address import is_loopback
from .secret import Secret, revealed
from .version import VERSION
from .wire import Answer, Failure, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes an answer may have, unpacked."""
_CONNECT_SECONDS = 10.0
_PACKED = ("gzip", "x-gzip", "deflate")
_BYTES = re.compile(r"\bbytearray\(|\bb['\"]")
"""Where a message of h11 begins to repeat what came or went."""
_ANY_HEADER = 47  # zlib's and gzip's alike

# httpx says with these that the request did not leave; everything else may have reached the server.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)


_exchanging: ContextVar[bool] = ContextVar("exchanging", default=False)


class _Silence(logging.Filter):
    """Keeps back what httpx and httpcore log of our exchanges: addresses, and the headers of answers as they are."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return not _exchanging.get()


_silence = _Silence()
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_silence)


class _Credential(httpx.Auth):
    """Puts the credential's header on a request for its flight alone, so that what is left of it shows no token."""

    def __init__(self, header: tuple[str, Secret]) -> None:
        self._header = header

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        name, value = self._header
        request.headers[name] = value.reveal()
        try:
            yield request
        finally:
            del request.headers[name]


class Executor:
    """Sends requests to one API over connections that are kept."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(**_options(base_url))

    def send(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> Answer:
        """One try, with the credential *header*, that takes about *seconds* at most."""
        silent = _exchanging.set(True)
        try:
            return self._try(request, header, seconds)
        except _FAILURES as error:
            return _failure(error)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            interrupt = error
        finally:
            _exchanging.reset(silent)
        raise _bare(interrupt)

    def _try(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> Answer:
        until = time.monotonic() + seconds
        response = self._client.send(_built(self._client, request, seconds), auth=_auth(header), stream=True)
        try:
            body = _Body(response, until)
            for chunk in response.iter_raw():
                if not body.takes(chunk):
                    break
            return body.answer()
        finally:
            response.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class AsyncExecutor:
    """The same for async code."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(**_options(base_url))

    async def send(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> Answer:
        """One try, with the credential *header*, that takes about *seconds* at most."""
        silent = _exchanging.set(True)
        try:
            return await self._try(request, header, seconds)
        except _FAILURES as error:
            return _failure(error)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            interrupt = error
        finally:
            _exchanging.reset(silent)
        raise _bare(interrupt)

    async def _try(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> Answer:
        until = time.monotonic() + seconds
        response = await self._client.send(_built(self._client, request, seconds), auth=_auth(header), stream=True)
        try:
            body = _Body(response, until)
            async for chunk in response.aiter_raw():
                if not body.takes(chunk):
                    break
            return body.answer()
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _options(base_url: str) -> dict[str, Any]:
    """How both clients are made: TLS on, no redirects, no cookies, and loopback never through a proxy."""
    loopback = is_loopback(urlsplit(base_url).hostname)
    return {
        "verify": _tls(base_url),
        "trust_env": not loopback,
        "follow_redirects": False,
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "headers": {"user-agent": f"locoia-pat/{VERSION}", "accept-encoding": "gzip, deflate"},
    }


def _tls(base_url: str) -> ssl.SSLContext:
    if base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; trusts nobody, and costs no reading of files
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _built(client: httpx.Client | httpx.AsyncClient, request: Request, seconds: float) -> httpx.Request:
    timeout = httpx.Timeout(max(seconds, 0.001), connect=min(max(seconds, 0.001), _CONNECT_SECONDS))
    return client.build_request(
        request.method,
        request.url,
        headers=[(name, revealed(value)) for name, value in request.headers],
        content=request.content.reveal().encode() if request.content is not None else None,
        timeout=timeout,
    )


def _auth(header: tuple[str, Secret] | None) -> httpx.Auth | None:
    return _Credential(header) if header else None


class _Body:
    """Gathers an answer within its limits of size and time, and unpacks it no further than that."""

    def __init__(self, response: httpx.Response, until: float) -> None:
        self._response = response
        self._until = until
        self._chunks = bytearray()
        self._cut: str | None = None
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        self._unpacking = zlib.decompressobj(_ANY_HEADER) if packed in _PACKED else None
        if self._unpacking is None and packed != "identity":
            self._cut = "the answer is packed in a way that was not asked for"

    def takes(self, chunk: bytes) -> bool:
        if self._cut:
            return False
        try:
            room = MAX_ANSWER + 1 - len(self._chunks)
            self._chunks += self._unpacking.decompress(chunk, room) if self._unpacking else chunk
        except zlib.error:
            self._cut = "the answer cannot be unpacked"
        if len(self._chunks) > MAX_ANSWER:
            self._cut = f"the answer is larger than {MAX_ANSWER} bytes"
        elif time.monotonic() > self._until:
            self._cut = "the answer took too long"
        return self._cut is None

    def answer(self) -> Answer:
        if self._unpacking and not self._cut and self._chunks and not self._unpacking.eof:
            self._cut = "the answer ends before its end"
        if self._cut:
            return Failure(self._cut, sent=True)
        response = self._response
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, Secret(self._chunks.decode("utf-8", "replace")))


def _failure(error: Exception) -> Failure:
    kind = type(error).__name__
    words = " ".join(_BYTES.split(str(error))[0].split())[:300]
    return Failure(f"{kind}: {words}" if words else kind, sent=not isinstance(error, _NOT_SENT))


def _bare(error: BaseException) -> BaseException:
    """*Error* without the frames and the other errors it carries, which hold the request and the answer."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
