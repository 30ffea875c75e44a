"""``Packs``: the installed packs, in one folder with a lock file.

A pack that the lock file does not name is not installed.  So a change takes effect with the rename of the lock file:
readers find either all of the old state or all of the new one.  Leftovers of a killed process are removed by the next
change.  Files are compared with the accepted hash when they are read, so a pack that was changed since does not run.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.archive import folder_in_memory, write_archive
from locoia_pat.authoring.packs.content import MANIFEST, MAX_FILE_SIZE, collect_files
from locoia_pat.authoring.packs.lock_file import LockFile, Pin
from locoia_pat.authoring.packs.manifest import Manifest, checksum
from locoia_pat.authoring.packs.packs_folder import FOLDER_VARIABLE, LOCK_FILE, packs_folder
from locoia_pat.authoring.packs.permissions import Permission, compare_permissions, permissions
from locoia_pat.authoring.semver import Version
from locoia_pat.files import sync_folder, write_atomic
from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locoia_pat.authoring.packs.pack import Pack

_OWN_NAMES = re.compile(
    r"\.staged-[0-9a-f]{16}"
    r"|[a-z][a-z0-9_]{0,63}-[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}-[0-9a-f]{16}"
)
"""Names that only this module gives to files and folders."""


class PackSpecs(SpecFolder):
    """The specs of an installed pack, as they were accepted."""

    def __init__(self, name: str, files: dict[str, bytes], path: Path) -> None:
        """Take *files*, which are all files of the pack *name* in the folder *path*."""
        super().__init__(folder_in_memory(files, str(path)))
        self.pack = name
        self.path = path
        self.manifest = Manifest.parse(files[MANIFEST])


@dataclass(frozen=True)
class InstallPlan:
    """What installing a pack, or a version of one, would change."""

    name: str
    pin: Pin
    installed: Pin | None
    """The version that is installed now."""
    is_intact: bool
    """Whether the files of the installed version are as they were accepted."""
    gained: tuple[Permission, ...]
    """Permissions that the installed version does not have."""
    lost: tuple[Permission, ...]
    """Permissions of the installed version that the pack does not ask for."""

    @property
    def is_accepted(self) -> bool:
        """Whether exactly this content was accepted before, so that no confirmation is needed."""
        return self.installed == self.pin

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.is_accepted and self.is_intact


class Packs:
    """The packs in one folder."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        """Take the folder; nothing is read or created yet.

        Args:
            folder: by default the value of ``LOCOIA_PAT_PACKS``, or else a folder in the user's data folder.

        Raises:
            InvalidError: the path is invalid.

        """
        self.folder = packs_folder(folder)

    def lock(self) -> LockFile:
        """Read the lock file; an empty one if there is none.

        Raises:
            InvalidError: the lock file cannot be read.

        """
        file = self.folder / LOCK_FILE
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return LockFile()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise invalid(f"{file} cannot be read: {reason}", field="packs") from None
        return LockFile.parse(text, str(file))

    def specs(self, name: str) -> PackSpecs:
        """Return the specs of the installed pack *name*.

        Raises:
            InvalidError: it is not installed, or its files are not those that were accepted.

        """
        lock = self.lock()
        pin = lock.packs.get(name)
        if pin is None:
            raise invalid(
                f"there is no pack {describe_value(name)}",
                field="pack",
                hint=f"Installed: {join_names(lock.packs)}. An action that is in no pack has no prefix.",
                next="locoia-pat pack list",
            )
        try:
            return self._read(name, pin)
        except InvalidError:
            if (upgraded := self.lock().packs.get(name)) in (pin, None):
                raise
            return self._read(name, upgraded)  # by another process, since the lock file was read

    def _read(self, name: str, pin: Pin) -> PackSpecs:
        path = self.folder / pin.folder(name)
        if not path.is_dir():
            raise invalid(
                f"{name} {pin.version} is in the lock file, but its files are missing",
                field="pack",
                hint=f"Install it again, from the archive with the hash {pin.hash}.",
            )
        files = collect_files(path).files
        with suppress(OSError), (path / MANIFEST).open("rb") as file:
            files[MANIFEST] = file.read(MAX_FILE_SIZE + 1)
        if checksum(write_archive(files)) != pin.hash:
            raise invalid(
                f"the files of {name} {pin.version} were changed since it was installed",
                field="pack",
                hint=f"Install it again, from the archive with the hash {pin.hash}. To change an action, eject it.",
            )
        return PackSpecs(name, files, path)

    def get_intact(self, name: str) -> PackSpecs | None:
        """Return the specs of the pack *name*, or None if it is not installed as it was accepted."""
        try:
            return self.specs(name)
        except InvalidError:
            return None

    def plan(self, pack: Pack, *, upgrade: bool = False, downgrade: bool = False) -> InstallPlan:
        """Return what it would change to install *pack*.

        Args:
            pack: the pack.
            upgrade: whether *pack* replaces an installed version.
            downgrade: whether *pack* may be older than that version.

        Raises:
            InvalidError: it may not be installed: its name is taken, its version had another content, it is older, or
                it reads a variable of another pack.

        """
        lock = self.lock()
        manifest = pack.manifest
        name, pin = manifest.name, Pin(version=manifest.version, hash=pack.hash)
        installed = lock.packs.get(name)
        _check_same_content(name, pin, lock.first_hash(name, pin.version))
        if installed is None and upgrade:
            raise invalid(f"{name} is not installed", field="pack", next="locoia-pat pack install FILE")
        if installed is not None and installed != pin:
            _check_upgrade(pack, installed, upgrade=upgrade, downgrade=downgrade)
        for other in lock.packs:
            if other != name and (specs := self.get_intact(other)) is not None:
                _check_variables(manifest, specs.manifest)
        old = self.get_intact(name) if installed else None
        gained, lost = compare_permissions(old.manifest, manifest) if old else (permissions(manifest), [])
        return InstallPlan(name, pin, installed, old is not None, tuple(gained), tuple(lost))

    def install(self, pack: Pack, plan: InstallPlan) -> Path:
        """Carry out *plan*, which was made for *pack* and accepted; returns the folder of its files.

        Raises:
            InvalidError: the plan is out of date, or the folder cannot be written.  Nothing is changed.

        """
        with self._locked():
            lock = self.lock()
            if lock.packs.get(plan.name) != plan.installed:
                raise invalid(f"{plan.name} was changed by another process; try again", field="pack")
            path = self.folder / plan.pin.folder(plan.name)
            self._write_folder({MANIFEST: pack.manifest.text(), **pack.files}, path)
            lock = lock.with_pack(plan.name, plan.pin)
            self._write_lock(lock)
            with suppress(OSError):  # the pack is installed; the next change removes leftovers
                self._remove_leftovers(lock)
        return path

    def clean_up(self) -> None:
        """Remove what a killed process left, if the folder can be written."""
        with suppress(InvalidError), self._locked():
            self._remove_leftovers(self.lock())

    def remove(self, name: str, *, forget: bool = False) -> Pin | None:
        """Remove the pack *name*, and with *forget* the hashes of its versions; returns what was installed.

        Raises:
            InvalidError: it is not installed, or the folder cannot be written.

        """
        lock = self.lock()
        if name not in lock.packs and not (forget and name in lock.hashes):
            raise invalid(
                f"there is no pack {describe_value(name)}", field="pack", hint=f"Installed: {join_names(lock.packs)}."
            )
        with self._locked():
            lock = self.lock()
            pin = lock.packs.get(name)
            lock = lock.without_pack(name, forget=forget)
            self._write_lock(lock)
            with suppress(OSError):  # as above
                self._remove_leftovers(lock)
        return pin

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the folder."""
        from locoia_pat.stores.lock import lock_folder  # noqa: PLC0415  # only a change needs it

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with lock_folder(self.folder):
                yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise invalid(
                f"the folder of packs {self.folder} cannot be written: {reason}",
                field="packs",
                hint=f"Set {FOLDER_VARIABLE} to a folder that you may write to.",
            ) from None

    def _write_folder(self, files: dict[str, bytes], path: Path) -> None:
        """Write *files* into *path*, by one rename of a folder that holds all of them."""
        staged = self.folder / f".staged-{secrets.token_hex(8)}"
        try:
            for name, data in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                _write_new(staged / name, data)
            _delete(path)  # if it exists, it is not what was accepted
            staged.rename(path)
            sync_folder(self.folder)
        finally:
            _delete(staged)

    def _write_lock(self, lock: LockFile) -> None:
        write_atomic(self.folder / LOCK_FILE, lock.text().encode(), mode=0o644)

    def _remove_leftovers(self, lock: LockFile) -> None:
        """Remove the files of killed processes and of versions that are no longer installed."""
        installed = {pin.folder(name) for name, pin in lock.packs.items()}
        for path in self.folder.iterdir():
            if _OWN_NAMES.fullmatch(path.name) and path.name not in installed:
                _delete(path)


