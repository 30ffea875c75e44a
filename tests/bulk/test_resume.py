"""A run that did not come to its end is gone on with, and repeats no create."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, NotDoneError
from locoia_pat.bulk import Item, JournalOptions
from locoia_pat.bulk.bulk_journal import BulkJournal
from locoia_pat.bulk.items import item_digest
from locoia_pat.spec.row_mark import add_mark, find_mark, new_mark
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from tests.support.bulk_shop import Shop, all_done, calling, outcomes, wish, wishes
from tests.support.loopback import answer, drop, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

AUTH = {"connector_id": "c", "auth_type": "basic_auth"}


def auths(count: int) -> list[dict[str, Any]]:
    """Items of an action that is no token's, and whose rows carry no mark."""
    return [{**AUTH, "name": f"a{number}"} for number in range(1, count + 1)]


def told(results: Any) -> list[str]:
    """All warnings."""
    return [warning for one in results for warning in one.result.warnings]


def test_a_run_of_which_all_is_done_is_over(shop: Shop) -> None:
    assert outcomes(shop.run(wishes(3))) == all_done(3)
    assert shop.journals() == 0


def test_what_is_done_is_told_again_and_not_done_again(shop: Shop) -> None:
    items = wishes(5)
    broken = [*items[:4], wish("n5", expiration=0)]
    first = shop.run(broken, ordered=True)
    assert [one.result.outcome.value for one in first] == ["done"] * 4 + ["invalid"]
    assert shop.journals() == 1
    again = shop.run(items, ordered=True)
    assert [one.earlier for one in again] == [True] * 4 + [False]
    assert [one.to_dict() for one in again[:4]] == [{**one.to_dict(), "earlier": True} for one in first[:4]]
    assert outcomes(again) == all_done(5)
    assert len(shop.rows()) == 5
    assert shop.journals() == 0


def test_lines_are_known_again_wherever_they_stand(shop: Shop) -> None:
    shop.run([*wishes(3), wish("n4", expiration=0)])
    again = shop.run([wish("n0"), *reversed(wishes(3))])
    assert outcomes(again) == all_done(4)
    assert sum(one.earlier for one in again) == 3
    assert len(shop.rows()) == 4


def test_a_token_that_is_gone_from_its_place_is_made_again(shop: Shop) -> None:
    shop.run([*wishes(2), wish("n3", expiration=0)])
    (shop.folder / "out" / "n1.json").unlink()
    again = shop.run(wishes(2), ordered=True)
    assert [one.earlier for one in again] == [False, True]
    shop.holds("n1")


def test_anew_forgets_the_run_before(shop: Shop) -> None:
    shop.run([*wishes(2), wish("n3", expiration=0)])
    assert outcomes(shop.run(wishes(2), journal=JournalOptions("run", restart=True))) == {1: "invalid", 2: "invalid"}
    assert len(shop.rows()) == 2


def test_a_create_whose_answer_was_lost_is_found_by_its_mark(shop: Shop) -> None:
    shop.fail("lost")
    assert sorted(outcomes(shop.run(wishes(4))).values()) == ["done", "done", "done", "unknown"]
    (lost,) = {row["id"] for row in shop.rows()} - {
        shop.holds(name) for name in ("n1", "n2", "n3", "n4") if (shop.folder / "out" / f"{name}.json").exists()
    }
    again = shop.run(wishes(4))
    assert outcomes(again) == all_done(4)
    assert told(again) == [f"row {lost}, created by an interrupted run, was revoked"]
    assert shop.live() == {shop.holds(f"n{number}") for number in range(1, 5)}
    assert len(shop.rows()) == 5
    assert shop.journals() == 0


def test_a_token_is_reported_only_after_its_folder_was_flushed_to_the_disk(shop: Shop) -> None:
    move = "command:sh -c 'cat > given; test -e once || { touch once; mv out moved; }'"  # runs when the file is written
    item = {key: value for key, value in wish("n1", token_to=["file:out/n1.json", move]).items() if key != "name"}
    with pytest.raises(NotDoneError, match="out cannot be flushed to the disk: no such file"):
        shop.run([item], token_to=None)
    assert shop.journals() == 1
    (shop.folder / "moved").rename(shop.folder / "out")
    (again,) = shop.run([item], token_to=None)
    assert again.result.outcome == "done"
    assert "interrupted before reporting it" in str(again.result.warnings)
    assert shop.live() == {shop.holds("n1")}
    assert len(shop.rows()) == 1


