"""Every fault: what the client receives, and what the API does."""

from __future__ import annotations

import datetime as dt
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from locoia_pat import InvalidError
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.faults import KINDS, Fault, Faults, parse_faults
from locoia_pat.actions.sandbox.sandbox_app import create_app
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.secrets.secret import Secret
from tests.support.sandbox_client import CREATE, OWNER, PATH, Caller, calling
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shared() -> Iterator[Caller]:
    with calling() as api:
        yield api


@pytest.fixture
def api(shared: Caller) -> Caller:
    """The shared sandbox with nothing scripted; earlier tests may have left rows."""
    shared.faults.clear()
    return shared


def is_created(api: Caller, note: str) -> Callable[[], bool]:
    return lambda: note in api.notes()


# No response


def raw_answer(api: Caller, body: bytes) -> bytes:
    """POST *body*; return all bytes received until the other side closes."""
    url = httpx.URL(api.url)
    head = f"POST {url.path}{PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token.reveal()}\r\n"
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b""
        while part := connection.recv(4096):
            received += part
        return received


@pytest.mark.parametrize(
    ("kind", "done"), [("lost", True), ("dropped", False), ("late", True), ("late_at_commit", True)]
)
def test_the_connection_is_closed_without_a_byte_and_nothing_is_logged(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, kind: Any, *, done: bool
) -> None:
    with calling(store=SandboxStore(tmp_path / "s")) as api:
        api.faults.add(Fault(kind))
        body = b'{"expiration": 1, "scopes": ["embed"], "note": "here"}'
        assert raw_answer(api, body) == b""
        if done:
            eventually(is_created(api, "here"))
    assert ("here" in notes_in(tmp_path / "s")) is done
    assert capfd.readouterr().err == ""


def notes_in(path: Path) -> list[str]:
    """The notes in the file of a sandbox that was stopped, so that nothing is in progress."""
    store = SandboxStore(path)
    notes = [row.note for row in store.owned_by(OWNER)]
    store.close()
    return notes


@pytest.mark.parametrize("kind", ["lost", "dropped", "late", "late_at_commit"])
def test_a_client_gets_no_response(api: Caller, kind: Any) -> None:
    api.faults.add(Fault(kind, seconds=0 if kind.startswith("late") else None))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending"):
        api.create(note=kind)
    assert api.faults.pending() == []
    assert api.call("GET").status_code == 200


def test_a_late_request_is_done_after_its_client_has_gone(api: Caller) -> None:
    api.faults.add(Fault("late", seconds=1))
    with pytest.raises(httpx.RemoteProtocolError):
        api.create(note="in time")
    assert "in time" not in api.notes()
    eventually(is_created(api, "in time"))


@pytest.mark.parametrize(("kind", "done"), [("late", True), ("late_at_commit", False)])
def test_a_late_request_is_authorised_on_arrival_or_when_it_is_done(kind: Any, *, done: bool) -> None:
    with calling() as api:
        api.faults.add(Fault(kind, seconds=1))
        with pytest.raises(httpx.RemoteProtocolError):
            api.create(note="late")
        api.store.regenerate(api.row_id, owner=OWNER, days=None)  # revokes the credential in between
        if done:
            eventually(is_created(api, "late"))
        else:
            time.sleep(1.5)  # by then it would have been done
            assert "late" not in api.notes()


@pytest.mark.parametrize("kind", ["late", "late_at_commit"])
def test_a_late_request_with_an_unknown_token_is_never_done(kind: Any, tmp_path: Path) -> None:
    with calling(store=SandboxStore(tmp_path / "s")) as api:
        api.faults.add(Fault(kind, seconds=0))
        with pytest.raises(httpx.RemoteProtocolError):
            api.call("POST", token=Secret("lpat_sbx_nobody"), json=CREATE)
    assert notes_in(tmp_path / "s") == ["credential"]


