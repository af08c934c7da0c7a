"""Recorded calls judged again by other policies, on a clock and counters of their own.

Calls are fed in the order in which they were judged. Each is judged as of its own moment; its limits are looked at when
they were then, and what ran takes room when it ran. A recording that is replayed under the policies that made it comes
out unchanged. What nobody can know is assumed, and said in the result: that a call which would newly be allowed would
have run, and what people would have said to one that would newly be asked about.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.policy.budgets import Budgets, Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.layers import layered, narrowed
from gateway.policy.limit import Limit, OnExceed, Scope
from gateway.policy.model import ApprovalSpec, LimitUse, Policy, Ruling, Verdict
from gateway.policy.recorded import Recorded, Unkept
from gateway.policy.standings import Exceeded, Room
from gateway.policy.trials import why
from gateway.policy.verdicts import Final, final

AT_ONCE = timedelta(minutes=5)
"""How long a newly asked call is taken to be open: made again in that time, the same call joins it."""
HELD_AT_MOST = timedelta(days=1)
"""How much earlier than it ran a call is looked for: a request can be decided and collected so much later."""
FORGET_EVERY = 5_000
"""After so many calls, counters of windows that are over are forgotten."""


class Change(StrEnum):
    """What other policies would have done to a call."""

    NEWLY_DENIED = "newly_denied"
    NEWLY_ASKED = "newly_asked"
    NEWLY_ALLOWED = "newly_allowed"
    UNCHANGED = "unchanged"
    STOPPED = "stopped"
    """Ended before any rule could end it, then as now."""
    CAME_BACK = "came_back"
    """Only came back for a request that is counted already."""
    NOT_JUDGED = "not_judged"
    """A rule looks at arguments that nobody knows."""


class Assume(StrEnum):
    """What people are taken to have said to calls that would newly be asked about."""

    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """One call judged again. `spec`: whom it would ask, if that makes a request of its own."""

    call: Recorded
    change: Change
    verdict: Verdict | None = None
    rule: str = ""
    policy: str = ""
    why: str = ""
    spec: ApprovalSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """The limits of a call are looked at."""

    call: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """An approved call runs, and takes what it costs."""

    uses: tuple[LimitUse, ...]
    waived: frozenset[str]
    ended_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Replayer:
    """Judges the calls of one server again. What was judged before `begins` only fills the counters.

    `policies` are the layers of the server, `agents` those that agents have under them, by the agent's name. Calls of
    other servers may be fed too: they take from budgets that servers share, and are not judged.
    """

    server: str
    policies: tuple[Policy, ...]
    begins: datetime
    agents: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    assume: Assume = Assume.APPROVED
    open_for: timedelta = AT_ONCE
    _budgets: Budgets = field(default_factory=Budgets)
    _limits: dict[str, Limit] = field(default_factory=dict)
    _due: list[tuple[datetime, int, _Count | _Run]] = field(default_factory=list)
    _number: int = 0
    _requests: set[str] = field(default_factory=set)
    _open: dict[tuple[str, str, str, str], datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = layered(self.policies, *self.agents.values())
        self._limits = {limit.budget: limit for policy in every for limit in _limits(policy)}

    def feed(self, call: Recorded) -> Iterator[Rejudged]:
        """Take one more call, never one that was judged before the last; gives what is known by then."""
        yield from self._until(call.at)
        self._push(call.counted_at, _Count(call=call))
        if self._number % FORGET_EVERY == 0:
            self._forget(call.at)

    def end(self) -> Iterator[Rejudged]:
        """Give all that is left."""
        yield from self._until(None)

    def _until(self, now: datetime | None) -> Iterator[Rejudged]:
        while self._due and (now is None or self._due[0][0] < now):
            at, _, what = heapq.heappop(self._due)
            match what:
                case _Count(call=call):
                    judged = self._counted(call, at)
                    if judged is not None and call.at >= self.begins:
                        yield judged
                case _Run(uses=uses, waived=waived, ended_at=ended_at):
                    self._ran(self._budgets.take(uses, at, waived), ended_at)

    def _push(self, at: datetime, what: _Count | _Run) -> None:
        self._number += 1
        heapq.heappush(self._due, (at, self._number, what))

    def _counted(self, call: Recorded, now: datetime) -> Rejudged | None:
        if call.server != self.server:
            self._pay(call)
            return None
        if call.came_back:
            return Rejudged(call=call, change=Change.CAME_BACK)
        if call.request is not None:
            if call.request.id in self._requests:
                return Rejudged(call=call, change=Change.CAME_BACK)
            self._requests.add(call.request.id)
        facts = call.facts()
        ruling = evaluate(narrowed(self.policies, self.agents.get(call.agent, ())), facts)
        room = self._budgets.check(ruling.limits, now)
        if isinstance(facts.arguments, Unkept) and facts.arguments.read:
            self._pay(call)
            return Rejudged(call=call, change=Change.NOT_JUDGED)
        if call.at < self.begins:
            if ruling.verdict is not Verdict.DENY and call.ran_at is not None:
                self._later(call, ruling, frozenset(use.limit.pointer for use in ruling.limits))
            return None
        return self._judged(call, ruling, room, now)

    def _judged(self, call: Recorded, ruling: Ruling, room: Room | Exceeded, now: datetime) -> Rejudged:
        got = final(ruling, room)
        if call.stopped is not None:
            return Rejudged(call=call, change=Change.STOPPED)
        judged = Rejudged(
            call=call,
            change=_change(call.verdict, got.verdict),
            verdict=got.verdict,
            rule=got.rule,
            policy=ruling.policy,
            why=_why(got),
        )
        if got.verdict is Verdict.ALLOW:
            self._allowed(call, ruling, now)
        elif got.verdict is Verdict.REQUIRE_APPROVAL:
            return self._asked(judged, got, room, now)
        return judged

    def _allowed(self, call: Recorded, ruling: Ruling, now: datetime) -> None:
        """It runs at once; but what failed to be sent then is taken to fail again."""
        if call.verdict is not Verdict.ALLOW or call.ran_at is not None:
            self._ran(self._budgets.take(ruling.limits, now), call.ended_at)

    def _asked(self, judged: Rejudged, got: Final, room: Room | Exceeded, now: datetime) -> Rejudged:
        call, ruling = judged.call, got.ruling
        waived = _waived(got.rule, ruling.limits)
        spec = room.use.approval if isinstance(room, Exceeded) else ruling.approval
        if call.verdict is Verdict.REQUIRE_APPROVAL:
            if call.ran_at is not None:
                self._later(call, ruling, waived)
            return replace(judged, spec=spec)
        if self._open.get(call.call_key, now) > now:
            return judged
        self._open[call.call_key] = now + self.open_for
        if self.assume is Assume.APPROVED:
            self._ran(self._budgets.take(ruling.limits, now, waived), call.ended_at)
        return replace(judged, spec=spec)

    def _later(self, call: Recorded, ruling: Ruling, waived: frozenset[str]) -> None:
        if call.ran_at is not None:
            self._push(call.ran_at, _Run(uses=ruling.limits, waived=waived, ended_at=call.ended_at))

    def _ran(self, taken: Reservation | Exceeded, ended_at: datetime | None) -> None:
        """What is taken only while a call runs has a row at the moment it is over: that is known here."""
        if isinstance(taken, Reservation) and ended_at is not None:
            self._budgets.end(taken, ended_at)

    def _pay(self, call: Recorded) -> None:
        """Charge what was charged then, as far as the same budgets are counted now."""
        uses = tuple(
            LimitUse(limit=limit, amount=paid.amount, keys=paid.keys)
            for paid in call.paid
            if paid.keys and (limit := self._limits.get(paid.keys[0][0])) is not None
        )
        if uses and call.ran_at is not None:
            waived = frozenset(use.limit.pointer for use in uses)
            self._push(call.ran_at, _Run(uses=uses, waived=waived, ended_at=call.ended_at))

    def _forget(self, now: datetime) -> None:
        """Drop what can never count again."""
        for key, rows in list(self._budgets.rows.items()):
            since = self._limits[key[0]].window.since(now)
            left = {at: value for at, value in rows.items() if at >= since}
            if left:
                self._budgets.rows[key] = left
            else:
                del self._budgets.rows[key]
        self._open = {key: until for key, until in self._open.items() if until > now}


def reach(policies: Iterable[Policy], begins: datetime) -> datetime:
    """From when on calls must be fed, so that the counters are full when the first one is judged."""
    starts = (limit.window.reach(begins, limit.max) for policy in policies for limit in _limits(policy))
    return min(starts, default=begins) - HELD_AT_MOST


def shares(policies: Iterable[Policy]) -> bool:
    """Does a budget count calls of other servers, too? Then those are to be fed as well."""
    own = {Scope.GRANT, Scope.SERVER, Scope.TOOL, Scope.SESSION}
    return any(own.isdisjoint(limit.scope) for policy in policies for limit in _limits(policy))


def _limits(policy: Policy) -> Iterator[Limit]:
    yield from policy.limits
    for entry in policy.tools:
        yield from entry.limits


def _waived(rule: str, uses: Sequence[LimitUse]) -> frozenset[str]:
    asking = frozenset(use.limit.pointer for use in uses if use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL)
    return asking if rule in asking else frozenset()


def _why(got: Final) -> str:
    """Why the deciding rule decided; of a call that passes, why no other rule did."""
    quiet = [one.why for one in got.ruling.trace if not one.matched and not one.why.startswith("shadow: ")]
    return " and ".join(quiet[:2]) if got.verdict is Verdict.ALLOW and quiet else why(got)


def _change(then: Verdict, now: Verdict) -> Change:
    match now:
        case Verdict.DENY | Verdict.RATE_LIMITED:
            refused = then in {Verdict.DENY, Verdict.RATE_LIMITED}
            return Change.UNCHANGED if refused else Change.NEWLY_DENIED
        case Verdict.REQUIRE_APPROVAL:
            return Change.UNCHANGED if then is now else Change.NEWLY_ASKED
        case Verdict.ALLOW:
            return Change.UNCHANGED if then is now else Change.NEWLY_ALLOWED
