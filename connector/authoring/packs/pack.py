"""``Pack``: a connector to give away, made from a folder or opened from an archive, and checked either way."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.authoring.packs import content
from locoia_pat.authoring.packs.archive import MAX_ARCHIVE, packed, unpacked
from locoia_pat.authoring.packs.content import MANIFEST
from locoia_pat.authoring.packs.in_memory import Held
from locoia_pat.authoring.packs.manifest import Manifest, checksum
from locoia_pat.authoring.semver import Version
from locoia_pat.engine.checker import check_specs
from locoia_pat.http.url import is_loopback
from locoia_pat.messages import join_names
from locoia_pat.outcomes import Finding, InvalidError, SpecError, invalid
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.model import ActionSpec, SuperSpec
from locoia_pat.spec.yaml import read
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RESERVED = "locoia"
"""Names that are this, or begin so, are ours: their variables begin as those of Locoia's credential do."""


@dataclass(frozen=True)
class Pack:
    """A pack that was checked: its specs are right, their examples come true, and its manifest is that of its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """All but the manifest."""

    @cached_property
    def archive(self) -> bytes:
        """The pack as bytes, the same for the same files."""
        return packed({MANIFEST: self.manifest.text(), **self.files})

    @cached_property
    def hash(self) -> str:
        """What tells it from every other pack: ``sha256:`` and what ``sha256sum`` says of the archive."""
        return checksum(self.archive)

    @property
    def version(self) -> Version:
        """Its version."""
        return Version.of(self.manifest.version)

    def specs(self) -> SpecFolder:
        """Its specs, as any folder of them."""
        return SpecFolder(Held(self.files, f"{self.manifest.name}-{self.manifest.version}"))


def build(folder: Path, *, harmless: tuple[str, ...] = ()) -> tuple[Pack, tuple[str, ...]]:
    """The pack of the connector in *folder*, and what stands there and is left out.

    Args:
        folder: a folder of specs, with what a pack holds beside them.
        harmless: names of texts that look random and are no secrets.

    Raises:
        SpecError: a spec is wrong, an action has no whole example, or an example holds what looks like a secret.
        InvalidError: a file cannot be part of a pack.

    """
    _ = SpecFolder(folder).names  # a folder that is none says so
    files, left_out = content.gathered(folder)
    with _told_of(folder):
        pack = _checked(files, str(folder))
    if leaks := list(_leaks(pack, folder, harmless)):
        raise SpecError(leaks)
    return pack, left_out


def opened(path: Path) -> Pack:
    """The pack in the archive at *path*.

    Raises:
        InvalidError: it is none, or not what it says of itself.

    """
    return verified(_bytes(path), str(path))


def verified(data: bytes, name: str) -> Pack:
    """The pack that the archive *data* holds; messages call it *name*.

    Nothing that it says of itself is believed: its manifest is made anew from its specs, and must be the same.

    Raises:
        InvalidError: it is none, or not what it says of itself.

    """
    with _told_of(name, "It is damaged, no pack, or was changed since it was built: get it from its author again."):
        files = unpacked(data)
        if MANIFEST not in files:
            raise invalid(f"has no {MANIFEST}", field="pack", hint="locoia-pat pack build writes packs.")
        said = Manifest.parse(files.pop(MANIFEST))
        if wrong := said.changed(files):
            raise invalid(f"holds other files than {MANIFEST} says: the checksum of {join_names(wrong)}", field="pack")
        pack = _checked(files, name)
        if wrong := pack.manifest.differs(said):
            raise invalid(f"has a {MANIFEST} that says another {join_names(wrong)} than its specs", field="pack")
        if pack.archive != data:
            raise invalid(f"has a {MANIFEST} that is not written as in a pack", field="pack")
    return pack


@contextmanager
def _told_of(place: object, hint: str | None = None) -> Iterator[None]:
    """Have errors say what they are about; a stranger's words in them are shown as far as they can be seen."""
    told: InvalidError | None = None
    try:
        yield
    except SpecError as error:
        told = SpecError(replace(found, message=_visible(found.message)) for found in error.findings)
    except InvalidError as error:
        problem = error.problem
        told = invalid(f"{place} {problem.message}", field=problem.field, hint=problem.hint or hint)
    if told is not None:  # raised here, it does not carry the other one
        raise told


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _bytes(path: Path) -> bytes:
    """What stands in the file at *path*; no more is read than a pack may have."""
    try:
        # A pipe or a device must not keep us waiting.
        descriptor = os.open(path.expanduser(), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor is no path
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise invalid(f"{path} is no file", field="path", hint="A pack is a zip archive.")
            return file.read(MAX_ARCHIVE + 1)
    except (OSError, RuntimeError, ValueError) as error:
        words = getattr(error, "strerror", None) or "there is no such place"
        raise invalid(f"{path} cannot be read: {words}", field="path") from None


def _checked(files: dict[str, bytes], place: str) -> Pack:
    """The pack that *files* are.

    Raises:
        InvalidError: they are none.

    """
    if CONNECTOR_FILE not in files:
        raise invalid(f"has no {CONNECTOR_FILE}", field="pack")
    content.refuse(files)
    folder = SpecFolder(Held(files, place))
    if findings := check_specs(folder, whole=True):
        raise SpecError(findings)
    connector = folder.connector
    actions = {name: folder.spec(name) for name in folder.names}
    plain = {name: spec for name, spec in actions.items() if isinstance(spec, ActionSpec)}
    findings = list(_findings(folder, actions))
    if findings:
        raise SpecError(findings)
    _refuse_sources(files, connector.hosts)
    return Pack(Manifest.of(connector, plain, files), files)


def _findings(folder: SpecFolder, actions: Mapping[str, ActionSpec | SuperSpec]) -> Iterator[Finding]:
    """What a connector may be, and a pack may not."""
    connector = folder.connector
    at = connector.document.finding
    if connector.connector.partition("_")[0] == RESERVED:
        message = f'"{connector.connector}" begins with "{RESERVED}", whose names are those of locoia-pat itself'
        yield at("bad-value", ("connector",), f"{message}; give the connector, and its variables, a name of its own")
    try:
        Version.of(connector.version)
    except InvalidError as error:
        yield at("bad-value", ("version",), error.problem.message)
    if not actions:
        yield at("missing-key", (), "a pack has an action at least, and there is none")
    for spec in actions.values():
        here = spec.document.finding
        if isinstance(spec, SuperSpec):
            yield here("contradiction", ("super",), "a super action is code of locoia-pat, which a pack has not")
        elif not spec.examples:
            yield here("bad-example", (), "an action of a pack has an example, and this has none")


def _refuse_sources(files: Mapping[str, bytes], hosts: list[str]) -> None:
    """Refuse recipes that have a runner fetch descriptions, or send, where the pack's specs do not."""
    for name, data in files.items():
        if not (name.startswith("recipes/") and name.endswith(".yaml")):
            continue
        recipe = read(data.decode(), name).value
        sources = recipe.get("sourceDescriptions") if isinstance(recipe, dict) else None
        for source in sources if isinstance(sources, list) else []:
            url = source.get("url") if isinstance(source, dict) else None
            if not isinstance(url, str) or not _is_within(url, hosts):
                raise invalid(
                    f"{name} has a source that is no file beside it, and of no host of the connector",
                    field="pack",
                    hint=f"Its hosts: {', '.join(hosts)}.",
                )


def _is_within(url: str, hosts: list[str]) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.scheme and not parts.netloc:
        return not url.startswith(("/", "\\")) and ".." not in url.split("/")
    return parts.scheme == "https" and (parts.hostname in hosts or is_loopback(parts.hostname))


def _leaks(pack: Pack, folder: Path, harmless: tuple[str, ...]) -> Iterator[Finding]:
    """What looks like a secret in the files of a pack.

    A spec names secrets without holding any, so a name alone tells nothing here.
    """
    rules = SecretNames.of(pack.specs(), harmless)
    for name, data in pack.files.items():
        if name.endswith(".yaml"):
            found = lint(data.decode(), str(folder / name), rules)
            yield from (leak for leak in found if leak.code in ("secret-form", "high-entropy"))
