"""The patterns of inputs: regular expressions for an engine that cannot backtrack.

Pure.  The engine is Rust's, by way of pydantic: it takes time in proportion to the text, and has no look-around.
"""

from __future__ import annotations

import math
import re

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_WEIGHT = 100
"""What all patterns of an action may weigh: counted repeats, and classes of many characters, are written out when
they are compiled."""


def expression(pattern: str) -> str:
    """A pattern for pydantic, whose engine cannot backtrack; Locoia's forms write ``/…/`` and ``/…/i``."""
    found = re.fullmatch(r"/(.*)/(i?)", pattern, re.DOTALL)
    return f"(?{found[2]}:{found[1]})" if found else pattern


def weight(pattern: str) -> int:
    """How much of a program *pattern* is, roughly."""
    classes = len(re.findall(r"\\[pPwWdDsS]", pattern))
    repeats = [max(1, *map(int, re.findall(r"[0-9]+", found))) for found in re.findall(r"\{[0-9][0-9,]*\}", pattern)]
    return max(1, classes) * math.prod(repeats)


def wrong(pattern: str) -> str | None:
    """Why *pattern* is none; None where it is one."""
    try:
        SchemaValidator(core_schema.str_schema(pattern=expression(pattern)))
    except SchemaError as error:
        words = str(error).partition("regex parse error:")[2] or "it is too large"
        return f"this is no pattern, or one with look-around: {' '.join(words.split())[-200:]}"
    return None
