"""The super actions as steps: by name, by the command, in async code, and what each tells."""

from __future__ import annotations

import asyncio
import datetime as dt
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
from locoia_pat.actions.scopes import NAMES as SCOPES
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
    from tests.support.lifecycle_sandbox import ManagedSandbox

    Call = Callable[..., Done]

__all__ = ["call"]

WISH = ["name=ci", "scopes=embed", "expiration=30", "note=CI"]


@pytest.fixture
def run(call: Call, sandbox: ManagedSandbox) -> Callable[..., Done]:
    """The command, with the sandbox and the state of the test."""

    def run(*arguments: str) -> Done:
        os.environ |= {
            "LOCOIA_BASE_URL": sandbox.url,
            "LOCOIA_TOKEN": sandbox.rotator.reveal(),
            "LOCOIA_PAT_STATE": str(sandbox.folder / "state"),
        }
        return call(*arguments)

    return run


def test_ensure_pat_reports_what_it_did(run: Call, sandbox: ManagedSandbox) -> None:
    for change in ("created", "none"):
        done = run("run", "ensure_pat", *WISH, "--token-to", sandbox.ref())
        assert done.code == 0, done.err
        assert (done.envelope["outcome"], done.envelope["data"]["change"]) == ("done", change)
        assert done.envelope["token_ref"] == f"{sandbox.ref()}#current"
        assert "lpat_" not in done.out + done.err
    rotated = run("run", "rotate_pat", "name=ci", "expiration=30", "--token-to", sandbox.ref()).envelope["data"]
    assert (rotated["change"], rotated["retire_due"] is not None) == ("rotated", True)
    assert run("reconcile", "--plan").envelope["data"]["names"][0]["retire_due"] == rotated["retire_due"]
    ended = run("run", "retire_pat", "name=ci", "--token-to", sandbox.ref()).envelope["data"]
    assert (ended["change"], ended["id"]) == ("retired", None)
    assert run("run", "retire_pat", "name=ci", "--token-to", sandbox.ref()).envelope["data"]["change"] == "none"


