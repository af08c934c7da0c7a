"""A Policy back into the text of a file in our own format: loading what is dumped gives the same rules.

Whatever dialect a policy was read from, it is written as contract.md 7 has it. Entries of one name become one,
since every rule of every entry counts anyway. What the tree does not hold (descriptions, tests, …) is taken over
from the source, where the source was in our format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from approvals.domain.terms import Escalation, Factor
from gateway.policy.bucket import Bucket
from gateway.policy.compiling_limits import RATE_WINDOWS
from gateway.policy.conditions import Condition, Group
from gateway.policy.durations import written
from gateway.policy.limit import Amount, LengthOf, Limit, OnExceed, Prices, Scope
from gateway.policy.model import Action, ApprovalBlock, Policy, RiskSaid, Rule, ToolRules, Verdict
from gateway.policy.paths import ArgumentPath, Unwrap
from gateway.policy.schedule import DAYS, Schedule
from gateway.policy.windows import CALENDAR, Fixed
from gateway.policy.writing import as_json, as_yaml

_STRICTNESS = [Action.ALLOW, Action.REQUIRE_APPROVAL, Action.DENY, Action.HIDE]
_REWRITTEN = frozenset({"increment", "increment_from", "rate_limit"})
"""Keys that are always written from the tree, or are other spellings of one that is."""


def dump(policy: Policy) -> dict[str, Any]:
    """The policy as the plain data of a file in our format."""
    named = [entry for entry in policy.tools if entry.names_tools or policy.default is Verdict.ALLOW]
    others = [entry for entry in policy.tools if not entry.names_tools and policy.default is not Verdict.ALLOW]
    tools = {entry.pattern.text: _tool(entry) for entry in _one_a_name(named, others)}
    limits = [_limit(limit) for limit in (*policy.limits, *(limit for entry in others for limit in entry.limits))]
    plain: dict[str, Any] = {
        "version": "1",
        "default": policy.default.value,
        **({"tz": policy.zone.key} if policy.zone is not None else {}),
        **_said("list_denied", policy.list_denied),
        **_said("hide", [name.text for _, name in policy.hide]),
        **({"all_tools": {"limits": limits}} if limits else {}),
        "tools": tools,
        **_said("risk", {one.pattern.text: _risk(one) for one in policy.risks}),
        **_default("resources", policy.resources_default, policy.default),
        **_default("prompts", policy.prompts_default, policy.default),
    }
    if policy.dialect == "placet" and policy.source is not None:
        _take_over(plain, policy.source.plain())
    return plain


def dump_yaml(policy: Policy) -> str:
    """The policy as a YAML file."""
    return as_yaml(dump(policy))


def dump_json(policy: Policy) -> str:
    """The policy as a JSON file."""
    return as_json(dump(policy)) + "\n"


def _risk(said: RiskSaid) -> dict[str, Any]:
    return {
        **({"class": said.kind.value} if said.kind is not None else {}),
        **({"severity": said.severity.value} if said.severity is not None else {}),
        **_said("why", said.why),
    }


def _said(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}


def _default(key: str, verdict: Verdict, otherwise: Verdict) -> dict[str, Any]:
    return {} if verdict is otherwise else {key: {"default": verdict.value}}


def _one_a_name(named: Sequence[ToolRules], others: Sequence[ToolRules]) -> list[ToolRules]:
    """The entries with one for each name. The rules of those that name no tool by themselves are added to each.

    Their limits are not: everything else is denied, so they hold across every call.
    """
    rules = [replace(entry, limits=()) for entry in others if entry.require or entry.deny_if or entry.approve_if]
    groups: dict[str, list[ToolRules]] = {}
    for entry in named:
        groups.setdefault(entry.pattern.text, []).append(entry)
    return [_merged([*group, *rules]) for group in groups.values()]


def _merged(group: Sequence[ToolRules]) -> ToolRules:
    if len(group) == 1 and not _named_by_rule(group[0]):
        return group[0]
    strictest = max(group, key=lambda entry: _STRICTNESS.index(entry.action))
    return replace(
        group[0],
        action=strictest.action,
        action_said=strictest.action_said,
        reason=strictest.reason,
        require=_rules(group, lambda entry: entry.require),
        deny_if=_rules(group, lambda entry: entry.deny_if),
        approve_if=_rules(group, lambda entry: entry.approve_if),
        limits=tuple(limit for entry in group for limit in entry.limits),
        id=None,
    )


def _named_by_rule(entry: ToolRules) -> bool:
    """Did another format give its one rule this name, and not the tool?"""
    return entry.id is not None and any(
        rule.pointer == entry.pointer for rule in (*entry.require, *entry.deny_if, *entry.approve_if)
    )


def _rules(group: Iterable[ToolRules], of: Callable[[ToolRules], tuple[Rule, ...]]) -> tuple[Rule, ...]:
    return tuple(replace(rule, id=rule.id or entry.id) for entry in group for rule in of(entry))


def _tool(entry: ToolRules) -> dict[str, Any]:
    rate = next((limit for limit in entry.limits if _is_rate(limit, entry.pattern.text)), None)
    limits = [_limit(limit) for limit in entry.limits if limit is not rate]
    return {
        **_said("id", entry.id),
        **({"action": entry.action.value} if entry.action_said or entry.action is not Action.ALLOW else {}),
        **_said("reason", entry.reason),
        **_said("require", [_rule(rule) for rule in entry.require]),
        **_said("deny_if", [_rule(rule) for rule in entry.deny_if]),
        **_said("approve_if", [_rule(rule) for rule in entry.approve_if]),
        **_said("limits", limits),
        **({"rate_limit": _rate(rate)} if rate is not None else {}),
        **({"approval": _approval(entry.approval)} if entry.approval is not None else {}),
        **({"schedule": _schedule(entry.schedule)} if entry.schedule is not None else {}),
        **({"when": entry.when.text} if entry.when is not None else {}),
        **({"unwrap": _unwrap(entry.unwrap)} if entry.unwrap is not None else {}),
        **_said("redact", [path.text for path in entry.redact]),
        **({"mode": "shadow"} if entry.shadow else {}),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        **_said("id", rule.id),
        **_said("conditions", [_condition(part) for part in rule.conditions]),
        **({"when": rule.when.text} if rule.when is not None else {}),
        **_said("on_deny", rule.on_deny),
        **({"approval": _approval(rule.approval)} if rule.approval is not None else {}),
    }


def _condition(part: Condition | Group) -> dict[str, Any]:
    if isinstance(part, Group):
        inner = [_condition(one) for one in part.of]
        return {part.kind: inner[0] if part.kind == "not" else inner}
    if part.op is None:
        return {"path": part.path.text, "op": "exists" if part.exists else "not_exists"}
    return {
        "path": part.path.text,
        "op": part.op.name,
        "value": part.value,
        **({"full": part.full} if part.full is not None else {}),
        **_said("fold", part.fold),
        **_said("coerce", part.coerce),
    }


def _is_rate(limit: Limit, tool: str) -> bool:
    return limit.pointer.endswith("/rate_limit") and limit == Limit(
        pointer=limit.pointer, counter=f"{tool}_rate_{limit.window.name}", window=limit.window, max=limit.max
    )


def _rate(limit: Limit) -> str | dict[str, Any]:
    count = int(limit.max)
    if limit.window.name in RATE_WINDOWS:
        return f"{count}/{limit.window.name}"
    return {"max": count, "window": limit.window.name}


def _limit(limit: Limit) -> dict[str, Any]:
    scope = [part.text if isinstance(part, ArgumentPath) else part.value for part in limit.scope]
    return {
        **_said("id", limit.id),
        "counter": limit.counter,
        "window": limit.window.name,
        "max": _plain(limit.max),
        **_kind(limit),
        **({} if limit.amount == Decimal(1) else {"amount": _amount(limit.amount)}),
        **({"unit": limit.unit.text} if limit.unit is not None else {}),
        **({} if limit.scope == (Scope.GRANT,) else {"scope": scope if len(scope) > 1 else scope[0]}),
        **({} if limit.on_exceed is OnExceed.DENY else {"on_exceed": limit.on_exceed.value}),
        **_said("on_deny", limit.reason),
    }


def _kind(limit: Limit) -> dict[str, Any]:
    """What is not said by the window's name alone."""
    window, named = limit.window, limit.window.name in CALENDAR
    if isinstance(window, Bucket):
        return {"kind": "bucket", **({"burst": _plain(window.burst)} if window.burst is not None else {})}
    if isinstance(window, Fixed):
        return {**({} if named else {"kind": "fixed"}), **({"tz": window.zone.key} if window.zone is not None else {})}
    return {"kind": "sliding"} if named else {}