def test_a_create_that_did_not_arrive_is_sent_again(shop: Shop) -> None:
    shop.fail("dropped")
    shop.run(wishes(1))
    assert outcomes(shop.run(wishes(1))) == all_done(1)
    assert len(shop.rows()) == 1
    assert shop.journals() == 0


def test_a_create_that_arrives_late_is_revoked_at_the_end(shop: Shop) -> None:
    shop.fail("late", seconds=2)
    shop.run(wishes(1))
    shop.fail("slow", seconds=4)
    with shop.connector() as connector:
        bulk = connector.run_many("create_pat", wishes(1), token_to="file:out/{name}.json", journal="run")
        assert outcomes(bulk) == all_done(1)
    assert len(shop.rows()) == 2
    assert shop.live() == {shop.holds("n1")}
    assert "created by an interrupted run, was revoked" in bulk.notes[-1]


def test_a_line_that_was_taken_out_leaves_no_live_row(shop: Shop) -> None:
    shop.fail("lost", times=2)
    shop.run(wishes(2), concurrency=1)
    assert len(shop.live()) == 2
    assert outcomes(shop.run([wish("n9")])) == all_done(1)
    assert shop.live() == {shop.holds("n9")}
    assert shop.journals() == 0


def test_a_token_that_was_stored_before_the_end_was_known_is_kept(shop: Shop) -> None:
    mark, item = new_mark(), wish("n1")
    with shop.connector() as connector:
        inputs = {"expiration": 30, "scopes": ["embed"], "note": add_mark("Note n1", mark)}
        assert connector.run("create_pat", inputs, token_to=["file:out/n1.json"]).problem is None
    places = ("file:out/n1.json",)
    with closing(BulkJournal(State(), f"create_pat\n{shop.url}\nrun")) as journal, journal.transaction():
        journal.begin(journal.next_key(item_digest(Item(1, item), places)), mark, places)
    (done,) = shop.run([item])
    assert done.result.outcome == "done"
    assert done.result.attempts == 0
    assert (done.result.data or {})["id"] == shop.holds("n1")
    assert (done.result.data or {}).keys() == {"id", "expiration", "expires_in_days", "note", "last_used", "scopes"}
    assert done.result.token_refs == (f"file:{shop.folder}/out/n1.json#current",)
    assert len(shop.rows()) == 1


def test_where_the_rows_cannot_be_looked_at_nothing_is_repeated(shop: Shop) -> None:
    shop.fail("lost", times=2)
    shop.run(wishes(2))
    shop.fail("status", method="GET", times=3, status=500)
    again = shop.run(wishes(2))
    assert outcomes(again) == {1: "not_done", 2: "not_done"}
    assert all("list_pats failed" in one.result.problem.message for one in again if one.result.problem)
    assert len(shop.rows()) == 2
    assert outcomes(shop.run(wishes(2))) == all_done(2)
    assert len(shop.rows()) == 4
    assert shop.live() == {shop.holds("n1"), shop.holds("n2")}


def test_where_a_row_cannot_be_made_useless_nothing_is_repeated(shop: Shop) -> None:
    shop.fail("lost")
    shop.run(wishes(1))
    shop.fail("status", status=403)
    assert outcomes(shop.run(wishes(1))) == {1: "refused"}
    assert len(shop.rows()) == 1
    assert outcomes(shop.run(wishes(1))) == all_done(1)
    assert shop.live() == {shop.holds("n1")}


def test_where_the_end_cannot_be_swept_the_same_call_does_it(shop: Shop) -> None:
    shop.fail("lost")
    shop.run(wishes(1))
    shop.fail("status", method="GET", times=3, status=500)
    with shop.connector() as connector:
        bulk = connector.run_many("create_pat", [wish("n9")], token_to="file:out/{name}.json", journal="run")
        assert outcomes(bulk) == all_done(1)
    assert "run the same command again" in bulk.notes[-1]
    assert len(shop.live()) == 2
    assert outcomes(shop.run([wish("n9")])) == all_done(1)
    assert shop.live() == {shop.holds("n9")}
    assert shop.journals() == 0


