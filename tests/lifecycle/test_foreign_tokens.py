"""Token stores with an unexpected token: a foreign one, an old one, one of another name, or one that cannot be read."""

from __future__ import annotations

import json
import stat
import sys
import threading
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorAuth, ConnectorError, InvalidError, Outcome, RefusedError, Result, Secret
from locoia_pat.actions import retire_pat
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State
from locoia_pat.stores import TokenEntry, open_store, read_token
from locoia_pat.stores.record import Record
from tests.support.lifecycle_sandbox import write_program
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.lifecycle_sandbox import ManagedSandbox


@pytest.fixture
def refs(tmp_path: Path) -> dict[str, str]:
    """Return store references by what can be read back."""
    return {
        "record": f"file:{tmp_path}/other.json",
        "text": f"text:{tmp_path}/bare",
        "env": f"env-file:{tmp_path}/.env#CI",
    }


@pytest.mark.parametrize("ours", ["record", "text", "env"])
@pytest.mark.parametrize("theirs", ["record", "text", "env"])
@pytest.mark.parametrize("first", [True, False])
def test_a_foreign_token_in_a_second_store_is_refused_and_neither_is_overwritten(
    sandbox: ManagedSandbox, refs: dict[str, str], ours: str, theirs: str, *, first: bool
) -> None:
    mine, other = (sandbox.ref(), refs["record"]) if ours == theirs == "record" else (refs[ours], refs[theirs])
    if ours == theirs != "record":
        other = other.replace("bare", "bare2").replace(".env", ".env2")
    sandbox.ensure(token_to=[mine])
    held, foreign = read_token(mine), sandbox.create_by_hand(other)
    with pytest.raises(InvalidError, match="holds another token than") as caught:
        sandbox.ensure(token_to=[other, mine] if first else [mine, other])
    assert other.removesuffix("#current") in caught.value.problem.message.split(" holds ")[0]
    assert caught.value.problem.field == "token_to"
    assert (read_token(mine), read_token(other)) == (held, foreign)
    assert sandbox.accepts(held)
    assert sandbox.accepts(foreign)


def test_a_copy_of_our_token_is_not_foreign(sandbox: ManagedSandbox, refs: dict[str, str]) -> None:
    sandbox.ensure()
    Path(refs["text"].removeprefix("text:")).write_text(read_token(sandbox.ref()).reveal())
    assert sandbox.ensure(token_to=[refs["text"], sandbox.ref()]).change == "none"


@pytest.mark.parametrize("kind", ["record", "text"])
def test_a_foreign_token_that_overwrote_ours_is_not_taken_for_it(
    sandbox: ManagedSandbox, refs: dict[str, str], kind: str
) -> None:
    sandbox.ensure(token_to=[refs[kind]])
    foreign = sandbox.create_by_hand(f"text:{sandbox.folder}/hand")
    Path(refs[kind].partition(":")[2]).write_text(foreign.reveal())
    with pytest.raises(RefusedError, match="a token that this state folder does not know"):
        sandbox.ensure(token_to=[refs[kind]])
    assert read_token(refs[kind]) == foreign
    assert sandbox.ensure(token_to=[refs[kind]], take_over=True).change in ("created", "adopted")
    assert sandbox.accepts(read_token(refs[kind]))


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_store_that_was_restored_within_the_overlap_gets_a_token_that_lasts(
    sandbox: ManagedSandbox, refs: dict[str, str], kind: str
) -> None:
    ref = refs[kind]
    file = Path(ref.partition(":")[2].partition("#")[0])
    sandbox.ensure(token_to=[ref])
    backup = file.read_text()
    sandbox.rotate(token_to=[ref], overlap=24)
    file.write_text(backup)
    assert sandbox.ensure(token_to=[ref], overlap=24).change == "rotated"
    for _ in range(2):
        sandbox.end_overlaps()
        sandbox.ensure(token_to=[ref], overlap=24)
        assert sandbox.accepts(read_token(ref))
    assert len(sandbox.rows()) == 2


def test_of_two_stores_the_restored_one_gets_the_token_of_the_other(
    sandbox: ManagedSandbox, refs: dict[str, str]
) -> None:
    both = [refs["text"], refs["env"]]
    sandbox.ensure(token_to=both)
    file = Path(refs["text"].removeprefix("text:"))
    backup = file.read_text()
    sandbox.rotate(token_to=both, overlap=24)
    held = read_token(refs["env"])
    file.write_text(backup)
    assert sandbox.ensure(token_to=both).change == "none"
    assert read_token(refs["text"]) == read_token(refs["env"]) == held


