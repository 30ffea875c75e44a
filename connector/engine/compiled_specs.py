"""Specs ready to run, in their compiled form: from the package, from the user's cache, or compiled now.

The form is data, never code.  A file of it is named by the hash of the text that it was made of and, in the cache, of
all that made it: our code, the libraries and Python.  It begins with the hash of its own content, and is read only if
both are right and no other user can write it.  The cache is never needed: without it, each process compiles what it
runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from contextlib import suppress
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, cast

from locoia_pat.files import user_folder
from locoia_pat.outcomes import InvalidError
from locoia_pat.spec.compiled_form import CompiledSpec, compiled_spec, require_request
from locoia_pat.spec.load import CONNECTOR_FILE

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec

    Texts = dict[str, tuple[str, str]]
    """By file: its text, and its path for messages."""

_PACKAGE = Path(__file__).parent.parent
CODE = ("", "engine", "http", "request", "request/template", "response", "secrets", "spec", "state", "stores")
"""The folders of the code that makes and reads the form: this one, and all that it may import."""
_LIBRARIES = {"jinja2": "jinja2", "pydantic": "pydantic", "pydantic_core": "pydantic_core", "yaml": "pyyaml"}
"""The libraries that shape the form, by the name of their package, and how their metadata is named."""
SHIPPED = _PACKAGE / "engine" / "compiled"
"""The forms of our own specs, which a wheel brings with the code that made them."""
IS_INSTALLED = _PACKAGE.name == "locoia_pat"
"""Whether this is an installed package; in a checkout, the code may be newer than what a build left behind."""
MAX_FILES = 500
"""The most files of the cache; after that, the older half is removed."""
_MAX_BYTES = 4 * 1024 * 1024


def cache_folder() -> Path:
    """Return the folder of the user's cache, which may not exist yet."""
    return user_folder("cache") / "specs"


def ready_connector(folder: SpecFolder) -> ConnectorSpec:
    """Return what the actions of *folder* share, as its ``connector``, and compiled if it is right.

    Raises:
        InvalidError: the folder has no ``connector.yaml``, or it is invalid.

    """
    return cast("ConnectorSpec", _ready(folder, CONNECTOR_FILE) or folder.connector)


def ready_spec(folder: SpecFolder, name: str) -> ActionSpec | SuperSpec:
    """Return the action or super action *name* of *folder*, as its ``spec`` does, and compiled if it is right.

    Raises:
        InvalidError: there is no such action, or its spec is invalid.

    """
    spec = _ready(folder, CONNECTOR_FILE, f"{name}.yaml") if name in folder.names else None
    return cast("ActionSpec | SuperSpec", spec or folder.spec(name))


def ready_action(folder: SpecFolder, name: str) -> ActionSpec:
    """Return the action *name* of *folder*, as its ``action`` does, and compiled if it is right.

    Raises:
        InvalidError: there is no such action, its spec is invalid, or it is a super action.

    """
    return require_request(ready_spec(folder, name))


def loaded_spec(folder: SpecFolder, name: str) -> ActionSpec | SuperSpec | None:
    """Return the action or super action *name* of *folder* if it was compiled before; None if that takes longer."""
    spec = _ready(folder, CONNECTOR_FILE, f"{name}.yaml", may_compile=False)
    return cast("ActionSpec | SuperSpec | None", spec)


def _ready(folder: SpecFolder, *files: str, may_compile: bool = True) -> CompiledSpec | None:
    """Return the last of *files*, which needs the others, compiled; None if it is wrong, which its parser explains."""
    spec = folder.compiled.get(files[-1])
    if spec is None:
        try:
            texts = {file: folder.text(file) for file in files}
            spec = _load(texts, is_own=folder.is_own) or (_compile(folder, texts) if may_compile else None)
        except InvalidError:
            return None
        if spec is not None:
            folder.compiled[files[-1]] = spec
    return spec


def _load(texts: Texts, *, is_own: bool) -> CompiledSpec | None:
    """Return the compiled form of *texts* from a file, or None without a valid file."""
    if is_own and IS_INSTALLED:
        with suppress(OSError):
            key = text_key(texts)
            return read_form(SHIPPED / key, key, trusted=True)
    with suppress(OSError):
        key = cache_key(texts)
        return read_form(cache_folder() / key, key)
    return None


