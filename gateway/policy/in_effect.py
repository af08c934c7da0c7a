"""What the policies in force say of a tool before any call of it: the rule that stands for it now.

A call is judged by its arguments too; here rules with conditions only say that it depends on them. For pages and
commands, never for a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.policy.entries import named
from gateway.policy.limit import Limit
from gateway.policy.model import Action, Policy, RiskClass, ToolRules, Verdict
from gateway.policy.risk.overrides import class_seen
from gateway.policy.standings import plain

NO_POLICY = "there is no policy for this server"
_STRICTNESS = ["allow", "depends", "require_approval", "deny", "hide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InEffect:
    """What stands for a tool: `word` is allow, depends, require_approval, deny or hide, and `rule` of `policy` says it.

    `limits`: every budget a call would pay from, as a sentence.
    """

    word: str
    rule: str
    policy: str
    limits: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For commands and pages."""
        return {"word": self.word, "rule": self.rule, "policy": self.policy, "limits": list(self.limits)}


def in_effect(policies: Sequence[Policy], tool: str, kind: RiskClass) -> InEffect:
    """What stands for a tool of this class of risk: the strictest that any layer says."""
    if not policies:
        return InEffect(word="deny", rule="", policy=NO_POLICY)
    said = [(policy, *one) for policy in policies for one in _of_layer(policy, tool, kind)]
    policy, word, rule = max(said, key=lambda one: _STRICTNESS.index(one[1]))
    limits = () if word in {"deny", "hide"} else tuple(_limits(policies, tool, kind))
    return InEffect(word=word, rule=rule, policy=policy.name, limits=limits)


def _of_layer(policy: Policy, tool: str, kind: RiskClass) -> Iterator[tuple[str, str]]:
    found = named(policy, tool, class_seen(policy, tool, kind))
    yield from (("hide", rule) for rule in found.hidden)
    standing = [entry for entry in found.entries if not entry.shadow]
    for entry in standing:
        yield from _of_entry(entry)
    if not any(entry.names_tools for entry in standing):
        yield ("allow" if policy.default is Verdict.ALLOW else "deny"), "/default"


def _of_entry(entry: ToolRules) -> Iterator[tuple[str, str]]:
    yield entry.action.value, f"{entry.pointer}/action" if entry.action_said else entry.pointer
    if entry.action in {Action.DENY, Action.HIDE}:
        return
    for rule in entry.deny_if:
        yield ("deny" if rule.always else "depends"), rule.pointer
    for rule in entry.approve_if:
        yield ("require_approval" if rule.always else "depends"), rule.pointer
    yield from (("depends", rule.pointer) for rule in entry.require)
    if entry.schedule is not None:
        yield "depends", entry.schedule.pointer
    if entry.when is not None:
        yield "depends", f"{entry.pointer}/when"


def _limits(policies: Sequence[Policy], tool: str, kind: RiskClass) -> Iterator[str]:
    for policy in policies:
        entries = named(policy, tool, class_seen(policy, tool, kind)).entries
        for limit in (*policy.limits, *(limit for entry in entries if not entry.shadow for limit in entry.limits)):
            yield _limit(limit)


def _limit(limit: Limit) -> str:
    counted = "calls" if limit.amount == 1 else f"of {getattr(limit.amount, 'text', limit.amount)}"
    unit = f" in {limit.unit.text}" if limit.unit is not None else ""
    return f"{plain(limit.max)} {counted}{unit} {limit.window.per}, by {limit.whose}"