def test_a_second_rotation_within_the_overlap_warns_of_the_token_it_revokes(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    assert sandbox.rotate(overlap=24).warnings == ()
    (warning,) = sandbox.rotate(overlap=24).warnings
    assert "a token promised until" in warning


def test_a_name_that_is_misspelt_is_not_retired(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    with sandbox.connector() as connector:
        with pytest.raises(InvalidError, match="there is no token of the name cii") as caught:
            retire_pat(connector, name="cii", **sandbox.options(token_to=[sandbox.ref("cii")]))
        assert caught.value.problem.code == "not_found"
        assert retire_pat(connector, name="ci", **sandbox.options()).change == "retired"
        assert retire_pat(connector, name="ci", **sandbox.options()).change == "none"


def test_a_store_that_cannot_be_read_serves_one_name(sandbox: ManagedSandbox) -> None:
    ref = f"command:{write_program(sandbox.folder)}"
    sandbox.ensure(token_to=[ref])
    with pytest.raises(InvalidError, match="holds the token of the name ci"):
        sandbox.ensure(name="cd", token_to=[ref])
    with sandbox.connector() as connector:
        retire_pat(connector, name="ci", **sandbox.options(token_to=[ref]))
    assert sandbox.ensure(name="cd", token_to=[ref]).change == "created"


def test_a_program_is_one_store_however_its_path_is_written(sandbox: ManagedSandbox) -> None:
    file = write_program(sandbox.folder)
    with chdir(sandbox.folder):
        first = sandbox.ensure(token_to=[f"command:./{file.name}"])
    assert sandbox.ensure(token_to=[f"command:{file}"]).change == "none"
    assert sandbox.rotate(token_to=[f'command:["{file}"]']).id != first.id


def test_a_name_whose_program_is_gone_can_be_retired_and_moved(sandbox: ManagedSandbox) -> None:
    file = write_program(sandbox.folder)
    sandbox.ensure(token_to=[f"command:{file}"])
    sandbox.ensure(name="cd", token_to=[f"command:{write_program(sandbox.folder, 'cd.sh')}"])
    file.unlink()
    moved = sandbox.ensure(token_to=[sandbox.ref()])
    assert any("is not given, and keeps the token of this name" in warning for warning in moved.warnings)
    (sandbox.folder / "cd.sh").unlink()
    with sandbox.connector() as connector:
        done = retire_pat(connector, name="cd", **sandbox.options(token_to=[f"command:{sandbox.folder}/cd.sh"]))
    assert done.change == "retired"


def test_only_stores_that_hold_the_token_are_reported(sandbox: ManagedSandbox, refs: dict[str, str]) -> None:
    ref = f"command:{write_program(sandbox.folder)}"
    sandbox.ensure(token_to=[ref])
    retired = sandbox.ensure(token_to=[ref, refs["text"]])
    assert retired.token_refs == ()
    assert "does not hold the token of this name yet" in retired.warnings[0]
    assert sandbox.rotate(token_to=[ref, refs["text"]]).token_refs == (refs["text"],)


def test_a_missing_store_keeps_reconcile_from_no_other_name(sandbox: ManagedSandbox, refs: dict[str, str]) -> None:
    for name in ("a", "b", "c"):
        (sandbox.folder / name).mkdir()
        sandbox.ensure(name=name, token_to=[f"text:{sandbox.folder}/{name}/t"])
    with sandbox.connector() as connector:
        retire_pat(connector, name="c", **sandbox.options(token_to=[f"text:{sandbox.folder}/c/t"]))
        sandbox.ensure(name="d", token_to=[refs["text"]])
        for name in ("a", "b", "c"):
            (sandbox.folder / name / "t").unlink(missing_ok=True)
            (sandbox.folder / name).rmdir()
        result = reconcile(connector, state=State(sandbox.folder / "state"), settle=0.0)
    assert result.outcome is Outcome.INVALID
    report = json.loads(json.dumps(result.to_dict()))
    assert [row["outcome"] for row in report["data"]["names"]] == ["invalid", "invalid", "done", "done"]


def test_a_file_that_others_could_read_is_reported_as_closed(sandbox: ManagedSandbox, refs: dict[str, str]) -> None:
    file = Path(refs["env"].removeprefix("env-file:").partition("#")[0])
    file.write_text("A=1\n")
    file.chmod(0o644)
    warnings = sandbox.ensure(token_to=[refs["env"]]).warnings
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [warning for warning in warnings if "was readable by others (mode 0644)" in warning] != []
    assert sandbox.ensure(token_to=[refs["env"]]).warnings == ()


@pytest.mark.skipif(sys.platform == "win32", reason="programs are named otherwise there")
def test_a_program_that_is_misspelt_is_named(sandbox: ManagedSandbox) -> None:
    with pytest.raises(ConnectorError, match=r"command not found: .*/nosuch\.sh"):
        sandbox.ensure(token_to=[f"command:{sandbox.folder}/nosuch.sh"])


def test_a_credential_that_is_not_of_the_name_is_not_changed(sandbox: ManagedSandbox, refs: dict[str, Any]) -> None:
    foreign = sandbox.create_by_hand(refs["text"])
    sandbox.ensure()
    with pytest.raises(InvalidError, match="holds another token"):
        sandbox.ensure(token_to=[sandbox.ref(), refs["text"]], auth=ConnectorAuth(sandbox.rotator))
    assert sandbox.accepts(foreign)


def test_a_program_without_a_delivery_is_not_reported(sandbox: ManagedSandbox) -> None:
    ref = f"command:{write_program(sandbox.folder)}"
    sandbox.ensure(token_to=[ref])
    with sandbox.connector() as connector:
        retire_pat(connector, name="ci", **sandbox.options(token_to=[ref]))
    assert sandbox.ensure().warnings == ()


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_store_that_another_call_filled_meanwhile_keeps_its_token(
    sandbox: ManagedSandbox, refs: dict[str, str], kind: str
) -> None:
    sandbox.faults.add(Fault("slow", method="POST", seconds=0.6, times=1))
    results: list[Result] = []

    def create(note: str) -> None:
        with sandbox.connector() as connector:
            inputs = {"expiration": 9, "scopes": ["embed"], "note": note}
            results.append(connector.run("create_pat", inputs, token_to=[refs[kind]]))

    slow = threading.Thread(target=create, args=("slow",))
    slow.start()
    eventually(lambda: not sandbox.faults.pending())  # it has probed the store, and waits for its response
    create("fast")
    slow.join()
    fast, late = results
    assert (fast.outcome, late.outcome) == (Outcome.DONE, Outcome.NOT_STORED)
    assert late.problem is not None
    assert "another process has stored a different token since it was probed" in late.problem.message
    assert "revoked immediately" in (late.problem.hint or "")
    assert sandbox.accepts(read_token(refs[kind]))


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_store_of_another_name_is_refused_even_by_an_operation_in_progress(
    sandbox: ManagedSandbox, refs: dict[str, str], kind: str
) -> None:
    sandbox.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(ConnectorError, match="no complete response"):
        sandbox.ensure(name="late", token_to=[refs[kind]])
    sandbox.faults.clear()
    sandbox.ensure(token_to=[refs[kind]])
    for take_over in (False, True):
        with pytest.raises(InvalidError, match="holds the token of the name ci"):
            sandbox.ensure(name="late", token_to=[refs[kind]], take_over=take_over)
    assert sandbox.accepts(read_token(refs[kind]))
    assert sandbox.ensure(token_to=[refs[kind]]).change == "none"


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_managed_token_is_not_overwritten_by_one_of_another_name(refs: dict[str, str], kind: str) -> None:
    one, two = open_store(refs[kind]), open_store(refs[kind])
    one.probe()
    two.probe()
    first = TokenEntry(Secret("fake-first-0123456789abcdef"), {"id": "1"})
    one.write_record(Record(name="one", current=first))
    other = TokenEntry(Secret("fake-other-0123456789abcdef"), {"id": "2"})
    with pytest.raises(OSError, match="another process has stored a different token"):
        two.write_record(Record(name="two", current=other))
    one.write_record(Record(name="one", current=other, previous=first))
    one.write_record(Record(name="one", current=first))
    assert read_token(refs[kind]) == first.token


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_new_secret_of_a_row_replaces_the_one_that_it_revoked(refs: dict[str, str], kind: str) -> None:
    one, two = open_store(refs[kind]), open_store(refs[kind])
    one.probe()
    two.probe()
    one.store(TokenEntry(Secret("fake-first-0123456789abcdef"), {"id": "1"}), api="x", replaced_id="1")
    two.store(TokenEntry(Secret("fake-second-0123456789abcdef"), {"id": "1"}), api="x", replaced_id="1")
    assert read_token(refs[kind]) == Secret("fake-second-0123456789abcdef")
