"""The patterns of inputs: regular expressions for an engine that cannot backtrack.

Pure.  The engine is Rust's, as pydantic uses it: its time is proportional to the length of the string, and it has no
look-around.
"""

from __future__ import annotations

import math
import re

from locoia_pat.spec.core_validator import SchemaError, SchemaValidator

MAX_COMPLEXITY = 100
"""The most that the patterns of an action may add up to: the engine writes out counted repeats and large character
classes when it compiles a pattern."""


def split_pattern(pattern: str) -> tuple[str, str]:
    """Return *pattern* without slashes around it, and its flags; Locoia's forms write ``/…/`` and ``/…/i``."""
    match = re.fullmatch(r"/(.*)/(i?)", pattern, re.DOTALL)
    return (match[1], match[2]) if match else (pattern, "")


def to_regex(pattern: str) -> str:
    """Return *pattern* as a regular expression for pydantic."""
    plain, flags = split_pattern(pattern)
    return f"(?{flags}:{plain})" if plain != pattern else pattern


def complexity(pattern: str) -> int:
    """Return roughly how large *pattern* is once it is compiled."""
    classes = len(re.findall(r"\\[pPwWdDsS]", pattern))
    counts = [max(1, *map(int, re.findall(r"[0-9]+", count))) for count in re.findall(r"\{[0-9][0-9,]*\}", pattern)]
    return max(1, classes) * math.prod(counts)


def pattern_error(pattern: str) -> str | None:
    """Return why *pattern* is invalid, or None if it is valid."""
    try:
        SchemaValidator({"type": "str", "pattern": to_regex(pattern)})
    except SchemaError as error:
        reason = str(error).partition("regex parse error:")[2] or "it is too large"
        return f"invalid pattern (look-around is not supported): {' '.join(reason.split())[-200:]}"
    return None
