"""Bring a fleet to its desired state, a few tokens at first."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions.fleet.rollout import FailureBudget, Member, Rollout
from locoia_pat.actions.lifecycle.driver import run_protocol
from locoia_pat.actions.lifecycle.rotation import ensure, retire, rotate
from locoia_pat.limits import FLEET_FAILURES
from locoia_pat.outcomes import worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.fleet.fleet_file import FleetToken
    from locoia_pat.actions.fleet.fleet_plan import FleetPlan
    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.actions.lifecycle.rotation import Protocol
    from locoia_pat.outcomes import Code

CONCURRENCY = 8
"""Tokens that are handled at once."""
_NOT_A_FAILURE = {Outcome.DONE, Outcome.INVALID}
"""With these outcomes nothing is wrong with the credential: for an invalid token nothing was sent."""


Verb = Literal["ensure", "rotate", "retire"]
"""What is done to each token: as :func:`~locoia_pat.actions.ensure_pat` and the other actions do."""


def apply(
    plan: FleetPlan,
    *,
    verb: Verb = "ensure",
    now: bool = False,
    max_failures: int | None = None,
    handle: Callable[..., Result] | None = None,
    concurrency: int = CONCURRENCY,
    **options: Any,
) -> Iterator[tuple[str, Result]]:
    """Bring each token to its desired state, and yield its name and result as soon as it is done.

    First come the tokens for which nothing is to do by the list of their credential.  Each other one is handled by
    :func:`~locoia_pat.actions.ensure_pat`, so after a kill, apply the fleet again: finished tokens are skipped.

    Args:
        plan: the fleet, entered as a context.
        verb: ``ensure``; or ``rotate`` for a new token in any case, or ``retire`` to end each name.
        now: with ``rotate``, revoke the previous token at once instead of after its overlap.
        max_failures: failures after which no more tokens are started; by default the tokens of each credential stop
            on their own, after more than one failure and more than 5 % of them.  An invalid token is not a failure.
        handle: what handles a token, given the plan, the token, the verb and *options*; by default this process.
        concurrency: how many tokens are handled at once.
        options: ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    """
    if max_failures is not None:
        FLEET_FAILURES.check("max_failures", max_failures)
    tokens = {token.name: token for token in plan.tokens}
    members = [plan.member(token) for token in plan.tokens]
    budget, lock = FailureBudget(members, max_failures), Lock()
    for credential in plan.credentials.values():
        if _is_unauthorized(credential.problem):
            budget.refused.add(credential.name)

    def work(member: Member) -> tuple[Member, Result]:
        if reason := budget.stop_reason(member.credential):
            return member, _not_started(reason, refused=member.credential in budget.refused)
        result = (handle or _handle)(plan, tokens[member.name], verb, now=now, **options)
        with lock:
            failed = result.outcome not in _NOT_A_FAILURE
            budget.record(member, failed=failed, unauthorized=_is_unauthorized(result.problem))
        return member, result

    settled = set[str]()
    for name, result in plan.settled() if verb == "ensure" else ():
        settled.add(name)
        yield name, result
    left = [member for member in members if member.name not in settled]
    rollout, done = Rollout(left), SimpleQueue[Future[tuple[Member, Result]]]()
    pool = ThreadPoolExecutor(concurrency)
    try:
        ready = rollout.first()
        for _ in left:
            for member in ready:
                pool.submit(work, member).add_done_callback(done.put)
            member, result = done.get().result()
            ready = rollout.after(member)
            plan.note(tokens[member.name], result)
            yield member.name, result
    finally:
        plan.save()
        pool.shutdown(cancel_futures=True)  # started tokens are finished, no more are started


def _handle(plan: FleetPlan, token: FleetToken, verb: Verb, *, now: bool, **options: Any) -> Result:
    credential = plan.credential_of(token)
    if credential.problem is not None:
        return Result(f"{verb}_pat", credential.outcome, problem=credential.problem)
    desired = plan.fleet.desired(token)
    return handle_token(credential.connector, desired, token.to, verb, now=now, state=plan.state, **options)


def handle_token(
    connector: Connector, desired: DesiredToken, stores: Sequence[str], verb: Verb, *, now: bool, **options: Any
) -> Result:
    """Bring one token to its *desired* state, by the credential of *connector*; see :func:`apply`."""
    if now:
        desired = replace(desired, overlap=0)
    protocol, more = _PROTOCOLS[verb]
    return run_protocol(f"{verb}_pat", protocol, connector, desired, stores, **more, **options)


_PROTOCOLS: dict[Verb, tuple[Protocol, dict[str, Any]]] = {
    "ensure": (ensure, {}),
    "rotate": (rotate, {}),
    "retire": (retire, {"ending": True}),
}


def _is_unauthorized(problem: Problem | None) -> bool:
    return problem is not None and problem.code == "unauthorized"


def _not_started(reason: str, *, refused: bool) -> Result:
    hint = "Fix this and run it again; finished tokens are skipped."
    outcome: Outcome
    code: Code
    outcome, code = (Outcome.REFUSED, "unauthorized") if refused else (Outcome.NOT_DONE, "unavailable")
    return Result(None, outcome, problem=Problem(code, f"not started: {reason}", hint=hint))


class Summary:
    """The results of a fleet, counted."""

    def __init__(self) -> None:
        self.changes: Counter[str] = Counter()
        self.outcomes: Counter[Outcome] = Counter()
        self.started_outcomes: Counter[Outcome] = Counter()
        """Those of tokens that were started."""

    def add(self, result: Result) -> None:
        """Count *result*."""
        self.outcomes[result.outcome] += 1
        self.started_outcomes[result.outcome] += result.action is not None
        if result.problem is None:
            self.changes[(result.data or {}).get("change", "none")] += 1

    @property
    def started(self) -> int:
        """How many tokens were started."""
        return self.started_outcomes.total()

    @property
    def outcome(self) -> Outcome:
        """The worst outcome."""
        return worst(self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        total = self.outcomes.total()
        counts = {"tokens": total, "not_started": total - self.started}
        outcomes = {outcome.value: count for outcome, count in self.outcomes.items()}
        return {"v": 1, "summary": {**counts, "outcomes": outcomes, "changes": dict(self.changes)}}
