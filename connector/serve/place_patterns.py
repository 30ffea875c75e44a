"""Patterns of token stores, by which a key says where a caller may have tokens stored.

In a pattern ``*`` matches characters other than ``/``, and ``**`` any number of folders.  A wildcard does not
match a name that begins with a dot.  A file is compared as it really is: with ``..`` and links in its folders resolved.
A store that runs a program, or whose reference has a syntax of its own, is allowed by its exact reference only.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILES = ("file", "text", "env-file")
_WITH_WILDCARDS = (*_FILES, "aws", "keyring", "connector-auth")
_ENTRY = re.compile(r"#(?:current|previous|pending)\Z")
_WILDCARD = re.compile(r"[*?[]")
_ONE_WILDCARD = re.compile(r"\*|\?|\[[^]]*\]")


def normalize_pattern(pattern: str, *, field: str) -> str:
    """Return *pattern* with an absolute path, without the entry of a record.

    Raises:
        InvalidError: no store can match it.

    """
    scheme, _, place = pattern.partition(":")
    opened = _ONE_WILDCARD.sub("x", pattern) if scheme == "aws" else pattern  # no secret's name may have a wildcard
    open_store(opened, field=field, by=lambda: None)  # it knows the schemes and their syntax
    if scheme not in _WITH_WILDCARDS:
        return pattern
    if scheme in ("file", "keyring", "aws"):
        place = _ENTRY.sub("", place)
    if scheme not in _FILES:
        return f"{scheme}:{place}"
    path, mark, variable = place.rpartition("#") if scheme == "env-file" else (place, "", "")
    if ".." in path.split("/"):
        raise invalid(
            f"{describe_value(pattern)} goes up with ..",
            field=field,
            hint="Name the folder itself, with its whole path.",
        )
    return f"{scheme}:{os.path.abspath(Path(path).expanduser())}{mark}{variable}"  # noqa: PTH100  # links are resolved later


def is_allowed(ref: str, absolute: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern allows a store.

    Args:
        ref: its reference, as the caller wrote it.
        absolute: its absolute reference.
        patterns: normalized patterns.

    """
    return any(_matches(pattern, ref, absolute) for pattern in patterns)


def _matches(pattern: str, ref: str, absolute: str) -> bool:
    scheme, _, wanted = pattern.partition(":")
    actual_scheme, _, place = absolute.partition(":")
    if scheme != actual_scheme or scheme not in _WITH_WILDCARDS:
        return pattern == ref and scheme == actual_scheme
    if scheme in ("file", "keyring", "aws"):
        place = _ENTRY.sub("", place)
    if scheme not in _FILES:
        return _segments_match(wanted.split("/"), place.split("/"))
    variable = wanted_variable = ""
    if scheme == "env-file":
        wanted, _, wanted_variable = wanted.rpartition("#")
        place, _, variable = place.rpartition("#")
    return fnmatchcase(variable, wanted_variable) and _path_matches(Path(wanted), Path(place))


def _path_matches(pattern: Path, path: Path) -> bool:
    """Compare where both really are; the file itself may not be a link, which its store refuses."""
    parts = pattern.parts
    fixed = next((i for i, part in enumerate(parts[:-1]) if _WILDCARD.search(part)), len(parts) - 1)
    wanted = [*Path(os.path.realpath(Path(*parts[:fixed]))).parts, *parts[fixed:]]
    actual = [*Path(os.path.realpath(path.parent)).parts, path.name]
    return _segments_match(wanted, actual)


def _segments_match(wanted: Sequence[str], actual: Sequence[str]) -> bool:
    if not wanted:
        return not actual
    first, rest = wanted[0], wanted[1:]
    if first == "**":
        return _segments_match(rest, actual) or (
            bool(actual) and not actual[0].startswith(".") and _segments_match(wanted, actual[1:])
        )
    return bool(actual) and _segment_matches(first, actual[0]) and _segments_match(rest, actual[1:])


def _segment_matches(wanted: str, actual: str) -> bool:
    if actual.startswith(".") and not wanted.startswith("."):
        return False
    return fnmatchcase(actual, wanted)
