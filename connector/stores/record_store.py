"""``RecordStore``: a token store that keeps one text, and in it a token record.

A kind of store says how its text is loaded, saved and deleted: three methods, and its reference. Everything else is
here: the probe, promotion, reading back, and the refusal to overwrite a token of someone else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from locoia_pat.files import is_disk_full
from locoia_pat.outcomes import ConnectorError, NotDoneError, Problem, invalid
from locoia_pat.stores.lock import FolderBusyError
from locoia_pat.stores.record import Credential, JsonRecord, Key, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores.formats import RecordFormat
    from locoia_pat.stores.record import TokenEntry
    from locoia_pat.stores.store import Readback

_Value = TypeVar("_Value")


_RETRY = "It is safe to retry."


class StoreUnavailableError(OSError):
    """The store was not reached; nothing happened to it."""


class RecordStore(ABC):
    """A store that keeps one text."""

    noun = "entry"
    """What the text is kept in, for messages."""
    write_hint = "Name another token store."
    """What to do if it cannot be written."""
    ref: str
    """The absolute reference of the store; each kind sets it when it is opened."""

    def __init__(self, key: Key = "current", *, form: RecordFormat | None = None, field: str = "token_to") -> None:
        """Open a store.

        Args:
            key: the entry of the record that :meth:`read` returns.
            form: how the record is written as text; JSON by default.
            field: the input that errors name.

        """
        self._form: RecordFormat = form or JsonRecord()
        self._key: Key = key
        self._field = field
        self.readback: Readback = self._form.readback
        """What can be read back."""
        self._probed: Record | None = None
        """What was stored at the last probe or write."""

    @property
    def label(self) -> str:
        """The store in messages."""
        return self.ref

    @abstractmethod
    def _load(self) -> Secret | None:
        """Return the stored text, or None."""

    @abstractmethod
    def _save(self, text: Secret) -> None:
        """Replace the stored text with *text*."""

    @abstractmethod
    def _delete(self) -> bool:
        """Delete the stored text, and return whether there was one."""

    def _check(self) -> None:  # noqa: B027  # optional: most stores have nothing to refuse
        """Raise if the store must not be written."""

    def _lock(self) -> AbstractContextManager[None]:
        """Return a lock that keeps our other writers out; none by default."""
        return nullcontext()

    def _warnings(self) -> Iterator[str]:
        """Yield what the user should know after a token was stored; must not fail."""
        yield from ()

    def read(self) -> Credential:
        """Return the token under the reference's key.

        Raises:
            InvalidError: the store holds no token under it.
        """
        record = self._translate_errors(self._load_record, "cannot be read")
        if record is None:
            raise invalid(f"{self.label} cannot be read: there is no such {self.noun}", field=self._field)
        entry = record.get(self._key)
        if entry is None:
            raise invalid(f"{self.label} holds no {self._key} token", field=self._field)
        return Credential(entry.token, record.api)

    def check(self) -> None:
        """Check what can be checked without a write: by default what must not be written at all.

        Raises:
            InvalidError: the store cannot take a token.
        """
        if self._key != "current":
            raise invalid(f"a new token becomes #current, not #{self._key}", field=self._field)
        self._translate_errors(self._check, "is not writable")

    def probe(self) -> TokenEntry | None:
        """Save the stored text once more, exactly as a token will be saved; return the current entry.

        Raises:
            InvalidError: the store is not writable; nothing is changed.
        """
        RecordStore.check(self)
        self._probed = self._translate_errors(self._rewrite, "is not writable")
        return self._probed.current

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        """Store *entry* as the current token, and read it back.

        A token that was stored since :meth:`probe` is someone's only copy and is never overwritten.

        Raises:
            OSError, ValueError, InvalidError: the token was not stored.
        """
        with self._lock():
            stored = self._current_record()
            self._refuse_other_token(stored, replaced_id=replaced_id)
            self._save_and_verify(stored.promote(entry, api=api, replaced_id=replaced_id))
        return tuple(self._warnings())

    def record(self) -> Record:
        """Return everything that is stored; an empty record if nothing is.

        Raises:
            OSError, ValueError, InvalidError: it cannot be read, or is not a token record.
        """
        return self._load_record() or Record()

    def write_record(self, record: Record) -> tuple[str, ...]:
        """Replace everything that is stored with *record*, and read it back.

        A token that was stored since :meth:`probe` and is not in *record* is never overwritten.

        Raises:
            OSError, ValueError, InvalidError: the record was not stored.
        """
        with self._lock():
            self._refuse_other_token(self._current_record(), known=record.entries)
            self._save_and_verify(record)
        return tuple(self._warnings())

    def remove(self) -> bool:
        """Remove everything that is stored, and return whether there was anything.

        Raises:
            InvalidError: it cannot be removed.
        """
        return self._translate_errors(self._remove, "cannot be removed")

    def _remove(self) -> bool:
        with self._lock():
            return self._delete()

    def _load_record(self) -> Record | None:
        text = self._load()
        return None if text is None else self._form.parse(text)

    def _current_record(self) -> Record:
        """Return what is stored; text that is not a record may be overwritten, as the probe has found."""
        try:
            return self.record()
        except ValueError:
            return Record()

    def _refuse_other_token(
        self, stored: Record, *, known: Iterable[TokenEntry] = (), replaced_id: str | None = None
    ) -> None:
        """Refuse to overwrite a token that was stored since :meth:`probe`.

        It may be overwritten if it is one of *known*, or belongs, or may belong, to the row *replaced_id*.
        """
        current = stored.current
        if current is None or self._probed is None:
            return
        ours = [self._probed.current, *known]
        if any(entry is not None and entry.token == current.token for entry in ours):
            return
        if replaced_id is None or current.id not in (None, replaced_id):
            raise OSError("another process has stored a different token since it was probed")

    def _save_and_verify(self, record: Record) -> None:
        text = self._form.format(record, self._load() if self.readback == "token" else None)
        self._save(text)
        if self.readback == "record" and self._load() == text:
            self._probed = record
            return
        stored = self.record()
        if stored != record if self.readback == "record" else _current_token(stored) != _current_token(record):
            raise OSError(f"the {self.noun} does not hold what was written to it")
        self._probed = record

    def _rewrite(self) -> Record:
        """Save what is stored once more, and return it; leave nothing behind where nothing was stored."""
        with self._lock():
            text = self._load()
            record = Record() if text is None else self._form.parse(text)
            self._save(self._form.format(record, None) if text is None else text)
            if text is None:
                self._delete()
            return record

    def _translate_errors(self, work: Callable[[], _Value], failure: str) -> _Value:
        """Return what *work* returns; raise its errors as ``invalid``, outside of the frames that hold a secret."""
        try:
            return work()
        except ConnectorError:
            raise
        except StoreUnavailableError as error:
            away = Problem("unavailable", f"{self.label} {failure}: {error}", field=self._field, hint=_RETRY)
            raise NotDoneError(away) from None
        except FolderBusyError as error:
            busy = Problem("busy", f"{self.label} {failure}: {error}", field=self._field, hint=_RETRY)
            raise NotDoneError(busy) from None
        except OSError as error:
            reason, hint = (error.strerror or str(error)).lower(), self.write_hint
            if is_disk_full(error):
                hint = "Free space on this disk, or name a store on another one."
        except ValueError as error:
            reason, hint = str(error), "Name a store that is used for the token only."
        raise invalid(f"{self.label} {failure}: {reason}", field=self._field, hint=hint)


def _current_token(record: Record) -> Secret | None:
    return record.current.token if record.current else None
