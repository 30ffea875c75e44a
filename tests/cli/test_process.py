"""An argument that looks like a token is refused before anything is done with it; what people really type is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.command import Done, call
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Done]

__all__ = ["call"]

TOKEN = "lpat_Vn7Qw2Xc5Zr8Tk1Yb4Md"
CREATE = ["run", "create_pat", "expiration=30", "scopes=embed", "--reveal"]

LIKE_A_TOKEN = {
    "a note": [*CREATE, f"note={TOKEN}"],
    "inside of a note": [*CREATE, f"note=it is {TOKEN}, take it"],
    "an id with a known prefix": ["run", "regenerate_pat", f"token_id={TOKEN}", "expiration=30", "--reveal"],
    "made by chance": [*CREATE, "note=Zq8vK3xY7wR5nB2mC4dF"],
    "an option": ["run", "list_pats", f"--auth={TOKEN}"],
    "a header": [*CREATE, "note=Bearer Zq8vK3xY7wR5"],
    "a command": [TOKEN],
}


@pytest.mark.parametrize("name", LIKE_A_TOKEN)
def test_an_argument_that_looks_like_a_token_is_refused_and_not_repeated(call: Call, name: str) -> None:
    os.environ["LOCOIA_TOKEN"] = "fake-credential-0123456789"
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call(*LIKE_A_TOKEN[name])
    assert (done.code, server.got) == (2, [])
    assert "an argument looks like a token" in done.out + done.err
    assert "Zq8vK3x" not in done.out + done.err
    assert TOKEN[-10:] not in done.out + done.err


HARMLESS = [
    "note=pat_rotation_2026",
    "note=pat_for_the_ci_job",
    "note=npm_publish_workflow",
    "note=da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "note=5a1f3c1e-0000-4000-8000-000000000001",
    "note=Nightly report of the sales team, 2026-11-24T03:01:09Z",
]


@pytest.mark.parametrize("note", HARMLESS)
def test_what_people_type_is_let_through(call: Call, note: str) -> None:
    os.environ["LOCOIA_TOKEN"] = "fake-credential-0123456789"
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        assert call(*CREATE, note).code == 0


def test_a_path_that_exists_and_what_follows_two_dashes_are_let_through(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Zq8vK3xY7wR5nB2mC4dF").write_text("token: fake-secret-0001\n")
    assert call("cassettes", "lint", "Zq8vK3xY7wR5nB2mC4dF").code == 0
    done = call("exec", "env:NOT_SET", "--", "echo", TOKEN)
    assert "looks like a token" not in done.err


def test_an_input_that_holds_the_credential_is_refused(call: Call) -> None:
    os.environ["LOCOIA_TOKEN"] = "word-credential-of-nobody"
    with serving(answer(201, created())) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        done = call(*CREATE, "note=mine is word-credential-of-nobody")
    assert (done.code, done.envelope["error"]["field"], server.got) == (2, "note", [])
    assert "word-credential" not in done.out + done.err
