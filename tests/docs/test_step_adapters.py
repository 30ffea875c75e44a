"""The adapters for flow engines in docs/step.md, as far as they run without the engine."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorError
from tests.engines.engine_run import adapter_of
from tests.support.loopback import TOKEN, answer, created, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
SCRIPTS = {
    "done": answer(201, created()),
    "refused": answer(403),
    "unknown": answer(500),
    "not_done": answer(429, None, {"Retry-After": "999"}),
}


class AirflowFailError(Exception):
    """Stands for the one that Airflow does not retry."""


def module(name: str, **members: Any) -> dict[str, ModuleType]:
    made = ModuleType(name)
    vars(made).update(members)
    return {name: made}


def decorator(options: dict[str, Any]) -> Callable[..., Any]:
    """A decorator, or a function that returns one, that keeps its options and returns the function as it is."""

    def decorate(function: Any = None, **given: Any) -> Any:
        options.update(given)
        return function or (lambda decorated: decorated)

    return decorate


def stand_ins(options: dict[str, Any]) -> dict[str, ModuleType]:
    decorate = decorator(options)
    return {
        **module("prefect", task=decorate),
        **module("prefect.cache_policies", NO_CACHE="NO_CACHE"),
        **module("dbos", DBOS=SimpleNamespace(step=decorate, workflow_id=None)),
        **module("celery", Celery=lambda _: SimpleNamespace(task=decorate), current_task=None),
        **module("airflow"),
        **module("airflow.sdk", task=decorate),
        **module("airflow.sdk.exceptions", AirflowFailException=AirflowFailError),
    }


def will_retry(engine: str, options: dict[str, Any], error: Exception) -> bool:
    """Whether the engine, with these *options*, runs the step again."""
    match engine:
        case "prefect":
            state = SimpleNamespace(result=lambda *, raise_on_failure: raise_on_failure or error)
            return options["retries"] == 3 and bool(options["retry_condition_fn"](None, None, state))
        case "dbos":
            return options["retries_allowed"] and bool(options["should_retry"](error))
        case "celery":
            return isinstance(error, options["autoretry_for"])
        case _:
            return options["retries"] == 3 and not isinstance(error, AirflowFailError)


def result_of(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except (ConnectorError, AirflowFailError) as error:
        return error


@pytest.mark.parametrize("engine", ["prefect", "dbos", "celery", "airflow"])
def test_an_adapter_returns_the_envelope_and_retries_only_what_was_not_done(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options: dict[str, Any] = {}
    for name, stand_in in stand_ins(options).items():
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "steps", raising=False)
    (tmp_path / "steps.py").write_text(adapter_of(""))
    (tmp_path / f"{engine}_adapter.py").write_text(adapter_of(engine))
    adapter = importlib.import_module(f"{engine}_adapter")
    monkeypatch.setenv("LOCOIA_TOKEN", "fake-credential-0123456789abcdef")
    for outcome, script in SCRIPTS.items():
        with serving(script) as server:
            monkeypatch.setenv("LOCOIA_BASE_URL", server.url)
            result = result_of(partial(adapter.run_step, "create_pat", CREATE, [f"file:{tmp_path}/{outcome}.json"]))
        if isinstance(result, Exception):
            retries = will_retry(engine, options, result)
            assert (outcome != "done", retries) == (True, outcome == "not_done"), outcome
        else:
            assert (outcome, result["outcome"], TOKEN in str(result)) == ("done", "done", False)
    if engine == "prefect":  # a call whose result is kept would be the result of each later call with its inputs
        assert options["cache_policy"] == "NO_CACHE"
    monkeypatch.delitem(sys.modules, "steps")
