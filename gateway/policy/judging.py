"""What one entry of a policy says of a call: its action, and each of its rules that holds or cannot be judged.

A condition that nobody can judge counts as failed under `require` and as held under `deny_if` and `approve_if`,
so nothing unreadable is ever an allow (policy.md 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.policy.allowing import LetThrough, let_through
from gateway.policy.cel import When
from gateway.policy.conditions import Judged, Side, both
from gateway.policy.looking import Looks
from gateway.policy.model import Action, ApprovalBlock, Facts, Rule, ToolRules, Verdict
from gateway.policy.schedule import Schedule
from gateway.policy.texts import shown
from gateway.policy.when import judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """What one rule says of the call, and by which value. No verdict: it was looked at and has nothing to say.

    `allows` is what a rule that refuses would let through.
    """

    rule: str
    why: str
    verdict: Verdict | None = None
    reason: str | None = None
    hidden: bool = False
    approval: ApprovalBlock | None = None
    allows: LetThrough | None = None


def judge(entry: ToolRules, facts: Facts, looks: Looks) -> Iterator[Say]:
    """Everything that an entry says of a call; `looks` is what its conditions may still look at."""
    yield _by_action(entry, facts)
    if entry.schedule is not None:
        yield _by_schedule(entry.schedule, facts)
    if entry.when is not None:
        yield _by_when(entry.when, facts)
    for rule in entry.require:
        judged = _judged(rule, facts, Side.REQUIRE, looks)
        yield _quiet(rule, judged) if judged.holds is True else _denied(rule, judged, None, _lets(rule, facts, looks))
    for rule in entry.deny_if:
        judged = _judged(rule, facts, Side.DENY, looks)
        allows = let_through(rule.conditions, facts.arguments, Side.DENY, looks) if judged.holds is not False else None
        yield _quiet(rule, judged) if judged.holds is False else _denied(rule, judged, entry.reason, allows)
    for rule in entry.approve_if:
        judged = _judged(rule, facts, Side.DENY, looks)
        yield _quiet(rule, judged) if judged.holds is False else _asked(rule, judged, entry.reason)


def hidden(facts: Facts) -> str:
    """What an agent is told of a tool that it must not learn of."""
    return f"The tool {shown(facts.tool)} is not available here."


def _by_action(entry: ToolRules, facts: Facts) -> Say:
    rule = f"{entry.pointer}/action" if entry.action_said else entry.pointer
    why = f"the tool is named by {entry.pattern.text!r}" if entry.pattern.kind != "exact" else "the tool is named"
    match entry.action:
        case Action.ALLOW:
            return Say(verdict=Verdict.ALLOW, rule=rule, reason=entry.reason, why=why)
        case Action.REQUIRE_APPROVAL:
            reason = entry.reason or "A person must approve every call of this tool."
            return Say(verdict=Verdict.REQUIRE_APPROVAL, rule=rule, reason=reason, why=why)
        case Action.DENY:
            reason = entry.reason or f"The policy denies every call of {shown(facts.tool)}."
            return Say(verdict=Verdict.DENY, rule=rule, reason=reason, why=why)
        case Action.HIDE:
            return Say(verdict=Verdict.DENY, rule=rule, reason=hidden(facts), why=why, hidden=True)


def _by_schedule(schedule: Schedule, facts: Facts) -> Say:
    if schedule.is_open(facts.now):
        return Say(rule=schedule.pointer, why=f"it is open now: {schedule}")
    why = schedule.closed(facts.now)
    reason = f"The tool {shown(facts.tool)} may not be called now: {why}."
    return Say(verdict=Verdict.DENY, rule=schedule.pointer, reason=reason, why=why)


def _by_when(when: When, facts: Facts) -> Say:
    found = judged(when, facts)
    if found.holds is True:
        return Say(rule=when.pointer, why=found.why)
    reason = f"The policy does not allow this: {found.why}."
    return Say(verdict=Verdict.DENY, rule=when.pointer, reason=reason, why=found.why)


def _judged(rule: Rule, facts: Facts, side: Side, looks: Looks) -> Judged:
    if rule.always:
        return Judged(holds=True, why="it holds for every call")
    parts = [condition.judge(facts.arguments, side, looks) for condition in rule.conditions]
    if rule.when is not None and not any(part.holds is False for part in parts):
        parts.append(judged(rule.when, facts))
    return both(parts)


def _quiet(rule: Rule, judged: Judged) -> Say:
    return Say(rule=rule.pointer, why=judged.why)


def _lets(rule: Rule, facts: Facts, looks: Looks) -> LetThrough | None:
    """What a rule under `require` would let through; of an expression nobody can say."""
    return None if rule.when is not None else let_through(rule.conditions, facts.arguments, Side.REQUIRE, looks)


def _denied(rule: Rule, judged: Judged, wider: str | None, allows: LetThrough | None) -> Say:
    reason = rule.on_deny or wider or f"The policy does not allow this: {judged.why}."
    return Say(verdict=Verdict.DENY, rule=rule.pointer, reason=reason, why=judged.why, allows=allows)


def _asked(rule: Rule, judged: Judged, wider: str | None) -> Say:
    reason = rule.on_deny or wider or f"A person must approve this: {judged.why}."
    verdict = Verdict.REQUIRE_APPROVAL
    return Say(verdict=verdict, rule=rule.pointer, reason=reason, why=judged.why, approval=rule.approval)
