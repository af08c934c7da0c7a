"""Our policy as a hosted policy.json (format A of policy.md 1.1), and what that loses.

The hosted format is the core of ours: exact names, require, deny_if, limits per grant in calendar windows. It knows no
approval, so what asks a person becomes the placeholder its catalogue has: denied, with a text that says so.
What is only known of it by its published pages is not guessed: a cost of a call has no published spelling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.policy import wording
from gateway.policy.conditions import Side
from gateway.policy.convert_entries import Entry, Part, lay_out
from gateway.policy.convert_losses import Losses
from gateway.policy.convert_values import (
    anchored,
    escaped,
    exact_window,
    kinds,
    nearest_window,
    plain_path,
    twinless,
    uncounted,
    unglobbed,
)

OPS = {
    "eq": "eq",
    "neq": "neq",
    "lt": "lt",
    "lte": "lte",
    "gt": "gt",
    "gte": "gte",
    "contains": "contains",
    "starts_with": "starts_with",
    "exists": "exists",
    "not_exists": "not_exists",
}
"""Operators that both know, by the spelling the published pages use beside the signs."""
NO_APPROVAL = "it knows no approval: such calls are denied"
PLACEHOLDER = "A person must approve this, and nobody can be asked here."
UNSAID = "Nobody can say here whether this call is allowed, so it is denied."


def to_policylayer(plain: Mapping[str, Any], losses: Losses) -> dict[str, Any]:
    """The plain data of a hosted policy.json."""
    layout = lay_out(plain, losses)
    limits = list(_limits(layout.limits, losses))
    return {
        "version": "1",
        "default": layout.default,
        **({"hide": [name for _, name in layout.hide]} if layout.hide else {}),
        **({"all_tools": {"limits": limits}} if limits else {}),
        "tools": {name: _tool(entry, losses) for name, entry in layout.tools.items()},
    }


def _tool(entry: Entry, losses: Losses) -> dict[str, Any]:
    require, denied = [], _always(entry, losses)
    for part in entry.require:
        conditions = _conditions(part, Side.REQUIRE, losses)
        if conditions is None:
            denied.append({"conditions": [], "on_deny": part.value.get("on_deny", UNSAID)})
        else:
            require.append(_rule(part, conditions, losses))
    for part in entry.deny_if:
        spoken = part.value.get("on_deny") or entry.reason
        denied.append(_rule(part, _conditions(part, Side.DENY, losses) or [], losses, spoken))
    for part in entry.approve_if:
        losses.stricter(part.path, NO_APPROVAL)
        denied.append(_rule(part, _conditions(part, Side.DENY, losses) or [], losses, PLACEHOLDER))
    for part in entry.approval:
        losses.same(part.path, "whom to ask")
    limits = list(_limits(entry.limits, losses))
    return {
        **({"require": require} if require else {}),
        **({"deny_if": denied} if denied else {}),
        **({"limits": limits} if limits else {}),
    }


def _always(entry: Entry, losses: Losses) -> list[dict[str, Any]]:
    """What denies every call of the tool."""
    denied: list[dict[str, Any]] = []
    if entry.action == "deny":
        denied.append({"conditions": [], **_said("on_deny", entry.reason)})
    elif entry.action == "require_approval":
        losses.stricter(entry.action_path, NO_APPROVAL)
        denied.append({"conditions": [], "on_deny": PLACEHOLDER})
    elif entry.reason is not None:
        losses.same((*entry.path, "reason"), "the reason of an entry that allows")
    for path in entry.beyond:
        losses.stricter(path, f"{path[-1]}: it has nothing like it, so the tool is denied")
        denied.append({"conditions": [], "on_deny": UNSAID})
    return denied


def _rule(
    part: Part, conditions: Sequence[dict[str, Any]], losses: Losses, spoken: str | None = None
) -> dict[str, Any]:
    if "id" in part.value:
        losses.same((*part.path, "id"), "the id of a rule")
    return {"conditions": list(conditions), **_said("on_deny", spoken or part.value.get("on_deny"))}


def _said(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}


def _conditions(part: Part, side: Side, losses: Losses) -> list[dict[str, Any]] | None:
    """The conditions of a rule so that it refuses at least what it refused; None where only refusing always does."""
    written = []
    for key in part.beyond:
        instead = "the rule denies every call" if side is Side.REQUIRE else "the rule denies without it"
        losses.stricter((*part.path, key), f"{key}: it has nothing like it; {instead}")
    if part.beyond and side is Side.REQUIRE:
        return None
    for index, said in enumerate(part.value.get("conditions", [])):
        condition = _condition(said, side)
        if condition is not None:
            written.append(condition)
            continue
        path = (*part.path, "conditions", index)
        name = said.get("op") or next(iter(said))
        if side is Side.REQUIRE:
            losses.stricter(path, f"{name} of this kind has no spelling there: the rule denies every call")
            return None
        losses.stricter(path, f"{name} of this kind has no spelling there: the rule denies without it")
    return written


def _condition(said: Mapping[str, Any], side: Side) -> dict[str, Any] | None:
    for kind in ("any", "all"):
        if kind in said:
            inner = [_condition(one, side) for one in said[kind]]
            return None if None in inner else {kind: inner}
    if "not" in said or said.get("fold") or not plain_path(said["path"]) or _coerced(said, side):
        return None
    return _leaf(said["path"], said["op"], said, side)


def _coerced(said: Mapping[str, Any], side: Side) -> bool:
    """Does Intercept's loose equality make a difference here?"""
    if not said.get("coerce"):
        return False
    harmless = said["op"] == "contains" or (side is Side.REQUIRE and said["op"] in {"eq", "in"})
    return not (harmless and twinless(said["value"]))


