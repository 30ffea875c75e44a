"""What objects do in a process that was just forked: their threads, locks and connections belong to its parent."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_calls: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def call_after_fork(instance: _T, call: Callable[[_T], None]) -> None:
    """Call *call* with *instance* in each process that is forked while it exists."""
    _calls[instance] = call


def _run_calls() -> None:
    for instance, call in list(_calls.items()):
        call(instance)


with suppress(AttributeError):  # Windows has no forks
    os.register_at_fork(after_in_child=_run_calls)
