"""The network edge: httpx lives here and nowhere else.

One try in, one ``Reply`` or ``Failure`` of :mod:`locoia_pat.http.messages` out.  Nothing of httpx leaves:
a request holds the credential and an answer may hold a fresh token, and httpx's exceptions hold both.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx
import truststore

from locoia_pat.http.body import CONTENT_ENCODINGS, BodyReader
from locoia_pat.http.deadline import AsyncDeadlineBackend, DeadlineBackend, deadline
from locoia_pat.http.exchange_types import Request, ResponseOrError, TransportError
from locoia_pat.http.url import is_loopback
from locoia_pat.secrets.secret import revealed
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.secrets.secret import Secret

_CONNECT_SECONDS = 10.0
_HEADERS = {"user-agent": f"locoia-pat/{VERSION}", "accept-encoding": ", ".join(CONTENT_ENCODINGS)}
_BYTES = re.compile(r"\bbytearray\(|\bb['\"]")
"""Where a message of h11 begins to repeat what came or went."""

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


_Transport = TypeVar("_Transport", httpx.HTTPTransport, httpx.AsyncHTTPTransport)
_url = lru_cache(maxsize=128)(httpx.URL)  # they hold no secret, and are most of what a request costs to make


class _Silence(logging.Filter):
    """Keeps back what httpx and httpcore log of our exchanges: addresses, and the headers of answers as they are."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return deadline.get() is None


_silence = _Silence()
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_silence)


class HttpTransport:
    """Sends requests to one API over connections that are kept."""

    def __init__(self, base_url: str) -> None:
        self._ways = _Ways(_way, base_url)

    def send(self, request: Request, header: tuple[str, Secret], seconds: float) -> ResponseOrError:
        """One try, with the credential *header*, that takes *seconds* at most."""
        before = deadline.set(time.monotonic() + seconds)
        try:
            return self._try(request, header, seconds)
        except _FAILURES as error:
            return _failure(error)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            interrupt = error
        finally:
            deadline.reset(before)
        raise _bare(interrupt)

    def _try(self, request: Request, header: tuple[str, Secret], seconds: float) -> ResponseOrError:
        with _built(request, header, seconds) as built:
            response = self._ways.to(built.url).handle_request(built)
            try:
                body = BodyReader(response.status_code, response.headers.raw)
                for chunk in response.iter_raw():
                    if not body.feed(chunk):
                        break
                return body.result()
            finally:
                response.close()

    def close(self) -> None:
        """Close all connections."""
        for transport in self._ways:
            transport.close()


class AsyncHttpTransport:
    """The same for async code."""

    def __init__(self, base_url: str) -> None:
        self._ways = _Ways(_async_way, base_url)

    async def send(self, request: Request, header: tuple[str, Secret], seconds: float) -> ResponseOrError:
        """One try, with the credential *header*, that takes *seconds* at most."""
        before = deadline.set(time.monotonic() + seconds)
        try:
            return await self._try(request, header, seconds)
        except _FAILURES as error:
            return _failure(error)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            interrupt = error
        finally:
            deadline.reset(before)
        raise _bare(interrupt)

    async def _try(self, request: Request, header: tuple[str, Secret], seconds: float) -> ResponseOrError:
        with _built(request, header, seconds) as built:
            response = await self._ways.to(built.url).handle_async_request(built)
            try:
                body = BodyReader(response.status_code, response.headers.raw)
                async for chunk in response.aiter_raw():
                    if not body.feed(chunk):
                        break
                return body.result()
            finally:
                await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._ways:
            await transport.aclose()


class _Ways(Generic[_Transport]):
    """The ways to an API's hosts, directly or through a proxy, each with its own connections.

    They are httpx's transports without a client around them: it would follow redirects, keep cookies and log, none of
    which may happen here, and takes as long as all that is done here.  A connection is used again for five seconds,
    httpx's default, and not once the server has closed it: else a POST on it would look as if its answer was lost.
    """

    def __init__(self, make: Callable[[ssl.SSLContext, str | None], _Transport], base_url: str) -> None:
        self._make: Callable[[ssl.SSLContext, str | None], _Transport] = make
        self._verify = _tls(base_url)
        self._found: dict[bytes, _Transport] = {}
        self._finding = threading.Lock()

    def __iter__(self) -> Iterator[_Transport]:
        return iter(self._found.values())

    def to(self, url: httpx.URL) -> _Transport:
        """The way to the host of *url*, which is looked for once."""
        origin = url.netloc
        with self._finding:
            if origin not in self._found:
                self._found[origin] = self._made(_proxy(url))
            return self._found[origin]

    def _made(self, proxy: str | None) -> _Transport:
        try:
            return self._make(self._verify, proxy)
        except (ValueError, ImportError, httpx.InvalidURL):  # their words may hold the proxy's password
            wrong = "the proxy of the environment is no http or https address, or needs httpx[socks]"
        raise httpx.ProxyError(wrong)


def _way(verify: ssl.SSLContext, proxy: str | None) -> httpx.HTTPTransport:
    made = httpx.HTTPTransport(verify=verify, proxy=proxy)
    made._pool._network_backend = DeadlineBackend()  # noqa: SLF001  # httpx hands none on to its pool
    return made


def _async_way(verify: ssl.SSLContext, proxy: str | None) -> httpx.AsyncHTTPTransport:
    made = httpx.AsyncHTTPTransport(verify=verify, proxy=proxy)
    made._pool._network_backend = AsyncDeadlineBackend()  # noqa: SLF001  # as above
    return made


def _proxy(url: httpx.URL) -> str | None:
    """The proxy that the environment or the system names for *url*; this computer is never reached through one."""
    if is_loopback(url.host) or proxy_bypass(url.netloc.decode()):
        return None
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _tls(base_url: str) -> ssl.SSLContext:
    if base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; trusts nobody, and costs no reading of files
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def _built(request: Request, header: tuple[str, Secret], seconds: float) -> Iterator[httpx.Request]:
    """*Request* for httpx; the credential is on it for its flight alone, so that what is left of it shows no token."""
    seconds = max(seconds, 0.001)
    built = httpx.Request(
        request.method,
        _url(request.url),
        headers={**_HEADERS, **{name: revealed(value) for name, value in request.headers}},
        content=request.content.reveal().encode() if request.content is not None else None,
        extensions={
            "timeout": {"connect": min(seconds, _CONNECT_SECONDS), "read": seconds, "write": seconds, "pool": seconds}
        },
    )
    name, value = header
    built.headers[name] = value.reveal()
    try:
        yield built
    finally:
        del built.headers[name]


def _failure(error: Exception) -> TransportError:
    kind = type(error).__name__
    late = isinstance(error, httpx.TimeoutException)
    words = "it took too long" if late else " ".join(_BYTES.split(str(error))[0].split())[:300]
    return TransportError(f"{kind}: {words}" if words else kind, sent=not isinstance(error, _NOT_SENT))


def _bare(error: BaseException) -> BaseException:
    """*Error* without the frames and the other errors it carries, which hold the request and the answer."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
