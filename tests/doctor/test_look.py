"""``doctor`` tells how things stand, what to do about it, and changes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions import ensure_pat
from locoia_pat.actions.doctor import local_checks as here
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.clinic import Clinic
    from tests.support.command import Done

Doctor = "Callable[..., dict[str, dict[str, Any]]]"


@pytest.fixture
def doctor(at_home: Clinic, call: Callable[..., Done]) -> Callable[..., dict[str, dict[str, Any]]]:
    """What it finds, by what it looked at; the exit code under ``code``."""

    def found(*arguments: str) -> dict[str, dict[str, Any]]:
        os.environ.setdefault("LOCOIA_TOKEN", at_home.token.reveal())  # the command takes it away
        done = call("doctor", "--json", *arguments)
        findings: list[dict[str, Any]] = done.envelope["findings"]
        assert all(finding["next"] for finding in findings if finding["level"] == "problem")
        return {**{finding["check"]: finding for finding in findings}, "code": {"level": done.code}}

    return found


def levels(found: dict[str, dict[str, Any]], *checks: str) -> list[Any]:
    return [found[check]["level"] for check in (*checks, "code")]


def managed(clinic: Clinic, name: str = "ci") -> Path:
    """A managed token, and the file it stands in."""
    file = clinic.folder / f"{name}.json"
    with Connector(ConnectorAuth(clinic.token), base_url=clinic.url) as connector:
        ensure_pat(
            connector, name=name, scopes=["embed"], expiration=30, note="CI", token_to=[f"file:{file}"],
            state=State(clinic.state),
        )  # fmt: skip
    return file


def everything(folder: Path) -> dict[str, Any]:
    return {
        str(path): (path.stat().st_mode, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if "sandbox" not in path.name
    }


def test_all_is_well(doctor: Callable[..., Any]) -> None:
    found = doctor()
    assert levels(found, "program", "API", "credential", "clock", "state", "proxy", "trust", "address") == [
        *["ok"] * 8,
        0,
    ]
    assert found["credential"]["message"] == "from LOCOIA_TOKEN; accepted"
    assert found["measured"]["next"] == "locoia-pat doctor --measure"


def test_it_changes_nothing(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    before = everything(at_home.folder)
    doctor()
    assert everything(at_home.folder) == before
    assert not at_home.state.exists()
    managed(at_home)
    before = everything(at_home.folder)
    doctor()
    assert everything(at_home.folder) == before


def test_the_table_is_for_people_and_says_below_what_to_do(at_home: Clinic, call: Callable[..., Done]) -> None:
    os.environ["LOCOIA_TOKEN"] = "lpat_sbx_" + "x" * 36
    done = call("doctor")
    assert done.code == 1
    assert done.out.splitlines()[0].split() == ["check", "finding"]
    assert "credential: locoia-pat login" in done.err
    assert "1 problem\n" in done.err
    assert "x" * 20 not in done.out + done.err
    os.environ["LOCOIA_TOKEN"] = at_home.token.reveal()
    assert call("doctor").err.endswith("0 problems\n")
    os.environ["LOCOIA_TOKEN"] = "lpat_sbx_" + "x" * 36
    assert call("doctor", "--exit-zero").code == 0


# The API and the credential


def test_no_credential(at_home: Clinic, call: Callable[..., Done]) -> None:
    os.environ.pop("LOCOIA_TOKEN")
    done = call("doctor", "--json")
    (found,) = [finding for finding in done.envelope["findings"] if finding["check"] == "credential"]
    assert (done.code, found["level"], found["message"]) == (1, "problem", "there is no credential")
    assert "LOCOIA_TOKEN" in found["next"]
    assert at_home.store.done == []


def test_a_credential_that_cannot_be_read_is_told_and_the_rest_is_looked_at(doctor: Callable[..., Any]) -> None:
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
def test_what_the_api_answers(
    status: int, api: str, credential: str | None, at_home: Clinic, doctor: Callable[..., Any]
) -> None:
    at_home.faults.add(Fault("status", status=status, times=3))
    found = doctor()
    assert found["API"]["level"] == api
    assert found.get("credential", {}).get("level") == credential
    assert found["code"]["level"] == (0 if status == 403 else 1)


def test_an_api_that_is_not_reached(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    at_home.faults.add(Fault("dropped", times=3))
    assert levels(doctor(), "API") == ["problem", 1]


@pytest.mark.parametrize("url", ["http://example.com/v1", "nonsense"])
def test_a_base_address_that_may_not_be_called(url: str, doctor: Callable[..., Any]) -> None:
    os.environ["LOCOIA_BASE_URL"] = url
    found = doctor()
    assert levels(found, "address") == ["problem", 1]
    assert "LOCOIA_BASE_URL" in found["address"]["next"]
    assert found.keys().isdisjoint({"API", "credential", "clock"})


@pytest.mark.parametrize(("date", "level", "words"), [
    ("Thu, 01 Jan 2026 00:00:00 GMT", "problem", "ahead of"),
    ("Fri, 01 Jan 2100 00:00:00 GMT", "problem", "behind"),
    (None, "note", "tells no time"),
])  # fmt: skip
def test_the_clock(date: str | None, level: str, words: str, doctor: Callable[..., Any]) -> None:
    with serving(answer(200, [], {"Date": date} if date else {})) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        found = doctor()
    assert found["clock"]["level"] == level
    assert words in found["clock"]["message"]


def test_a_connector_without_a_check(tmp_path: Path, doctor: Callable[..., Any]) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        "hosts: [api.acme.example]\nenv: {token: ACME_TOKEN}\n"
        'auth: {header_key: Authorization, token_format: "{{ token }}", token_prefix: "Bearer {{ token_format }}"}\n'
    )
    os.environ["ACME_TOKEN"] = "x" * 20
    found = doctor("--specs", str(tmp_path / "specs"))
    assert levels(found, "credential") == ["note", 0]


# The state, its names and its places


def test_names_and_the_files_of_their_tokens(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    file = managed(at_home)
    found = doctor()
    assert levels(found, "name ci", "state") == ["ok", "ok", 0]
    file.chmod(0o644)
    found = doctor()
    assert levels(found, "permissions") == ["problem", 1]
    assert found["permissions"]["next"] == f"chmod 600 {file}"
    subprocess.run(["sh", "-c", found["permissions"]["next"]], check=True)
    assert levels(doctor()) == [0]
    file.unlink()
    assert levels(doctor(), "place") == ["problem", 1]
    state = State(at_home.state)
    state.save(at_home.url, "ci", {**(state.load(at_home.url, "ci") or {}), "stores": ["keyring:locoia/ci#current"]})
    assert levels(doctor()) == [0]


def test_a_state_folder_that_cannot_be_reached_is_told(doctor: Callable[..., Any], tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / ("x" * 300))
    found = doctor()
    assert levels(found, "state") == ["problem", 1]
    assert "File name too long" in found["state"]["message"]


def test_the_credentials_own_file_is_looked_at_too(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    file = at_home.folder / "rotator"
    file.write_text(at_home.token.reveal())
    file.chmod(0o640)
    found = doctor("--auth", f"file:{file}")
    assert found["permissions"]["next"] == f"chmod 600 {file}"


def test_a_folder_that_others_may_enter(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    at_home.state.mkdir()
    at_home.state.chmod(0o755)
    found = doctor()
    assert found["permissions"]["next"] == f"chmod 700 {at_home.state}"


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"operation": "rotate"}, "problem", "rotate is not finished"),
        ({"retirements": [["row", "2020-01-01T00:00:00+00:00"]]}, "problem", "1 old tokens are due"),
        ({"retirements": [["row", "2999-01-01T00:00:00+00:00"]]}, "ok", "nothing under way"),
        ({"ended": True}, "ok", "ended"),
    ],
)
def test_what_is_under_way(
    change: dict[str, Any], level: str, words: str, at_home: Clinic, doctor: Callable[..., Any]
) -> None:
    managed(at_home)
    state = State(at_home.state)
    state.save(at_home.url, "ci", {**(state.load(at_home.url, "ci") or {}), **change})
    found = doctor()
    assert found["name ci"]["level"] == level
    assert words in found["name ci"]["message"]
    assert found["name ci"]["next"] == ("locoia-pat reconcile" if level == "problem" else None)


def test_leases_that_are_held(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    lease = State(at_home.state).lease(at_home.url, "ci")
    assert lease.acquire(0)
    found = doctor()
    assert levels(found, "lease") == ["note", 0]
    assert f"ci: held by process {os.getpid()} on " in found["lease"]["message"]
    lease.release()
    assert "lease" not in doctor()


def test_a_state_that_is_at_work_is_read_all_the_same(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    managed(at_home)
    with closing(sqlite3.connect(at_home.state / "state.sqlite3")) as database:
        database.execute("UPDATE names SET name = 'other'")
        database.commit()  # it stands in the log beside the file
        assert (at_home.state / "state.sqlite3-wal").exists()
        assert "name other" in doctor()


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write, as far as the user is not root; then a file in its place."""
    folder = tmp_path / "fixed"
    if os.geteuid() == 0:
        folder.touch()
    else:
        folder.mkdir(mode=0o500)
    yield folder
    folder.chmod(0o700)


