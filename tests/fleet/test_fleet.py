"""Many managed names at once: the file, the plan, and applying it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.rollout import Member, Rollout
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.outcomes import Outcome, SpecError
from locoia_pat.stores import read_token
from tests.support.command import on_terminal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fleet.conftest import Yard
    from tests.support.command import Done

ROW = '{name: a, scopes: [embed], note: A, to: ["file:a.json"]}'


def text(*rows: str, defaults: str = "{}") -> str:
    return "\n".join(["fleet: 1", f"defaults: {defaults}", "tokens:", *(f"  - {row}" for row in rows)])


WRONG = {
    "no tokens": ("fleet: 1\ntokens: []", 2, "tokens: "),
    "no version": ("tokens: [" + ROW + "]", 1, '"fleet" is missing'),
    "another version": (text(ROW).replace("fleet: 1", "fleet: 2"), 1, "fleet: "),
    "an unknown key": (text(ROW[:-1] + ", tags: [x]}"), 4, 'unknown key "tags"'),
    "an invalid name": (text(ROW.replace("name: a", "name: A B")), 4, "not a valid name for a managed token"),
    "a name used twice": (text(ROW, ROW.replace("a.json", "b.json")), 5, "the name a is used twice"),
    "a store used twice": (text(ROW, ROW.replace("name: a", "name: b")), 5, "this store is used twice"),
    "a store used twice by one token": (text(ROW.replace("]}", ', "file:a.json#current"]}')), 4, "used twice"),
    "an unknown scope": (text(ROW.replace("embed", "embeds")), 4, 'unknown scope "embeds"; did you mean embed?'),
    "no scope": (text(ROW.replace("[embed]", "[]")), 4, "scopes: "),
    "no store": (text(ROW.replace('["file:a.json"]', "[]")), 4, "to: "),
    "no expiry": (text(ROW, defaults="{expiration: null}"), 2, "expiration: "),
    "a token that never expires": (text(ROW[:-1] + ", expiration: null}"), 4, "a managed token always expires"),
    "a lifetime of no days": (text(ROW[:-1] + ", expiration: 0}"), 4, "expiration: "),
    "a renewal by every call": (text(ROW[:-1] + ", renew_within: 30}"), 4, "every call would renew it"),
    "a note that is too long": (text(ROW.replace("note: A", f"note: {'A' * 250}")), 4, "is longer than"),
    "a string": ("fleet", 1, "the file: "),
    "not YAML": ("fleet: ]", 1, "invalid YAML"),
}


def test_a_mistake_in_the_file_is_reported_with_its_line() -> None:
    for case, (content, line, words) in WRONG.items():
        with pytest.raises(SpecError) as caught:
            parse_fleet(content, "fleet.yaml")
        lines = [finding.line for finding in caught.value.findings if words in finding.message]
        assert lines[:1] == [line], (case, caught.value)


def test_a_file_may_have_ten_thousand_tokens() -> None:
    rows = [f'{{name: n{number}, scopes: [embed], note: N, to: ["file:{number}.json"]}}' for number in range(10_000)]
    assert len(parse_fleet(text(*rows), "fleet.yaml").tokens) == 10_000


def test_a_token_uses_the_defaults_for_what_it_does_not_set() -> None:
    fleet = parse_fleet(
        text(ROW, '{name: b, scopes: [embed], note: B, to: ["file:b"], auth: "file:y", expiration: 9, overlap: 1.5}',
             defaults='{expiration: 60, overlap: 0, auth: "file:x", renew_within: 5}'), "f")  # fmt: skip
    a, b = map(fleet.desired, fleet.tokens)
    assert (46 <= a.expiration <= 60, a.overlap, a.renew_within) == (True, 0, 5)
    assert (6 <= b.expiration <= 9, b.overlap, b.renew_within) == (True, 1.5, 5)
    assert list(map(fleet.credential_ref, fleet.tokens)) == ["file:x", "file:y"]


# Plan and apply


def test_tokens_are_created_once_and_renewed_when_due(yard: Yard) -> None:
    anna = yard.owner("anna")
    bare = f"text:{yard.folder}/t"
    file = yard.fleet({"name": "one"}, {"name": "two", "auth": anna}, {"name": "three", "to": [bare]})
    assert {token.step for token in yard.plans(file).values()} == {"create"}
    summary, _ = yard.apply(file)
    assert (dict(summary.changes), summary.outcome.value) == ({"created": 3}, "done")
    assert yard.works("one")
    assert yard.works("two")
    assert yard.accepts(read_token(bare))
    assert {(token.step, token.reason) for token in yard.plans(file).values()} == {("none", "")}
    assert dict(yard.apply(file)[0].changes) == {"none": 3}
    due = yard.fleet({"name": "one", "renew_within": 31}, {"name": "two", "auth": anna}, expiration=60)
    assert {name: token.step for name, token in yard.plans(due).items()} == {"one": "renew", "two": "none"}
    assert dict(yard.apply(due)[0].changes) == {"rotated": 1, "none": 1}
    assert yard.works("one")


@pytest.mark.behaviour(time_format="naive_east")
def test_plan_and_status_warn_of_an_expiry_that_is_not_what_was_asked_for(
    yard: Yard, call: Callable[..., Done]
) -> None:
    file = yard.fleet({"name": "one"})
    _, results = yard.apply(file)
    assumed = '"expiration" has no time zone; UTC is assumed, and expiration_raw has the original text'
    (later,) = [warning for warning in results["one"].warnings if warning.startswith("the API shows")]
    assert "2 hours later than the 30 days that were asked for" in later
    assert assumed in results["one"].warnings
    assert yard.plans(file)["one"].warnings == (later,)
    for command in ("plan", "status"):
        done = call("fleet", command, file)
        assert (done.code, f"one: {later}" in done.err) == (0, True), command
    planned = call("fleet", "plan", file, "--json").envelope
    assert planned["tokens"][0]["warnings"] == [later]
    assert assumed in planned["credentials"][0]["warnings"]
    assert assumed in call("fleet", "plan", file).err


def test_an_old_token_is_retired_once_its_overlap_has_passed(yard: Yard) -> None:
    file = yard.fleet({"name": "one"})
    yard.apply(file)
    later = yard.fleet({"name": "one", "renew_within": 31, "overlap": 0.0001}, expiration=60)
    yard.apply(later)
    calm = yard.fleet({"name": "one"}, expiration=60)
    assert yard.plans(calm)["one"].retire_due is not None
    eventually(lambda: yard.plans(calm)["one"].step == "retire")
    assert dict(yard.apply(calm)[0].changes) == {"retired": 1}
    assert (yard.plans(calm)["one"].step, yard.plans(calm)["one"].retire_due) == ("none", None)


def test_other_scopes_are_blocked_without_change_scopes(yard: Yard) -> None:
    yard.apply(yard.fleet({"name": "one"}))
    file = yard.fleet({"name": "one", "scopes": ["company:view"]})
    assert (yard.plans(file)["one"].step, yard.plans(file)["one"].reason) == ("blocked", "it has embed")
    assert yard.apply(file)[0].outcome.value == "invalid"
    file = yard.fleet({"name": "one", "scopes": ["company:view"], "change_scopes": True})
    assert yard.plans(file)["one"].step == "rescope"
    assert dict(yard.apply(file)[0].changes) == {"created": 1}


def test_a_name_of_another_state_folder_is_blocked_without_take_over(yard: Yard) -> None:
    yard.apply(yard.fleet({"name": "one"}))
    shutil.rmtree(yard.folder / "state")
    file = yard.fleet({"name": "one"})
    assert yard.plans(file)["one"].step == "blocked"
    assert "managed elsewhere" in yard.plans(file)["one"].reason
    assert yard.apply(file)[0].outcome.value == "refused"
    file = yard.fleet({"name": "one", "take_over": True})
    assert (yard.plans(file)["one"].step, yard.plans(file)["one"].reason) == ("create", "it is taken over")
    assert dict(yard.apply(file)[0].changes) == {"created": 1}
    assert yard.works("one")


def test_an_unreadable_store_blocks_only_its_token(yard: Yard) -> None:
    (yard.folder / "bad.json").write_text("two words")
    file = yard.fleet({"name": "bad"}, {"name": "odd", "to": ["nothing"]}, {"name": "good"})
    seen = yard.plans(file)
    assert {name: token.step for name, token in seen.items()} == {"bad": "blocked", "odd": "blocked", "good": "create"}
    summary, results = yard.apply(file)
    assert {name: result.outcome.value for name, result in results.items()} == {
        "bad": "invalid",
        "odd": "invalid",
        "good": "done",
    }
    assert summary.outcome.value == "invalid"


@pytest.mark.parametrize("there", ["garbage", "folder", "nothing"])
def test_an_unreadable_credential_blocks_only_its_tokens(yard: Yard, there: str) -> None:
    bad = yard.folder / "bad.rotator"
    if there == "garbage":
        bad.write_text("two words")
    elif there == "folder":
        bad.mkdir()
    file = yard.fleet({"name": "bad", "auth": f"file:{bad}"}, {"name": "good"})
    assert {name: token.step for name, token in yard.plans(file).items()} == {"bad": "blocked", "good": "create"}
    _, results = yard.apply(file)
    assert results["good"].outcome.value == "done"
    assert str(bad) in str(results["bad"].problem)


def test_a_former_store_with_other_content_blocks_nothing(yard: Yard) -> None:
    second = yard.folder / "second.json"
    yard.apply(yard.fleet({"name": "one", "to": [yard.to("one"), f"file:{second}"]}))
    second.write_text("just some notes")
    file = yard.fleet({"name": "one"}, {"name": "two"})
    assert {name: token.step for name, token in yard.plans(file).items()} == {"one": "none", "two": "create"}
    summary, _ = yard.apply(file)
    assert summary.outcomes == {"done": 2}
    second.unlink()
    second.mkdir()
    assert "cannot be read: Is a directory" in yard.plans(file)["one"].reason
    assert yard.apply(file)[0].outcomes == {"invalid": 1, "done": 1}


def test_a_row_that_its_credential_does_not_list_is_reported(yard: Yard) -> None:
    yard.apply(yard.fleet({"name": "one"}))
    seen = yard.plans(yard.fleet({"name": "one", "auth": yard.owner("somebody")}))["one"]
    assert (seen.step, seen.reason) == ("none", "its row is not listed")


def test_a_record_of_an_unknown_row_is_blocked(yard: Yard) -> None:
    file = yard.fleet({"name": "one"})
    yard.apply(file)
    record = json.loads((yard.folder / "one.json").read_text())
    record["current"]["id"] = "gone"
    (yard.folder / "one.json").write_text(json.dumps(record))
    assert yard.plans(file)["one"].step == "blocked"
    assert yard.apply(file)[0].outcome.value == "refused"


def test_a_token_whose_secret_was_replaced_elsewhere_is_renewed(yard: Yard) -> None:
    file = yard.fleet({"name": "one"})
    yard.apply(file)
    record = json.loads((yard.folder / "one.json").read_text())
    yard.store.regenerate(record["current"]["id"], owner="default", days=25)
    assert (yard.plans(file)["one"].step, yard.plans(file)["one"].reason) == ("renew", "its secret was replaced")
    assert dict(yard.apply(file)[0].changes) == {"rotated": 1}
    assert yard.works("one")


def test_an_unfinished_operation_is_finished(yard: Yard) -> None:
    file = yard.fleet({"name": "one"})
    yard.faults.add(Fault("lost", method="POST", times=6))
    yard.apply(file)
    yard.faults.clear()
    assert (yard.plans(file)["one"].step, yard.plans(file)["one"].reason) == ("finish", "create is not finished")
    assert yard.apply(file)[0].outcome.value == "done"
    assert yard.works("one")


def test_a_store_that_lacks_the_token_is_to_be_finished(yard: Yard) -> None:
    file = yard.fleet({"name": "one", "to": [f"file:{yard.folder}/one.json", f"text:{yard.folder}/one.txt"]})
    yard.apply(file)
    assert yard.plans(file)["one"].step == "none"
    (yard.folder / "one.txt").unlink()
    plan = yard.plans(file)["one"]
    assert (plan.step, plan.reason) == ("finish", f"text:{yard.folder}/one.txt does not hold its token")
    yard.apply(file)
    assert yard.plans(file)["one"].step == "none"
    assert read_token(f"text:{yard.folder}/one.txt") == read_token(f"file:{yard.folder}/one.json")


def test_a_store_that_cannot_be_read_is_not_to_be_finished(yard: Yard) -> None:
    stores = ["command:cat"]
    file = yard.fleet({"name": "one", "to": stores})
    yard.apply(file)
    stores.append("command:tee")
    file = yard.fleet({"name": "one", "to": stores})
    assert yard.plans(file)["one"].step == "none"


def test_a_refused_credential_stops_only_its_tokens(yard: Yard) -> None:
    anna, bert = yard.owner("anna"), yard.owner("bert")
    Path(bert.removeprefix("file:")).write_text("fake-dead-credential-0123456789")
    refs = {"anna": anna, "bert": bert, "carl": f"file:{yard.folder}/nobody"}
    file = yard.fleet(*({"name": f"{name}-{n}", "auth": ref} for name, ref in refs.items() for n in range(5)))
    blocked = [name for name, token in yard.plans(file).items() if token.step == "blocked"]
    assert blocked == [f"{name}-{n}" for name in ("bert", "carl") for n in range(5)]
    summary, results = yard.apply(file)
    assert summary.outcomes[Outcome.DONE] == 5
    assert all(yard.works(f"anna-{n}") for n in range(5))
    assert all(results[name].problem for name in blocked)
    assert summary.started < 15


def test_a_credential_that_is_refused_half_way_stops_its_tokens_at_once(yard: Yard) -> None:
    anna = yard.owner("anna")
    file = yard.fleet(*({"name": f"a{n:02}", "auth": anna} for n in range(20)), {"name": "b"})
    yard.apply(file, only=["a00"])
    yard.faults.add(Fault("status", method="POST", status=401, times=1))
    summary, results = yard.apply(file)
    refused = [name for name, result in results.items() if result.problem and result.problem.code == "unauthorized"]
    if refused == ["b"]:  # whose canary met the fault
        assert summary.outcomes[Outcome.DONE] == 20
    else:
        assert summary.started < 21
        assert all("its credential was refused" in str(r.problem) for r in results.values() if r.action is None)
    assert yard.apply(file)[0].outcome.value == "done"
    assert all(yard.works(f"a{n:02}") for n in range(20))


def test_too_many_failures_stop_the_rest(yard: Yard) -> None:
    file = yard.fleet(*({"name": f"n{n}"} for n in range(10)))
    yard.faults.add(Fault("status", method="POST", status=422, times=9))
    summary, _ = yard.apply(file, max_failures=0)
    assert summary.started == 1
    summary, _ = yard.apply(file)
    assert 2 <= summary.started < 10
    assert summary.to_dict()["summary"]["not_started"] == 10 - summary.started


def test_invalid_tokens_do_not_count_as_failures(yard: Yard) -> None:
    bad = [{"name": f"bad{n}", "to": [f"nothing:{n}"]} for n in range(10)]
    summary, results = yard.apply(yard.fleet(*bad, {"name": "good"}), max_failures=0)
    assert summary.started == 11
    assert {name for name, result in results.items() if result.outcome.value == "done"} == {"good"}


def test_failures_count_while_a_token_that_was_started_before_them_is_in_progress(yard: Yard) -> None:
    order = in_order([Member(f"n{n}", "file") for n in range(31)])
    slow, bad = order[15], set(order[16:])
    wait = f"command:{sys.executable} -c 'import time; time.sleep(2)'"
    file = yard.fleet(*({"name": f"n{n}", "to": [wait if f"n{n}" == slow else yard.to(f"n{n}")]} for n in range(31)))
    yard.apply(file, only=sorted(bad))
    shutil.rmtree(yard.folder / "state")  # from now on they are managed elsewhere
    summary, results = yard.apply(file)
    assert results[slow].problem is None
    assert all(yard.works(name) for name in results if name not in {slow, *bad})
    assert summary.started <= 16 + 10  # eight are in progress at once; one failure is allowed


def in_order(members: list[Member]) -> list[str]:
    """Return the names in the order in which they are started if each is finished before the next."""
    rollout = Rollout(members)
    ready = found = rollout.first()
    while ready:
        ready = ready[1:] + (more := rollout.after(ready[0]))
        found = found + more
    return [member.name for member in found]


def test_a_token_that_is_a_credential_of_the_fleet_comes_last_and_renews_itself(yard: Yard) -> None:
    own = yard.to("rotator")
    first = yard.fleet({"name": "rotator", "scopes": ["embed"]})
    yard.apply(first)
    rows = [{"name": f"n{n}", "auth": own} for n in range(5)]
    file = yard.fleet({"name": "rotator", "auth": own, "renew_within": 31}, *rows, expiration=60)
    with yard.plan(file) as plan:
        (credential,) = plan.credentials.values()
        assert credential.listed.by_id[credential.row_id or ""]["expires_in_days"] is not None
    summary, results = yard.apply(file)
    assert list(results)[-1] == "rotator"
    assert dict(summary.changes) == {"created": 5, "rotated": 1}
    assert all(yard.works(name) for name in results)
    assert yard.apply(file)[0].outcome.value == "done"


# After a kill


def killed(file: str, *, after: int) -> list[str]:
    """Kill a run after it printed some results; return their names."""
    process = subprocess.Popen(
        [sys.executable, "-m", "locoia_pat", "fleet", "apply", file],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ),
        text=True,
    )
    assert process.stdout is not None
    names = [json.loads(process.stdout.readline())["name"] for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return names


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("many", "owners"), [(300, 20)] if "QUICK" in os.environ else [(300, 20), (1000, 5)])
def test_applying_again_after_a_kill_creates_no_finished_token_twice(yard: Yard, many: int, owners: int) -> None:
    refs = [yard.owner(f"owner-{number}") for number in range(owners)]
    file = yard.fleet(*({"name": f"n{n:04}", "auth": refs[n % owners]} for n in range(many)))
    finished = killed(file, after=many // 3)
    before = {name: read_token(yard.to(name)) for name in finished}
    summary, results = yard.apply(file)
    assert (summary.outcome.value, len(results)) == ("done", many)
    assert all(results[name].data["change"] == "none" for name in finished)  # type: ignore[index]  # done
    assert all(read_token(yard.to(name)) == token for name, token in before.items())
    assert all(yard.works(f"n{n:04}") for n in range(many))
    live = [row for owner in yard.owners for row in yard.store.owned_by(owner) if "~lp1/" in row.note and row.id]
    assert many <= len(live) <= many + 16  # a row that the kill left is revoked, and listed until it expires
    assert dict(yard.apply(file)[0].changes) == {"none": many}


# The command


def test_the_command_plans_applies_and_shows(yard: Yard, call: Callable[..., Done]) -> None:
    file = yard.fleet({"name": "one"}, {"name": "two", "canary": True})
    planned = call("fleet", "plan", file)
    assert (planned.code, planned.out.count("create")) == (0, 2)
    assert "accepted" in planned.err
    assert not (yard.folder / "one.json").exists()
    plan = call("fleet", "plan", file, "--json").envelope
    assert [token["step"] for token in plan["tokens"]] == ["create", "create"]
    assert plan["credentials"][0]["accepted"]
    status = call("fleet", "status", file)
    assert (status.code, call("fleet", "status", file, "--exit-zero").code) == (1, 0)
    applied = call("fleet", "apply", file)
    *lines, last = [json.loads(line) for line in applied.out.splitlines()]
    assert applied.code == 0
    assert sorted(line["name"] for line in lines) == ["one", "two"]
    assert last["summary"] == {"tokens": 2, "not_started": 0, "outcomes": {"done": 2}, "changes": {"created": 2}}
    assert call("fleet", "status", file).code == 0
    shown = call("fleet", "status", file, "--json").envelope["tokens"]
    assert {token["step"] for token in shown} == {"none"}
    assert call("fleet", "apply", file, "--only", "one").out.count('"name"') == 2  # the line, and its data


def test_a_blocked_plan_and_an_invalid_apply_exit_with_2(yard: Yard, call: Callable[..., Done]) -> None:
    file = yard.fleet({"name": "one", "to": ["nothing:x"]})
    assert call("fleet", "plan", file).code == 2
    assert call("fleet", "apply", file).code == 2
    dead = yard.fleet({"name": "one", "auth": f"text:{yard.folder}/nobody"})
    planned = call("fleet", "plan", dead)
    assert (planned.code, "cannot be read" in planned.err) == (2, True)


BAD_CALLS = {
    "no file": (["plan", "nowhere.yaml"], "nowhere.yaml cannot be read: no such file"),
    "an unknown name": (["apply", "fleet.yaml", "--only", "three"], 'no token "three"'),
    "not text": (["apply", "bytes"], "not UTF-8 text"),
    "a store written in two ways": (["plan", "same.yaml"], "is the token store of both one and two"),
    "no such verb": (["destroy", "fleet.yaml"], "No such command"),
}


def test_an_invalid_call_is_explained(yard: Yard, call: Callable[..., Done]) -> None:
    yard.fleet({"name": "one"})
    (yard.folder / "bytes").write_bytes(b"\xff\xfe")
    ref = yard.to("one")
    refs = {"one": ref, "two": ref.replace("/one.json", "/./one.json")}
    rows = (f'{{name: {name}, scopes: [embed], note: N, to: ["{to}"]}}' for name, to in refs.items())
    (yard.folder / "same.yaml").write_text(text(*rows))
    for case, (words, message) in BAD_CALLS.items():
        with chdir(yard.folder):
            done = call("fleet", *words)
        assert (done.code, message in done.err) == (2, True), (case, done.err)


def test_apply_asks_on_a_terminal(yard: Yard) -> None:
    file = yard.fleet({"name": "one"}, {"name": "two"})
    no = on_terminal("fleet", "apply", file, typed="n\n")
    assert (no.code, "2 to create at http" in no.err) == (2, True)
    yes = on_terminal("fleet", "apply", file, typed="y\n")
    assert (yes.code, yard.works("one")) == (0, True)
    again = on_terminal("fleet", "apply", file, "--yes")
    assert again.code == 0
    assert "Nothing is due" in on_terminal("fleet", "apply", file, typed="y\n").err


def test_an_invalid_reference_of_a_credential_blocks_its_tokens(yard: Yard) -> None:
    seen = yard.plans(yard.fleet({"name": "one", "auth": "nothing"}, {"name": "two"}))
    assert (seen["one"].step, seen["one"].reason, seen["two"].step) == (
        "blocked",
        "not a valid token store reference",
        "create",
    )


def test_a_token_that_names_no_credential_uses_that_of_the_command(yard: Yard, call: Callable[..., Done]) -> None:
    file = yard.fleet({"name": "one"}, auth=None)
    credential = f"{yard.folder}/default.rotator"
    assert call("fleet", "apply", file, "--auth", f"file:{credential}").code == 0
    os.environ["LOCOIA_TOKEN_FILE"] = credential
    planned = call("fleet", "plan", file, "--json").envelope
    assert planned["credentials"][0] == {
        "credential": "the command's",
        "accepted": True,
        "state": "accepted",
        "expires_in_days": None,
        "warnings": [],
    }


def test_apply_shows_a_progress_bar_on_a_terminal(yard: Yard) -> None:
    file = yard.fleet({"name": "one"}, {"name": "two"})
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "locoia_pat", "fleet", "apply", file]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    assert len(done.stdout.splitlines()) == 3
    assert b"100%" in os.read(ours, 100_000)
    os.close(ours)


def test_an_interrupted_run_finishes_started_tokens_and_starts_no_more(yard: Yard) -> None:
    file = yard.fleet(*({"name": f"n{n:03}"} for n in range(60)))
    process = subprocess.Popen(
        [sys.executable, "-m", "locoia_pat", "fleet", "apply", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    created = [n for n in range(60) if (yard.folder / f"n{n:03}.json").exists()]
    assert 1 <= len(created) < 60
    assert all(yard.works(f"n{n:03}") for n in created)
    assert {token.step for token in yard.plans(file).values()} <= {"none", "create"}


def test_a_token_whose_store_left_the_file_is_blocked_as_when_applied(yard: Yard) -> None:
    yard.apply(yard.fleet({"name": "one"}))
    moved = yard.fleet({"name": "one", "to": [f"file:{yard.folder}/new.json"]})
    seen = yard.plans(moved)["one"]
    assert (seen.step, "which is not in the file" in seen.reason) == ("blocked", True)
    assert yard.apply(moved)[0].outcome.value == "invalid"  # so two fleets that use one name do not alternate
    assert yard.works("one")


def test_two_tokens_cannot_share_a_store_however_it_is_written(yard: Yard, call: Callable[..., Done]) -> None:
    rows = [{"name": "a", "to": [f"file:{yard.folder}/t"]}, {"name": "b", "to": [f"text:{yard.folder}/t"]}]
    done = call("fleet", "plan", yard.fleet(*rows))
    assert (done.code, "is the token store of both a and b" in done.err) == (2, True)
    (yard.folder / "link").symlink_to(yard.folder)
    rows = [{"name": "a", "to": [f"text:{yard.folder}/t"]}, {"name": "b", "to": [f"text:{yard.folder}/link/t"]}]
    assert call("fleet", "plan", yard.fleet(*rows)).code == 2
    rows = [{"name": "a", "to": ["connector-auth:x"]}, {"name": "b", "to": ["connector-auth:x#bearer"]}]
    assert call("fleet", "plan", yard.fleet(*rows)).code == 2


def test_an_incomplete_reference_of_a_credential_blocks_only_its_tokens(yard: Yard) -> None:
    file = yard.fleet({"name": "one"}, {"name": "two", "auth": "keyring:a"})
    seen = yard.plans(file)
    assert (seen["one"].step, seen["two"].step) == ("create", "blocked")
    assert "keyring:SERVICE/NAME" in seen["two"].reason
    summary, results = yard.apply(file)
    assert (results["one"].problem, summary.outcomes[Outcome.DONE]) == (None, 1)
    assert "keyring:SERVICE/NAME" in str(results["two"].problem)
