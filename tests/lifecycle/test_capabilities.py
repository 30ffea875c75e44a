"""The capabilities of an API: what was measured makes managed tokens safer; what was not changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorAuth, InvalidError
from locoia_pat.actions import retire_pat
from locoia_pat.actions.lifecycle.capabilities import QUESTIONS, UNKNOWN, Capabilities, may
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.actions.sandbox.server import OWNER
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State
from tests.support.lifecycle_sandbox import ManagedSandbox, open_sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from locoia_pat import Secret
    from locoia_pat.actions.sandbox.sandbox_store import Row


def all_rows(sandbox: ManagedSandbox) -> list[Row]:
    return sandbox.store.owned_by(OWNER)


def read(sandbox: ManagedSandbox) -> Secret:
    """Return the stored token."""
    return ConnectorAuth.from_ref(sandbox.ref()).credential(SpecFolder().connector).token


# Facts


def test_facts_that_were_not_measured_are_unknown() -> None:
    assert Capabilities.from_facts({}) == Capabilities()
    assert Capabilities.from_facts(dict.fromkeys(QUESTIONS, UNKNOWN)) == Capabilities()
    assert Capabilities.from_facts(dict.fromkeys(QUESTIONS)) == Capabilities()


@pytest.mark.parametrize(
    ("kept", "long", "markers"),
    [(True, True, True), (True, False, False), (False, True, False), (True, UNKNOWN, None), (UNKNOWN, True, None)],
)
def test_markers_need_notes_that_are_kept_whole(kept: Any, long: Any, markers: bool | None) -> None:
    assert Capabilities.from_facts({"note_kept": kept, "note_length_kept": long}).markers is markers


@pytest.mark.parametrize(
    ("allowed", "scopes", "expected"),
    [
        ({}, ["embed"], None),
        ({"embed": True}, ["embed"], True),
        ({"embed": True}, ["embed:view"], None),
        ({"embed": False}, ["embed:view"], False),
        ({"embed": False}, ["embed:view", "company"], None),
        ({"embed": False, "company": True}, ["embed", "company"], True),
        ({"embed": UNKNOWN}, ["embed"], None),
        ({"embed": False}, [], None),
    ],
)
def test_what_a_token_may_do_follows_from_what_others_may(
    allowed: dict[str, Any], scopes: list[str], expected: bool | None
) -> None:
    assert may(allowed, scopes) is expected


def test_a_403_means_revoked_for_a_token_that_could_list() -> None:
    assert Capabilities(dead_status=403, may_list={"embed": True}).forbidden_is_dead(["embed"])
    assert not Capabilities(dead_status=403).forbidden_is_dead(["embed"])
    assert not Capabilities(dead_status=401, may_list={"embed": True}).forbidden_is_dead(["embed"])


# What comes of them


def test_a_capability_file_that_cannot_be_read_is_not_used_and_reported(sandbox: ManagedSandbox) -> None:
    state = State(sandbox.folder / "state")
    (state.folder / "capabilities.json").write_text("{")
    made = sandbox.ensure()
    assert made.change == "created"
    assert any("is not used" in warning for warning in made.warnings)


def test_no_row_is_created_if_notes_are_changed(sandbox: ManagedSandbox) -> None:
    sandbox.set_facts(note_kept=False)
    with pytest.raises(InvalidError, match="changes notes") as caught:
        sandbox.ensure()
    assert caught.value.problem.code == "unsafe"
    assert len(all_rows(sandbox)) == 1
    sandbox.set_facts(note_kept=True)
    sandbox.ensure()
    sandbox.set_facts(note_kept=False)
    assert sandbox.ensure().change == "none"
    with pytest.raises(InvalidError, match="changes notes"):
        sandbox.rotate()  # it would make the second row
    with pytest.raises(InvalidError, match="changes notes"):
        sandbox.ensure(scopes=["company"], change_scopes=True)
    assert len(all_rows(sandbox)) == 2
    assert sandbox.works()


def test_two_existing_rows_are_rotated_even_if_notes_are_changed(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    sandbox.rotate()
    sandbox.set_facts(note_kept=False)
    assert sandbox.rotate().change == "rotated"
    assert (len(sandbox.rows()), sandbox.works()) == (2, True)


@pytest.mark.behaviour(unknown_token_status=403)
@pytest.mark.parametrize("measured", [True, False])
def test_a_revoked_token_that_gets_a_403_is_replaced_once_that_is_known(
    measured: bool, sandbox: ManagedSandbox
) -> None:
    if measured:
        sandbox.set_facts(dead_token_status=403, may_list={"embed": True})
    made = sandbox.ensure()
    sandbox.store.regenerate(made.id or "", owner=OWNER, days=30)
    assert sandbox.ensure().change == ("rotated" if measured else "none")
    assert sandbox.works() is measured


@pytest.mark.behaviour(unknown_token_status=403, pat_scope="company")
def test_a_token_that_may_not_list_is_not_taken_for_revoked(sandbox: ManagedSandbox) -> None:
    sandbox.set_facts(dead_token_status=403, may_list={"embed": False})
    assert [sandbox.ensure().change, sandbox.ensure().change] == ["created", "none"]


@pytest.mark.parametrize("answer", ["row", "token"])
def test_a_name_keeps_two_rows_if_ids_change(answer: str, tmp_path: Path) -> None:
    with open_sandbox(tmp_path, "regenerate_id=new", f"regenerate_response={answer}") as sandbox:
        if answer == "token":
            sandbox.set_facts(regenerate_keeps_id=False)
        sandbox.ensure()
        for _ in range(4):
            assert sandbox.rotate().change == "rotated"
            assert (len(sandbox.rows()), sandbox.works()) == (2, True)
        assert sandbox.ensure().change == "none"
        minted = read(sandbox)
        with sandbox.connector() as connector:
            retire_pat(connector, name="ci", **sandbox.options())
        assert sandbox.store.authenticate(minted) is None
        sandbox.ensure()
        assert sandbox.works()


@pytest.mark.parametrize("known", [True, False])
def test_a_lost_create_is_adopted_even_if_ids_change(known: bool, tmp_path: Path) -> None:
    with open_sandbox(tmp_path, "regenerate_id=new", "regenerate_response=token") as sandbox:
        if known:
            sandbox.set_facts(regenerate_keeps_id=False)
        sandbox.faults.add(Fault("lost", method="POST"))
        sandbox.ensure()
        assert sandbox.works()


@pytest.mark.behaviour(pat_scope="company")
@pytest.mark.parametrize("measured", [True, False])
def test_a_token_that_may_not_regenerate_revokes_nothing(measured: bool, sandbox: ManagedSandbox) -> None:
    if measured:
        sandbox.set_facts(may_regenerate={"embed": False})
    sandbox.ensure()
    sandbox.faults.add(Fault("slow", method="POST", path="*/regenerate", times=9, seconds=0))
    assert sandbox.rotate().change == "rotated"
    (left,) = [fault.times for fault in sandbox.faults.pending()]
    assert left == (8 if measured else 7)  # the rotator alone; or the token first, which is refused


def test_an_expired_row_that_cannot_be_renewed_is_not_regenerated(tmp_path: Path) -> None:
    ago = [dt.timedelta()]
    with open_sandbox(tmp_path, "expired_renewable=false", now=lambda: dt.datetime.now(dt.UTC) - ago[0]) as sandbox:
        sandbox.set_facts(expired_renewable=False)
        sandbox.ensure()
        current = sandbox.rotate().id
        (standby,) = [row for row in sandbox.rows() if row.id != current]
        ago[0] = dt.timedelta(days=40)
        sandbox.store.regenerate(standby.id, owner=OWNER, days=30)
        ago[0] = dt.timedelta()
        sandbox.faults.add(Fault("status", method="POST", path=f"*/{standby.id}/regenerate", status=422))
        assert sandbox.rotate().change == "rotated"
        assert len(sandbox.faults.pending()) == 1  # it was not asked for
        assert sandbox.works()


def test_a_list_that_is_known_to_be_incomplete_is_reported(sandbox: ManagedSandbox) -> None:
    sandbox.set_facts(list_whole=False)
    assert any("lists only some rows" in warning for warning in sandbox.ensure().warnings)


@pytest.mark.behaviour(list_lag=1)
def test_a_row_that_is_listed_late_is_waited_for(sandbox: ManagedSandbox) -> None:
    sandbox.set_facts(list_lag=1.2)
    sandbox.faults.add(Fault("lost", method="POST"))
    assert sandbox.ensure().change == "created"
    assert len(sandbox.rows()) == 1
