"""How a token record is written as text: as JSON, as the bare token, or as one variable of an env file.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from locoia_pat.secrets.secret import Secret, credential
from locoia_pat.stores.record import Record, TokenEntry, bare_token, parse

if TYPE_CHECKING:
    from locoia_pat.stores.store import Readback


class RecordFormat(Protocol):
    """A way to write a record as text."""

    readback: Readback

    def parse(self, text: Secret) -> Record:
        """Return the record in *text*.

        Raises:
            ValueError: there is none; the message repeats no part of the text.

        """
        ...

    def format(self, record: Record, before: Secret | None) -> Secret:
        """Return *record* as text, to replace the text *before*.

        Raises:
            ValueError: it cannot be written in this format.

        """
        ...


class JsonRecord:
    """The whole record as JSON; a bare token is read too."""

    readback: Readback = "record"

    def parse(self, text: Secret) -> Record:
        """Return the record in *text*."""
        return parse(text)

    def format(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # the whole text is ours
        """Return *record* as JSON."""
        return record.to_text()


class PlainText:
    """The current token on a line of its own."""

    readback: Readback = "token"

    def parse(self, text: Secret) -> Record:
        """Return a record with the token in *text*; an empty text holds none."""
        if not text.reveal().strip():
            return Record()
        token = bare_token(text)
        if token is None:
            raise ValueError("it does not hold a single token on one line")
        return Record(current=TokenEntry(token))

    def format(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # the whole text is ours
        """Return the current token of *record* and a line break."""
        return Secret(f"{record.current.token.reveal()}\n" if record.current else "")


_UNQUOTED = re.compile(r"[\w.~+/=:@%,-]+", re.ASCII)
"""Values that every reader of env files takes literally without quotes."""
_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\$`]*\"""")
"""Values that every reader of env files takes literally inside their quotes."""


class EnvVariable:
    """The current token as one variable of a file such as ``.env``; all other lines stay as they are."""

    readback: Readback = "token"

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = re.compile(rf"^([ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=[ \t]*)([^\r\n]*)", re.MULTILINE)

    def parse(self, text: Secret) -> Record:
        """Return a record with the token in the variable; none if the variable is empty or missing."""
        values = [Secret(value.strip()) for _, value in self._line.findall(text.reveal())]
        if len(values) > 1:
            raise ValueError(f"it sets {self._name} more than once")
        value = _unquote(values[0]) if values else Secret("")
        if value == Secret(""):
            return Record()
        token = credential(value)
        if token is None:
            raise ValueError(
                f"the value of {self._name} is not a token, or is written in a way that programs read differently: "
                "write it on one line, quoted or not, with no comment after it"
            )
        return Record(current=TokenEntry(token))

    def format(self, record: Record, before: Secret | None) -> Secret:
        """Return *before* with the variable set to the current token of *record*, or empty if there is none."""
        value = Secret("") if record.current is None else _quote(record.current.token)
        before = before or Secret("")
        if self._line.search(before.reveal()):
            return Secret(self._line.sub(lambda match: match[1] + value.reveal(), before.reveal()))
        if record.current is None:
            return before
        newline = "\r\n" if "\r\n" in before.reveal() else "\n"
        end = "" if before == Secret("") or before.reveal().endswith("\n") else newline
        return Secret(f"{before.reveal()}{end}{self._name}={value.reveal()}{newline}")


def _unquote(value: Secret) -> Secret:
    """Return a value without its quotes; a space, which is no token, if programs would read it differently."""
    if value == Secret("") or _UNQUOTED.fullmatch(value.reveal()):
        return value
    quoted = _QUOTED.fullmatch(value.reveal()) is not None
    return Secret(value.reveal()[1:-1] if quoted else " ")


def _quote(token: Secret) -> Secret:
    if _UNQUOTED.fullmatch(token.reveal()):
        return token
    if "'" in token.reveal() or "\\" in token.reveal():
        raise ValueError("the token has a quote or a backslash, which programs read differently in env files")
    return Secret(f"'{token.reveal()}'")
