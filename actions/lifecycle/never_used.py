"""How long tokens have been listed without a use, for the audit.

The API shows no creation time, so a token that was never used is as old as we have known it: ``never_used.json`` in the
state folder has the time at which each was first listed.  It holds no secret.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from locoia_pat.files import write_atomic
from locoia_pat.state.database import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "never_used.json"
_VERSION = 1


def days_listed(api: str, ids: Iterable[str], now: dt.datetime) -> tuple[dict[str, int], str | None]:
    """Record that the rows *ids* of *api* were listed without a use, and return for how long.

    Args:
        api: the base URL.
        ids: all rows of the list that were never used; the others are forgotten.
        now: the time of the list.

    Returns:
        The whole days since each row was first listed so, 0 for a row that is new, and a warning if the file cannot be
        used: then all rows are new.

    """
    path = state_folder() / FILE
    try:
        apis = _read(path)
        known = {id_: dt.datetime.fromisoformat(at) for id_, at in apis.get(api, {}).items()}
        first = {id_: min(known.get(id_, now), now) for id_ in ids}
        if first != known:
            content = {"v": _VERSION, "apis": {**apis, api: {id_: at.isoformat() for id_, at in first.items()}}}
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(path, json.dumps(content).encode())
    except (OSError, ValueError, AttributeError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is not as locoia-pat writes it"
        warning = f"tokens that were never used are not reported, since {path} cannot be used: {reason}"
        return dict.fromkeys(ids, 0), warning
    return {id_: (now - at).days for id_, at in first.items()}, None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    if content["v"] != _VERSION:
        raise ValueError(content["v"])
    apis: dict[str, Any] = content["apis"]
    return apis
