"""A machine that takes, gives back, waits, restarts and raises maxima in every order, in the store and in memory.

Both must say the same at every step, and neither may ever let more through than a limit allows: that is reckoned here
anew, from the list of what ran, not from what the code under test has counted.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from approvals.storage import migrate
from approvals.storage.engine import Database
from gateway.limits import Limits
from gateway.policy.budgets import Budgets, Reservation
from gateway.policy.costs import cost
from gateway.policy.limit import Limit
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse
from gateway.policy.standings import Exceeded
from tests.fakes.desk import Clock
from tests.fakes.keys import VAULT

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
POLICY = """
version: "1"
default: deny
all_tools:
  limits:
    - {counter: a_minute, window: minute, max: 3}
    - {counter: rolling, window: 60, max: 5, amount: args.amount}
    - {counter: bucket, window: minute, max: 6, kind: bucket, burst: 2, amount: args.amount}
    - {counter: slots, window: inflight, max: 2}
    - {counter: athens, window: day, max: 20, amount: args.amount, tz: Europe/Athens}
    - {counter: each, window: 120, max: 2, scope: "args.to[*]"}
"""
LIMITS = load_policy(POLICY, "p.yaml").limits
CHOSEN = st.lists(st.sampled_from([0, 1, 2, 3, 3, 4, 5]), min_size=1, max_size=2, unique=True)
AMOUNTS = st.sampled_from(["0.1", "0.333", "1", "1.99", "2"])
WAITS = st.sampled_from([0.3, 1, 7, 29.999999, 30, 59.5])
TO = st.lists(st.sampled_from(["acme", "bolt"]), min_size=1, max_size=2)


def uses(chosen: list[int], amount: str, to: list[str], most: dict[int, Decimal]) -> list[LimitUse]:
    facts = Facts(
        server="s", tool="pay", agent="ada", now=NOON, arguments={"amount": Decimal(amount), "to": to}, session="x"
    )
    found = []
    for index in chosen:
        limit = replace(LIMITS[index], max=most.get(index, LIMITS[index].max))
        paid = cost(limit, facts)
        assert paid is not None
        found.append(LimitUse(limit=limit, amount=paid.amount, keys=paid.keys))
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Ran:
    """What was let through: `at` when, and each budget with its amount."""

    at: datetime
    each: list[tuple[Limit, str, Decimal]]
    here: Reservation
    there: Reservation


class BudgetMachine(RuleBasedStateMachine):
    """The store and the memory, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.url = f"sqlite:///{self.folder}/placet.db"
        self.clock = Clock()
        self.clock.now = NOON
        self.memory = Budgets()
        self.most: dict[int, Decimal] = {}
        self.ran: list[Ran] = []
        self.running: list[Ran] = []
        self.greatest = [limit.max for limit in LIMITS]

    @initialize()
    def begin(self) -> None:
        self.runner.run(migrate.upgrade(self.url))
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.stack = AsyncExitStack()
        self.db = await self.stack.enter_async_context(Database.opened(self.url, VAULT, clock=self.clock))
        self.limits = Limits(self.db)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(chosen=CHOSEN, amount=AMOUNTS, to=TO, times=st.integers(1, 4))
    def calls(self, chosen: list[int], amount: str, to: list[str], times: int) -> None:
        for _ in range(times):
            self._call(chosen, amount, to)

    @rule(index=st.integers(0, 5), amount=AMOUNTS, waits=st.lists(WAITS, min_size=1, max_size=4))
    def rush(self, index: int, amount: str, waits: list[float]) -> None:
        """Take what there is whenever there is some: single calls seldom meet the edge of a window."""
        for seconds in waits:
            for _ in range(12):
                self._call([index], amount, ["acme"])
            self.wait(seconds)
            self.no_limit_has_let_more_through_than_it_allows()

    def _call(self, chosen: list[int], amount: str, to: list[str]) -> None:
        wanted, now = uses(chosen, amount, to, self.most), self.clock.now
        there, here = self.runner.run(self.limits.check(wanted)), self.memory.check(wanted, now)
        assert there == here
        taken, took = self.runner.run(self.limits.reserve(wanted)), self.memory.take(wanted, now)
        assert taken == took
        if isinstance(taken, Reservation) and isinstance(took, Reservation):
            each = [(one.limit, key[1], one.amount) for one in wanted for key in one.keys]
            self.running.append(Ran(at=now, each=each, here=took, there=taken))
        else:
            assert isinstance(here, Exceeded)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), sent=st.booleans())
    def end(self, data: Any, sent: bool) -> None:
        ran = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if sent:
            self.runner.run(self.limits.settle(ran.there))
            self.memory.settle(ran.here, self.clock.now)
            self.ran.append(ran)
        else:
            self.runner.run(self.limits.release(ran.there))
            self.memory.release(ran.here, self.clock.now)

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)
        # Nobody renews leases here, so what still runs when they end is over.
        for ran in [one for one in self.running if self.clock.now - one.at >= timedelta(seconds=60)]:
            self.running.remove(ran)
            self.runner.run(self.limits.settle(ran.there))
            self.memory.settle(ran.here, self.clock.now)
            self.ran.append(ran)

    @rule()
    def tidy(self) -> None:
        self.runner.run(self.db.write(lambda tx: tx.counters.sweep(tx.now)))

    @rule(index=st.integers(0, 5), most=st.sampled_from(["1", "4", "10"]))
    def change_a_maximum(self, index: int, most: str) -> None:
        self.most[index] = Decimal(most)
        self.greatest[index] = max(self.greatest[index], self.most[index])

    @rule()
    def restart(self) -> None:
        self.runner.run(self.stack.aclose())
        for ran in self.running:
            # A process that dies gives nothing back; here its leases are taken to have ended.
            self.memory.settle(ran.here, self.clock.now)
            self.ran.append(ran)
        self.running.clear()
        self.runner.run(self._open())
        self.runner.run(self.db.write(lambda tx: tx.counters.end_leases()))

    @invariant()
    def no_limit_has_let_more_through_than_it_allows(self) -> None:
        everything = [*self.ran, *self.running]
        for limit, most in zip(LIMITS, self.greatest, strict=True):
            for key in {key for ran in everything for one, key, _ in ran.each if one.counter == limit.counter}:
                charged = [(ran.at, one.counter, k, amount) for ran in everything for one, k, amount in ran.each]
                self._within(
                    limit.counter,
                    most,
                    key,
                    [(at, a) for at, name, k, a in charged if (name, k) == (limit.counter, key)],
                )

    def _within(self, counter: str, most: Decimal, key: str, taken: list[tuple[datetime, Decimal]]) -> None:
        now = self.clock.now
        if counter == "a_minute":
            assert sum(a for at, a in taken if _minute(at) == _minute(now)) <= most
        elif counter in {"rolling", "each"}:
            length = timedelta(seconds=60 if counter == "rolling" else 120)
            assert sum(a for at, a in taken if now - at < length) <= most
        elif counter == "athens":
            assert sum(a for _, a in taken) <= most or now.day != NOON.day
        elif counter == "bucket":
            for begin, _ in taken:
                passed = Decimal((now - begin) // timedelta(microseconds=1)) / 60_000_000
                assert sum(a for at, a in taken if at >= begin) <= 2 + most * passed
        else:
            running = [(one.counter, k, a) for ran in self.running for one, k, a in ran.each]
            assert sum(a for name, k, a in running if (name, k) == (counter, key)) <= most


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


TestBudgets = BudgetMachine.TestCase
TestBudgets.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
