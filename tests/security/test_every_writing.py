"""A token or credential that an API repeats in any writing is shown nowhere, and is written nowhere."""

from __future__ import annotations

import html
import json
import os
from typing import TYPE_CHECKING

from locoia_pat import Outcome
from tests.support.canaries import (
    CREATE,
    PAIRS,
    PLAIN,
    WORDS,
    Canaries,
    connector,
    error_of,
    shown_with_error,
    with_locals,
)
from tests.support.loopback import answer, created, serving
from tests.support.writings import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.security.conftest import Done, Log

    Call = Callable[..., Done]

OK = 201


def written(value: str) -> dict[str, str]:
    """Return every writing of *value*."""
    return {name: write(value) for name, write in ENCODINGS.items()}


def traces(text: str, *values: str) -> list[str]:
    """Return the names of the writings of *values* of which a third or more is in *text*, in JSON or not."""
    texts = [text, text.replace("\\\\", "\\"), text.replace('\\"', '"').replace("\\n", "\n")]
    found: list[str] = []
    for value in values:
        for name, writing in written(value).items():
            size = max(8, len(writing) // 3)
            parts = {writing[at : at + size] for at in range(len(writing) - size + 1)}
            found += [name] if any(part in one for part in parts for one in texts) else []
    return found


def test_the_search_finds_each_writing() -> None:
    for name, text in written(PLAIN.minted).items():
        assert name in traces(f"see {text} there", PLAIN.minted)
        assert name in traces(json.dumps(f"see {text} there"), PLAIN.minted)
    assert traces("nothing to see", PLAIN.minted) == []


def test_no_writing_in_a_refusal_is_shown_or_logged(log: Log) -> None:
    credential = PLAIN.credential
    for name, text in written(credential).items():
        for body in ({"message": f"cannot use {text}"}, f"cannot use {text}", {"errors": {text: ["no"]}}):
            with serving(answer(422, body)) as server, connector(server.url, PLAIN) as api:
                result = api.run("create_pat", CREATE)
            error = error_of(result)
            assert result.outcome is Outcome.REFUSED
            assert error is not None
            shown = shown_with_error(result) + with_locals(error)
            assert traces(html.unescape(shown), credential) == [], (name, body)
    assert traces(log.text, credential) == []


def test_an_unknown_token_in_a_message_is_masked_in_any_escapes() -> None:
    for name, write in ENCODINGS.items():
        if name.startswith(("JSON", "Java", "Python", "C", "URL", "HTML")) and "/" not in write("/"):
            text = write("q7Zt2Kx9Lm4Pv8Rw3Yb6")
            with serving(answer(422, {"message": f"cannot use {text}"})) as server, connector(server.url, PLAIN) as api:
                result = api.run("create_pat", CREATE)
            assert result.problem is not None
            assert result.problem.message.endswith("cannot use «secret»"), (name, result.problem.message)


def test_two_secrets_that_begin_alike_are_both_masked_whole() -> None:
    pair = Canaries(
        'a1BASBttq1YqLxOfxqA9Sx/+=&?"\\a1BHPuOPStkl0cZpZLaBt0', 'a1BGe84Vkan99OTpmg04Xn\\"?&=+/a1BBZ0RoGuynGMn46ThK0J'
    )
    for value in (pair.credential, pair.minted):
        for name, note in written(value).items():
            body = created(token=pair.minted, note=note)
            with serving(answer(201, body)) as server, connector(server.url, pair) as api:
                shown = shown_with_error(api.run("create_pat", CREATE))
            assert traces(shown, pair.minted, pair.credential) == [], name


def test_no_writing_in_a_success_is_shown_or_logged(log: Log) -> None:
    for kind, pair in PAIRS.items():
        notes = {
            **written(pair.minted),
            **{f"credential, {name}": text for name, text in written(pair.credential).items()},
        }
        for name, note in notes.items():
            body = created(token=pair.minted, note=note)
            with serving(answer(201, body)) as server, connector(server.url, pair) as api:
                result = api.run("create_pat", CREATE)
            assert result.token is not None
            assert traces(shown_with_error(result), pair.minted, pair.credential) == [], (kind, name)
    assert traces(log.text, *(value for pair in PAIRS.values() for value in (pair.minted, pair.credential))) == []


def test_no_writing_is_printed_or_left_in_a_file(call: Call, home: Path) -> None:
    values = (PLAIN.credential, PLAIN.minted)
    note = " and ".join(text for value in values for text in written(value).values())
    (home / "work" / "in.jsonl").write_text(json.dumps(CREATE))
    for status in (OK, 422, 500):
        body = created(token=PLAIN.minted, note=note) if status == OK else {"message": note}
        with serving(answer(status, body)) as server:
            os.environ["LOCOIA_BASE_URL"] = server.url
            for arguments in (
                ("run", "create_pat", *WORDS, "--token-to", f"file:{home}/one-{status}", "--verbose"),
                ("run", "create_pat", "--each", "in.jsonl", "--token-to", f"file:{home}/each-{status}", "--verbose"),
            ):
                os.environ["LOCOIA_TOKEN"] = PLAIN.credential
                done = call(*arguments)
                assert done.code == {OK: 0, 422: 3, 500: 5}[status], done.out
                assert traces(done.out, *values[: 2 if status == OK else 1]) == [], (status, arguments)
    stored = {"one-201", "each-201"}
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in stored]
    assert files, "the journal of the bulk run is there"
    assert {path.name: traces(path.read_text("latin-1"), *values) for path in files} == {
        path.name: [] for path in files
    }
