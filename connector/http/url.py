"""Which base URLs may be called with a connector's credential.

Pure.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Collection
    from urllib.parse import SplitResult


_NETLOC = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\])?(:[0-9]*)?")
_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[!-.0-~]*)*")


def validate_base_url(url: str, hosts: Collection[str], *, source: str) -> str:
    """Return *url* without a trailing slash, if the credential may be sent to its host.

    Args:
        url: the base URL; an error does not repeat it, for it may contain a credential.
        hosts: the hosts of the connector, allowed besides loopback ones.
        source: the option or variable that an error names.

    Raises:
        InvalidError: it is not such a URL.

    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise invalid("is not a valid URL", field=source, hint="Give one such as https://api.locoia.com/v1.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise invalid("is not an http or https URL", field=source, hint="Give one such as https://api.locoia.com/v1.")
    if parts.username is not None or parts.password is not None:
        raise invalid("contains a credential", field=source, hint="Give the credential by --auth or its variable.")
    if not _NETLOC.fullmatch(parts.netloc):
        raise invalid("is not a valid URL", field=source, hint="Give one such as https://api.locoia.com/v1.")
    if not _PATH.fullmatch(parts.path):
        raise invalid("has an invalid path", field=source, hint='Use printable ASCII and no "." or ".." segments.')
    if parts.query or parts.fragment:
        raise invalid("has a query or fragment", field=source, hint="Give the part before it.")
    if is_loopback(host):
        return parts.geturl().rstrip("/")
    if parts.scheme == "http":
        raise invalid(
            f"is plain http to {host}, which would expose the credential on the network",
            field=source,
            hint="Use https; plain http is allowed for localhost only.",
        )
    if host not in hosts:
        raise invalid(
            f"{host} is not a host of this connector, so the credential is not sent there",
            field=source,
            hint=f"Its hosts: {', '.join(sorted(hosts))}, and localhost. Add others to its connector.yaml.",
        )
    return parts.geturl().rstrip("/")


def resolve_url(url: str, current: str, first: str, *, what: str, hosts: Collection[str] = ()) -> str:
    """Return the absolute form of *url*, a URL in a response, if the credential may be sent there.

    Args:
        url: the URL, which may be relative.
        current: the URL of the request that had the response.
        first: the URL of the first request of the run, whose host is allowed.
        what: what the URL is, for the error.
        hosts: other hosts that are allowed, by https.

    Raises:
        ValueError: it is on another host, or not a URL.

    """
    start = urlsplit(first)
    other = "another host"
    with suppress(ValueError):
        target = urlsplit(urljoin(current, url))
        origin = _origin(target)
        is_same = origin == _origin(start)
        if target.username is None and (is_same or origin in {_origin(urlsplit(f"https://{host}")) for host in hosts}):
            target = target._replace(netloc=start.netloc if is_same else str(target.hostname))
            if re.fullmatch(r"[!-~]+", target.geturl()):
                return target._replace(fragment="").geturl()
            other = "a URL with characters that must be encoded"
        elif target.username is None and re.fullmatch(r"[a-z]+://[!-~]+", f"{target.scheme}://{target.netloc}"):
            other = f"{target.scheme}://{target.netloc}"
    raise ValueError(f"{what} points to {other}, not to {start.scheme}://{start.netloc}, and was not followed")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Return the scheme, the host in lower case, and the port."""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def is_loopback(host: str | None) -> bool:
    """Return whether *host* is a loopback host: ``localhost``, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
        # An IPv4 address within an IPv6 one is loopback for some Pythons and not for others: for us it is not.
        return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
    except ValueError:
        return False
