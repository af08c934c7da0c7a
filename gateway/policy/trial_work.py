"""How much work it is to judge a call, counted and not timed: what the tests of a file may take has to have an end.

One unit is about one condition that looks at one short value. Patterns take time with the length of a text, `[*]` with
the number of elements, and a CEL expression as much as many conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.conditions import Condition, Group
from gateway.policy.entries import named
from gateway.policy.model import Facts, Policy, Rule, ToolRules
from gateway.policy.risk.overrides import class_seen

EXPRESSION = 50
LONG_TEXT = 1_000
"""So many characters count as one more look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the arguments of a call are."""

    values: int
    characters: int


def work(policies: Sequence[Policy], facts: Facts) -> int:
    """The units of work that judging this call takes at most."""
    size = _size(facts.arguments)
    return sum(_of_policy(policy, facts, size) for policy in policies)


def _of_policy(policy: Policy, facts: Facts, size: Size) -> int:
    entries = named(policy, facts.tool, class_seen(policy, facts.tool, facts.risk.kind)).entries
    return len(policy.patterns) + len(policy.hide) + sum(_of_entry(entry, size) for entry in entries)


def _size(value: Any) -> Size:
    values, characters, todo = 0, 0, [value]
    while todo:
        one = todo.pop()
        values += 1
        if isinstance(one, Mapping):
            todo += one.values()
        elif isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, str):
            characters += len(one)
    return Size(values=values, characters=characters)


def _of_entry(entry: ToolRules, size: Size) -> int:
    rules = (*entry.require, *entry.deny_if, *entry.approve_if)
    expression = EXPRESSION if entry.when is not None else 0
    return 1 + expression + len(entry.limits) + sum(_of_rule(rule, size) for rule in rules)


def _of_rule(rule: Rule, size: Size) -> int:
    expression = EXPRESSION if rule.when is not None else 0
    return 1 + expression + sum(_of_condition(part, size) for part in rule.conditions)


def _of_condition(part: Condition | Group, size: Size) -> int:
    if isinstance(part, Group):
        return 1 + sum(_of_condition(one, size) for one in part.of)
    return (size.values if part.path.several else 1) + size.characters // LONG_TEXT
