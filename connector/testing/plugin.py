"""The pytest plugin: ``@pytest.mark.cassette`` replays a test's exchanges, and ``--cassettes record`` records them.

It is vcrpy with three things settled: what is written is scrubbed, it is written only if nothing in it may be a secret
and the test passed, and an exchange is replayed only for the request it was recorded for, body included.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.testing import Cassettes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from locoia_pat.testing.secret_names import SecretNames

_PASSED = pytest.StashKey[bool]()
_MATCH_ON = ("method", "same address", "same body")
_PATHS = pytest.StashKey[dict[Path, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cassettes``."""
    group = parser.getgroup("cassettes", "recorded exchanges without secrets")
    what = "Replay recorded exchanges, or record them anew; a cassette that may hold a secret is not written."
    group.addoption("--cassettes", choices=["replay", "record"], default="replay", help=what)


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker."""
    config.addinivalue_line("markers", "cassette: the test's HTTP exchanges are recorded, and replayed")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put the cassette of a marked test in before anything else of the test."""
    names: list[str] = getattr(item, "fixturenames", [])
    if item.get_closest_marker("cassette") and "cassette" not in names:
        names.insert(0, "cassette")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note whether a test passed: what a failing one recorded is not worth keeping."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def cassettes() -> Cassettes:
    """How cassettes are recorded; a suite that wants it otherwise has a fixture of this name."""
    return Cassettes()


@pytest.fixture(scope="session")
def recording(pytestconfig: pytest.Config) -> bool:
    """Whether exchanges are real, and recorded."""
    return bool(pytestconfig.getoption("--cassettes") == "record")


@pytest.fixture(scope="session")
def _rules(cassettes: Cassettes) -> SecretNames:
    from locoia_pat.spec.load import SpecFolder  # noqa: PLC0415  # the plugin is loaded by every pytest there is
    from locoia_pat.testing.secret_names import SecretNames  # noqa: PLC0415

    return SecretNames.of(SpecFolder(cassettes.specs), cassettes.harmless)


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest, cassettes: Cassettes, recording: bool, _rules: SecretNames
) -> Iterator[Any]:
    """The cassette of a test that has the mark; a vcrpy ``Cassette``."""
    path = _path(request, cassettes)
    if not recording and not path.is_file():
        pytest.fail(f"there is no cassette {path}; record it with --cassettes record", pytrace=False)
    keeper = _Keeper(request.node, cassettes, _rules, path, recording=recording)
    mode = "all" if recording else "none"
    vcr = _vcr().VCR(record_mode=mode, match_on=_MATCH_ON, serializer="scrubbed", decode_compressed_response=True)
    vcr.register_serializer("scrubbed", keeper)
    vcr.register_persister(keeper)
    vcr.register_matcher("same body", keeper.same_body)
    vcr.register_matcher("same address", keeper.same_address)
    with vcr.use_cassette(os.fspath(path)) as tape:
        yield tape
        passed = request.node.stash.get(_PASSED, False)
        left = len(tape) - tape.play_count
        if passed and not recording and left > 0:
            pytest.fail(f"{left} of the {len(tape)} exchanges in {path} were not asked for", pytrace=False)


def _path(request: pytest.FixtureRequest, cassettes: Cassettes) -> Path:
    """The file of a test's cassette, which is no other test's."""
    from locoia_pat.secrets.detect import suspects  # noqa: PLC0415  # the plugin is loaded by every pytest there is

    node = request.node
    if node.get_closest_marker("vcr"):
        pytest.fail("this test has the mark vcr too, which writes its own cassette, with its secrets", pytrace=False)
    name = f"{request.cls.__name__}.{node.name}" if request.cls else node.name
    if suspects(name):
        pytest.fail("this test's name holds what looks like a secret; give its parameters ids", pytrace=False)
    file = re.sub(r"[^\w\[\].,=-]+", "-", name) + ".yaml"
    path = Path(request.config.rootpath, cassettes.folder, request.path.stem, file)
    taken = request.session.stash.setdefault(_PATHS, {})
    if taken.setdefault(path, node.nodeid) != node.nodeid:
        pytest.fail(f"{path} is the cassette of {taken[path]} too; rename one of them", pytrace=False)
    return path


class _Keeper:
    """Reads and writes one cassette: vcrpy's serializer and persister in one."""

    def __init__(
        self, item: pytest.Item, cassettes: Cassettes, rules: SecretNames, path: Path, *, recording: bool
    ) -> None:
        self._item = item
        self._cassettes = cassettes
        self._rules = rules
        self._path = path
        self._recording = recording

    def load_cassette(self, path: str, serializer: Any) -> Any:
        files = _vcr("persisters.filesystem")
        if self._recording:
            raise files.CassetteNotFoundError
        return files.FilesystemPersister.load_cassette(path, serializer)

    def save_cassette(self, path: str, cassette: Any, serializer: Any) -> None:
        if self._item.stash.get(_PASSED, False):
            _vcr("persisters.filesystem").FilesystemPersister.save_cassette(path, cassette, serializer)

    def deserialize(self, text: str) -> Any:
        return _vcr("serializers.yamlserializer").deserialize(text)

    def serialize(self, cassette: dict[str, Any]) -> str:
        from locoia_pat.testing.lint import lint  # noqa: PLC0415
        from locoia_pat.testing.scrub import scrubbed  # noqa: PLC0415

        interactions, secrets = scrubbed(cassette["interactions"], self._rules, self._cassettes.keep_headers)
        label = f"recorded_against: {json.dumps(self._cassettes.label)}\n" if self._cassettes.label else ""
        text: str = label + _vcr("serializers.yamlserializer").serialize({**cassette, "interactions": interactions})
        findings = lint(text, self._path.name, self._rules, live=secrets)
        if findings:
            told = "\n".join(f"{finding.code}: {finding.message}" for finding in findings)
            hint = "What is none can be named in harmless=[…], in the fixture called cassettes."
            pytest.fail(f"{self._path} was not written, for it may hold a secret:\n{told}\n{hint}", pytrace=False)
        return text

    def same_body(self, sent: Any, recorded: Any) -> None:
        from locoia_pat.testing.scrub import comparable  # noqa: PLC0415

        if comparable(sent.body, self._rules) != comparable(recorded.body, self._rules):
            raise AssertionError("the bodies differ, their secrets apart")

    def same_address(self, sent: Any, recorded: Any) -> None:
        from locoia_pat.testing.scrub import comparable_address  # noqa: PLC0415

        if comparable_address(sent.uri, self._rules) != comparable_address(recorded.uri, self._rules):
            raise AssertionError("the addresses differ, their secrets apart")


def _vcr(part: str = "") -> Any:
    """The part of vcrpy, which is an extra."""
    from locoia_pat.extras import import_extra  # noqa: PLC0415  # the plugin is loaded by every pytest there is

    return import_extra(f"vcr.{part}".rstrip("."), "cassettes")