def _compile(folder: SpecFolder, texts: Texts) -> CompiledSpec:
    from locoia_pat.engine.spec_compiler import compile_texts  # noqa: PLC0415  # pydantic, Jinja and YAML

    form = json.dumps(compile_texts(folder, texts), allow_nan=False).encode()
    with suppress(OSError):  # a home folder that is missing, full or read-only: the cache is not needed
        write_form(cache_folder(), cache_key(texts), form)
    return compiled_spec(json.loads(form))


def text_key(texts: Texts, maker: bytes = b"") -> str:
    """Return the name of the compiled form of *texts*: a hash of them, and of what describes its *maker*."""
    key = hashlib.sha256(maker)
    for file, (text, _) in texts.items():
        for part in (file.encode(), text.encode()):
            key.update(b"%d:%b" % (len(part), part))
    return key.hexdigest()


def cache_key(texts: Texts) -> str:
    """Return the name of the compiled form of *texts* in the cache.

    Raises:
        OSError: the versions of the code or of the libraries cannot be read, so an older form could be taken for new.

    """
    return text_key(texts, describe_maker())


@cache
def describe_maker() -> bytes:
    """Describe what makes the form now: Python, the libraries and our code.

    A change of a file changes the time of its status, which no program can set, so the files need not be read.
    """
    described = [sys.version, *_library_versions()]
    for folder in CODE:
        with os.scandir(_PACKAGE / folder) as files:
            code = {file.name: file.stat() for file in files if file.name.endswith(".py")}
        for name, status in sorted(code.items()):
            described.append(f"{folder}/{name} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}")
    return hashlib.sha256("\0".join(described).encode()).digest()


def _library_versions() -> list[str]:
    """Return the folders of the libraries' metadata, which have their versions in the name; no library is imported."""
    names: dict[str, list[str]] = {}
    versions: list[str] = []
    for package, library in _LIBRARIES.items():
        spec = PathFinder.find_spec(package)
        folder = os.path.dirname(os.path.dirname(spec.origin or "")) if spec else ""  # noqa: PTH120  # may be empty
        if folder not in names:
            names[folder] = os.listdir(folder)  # noqa: PTH208  # as above: an empty name raises an error
        found = sorted(name for name in names[folder] if name.lower().startswith(f"{library}-"))
        if not found:
            raise FileNotFoundError(f"{folder} does not say the version of {library}")
        versions += found
    return versions


def read_form(file: Path, key: str, *, trusted: bool = False) -> CompiledSpec | None:
    """Return the compiled spec in *file*, or None if it is not what :func:`write_form` wrote for *key*.

    Args:
        file: the file.
        key: its :func:`text_key` or :func:`cache_key`.
        trusted: whether it is a part of the package; else no other user may be able to write it.

    Raises:
        OSError: it does not exist, or cannot be read.

    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file, flags), "rb") as source:
        if not (trusted or _is_private(os.fstat(source.fileno()))):
            return None
        first_line, _, form = source.read(_MAX_BYTES).partition(b"\n")
    if first_line != digest(key, form):
        return None
    try:
        return compiled_spec(json.loads(form))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_private(file: os.stat_result) -> bool:
    is_ours = not hasattr(os, "geteuid") or file.st_uid == os.geteuid()
    return is_ours and stat.S_ISREG(file.st_mode) and not (os.name == "posix" and file.st_mode & 0o022)


def write_form(folder: Path, key: str, form: bytes) -> None:
    """Write *form* into *folder*, for readers that may read at the same time, and writers that may write the same.

    Raises:
        OSError: it cannot be written.

    """
    from tempfile import NamedTemporaryFile  # noqa: PLC0415  # a process that reads the form writes none

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=folder, delete=False) as file:
        try:
            file.write(digest(key, form) + b"\n" + form)
            file.close()
            Path(file.name).replace(folder / key)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    _remove_oldest(folder)


def digest(key: str, form: bytes) -> bytes:
    """Return the first line of a file with *form* under *key*."""
    return hashlib.sha256(key.encode() + form).hexdigest().encode()


def _remove_oldest(folder: Path) -> None:
    files = list(folder.iterdir())
    if len(files) > MAX_FILES:
        for file in sorted(files, key=lambda file: file.stat().st_mtime)[: len(files) // 2]:
            file.unlink(missing_ok=True)
