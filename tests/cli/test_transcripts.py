"""Natural mistakes of a flow author, a connector author and an operator, each with the whole answer to it.

The mark of each is what a new user would give: 5, I know what to type next; 3, I have to think; 1, I was misled.
After a message has changed, ``REWRITE=1 pytest`` on this file writes the new answers: read them, and mark them.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import chdir
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest

import locoia_pat
from locoia_pat import actions
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import running
from tests.support.spec_folders import ACME
from tests.support.transcripts import Mistake, read, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done

    Call = Callable[..., Done]

FOLDER = Path(__file__).parent / "mistakes"
ROLES = ("flow_author", "connector_author", "operator")
ROW_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
PYTHON_SUGGESTION = re.compile(r"(TypeError: .*)\. Did you mean .*\?")
"""What Python adds to its own message from 3.13 on."""
KNOWN_KEYS = re.compile(r"\(known keys: [^)]*\)")
"""They grow with the language, and other tests hold them."""
PUT_THING = """\
spec: 1
action: put_thing
title: Put thing
summary: Put a thing.
effect: update
inputs:
  x: {title: X, type: text, required: true}
request:
  method: PUT
  path: /things
  body:
    x: "{{ x }}"
reply:
  ok: [200]
  output:
    id: {type: text, title: ID}
"""


@pytest.mark.parametrize("role", ROLES)
def test_each_mistake_has_its_whole_answer(role: str, call: Call, tmp_path: Path) -> None:
    path = FOLDER / f"{role}.txt"
    store = SandboxStore()
    _, credential = store.create(owner="anna", days=300, scopes=["automation", "connector_auth"], note="rotator")
    answers: list[str] = []
    with running(store=store) as (url, _):
        variables = dict(os.environ)
        for mistake in read(path):
            folder = tmp_path / str(mistake.line)
            folder.mkdir()
            given = {"LOCOIA_BASE_URL": url, "LOCOIA_TOKEN": credential.reveal(), "HOME": str(folder / "home")}
            os.environ.clear()
            os.environ.update({**variables, **given, "LOCOIA_PAT_STATE": "state.d", "XDG_STATE_HOME": f"{folder}/home"})
            with chdir(folder):
                answer = answer_to(mistake, call, credential.reveal())
            for shown, text in ((url, "https://api.locoia.com/v1"), (str(folder), "~")):
                answer = answer.replace(shown, text)
            answer = PYTHON_SUGGESTION.sub(r"\1", answer)
            answers.append(KNOWN_KEYS.sub("(known keys: …)", ROW_ID.sub("ID", answer)))
    if os.environ.get("REWRITE"):
        write(path, answers)
    for mistake, answer in zip(read(path), answers, strict=True):
        assert answer == mistake.answer, f"{path.name}:{mistake.line} {mistake.typed}"


def answer_to(mistake: Mistake, call: Call, credential: str) -> str:
    """Return what both streams show, and the exit code."""
    specs = {"acme/connector.yaml": ACME, "acme/put_thing.yaml": PUT_THING} if mistake.changes else {}
    for old, new in mistake.changes:
        assert any(old in text for text in specs.values()), old
        specs = {file: text.replace(old, new) for file, text in specs.items()}
    for file, text in {**specs, **mistake.files}.items():
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")
    for command in mistake.before:
        done = call(*shlex.split(command))
        assert done.code == 0, done.err
        os.environ["LOCOIA_TOKEN"] = credential
    os.environ.update(mistake.variables)
    kind, _, line = mistake.typed.partition(" ")
    if kind == ">>>":
        return python(line)
    done = call(*shlex.split(line))
    envelope = done.out if line.startswith("run ") and "--each" not in line else ""
    return f"{'' if envelope else done.out}{done.err}exit {done.code}\n"


def python(line: str) -> str:
    """Return the last line of the traceback, as a person reads it."""
    auth = locoia_pat.ConnectorAuth.from_env()
    names: dict[str, Any] = {
        **vars(locoia_pat),
        "Connector": locoia_pat.Connector,
        "ConnectorAuth": locoia_pat.ConnectorAuth,
        "AsyncConnector": locoia_pat.AsyncConnector,
        "Secret": locoia_pat.Secret,
    }
    names |= {"create_pat": actions.create_pat, "ensure_pat": actions.ensure_pat, "auth": auth}
    with locoia_pat.Connector(auth) as connector:
        try:
            exec(line, {**names, "connector": connector})  # noqa: S102  # a line of the transcript
        except Exception as error:  # noqa: BLE001  # whatever a user would see
            return f"{type(error).__name__}: {error}\n"
    return "nothing\n"


def test_the_answers_are_marked_well() -> None:
    mistakes = [mistake for role in ROLES for mistake in read(FOLDER / f"{role}.txt")]
    assert len(mistakes) >= 120
    assert min(mistake.mark for mistake in mistakes) >= 3
    assert mean(mistake.mark for mistake in mistakes) >= 4.7
