"""One damaged row of the journal keeps no other name from being reconciled, applied or checked; take-over mends it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome
from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.state.database import FILE
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done
    from tests.support.lifecycle_sandbox import ManagedSandbox

DAMAGE = (
    "UPDATE names SET entry = substr(entry, 1, 40) WHERE name = 'ci'",
    "UPDATE names SET entry = replace(entry, 'embed', 'company') WHERE name = 'ci'",
    "UPDATE names SET entry = '{}' WHERE name = 'ci'",
    "UPDATE names SET entry = CAST(X'FFFE' AS TEXT) WHERE name = 'ci'",
    "UPDATE names SET api = 'https://elsewhere.example' WHERE name = 'ci'",
    "UPDATE names SET name = 'cj' WHERE name = 'ci'",
)
FLEET = """\
fleet: 1
tokens:
  - {{name: ci, scopes: [embed], note: CI, expiration: 30, to: ["{0}"]}}
  - {{name: crm, scopes: [embed], note: CI, expiration: 30, to: ["{1}"]}}
"""


def damage(sandbox: ManagedSandbox, statement: str) -> None:
    with closing(sqlite3.connect(sandbox.folder / "state" / FILE, isolation_level=None)) as database:
        assert database.execute(statement).rowcount == 1


def test_a_damaged_row_stops_its_own_name_alone_and_a_takeover_mends_it(
    sandbox: ManagedSandbox, call: Callable[..., Done]
) -> None:
    sandbox.ensure(name="crm", token_to=[sandbox.ref("crm")])
    file = sandbox.folder / "fleet.yaml"
    file.write_text(FLEET.format(sandbox.ref("ci"), sandbox.ref("crm")))
    (sandbox.folder / "rotator").write_text(sandbox.rotator.reveal())
    os.environ.update(LOCOIA_BASE_URL=sandbox.url, LOCOIA_PAT_STATE=str(sandbox.folder / "state"))
    auth = ("--auth", f"text:{sandbox.folder / 'rotator'}")
    for statement in DAMAGE:
        sandbox.ensure()
        damage(sandbox, statement)
        state = State(sandbox.folder / "state")
        renamed = "SET name" in statement or "SET api" in statement
        with sandbox.connector() as connector:
            for plan in (True, False):
                result = reconcile(connector, state=state, plan=plan)
                reports: dict[str, Any] = {report["name"]: report for report in (result.data or {})["names"]}
                assert reports["crm"]["outcome"] == "done", statement
                if not renamed:
                    assert result.outcome is Outcome.INVALID, statement
                    assert "take-over ci" in reports["ci"]["error"]["next"], statement
        doctor = call("doctor", *auth)
        assert "crm: nothing unfinished" in " ".join(doctor.out.split()) or "crm" in doctor.out, statement
        assert "cannot be used" in doctor.out, statement
        status = call("fleet", "status", str(file), *auth, "--json")
        steps = {token["name"]: token["step"] for token in status.envelope["tokens"]}
        assert steps == {"ci": "blocked", "crm": "none"}, statement
        applied = call("fleet", "apply", str(file), *auth, "--yes")
        assert applied.code == 2, statement
        assert '"crm"' in applied.out, statement
        with sandbox.connector() as connector:
            again = take_over(connector, "ci", [sandbox.ref()], state=state, settle=0.0)
            assert again.outcome is Outcome.DONE, (statement, again)
            assert any("taken over without it" in warning for warning in again.warnings), statement
        assert sandbox.works(), statement
        with closing(sqlite3.connect(sandbox.folder / "state" / FILE, isolation_level=None)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM names ORDER BY name")]
        assert names == ["ci", "crm"], statement


def test_a_damaged_row_of_a_token_or_a_receipt_is_named_and_mended(sandbox: ManagedSandbox) -> None:
    ref = f"text:{sandbox.folder}/ci.txt"
    sandbox.ensure(token_to=[ref])
    for statement, table in (
        ("UPDATE tokens SET metadata = '{' WHERE name = 'ci'", "tokens"),
        ("UPDATE receipts SET receipt = '[]' WHERE name = 'ci'", "receipts"),
    ):
        with closing(sqlite3.connect(sandbox.folder / "state" / FILE, isolation_level=None)) as database:
            database.execute(statement)
        state = State(sandbox.folder / "state")
        with sandbox.connector() as connector:
            (report,) = (reconcile(connector, state=state, plan=table == "receipts").data or {})["names"]
            assert f"the table {table}" in report["error"]["message"], statement
            again = take_over(connector, "ci", [ref], state=state, settle=0.0)
            assert again.outcome is Outcome.DONE, (statement, again)
