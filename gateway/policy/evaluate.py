"""The verdict on one call: all matching rules of all layers are collected, the strictest wins.

deny > require_approval > allow, and nothing that is missing, unreadable or unknown is ever an allow
(policy.md 3.2). `evaluate` never raises. Layers only narrow: each policy of the list must let the call
pass. Specificity decides whose words and whose approval route are used, never whether a call passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.policy.entries import named
from gateway.policy.judging import Say, hidden, judge
from gateway.policy.layers import version_of
from gateway.policy.model import Action, ApprovalSpec, Considered, Facts, Policy, Risk, RiskClass, Ruling, Verdict
from gateway.policy.risk.overrides import as_seen, class_seen, settled, worst
from gateway.policy.sheet import DEFAULT, Sheet
from gateway.policy.texts import shown
from gateway.policy.unwrapping import inner_calls

NO_POLICY = "There is no policy for this server, so every tool is denied."


def evaluate(policy: Policy | Sequence[Policy] | None, facts: Facts) -> Ruling:
    """Judge one call by one policy, or by layers of them that each narrow."""
    layers = _layers(policy)
    if not layers:
        return _refused(facts, rule="", reason=NO_POLICY, version="")
    version = version_of(layers)
    if not facts.tool_known:
        reason = f"There is no tool called {shown(facts.tool)} on this server."
        return _refused(facts, rule="", reason=reason, version=version, hidden=True)
    sheet = Sheet()
    risk = _judge(layers, facts, sheet, 0)
    won = sheet.winner
    return Ruling(
        verdict=won.verdict,
        rule=won.say.rule,
        reason=sheet.masked(won.reason),
        allows=sheet.allows,
        trace=sheet.told,
        policy_version=version,
        policy=won.policy,
        limits=() if won.verdict is Verdict.DENY else sheet.charged,
        approval=ApprovalSpec(parts=tuple(sheet.parts)) if won.verdict is Verdict.REQUIRE_APPROVAL else None,
        risk=risk.kind,
        severity=risk.severity,
        hidden=any(said.say.hidden for said in sheet.said if said.inside is None),
        shadow=sheet.shadowed,
        shadow_limits=sheet.charged_in_shadow,
        would=sheet.would,
        redact=tuple(dict.fromkeys(sheet.hidden)),
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


def _judge(layers: Sequence[Policy], facts: Facts, sheet: Sheet, depth: int) -> Risk:
    """Judge a call and those inside it; the risk is that of the worst of them."""
    for layer in layers:
        _judge_layer(layer, as_seen(layer, facts), sheet)
    inner = [_judge(layers, call, part, depth + 1) for call, part in inner_calls(layers, facts, sheet, depth)]
    return worst([settled(layers, facts.tool, facts.risk), *inner])


def _judge_layer(policy: Policy, facts: Facts, sheet: Sheet) -> None:
    found = named(policy, facts.tool, facts.risk.kind)
    for rule in found.hidden:
        why = "the tool is hidden"
        sheet.note(policy, Say(verdict=Verdict.DENY, rule=rule, reason=hidden(facts), why=why, hidden=True))
    for entry in found.entries:
        if not entry.shadow:
            sheet.hide(entry.redact, facts)
        for say in judge(entry, facts, sheet.looks_in_shadow if entry.shadow or sheet.in_shadow else sheet.looks):
            if entry.shadow:
                sheet.shadow(policy, say)
            else:
                sheet.note(policy, say, found.route)
    names_it = [entry for entry in found.entries if entry.names_tools]
    if all(entry.shadow for entry in names_it):
        sheet.default(policy, _by_default(policy, facts), shadowed=bool(names_it))
    if sheet.inside is None:  # a call inside a call is one call
        sheet.pay(policy, facts, policy.limits, found.route, shadow=False)
    for entry in found.entries:
        sheet.pay(policy, facts, entry.limits, found.route, shadow=entry.shadow)


def _by_default(policy: Policy, facts: Facts) -> Say:
    denied = f"The tool {shown(facts.tool)} is not named in the policy, and the default is deny."
    allows = policy.default is Verdict.ALLOW
    why = f"no rule names the tool, and the default is {policy.default}"
    return Say(verdict=policy.default, rule=DEFAULT, reason=None if allows else denied, why=why)
