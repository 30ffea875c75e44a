"""One action for many items, from Python."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import AsyncConnector, ConnectorAuth, InvalidError
from locoia_pat.bulk import Item, StoreTemplate
from tests.support.bulk_shop import BUG, CREDENTIAL, TO, Shop, all_done, calling, outcomes, wish, wishes
from tests.support.cells import cell
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


def test_each_item_has_a_result_and_its_token_stands_in_its_place(shop: Shop) -> None:
    assert outcomes(shop.run(wishes(30))) == all_done(30)
    assert len({shop.holds(f"n{number}") for number in range(1, 31)}) == 30
    assert len(shop.rows()) == 30


def test_an_item_that_is_wrong_stops_nobody_else(shop: Shop) -> None:
    wrong = {"expiration": "soon", "name": "n2"}, {"name": ""}, {"token_to": 7}, {"colour": "red"}, {"token_to": "x"}
    items = [wish("n1"), *(wish("n", **one) for one in wrong), wish("n7")]
    done = shop.run(items, ordered=True)
    assert [one.result.outcome for one in done] == ["done", *["invalid"] * 5, "done"]
    assert [one.result.problem.field for one in done if one.result.problem] == [
        "expiration", "name", "token_to", "colour", "token_to",
    ]  # fmt: skip
    assert len(shop.rows()) == 2


def test_results_come_in_order_where_that_is_asked_for() -> None:
    def slow(connection: socket.socket) -> bool:
        time.sleep(0.3)
        return bool(answer(200, [])(connection))

    with serving(slow, answer(200, [])) as server, calling(server.url) as connector:
        numbers = [done.number for done in connector.run_many("list_pats", [{}] * 40, ordered=True, concurrency=4)]
    assert numbers == list(range(1, 41))


def test_results_come_as_they_finish_otherwise() -> None:
    def slow(connection: socket.socket) -> bool:
        time.sleep(0.5)
        return bool(answer(200, [])(connection))

    with serving(slow, answer(200, [])) as server, calling(server.url) as connector:
        numbers = [done.number for done in connector.run_many("list_pats", [{}] * 6, concurrency=2)]
    assert sorted(numbers) == list(range(1, 7))
    assert numbers != sorted(numbers)


@pytest.mark.parametrize(
    "items",
    [
        [wish("a"), wish("b"), wish("a")],
        [wish("a"), wish("b", token_to="file:out/../out/a.json")],
        [wish("a", token_to=["file:x.json", "file:y.json"]), wish("b", token_to="file:y.json")],
    ],
)
def test_two_items_with_the_same_place_are_refused_before_anything_is_sent(
    items: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(answer(201, created())) as server, calling(server.url) as connector:
        with pytest.raises(InvalidError, match=r"(?s)have the same token store, file:/.*nothing was sent"):
            connector.run_many("create_pat", items, token_to=TO)
        assert server.got == []


@pytest.mark.parametrize(
    "places",
    [
        ("text:real/t", "file:real/t"),
        ("file:real/t", "file:link/t"),
        ("env-file:real/.env#A", "env-file:link/.env#A"),
        ("connector-auth:1", "connector-auth:1#bearer"),
    ],
)
def test_one_place_is_known_by_whatever_way_it_is_named(
    places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("real").mkdir()
    Path("link").symlink_to("real")
    with serving(answer(201, created())) as server, calling(server.url) as connector:
        with pytest.raises(InvalidError, match="have the same token store"):
            connector.run_many("create_pat", [wish("n", token_to=place) for place in places])
        assert server.got == []


def test_two_variables_of_one_file_are_two_places(shop: Shop) -> None:
    items = [wish("n", token_to=f"env-file:out/.env#{name}") for name in ("A", "B")]
    assert outcomes(shop.run(items)) == all_done(2)


def test_a_token_may_go_into_several_places(shop: Shop) -> None:
    (done,) = shop.run([wish("n1", token_to=["file:out/a.json", "file:out/b.json"])])
    assert len(done.result.token_refs) == 2
    assert shop.holds("a") == shop.holds("b")


def test_items_may_come_from_a_generator(shop: Shop) -> None:
    assert outcomes(shop.run(wish(f"n{number}") for number in range(5))) == all_done(5)


def test_without_a_journal_a_token_may_stay_in_memory(shop: Shop) -> None:
    items = [{key: value for key, value in wish("n").items() if key != "name"}] * 2
    done = shop.run(items, token_to=None, journal=None)
    assert all(one.result.token is not None for one in done)
    (journalled, _) = shop.run(items, token_to=None)
    assert journalled.result.problem is not None
    assert journalled.result.problem.field == "token_to"
    assert len(shop.rows()) == 2


def test_items_are_taken_as_they_are_needed() -> None:
    taken = 0

    def items() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield {}

    with (
        serving(answer(200, [])) as server,
        calling(server.url) as connector,
        connector.run_many("list_pats", items(), concurrency=2) as bulk,
    ):
        told = sum(1 for _ in zip(range(50), bulk, strict=False))
        assert told == 50
        assert taken < 100
        bulk.close()
        sent = len(server.got)
        assert list(bulk) == []
        assert bulk.stopped == "it was closed"
        time.sleep(0.1)
        assert len(server.got) == sent < 100


def test_a_run_that_came_to_its_end_was_not_stopped() -> None:
    with serving(answer(200, [])) as server, calling(server.url) as connector:
        with connector.run_many("list_pats", [{}]) as bulk:
            assert outcomes(bulk) == all_done(1)
        assert bulk.stopped is None
        with connector.run_many("list_pats", []) as bulk:
            assert outcomes(bulk) == {}


def test_one_that_is_closed_before_it_begins_sends_nothing() -> None:
    with serving(answer(200, [])) as server, calling(server.url) as connector:
        connector.run_many("list_pats", [{}]).close()
        assert server.got == []


@pytest.mark.parametrize("status", [400, 500])
def test_after_so_many_failures_it_stops_and_tells_so_for_each_item_that_is_left(status: int) -> None:
    with serving(answer(status, {"message": "no"})) as server, calling(server.url) as connector:
        items = [{"token_id": f"t{number}", "expiration": 1} for number in range(50)]
        bulk = connector.run_many("regenerate_pat", items, max_failures=3, concurrency=2)
        done = list(bulk)
    assert sorted(one.number for one in done) == list(range(1, 51))
    left = [one for one in done if one.result.attempts == 0]
    assert 3 <= len(server.got) == 50 - len(left) <= 5
    assert all(one.result.outcome == "not_done" for one in left)
    assert bulk.stopped is not None
    assert "items failed" in bulk.stopped


def test_a_credential_that_is_not_accepted_stops_all() -> None:
    with serving(answer(401, {"message": "expired"})) as server, calling(server.url) as connector:
        done = list(connector.run_many("list_pats", [{}] * 30, concurrency=3))
    assert len(done) == 30
    assert len(server.got) <= 6
    assert {one.result.outcome.value for one in done} == {"refused", "not_done"}
    (message,) = {one.result.problem.message for one in done if one.result.problem and one.result.attempts == 0}
    assert "the credential was not accepted" in message


def test_invalid_items_do_not_count_as_failures(shop: Shop) -> None:
    items = [wish("n", expiration=0, token_to=f"file:out/{number}.json") for number in range(9)]
    done = outcomes(shop.run([*items, wish("n10")], max_failures=1))
    assert list(done.values()) == [*["invalid"] * 9, "done"]


def test_no_more_requests_are_sent_than_a_rate_allows() -> None:
    with serving(answer(200, [])) as server, calling(server.url) as connector:
        began = time.monotonic()
        assert outcomes(connector.run_many("list_pats", [{}] * 9, concurrency=4, rate=20)) == all_done(9)
        assert time.monotonic() - began >= 8 / 20


def test_super_actions_run_for_many_items_and_are_safe_to_run_again(shop: Shop) -> None:
    items = [{"scopes": ["embed"], "expiration": 30, "note": "CI", "name": f"n{number}"} for number in range(4)]
    first = shop.run(items, "ensure_pat", token_to=TO)
    assert {(one.result.data or {})["change"] for one in first} == {"created"}
    again = shop.run(items, "ensure_pat", token_to=TO)
    assert {(one.result.data or {})["change"] for one in again} == {"none"}
    assert len({shop.holds(f"n{number}") for number in range(4)}) == len(shop.rows()) == 4
    assert shop.journals() == 0


def test_async_code_has_the_same(shop: Shop) -> None:
    async def run() -> list[Any]:
        async with AsyncConnector(ConnectorAuth(shop.token), base_url=shop.url) as connector:
            results = connector.run_many("create_pat", wishes(6), token_to=TO)
            return [done.result.outcome.value async for done in results]

    assert asyncio.run(run()) == ["done"] * 6
    assert len(shop.rows()) == 6


def test_async_code_may_leave_before_the_end() -> None:
    async def run(url: str) -> int:
        async with AsyncConnector(ConnectorAuth(CREDENTIAL), base_url=url) as connector:
            results = connector.run_many("list_pats", [{}] * 1000, concurrency=2)
            async for done in results:
                await results.aclose()
                return done.number
        return 0

    with serving(answer(200, [])) as server:
        assert asyncio.run(run(server.url)) in (1, 2)
        assert len(server.got) < 50


def test_a_bug_is_not_hidden(shop: Shop) -> None:
    def fail(_: object) -> dict[str, Any]:
        raise ZeroDivisionError(BUG)

    items = [Item(1, wish("n1")), Item(2, wish("n2"), parse=fail), Item(3, wish("n3"))]
    with pytest.raises(ZeroDivisionError, match=BUG):
        shop.run(items)
    with pytest.raises(ZeroDivisionError, match=BUG):
        shop.run([Item(1, {}, parse=fail)], "list_pats")
    assert outcomes(shop.run([wish("n1"), wish("n2"), wish("n3")])) == all_done(3)
    assert len(shop.live()) == 3


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1000}, "concurrency"),
        ({"max_failures": 0}, "max_failures"),
        ({"rate": 0}, "rate"),
        ({"token_to": "file:{name.__class__}"}, "token_to"),
        ({"token_to": "file:{name!r}"}, "token_to"),
        ({"token_to": "file:{name:>9}"}, "token_to"),
        ({"token_to": "file:{}"}, "token_to"),
        ({"token_to": "file:{name"}, "token_to"),
        ({"token_to": "file:}"}, "token_to"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, Any], field: str) -> None:
    with calling("http://127.0.0.1:1/v1") as connector, pytest.raises(InvalidError) as error:
        connector.run_many("create_pat", [], **wrong)
    assert error.value.problem.field == field


def test_an_action_that_is_not_there_is_refused_at_once() -> None:
    with calling("http://127.0.0.1:1/v1") as connector, pytest.raises(InvalidError, match="create_pat"):
        connector.run_many("create_pit", [])


WRONG = (
    "../x",
    "a/b",
    "a\\b",
    ".",
    "..",
    ".hidden",
    "",
    None,
    "a#b",
    "a:b",
    "a\nb",
    True,
    1.5,
    ["a"],
    "é" * 101,
    "a\0",
)


def test_a_value_leads_to_no_other_place() -> None:
    for value in WRONG:
        with cell(value):
            with pytest.raises(InvalidError) as error:
                StoreTemplate("file:out/{name}.json").render({"name": value})
            assert error.value.problem.field == "name"


def test_a_template_may_have_several_fields_and_braces() -> None:
    template = StoreTemplate("file:{{out}}/{team}-{number}.json")
    assert template.fields == {"team", "number"}
    assert template.render({"team": "sales é", "number": 7}) == "file:{out}/sales é-7.json"
