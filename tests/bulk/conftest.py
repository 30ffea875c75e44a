"""A sandbox, a folder for tokens, and a state of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from tests.support.bulk_shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Nothing of it is seen outside of the test."""
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    store, faults = SandboxStore(), Faults()
    token = first_token(store)
    assert token is not None
    (tmp_path / "out").mkdir()
    with running(store=store, faults=faults) as (url, _):
        monkeypatch.setenv("LOCOIA_BASE_URL", url)
        monkeypatch.setenv("LOCOIA_TOKEN", token.reveal())
        yield Shop(url, store, faults, token, tmp_path)
    store.close()
