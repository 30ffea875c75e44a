"""A measurement announces its rows, revokes every token it created, and can be stopped at any time."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, Outcome, Secret
from locoia_pat.actions.doctor.measure import LEASE
from locoia_pat.actions.doctor.probes import is_whole, page_signs
from locoia_pat.actions.lifecycle.capabilities import QUESTIONS, ApiFacts, CapabilityFile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.actions.sandbox.server import OWNER
from locoia_pat.state.journal import State
from tests.support.clinic import values
from tests.support.command import on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clinic import Clinic
    from tests.support.command import Done
    from tests.support.postgres_server import PostgresServer

PATH = "/v1/personal-access-tokens"
REGENERATE = f"{PATH}/*/regenerate"


# Rows


def test_a_measurement_that_lost_its_lease_writes_nothing_over_the_next_one_and_leaves_no_token(
    clinic: Clinic, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    other = State(url)
    facts = ApiFacts({"list_lag": {"value": 2, "at": "now", "how": "x"}})

    def take_over() -> None:
        postgres.execute("UPDATE locoia_pat.leases SET expires = now() - interval '1 hour'", url.rpartition("/")[2])
        lease = other.lease(*LEASE)
        assert lease.acquire(0)
        CapabilityFile(other.under(lease)).write("https://api.example.com/v1", facts)

    clinic.store.hooks["create", 2] = take_over
    with pytest.raises(InvalidError, match=r"capabilities.json .* cannot be written: .* was lost"):
        clinic.measure(state=State(url))
    assert CapabilityFile(other).read("https://api.example.com/v1") == ApiFacts(facts.all_facts())
    active = [row.id for token in clinic.store.minted if (row := clinic.store.authenticate(token)) is not None]
    assert sorted(active) == sorted(row.id for row in clinic.rows())  # the last secret of each, which was discarded


def test_each_row_is_revoked_by_a_regenerate_whose_secret_is_discarded(clinic: Clinic) -> None:
    result = clinic.measure()
    assert result.data is not None
    assert (result.outcome, result.data["not_revoked"]) == (Outcome.DONE, [])
    rows = clinic.rows()
    assert len(rows) == result.data["rows"] == 3
    active = [row.id for token in clinic.store.minted if (row := clinic.store.authenticate(token)) is not None]
    assert sorted(active) == sorted(row.id for row in rows)  # the last secret of each, which was discarded
    text = clinic.file.read_text()
    assert not any(token.reveal() in text for token in [*clinic.store.minted, clinic.token])
    assert stat.S_IMODE(clinic.file.stat().st_mode) == 0o600


def test_rows_are_revoked_last(clinic: Clinic) -> None:
    clinic.measure()
    last = [("regenerate", row.id) for row in clinic.rows()]
    assert clinic.store.calls[-len(last) :] == last


def test_the_users_own_rows_are_not_touched(clinic: Clinic) -> None:
    before = {row.id: row for row in clinic.store.owned_by(OWNER)}
    clinic.measure()
    after = {row.id: row for row in clinic.store.owned_by(OWNER) if row.id in before}
    assert {id_: (row.expiration, row.note) for id_, row in after.items()} == {
        id_: (row.expiration, row.note) for id_, row in before.items()
    }
    assert clinic.store.authenticate(clinic.token) is not None


def test_every_fact_is_saved_with_its_time_and_method(clinic: Clinic) -> None:
    clinic.measure()
    facts = clinic.saved()["facts"]
    assert facts.keys() == QUESTIONS.keys()
    for name, fact in facts.items():
        assert fact.keys() == {"value", "at", "how"}
        assert (fact["at"] is None) == (fact["how"] == "not measured"), name
    assert facts["expired_renewable"] == {"value": "unknown", "at": None, "how": "not measured"}


def test_it_announces_how_many_rows_stay_and_creates_no_more(clinic: Clinic) -> None:
    with clinic.measurement(scopes=("embed", "company", "dashboard")) as measurement:
        plan = measurement.describe_plan()
        measurement.measure()
    assert "up to 6 tokens at 127.0.0.1" in plan
    assert "no delete" in plan
    assert len(clinic.rows()) <= 6


@pytest.mark.behaviour(may_widen=False)
def test_the_announced_number_is_reached_if_each_scope_needs_two_rows(clinic: Clinic) -> None:
    clinic.measure(scopes=("embed", "company", "dashboard"))
    assert len(clinic.rows()) == 6


@pytest.mark.behaviour(regenerate_id="new", regenerate_response="token", note="cut")
def test_rows_whose_new_id_is_not_returned_are_revoked_too(clinic: Clinic) -> None:
    result = clinic.measure()
    assert values(result)["regenerate_keeps_id"] is False
    active = [row.id for token in clinic.store.minted if (row := clinic.store.authenticate(token)) is not None]
    assert len(active) == len(clinic.rows())
    assert clinic.saved()["runs"][0]["cleared"] is True


def test_a_single_narrow_scope_can_be_measured(clinic: Clinic) -> None:
    one = values(clinic.measure(scopes=["embed:view"]))
    assert one["may_create"] == one["may_list"] == {"embed:view": True}
    assert one["may_create_wider"] is True
    assert one["note_length_kept"] is True


@pytest.mark.behaviour(may_widen=False)
def test_scopes_that_the_credential_may_not_give_stay_unknown(clinic: Clinic) -> None:
    _, narrow = clinic.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    found = values(clinic.measure(narrow, scopes=("embed", "company", "dashboard")))
    assert found["may_list"] == {"embed": "unknown", "company": True, "dashboard": "unknown"}
    assert found["may_create"]["company"] is True


@pytest.mark.behaviour(list_lag=1)
def test_a_row_that_is_not_listed_in_time_leaves_the_lag_unknown(clinic: Clinic) -> None:
    assert values(clinic.measure(patience=0))["list_lag"] == "unknown"
    assert clinic.saved()["facts"]["list_lag"]["how"] == "the row was not in the list within 0 s"


def test_signs_of_further_pages_are_recognised() -> None:
    for body, headers, signs in (
        ([], {}, []),
        ([], {"link": '</x?page=2>; rel="next"', "x-total-count": "7"}, ["Link", "x-total-count"]),
        ([], {"link": "</x>; rel=next"}, ["Link"]),
        ([], {"link": '</x>; rel="self"'}, []),
        ({"data": {"items": [], "next_cursor": None}, "total": 3}, {}, ["total", "next_cursor"]),
        ({"data": [], "meta": {"Page": 1}}, {}, ["Page"]),
        (None, {}, []),
    ):
        assert page_signs(body, headers) == signs, (body, headers)


def test_a_list_is_whole_if_no_row_is_missing_and_nothing_suggests_further_pages() -> None:
    for listed, expected, signs, whole in (
        ("ab", "ab", [], True),
        ("ab", "a", [], True),
        ("a", "ab", [], False),
        ("a", "ab", ["total"], False),
        ("ab", "ab", ["total"], "unknown"),
    ):
        assert is_whole(listed, expected, signs) == whole, (listed, expected, signs)


# Faults


@pytest.mark.parametrize("kind", ["lost", "cut", "no_token", "dropped", "html"])
def test_a_create_whose_response_is_lost_is_cleaned_up_and_safe_to_retry(kind: Any, clinic: Clinic) -> None:
    clinic.faults.add(Fault(kind, method="POST", path=PATH))
    result = clinic.measure()
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.NOT_DONE, "unavailable")
    assert clinic.saved()["runs"][0]["cleared"] is True
    assert len(clinic.store.minted) == (0 if kind in ("dropped", "html") else 2)
    assert clinic.measure().outcome is Outcome.DONE


@pytest.mark.parametrize("times", [1, 2, 3])
def test_lost_responses_never_leave_an_active_token(times: int, clinic: Clinic) -> None:
    clinic.faults.add(Fault("lost", method="POST", path=REGENERATE, times=times))
    result = clinic.measure()
    assert result.outcome in (Outcome.DONE, Outcome.NOT_DONE)
    assert all(run["cleared"] for run in clinic.saved()["runs"])


def test_a_refused_credential_creates_nothing(clinic: Clinic) -> None:
    result = clinic.measure(Secret("lpat_sbx_" + "x" * 36))
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.REFUSED, "unauthorized")
    assert clinic.rows() == []
    assert clinic.measure().outcome is Outcome.DONE


@pytest.mark.behaviour(pat_scope="embed", pat_scope_for="changes")
def test_a_credential_that_may_not_create_leaves_no_row(clinic: Clinic) -> None:
    _, narrow = clinic.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    result = clinic.measure(narrow)
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.REFUSED, "forbidden")
    assert clinic.rows() == []


def test_rows_that_could_not_be_revoked_are_named_and_revoked_next_time(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=REGENERATE, times=None))
    result = clinic.measure()
    assert result.problem is not None
    assert result.data is not None
    assert (result.outcome, result.problem.next) == (Outcome.UNKNOWN, "locoia-pat doctor --measure --finish")
    (row,) = clinic.rows()
    assert result.data["not_revoked"] == [row.id]
    assert row.id in str(result.problem.hint)
    assert any("503" in warning for warning in result.warnings)
    clinic.faults.clear()
    before = clinic.hashes()
    with clinic.measurement() as measurement:
        assert "earlier measurement" in measurement.describe_plan(finish=True)
        finished = measurement.finish()
    assert (finished.outcome, finished.data and finished.data["not_revoked"]) == (Outcome.DONE, [])
    assert clinic.hashes() != before


def test_an_unavailable_api_loses_no_row(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=REGENERATE, times=1))
    clinic.faults.add(Fault("status", method="GET", times=None))
    with clinic.measurement() as measurement:
        result = measurement.measure()
    assert result.outcome is Outcome.NOT_DONE
    assert clinic.rows() == []


def test_a_refused_first_scope_is_skipped(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=PATH, times=1, status=422))
    result = clinic.measure()  # the first scope is refused, so it begins with the second
    assert values(result)["may_create"] == {"embed": "unknown", "company": True}


def skip(clinic: Clinic, path: str, count: int) -> None:
    """Let the next faults wait until so many POSTs to *path* have passed."""
    clinic.faults.add(Fault("slow", method="POST", path=path, times=count, seconds=0))


def test_a_refused_note_is_not_taken_for_a_refused_scope(clinic: Clinic) -> None:
    skip(clinic, PATH, 1)
    clinic.faults.add(Fault("status", method="POST", path=PATH, status=422))
    found = values(clinic.measure())
    assert (found["note_length_kept"], found["may_create_wider"], found["note_kept"]) == (False, True, True)


def test_a_list_that_fails_at_the_end_leaves_its_facts_unknown_and_no_active_token(clinic: Clinic) -> None:
    clinic.store.hooks["create", 3] = lambda: clinic.faults.add(Fault("status", method="GET", status=404, times=None))
    result = clinic.measure()
    assert result.outcome is Outcome.DONE
    assert values(result)["list_whole"] == "unknown"
    assert len(clinic.rows()) == 3
    assert [run["cleared"] for run in clinic.saved()["runs"]] == [True]


@pytest.mark.behaviour(regenerate_response="token")
def test_a_row_that_cannot_be_listed_leaves_it_unknown_whether_its_id_changed(clinic: Clinic) -> None:
    clinic.store.hooks["create", 1] = lambda: clinic.faults.add(Fault("status", method="GET", status=404, times=None))
    assert values(clinic.measure(patience=0))["regenerate_keeps_id"] == "unknown"


@pytest.mark.parametrize("lost", [2, 3])
def test_a_revoke_whose_response_is_lost_is_retried(lost: int, clinic: Clinic) -> None:
    clinic.store.hooks["create", 3] = lambda: clinic.faults.add(
        Fault("lost", method="POST", path=REGENERATE, times=1 + lost)
    )
    result = clinic.measure()
    assert result.data is not None
    assert bool(result.data["not_revoked"]) == (result.outcome is Outcome.UNKNOWN) == (lost > 2)


def test_a_row_that_appeared_late_is_revoked_by_the_next_measurement(clinic: Clinic) -> None:
    clinic.measure()
    (run,) = clinic.saved()["runs"]
    row, token = clinic.store.create(owner=OWNER, days=1, scopes=["embed"], note=f"~lpd1/{run['op']}/9 late")
    clinic.measure()
    assert clinic.store.authenticate(token) is None
    (run, _) = clinic.saved()["runs"]
    assert (row.id in run["rows"].values(), len(run["rows"])) == (True, 4)


def test_a_row_that_is_gone_needs_no_revoke(clinic: Clinic) -> None:
    clinic.measure()
    gone = {"0": "11111111-1111-4111-8111-111111111111"}
    clinic.edit(lambda saved: saved["runs"][0].update(cleared=False, due=None, op="A" * 16, rows=gone))
    assert clinic.finish().outcome is Outcome.DONE
    (run,) = clinic.saved()["runs"]
    assert (run["cleared"], run["due"] > "2026") == (True, True)


# Stopped half-way


def start_command(clinic: Clinic) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    environment = {
        **os.environ,
        "LOCOIA_BASE_URL": clinic.url,
        "LOCOIA_TOKEN": clinic.token.reveal(),
        "LOCOIA_PAT_STATE": str(clinic.state),
    }
    command = [sys.executable, "-m", "locoia_pat", "doctor", "--measure", "--scope", "embed", "--scope", "company"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


@pytest.mark.parametrize(
    ("call", "count"), [("create", 1), ("create", 2), ("create", 3), ("regenerate", 1), ("regenerate", 3)]
)
def test_the_next_measurement_revokes_what_a_killed_one_left(call: str, count: int, clinic: Clinic) -> None:
    with clinic.store.paused(call, count) as done, start_command(clinic) as process:
        assert done.wait(30)
        process.kill()
    left = clinic.hashes()
    assert len(left) == sum(name == "create" for name, _ in clinic.store.calls)
    assert [run["cleared"] for run in clinic.saved()["runs"]] == [False]
    assert clinic.measure().outcome is Outcome.DONE
    after = clinic.hashes()
    assert all(after[id_] != left[id_] for id_ in left)
    assert [run["cleared"] for run in clinic.saved()["runs"]] == [True, True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_measurement_revokes_its_rows(number: int, clinic: Clinic) -> None:
    with start_command(clinic) as process:
        with clinic.store.paused("create", 2) as done:
            assert done.wait(30)
            left = clinic.hashes()
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, (out, err)
    assert "interrupted; to revoke tokens that are left, run: locoia-pat doctor --measure --finish" in err
    after = clinic.hashes()
    assert len(left) == 2
    assert all(after[id_] != left[id_] for id_ in left)
    assert [run["cleared"] for run in clinic.saved()["runs"]] == [True]


def test_a_row_whose_create_was_interrupted_stays_in_the_journal_until_a_list_has_shown_it(clinic: Clinic) -> None:
    with clinic.store.paused("create", 1) as done, start_command(clinic) as process:
        assert done.wait(30)
        clinic.faults.add(Fault("status", method="GET", status=404, times=None))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    (token,) = clinic.store.minted
    assert [run["cleared"] for run in clinic.saved()["runs"]] == [False]
    clinic.faults.clear()
    assert clinic.measure().outcome is Outcome.DONE
    assert clinic.store.authenticate(token) is None
    assert all(run["cleared"] for run in clinic.saved()["runs"])


def test_a_second_measurement_at_the_same_time_is_busy(clinic: Clinic) -> None:
    lease = State(clinic.state).lease("*", "doctor --measure")
    assert lease.acquire(0)
    result = clinic.measure(wait=0)
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.NOT_DONE, "busy")
    lease.release()
    assert clinic.rows() == []


# After the rows have expired


def test_nothing_can_be_finished_before_the_rows_have_certainly_expired(clinic: Clinic) -> None:
    with pytest.raises(InvalidError, match="Measure first: locoia-pat doctor --measure"):
        clinic.finish()
    clinic.measure()
    with pytest.raises(InvalidError, match="They expire by 20"):
        clinic.finish()
    due = dt.datetime.fromisoformat(clinic.saved()["runs"][0]["due"])
    assert due > dt.datetime.now(dt.UTC) + dt.timedelta(days=2)  # a day, and another for an expiry without a zone


def test_a_row_that_is_not_listed_is_regenerated_by_its_journalled_id(clinic: Clinic) -> None:
    clinic.measure()
    gone = {"0": "11111111-1111-4111-8111-111111111111"}
    clinic.edit(lambda saved: saved["runs"][0].update(rows=gone, op="A" * 16))
    clinic.expire()
    assert values(clinic.finish())["expired_renewable"] is False


@pytest.mark.parametrize(("status", "code"), [(403, "forbidden"), (500, "unknown")])
def test_a_regenerate_that_fails_for_another_reason_leaves_it_unknown(status: int, code: str, clinic: Clinic) -> None:
    clinic.measure()
    clinic.expire()
    clinic.faults.add(Fault("status", method="POST", status=status))
    assert values(clinic.finish())["expired_renewable"] == "unknown"
    assert code in clinic.saved()["facts"]["expired_renewable"]["how"]


def test_a_finish_that_failed_can_be_repeated(clinic: Clinic) -> None:
    clinic.measure()
    clinic.expire()
    clinic.faults.add(Fault("status", method="GET", times=3))
    result = clinic.finish()
    assert result.outcome is Outcome.NOT_DONE
    assert len(clinic.saved()["runs"]) == 1
    assert values(clinic.finish())["expired_renewable"] is True


# Invalid input, and the capability file


def test_at_least_one_scope_is_required(clinic: Clinic) -> None:
    with pytest.raises(InvalidError, match="no scope to try"):
        clinic.measure(scopes=())
    assert clinic.measure(scopes=["emebd"]).outcome is Outcome.INVALID


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON"),
        ("[]", "another version of locoia-pat wrote it"),
        ('{"v": 2, "apis": {}}', "another version of locoia-pat wrote it"),
        ('{"v": 1, "apis": {"URL": {"runs": [1]}}}', "it is not as locoia-pat writes it"),
        ('{"v": 1, "apis": {"URL": {"facts": {"list_lag": 1}}}}', "it is not as locoia-pat writes it"),
    ],
)
def test_an_unreadable_capability_file_is_never_overwritten(text: str, why: str, clinic: Clinic) -> None:
    clinic.state.mkdir()
    clinic.file.write_text(text.replace("URL", clinic.url))
    with pytest.raises(InvalidError, match=why):
        clinic.measure()
    assert clinic.file.read_text() == text.replace("URL", clinic.url)
    assert clinic.rows() == []


def test_an_unwritable_capability_file_is_noticed_before_anything_is_created(clinic: Clinic) -> None:
    clinic.file.mkdir(parents=True)
    with pytest.raises(InvalidError, match="Is a directory"):
        clinic.measure()
    clinic.file.rmdir()
    temporary = hashlib.sha256(clinic.file.name.encode()).hexdigest()[:16]
    (clinic.state / f".locoia-pat-{temporary}.tmp").mkdir()
    with pytest.raises(InvalidError, match="cannot be written"):
        clinic.measure()
    assert clinic.rows() == []


def test_facts_of_another_api_stay(clinic: Clinic) -> None:
    clinic.state.mkdir()
    clinic.file.write_text('{"v": 1, "apis": {"https://other/v1": {"facts": {}, "runs": []}}}')
    clinic.measure()
    assert json.loads(clinic.file.read_text())["apis"].keys() == {"https://other/v1", clinic.url}


# The command


def test_the_command_prints_a_table_or_json(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    done = call("doctor", "--measure", "--scope", "embed", "--scope", "company", "--patience", "2")
    assert done.code == 0
    assert "up to 4 tokens at 127.0.0.1" in done.err
    assert "locoia-pat doctor --measure --finish" in done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["fact", "value", "how"]
    assert len(lines) == 1 + len(QUESTIONS)
    assert any(line.startswith("may_list") and "embed company" in line for line in lines)
    os.environ["LOCOIA_TOKEN"] = cli_clinic.token.reveal()  # the command removes it
    cli_clinic.expire()
    done = call("doctor", "--measure", "--finish", "--json")
    assert done.code == 0
    assert done.envelope["data"]["facts"]["expired_renewable"]["value"] is True
    assert done.envelope["data"]["rows"] == 0
    assert "until they expire" not in done.err


@pytest.mark.behaviour(pat_scope="embed", list_shape="envelope")
def test_the_table_names_the_scopes_that_may(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    done = call("doctor", "--measure", "--scope", "company")
    (line,) = [line for line in done.out.splitlines() if line.startswith("may_list")]
    assert line.split()[1] == "none"
    cli_clinic.expire()


@pytest.mark.behaviour(may_widen=False)
def test_the_table_marks_unknown_scopes(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    _, narrow = cli_clinic.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    os.environ["LOCOIA_TOKEN"] = narrow.reveal()
    done = call("doctor", "--measure", "--scope", "embed", "--scope", "company")
    (line,) = [line for line in done.out.splitlines() if line.startswith("may_create ")]
    assert line.split()[1:3] == ["company", "embed?"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--finish"], "--finish needs --measure"),
        (["--measure", "--finish"], "no throwaway rows have expired yet"),
        (["--measure", "--scope", "emebd"], "emebd"),
        (["--measure", "--patience", "-1"], "patience"),
    ],
)
def test_an_invalid_call_sends_nothing(
    arguments: list[str], words: str, cli_clinic: Clinic, call: Callable[..., Done]
) -> None:
    done = call("doctor", *arguments)
    assert done.code == 2
    assert words in done.err
    assert cli_clinic.rows() == []


def test_nothing_is_created_without_a_credential_or_a_state_folder(
    cli_clinic: Clinic, call: Callable[..., Done]
) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(cli_clinic.folder / "sandbox.sqlite3")
    done = call("doctor", "--measure")
    assert (done.code, "cannot be used" in done.err) == (2, True)
    os.environ["LOCOIA_PAT_STATE"] = str(cli_clinic.state)
    os.environ.pop("LOCOIA_TOKEN", None)
    done = call("doctor", "--measure")
    assert (done.code, "there is no credential" in done.err) == (2, True)
    assert cli_clinic.rows() == []


def test_the_command_names_the_measurement_in_progress(cli_clinic: Clinic, call: Callable[..., Done]) -> None:
    lease = State(cli_clinic.state).lease("*", "doctor --measure")
    assert lease.acquire(0)
    done = call("doctor", "--measure", "--wait", "0")
    assert (done.code, "another measurement is in progress: process" in done.err) == (4, True)


@pytest.mark.parametrize("yes", [True, False])
def test_on_a_terminal_it_asks(yes: bool, cli_clinic: Clinic) -> None:
    done = on_terminal("doctor", "--measure", "--scope", "embed", typed="y\n" if yes else "n\n")
    assert "up to 2 tokens" in done.err
    assert done.code == (0 if yes else 2)
    assert bool(cli_clinic.rows()) == yes
    assert ("not confirmed; nothing was sent" in done.err) != yes


def test_with_yes_it_does_not_ask(cli_clinic: Clinic) -> None:
    done = on_terminal("doctor", "--measure", "--scope", "embed", "--yes")
    assert (done.code, "Continue?" in done.err) == (0, False)
    assert cli_clinic.rows()
