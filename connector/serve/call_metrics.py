"""The server in numbers, in the text format of Prometheus.  No label holds a secret, a note or a name."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locoia_pat.serve.call_response import CallResponse

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class CallMetrics:
    """Counts calls, and reads what the journal knows when it is asked."""

    def __init__(
        self, due_tokens: Callable[[], Mapping[str, int]], held_leases: Callable[[], int], running: Callable[[], int]
    ) -> None:
        """Start with zero.

        Args:
            due_tokens: returns how many managed names wait for what.
            held_leases: returns how many managed names are being worked on.
            running: returns how many calls are under way.

        """
        self._due_tokens, self._held_leases, self._running = due_tokens, held_leases, running
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "locoia_pat_calls", "Calls that have ended.", ["action", "outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "locoia_pat_call_seconds",
            "Duration of calls.",
            ["action", "outcome"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._replayed = Counter(
            "locoia_pat_replayed_calls", "Retries that got the first response.", ["action"], registry=self._registry
        )
        self._responses = Counter(
            "locoia_pat_http_responses", "Responses by status.", ["status"], registry=self._registry
        )
        self._registry.register(self)

    def observe(self, action: str, response: CallResponse, seconds: float) -> None:
        """Count a call of *action* that took so many *seconds*."""
        if response.replayed:
            self._replayed.labels(action).inc()
            return
        self._calls.labels(action, response.envelope["outcome"]).inc()
        self._seconds.labels(action, response.envelope["outcome"]).observe(seconds)

    def count_response(self, status: int) -> None:
        """Count a response with that HTTP *status*."""
        self._responses.labels(str(status)).inc()

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what is read when it is asked for; a journal that cannot be read is left out."""
        yield GaugeMetricFamily("locoia_pat_calls_running", "Calls under way.", value=self._running())
        with suppress(OSError):
            yield GaugeMetricFamily("locoia_pat_leases_held", "Names being worked on.", value=self._held_leases())
            due = GaugeMetricFamily("locoia_pat_tokens_due", "Names whose token is due, by the journal.", labels=["to"])
            for what, count in self._due_tokens().items():
                due.add_metric([what], count)
            yield due
