"""Locoia's Personal Access Tokens as flow steps.

>>> from locoia_pat import Connector, ConnectorAuth
>>> from locoia_pat.actions import create_pat
>>> with Connector(ConnectorAuth.from_env()) as connector:  # doctest: +SKIP
...     created = create_pat(connector, expiration=30, scopes=["automation:view"], note="CI")

Names are loaded when they are first used (PEP 562), so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in typing, which takes longer to load than this package
if __name__ != "locoia_pat":
    raise ImportError(f"this folder is installed as locoia_pat: import that, not {__name__}")

if TYPE_CHECKING:
    from typing import Any

    from locoia_pat.async_connector import AsyncConnector
    from locoia_pat.connector import Connector
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.outcomes import (
        ConnectorError,
        Finding,
        InvalidError,
        NotDoneError,
        NotStoredError,
        Outcome,
        Problem,
        RefusedError,
        Result,
        SpecError,
        UnknownOutcomeError,
    )
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.version import VERSION as __version__  # noqa: N811  # its name in Python

_HOMES = {
    "AsyncConnector": "async_connector",
    "Connector": "connector",
    "ConnectorAuth": "engine.auth",
    "ConnectorError": "outcomes",
    "Finding": "outcomes",
    "InvalidError": "outcomes",
    "NotDoneError": "outcomes",
    "NotStoredError": "outcomes",
    "Outcome": "outcomes",
    "Plan": "engine.request_plan",
    "Problem": "outcomes",
    "RefusedError": "outcomes",
    "Result": "outcomes",
    "Secret": "secrets.secret",
    "SpecError": "outcomes",
    "UnknownOutcomeError": "outcomes",
}

__all__ = [
    "AsyncConnector",
    "Connector",
    "ConnectorAuth",
    "ConnectorError",
    "Finding",
    "InvalidError",
    "NotDoneError",
    "NotStoredError",
    "Outcome",
    "Plan",
    "Problem",
    "RefusedError",
    "Result",
    "Secret",
    "SpecError",
    "UnknownOutcomeError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module(".version", __name__).VERSION
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
