"""Requests and responses that a program kept by instrumenting httpx hold no token after the run."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import httpx
import pytest

from locoia_pat import Connector, Outcome, Secret
from locoia_pat.http import transport as transport_module
from locoia_pat.http.exchange_types import Request
from locoia_pat.http.transport import HttpTransport
from tests.support.canaries import CREATE, ODD, auth_of, leaks, minted
from tests.support.loopback import answer, drop, serving

HEADER = ("authorization", Secret("Bearer fake"))
ENDS = {"done": (answer(201, minted(ODD)), Outcome.DONE), "dropped": (drop, Outcome.UNKNOWN)}


def everything_in(exchanged: list[Any]) -> str:
    """Return every text that requests and responses show."""
    return "".join(f"{one!r} {dict(one.headers)} {vars(one)} {pickle.dumps(one.headers)!r}" for one in exchanged)


@pytest.mark.parametrize("name", ENDS)
def test_a_kept_request_holds_no_token_after_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, outcome = ENDS[name]
    exchanged: list[Any] = []
    handle = httpx.HTTPTransport.handle_request

    def listening(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        exchanged.append(request)
        response = handle(transport, request)
        exchanged.append(response)
        return response

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", listening)
    with serving(script) as server, Connector(auth_of(ODD), base_url=server.url) as api:
        assert api.run("create_pat", CREATE).outcome is outcome
    assert ODD.credential in server.got[0].headers["authorization"]
    assert exchanged != []
    assert leaks(everything_in(exchanged)) == []


def interrupting(*_: object, **__: object) -> object:
    """Act as a network library during which the user presses Ctrl-C while it holds a response."""
    body = ODD.minted
    try:
        return int(body)  # its error repeats what it was given
    except ValueError:
        raise KeyboardInterrupt  # noqa: B904  # as a signal does, in the middle of anything


def frames(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


def test_an_interrupt_leaves_the_transport_without_frames_of_the_network_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", interrupting)
    transport = HttpTransport("http://127.0.0.1:1/v1")
    with pytest.raises(KeyboardInterrupt) as caught:
        transport.send(Request("GET", "http://127.0.0.1:1/v1/x"), HEADER, 1)
    transport.close()
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
    assert {*frames(caught.value)} <= {__file__, transport_module.__file__}
    assert not any(frame.name == "interrupting" for frame in traceback.extract_tb(caught.value.__traceback__))
