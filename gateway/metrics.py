"""The metrics of contract.md 6, in a registry of this service. Labels are words of ours and names of the file.

Calls are counted where they are made. Requests are counted from the ledger when somebody asks, so what a
command or another replica did is in the numbers of every process alike: take the maximum over replicas, not the sum.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.in_force import SHOWN, Standing

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
DECISION_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 14400, 86400)


@dataclass(slots=True, kw_only=True, eq=False)  # the registry keeps collectors by identity
class Snapshot(Collector):
    """What is true at the moment somebody asks."""

    open_by_state: Mapping[str, int] = field(default_factory=dict)
    oldest_pending_seconds: float = 0
    upstream_up: Mapping[str, bool] = field(default_factory=dict)
    upstream_left_alone: Mapping[str, bool] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    outcomes: Tally[tuple[str, str]] = field(default_factory=Tally)
    unrecorded: int = 0
    policies: Sequence[Standing] = ()
    frozen: Sequence[str] = ()
    opened: Sequence[str] = ()
    decoys: Mapping[str, int] = field(default_factory=dict)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The families, for the registry."""
        opened = GaugeMetricFamily("placet_requests_open", "Open approval requests.", labels=["state"])
        for state in ("pending", "approved", "executing"):
            opened.add_metric([state], self.open_by_state.get(state, 0))
        up = GaugeMetricFamily("placet_upstream_up", "Did the last contact work?", labels=["server"])
        for server, works in self.upstream_up.items():
            up.add_metric([server], 1 if works else 0)
        alone = GaugeMetricFamily(
            "placet_upstream_left_alone", "Is nothing sent to it, because it has failed too often?", labels=["server"]
        )
        for server, left in self.upstream_left_alone.items():
            alone.add_metric([server], 1 if left else 0)
        sent = CounterMetricFamily("placet_deliveries", "Cards sent to channels.", labels=["channel", "result"])
        for labels, count in self.deliveries.items():
            sent.add_metric(list(labels), count)
        ended = CounterMetricFamily("placet_outcomes", "Requests by what became of them.", labels=["state", "cause"])
        for labels, count in self.outcomes.items():
            ended.add_metric(list(labels), count)
        labels_of_a_layer = ["server", "layer", "enforced", "disk"]
        differs = GaugeMetricFamily(
            "placet_policy_differs", "Is another policy on disk than is enforced?", labels=labels_of_a_layer
        )
        for one in self.policies:
            hashes = [one.in_force[:SHOWN], (one.on_disk or "")[:SHOWN]]
            differs.add_metric([one.server, one.layer, *hashes], 1 if one.differs else 0)
        frozen = GaugeMetricFamily("placet_frozen", "What is frozen: all, agent:NAME, server:NAME.", labels=["scope"])
        for scope in self.frozen:
            frozen.add_metric([scope], 1)
        glass = GaugeMetricFamily("placet_break_glass", "Where calls run without approval.", labels=["scope"])
        for scope in self.opened:
            glass.add_metric([scope], 1)
        decoys = CounterMetricFamily("placet_decoys", "Tests of attention, by what reviewers did.", labels=["seen"])
        for seen, count in self.decoys.items():
            decoys.add_metric([seen], count)
        yield from (opened, up, alone, sent, ended, differs, frozen, glass, decoys)
        yield GaugeMetricFamily(
            "placet_oldest_pending_seconds", "How long the oldest pending one waits.", self.oldest_pending_seconds
        )
        yield GaugeMetricFamily("placet_calls_unrecorded", "Audit rows not committed yet.", self.unrecorded)


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.snapshot = Snapshot()
        self.registry.register(self.snapshot)
        self.calls = Counter("placet_calls", "Tool calls by verdict.", ("server", "verdict"), registry=self.registry)
        self.call_seconds = Histogram(
            "placet_call_seconds", "How long calls took, waiting included.", registry=self.registry, buckets=SECONDS
        )
        self.upstream_seconds = Histogram(
            "placet_upstream_seconds", "How long upstreams took.", ("server",), registry=self.registry, buckets=SECONDS
        )
        self.decision_seconds = Histogram(
            "placet_decision_seconds", "From saved to decided.", registry=self.registry, buckets=DECISION_SECONDS
        )
        self.decisions = Counter(
            "placet_decisions",
            "Decisions of people; too_fast: an approval in less time than its card takes to be read.",
            ("decision", "reading"),
            registry=self.registry,
        )
        self.budgets = Counter(
            "placet_budget_levels",
            "Budgets of limits that calls have brought to a level; 100: a call found no room.",
            ("counter", "percent"),
            registry=self.registry,
        )
        self.held = Gauge("placet_held_calls", "Connections held for a decision.", registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
