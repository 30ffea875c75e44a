"""The order in which the tokens of a fleet are handled, and when to stop."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.actions.fleet.waves import FailureBudget, Member, spread_lifetime, waves

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
members = st.dictionaries(
    names, st.tuples(st.sampled_from(["anna", "bert", "carl"]), st.booleans(), st.booleans()), max_size=60
).map(lambda found: [Member(name, *values) for name, values in sorted(found.items())])


@given(members)
def test_each_token_is_in_one_wave(members: list[Member]) -> None:
    assert Counter(member for wave in waves(members) for member in wave) == Counter(members)


@given(members)
def test_tokens_that_are_credentials_of_the_fleet_come_last(members: list[Member]) -> None:
    order = [member.last for wave in waves(members) for member in wave]
    assert order == sorted(order)


@given(members)
def test_each_credential_begins_with_one_token_a_canary_if_it_has_one(members: list[Member]) -> None:
    usual = [member for member in members if not member.last]
    first = next(iter(waves(members)), [])
    if usual:
        assert Counter(member.credential for member in first) == Counter({member.credential for member in usual})
        for member in first:
            assert member.canary == any(other.canary for other in usual if other.credential == member.credential)


@given(members)
def test_a_wave_is_at_most_twice_as_large_as_the_one_before(members: list[Member]) -> None:
    for credential in {member.credential for member in members}:
        sizes = [sum(member.credential == credential and not member.last for member in wave) for wave in waves(members)]
        assert all(size <= 2**number for number, size in enumerate(sizes))


@given(members)
def test_the_order_does_not_depend_on_the_order_of_the_file(members: list[Member]) -> None:
    first = [sorted(wave, key=lambda member: member.name) for wave in waves(members)]
    again = [sorted(wave, key=lambda member: member.name) for wave in waves(members[::-1])]
    canaries = Counter(member.credential for member in members if member.canary and not member.last)
    if all(count == 1 for count in canaries.values()):
        assert first == again


@given(names, st.integers(1, 400))
def test_a_lifetime_is_spread_within_two_weeks_and_a_third_below_the_limit(name: str, days: int) -> None:
    assert max(1, days - 14, days - days // 3) <= spread_lifetime(name, days) <= days
    assert spread_lifetime(name, days) == spread_lifetime(name, days)


def test_a_thousand_names_expire_evenly_over_fifteen_days() -> None:
    days = Counter(spread_lifetime(f"name-{number}", 60) for number in range(1000))
    assert sorted(days) == list(range(46, 61))
    assert max(days.values()) < 2 * min(days.values())


def budget_of(count: int = 40, max_failures: int | None = None) -> tuple[FailureBudget, Member, Member]:
    anna = [Member(f"a{number}", "anna") for number in range(count)]
    bert = Member("b", "bert")
    return FailureBudget([*anna, bert], max_failures), anna[0], bert


def test_a_credential_stops_after_more_than_5_percent_failures_and_others_continue() -> None:
    budget, anna, _ = budget_of(40)
    for _ in range(2):
        budget.record(anna, failed=True)
        assert budget.stop_reason("anna") is None
    budget.record(anna, failed=False)
    assert budget.stop_reason("anna") is None
    budget.record(anna, failed=True)
    assert budget.stop_reason("anna") == "3 tokens of its credential failed"
    assert budget.stop_reason("bert") is None


def test_one_failure_is_always_allowed() -> None:
    budget, anna, _ = budget_of(3)
    budget.record(anna, failed=True)
    assert budget.stop_reason("anna") is None
    budget.record(anna, failed=True)
    assert budget.stop_reason("anna") is not None


def test_a_refused_credential_stops_at_once() -> None:
    budget, anna, _ = budget_of()
    budget.record(anna, failed=True, unauthorized=True)
    assert budget.stop_reason("anna") == "its credential was refused"
    assert budget.stop_reason("bert") is None


def test_max_failures_stops_all_credentials() -> None:
    budget, anna, bert = budget_of(max_failures=1)
    budget.record(anna, failed=True)
    assert budget.stop_reason("bert") is None
    budget.record(bert, failed=True)
    assert (budget.stop_reason("anna"), budget.stop_reason("bert")) == ("2 tokens failed", "2 tokens failed")