def test_what_carries_no_mark_is_not_repeated_until_somebody_says_so(shop: Shop) -> None:
    shop.fail("lost")
    first = shop.run(auths(3), "create_connector_auth", concurrency=1)
    assert sorted(outcomes(first).values()) == ["done", "done", "unknown"]
    again = shop.run(auths(3), "create_connector_auth")
    (open_,) = [one for one in again if not one.earlier]
    assert open_.result.problem is not None
    assert (open_.result.outcome, open_.result.attempts) == ("unknown", 0)
    assert "--retry-unknown" in (open_.result.problem.hint or "")
    assert open_.result.problem.next == "locoia-pat run list_connector_auths"
    journal = JournalOptions("run", retry_unknown=True)
    assert outcomes(shop.run(auths(3), "create_connector_auth", journal=journal)) == all_done(3)
    assert shop.journals() == 0


def test_what_carries_no_mark_and_is_not_there_any_more_is_told(shop: Shop) -> None:
    shop.fail("lost")
    shop.run(auths(1), "create_connector_auth")
    with shop.connector() as connector:
        bulk = connector.run_many("create_connector_auth", [{**AUTH, "name": "b"}], journal="run")
        assert outcomes(bulk) == all_done(1)
    assert "their outcome is unknown" in bulk.notes[-1]


def test_equal_lines_are_two(shop: Shop) -> None:
    items = [*auths(1) * 2, {**AUTH, "name": "x", "colour": "red"}]
    shop.run(items, "create_connector_auth")
    again = shop.run([*auths(1) * 3], "create_connector_auth")
    assert sum(one.earlier for one in again) == 2
    with shop.connector() as connector:
        assert len((connector.run("list_connector_auths").data or {})["connector_auths"]) == 3


def test_a_rotate_is_repeated_for_it_leaves_one_secret(shop: Shop) -> None:
    shop.run(wishes(2))
    items = [
        {"token_id": shop.holds(name), "expiration": 9, "token_to": f"file:out/{name}.json"} for name in ("n1", "n2")
    ]
    shop.fail("lost")
    assert sorted(outcomes(shop.run(items, "regenerate_pat")).values()) == ["done", "unknown"]
    assert outcomes(shop.run(items, "regenerate_pat")) == all_done(2)
    assert {shop.holds("n1"), shop.holds("n2")} == shop.live()


def test_a_refused_line_ends_a_run_that_creates_nothing(shop: Shop) -> None:
    shop.run(wishes(1))
    place = "file:out/n1.json"
    items = [{"token_id": shop.holds("n1"), "expiration": 9, "token_to": place}, {"token_id": "no", "expiration": 9,
             "token_to": "file:out/no.json"}]  # fmt: skip
    assert outcomes(shop.run(items, "regenerate_pat")) == {1: "done", 2: "refused"}
    assert shop.journals() == 0


def test_what_was_not_stored_is_made_anew(shop: Shop) -> None:
    place = shop.folder / "out" / "n1.json"
    shop.fail("slow", seconds=2)

    def block() -> None:
        eventually(lambda: not shop.faults.pending())  # the store was probed, and the response is waited for
        place.mkdir()

    with shop.connector() as connector:
        bulk = connector.run_many("create_pat", wishes(1), token_to="file:out/{name}.json", journal="run")
        blocker = threading.Thread(target=block)
        blocker.start()
        assert outcomes(bulk) == {1: "not_stored"}
        blocker.join()
    place.rmdir()
    again = shop.run(wishes(1))
    assert outcomes(again) == all_done(1)
    assert shop.live() == {shop.holds("n1")}


def test_a_run_goes_on_in_one_process_at_a_time(shop: Shop) -> None:
    with shop.connector() as connector:
        bulk = connector.run_many(
            "create_pat", wishes(3), token_to="file:out/{name}.json", journal="run", concurrency=1
        )
        next(bulk)
        with pytest.raises(NotDoneError, match="another process is running this bulk run"):
            shop.run(wishes(3))
        assert len(list(bulk)) == 2


def test_a_stopped_run_is_gone_on_with(shop: Shop) -> None:
    with shop.connector() as connector:
        bulk = connector.run_many(
            "create_pat", wishes(60), token_to="file:out/{name}.json", journal="run", concurrency=2
        )
        first = [next(bulk)]
        bulk.stop("enough")
        first += bulk
    assert 0 < len(first) < 40
    again = shop.run(wishes(60))
    assert outcomes(again) == all_done(60)
    assert sum(one.earlier for one in again) >= len([one for one in first if one.result.outcome == "done"])
    assert len(shop.rows()) == len(shop.live()) == 60


