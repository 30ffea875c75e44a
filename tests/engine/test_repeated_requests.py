"""A spec says what may be sent twice, what a status means, and which headers all actions have."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

AUTH = ConnectorAuth(Secret("fake-acme-credential-0123456789"))
DELETE: dict[str, Any] = {
    "effect": "delete",
    "request": {"method": "DELETE", "path": "/keys/a5"},
    "reply": {"ok": [204], "output": {}},
}
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}


def run(place: Path, spec: dict[str, Any], *scripts: Any, auth: ConnectorAuth = AUTH, **shared: Any) -> tuple[Any, Any]:
    """The result of the action, and the requests that arrived."""
    specs = folder(place, connector(**shared), action(**spec))
    assert check_specs(SpecFolder(specs)) == []
    with serving(*scripts) as server, Connector(auth, specs=specs, base_url=server.url) as acme:
        return acme.run("act"), server.got


def test_a_delete_whose_id_is_used_again_is_sent_once(tmp_path: Path) -> None:
    result, got = run(tmp_path, DELETE | {"repeatable": False}, drop)
    assert (result.outcome, len(got)) == (Outcome.UNKNOWN, 1)
    result, got = run(tmp_path, DELETE, drop, answer(204))
    assert (result.outcome, len(got), result.warnings) == (Outcome.DONE, 2, ())
    with Connector(AUTH, specs=folder(tmp_path, connector(), action(**DELETE, repeatable=False))) as acme:
        assert acme.plan("act").retry.startswith("sent once")


def test_a_delete_that_a_retry_does_not_find_is_done_with_a_warning(tmp_path: Path) -> None:
    gone = answer(404, {"detail": "no such key"})
    result, _ = run(tmp_path, DELETE, drop, gone)
    assert (result.outcome, result.data) == (Outcome.DONE, {}), result
    assert "a retry found nothing: the API answered 404: no such key" in result.warnings[0]
    for first in ([], [answer(429, {}, {"retry-after": "0"})]):
        result, _ = run(tmp_path, DELETE, *first, gone)
        assert result.outcome is Outcome.REFUSED, "nothing was lost, so it was not there"
    with_output = DELETE | {"reply": {"ok": [200], "output": {"id": {"type": "text"}}}}
    assert run(tmp_path, with_output, drop, gone)[0].outcome is Outcome.UNKNOWN


PUT = {"request": {"method": "PUT", "path": "/keys/a5"}}
KEYED = {"request": {"method": "POST", "path": "/keys", "idempotency_key": "Idempotency-Key"}}


@pytest.mark.parametrize(
    ("spec", "first", "last"),
    [
        (PUT, drop, answer(409, {"detail": "it exists"})),
        (PUT, answer(503), answer(401)),
        (PUT, answer(500), answer(429, {}, {"retry-after": "1000"})),
        (PUT | {"reply": {"ok": [200], "output": {}, "ok_when": {"ok": True}}}, drop, answer(200, {"ok": False})),
        (KEYED, drop, answer(409, {"detail": "a request with this key is in progress"})),
        (DELETE, drop, answer(403)),
        (DELETE, drop, answer(405)),
    ],
)
def test_what_a_lost_attempt_may_have_done_is_not_denied_by_the_next_one(
    tmp_path: Path, spec: dict[str, Any], first: Any, last: Any
) -> None:
    result, got = run(tmp_path, spec, first, last)
    assert (result.outcome, result.problem.code, len(got)) == (Outcome.UNKNOWN, "unknown", 2), result
    assert result.problem.message.startswith("an earlier attempt may have succeeded, and the last one: ")
    alone, _ = run(tmp_path, spec, last)
    assert alone.outcome in (Outcome.REFUSED, Outcome.NOT_DONE)
    read, _ = run(tmp_path, READ, first, answer(409))
    assert read.outcome is Outcome.REFUSED


def test_an_attempt_that_was_not_sent_does_not_deny_what_the_one_before_may_have_done(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    specs = folder(tmp_path, connector(), action(**PUT))

    def take_one() -> None:
        with listener.accept()[0] as connection:
            connection.recv(65536)
            listener.close()

    thread = threading.Thread(target=take_one)
    thread.start()
    with Connector(AUTH, specs=specs, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as acme:
        result = acme.run("act")
    thread.join(10)
    assert (result.outcome, result.attempts) == (Outcome.UNKNOWN, 3), result


def test_a_lost_post_is_retried_with_the_same_idempotency_key(tmp_path: Path) -> None:
    spec = {"request": {"method": "POST", "path": "/keys", "idempotency_key": "Idempotency-Key"}}
    keys = []
    for _ in range(2):
        result, got = run(tmp_path, spec, drop, answer(200, {}))
        assert (result.outcome, len(got)) == (Outcome.DONE, 2), result
        assert got[0].headers["idempotency-key"] == got[1].headers["idempotency-key"]
        keys.append(got[0].headers["idempotency-key"])
    assert keys[0] != keys[1], "each run has a key of its own"


def test_a_status_means_what_the_spec_says(tmp_path: Path) -> None:
    for code in ("unauthorized", "forbidden", "not_found", "conflict", "validation"):
        result, _ = run(
            tmp_path, READ | {"reply": {"ok": [200], "output": {}, "codes": {"403": code}}}, answer(403, {})
        )
        assert (result.outcome, result.problem.code) == (Outcome.REFUSED, code), result
    limited = READ | {"reply": {"ok": [200], "output": {}, "codes": {"403": "rate_limited"}}}
    result, _ = run(tmp_path, limited, answer(403, {}))
    assert (result.outcome, result.problem.code) == (Outcome.NOT_DONE, "rate_limited")
    words = answer(403, {"message": "API rate limit exceeded"})
    result, _ = run(tmp_path, READ | {"reply": {"ok": [200], "output": {}, "codes": {"403": "unauthorized"}}}, words)
    assert result.problem.code == "unauthorized"


def test_a_code_of_the_api_means_what_the_spec_says(tmp_path: Path) -> None:
    reply = {
        "ok": [200], "output": {}, "code_at": "error.code", "errors": {"gone": "It was deleted.", "409": "Wait."},
        "codes": {"gone": "not_found", "20003": "unauthorized", "190": "unauthorized", "slow_down": "rate_limited",
                  "409": "validation"},
    }  # fmt: skip
    for status, error, code, hint in (
        (400, "gone", "not_found", "It was deleted."),
        (200, "gone", "not_found", "It was deleted."),
        (
            400,
            20003,
            "unauthorized",
            "The credential was rejected: it may be expired, revoked, or meant for another host.",
        ),
        (400, 190, "unauthorized", None),
        (400, "slow_down", "rate_limited", "Wait before you retry."),
        (200, "slow_down", "rate_limited", "Wait before you retry."),
        (409, "other", "validation", "Wait."),
        (409, True, "validation", "Wait."),
        (404, "other", "not_found", None),
        (500, "gone", "unavailable", "It is safe to retry."),
    ):
        result, _ = run(tmp_path, READ | {"reply": reply}, answer(status, {"error": {"code": error, "message": "m"}}))
        assert (result.problem.code, result.problem.status) == (code, status), (status, error)
        assert result.outcome is (Outcome.NOT_DONE if code in ("rate_limited", "unavailable") else Outcome.REFUSED)
        if hint is not None:
            assert result.problem.hint == hint, (status, error)
    created = {"ok": [200], "output": {}, "code_at": "error", "codes": {"gone": "not_found"}}
    for error, outcome in (("gone", Outcome.REFUSED), ("other", Outcome.UNKNOWN)):
        assert run(tmp_path, {"reply": created}, answer(200, {"ok": False, "error": error}))[0].outcome is outcome


def test_the_message_of_the_api_is_where_the_spec_says_or_is_found(tmp_path: Path) -> None:
    body = {"fault": {"code": "E17", "text": ["the key is locked", "ask its owner"]}, "message": "see the fault"}
    label_studio = {"detail": "Validation error", "validation_errors": {"non_field_errors": ["Invalid refresh token"]}}
    for error_at, answered, message in (
        ("fault.text", body, "the key is locked; ask its owner"),
        ("fault.words", body, "see the fault"),
        ("fault", {"fault": {}, "message": "see the fault"}, "see the fault"),
        ("fault.code", {"fault": {"code": 17}, "message": "see the fault"}, "see the fault"),
        (None, label_studio, "Validation error; non_field_errors: Invalid refresh token"),
    ):
        more = {} if error_at is None else {"error_at": error_at}
        spec = READ | {"reply": {"ok": [200], "output": {}, **more}}
        result, _ = run(tmp_path, spec, answer(400, answered))
        assert result.problem.message == f"the API answered 400: {message}", (error_at, answered)


def test_a_credential_that_was_rotated_is_read_again_at_what_means_unauthorized(tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    named = {"ok_when": {"name": {"not": None, "code": "unauthorized"}}}
    slack = {"ok_when": {"ok": True}, "code_at": "error", "codes": {"invalid_auth": "unauthorized", "busy": "conflict"}}
    for reply, status, body, is_read_again in (
        ({"codes": {"403": "unauthorized"}}, 403, {}, True),
        ({}, 403, {}, False),
        (named, 200, {}, True),
        (named, 200, "not JSON", False),
        (slack, 200, {"ok": False, "error": "invalid_auth"}, True),
        (slack, 200, {"ok": False, "error": "busy"}, False),
        (slack, 400, {"error": "invalid_auth"}, True),
        (slack, 400, {"error": "busy"}, False),
        (slack, 408, {"error": "invalid_auth"}, False),
        (slack, 500, {"error": "invalid_auth"}, False),
        ({"code_at": "error", "codes": {"busy": "conflict"}}, 400, {"error": "busy"}, False),
    ):
        file.write_text("fake-old-credential-0123456789")

        def rotate(connection: Any, status: int = status, body: object = body) -> bool:
            file.write_text("fake-new-credential-0123456789")
            return bool(answer(status, body)(connection))

        spec = {"reply": {"ok": [200], "output": {}, **reply}}
        auth = ConnectorAuth.from_ref(f"file:{file}")
        last = answer(200, {"ok": True, "name": "ann"})
        _, got = run(tmp_path / "specs", spec, rotate, last, auth=auth)
        assert len(got) == 1 + is_read_again, (reply, status, body)
    spec = READ | {"reply": {"ok": [200], "output": {}, **named}}
    with Connector(AUTH, specs=folder(tmp_path / "gone", connector(), action(**spec)), timeout=0.5) as acme:
        assert acme.run("act").outcome is Outcome.NOT_DONE  # not sent, so nothing says that it was refused


def test_headers_of_the_connector_are_sent_by_all_actions_unless_they_have_their_own(tmp_path: Path) -> None:
    shared = {"Accept": "application/vnd.acme+json", "X-Api-Version": "2"}
    _, got = run(tmp_path, READ, answer(200, {}), headers=shared)
    assert (got[0].headers["accept"], got[0].headers["x-api-version"]) == ("application/vnd.acme+json", "2")
    own = READ | {"request": READ["request"] | {"headers": {"x-api-version": "3"}}}
    _, got = run(tmp_path, own, answer(200, {}), headers=shared)
    assert got[0].headers["x-api-version"] == "3"
    with Connector(AUTH, specs=tmp_path) as acme:
        assert acme.plan("act").headers["accept"] == "application/vnd.acme+json"


def test_keys_that_contradict_each_other_are_findings_where_they_are(tmp_path: Path) -> None:
    post: dict[str, Any] = {"method": "POST", "path": "/keys"}
    mistakes: list[tuple[dict[str, Any], str, str]] = [
        ({"repeatable": False}, "contradiction", '"repeatable: false"'),
        ({"repeatable": True} | DELETE, "bad-value", "repeatable"),
        (READ | {"repeatable": False}, "contradiction", '"repeatable: false"'),
        ({"request": post | {"idempotency_key": "Host"}}, "contradiction", '"Host"'),
        ({"request": post | {"idempotency_key": "X", "headers": {"x": "1"}}}, "contradiction", '"X"'),
        ({"request": post | {"method": "PUT", "idempotency_key": "X"}}, "contradiction", "POST or PATCH"),
        ({"reply": {"ok": [200], "output": {}, "codes": {"503": "conflict"}}}, "contradiction", "a 503"),
        ({"reply": {"ok": [200], "output": {}, "codes": {"403": "dead"}}}, "bad-value", "dead"),
    ]
    for number, (spec, code, words) in enumerate(mistakes):
        findings = check_specs(SpecFolder(folder(tmp_path / str(number), connector(), action(**spec))))
        assert [finding.code for finding in findings] == [code], (spec, findings)
        assert words in findings[0].message
        assert findings[0].line > 1, findings
    for name in ("Host", "authorization", "Content-Type"):
        specs = folder(tmp_path / name, connector(headers={name: "x"}), action(**READ))
        assert [(one.code, one.line > 1) for one in check_specs(SpecFolder(specs))] == [("contradiction", True)]
