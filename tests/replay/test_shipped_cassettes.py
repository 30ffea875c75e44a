"""Cassettes hold fakes only, and say where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from locoia_pat.spec.load import SpecFolder
from locoia_pat.testing.lint import lint
from locoia_pat.testing.scrub import KEPT_HEADERS
from locoia_pat.testing.secret_names import SecretNames
from tests.replay.conftest import RECORDED

ROOT = Path(__file__).parents[2] / "cassettes"
CASSETTES = sorted(ROOT.rglob("*.yaml"))


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_holds_no_secret(path: Path) -> None:
    assert lint(path.read_text(), path.name, SecretNames.from_specs(SpecFolder())) == []


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_is_labelled_and_keeps_only_what_is_needed(path: Path) -> None:
    cassette: dict[str, Any] = yaml.safe_load(path.read_text())
    assert cassette["recorded_against"] == RECORDED
    for interaction in cassette["interactions"]:
        assert set(interaction["request"]["headers"]) <= KEPT_HEADERS | {"authorization"}
        assert set(interaction["response"]["headers"]) <= KEPT_HEADERS


def test_every_cassette_belongs_to_a_test() -> None:
    for path in CASSETTES:
        module = Path(__file__).parents[1] / "replay" / f"{path.parent.name}.py"
        assert f"def {path.stem.split('[')[0]}(" in module.read_text(), path