def test_a_run_that_stops_by_itself_while_it_recovers_is_gone_on_with(shop: Shop) -> None:
    shop.fail("lost", times=6)
    shop.run(wishes(6), concurrency=1)
    shop.fail("status", method="GET", status=401)
    assert set(outcomes(shop.run(wishes(6), concurrency=2)).values()) == {"refused", "not_done"}
    shop.fail("status", status=403)
    assert "not_done" in outcomes(shop.run(wishes(6), concurrency=2, max_failures=1)).values()
    assert outcomes(shop.run(wishes(6))) == all_done(6)
    assert shop.live() == {shop.holds(f"n{number}") for number in range(1, 7)}


def test_what_was_settled_when_a_run_is_closed_is_settled_again(shop: Shop) -> None:
    shop.fail("lost", times=3)
    shop.run([*wishes(3), wish("n4")], concurrency=1)
    with shop.connector() as connector:
        items = [wish("n4"), *wishes(3)]
        bulk = connector.run_many("create_pat", items, token_to="file:out/{name}.json", journal="run")
        assert next(bulk).earlier
        time.sleep(0.5)
        bulk.close()
    assert len(shop.live()) == 1
    assert outcomes(shop.run(wishes(4))) == all_done(4)
    assert shop.live() == {shop.holds(f"n{number}") for number in range(1, 5)}


def test_a_row_that_shows_no_id_is_left_to_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))

    def listed(connection: Any) -> bool:
        return bool(answer(200, [{"note": server.got[0].json["note"]}])(connection))

    with serving(drop, listed) as server, calling(server.url) as connector:
        terms: dict[str, Any] = {"token_to": "file:{name}.json", "journal": "run"}
        first, again = ([*connector.run_many("create_pat", wishes(1), **terms)] for _ in range(2))
    (done,) = again
    assert [one.result.outcome for one in first] == ["unknown"]
    assert done.result.outcome == "unknown"
    assert [got.method for got in server.got] == ["POST", "GET"]
    assert done.result.problem is not None
    assert done.result.problem.next == "locoia-pat run list_pats"


def test_a_place_that_holds_something_else_now_is_left_alone(shop: Shop) -> None:
    shop.run([*wishes(1), wish("n2", expiration=0)])
    (shop.folder / "out" / "n1.json").write_text("something else")
    assert outcomes(shop.run(wishes(1))) == {1: "invalid"}
    assert (shop.folder / "out" / "n1.json").read_text() == "something else"


def test_a_note_leaves_room_for_the_mark(shop: Shop) -> None:
    longest = wish("n1", note="x" * 233)
    long, missing = wish("n2", note="x" * 234), {key: value for key, value in wish("n3").items() if key != "note"}
    done = shop.run([longest, long, missing, wish("n4", note="x" * 256)], ordered=True)
    assert [one.result.outcome.value for one in done] == ["done", "invalid", "invalid", "invalid"]
    problems = [one.result.problem for one in done[1:]]
    assert [problem.field for problem in problems if problem] == ["note"] * 3
    assert "233 characters" in (problems[0].message if problems[0] else "")
    assert outcomes(shop.run([wish("n5", note="x" * 255)], journal=None)) == all_done(1)


def test_marks_are_told_from_other_texts() -> None:
    mark = new_mark()
    assert find_mark(add_mark("CI", mark)) == mark
    assert find_mark(add_mark("", mark)) == mark
    assert find_mark(f"{add_mark('CI', mark)} and more") is None
    assert find_mark("CI ~lp1/ci/a/GEZDGNBVGY3TQOJQ/k7q2aaaa") is None
    assert find_mark(None) is None


def test_a_journal_of_a_newer_version_is_left_alone(shop: Shop) -> None:
    shop.run([*wishes(1), wish("n2", expiration=0)])
    (file,) = (shop.folder / "state" / "bulk").glob("*.sqlite3")
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 9")
    with pytest.raises(InvalidError, match="newer than this program"):
        shop.run(wishes(1))


