"""The ``Link`` header of a response (RFC 8288).  Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINK = re.compile(r"[\s,]*<([^>]*)>")
_PARAMETER = re.compile(rf'\s*;\s*(?:({_NAME})\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?)?')


def find_next_link(header: str) -> str | None:
    """Return the URL of the link with the relation ``next``, or None.

    A link that another context has (``anchor``), or that is marked with ``results="false"`` because there is nothing
    behind it (Sentry), is not the next page.
    """
    for url, parameters in _links(header):
        if "next" in parameters.get("rel", "").lower().split() and "anchor" not in parameters:
            return url if parameters.get("results", "").lower() != "false" else None
    return None


def _links(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each link with its parameters; the first of two parameters of one name counts."""
    at = comma = 0
    while (link := _LINK.match(header, at)) is not None:
        at = link.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, at)) is not None:
            at = parameter.end()
            name, quoted, plain = parameter.groups()
            if name:
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain or ""
                parameters.setdefault(name.lower(), value)
        yield link[1].strip(), parameters
        comma = header.find(",", at) if comma >= 0 else comma  # without one left, each search would go to the end
        at = max(at, comma)
