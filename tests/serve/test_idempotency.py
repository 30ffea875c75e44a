"""A call with an idempotency key is performed once, whoever calls again and whenever."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.serve.idempotency import MAX_LENGTH
from locoia_pat.serve.service import Service
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.row_mark import add_mark, new_mark
from locoia_pat.state.access_keys import AccessKeys
from locoia_pat.state.journal import State
from locoia_pat.state.served_calls import KEEP_SECONDS, ServedCalls
from tests.support.served import CREATE, ENSURE, ROTATE, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import pytest

    from tests.support.lifecycle_sandbox import ManagedSandbox
    from tests.support.served import Served


def test_a_retry_gets_the_first_response_also_after_a_restart(sandbox: ManagedSandbox) -> None:
    with serving(sandbox) as served:
        first = served.call("create_pat", CREATE, store="a", idempotency_key='"k"')
        again = served.call("create_pat", CREATE, store="a", idempotency_key="k")  # with and without quotation marks
        key = served.key
    with serving(sandbox, key=key) as served:
        later = served.call("create_pat", CREATE, store="a", idempotency_key="k", key=key)
        assert (first.status_code, served.minted()) == (200, 1)
    assert first.json() == again.json() == later.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == later.headers["idempotency-replayed"] == "true"


def test_another_call_with_the_same_key_is_invalid_and_another_caller_has_keys_of_its_own(served: Served) -> None:
    served.call("create_pat", CREATE, store="a", idempotency_key="k")
    for action, fields, store in [
        ("create_pat", {**CREATE, "note": "other"}, "a"),
        ("create_pat", CREATE, "b"),
        ("rotate_pat", ROTATE, "a"),
    ]:
        answer = served.call(action, fields, store=store, idempotency_key="k")
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "Idempotency-Key"), action
    other = served.new_key("other", allow=["*"], places=[f"file:{served.folder}/*"])
    assert served.call("create_pat", CREATE, store="c", idempotency_key="k", key=other).status_code == 200
    assert served.minted() == 2


def test_a_retry_while_the_first_call_is_under_way_is_told_to_come_back(served: Served) -> None:
    served.sandbox.faults.add(Fault("slow", method="POST", seconds=1.0))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(served.call, "create_pat", CREATE, store="a", idempotency_key="k")
        eventually(lambda: served.minted() == 1)
        early = served.call("create_pat", CREATE, store="a", idempotency_key="k")
        assert (early.status_code, early.json()["outcome"], early.headers["retry-after"]) == (409, "not_done", "5")
        served.app._service.settle_interrupted()  # noqa: SLF001  # it leaves alone what is under way
        assert first.result().status_code == 200
    assert served.call("create_pat", CREATE, store="a", idempotency_key="k").json() == first.result().json()
    assert served.sandbox.works("tokens/a")


def twenty(served: Served, **options: Any) -> list[httpx.Response]:
    """Twenty calls at once, all begun together."""
    barrier = threading.Barrier(20)

    def call(number: int) -> httpx.Response:
        barrier.wait()
        numbered: dict[str, Any] = {
            name: value.format(number) if isinstance(value, str) else value for name, value in options.items()
        }
        return served.call(**numbered)

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(call, range(20)))


def test_twenty_callers_at_once_mint_once(served: Served) -> None:
    same_key = twenty(served, action="create_pat", fields=CREATE, store="same", idempotency_key="k")
    assert {answer.status_code for answer in same_key} <= {200, 409}
    assert served.minted() == 1
    own_keys = twenty(served, action="ensure_pat", fields=ENSURE, store="name", idempotency_key="own-{}")
    assert {answer.status_code for answer in own_keys} <= {200, 429}
    assert [answer.json()["data"]["change"] for answer in own_keys if answer.status_code == 200].count("created") == 1
    assert served.minted() == 2


def test_what_did_not_happen_is_attempted_again(served: Served) -> None:
    served.sandbox.faults.add(Fault("status", times=None, status=429, retry_after=500))
    assert served.call("create_pat", CREATE, store="a", idempotency_key="k").status_code == 429
    served.sandbox.faults.clear()
    assert served.call("create_pat", {**CREATE, "scopes": ["x"]}, store="a", idempotency_key="k").status_code == 422
    assert served.call("create_pat", CREATE, store="a", idempotency_key="k").status_code == 200
    assert served.minted() == 1


def test_a_refusal_and_an_unknown_outcome_are_kept(served: Served) -> None:
    for number, (fault, status) in enumerate(
        [({"fault": "status", "status": 403}, 403), ({"fault": "lost"}, 424), ({"fault": "no_token"}, 424)]
    ):
        served.sandbox.faults.add(Fault(method="POST", **fault))  # type: ignore[arg-type]  # a table of faults
        answers = [served.call("create_pat", CREATE, store="a", idempotency_key=f"k{number}") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, status], fault
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["idempotency-replayed"] == "true"


def interrupted(served: Served, action: str, fields: dict[str, Any], **journalled: Any) -> httpx.Response:
    """The retry of a call whose server was killed when it had journalled this."""
    body = {**fields, **({"token_to": served.ref("a")} if "create_connector" not in action else {})}
    refused = served.call(action, {**body, "nothing": 1}, idempotency_key="k")  # only to learn that it is allowed
    assert refused.status_code == 422
    (key,) = (each.id for each in served.app._keys.all() if each.name == "all")  # noqa: SLF001  # its id is not shown
    fingerprint = served.state.keyed_hash(Secret(json.dumps([action, body], sort_keys=True)))
    stores = [f"{served.ref('a')}#current"]
    row = {"fingerprint": fingerprint, "marks": [new_mark()], "stores": stores, "now": time.time(), **journalled}
    ServedCalls(served.state).begin(key, "k", **row)
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(served.call(action, body, idempotency_key="k"))
        return answers[-1].status_code != 409  # the server, which has just started, may be looking at the call itself

    eventually(answered)
    return answers[-1]


def test_a_row_whose_token_was_lost_is_revoked_and_another_one_created(served: Served) -> None:
    mark = new_mark()
    with Connector(ConnectorAuth(served.sandbox.rotator), base_url=served.sandbox.url) as connector:
        lost = connector.run("create_pat", {**CREATE, "note": add_mark("CI", mark)})
    assert lost.token is not None
    answer = interrupted(served, "create_pat", CREATE, marks=[mark])
    assert answer.json()["outcome"] == "done"
    assert "was revoked" in answer.json()["warnings"][0]
    assert not served.sandbox.accepts(lost.token)
    assert served.minted() == 2


def test_a_start_revokes_rows_whose_token_was_lost(sandbox: ManagedSandbox) -> None:
    mark, refused = new_mark(), new_mark()
    with Connector(ConnectorAuth(sandbox.rotator), base_url=sandbox.url) as connector:
        lost = connector.run("create_pat", {**CREATE, "note": add_mark("CI", mark)})
    assert lost.token is not None
    with serving(sandbox) as served:
        (key,) = AccessKeys(served.state).all()
        row: dict[str, Any] = {"fingerprint": "f", "stores": [], "now": time.time()}
        ServedCalls(served.state).begin(key.id, "k", marks=[mark], **row)
    with serving(sandbox, key=served.key):
        eventually(lambda: lost.token is not None and not sandbox.accepts(lost.token))
    served.new_key("other", allow=["*"], auth="env:NOTHING")
    other = AccessKeys(served.state).all()[1]
    ServedCalls(served.state).begin(other.id, "k", marks=[refused], **row)
    with serving(sandbox, key=served.key) as served:  # what cannot be settled stops nothing
        assert served.call("list_pats").status_code == 200


def test_a_row_whose_token_was_stored_is_the_result(served: Served) -> None:
    mark = new_mark()
    with Connector(ConnectorAuth(served.sandbox.rotator), base_url=served.sandbox.url) as connector:
        inputs = {**CREATE, "note": add_mark("CI", mark)}
        before = connector.run("create_pat", inputs, token_to=[served.ref("a")])
    answer = interrupted(served, "create_pat", CREATE, marks=[mark])
    assert answer.json()["data"]["id"] == (before.data or {})["id"]
    assert served.minted() == 1


def test_a_row_that_appears_late_is_revoked(served: Served) -> None:
    mark = new_mark()
    served.sandbox.faults.add(Fault("slow", method="POST", seconds=1.0))

    def create_late() -> None:
        eventually(lambda: served.minted() == 1)
        with Connector(ConnectorAuth(served.sandbox.rotator), base_url=served.sandbox.url) as connector:
            tokens.append(connector.run("create_pat", {**CREATE, "note": add_mark("CI", mark)}).token)

    tokens: list[Any] = []
    late = threading.Thread(target=create_late)
    late.start()
    answer = interrupted(served, "create_pat", CREATE, marks=[mark])
    late.join()
    assert answer.json()["outcome"] == "done"
    assert not served.sandbox.accepts(tokens[0])


def test_what_cannot_be_found_again_stays_unknown(served: Served) -> None:
    fields = {"connector_id": "c", "name": "CRM", "auth_type": "basic_auth"}
    answer = interrupted(served, "create_connector_auth", fields)
    assert (answer.status_code, answer.json()["outcome"]) == (424, Outcome.UNKNOWN.value)
    assert "list_connector_auths" in answer.json()["error"]["hint"]


def test_an_interrupted_call_stays_unfinished_until_its_rows_can_be_listed(served: Served) -> None:
    served.sandbox.faults.add(Fault("status", times=None, status=503))
    answer = interrupted(served, "create_pat", CREATE)
    assert (answer.status_code, served.minted()) == (503, 0)
    served.sandbox.faults.clear()
    answer = served.call("create_pat", CREATE, store="a", idempotency_key="k")
    assert (answer.status_code, served.minted()) == (200, 1)


def test_a_response_is_kept_for_a_day(served: Served) -> None:
    assert served.call("create_pat", CREATE, store="a", idempotency_key="k").status_code == 200
    with served.state.connected() as database:
        database.execute("UPDATE served_calls SET at = at - ?", (KEEP_SECONDS,))
    assert served.call("create_pat", CREATE, store="b", idempotency_key="k").status_code == 200
    with served.state.connected() as database:
        assert database.execute("SELECT count(*) FROM served_calls").fetchone() == (1,)


def test_a_key_that_is_not_valid_is_refused_before_anything_is_sent(served: Served) -> None:
    for key in ("", '""', "x" * (MAX_LENGTH + 1), "a\tb"):
        answer = served.call("create_pat", CREATE, store="a", headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "Idempotency-Key"), key
    note = "x" * 240
    answer = served.call("create_pat", {**CREATE, "note": note}, store="a", idempotency_key="k")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "note")
    two = [("Authorization", f"Bearer {served.key}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert served.http.post(f"{served.url}/v1/actions/list_pats", headers=two).status_code == 422
    assert served.minted() == 0


def test_a_response_that_cannot_be_journalled_is_given_with_a_warning(served: Served) -> None:
    with served.state.connected() as database:
        database.execute("CREATE TRIGGER full BEFORE UPDATE ON served_calls BEGIN SELECT raise(ABORT, 'full'); END")
    answer = served.call("create_pat", CREATE, store="a", idempotency_key="k")
    assert answer.status_code == 200
    assert "a retry will not get this response" in answer.json()["warnings"][0]
    with served.state.connected() as database:
        database.execute("DROP TRIGGER full")
    assert served.call("create_pat", CREATE, store="a", idempotency_key="k").status_code == 200  # by its row
    assert served.minted() == 1


def test_a_journal_that_cannot_be_written_is_not_done(served: Served) -> None:
    with served.state.connected() as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON served_calls BEGIN SELECT raise(ABORT, 'full'); END")
    answer = served.call("create_pat", CREATE, store="a", idempotency_key="k")
    assert (answer.status_code, answer.json()["outcome"], served.minted()) == (503, "not_done", 0)


def test_what_cannot_be_settled_at_the_start_is_logged_and_left_to_a_retry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = State(tmp_path / "state")
    connector = Connector(ConnectorAuth(Secret("fake-credential-0123456789abcdef")))
    with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as database:
        database.execute("DROP TABLE access_keys")
    with caplog.at_level("WARNING"):
        Service(connector, SpecFolder(), state, wait=0).settle_interrupted()
    assert "an interrupted call is not settled" in caplog.text
