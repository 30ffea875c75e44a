"""Base addresses: which may be called, and by whose credential.

Pure.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Collection


_NETLOC = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\])?(:[0-9]*)?")
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[!-.0-~]*)*")


def validate_base_url(url: str, hosts: Collection[str], *, source: str) -> str:
    """*Url* as a base address whose host may see the credential.

    Raises:
        InvalidError: it is no such address; *source* names where it came from, and the address is not repeated, for it
            may hold a credential.

    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise invalid("is no address", field=source, hint="Give one such as https://api.locoia.com/v1.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise invalid("is no http address", field=source, hint="Give one such as https://api.locoia.com/v1.")
    if parts.username is not None or parts.password is not None:
        raise invalid("has a credential in it", field=source, hint="Give the credential by --auth or its variable.")
    if not _NETLOC.fullmatch(parts.netloc):
        raise invalid("is no address", field=source, hint="Give one such as https://api.locoia.com/v1.")
    if not _PATH.fullmatch(parts.path):
        raise invalid("has a path that is none", field=source, hint="Visible ASCII characters, and no dots alone.")
    if parts.query or parts.fragment:
        raise invalid("has a query or a fragment", field=source, hint="Give the part before it.")
    if is_loopback(host):
        return parts.geturl().rstrip("/")
    if parts.scheme == "http":
        raise invalid(
            f"is plain http to {host}, where everyone on the way could read the credential",
            field=source,
            hint="Use https; plain http is for this computer alone.",
        )
    if host not in hosts:
        raise invalid(
            f"{host} is no host of this connector, so the credential is not sent there",
            field=source,
            hint=f"Its hosts: {', '.join(sorted(hosts))}, and this computer. Others are named in its connector.yaml.",
        )
    return parts.geturl().rstrip("/")


def is_loopback(host: str | None) -> bool:
    """Whether *host* is this computer: ``localhost``, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
        # An IPv4 address within an IPv6 one is loopback for some Pythons and not for others: for us it is not.
        return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
    except ValueError:
        return False
