"""``Packs``: the packs on this computer, in one folder with a lock file.

What the lock file does not name is not installed, so its rename is the moment at which a change happens: before it a
reader finds all of the old, after it all of the new.  What a killed process left is cleared away by the next change.
What is read is held against the hash that was accepted, so a pack that was changed since does not run.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.archive import packed
from locoia_pat.authoring.packs.content import MANIFEST, MAX_FILE, gathered
from locoia_pat.authoring.packs.in_memory import Held
from locoia_pat.authoring.packs.lock_file import Lock, Pin
from locoia_pat.authoring.packs.manifest import Manifest, checksum
from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.packs.install_plan import Change
    from locoia_pat.authoring.packs.pack import Pack

VARIABLE = "LOCOIA_PAT_PACKS"
LOCK = "lock.json"
_STRAY = re.compile(
    r"\.staged-[0-9a-f]{16}|lock\.json\.[0-9a-f]{16}"
    r"|[a-z][a-z0-9_]{0,63}-[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}-[0-9a-f]{16}"
)
"""What only we name so."""


class PackSpecs(SpecFolder):
    """The specs of an installed pack, as they were accepted."""

    def __init__(self, name: str, files: dict[str, bytes], place: Path) -> None:
        """Take *files*, all of the pack *name*, which stand in *place*."""
        super().__init__(Held(files, str(place)))
        self.pack = name
        self.place = place
        self.manifest = Manifest.parse(files[MANIFEST])


class Packs:
    """The packs in one folder."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        """Those in *folder*; by default that of ``LOCOIA_PAT_PACKS``, else one in the user's data folder.

        Nothing is read or made yet.

        Raises:
            InvalidError: the folder leads nowhere.

        """
        try:
            self.folder = Path(folder or os.environ.get(VARIABLE) or _users()).expanduser().absolute()
        except (RuntimeError, OSError):
            raise invalid("the folder of packs leads nowhere", field="packs", hint=f"Set {VARIABLE}.") from None

    def lock(self) -> Lock:
        """What is pinned; nothing where there is no lock file.

        Raises:
            InvalidError: the lock file cannot be read.

        """
        file = self.folder / LOCK
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Lock()
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or "it is no text"
            raise invalid(f"{file} cannot be read: {words}", field="packs") from None
        return Lock.parse(text, str(file))

    def specs(self, name: str) -> PackSpecs:
        """The specs of the installed pack *name*.

        Raises:
            InvalidError: it is not installed, or is not what was accepted.

        """
        lock = self.lock()
        pin = lock.packs.get(name)
        if pin is None:
            raise invalid(
                f"there is no pack {describe_value(name)}",
                field="pack",
                hint=f"Installed: {join_names(lock.packs)}. An action beside packs is called by its name alone.",
                next="locoia-pat pack list",
            )
        try:
            return self._read(name, pin)
        except InvalidError:
            if (now := self.lock().packs.get(name)) in (pin, None):
                raise
            return self._read(name, now)  # it was upgraded meanwhile

    def _read(self, name: str, pin: Pin) -> PackSpecs:
        place = self.folder / pin.folder(name)
        if not place.is_dir():
            raise invalid(
                f"{name} {pin.version} is pinned, and its files are not there",
                field="pack",
                hint=f"Install it again, from the archive that is {pin.hash}.",
            )
        files = gathered(place).files
        with suppress(OSError), (place / MANIFEST).open("rb") as file:
            files[MANIFEST] = file.read(MAX_FILE + 1)
        if checksum(packed(files)) != pin.hash:
            raise invalid(
                f"the files of {name} {pin.version} were changed since it was installed",
                field="pack",
                hint=f"Install it again, from the archive that is {pin.hash}. To change an action, eject it.",
            )
        return PackSpecs(name, files, place)

    def whole(self, name: str) -> PackSpecs | None:
        """The specs of the pack *name*; None where it is not there as it was accepted."""
        try:
            return self.specs(name)
        except InvalidError:
            return None

    def put(self, pack: Pack, change: Change) -> Path:
        """Make *change*, which was found for *pack* and accepted; returns the folder of its files.

        Raises:
            InvalidError: it is another change by now, or the folder cannot be written.  Nothing is changed.

        """
        with self._turn():
            lock = self.lock()
            if lock.packs.get(change.name) != change.before:
                raise invalid(f"{change.name} was changed by another process; look again", field="pack")
            place = self.folder / change.pin.folder(change.name)
            self._place({MANIFEST: pack.manifest.text(), **pack.files}, place)
            lock = lock.having(change.name, change.pin)
            self._write(lock)
            with suppress(OSError):  # it is done; what is left over is cleared away by the next change
                self._clear(lock)
        return place

    def tidy(self) -> None:
        """Clear away what a killed process left, where the folder can be written."""
        with suppress(InvalidError), self._turn():
            self._clear(self.lock())

    def remove(self, name: str, *, forget: bool = False) -> Pin | None:
        """Take the pack *name* away, and with *forget* the hashes of its versions too; returns what was installed.

        Raises:
            InvalidError: it is not installed, or the folder cannot be written.

        """
        lock = self.lock()
        if name not in lock.packs and not (forget and name in lock.seen):
            raise invalid(
                f"there is no pack {describe_value(name)}", field="pack", hint=f"Installed: {join_names(lock.packs)}."
            )
        with self._turn():
            lock = self.lock()
            pin = lock.packs.get(name)
            lock = lock.without(name, forget=forget)
            self._write(lock)
            with suppress(OSError):  # as above
                self._clear(lock)
        return pin

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """While it lasts, no other process changes the folder."""
        from locoia_pat.stores.lock import alone  # noqa: PLC0415  # only a change needs it

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder):
                yield
        except OSError as error:
            words = error.strerror or str(error)
            raise invalid(
                f"the folder of packs {self.folder} cannot be written: {words}",
                field="packs",
                hint=f"Name one that you may write to by {VARIABLE}.",
            ) from None

    def _place(self, files: dict[str, bytes], place: Path) -> None:
        """Put *files* into *place*, by one rename of a folder that holds all of them."""
        staged = self.folder / f".staged-{secrets.token_hex(8)}"
        try:
            for name, data in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                _written(staged / name, data)
            _gone(place)  # what stands there is not what was accepted
            staged.rename(place)
            _synced(self.folder)
        finally:
            _gone(staged)

    def _write(self, lock: Lock) -> None:
        temporary = self.folder / f"{LOCK}.{secrets.token_hex(8)}"
        try:
            _written(temporary, lock.text().encode())
            temporary.replace(self.folder / LOCK)
            _synced(self.folder)
        finally:
            _gone(temporary)

    def _clear(self, lock: Lock) -> None:
        """Clear away what a killed process left, and what is not pinned any more."""
        pinned = {pin.folder(name) for name, pin in lock.packs.items()}
        for path in self.folder.iterdir():
            if _STRAY.fullmatch(path.name) and path.name not in pinned:
                _gone(path)


def _written(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _synced(folder: Path) -> None:
    from locoia_pat.stores.file import sync  # noqa: PLC0415  # only a change needs it

    sync(folder)


def _gone(path: Path) -> None:
    """Take *path* away, whatever it is; a link is not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _users() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base) / "locoia-pat" / "packs" if base else Path("~/.local/share/locoia-pat/packs")
