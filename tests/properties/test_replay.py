"""A recording that is replayed under the policies that made it comes out unchanged, whatever was called and decided.

The gateway of these tests is a few lines of its own: it judges, counts, holds and runs as the pipeline does, and writes
down what the journal would.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.domain.fingerprint import canonical, sha256_hex
from gateway.limits import waived_by
from gateway.policy.budgets import Budgets, Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse, Policy, Verdict
from gateway.policy.recorded import Lost, Paid, Recorded, Request
from gateway.policy.replaying import Assume, Change, Rejudged, Replayer
from gateway.policy.standings import Exceeded

EXAMPLES = settings(max_examples=200, deadline=None)
BEGINS = datetime(2026, 11, 24, 9, 58, tzinfo=UTC)
KEEPS = frozenset({Change.UNCHANGED, Change.CAME_BACK})

numbers = st.sampled_from([1, 2, 5, 0.5, 40])
arguments = st.one_of(
    st.fixed_dictionaries({"amount": numbers, "to": st.sampled_from(["acme", "evil"])}),
    st.fixed_dictionaries({}, optional={"amount": numbers}),
)
conditions = st.lists(
    st.sampled_from(
        [
            {"path": "args.amount", "op": "gt", "value": 2},
            {"path": "args.to", "op": "eq", "value": "evil"},
            {"path": "args.amount", "op": "exists"},
        ]
    ),
    min_size=1,
    max_size=2,
)
rules: st.SearchStrategy[list[Any]] = st.just([]) | st.lists(
    st.fixed_dictionaries({"conditions": conditions}), max_size=1
)
limits = st.lists(
    st.fixed_dictionaries(
        {
            "counter": st.sampled_from(["c", "d"]),
            "window": st.sampled_from(["minute", "hour", "90s", "month", "inflight"]),
            "max": st.sampled_from([1, 3, 50]),
            "scope": st.sampled_from(["grant", "agent", "owner", "tool", "server", "all", "session", "args.to"]),
            "on_exceed": st.sampled_from(["deny", "require_approval"]),
            "amount": st.sampled_from([1, "args.amount"]),
        }
    )
    | st.just({"counter": "d", "window": "2m", "max": 2, "kind": "bucket"}),
    max_size=2,
    unique_by=lambda limit: limit["counter"],
)
tools = st.fixed_dictionaries(
    {"require": rules, "deny_if": rules, "approve_if": rules, "limits": limits},
    optional={
        "action": st.sampled_from(["allow", "require_approval", "require_approval", "deny"]),
        "schedule": st.sampled_from(
            [{"days": ["tue"], "hours": f"08:00-{end}", "tz": "UTC"} for end in ("10:00", "20:00")]
        ),
        "mode": st.sampled_from(["enforce", "enforce", "shadow"]),
    },
)
policies = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "default": st.sampled_from(["allow", "allow", "deny"]),
        "all_tools": st.fixed_dictionaries({"limits": limits}),
        "tools": st.dictionaries(st.sampled_from(["pay", "p*", "*"]), tools, max_size=3),
    }
)
calls = st.tuples(st.just("call"), st.sampled_from(["pay", "push", "read"]), arguments, st.sampled_from(["a", "b"]))
decisions = st.tuples(st.just("decide"), st.sampled_from(["approved", "approved", "denied", "expired"]))
collecting = st.just(("come_back",))
steps = st.lists(st.tuples(st.sampled_from([1, 20, 45, 400]), calls | decisions | collecting), max_size=25)


@dataclass(slots=True)
class Open:
    """A request of the gateway of these tests."""

    id: str
    uses: tuple[LimitUse, ...]
    rule: str
    created_at: datetime
    state: str = "pending"
    ran_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class Gateway:
    """Judges, counts, holds, runs, and writes down."""

    policy: Policy
    server: str = "bank"
    now: datetime = BEGINS
    budgets: Budgets = field(default_factory=Budgets)
    rows: list[Recorded] = field(default_factory=list)
    requests: dict[str, Open] = field(default_factory=dict)
    open: dict[tuple[str, str, str], str] = field(default_factory=dict)
    running: list[tuple[datetime, Reservation]] = field(default_factory=list)

    def call(self, tool: str, given: dict[str, Any], agent: str) -> None:
        facts = Facts(
            server=self.server, tool=tool, arguments=given, agent=agent, owner="o", now=self.now, session=agent
        )
        ruling = evaluate(self.policy, facts)
        digest = sha256_hex(canonical(given))
        key = (agent, tool, digest)
        verdict, rule, ran_at, request = ruling.verdict, ruling.rule, None, self.open.get(key)
        ended_at = None
        if request is not None:
            self.collect(key, request)
        elif verdict is Verdict.REQUIRE_APPROVAL:
            room = self.budgets.check(ruling.limits, self.now)
            if isinstance(room, Exceeded):
                verdict, rule = (verdict if room.asks else Verdict.RATE_LIMITED), room.rule
            if verdict is Verdict.REQUIRE_APPROVAL:
                request = self.file(key, ruling.limits, rule)
        elif verdict is Verdict.ALLOW:
            taken = self.budgets.take(ruling.limits, self.now)
            if not isinstance(taken, Exceeded):
                ran_at, ended_at = self.now, self.run(taken)
            else:
                verdict, rule = (Verdict.REQUIRE_APPROVAL if taken.asks else Verdict.RATE_LIMITED), taken.rule
                request = self.file(key, ruling.limits, rule) if taken.asks else None
        self.rows.append(
            Recorded(
                id=f"call_{len(self.rows)}", at=self.now, server=self.server, tool=tool, agent=agent, owner="o",
                arguments=given, arguments_sha256=digest, risk=facts.risk,
                verdict=verdict if request is None else Verdict.REQUIRE_APPROVAL, rule=rule, policy_version="v1",
                counted_at=self.now, ran_at=ran_at, ended_at=ended_at, session=agent,
                request=None if request is None else Request(id=request, state="", created_at=self.now),
                paid=tuple(Paid(keys=use.keys, amount=use.amount) for use in ruling.limits),
            )
        )  # fmt: skip

    def file(self, key: tuple[str, str, str], uses: tuple[LimitUse, ...], rule: str) -> str:
        made = Open(id=f"req_{len(self.requests)}", uses=uses, rule=rule, created_at=self.now)
        self.requests[made.id] = made
        self.open[key] = made.id
        return made.id

    def run(self, taken: Reservation) -> datetime:
        """It runs for half a minute, and is over then."""
        ended_at = self.now + timedelta(seconds=30)
        self.running.append((ended_at, taken))
        return ended_at

    def let_time_pass(self, seconds: int) -> None:
        """What is over by then gives back what it held while it ran."""
        self.now += timedelta(seconds=seconds)
        for ended_at, taken in self.running:
            if ended_at <= self.now:
                self.budgets.settle(taken, ended_at)
        self.running = [(ended_at, taken) for ended_at, taken in self.running if ended_at > self.now]

    def collect(self, key: tuple[str, str, str], request: str) -> None:
        """The agent came back: what was approved runs if limits have room."""
        found = self.requests[request]
        if found.state == "approved":
            taken = self.budgets.take(found.uses, self.now, waived_by(found.rule, found.uses))
            if isinstance(taken, Exceeded):
                return
            found.ran_at, found.ended_at = self.now, self.run(taken)
        if found.state != "pending":
            del self.open[key]

    def come_back(self) -> None:
        """The agent that has waited longest makes its call again."""
        if self.open:
            waiting = next(iter(self.open.values()))
            row = next(row for row in self.rows if row.request is not None and row.request.id == waiting)
            assert not isinstance(row.arguments, Lost)
            self.call(row.tool, dict(row.arguments), row.agent)

    def decide(self, answer: str) -> None:
        pending = [one for one in self.requests.values() if one.state == "pending"]
        if pending:
            pending[0].state = answer

    def recording(self) -> list[Recorded]:
        """What the journal and the requests say in the end."""
        return [self._with_request(row) for row in self.rows]

    def _with_request(self, row: Recorded) -> Recorded:
        if row.request is None:
            return row
        made = self.requests[row.request.id]
        return replace(
            row,
            request=Request(id=made.id, state=made.state, created_at=made.created_at),
            ran_at=made.ran_at,
            ended_at=made.ended_at,
        )


def recorded(shape: dict[str, Any], taken: list[Any]) -> tuple[Policy, list[Recorded]]:
    """A policy, and a recording of what was done under it."""
    gateway = Gateway(load_policy(json.dumps(shape), "p.json"))
    for seconds, (what, *rest) in taken:
        gateway.let_time_pass(seconds)
        getattr(gateway, what)(*rest)
    return gateway.policy, gateway.recording()


def replayed(policy: Policy, rows: list[Recorded], **options: Any) -> list[Rejudged]:
    """What a replay gives, call by call."""
    replayer = Replayer(server="bank", policies=(policy,), **{"begins": BEGINS, **options})
    found = [judged for row in rows for judged in replayer.feed(row)]
    return [*found, *replayer.end()]


@EXAMPLES
@given(policies, steps)
def test_replaying_under_the_same_policy_changes_nothing(shape: dict[str, Any], taken: list[Any]) -> None:
    policy, rows = recorded(shape, taken)
    found = replayed(policy, rows)
    assert len(found) == len(rows)
    for judged in found:
        assert judged.change in KEEPS, judged
        if judged.change is Change.UNCHANGED:
            assert (judged.verdict, judged.rule) == (judged.call.verdict, judged.call.rule)


@EXAMPLES
@given(policies, steps, st.integers(0, 900))
def test_what_came_before_the_period_fills_the_counters(shape: dict[str, Any], taken: list[Any], seconds: int) -> None:
    policy, rows = recorded(shape, taken)
    begins = BEGINS + timedelta(seconds=seconds)
    found = replayed(policy, rows, begins=begins)
    assert len(found) == sum(row.at >= begins for row in rows)
    assert {judged.change for judged in found} <= KEEPS


@EXAMPLES
@given(policies, steps)
def test_nothing_is_said_of_a_call_whose_arguments_a_rule_looks_at_and_nobody_kept(
    shape: dict[str, Any], taken: list[Any]
) -> None:
    policy, rows = recorded(shape, taken)
    found = replayed(policy, [replace(row, arguments=Lost.NOT_KEPT) for row in rows])
    assert {judged.change for judged in found} <= KEEPS | {Change.NOT_JUDGED}


@EXAMPLES
@given(policies, policies, steps, st.sampled_from(Assume))
def test_every_call_is_told_once_whatever_the_other_policy(
    shape: dict[str, Any], other: dict[str, Any], taken: list[Any], assume: Assume
) -> None:
    _, rows = recorded(shape, taken)
    found = replayed(load_policy(json.dumps(other), "o.json"), rows, assume=assume)
    assert sorted(judged.call.id for judged in found) == sorted(row.id for row in rows)
    for judged in found:
        assert judged.spec is None or judged.verdict is Verdict.REQUIRE_APPROVAL
