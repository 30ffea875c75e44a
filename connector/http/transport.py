"""``HttpTransport``: the only module that uses httpx, and httpcore below it.

Each attempt returns a ``Response`` or a ``TransportError`` and nothing of httpx: its exceptions hold the request with
the credential, and the response, which may hold a fresh token.

No attempt takes longer than its deadline, however slowly the server sends.  httpx bounds each read and each write by
itself, so a response whose headers come a byte at a time has no end.  Below httpx are the streams of httpcore
(https://www.encode.io/httpcore/network-backends/), which are wrapped here: each operation may take at most what is left
of the time.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
import time
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.request import getproxies, proxy_bypass  # noqa: TID251  # asked for the proxies; it sends nothing

import httpcore
import httpx
import truststore

from locoia_pat.http.body import CONTENT_ENCODINGS, BodyReader
from locoia_pat.http.exchange_types import Request, ResponseOrError, TransportError
from locoia_pat.http.trace import current_trace, trace_headers
from locoia_pat.http.url import is_loopback
from locoia_pat.interrupts import held, held_in_time
from locoia_pat.secrets.secret import revealed
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from locoia_pat.secrets.secret import Secret

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the current exchange must end, by the monotonic clock; None outside of one."""
_GLANCE = 0.25
"""Seconds after which a read looks whether a signal has waited for too long."""
_MAX_JOINED = 64 * 1024
"""The most bytes of a request that are sent together."""
_CONNECT_SECONDS = 10.0
_TOO_LONG = "it took too long"
_HEADERS = {"user-agent": f"locoia-pat/{VERSION}", "accept-encoding": ", ".join(CONTENT_ENCODINGS)}
_ERRNO = re.compile(r"\[Errno -?[0-9]+\] ")
_BYTES = re.compile(r"\bbytearray\(|\bb['\"]")
"""Where an error message of h11 begins to quote the bytes that were sent or received."""

# With these httpx says that the request did not leave; after any other the server may have received it.
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


_url = lru_cache(maxsize=128)(httpx.URL)  # URLs hold no secret, and parsing them is most of the cost of a request


class _Silence(logging.Filter):
    """Drops what httpx and httpcore log of our exchanges: URLs, and response headers in clear."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return deadline.get() is None


_silence = _Silence()
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_silence)


class HttpTransport:
    """Sends requests to one API and keeps its connections open.  Safe to share between threads."""

    def __init__(self, base_url: str) -> None:
        self._pool = _TransportPool(base_url)

    def send(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> ResponseOrError:
        """Make one attempt, with the credential *header* if there is one, that takes at most *seconds*."""
        outer = deadline.set(time.monotonic() + seconds)
        try:
            return self._attempt(request, header, seconds)
        except _FAILURES as error:
            return _transport_error(error)
        except BaseException as error:  # noqa: BLE001  # raised again below, without its frames
            interrupt = error
        finally:
            deadline.reset(outer)
        raise _without_context(interrupt)

    def _attempt(self, request: Request, header: tuple[str, Secret] | None, seconds: float) -> ResponseOrError:
        sent = _httpx_request(request, header, seconds)
        try:
            response = self._pool.for_url(sent.url).handle_request(sent)
            if (hold := held()) is not None and hold.phase == "sent":
                hold.phase = "received"
            try:
                return _read(request.method, response)
            finally:
                response.close()
        finally:
            if header is not None:
                del sent.headers[header[0]]  # it is on the request only while that is sent

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _read(method: str, response: httpx.Response) -> ResponseOrError:
    body = BodyReader(method, response.status_code, response.headers.raw)
    reason: str | None = None
    end = deadline.get()
    try:
        for chunk in cast("httpx.SyncByteStream", response.stream):
            if not body.feed(chunk):
                break
            if end is not None and time.monotonic() >= end:  # small chunks that have all arrived take time, too
                reason = _TOO_LONG
                break
    except _FAILURES as error:
        reason = _transport_error(error).reason
    return body.result(reason)


class _TransportPool:
    """One httpx transport for each host of an API, direct or through a proxy.

    There is no httpx client around them: it would follow redirects, keep cookies and log, none of which may happen,
    and would double the time of a call.  A connection is reused for five seconds, httpx's default, and never once the
    server has closed it: a POST on it would look as if its response was lost.
    """

    def __init__(self, base_url: str) -> None:
        self._verify = {base_url.partition(":")[0]: _tls_context(base_url)}
        self._transports: dict[bytes, httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def for_url(self, url: httpx.URL) -> httpx.HTTPTransport:
        """Return the transport for the host of *url*, created on first use."""
        host = url.netloc
        with self._lock:
            if host not in self._transports:
                if url.scheme not in self._verify:
                    self._verify[url.scheme] = _tls_context(str(url))
                self._transports[host] = _new_transport(self._verify[url.scheme], _proxy(url))
            return self._transports[host]

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


def _new_transport(verify: ssl.SSLContext, proxy: str | None) -> httpx.HTTPTransport:
    try:
        transport = httpx.HTTPTransport(verify=verify, proxy=proxy)
    except (ValueError, ImportError, httpx.InvalidURL):  # their messages may hold the proxy's password
        message = "the proxy in the environment is not an http or https URL, or needs httpx[socks]"
    else:
        transport._pool._network_backend = DeadlineBackend()  # noqa: SLF001  # httpx has no option for it
        return transport
    raise httpx.ProxyError(message)


def _proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment or the system names for *url*; a loopback host has none."""
    if is_loopback(url.host) or proxy_bypass(url.netloc.decode()):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _tls_context(base_url: str) -> ssl.SSLContext:
    if base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; it trusts no certificate and reads no files
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _httpx_request(request: Request, header: tuple[str, Secret] | None, seconds: float) -> httpx.Request:
    """Return *request* for httpx, with the credential on it."""
    seconds = max(seconds, 0.001)
    headers = _HEADERS | {name: revealed(value) for name, value in request.headers}
    if (trace := current_trace.get()) is not None:
        headers |= trace_headers(trace)
    if header is not None:
        name, value = header
        headers.pop(name.lower(), None)
        headers[name] = value.reveal()
    upload, content = request.upload, request.content
    return httpx.Request(
        request.method,
        _url(request.url),
        headers=headers,
        content=upload.body if upload is not None else content.reveal().encode() if content is not None else None,
        extensions={
            "timeout": {"connect": min(seconds, _CONNECT_SECONDS), "read": seconds, "write": seconds, "pool": seconds}
        },
    )


