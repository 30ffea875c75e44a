"""In which order a fleet is worked on, and when it stops."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.actions.fleet.waves import Stop, Turn, lifetime, waves

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
turns = st.dictionaries(
    names, st.tuples(st.sampled_from(["anna", "bert", "carl"]), st.booleans(), st.booleans()), max_size=60
).map(
    lambda found: [Turn(name, owner, canary=canary, last=last) for name, (owner, canary, last) in sorted(found.items())]
)


@given(turns)
def test_each_token_has_one_turn(turns: list[Turn]) -> None:
    assert Counter(turn for wave in waves(turns) for turn in wave) == Counter(turns)


@given(turns)
def test_the_credentials_of_the_fleet_itself_come_last(turns: list[Turn]) -> None:
    order = [turn.last for wave in waves(turns) for turn in wave]
    assert order == sorted(order)


@given(turns)
def test_each_owner_begins_with_one_token_and_a_canary_if_it_has_one(turns: list[Turn]) -> None:
    usual = [turn for turn in turns if not turn.last]
    first = next(iter(waves(turns)), [])
    if usual:
        assert Counter(turn.owner for turn in first) == Counter({turn.owner for turn in usual})
        for turn in first:
            assert turn.canary == any(other.canary for other in usual if other.owner == turn.owner)


@given(turns)
def test_a_wave_of_an_owner_is_at_most_twice_the_one_before(turns: list[Turn]) -> None:
    for owner in {turn.owner for turn in turns}:
        sizes = [sum(turn.owner == owner and not turn.last for turn in wave) for wave in waves(turns)]
        assert all(size <= 2**number for number, size in enumerate(sizes))


@given(turns)
def test_the_order_is_the_same_each_time_whatever_the_order_of_the_file(turns: list[Turn]) -> None:
    first = [sorted(wave, key=lambda turn: turn.name) for wave in waves(turns)]
    again = [sorted(wave, key=lambda turn: turn.name) for wave in waves(turns[::-1])]
    canaries = Counter(turn.owner for turn in turns if turn.canary and not turn.last)
    if all(count == 1 for count in canaries.values()):
        assert first == again


@given(names, st.integers(1, 400))
def test_a_lifetime_is_spread_and_never_longer_nor_much_shorter_than_was_said(name: str, days: int) -> None:
    assert max(1, days - 14, days - days // 3) <= lifetime(name, days) <= days
    assert lifetime(name, days) == lifetime(name, days)


def test_a_thousand_names_expire_on_fifteen_days_about_alike() -> None:
    days = Counter(lifetime(f"name-{number}", 60) for number in range(1000))
    assert sorted(days) == list(range(46, 61))
    assert max(days.values()) < 2 * min(days.values())


def stop(many: int = 40, most: int | None = None) -> tuple[Stop, Turn, Turn]:
    anna = [Turn(f"a{number}", "anna") for number in range(many)]
    bert = Turn("b", "bert")
    return Stop([*anna, bert], most), anna[0], bert


def test_an_owner_stops_where_more_than_one_in_twenty_failed_and_the_others_go_on() -> None:
    rule, anna, _ = stop(40)
    for _ in range(2):
        rule.note(anna, failed=True)
        assert rule.why("anna") is None
    rule.note(anna, failed=False)
    assert rule.why("anna") is None
    rule.note(anna, failed=True)
    assert rule.why("anna") == "3 of its owner's tokens failed"
    assert rule.why("bert") is None


def test_one_failure_is_always_allowed() -> None:
    rule, anna, _ = stop(3)
    rule.note(anna, failed=True)
    assert rule.why("anna") is None
    rule.note(anna, failed=True)
    assert rule.why("anna") is not None


def test_a_refused_credential_stops_its_owner_at_once() -> None:
    rule, anna, _ = stop()
    rule.note(anna, failed=True, unauthorized=True)
    assert rule.why("anna") == "its credential was refused"
    assert rule.why("bert") is None


def test_a_number_of_failures_that_was_given_stops_all() -> None:
    rule, anna, bert = stop(most=1)
    rule.note(anna, failed=True)
    assert rule.why("bert") is None
    rule.note(bert, failed=True)
    assert (rule.why("anna"), rule.why("bert")) == ("2 failed in all", "2 failed in all")
