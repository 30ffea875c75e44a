"""``doctor`` checks the setup, says what to do, and changes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions import ensure_pat
from locoia_pat.actions.doctor.checks import check_network
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.extras import install_command
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.clinic import Clinic
    from tests.support.command import Done


@pytest.fixture
def doctor(cli_clinic: Clinic, call: Callable[..., Done]) -> Callable[..., dict[str, dict[str, Any]]]:
    """Run doctor; return its results by check, and the exit code under ``code``."""

    def run(*arguments: str) -> dict[str, dict[str, Any]]:
        os.environ.setdefault("LOCOIA_TOKEN", cli_clinic.token.reveal())  # the command removes it
        done = call("doctor", "--json", *arguments)
        findings: list[dict[str, Any]] = done.envelope["findings"]
        assert all(finding["next"] for finding in findings if finding["level"] == "problem")
        return {**{finding["check"]: finding for finding in findings}, "code": {"level": done.code}}

    return run


def levels(found: dict[str, dict[str, Any]], *checks: str) -> list[Any]:
    return [found[check]["level"] for check in (*checks, "code")]


def managed(clinic: Clinic, name: str = "ci") -> Path:
    """Create a managed token; return its file."""
    file = clinic.folder / f"{name}.json"
    with Connector(ConnectorAuth(clinic.token), base_url=clinic.url) as connector:
        ensure_pat(
            connector, name=name, scopes=["embed"], expiration=30, note="CI", token_to=[f"file:{file}"],
            state=State(clinic.state),
        )  # fmt: skip
    return file


def snapshot(folder: Path) -> dict[str, Any]:
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if "sandbox" not in path.name
    }


def test_a_good_setup_has_no_problem(doctor: Callable[..., Any]) -> None:
    found = doctor()
    assert levels(found, "program", "API", "credential", "clock", "state", "proxy", "certificates", "base URL") == [
        *["ok"] * 8,
        0,
    ]
    assert found["credential"]["message"] == "from LOCOIA_TOKEN; accepted"
    assert found["measured"]["next"] == "locoia-pat doctor --measure"


def test_it_changes_nothing(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    before = snapshot(cli_clinic.folder)
    doctor()
    assert snapshot(cli_clinic.folder) == before
    assert not cli_clinic.state.exists()
    managed(cli_clinic)
    before = snapshot(cli_clinic.folder)
    doctor()
    assert snapshot(cli_clinic.folder) == before


def test_the_table_says_below_what_to_do(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    os.environ["LOCOIA_TOKEN"] = "lpat_sbx_" + "x" * 36
    done = call("doctor")
    assert done.code == 1
    assert done.out.splitlines()[0].split() == ["check", "status", "finding"]
    assert "credential: locoia-pat login" in done.err
    assert "1 problem\n" in done.err
    assert "x" * 20 not in done.out + done.err
    os.environ["LOCOIA_TOKEN"] = cli_clinic.token.reveal()
    assert call("doctor").err.endswith("0 problems\n")
    os.environ["LOCOIA_TOKEN"] = "lpat_sbx_" + "x" * 36
    assert call("doctor", "--exit-zero").code == 0


# The API and the credential


def test_a_missing_credential_is_a_problem(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    os.environ.pop("LOCOIA_TOKEN")
    done = call("doctor", "--json")
    (found,) = [finding for finding in done.envelope["findings"] if finding["check"] == "credential"]
    assert (done.code, found["level"], found["message"]) == (1, "problem", "there is no credential")
    assert "LOCOIA_TOKEN" in found["next"]
    assert cli_clinic.store.calls == []


def test_an_unreadable_credential_is_a_problem_and_the_rest_is_checked(doctor: Callable[..., Any]) -> None:
    found = doctor("--auth", "env:NOPE")
    assert levels(found, "credential", "state") == ["problem", "ok", 1]
    found = doctor("--auth", "file:nowhere.json")
    assert levels(found, "credential") == ["problem", 1]
    assert found["credential"]["message"].startswith("from file:nowhere.json: ")


@pytest.mark.parametrize(
    ("status", "api", "credential"),
    [
        (401, "ok", "problem"),
        (403, "ok", "note"),
        (503, "problem", None),
        (404, "problem", None),
    ],
)
def test_an_error_of_the_api_decides_about_api_and_credential(
    status: int, api: str, credential: str | None, cli_clinic: Clinic, doctor: Callable[..., Any]
) -> None:
    cli_clinic.faults.add(Fault("status", status=status, times=3))
    found = doctor()
    assert found["API"]["level"] == api
    assert found.get("credential", {}).get("level") == credential
    assert found["code"]["level"] == (0 if status == 403 else 1)


def test_an_unreachable_api_is_a_problem(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    cli_clinic.faults.add(Fault("dropped", times=3))
    assert levels(doctor(), "API") == ["problem", 1]


@pytest.mark.parametrize("url", ["http://example.com/v1", "nonsense"])
def test_an_invalid_base_url_is_a_problem_and_is_not_called(url: str, doctor: Callable[..., Any]) -> None:
    os.environ["LOCOIA_BASE_URL"] = url
    found = doctor()
    assert levels(found, "base URL") == ["problem", 1]
    assert "LOCOIA_BASE_URL" in found["base URL"]["next"]
    assert found.keys().isdisjoint({"API", "credential", "clock"})


@pytest.mark.parametrize(("date", "level", "words"), [
    ("Thu, 01 Jan 2026 00:00:00 GMT", "problem", "ahead of"),
    ("Fri, 01 Jan 2100 00:00:00 GMT", "problem", "behind"),
    (None, "note", "sends no Date"),
])  # fmt: skip
def test_a_wrong_clock_is_a_problem(date: str | None, level: str, words: str, doctor: Callable[..., Any]) -> None:
    with serving(answer(200, [], {"Date": date} if date else {})) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        found = doctor()
    assert found["clock"]["level"] == level
    assert words in found["clock"]["message"]


def test_a_connector_without_a_check_action_sends_nothing(tmp_path: Path, doctor: Callable[..., Any]) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
        'auth: {header_key: Authorization, token_format: "{{ token }}", token_prefix: "Bearer {{ token_format }}"}\n'
    )
    os.environ["ACME_TOKEN"] = "x" * 20
    found = doctor("--specs", str(tmp_path / "specs"))
    assert levels(found, "credential") == ["note", 0]


# State and stores


def test_token_files_must_exist_and_be_private(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    file = managed(cli_clinic)
    found = doctor()
    assert levels(found, "name ci", "state") == ["ok", "ok", 0]
    file.chmod(0o644)
    found = doctor()
    assert levels(found, "permissions") == ["problem", 1]
    assert found["permissions"]["next"] == f"chmod 600 {file}"
    subprocess.run(["sh", "-c", found["permissions"]["next"]], check=True)
    assert levels(doctor()) == [0]
    file.unlink()
    assert levels(doctor(), "store") == ["problem", 1]
    state = State(cli_clinic.state)
    state.save(
        cli_clinic.url, "ci", {**(state.load(cli_clinic.url, "ci") or {}), "stores": ["keyring:locoia/ci#current"]}
    )
    assert levels(doctor()) == [0]


def test_an_unusable_path_of_the_state_folder_is_a_problem(doctor: Callable[..., Any], tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / ("x" * 300))
    found = doctor()
    assert levels(found, "state") == ["problem", 1]
    assert "File name too long" in found["state"]["message"]


def test_the_file_of_the_credential_must_be_private(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    file = cli_clinic.folder / "rotator"
    file.write_text(cli_clinic.token.reveal())
    file.chmod(0o640)
    found = doctor("--auth", f"file:{file}")
    assert found["permissions"]["next"] == f"chmod 600 {file}"


def test_the_state_folder_must_be_private(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    cli_clinic.state.mkdir()
    cli_clinic.state.chmod(0o755)
    found = doctor()
    assert found["permissions"]["next"] == f"chmod 700 {cli_clinic.state}"


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"operation": "rotate"}, "problem", "rotate is not finished"),
        ({"retirements": [["row", "2020-01-01T00:00:00+00:00"]]}, "problem", "1 old tokens are due"),
        ({"retirements": [["row", "2999-01-01T00:00:00+00:00"]]}, "ok", "nothing unfinished"),
        ({"ended": True}, "ok", "retired"),
    ],
)
def test_unfinished_operations_of_a_name_are_a_problem(
    change: dict[str, Any], level: str, words: str, cli_clinic: Clinic, doctor: Callable[..., Any]
) -> None:
    managed(cli_clinic)
    state = State(cli_clinic.state)
    state.save(cli_clinic.url, "ci", {**(state.load(cli_clinic.url, "ci") or {}), **change})
    found = doctor()
    assert found["name ci"]["level"] == level
    assert words in found["name ci"]["message"]
    assert found["name ci"]["next"] == ("locoia-pat reconcile" if level == "problem" else None)


def test_held_leases_are_listed(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    lease = State(cli_clinic.state).lease(cli_clinic.url, "ci")
    assert lease.acquire(0)
    found = doctor()
    assert levels(found, "lease") == ["note", 0]
    assert f"ci: held by process {os.getpid()} on " in found["lease"]["message"]
    lease.release()
    assert "lease" not in doctor()


def test_a_state_in_use_is_read_with_its_log(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    managed(cli_clinic)
    with closing(sqlite3.connect(cli_clinic.state / "state.sqlite3")) as database:
        database.execute("UPDATE names SET name = 'other'")
        database.commit()  # it is in the log next to the file
        assert (cli_clinic.state / "state.sqlite3-wal").exists()
        assert "name other" in doctor()


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, or a file in its place if the user is root."""
    folder = tmp_path / "fixed"
    if os.geteuid() == 0:
        folder.touch()
    else:
        folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_an_unwritable_state_folder_is_a_problem(unwritable: Path, doctor: Callable[..., Any]) -> None:
    for folder in (unwritable, unwritable / "below" / "it"):
        os.environ["LOCOIA_PAT_STATE"] = str(folder)
        found = doctor()
        assert levels(found, "state") == ["problem", 1]
        assert "LOCOIA_PAT_STATE" in found["state"]["next"]
        assert "measured" not in found