def test_a_lost_regenerate_has_revoked_the_old_token(api: Caller) -> None:
    row = api.create().json()
    api.faults.add(Fault("lost", path="*/regenerate"))
    with pytest.raises(httpx.RemoteProtocolError):
        api.regenerate(row["id"])
    assert api.call("GET", token=Secret(row["token"])).status_code == 401


def test_a_client_that_disconnects_before_its_body_is_complete_leaves_no_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with calling() as api:
        api.faults.add(Fault("lost"))
        url = httpx.URL(api.url)
        for path in (f"{url.path}{PATH}", "/_sandbox/faults"):
            with socket.create_connection((url.host, url.port or 0)) as connection:
                connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[".encode())
                eventually(lambda: api.faults.pending() == [])
            assert api.call("GET").status_code == 200  # by then the server has noticed
        assert api.notes() == []
    assert capfd.readouterr().err == ""


# Another response


def test_a_cut_response_ends_in_the_middle_and_the_request_is_done(api: Caller) -> None:
    api.faults.add(Fault("cut"))
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        api.create(note="cut")
    assert "cut" in api.notes()


def test_a_slow_response_is_complete_and_late(api: Caller) -> None:
    api.faults.add(Fault("slow", seconds=0.3))
    began = time.monotonic()
    answer = api.create(note="slow")
    assert time.monotonic() - began >= 0.3
    assert (answer.status_code, answer.json()["note"]) == (201, "slow")


def test_a_request_with_a_slow_response_is_done_even_if_the_client_does_not_wait(api: Caller) -> None:
    api.faults.add(Fault("slow", seconds=0.5))
    with pytest.raises(httpx.ReadTimeout):
        api.call("POST", json=CREATE | {"note": "impatient"}, timeout=0.2)
    eventually(is_created(api, "impatient"))


def test_a_response_without_its_token_is_otherwise_complete(api: Caller) -> None:
    api.faults.add(Fault("no_token", times=3))
    answer = api.create(note="no token")
    assert answer.status_code == 201
    assert answer.json().keys() == {"id", "expiration", "note", "last_used", "scopes"}
    assert "no token" in api.notes()
    assert isinstance(api.call("GET").json(), list)  # a response without a token is not changed
    assert api.call("GET", "/nowhere").status_code == 404


@pytest.mark.parametrize("commit", [False, True])
@pytest.mark.parametrize("kind", ["status", "error_in_200", "redirect", "html"])
def test_a_replaced_response_is_done_only_with_commit(api: Caller, kind: Any, *, commit: bool) -> None:
    note = f"{kind} {commit}"
    api.faults.add(Fault(kind, commit=commit))
    assert "token" not in api.create(note=note).text
    assert (note in api.notes()) is commit


def test_a_status_fault_has_the_shape_of_an_error(api: Caller) -> None:
    for status in (200, 404, 408, 429, 500, 502, 503, 504, 599):
        api.faults.add(Fault("status", status=status))
        answer = api.call("GET")
        assert answer.status_code == answer.json()["status"] == status
        assert answer.json().keys() == {"status", "error", "message", "data"}
        assert "retry-after" not in answer.headers


def test_a_status_fault_has_the_shape_that_the_switch_sets() -> None:
    with calling(Behaviour(error_shape="html")) as api:
        api.faults.add(Fault("status", status=502), Fault("status", status=599))
        assert "<title>502 Bad Gateway</title>" in api.call("GET").text
        assert "<title>599</title>" in api.call("GET").text


def test_retry_after_is_sent_as_seconds_or_as_a_date(api: Caller) -> None:
    api.faults.add(
        Fault("status", status=429, retry_after=7),
        Fault("status", status=503, retry_after=3600, retry_after_form="date"),
    )
    assert api.call("GET").headers["retry-after"] == "7"
    until = parsedate_to_datetime(api.call("GET").headers["retry-after"])
    assert abs(until - dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)) < dt.timedelta(seconds=10)


@pytest.mark.parametrize("status", [200, 422, 500])
def test_an_error_in_200_has_its_status_inside(api: Caller, status: int) -> None:
    api.faults.add(Fault("error_in_200", status=status))
    answer = api.create()
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (200, status, "biz_logic")


