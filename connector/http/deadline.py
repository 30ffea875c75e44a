"""Network streams that keep a deadline: no exchange takes longer, however slowly the server sends.

httpx bounds each read and each write by itself, so a response whose headers come a byte at a time has no end.  Below
httpx are the streams of httpcore (https://www.encode.io/httpcore/network-backends/), which are wrapped here: each
operation may take at most what is left of the exchange's time.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore

from locoia_pat.interrupts import held

if TYPE_CHECKING:
    import ssl

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the current exchange must end, by the monotonic clock; None outside of one."""
_GLANCE = 0.25
"""Seconds after which a read looks whether a signal has waited for too long."""
_INTERRUPTED = "interrupted while it waited for the response"


def _remaining(timeout: float | None, error: type[Exception]) -> float | None:
    """Return *timeout*, or the seconds left of the exchange if that is less."""
    end = deadline.get()
    if end is None:
        return timeout
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise error("the exchange took too long")
    return seconds if timeout is None else min(seconds, timeout)


def is_over() -> bool:
    """Return whether the time of the current exchange is over."""
    end = deadline.get()
    return end is not None and time.monotonic() >= end


def _check_signals(error: type[Exception]) -> None:
    if (hold := held()) is not None and hold.gave_up:
        raise error(_INTERRUPTED)


class DeadlineBackend(httpcore.SyncBackend):
    """Opens streams that keep the deadline."""

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """Connect to a host."""
        _check_signals(httpcore.ConnectError)
        return _DeadlineStream(super().connect_tcp(*args, **options))


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            _check_signals(httpcore.ReadError)
            seconds = _remaining(timeout, httpcore.ReadTimeout)
            glance = _GLANCE if held() is not None and (seconds is None or seconds > _GLANCE) else seconds
            try:
                return self._stream.read(max_bytes, glance)
            except httpcore.ReadTimeout:
                if glance is seconds:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _check_signals(httpcore.WriteError)
        if (hold := held()) is not None:
            hold.begin_sending()
        self._stream.write(buffer, _remaining(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _remaining(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
