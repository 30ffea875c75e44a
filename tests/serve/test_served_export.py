"""The export of a server's actions to Locoia: what a step sends, rendered by stock Jinja, is what the server takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError
from locoia_pat.authoring.locoia import served as export
from locoia_pat.spec.load import SpecFolder
from tests.support.command import call as call  # noqa: PLC0414  # a fixture
from tests.support.connectors import GITLAB
from tests.support.locoia_export import rendered
from tests.support.served import CREATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from tests.support.command import Done
    from tests.support.served import Served

URL = "https://flows.example"


def exported(specs: SpecFolder, url: str = URL) -> dict[str, Any]:
    """The files of an export; those of JSON as values."""
    files = export.files(specs, url)
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in files.items()}


def step(served: Served, files: dict[str, Any], action_name: str, /, **form: Any) -> httpx.Response:
    """Send what a step of Locoia sends for the values of its form; an empty field is an empty string."""
    action, base = files[f"actions/{action_name}.json"], files["connector.json"]
    values = dict.fromkeys(action["ui_form_schema"], "") | form
    request, header = action["unverified"], base["header"]
    token = header["token_prefix"].replace("{{token_format}}", header["token_format"].replace("{{token}}", served.key))
    headers = {"Content-Type": header["content_type"], header["header_key"]: token}
    if "headers" in request:
        headers |= json.loads(rendered(request["headers"], **values))
    url = base["base_domain"] + rendered(request["endpoint"], **values)
    return served.http.request(action["method"], url, content=rendered(request["body"], **values), headers=headers)


def test_the_steps_run_as_exported(served: Served) -> None:
    files = exported(SpecFolder(), served.url)
    store = {"token_to": served.ref()}
    name = {"name": "billing-ci", "expiration": 30}
    steps: list[tuple[str, dict[str, Any], str | None]] = [
        ("ensure_pat", {**CREATE, **name, **store}, "created"),
        ("ensure_pat", {**CREATE, **name, **store, "overlap": 5, "take_over": False}, "none"),
        ("rotate_pat", {**name, **store, "idempotency_key": "run-1"}, "rotated"),
        ("retire_pat", {"name": "billing-ci", **store}, "retired"),
        ("create_pat", {**CREATE, "token_to": served.ref("b"), "idempotency_key": "run-1-b"}, None),
        (
            "create_pat",
            {**CREATE, "no_expiration": True, "token_to": served.ref("c"), "idempotency_key": "2"},
            None,
        ),
        ("list_pats", {}, None),
        ("audit_pats", {}, None),
        (
            "create_connector_auth",
            {"connector_id": "c", "name": "n", "auth_type": "oauth2", "idempotency_key": "3"},
            None,
        ),
        ("list_connector_auths", {}, None),
    ]
    for number, (action, form, change) in enumerate(steps):
        answer = step(served, files, action, **form)
        assert answer.status_code == 200, f"{number} {action}: {answer.text}"
        assert change in (None, answer.json()["data"].get("change")), f"{number} {action}: {answer.text}"
    for key in ("run-1-b", ""):
        again = step(served, files, "create_pat", **CREATE, token_to=served.ref("b"), idempotency_key=key)
        assert again.headers.get("idempotency-replayed") == ("true" if key else None)
        assert again.status_code == (200 if key else 422)
    empty = step(
        served, files, "create_pat", **{**CREATE, "expiration": ""}, token_to=served.ref("d"), idempotency_key="4"
    )
    assert (empty.status_code, empty.json()["error"]["field"]) == (422, "expiration")


@pytest.mark.parametrize("folder", [None, GITLAB])
def test_every_action_is_exported_super_actions_included(folder: Path | None) -> None:
    specs = SpecFolder(folder)
    files = exported(specs)
    assert {name.split("/")[1] for name in files if name.startswith("actions/")} == {f"{n}.json" for n in specs.names}
    base = files["connector.json"]
    assert base["base_domain"] == f"{URL}/"
    assert base["external_swagger_docs"] == f"{URL}/openapi.json"
    assert base["header"]["header_key"] == "Authorization"
    for name in specs.names:
        form = files[f"actions/{name}.json"]["ui_form_schema"]
        assert all(field["type"] != "password" for field in form.values()), "no secret is entered in a form"
        assert f"## Action `{name}`" in files["GUIDE.md"]
        assert f"{URL}/v1/actions/{name}" in files[f"rest-helper/{name}.md"]
    assert "No token enters a flow run" in files["GUIDE.md"]
    assert "Turn automatic retries off" not in files["GUIDE.md"]


def test_what_is_exposed_or_no_url_is_refused(tmp_path: Path) -> None:
    for url in (
        "flows.example",
        "http://flows.example",
        "https://a:b@flows.example",
        "https://[",
        "https://x/?a=b",
        "",
    ):
        with pytest.raises(InvalidError):
            export.files(SpecFolder(), url)
    (tmp_path / "connector.yaml").write_text("spec: 1\n")
    with pytest.raises(InvalidError):
        export.files(SpecFolder(tmp_path), URL)


def test_the_command_writes_it(call: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("export", "locoia", "--served", URL, "--json")
    assert "locoia-served/actions/ensure_pat.json" in json.loads(done.out)["files"]
    assert done.err == ""
    assert call("export", "openapi", "--served", URL).code == 2