def test_a_redirect_has_its_location(api: Caller) -> None:
    api.faults.add(Fault("redirect"), Fault("redirect", status=302, location="https://example.com/a?b=c"))
    assert (found := api.call("GET")).status_code == 307
    assert found.headers["location"] == "/v1/redirected"
    assert (found := api.call("GET")).status_code == 302
    assert found.headers["location"] == "https://example.com/a?b=c"


def test_an_html_fault_is_a_page_with_its_status(api: Caller) -> None:
    api.faults.add(Fault("html"), Fault("html", status=504))
    for status in (200, 504):
        answer = api.call("GET")
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.startswith("<!doctype html>")


# The queue


def test_a_fault_waits_for_its_method_and_path_and_is_used_up(api: Caller) -> None:
    api.faults.add(
        Fault("status", status=500, method="POST", path="/v1/personal-access-tokens", times=2),
        Fault("status", status=501, path="/v1/personal-access-tokens/*/regenerate", times=None),
        Fault("status", status=502),
    )
    statuses = [answer.status_code for answer in (api.regenerate("x"), api.create(), api.call("GET"), api.create())]
    assert statuses == [501, 500, 502, 500]
    assert [answer.status_code for answer in (api.create(), api.call("GET"), api.regenerate("x"))] == [201, 200, 501]
    assert [fault.status for fault in api.faults.pending()] == [501]


def test_concurrent_requests_use_a_fault_up_exactly(api: Caller) -> None:
    api.faults.add(Fault("status", times=20))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: api.call("GET").status_code, range(50)))
    assert sorted(found) == [200] * 30 + [503] * 20


def test_the_app_exposes_its_faults() -> None:
    faults, store = Faults(), SandboxStore()
    assert create_app(store, faults=faults).state.faults is faults
    assert create_app(store).state.faults.pending() == []
    store.close()


# Parsing

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "a kind": ("cut", {"fault": "cut", "method": None, "path": None, "times": 1}),
    "method and times": ("lost:POST:2", {"fault": "lost", "method": "POST", "path": None, "times": 2}),
    "times alone": ("lost:3", {"fault": "lost", "method": None, "path": None, "times": 3}),
    "always": ("dropped:*:always", {"fault": "dropped", "method": None, "path": None, "times": None}),
    "a number": (
        "late:seconds=0.5:PUT",
        {"fault": "late", "method": "PUT", "path": None, "times": 1, "seconds": 0.5},
    ),
    "a path": ("cut:path=/v1/*", {"fault": "cut", "method": None, "path": "/v1/*", "times": 1}),
    "options": (
        "status:POST:1:status=429:retry_after=2:retry_after_form=date:commit=true",
        {"fault": "status", "method": "POST", "path": None, "times": 1, "status": 429, "retry_after": 2,
         "retry_after_form": "date", "commit": True},
    ),
    "JSON": (
        '{"fault": "redirect", "location": "http://a:1/"}',
        {"fault": "redirect", "method": None, "path": None, "times": 1, "status": 307, "location": "http://a:1/",
         "commit": False},
    ),
}  # fmt: skip


def test_a_fault_is_parsed_from_a_string_or_json_and_shown_with_its_options() -> None:
    for case, (text, expected) in EXAMPLES.items():
        assert Fault.parse(text).to_dict() == expected, case
        assert Fault.from_dict(expected) == Fault.parse(text), case


def test_every_kind_is_shown_as_it_can_be_parsed() -> None:
    for kind in KINDS:
        assert Fault.from_dict(Fault(kind).to_dict()) == Fault(kind)


