"""Parts of a policy in words, from the plain data that `dumping` makes of it: for differences and for findings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.policy.operators import OPERATORS
from gateway.policy.standings import plain
from gateway.policy.texts import shown

EVERYBODY = {
    "all": "for everybody",
    "grant": "for each agent on this server",
    "server": "for all agents of the server",
    "tool": "for each tool",
}


def condition(said: Mapping[str, Any]) -> str:
    """One condition, or a group of them."""
    for kind, word in (("any", " or "), ("all", " and ")):
        if kind in said:
            return "(" + word.join(condition(one) for one in said[kind]) + ")"
    if "not" in said:
        return f"not {condition(said['not'])}"
    path, op = said["path"], said["op"]
    if op in {"exists", "not_exists"}:
        return f"{path} is {'there' if op == 'exists' else 'missing'}"
    phrase = OPERATORS[op].yes.replace("{v}", shown(said["value"]))
    options = [word for key, word in (("fold", "in any case"), ("coerce", "as printed")) if said.get(key)]
    options += ["as a whole" if said["full"] else "anywhere"] if "full" in said else []
    return f"{path} {phrase}" + (f" ({', '.join(options)})" if options else "")


def rule(said: Mapping[str, Any]) -> str:
    """When a rule holds."""
    parts = [condition(one) for one in said.get("conditions", [])]
    parts += [said["when"]] if "when" in said else []
    return " and ".join(parts) or "always"


def limit(said: Mapping[str, Any]) -> str:
    """A whole limit."""
    amount = said.get("amount", 1)
    what = "" if amount == 1 else f" of {value(amount)}"
    asks = ", then a person is asked" if said.get("on_exceed") == "require_approval" else ""
    options = [f"{key} {value(said[key])}" for key in ("kind", "burst", "tz", "unit") if key in said]
    counter = ", ".join([f"counter {shown(said['counter'])}", *options])
    return f"at most {number(said['max'])}{what} {per(said)} {whose(said)} ({counter}){asks}"


def per(said: Mapping[str, Any]) -> str:
    """The window of a limit."""
    return "at a time" if said["window"] == "inflight" else f"per {said['window']}"


def whose(said: Mapping[str, Any]) -> str:
    """Whose calls share the budget of a limit."""
    scope = said.get("scope", "grant")
    if isinstance(scope, list):
        return "for each " + " and ".join(map(str, scope))
    return EVERYBODY.get(scope, f"for each {scope}")


def number(value: Any) -> str:
    """A number without exponent or trailing zeros."""
    return plain(Decimal(value))


def value(said: Any) -> str:
    """The value of a key."""
    if isinstance(said, Mapping):
        return ", ".join(f"{key} {value(one)}" for key, one in said.items())
    if isinstance(said, list):
        return ", ".join(map(value, said)) or "nothing"
    if said is None:
        return "not said"
    return said if isinstance(said, str) else shown(said)
