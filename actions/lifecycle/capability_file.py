"""``capabilities.json`` in the state folder: what was measured of each API, and the throw-away rows that were made.

It is the journal of a measurement too: what is made is written down, so that the next one clears up after a kill.  It
holds no secret.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.lifecycle.facts import QUESTIONS, UNKNOWN
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "capabilities.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement, and the rows it made."""

    op: str
    """80 random bits, which stand in the note of each of its rows."""
    at: str
    """When it began, RFC 3339 in UTC."""
    rows: Mapping[str, str] = field(default_factory=dict[str, str])
    """The id of each row it made, by its number."""
    cleared: bool = False
    """Whether no secret of its rows is known to anybody."""
    due: str | None = None
    """When its rows have expired for certain; known once it is cleared."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one API."""

    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "Mapping[str, Any]"])
    """``value``, ``at`` and ``how`` of each fact that was measured or tried, by its name."""
    runs: tuple[Run, ...] = ()

    def value(self, name: str) -> Any:
        """The value of a fact; ``unknown`` where it was not measured."""
        return self.facts.get(name, {}).get("value", UNKNOWN)

    def told(self) -> dict[str, Any]:
        """Every fact there is, measured or not."""
        never = {"value": UNKNOWN, "at": None, "how": "not measured"}
        return {name: dict(self.facts.get(name, never)) for name in QUESTIONS}

    def with_run(self, run: Run) -> Known:
        """The same with *run* as it stands now."""
        return replace(self, runs=(*(other for other in self.runs if other.op != run.op), run))


class Kept:
    """The file in one state folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self, api: str) -> Known:
        """What is known of *api*; nothing where there is no file.

        Raises:
            InvalidError: the file is none of ours, or a newer version wrote it.

        """
        found = self._all().get(api, {})
        try:
            runs = tuple(Run(**run) for run in found.get("runs", ()))
            facts = {name: dict(fact) for name, fact in found.get("facts", {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise self._broken("it is not as locoia-pat writes it") from None
        return Known(facts, runs)

    def write(self, api: str, known: Known) -> None:
        """Keep *known*: it is on the disk when this returns.  The lease of the measurement keeps others away.

        Raises:
            InvalidError: it cannot be written.

        """
        told = {**self._all(), api: {"facts": known.told(), "runs": [asdict(run) for run in known.runs]}}
        text = json.dumps({"v": _VERSION, "apis": told}, indent=2) + "\n"
        temporary = self.path.with_name(f".{FILE}.tmp")
        try:
            temporary.unlink(missing_ok=True)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123  # 0600 from birth
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            raise invalid(f"{self.path} cannot be written: {error.strerror}", field="state") from None

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._broken(str(error.strerror)) from None
        except ValueError:
            raise self._broken("it is not JSON") from None
        if not isinstance(found, dict) or found.get("v") != _VERSION or not isinstance(found.get("apis"), dict):
            raise self._broken("another version of locoia-pat wrote it, or something else")
        apis: dict[str, Any] = found["apis"]
        return apis

    def _broken(self, why: str) -> Exception:
        hint = f"Move {self.path} away, and measure again: locoia-pat doctor --measure."
        return invalid(f"{self.path} cannot be used: {why}", field="state", hint=hint)


def _sync(folder: Path) -> None:
    with contextlib.suppress(PermissionError):  # any folder on Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