WRONG: dict[str, str] = {
    "": 'fault: received ""; allowed: lost, late, ',
    "lots": "did you mean lost?",
    "lost:post": 'method: received "post"; allowed: GET, POST, ',
    "lost:0": "times: received 0; allowed: a number of at least 1, or null (always)",
    "lost:times=true": "times: received true",
    "lost:seconds=1": "seconds: received 1; allowed: nothing, because lost has no such option",
    "lost:pth=/x": "pth: received a 2-character string; allowed: one of fault, method, path, ",
    "lost:path=x": 'path: received "x"; allowed: a pattern that begins with / or *',
    "lost:path=1": "path: received 1",
    "slow:seconds=601": "allowed: a number from 0 to 600",
    "slow:seconds=NaN": "seconds: received nan",
    "slow:seconds=true": "seconds: received true",
    "slow:seconds=soon": 'seconds: received "soon"',
    "status:status=204": "except 204, 205, 304",
    "status:status=199": "status: received 199",
    "status:status=4.0": "status: received 4.0",
    "status:retry_after=-1": "retry_after: received -1",
    "status:retry_after_form=words": "allowed: seconds, date",
    "status:commit=1": "commit: received 1; allowed: true, false",
    '{"fault": "redirect", "location": "/a\\r\\nX: y"}': "location: received a 8-character string",
    '{"fault": "redirect", "location": 1}': "location: received 1",
    '{"fault": ["lost"]}': "fault: received a list",
    '{"fault": null}': "fault: received null",
    "{}": "fault: received an object; allowed: an object such as",
    "{": 'fault: received a 1-character string; allowed: an object such as {"fault": "lost"',
}


def test_an_invalid_fault_says_what_was_received_and_what_is_allowed() -> None:
    for text, words in WRONG.items():
        with pytest.raises(InvalidError) as caught:
            Fault.parse(text)
        assert words in str(caught.value), text


def test_a_list_with_an_invalid_fault_is_invalid_as_a_whole() -> None:
    cases: list[tuple[object, str]] = [
        (None, "faults"),
        ({}, "faults"),
        ([1], "0.fault"),
        ([{"fault": "cut"}, {"fault": "cut", "times": 0}], "1.times"),
    ]
    for value, field in cases:
        with pytest.raises(InvalidError) as caught:
            parse_faults(value)
        assert caught.value.problem.field == field


# Over HTTP


def test_faults_are_added_listed_and_removed_over_http_without_a_token(api: Caller) -> None:
    lost, cut = Fault("lost", method="POST").to_dict(), Fault("cut", times=2).to_dict()
    assert api.control("GET").json() == []
    assert api.control("POST", json=[{"fault": "lost", "method": "POST"}]).json() == [lost]
    assert api.control("POST", json=[cut]).json() == [lost, cut]
    with pytest.raises(httpx.RemoteProtocolError):
        api.call("GET")
    assert api.control("GET").json() == [lost, cut | {"times": 1}]
    assert api.control("DELETE").json() == api.control("GET").json() == []
    assert api.call("GET").status_code == 200


def test_faults_never_happen_to_their_own_endpoint(api: Caller) -> None:
    api.faults.add(Fault("lost", times=None))
    assert api.control("GET").status_code == 200
    assert api.control("DELETE").status_code == 200


def test_an_invalid_list_of_faults_is_refused_as_a_whole(api: Caller) -> None:
    cases: list[tuple[bytes, int, str | None]] = [
        (b"no JSON", 400, None),
        (b"", 400, None),
        (b"[" * 60_000, 400, None),
        (b"\xff", 400, None),
        (b"{}", 422, "faults"),
        (b'[{"fault": "cut"}, {"fault": "cut", "times": 0}]', 422, "1.times"),
    ]
    for body, status, field in cases:
        answer = api.control("POST", content=body)
        assert answer.status_code == answer.json()["status"] == status, body[:20]
        assert (answer.json()["data"] or {}).get("field") == field, body[:20]
        assert field is None or answer.json()["message"].startswith(f"{field}: received"), body[:20]
        assert api.faults.pending() == [], body[:20]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_faults_can_be_set_from_localhost_only(api: Caller, method: str) -> None:
    api.faults.add(kept := Fault("cut"))
    answer = api.control(method, json=[], headers={"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert api.faults.pending() == [kept]