WRONG: dict[str, tuple[list[str], str | None, str]] = {
    "no store": (["ensure_pat", *WISH], "token_to", "validation"),
    "no scopes": (["ensure_pat", "name=ci"], "scopes", "validation"),
    "no name": (["ensure_pat", *WISH[1:], "name=No Name"], "name", "validation"),
    "no kind of store": (["ensure_pat", *WISH, "--token-to", "nowhere:x"], "token_to", "validation"),
    "a name without a token": (["rotate_pat", "name=ci", "expiration=3", "--token-to", "file:x"], None, "not_found"),
    "a revoke with a store": (["revoke_pat", "token_id=x", "--token-to", "file:x"], "token_to", "validation"),
    "an audit with a store": (["audit_pats", "--token-to", "file:x"], "token_to", "validation"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_input_of_a_super_action_sends_nothing(
    run: Call, sandbox: ManagedSandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox.folder)
    arguments, field, code = WRONG[name]
    done = run("run", *arguments)
    assert (done.code, done.envelope["error"]["code"], done.envelope["error"]["field"]) == (2, code, field)
    assert sandbox.rows() == []


def test_on_a_terminal_a_super_action_names_the_host_and_asks(sandbox: ManagedSandbox) -> None:
    variables = {
        "LOCOIA_BASE_URL": sandbox.url,
        "LOCOIA_TOKEN": sandbox.rotator.reveal(),
        "LOCOIA_PAT_STATE": str(sandbox.folder / "state"),
    }
    arguments = ("run", "ensure_pat", *WISH, "--token-to", sandbox.ref())
    refused = on_terminal(*arguments, typed="n\n", **variables)
    assert (refused.code, sandbox.rows()) == (2, [])
    assert f"at {sandbox.url}" in refused.err
    assert on_terminal(*arguments, typed="y\n", **variables).code == 0
    assert len(sandbox.rows()) == 1


def test_a_super_action_runs_in_async_code(sandbox: ManagedSandbox) -> None:
    async def main() -> Any:
        async with AsyncConnector(ConnectorAuth(sandbox.rotator), base_url=sandbox.url) as connector:
            wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
            return await connector.run("ensure_pat", wishes, token_to=[sandbox.ref()])

    os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
    result = asyncio.run(main())
    assert (result.outcome, result.data["change"]) == (Outcome.DONE, "created")


def test_a_revoked_token_does_not_work_and_its_row_expires(run: Call, sandbox: ManagedSandbox) -> None:
    row, token = sandbox.store.create(owner="sandbox", days=30, scopes=["embed"], note="leaked")
    done = run("run", "revoke_pat", f"token_id={row.id}")
    assert (done.code, done.envelope["data"]["id"]) == (0, row.id)
    assert sandbox.store.authenticate(token) is None
    assert run("run", "revoke_pat", "token_id=no-such-row").code == 3
    with sandbox.connector() as connector:
        revoke_pat(connector, row.id)
        with pytest.raises(RefusedError):
            revoke_pat(connector, "no-such-row")


def test_whoami_shows_the_name_that_a_token_was_minted_for_even_if_it_is_revoked(
    run: Call, sandbox: ManagedSandbox
) -> None:
    assert run("whoami", "--json").envelope["minted_for"] is None
    assert not (sandbox.folder / "state").exists()
    sandbox.ensure()
    assert run("whoami", "--json", "--auth", sandbox.ref()).envelope["minted_for"] == "ci"
    leaked = sandbox.folder / "leaked"
    leaked.write_text(read_token(sandbox.ref()).reveal())
    sandbox.rotate()
    who = run("whoami", "--json", "--auth", f"text:{leaked}").envelope
    assert (who["accepted"], who["minted_for"]) == (False, "ci")
    assert run("whoami", "--json").envelope["minted_for"] is None


def test_revoking_a_token_of_a_managed_name_warns_and_reconcile_replaces_it(run: Call, sandbox: ManagedSandbox) -> None:
    id_ = sandbox.ensure().id
    done = run("run", "revoke_pat", f"token_id={id_}")
    assert "belongs to the managed name ci" in done.envelope["warnings"][0]
    assert not sandbox.works()
    assert run("reconcile").code == 0
    assert sandbox.works()


def test_revoking_the_credential_in_use_warns(run: Call, sandbox: ManagedSandbox) -> None:
    id_ = sandbox.ensure().id
    sandbox.faults.add(Fault("lost", times=1, method="POST"))
    lost = run("run", "revoke_pat", f"token_id={id_}", "--auth", sandbox.ref())
    assert lost.envelope["outcome"] == "unknown"
    assert lost.envelope["warnings"][-1] == "it is the credential in use, which no longer works"
    refused = run("run", "revoke_pat", f"token_id={id_}", "--auth", sandbox.ref())
    assert (refused.envelope["error"]["code"], refused.envelope["warnings"]) == ("unauthorized", [])


def test_revoking_a_row_of_a_retired_name_does_not_warn(run: Call, sandbox: ManagedSandbox) -> None:
    id_ = sandbox.ensure().id
    assert run("run", "retire_pat", "name=ci", "--token-to", sandbox.ref()).code == 0
    assert run("run", "revoke_pat", f"token_id={id_}").envelope["warnings"] == []


def test_an_audit_leaves_out_the_rows_of_a_measurement(run: Call) -> None:
    assert run("doctor", "--measure", "--yes").code == 0
    assert [one for one in run("run", "audit_pats").envelope["data"]["findings"] if "doctor" in one["note"]] == []


def test_an_audit_with_findings_exits_with_1(run: Call, sandbox: ManagedSandbox) -> None:
    for days, scopes, note in ((None, ["embed"], "never"), (3, ["embed"], "soon"), (300, ["company"], "wide")):
        sandbox.store.create(owner="sandbox", days=days, scopes=scopes, note=note)
    sandbox.ensure()
    done = run("run", "audit_pats", "needs=embed")
    found = {(row["note"], row["finding"]) for row in done.envelope["data"]["findings"]}
    assert {("never", "never-expires"), ("soon", "expiring"), ("wide", "too-wide")} <= found
    assert "unused" not in {finding for _, finding in found}  # all are new
    assert done.envelope["data"]["criteria"] == {
        "only": None, "expiring_within": 14, "never_expires": True, "unused_for": 90, "needs": ["embed"],
    }  # fmt: skip
    assert done.code == 1
    assert run("run", "audit_pats", "--exit-zero").code == 0
    with sandbox.connector() as connector:
        assert {row["finding"] for row in audit_pats(connector, expiring_within=1)} == {"never-expires"}


def test_an_audit_fails_only_on_what_was_asked_for(run: Call, sandbox: ManagedSandbox) -> None:
    for days, note in ((None, "never"), (3, "soon")):
        sandbox.store.create(owner="sandbox", days=days, scopes=["embed"], note=note)

    def found(*inputs: str) -> tuple[int, list[str]]:
        done = run("run", "audit_pats", *inputs)
        return done.code, sorted({row["finding"] for row in done.envelope["data"]["findings"]})

    for inputs, expected in (
        (["only=expiring"], ["expiring"]),
        (["only=expiring", "only=never-expires"], ["expiring", "never-expires"]),
        (["only=expiring", "expiring_within=2"], []),
        (["only=unused"], []),
        (["only=unused", "unused_for=0"], ["unused"]),
        (["only=too-wide", f"needs={json.dumps(SCOPES)}"], []),
        (["only=too-wide", "needs=embed:view"], ["too-wide"]),
        (["expiring_within=null"], ["never-expires"]),
        (["never_expires=false"], ["expiring"]),
        (["never_expires=false", "expiring_within=null", "unused_for=null"], []),
        (["unused_for=0"], ["expiring", "never-expires", "unused"]),
    ):
        assert found(*inputs) == (1 if expected else 0, expected), inputs
    done = run("run", "audit_pats", "only=too-wide")
    assert (done.code, done.envelope["error"]["field"]) == (2, "needs")
    assert done.envelope["error"]["hint"] == 'Name the scopes that are enough; "too-wide" is what exceeds them.'


def test_the_days_of_a_token_that_was_never_used_count_from_the_first_audit(run: Call, sandbox: ManagedSandbox) -> None:
    row, token = sandbox.store.create(owner="sandbox", days=300, scopes=["embed"], note="new")
    sandbox.ensure()  # a managed name has a row whose secret is never used

    def unused() -> dict[str, str]:
        found = run("run", "audit_pats", "only=unused", "unused_for=90").envelope["data"]["findings"]
        return {one["id"]: one["message"] for one in found}

    assert unused() == {}
    file = sandbox.folder / "state" / "never_used.json"
    (first,) = {at for apis in json.loads(file.read_text())["apis"].values() for at in apis.values()}
    earlier = (dt.datetime.fromisoformat(first) - dt.timedelta(days=100)).isoformat()
    file.write_text(file.read_text().replace(first, earlier))
    found = unused()
    assert found[row.id] == "it was never used in the 100 days since an audit first listed it"
    assert sandbox.store.authenticate(token) is not None
    assert row.id not in unused()
    assert row.id not in file.read_text()

    for damaged, reason in (("{", "as locoia-pat writes it"), ('{"v": 2}', "as locoia-pat writes it")):
        file.write_text(damaged)
        done = run("run", "audit_pats", "only=unused")
        assert (done.code, done.envelope["data"]["findings"]) == (0, [])
        assert reason in done.envelope["warnings"][0]
        assert str(file) in done.envelope["warnings"][0]
        assert file.read_text() == damaged
    file.unlink()
    file.mkdir()
    assert "Is a directory" in run("run", "audit_pats", "only=unused").envelope["warnings"][0]


def test_an_audit_counts_the_days_since_the_last_use(sandbox: ManagedSandbox) -> None:
    row, token = sandbox.store.create(owner="sandbox", days=300, scopes=["embed", "not:known"], note="used")
    assert sandbox.store.authenticate(token) is not None
    with sandbox.connector() as connector:
        found = [one for one in audit_pats(connector, unused_for=0, needs=["embed"]) if one["id"] == row.id]
    assert [one["finding"] for one in found] == ["unused", "too-wide"]
    assert "0 days ago" in found[0]["message"]


def test_an_audit_needs_no_state_folder_and_leaves_out_what_it_knows_to_be_revoked(
    run: Call, sandbox: ManagedSandbox
) -> None:
    sandbox.ensure()
    with sandbox.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
        assert "expiring" in [one["finding"] for one in audit_pats(connector, expiring_within=60)]
    assert run("run", "retire_pat", "name=ci", "--token-to", sandbox.ref()).code == 0
    with sandbox.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
        ended = [one for one in audit_pats(connector) if find_marker(one["note"])]
        (sandbox.folder / "file").touch()
        os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "file")
        findings = [one["finding"] for one in audit_pats(connector) if find_marker(one["note"])]
    assert (ended, findings) == ([], ["expiring"])


def test_an_audit_leaves_out_expired_tokens() -> None:
    row = {"id": "1", "expiration": "2001-01-01T00:00:00Z", "note": "old", "last_used": None, "scopes": ["embed"]}
    with serving(answer(200, [row])) as server, Connector(ConnectorAuth(Secret("x" * 20)), base_url=server.url) as api:
        assert audit_pats(api) == []


@pytest.mark.parametrize("action", ["audit_pats", "revoke_pat", "ensure_pat"])
def test_a_refusal_of_the_api_is_the_outcome_of_a_super_action(run: Call, sandbox: ManagedSandbox, action: str) -> None:
    sandbox.faults.add(Fault("status", times=None, status=403))
    inputs = {"audit_pats": [], "revoke_pat": ["token_id=x"], "ensure_pat": [*WISH, "--token-to", sandbox.ref()]}[
        action
    ]
    done = run("run", action, *inputs)
    assert (done.code, done.envelope["error"]["code"]) == (3, "forbidden")


def test_reconcile_reports_what_it_did_for_each_name(run: Call, sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    sandbox.ensure(**sandbox.options("other", token_to=[sandbox.ref("there")]), name="there")
    done = run("reconcile")
    assert done.code == 0
    assert done.envelope["data"]["names"] == [{"name": "ci", "outcome": "done", "change": "none"}]
    (foreign,) = done.envelope["data"]["foreign"]
    assert (foreign["name"], foreign["owner"]) == ("there", State(sandbox.folder / "other").owner)


def test_reconcile_finishes_what_was_left(run: Call, sandbox: ManagedSandbox) -> None:
    sandbox.faults.add(Fault("status", method="POST", times=None, status=500))
    assert run("run", "ensure_pat", *WISH, "--token-to", sandbox.ref()).code == 5
    sandbox.faults.clear()
    assert run("reconcile", "--plan").envelope["data"]["names"][0]["unfinished"] == "create"
    assert run("reconcile").envelope["data"]["names"][0]["change"] in ("created", "adopted")
    assert sandbox.works()


def test_reconcile_has_the_worst_outcome_of_its_names(run: Call, sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    sandbox.ensure(name="two", token_to=[sandbox.ref("two")])
    (sandbox.folder / "two.json").unlink()
    (sandbox.folder / "two.json").mkdir()
    done = run("reconcile")
    assert (done.code, done.envelope["outcome"]) == (2, "invalid")
    assert [row["outcome"] for row in done.envelope["data"]["names"]] == ["done", "invalid"]


def test_a_name_whose_journal_was_lost_is_listed_and_taken_over_by_its_notes(
    run: Call, sandbox: ManagedSandbox
) -> None:
    first = sandbox.ensure(note="CI of ours", scopes=["embed", "company:view"])
    shutil.rmtree(sandbox.folder / "state")
    plan = run("reconcile", "--plan")
    assert (plan.code, plan.envelope["data"]["names"]) == (0, [])
    (foreign,) = plan.envelope["data"]["foreign"]
    assert (foreign["id"], foreign["next"]) == (first.id, "locoia-pat reconcile --take-over ci --token-to REF")
    done = run("reconcile", "--take-over", "ci", "--token-to", sandbox.ref(), "--expiration", "9")
    assert (done.code, done.envelope["action"]) == (0, "reconcile"), done.err
    data = done.envelope["data"]
    assert (data["change"], sorted(data["scopes"])) == ("created", ["company:view", "embed"])
    assert data["id"] != first.id
    assert sandbox.works()
    assert sandbox.works(key="previous")  # until the overlap has passed
    (row,) = [row for row in sandbox.rows() if row.id == data["id"]]
    assert (row.note.startswith("CI of ours ~lp1/ci/"), row.expires_in_days) == (True, 9)
    assert row.managed.name == "ci"
    assert run("reconcile").envelope["data"]["names"][0]["change"] == "none"


def test_a_row_of_this_state_folder_whose_name_is_not_journalled_is_listed(run: Call, sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    with closing(sqlite3.connect(sandbox.folder / "state" / "state.sqlite3", isolation_level=None)) as database:
        database.execute("DELETE FROM names")
    assert [row["name"] for row in run("reconcile").envelope["data"]["foreign"]] == ["ci"]
    done = run("reconcile", "--take-over", "ci", "--token-to", sandbox.ref())
    assert (done.code, done.envelope["data"]["change"]) == (0, "adopted"), done.err
    assert sandbox.works()
    assert len(sandbox.rows()) == 1


def test_a_takeover_that_cannot_start_says_why(run: Call, sandbox: ManagedSandbox) -> None:
    unknown = run("reconcile", "--take-over", "nobody", "--token-to", sandbox.ref())
    assert (unknown.code, unknown.envelope["error"]["code"]) == (2, "not_found")
    for words in (["--take-over", "ci"], ["--token-to", sandbox.ref()]):
        assert "need each other" in run("reconcile", *words).err
    assert "--plan" in run("reconcile", "--plan", "--take-over", "ci", "--token-to", sandbox.ref()).err
    sandbox.ensure()
    sandbox.faults.add(Fault("status", times=None, status=403))
    assert run("reconcile", "--take-over", "ci", "--token-to", sandbox.ref()).code == 3


def test_on_a_terminal_reconcile_asks_first(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    variables = {"LOCOIA_BASE_URL": sandbox.url, "LOCOIA_PAT_STATE": str(sandbox.folder / "state")}
    token = sandbox.rotator.reveal()
    no = on_terminal("reconcile", typed="n\n", LOCOIA_TOKEN=token, **variables)
    assert (no.code, "finish interrupted work at http://127" in no.err) == (2, True)
    taken = ("reconcile", "--take-over", "ci", "--token-to", sandbox.ref())
    assert "take over ci at" in on_terminal(*taken, typed="n\n", LOCOIA_TOKEN=token, **variables).err
    assert on_terminal("reconcile", "--yes", LOCOIA_TOKEN=token, **variables).code == 0
    assert on_terminal("reconcile", typed="y\n", LOCOIA_TOKEN=token, **variables).code == 0


def test_tables_show_whose_a_row_is_and_what_an_audit_found(run: Call, call: Call, sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    owner = State(sandbox.folder / "state").owner
    assert f"name=ci slot=a state={owner}" in run("run", "list_pats", "--table").out
    found = run("run", "audit_pats", "expiring_within=400", "--table", "--exit-zero")
    assert (found.out.split()[:3], "checked: 2" in found.err) == (["id", "note", "finding"], True)
    with serving(answer(200, [])) as server:
        os.environ |= {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": "fake-token-0123456789abcdef"}
        assert call("run", "audit_pats", "--table").out.split()[-2:] == ["checked", "0"]


def test_what_was_done_is_journalled_with_a_fingerprint_and_without_a_secret(
    run: Call, sandbox: ManagedSandbox
) -> None:
    run("run", "ensure_pat", *WISH, "--token-to", sandbox.ref())
    run("run", "ensure_pat", *WISH, "--token-to", sandbox.ref())
    run("run", "rotate_pat", "name=ci", "expiration=30", "--token-to", sandbox.ref())
    state = State(sandbox.folder / "state")
    created, rotated = state.receipts(sandbox.url, "ci")
    assert (created["change"], rotated["change"]) == ("created", "rotated")
    assert rotated["fingerprint"] == state.fingerprint(read_token(sandbox.ref()))
    assert created["fingerprint"] == state.fingerprint(read_token(f"{sandbox.ref()}#previous"))
    assert (rotated["id"], rotated["stores"]) == (sandbox.ensure().id, [f"{sandbox.ref()}#current"])
    last = run("reconcile", "--plan").envelope["data"]["names"][0]["last"]
    assert (last["change"], last["fingerprint"]) == ("rotated", rotated["fingerprint"])
    run("run", "retire_pat", "name=ci", "--token-to", sandbox.ref())
    assert state.receipts(sandbox.url, "ci")[-1]["change"] == "retired"


def test_reconcile_says_why_it_cannot_start(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    with sandbox.connector() as connector:
        os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "file")
        (tmp_path / "file").touch()
        assert reconcile(connector).outcome is Outcome.INVALID
    sandbox.faults.add(Fault("status", times=None, status=403))
    with sandbox.connector() as connector:
        assert reconcile(connector, state=State(tmp_path / "state")).outcome is Outcome.REFUSED


@pytest.mark.behaviour(pat_scope="company")
@pytest.mark.parametrize("overlap", [0, 24])
def test_a_narrow_token_that_may_not_list_is_rotated(sandbox: ManagedSandbox, overlap: float) -> None:
    assert sandbox.ensure().change == "created"
    assert sandbox.ensure().change == "none"
    assert sandbox.rotate(overlap=overlap).change == "rotated"
    assert sandbox.rotate(overlap=0).change == "rotated"
    record = json.loads((sandbox.folder / "ci.json").read_text())
    assert sandbox.store.authenticate(Secret(record["current"]["token"])) is not None


def test_a_revoked_stored_token_is_replaced_by_the_rotator(sandbox: ManagedSandbox) -> None:
    first = sandbox.ensure()
    assert first.id is not None
    with sandbox.connector() as connector:
        connector.run("regenerate_pat", {"token_id": first.id, "expiration": 30})
    assert not sandbox.works()
    assert sandbox.ensure().change == "rotated"
    assert sandbox.works()


def test_a_name_returns_to_the_previous_token_if_the_current_one_was_revoked(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    second = sandbox.rotate(overlap=24)
    assert second.id is not None
    with sandbox.connector() as connector:
        connector.run("regenerate_pat", {"token_id": second.id, "expiration": 30})
    assert sandbox.ensure().change == "rotated"
    assert sandbox.works()


def test_two_names_in_one_store_are_refused(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    with sandbox.connector() as connector:
        wishes = {"name": "other", "scopes": ["embed"], "expiration": 30, "note": "x"}
        result = connector.run("ensure_pat", wishes, token_to=[sandbox.ref()])
    assert result.outcome is Outcome.INVALID
    assert result.problem is not None
    assert "the name ci" in result.problem.message


def test_stores_that_differ_are_synchronized(sandbox: ManagedSandbox) -> None:
    refs = [sandbox.ref("one"), sandbox.ref("two")]
    sandbox.ensure(token_to=refs)
    (sandbox.folder / "two.json").unlink()
    ensured = sandbox.ensure(token_to=refs)
    assert ensured.change == "none"
    assert ensured.warnings == (f"{refs[1]}#current no longer held the token of this name; it was written to it again",)
    assert sandbox.works("two")
    assert sandbox.ensure(token_to=[*refs, sandbox.ref("three")]).warnings == ()  # a store that is new was not emptied
    (sandbox.folder / "one.json").unlink()
    assert sandbox.retire(token_to=[*refs, sandbox.ref("three")]).warnings == ()


def test_two_stores_at_one_location_are_refused(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError, match="are the same location"):
        sandbox.ensure(token_to=[sandbox.ref(), f"text:{sandbox.folder}/ci.json"])
    assert sandbox.rows() == []


def test_a_missing_row_is_created_again(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    sandbox.rotate()
    state = State(sandbox.folder / "state")
    known = state.load(sandbox.url, "ci")
    assert known is not None
    state.save(sandbox.url, "ci", {**known, "rows": {**known["rows"], "a": "no-such-row"}})
    assert sandbox.rotate().change == "rotated"
    assert sandbox.works()


class Moody(FileStore):
    """A file that does not take a token while it is in a bad mood."""

    bad = False

    def write_record(self, record: Record) -> tuple[str, ...]:
        if self.bad:
            raise OSError("no space left")
        return super().write_record(record)


def test_a_store_that_fails_ends_not_stored_and_the_next_run_finishes(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    moody = Moody(str(sandbox.folder / "ci.json"))
    moody.bad = True
    with pytest.raises(NotStoredError, match="no space left"):
        sandbox.rotate(token_to=[moody])
    assert sandbox.works()
    moody.bad = False
    assert sandbox.rotate(token_to=[moody]).change == "rotated"
    assert sandbox.works()


def test_stores_that_differ_and_cannot_be_synchronized_are_invalid(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    moody = Moody(str(sandbox.folder / "moody.json"))
    moody.bad = True
    with pytest.raises(InvalidError, match="the token stores differ"):
        sandbox.ensure(token_to=[sandbox.ref(), moody])
    assert sandbox.works()


def test_an_unknown_super_action_is_invalid(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    specs = shutil.copytree(str(SpecFolder().folder), tmp_path / "specs")
    text = (specs / "revoke_pat.yaml").read_text()
    (specs / "revoke_pat.yaml").write_text(text.replace("super: revoke_pat", "super: explode_pat"))
    with Connector(ConnectorAuth(sandbox.rotator), specs=specs, base_url=sandbox.url) as connector:
        result = connector.run("revoke_pat", {"token_id": "x"})
        assert connector.plan("list_pats").method == "GET"
        with pytest.raises(InvalidError, match="super action"):
            connector.plan("audit_pats")
    assert result.outcome is Outcome.INVALID
    assert result.problem is not None
    assert "explode_pat" in result.problem.message
