"""What installing a pack would change, and whether it may be installed at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.lock_file import Pin
from locoia_pat.authoring.packs.permissions import Permission, compared, permissions
from locoia_pat.authoring.semver import Version
from locoia_pat.messages import join_names
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from locoia_pat.authoring.packs.manifest import Manifest
    from locoia_pat.authoring.packs.pack import Pack
    from locoia_pat.authoring.packs.registry import Packs


@dataclass(frozen=True)
class Change:
    """What installing a pack, or a version of one, would do."""

    name: str
    pin: Pin
    before: Pin | None
    """What is installed of it now."""
    whole: bool
    """Whether what is installed now is there as it was accepted."""
    gained: tuple[Permission, ...]
    """What it may do that was not accepted before."""
    lost: tuple[Permission, ...]
    """What was accepted before, and it does not ask for."""

    @property
    def is_known(self) -> bool:
        """Whether this very content was accepted before, so that nobody has to be asked."""
        return self.before == self.pin

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to do."""
        return self.is_known and self.whole


def change(packs: Packs, pack: Pack, *, upgrade: bool = False, downgrade: bool = False) -> Change:
    """What it would change to install *pack* among *packs*.

    Args:
        packs: the installed packs.
        pack: the pack.
        upgrade: whether a version of it is installed already, which *pack* replaces.
        downgrade: whether *pack* may be older than that.

    Raises:
        InvalidError: it may not be installed: its name is taken, its version had another content, it is older, or it
            reads a variable of another pack.

    """
    lock = packs.lock()
    name = pack.manifest.name
    pin, before = Pin(pack.manifest.version, pack.hash), lock.packs.get(name)
    _refuse_other_content(name, pin, lock.first(name, pin.version))
    if before is None and upgrade:
        raise invalid(f"{name} is not installed", field="pack", next="locoia-pat pack install FILE")
    if before not in (None, pin):
        _refuse_order(pack, before, upgrade=upgrade, downgrade=downgrade)
    for other in lock.packs:
        if other != name and (specs := packs.whole(other)) is not None:
            _refuse_shared(pack.manifest, specs.manifest)
    old = packs.whole(name) if before else None
    gained, lost = compared(old.manifest, pack.manifest) if old else (permissions(pack.manifest), [])
    return Change(name, pin, before, old is not None, tuple(gained), tuple(lost))


def _refuse_other_content(name: str, pin: Pin, first: str | None) -> None:
    if first not in (None, pin.hash):
        raise invalid(
            f"{name} {pin.version} had another content when it was first installed: {first}, and now {pin.hash}",
            field="pack",
            hint="A version has one content. Ask its author for a new version; if you trust this one, "
            f"forget the other first: locoia-pat pack remove {name} --forget.",
        )


def _refuse_order(pack: Pack, before: Pin, *, upgrade: bool, downgrade: bool) -> None:
    name, version = pack.manifest.name, pack.manifest.version
    if not upgrade:
        raise invalid(
            f"the name {name} is taken: {name} {before.version} is installed",
            field="pack",
            hint="If both are of one author, upgrade; else remove the other first.",
            next="locoia-pat pack upgrade FILE",
        )
    if pack.version < Version.of(before.version) and not downgrade:
        raise invalid(
            f"{name} {version} is older than {before.version}, which is installed",
            field="pack",
            hint="--downgrade allows it.",
        )


def _refuse_shared(manifest: Manifest, other: Manifest) -> None:
    """Refuse a pack that reads a variable of another: ``GIT_LAB_TOKEN`` is as much ``git``'s as ``git_lab``'s."""
    if shared := {*manifest.variables} & {*other.variables}:
        raise invalid(
            f"{manifest.name} reads {join_names(shared)}, which belongs to the pack {other.name}",
            field="pack",
            hint="Only one of them can be installed.",
        )