def _leaf(path: str, op: str, said: Mapping[str, Any], side: Side) -> dict[str, Any] | None:
    value = said.get("value")
    if op in {"exists", "not_exists"}:
        return {"path": path, "op": op}
    if op in OPS:
        return {"path": path, "op": OPS[op], "value": value}
    if op == "regex":
        return {"path": path, "op": "matches", "value": _pattern(str(value), side, full=said.get("full"))}
    if op == "glob":
        return {"path": path, "op": "matches", "value": _pattern(unglobbed(str(value)), side, full=True)}
    if op == "ends_with":
        return {"path": path, "op": "matches", "value": _pattern(f"(?s:.*){escaped(str(value))}", side, full=True)}
    if op == "between" and isinstance(value, list):
        low, high = value
        return {"all": [{"path": path, "op": "gte", "value": low}, {"path": path, "op": "lte", "value": high}]}
    if op in {"in", "not_in"} and isinstance(value, list) and len(kinds(value)) == 1:
        one, group = ("eq", "any") if op == "in" else ("neq", "all")
        return {group: [{"path": path, "op": one, "value": item} for item in value]}
    return None


def _pattern(text: str, side: Side, *, full: bool | None) -> str:
    """A pattern that means the same whether it is taken to match the whole text or a part of it."""
    if full is None or full is (side is Side.REQUIRE):
        return text
    return anchored(text) if full else f"(?s:.*)(?:{text})(?s:.*)"


def _limits(each: Sequence[Part], losses: Losses) -> Iterator[dict[str, Any]]:
    for part in each:
        why = uncounted(part.value)
        if why is None:
            yield _limit(part, losses)
        else:
            losses.looser(part.path, why)


def _limit(part: Part, losses: Losses) -> dict[str, Any]:
    said = part.value
    window = exact_window(said)
    if window is None:
        window = nearest_window(said)
        losses.looser((*part.path, "window"), f"windows of {said['window']}: counted by the {window} of the calendar")
    scope = said.get("scope", "grant")
    if scope != "grant":
        tell = losses.stricter if scope == "session" else losses.looser
        tell((*part.path, "scope"), f"scope {wording.value(scope)}: each grant has a budget of its own")
    if said.get("on_exceed", "deny") != "deny":
        losses.stricter((*part.path, "on_exceed"), NO_APPROVAL)
    if "amount" in said:
        losses.looser((*part.path, "amount"), "what a call costs has no published spelling; written as amount")
    for key in ("id", "on_deny"):
        if key in said:
            losses.same((*part.path, key), f"{key} of a limit")
    known = {"counter", "window", "max", "scope", "on_exceed", "amount", "id", "on_deny", "kind"}
    for key in sorted(said.keys() - known):
        losses.looser((*part.path, key), f"{key} of a limit: it has nothing like it")
    return {
        "counter": said["counter"],
        "window": window,
        "max": said["max"],
        "scope": "grant",
        **({"amount": said["amount"]} if "amount" in said else {}),
    }
