"""Names with nothing to do are decided by one list of their credential; every other name is looked at on its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions.fleet.apply import apply
from locoia_pat.actions.managed import reconcile
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.state.journal import State
from locoia_pat.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fleet.conftest import Yard
    from tests.support.command import Done

LIST = "GET /v1/personal-access-tokens"


def requests_of(yard: Yard, work: Callable[[], Any]) -> tuple[dict[str, int], Any]:
    yard.faults.requests.clear()
    result = work()
    return dict(yard.faults.requests), result


def age(yard: Yard, *names: str, **metadata: Any) -> None:
    """Let the tokens of *names* be an hour old, as far as their records say."""
    for name in names:
        store = open_store(yard.to(name))
        record = store.record()
        assert record.current is not None
        hour_ago = rfc3339(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
        current = replace(record.current, metadata={**record.current.metadata, "minted_at": hour_ago, **metadata})
        store.write_record(replace(record, current=current))


def test_a_fleet_with_nothing_due_reads_one_list_for_each_credential(yard: Yard, call: Callable[..., Done]) -> None:
    refs = [yard.owner(f"owner-{number}") for number in range(3)]
    file = yard.fleet(*({"name": f"n{number}", "auth": refs[number % 3]} for number in range(12)), overlap=24)
    _, created = yard.apply(file)
    for lists in (3 + 2 * 12, 3 + 2 * 12, 3):  # just minted, an hour old, proven
        assert requests_of(yard, lambda: yard.apply(file))[0] == {LIST: lists}
        age(yard, *created)
    for verb in ("plan", "status", "apply"):
        sent, done = requests_of(yard, partial(call, "fleet", verb, file, "--auth", refs[0]))
        assert (verb, sent, done.code) == (verb, {LIST: 3}, 0), done
    sent, (summary, results) = requests_of(yard, lambda: yard.apply(file))
    assert (sent, summary.changes) == ({LIST: 3}, {"none": 12})
    for name, result in results.items():
        first, data = created[name].data or {}, result.data or {}
        assert data == {**first, "change": "none"}, name
        assert result.token_refs == created[name].token_refs
    (yard.folder / "state" / "proven.json").write_text("[]")
    with Connector(ConnectorAuth.from_ref(refs[0]), base_url=yard.url) as connector:
        state = State(yard.folder / "state")
        # The names of the other two credentials are not in its list: each proves its token, and looks for orphans.
        for count in (1 + 2 * 12, 1 + 2 * 8):
            sent, reconciled = requests_of(yard, lambda: reconcile(connector, state=state))
            assert {name["change"] for name in (reconciled.data or {})["names"]} == {"none"}
            assert sent == {LIST: count}
        (yard.folder / "state" / "capabilities.json").write_text("no JSON")
        assert requests_of(yard, lambda: reconcile(connector, state=state))[0] == {LIST: 1 + 2 * 12}


def test_a_name_that_its_row_does_not_prove_is_looked_at_on_its_own(yard: Yard) -> None:
    def apply(**token: Any) -> tuple[int, str]:
        file = yard.fleet({"name": "one", **token}, overlap=24)
        sent, (_, results) = requests_of(yard, lambda: yard.apply(file))
        (result,) = results.values()
        return sum(sent.values()), result.problem.code if result.problem else (result.data or {})["change"]

    assert apply()[1] == "created"
    (row,) = [row for row in yard.store.owned_by("default") if "~lp1/" in row.note]
    current = open_store(yard.to("one")).record().current
    assert current is not None
    expiration = current.metadata["expiration"]
    age(yard, "one")
    assert [apply(), apply()] == [(3, "none"), (1, "none")]

    age(yard, "one", listed=None)
    assert apply() == (1, "none")  # the expiry that the response showed is the one that is listed
    age(yard, "one", listed=None, expiration="2031-01-01T00:00:00Z")
    assert apply() == (3, "none")
    age(yard, "one", expiration=expiration, op="A" * 16)
    assert [apply(), apply()] == [(3, "none"), (1, "none")]
    assert apply(scopes=["embed", "company"])[1] == "scopes_differ"
    other = yard.folder / "copy.json"
    sent, change = apply(to=[yard.to("one"), f"file:{other}"])
    assert (sent > 1, change, other.exists()) == (True, "none", True)

    yard.store.regenerate(row.id, days=40, owner="default")  # by someone else: the stored token is revoked
    assert apply()[1] == "rotated"
    assert yard.works("one")
    age(yard, "one")
    assert apply(expiration=60, renew_within=40, to=[yard.to("one"), f"file:{other}"])[1] == "rotated"
    assert apply()[1] == "validation"  # the copy still holds the token
    other.unlink()
    age(yard, "one")
    assert [apply(), apply()] == [(3, "none"), (1, "none")]
    (yard.folder / "state" / "capabilities.json").write_text("no JSON")
    assert apply() == (3, "none")


def test_a_store_of_the_bare_token_is_settled_by_what_is_journalled_of_it(yard: Yard) -> None:
    ref, state = f"text:{yard.folder}/bare", State(yard.folder / "state")
    file = yard.fleet({"name": "one", "to": [ref]})
    yard.apply(file)
    token = open_store(ref).read().token
    metadata = state.token_metadata(yard.url, "one", state.fingerprint(token))
    hour_ago = rfc3339(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    state.save_token_metadata(yard.url, "one", token, {**metadata, "minted_at": hour_ago})
    for lists in (3, 1):
        sent, (summary, _) = requests_of(yard, lambda: yard.apply(file))
        assert (sent, summary.changes) == ({LIST: lists}, {"none": 1})


def test_a_credential_that_is_a_token_of_the_name_is_refused_although_nothing_is_due(yard: Yard) -> None:
    file = yard.fleet({"name": "one"})
    yard.apply(file)
    (yard.folder / "copy").write_text(open_store(yard.to("one")).read().token.reveal())
    file = yard.fleet({"name": "one", "auth": f"file:{yard.folder}/copy"})
    _, results = yard.apply(file)
    problem = results["one"].problem
    assert (problem and problem.code) == "credential_would_expire"
    assert (yard.plans(file)["one"].step, yard.plans(file)["one"].reason) == ("blocked", problem and problem.message)


def test_the_plan_refuses_an_earlier_token_of_the_name_and_one_without_a_way_back_as_apply_does(yard: Yard) -> None:
    ref = f"text:{yard.folder}/bare"
    yard.apply(yard.fleet({"name": "one", "to": [ref]}, overlap=24))
    earlier = yard.folder / "earlier"
    earlier.write_text(open_store(ref).read().token.reveal())
    with yard.plan(yard.fleet({"name": "one", "to": [ref]}, overlap=24)) as plan:
        assert [result.outcome for _, result in apply(plan, verb="rotate")] == ["done"]
    for auth, words in ((f"file:{earlier}", "an earlier token of this name"), (ref, "also keeps the previous one")):
        file = yard.fleet({"name": "one", "to": [ref], "auth": auth}, overlap=24)
        planned = yard.plans(file)["one"]
        _, results = yard.apply(file)
        problem = results["one"].problem
        assert problem is not None
        assert (planned.step, planned.reason) == ("blocked", problem.message)
        assert words in problem.message