def test_a_damaged_or_newer_journal_is_a_problem(cli_clinic: Clinic, doctor: Callable[..., Any]) -> None:
    managed(cli_clinic)
    file = cli_clinic.state / "state.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    assert "newer than this program" in doctor()["state"]["message"]
    file.write_bytes(b"no database" * 100)
    assert levels(doctor(), "state") == ["problem", 1]
    assert inspect_state(cli_clinic.state).open_to_others == ()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


# Measurements


def test_the_age_of_a_measurement_and_what_is_left_to_do_are_checked(
    cli_clinic: Clinic, doctor: Callable[..., Any]
) -> None:
    cli_clinic.measure(scopes=["embed"])
    found = doctor()
    assert levels(found, "measured") == ["ok", 0]
    assert found["measured"]["message"] == "0 days ago"
    cli_clinic.edit(lambda saved: saved["facts"]["list_lag"].update(value="unknown"))
    assert doctor()["measured"]["message"] == "0 days ago; unknown: list_lag"
    assert "throwaway" not in found
    cli_clinic.expire()
    assert doctor()["throwaway"]["next"] == "locoia-pat doctor --measure --finish"

    def make_old_and_unfinished(saved: Any) -> None:
        saved["runs"][0].update(cleared=False, due=None)
        for fact in saved["facts"].values():
            fact.update(at="2020-01-01T00:00:00Z", value=1)

    cli_clinic.edit(make_old_and_unfinished)
    found = doctor()
    assert levels(found, "measured", "throwaway") == ["note", "problem", 1]
    assert found["measured"]["message"].endswith("days ago")
    cli_clinic.file.write_text("{")
    assert levels(doctor(), "measured") == ["problem", 1]


