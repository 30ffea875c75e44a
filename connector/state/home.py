"""Where a state folder last was, so that a copy of it that is used elsewhere notices that it is one.

Two copies would each revoke the other's new tokens as orphans.  The file of a state keeps its inode when it is renamed,
or mounted in another container; a copy has another one.  A backup that is restored in the same place is no copy.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import InvalidError, Problem
from locoia_pat.state.database import FILE, new_id

if TYPE_CHECKING:
    from locoia_pat.state.journal import State

_KEY = "home"
_SAVE = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_MACHINE_ID = Path("/etc/machine-id")


def require_home(state: State, saved: dict[str, Any] | None) -> None:
    """Remember where the state is, unless it is a copy of the one that was *saved* elsewhere.

    Raises:
        InvalidError: it is a copy of a state that was last used elsewhere.

    """
    folder = state.folder
    if problem := copy_problem(folder, saved):
        raise InvalidError(problem)
    here = _describe(folder)
    if saved != here:
        _save(state, here)


def copy_problem(folder: Path, saved: dict[str, Any] | None) -> Problem | None:
    """Return the problem of a state in *folder* that is a copy of the one that was *saved* elsewhere, or None."""
    here = _describe(folder)
    if saved is None or saved["file"] == here["file"]:
        return None
    if (saved["machine"], saved["path"]) == (here["machine"], here["path"]):
        return None
    message = "the state folder {} is a copy of {}: two copies would revoke each other's tokens"
    where, next_ = saved["path"], None
    hint = "If that one is gone: locoia-pat state move. If both are to be used: locoia-pat state fork."
    if saved["machine"] != here["machine"]:
        where += f" on {saved['machine']}"
    elif (Path(where) / FILE).exists():
        hint = "That one still exists. To use both: locoia-pat state fork. To use only this one: remove that one, then "
        hint += "locoia-pat state move."
        next_ = "locoia-pat state fork"
    else:
        hint, next_ = "That one is gone: locoia-pat state move.", "locoia-pat state move"
    return Problem("unsafe", message.format(folder, where), field="state", hint=hint, next=next_)


def move(state: State) -> str | None:
    """Record that the state is here now; return the folder that it was copied from if it can still be used."""
    with state.connected() as session:
        row = session.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    last, here = saved_home(row and row[0]), _describe(state.folder)
    _save(state, here)
    if last is None or last["machine"] != here["machine"] or last["path"] == here["path"]:
        return None
    return str(last["path"]) if (Path(last["path"]) / FILE).exists() else None


def fork(state: State) -> list[str]:
    """Give the state an identity of its own, and return the names that it no longer manages."""
    owner = new_id()
    with state.database.writing() as session:
        names = [name for (name,) in session.execute("SELECT name FROM names ORDER BY name").fetchall()]
        session.execute("UPDATE meta SET value = ? WHERE key = 'owner'", (owner,))
        session.execute("DELETE FROM names")
        session.execute(_SAVE, (_KEY, json.dumps(_describe(state.folder))))
    return names


def saved_home(value: str | None) -> dict[str, Any] | None:
    """Return what *value*, of the table ``meta``, says about the last place; None if it says nothing usable."""
    try:
        home = json.loads(value or "")
    except ValueError:
        return None
    return home if isinstance(home, dict) and {"machine", "path", "file"} <= home.keys() else None


def _save(state: State, home: dict[str, Any]) -> None:
    with state.database.writing() as session:
        session.execute(_SAVE, (_KEY, json.dumps(home)))


def _describe(folder: Path) -> dict[str, Any]:
    path = folder.resolve()
    return {"machine": _machine(), "path": str(path), "file": (path / FILE).stat().st_ino}


def _machine() -> str:
    machine = _MACHINE_ID.read_text(encoding="utf-8").strip()[:12] if _MACHINE_ID.is_file() else ""
    return " ".join(filter(None, [socket.gethostname(), machine]))
