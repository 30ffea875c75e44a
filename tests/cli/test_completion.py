"""What a shell offers: actions, inputs, values, references and names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat.cli import group
from locoia_pat.cli.completion import SCRIPTS, complete
from locoia_pat.state.journal import State
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done

    Call = Callable[..., Done]

SPEC = """\
spec: 1
action: put_thing
inputs:
  key: {title: Key, type: password}
  color: {title: Color, type: select, multiple: true, options: colors}
"""
LINES = {
    "locoia-pat": [],
    "locoia-pat ru": ["run"],
    "locoia-pat run cre": ["create_connector_auth", "create_pat"],
    "locoia-pat run create_pat --tok": ["--token-to"],
    "locoia-pat run create_pat exp": ["expiration="],
    "locoia-pat run create_pat expiration=30 ": ["scopes=", "note="],
    "locoia-pat run create_pat scopes=embed sc": ["scopes="],
    "locoia-pat run create_pat expiration=": ["null"],
    "locoia-pat run create_pat scopes=embed:": ["manage", "view"],
    "locoia-pat plan create_pat 'scopes=dash": ["dashboard", "dashboard:manage", "dashboard:view"],
    'locoia-pat run create_pat note="': [],
    "locoia-pat run create_pat note=@t": ["@t.json"],
    "locoia-pat run ensure_pat change_scopes=t": ["true"],
    "locoia-pat run ensure_pat name=b": ["billing"],
    "locoia-pat run create_pat --token-to e": ["env-file:", "env:"],
    "locoia-pat run create_pat --token-to=file:t": ["t.json"],
    "locoia-pat run create_pat --auth file:": ["specs/", "t.json"],
    "locoia-pat run create_pat --auth env:LOCOIA_A": ["LOCOIA_A_TOKEN"],
    "locoia-pat run create_pat --auth keyring:": [],
    "locoia-pat run create_pat --auth file:none/": [],
    "locoia-pat exec te": ["text:"],
    "locoia-pat history b": ["billing"],
    "locoia-pat fleet plan fleet.yaml --only b": ["billing"],
    "locoia-pat run put_thing --specs specs c": ["color="],
    "locoia-pat run put_thing --specs specs color=r": ["red"],
    "locoia-pat run put_thing --specs specs key=@ref:file:t": ["t.json"],
    "locoia-pat run list --specs specs x": [],
    "locoia-pat run unknown x": [],
    "locoia-pat recipe run rot": ["rotate_connector_auth"],
    "locoia-pat run create_pat --timeout 3": [],
    "locoia-pat 'a\\": [],
    'locoia-pat "a\\': [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file, a connector, and a state that manages one name."""
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "connector.yaml").write_text(f"{ACME}options: {{colors: {{enum: [red, green]}}}}\n")
    (specs / "put_thing.yaml").write_text(SPEC)
    (specs / "list.yaml").write_text("[]\n")
    (tmp_path / "t.json").touch()
    (tmp_path / ".hidden").touch()
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / ".state")
    os.environ["LOCOIA_A_TOKEN"] = "x"
    State().save("api", "billing", {})
    return tmp_path


def test_each_word_is_completed(folder: Path, call: Call) -> None:
    with chdir(folder):
        for line, words in LINES.items():
            os.environ.update({"_LOCOIA_PAT_COMPLETE": "bash", "COMP_LINE": line})
            done = call()
            assert (done.code, done.out.split()) == (0, words), line


def test_other_shells_get_whole_words(call: Call) -> None:
    for shell in ("zsh", "fish"):
        line = "locoia-pat run create_pat scopes=embed:v"
        os.environ.update({"_LOCOIA_PAT_COMPLETE": shell, "COMP_LINE": line})
        assert call().out == "scopes=embed:view\n"


def test_names_are_completed_without_a_state_that_exists(tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "none")
    assert complete(["history"], "", group) == []
    assert not (tmp_path / "none").exists()


def test_the_scripts_are_printed_and_read_by_their_shells(call: Call) -> None:
    for shell, script in SCRIPTS.items():
        assert call("completion", shell).out == script
        if shutil.which(shell):
            subprocess.run([shell, "-n", "-c", script], check=True, capture_output=True)


def test_bash_completes_after_an_equals_sign_and_a_colon() -> None:
    script = SCRIPTS["bash"] + (
        'COMP_LINE="locoia-pat run create_pat scopes=embed:v"; COMP_POINT=${#COMP_LINE}\n'
        "_locoia_pat_completion; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, check=True, capture_output=True, text=True
    )
    assert done.stdout == "view\n"