def _amount(amount: Amount) -> Any:
    if isinstance(amount, Prices):
        return {name.text: _amount(price) for name, price in amount.each}
    return amount.text if isinstance(amount, ArgumentPath | LengthOf) else _plain(amount)


def _plain(value: Any) -> Any:
    """A whole number as one, so that it is written without decimals."""
    whole = isinstance(value, Decimal) and value == value.to_integral_value() and value.adjusted() < 18
    return int(value) if whole else value


def _approval(block: ApprovalBlock) -> dict[str, Any]:
    plain = {
        "reviewers": block.reviewers and list(block.reviewers),
        "quorum": block.quorum,
        "factors": block.factors and [_factor(factor) for factor in block.factors],
        "four_eyes": block.four_eyes,
        "delegation": block.delegation,
        "timeout": block.timeout and written(block.timeout),
        "on_timeout": block.on_timeout and block.on_timeout.value,
        "remind": None if block.remind is None else written(block.remind),
        "escalate": block.escalate and [_step(step) for step in block.escalate],
        "channels": block.channels and list(block.channels),
        "edit": block.edit,
        "justification": block.justification,
        "cancel_window": None if block.cancel_window is None else written(block.cancel_window),
        "execute_on_approve": block.execute_on_approve,
        "self_service": block.self_service,
        "grants": block.grants,
    }
    return {key: value for key, value in plain.items() if value is not None}


