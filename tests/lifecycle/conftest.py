"""A sandbox with a rotator, a folder for tokens, and a state of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from tests.support.lifecycle_place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The mark ``behaviour`` says how the sandbox answers."""
    from locoia_pat.actions.sandbox.behaviour import Behaviour  # noqa: PLC0415  # only here

    mark = request.node.get_closest_marker("behaviour")
    store, faults = SandboxStore(), Faults()
    token = first_token(store)
    assert token is not None
    behaviour = Behaviour(**mark.kwargs) if mark else None
    with running(store=store, faults=faults, behaviour=behaviour) as (url, _):
        yield Place(url, store, faults, token, tmp_path)
    store.close()
