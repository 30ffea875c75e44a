"""Signals that end a process, and the moments when they wait.

A run that may mint a token is not interrupted between the first byte of its request and the end of its storing: the
token would be alive, and nowhere.  Before that byte, a signal acts at once, and nothing was sent.

The command loads this module before anything else, so it needs little itself.
"""

from __future__ import annotations

import signal
import sys
import time
from _thread import get_ident  # threading would take longer to load than all of this

TYPE_CHECKING = False  # as in typing, which takes longer to load than this module
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Literal, Self

GRACE = 8.0
"""Seconds that a run may still take once a signal waits for it; a container is killed ten seconds after a SIGTERM."""

_ENDING = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Signals:
    """Turns signals that end a process into ``KeyboardInterrupt``, at moments when that is harmless.

    A signal that was ignored when the process started, as under ``nohup``, stays ignored.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """128 plus the number of the last signal, as shells report it; None before the first one."""
        self.wait_while: Callable[[], bool] = lambda: False
        """Return True while the work under way must not be interrupted."""
        self._previous: dict[int, Any] = {}
        self._raising = False
        self._arrived: list[float] = []

    def install(self) -> bool:
        """Record signals from now on; :meth:`raise_from_here` says when they may interrupt.

        Returns:
            Whether that was to be done; not if it was done before, or in another thread than the main one.

        """
        if self._previous:
            return False
        self.exit_code, self.wait_while, self._raising = None, lambda: False, False
        self._arrived.clear()
        _state.latest = None
        handlers = _handlers()
        try:
            _handle_with(self._handle, handlers)
        except ValueError:  # in another thread than the main one; threading would take long to load here
            return False
        self._previous = handlers
        return True

    @property
    def overdue(self) -> bool:
        """Whether a signal has waited for so long, or come so often, that nothing may wait any longer."""
        return len(self._arrived) > 1 or (bool(self._arrived) and time.monotonic() - self._arrived[0] > GRACE)

    def raise_from_here(self) -> None:
        """Let signals interrupt from now on, one that has arrived already included.

        Raises:
            KeyboardInterrupt: a signal has arrived already.

        """
        self._raising = True
        self.raise_if_pending()

    def raise_if_pending(self) -> None:
        """Raise the interrupt of a signal that has arrived.

        Raises:
            KeyboardInterrupt: there is one.

        """
        if self._raising and self.exit_code is not None and not self.wait_while():
            raise KeyboardInterrupt

    def hold_from_here(self) -> None:
        """Only record signals from now on: what happened is known, and remains to be printed."""
        self._raising = False

    def restore(self, *, default: bool = False) -> None:
        """Put the former handlers back, or those with which a process ends by itself."""
        previous, self._previous = self._previous, {}
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if default else handler)

    def _handle(self, number: int, _: object) -> None:
        self.exit_code = 128 + number
        self._arrived.append(time.monotonic())
        if self._raising and not self.wait_while():
            raise KeyboardInterrupt


signals = Signals()
"""The signals of the command's process."""


def silence_lost_interrupts() -> None:
    """Print nothing about an interrupt that was raised where nothing can be raised, such as a destructor.

    Its signal is recorded, and it is raised again before anything is sent.
    """
    former = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            former(unraisable)

    sys.unraisablehook = hook


class SentInterrupt(KeyboardInterrupt):
    """An interrupt after a request with an effect was sent: it may have happened."""


class Hold:
    """Holds signals back while a run in the main thread must not be interrupted; the innermost of several does nothing.

    A first signal waits for the end of the run, which gets :data:`GRACE` seconds more.  A second one interrupts a run
    that only waits for its response, and never one that has a token to store.
    """

    def __init__(self, *, effect: bool) -> None:
        """Hold signals from the first byte sent on, if the requests inside have an *effect*."""
        self.phase: Literal["idle", "sent", "received", "abandoned"] = "idle"
        self.pending: list[int] = []
        """Signals that wait."""
        self.is_outermost = False
        self.thread = get_ident()
        self._effect = effect
        self.armed = 0
        """How many runs with an effect are under way, one inside the other."""
        self._give_up_at: float | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if not _is_main_thread():
            return self
        if _state.current is None:
            self.is_outermost = True
            _state.current = _state.latest = self
        if self._effect:
            _state.current._arm()  # noqa: SLF001  # same class
        return self

    def _arm(self) -> None:
        """Handle signals from the first run with an effect on; before it, they act as they did."""
        if not self._previous:
            self._previous = _handlers()
            _handle_with(self._handle, self._previous)
        self.armed += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outermost = held()
        if outermost is None:
            return
        outermost.armed -= self._effect
        if not self.is_outermost:
            return
        _state.current = None
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        while self.pending:
            signal.raise_signal(self.pending.pop(0))

    @property
    def ends_process(self) -> bool:
        """Whether a signal waits that will end the program, or raise in it, as soon as this run has ended."""
        handlers = [self._previous[number] for number in self.pending]
        return any(handler in {signal.SIG_DFL, signal.default_int_handler} for handler in handlers)

    @property
    def gave_up(self) -> bool:
        """Whether a signal has waited for so long that the run must end."""
        return self._give_up_at is not None and time.monotonic() >= self._give_up_at

    def _handle(self, number: int, _: object) -> None:
        if self.phase == "received" or (self.phase == "sent" and not self.pending):
            self.pending.append(number)
            self._give_up_at = self._give_up_at or time.monotonic() + GRACE
            return
        if self.phase == "sent":
            self.phase = "abandoned"
            self.pending.clear()
        signal.signal(number, self._previous[number])
        try:
            signal.raise_signal(number)
        finally:
            signal.signal(number, self._handle)

    def begin_sending(self) -> None:
        """Hold signals from now on, if the request that is sent has an effect.

        Raises:
            KeyboardInterrupt: a signal has arrived, and its interrupt was lost, as in a destructor.

        """
        if self.phase == "idle":
            signals.raise_if_pending()
        if self.armed and self.phase in {"idle", "received"}:
            self.phase = "sent"


class _State:
    current: Hold | None = None
    """The one that is active in the main thread."""
    latest: Hold | None = None


_state = _State()


def must_finish() -> bool:
    """Return whether the last run of the main thread was sent, so that its result must be waited for and printed."""
    return _state.latest is not None and _state.latest.phase in {"sent", "received"}


def held() -> Hold | None:
    """Return what holds signals back in this thread, or None."""
    hold = _state.current
    return hold if hold is not None and get_ident() == hold.thread else None


def held_in_time(error: type[Exception]) -> Hold | None:
    """Return what holds signals back in this thread, or None; raise *error* if a signal has waited for too long."""
    hold = held()
    if hold is not None and hold.gave_up:
        raise error("interrupted while it waited for the response")
    return hold


def _is_main_thread() -> bool:
    """Return whether signal handlers run in this thread."""
    import threading  # noqa: PLC0415  # it is loaded by now, and was not when this module was

    return get_ident() == threading.main_thread().ident


def _handlers() -> dict[int, Any]:
    """Return the handlers of the signals that end a process, unless they are ignored or set outside of Python."""
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    return {number: handler for number, handler in handlers.items() if handler not in {None, signal.SIG_IGN}}


def _handle_with(handler: Callable[[int, Any], None], numbers: Iterable[int]) -> None:
    for number in numbers:
        signal.signal(number, handler)
