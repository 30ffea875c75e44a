"""The benchmarks' own arithmetic: turns, medians, tables, and the picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from urllib.request import Request, urlopen

import pytest

from tests.benchmarks.api import api, meant
from tests.benchmarks.draw import markdown, picture
from tests.benchmarks.measure import Took, rotated
from tests.benchmarks.tables import Table, Target, same


def table() -> Table:
    rows = {"httpx <alone>": Took.of([0.002, 0.004, 0.003]), "locoia-pat": Took.of([0.006, 0.003, 0.0045], [0.001], 40)}
    found = Table("One action", "ms", rows, "httpx <alone>", "A note.")
    found.reach("locoia-pat", 1.4, "one action")
    return found


def test_each_contender_is_first_in_some_round_and_has_one_turn_in_each() -> None:
    rounds = [rotated("abcd", number) for number in range(8)]
    assert {tuple(sorted(order)) for order in rounds} == {("a", "b", "c", "d")}
    assert {order[0] for order in rounds} == {*"abcd"}


def test_a_row_is_compared_by_its_median() -> None:
    assert table().rows["locoia-pat"] == Took(0.0045, 0.003, 0.001, 40)
    assert table().ratio("locoia-pat") == pytest.approx(1.5)
    assert table().rows["locoia-pat"].each(1000) == Took(0.0045 / 1000, 0.003 / 1000, 0.001 / 1000, 40)


@pytest.mark.parametrize(("value", "reached"), [(1.4, True), (1.41, False)])
def test_a_target_is_reached_up_to_its_limit(value: float, reached: bool) -> None:
    assert Target("x", value, 1.4).reached is reached


def test_tables_say_medians_least_ratios_and_what_is_not_reached() -> None:
    assert markdown([table()]) == (
        "### One action\n\n"
        "|  | median, ms | least, ms | times | processor | memory, MB |\n"
        "|---|---:|---:|---:|---:|---:|\n"
        "| httpx <alone> | 3.0 | 2.0 | 1.00 | 0.0 | 0 |\n"
        "| locoia-pat | 4.5 | 3.0 | 1.50 | 1.0 | 40 |\n\n"
        "A note.\n\n"
        "### What is to be reached\n\n"
        "|  | measured | at most | reached |\n|---|---:|---:|---:|\n"
        "| one action, over httpx <alone> | 1.50 | 1.4 | **no** |\n"
    )


def test_the_picture_has_a_bar_for_each_row_as_long_as_its_median() -> None:
    root = ET.fromstring(picture([table()]))  # noqa: S314  # ours
    space = "{http://www.w3.org/2000/svg}"
    _, bare, ours = root.iter(f"{space}rect")
    assert float(bare.attrib["width"]) == pytest.approx(float(ours.attrib["width"]) / 1.5, abs=1)
    assert [text.text for text in root.iter(f"{space}text")][:2] == ["One action", "httpx <alone>"]


def test_requests_mean_the_same_however_json_is_spaced_and_a_journal_marks_them() -> None:
    post = "POST /v1/personal-access-tokens HTTP/1.1", "Bearer x"
    spaced = meant([(*post, '{"note": "CI", "expiration": 30}', 2)])
    assert meant([(*post, '{"expiration":30,"note":"CI ~lpb/GEZDGNBVGY3TQOJQ"}', 2)]) == spaced
    assert spaced.total() == 2


@pytest.mark.parametrize(
    "other",
    [("PUT /v1", "Bearer x", '{"a":1}', 2), ("POST /v1", "", '{"a":1}', 2), ("POST /v1", "Bearer x", '{"a":"1"}', 2),
     ("POST /v1", "Bearer x", "", 2), ("POST /v1", "Bearer x", '{"a":1}', 1)],
    ids=["method", "credential", "type", "no body", "number"],
)  # fmt: skip
def test_contenders_that_send_something_else_are_not_compared(other: tuple[str, str, str, int]) -> None:
    first = meant([("POST /v1", "Bearer x", '{"a":1}', 2)])
    same([first, first], 2)
    with pytest.raises(RuntimeError, match="were to be sent by all"):
        same([first, meant([other])], 2)
    with pytest.raises(RuntimeError, match="were to be sent by all"):
        same([first], 3)


def test_the_server_tells_each_request_once_and_how_often_it_came() -> None:
    with api() as server:
        for _ in range(2):
            request = Request(f"{server.url}/x", b'{"a": 1}', {"Authorization": "Bearer y"})  # noqa: S310  # loopback
            urlopen(request).close()  # noqa: S310  # as above
        (told, times), *more = server.sent().items()
        assert (told, times, more) == ('["POST /v1/x HTTP/1.1", "Bearer y", {"a": 1}]', 2, [])
        assert server.sent() == Counter()
