"""Suggestions for a policy, mined from what people decided and from what limits were used for.

Loosening is never suggested for tools that destroy or pay, nor where a misuse would be critical. Whatever is suggested
comes with its evidence, with the change as the file would have it, and with what it would have made of the recording:
one call that people had not let run, and it is not suggested. The same recording gives the same suggestions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Decimal

from gateway.policy.budgets import Budgets
from gateway.policy.evaluate import evaluate
from gateway.policy.evidence import leaves
from gateway.policy.layers import narrowed
from gateway.policy.limit import Limit
from gateway.policy.mining import Decided, NoShape, Said, Shape, Support, allowable, deniable
from gateway.policy.model import Policy, RiskClass, Ruling, Severity, Verdict
from gateway.policy.proposing import NoProposal, Proposal, loosened, lowered, refused
from gateway.policy.recorded import Lost, Recorded, Unkept
from gateway.policy.suggested import BackTest, Kind, PassedOver, Suggestion, Usage

KEPT = 5_000
"""So many of the last decisions on the calls of one rule are looked at."""
NEVER = frozenset({RiskClass.DESTRUCTIVE, RiskClass.FINANCIAL})
FAR_ABOVE, ROOM = 5, 2
"""A limit that allows `FAR_ABOVE` times the most that was ever used is lowered to `ROOM` times that."""
USED_CALLS, USED_DAYS = 100, 7
"""A limit is judged by its use only after so many calls, on so many days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """A rule that asks about the calls of a tool, as the policies are now."""

    tool: str
    policy: str
    rule: str


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What people said to the calls of one tool that one rule asks about."""

    rows: deque[Decided] = field(default_factory=lambda: deque(maxlen=KEPT))
    barred: str | None = None


@dataclass(slots=True, kw_only=True)
class _Used:
    """How much of a limit was ever used."""

    limit: Limit
    policy: str
    tool: str
    most: Decimal = Decimal(0)
    calls: int = 0
    days: set[date] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Miner:
    """Looks at recorded calls, and finds what the policies of a server could say.

    `policies` are its layers as they are now, `agents` those that agents have under them.
    """

    server: str
    policies: tuple[Policy, ...]
    agents: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    support: Support = field(default_factory=Support)
    decided: int = 0
    passed_over: list[PassedOver] = field(default_factory=list)
    _asked: dict[_Asking, _Asked] = field(default_factory=dict)
    _used: dict[tuple[str, str], _Used] = field(default_factory=dict)
    _budgets: Budgets = field(default_factory=Budgets)

    def add(self, call: Recorded, said: Said | None, reviewers: frozenset[str]) -> None:
        """One more call; `said` is None where nobody was asked. Once for each request."""
        facts = call.facts()
        ruling = evaluate(narrowed(self.policies, self.agents.get(call.agent, ())), facts)
        if isinstance(facts.arguments, Unkept) and facts.arguments.read:
            return
        if said is not None and not isinstance(call.arguments, Lost):
            self.decided += 1
            if ruling.verdict is Verdict.REQUIRE_APPROVAL:
                self._note(call, call.arguments, ruling, said, reviewers)
        if call.ran_at is not None:
            self._use(call, ruling)

    def ideas(self) -> Iterator[Suggestion]:
        """Everything that the evidence speaks for, before it is tried on the recording."""
        for where, asked in sorted(self._asked.items(), key=lambda pair: (pair[0].tool, pair[0].policy, pair[0].rule)):
            yield from self._allowing(where, asked)
            yield from self._denying(where, asked)
        for used in sorted(self._used.values(), key=lambda one: (one.policy, one.limit.pointer)):
            yield from self._lowering(used)

    def try_on(self, idea: Suggestion, call: Recorded, said: Said | None) -> None:
        """Note what a suggestion would have made of one call."""
        if idea.kind is Kind.LOWER or call.tool != idea.tool:
            return
        if isinstance(call.arguments, Lost):
            idea.back_test.not_judged += 1
            return
        more = self.agents.get(call.agent, ())
        before = evaluate(narrowed(self.policies, more), call.facts()).verdict
        after = evaluate(narrowed(idea.proposal.layers, more), call.facts()).verdict
        if before is after:
            return
        wanted = Verdict.ALLOW if idea.kind is Kind.ALLOW else Verdict.DENY
        if after is wanted and before is Verdict.REQUIRE_APPROVAL:
            idea.back_test.add(said)
        else:
            idea.back_test.other += 1

    def stands(self, idea: Suggestion) -> bool:
        """Does the whole recording speak for it? If not, it is noted why."""
        tried = idea.back_test
        against = (Said.DENIED, Said.EDITED) if idea.kind is Kind.ALLOW else (Said.APPROVED, Said.EDITED)
        contrary = sum(tried.said.get(one, 0) for one in against)
        if idea.kind is Kind.LOWER or not (contrary or tried.other or not tried.calls):
            return True
        why = f"{contrary} calls of the recording were decided otherwise" if contrary else "it would change other calls"
        self._pass(idea.tool, idea.rule, why if tried.calls else "other rules decide about the same calls")
        return False

    def _note(
        self, call: Recorded, arguments: Mapping[str, object], ruling: Ruling, said: Said, reviewers: frozenset[str]
    ) -> None:
        where = _Asking(tool=call.tool, policy=ruling.policy, rule=ruling.rule)
        asked = self._asked.setdefault(where, _Asked())
        asked.rows.append(
            Decided(call=call.id, at=call.at, said=said, values=leaves(arguments, ruling.redact), reviewers=reviewers)
        )
        for kind, severity in ((ruling.risk, ruling.severity), (call.risk.kind, call.risk.severity)):
            if kind in NEVER:
                asked.barred = f"{call.tool} is {kind}: what needs a person there is never loosened by itself"
            elif severity is Severity.CRITICAL:
                asked.barred = f"a misuse of {call.tool} is critical: it is never loosened by itself"

    def _use(self, call: Recorded, ruling: Ruling) -> None:
        at = call.ran_at
        if at is None or not ruling.limits:
            return
        waived = frozenset(use.limit.pointer for use in ruling.limits)
        self._budgets.take(ruling.limits, at, waived)
        standings = {one.rule: one.used for one in self._budgets.check(ruling.limits, at).standings}
        for use in ruling.limits:
            if use.limit.pointer not in standings:
                continue
            key = (use.policy, use.limit.pointer)
            used = self._used.setdefault(key, _Used(limit=use.limit, policy=use.policy, tool=call.tool))
            used.most = max(used.most, standings[use.limit.pointer])
            used.calls += 1
            used.days.add(at.date())

    def _allowing(self, where: _Asking, asked: _Asked) -> Iterator[Suggestion]:
        if asked.barred is not None:
            self._pass(where.tool, where.rule, asked.barred)
            return
        shape = allowable(asked.rows, self.support)
        if isinstance(shape, NoShape):
            self._pass(where.tool, where.rule, shape.why)
            return
        proposal = loosened(self.policies, (where.policy, where.rule), shape.bounds)
        yield from self._proposed(Kind.ALLOW, where, shape, proposal)

    def _denying(self, where: _Asking, asked: _Asked) -> Iterator[Suggestion]:
        shape = deniable(asked.rows, self.support)
        if isinstance(shape, Shape):
            proposal = refused(self.policies, where.policy, where.tool, shape.bounds)
            yield from self._proposed(Kind.DENY, where, shape, proposal)

    def _lowering(self, used: _Used) -> Iterator[Suggestion]:
        limit = used.limit
        enough = used.calls >= USED_CALLS and len(used.days) >= USED_DAYS
        if not enough or not used.most or limit.max < used.most * FAR_ABOVE:
            return
        new = _rounded(used.most * ROOM)
        where = _Asking(tool=used.tool, policy=used.policy, rule=limit.pointer)
        evidence = Usage(used=used.most, max=limit.max, new=new, calls=used.calls)
        yield from self._proposed(
            Kind.LOWER, where, evidence, lowered(self.policies, (used.policy, limit.pointer), new)
        )

    def _proposed(
        self, kind: Kind, where: _Asking, evidence: Shape | Usage, proposal: Proposal | NoProposal
    ) -> Iterator[Suggestion]:
        if isinstance(proposal, NoProposal):
            self._pass(where.tool, where.rule, proposal.why)
            return
        yield Suggestion(
            kind=kind,
            server=self.server,
            tool=where.tool,
            rule=where.rule,
            proposal=proposal,
            evidence=evidence,
            back_test=BackTest(),
        )

    def _pass(self, tool: str, rule: str, why: str) -> None:
        self.passed_over.append(PassedOver(tool=tool, rule=rule, why=why))


def _rounded(number: Decimal) -> Decimal:
    """Up to two digits: 34 for 33.1, 1300 for 1234."""
    step = Decimal(1).scaleb(max(number.adjusted() - 1, 0))
    return (number / step).to_integral_value(rounding=ROUND_CEILING) * step
