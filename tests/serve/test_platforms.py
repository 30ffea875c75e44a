"""The retry rules of five platforms, played against every fault of the sandbox: nothing is minted twice.

Sources: docs.locoia.com/automation/flow-debugger/automatic-retrying; n8n 2.41.1 (Retry On Fail) and Node-RED 5.0.7
(HTTP request node), as observed; Prefect 3.9.1 (``retries`` of a task); learn.microsoft.com, "Handle errors and
exceptions in Azure Logic Apps" (the default retry policy, which Power Automate shares).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.sandbox.faults import KINDS, Fault
from tests.support.served import CREATE
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

    from tests.support.served import Served

Rule = Callable[["httpx.Response | None"], bool]
"""Whether the platform sends the request again after this response; None is a connection that was cut."""


def by_locoia(answer: httpx.Response | None) -> bool:
    return answer is None or "retry-after" in answer.headers or answer.status_code == 429 or answer.status_code >= 500


def by_n8n(answer: httpx.Response | None) -> bool:
    return answer is None or answer.status_code != 200


def by_node_red(_: httpx.Response | None) -> bool:
    return False


def by_prefect(answer: httpx.Response | None) -> bool:
    return answer is None or answer.status_code != 200  # raise_for_status() in a task with retries


def by_power_automate(answer: httpx.Response | None) -> bool:
    return answer is None or answer.status_code in (408, 429) or answer.status_code >= 500


PLATFORMS: dict[str, tuple[Rule, int]] = {
    "Locoia": (by_locoia, 1),
    "n8n": (by_n8n, 2),
    "Node-RED": (by_node_red, 0),
    "Prefect": (by_prefect, 3),
    "Power Automate": (by_power_automate, 4),
}
"""The rule of each platform, and how often it sends a request again."""


@dataclass
class Step:
    """One step of a flow: a platform sends it, with the run's own id as its key."""

    served: Served
    platform: str
    action: str
    fields: dict[str, Any]
    answers: list[httpx.Response | None] = field(default_factory=list)

    def run(self, run_id: str, *, cut: bool = False) -> httpx.Response:
        """Send it until the platform's rule is content; with *cut*, the first response is lost on its way."""
        rule, retries = PLATFORMS[self.platform]
        for number in range(retries + 1):
            answer = self.served.call(self.action, self.fields, idempotency_key=f"{run_id}-{self.action}")
            self.answers.append(None if cut and number == 0 else answer)
            if not rule(self.answers[-1]) or number == retries:
                return answer
        raise AssertionError("a platform sends at least once")


def fault(kind: Any, method: str | None) -> Fault:
    """The fault once, short enough for a test."""
    return Fault(kind, method=method, seconds=0.05 if kind in ("late", "late_at_commit", "slow") else None)


def statuses(step: Step) -> str:
    return f"{step.platform} {[answer and (answer.status_code, answer.text) for answer in step.answers]}"


def rows(served: Served, note: str) -> int:
    """How many rows were created for a run."""
    return sum(row.note.startswith(f"{note}.") for row in served.sandbox.store.owned_by("sandbox"))


def test_a_create_is_minted_once_whatever_the_platform_retries(served: Served) -> None:
    cases: dict[str, str] = {}
    for platform in PLATFORMS:
        for kind in (None, *KINDS):
            for cut in (False, True):
                run_id = f"{platform}-{kind}-{cut}".replace(" ", "-")
                fields = {**CREATE, "note": f"{run_id}.", "token_to": served.ref(run_id)}
                if kind is not None:
                    served.sandbox.faults.add(fault(kind, "POST"))
                step = Step(served, platform, "create_pat", fields)
                last = step.run(run_id, cut=cut)
                served.sandbox.faults.clear()
                cases[run_id] = statuses(step)
                outcome = last.json()["outcome"]
                assert outcome in ("done", "unknown", "refused", "not_done"), cases[run_id]
                if outcome == "not_done":  # the next run of the flow
                    again = Step(served, platform, "create_pat", fields).run(f"{run_id}-next")
                    assert again.status_code == 200, cases[run_id]
                if outcome == "done":
                    assert rows(served, run_id) == 1, cases[run_id]
                    assert served.sandbox.works(f"tokens/{run_id}"), cases[run_id]
    last_late = "Power-Automate-late_at_commit-True"
    eventually(lambda: rows(served, last_late) == 1)
    for run_id, case in cases.items():
        assert rows(served, run_id) <= 1, case


def test_not_done_ends_done_without_a_person(served: Served) -> None:
    for platform, (_, retries) in PLATFORMS.items():
        if retries == 0:
            continue  # its flow loops over the status, as the one that we ship does
        served.sandbox.faults.add(Fault("status", status=429, retry_after=500))
        step = Step(served, platform, "create_pat", {**CREATE, "token_to": served.ref(platform)})
        assert step.run(platform).json()["outcome"] == "done", statuses(step)
        assert [answer and answer.status_code for answer in step.answers] == [429, 200], platform


def test_a_managed_name_has_one_working_token_whatever_is_retried(served: Served) -> None:
    """It takes a while: where a response is lost, the action waits two seconds for the request."""
    fields = {**CREATE, "name": "kept", "token_to": served.ref("kept"), "overlap": 0}
    for action in ("ensure_pat", "rotate_pat"):
        for kind in KINDS if action == "ensure_pat" else ("lost", "cut", "no_token"):
            if action == "rotate_pat":
                fields = {"name": "kept", "expiration": 30, "token_to": served.ref("kept"), "overlap": 0}
            served.sandbox.faults.add(fault(kind, "POST"))
            step = Step(served, "n8n", action, fields)  # it retries whatever is not 200
            last = step.run(kind, cut=True)
            served.sandbox.faults.clear()
            if last.status_code != 200:
                last = Step(served, "n8n", action, fields).run(f"{kind}-next")
            assert last.json()["outcome"] == "done", statuses(step)
            assert served.sandbox.works("tokens/kept"), statuses(step)
            managed = [row for row in served.sandbox.store.owned_by("sandbox") if "~lp1/kept/" in row.note]
            assert len(managed) <= 2, "a name has two rows at most"
