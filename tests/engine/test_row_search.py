"""A create whose response does not say which row it made: the row is found by its mark, so that it can be revoked."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.authoring.example_server import create_app
from locoia_pat.bulk import JournalOptions
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.compiled_specs import ready_action
from locoia_pat.engine.examples import example_findings
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.row_mark import add_mark, find_mark, new_mark, without_marks
from locoia_pat.state.journal import State
from locoia_pat.testing.scrub import comparable_body, comparable_url
from locoia_pat.testing.secret_names import SecretNames
from tests.support.canaries import FailingStore
from tests.support.loopback import TOKEN, answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CREDENTIAL = Secret("fake-acme-credential-0123456789")
AUTH = ConnectorAuth(CREDENTIAL)
TEXT = {"title": "Text", "type": "text", "required": True}
CREATE = action(
    {"note": TEXT | {"maxLength": 60}},
    {"path": "/keys", "body": {"note": "{{ note }}"}},
    action="create_key",
    reply={"ok": [201], "output": {"token": {"type": "text", "secret": "once"}}},
    verify_with="list_keys",
    tag_input="note",
    revoke={"action": "delete_key", "from_row": ["id"], "inputs": {"key_id": "{{ id }}"}},
)
LIST = action(
    {},
    {"method": "GET", "path": "/keys"},
    action="list_keys",
    effect="read",
    reply={"ok": [200], "rows": "keys", "output": {"id": {"type": "text"}, "note": {"type": "text", "nullable": True}}},
)
DELETE = action(
    {"key_id": TEXT}, {"method": "DELETE", "path": "/keys/{{ key_id }}"}, action="delete_key", effect="delete"
)
CREATED = answer(201, {"token": TOKEN})
ALIVE = "The token was discarded, but its row is still active and its secret is lost."


class Api:
    """An API that tells the note of a new key in its list only."""

    def __init__(self) -> None:
        self.server: Any = None

    def rows(self, make: Callable[[str], Any], status: int = 200, headers: Any = None) -> Any:
        """An answer made of the note of the first request."""

        def script(connection: Any) -> bool:
            return bool(answer(status, make(self.note), headers)(connection))

        return script

    @property
    def note(self) -> str:
        """The note of the first request."""
        return str(self.server.got[0].json["note"])

    @property
    def mark(self) -> str:
        """The mark in it."""
        return f"~lpb/{find_mark(self.note)}"

    @property
    def requests(self) -> list[str]:
        """The requests that arrived."""
        return [f"{got.method} {got.path}" for got in self.server.got]

    @contextmanager
    def serving(self, specs: Path, *scripts: Any, auth: ConnectorAuth = AUTH) -> Iterator[Connector]:
        """A connector to this API."""
        with serving(*scripts) as self.server, Connector(auth, specs=specs, base_url=self.server.url) as acme:
            yield acme


def specs(place: Path, *, create: Any = CREATE, listing: Any = LIST, delete: Any = DELETE, **shared: Any) -> Path:
    made = folder(place, connector(**shared), create, listing, delete)
    assert check_specs(SpecFolder(made)) == []
    return made


def unstored(place: Path, *scripts: Any, api: Api, note: str = "CI", **parts: Any) -> Any:
    """The problem of a create whose token no store takes."""
    with api.serving(specs(place, **parts), CREATED, *scripts) as acme:
        result = acme.run("create_key", {"note": note}, token_to=[FailingStore()])
    text = json.dumps(result.to_dict())
    assert result.outcome is Outcome.NOT_STORED
    assert TOKEN not in text
    assert CREDENTIAL.reveal() not in text
    assert result.secrets == {}
    return result.problem


def test_the_only_row_with_the_mark_is_revoked(tmp_path: Path) -> None:
    api = Api()
    listed = api.rows(lambda note: [{"id": "k1", "note": "CI"}, {"id": "k2", "note": note}, {"id": "k3", "note": None}])
    problem = unstored(tmp_path, listed, answer(200, {}), api=api)
    assert api.requests == ["POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/k2"]
    assert api.note == f"CI {api.mark}"
    assert (problem.hint, problem.next) == ("The new token was revoked immediately: row k2.", None)
    assert {got.headers["authorization"] for got in api.server.got} == {f"Bearer {CREDENTIAL.reveal()}"}


IN_PROJECT: dict[str, Any] = {
    "create": CREATE
    | {
        "inputs": CREATE["inputs"] | {"project": TEXT, "state": {"title": "State", "type": "text"}},
        "request": {
            "method": "POST",
            "path": "/projects/{{ project }}/keys",
            "body": {"note": "{{ note }}", "state": "{{ state }}"},
        },
    },
    "listing": LIST
    | {
        "inputs": {"project": TEXT, "state": {"title": "State", "type": "text"}},
        "request": {
            "method": "GET",
            "path": "/projects/{{ project }}/keys",
            "query": {"state": "{{ state }}"},
            "omit_null": True,
        },
    },
}


def test_a_list_that_requires_inputs_gets_those_of_the_same_names(tmp_path: Path) -> None:
    made, inputs = specs(tmp_path, **IN_PROJECT), {"note": "CI", "project": "p 1", "state": "new"}
    for rows, end, words, command in (
        (lambda note: [{"id": "k2", "note": note}], ["DELETE /v1/keys/k2"], "revoked immediately: row k2.", None),
        (lambda _: [], [], "list_keys has no row", "locoia-pat run list_keys 'project=p 1'"),
    ):
        api = Api()
        with api.serving(made, CREATED, api.rows(rows), answer(200, {})) as acme:
            problem = acme.run("create_key", inputs, token_to=[FailingStore()]).problem
        assert api.requests == ["POST /v1/projects/p%201/keys", "GET /v1/projects/p%201/keys", *end]
        assert problem is not None
        assert words in str(problem.hint)
        assert problem.next == command


def test_a_later_run_does_not_look_for_a_row_whose_list_requires_inputs(tmp_path: Path) -> None:
    made, api, item = specs(tmp_path / "specs", **IN_PROJECT), Api(), {"note": "CI", "project": "p1"}
    journal = JournalOptions("keys", state=State(tmp_path / "state"))
    with api.serving(made, drop) as acme:
        with acme.run_many("create_key", [item], token_to="file:{note}.json", journal=journal) as first:
            (lost,) = first
        with acme.run_many("create_key", [item], token_to="file:{note}.json", journal=journal) as again:
            (unknown,) = again
    assert (lost.result.outcome, unknown.result.outcome) == (Outcome.UNKNOWN, Outcome.UNKNOWN)
    problem = unknown.result.problem
    assert "it was not retried" in str(problem)
    assert problem is not None
    assert problem.next is None, "list_keys alone would be invalid: it requires the project"
    assert "Check with list_keys whether" in str(problem.hint)
    assert api.requests == ["POST /v1/projects/p1/keys"]


def test_a_list_that_may_not_be_whole_does_not_say_that_nothing_was_created(tmp_path: Path) -> None:
    cut = LIST | {"pages": {"by": "page", "query": "page", "max_pages": 1}}
    made, api = specs(tmp_path / "specs", listing=cut), Api()
    journal = JournalOptions("keys", state=State(tmp_path / "state"))
    store = f"file:{tmp_path}/{{note}}.json"

    def outcome(connector: Connector) -> Outcome:
        with connector.run_many("create_key", [{"note": "CI"}], token_to=store, journal=journal) as results:
            return next(results).result.outcome

    other, mine = api.rows(lambda _: [{"id": "k1", "note": "a"}]), api.rows(lambda note: [{"id": "k2", "note": note}])
    with api.serving(made, drop, other, mine, answer(200, {}), CREATED) as acme:
        assert [outcome(acme) for _ in range(3)] == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.DONE]
    sent = ["POST /v1/keys", "GET /v1/keys"]
    assert api.requests == [*sent, "GET /v1/keys", "DELETE /v1/keys/k2", "POST /v1/keys"]


def test_a_served_call_that_stays_unknown_does_not_name_an_option_of_bulk_runs(tmp_path: Path) -> None:
    cut = LIST | {"pages": {"by": "page", "query": "page", "max_pages": 1}}
    made, api = specs(tmp_path / "specs", listing=cut), Api()
    with api.serving(made, answer(200, [{"id": "k1", "note": "a"}])) as acme:
        unknown = acme.settle("create_key", [new_mark()], [])
    assert isinstance(unknown, Result)
    assert unknown.problem is not None
    assert unknown.problem.message == "it was begun before and its outcome is unknown; it was not retried"
    hint = "Check with list_keys whether it succeeded. If it did not, call again with another key."
    assert (unknown.outcome, unknown.problem.hint) == (Outcome.UNKNOWN, hint)


def test_a_line_that_is_gone_is_not_forgotten_for_a_list_that_may_not_be_whole(tmp_path: Path) -> None:
    cut = LIST | {"pages": {"by": "page", "query": "page", "max_pages": 1}}
    made, api = specs(tmp_path / "specs", listing=cut), Api()
    journal = JournalOptions("keys", state=State(tmp_path / "state"))

    def run(connector: Connector, *notes: str) -> list[str]:
        items = [{"note": note} for note in notes]
        with connector.run_many("create_key", items, token_to=f"file:{tmp_path}/{{note}}.json", journal=journal) as run:
            assert {result.result.outcome for result in run} <= {Outcome.UNKNOWN}
        return [*run.notes][-1:]

    other, mine = api.rows(lambda _: [{"id": "k1", "note": "a"}]), api.rows(lambda note: [{"id": "k2", "note": note}])
    with api.serving(made, drop, other, mine, answer(200, {})) as acme:
        run(acme, "CI")
        mark = find_mark(api.note)
        assert run(acme)[-1].endswith(f"is unknown, as their list may not be whole: look for ~lpb/{mark}")
        assert run(acme) == ["row k2, created by an interrupted run, was revoked"]
        assert run(acme) == []
    assert api.requests == ["POST /v1/keys", "GET /v1/keys", "GET /v1/keys", "DELETE /v1/keys/k2"]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (None, 'list_keys requires "project", which is not a required input of this action, or a secret'),
        ({"title": "P", "type": "text"}, "not a required input"),
        (TEXT | {"type": "password"}, "or a secret"),
        ({"title": "P", "type": "text", "default": "p1"}, None),
    ],
)
def test_what_the_list_requires_is_always_given(tmp_path: Path, field: Any, words: str | None) -> None:
    inputs = dict(CREATE["inputs"])
    request: dict[str, Any] = {"path": "/keys", "body": {"note": "{{ note }}"}}
    if field is not None:
        inputs["project"], request["body"] = field, {"note": "{{ note }}", "p": "{{ project }}"}
    create = CREATE | {"inputs": inputs, "request": {"method": "POST", **request}}
    listing = IN_PROJECT["listing"]
    found = check_specs(SpecFolder(folder(tmp_path, connector(), create, listing, DELETE)))
    assert [words is not None and words in one.message for one in found] == ([True] if words else [])


def test_the_input_with_the_mark_is_none_that_the_list_requires(tmp_path: Path) -> None:
    listing = action(
        {"note": TEXT}, {"method": "GET", "path": "/keys/{{ note }}"}, action="list_keys", effect="read",
        reply=LIST["reply"],
    )  # fmt: skip
    (found,) = check_specs(SpecFolder(folder(tmp_path, connector(), CREATE, listing, DELETE)))
    assert found.message == 'list_keys requires "note", which carries the mark'


NONE = "list_keys has no row with the mark MARK in note."
FAILED = "Its row has the mark MARK in note, but list_keys failed"
TWO = "list_keys has 2 rows with the mark MARK in note, so none was revoked."
NO_ID = "The row with the mark MARK in note has no usable id."


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (lambda note: [{"id": "k1", "note": note}, {"id": "k2", "note": note}], 200, TWO),
        (lambda _: [{"id": "k1", "note": "CI"}], 200, NONE),
        (lambda note: [{"id": "k1", "note": f"{note}."}], 200, NONE),
        (lambda _: [], 200, NONE),
        (lambda _: {"error": f"no {TOKEN}", "status": 403}, 200, f"{FAILED} (403)."),
        (lambda _: {"message": CREDENTIAL.reveal()}, 403, f"{FAILED} (403)."),
        (lambda _: None, 200, f"{FAILED} (200)."),
        (lambda _: "<html>", 200, f"{FAILED} (200)."),
        (lambda note: [{"note": note}], 200, NO_ID),
        (lambda note: [{"id": "", "note": note}], 200, NO_ID),
        (lambda note: [{"id": {"a": 1}, "note": note}], 200, NO_ID),
        (lambda note: [{"id": TOKEN, "note": note}], 200, NO_ID),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, make: Any, status: int, words: str) -> None:
    api = Api()
    problem = unstored(tmp_path, api.rows(make, status), api=api)
    assert problem.hint == f"{ALIVE} {words.replace('MARK', api.mark)}"
    assert problem.next == "locoia-pat run list_keys"
    assert api.requests == ["POST /v1/keys", "GET /v1/keys"]


def test_a_list_that_does_not_answer_is_retried_and_said(tmp_path: Path) -> None:
    api = Api()
    problem = unstored(
        tmp_path, drop, answer(503), api.rows(lambda note: [{"id": "k9", "note": note}]), answer(), api=api
    )
    assert "revoked immediately: row k9" in problem.hint
    problem = unstored(tmp_path, drop, api=api)
    assert problem.hint == f"{ALIVE} Its row has the mark {api.mark} in note, but list_keys failed (unavailable)."


def test_a_revoke_that_fails_names_the_row_that_was_found(tmp_path: Path) -> None:
    for script, words in ((answer(404), "row k2 is still active"), (drop, "row k2 may still be active")):
        api = Api()
        problem = unstored(tmp_path, api.rows(lambda note: [{"id": "k2", "note": note}]), script, api=api)
        assert words in problem.hint
        assert problem.next == "locoia-pat run delete_key key_id=k2"


def test_a_list_of_pages_is_read_to_its_end(tmp_path: Path) -> None:
    paged = LIST | {"pages": {"by": "page", "query": "page", "max_pages": 2}}
    api = Api()
    mine, other = api.rows(lambda note: [{"id": "k2", "note": note}]), answer(200, [{"id": "k1", "note": "a"}])
    problem = unstored(tmp_path, other, mine, answer(200, {}), api=api, listing=paged)
    assert api.requests[2:] == ["GET /v1/keys?page=2", "DELETE /v1/keys/k2"]
    end = "list_keys was not read to its end: look there for another row."
    assert problem.hint == f"The new token was revoked immediately: row k2. {end}"
    assert problem.next == "locoia-pat run list_keys"
    problem = unstored(tmp_path, other, answer(200, [{"id": "k3", "note": "b"}]), api=api, listing=paged)
    assert problem.hint == f"{ALIVE} list_keys has no row with the mark {api.mark} in note. {end}"
    twice = unstored(tmp_path, mine, mine, answer(200, {}), api=api, listing=paged)
    assert twice.hint == f"The new token was revoked immediately: row k2. {end}"
    counted = LIST | {"pages": {"by": "page", "query": "page", "total_at": "total"}}
    counted = counted | {"reply": LIST["reply"] | {"at": ["keys"]}}
    rows = api.rows(lambda note: {"total": 0, "keys": [{"id": "k2", "note": note}]})
    assert end in unstored(tmp_path, rows, answer(200, {}), api=api, listing=counted).hint
    failing = unstored(tmp_path, other, answer(500), api=api, listing=paged)
    assert failing.hint == f"{ALIVE} Its row has the mark {api.mark} in note, but list_keys failed (500)."


def test_an_id_in_the_response_needs_no_list(tmp_path: Path) -> None:
    output = {"id": {"type": "text", "nullable": True}, "token": {"type": "text", "secret": "once"}}
    create = CREATE | {"reply": {"ok": [201], "output": output}}
    for body, requests in (
        ({"id": "k7", "token": TOKEN}, ["DELETE /v1/keys/k7"]),
        ({"token": TOKEN}, ["GET /v1/keys", "DELETE /v1/keys/k2"]),
    ):
        api = Api()
        scripts = [answer(201, body), api.rows(lambda note: [{"id": "k2", "note": note}]), answer(200, {})]
        with api.serving(specs(tmp_path, create=create), *(scripts if len(requests) > 1 else scripts[::2])) as acme:
            result = acme.run("create_key", {"note": "CI"}, token_to=[FailingStore()])
        assert api.requests[1:] == requests
        assert result.problem is not None
        assert "revoked immediately: row k" in str(result.problem.hint)


def test_several_outputs_of_the_row_and_one_of_the_response(tmp_path: Path) -> None:
    revoke = {
        "action": "delete_key",
        "from_row": ["id", "team"],
        "inputs": {"key_id": "{{ team }}.{{ id }}", "token": "{{ token }}"},
    }
    secret = {"title": "Token", "type": "password", "required": True}
    delete = action(
        {"key_id": TEXT, "token": secret},
        {"path": "/delete/{{ key_id }}", "body": {"t": "{{ token }}"}},
        action="delete_key",
        effect="delete",
    )
    shown = {"id": {"type": "number"}, "team": {"type": "text"}, "note": {"type": "text"}}
    listing = LIST | {"reply": LIST["reply"] | {"output": shown}}
    api = Api()
    listed = api.rows(lambda note: [{"id": 0, "team": "a", "note": note}])
    create = CREATE | {"revoke": revoke}
    problem = unstored(tmp_path, listed, answer(), api=api, create=create, listing=listing, delete=delete)
    assert api.requests[2] == "POST /v1/delete/a.0"
    assert api.server.got[2].json == {"t": TOKEN}
    assert problem.hint == "The new token was revoked immediately."


def test_every_create_sends_a_mark_and_keeps_one_that_it_has(tmp_path: Path) -> None:
    made = specs(tmp_path)
    api = Api()
    stores = [f"file:{tmp_path}/{number}.json" for number in range(2)]
    with api.serving(made, CREATED) as acme:
        notes = {acme.plan("create_key", {"note": "CI"}).to_dict()["body"]["note"] for _ in range(2)}
        assert len(notes) == 2
        assert all(find_mark(note) for note in notes)
        done = acme.run("create_key", {"note": "CI"}, token_to=[stores[0]])
        assert (done.outcome, len(api.requests)) == (Outcome.DONE, 1)
        mark = new_mark()
        acme.run("create_key", {"note": add_mark("CI", mark)}, token_to=[stores[1]])
        assert api.server.got[1].json == {"note": add_mark("CI", mark)}
        for note, words in (
            ("n" * 39, "is longer than 38 characters, which leaves no room for the mark"),
            ("n" * 61, "60"),
            (None, ""),
            (5, ""),
        ):
            refused = acme.run("create_key", {"note": note})
            assert refused.outcome is Outcome.INVALID
            assert words in str(refused.problem), refused
        wrong: Any = ["note"]
        assert acme.run("create_key", wrong).outcome is Outcome.INVALID
    assert len(api.requests) == 2


def test_a_note_that_is_left_out_is_the_mark_alone(tmp_path: Path) -> None:
    for field, note in (({}, ""), ({"default": "from CI"}, "from CI ")):
        inputs = {"note": {"title": "Note", "type": "text", **field}}
        request = {"path": "/keys", "body": {"note": "{{ note }}"}}
        create = CREATE | {"inputs": inputs, "request": CREATE["request"] | request}
        api = Api()
        with api.serving(specs(tmp_path, create=create), CREATED) as acme:
            acme.run("create_key")
        assert api.note == f"{note}{api.mark}"


def test_a_lost_response_says_which_mark_the_row_would_have(tmp_path: Path) -> None:
    api = Api()
    with api.serving(specs(tmp_path), drop) as acme:
        lost = acme.run("create_key", {"note": "CI"})
    assert (lost.outcome, lost.problem is not None) == (Outcome.UNKNOWN, True)
    assert str(lost.problem.hint).endswith(f"Its row would have the mark {api.mark}.")  # type: ignore[union-attr]
    assert lost.problem.next == "locoia-pat run list_keys"  # type: ignore[union-attr]


def test_a_result_that_is_discarded_later_is_found_too(tmp_path: Path) -> None:
    api = Api()
    made = specs(tmp_path)
    with api.serving(made, CREATED, api.rows(lambda note: [{"id": "k2", "note": note}]), answer(200, {})) as acme:
        result = acme.run("create_key", {"note": "CI"})
        assert "lpb" not in repr(result)
        problem = acme.discard(result, "the task was cancelled").problem
    assert problem is not None
    assert problem.hint == "The new token was revoked immediately: row k2."
    # A request that was not composed here has no mark.
    with api.serving(made, CREATED) as acme:
        prepared = acme.prepare("create_key", {"note": "CI"})
        sent = acme.prepare_request("create_key", prepared.request, prepared.inputs)
        problem = acme.execute(sent, token_to=[FailingStore()]).problem
    assert problem is not None
    assert (problem.hint, api.requests) == (
        f"{ALIVE} Its row has no mark: look for it with list_keys.",
        ["POST /v1/keys"],
    )
    assert problem.next == "locoia-pat run list_keys"


def test_without_a_credential_the_token_lists_and_revokes_itself(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    api = Api()
    made = specs(tmp_path, create=CREATE | {"auth": "none"})
    listed = api.rows(lambda note: [{"id": "k2", "note": note}])
    with api.serving(made, CREATED, listed, answer(200, {}), auth=ConnectorAuth.from_env({})) as acme:
        result = acme.run("create_key", {"note": "CI"}, token_to=[FailingStore()])
    assert "revoked immediately" in str(result.problem)
    assert [got.headers.get("authorization") for got in api.server.got] == [None, *[f"Bearer {TOKEN}"] * 2]


def test_a_spec_that_broke_hides_no_token(tmp_path: Path) -> None:
    api, made = Api(), specs(tmp_path)
    (made / "delete_key.yaml").write_text("spec: 1\n")
    with api.serving(made, CREATED, api.rows(lambda note: [{"id": "k2", "note": note}])) as acme:
        problem = acme.run("create_key", {"note": "CI"}, token_to=[FailingStore()]).problem
    assert problem is not None
    assert problem.hint == "The token was discarded, but row k2 is still active and its secret is lost."
    (made / "list_keys.yaml").write_text("spec: 1\n")
    with api.serving(made) as acme:
        assert acme.run("create_key", {"note": "CI"}, token_to=[FailingStore()]).outcome is Outcome.INVALID
    assert api.requests == []


def test_signals_wait_while_the_row_is_looked_for(tmp_path: Path) -> None:
    api = Api()
    listed = api.rows(lambda note: [{"id": "k2", "note": note}])

    def interrupting(connection: Any) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return bool(listed(connection))

    with api.serving(specs(tmp_path), CREATED, interrupting, answer(200, {})) as acme:
        with pytest.raises(KeyboardInterrupt):
            acme.run("create_key", {"note": "CI"}, token_to=[FailingStore()])
        assert api.requests == ["POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/k2"]


def test_a_token_that_cannot_be_printed_is_revoked(tmp_path: Path) -> None:
    def deliver(_: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    api = Api()
    listed = api.rows(lambda note: [{"id": "k2", "note": note}])
    with api.serving(specs(tmp_path), CREATED, listed, answer(200, {})) as acme:
        result = acme.execute(acme.prepare("create_key", {"note": "CI"}), deliver=deliver)
    assert (result.outcome, api.requests[2:]) == (Outcome.NOT_STORED, ["DELETE /v1/keys/k2"])


def test_the_compiled_form_has_it(tmp_path: Path) -> None:
    made = specs(tmp_path)
    compiled = ready_action(SpecFolder(made), "create_key")
    assert compiled.revoke is not None
    assert list(compiled.revoke.from_row) == ["id"]


def given(from_row: list[str], **more: str) -> dict[str, Any]:
    """The keys of a revoke."""
    return {"from_row": from_row, "inputs": {"key_id": f"{{{{ {from_row[0]} }}}}"} | more}


BAD: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("no tag", {"tag_input": None}, "from_row:", "missing-key", '"from_row" needs "tag_input"'),
    (
        "no list",
        {"verify_with": None},
        "tag_input:",
        "contradiction",
        'effect: create, "verify_with" and "revoke" only',
    ),
    ("an empty list", {"from_row": []}, "from_row:", "bad-value", "a list of at least 1"),
    ("not a list", {"from_row": "id"}, "from_row:", "bad-value", "expected a list, as [id]"),
    ("no name", {"from_row": ["Id"]}, "- Id", "bad-value", "lowercase letters"),
    ("twice", {"from_row": ["id", "id"]}, "- id", "contradiction", '"id" is in the list twice'),
    ("the secret", given(["id", "token"], token="{{ token }}"), "- token", "contradiction", "which no row shows"),
    ("unused", {"from_row": ["id", "note"]}, "- note", "contradiction", '"note" is not used in "inputs"'),
    ("not declared", {"from_row": ["note"]}, "key_id: ", "unknown-name", 'name it under "from_row"'),
    ("not a template", {"inputs": {"key_id": "{{ id"}}, "key_id: ", "template-syntax", ""),
    ("not in the rows", given(["uid"]), "- uid", "unknown-reference", 'the rows of list_keys have no output "uid"'),
    ("a secret of the rows", given(["word"]), "- word", "contradiction", "no secret and no list"),
    ("a list of the rows", given(["tags"]), "- tags", "contradiction", "no secret and no list"),
    ("no room", {"note": {"maxLength": 22}}, "maxLength:", "contradiction", "the mark of"),
    ("a pattern", {"note": {"pattern": "^[a-z]+$"}}, "pattern:", "contradiction", 'a "pattern" may refuse the mark'),
    ("a null", {"note": {"nullable": True}}, "nullable:", "contradiction", 'null has a meaning in "note"'),
]


@pytest.mark.parametrize(("wrong", "at", "code", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_work_is_a_finding(tmp_path: Path, wrong: dict[str, Any], at: str, code: str, message: str) -> None:
    revoke = CREATE["revoke"] | {key: wrong[key] for key in ("from_row", "inputs") if key in wrong}
    create = CREATE | {"revoke": revoke, "inputs": {"note": CREATE["inputs"]["note"] | wrong.get("note", {})}}
    if wrong.get("note", {}).get("nullable"):
        create["request"] = create["request"] | {"body": {"note": "{{ note }}"}}
    create = {key: value for key, value in create.items() if wrong.get(key, ...) is not None}
    secret = {"title": "Token", "type": "password"}
    request = {"method": "POST", "path": "/keys/{{ key_id }}", "body": {"t": "{{ token }}"}}
    delete = DELETE | {"inputs": {"key_id": TEXT, "token": secret}, "request": request}
    shown = LIST["reply"]["output"] | {
        "word": {"type": "text", "secret": "stored"},
        "tags": {"type": "text", "multiple": True},
    }
    listing = LIST | {"reply": LIST["reply"] | {"output": shown}}
    findings = check_specs(SpecFolder(folder(tmp_path, connector(), create, listing, delete)))
    also = ["unknown-name"] if code == "bad-value" else []  # templates are checked even then
    assert [finding.code for finding in findings] == [code, *also], findings
    assert message in findings[0].message
    line = (tmp_path / "create_key.yaml").read_text().splitlines()[findings[0].line - 1]
    assert at in line, (findings[0], line)


def test_a_mark_that_no_row_shows_is_a_finding(tmp_path: Path) -> None:
    for changed, message in (
        ({"type": "text", "secret": "stored"}, "is not of the type text, or does not show a tag"),
        ({"type": "json"}, "is not of the type text, or does not show a tag"),
        ({"type": "text", "multiple": True}, "is not of the type text, or does not show a tag"),
    ):
        listing = LIST | {"reply": LIST["reply"] | {"output": LIST["reply"]["output"] | {"note": changed}}}
        (finding,) = check_specs(SpecFolder(folder(tmp_path, connector(), CREATE, listing, DELETE)))
        assert (finding.code, message in finding.message) == ("contradiction", True), finding
    plain = LIST | {"reply": {"ok": [200], "output": LIST["reply"]["output"]}}
    found = check_specs(SpecFolder(folder(tmp_path, connector(), CREATE, plain, DELETE)))
    assert {finding.code for finding in found} == {"unknown-reference"}


def test_a_bulk_run_finds_the_row_of_a_lost_response_even_without_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))
    create = CREATE | {"inputs": {"note": {"title": "Note", "type": "text"}}}
    made = specs(tmp_path / "specs", create=create)
    api = Api()

    def run(acme: Connector) -> Any:
        items = acme.run_many("create_key", [{}], token_to=f"file:{tmp_path}/t.json", journal="keys")
        (item,) = items
        return item.result

    listed = api.rows(lambda note: [{"id": "k1", "note": note}])
    with api.serving(made, drop, listed, answer(200, {}), CREATED) as acme:
        assert run(acme).outcome is Outcome.UNKNOWN
        again = run(acme)
    assert api.requests[1:] == ["GET /v1/keys", "DELETE /v1/keys/k1", "POST /v1/keys"]
    assert (again.outcome, again.warnings) == (
        Outcome.DONE,
        ("row k1, created by an interrupted run, was revoked",),
    )


def test_a_mark_is_no_secret_in_a_recording_and_no_difference_to_an_example(tmp_path: Path) -> None:
    output = {"token": {"type": "text", "secret": "once"}, "note": {"type": "text"}}
    example = {"name": "one", "inputs": {"note": "CI"}}
    create = CREATE | {"reply": {"ok": [201], "output": output}, "examples": [example]}
    made = specs(tmp_path / "specs", create=create)
    api = Api()
    recorded: dict[str, Any] = {}
    for number in range(5):
        act = CompiledAction(SpecFolder(made).action("create_key"))
        (recording,) = plan_recordings([act], [f"file:{tmp_path}/{number}.json"], {})
        echoing = api.rows(lambda note: {"token": TOKEN, "note": note}, 201)
        with serving(echoing) as api.server, Recorder(AUTH, specs=made, base_url=api.server.url) as recorder:
            recorded = record_example(recording, recorder, CREDENTIAL)
    assert recorded["request"]["body"] == {"note": "CI"}
    made = specs(tmp_path / "specs", create=create | {"examples": [recorded]})
    assert list(example_findings(CompiledAction(SpecFolder(made).action("create_key")), whole=True)) == []
    with (
        TestClient(create_app(SpecFolder(made))) as client,
        api.serving(made, CREATED) as acme,
    ):
        sent = acme.prepare("create_key", {"note": "CI"}).request
        assert sent.content is not None
        headers = {"authorization": "x", "content-type": "application/json"}
        served = client.post("/v1/keys", content=sent.content.reveal(), headers=headers)
    assert (served.status_code, served.json()["token"]) == (201, "fake-secret-0001")
    rules = SecretNames.from_specs(SpecFolder(made))
    bodies = [json.dumps({"note": note}) for note in ("CI", add_mark("CI", new_mark()), add_mark("CI", new_mark()))]
    assert len({comparable_body(body, rules) for body in bodies}) == 1
    forms = [f"note={quote(note, safe='')}&a=1" for note in ("CI", add_mark("CI", new_mark()))]
    assert len({comparable_body(form, rules) for form in forms}) == 1
    assert len({comparable_url(f"https://a.example/?{form}", rules) for form in forms}) == 1
    assert without_marks("~lpb/ABCDEFGH234567AB and ~lpb/ABCDEFGH234567ABC") == " and ~lpb/ABCDEFGH234567ABC"
