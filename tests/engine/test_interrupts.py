"""Signals wait while a token is on its way, and act at once before and after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.cli import main
from locoia_pat.interrupts import Hold, SentInterrupt, Signals, held, must_finish, signals
from locoia_pat.stores import read_token
from tests.support.loopback import TOKEN, answer, created, serving
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.loopback import Server

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}


def connector(server: Server, **options: Any) -> Connector:
    return Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url, **options)


def interrupting(script: Callable[..., bool], *numbers: int, pause: float = 0.0) -> Callable[..., bool]:
    """An API that sends signals to this process when the request has arrived, and then answers."""

    def answering(connection: Any) -> bool:
        for number in numbers or (signal.SIGINT,):
            os.kill(os.getpid(), number)
            time.sleep(0.2)  # two at once would count as one
        time.sleep(pause)
        return bool(script(connection))

    return answering


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """After each test, the handlers are those of before, and nothing is held."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert held() is None
    with pytest.raises(KeyboardInterrupt):  # an interrupt acts at once again
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_is_raised_after_the_token_is_stored(tmp_path: Path) -> None:
    ref = f"file:{tmp_path}/t.json"
    with serving(interrupting(answer(201, created()))) as server, connector(server) as api:
        with pytest.raises(KeyboardInterrupt) as caught:
            api.run("create_pat", CREATE, token_to=[ref])
        assert not isinstance(caught.value, SentInterrupt)
        assert not api.storing
    assert read_token(ref) == Secret(TOKEN)


def test_an_interrupt_revokes_a_token_that_has_no_store() -> None:
    scripts = interrupting(answer(201, created())), answer(200, created(token=f"{TOKEN}2"))
    with serving(*scripts) as server, connector(server) as api, pytest.raises(KeyboardInterrupt):
        api.run("create_pat", CREATE)
    assert [got.path.rpartition("/")[2] for got in server.got] == ["personal-access-tokens", "regenerate"]


def test_a_handler_that_raises_nothing_is_called_once_and_loses_no_token() -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: calls.append(number))
    try:
        with serving(interrupting(answer(201, created()), signal.SIGTERM)) as server, connector(server) as api:
            result = api.run("create_pat", CREATE)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (result.outcome, result.token, calls) == (Outcome.DONE, Secret(TOKEN), [signal.SIGTERM])


def test_a_second_interrupt_does_not_wait_for_the_response(tmp_path: Path) -> None:
    ref = f"file:{tmp_path}/t.json"
    script = interrupting(answer(201, created()), signal.SIGINT, signal.SIGINT, pause=3)
    with serving(script) as server, connector(server) as api, pytest.raises(SentInterrupt):
        api.run("create_pat", CREATE, token_to=[ref])


