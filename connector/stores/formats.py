"""How a record stands in the text of a place: as our JSON, as a bare token, or as one variable among others.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from locoia_pat.secrets.secret import Secret, credential
from locoia_pat.stores.record import Record, bare, parse
from locoia_pat.stores.store import Entry

if TYPE_CHECKING:
    from locoia_pat.stores.store import Keeps


class Form(Protocol):
    """A way to write a record."""

    keeps: Keeps

    def parse(self, text: Secret) -> Record:
        """The record in *text*.

        Raises:
            ValueError: there is none; the message holds no part of the text.

        """
        ...

    def text(self, record: Record, before: Secret | None) -> Secret:
        """*Record* as a text, in the place of *before*.

        Raises:
            ValueError: it cannot be written so.

        """
        ...


class Json:
    """All of the record, as :mod:`.record` writes it; a bare token is read too."""

    keeps: Keeps = "record"

    def parse(self, text: Secret) -> Record:
        """The record in *text*."""
        return parse(text)

    def text(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # all of it is ours
        """*Record* as JSON."""
        return record.to_text()


class Bare:
    """The current token on a line of its own."""

    keeps: Keeps = "token"

    def parse(self, text: Secret) -> Record:
        """The token of *text*; an empty text holds none."""
        if not text.reveal().strip():
            return Record()
        found = bare(text)
        if found is None:
            raise ValueError("it holds something else than one token on one line")
        return Record(current=Entry(found))

    def text(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # all of it is ours
        """The current token of *record*, and a line break."""
        return Secret(f"{record.current.token.reveal()}\n" if record.current else "")


_PLAIN = re.compile(r"[\w.~+/=:@%,-]+", re.ASCII)
"""What every reader of such files takes as it stands, without quotes."""
_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\$`]*\"""")
"""What every reader of such files takes without its quotes."""


class Variable:
    """The current token as one variable of a file such as ``.env``; every other line stays as it is."""

    keeps: Keeps = "token"

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = re.compile(rf"^([ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=[ \t]*)([^\r\n]*)", re.MULTILINE)

    def parse(self, text: Secret) -> Record:
        """The token of the variable; one that is empty or not there is none."""
        values = [Secret(value.strip()) for _, value in self._line.findall(text.reveal())]
        if len(values) > 1:
            raise ValueError(f"it sets {self._name} more than once")
        found = _unquoted(values[0]) if values else Secret("")
        if found == Secret(""):
            return Record()
        token = credential(found)
        if token is None:
            raise ValueError(
                f"the value of {self._name} is no token, or is written in a way that readers take differently: "
                "it stands alone on its line, in quotes or without, and no comment behind it"
            )
        return Record(current=Entry(token))

    def text(self, record: Record, before: Secret | None) -> Secret:
        """*Before* with the current token of *record* as the variable; where there is none the variable is empty."""
        value = Secret("") if record.current is None else _quoted(record.current.token)
        before = before or Secret("")
        if self._line.search(before.reveal()):
            return Secret(self._line.sub(lambda found: found[1] + value.reveal(), before.reveal()))
        if record.current is None:
            return before
        line = "\r\n" if "\r\n" in before.reveal() else "\n"
        end = "" if before == Secret("") or before.reveal().endswith("\n") else line
        return Secret(f"{before.reveal()}{end}{self._name}={value.reveal()}{line}")


def _unquoted(value: Secret) -> Secret:
    """A value without its quotes; a space, which is no token, where readers would take it differently."""
    if value == Secret("") or _PLAIN.fullmatch(value.reveal()):
        return value
    quoted = _QUOTED.fullmatch(value.reveal()) is not None
    return Secret(value.reveal()[1:-1] if quoted else " ")


def _quoted(token: Secret) -> Secret:
    if _PLAIN.fullmatch(token.reveal()):
        return token
    if "'" in token.reveal() or "\\" in token.reveal():
        raise ValueError("the token has a quote or a backslash, which readers of such files take differently")
    return Secret(f"'{token.reveal()}'")
