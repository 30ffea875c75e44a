"""Copies of our objects, as queues, caches and debuggers make them, hold no token or are refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions import create_pat
from locoia_pat.stores import TokenEntry, open_store
from tests.support.canaries import CASES, CREATE, ODD, auth_of, connector, error_of, leaks, minted, run, shown
from tests.support.cells import cell
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def walked(value: object, depth: int = 8, visited: set[int] | None = None) -> str:
    """All that a walk by ``vars``, items and slots finds, as debuggers and serializers go."""
    visited = set() if visited is None else visited
    if depth == 0 or id(value) in visited:
        return ""
    visited.add(id(value))
    if isinstance(value, dict):
        parts: list[Any] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    elif isinstance(value, Secret):
        parts = []  # its items are reached only by asking for them, which other tests cover
    else:
        slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
        parts = [*getattr(value, "__dict__", {}).values()]
        parts += [getattr(value, slot) for slot in slots if isinstance(slot, str) and hasattr(value, slot)]
    return "\n".join([repr(value), *(walked(part, depth - 1, visited) for part in parts)])


WAYS: dict[str, Callable[[Any], object]] = {
    **{f"pickle {number}": partial(pickle.dumps, protocol=number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "json by str": lambda value: json.dumps(value, default=str),
    "json by repr": lambda value: json.dumps(value, default=repr),
    "json by vars": lambda value: json.dumps(value, default=vars),
    "json by fields": lambda value: json.dumps(
        value, default=lambda item: getattr(item, "__dict__", None) or dir(item)
    ),
    "vars": vars,
    "asdict": dataclasses.asdict,
    "astuple": dataclasses.astuple,
    "reduce": lambda value: value.__reduce_ex__(2),
    "state": lambda value: value.__getstate__(),
    "walk": walked,
}


def copied(way: str, value: object) -> str:
    """What *way* makes of *value*, or says in refusing."""
    try:
        copy = WAYS[way](value)
    except Exception as error:  # noqa: BLE001  # a refusal of any kind will do, if it shows nothing
        return shown(error)
    return copy.decode("latin-1") if isinstance(copy, bytes) else f"{shown(copy)}\n{walked(copy)}"


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_result_or_error_holds_no_token(way: str) -> None:
    for name in [
        "done",
        "422",
        "401",
        "500",
        "no JSON",
        "cut",
        "429",
        "an error in a 200",
        "302",
        "not stored nor revoked",
    ]:
        with cell(name):
            result = run(name, ODD)
            assert leaks(copied(way, result)) == []
            assert leaks(copied(way, error_of(result))) == []
            assert leaks(copied(way, result.problem)) == []
            assert leaks(copied(way, result.to_dict())) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_connector_auth_plan_or_model_holds_no_token(way: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(ODD.credential)
    auths = [
        auth_of(ODD),
        ConnectorAuth.from_env({"LOCOIA_TOKEN": ODD.credential}),
        ConnectorAuth.from_ref(f"file:{tmp_path}/t"),
    ]
    with serving(answer(201, minted(ODD))) as server:
        for auth in auths:
            with Connector(auth, base_url=server.url) as api:
                model = create_pat(api, **CREATE)
                for value in (auth, api, model, model.token, api.plan("create_pat", CREATE)):
                    assert leaks(copied(way, value)) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_entry_of_a_store_holds_no_token(way: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(ODD.credential)
    store = open_store(f"file:{tmp_path}/t")
    for value in (store, store.read(), store.probe(), TokenEntry(Secret(ODD.minted), {"id": "1"})):
        assert leaks(copied(way, value)) == []


def test_an_error_without_a_token_is_copied_completely() -> None:
    """Queues send errors as pickles: one that cannot be sent hides what went wrong."""
    for name in [name for name, case in CASES.items() if case.outcome is not Outcome.DONE]:
        with cell(name):
            error = error_of(run(name, ODD))
            back = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
            assert (type(back), str(back)) == (type(error), str(error))


def test_no_copy_of_a_plan_holds_a_secret_input() -> None:
    inputs = {"connector_id": "ft", "name": "CRM", "auth_type": "basic_auth", "password": Secret(ODD.minted)}
    with connector("http://127.0.0.1:1/v1", ODD) as api:
        plan = api.plan("create_connector_auth", inputs)
    assert leaks(json.dumps(plan.to_dict()) + "".join(copied(way, plan) for way in WAYS)) == []