def test_before_anything_is_sent_an_interrupt_acts_at_once() -> None:
    class Probed(FakeStore):
        def probe(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with serving(answer(201, created())) as server, connector(server) as api:
        with pytest.raises(KeyboardInterrupt):
            api.run("create_pat", CREATE, token_to=[Probed()])
        assert server.got == []


def test_a_pause_before_a_retry_is_interrupted_if_nothing_happened() -> None:
    def limited(connection: Any) -> bool:
        answer(429, {"message": "later"}, {"Retry-After": "30"})(connection)
        time.sleep(0.3)  # it pauses
        os.kill(os.getpid(), signal.SIGINT)
        return True

    began = time.monotonic()
    with serving(limited) as server, connector(server) as api:
        with pytest.raises(KeyboardInterrupt) as caught:
            api.run("create_pat", CREATE)
        assert len(server.got) == 1
    assert not isinstance(caught.value, SentInterrupt)
    assert time.monotonic() - began < 20


def test_an_interrupt_begins_no_retry() -> None:
    for action, inputs, status in (
        ("create_pat", CREATE, 429),
        ("delete_connector_auth", {"connector_auth_id": "7"}, 500),
    ):
        script = interrupting(answer(status, {"message": "later"}, {"Retry-After": "1"}))
        with serving(script) as server, connector(server) as api:
            with pytest.raises(KeyboardInterrupt):
                api.run(action, inputs)
            assert len(server.got) == 1, action


def test_an_interrupt_in_the_pause_after_a_request_that_may_have_happened_waits_for_the_retry() -> None:
    def failed(connection: Any) -> bool:
        answer(500, {"message": "oh"}, {"Retry-After": "1"})(connection)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
        return True

    with serving(failed, answer(500, {"message": "oh"})) as server, connector(server) as api:
        with pytest.raises(KeyboardInterrupt):
            api.run("delete_connector_auth", {"connector_auth_id": "7"})
        assert len(server.got) == 2


def test_a_read_is_interrupted_at_once() -> None:
    with serving(interrupting(answer(200, []), pause=3)) as server, connector(server) as api:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            api.run("list_pats")
        assert time.monotonic() - began < 2.5


def test_a_managed_name_is_finished_before_an_interrupt_is_raised(tmp_path: Path) -> None:
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore  # noqa: PLC0415  # only here
    from locoia_pat.actions.sandbox.server import running  # noqa: PLC0415  # as above

    class Interrupting(SandboxStore):
        def create(self, **options: Any) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return super().create(**options)

    store = Interrupting()
    _, token = SandboxStore.create(store, owner="one", days=30, scopes=["pat"], note="rotator")
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
    inputs = {"name": "ci", **CREATE}
    ref = f"file:{tmp_path}/t.json"
    with running(store=store) as (url, _), Connector(ConnectorAuth(token), base_url=url) as api:
        with pytest.raises(KeyboardInterrupt):
            api.run("ensure_pat", inputs, token_to=[ref])
        stored = read_token(ref)
        again = api.run("ensure_pat", inputs, token_to=[ref])
        assert (again.outcome, (again.data or {})["change"]) == (Outcome.DONE, "none")
        assert read_token(ref) == stored


def test_an_interrupt_of_a_bulk_run_lets_the_requests_in_flight_end(tmp_path: Path) -> None:
    items = [{**CREATE, "note": f"n{number}", "token_to": f"file:{tmp_path}/{number}.json"} for number in range(30)]
    with serving(interrupting(answer(201, created()), pause=0.5)) as server, connector(server) as api:
        with pytest.raises(KeyboardInterrupt):
            list(api.run_many("create_pat", items, concurrency=1))
        assert len(list(tmp_path.iterdir())) == len(server.got) <= 2


LIBRARY = """
import sys
from locoia_pat import Connector
with Connector() as connector:
    connector.run("create_pat", {"expiration": 30, "scopes": ["embed"], "note": "CI"}, token_to=sys.argv[1:] or ())
print("still running")
"""


def test_a_signal_that_ends_the_process_by_itself_does_so_after_the_token_is_stored_or_revoked(tmp_path: Path) -> None:
    for refs in ([f"file:{tmp_path}/t.json"], []):
        received, release = threading.Event(), threading.Event()

        def holding(connection: Any, received: threading.Event = received, release: threading.Event = release) -> bool:
            received.set()
            assert release.wait(20)
            return bool(answer(201, created())(connection))

        with serving(holding, answer(200, created())) as server:
            process = subprocess.Popen(
                [sys.executable, "-c", LIBRARY, *refs],
                env={**os.environ, "LOCOIA_TOKEN": CREDENTIAL, "LOCOIA_BASE_URL": server.url},
                stdout=subprocess.PIPE,
            )
            assert received.wait(20)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            release.set()
            out, _ = process.communicate(timeout=20)
            assert (process.returncode, out) == (-signal.SIGTERM, b"")
            assert len(server.got) == (1 if refs else 2)
    assert read_token(f"file:{tmp_path}/t.json") == Secret(TOKEN)


def test_a_signal_whose_interrupt_was_lost_keeps_a_command_from_sending() -> None:
    assert signals.install()
    try:
        signals.raise_from_here()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with serving(answer(201, created())) as server, connector(server) as api:
            with pytest.raises(KeyboardInterrupt):
                api.run("create_pat", CREATE)
            assert server.got == []
            signals.wait_while = lambda: True  # what cleans up may send
            assert api.run("create_pat", CREATE).outcome is Outcome.DONE
        assert must_finish()
    finally:
        signals.restore()


def test_signals_that_arrived_before_they_may_interrupt_do_so_then(call_in_thread: Callable[..., Any]) -> None:
    own = Signals()
    assert own.install()
    assert not own.install()  # it is
    try:
        signal.raise_signal(signal.SIGHUP)
        assert (own.exit_code, own.overdue) == (128 + signal.SIGHUP, False)
        signal.raise_signal(signal.SIGHUP)
        assert own.overdue
        with pytest.raises(KeyboardInterrupt):
            own.raise_from_here()
        own.hold_from_here()
        signal.raise_signal(signal.SIGINT)
        assert own.exit_code == 128 + signal.SIGINT
    finally:
        own.restore()
    assert not call_in_thread(Signals().install)


@pytest.fixture
def call_in_thread() -> Callable[..., Any]:
    def call(function: Callable[[], Any]) -> Any:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
        thread.join(20)
        return results[0]

    return call


def test_in_another_thread_nothing_is_held(call_in_thread: Callable[..., Any], tmp_path: Path) -> None:
    def in_thread() -> Any:
        with Hold(effect=True) as hold:
            return hold.is_outermost, held()

    with Hold(effect=True) as hold:
        assert (hold.is_outermost, held()) == (True, hold)
        assert call_in_thread(in_thread) == (False, None)
    with serving(answer(201, created())) as server, connector(server) as api:
        ref = f"file:{tmp_path}/t.json"
        assert call_in_thread(lambda: api.run("create_pat", CREATE, token_to=[ref])).outcome is Outcome.DONE


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Hold(effect=True), pytest.raises(SystemExit):
            main(["actions", "--json"])
        own = Signals()
        own.install()
        signal.raise_signal(signal.SIGHUP)
        own.restore(default=False)
        assert own.exit_code is None
    finally:
        signal.signal(signal.SIGHUP, before)
