"""What a call may do: each permission that a key lacks is named in the refusal."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import Problem, RefusedError, invalid
from locoia_pat.request.secret_inputs import resolve_secret
from locoia_pat.serve.place_patterns import is_allowed
from locoia_pat.spec.description import MANAGED_NAME, STORE_FIELD, sends_file, takes_stores
from locoia_pat.spec.model import ActionSpec
from locoia_pat.stores import open_store, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.connector import Connector
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import SuperSpec
    from locoia_pat.state.access_keys import AccessKey
    from locoia_pat.stores import TokenStore

REVOKES = {"replaces": "revoke_pat"}
"""Inputs of super actions that name a row to be revoked, and the action that a key must allow for that."""
MAX_STORES = 20


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A call that its key allows."""

    inputs: Mapping[str, Any]
    """With secrets in place of their references; not validated yet."""
    stores: tuple[TokenStore, ...]


def allows_action(key: AccessKey, action: str) -> bool:
    """Return whether *key* allows *action*."""
    return any(fnmatchcase(action, pattern) for pattern in key.permissions.allow)


def check_action(key: AccessKey, action: str) -> None:
    """Check that *key* allows *action*.

    Raises:
        RefusedError: it does not.

    """
    if not allows_action(key, action):
        raise _forbidden(key, f"does not allow {action}", "action", f"--allow {action}")


def check_call(key: AccessKey, spec: ActionSpec | SuperSpec, fields: Mapping[str, Any], by: Connector) -> CheckedCall:
    """Check what a call asks for against the permissions of *key*.

    Args:
        key: the caller's key.
        spec: the action.
        fields: the inputs, and ``token_to`` next to them.
        by: the connector that performs the call.

    Raises:
        RefusedError: the key does not allow it.
        InvalidError: an input is not valid, or a store is missing.

    """
    check_action(key, spec.action)
    if sends_file(spec):
        message = f"{spec.action} sends a file of this server, which a caller must not choose"
        raise RefusedError(Problem("forbidden", message, hint="Run it with locoia-pat run."))
    inputs = dict(fields)
    has_stores = takes_stores(spec) and STORE_FIELD not in spec.inputs
    refs = _refs(inputs.pop(STORE_FIELD, None)) if has_stores else []
    if not isinstance(spec, ActionSpec):
        _check_names(key, inputs)
    inputs = {
        name: resolve_secret(name, value, spec.inputs.get(name), read=lambda ref, field: _read_secret(key, ref, field))
        for name, value in inputs.items()
    }
    stores = tuple(_open_allowed(key, ref, by) for ref in refs)
    if isinstance(spec, ActionSpec) and spec.secrets and not stores:
        by.prepare(spec.action, inputs)  # a wrong input is reported first
        raise invalid(
            "no token store for the new token, which is shown only once",
            field=STORE_FIELD,
            hint='Name one next to the inputs: "token_to": "file:/PATH" or "connector-auth:ID". A token is never in a '
            "response.",
        )
    return CheckedCall(inputs, stores)


def _refs(given: Any) -> list[str]:
    refs = [] if given is None else given if isinstance(given, list) else [given]
    if not all(isinstance(ref, str) and ref.isprintable() for ref in refs):
        raise invalid(f"expected a token store or a list of them, got {describe_value(given)}", field=STORE_FIELD)
    if len(refs) > MAX_STORES:
        raise invalid(f"names more than {MAX_STORES} token stores", field=STORE_FIELD)
    return refs


def _check_names(key: AccessKey, inputs: Mapping[str, Any]) -> None:
    name = inputs.get(MANAGED_NAME)
    if isinstance(name, str) and not any(fnmatchcase(name, pattern) for pattern in key.permissions.names):
        raise _forbidden(key, f"does not allow the name {describe_value(name)}", MANAGED_NAME, f"--names {name}")
    for field, action in REVOKES.items():
        if inputs.get(field) is not None and not allows_action(key, action):
            message = f"does not allow {action}, which {field} needs: it revokes a row by its ID"
            raise _forbidden(key, message, field, f"--allow {action}")


def _open_allowed(key: AccessKey, ref: str, by: Connector) -> TokenStore:
    scheme = ref.partition(":")[0]
    if not any(pattern.partition(":")[0] == scheme for pattern in key.permissions.places):
        open_store(ref, by=lambda: None)  # a misspelt reference is invalid, not forbidden
        raise _forbidden(key, f"does not allow token stores of the kind {scheme}:", STORE_FIELD, f"--places {scheme}:…")
    store = by.open_store(ref)
    if not is_allowed(ref, store.ref, key.permissions.places):
        raise _forbidden(key, "does not allow this token store", STORE_FIELD, "--places PATTERN")
    return store


def _read_secret(key: AccessKey, ref: str, field: str) -> Secret:
    patterns = [pattern for pattern in key.permissions.secrets if pattern.partition(":")[0] == ref.partition(":")[0]]
    if not patterns or not is_allowed(ref, open_store(ref, field=field).ref, patterns):
        raise _forbidden(key, "does not allow a secret to be read from this store", field, "--secrets PATTERN")
    return read_token(ref, field=field)


def _forbidden(key: AccessKey, message: str, field: str, option: str) -> RefusedError:
    hint = f"Whoever runs the server can create a key with {option}: locoia-pat serve key new."
    return RefusedError(Problem("forbidden", f"the key {key.name} {message}", field=field, hint=hint))
