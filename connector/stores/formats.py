"""How a token record is written as text otherwise than as our JSON: a bare token, a field of JSON, or a variable.

Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from locoia_pat.secrets.secret import Secret, credential, load_json
from locoia_pat.stores.env_file import assigns_within, find_variables, follows_backslash
from locoia_pat.stores.record import Record, TokenEntry, reveal_string
from locoia_pat.stores.token_text import read_bare_token

if TYPE_CHECKING:
    from locoia_pat.stores.env_file import Variable
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


class PlainText:
    """The current token on a line of its own."""

    readback: Readback = "token"

    def parse(self, text: Secret) -> Record:
        """Return a record with the token in *text*; an empty text holds none."""
        if not text.reveal().strip():
            return Record()
        token = read_bare_token(text)
        if isinstance(token, Secret):
            return Record(current=TokenEntry(token))
        raise ValueError(f"it does not hold a single token on one line: it {token}")

    def format(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # the whole text is ours
        """Return the current token of *record* and a line break."""
        return Secret(f"{record.current.token.reveal()}\n" if record.current else "")


class BareToken(PlainText):
    """The current token without a line break, for an API."""

    def __init__(self, readback: Readback) -> None:
        self.readback: Readback = readback

    def format(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # the whole text is ours
        """Return the current token of *record*, or an empty string."""
        return record.current.token if record.current else Secret("")


class JsonField:
    """The current token as one string of a JSON object; its other fields stay as they are."""

    readback: Readback = "token"

    def __init__(self, name: str) -> None:
        self._name = name

    def parse(self, text: Secret) -> Record:
        """Return a record with the token in the field; none if the field is empty or missing."""
        value = self._load(text).get(self._name)
        if value is None or value == Secret(""):
            return Record()
        token = read_bare_token(value) if isinstance(value, Secret) else "is not a string"
        if isinstance(token, Secret):
            return Record(current=TokenEntry(token))
        raise ValueError(f"its field {self._name} does not hold a token: it {token}")

    def format(self, record: Record, before: Secret | None) -> Secret:
        """Return *before* with the field set to the current token of *record*, or without it."""
        content = self._load(before or Secret(""))
        if record.current is None:
            content.pop(self._name, None)
        else:
            content[self._name] = record.current.token
        return Secret(json.dumps(content, ensure_ascii=False, default=reveal_string))

    def _load(self, text: Secret) -> dict[str, Any]:
        if not text.reveal().strip():
            return {}
        content = load_json(text, [self._name])
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")  # noqa: TRY004  # JSON of another form
        try:
            json.dumps(content, allow_nan=False, default=reveal_string)
        except ValueError:
            pass  # the error may hold a part of it
        else:
            return content
        raise ValueError("a number in it is too large to be written again")


_UNQUOTED = re.compile(r"(?:[\w.+/=:@%,-]|(?<=[\w.+/@%,~-])~)+", re.ASCII)
"""Values that every reader of env files takes literally; a shell replaces some with a tilde."""
_QUOTED = re.compile(r"""'(?:[^'\\$]|\$(?!\{))*'|"[^"\\$`]*\"""")
"""Values that every reader of env files but docker takes literally inside their quotes."""


class EnvVariable:
    """The current token as one variable of a file such as ``.env``; all other lines stay as they are."""

    readback: Readback = "token"

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = re.compile(rf"^[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*\+?=", re.MULTILINE)

    def parse(self, text: Secret) -> Record:
        """Return a record with the token in the variable; none if the variable is empty or missing."""
        variable = self._find(text)
        start, end = variable.value if variable and variable.value else (0, 0)
        value = _unquote(Secret(text.reveal()[start:end].strip()))
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
        value = Secret("")
        if record.current is not None:
            value = record.current.token
            if not _UNQUOTED.fullmatch(value.reveal()):
                raise ValueError("the token has a character that programs read differently in env files")
        before = before or Secret("")
        if (variable := self._find(before)) is not None:
            # The line ends with a line feed alone: a shell would read a carriage return as a part of the token.
            line = Secret(f"{variable.prefix}{self._name}={value.reveal()}")
            _, end = variable.value or (0, 0)
            return Secret(before.reveal()[: variable.start] + line.reveal() + before.reveal()[end:])
        if record.current is None:
            return before
        line_feed = "" if before == Secret("") or before.reveal().endswith("\n") else "\n"
        return Secret(f"{before.reveal()}{line_feed}{self._name}={value.reveal()}\n")

    def _find(self, text: Secret) -> Variable | None:
        """Return where the file sets the variable, or None; every program must agree."""
        variables = list(find_variables(text))
        named = [variable for variable in variables if variable.name in (self._name, f"{self._name}+")]
        if len(named) > 1:
            raise ValueError(f"it sets {self._name} more than once")
        starts = {variable.start for variable in named}
        for found in self._line.finditer(text.reveal()):
            within = (v for v in variables if v.value and v.value[0] <= found.start() < v.quoted_until)
            if found.start() not in starts and next(within, None) is None:
                raise ValueError(f"it sets {self._name} on a line that for some programs is part of another one")
        if any(assigns_within(self._name, text, variable) for variable in variables):
            raise ValueError(f"it sets {self._name} on the line of another variable")
        if not named:
            if follows_backslash(text, len(text.reveal())):
                raise ValueError("its last line ends with a backslash, so that some programs would read on")
            return None
        (variable,) = named
        if variable.value is None or variable.name != self._name:
            raise ValueError(f"line {variable.line} has {self._name} without a value of its own")
        if follows_backslash(text, variable.start):
            raise ValueError(f"the line before {self._name} ends with a backslash, so that some programs would read on")
        return variable


def _unquote(value: Secret) -> Secret:
    """Return a value without its quotes; a space, which is no token, if programs would read it differently."""
    if value == Secret("") or _UNQUOTED.fullmatch(value.reveal()):
        return value
    quoted = _QUOTED.fullmatch(value.reveal()) is not None
    return Secret(value.reveal()[1:-1] if quoted else " ")
