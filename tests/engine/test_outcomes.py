"""What each answer of the API does to an action: how often it is sent, and how it ends."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.http.transport import DeadlineBackend, deadline
from tests.support.cells import cell
from tests.support.loopback import TOKEN, Server, answer, created, cut, drip, drop, free_port, raw, send, serving, stall

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
REGENERATE = {"token_id": "5a1f3c1e-0000-4000-8000-000000000001", "expiration": 30}
ROW = {"id": "1", "expiration": None, "note": "CI", "last_used": None, "scopes": ["embed"]}
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"


def run(server: Server | str, action: str, inputs: dict[str, Any] | None = None, *, timeout: float = 5.0) -> Result:
    url = server if isinstance(server, str) else server.url
    with Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=url, timeout=timeout) as connector:
        return connector.run(action, inputs)


def run_async(server: Server, action: str, inputs: dict[str, Any] | None = None, *, timeout: float = 5.0) -> Result:
    async def main() -> Result:
        auth = ConnectorAuth(Secret(CREDENTIAL))
        async with AsyncConnector(auth, base_url=server.url, timeout=timeout) as connector:
            return await connector.run(action, inputs)

    return asyncio.run(main())


LOST = {
    "500": answer(500, {"message": "boom"}),
    "502 as HTML": answer(502, HTML),
    "503": answer(503),
    "503 with Retry-After": answer(503, None, {"Retry-After": "1"}),
    "408": answer(408),
    "302": answer(302, None, {"Location": "/elsewhere"}),
    "cut": cut(201, created()),
    "dropped": drop,
    "garbage": send(b"no HTTP at all\r\n\r\n"),
    "no body": answer(201),
    "not JSON": answer(201, HTML),
    "a list": answer(201, []),
    "a text": answer(201, '"done"'),
    "no token": answer(201, created(token=None)),
    "empty token": answer(201, created(token="")),
    "short token": answer(201, created(token="x" * 15)),
    "long token": answer(201, created(token="x" * 4097)),
    "token with a space": answer(201, created(token="not a token, but a text")),
    "token beyond ASCII": answer(201, created(token="tökentökentökentöken")),
    "masked token": answer(201, created(token="•" * 20)),
    "token as number": answer(201, created(token=12345678901234567890)),
    "error in 200": answer(200, {"status": 200, "error": "biz_logic", "message": "paused", "data": None}),
    "inner 500": answer(200, {"status": 500, "error": "internal", "message": "x", "data": None}),
    "204": answer(204),
    "202 without token": answer(202, {"id": "1"}),
}


@pytest.mark.parametrize("script", LOST.values(), ids=LOST)
@pytest.mark.parametrize(("action", "inputs"), [("create_pat", CREATE), ("regenerate_pat", REGENERATE)])
def test_a_mint_whose_answer_is_lost_is_sent_once_and_ends_unknown(
    script: Any, action: str, inputs: dict[str, Any]
) -> None:
    with serving(script) as server:
        result = run(server, action, inputs)
    assert (result.outcome, result.exit_code, result.attempts) == (Outcome.UNKNOWN, 5, 1)
    assert len(server.got) == 1
    assert result.problem is not None
    assert result.problem.code == "unknown"
    assert result.problem.next == "locoia-pat run list_pats"
    assert result.secrets == {}


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_a_mint_that_is_answered_too_late_ends_unknown(runner: Any) -> None:
    with serving(stall(10)) as server:
        result = runner(server, "create_pat", CREATE, timeout=0.2)
    assert result.outcome is Outcome.UNKNOWN
    assert len(server.got) == 1


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_an_answer_in_drips_cannot_outlast_the_deadline(runner: Any) -> None:
    with serving(drip(raw(201, created()), 60.0)) as server:  # its head takes most of that
        began = time.monotonic()
        result = runner(server, "create_pat", CREATE, timeout=0.4)
        assert time.monotonic() - began < 30
    assert result.outcome is Outcome.UNKNOWN
    assert result.problem is not None
    assert "took too long" in result.problem.message


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_an_answer_that_begins_late_and_stops_has_what_is_left_alone(runner: Any) -> None:
    def begin(connection: socket.socket) -> bool:
        time.sleep(1)
        connection.sendall(b"HTTP/1.1 201 ")
        gone.wait(60)
        return False

    gone = threading.Event()
    with serving(begin) as server:
        began = time.monotonic()
        result = runner(server, "create_pat", CREATE, timeout=2)
        assert time.monotonic() - began < 3  # as long as its timeout, not as long as that again
        gone.set()
    assert result.outcome is Outcome.UNKNOWN


def test_what_has_no_time_left_is_not_waited_for() -> None:
    before = deadline.set(time.monotonic() - 1)
    with serving(answer(200, [])) as server:
        stream = DeadlineBackend().connect_tcp("127.0.0.1", server.port)
        stream.write(b"x", timeout=5)  # is not sent before its request is complete
        with pytest.raises(httpcore.WriteTimeout):
            stream.write(b"", timeout=5)
        with pytest.raises(httpcore.ReadTimeout):
            stream.read(1, timeout=5)
        deadline.reset(before)
        with pytest.raises(httpcore.ReadTimeout):  # where there is no exchange, what is asked for counts
            stream.read(1, timeout=0.01)
        stream.close()


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(runner: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    with serving(send(head + b"x" * (17 * 1024 * 1024))) as server:
        result = runner(server, "list_pats")
    assert result.outcome is Outcome.NOT_DONE
    assert result.problem is not None
    assert "larger than" in result.problem.message


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_a_429_with_seconds_is_waited_for_and_the_create_sent_again(runner: Any) -> None:
    with serving(answer(429, None, {"Retry-After": "1"}), answer(201, created())) as server:
        result = runner(server, "create_pat", CREATE)
    assert (result.outcome, result.attempts, len(server.got)) == (Outcome.DONE, 2, 2)


def test_a_429_with_a_date_is_waited_for_by_the_servers_clock() -> None:
    now = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + dt.timedelta(seconds=1), usegmt=True),
    }
    with serving(answer(429, None, headers), answer(201, created())) as server:
        result = run(server, "create_pat", CREATE)
    assert (result.outcome, result.attempts) == (Outcome.DONE, 2)


@pytest.mark.parametrize("after", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"], ids=["seconds", "date"])
def test_a_wait_past_the_deadline_ends_the_action_now(after: str) -> None:
    with serving(answer(429, {"message": "slow down"}, {"Retry-After": after})) as server:
        result = run(server, "create_pat", CREATE)
    assert (result.outcome, result.exit_code, result.attempts) == (Outcome.NOT_DONE, 4, 1)
    assert result.problem is not None
    assert result.problem.code == "rate_limited"
    assert "slow down" in result.problem.message


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
def test_three_429_are_enough(runner: Any) -> None:
    with serving(answer(429, None, {"Retry-After": "0"})) as server:
        result = runner(server, "create_pat", CREATE)
    assert (result.outcome, result.attempts, len(server.got)) == (Outcome.NOT_DONE, 3, 3)


def test_a_refused_connection_is_tried_three_times_and_ends_not_done() -> None:
    result = run(f"http://127.0.0.1:{free_port()}/v1", "create_pat", CREATE)
    assert (result.outcome, result.exit_code, result.attempts) == (Outcome.NOT_DONE, 4, 3)
    assert result.problem is not None
    assert result.problem.code == "unavailable"
    assert "not reached" in result.problem.message


@pytest.mark.parametrize("runner", [run, run_async], ids=["sync", "async"])
@pytest.mark.parametrize("first", ["503", "500", "408", "dropped", "cut", "502 as HTML"])
def test_a_read_that_fails_is_repeated(runner: Any, first: str) -> None:
    with serving(LOST[first], LOST[first], answer(200, [ROW])) as server:
        result = runner(server, "list_pats")
    assert (result.outcome, result.attempts, len(server.got)) == (Outcome.DONE, 3, 3)


@pytest.mark.parametrize("script", ["500", "302", "not JSON", "a text", "no body", "204", "garbage"])
def test_a_read_that_keeps_failing_ends_not_done(script: str) -> None:
    with serving(LOST[script]) as server:
        result = run(server, "list_pats")
    assert (result.outcome, result.exit_code) == (Outcome.NOT_DONE, 4)


REFUSED = [
    (400, {"detail": "bad"}, "validation", "bad", None),
    (401, {"status": 401, "error": "auth", "message": "who?", "data": None}, "unauthorized", "who?", None),
    (402, None, "forbidden", "402", None),
    (403, {"error": "no"}, "forbidden", "no", None),
    (404, HTML, "not_found", "502 Bad Gateway", None),
    (405, "plain words", "not_found", "plain words", None),
    (409, {"title": "twice"}, "conflict", "twice", None),
    (413, None, "validation", "413", None),
    (422, {"detail": [{"loc": ["body", "scopes"], "msg": "no such scope"}]}, "validation", "no such scope", "scopes"),
    (422, {"errors": {"note": ["too long"]}}, "validation", "too long", "note"),
    (422, {"message": "wrong", "data": {"field": "expiration"}}, "validation", "wrong", "expiration"),
    (422, {"errors": {"user": ["unknown"]}}, "validation", "unknown", None),
]


def test_a_4xx_is_refused_with_the_apis_own_words() -> None:
    for status, body, code, words, field in REFUSED:
        with cell(status, body, code, words, field):
            with serving(answer(status, body)) as server:
                result = run(server, "create_pat", CREATE)
            assert (result.outcome, result.exit_code, result.attempts) == (Outcome.REFUSED, 3, 1)
            problem = result.problem
            assert problem is not None
            assert (problem.code, problem.status, problem.field) == (code, status, field)
            assert words in problem.message


@pytest.mark.parametrize(
    ("action", "inputs", "inner", "outcome", "code"),
    [
        ("create_pat", CREATE, 403, Outcome.REFUSED, "forbidden"),
        ("create_pat", CREATE, 418, Outcome.REFUSED, "validation"),
        ("create_pat", CREATE, 200, Outcome.UNKNOWN, "unknown"),
        ("list_pats", None, 403, Outcome.REFUSED, "forbidden"),
        ("list_pats", None, 200, Outcome.REFUSED, "unavailable"),
        ("list_pats", None, True, Outcome.REFUSED, "unavailable"),
        ("list_pats", None, "403", Outcome.REFUSED, "unavailable"),
    ],
)
def test_an_error_inside_a_200_is_a_failure(action: str, inputs: Any, inner: Any, outcome: Outcome, code: str) -> None:
    with serving(answer(200, {"status": inner, "error": "x", "message": "paused", "data": None})) as server:
        result = run(server, action, inputs)
    assert result.outcome is outcome
    assert result.problem is not None
    assert (result.problem.code, len(server.got)) == (code, 1)
    assert "paused" in result.problem.message


SUCCESSES: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "201": (201, lambda row: row),
    "200": (200, lambda row: row),
    "wrapped": (201, lambda row: {"status": 201, "error": None, "message": "ok", "data": row}),
    "more fields": (201, lambda row: {**row, "user": "anna", "permissions": {"a": 1}}),
}


@pytest.mark.parametrize(("status", "wrap"), SUCCESSES.values(), ids=SUCCESSES)
def test_a_create_is_done_in_every_plausible_form(status: int, wrap: Callable[[Any], Any]) -> None:
    row = created()
    with serving(answer(status, wrap(row))) as server:
        result = run(server, "create_pat", CREATE)
    assert (result.outcome, result.attempts, result.warnings) == (Outcome.DONE, 1, ())
    assert result.token == Secret(TOKEN)
    assert result.data == {
        "id": created()["id"],
        "expiration": row["expiration"],
        "expires_in_days": 30,
        "note": "CI",
        "last_used": None,
        "scopes": ["automation:view"],
    }


def test_a_whole_answer_under_an_undocumented_2xx_is_kept_with_a_warning() -> None:
    with serving(answer(203, created())) as server:
        result = run(server, "create_pat", CREATE)
    assert result.outcome is Outcome.DONE
    assert result.warnings == ("the API answered 203, where 200 or 201 is documented",)


def test_a_regenerate_may_answer_the_token_alone() -> None:
    with serving(answer(200, {"token": TOKEN})) as server:
        result = run(server, "regenerate_pat", REGENERATE)
    assert result.outcome is Outcome.DONE
    assert result.data is not None
    assert result.data["id"] == REGENERATE["token_id"]
    assert result.warnings == ('the response has no "id"; the input token_id is used instead',)


def test_a_regenerate_may_change_the_id() -> None:
    with serving(answer(200, created(id="another"))) as server:
        result = run(server, "regenerate_pat", REGENERATE)
    assert result.data is not None
    assert result.data["id"] == "another"
    assert server.got[0].path == f"/v1/personal-access-tokens/{REGENERATE['token_id']}/regenerate"


LISTS = {
    "bare": [ROW],
    "data": {"data": [ROW]},
    "items": {"items": [ROW], "total": 1},
    "results": {"results": [ROW], "next": None},
    "tokens": {"tokens": [ROW]},
    "envelope": {"status": 200, "error": None, "message": "", "data": [ROW]},
    "envelope around a wrap": {"status": 200, "error": None, "message": "", "data": {"items": [ROW]}},
}


@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS)
def test_a_list_may_be_bare_or_wrapped(body: Any) -> None:
    with serving(answer(200, body)) as server:
        result = run(server, "list_pats")
    assert result.outcome is Outcome.DONE
    assert result.data == {"tokens": [{**ROW, "expires_in_days": None, "managed": None}]}


def test_a_list_never_shows_a_token_even_if_the_api_does() -> None:
    with serving(answer(200, [ROW | {"token": TOKEN}])) as server:
        result = run(server, "list_pats")
    assert TOKEN not in repr(result)


def test_now_is_the_servers_date() -> None:
    headers = {"Date": "Mon, 01 Jan 2035 00:00:00 GMT"}
    with serving(answer(201, created(expiration="2035-01-31T00:00:00Z"), headers)) as server:
        result = run(server, "create_pat", CREATE)
    assert result.data is not None
    assert result.data["expires_in_days"] == 30


def test_a_401_reads_the_credential_again_once_and_goes_on_with_a_new_one(tmp_path: Any) -> None:
    place = tmp_path / "token"
    place.write_text("the-credential-before-it-was-rotated\n")

    def rotate(connection: Any) -> bool:
        place.write_text(f"{CREDENTIAL}\n")
        return bool(answer(401)(connection))

    with serving(rotate, answer(201, created())) as server:
        auth = ConnectorAuth.from_ref(f"file:{place}")
        with Connector(auth, base_url=server.url) as connector:
            result = connector.run("create_pat", CREATE)
    assert (result.outcome, result.attempts) == (Outcome.DONE, 2)
    assert [got.headers["authorization"] for got in server.got] == [
        "Bearer the-credential-before-it-was-rotated",
        f"Bearer {CREDENTIAL}",
    ]


def test_a_401_is_not_repeated_with_the_same_credential(tmp_path: Any) -> None:
    place = tmp_path / "token"
    place.write_text(CREDENTIAL)
    with (
        serving(answer(401)) as server,
        Connector(ConnectorAuth.from_ref(f"file:{place}"), base_url=server.url) as connector,
    ):
        result = connector.run("list_pats")
    assert (result.outcome, len(server.got)) == (Outcome.REFUSED, 1)


def test_a_401_is_the_result_where_the_credential_cannot_be_read_again(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text(CREDENTIAL)

    def reject(connection: socket.socket) -> bool:
        file.unlink()
        return bool(answer(401)(connection))

    with (
        serving(reject) as server,
        Connector(ConnectorAuth.from_ref(f"file:{file}"), base_url=server.url) as connector,
    ):
        result = connector.run("list_pats")
    assert result.problem is not None
    assert (result.outcome, result.problem.code, result.attempts) == (Outcome.REFUSED, "unauthorized", 1)


def test_the_apis_words_are_redacted() -> None:
    with serving(answer(403, {"message": f"Bearer {CREDENTIAL} may not"})) as server:
        result = run(server, "create_pat", CREATE)
    assert result.problem is not None
    assert result.problem.message == "the API answered 403: Bearer «secret» may not"


def test_an_error_that_is_cut_inside_a_token_shows_no_part_of_it() -> None:
    with serving(answer(502, '{"id": "1", "token": "' + TOKEN[:20])) as server:
        result = run(server, "create_pat", CREATE)
    assert result.problem is not None
    assert result.problem.message == "the API answered 502: an incomplete response"


def test_a_folder_that_is_none_is_invalid_and_repeats_no_name() -> None:
    with Connector(ConnectorAuth(Secret(CREDENTIAL)), specs="/no/such/folder") as connector:
        result = connector.run(CREDENTIAL)
    assert (result.outcome, result.action) == (Outcome.INVALID, None)
    assert CREDENTIAL not in str(result.to_dict())