def test_a_state_folder_that_cannot_be_used(unwritable: Path, doctor: Callable[..., Any]) -> None:
    for folder in (unwritable, unwritable / "below" / "it"):
        os.environ["LOCOIA_PAT_STATE"] = str(folder)
        found = doctor()
        assert levels(found, "state") == ["problem", 1]
        assert "LOCOIA_PAT_STATE" in found["state"]["next"]
        assert "measured" not in found


def test_a_journal_that_is_none_or_newer(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    managed(at_home)
    file = at_home.state / "state.sqlite3"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    assert "newer than this program" in doctor()["state"]["message"]
    file.write_bytes(b"no database" * 100)
    assert levels(doctor(), "state") == ["problem", 1]
    assert inspect_state(at_home.state).open_to_others == ()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


# What was measured


def test_what_was_measured_how_old_it_is_and_what_is_left_to_do(at_home: Clinic, doctor: Callable[..., Any]) -> None:
    at_home.measure()
    found = doctor()
    assert levels(found, "measured") == ["ok", 0]
    assert found["measured"]["message"].startswith("0 days ago; unknown: narrow_token_status")
    assert "throw-away" not in found
    at_home.age()
    assert doctor()["throw-away"]["next"] == "locoia-pat doctor --measure --finish"
    told = json.loads(at_home.file.read_text())
    known = told["apis"][at_home.url]
    known["runs"][0].update(cleared=False, due=None)
    known["facts"] = {name: {**fact, "at": "2020-01-01T00:00:00Z", "value": 1} for name, fact in known["facts"].items()}
    at_home.file.write_text(json.dumps(told))
    found = doctor()
    assert levels(found, "measured", "throw-away") == ["note", "problem", 1]
    assert found["measured"]["message"].endswith("days ago")
    at_home.file.write_text("{")
    assert levels(doctor(), "measured") == ["problem", 1]


# This computer


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "none"),
        ({"HTTPS_PROXY": "http://user:secret@proxy.example:8080"}, "HTTPS_PROXY=proxy.example:8080"),
        ({"all_proxy": "proxy.example"}, "all_proxy=proxy.example"),
        ({"HTTP_PROXY": "http://[::1"}, "HTTP_PROXY=no address"),
    ],
)
def test_proxies_are_named_without_their_credentials(variables: dict[str, str], message: str) -> None:
    proxy, _ = here.network("https://api.locoia.com/v1", variables)
    assert proxy.message == message
    away, _ = here.network("http://127.0.0.1/v1", variables)
    assert away.message == (message if message == "none" else f"{message}; not used for this computer itself")


