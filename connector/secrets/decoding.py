"""Text as other programs may have written it: with escapes for characters, spread over a list or lines, or encoded.

Pure.  Any character of a secret may be escaped, so not all writings of a secret can be listed.  Text is decoded
instead, and what is found in a decoded text is looked up in the original.
"""

from __future__ import annotations

import base64
import re
import sys
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Span = tuple[int, int]

_MAX_LAYERS = 4
"""The most escapes within escapes that are followed."""
_BYTE = r"(?:%(?:25)*|\\{1,16}x)"
_ESCAPE = re.compile(
    rf"(?P<utf8>{_BYTE}[c-fC-F][0-9a-fA-F](?:{_BYTE}[89abAB][0-9a-fA-F]){{1,3}}|{_BYTE}[89a-fA-F][0-9a-fA-F])"
    r"|\\{1,16}u(?P<pair>[dD][89abAB][0-9a-fA-F]{2}\\{1,16}u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\{1,16}u\{0{0,8}(?P<braced>[0-9a-fA-F]{1,6})\}"
    r"|(?:%(?:25)*u|\\{1,16}u)(?P<unit>[0-9a-fA-F]{4})"
    r"|\\{1,16}U(?P<long>[0-9a-fA-F]{8})"
    rf"|{_BYTE}(?P<byte>[0-7][0-9a-fA-F])"
    r"|\\{1,16}(?P<octal>[01][0-7]{2})"
    r"|\\{1,16}(?P<plain>[^uUx0-9\\\s])"
    r"|(?P<backslash>\\{2,16})"
    r"|&(?:amp;)*(?P<entity>#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,12}(?=;));?",
    re.DOTALL,
)
"""One character as URLs, JSON, JavaScript, Python, C or HTML write it, escaped once or more often."""
ESCAPE_SIGNS = re.compile(r"[%\\&]")
"""What every escape begins with."""
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_QUOTED_PRINTABLE = re.compile(r"=(?:([0-7][0-9A-Fa-f])|\r?\n)")
_SEPARATORS = re.compile(r"""[\s"',;|\[\]\\:=-]+""", re.ASCII)
_HEX_PREFIX = re.compile("0x")
_NO_SEPARATORS = str.maketrans("", "", " \t\n\r\v\f\"',;|[]\\:=-")
"""What is between the characters of a list, the bytes of a dump, and the lines of wrapped text."""
_READABLE = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f]{6,}")
_STANDARD = str.maketrans("-_", "+/")
_MIN_ENCODED = 12
_MAX_ENCODED = 500_000


class View:
    """A string in which parts of *source* are replaced."""

    def __init__(self, source: str, pattern: re.Pattern[str], replace: Callable[[str], str], text: str) -> None:
        self._source = source
        self._pattern = pattern
        self._replace = replace
        self.text = text

    def source_spans(self, spans: Iterable[Span]) -> list[Span]:
        """Return where the *spans* of this text are in the source; a replaced part counts as a whole."""
        spans = list(spans)
        wanted = sorted({at for start, end in spans for at in (start, end - 1)}, reverse=True)
        places: dict[int, Span] = {}
        size = done = 0  # how far this text and the source have been read
        for match in self._pattern.finditer(self._source) if wanted else ():
            while wanted and wanted[-1] < size + match.start() - done:
                places[wanted[-1]] = (done + wanted[-1] - size, done + wanted[-1] - size + 1)
                wanted.pop()
            size += match.start() - done
            done = match.end()
            size += len(self._replace(match[0]))
            while wanted and wanted[-1] < size:
                places[wanted.pop()] = match.span()
        places |= {at: (done + at - size, done + at - size + 1) for at in wanted}
        return [(places[start][0], places[end - 1][1]) for start, end in spans]


