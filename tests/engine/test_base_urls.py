"""An action may be sent to another base URL of its connector, by name; the credential goes there only if it says so."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring import locoia
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.authoring.example_server import environment
from locoia_pat.authoring.export import openapi
from locoia_pat.authoring.packs.manifest import Manifest
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = Secret("fake-acme-credential-0123456789")
AUTH = ConnectorAuth(CREDENTIAL)
HOSTS = ["api.acme.example", "uploads.acme.example"]
SHARED = connector(
    base_url="https://api.acme.example/v1",
    base_urls={"uploads": "https://uploads.acme.example/up/"},
    hosts=HOSTS,
    env={"token": "ACME_TOKEN", "base_url": "ACME_BASE_URL"},
)
UPLOAD = {"path": "/files", "base_url": "uploads"}


def test_the_request_goes_to_the_base_url_that_the_action_names(tmp_path: Path, monkeypatch: Any) -> None:
    specs = folder(tmp_path, SHARED, action({}, UPLOAD), action({}, UPLOAD, action="open", auth="none"))
    assert check_specs(SpecFolder(specs)) == []
    with Connector(AUTH, specs=specs) as acme:
        assert acme.plan("act").url == "https://uploads.acme.example/up/files"
    with (
        serving(answer(200, {})) as api,
        serving(answer(200, {})) as uploads,
        Connector(AUTH, specs=specs, base_url=api.url) as acme,
    ):
        result = acme.run("act")
        assert result.problem is not None
        assert (result.outcome, result.problem.hint) == (Outcome.INVALID, "Set ACME_BASE_URL_UPLOADS.")
        assert uploads.got == []
        monkeypatch.setenv("ACME_BASE_URL_UPLOADS", uploads.url)
        assert (acme.run("act").outcome, acme.run("open").outcome) == (Outcome.DONE, Outcome.DONE)
        assert [got.path for got in uploads.got] == ["/v1/files"] * 2
        assert [got.headers.get("authorization") for got in uploads.got] == [f"Bearer {CREDENTIAL.reveal()}", None]
        assert api.got == []
        monkeypatch.setenv("ACME_BASE_URL_UPLOADS", "https://evil.example/v1")
        result = acme.run("act")
        assert result.problem is not None
        assert (result.outcome, result.problem.field) == (Outcome.INVALID, "ACME_BASE_URL_UPLOADS")


def test_a_second_base_url_by_https_is_verified_although_the_first_is_plain(tmp_path: Path, monkeypatch: Any) -> None:
    specs = folder(tmp_path, SHARED, action({}, UPLOAD))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with serving(answer(200, {}), tls=context) as uploads, serving(answer(200, {})) as api:
        monkeypatch.setenv("ACME_BASE_URL_UPLOADS", uploads.url)
        with Connector(AUTH, specs=specs, base_url=api.url) as acme:
            result = acme.run("act")
    assert result.outcome is Outcome.NOT_DONE, "it has no certificate"
    assert uploads.got == []


def test_what_is_wrong_about_base_urls_is_a_finding(tmp_path: Path) -> None:
    def mistakes(base_urls: Any, request: Any) -> list[tuple[str, str]]:
        specs = folder(tmp_path, {**SHARED, "base_urls": base_urls}, action({}, request))
        return [(one.file.rpartition("/")[2], one.code) for one in check_specs(SpecFolder(specs))]

    good = {"uploads": "https://uploads.acme.example"}
    for base_urls, request, expected in (
        (good, {**UPLOAD, "base_url": "upload"}, ("act.yaml", "unknown-reference")),
        ({"uploads": "https://other.example"}, UPLOAD, ("connector.yaml", "foreign-host")),
        ({"uploads": "http://uploads.acme.example"}, UPLOAD, ("connector.yaml", "bad-value")),
        ({"uploads": "https://uploads.acme.example:0"}, UPLOAD, ("connector.yaml", "bad-value")),
        ({"uploads": "uploads.acme.example"}, UPLOAD, ("connector.yaml", "bad-value")),
        ({"Up": "https://uploads.acme.example"}, {}, ("connector.yaml", "bad-name")),
    ):
        assert mistakes(base_urls, request) == [expected], (base_urls, request)
    with Connector(AUTH, specs=folder(tmp_path, SHARED, action({}, {**UPLOAD, "base_url": "upload"}))) as acme:
        assert acme.run("act").outcome is Outcome.INVALID


def test_packs_exports_and_examples_say_where_it_goes(tmp_path: Path, monkeypatch: Any) -> None:
    act = action({}, UPLOAD, examples=[{"name": "one"}])
    specs = SpecFolder(folder(tmp_path, SHARED, act, action({}, action="plain")))
    manifest = Manifest.from_specs(specs.connector, {"act": specs.action("act")}, {})
    assert (manifest.hosts, "ACME_BASE_URL_UPLOADS" in manifest.variables) == (HOSTS, True)
    assert environment(specs, "http://127.0.0.1:1/v1")["ACME_BASE_URL_UPLOADS"] == "http://127.0.0.1:1/v1"
    paths = json.loads(openapi.files(specs)["openapi.json"])["paths"]
    assert paths["/files"]["post"]["servers"] == [{"url": "https://uploads.acme.example/up"}]
    assert "servers" not in paths["/act"]["post"]
    assert {name for name in locoia.files(specs) if name.startswith("actions/")} == {"actions/plain.json"}
    assert locoia.notes(specs) == [
        "act: not exported, because an Action has one base URL, no polls, no files, and no identifier in its request"
    ]
    (recording,) = plan_recordings([CompiledAction(specs.action("act"))], [], {})
    with serving(answer(200, {})) as uploads, Recorder(AUTH, specs=specs, base_url="http://127.0.0.1:1/v1") as recorder:
        monkeypatch.setenv("ACME_BASE_URL_UPLOADS", uploads.url)
        recorder.check(recording)
        assert record_example(recording, recorder, CREDENTIAL)["request"]["path"] == "/files"