def test_a_journal_that_cannot_be_written_is_told_before_anything_is_sent(shop: Shop) -> None:
    (shop.folder / "state").mkdir()
    (shop.folder / "state" / "bulk").write_text("")
    with pytest.raises(InvalidError, match="cannot be used"):
        shop.run(wishes(1))
    (shop.folder / "state" / "bulk").unlink()
    shop.run([*wishes(1), wish("n2", expiration=0)])
    (file,) = (shop.folder / "state" / "bulk").glob("*.sqlite3")
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidError, match="cannot be used"):
        shop.run(wishes(1))
    assert len(shop.rows()) == 1


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(BulkJournal(State(tmp_path), "x")) as journal:
        key = journal.next_key(b"k")
        batch = journal.transaction()
        batch.__enter__()
        journal.begin(key, None, ())
        assert not batch.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert journal.find(key) is None


def test_a_damaged_row_of_a_journal_keeps_back_its_own_item_and_no_other(shop: Shop) -> None:
    for change in (
        "stores = '{'",
        "stores = '5'",
        "stores = '[5]'",
        "outcome = 'dnoe'",
        "envelope = 'x'",
        "envelope = '[]'",
        "envelope = NULL",
        "outcome = 'unknown', stores = CAST(X'FF' AS TEXT)",
    ):
        fresh = JournalOptions("run", restart=True)
        shop.run([*wishes(2), wish("n9", expiration=0)], journal=fresh, replace=True)
        (file,) = (shop.folder / "state" / "bulk").glob("*.sqlite3")
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            (one,) = database.execute("SELECT digest FROM items WHERE stores LIKE '%n1.json%'").fetchone()
            statement = "UPDATE items SET CHANGE WHERE digest = ?".replace("CHANGE", change)
            assert database.execute(statement, (one,)).rowcount == 1
        rows = len(shop.rows())
        first, second, _ = sorted(shop.run([*wishes(2), wish("n9", expiration=0)]), key=lambda done: done.number)
        assert (first.result.outcome, second.result.outcome, second.earlier) == ("invalid", "done", True), change
        assert first.result.problem is not None
        assert "the table items" in first.result.problem.message, change
        assert "--restart" in str(first.result.problem.hint), change
        assert len(shop.rows()) == rows, change


def test_no_secret_stands_in_a_journal(shop: Shop) -> None:
    shop.run([*wishes(3), wish("n4", expiration=0)])
    tokens = [json.loads(file.read_text())["current"]["token"] for file in (shop.folder / "out").iterdir()]
    for file in (shop.folder / "state" / "bulk").iterdir():
        content = file.read_bytes()
        assert not any(token.encode() in content for token in [*tokens, shop.token.reveal()])
        assert file.stat().st_mode & 0o077 == 0


COUNT = 150


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(1 if "QUICK" in os.environ else 4))
def test_a_bulk_create_that_is_killed_is_finished_by_the_same_call(seed: int, shop: Shop) -> None:
    with (shop.folder / "in.csv").open("w") as file:
        file.write("name,expiration,scopes,note\n")
        file.writelines(f"n{number},30,embed;automation:view,Note {number}\n" for number in range(COUNT))
    command = [sys.executable, "-m", "locoia_pat", "run", "create_pat", "--each", "in.csv"]
    command += ["--token-to", "file:out/{name}.json"]
    killed = 0
    for number in range(3):
        stored = len(list((shop.folder / "out").glob("n*")))
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                if len(list((shop.folder / "out").glob("n*"))) >= stored + 5 + 7 * seed + number:
                    break
                time.sleep(0.002)
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["line"] for line in lines) == list(range(2, COUNT + 2))
    assert {line["outcome"] for line in lines} == {"done"}
    assert any(line.get("earlier") for line in lines)
    held = {shop.holds(f"n{number}") for number in range(COUNT)}
    assert len(held) == COUNT
    assert shop.live() == held
    assert killed == 3
    assert shop.journals() == 0