def _step(step: Escalation) -> dict[str, Any]:
    said = {
        "after": None if step.after is None else written(step.after),
        "to": list(step.to),
        "undelivered": step.undelivered or None,
        "timeout": None if step.timeout is None else written(step.timeout),
        "channels": list(step.channels) or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _factor(factor: Factor) -> dict[str, Any]:
    return {"group": factor.members[0].removeprefix("group:"), "count": factor.count}


def _unwrap(unwrap: Unwrap) -> dict[str, Any]:
    return {"tool": unwrap.tool.text, "arguments": unwrap.arguments.text}


def _schedule(schedule: Schedule) -> dict[str, Any]:
    whole = [str(span) for span in schedule.spans] == ["00:00-24:00"]
    hours = [str(span) for span in schedule.spans]
    every_day = len(schedule.days) == len(DAYS)
    return {
        **({} if every_day and not whole else {"days": [DAYS[day] for day in schedule.days]}),
        **({} if whole else {"hours": hours[0] if len(hours) == 1 else hours}),
        "tz": schedule.zone.key,
    }


def _take_over(plain: dict[str, Any], source: dict[str, Any]) -> None:
    """Add what the source says besides: its order stays ours, its conditions are written already."""
    for key, said in source.items():
        if key not in plain:
            if key not in _REWRITTEN:
                plain[key] = said
        elif key != "conditions":
            _take_over_inside(plain[key], said)


def _take_over_inside(plain: Any, said: Any) -> None:
    if isinstance(plain, dict) and isinstance(said, dict):
        _take_over(plain, said)
    elif isinstance(plain, list) and isinstance(said, list) and len(plain) == len(said):
        for one, other in zip(plain, said, strict=True):
            _take_over_inside(one, other)
