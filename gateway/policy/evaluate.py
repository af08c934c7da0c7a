"""The verdict on one call: all matching rules of all layers are collected, the strictest wins.

deny > require_approval > allow, and nothing that is missing, unreadable or unknown is ever an allow
(policy.md 3.2). `evaluate` never raises. Layers only narrow: each policy of the list must let the call
pass. Specificity decides whose words and whose approval route are used, never whether a call passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.policy.conditions import Side, both
from gateway.policy.costs import Uncountable, cost
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
    Rule,
    Ruling,
    ToolRules,
    Verdict,
)
from gateway.policy.routes import overlay
from gateway.policy.texts import shown

NO_POLICY = "There is no policy for this server, so every tool is denied."
KNOWN_NAMES = 5_000

_STRICTNESS = {Verdict.ALLOW: 0, Verdict.REQUIRE_APPROVAL: 1, Verdict.DENY: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Say:
    """What one rule wants of the call."""

    verdict: Verdict
    rule: str
    reason: str | None
    why: str
    hidden: bool = False
    approval: ApprovalBlock | None = None


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """What is noted down while the layers are gone through."""

    trace: list[Considered] = field(default_factory=list)
    says: list[tuple[str, _Say]] = field(default_factory=list)
    parts: list[ApprovalBlock] = field(default_factory=list)
    limits: list[LimitUse] = field(default_factory=list)


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
        _judge_layer(layer, facts, sheet)
    # Ties go to the first: outer layers before inner ones, specific entries before general ones.
    name, won = max(sheet.says, key=lambda said: _STRICTNESS[said[1].verdict])
    return Ruling(
        verdict=won.verdict,
        rule=won.rule,
        reason=won.reason,
        trace=tuple(sheet.trace),
        policy_version=version,
        policy=name,
        limits=() if won.verdict is Verdict.DENY else tuple(sheet.limits),
        approval=ApprovalSpec(parts=tuple(sheet.parts)) if won.verdict is Verdict.REQUIRE_APPROVAL else None,
        risk=facts.risk.kind,
        severity=facts.risk.severity,
        hidden=any(said.hidden for _, said in sheet.says),
    )


def listing(policy: Policy | Sequence[Policy] | None, tool: str, risk: RiskClass = RiskClass.WRITE) -> bool:
    """Could any call of this tool be allowed or asked about? Only then is it listed."""
    layers = _layers(policy)
    return bool(layers) and all(_listed_by(layer, tool, risk) for layer in layers)


def version_of(layers: Sequence[Policy]) -> str:
    """The version that a ruling and a binding name: one policy's own, or the hash of its layers'."""
    return layers[0].version if len(layers) == 1 else _joined(tuple(layer.version for layer in layers))


@lru_cache(maxsize=256)
def _joined(versions: tuple[str, ...]) -> str:
    return hashlib.sha256(b"placet/layers/1\x00" + "\n".join(versions).encode()).hexdigest()


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


def rules_for(policy: Policy, tool: str, risk: RiskClass) -> tuple[ToolRules, ...]:
    """The entries that name a tool, most specific first; looked up once per tool and class."""
    return (policy.matches.get((tool, risk)) or _look_up(policy, tool, risk))[0]


def _look_up(policy: Policy, tool: str, risk: RiskClass) -> tuple[tuple[ToolRules, ...], ApprovalBlock]:
    named = [entry for entry in policy.tools if entry.pattern.matches(tool, risk)]
    entries = tuple(sorted(named, key=lambda entry: entry.pattern.rank))
    route = overlay([entry.approval for entry in reversed(entries) if not entry.shadow])
    if len(policy.matches) < KNOWN_NAMES:
        policy.matches[tool, risk] = (entries, route)
    return entries, route


def _listed_by(policy: Policy, tool: str, risk: RiskClass) -> bool:
    if any(name.matches(tool, risk) for _, name in policy.hide):
        return False
    entries = [entry for entry in rules_for(policy, tool, risk) if not entry.shadow]
    for entry in entries:
        if entry.action in {Action.DENY, Action.HIDE} or any(not rule.conditions for rule in entry.deny_if):
            return False
    named = any(entry.names_tools for entry in entries)
    return named or policy.default is Verdict.ALLOW or policy.list_denied


def _judge_layer(policy: Policy, facts: Facts, sheet: _Sheet) -> None:
    for rule, name in policy.hide:
        if name.matches(facts.tool, facts.risk.kind):
            reason = f"The tool {shown(facts.tool)} is not available here."
            _note(
                policy,
                sheet,
                _Say(verdict=Verdict.DENY, rule=rule, reason=reason, why="the tool is hidden", hidden=True),
            )
    entries, route = policy.matches.get((facts.tool, facts.risk.kind)) or _look_up(policy, facts.tool, facts.risk.kind)
    for entry in entries:
        for say in _judge_entry(entry, facts, sheet, policy):
            if entry.shadow:
                if say.verdict is not Verdict.ALLOW:
                    _consider(policy, sheet, say.rule, matched=False, why=f"shadow: it would {say.verdict}: {say.why}")
                continue
            _note(policy, sheet, say)
            if say.verdict is Verdict.REQUIRE_APPROVAL:
                sheet.parts.append(overlay([route, say.approval]) if say.approval is not None else route)
    if not any(entry.names_tools and not entry.shadow for entry in entries):
        _note(policy, sheet, _by_default(policy, facts))
    limits = [*policy.limits, *(limit for entry in entries if not entry.shadow for limit in entry.limits)]
    for limit in limits:
        _cost(policy, facts, limit, route, sheet)


def _by_default(policy: Policy, facts: Facts) -> _Say:
    denied = f"The tool {shown(facts.tool)} is not named in the policy, and the default is deny."
    allows = policy.default is Verdict.ALLOW
    why = f"no rule names the tool, and the default is {policy.default}"
    return _Say(verdict=policy.default, rule="/default", reason=None if allows else denied, why=why)


def _judge_entry(entry: ToolRules, facts: Facts, sheet: _Sheet, policy: Policy) -> Iterator[_Say]:
    yield _by_action(entry, facts)
    for rule in entry.require:
        holds, why = _holds(rule, facts, Side.REQUIRE)
        if holds is True:
            _consider(policy, sheet, rule.pointer, matched=False, why=why)
        else:
            reason = rule.on_deny or f"The policy does not allow this: {why}."
            yield _Say(verdict=Verdict.DENY, rule=rule.pointer, reason=reason, why=why)
    for rule in entry.deny_if:
        holds, why = _holds(rule, facts, Side.DENY)
        if holds is False:
            _consider(policy, sheet, rule.pointer, matched=False, why=why)
        else:
            reason = rule.on_deny or entry.reason or f"The policy does not allow this: {why}."
            yield _Say(verdict=Verdict.DENY, rule=rule.pointer, reason=reason, why=why)
    for rule in entry.approve_if:
        holds, why = _holds(rule, facts, Side.DENY)
        if holds is False:
            _consider(policy, sheet, rule.pointer, matched=False, why=why)
        else:
            reason = rule.on_deny or entry.reason or f"A person must approve this: {why}."
            yield _Say(
                verdict=Verdict.REQUIRE_APPROVAL, rule=rule.pointer, reason=reason, why=why, approval=rule.approval
            )


def _by_action(entry: ToolRules, facts: Facts) -> _Say:
    rule = f"{entry.pointer}/action" if entry.action_said else entry.pointer
    why = f"the tool is named by {entry.pattern.text!r}" if entry.pattern.kind != "exact" else "the tool is named"
    match entry.action:
        case Action.ALLOW:
            return _Say(verdict=Verdict.ALLOW, rule=rule, reason=entry.reason, why=why)
        case Action.REQUIRE_APPROVAL:
            reason = entry.reason or "A person must approve every call of this tool."
            return _Say(verdict=Verdict.REQUIRE_APPROVAL, rule=rule, reason=reason, why=why)
        case Action.DENY | Action.HIDE:
            hidden = entry.action is Action.HIDE
            text = f"The tool {shown(facts.tool)} is not available here."
            reason = text if hidden else entry.reason or f"The policy denies every call of {shown(facts.tool)}."
            return _Say(verdict=Verdict.DENY, rule=rule, reason=reason, why=why, hidden=hidden)


def _holds(rule: Rule, facts: Facts, side: Side) -> tuple[bool | None, str]:
    if not rule.conditions:
        return True, "it holds for every call"
    judged = both([condition.judge(facts.arguments, side) for condition in rule.conditions])
    return judged.holds, judged.why


def _cost(policy: Policy, facts: Facts, limit: Limit, route: ApprovalBlock, sheet: _Sheet) -> None:
    try:
        paid = cost(limit, facts)
    except Uncountable as err:
        reason = f"The policy limits what this call may cost, and {err}."
        _note(policy, sheet, _Say(verdict=Verdict.DENY, rule=limit.pointer, reason=reason, why=str(err)))
        return
    spec = ApprovalSpec(parts=(route,))
    sheet.limits.append(LimitUse(limit=limit, amount=paid.amount, keys=paid.keys, approval=spec))


def _note(policy: Policy, sheet: _Sheet, say: _Say) -> None:
    sheet.says.append((policy.name, say))
    _consider(policy, sheet, say.rule, matched=True, why=say.why)


def _consider(policy: Policy, sheet: _Sheet, rule: str, *, matched: bool, why: str) -> None:
    sheet.trace.append(Considered(rule=rule, matched=matched, why=why, policy=policy.name))
