"""States, search, filters, order and pages of the list, without a server."""

from __future__ import annotations

import datetime as dt
from typing import Any

from locoia_pat.actions.console.token_form import TokenForm, narrower_choices
from locoia_pat.actions.console.token_table import Query, parse_query, read_rows, select, timeline

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def row(id_: str = "1", days: int | None = 30, used: int | None = 0, **more: Any) -> dict[str, Any]:
    """A row of ``list_pats`` that expires in *days* and was used *used* days ago."""

    def at(days: int | None) -> str | None:
        return None if days is None else (NOW + dt.timedelta(days=days)).isoformat()

    values = {"id": id_, "note": "CI", "scopes": ["embed"], "managed": None, "expires_in_days": days}
    return {**values, "expiration": at(days), "last_used": None if used is None else at(-used), **more}


def test_each_row_has_the_states_that_its_values_say() -> None:
    managed = {"name": "ci", "slot": "a", "state": "k7q2aaaa"}
    note = "CI ~lp1/ci/a/GEZDGNBVGY3TQOJQ/k7q2aaaa"
    for name, values, states in (
        ("in use", row(), ("works",)),
        ("soon", row(days=14), ("works", "soon")),
        ("never", row(days=None), ("works", "never")),
        ("not readable", row(days=None, expiration_raw="soon"), ("works",)),
        ("expired", row(days=-1), ("expired",)),
        ("never used", row(used=None), ("works", "unused")),
        ("used long ago", row(used=90), ("works", "unused")),
        ("revoked", row("gone"), ("revoked",)),
        ("managed", row(used=None, managed=managed, note=note), ("works", "managed")),
    ):
        (read,) = read_rows([values], {"gone"}, NOW)
        assert read.states == states, name
        assert read.note == "CI", name
    expires = [read_rows([row(days=days)], (), NOW)[0].expires for days in (0, 1, -2, None)]
    assert expires == ["today", "in 1 day", "2 days ago", "unknown"]


def test_the_list_is_searched_filtered_sorted_and_cut_into_pages() -> None:
    named = row("n", 5, managed={"name": "billing", "slot": "a", "state": "s"}, scopes=["company"])
    rows = read_rows([*(row(str(n), n + 20, note=f"Job {n:03}") for n in range(120)), named], (), NOW)
    for text, count in (("?q=JOB+01", 10), ("?q=billing", 1), ("?q=n", 1), ("?scope=company", 1), ("?state=soon", 1)):
        name, _, value = text.removeprefix("?").partition("=")
        assert select(rows, parse_query({name: value.replace("+", " ")})).matching == count, text
    first, last = select(rows, Query(sort="note", descending=True)), select(rows, Query(page=99, sort="note"))
    assert (first.rows[0].note, first.pages, first.page) == ("Job 119", 3, 1)
    assert (len(last.rows), last.page, last.rows[-1].note) == (21, 3, "Job 119")
    for sort in ("used", "scopes", "expires"):
        assert len(select(rows, Query(sort=sort)).rows) == 50, sort
    for bad in ("0", "-1", "x", "²", "9" * 20):
        parsed = parse_query({"page": bad, "sort": "x", "state": "x", "order": "x"})
        assert parsed._replace(page=1) == Query(), bad
        assert select(rows, parsed).page == 1, bad


def test_the_timeline_counts_live_rows_by_week() -> None:
    rows = [row(days=days) for days in (1, 6, 7, 90, 91, 900, None, -3)] + [row(days=None, expiration_raw="x")]
    bars = {bar.label: bar.tokens for bar in timeline(read_rows(rows, (), NOW)) if bar.tokens}
    assert bars == {"this week": 2, "in 1 week": 1, "in 12 weeks": 1, "later": 2, "never": 1}
    assert all(bar.height == 0 for bar in timeline([]))


def test_a_narrower_choice_is_named_for_each_scope_that_has_one() -> None:
    assert [choice.scope for choice in narrower_choices(["embed"])] == ["embed:manage", "embed:view"]
    assert [*narrower_choices(["embed:view", "webhook_run", "no:such", "automation:webhook_run"])] == []
    form = TokenForm(scopes=("automation:view", "connector_auth:view"))
    (choice,) = narrower_choices(form.scopes)
    assert form.with_narrower(choice).scopes == ("automation:view",)
