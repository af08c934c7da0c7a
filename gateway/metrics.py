"""The metrics of contract.md 6, in a registry of this service. Labels are words of ours and names of the file."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
DECISION_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 14400, 86400)


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("placet_calls", "Tool calls by verdict.", ("server", "verdict"), registry=self.registry)
        self.call_seconds = Histogram(
            "placet_call_seconds", "How long calls took, waiting included.", registry=self.registry, buckets=SECONDS
        )
        self.upstream_seconds = Histogram(
            "placet_upstream_seconds", "How long upstreams took.", ("server",), registry=self.registry, buckets=SECONDS
        )
        self.open = Gauge("placet_requests_open", "Open approval requests.", ("state",), registry=self.registry)
        self.oldest = Gauge("placet_oldest_pending_seconds", "Age of the oldest pending one.", registry=self.registry)
        self.decision_seconds = Histogram(
            "placet_decision_seconds", "From saved to decided.", registry=self.registry, buckets=DECISION_SECONDS
        )
        self.outcomes = Counter("placet_outcomes", "Ended requests.", ("state", "cause"), registry=self.registry)
        self.deliveries = Counter(
            "placet_deliveries", "Cards sent to channels.", ("channel", "result"), registry=self.registry
        )
        self.held = Gauge("placet_held_calls", "Connections held for a decision.", registry=self.registry)
        self.up = Gauge("placet_upstream_up", "Did the last contact work?", ("server",), registry=self.registry)
        self.unrecorded = Gauge("placet_calls_unrecorded", "Audit rows not committed yet.", registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def show_upstreams(self, states: Iterable[tuple[str, bool | None]]) -> None:
        """Which upstreams work; one nobody has asked yet is not shown."""
        for server, up in states:
            if up is not None:
                self.up.labels(server).set(1 if up else 0)
