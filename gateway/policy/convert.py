"""Policies from one published format to another, or to ours, with everything that is lost on the way.

Reading is the loaders' matter and our own format that of `dumping`; the writers of the other two are beside this file.
Whoever converts decides about losses: nothing here is silent, and nothing is written that means something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.policy.convert_intercept import to_intercept
from gateway.policy.convert_losses import Loss, Losses
from gateway.policy.convert_policylayer import to_policylayer
from gateway.policy.convert_values import twinless
from gateway.policy.dumping import dump
from gateway.policy.model import Policy
from gateway.policy.source import pointer
from gateway.policy.writing import as_json, as_yaml

WANTS_PERSON = ("approv", "human", "person", "review", "confirm")


class Target(StrEnum):
    """What can be written: our own format, the hosted policy.json (format A), Intercept's YAML (format B)."""

    PLACET = "placet"
    POLICYLAYER = "policylayer"
    INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The plain data of the new file, what is lost, and rules that deny though they speak of asking a person."""

    target: Target
    value: Mapping[str, Any]
    losses: tuple[Loss, ...] = ()
    offers: tuple[str, ...] = ()

    def as_json(self) -> str:
        """The text as JSON."""
        return as_json(dict(self.value)) + "\n"

    def as_yaml(self) -> str:
        """The text as YAML."""
        return as_yaml(dict(self.value))


def convert(policy: Policy, target: Target) -> Converted:
    """A policy as another format has it. What it means stays, but for what `losses` says."""
    plain = described(policy)
    offers = tuple(offered(plain))
    losses = Losses()
    value = _written(plain, target, losses)
    found = sorted(losses.found.values(), key=lambda loss: loss.pointer)
    return Converted(target=target, value=value, losses=tuple(found), offers=offers)


def _written(plain: Mapping[str, Any], target: Target, losses: Losses) -> Mapping[str, Any]:
    match target:
        case Target.PLACET:
            return plain
        case Target.POLICYLAYER:
            return to_policylayer(plain, losses)
        case Target.INTERCEPT:
            return to_intercept(plain, losses)


def described(policy: Policy) -> dict[str, Any]:
    """The plain data of a policy in our format, as a person would write it, whatever format it had."""
    plain = dump(policy)
    if policy.dialect != "placet":
        for entry in plain["tools"].values():
            for rule in entry.get("require", []):
                rule["conditions"] = [_tidied(condition) for condition in rule["conditions"]]
    said = policy.source.plain().get("description") if policy.source is not None else None
    head = {"version": plain["version"], **({"description": said} if said else {}), "default": plain["default"]}
    return {**head, **{key: value for key, value in plain.items() if key not in head}}


def _tidied(condition: dict[str, Any]) -> dict[str, Any]:
    """Without Intercept's loose equality where it makes no difference: a text that nothing else is printed as."""
    if condition.get("op") in {"eq", "in", "contains"} and twinless(condition["value"]):
        condition.pop("coerce", None)
    return condition


def offered(plain: Mapping[str, Any]) -> list[str]:
    """The rules that deny every call though their text speaks of approval, by their pointers.

    They stay what they are: to read them as asking a person would loosen the policy (policy.md 3.1).
    """
    return [
        pointer(("tools", name, "deny_if", index))
        for name, entry in plain.get("tools", {}).items()
        for index, rule in enumerate(entry.get("deny_if", []))
        if is_placeholder(rule)
    ]


def is_placeholder(rule: Mapping[str, Any]) -> bool:
    """Does this rule deny always, with a text that speaks of asking a person?"""
    text = str(rule.get("on_deny", "")).lower()
    return not rule.get("conditions") and "when" not in rule and any(word in text for word in WANTS_PERSON)


def asking(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with those rules taken as what their texts say: the tool asks a person for every call."""
    return {**plain, "tools": {name: _asking(entry) for name, entry in plain.get("tools", {}).items()}}


def _asking(entry: Mapping[str, Any]) -> dict[str, Any]:
    rules = entry.get("deny_if", [])
    texts = [rule["on_deny"] for rule in rules if is_placeholder(rule)]
    if not texts or entry.get("action", "allow") not in {"allow", "require_approval"}:
        return dict(entry)
    kept = [rule for rule in rules if not is_placeholder(rule)]
    asked = {"action": "require_approval", "reason": entry.get("reason") or texts[0]}
    others = {key: value for key, value in entry.items() if key not in {"action", "reason", "deny_if"}}
    return {**asked, **others, **({"deny_if": kept} if kept else {})}
