"""The verdict on one call: all matching rules of all layers are collected, the strictest wins.

deny > require_approval > allow, and nothing that is missing, unreadable or unknown is ever an allow
(policy.md 3.2). `evaluate` never raises. Layers only narrow: each policy of the list must let the call
pass. Specificity decides whose words and whose approval route are used, never whether a call passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.policy.costs import Uncountable, cost
from gateway.policy.entries import named
from gateway.policy.judging import Say, hidden, judge
from gateway.policy.layers import version_of
from gateway.policy.model import (
    Action,
    ApprovalBlock,
    ApprovalSpec,
    Considered,
    Facts,
    Limit,
    LimitUse,
    Policy,
    RiskClass,
    Ruling,
    Verdict,
)
from gateway.policy.risk.overrides import as_seen, class_seen, settled
from gateway.policy.routes import overlay
from gateway.policy.texts import shown

DEFAULT = "/default"
NO_POLICY = "There is no policy for this server, so every tool is denied."

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.REQUIRE_APPROVAL: 1, Verdict.DENY: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A verdict that one rule wants, and whose rule it is."""

    policy: str
    verdict: Verdict
    say: Say


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """What is noted down while the layers are gone through."""

    trace: list[Considered] = field(default_factory=list)
    said: list[_Said] = field(default_factory=list)
    parts: list[ApprovalBlock] = field(default_factory=list)
    limits: list[LimitUse] = field(default_factory=list)

    def note(self, policy: Policy, say: Say) -> None:
        """Note what a rule says."""
        if say.verdict is not None:
            self.said.append(_Said(policy=policy.name, verdict=say.verdict, say=say))
        self.consider(policy, say, matched=say.verdict is not None)

    def consider(self, policy: Policy, say: Say, *, matched: bool) -> None:
        """Note that a rule was looked at."""
        self.trace.append(Considered(rule=say.rule, matched=matched, why=say.why, policy=policy.name))


def evaluate(policy: Policy | Sequence[Policy] | None, facts: Facts) -> Ruling:
    """Judge one call by one policy, or by layers of them that each narrow."""
    layers = _layers(policy)
    if not layers:
        return _refused(facts, rule="", reason=NO_POLICY, version="")
    version = version_of(layers)
    if not facts.tool_known:
        reason = f"There is no tool called {shown(facts.tool)} on this server."
        return _refused(facts, rule="", reason=reason, version=version, hidden=True)
    sheet = _Sheet()
    for layer in layers:
        _judge_layer(layer, as_seen(layer, facts), sheet)
    # Ties go to rules before defaults, then to the first: outer layers, and in a layer the more specific entries.
    won = max(sheet.said, key=lambda said: (_STRICTNESS[said.verdict], said.say.rule != DEFAULT))
    risk = settled(layers, facts.tool, facts.risk)
    return Ruling(
        verdict=won.verdict,
        rule=won.say.rule,
        reason=won.say.reason,
        trace=tuple(sheet.trace),
        policy_version=version,
        policy=won.policy,
        limits=() if won.verdict is Verdict.DENY else tuple(sheet.limits),
        approval=ApprovalSpec(parts=tuple(sheet.parts)) if won.verdict is Verdict.REQUIRE_APPROVAL else None,
        risk=risk.kind,
        severity=risk.severity,
        hidden=any(said.say.hidden for said in sheet.said),
    )


def listing(policy: Policy | Sequence[Policy] | None, tool: str, risk: RiskClass = RiskClass.WRITE) -> bool:
    """Could any call of this tool be allowed or asked about? Only then is it listed."""
    layers = _layers(policy)
    return bool(layers) and all(_listed_by(layer, tool, risk) for layer in layers)


def _layers(policy: Policy | Sequence[Policy] | None) -> Sequence[Policy]:
    if policy is None:
        return ()
    return (policy,) if isinstance(policy, Policy) else policy


def _refused(facts: Facts, *, rule: str, reason: str, version: str, hidden: bool = False) -> Ruling:
    return Ruling(
        verdict=Verdict.DENY,
        rule=rule,
        reason=reason,
        trace=(Considered(rule=rule, matched=True, why=reason),),
        policy_version=version,
        risk=facts.risk.kind,
        severity=facts.risk.severity,
        hidden=hidden,
    )


def _listed_by(policy: Policy, tool: str, risk: RiskClass) -> bool:
    found = named(policy, tool, class_seen(policy, tool, risk))
    if found.hidden:
        return False
    entries = [entry for entry in found.entries if not entry.shadow]
    for entry in entries:
        if entry.action in {Action.DENY, Action.HIDE} or any(rule.always for rule in entry.deny_if):
            return False
    names_it = any(entry.names_tools for entry in entries)
    return names_it or policy.default is Verdict.ALLOW or policy.list_denied


def _judge_layer(policy: Policy, facts: Facts, sheet: _Sheet) -> None:
    found = named(policy, facts.tool, facts.risk.kind)
    for rule in found.hidden:
        why = "the tool is hidden"
        sheet.note(policy, Say(verdict=Verdict.DENY, rule=rule, reason=hidden(facts), why=why, hidden=True))
    for entry in found.entries:
        for say in judge(entry, facts):
            if entry.shadow:
                _in_shadow(policy, say, sheet)
                continue
            sheet.note(policy, say)
            if say.verdict is Verdict.REQUIRE_APPROVAL:
                sheet.parts.append(overlay([found.route, say.approval]) if say.approval is not None else found.route)
    if not any(entry.names_tools and not entry.shadow for entry in found.entries):
        sheet.note(policy, _by_default(policy, facts))
    limits = [*policy.limits, *(limit for entry in found.entries if not entry.shadow for limit in entry.limits)]
    for limit in limits:
        _cost(policy, facts, limit, found.route, sheet)


def _in_shadow(policy: Policy, say: Say, sheet: _Sheet) -> None:
    if say.verdict is Verdict.ALLOW:
        return
    would = f"it would {say.verdict}" if say.verdict is not None else "it would say nothing"
    sheet.consider(policy, replace(say, why=f"shadow: {would}: {say.why}"), matched=False)


def _by_default(policy: Policy, facts: Facts) -> Say:
    denied = f"The tool {shown(facts.tool)} is not named in the policy, and the default is deny."
    allows = policy.default is Verdict.ALLOW
    why = f"no rule names the tool, and the default is {policy.default}"
    return Say(verdict=policy.default, rule=DEFAULT, reason=None if allows else denied, why=why)


def _cost(policy: Policy, facts: Facts, limit: Limit, route: ApprovalBlock, sheet: _Sheet) -> None:
    try:
        paid = cost(limit, facts)
    except Uncountable as err:
        reason = f"The policy limits what this call may cost, and {err}."
        sheet.note(policy, Say(verdict=Verdict.DENY, rule=limit.pointer, reason=reason, why=str(err)))
        return
    spec = ApprovalSpec(parts=(route,))
    sheet.limits.append(LimitUse(limit=limit, amount=paid.amount, keys=paid.keys, approval=spec))
