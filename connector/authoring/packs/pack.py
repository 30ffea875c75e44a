"""``Pack``: a connector as an archive, built from a folder or read from a file, and checked either way."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.authoring.packs.archive import MAX_ARCHIVE_SIZE, folder_in_memory, read_archive, write_archive
from locoia_pat.authoring.packs.content import MANIFEST, check_content, collect_files
from locoia_pat.authoring.packs.manifest import Manifest, checksum
from locoia_pat.authoring.semver import Version
from locoia_pat.engine.checker import check_specs
from locoia_pat.http.url import is_loopback
from locoia_pat.messages import join_names, printable
from locoia_pat.outcomes import Finding, InvalidError, SpecError, invalid
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.model import ActionSpec, SuperSpec
from locoia_pat.spec.yaml import load
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_RESERVED = "locoia"
"""Connector names that are this, or begin with it and an underscore: their variables would be those of Locoia's
credential."""


@dataclass(frozen=True)
class Pack:
    """A pack that was checked: its specs are valid, their examples pass, and its manifest matches its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """All files but the manifest."""

    @cached_property
    def archive(self) -> bytes:
        """The bytes of the archive; the same files give the same bytes."""
        return write_archive({MANIFEST: self.manifest.text(), **self.files})

    @cached_property
    def hash(self) -> str:
        """``sha256:`` and the digest that ``sha256sum`` prints for the archive."""
        return checksum(self.archive)

    @property
    def version(self) -> Version:
        """The version of the pack."""
        return Version.parse(self.manifest.version)

    def specs(self) -> SpecFolder:
        """Return the specs of the pack."""
        return SpecFolder(folder_in_memory(self.files, f"{self.manifest.name}-{self.manifest.version}"))


def build_pack(folder: Path, *, harmless: tuple[str, ...] = ()) -> tuple[Pack, tuple[str, ...]]:
    """Build the pack of the connector in *folder*.

    Args:
        folder: a folder of specs, with recipes and pages.
        harmless: names of strings that look random and are not secrets.

    Returns:
        The pack, and the names of the files that are left out.

    Raises:
        SpecError: a spec is invalid, an action has no complete example, or an example holds what looks like a secret.
        InvalidError: a pack may not hold a file.

    """
    _ = SpecFolder(folder).names  # raises if it is not a folder of specs
    files, left_out = collect_files(folder)
    with _errors_about(folder):
        pack = _check_pack(files, str(folder))
    if leaks := list(_find_leaks(pack, folder, harmless)):
        raise SpecError(leaks)
    return pack, left_out


def open_pack(path: Path) -> Pack:
    """Read and verify the pack in the archive at *path*.

    Raises:
        InvalidError: it is not a pack, or its manifest is not that of its specs.

    """
    return verify_pack(_read_file(path), str(path))


def verify_pack(data: bytes, name: str) -> Pack:
    """Return the pack in the archive *data*; messages call it *name*.

    The manifest in the archive is not trusted: it is derived again from the specs, and must be the same.

    Raises:
        InvalidError: it is not a pack, or its manifest is not that of its specs.

    """
    with _errors_about(name, "It is damaged, not a pack, or was changed since it was built: get it again."):
        files = read_archive(data)
        if MANIFEST not in files:
            raise invalid(f"has no {MANIFEST}", field="pack", hint="Packs are written by locoia-pat pack build.")
        declared = Manifest.parse(files.pop(MANIFEST))
        declared.check_files(files)
        pack = _check_pack(files, name)
        if wrong := pack.manifest.differing_keys(declared):
            raise invalid(f"has a {MANIFEST} that differs from its specs: {join_names(wrong)}", field="pack")
        if pack.archive != data:
            raise invalid(f"has a {MANIFEST} that is not formatted as packs have it", field="pack")
    return pack


