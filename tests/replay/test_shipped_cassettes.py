"""Cassettes hold fakes only, and say where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from locoia_pat.spec.load import SpecFolder
from locoia_pat.testing.lint import lint
from locoia_pat.testing.scrub import KEPT_HEADERS
from locoia_pat.testing.secret_names import SecretNames
from tests.replay.conftest import RECORDED
from tests.servers import devpi, jupyterhub, label_studio, verdaccio
from tests.support.cells import cell

if TYPE_CHECKING:
    from tests.servers.server import Server

ROOT = Path(__file__).parents[2] / "cassettes"
CASSETTES = sorted(ROOT.rglob("*.yaml"))
SERVERS: dict[str, Server] = {
    "test_devpi": devpi,
    "test_jupyterhub": jupyterhub,
    "test_label_studio": label_studio,
    "test_verdaccio": verdaccio,
}
"""The real server that the cassettes of a test module were recorded from; all others are from the sandbox."""


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_holds_no_secret(path: Path) -> None:
    server = SERVERS.get(path.parent.name)
    specs = SpecFolder(server.SPECS if server else None)
    rules = SecretNames.from_specs(specs, server.HARMLESS if server else ())
    assert lint(path.read_text(), path.name, rules) == []


def test_a_cassette_is_labelled_and_keeps_only_what_is_needed() -> None:
    for path in CASSETTES:
        with cell(path):
            cassette: dict[str, Any] = yaml.safe_load(path.read_text())
            server = SERVERS.get(path.parent.name)
            assert cassette["recorded_against"] == (server.VERSION if server else RECORDED)
            for interaction in cassette["interactions"]:
                assert set(interaction["request"]["headers"]) <= KEPT_HEADERS | {"authorization"}
                assert set(interaction["response"]["headers"]) <= KEPT_HEADERS


def test_every_cassette_belongs_to_a_test() -> None:
    for path in CASSETTES:
        room = "servers" if path.parent.name in SERVERS else "replay"
        module = Path(__file__).parents[1] / room / f"{path.parent.name}.py"
        assert f"def {path.stem.split('[')[0]}(" in module.read_text(), path
