"""What an operator sees: metrics and logs, without secrets and names."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from locoia_pat.http.trace import continue_trace
from locoia_pat.serve.request_log import JsonLines
from tests.support.loopback import answer
from tests.support.loopback import serving as serving_scripts
from tests.support.served import CREATE, ENSURE, ROTATE, serving

if TYPE_CHECKING:
    import pytest

    from tests.support.lifecycle_sandbox import ManagedSandbox
    from tests.support.served import Served


def metrics(served: Served) -> dict[tuple[str, str], float]:
    """The value of each metric by its name and labels."""
    text = served.http.get(f"{served.url}/metrics").text
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_action_and_outcome(served: Served) -> None:
    served.call("ensure_pat", ENSURE, store="ci")
    served.call("rotate_pat", {**ROTATE, "overlap": 0}, store="ci")
    for _ in range(3):
        served.call("create_pat", CREATE, store="once", idempotency_key="k")
    served.call("create_pat", CREATE)
    served.call("list_pats", key="lpk_wrong")
    found = metrics(served)
    assert found["locoia_pat_calls_total", "ensure_pat,done"] == 1
    assert found["locoia_pat_calls_total", "create_pat,done"] == 1
    assert found["locoia_pat_calls_total", "create_pat,invalid"] == 1
    assert found["locoia_pat_replayed_calls_total", "create_pat"] == 2
    assert found["locoia_pat_call_seconds_count", "rotate_pat,done"] == 1
    assert found["locoia_pat_http_responses_total", "401"] == 1
    assert found["locoia_pat_tokens_due", "renew"] == 0
    assert found["locoia_pat_tokens_due", "retire"] == 0
    assert found["locoia_pat_leases_held", ""] == 0
    assert found["locoia_pat_calls_running", ""] == 0


def test_due_tokens_and_held_leases_are_read_from_the_state(served: Served) -> None:
    served.call("ensure_pat", ENSURE, store="ci")
    served.call("rotate_pat", {**ROTATE, "overlap": 5}, store="ci")
    with served.state.connected() as database:
        database.execute("UPDATE receipts SET at = '2020-01-01T00:00:00Z'")
    served.sandbox.end_overlaps(name="billing-ci")
    lease = served.state.lease(served.sandbox.url, "billing-ci")
    assert lease.acquire(0)
    found = metrics(served)
    lease.release()
    assert found["locoia_pat_tokens_due", "renew"] == 1
    assert found["locoia_pat_tokens_due", "retire"] == 1
    assert found["locoia_pat_leases_held", ""] == 1
    served.call("retire_pat", {"name": "billing-ci"}, store="ci")
    assert metrics(served)["locoia_pat_tokens_due", "renew"] == 0


def test_a_state_that_cannot_be_read_leaves_the_other_metrics(served: Served) -> None:
    served.call("list_pats")
    with served.state.connected() as database:
        database.execute("DROP TABLE receipts")
    found = metrics(served)
    assert found["locoia_pat_calls_total", "list_pats,done"] == 1
    assert ("locoia_pat_tokens_due", "renew") not in found


def test_a_call_is_logged_without_what_it_was_given(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": given, "x-request-id": "run-1/step-2"}
    with caplog.at_level(logging.INFO, "locoia_pat.serve"):
        answered = served.call("ensure_pat", ENSURE, store="ci", headers=headers)
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    (line,) = [line for line in lines if line["message"] == "request"]
    assert line["request_id"] == answered.headers["x-request-id"] == "run-1/step-2"
    assert line["traceparent"] == answered.headers["traceparent"]
    assert line["traceparent"].split("-")[1] == given.split("-")[1]
    assert (line["key"], line["action"], line["outcome"], line["status"]) == ("all", "ensure_pat", "done", 200)
    text = json.dumps(lines)
    for hidden in (served.key, served.token()["token"], ENSURE["name"], "automation:view", str(served.folder)):
        assert str(hidden) not in text
    assert served.call("list_pats", headers={"x-request-id": "a b"}).headers["x-request-id"] != "a b"


def test_the_trace_of_a_caller_is_passed_on_to_the_api(sandbox: ManagedSandbox) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with serving_scripts(answer(200, [])) as api, serving(sandbox, api=api.url) as served:
        served.call("list_pats", headers={"traceparent": given})
        served.call("list_pats")
        traces: list[Any] = [got.headers.get("traceparent") for got in api.got]
    assert traces[0].split("-")[1] == given.split("-")[1]
    assert traces[0] != given
    assert traces[1] is None


def test_a_traceparent_that_is_not_valid_begins_a_trace_of_its_own() -> None:
    for wrong in (
        None,
        "",
        "00-0-0-0",
        f"ff-{'a' * 32}-{'b' * 16}-00",
        f"00-{'0' * 32}-{'b' * 16}-00",
        f"00-{'a' * 32}-{'b' * 16}-00-x",
    ):
        assert continue_trace(wrong) is None, wrong
    later = continue_trace(f"01-{'a' * 32}-{'b' * 16}-00-x")
    assert later is not None
    assert later.startswith(f"00-{'a' * 32}-")
