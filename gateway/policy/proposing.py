"""A suggestion as a change of a policy: the entry it would become, and the policy with it, ready to be tried.

Only an entry that names its tool exactly is changed, so nothing else moves; and a change that a test of the file speaks
against is no proposal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from gateway.policy import trials
from gateway.policy.dumping import dump
from gateway.policy.evidence import Bound
from gateway.policy.limit import Limit
from gateway.policy.loaders import PolicyErrors, untested
from gateway.policy.model import Policy, ToolRules
from gateway.policy.writing import as_json, as_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The layers with one entry changed. `yaml` is that entry as the file would have it."""

    policy: str
    layers: tuple[Policy, ...]
    yaml: str


@dataclass(frozen=True, slots=True)
class NoProposal:
    """Why the policy cannot be changed so."""

    why: str


def loosened(layers: Sequence[Policy], where: tuple[str, str], bounds: Sequence[Bound]) -> Proposal | NoProposal:
    """Let calls within bounds pass that a rule asks about. `where` is the name of its policy, and its pointer."""
    name, rule = where
    found = _entry(layers, name, rule)
    if found is None:
        return NoProposal(f"{rule} of {name} is in no layer of this server")
    policy, entry = found
    if entry.pattern.kind != "exact":
        return NoProposal(f"{entry.pointer} asks, and it names more than this tool: name the tool apart first")
    asking = next((number for number, one in enumerate(entry.approve_if) if one.pointer == rule), None)
    if asking is None and rule != f"{entry.pointer}/action":
        return NoProposal(f"{rule} asks, and it is no rule that could be narrowed")
    plain = dump(policy)
    changed = plain["tools"][entry.pattern.text]
    if asking is None:
        del changed["action"]
        rules = changed["approve_if"] = [*changed.get("approve_if", []), *([{"conditions": []}] if bounds else [])]
        asking = len(rules) - 1
    if bounds:
        changed["approve_if"][asking].setdefault("conditions", []).append(_unless(bounds))
    elif rule != f"{entry.pointer}/action":
        del changed["approve_if"][asking]
    return _proposal(layers, policy, plain, entry.pattern.text)


def refused(layers: Sequence[Policy], name: str, tool: str, bounds: Sequence[Bound]) -> Proposal | NoProposal:
    """Deny the calls of a tool within bounds, by the policy of that name."""
    policy = next((one for one in layers if one.name == name), None)
    if policy is None:
        return NoProposal(f"{name} is no layer of this server")
    plain = dump(policy)
    changed = plain["tools"].setdefault(tool, {})
    if bounds:
        rule = {"conditions": [bound.plain() for bound in bounds], "on_deny": "People have always denied this"}
        changed["deny_if"] = [*changed.get("deny_if", []), rule]
    else:
        changed["action"] = "deny"
    return _proposal(layers, policy, plain, tool)


def lowered(layers: Sequence[Policy], where: tuple[str, str], most: Decimal) -> Proposal | NoProposal:
    """Let a limit allow no more than `most`. `where` is the name of its policy, and its pointer."""
    name, pointer = where
    found = next(((one, limit) for one in layers if one.name == name for limit in _limits(one, pointer)), None)
    if found is None:
        return NoProposal(f"{pointer} of {name} is in no layer of this server")
    policy, (entry, _) = found
    less = replace(
        policy,
        limits=_less(policy.limits, pointer, most),
        tools=tuple(replace(one, limits=_less(one.limits, pointer, most)) for one in policy.tools),
    )
    return _proposal(layers, policy, dump(less), entry.pattern.text if entry is not None else None)


def _entry(layers: Sequence[Policy], name: str, rule: str) -> tuple[Policy, ToolRules] | None:
    for policy in layers:
        for entry in policy.tools if policy.name == name else ():
            if rule.startswith(f"{entry.pointer}/"):
                return policy, entry
    return None


def _limits(policy: Policy, pointer: str) -> Iterator[tuple[ToolRules | None, Limit]]:
    yield from ((None, limit) for limit in policy.limits if limit.pointer == pointer)
    yield from ((entry, limit) for entry in policy.tools for limit in entry.limits if limit.pointer == pointer)


def _less(limits: Sequence[Limit], pointer: str, most: Decimal) -> tuple[Limit, ...]:
    return tuple(replace(limit, max=most) if limit.pointer == pointer else limit for limit in limits)


def _unless(bounds: Sequence[Bound]) -> dict[str, Any]:
    """What holds for every call that is not within all bounds, or about which nobody can say."""
    inner = [bound.plain() for bound in bounds]
    return {"not": inner[0] if len(inner) == 1 else {"all": inner}}


def _proposal(
    layers: Sequence[Policy], policy: Policy, plain: dict[str, Any], tool: str | None
) -> Proposal | NoProposal:
    """The layers with the policy replaced, unless it does not load, or a test of its own speaks against it."""
    try:
        changed = untested(as_json(plain) if policy.name.endswith(".json") else as_yaml(plain), policy.name)
    except PolicyErrors as err:
        return NoProposal(f"the changed policy would not load: {err}")
    whole = tuple(changed if one is policy else one for one in layers)
    failing = trials.problems(whole, changed)
    if failing:
        return NoProposal(f"a test of the file speaks against it: {failing[0].message}")
    part = {"tools": {tool: plain["tools"][tool]}} if tool is not None else {"all_tools": plain["all_tools"]}
    return Proposal(policy=policy.name, layers=whole, yaml=as_yaml(part))
