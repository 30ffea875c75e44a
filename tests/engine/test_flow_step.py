"""A step of a flow engine never creates a token that only its result would hold."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions import ensure_pat
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.stores import read_token
from tests.support.loopback import TOKEN, answer, created, serving

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}


def prefect(task: object, flow: object) -> SimpleNamespace:
    contexts = {
        "TaskRunContext": SimpleNamespace(get=lambda: task),
        "FlowRunContext": SimpleNamespace(get=lambda: flow),
    }
    return SimpleNamespace(**contexts)


def dbos(workflow: str | None) -> SimpleNamespace:
    return SimpleNamespace(DBOS=SimpleNamespace(workflow_id=workflow))


INSIDE: dict[str, tuple[str, Any]] = {
    "Prefect": ("prefect.context", prefect(object(), None)),
    "Prefect, in a flow": ("prefect.context", prefect(None, object())),
    "DBOS": ("dbos", dbos("w1")),
    "Celery": ("celery", SimpleNamespace(current_task="task")),
}
OUTSIDE: list[tuple[str, Any]] = [
    ("prefect.context", prefect(None, None)),
    ("dbos", dbos(None)),
    ("celery", SimpleNamespace(current_task=None)),
]


def connector(url: str) -> Connector:
    return Connector(ConnectorAuth(Secret("fake-credential-0123456789abcdef")), base_url=url)


def test_a_create_without_a_store_is_invalid_in_the_step_of_a_flow_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving(answer(201, created())) as server, connector(server.url) as api:
        for number, (engine, (module, stand_in)) in enumerate(INSIDE.items()):
            with monkeypatch.context() as patch:
                patch.setitem(sys.modules, module, stand_in)
                result = api.run("create_pat", CREATE)
                assert (result.outcome, len(server.got)) == (Outcome.INVALID, number), engine
                assert result.problem is not None
                assert (result.problem.field, engine.partition(",")[0] in result.problem.message) == ("token_to", True)
                assert (
                    api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/{number}.json"]).outcome is Outcome.DONE
                )
        monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "tokens")
        assert "Airflow" in str(api.run("create_pat", CREATE).problem)
        assert len(server.got) == len(INSIDE)
    assert read_token(f"file:{tmp_path}/0.json") == Secret(TOKEN)


def test_outside_of_a_step_a_create_needs_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, stand_in in OUTSIDE:
        monkeypatch.setitem(sys.modules, module, stand_in)
    with serving(answer(201, created())) as server, connector(server.url) as api:
        assert api.run("create_pat", CREATE).token == Secret(TOKEN)


def test_a_managed_name_is_created_in_a_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "celery", INSIDE["Celery"][1])
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))
    with running() as (url, sandbox):
        token = first_token(sandbox)
        assert token is not None
        with Connector(ConnectorAuth(token), base_url=url) as api:
            to = [f"file:{tmp_path}/ci.json"]
            managed = ensure_pat(api, name="ci", scopes=["embed"], expiration=30, note="CI", token_to=to)
            assert managed.change == "created"