def _transport_error(error: Exception) -> TransportError:
    kind = type(error).__name__
    timed_out = isinstance(error, httpx.TimeoutException)
    message = _TOO_LONG if timed_out else " ".join(_BYTES.split(str(error))[0].split())[:300]
    if isinstance(error, httpx.ConnectError) and message:
        return TransportError(_ERRNO.sub("", message), sent=False)
    return TransportError(f"{kind}: {message}" if message else kind, sent=not isinstance(error, _NOT_SENT))


def _without_context(error: BaseException) -> BaseException:
    """Return *error* without its frames and chained errors, which hold the request and the response."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def _remaining(timeout: float | None, error: type[Exception]) -> float | None:
    """Return *timeout*, or the seconds left of the exchange if that is less."""
    end = deadline.get()
    if end is None:
        return timeout
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise error("the exchange took too long")
    return seconds if timeout is None else min(seconds, timeout)


class DeadlineBackend(httpcore.SyncBackend):
    """Opens streams that keep the deadline."""

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """Connect to a host."""
        held_in_time(httpcore.ConnectError)
        return _DeadlineStream(super().connect_tcp(*args, **options))


class _DeadlineStream(httpcore.NetworkStream):
    """Keeps the deadline, and sends the head and the body of a small request together, as the server reads them."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._send(b"", timeout)
        while True:
            seconds = _remaining(timeout, httpcore.ReadTimeout)
            hold = held_in_time(httpcore.ReadError)
            glance = _GLANCE if hold is not None and (seconds is None or seconds > _GLANCE) else seconds
            try:
                return self._stream.read(max_bytes, glance)
            except httpcore.ReadTimeout:
                if glance is seconds:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*, or keep it until its request is complete: at its end, httpcore writes nothing."""
        if buffer and len(self._unsent) + len(buffer) <= _MAX_JOINED:
            self._unsent += buffer
        else:
            self._send(buffer, timeout)

    def _send(self, buffer: bytes, timeout: float | None) -> None:
        """Send what is not sent yet, and *buffer* after it."""
        unsent, self._unsent = self._unsent, b""
        for part in (unsent, buffer):
            if part:
                seconds = _remaining(timeout, httpcore.WriteTimeout)
                if (hold := held_in_time(httpcore.WriteError)) is not None:
                    hold.begin_sending()
                self._stream.write(part, seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _remaining(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
