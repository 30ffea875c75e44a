"""Where ``login`` put a connector's credential: a file of REFs in the user's configuration folder, no secret in it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from locoia_pat.outcomes import invalid


def place_of(connector: str) -> str | None:
    """The REF that ``login`` stored for *connector*; None where there is none."""
    return _all().get(connector)


def remember(connector: str, ref: str) -> None:
    """Store the REF of *connector*.

    Raises:
        InvalidError: the configuration folder cannot be written.
    """
    _write({**_all(), connector: ref})


def forget(connector: str) -> None:
    """Drop the REF of *connector*.

    Raises:
        InvalidError: the configuration folder cannot be written.
    """
    _write({name: ref for name, ref in _all().items() if name != connector})


def _file() -> Path:
    return Path(click.get_app_dir("locoia-pat"), "logins.json")


def _all() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no login yet, no home, or a file of somebody else
        return {}
    return {name: ref for name, ref in found.items() if isinstance(ref, str)} if isinstance(found, dict) else {}


def _write(logins: dict[str, str]) -> None:
    file = _file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(json.dumps(logins, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise invalid(
            f"{file} cannot be written: {error.strerror}",
            hint="Set XDG_CONFIG_HOME to a folder you may write to, or give --auth with each call.",
        ) from None
