"""The order in which the tokens of a fleet are started, and when to stop."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.actions.fleet.fleet_file import spread_lifetime
from locoia_pat.actions.fleet.rollout import FailureBudget, Member, Rollout

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
members = st.dictionaries(
    names, st.tuples(st.sampled_from(["anna", "bert", "carl"]), st.booleans(), st.booleans()), max_size=60
).map(lambda found: [Member(name, *values) for name, values in sorted(found.items())])


def run(members: list[Member], random: Random) -> list[tuple[str, Member]]:
    """Return what is started and finished, in order; any token in progress may be the next to finish."""
    rollout = Rollout(members)
    in_progress = [*rollout.first()]
    events = [("started", member) for member in in_progress]
    while in_progress:
        member = in_progress.pop(random.randrange(len(in_progress)))
        ready = rollout.after(member)
        in_progress += ready
        events += [("finished", member), *(("started", other) for other in ready)]
    return events


@given(members, st.randoms())
def test_each_token_is_started_once(members: list[Member], random: Random) -> None:
    events = run(members, random)
    assert Counter(member for event, member in events if event == "started") == Counter(members)


@given(members, st.randoms())
def test_tokens_that_are_credentials_of_the_fleet_start_when_all_others_are_finished(
    members: list[Member], random: Random
) -> None:
    order = [member.last for _, member in run(members, random)]
    assert order == sorted(order)


@given(members, st.randoms())
def test_each_credential_begins_with_one_token_a_canary_if_it_has_one(members: list[Member], random: Random) -> None:
    events = run(members, random)
    for credential in {member.credential for member in members if not member.last}:
        own = [(event, member) for event, member in events if member.credential == credential and not member.last]
        assert [event for event, _ in own[:2]] == ["started", "finished"]
        assert own[0][1].canary == any(member.canary for _, member in own)


@given(members, st.randoms())
def test_of_a_credential_no_more_tokens_are_in_progress_than_are_finished_and_one(
    members: list[Member], random: Random
) -> None:
    in_progress, finished = Counter[str](), Counter[str]()
    for event, member in run(members, random):
        if not member.last:
            in_progress[member.credential] += 1 if event == "started" else -1
            finished[member.credential] += event == "finished"
            assert in_progress[member.credential] <= finished[member.credential] + 1


@given(members, st.integers())
def test_the_order_does_not_depend_on_the_order_of_the_file(members: list[Member], seed: int) -> None:
    assert run(members, Random(seed)) == run(sorted(members, key=lambda member: member.credential), Random(seed))  # noqa: S311  # not for secrets


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
