"""The patterns of inputs: regular expressions for an engine that cannot backtrack.

Pure.  The engine is Rust's, by way of pydantic: it takes time in proportion to the text, and has no look-around.
"""

from __future__ import annotations

import math
import re
from functools import cache

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


_ENDING = re.compile(r"(\{[a-z0-9_]*\})|([^{}\s]+)")
_TAIL = 400
"""Characters at the end of a text that are looked at."""


def named(ending: str) -> list[str]:
    """The names of the parts of *ending*, a text such as ``~m/{name}/{}/{slot}``."""
    return re.findall(r"\{([a-z0-9_]+)\}", ending)


@cache
def _parts(ending: str) -> re.Pattern[str]:
    pieces = _ENDING.findall(ending)
    expression = r"(?:\A|\s)"
    for (part, literal), following in zip(pieces, [*pieces[1:], ("", "")], strict=True):
        inner = rf"[^\s{re.escape(following[1][:1])}]{{1,100}}"  # up to what follows, so there is one way to read it
        name = part[1:-1]
        expression += re.escape(literal) or (f"(?P<{name}>{inner})" if name else inner)
    return re.compile(rf"{expression}\s*\Z")


def parts(ending: str, text: object) -> dict[str, str] | None:
    """The parts of *ending* at the end of *text*; None where it does not end so."""
    found = _parts(ending).search(text[-_TAIL:]) if isinstance(text, str) else None
    return found.groupdict() if found else None
