"""A clinic whose sandbox behaves as the mark ``behaviour`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locoia_pat.actions.sandbox.behaviour import Behaviour
from tests.support.clinic import Clinic, opened
from tests.support.command import call
from tests.support.postgres_server import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["call", "postgres"]


@pytest.fixture
def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clinic]:
    mark = request.node.get_closest_marker("behaviour")
    with opened(tmp_path, Behaviour(**mark.kwargs) if mark else None) as clinic:
        yield clinic


@pytest.fixture
def cli_clinic(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """The clinic, named by the command's environment variables."""
    monkeypatch.setenv("LOCOIA_BASE_URL", clinic.url)
    monkeypatch.setenv("LOCOIA_TOKEN", clinic.token.reveal())
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(clinic.state))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(clinic.folder / "config"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return clinic
