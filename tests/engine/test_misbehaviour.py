"""Every switch and fault of the sandbox is met by every action with the outcome the contract gives."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result
from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour
from locoia_pat.actions.sandbox.faults import KINDS, Fault, Faults
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore

DONE, REFUSED, NOT_DONE, UNKNOWN = Outcome.DONE, Outcome.REFUSED, Outcome.NOT_DONE, Outcome.UNKNOWN
ACTIONS = [name for name in SpecFolder().names if isinstance(SpecFolder().spec(name), ActionSpec)]
EFFECTS = {name: SpecFolder().action(name).effect for name in ACTIONS}
AUTH = {"connector_id": "ft", "name": "CRM", "auth_type": "basic_auth"}


@dataclass
class Trial:
    """A sandbox, and a row of each kind in it."""

    connector: Connector
    store: SandboxStore
    faults: Faults
    token_id: str
    auth_id: str

    def run(self, action: str) -> Result:
        inputs: dict[str, dict[str, Any]] = {
            "create_pat": {"expiration": 30, "scopes": ["automation:view"], "note": "CI"},
            "regenerate_pat": {"token_id": self.token_id, "expiration": 30},
            "create_connector_auth": AUTH,
            "update_connector_auth": {"connector_auth_id": self.auth_id, "name": "New"},
            "get_connector_auth": {"connector_auth_id": self.auth_id},
            "delete_connector_auth": {"connector_auth_id": self.auth_id},
        }
        return self.connector.run(action, inputs.get(action, {}))


@contextmanager
def trying(behaviour: Behaviour | None = None, *, timeout: float = 5) -> Iterator[Trial]:
    faults = Faults()
    with running(behaviour=behaviour, faults=faults) as (url, store):
        token = first_token(store)
        assert token is not None
        row, _ = store.create(owner=OWNER, days=5, scopes=["embed"], note="a row")
        with Connector(ConnectorAuth(token), base_url=url, timeout=timeout) as connector:
            made = connector.run("create_connector_auth", AUTH)
            assert made.data is not None, made.problem
            yield Trial(connector, store, faults, row.id, made.data["id"])


SETTINGS = [
    (name, value) for name, values in SWITCHES.items() for value in (values if len(values) < 10 else ("any", "company"))
]


@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=str)
def test_a_switch_changes_no_outcome_of_a_right_call(name: str, value: Any) -> None:
    with trying(Behaviour(**{name: value})) as trial:
        for action in (*(action for action in ACTIONS if not action.startswith("delete")), "delete_connector_auth"):
            result = trial.run(action)
            assert result.outcome is DONE, f"{action}: {result.problem}"
            assert (result.token is not None) == action.endswith(("create_pat", "regenerate_pat"))


@pytest.mark.parametrize("shape", SWITCHES["error_shape"])
@pytest.mark.parametrize("action", [action for action in ACTIONS if "row" not in action])
def test_an_error_of_any_shape_is_refused(shape: Any, action: str) -> None:
    with trying(Behaviour(error_shape=shape)) as trial:
        trial.token_id = trial.auth_id = "no-such-row"
        if action.startswith(("create", "list")):
            trial.store.regenerate(trial.store.owned_by(OWNER)[0].id, owner=OWNER, days=1)  # the credential dies
        result = trial.run(action)
    assert (result.outcome, result.attempts) == (REFUSED, 1), result
    assert result.problem is not None
    assert result.problem.code in ("not_found", "unauthorized")


FAULTS = {
    "lost": (Fault("lost", times=None), UNKNOWN, NOT_DONE),
    "late": (Fault("late", times=None, seconds=0.1), UNKNOWN, NOT_DONE),
    "late_at_commit": (Fault("late_at_commit", times=None, seconds=0.1), UNKNOWN, NOT_DONE),
    "dropped": (Fault("dropped", times=None), UNKNOWN, NOT_DONE),
    "cut": (Fault("cut", times=None), UNKNOWN, NOT_DONE),
    "error_in_200": (Fault("error_in_200", times=None), UNKNOWN, REFUSED),
    "status": (Fault("status", times=None, status=500), UNKNOWN, NOT_DONE),
    "status 429": (Fault("status", times=None, status=429, retry_after=600), NOT_DONE, NOT_DONE),
    "status 403": (Fault("status", times=None, status=403), REFUSED, REFUSED),
    "slow": (Fault("slow", times=None, seconds=30), UNKNOWN, NOT_DONE),
    "redirect": (Fault("redirect", times=None), UNKNOWN, NOT_DONE),
    "html": (Fault("html", times=None), UNKNOWN, NOT_DONE),
    "no_token": (Fault("no_token", times=None), UNKNOWN, DONE),
}


def test_every_fault_is_in_the_table() -> None:
    assert {fault.fault for fault, _, _ in FAULTS.values()} == set(KINDS)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("fault", "mint", "read"), FAULTS.values(), ids=FAULTS)
def test_a_fault_ends_as_the_contract_says(fault: Fault, mint: Outcome, read: Outcome, action: str) -> None:
    effect = EFFECTS[action]
    with trying(timeout=0.7 if fault.fault == "slow" else 5) as trial:
        trial.faults.add(fault)
        result = trial.run(action)
    minting = action in ("create_pat", "regenerate_pat")
    expected = read if effect == "read" else mint
    if fault.fault == "no_token" and not minting:
        expected = DONE  # there is no token to miss
    if fault.fault == "cut" and action == "delete_connector_auth":
        expected = DONE  # a 204 has nothing that could be cut
    assert result.outcome is expected, result
    if minting and expected is UNKNOWN:
        assert result.attempts == 1
