"""Intercept's own judgement of a call, from the published account of its engine: it shares no code with ours.

Conditions only: what a counter stands at is not followed. What is missing, or of another kind, does not hold; equality
is of numbers by value and else of printed texts; dots always split; the first rule that fails gives the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

ALLOW, ASK, DENY = "allow", "require_approval", "deny"


def judge(policy: Mapping[str, Any], tool: str, arguments: Mapping[str, Any]) -> str:
    """The verdict on a call."""
    hidden = policy.get("hide", [])
    tools = policy.get("tools", {})
    if tool in hidden or "*" in hidden or (policy.get("default", ALLOW) == DENY and tool not in tools):
        return DENY
    asks = False
    for rule in [*tools.get(tool, {"rules": []})["rules"], *tools.get("*", {"rules": []})["rules"]]:
        conditions = [one for one in rule.get("conditions", []) if not one["path"].startswith("state.")]
        holds = all(_holds(one, arguments) for one in conditions)
        action = rule.get("action", "evaluate")
        if action == "deny" or (action == "evaluate" and not holds):
            return DENY
        asks = asks or (action == "require_approval" and holds)
    return ASK if asks else ALLOW


def _holds(condition: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    found, value = _at(condition["path"], arguments)
    op: str = condition["op"]
    wanted: Any = condition.get("value")
    if op == "exists":
        return (found and value is not None) is wanted
    if not found:
        return False
    if op in {"eq", "neq"}:
        return _equal(value, wanted) is (op == "eq")
    if op in {"in", "not_in"}:
        return any(_equal(value, item) for item in wanted) is (op == "in")
    if op == "regex":
        return isinstance(value, str) and re.search(wanted.replace("$", r"\Z"), value) is not None
    if op == "contains":
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and any(_equal(item, wanted) for item in value)
    if not _is_number(value):
        return False
    return bool({"lt": value < wanted, "lte": value <= wanted, "gt": value > wanted, "gte": value >= wanted}[op])


def _at(path: str, arguments: Mapping[str, Any]) -> tuple[bool, Any]:
    value: Any = arguments
    for step in path.split(".")[1:]:
        if not isinstance(value, dict) or step not in value:
            return False, None
        value = value[step]
    return True, value


def _equal(one: Any, other: Any) -> bool:
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return _printed(one) == _printed(other)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float)


def _printed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