def test_certificates_that_are_named_and_not_there() -> None:
    _, trust = here.network(None, {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/"})
    assert (trust.level, trust.message) == ("problem", "SSL_CERT_FILE names what is not there")
    _, trust = here.network(None, {"SSL_CERT_DIR": "/"})
    assert (trust.level, trust.message) == ("ok", "the system's certificates, by SSL_CERT_DIR")


def alone(script: str, **variables: str) -> str:
    """What a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    ).stdout


KEYRING = "from locoia_pat.actions.doctor.local_checks import keyring; print(*keyring())"


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.fail.Keyring", "none that works here"),
        ("keyring.backends.null.Keyring", "none that works here"),
        ("keyrings.alt.file.PlaintextKeyring", "level='ok'"),
        ("no.such.Backend", "cannot be used: "),
    ],
)
def test_the_keyring(backend: str, words: str) -> None:
    assert words in alone(KEYRING, PYTHON_KEYRING_BACKEND=backend)


def test_extras_that_are_not_installed_are_named_with_their_line() -> None:
    assert "the extra keyring is not installed" in alone(f"import sys; sys.modules['keyring'] = None\n{KEYRING}")
    found = {finding.check: finding for finding in here.extras()}
    assert {"extra keyring", "extra sandbox", "extra cassettes"} <= found.keys()
    assert found.keys().isdisjoint({"extra test", "extra lint"})
    assert found["extra keyring"].level == "ok"
    bare = (
        "import importlib.metadata as m\nreal = m.distribution\n"
        "def without(name):\n    if name == 'uvicorn': raise m.PackageNotFoundError(name)\n    return real(name)\n"
        "m.distribution = without\n"
        "from locoia_pat.actions.doctor.local_checks import extras\n"
        "print(*[found for found in extras() if found.check == 'extra sandbox'])"
    )
    copied = (
        "import importlib.metadata as m\n"
        "def nothing(name): raise m.PackageNotFoundError(name)\n"
        "m.distribution = nothing\n"
        "from locoia_pat.actions.doctor.local_checks import extras\n"
        "print([*extras()])"
    )
    assert alone(copied) == "[]\n"
    told = alone(bare)
    assert "not installed: uvicorn" in told
    assert "pip install 'locoia-pat[sandbox]'" in told
