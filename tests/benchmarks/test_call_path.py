"""How far a reader must go to follow one create: the limits of ``python -m tests.benchmarks.call_path``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from tests.benchmarks.call_path import CREATE, traced

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

MAX_FILES = 42
MAX_CHANGES = 200


def test_one_create_enters_few_files_and_changes_seldom_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SandboxStore()
    token = first_token(store)
    assert token is not None
    with running(store=store) as (url, _):
        monkeypatch.setenv("LOCOIA_BASE_URL", url)
        for name in ("compiled.json", "traced.json"):  # the first one may compile the spec
            monkeypatch.setenv("LOCOIA_TOKEN", token.reveal())
            path = traced([*CREATE, "--token-to", f"file:{tmp_path / name}"])
    assert len(path.files) <= MAX_FILES, sorted(path.files)
    assert path.changes.total() <= MAX_CHANGES, path.changes.most_common(30)