def test_a_journal_that_is_removed_while_it_is_opened_is_not_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run([wish("n1"), wish("n2", expiration=0)])
    (file,) = (shop.folder / "state" / "bulk").glob("*.sqlite3")
    connect = sqlite3.connect

    def late(path: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(path, **options)
        if path == file:
            database.execute("SELECT * FROM run").fetchall()  # it is open
            file.unlink()  # as the other process does at its end
        return database

    monkeypatch.setattr(sqlite3, "connect", late)
    with pytest.raises(NotDoneError, match="another process is running this bulk run"):
        shop.run(wishes(2))
    monkeypatch.undo()
    assert len(shop.rows()) == 1


def test_a_run_that_is_over_leaves_no_file(shop: Shop) -> None:
    shop.run(wishes(2))
    assert list((shop.folder / "state" / "bulk").iterdir()) == []


# Places that hold no ids


def at(place: str, **more: Any) -> dict[str, Any]:
    """An item that names its place."""
    item = wish("at", **more)
    del item["name"]
    return {**item, "token_to": place}


def test_a_program_that_was_given_a_token_is_not_given_another_one(shop: Shop) -> None:
    given = [shop.folder / "given1", shop.folder / "given2"]
    items = [*(at(f"command:sh -c 'cat >> {file}'") for file in given), at("command:cat", expiration=0)]
    for earlier in (False, True, True):
        told = shop.run(items, token_to=None, ordered=True)
        assert [one.earlier for one in told] == [earlier, earlier, False]
    assert len(shop.rows()) == 2
    assert [len(file.read_text().split()) for file in given] == [1, 1]


def test_a_connector_auth_that_was_given_a_token_is_not_given_another_one(shop: Shop) -> None:
    with shop.connector() as connector:
        made = connector.run("create_connector_auth", {**AUTH, "name": "a"})
    to = f"connector-auth:{(made.data or {})['id']}"
    items = [at(to), at("command:cat", expiration=0)]
    assert [shop.run(items, token_to=None, ordered=True)[0].earlier for _ in range(3)] == [False, True, True]
    assert len(shop.rows()) == 1


@pytest.mark.parametrize("kind", ["text:out/{name}", "env-file:out/env#{name}"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_bare_token_is_known_again_and_one_that_another_took_the_place_of_is_not(
    kind: str, replace: bool, shop: Shop
) -> None:
    items = [*wishes(2), wish("n3", expiration=0)]
    assert [one.earlier for one in shop.run(items, token_to=kind, ordered=True)] == [False, False, False]
    again = shop.run(items, token_to=kind, ordered=True, replace=replace)
    assert [one.earlier for one in again] == [True, True, False]
    assert len(shop.rows()) == 2
    with shop.connector() as connector:
        other = wish("other")
        assert connector.run("create_pat", other | {"name": "x"}).outcome.value == "invalid"
        inputs = {name: other[name] for name in ("expiration", "scopes", "note")}
        place = kind.format(name="n1")
        assert connector.run("create_pat", inputs, token_to=[place], replace=True).problem is None
    again = shop.run(items, token_to=kind, ordered=True, replace=replace)
    assert [one.earlier for one in again] == [False, True, False]
    assert again[0].result.outcome.value == ("done" if replace else "invalid")


@pytest.mark.parametrize("replace", [False, True])
def test_a_bare_token_that_was_stored_before_the_end_was_known_is_kept_unless_it_may_be_another(
    replace: bool, shop: Shop
) -> None:
    mark, item = new_mark(), wish("n1")
    with shop.connector() as connector:
        inputs = {"expiration": 30, "scopes": ["embed"], "note": add_mark("Note n1", mark)}
        assert connector.run("create_pat", inputs, token_to=["text:out/n1"]).problem is None
    places = ("text:out/n1",)
    with closing(BulkJournal(State(), f"create_pat\n{shop.url}\nrun")) as journal, journal.transaction():
        journal.begin(journal.next_key(item_digest(Item(1, item), places)), mark, places)
    (done,) = shop.run([item], token_to="text:out/{name}", replace=replace)
    assert done.result.outcome == "done"
    assert shop.store.authenticate(read_token("text:out/n1")) is not None
    assert len(shop.rows()) == (2 if replace else 1)
    assert len(shop.live()) == 1


def test_a_late_row_is_made_useless_though_its_line_has_filled_the_place_since(shop: Shop) -> None:
    shop.fail("late", seconds=2)
    shop.run(wishes(1), token_to="text:out/{name}")
    shop.fail("slow", seconds=4)
    assert outcomes(shop.run(wishes(1), token_to="text:out/{name}")) == all_done(1)
    assert len(shop.rows()) == 2
    assert len(shop.live()) == 1
    assert shop.store.authenticate(read_token("text:out/n1")) is not None