@contextmanager
def _errors_about(subject: object, hint: str | None = None) -> Iterator[None]:
    """Begin errors with *subject*, and make text of the pack in them printable."""
    rewritten: InvalidError | None = None
    try:
        yield
    except SpecError as error:
        rewritten = SpecError(replace(finding, message=printable(finding.message)) for finding in error.findings)
    except InvalidError as error:
        problem = error.problem
        rewritten = invalid(f"{subject} {problem.message}", field=problem.field, hint=problem.hint or hint)
    if rewritten is not None:  # raised here, it does not carry the original error
        raise rewritten


def _read_file(path: Path) -> bytes:
    """Return the bytes of the file at *path*, at most one more than an archive may have."""
    try:
        # Opening a pipe or a device must not block.
        descriptor = os.open(path.expanduser(), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor is no path
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise invalid(f"{path} is not a regular file", field="path", hint="A pack is a zip archive.")
            return file.read(MAX_ARCHIVE_SIZE + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "invalid path"
        raise invalid(f"{path} cannot be read: {reason}", field="path") from None


def _check_pack(files: Mapping[str, bytes], name: str) -> Pack:
    """Return the pack of *files*, after all checks.

    Raises:
        InvalidError: a file, a spec or an example is not valid in a pack.

    """
    if CONNECTOR_FILE not in files:
        raise invalid(f"has no {CONNECTOR_FILE}", field="pack")
    check_content(files)
    folder = SpecFolder(folder_in_memory(files, name))
    if findings := check_specs(folder, whole=True):
        raise SpecError(findings)
    connector = folder.connector
    specs = {spec_name: folder.spec(spec_name) for spec_name in folder.names}
    actions = {spec_name: spec for spec_name, spec in specs.items() if isinstance(spec, ActionSpec)}
    if findings := list(_find_unsuitable(folder, specs)):
        raise SpecError(findings)
    _check_recipe_sources(files, connector.hosts)
    return Pack(Manifest.from_specs(connector, actions, files), files)


def _find_unsuitable(folder: SpecFolder, specs: Mapping[str, ActionSpec | SuperSpec]) -> Iterator[Finding]:
    """Yield findings on what a connector may have and a pack may not."""
    connector = folder.connector
    finding = connector.document.finding
    if connector.connector.partition("_")[0] == _RESERVED:
        message = f'"{connector.connector}" begins with "{_RESERVED}", which is reserved for locoia-pat itself'
        yield finding("bad-value", ("connector",), f"{message}; choose another name, for its variables as well")
    try:
        Version.parse(connector.version)
    except InvalidError as error:
        yield finding("bad-value", ("version",), error.problem.message)
    if not specs:
        yield finding("missing-key", (), "a pack needs at least one action")
    for spec in specs.values():
        if isinstance(spec, SuperSpec):
            message = "a super action is code of locoia-pat, which a pack cannot hold"
            yield spec.document.finding("contradiction", ("super",), message)
        elif not spec.examples:
            yield spec.document.finding("bad-example", (), "an action of a pack needs an example")


def _check_recipe_sources(files: Mapping[str, bytes], hosts: list[str]) -> None:
    """Refuse recipes that make a runner fetch descriptions from, or send to, other places than the pack's specs do."""
    for name, data in files.items():
        if not (name.startswith("recipes/") and name.endswith(".yaml")):
            continue
        recipe = load(data.decode(), name).value
        sources = recipe.get("sourceDescriptions") if isinstance(recipe, dict) else None
        for source in sources if isinstance(sources, list) else []:
            url = source.get("url") if isinstance(source, dict) else None
            if not isinstance(url, str) or not _is_within(url, hosts):
                raise invalid(
                    f"{name} has a source that is neither a file next to it nor at a host of the connector",
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


def _find_leaks(pack: Pack, folder: Path, harmless: tuple[str, ...]) -> Iterator[Finding]:
    """Yield findings on strings that look like secrets.

    A spec names secrets without holding any, so the name of a key is no sign here.
    """
    rules = SecretNames.from_specs(pack.specs(), harmless)
    for name, data in pack.files.items():
        if name.endswith(".yaml"):
            findings = lint(data.decode(), str(folder / name), rules)
            yield from (finding for finding in findings if finding.code in ("secret-form", "high-entropy"))
