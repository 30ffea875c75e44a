"""A measurement says what it makes, leaves no token that works, and ends however it is ended."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, Outcome, Secret
from locoia_pat.actions.lifecycle.capabilities import QUESTIONS
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.actions.sandbox.server import OWNER
from locoia_pat.state.journal import State
from tests.support.clinic import values
from tests.support.command import on_terminal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.clinic import Clinic
    from tests.support.command import Done

PATH = "/v1/personal-access-tokens"
RENEW = f"{PATH}/*/regenerate"


# What is left


def test_each_row_is_made_useless_by_a_regenerate_whose_answer_is_thrown_away(clinic: Clinic) -> None:
    result = clinic.measure()
    assert result.data is not None
    assert (result.outcome, result.data["alive"]) == (Outcome.DONE, [])
    rows = clinic.rows()
    assert len(rows) == result.data["rows"] == 3
    alive = [row.id for token in clinic.store.minted if (row := clinic.store.authenticate(token)) is not None]
    assert sorted(alive) == sorted(row.id for row in rows)  # the last secret of each, which no answer was kept of
    text = clinic.file.read_text()
    assert not any(token.reveal() in text for token in [*clinic.store.minted, clinic.token])
    assert stat.S_IMODE(clinic.file.stat().st_mode) == 0o600


def test_the_last_thing_done_is_to_make_each_row_useless(clinic: Clinic) -> None:
    clinic.measure()
    last = [("regenerate", row.id) for row in clinic.rows()]
    assert clinic.store.done[-len(last) :] == last


def test_tokens_of_the_user_are_left_alone(clinic: Clinic) -> None:
    before = {row.id: row for row in clinic.store.owned_by(OWNER)}
    clinic.measure()
    after = {row.id: row for row in clinic.store.owned_by(OWNER) if row.id in before}
    assert {id_: (row.expiration, row.note) for id_, row in after.items()} == {
        id_: (row.expiration, row.note) for id_, row in before.items()
    }
    assert clinic.store.authenticate(clinic.token) is not None


def test_every_fact_is_kept_with_when_and_how_for_its_api(clinic: Clinic) -> None:
    clinic.measure()
    facts = clinic.kept()["facts"]
    assert facts.keys() == QUESTIONS.keys()
    for name, fact in facts.items():
        assert fact.keys() == {"value", "at", "how"}
        assert (fact["at"] is None) == (fact["how"] == "not measured"), name
    assert facts["expired_listed"] == {"value": "unknown", "at": None, "how": "not measured"}


def test_it_tells_first_how_many_rows_stay_and_makes_no_more(clinic: Clinic) -> None:
    with clinic.measurement(scopes=("embed", "company", "dashboard")) as measurement:
        told = measurement.foretold()
        measurement.measure()
    assert "up to 6 tokens at 127.0.0.1" in told
    assert "no delete" in told
    assert len(clinic.rows()) <= 6


@pytest.mark.behaviour(may_widen=False)
def test_the_number_told_is_reached_where_each_scope_needs_two_rows(clinic: Clinic) -> None:
    clinic.measure(scopes=("embed", "company", "dashboard"))
    assert len(clinic.rows()) == 6


@pytest.mark.behaviour(regenerate_id="new", regenerate_response="token", note="cut")
def test_rows_whose_id_changes_and_is_not_told_are_made_useless_all_the_same(clinic: Clinic) -> None:
    result = clinic.measure()
    assert values(result)["regenerate_keeps_id"] is False
    used = [row.id for token in clinic.store.minted if (row := clinic.store.authenticate(token)) is not None]
    assert len(used) == len(clinic.rows())
    assert clinic.kept()["runs"][0]["cleared"] is True


def test_a_narrow_credential_measures_what_it_may_make(clinic: Clinic) -> None:
    one = values(clinic.measure(scopes=["embed:view"]))
    assert one["may_create"] == one["may_list"] == {"embed:view": True}
    assert one["may_create_wider"] is True
    assert one["note_signs_kept"] == "unknown"


@pytest.mark.behaviour(may_widen=False)
def test_scopes_that_the_credential_may_not_give_stay_unknown(clinic: Clinic) -> None:
    _, narrow = clinic.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    found = values(clinic.measure(narrow, scopes=("embed", "company", "dashboard")))
    assert found["may_list"] == {"embed": "unknown", "company": True, "dashboard": "unknown"}
    assert found["may_create"]["company"] is True


@pytest.mark.behaviour(list_lag=1, last_used_lag=1)
def test_what_does_not_show_up_in_time_is_unknown(clinic: Clinic) -> None:
    found = clinic.measure(patience=0)
    assert (values(found)["list_lag"], values(found)["last_used_lag"]) == ("unknown", "unknown")
    assert clinic.kept()["facts"]["list_lag"]["how"] == "the row was not in the list within 0 s"


@pytest.mark.behaviour(pat_scope="automation", last_used_lag=1)
def test_a_use_that_was_refused_and_is_not_told_is_said_to_be_so(clinic: Clinic) -> None:
    found = clinic.measure(patience=0)
    assert found.data is not None
    assert found.data["facts"]["last_used_lag"]["how"].endswith("but the call was refused")


# Faults


@pytest.mark.parametrize("kind", ["lost", "cut", "no_token", "dropped", "html"])
def test_a_create_whose_answer_is_lost_is_cleared_up_and_safe_to_repeat(kind: Any, clinic: Clinic) -> None:
    clinic.faults.add(Fault(kind, method="POST", path=PATH))
    result = clinic.measure()
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.NOT_DONE, "unavailable")
    assert clinic.kept()["runs"][0]["cleared"] is True
    assert len(clinic.store.minted) == (0 if kind in ("dropped", "html") else 2)
    assert clinic.measure().outcome is Outcome.DONE


@pytest.mark.parametrize("times", [1, 2, 3])
def test_lost_answers_in_the_midst_leave_facts_unknown_or_end_it_and_nothing_alive(times: int, clinic: Clinic) -> None:
    clinic.faults.add(Fault("lost", method="POST", path=RENEW, times=times))
    result = clinic.measure()
    assert result.outcome in (Outcome.DONE, Outcome.NOT_DONE)
    assert all(run["cleared"] for run in clinic.kept()["runs"])


def test_a_credential_that_is_refused_makes_nothing(clinic: Clinic) -> None:
    result = clinic.measure(Secret("lpat_sbx_" + "x" * 36))
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.REFUSED, "unauthorized")
    assert clinic.rows() == []
    assert clinic.measure().outcome is Outcome.DONE


@pytest.mark.behaviour(pat_scope="embed", pat_scope_for="changes")
def test_a_credential_that_may_not_create_makes_nothing(clinic: Clinic) -> None:
    _, narrow = clinic.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    result = clinic.measure(narrow)
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.REFUSED, "forbidden")
    assert values(result)["list_status"] == 200
    assert clinic.rows() == []


def test_rows_that_cannot_be_made_useless_are_named_and_the_next_one_does_it(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=RENEW, times=None))
    result = clinic.measure()
    assert result.problem is not None
    assert result.data is not None
    assert (result.outcome, result.problem.next) == (Outcome.UNKNOWN, "locoia-pat doctor --measure --finish")
    (row,) = clinic.rows()
    assert result.data["alive"] == [row.id]
    assert row.id in str(result.problem.hint)
    assert any("503" in warning for warning in result.warnings)
    clinic.faults.clear()
    before = clinic.hashes()
    with clinic.measurement() as measurement:
        assert "earlier measurement" in measurement.foretold(finish=True)
        finished = measurement.finish()
    assert (finished.outcome, finished.data and finished.data["alive"]) == (Outcome.DONE, [])
    assert clinic.hashes() != before


def test_an_api_that_is_gone_in_the_end_is_no_lost_row(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=RENEW, times=1))
    clinic.faults.add(Fault("status", method="GET", times=None))
    with clinic.measurement() as measurement:
        result = measurement.measure()
    assert result.outcome is Outcome.NOT_DONE
    assert clinic.rows() == []


def test_a_scope_that_the_credential_may_not_give_is_passed_over(clinic: Clinic) -> None:
    clinic.faults.add(Fault("status", method="POST", path=PATH, times=1, status=422))
    result = clinic.measure()  # the credential's first scope is refused, so it begins with the second
    assert values(result)["may_create"] == {"embed": "unknown", "company": True}


def skipped(clinic: Clinic, path: str, count: int) -> None:
    """Let the next faults wait until so many POSTs to *path* have passed."""
    clinic.faults.add(Fault("slow", method="POST", path=path, times=count, seconds=0))


def test_an_answer_that_tells_no_refusal_tells_nothing_of_errors(clinic: Clinic) -> None:
    skipped(clinic, RENEW, 1)
    clinic.faults.add(Fault("status", method="POST", path=RENEW, status=500))
    found = values(clinic.measure())
    assert (found["unknown_row_status"], found["error_shape"], found["regenerate_status"]) == (
        "unknown",
        "unknown",
        200,
    )


def test_a_note_that_is_refused_is_no_matter_of_scopes(clinic: Clinic) -> None:
    skipped(clinic, PATH, 1)
    clinic.faults.add(Fault("status", method="POST", path=PATH, status=422))
    found = values(clinic.measure())
    assert (found["note_spaces_kept"], found["may_create_wider"], found["note_kept"]) == (False, True, True)


def test_a_list_that_fails_in_the_end_leaves_unknown_what_it_would_tell_and_no_token(clinic: Clinic) -> None:
    clinic.store.then[3] = lambda: clinic.faults.add(Fault("status", method="GET", status=404, times=None))
    result = clinic.measure()
    assert result.outcome is Outcome.DONE
    assert values(result)["list_whole"] == "unknown"
    assert len(clinic.rows()) == 3
    assert [run["cleared"] for run in clinic.kept()["runs"]] == [True]


@pytest.mark.behaviour(regenerate_response="token")
def test_a_row_that_cannot_be_listed_keeps_its_id_for_all_that_is_known(clinic: Clinic) -> None:
    clinic.store.then[1] = lambda: clinic.faults.add(Fault("status", method="GET", status=404, times=None))
    found = values(clinic.measure(patience=0))
    assert (found["regenerate_keeps_id"], found["regenerate_answer"]) == ("unknown", "token")


@pytest.mark.parametrize("lost", [2, 3])
def test_answers_that_are_lost_while_it_clears_up_are_asked_for_again(lost: int, clinic: Clinic) -> None:
    clinic.store.then[3] = lambda: clinic.faults.add(Fault("lost", method="POST", path=RENEW, times=1 + lost))
    result = clinic.measure()
    assert result.data is not None
    assert bool(result.data["alive"]) == (result.outcome is Outcome.UNKNOWN) == (lost > 2)


def test_a_row_that_came_late_is_made_useless_by_the_next(clinic: Clinic) -> None:
    clinic.measure()
    (run,) = clinic.kept()["runs"]
    row, token = clinic.store.create(owner=OWNER, days=1, scopes=["embed"], note=f"~lpd1/{run['op']}/9 late")
    clinic.measure()
    assert clinic.store.authenticate(token) is None
    (run, _) = clinic.kept()["runs"]
    assert (row.id in run["rows"].values(), len(run["rows"])) == (True, 4)


def test_a_row_that_is_gone_is_no_trouble(clinic: Clinic) -> None:
    clinic.measure()
    told = json.loads(clinic.file.read_text())
    (run,) = told["apis"][clinic.url]["runs"]
    run.update(cleared=False, due=None, op="A" * 16, rows={"0": "11111111-1111-4111-8111-111111111111"})
    clinic.file.write_text(json.dumps(told))
    assert clinic.finish().outcome is Outcome.DONE
    (run,) = clinic.kept()["runs"]
    assert (run["cleared"], run["due"] > "2026") == (True, True)


# Ended half-way


def worker(clinic: Clinic, *arguments: str) -> subprocess.Popen[str]:
    """The command, measuring, in a process of its own."""
    environment = {
        **os.environ,
        "LOCOIA_BASE_URL": clinic.url,
        "LOCOIA_TOKEN": clinic.token.reveal(),
        "LOCOIA_PAT_STATE": str(clinic.state),
    }
    command = [sys.executable, "-m", "locoia_pat", "doctor", "--measure", "--scope", "embed", "--scope", "company"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen([*command, *arguments], env=environment, text=True, **pipes)


def wait_for_rows(clinic: Clinic, count: int) -> None:
    eventually(lambda: len(clinic.rows()) >= count, within=60)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_what_a_killed_one_left_is_made_useless_by_the_next(rows: int, clinic: Clinic) -> None:
    clinic.faults.add(Fault("slow", times=None, seconds=0.1))
    with worker(clinic) as process:
        wait_for_rows(clinic, rows)
        process.kill()
    clinic.faults.clear()
    time.sleep(0.3)  # the request that was under way
    left = clinic.hashes()
    assert [run["cleared"] for run in clinic.kept()["runs"]] == [False]
    assert clinic.measure().outcome is Outcome.DONE
    after = clinic.hashes()
    assert len(left) >= rows
    assert all(after[id_] != left[id_] for id_ in left)
    assert [run["cleared"] for run in clinic.kept()["runs"]] == [True, True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_one_clears_up_itself(number: int, clinic: Clinic) -> None:
    clinic.faults.add(Fault("slow", times=None, seconds=0.1))
    with worker(clinic) as process:
        wait_for_rows(clinic, 2)
        left = clinic.hashes()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, (out, err)
    after = clinic.hashes()
    assert all(after[id_] != left[id_] for id_ in left)
    assert [run["cleared"] for run in clinic.kept()["runs"]] == [True]


def test_one_that_is_interrupted_while_it_makes_a_row_forgets_it_only_once_it_was_looked_for(clinic: Clinic) -> None:
    clinic.faults.add(Fault("slow", method="POST", path=PATH, seconds=2))
    clinic.store.then[1] = lambda: clinic.faults.add(Fault("status", method="GET", status=404, times=None))
    with worker(clinic) as process:
        wait_for_rows(clinic, 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    (token,) = clinic.store.minted
    assert [run["cleared"] for run in clinic.kept()["runs"]] == [False]
    clinic.faults.clear()
    assert clinic.measure().outcome is Outcome.DONE
    assert clinic.store.authenticate(token) is None
    assert all(run["cleared"] for run in clinic.kept()["runs"])


def test_two_at_once_wait_for_each_other_and_the_second_gives_up(clinic: Clinic) -> None:
    lease = State(clinic.state).lease("*", "doctor --measure")
    assert lease.acquire(0)
    result = clinic.measure(wait=0)
    assert (result.outcome, result.problem and result.problem.code) == (Outcome.NOT_DONE, "busy")
    lease.release()
    assert clinic.rows() == []


# A day later


def test_nothing_is_finished_before_its_time(clinic: Clinic) -> None:
    with pytest.raises(InvalidError, match="doctor --measure makes some"):
        clinic.finish()
    clinic.measure()
    with pytest.raises(InvalidError, match="have expired for certain at 20"):
        clinic.finish()


def test_the_day_is_longer_where_no_zone_is_told(tmp_path: Path) -> None:
    from locoia_pat.actions.sandbox.behaviour import Behaviour  # noqa: PLC0415  # only here
    from tests.support.clinic import opened  # noqa: PLC0415

    dues = []
    for form in ("z", "naive"):
        (tmp_path / form).mkdir()
        with opened(tmp_path / form, Behaviour(time_format=form)) as clinic:
            clinic.measure()
            dues.append(clinic.kept()["runs"][0]["due"])
    assert dues[0][:10] < dues[1][:10]


def test_a_list_that_is_not_known_to_be_whole_tells_nothing_by_what_is_missing(clinic: Clinic) -> None:
    clinic.measure()
    told = json.loads(clinic.file.read_text())
    known = told["apis"][clinic.url]
    known["facts"]["list_whole"]["value"] = "unknown"
    known["runs"][0]["rows"] = {"0": "11111111-1111-4111-8111-111111111111"}
    known["runs"][0]["op"] = "A" * 16
    clinic.file.write_text(json.dumps(told))
    clinic.age()
    found = values(clinic.finish())
    assert (found["expired_listed"], found["expired_renewable"]) == ("unknown", False)


@pytest.mark.parametrize(("fault", "told"), [({"status": 403}, "forbidden"), ({"status": 500}, "unknown")])
def test_a_regenerate_that_tells_nothing_leaves_it_unknown(fault: dict[str, int], told: str, clinic: Clinic) -> None:
    clinic.measure()
    clinic.age()
    clinic.faults.add(Fault("status", method="POST", **fault))  # type: ignore[arg-type]
    assert values(clinic.finish())["expired_renewable"] == "unknown"
    assert told in clinic.kept()["facts"]["expired_renewable"]["how"]


def test_a_list_that_fails_ends_it_and_it_can_be_finished_later(clinic: Clinic) -> None:
    clinic.measure()
    clinic.age()
    clinic.faults.add(Fault("status", method="GET", times=3))
    result = clinic.finish()
    assert result.outcome is Outcome.NOT_DONE
    assert len(clinic.kept()["runs"]) == 1
    assert values(clinic.finish())["expired_listed"] is True


# Wrong input, and what is kept


def test_no_scope_is_invalid(clinic: Clinic) -> None:
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
def test_a_file_that_is_none_of_ours_is_not_written_over(text: str, why: str, clinic: Clinic) -> None:
    clinic.state.mkdir()
    clinic.file.write_text(text.replace("URL", clinic.url))
    with pytest.raises(InvalidError, match=why):
        clinic.measure()
    assert clinic.file.read_text() == text.replace("URL", clinic.url)
    assert clinic.rows() == []


def test_a_file_that_cannot_be_read_or_written_is_told_before_anything_is_made(clinic: Clinic) -> None:
    clinic.file.mkdir(parents=True)
    with pytest.raises(InvalidError, match="Is a directory"):
        clinic.measure()
    clinic.file.rmdir()
    (clinic.state / ".capabilities.json.tmp").mkdir()
    with pytest.raises(InvalidError, match="cannot be written"):
        clinic.measure()
    assert clinic.rows() == []


def test_what_is_known_of_another_api_stays(clinic: Clinic) -> None:
    clinic.state.mkdir()
    clinic.file.write_text('{"v": 1, "apis": {"https://other/v1": {"facts": {}, "runs": []}}}')
    clinic.measure()
    assert json.loads(clinic.file.read_text())["apis"].keys() == {"https://other/v1", clinic.url}


# The command


def test_the_command_prints_a_table_or_one_object(at_home: Clinic, call: Callable[..., Done]) -> None:
    done = call("doctor", "--measure", "--scope", "embed", "--scope", "company", "--patience", "2")
    assert done.code == 0
    assert "up to 4 tokens at 127.0.0.1" in done.err
    assert "locoia-pat doctor --measure --finish" in done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["fact", "value", "how"]
    assert len(lines) == 1 + len(QUESTIONS)
    assert any(line.startswith("may_list") and "embed company" in line for line in lines)
    os.environ["LOCOIA_TOKEN"] = at_home.token.reveal()  # the command takes it away
    at_home.age()
    done = call("doctor", "--measure", "--finish", "--json")
    assert done.code == 0
    assert done.envelope["data"]["facts"]["expired_listed"]["value"] is True
    assert done.envelope["data"]["rows"] == 0
    assert "until they expire" not in done.err


@pytest.mark.behaviour(pat_scope="embed", list_shape="envelope")
def test_the_table_tells_which_scopes_may(at_home: Clinic, call: Callable[..., Done]) -> None:
    done = call("doctor", "--measure", "--scope", "company")
    (line,) = [line for line in done.out.splitlines() if line.startswith("may_list")]
    assert line.split()[1] == "none"
    at_home.age()


@pytest.mark.behaviour(may_widen=False)
def test_the_table_marks_scopes_of_which_nothing_is_known(at_home: Clinic, call: Callable[..., Done]) -> None:
    _, narrow = at_home.store.create(owner=OWNER, days=30, scopes=["company"], note="narrow")
    os.environ["LOCOIA_TOKEN"] = narrow.reveal()
    done = call("doctor", "--measure", "--scope", "embed", "--scope", "company")
    (line,) = [line for line in done.out.splitlines() if line.startswith("may_create ")]
    assert line.split()[1:3] == ["company", "embed?"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--finish"], "--finish needs --measure"),
        (["--measure", "--finish"], "no throw-away rows"),
        (["--measure", "--scope", "emebd"], "emebd"),
        (["--measure", "--patience", "-1"], "patience"),
    ],
)
def test_a_wrong_call_sends_nothing(
    arguments: list[str], words: str, at_home: Clinic, call: Callable[..., Done]
) -> None:
    done = call("doctor", *arguments)
    assert done.code == 2
    assert words in done.err
    assert at_home.rows() == []


def test_without_a_credential_or_a_state_folder_nothing_is_made(at_home: Clinic, call: Callable[..., Done]) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(at_home.folder / "sandbox.sqlite3")
    done = call("doctor", "--measure")
    assert (done.code, "cannot be used" in done.err) == (2, True)
    os.environ["LOCOIA_PAT_STATE"] = str(at_home.state)
    os.environ.pop("LOCOIA_TOKEN", None)
    done = call("doctor", "--measure")
    assert (done.code, "there is no credential" in done.err) == (2, True)
    assert at_home.rows() == []


def test_another_measurement_that_is_under_way_is_told(at_home: Clinic, call: Callable[..., Done]) -> None:
    lease = State(at_home.state).lease("*", "doctor --measure")
    assert lease.acquire(0)
    done = call("doctor", "--measure", "--wait", "0")
    assert (done.code, "another measurement is in progress: process" in done.err) == (4, True)


@pytest.mark.parametrize("yes", [True, False])
def test_on_a_terminal_it_asks(yes: bool, at_home: Clinic) -> None:
    done = on_terminal("doctor", "--measure", "--scope", "embed", typed="y\n" if yes else "n\n")
    assert "up to 2 tokens" in done.err
    assert done.code == (0 if yes else 2)
    assert bool(at_home.rows()) == yes
    assert ("not confirmed; nothing was sent" in done.err) != yes


def test_with_yes_it_does_not_ask(at_home: Clinic) -> None:
    done = on_terminal("doctor", "--measure", "--scope", "embed", "--yes")
    assert (done.code, "Continue?" in done.err) == (0, False)
    assert at_home.rows()