# This computer


def test_proxies_are_named_without_their_credentials() -> None:
    for variables, message in (
        ({}, "none"),
        ({"HTTPS_PROXY": "http://user:secret@proxy.example:8080"}, "HTTPS_PROXY=proxy.example:8080"),
        ({"all_proxy": "proxy.example"}, "all_proxy=proxy.example"),
        ({"HTTP_PROXY": "http://[::1"}, "HTTP_PROXY=an invalid URL"),
    ):
        proxy, _ = check_network("https://api.locoia.com/v1", variables)
        assert proxy.message == message
        bypassed, _ = check_network("http://127.0.0.1/v1", variables)
        assert bypassed.message == (message if message == "none" else f"{message}; not used for localhost")


def test_certificates_that_do_not_exist_are_a_problem() -> None:
    _, certificates = check_network(None, {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/"})
    assert certificates[1:3] == ("problem", "SSL_CERT_FILE names a path that does not exist")
    _, certificates = check_network(None, {"SSL_CERT_DIR": "/"})
    assert certificates[1:3] == ("ok", "from SSL_CERT_DIR")
    _, certificates = check_network(None, {})
    assert certificates[1:3] == ("ok", "the system's")


def output_of(script: str, **variables: str) -> str:
    """Run a script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    ).stdout


KEYRING = "from locoia_pat.actions.doctor.checks import check_keyring; print(check_keyring())"


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.fail.Keyring", "no usable keyring"),
        ("keyring.backends.null.Keyring", "no usable keyring"),
        ("keyrings.alt.file.PlaintextKeyring", "level='ok'"),
        ("no.such.Backend", "cannot be used: "),
    ],
)
def test_a_keyring_that_stores_nothing_is_not_usable(backend: str, words: str) -> None:
    assert words in output_of(KEYRING, PYTHON_KEYRING_BACKEND=backend)


def test_a_missing_extra_is_a_problem_only_if_something_here_needs_it(
    cli_clinic: Clinic, doctor: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the extra keyring is not installed" in output_of(f"import sys; sys.modules['keyring'] = None\n{KEYRING}")
    found = doctor()
    assert found["extras"]["message"] == (
        "installed: aws, cassettes, console, dbos, keyring, mcp, postgres, recipes, sandbox, serve; "
        "not needed here: none"
    )
    assert not any(check.startswith("extra ") for check in found)
    managed(cli_clinic)
    real = metadata.distribution

    def without(name: str) -> metadata.Distribution:
        if name in ("boto3", "keyring", "psycopg", "uvicorn"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "distribution", without)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = doctor("--auth", "aws:apps/rotator")
    assert found["extras"] == {
        "check": "extras",
        "level": "ok",
        "message": "installed: cassettes, dbos, mcp, recipes; "
        "not needed here: console, keyring, postgres, sandbox, serve",
        "next": None,
    }
    assert found["extra aws"] == {
        "check": "extra aws",
        "level": "problem",
        "message": "not installed: boto3, for aws:apps/rotator",
        "next": install_command("aws"),
    }
    os.environ["LOCOIA_PAT_STATE"] = "postgresql://127.0.0.1:1/nothing"
    found = doctor()
    assert found["extra postgres"]["message"] == "not installed: psycopg, for LOCOIA_PAT_STATE"
    assert "extra keyring" not in found


def test_a_credential_in_a_store_whose_extra_is_missing_is_answered_with_the_command_that_installs_it(
    doctor: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    found = doctor("--auth", "keyring:locoia-pat/locoia")
    assert found["credential"]["message"] == "keyring is not installed"
    assert found["credential"]["next"] == install_command("keyring")


def test_extras_of_a_copy_that_is_not_installed_are_not_known() -> None:
    copied = (
        "import importlib.metadata as m\n"
        "def nothing(name): raise m.PackageNotFoundError(name)\n"
        "m.distribution = nothing\n"
        "from locoia_pat.actions.doctor.checks import check_extras\n"
        "print([*check_extras({})])"
    )
    assert output_of(copied) == "[]\n"


def test_results_that_could_not_be_printed_are_shown(doctor: Callable[..., Any], cli_clinic: Clinic) -> None:
    file = cli_clinic.state / "unprinted.jsonl"
    assert "results" not in doctor()
    results = [
        {"at": "2026-11-28T10:00:00Z", "action": "create_pat", "outcome": "done", "data": {"id": "r1"},
         "token_ref": "file:/a.json#current"},
        {"at": "2026-11-28T11:00:00Z", "action": "create_pat", "outcome": "refused"},
    ]  # fmt: skip
    for number, words in (
        (1, "create_pat done r1 file:/a.json#current"),
        (2, "2026-11-28T11:00:00Z create_pat refused"),
    ):
        lines = [*map(json.dumps, results[:number]), "no JSON", "[]"]
        cli_clinic.state.mkdir(exist_ok=True)
        file.write_text("\n".join(lines))
        found = doctor()["results"]
        assert (found["level"], str(file) in found["next"]) == ("note", True)
        assert found["message"].startswith(f"{number} could not be printed")
        assert found["message"].endswith(words)


def test_a_row_of_the_journal_under_a_name_that_cannot_be_is_a_problem_without_a_takeover(
    cli_clinic: Clinic, doctor: Callable[..., Any]
) -> None:
    managed(cli_clinic)
    with closing(sqlite3.connect(cli_clinic.state / "state.sqlite3", isolation_level=None)) as database:
        assert database.execute("UPDATE names SET name = 'Not A Name'").rowcount >= 1
    found = doctor()
    (shown,) = [name for name in found if "Not A Name" in name]
    assert "its journal entry cannot be used" in found[shown]["message"]
    assert "from a backup" in found[shown]["next"]