def _check_same_content(name: str, pin: Pin, first_hash: str | None) -> None:
    if first_hash not in (None, pin.hash):
        raise invalid(
            f"{name} {pin.version} was first installed with another content: {first_hash}, now {pin.hash}",
            field="pack",
            hint="A version has one content. Ask its author for a new version; if you trust this one, "
            f"forget the other first: locoia-pat pack remove {name} --forget.",
        )


def _check_upgrade(pack: Pack, installed: Pin, *, upgrade: bool, downgrade: bool) -> None:
    name, version = pack.manifest.name, pack.manifest.version
    if not upgrade:
        raise invalid(
            f"the name {name} is taken: {name} {installed.version} is installed",
            field="pack",
            hint="If both are of one author, upgrade; otherwise remove the other first.",
            next="locoia-pat pack upgrade FILE",
        )
    if pack.version < Version.parse(installed.version) and not downgrade:
        raise invalid(
            f"{name} {version} is older than the installed version {installed.version}",
            field="pack",
            hint="--downgrade allows it.",
        )


def _check_variables(manifest: Manifest, other: Manifest) -> None:
    """Refuse a pack that reads a variable of another: ``GIT_LAB_TOKEN`` can be of ``git`` and of ``git_lab``."""
    if shared := {*manifest.variables} & {*other.variables}:
        raise invalid(
            f"{manifest.name} reads {join_names(shared)}, which belongs to the pack {other.name}",
            field="pack",
            hint="Only one of them can be installed.",
        )


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _delete(path: Path) -> None:
    """Delete a file, a folder or a link, if it exists; a link is not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
