"""This computer: the program and its extras, the keyring, and the way out of here."""

from __future__ import annotations

import os
import platform
import re
import shlex
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.actions.doctor.findings import Finding
from locoia_pat.http.url import is_loopback
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DISTRIBUTION = "locoia-pat"
_FOR_DEVELOPERS = ("test", "lint")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+).*?\bextra == ['\"](?P<extra>[^'\"]+)['\"]")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def program() -> Iterator[Finding]:
    """Which versions run."""
    yield Finding("program", "ok", f"locoia-pat {VERSION}, Python {platform.python_version()} on {platform.system()}")


def extras() -> Iterator[Finding]:
    """Which extras are installed, and the line for each that is not."""
    for extra, names in sorted(_extras().items()):
        missing = [name for name in names if not _installed(name)]
        if missing:
            line = f"pip install 'locoia-pat[{extra}]'"
            yield Finding(f"extra {extra}", "note", f"not installed: {', '.join(missing)}", line)
        else:
            yield Finding(f"extra {extra}", "ok", "installed")


def _extras() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        lines = metadata.requires(_DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return found  # a copy that nothing installed
    for line in lines:
        told = _REQUIREMENT.match(line)
        if told and told["extra"] not in _FOR_DEVELOPERS:
            found.setdefault(told["extra"], []).append(told["name"])
    return found


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def keyring() -> Iterator[Finding]:
    """Whether the system has a keyring that can be used."""
    try:
        library = import_module("keyring")
    except ModuleNotFoundError:
        yield Finding("keyring", "note", "not looked for: the extra keyring is not installed")
        return
    try:
        backend = library.get_keyring()
    except Exception as error:  # noqa: BLE001  # a backend of anybody's
        yield Finding("keyring", "note", f"cannot be used: {type(error).__name__}", _ELSEWHERE)
        return
    kind = type(backend)
    if kind.__module__.endswith((".fail", ".null")) or backend.priority <= 0:
        yield Finding("keyring", "note", "this computer has none that works here", _ELSEWHERE)
    else:
        yield Finding("keyring", "ok", f"{kind.__module__}.{kind.__name__}")


_ELSEWHERE = "keep tokens in files: --token-to file:PATH, login --to file:PATH"


def network(base_url: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Which proxy is used, and whose certificates are trusted."""
    loopback = base_url is not None and is_loopback(urlsplit(base_url).hostname)
    used = [f"{name}={_host(value)}" for name, value in _set(_PROXIES, environ)]
    if not used:
        yield Finding("proxy", "ok", "none")
    else:
        told = ", ".join(used) + ("; not used for this computer itself" if loopback else "")
        yield Finding("proxy", "ok", told)
    named = dict(_set(_TRUST, environ))
    missing = [name for name, path in named.items() if not Path(path).exists()]
    for name in missing:
        yield Finding("trust", "problem", f"{name} names what is not there", f"unset {name}, or name what is there")
    if not missing:
        yield Finding("trust", "ok", "the system's certificates" + (f", by {', '.join(named)}" if named else ""))


def _set(names: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for spelled in (name, name.lower()):
            if value := environ.get(spelled):
                yield spelled, value


def _host(proxy: str) -> str:
    """Where a proxy is, without the credential that its address may hold."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "no address"


def permissions(path: Path, mode: int) -> Finding:
    """A file or a folder that others may use."""
    strict = "700" if path.is_dir() else "600"
    message = f"others may use {path} (mode {mode:04o})"
    return Finding("permissions", "problem", message, f"chmod {strict} {shlex.quote(str(path))}")
