"""Characters that cannot be seen, or that change how others are seen, by the classes of Unicode.

Pure.
"""

from __future__ import annotations

import re
import unicodedata

from locoia_pat.outcomes import invalid

_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cn", "Co", "Zl", "Zp")
"""Control and format characters (with all that set the direction of writing), characters that are not assigned or for
private use, and separators of lines and paragraphs."""
# Of the property Default_Ignorable_Code_Point, what is in none of the categories above; a test compares it with the
# property itself. Source: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# How an emoji is written: a symbol, its form, and others that are joined to it.
_JOINER = "\u200d"
_KEYCAP = "\u20e3"
_FORMS = ("\ufe0e", "\ufe0f")


def hidden_character(text: str, *, allowed: str = "") -> str | None:
    """Return the first character of *text* that cannot be seen, or None.

    Those within an emoji count as seen. Half of a surrogate pair is for others to refuse.

    Args:
        text: the string to check.
        allowed: characters that are not looked for, such as the tab.

    """
    rest = text.translate(dict.fromkeys(map(ord, allowed)))
    if rest.isascii() and rest.isprintable():
        return None
    for index, character in enumerate(text):
        if character not in allowed and _is_hidden(character) and not _is_in_emoji(text, index):
            return character
    return None


def describe_character(character: str) -> str:
    """Return the code of *character*, and its name in Unicode if it has one."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def refuse_hidden_in(text: str, field: str) -> None:
    """Refuse a *text* by which people recognise a row, if some of it cannot be seen.

    Raises:
        InvalidError: it has such a character; the error names *field*.

    """
    if hidden := hidden_character(text, allowed="\n\t"):
        hint = "Type it again without this character; emoji are allowed."
        raise invalid(f"has the invisible character {describe_character(hidden)}", field=field, hint=hint)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or _IGNORABLE.match(character) is not None


def _is_in_emoji(text: str, index: int) -> bool:
    before, after = text[:index][-1:], text[index + 1 : index + 2]
    if text[index] == _JOINER:
        return _is_symbol(before if before not in _FORMS else text[: index - 1][-1:]) and _is_symbol(after)
    return text[index] in _FORMS and (_is_symbol(before) or after == _KEYCAP)


def _is_symbol(character: str) -> bool:
    """Return whether *character* can be part of an emoji: a symbol, or a modifier of its colour."""
    return character != "" and unicodedata.category(character) in ("So", "Sk", "Sm", "Po")
