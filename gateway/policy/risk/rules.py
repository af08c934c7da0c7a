"""The rule we recommend for a risk, with the numbers of the published catalogue (policy.md 1.1).

Reads 60 a minute, writes 30, running things 10; what destroys is hidden, what pays needs a person. So does what the
numbers do not fit: secrets read out, rights changed, anything a machine can run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.policy.model import Risk, RiskClass, Severity
from gateway.policy.risk.classify import Apart

_PER_MINUTE = {RiskClass.READ: ("per_minute", 60), RiskClass.WRITE: ("rate", 30), RiskClass.EXECUTE: ("rate", 10)}
_REASONS = {
    RiskClass.READ: "It shows what opens other things",
    RiskClass.WRITE: "It changes who may do what, or writes over what is there",
    RiskClass.EXECUTE: "It can run anything",
    RiskClass.FINANCIAL: "Money moves",
}


GROUPS = {
    RiskClass.READ: "They only answer: 60 calls a minute for each agent, and a person for secrets.",
    RiskClass.WRITE: "They make or change things: 30 calls a minute for each agent, and a person for rights.",
    RiskClass.EXECUTE: "They run or start something: 10 a minute for each agent, and a person for anything at all.",
    RiskClass.DESTRUCTIVE: "What they take away does not come back by itself, so agents do not see them. To let a "
    "person decide instead, name the tool under `tools` with `action: require_approval`.",
    RiskClass.FINANCIAL: "Money moves, or is bound: a person decides each time.",
}
"""What is said of the rules of one class."""


SOME = "They destroy by some of their choices only: those are refused, the others are ruled as without them."
REFUSED = "What this takes away does not come back by itself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a policy should say of a tool. `hide`: under `hide`; else `entry` is what stands under `tools`."""

    hide: bool
    entry: Mapping[str, Any]
    why: str

    def as_policy(self, tool: str) -> dict[str, Any]:
        """The part of a policy file that says it."""
        return {"hide": [tool]} if self.hide else {"tools": {tool: dict(self.entry)}}


def advice(tool: str, risk: Risk) -> Advice:
    """The rule for a tool of this risk."""
    if risk.kind is RiskClass.DESTRUCTIVE:
        return Advice(hide=True, entry={}, why="hidden: what it takes away does not come back by itself")
    if _needs_a_person(risk):
        reason = _REASONS[risk.kind]
        if risk.kind is RiskClass.FINANCIAL and risk.severity is not Severity.CRITICAL:
            reason = "It sets what will be paid"
        return Advice(
            hide=False, entry={"action": "require_approval", "reason": reason}, why=f"a person decides: {reason}"
        )
    name, most = _PER_MINUTE[risk.kind]
    limit = {"counter": f"{tool}_{name}", "window": "minute", "max": most, "scope": "grant"}
    return Advice(hide=False, entry={"limits": [limit]}, why=f"allowed, {most} a minute for each agent")


def advice_apart(tool: str, without: Apart) -> Advice:
    """The rule for a tool that destroys by some of its choices only: those are refused, the others as without them."""
    given = advice(tool, without.risk)
    denied = [
        {"conditions": [{"path": _path(name), "op": "in", "value": list(values)}], "on_deny": REFUSED}
        for name, values in without.choices.items()
    ]
    told = "; ".join(f"{name} is {' or '.join(values)}" for name, values in without.choices.items())
    return Advice(hide=False, entry={**given.entry, "deny_if": denied}, why=f"{given.why}; refused where {told}")


def _path(parameter: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", parameter) is not None
    return f"args.{parameter}" if plain else f"args[{json.dumps(parameter, ensure_ascii=False)}]"


def _needs_a_person(risk: Risk) -> bool:
    match risk.kind:
        case RiskClass.FINANCIAL:
            return True
        case RiskClass.READ | RiskClass.WRITE:
            return risk.severity in {Severity.HIGH, Severity.CRITICAL}
        case RiskClass.EXECUTE | RiskClass.DESTRUCTIVE:
            return risk.severity is Severity.CRITICAL
