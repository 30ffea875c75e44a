"""What must hold before anything is sent for a name; ``fleet plan`` asks for it as the protocols do."""

from __future__ import annotations

from socket import gethostname
from typing import TYPE_CHECKING

from locoia_pat import InvalidError, Problem
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locoia_pat import Secret
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.actions.lifecycle.name_stores import NameStores
    from locoia_pat.state.journal import State
    from locoia_pat.stores.record import Record

_SAME_STORE = "Read it from the store that is written: give --auth and --token-to the same one."


def reject_stores_of_another_machine(
    state: State, api: str, name_stores: NameStores, journal: JournalEntry, former: Sequence[str]
) -> None:
    """Refuse empty stores that another machine filled: a new secret would revoke the token that it uses there.

    Args:
        state: the state, which machines share if it is in PostgreSQL.
        api: the base URL.
        name_stores: the stores, which hold nothing.
        journal: what is journalled of the name.
        former: the stores that the name had before.

    Raises:
        InvalidError: another machine filled one of them.

    """
    stores = [ref for ref in name_stores.readable_refs if ref in former]
    if not stores or not isinstance(state.location, str):
        return
    saved = state.load(api, journal.name) or {}
    if journal.operation == "create":  # a change of scopes is one too, and its first token is in use
        is_in_use = bool(saved.get("filled"))
    else:
        is_in_use = journal.operation != "retire" and bool(journal.rows)
    machine = saved.get("machine")
    if not is_in_use or machine in (None, gethostname()):
        return
    raise invalid(
        f"{stores[0]} holds no token on this machine, but the machine {machine} has stored one there",
        field="token_to",
        hint="Name a store that all machines reach. If the token was removed, take_over=true makes a new one.",
    )


def reject_own_credential(credential: Secret, record: Record, is_earlier: Callable[[Secret], bool]) -> None:
    """Refuse to revoke the *credential*, which is not read from a store that is written.

    Args:
        credential: the credential in use.
        record: what the stores hold.
        is_earlier: whether a token is journalled as one of the name: some stores hold only the current one.

    Raises:
        InvalidError: it is a token of the name.

    """
    if record.current is not None and record.current.token == credential:
        raise credential_would_expire("the token of this name", f"{_SAME_STORE} Or name another credential.")
    reject_superseded(credential, record, is_earlier)


def require_way_back(name_stores: NameStores, record: Record) -> None:
    """Refuse a token that rotates itself without a store that keeps the previous one.

    It is the way back if a late request revokes the new one.

    Raises:
        InvalidError: no store does.

    """
    if record.current is not None and not name_stores.keeps_previous:
        message = "a token that rotates itself needs a store that also keeps the previous one"
        hint = "Name file:PATH or keyring:SERVICE/NAME as well, or another credential."
        raise InvalidError(Problem("unsafe", message, field="token_to", hint=hint))


def reject_superseded(credential: Secret, record: Record, is_earlier: Callable[[Secret], bool]) -> None:
    """Refuse an earlier token of the name as the *credential*; see :func:`reject_own_credential`.

    Raises:
        InvalidError: it is one.

    """
    current = record.current
    if current is None or current.token == credential:
        return
    if any(entry.token == credential for entry in record.entries) or is_earlier(credential):
        raise credential_would_expire("an earlier token of this name", "Name another credential.")


def credential_would_expire(which: str, hint: str, *, field: str = "auth") -> InvalidError:
    """Return the error for a call that would revoke its own credential."""
    message = f"the credential is {which}, and would be revoked with it"
    return InvalidError(Problem("credential_would_expire", message, field=field, hint=hint))
