"""``action:CONNECTOR.ACTION?INPUT=VALUE&…#FIELD``: any store with an HTTP API, through the actions of a connector.

The action writes the token, its secret input FIELD.  The action that its spec names under ``verify_with`` reads it: its
secret output is what is stored.  Without one, the store can only be written.  What is not found is created by the
one under ``create_with``, and ``delete_with`` names the one that empties the store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from locoia_pat.connector import Connector
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import parse_list, parse_text
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec
from locoia_pat.stores.formats import BareToken
from locoia_pat.stores.record import Record
from locoia_pat.stores.record_store import RecordStore, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.outcomes import Result
    from locoia_pat.spec.model import SuperSpec
    from locoia_pat.stores import TokenEntry
    from locoia_pat.stores.record import Credential

_FORM = "action:CONNECTOR.ACTION?INPUT=VALUE#FIELD"
_EXAMPLE = "For example action:vault.write_secret?path=apps%2Fbilling#value. FIELD is the input that takes the token."
_FAKE = Secret("fake-token-to-check-the-inputs")


def open_store(location: str, by: Callable[[], Connector | None], *, field: str) -> ActionStore:
    """Open the store *location*; an action of the connector that *by* returns is run by that one.

    Raises:
        InvalidError: the reference, the action or an input is wrong.

    """
    path, mark, secret_input = location.rpartition("#")
    name, _, query = path.partition("?")
    if not mark or not name or not secret_input:
        raise invalid(f"expected {_FORM}", field=field, hint=_EXAMPLE)
    in_use = by()
    name, action, specs = _resolve(name, in_use)
    spec = specs.spec(action)
    if not isinstance(spec, ActionSpec) or spec.effect not in ("create", "update") or spec.secrets:
        raise invalid(f"{action} cannot store a token", field=field, hint="Name an action that creates or updates.")
    inputs = _parse_query(query, spec, secret_input, field)

    def connect() -> Connector:
        connector = by()
        return connector if connector is not None and connector.specs is specs else Connector(specs=specs)

    with connect() as connector:
        connector.plan(action, {**inputs, secret_input: _FAKE})
    return ActionStore(name, connect, spec, inputs, secret_input, field=field)


def _resolve(name: str, in_use: Connector | None) -> tuple[str, str, SpecFolder]:
    """Return the absolute *name* of an action, its plain name and its specs: of a pack, or of a file."""
    if name.endswith(".yaml") or os.sep in name:
        file = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100  # resolve() would follow links
        return str(file), file.stem, SpecFolder(file.parent)
    connector, _, action = name.partition(".")
    if in_use is not None and in_use.name == connector:
        return name, action, in_use.specs
    from locoia_pat.authoring.packs.installed_packs import Packs  # noqa: PLC0415  # for an installed pack only

    return name, action, Packs().specs(connector)


def _parse_query(query: str, spec: ActionSpec, secret_input: str, field: str) -> dict[str, Any]:
    """Return the inputs in *query*, typed by *spec* as on the command line."""
    if spec.inputs.get(secret_input) is None or spec.inputs[secret_input].type != "password":
        secrets = [name for name, declared in spec.inputs.items() if declared.type == "password"]
        raise invalid(
            f"{spec.action} has no secret input {describe_value(secret_input)}{did_you_mean(secret_input, secrets)}",
            field=field,
            hint=_EXAMPLE,
        )
    inputs: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        declared = spec.inputs.get(name)
        if declared is None:
            problem = f"{spec.action} has no input {describe_value(name)}{did_you_mean(name, spec.inputs)}"
        elif declared.type == "password":
            problem = f"{name} is a secret, which cannot be in a reference"
        elif name in inputs:
            problem = f"{name} is given more than once"
        else:
            inputs[name] = parse_list(text, declared) if declared.multiple else parse_text(text, declared)
            continue
        raise invalid(problem, field=field, hint=_EXAMPLE)
    return inputs


class ActionStore(RecordStore):
    """What one action writes, another one reads and a third one deletes."""

    noun = "value"

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connector],
        spec: ActionSpec,
        inputs: Mapping[str, Any],
        secret_input: str,
        *,
        field: str,
    ) -> None:
        """Store tokens by the action *spec* of the connector that *connect* returns; see :func:`open_store`."""
        with connect() as connector:
            specs = connector.specs
        reader = specs.spec(spec.verify_with) if spec.verify_with else None
        self._reader = reader if isinstance(reader, ActionSpec) and reader.secrets else None
        super().__init__(form=BareToken("token" if self._reader else "nothing"), field=field)
        self.write_hint = f"Check the credential for {specs.connector.title}, and the inputs of {spec.action}."
        self._connect = connect
        self._writer = spec
        self._creator = specs.spec(spec.create_with) if spec.create_with else None
        self._deleter = specs.spec(spec.delete_with) if spec.delete_with else None
        self._inputs = inputs
        self._secret_input = secret_input
        query = urlencode({key: _text(value) for key, value in sorted(inputs.items())}, quote_via=quote)
        self.ref = f"action:{name}{'?' if query else ''}{query}#{secret_input}"

    def read(self) -> Credential:
        """Return the stored token.

        Raises:
            InvalidError: nothing is stored, or it cannot be read.
        """
        if self._reader is None:
            hint = f"A read with a secret output, under verify_with of {self._writer.action}, would make that possible."
            raise invalid(f"{self.ref} can only be written", field=self._field, hint=hint)
        return super().read()

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        """Store *entry*, and read it back if it can be read; see :class:`RecordStore`.

        Raises:
            OSError: it was not stored.
        """
        if self._reader is not None:
            return super().store(entry, api=api, replaced_id=replaced_id)
        self._save(entry.token)
        return ()

    def write_record(self, record: Record) -> tuple[str, ...]:
        """Store the current token of *record*; without one, delete what is stored.

        Raises:
            OSError: it was not stored.
        """
        if record.current is None:
            if self._deleter is None:
                return (f"{self.ref} keeps a token that no longer works",)
            self._delete()
            return ()
        if self._reader is not None:
            return super().write_record(record)
        return self.store(record.current, api=record.api or "")

    def _rewrite(self) -> Record:
        """Write what is stored once more; where nothing is, only read: an API keeps what is written as a version."""
        text = self._load()
        if text is None:
            with self._connect() as connector:
                connector.credential()
            return Record()
        record = self._form.parse(text)
        self._save(text)
        return record

    def _load(self) -> Secret | None:
        if self._reader is None:
            return None
        result = self._run(self._reader)
        if result.problem is not None and result.problem.code == "not_found":
            return None
        self._raise_for(result)
        return result.token

    def _save(self, text: Secret) -> None:
        result = self._run(self._writer, {self._secret_input: text})
        if self._creator is not None and result.problem is not None and result.problem.code == "not_found":
            result = self._run(self._creator, {self._secret_input: text})
        if result.outcome is not Outcome.UNKNOWN or self._reader is None:  # else it is read back
            self._raise_for(result)

    def _delete(self) -> bool:
        if self._deleter is None or (self._reader is not None and self._load() is None):
            return False
        result = self._run(self._deleter)
        if result.problem is None or result.problem.code != "not_found":
            self._raise_for(result)
        return self._reader is not None

    def _run(self, spec: ActionSpec | SuperSpec, secret: Mapping[str, Secret] | None = None) -> Result:
        """Run an action with those of the inputs that it has, and with *secret*."""
        inputs = {name: value for name, value in self._inputs.items() if name in spec.inputs}
        with self._connect() as connector:
            return connector.run(spec.action, {**inputs, **(secret or {})})

    def _raise_for(self, result: Result) -> None:
        """Raise what a store raises for a *result* that is not done."""
        if result.problem is not None:
            self.write_hint = result.problem.hint or self.write_hint
            kind = StoreUnavailableError if result.outcome is Outcome.NOT_DONE else OSError
            raise kind(f"{result.outcome.value}: {result.problem.message}")


def _text(value: Any) -> str:
    """Return *value* as text that means the same in a reference."""
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)
