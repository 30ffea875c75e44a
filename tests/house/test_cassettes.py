"""Cassettes hold fakes only, and say where they come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.replay.conftest import FAKE_CREDENTIAL, FAKE_TOKEN, KEPT_HEADERS, RECORDED, SENT_HEADERS

ROOT = Path(__file__).parents[2] / "cassettes"
CASSETTES = sorted(ROOT.rglob("*.yaml"))
ROW_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LIKE_A_TOKEN = re.compile(r"(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{24,}")


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_holds_no_token(path: Path) -> None:
    text = path.read_text().replace(FAKE_CREDENTIAL, "").replace(FAKE_TOKEN, "")
    assert LIKE_A_TOKEN.findall(ROW_ID.sub("", text)) == []


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_is_labelled_and_keeps_only_what_is_needed(path: Path) -> None:
    cassette: dict[str, Any] = yaml.safe_load(path.read_text())
    assert cassette["recorded_against"] == RECORDED
    for interaction in cassette["interactions"]:
        assert set(interaction["request"]["headers"]) <= SENT_HEADERS
        assert set(interaction["response"]["headers"]) <= KEPT_HEADERS


def test_every_cassette_belongs_to_a_test() -> None:
    for path in CASSETTES:
        module = Path(__file__).parents[1] / "replay" / f"{path.parent.name}.py"
        assert f"def {path.stem.split('[')[0]}(" in module.read_text(), path


def test_a_planted_token_would_be_found() -> None:
    assert LIKE_A_TOKEN.search("token: lpat_sbx_E4cBi8FPVphfSjKNG6MoWOFSbQfXzS3vsqYe")
