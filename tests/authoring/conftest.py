"""What the tests of the library share: the command, and no pack of the machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.command import call

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["call"]


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packs, logins and variables of the machine stay out."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("ACME_", "GITLAB_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(HOME=str(home), XDG_CONFIG_HOME=str(home / "config"))
    return home
