"""What came, and which fact it tells: the forms that no sandbox has."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.actions.doctor import classify_probe as judging

THEN = dt.datetime(2026, 1, 2, 12, 30, 15, tzinfo=dt.UTC)
PLACES = ("$", "data", "items", "data.items")


@pytest.mark.parametrize(
    ("raw", "form", "precision", "zone", "rounding"),
    [
        ("2026-01-02T12:30:15Z", "z", "second", "+00:00", "none"),
        ("2026-01-02T12:30:15.123Z", "z", "fraction", "+00:00", "none"),
        ("2026-01-02T12:30Z", "z", "minute", "+00:00", "none"),
        ("2026-01-02T14:00:15-05:30", "offset", "second", "-05:30", "other"),
        ("2026-01-02T18:15:15+0545", "offset", "second", "+05:45", "none"),
        ("2026-01-02T13:00:00Z", "z", "second", "+00:00", "hour"),
        ("2026-01-02T00:00:00+00:00", "offset", "second", "+00:00", "midnight"),
        ("2026-01-03T23:59:59.999999Z", "z", "fraction", "+00:00", "end of day"),
        ("2026-01-02 21:30:15", "naive", "second", "+09:00", "none"),
        ("2026-01-02T00:30:10", "naive", "second", "-12:00", "none"),
        ("2026-01-03T23:59:59", "naive", "second", "unknown", "end of day"),
        ("2026-01-02T12:37:00", "naive", "second", "unknown", "other"),
        ("Fri, 02 Jan 2026 12:30:15 GMT", "http", "second", "+00:00", "none"),
        ("2026-01-02", "date", "day", "unknown", "day"),
        ("in a day", "other", "unknown", "unknown", "unknown"),
        ("2026-13-45T12:30:15Z", "other", "unknown", "unknown", "unknown"),
        (1767357015, "number", "unknown", "unknown", "unknown"),
        (None, "unknown", "unknown", "unknown", "unknown"),
        (True, "unknown", "unknown", "unknown", "unknown"),
    ],
)
def test_a_time_tells_how_it_is_written(raw: Any, form: str, precision: str, zone: str, rounding: str) -> None:
    assert judging.time_format(raw) == form
    assert judging.time_precision(raw) == precision
    assert judging.time_zone(raw, THEN) == zone
    assert judging.rounding(raw, THEN) == rounding


@given(st.text(max_size=40) | st.none() | st.integers() | st.floats() | st.lists(st.text(max_size=3)))
def test_no_text_is_too_odd_to_be_judged(raw: Any) -> None:
    for judge in (judging.time_format, judging.time_precision):
        assert isinstance(judge(raw), str)
    for judged in (judging.time_zone, judging.rounding):
        assert isinstance(judged(raw, THEN), str)


@given(
    st.datetimes(),
    st.sampled_from(["", "Z", "+05:45", "-1030", "+2399"]),
)
def test_no_time_is_too_odd_to_be_judged(time: dt.datetime, zone: str) -> None:
    raw = time.isoformat() + zone
    assert judging.rounding(raw, THEN) in ("none", "midnight", "end of day", "hour", "other", "unknown")
    assert judging.time_zone(raw, THEN)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ([], "bare"),
        ({"data": []}, "data"),
        ({"data": {"items": []}, "meta": 1}, "data.items beside meta"),
        ({"rows": []}, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_list_tells_where_its_rows_stand(body: Any, shape: str) -> None:
    assert judging.list_shape(body, PLACES) == shape


@pytest.mark.parametrize(
    ("body", "headers", "signs"),
    [
        ([], {}, []),
        ([], {"link": '</x?page=2>; rel="next"', "x-total-count": "7"}, ["Link", "x-total-count"]),
        ([], {"link": "</x>; rel=next"}, ["Link"]),
        ([], {"link": '</x>; rel="self"'}, []),
        ({"data": {"items": [], "next_cursor": None}, "total": 3}, {}, ["total", "next_cursor"]),
        ({"data": [], "meta": {"Page": 1}}, {}, ["Page"]),
    ],
)
def test_signs_of_pages_are_seen(body: Any, headers: dict[str, str], signs: list[str]) -> None:
    assert judging.page_signs(body, headers) == signs


@pytest.mark.parametrize(
    ("listed", "known", "signs", "whole"),
    [("ab", "ab", [], True), ("ab", "a", [], True), ("a", "ab", [], False), ("ab", "ab", ["total"], "unknown")],
)
def test_a_list_is_whole_where_nothing_is_missing_and_nothing_tells_of_more(
    listed: str, known: str, signs: list[str], whole: Any
) -> None:
    assert judging.whole(listed, known, signs) == whole


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"id": 1, "expiration": 1, "note": 1, "scopes": 1, "token": 1}, "row"),
        ({"id": 1, "token": 1}, "part"),
        ({"token": 1}, "token"),
        (None, "unknown"),
    ],
)
def test_what_a_regenerate_answers(payload: Any, told: str) -> None:
    assert judging.answered(payload) == told


def test_an_error_is_an_object_a_page_or_a_text() -> None:
    assert judging.error_shape({"b": 1, "a": 2}, "{}") == "a, b"
    assert judging.error_shape(None, " <html>") == "html"
    assert judging.error_shape(None, "no") == "text"
