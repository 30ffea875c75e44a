"""A place that holds a text, and in it a record: what every such place does in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from locoia_pat.outcomes import ConnectorError, invalid
from locoia_pat.stores.formats import Json
from locoia_pat.stores.record import Key, Record
from locoia_pat.stores.store import Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores.formats import Form
    from locoia_pat.stores.store import Entry, Keeps

_Told = TypeVar("_Told")


class Place(ABC):
    """A place for tokens, of which a kind says how its text is read, written and taken away."""

    what = "entry"
    """What stands there, in words."""
    elsewhere = "Name another place."
    """What to do where it cannot be written."""

    def __init__(self, key: Key = "current", *, form: Form | None = None, field: str = "token_to") -> None:
        """The place, of whose record *key* is read; *field* names the input in errors."""
        self._form: Form = form or Json()
        self._key: Key = key
        self._field = field
        self._probed: Record | None = None

    @property
    def keeps(self) -> Keeps:
        """What of a record stays there."""
        return self._form.keeps

    @property
    @abstractmethod
    def ref(self) -> str:
        """The place as an absolute REF."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The place in messages."""

    @abstractmethod
    def _text(self) -> Secret | None:
        """What stands there; None where nothing does."""

    @abstractmethod
    def _write(self, text: Secret) -> None:
        """Put *text* in the place of all that stands there."""

    @abstractmethod
    def _remove(self) -> bool:
        """Take away what stands there; whether something did."""

    def _check(self) -> None:  # noqa: B027  # most kinds have nothing to refuse
        """Refuse a place that must not be written."""

    def _alone(self) -> AbstractContextManager[None]:
        """While it lasts, no other writer of ours works there."""
        return nullcontext()

    def _warnings(self) -> Iterator[str]:
        """What the owner should know once a token is stored; it must not fail."""
        yield from ()

    def read(self) -> Credential:
        """The token under the REF's key.

        Raises:
            InvalidError: the place holds none.
        """
        record = self._tried(self._found, "cannot be read")
        if record is None:
            raise invalid(f"{self.where} cannot be read: there is no such {self.what}", field=self._field)
        entry = record.at(self._key)
        if entry is None:
            raise invalid(f"{self.where} holds no {self._key} token", field=self._field)
        return Credential(entry.token, record.api)

    def probe(self) -> Entry | None:
        """Write what stands there once more, in the very way a token will be written.

        Raises:
            InvalidError: that does not work; nothing is changed.
        """
        if self._key != "current":
            raise invalid(f"a new token becomes #current, not #{self._key}", field=self._field)
        self._tried(self._check, "cannot take a token")
        self._probed = self._tried(self._rewritten, "cannot take a token")
        return self._probed.current

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:
        """Make *entry* the current token, and read it back.

        What was put there since :meth:`probe` is somebody's only copy, so it stays.

        Raises:
            OSError, ValueError, InvalidError: the place does not hold it now.
        """
        with self._alone():
            there = self._standing()
            self._refuse_taken(there, dead=dead)
            self._put(there.promote(entry, api=api, dead=dead))
        return tuple(self._warnings())

    def record(self) -> Record:
        """All that stands there; an empty record where nothing does.

        Raises:
            OSError, ValueError, InvalidError: it cannot be read, or is no record.
        """
        return self._found() or Record()

    def keep(self, record: Record) -> tuple[str, ...]:
        """Put *record* in the place of all that stands there, and read it back.

        What was put there since :meth:`probe`, and is not in *record*, stays.

        Raises:
            OSError, ValueError, InvalidError: the place does not hold it now.
        """
        with self._alone():
            self._refuse_taken(self._standing(), known=record.entries)
            self._put(record)
        return tuple(self._warnings())

    def remove(self) -> bool:
        """Take away what stands there, with all it holds; whether there was something.

        Raises:
            InvalidError: it cannot be taken away.
        """
        return self._tried(self._remove, "cannot be removed")

    def _found(self) -> Record | None:
        text = self._text()
        return None if text is None else self._form.parse(text)

    def _standing(self) -> Record:
        """What stands there; what is no record may be written over, as the probe has said."""
        try:
            return self.record()
        except ValueError:
            return Record()

    def _refuse_taken(self, there: Record, *, known: Iterable[Entry] = (), dead: str | None = None) -> None:
        """Refuse to write over a token that came since :meth:`probe`: it is somebody's only copy.

        It is not that where it is one of *known*, or of the row *dead*, or may be.
        """
        current = there.current
        if current is None or self._probed is None:
            return
        ours = [self._probed.current, *known]
        if any(entry is not None and entry.token == current.token for entry in ours):
            return
        if dead is None or current.id not in (None, dead):
            raise OSError("another token was put there since it was looked at")

    def _put(self, record: Record) -> None:
        self._write(self._form.text(record, self._text() if self.keeps == "token" else None))
        found = self.record()
        same = found == record if self.keeps == "record" else _token(found) == _token(record)
        if not same:
            raise OSError(f"the {self.what} holds something else than what was written")
        self._probed = record

    def _rewritten(self) -> Record:
        with self._alone():
            text = self._text()
            record = Record() if text is None else self._form.parse(text)
            self._write(self._form.text(record, None) if text is None else text)
            if text is None:
                self._remove()
            return record

    def _tried(self, work: Callable[[], _Told], what: str) -> _Told:
        """What *work* gives; an error that is raised from within another would show the variables of its frames."""
        try:
            return work()
        except ConnectorError:
            raise
        except OSError as error:
            words, hint = (error.strerror or str(error)).lower(), self.elsewhere
        except ValueError as error:
            words, hint = str(error), "Name one of its own for the token."
        raise invalid(f"{self.where} {what}: {words}", field=self._field, hint=hint)


def _token(record: Record) -> Secret | None:
    return record.current.token if record.current else None
