"""The pytest plugin: ``@pytest.mark.cassette`` replays a test's exchanges, and ``--cassettes record`` records them.

It uses vcrpy with three rules: cassettes are scrubbed; one is written only if the test passed and nothing left in it
may be a secret; and an exchange is replayed only for the request it was recorded for, including its body.
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
_MATCH_ON = ("method", "same URL", "same body")
_PATHS = pytest.StashKey[dict[Path, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--cassettes``."""
    group = parser.getgroup("cassettes", "recorded exchanges without secrets")
    what = "Replay recorded exchanges, or record them again; a cassette that may hold a secret is not written."
    group.addoption("--cassettes", choices=["replay", "record"], default="replay", help=what)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker ``cassette``."""
    config.addinivalue_line("markers", "cassette: record and replay the HTTP exchanges of the test")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Make ``cassette`` the first fixture of a marked test."""
    names: list[str] = getattr(item, "fixturenames", [])
    if item.get_closest_marker("cassette") and "cassette" not in names:
        names.insert(0, "cassette")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Remember whether a test passed: the recording of a failed test is discarded."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def cassettes() -> Cassettes:
    """Return the settings for cassettes; a suite overrides this fixture to change them."""
    return Cassettes()


@pytest.fixture(scope="session")
def recording(pytestconfig: pytest.Config) -> bool:
    """Return whether exchanges are real and recorded."""
    return bool(pytestconfig.getoption("--cassettes") == "record")


@pytest.fixture(scope="module")  # a module may have specs, and so secrets, of its own
def _rules(cassettes: Cassettes) -> SecretNames:
    from locoia_pat.spec.load import SpecFolder  # noqa: PLC0415  # pytest loads the plugin in every run
    from locoia_pat.testing.secret_names import SecretNames  # noqa: PLC0415

    return SecretNames.from_specs(SpecFolder(cassettes.specs), cassettes.harmless)


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest, cassettes: Cassettes, recording: bool, _rules: SecretNames
) -> Iterator[Any]:
    """Return the vcrpy ``Cassette`` of a test with the mark ``cassette``."""
    path = _path(request, cassettes)
    if not recording and not path.is_file():
        pytest.fail(f"{path} does not exist; record it with --cassettes record", pytrace=False)
    store = _CassetteStore(request.node, cassettes, _rules, path, recording=recording)
    mode = "all" if recording else "none"
    vcr = _vcr().VCR(record_mode=mode, match_on=_MATCH_ON, serializer="scrubbed", decode_compressed_response=True)
    vcr.register_serializer("scrubbed", store)
    vcr.register_persister(store)
    vcr.register_matcher("same body", store.same_body)
    vcr.register_matcher("same URL", store.same_url)
    with vcr.use_cassette(os.fspath(path)) as tape:
        yield tape
        passed = request.node.stash.get(_PASSED, False)
        left = len(tape) - tape.play_count
        if passed and not recording and left > 0:
            pytest.fail(f"{left} of the {len(tape)} exchanges in {path} were not used", pytrace=False)


def _path(request: pytest.FixtureRequest, cassettes: Cassettes) -> Path:
    """Return the file of a test's cassette, which no other test may share."""
    from locoia_pat.secrets.detect import find_secrets  # noqa: PLC0415  # pytest loads the plugin in every run

    node = request.node
    if node.get_closest_marker("vcr"):
        pytest.fail(
            "this test has the mark vcr as well, which writes a cassette of its own, with secrets", pytrace=False
        )
    name = f"{request.cls.__name__}.{node.name}" if request.cls else node.name
    if find_secrets(name):
        pytest.fail("the name of this test contains what looks like a secret; give its parameters ids", pytrace=False)
    file = re.sub(r"[^\w\[\].,=-]+", "-", name) + ".yaml"
    path = Path(request.config.rootpath, cassettes.folder, request.path.stem, file)
    taken = request.session.stash.setdefault(_PATHS, {})
    if taken.setdefault(path, node.nodeid) != node.nodeid:
        pytest.fail(f"{path} is also the cassette of {taken[path]}; rename one of them", pytrace=False)
    return path


class _CassetteStore:
    """Reads and writes one cassette, as vcrpy's serializer and persister."""

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
        from locoia_pat.testing.scrub import scrub  # noqa: PLC0415

        interactions, secrets = scrub(cassette["interactions"], self._rules, self._cassettes.keep_headers)
        label = f"recorded_against: {json.dumps(self._cassettes.label)}\n" if self._cassettes.label else ""
        text: str = label + _vcr("serializers.yamlserializer").serialize({**cassette, "interactions": interactions})
        findings = lint(text, self._path.name, self._rules, live=secrets)
        if findings:
            listed = "\n".join(f"{finding.code}: {finding.message}" for finding in findings)
            hint = "List names of strings that are not secrets in harmless=[…], in the fixture cassettes."
            pytest.fail(f"{self._path} was not written because it may hold a secret:\n{listed}\n{hint}", pytrace=False)
        return text

    def same_body(self, sent: Any, recorded: Any) -> None:
        from locoia_pat.testing.scrub import comparable_body  # noqa: PLC0415

        if comparable_body(sent.body, self._rules) != comparable_body(recorded.body, self._rules):
            raise AssertionError("the bodies differ, not only in their secrets")

    def same_url(self, sent: Any, recorded: Any) -> None:
        from locoia_pat.testing.scrub import comparable_url  # noqa: PLC0415

        if comparable_url(sent.uri, self._rules) != comparable_url(recorded.uri, self._rules):
            raise AssertionError("the URLs differ, not only in their secrets")


def _vcr(part: str = "") -> Any:
    """Import a part of vcrpy, which is an extra."""
    from locoia_pat.extras import import_extra  # noqa: PLC0415  # pytest loads the plugin in every run

    return import_extra(f"vcr.{part}".rstrip("."), "cassettes")
