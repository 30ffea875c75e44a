"""The super actions as steps: by name, by the command, in async code, and what each tells."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import (
    AsyncConnector,
    Connector,
    ConnectorAuth,
    InvalidError,
    NotStoredError,
    Outcome,
    RefusedError,
    Secret,
)
from locoia_pat.actions import audit_pats, revoke_pat
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from locoia_pat.stores.file import FileStore
from tests.support.command import Done, call, on_terminal
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locoia_pat.stores.record import Record
    from tests.support.lifecycle_place import Place

    Call = Callable[..., Done]

__all__ = ["call"]

WISH = ["name=ci", "scopes=embed", "expiration=30", "note=CI"]


@pytest.fixture
def run(call: Call, place: Place) -> Callable[..., Done]:
    """The command, with the sandbox and the state of the test."""

    def run(*arguments: str) -> Done:
        os.environ |= {
            "LOCOIA_BASE_URL": place.url,
            "LOCOIA_TOKEN": place.rotator.reveal(),
            "LOCOIA_PAT_STATE": str(place.folder / "state"),
        }
        return call(*arguments)

    return run


def test_a_step_ensures_a_name_and_says_what_it_did(run: Call, place: Place) -> None:
    for change in ("created", "none"):
        done = run("run", "ensure_pat", *WISH, "--token-to", place.ref())
        assert done.code == 0, done.err
        assert (done.envelope["outcome"], done.envelope["data"]["change"]) == ("done", change)
        assert done.envelope["token_ref"] == f"{place.ref()}#current"
        assert "lpat_" not in done.out + done.err
    rotated = run("run", "rotate_pat", "name=ci", "expiration=30", "--token-to", place.ref()).envelope["data"]
    assert (rotated["change"], rotated["retire_due"] is not None) == ("rotated", True)
    assert run("reconcile", "--plan").envelope["data"]["names"][0]["retire_due"] == rotated["retire_due"]
    ended = run("run", "retire_pat", "name=ci", "--token-to", place.ref()).envelope["data"]
    assert (ended["change"], ended["id"]) == ("retired", None)
    assert run("run", "retire_pat", "name=ci", "--token-to", place.ref()).envelope["data"]["change"] == "none"


WRONG: dict[str, tuple[list[str], str | None, str]] = {
    "no place": (["ensure_pat", *WISH], "token_to", "validation"),
    "no scopes": (["ensure_pat", "name=ci"], "scopes", "validation"),
    "no name": (["ensure_pat", *WISH[1:], "name=No Name"], "name", "validation"),
    "no kind of place": (["ensure_pat", *WISH, "--token-to", "nowhere:x"], "token_to", "validation"),
    "a name without a token": (["rotate_pat", "name=ci", "expiration=3", "--token-to", "file:x"], None, "not_found"),
    "a revoke with a place": (["revoke_pat", "token_id=x", "--token-to", "file:x"], "token_to", "validation"),
    "an audit with a place": (["audit_pats", "--token-to", "file:x"], "token_to", "validation"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_step_is_invalid_and_sends_nothing(
    run: Call, place: Place, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    arguments, field, code = WRONG[name]
    done = run("run", *arguments)
    assert (done.code, done.envelope["error"]["code"], done.envelope["error"]["field"]) == (2, code, field)
    assert place.rows() == []


def test_on_a_terminal_a_super_action_names_the_host_and_asks(place: Place) -> None:
    variables = {
        "LOCOIA_BASE_URL": place.url,
        "LOCOIA_TOKEN": place.rotator.reveal(),
        "LOCOIA_PAT_STATE": str(place.folder / "state"),
    }
    arguments = ("run", "ensure_pat", *WISH, "--token-to", place.ref())
    refused = on_terminal(*arguments, typed="n\n", **variables)
    assert (refused.code, place.rows()) == (2, [])
    assert f"at {place.url}" in refused.err
    assert on_terminal(*arguments, typed="y\n", **variables).code == 0
    assert len(place.rows()) == 1


def test_a_super_action_runs_in_async_code(place: Place) -> None:
    async def main() -> Any:
        async with AsyncConnector(ConnectorAuth(place.rotator), base_url=place.url) as connector:
            wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
            return await connector.run("ensure_pat", wishes, token_to=[place.ref()])

    os.environ["LOCOIA_PAT_STATE"] = str(place.folder / "state")
    result = asyncio.run(main())
    assert (result.outcome, result.data["change"]) == (Outcome.DONE, "created")


def test_a_revoked_token_is_useless_and_its_row_runs_out(run: Call, place: Place) -> None:
    row, token = place.store.create(owner="sandbox", days=30, scopes=["embed"], note="leaked")
    done = run("run", "revoke_pat", f"token_id={row.id}")
    assert (done.code, done.envelope["data"]["id"]) == (0, row.id)
    assert place.store.authenticate(token) is None
    assert run("run", "revoke_pat", "token_id=no-such-row").code == 3
    with place.connector() as connector:
        revoke_pat(connector, row.id)
        with pytest.raises(RefusedError):
            revoke_pat(connector, "no-such-row")


def test_whoami_tells_the_name_that_a_token_was_minted_for_even_once_it_is_dead(run: Call, place: Place) -> None:
    assert run("whoami", "--json").envelope["minted_for"] is None
    assert not (place.folder / "state").exists()
    place.ensure()
    assert run("whoami", "--json", "--auth", place.ref()).envelope["minted_for"] == "ci"
    leaked = place.folder / "leaked"
    leaked.write_text(read_token(place.ref()).reveal())
    place.rotate()
    who = run("whoami", "--json", "--auth", f"text:{leaked}").envelope
    assert (who["accepted"], who["minted_for"]) == (False, "ci")
    assert run("whoami", "--json").envelope["minted_for"] is None


def test_a_revoked_token_of_a_managed_name_is_told_and_replaced_by_reconcile(run: Call, place: Place) -> None:
    id_ = place.ensure().id
    done = run("run", "revoke_pat", f"token_id={id_}")
    assert "belongs to the managed name ci" in done.envelope["warnings"][0]
    assert not place.works()
    assert run("reconcile").code == 0
    assert place.works()


def test_a_credential_that_revoked_itself_is_told(run: Call, place: Place) -> None:
    id_ = place.ensure().id
    place.faults.add(Fault("lost", times=1, method="POST"))
    lost = run("run", "revoke_pat", f"token_id={id_}", "--auth", place.ref())
    assert lost.envelope["outcome"] == "unknown"
    assert lost.envelope["warnings"][-1] == "it is the credential in use, which no longer works"
    refused = run("run", "revoke_pat", f"token_id={id_}", "--auth", place.ref())
    assert (refused.envelope["error"]["code"], refused.envelope["warnings"]) == ("unauthorized", [])


def test_a_managed_row_that_this_state_ended_is_no_finding_of_revoke(run: Call, place: Place) -> None:
    id_ = place.ensure().id
    assert run("run", "retire_pat", "name=ci", "--token-to", place.ref()).code == 0
    assert run("run", "revoke_pat", f"token_id={id_}").envelope["warnings"] == []


def test_an_audit_leaves_out_the_rows_of_a_measurement(run: Call) -> None:
    assert run("doctor", "--measure", "--yes").code == 0
    assert [one for one in run("run", "audit_pats").envelope["data"]["findings"] if "doctor" in one["note"]] == []


def test_an_audit_tells_what_is_odd_and_ends_with_1(run: Call, place: Place) -> None:
    for days, scopes, note in ((None, ["embed"], "never"), (3, ["embed"], "soon"), (300, ["company"], "wide")):
        place.store.create(owner="sandbox", days=days, scopes=scopes, note=note)
    place.ensure()
    done = run("run", "audit_pats", "needs=embed")
    found = {(row["note"], row["finding"]) for row in done.envelope["data"]["findings"]}
    assert {("never", "never-expires"), ("soon", "expiring"), ("wide", "too-wide"), ("never", "unused")} <= found
    assert not [note for note, finding in found if find_marker(note) and finding == "unused"]
    assert done.code == 1
    assert run("run", "audit_pats", "--exit-zero").code == 0
    with place.connector() as connector:
        assert {row["finding"] for row in audit_pats(connector, expiring_within=1)} == {"never-expires", "unused"}


def test_an_audit_counts_the_days_since_the_last_use(place: Place) -> None:
    row, token = place.store.create(owner="sandbox", days=300, scopes=["embed", "not:known"], note="used")
    assert place.store.authenticate(token) is not None
    with place.connector() as connector:
        found = [one for one in audit_pats(connector, unused_for=0, needs=["embed"]) if one["id"] == row.id]
    assert [one["finding"] for one in found] == ["unused", "too-wide"]
    assert "0 days ago" in found[0]["message"]


def test_an_audit_needs_no_state_and_leaves_out_what_its_own_ended(run: Call, place: Place) -> None:
    place.ensure()
    with place.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(place.folder / "state")
        assert "expiring" in [one["finding"] for one in audit_pats(connector, expiring_within=60)]
    assert run("run", "retire_pat", "name=ci", "--token-to", place.ref()).code == 0
    with place.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(place.folder / "state")
        ended = [one for one in audit_pats(connector) if find_marker(one["note"])]
        (place.folder / "file").touch()
        os.environ["LOCOIA_PAT_STATE"] = str(place.folder / "file")
        told = [one["finding"] for one in audit_pats(connector) if find_marker(one["note"])]
    assert (ended, told) == ([], ["expiring"])


def test_an_audit_leaves_out_what_works_no_more() -> None:
    row = {"id": "1", "expiration": "2001-01-01T00:00:00Z", "note": "old", "last_used": None, "scopes": ["embed"]}
    with serving(answer(200, [row])) as server, Connector(ConnectorAuth(Secret("x" * 20)), base_url=server.url) as api:
        assert audit_pats(api) == []


@pytest.mark.parametrize("action", ["audit_pats", "revoke_pat", "ensure_pat"])
def test_what_the_api_refuses_is_told_as_it_is(run: Call, place: Place, action: str) -> None:
    place.faults.add(Fault("status", times=None, status=403))
    inputs = {"audit_pats": [], "revoke_pat": ["token_id=x"], "ensure_pat": [*WISH, "--token-to", place.ref()]}[action]
    done = run("run", action, *inputs)
    assert (done.code, done.envelope["error"]["code"]) == (3, "forbidden")


def test_reconcile_tells_what_it_did_for_each_name(run: Call, place: Place) -> None:
    place.ensure()
    place.ensure(**place.options("other", token_to=[place.ref("there")]), name="there")
    done = run("reconcile")
    assert done.code == 0
    assert done.envelope["data"]["names"] == [{"name": "ci", "outcome": "done", "change": "none"}]
    (foreign,) = done.envelope["data"]["foreign"]
    assert (foreign["name"], foreign["owner"]) == ("there", State(place.folder / "other").owner)


def test_reconcile_finishes_what_was_left(run: Call, place: Place) -> None:
    place.faults.add(Fault("status", method="POST", times=None, status=500))
    assert run("run", "ensure_pat", *WISH, "--token-to", place.ref()).code == 5
    place.faults.clear()
    assert run("reconcile", "--plan").envelope["data"]["names"][0]["unfinished"] == "create"
    assert run("reconcile").envelope["data"]["names"][0]["change"] in ("created", "adopted")
    assert place.works()


def test_reconcile_ends_as_its_worst_name_did(run: Call, place: Place) -> None:
    place.ensure()
    place.ensure(name="two", token_to=[place.ref("two")])
    (place.folder / "two.json").unlink()
    (place.folder / "two.json").mkdir()
    done = run("reconcile")
    assert (done.code, done.envelope["outcome"]) == (2, "invalid")
    assert [row["outcome"] for row in done.envelope["data"]["names"]] == ["done", "invalid"]


def test_a_name_whose_journal_was_lost_is_listed_and_taken_over_by_its_notes(run: Call, place: Place) -> None:
    first = place.ensure(note="CI of ours", scopes=["embed", "company:view"])
    shutil.rmtree(place.folder / "state")
    plan = run("reconcile", "--plan")
    assert (plan.code, plan.envelope["data"]["names"]) == (0, [])
    (foreign,) = plan.envelope["data"]["foreign"]
    assert (foreign["id"], foreign["next"]) == (first.id, "locoia-pat reconcile --take-over ci --token-to REF")
    done = run("reconcile", "--take-over", "ci", "--token-to", place.ref(), "--expiration", "9")
    assert (done.code, done.envelope["action"]) == (0, "reconcile"), done.err
    data = done.envelope["data"]
    assert (data["change"], sorted(data["scopes"])) == ("created", ["company:view", "embed"])
    assert data["id"] != first.id
    assert place.works()
    assert place.works(key="previous")  # until the overlap has passed
    (row,) = [row for row in place.rows() if row.id == data["id"]]
    assert (row.note.startswith("CI of ours ~lp1/ci/"), row.expires_in_days) == (True, 9)
    assert row.managed.name == "ci"
    assert run("reconcile").envelope["data"]["names"][0]["change"] == "none"


def test_a_row_of_this_state_whose_name_the_journal_does_not_know_is_listed(run: Call, place: Place) -> None:
    place.ensure()
    with closing(sqlite3.connect(place.folder / "state" / "state.sqlite3", isolation_level=None)) as database:
        database.execute("DELETE FROM names")
    assert [row["name"] for row in run("reconcile").envelope["data"]["foreign"]] == ["ci"]
    done = run("reconcile", "--take-over", "ci", "--token-to", place.ref())
    assert (done.code, done.envelope["data"]["change"]) == (0, "adopted"), done.err
    assert place.works()
    assert len(place.rows()) == 1


def test_a_takeover_that_cannot_begin_says_why(run: Call, place: Place) -> None:
    nobody = run("reconcile", "--take-over", "nobody", "--token-to", place.ref())
    assert (nobody.code, nobody.envelope["error"]["code"]) == (2, "not_found")
    for words in (["--take-over", "ci"], ["--token-to", place.ref()]):
        assert "need each other" in run("reconcile", *words).err
    assert "--plan" in run("reconcile", "--plan", "--take-over", "ci", "--token-to", place.ref()).err
    place.ensure()
    place.faults.add(Fault("status", times=None, status=403))
    assert run("reconcile", "--take-over", "ci", "--token-to", place.ref()).code == 3


def test_on_a_terminal_reconcile_asks_first(place: Place) -> None:
    place.ensure()
    variables = {"LOCOIA_BASE_URL": place.url, "LOCOIA_PAT_STATE": str(place.folder / "state")}
    token = place.rotator.reveal()
    no = on_terminal("reconcile", typed="n\n", LOCOIA_TOKEN=token, **variables)
    assert (no.code, "finish interrupted work at http://127" in no.err) == (2, True)
    taken = ("reconcile", "--take-over", "ci", "--token-to", place.ref())
    assert "take over ci at" in on_terminal(*taken, typed="n\n", LOCOIA_TOKEN=token, **variables).err
    assert on_terminal("reconcile", "--yes", LOCOIA_TOKEN=token, **variables).code == 0
    assert on_terminal("reconcile", typed="y\n", LOCOIA_TOKEN=token, **variables).code == 0


def test_tables_show_whose_a_row_is_and_what_an_audit_found(run: Call, call: Call, place: Place) -> None:
    place.ensure()
    owner = State(place.folder / "state").owner
    assert f"name=ci slot=a state={owner}" in run("run", "list_pats", "--table").out
    found = run("run", "audit_pats", "expiring_within=400", "--table", "--exit-zero")
    assert (found.out.split()[:3], "checked: 2" in found.err) == (["id", "note", "finding"], True)
    with serving(answer(200, [])) as server:
        os.environ |= {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": "fake-token-0123456789abcdef"}
        assert call("run", "audit_pats", "--table").out.split() == ["output", "value", "findings", "checked", "0"]


def test_what_was_done_is_journalled_with_a_fingerprint_and_without_a_secret(run: Call, place: Place) -> None:
    run("run", "ensure_pat", *WISH, "--token-to", place.ref())
    run("run", "ensure_pat", *WISH, "--token-to", place.ref())
    run("run", "rotate_pat", "name=ci", "expiration=30", "--token-to", place.ref())
    state = State(place.folder / "state")
    created, rotated = state.receipts(place.url, "ci")
    assert (created["change"], rotated["change"]) == ("created", "rotated")
    assert rotated["fingerprint"] == state.fingerprint(read_token(place.ref()))
    assert created["fingerprint"] == state.fingerprint(read_token(f"{place.ref()}#previous"))
    assert (rotated["id"], rotated["stores"]) == (place.ensure().id, [f"{place.ref()}#current"])
    last = run("reconcile", "--plan").envelope["data"]["names"][0]["last"]
    assert (last["change"], last["fingerprint"]) == ("rotated", rotated["fingerprint"])
    run("run", "retire_pat", "name=ci", "--token-to", place.ref())
    assert state.receipts(place.url, "ci")[-1]["change"] == "retired"


def test_reconcile_says_why_it_cannot_begin(place: Place, tmp_path: Path) -> None:
    with place.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "file")
        (tmp_path / "file").touch()
        assert reconcile(connector).outcome is Outcome.INVALID
    place.faults.add(Fault("status", times=None, status=403))
    with place.connector() as connector:
        assert reconcile(connector, state=State(tmp_path / "state")).outcome is Outcome.REFUSED


@pytest.mark.behaviour(pat_scope="company")
@pytest.mark.parametrize("overlap", [0, 24])
def test_a_narrow_token_that_may_not_list_is_rotated_all_the_same(place: Place, overlap: float) -> None:
    assert place.ensure().change == "created"
    assert place.ensure().change == "none"
    assert place.rotate(overlap=overlap).change == "rotated"
    assert place.rotate(overlap=0).change == "rotated"
    record = json.loads((place.folder / "ci.json").read_text())
    assert place.store.authenticate(Secret(record["current"]["token"])) is not None


def test_a_stored_token_that_died_is_replaced_by_the_rotator(place: Place) -> None:
    first = place.ensure()
    assert first.id is not None
    with place.connector() as connector:
        connector.run("regenerate_pat", {"token_id": first.id, "expiration": 30})
    assert not place.works()
    assert place.ensure().change == "rotated"
    assert place.works()


def test_a_token_before_takes_over_where_the_current_one_died(place: Place) -> None:
    place.ensure()
    second = place.rotate(overlap=24)
    assert second.id is not None
    with place.connector() as connector:
        connector.run("regenerate_pat", {"token_id": second.id, "expiration": 30})
    assert place.ensure().change == "rotated"
    assert place.works()


def test_two_names_in_one_place_are_refused(place: Place) -> None:
    place.ensure()
    with place.connector() as connector:
        wishes = {"name": "other", "scopes": ["embed"], "expiration": 30, "note": "x"}
        result = connector.run("ensure_pat", wishes, token_to=[place.ref()])
    assert result.outcome is Outcome.INVALID
    assert result.problem is not None
    assert "the name ci" in result.problem.message


def test_places_that_differ_are_brought_together(place: Place) -> None:
    refs = [place.ref("one"), place.ref("two")]
    place.ensure(token_to=refs)
    (place.folder / "two.json").unlink()
    assert place.ensure(token_to=refs).change == "none"
    assert place.works("two")


def test_a_lost_row_is_made_anew(place: Place) -> None:
    place.ensure()
    place.rotate()
    state = State(place.folder / "state")
    known = state.load(place.url, "ci")
    assert known is not None
    state.save(place.url, "ci", {**known, "rows": {**known["rows"], "a": "no-such-row"}})
    assert place.rotate().change == "rotated"
    assert place.works()


class Moody(FileStore):
    """A file that does not take a token while it is in a bad mood."""

    bad = False

    def write_record(self, record: Record) -> tuple[str, ...]:
        if self.bad:
            raise OSError("no space left")
        return super().write_record(record)


def test_a_place_that_fails_ends_not_stored_and_the_next_run_goes_on(place: Place) -> None:
    place.ensure()
    moody = Moody(str(place.folder / "ci.json"))
    moody.bad = True
    with pytest.raises(NotStoredError, match="no space left"):
        place.rotate(token_to=[moody])
    assert place.works()
    moody.bad = False
    assert place.rotate(token_to=[moody]).change == "rotated"
    assert place.works()


def test_places_that_differ_and_cannot_be_brought_together_are_invalid(place: Place) -> None:
    place.ensure()
    moody = Moody(str(place.folder / "moody.json"))
    moody.bad = True
    with pytest.raises(InvalidError, match="the token stores differ"):
        place.ensure(token_to=[place.ref(), moody])
    assert place.works()


def test_a_super_action_that_this_package_has_not_is_invalid(place: Place, tmp_path: Path) -> None:
    specs = shutil.copytree(str(SpecFolder().folder), tmp_path / "specs")
    text = (specs / "revoke_pat.yaml").read_text()
    (specs / "revoke_pat.yaml").write_text(text.replace("super: revoke_pat", "super: explode_pat"))
    with Connector(ConnectorAuth(place.rotator), specs=specs, base_url=place.url) as connector:
        result = connector.run("revoke_pat", {"token_id": "x"})
        assert connector.plan("list_pats").method == "GET"
        with pytest.raises(InvalidError, match="super action"):
            connector.plan("audit_pats")
    assert result.outcome is Outcome.INVALID
    assert result.problem is not None
    assert "explode_pat" in result.problem.message
