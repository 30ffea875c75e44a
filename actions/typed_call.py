"""What typed functions say about arguments that do not fit."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypedDict, TypeVar

from locoia_pat import Connector
from locoia_pat.messages import describe_value, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.state.journal import State


class CallOptions(TypedDict, total=False):
    """Options of a call for a managed name."""

    state: State | None
    """The journal and the leases; by default the user's."""
    wait: float
    """Seconds to wait for another process that works on the name; 60 by default."""
    settle: float
    """Seconds to wait for a request whose response was lost."""
    operation_id: str | None
    """The id of this call, if it may be retried: 16 characters of base32."""


_P = ParamSpec("_P")
_R = TypeVar("_R")


def typed(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let *function*, whose first parameter is a connector, say what to write if it is called wrongly."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if mistake := _mistake(function, args, kwargs):
            raise TypeError(mistake)
        return function(*args, **kwargs)

    return call


def _mistake(function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> str | None:
    """Return what is wrong with the arguments of a call, and what to write; None if they fit."""
    import inspect  # noqa: PLC0415  # slow to load, and the command calls no typed function

    name, signature = function.__name__, inspect.signature(function)
    connector = args[0] if args else kwargs.get("connector")
    required = [item for item in signature.parameters.values() if item.default is item.empty][1:]
    example = ", ".join(["connector", *(f"{item.name}=…" for item in required if item.kind is not item.VAR_KEYWORD)])
    if not isinstance(connector, Connector):
        given = "nothing" if connector is None else "a string" if isinstance(connector, str) else None
        problem = f"the first argument is a Connector, not {given or describe_value(connector)}"
        return f"{problem}: with Connector(ConnectorAuth.from_env()) as connector: {name}({example})"
    options = CallOptions.__annotations__ if "options" in signature.parameters else {}
    known = [*signature.parameters.keys() - {"options"}, *options]
    if unknown := next((key for key in kwargs if key not in known), None):
        return f"{name} has no argument {unknown}{did_you_mean(unknown, known) or f'; write {name}({example})'}"
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"{name}: {error}; write {name}({example})"
    return None
