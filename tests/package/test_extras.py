"""What installs an extra depends on where the package came from: it need not be on an index."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

import pytest

from locoia_pat.extras import install_command

CASES: tuple[tuple[dict[str, Any] | None, str], ...] = (
    (None, "pip install 'locoia-pat[serve]'"),
    ({"url": "file:///src/my%20clone", "dir_info": {}}, "pip install '/src/my clone[serve]'"),
    ({"url": "file:///src/clone", "dir_info": {"editable": True}}, "pip install -e '/src/clone[serve]'"),
    (
        {"url": "file:///w/locoia_pat-0.1.0-py3-none-any.whl", "archive_info": {}},
        "pip install '/w/locoia_pat-0.1.0-py3-none-any.whl[serve]'",
    ),
    (
        {"url": "https://git.example/locoia-pat.git", "vcs_info": {"vcs": "git", "commit_id": "0"}},
        "pip install 'locoia-pat[serve] @ git+https://git.example/locoia-pat.git'",
    ),
    (
        {"url": "https://files.example/locoia_pat-0.1.0-py3-none-any.whl", "archive_info": {}},
        "pip install 'locoia-pat[serve] @ https://files.example/locoia_pat-0.1.0-py3-none-any.whl'",
    ),
)


class Installed:
    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(("origin", "command"), CASES)
def test_an_extra_is_installed_from_where_the_package_came_from(
    origin: dict[str, Any] | None, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Installed(None), Installed(origin)]
    monkeypatch.setattr(metadata, "distributions", lambda name: found if name == "locoia-pat" else [])
    assert install_command("serve") == command
    assert install_command("serve", upgrade=True) == command.replace("install", "install --upgrade")


def test_sources_that_are_not_installed_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "distributions", lambda **_: [])
    assert install_command("serve") == "pip install 'locoia-pat[serve]'"