class Readings:
    """The ways to read one text.

    Each is a list of views, every one made from the one before it, and the first from the text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def escapes(self) -> list[list[View]]:
        """The text with fewer and fewer escapes."""
        layers: list[View] = []
        for _ in range(_MAX_LAYERS):
            source = layers[-1].text if layers else self.text
            text = _unescaped(source)
            if text == source:
                break
            layers.append(View(source, _ESCAPE, _unescape, text))
        return [layers[:count] for count in range(1, len(layers) + 1)]

    @cached_property
    def unescaped(self) -> list[list[View]]:
        """The text with fewer and fewer escapes, and without those of mails."""
        mail = _QUOTED_PRINTABLE.sub(lambda match: _unquote(match[0]), self.text) if "=" in self.text else self.text
        return [*self.escapes, *([[View(self.text, _QUOTED_PRINTABLE, _unquote, mail)]] if mail != self.text else [])]

    @cached_property
    def joined(self) -> list[list[View]]:
        """The text, with and without escapes, without the separators of lists, dumps and lines."""
        return [[*views, *_join(views[-1].text if views else self.text)] for views in ([], *self.unescaped)]


def source_spans(views: list[View], spans: Iterable[Span]) -> list[Span]:
    """Return where *spans* of the last of *views* are in the text that the first was made from."""
    found = list(spans)
    for view in reversed(views):
        found = view.source_spans(found)
    return found


def canonical(text: str) -> str:
    """Return *text* with all escapes decoded, and a space for each plus sign, as in forms."""
    for _ in range(_MAX_LAYERS):
        text = _unescaped(text)
    return text.replace("+", " ")


def joined(text: str) -> str:
    """Return *text* without separators, and without what precedes a byte in hexadecimal."""
    return text.translate(_NO_SEPARATORS).replace("0x", "")


def _join(text: str) -> list[View]:
    bare = text.translate(_NO_SEPARATORS)
    views = [View(text, _SEPARATORS, lambda _: "", bare)]
    return [*views, View(bare, _HEX_PREFIX, lambda _: "", bare.replace("0x", ""))] if "0x" in bare else views


def decoded(text: str) -> Iterator[str]:
    """Yield the readable texts that *text* as a whole may be an encoding of: escapes, base64, hex, base32, base85."""
    plain = canonical(text)
    if plain != text.replace("+", " "):
        yield plain
    compact = "".join(text.split())
    if not _MIN_ENCODED <= len(compact) <= _MAX_ENCODED:
        return
    for decode in _DECODERS:
        try:
            found = decode(compact).decode()
        except ValueError:
            continue
        if _READABLE.fullmatch(found):
            yield found


def _padded(text: str, size: int) -> str:
    """Return *text* with the padding of an encoding of *size* characters a group."""
    text = text.rstrip("=")
    return text + "=" * (-len(text) % size)


_DECODERS: tuple[Callable[[str], bytes], ...] = (
    lambda text: base64.b64decode(_padded(text, 4).translate(_STANDARD), validate=True),
    bytes.fromhex,
    lambda text: base64.b32decode(_padded(text, 8), casefold=True),
    base64.b85decode,
    lambda text: base64.a85decode(text, adobe=text.startswith("<~")),
)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _unescape(match[0]), text) if ESCAPE_SIGNS.search(text) else text


@lru_cache(maxsize=1024)
def _unescape(escape: str) -> str:
    """Return the character that one *escape* writes."""
    match = _ESCAPE.match(escape)
    kind = (match and match.lastgroup) or ""
    part = match[kind] if match else escape
    match kind:
        case "utf8":
            raw = bytes(int(digits, 16) for digits in re.findall("[89a-fA-F][0-9a-fA-F](?![0-9a-fA-F])", part))
            return raw.decode("utf-8", "replace")
        case "pair":
            return bytes.fromhex(part[:4] + part[-4:]).decode("utf-16-be")
        case "braced" | "unit" | "long" | "byte":
            number = int(part, 16)
            return chr(number) if number <= sys.maxunicode else escape
        case "octal":
            return chr(int(part, 8))
        case "plain":
            return _CONTROLS.get(part, part)
        case "entity":
            import html  # noqa: PLC0415  # most texts have none of it

            return html.unescape(f"&{part};")
        case _:
            return "\\"


def _unquote(escape: str) -> str:
    """Return the character that quoted-printable text writes as *escape*; nothing for a soft line break."""
    return "" if escape[1:].isspace() else chr(int(escape[1:], 16))
