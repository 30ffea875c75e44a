"""Typed functions: one for each action, with its inputs, and what they say about a wrong call."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from locoia_pat import Connector, ConnectorAuth, Secret, actions
from locoia_pat.actions import (
    create_connector_auth,
    create_pat,
    delete_connector_auth,
    ensure_pat,
    get_connector_auth,
    list_connector_auths,
    list_pats,
    update_connector_auth,
)
from locoia_pat.actions.tokens import FindingKind
from locoia_pat.spec.load import SpecFolder
from tests.support.sandbox_client import calling

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.spec.model import ActionSpec, Input, SuperSpec

OF_THE_CALL = {"connector", "token_to", "replace", "options"}
"""Parameters that are no input."""
TYPES = {"text": "str", "select": "str", "switch": "bool", "password": "Secret"}


def annotation(field: Input) -> str:
    """Return the type that a parameter for *field* has."""
    kind = TYPES.get(field.type) or ("int" if field.step == 1 else "float")
    kind = f"Sequence[{kind}]" if field.multiple else kind
    may_be_none = field.nullable or (not field.required and field.default is None)
    return f"{kind} | None" if may_be_none else kind


def differences(spec: ActionSpec | SuperSpec, function: Callable[..., Any]) -> list[str]:
    """Return what the parameters of *function* do not say of the inputs of *spec*."""
    parameters = {
        name: item for name, item in inspect.signature(function).parameters.items() if name not in OF_THE_CALL
    }
    found = [f"{name}: no parameter" for name in spec.inputs if name not in parameters]
    found += [f"{name}: no input" for name in parameters if name not in spec.inputs]
    for name, field in spec.inputs.items():
        if (parameter := parameters.get(name)) is None:
            continue
        default = parameter.empty if field.required or (field.nullable and field.default is None) else field.default
        given = str(parameter.annotation).replace("FindingKind", "str")
        if parameter.default != default:
            found.append(f"{name}: its default is {parameter.default}, not {default}")
        if given != annotation(field):
            found.append(f"{name}: its type is {given}, not {annotation(field)}")
    return found


def test_each_action_has_a_function_with_its_inputs_their_types_and_defaults() -> None:
    specs = SpecFolder()
    for name in specs.names:
        assert name in actions.__all__
        assert differences(specs.spec(name), getattr(actions, name)) == [], name
    only = specs.spec("audit_pats").inputs["only"].enum
    assert list(get_args(FindingKind)) == only


def test_a_new_input_or_another_default_is_noticed() -> None:
    spec = SpecFolder().spec("revoke_pat")
    more = spec.inputs["token_id"].model_copy(update={"required": False})
    changed = spec.model_copy(update={"inputs": {"token_id": more, "reason": more}})
    assert differences(changed, actions.revoke_pat) == [
        "reason: no parameter",
        "token_id: its default is <class 'inspect._empty'>, not None",
        "token_id: its type is str, not str | None",
    ]
    assert differences(spec.model_copy(update={"inputs": {}}), actions.revoke_pat) == ["token_id: no input"]


def test_connector_auths_are_created_changed_listed_and_deleted() -> None:
    with calling(scopes=("connector_auth",)) as api, Connector(ConnectorAuth(api.token), base_url=api.url) as connector:
        made = create_connector_auth(
            connector, connector_id="c1", name="CRM", auth_type="basic_auth", auth_token=Secret("a" * 20), tags=("x",)
        )
        assert (made.name, made.tags) == ("CRM", ["x"])
        update_connector_auth(connector, made.id, name="Shop")
        assert get_connector_auth(connector, made.id).name == "Shop"
        assert [entry.id for entry in list_connector_auths(connector)] == [made.id]
        delete_connector_auth(connector, made.id)
        assert list_connector_auths(connector) == []


def test_a_wrong_call_says_what_to_write() -> None:
    connector: Any = Connector(ConnectorAuth(Secret("a" * 20)), base_url="http://127.0.0.1:9")
    auth: Any = ConnectorAuth.from_env()
    call: Any = create_pat
    ensure: Any = ensure_pat
    path: Any = Path()
    write = "create_pat(connector, expiration=…, scopes=…, note=…)"
    first = "the first argument is a Connector, not {}: with Connector(ConnectorAuth.from_env()) as connector: " + write
    mistakes: dict[str, Callable[[], object]] = {
        first.format("a string"): lambda: call("lpat_0123456789", expiration=30),
        first.format("a ConnectorAuth"): lambda: call(auth, expiration=30),
        first.format("nothing"): lambda: call(expiration=30),
        f"create_pat: too many positional arguments; write {write}": lambda: call(connector, 30, ["embed"], "CI"),
        f"create_pat: missing a required argument: 'note'; write {write}": lambda: call(
            connector, expiration=1, scopes=[]
        ),
        "create_pat has no argument scope; did you mean scopes?": lambda: call(connector, scope=["embed"]),
        f"create_pat has no argument zzz; write {write}": lambda: call(connector, zzz=1),
        "ensure_pat has no argument wit; did you mean wait?": lambda: ensure(connector, wit=1),
        'ref is a PosixPath; pass a string, such as "file:token.json"': lambda: ConnectorAuth.from_ref(path),
    }
    for message, mistake in mistakes.items():
        with pytest.raises(TypeError) as wrong:
            mistake()
        assert str(wrong.value) == message
    assert list_pats.__name__ == "list_pats"
    for name, end in {
        "delete_pat": "has no attribute 'delete_pat'. The API cannot delete a token.",
        "creat_pat": "has no attribute 'creat_pat'; did you mean create_pat?",
    }.items():
        with pytest.raises(AttributeError) as absent:
            getattr(actions, name)
        assert end in str(absent.value)
