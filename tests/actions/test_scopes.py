"""The API page's two tables, written out once more as a reader finds them there, and what follows from them."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import pytest

from locoia_pat import InvalidError
from locoia_pat.actions import scopes
from tests.support.cells import cell

CRUD, CRU, R = "create read update delete", "create read update", "read"

PAGE = {
    ("automation", "Flows", "Flow Runs", "Flow Run Steps", "Run Flows"): (CRUD, CRU, R),
    ("automation", "Connector Auths", "Env Variables", "File Uploads"): (R, R, R),
    ("company", "Env Variables", "File Uploads", "Teams", "Users"): (CRUD, CRU, R),
    ("connector_auth", "Connector Auths"): (CRUD, CRU, R),
    ("connectors", "Connectors", "Connector Actions"): (CRUD, CRU, R),
    ("dashboard", "Dashboards", "Data Sources", "Forecasts", "Insights", "Transforms"): (CRUD, CRU, R),
    ("embed", "Embeds"): (CRUD, CRU, R),
}
ALLOWED = {
    (f"{name}{extension}", entity, operation)
    for (name, *entities), levels in PAGE.items()
    for extension, level in zip(("", ":manage", ":view"), levels, strict=True)
    for entity, operation in product(entities, level.split())
} | {(scope, "Webhook Flows", "trigger") for scope in ("automation:webhook_run", "webhook_run")}
ENTITIES = sorted({entity for _, entity, _ in ALLOWED})
OPERATIONS = [*CRUD.split(), "trigger"]


def test_every_scope_entity_and_operation_is_as_the_page_says() -> None:
    found = {triple for triple in product(scopes.ALL, ENTITIES, OPERATIONS) if scopes.allows(*triple)}
    assert found == ALLOWED
    assert sorted(scopes.ALL_ENTITIES) == ENTITIES
    assert list(scopes.ALL_OPERATIONS) == OPERATIONS


def test_the_scopes_are_six_names_with_three_levels_and_the_webhook_one_in_two_spellings() -> None:
    assert len(scopes.ALL) == len(set(scopes.ALL)) == 6 * 3 + 2
    assert {scope for scope, _, _ in ALLOWED} == set(scopes.ALL)


def test_the_narrowest_scopes_for_a_job() -> None:
    for entity, operation, expected in [
        ("Flows", "delete", ["automation"]),
        ("Flows", "update", ["automation:manage"]),
        ("Run Flows", "create", ["automation:manage"]),
        ("Connector Auths", "read", ["connector_auth:view"]),  # automation:view does it too, and more besides
        ("Connector Auths", "update", ["connector_auth:manage"]),
        ("Env Variables", "read", ["automation:view", "company:view"]),  # neither includes the other
        ("Env Variables", "create", ["company:manage"]),
        ("Connectors", "read", ["connectors:view"]),
        ("Webhook Flows", "trigger", ["automation:webhook_run", "webhook_run"]),
        ("Webhook Flows", "read", []),
        ("Flows", "trigger", []),
    ]:
        with cell(entity, operation, expected):
            assert list(scopes.narrowest(entity, operation)) == expected


def test_the_narrowest_are_enough_and_none_of_the_others_is_narrower() -> None:
    for entity, operation in product(ENTITIES, OPERATIONS):
        found = scopes.narrowest(entity, operation)
        enough = {scope for scope in scopes.ALL if (scope, entity, operation) in ALLOWED}
        assert set(found) <= enough
        assert all(any(scopes.includes(scope, other) for other in found) for scope in enough)


def test_a_scope_includes_another_where_it_allows_all_of_it() -> None:
    for wider, narrower in product(scopes.ALL, repeat=2):
        asked = {(entity, operation) for scope, entity, operation in ALLOWED if scope == narrower}
        given = {(entity, operation) for scope, entity, operation in ALLOWED if scope == wider}
        assert scopes.includes(wider, narrower) == (asked <= given)


@pytest.mark.parametrize("other", ["", "embed:delete", "everything", "Embed"])
def test_a_scope_the_page_does_not_have_allows_includes_and_is_nothing(other: str) -> None:
    assert not scopes.allows(other, "Embeds", "read")
    assert not scopes.includes(other, "embed:view")
    assert not scopes.includes("embed", other)
    assert scopes.redundant([other, "embed"]) == []


def test_what_adds_nothing_is_named_with_what_has_it_already() -> None:
    for chosen, pairs in [
        ([], []),
        (["embed"], []),
        (["embed", "embed"], []),
        (["embed", "company"], []),
        (["embed:view", "embed"], [("embed", "embed:view")]),
        (["automation:view", "connector_auth:view"], [("automation:view", "connector_auth:view")]),
        (["automation", "connector_auth"], []),  # the latter may change them
        (["automation", "automation:webhook_run"], []),  # whether one has the other is not documented
        (["automation:webhook_run", "webhook_run"], []),
        (
            ["embed", "embed:manage", "embed:view"],
            [("embed", "embed:manage"), ("embed", "embed:view"), ("embed:manage", "embed:view")],
        ),
    ]:
        with cell(chosen, pairs):
            assert scopes.redundant(chosen) == pairs


@pytest.mark.parametrize(
    ("scope", "can"),
    [
        ("connector_auth:view", "read Connector Auths"),
        ("connectors:manage", "create, read and update Connectors and Connector Actions"),
        ("embed", "create, read, update and delete Embeds"),
        ("webhook_run", "trigger Webhook Flows"),
        (
            "automation",
            (
                "create, read, update and delete Flows, Flow Runs, Flow Run Steps and Run Flows, "
                "and read Connector Auths, Env Variables and File Uploads"
            ),
        ),
        (
            "automation:view",
            "read Flows, Flow Runs, Flow Run Steps, Run Flows, Connector Auths, Env Variables and File Uploads",
        ),
    ],
)
def test_a_sentence_says_what_a_token_can_do(scope: str, can: str) -> None:
    assert scopes.sentence(scope) == f"A token with {scope} can {can}, as far as the user who created it can."


def test_every_scope_has_a_sentence_of_its_own() -> None:
    assert len({scopes.sentence(scope) for scope in scopes.ALL}) == len(scopes.ALL)


def test_what_is_not_on_the_page_is_named_with_what_is() -> None:
    with pytest.raises(InvalidError, match=r'^entity: "Flow" is not on the API page; did you mean Flows\?'):
        scopes.allows("embed", "Flow", "read")
    with pytest.raises(InvalidError, match=r"operation: .*\nChoose one of create, read, update, delete, trigger\."):
        scopes.narrowest("Flows", "erase")
    with pytest.raises(InvalidError, match=r"^scope: .* did you mean embed:view\?"):
        scopes.sentence("embed:vew")


def test_the_tables_load_no_library() -> None:
    heavy = ["httpx", "pydantic", "jinja2", "yaml", "click", "starlette"]
    script = f"import sys, locoia_pat.actions.scopes; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"
