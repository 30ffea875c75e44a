"""Calls over HTTP: the answer is the envelope of the command, and its status says whether to call again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.actions.sandbox.faults import Fault
from tests.support.served import CREATE, ENSURE, ROTATE

if TYPE_CHECKING:
    from tests.support.served import Served


def test_ensure_pat_twice_answers_the_envelope_and_mints_once(served: Served) -> None:
    first, second = (served.call("ensure_pat", ENSURE, store="ci") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["data"]["change"] == "created"
    assert second.json()["data"]["change"] == "none"
    assert second.json()["token_ref"] == f"{served.ref()}#current"
    assert served.minted() == 1
    token = served.token()["token"]
    assert token not in first.text + second.text


def test_actions_are_listed_and_shown_as_far_as_the_key_allows(served: Served) -> None:
    key = served.new_key("few", allow=["list_*", "ensure_pat"])
    listed = served.get("/v1/actions", key=key).json()["actions"]
    assert [action["action"] for action in listed] == ["ensure_pat", "list_connector_auths", "list_pats"]
    shown = served.get("/v1/actions/ensure_pat", key=key).json()
    assert shown["inputs"]["name"]["required"]
    assert shown["ui_form_schema"]["scopes"]["multiple"]
    assert shown["outputs"]["change"]["type"] == "text"
    assert served.get("/v1/actions/rotate_pat", key=key).status_code == 403


STATUSES: list[tuple[str, dict[str, Any], dict[str, Any] | None, int, str, str | None]] = [
    ("list_pats", {}, None, 200, "done", None),
    ("list_pats", {"x": 1}, None, 422, "invalid", None),
    ("create_pat", CREATE, None, 422, "invalid", None),
    ("list_pats", {}, {"fault": "status", "status": 401}, 403, "refused", None),
    ("list_pats", {}, {"fault": "status", "status": 403}, 403, "refused", None),
    ("list_pats", {}, {"fault": "status", "status": 404}, 404, "refused", None),
    ("list_pats", {}, {"fault": "status", "status": 422}, 409, "refused", None),
    ("list_pats", {}, {"fault": "status", "status": 503}, 503, "not_done", "10"),
    ("list_pats", {}, {"fault": "status", "status": 429, "retry_after": 500}, 429, "not_done", "60"),
    ("create_pat", {**CREATE, "token_to": "REF"}, {"fault": "lost"}, 424, "unknown", None),
    ("create_pat", {**CREATE, "token_to": "REF"}, {"fault": "status", "status": 500}, 424, "unknown", None),
]


def test_the_status_says_whether_to_call_again(served: Served) -> None:
    for number, (action, fields, fault, status, outcome, retry_after) in enumerate(STATUSES):
        if fault is not None:
            served.sandbox.faults.add(Fault(**{"times": None, **fault}))
        stored = {"token_to": served.ref(f"status-{number}")} if "token_to" in fields else {}
        answer = served.call(action, fields | stored)
        served.sandbox.faults.clear()
        case = f"{action} {fields} {fault}: {answer.text}"
        assert (answer.status_code, answer.json()["outcome"]) == (status, outcome), case
        assert answer.headers.get("retry-after") == retry_after, case


def test_a_store_that_takes_no_token_is_found_before_anything_is_sent(served: Served) -> None:
    (served.folder / "link.json").symlink_to("/nowhere")
    assert served.call("create_pat", CREATE, store="link").status_code == 422  # the probe refuses it
    assert served.minted() == 0


def test_a_name_that_is_busy_is_answered_429(served: Served) -> None:
    lease = served.state.lease(served.sandbox.url, "billing-ci")
    assert lease.acquire(0)
    try:
        served.app._service._wait = 0  # noqa: SLF001  # the default waits longer than a test
        answer = served.call("ensure_pat", ENSURE, store="ci")
    finally:
        lease.release()
    assert (answer.status_code, answer.json()["outcome"], answer.headers["retry-after"]) == (429, "not_done", "5")
    assert served.call("rotate_pat", ROTATE, store="ci").status_code == 422  # there is no such token yet
