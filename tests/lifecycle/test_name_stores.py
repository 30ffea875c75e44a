"""Managed names with token stores from which all of a record, only the token, or nothing can be read."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from locoia_pat import ConnectorAuth, InvalidError, NotStoredError, Secret
from locoia_pat.actions import retire_pat
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.lifecycle_sandbox import ManagedSandbox


@dataclass
class Program:
    """A program that accepts tokens, or refuses one on demand."""

    folder: Path

    @property
    def ref(self) -> str:
        text = (
            "import pathlib, sys\n"
            "folder = pathlib.Path(sys.argv[1])\n"
            "token = sys.stdin.read()\n"
            "if (folder / 'refuse').exists(): sys.exit('no')\n"
            "(folder / 'taken').open('a').write(token)\n"
        )
        (self.folder / "takes.py").write_text(text)
        return "command:" + json.dumps([sys.executable, str(self.folder / "takes.py"), str(self.folder)])

    def refuse(self, no: bool = True) -> None:
        (self.folder / "refuse").touch() if no else (self.folder / "refuse").unlink()

    @property
    def taken(self) -> list[Secret]:
        file = self.folder / "taken"
        return [Secret(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture(params=["text", "env-file"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that holds only the token."""
    return f"text:{tmp_path}/bare" if request.param == "text" else f"env-file:{tmp_path}/.env#CI_TOKEN"


def test_a_name_works_with_a_store_that_holds_only_the_token(sandbox: ManagedSandbox, bare: str) -> None:
    first = sandbox.ensure(token_to=[bare])
    assert (first.change, first.token_refs) == ("created", (bare,))
    again = sandbox.ensure(token_to=[bare])
    assert (again.change, again.id, again.scopes) == ("none", first.id, ["embed"])
    before = read_token(bare)
    rotated = sandbox.rotate(token_to=[bare], overlap=24)
    assert rotated.id != first.id
    assert sandbox.accepts(before)
    assert sandbox.accepts(read_token(bare))
    assert sandbox.rotate(token_to=[bare]).id == first.id
    assert not sandbox.accepts(before)
    assert len(sandbox.rows()) == 2
    with sandbox.connector() as connector:
        assert retire_pat(connector, name="ci", **sandbox.options(token_to=[bare])).change == "retired"
    with pytest.raises(InvalidError):
        read_token(bare)


def test_a_token_that_is_not_journalled_is_not_taken_for_ours(sandbox: ManagedSandbox, bare: str) -> None:
    sandbox.ensure(token_to=[bare])
    other = sandbox.options("other", token_to=[bare])
    with pytest.raises(Exception, match="a token that this state folder does not know") as caught:
        sandbox.ensure(**other)
    assert caught.value.problem.code == "managed_elsewhere"  # type: ignore[attr-defined]  # ours
    assert sandbox.ensure(**{**other, "take_over": True}).change == "created"
    assert sandbox.accepts(read_token(bare))


def test_a_token_cannot_rotate_itself_in_a_store_without_the_previous_one(sandbox: ManagedSandbox, bare: str) -> None:
    sandbox.ensure(token_to=[bare])
    with pytest.raises(InvalidError, match="a store that also keeps the previous one") as caught:
        sandbox.rotate(ConnectorAuth.from_ref(bare), token_to=[bare])
    assert caught.value.problem.code == "unsafe"
    assert sandbox.ensure(token_to=[bare, sandbox.ref()]).change == "none"
    sandbox.rotate(ConnectorAuth.from_ref(bare), token_to=[bare, sandbox.ref()])
    assert sandbox.works()
    assert read_token(bare) == read_token(sandbox.ref())


def test_a_program_is_given_each_token_once_and_after_every_other_store(
    sandbox: ManagedSandbox, program: Program
) -> None:
    first = sandbox.ensure(token_to=[program.ref, sandbox.ref()])
    assert first.token_refs == (f"{sandbox.ref()}#current",)
    assert program.taken == [read_token(sandbox.ref())]
    assert sandbox.ensure(token_to=[program.ref, sandbox.ref()]).change == "none"
    assert len(program.taken) == 1
    sandbox.rotate(token_to=[program.ref, sandbox.ref()], overlap=24)
    assert program.taken == [read_token(f"{sandbox.ref()}#previous"), read_token(sandbox.ref())]


def test_a_program_that_refuses_is_given_the_same_token_by_the_next_call(
    sandbox: ManagedSandbox, program: Program
) -> None:
    program.refuse()
    with pytest.raises(NotStoredError, match="exited with 1: no"):
        sandbox.ensure(token_to=[sandbox.ref(), program.ref])
    assert sandbox.works()
    stored = read_token(sandbox.ref())
    program.refuse(no=False)
    assert sandbox.ensure(token_to=[sandbox.ref(), program.ref]).change in ("created", "adopted", "none")
    assert program.taken == [stored] == [read_token(sandbox.ref())]


def test_a_name_works_with_a_store_that_cannot_be_read(sandbox: ManagedSandbox, program: Program) -> None:
    first = sandbox.ensure(token_to=[program.ref])
    assert (first.change, first.token_refs) == ("created", ())
    assert sandbox.ensure(token_to=[program.ref]).change == "none"
    assert len(program.taken) == 1
    rotated = sandbox.rotate(token_to=[program.ref], overlap=24)
    assert (rotated.change, rotated.id != first.id) == ("rotated", True)
    assert [sandbox.accepts(token) for token in program.taken] == [True, True]
    sandbox.rotate(token_to=[program.ref])
    assert [sandbox.accepts(token) for token in program.taken] == [False, False, True]
    assert len(sandbox.rows()) == 2
    with sandbox.connector() as connector:
        ended = retire_pat(connector, name="ci", **sandbox.options(token_to=[program.ref]))
    assert ended.change == "retired"
    assert any("keeps a token that no longer works" in warning for warning in ended.warnings)
    assert not any(sandbox.accepts(token) for token in program.taken)
    assert sandbox.ensure(token_to=[program.ref]).change == "created"


def test_a_store_that_is_added_gets_a_token_by_the_next_rotation_if_the_others_cannot_be_read(
    sandbox: ManagedSandbox, program: Program
) -> None:
    sandbox.ensure(token_to=[program.ref])
    joined = sandbox.ensure(token_to=[program.ref, sandbox.ref()])
    assert joined.change == "none"
    assert any("rotate_pat writes one to it" in warning for warning in joined.warnings)
    sandbox.rotate(token_to=[program.ref, sandbox.ref()])
    assert sandbox.works()
    assert program.taken[-1] == read_token(sandbox.ref())


def test_a_program_that_is_added_is_given_the_current_token(sandbox: ManagedSandbox, program: Program) -> None:
    sandbox.ensure()
    assert sandbox.ensure(token_to=[sandbox.ref(), program.ref]).change == "none"
    assert program.taken == [read_token(sandbox.ref())]
