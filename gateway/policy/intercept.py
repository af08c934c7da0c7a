"""Intercept YAML (format B of policy.md 1.3), read as it is.

Each rule becomes an entry of its own, in its order, so its pointer is the one in the file. Where Intercept is
looser than we are (a missing field in a rule that asks, amounts below zero), ours holds. Its counters know no
caller: its budgets stay shared by all agents of a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import ConfigDict, Field

from gateway.policy.compiling import Compiler
from gateway.policy.compiling_conditions import EQUALITIES, argument_path, condition
from gateway.policy.compiling_limits import rate
from gateway.policy.compiling_windows import window_of
from gateway.policy.conditions import Condition, Side
from gateway.policy.dialects import is_exact, star_or_exact
from gateway.policy.limit import Limit, Scope
from gateway.policy.model import ApprovalBlock, Policy, Rule, ToolRules, Verdict
from gateway.policy.names import NamePattern
from gateway.policy.paths import ArgumentPath
from gateway.policy.reading import validate
from gateway.policy.shapes import LARGEST_AMOUNT, ConditionShape, Length, Positive, Shape, Text, Words
from gateway.policy.source import pointer

_OPS = {"eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "regex", "contains", "exists"}
_WEBHOOK = (
    "approvals (the webhook of Intercept) tells nobody here: whom to ask and where is said by the configuration's "
    "approvals, slack and webhooks"
)
_HAIR = Decimal(1).scaleb(-12)


class StateShape(Shape):
    """A counter of an Intercept rule."""

    counter: Words
    window: Literal["minute", "hour", "day"]
    increment: Positive | None = None
    increment_from: str | None = None


class InterceptRule(Shape):
    """One rule of an Intercept tool; every rule must pass."""

    name: Words | None = None
    action: Literal["evaluate", "deny", "require_approval"] = "evaluate"
    conditions: list[ConditionShape] = Field(default_factory=list)
    on_deny: Text | None = None
    rate_limit: str | None = None
    state: StateShape | None = None
    approval_timeout: Length | None = None


class InterceptTool(Shape):
    """The rules of one tool."""

    rules: list[InterceptRule]


class InterceptShape(Shape):
    """An Intercept policy file."""

    model_config = ConfigDict(title="Intercept policy")

    version: Literal["1"]
    description: Text | None = None
    default: Literal["allow", "deny"] = "allow"
    hide: list[str] = Field(default_factory=list)
    tools: dict[str, InterceptTool] = Field(default_factory=dict)
    approvals: Any = None


def load_intercept(compiler: Compiler, version: str) -> Policy | None:
    """An Intercept policy, with its meaning."""
    shape, problems = validate(InterceptShape, compiler.node, compiler.file, {"version": "1"})
    compiler.problems.extend(problems)
    if shape is None:
        return None
    for index, name in enumerate(shape.hide):
        if name != "*" and not is_exact(name):
            compiler.problem(("hide", index), f"Intercept hides exact names, or '*'; {name!r} is neither")
    entries: list[ToolRules] = []
    for name, tool in shape.tools.items():
        where = star_or_exact(compiler, name)
        if where is not None:
            entries.extend(_tool(compiler, name, where, tool))
    return Policy(
        name=compiler.file,
        version=version,
        source=compiler.node,
        dialect="intercept",
        default=Verdict(shape.default),
        resources_default=Verdict(shape.default),
        prompts_default=Verdict(shape.default),
        hide=compiler.hide(shape.hide),
        tools=tuple(entries),
        notes=(_WEBHOOK,) if shape.approvals is not None else (),
    )


def _tool(compiler: Compiler, name: str, where: NamePattern, tool: InterceptTool) -> list[ToolRules]:
    # Under default deny, "*" rescues nobody in Intercept; an empty list of rules allows.
    plain = ToolRules(pointer=pointer(("tools", name)), pattern=where, names_tools=name != "*")
    rules = [_rule(compiler, plain, rule, ("tools", name, "rules", i)) for i, rule in enumerate(tool.rules)]
    return rules or [plain]


def _rule(compiler: Compiler, plain: ToolRules, rule: InterceptRule, path: tuple[str | int, ...]) -> ToolRules:
    _check_rule(compiler, rule, path)
    on_args, on_state = _split(compiler, rule, path)
    here = pointer(path)
    judged = Rule(
        pointer=here,
        conditions=on_args,
        on_deny=rule.on_deny,
        approval=ApprovalBlock(timeout=rule.approval_timeout) if rule.approval_timeout else None,
    )
    entry = replace(plain, pointer=here, id=rule.name, limits=_limits(compiler, rule, on_state, plain, path))
    match rule.action:
        case "deny":
            return replace(entry, deny_if=(judged,))
        case "require_approval":
            return replace(entry, approve_if=(judged,))
        case "evaluate":
            return replace(entry, require=(judged,)) if on_args else entry


def _check_rule(compiler: Compiler, rule: InterceptRule, path: tuple[str | int, ...]) -> None:
    if rule.action == "deny" and (rule.conditions or rule.state or rule.rate_limit):
        compiler.problem(path, "a rule with action: deny denies always; it has no conditions, state or rate_limit")
    if rule.action == "evaluate" and not rule.conditions and rule.rate_limit is None:
        compiler.problem(path, "a rule with action: evaluate needs conditions or a rate_limit")
    if rule.rate_limit is not None and (rule.conditions or rule.state):
        compiler.problem((*path, "rate_limit"), "rate_limit stands alone: not with conditions or state")
    if rule.approval_timeout is not None and rule.action != "require_approval":
        compiler.problem((*path, "approval_timeout"), "approval_timeout belongs to action: require_approval")


def _split(
    compiler: Compiler, rule: InterceptRule, path: tuple[str | int, ...]
) -> tuple[tuple[Condition, ...], list[tuple[int, ConditionShape]]]:
    side = Side.DENY if rule.action == "require_approval" else Side.REQUIRE
    on_args: list[Condition] = []
    on_state: list[tuple[int, ConditionShape]] = []
    for index, shape in enumerate(rule.conditions):
        here = (*path, "conditions", index)
        if shape.path is not None and shape.path.startswith("state."):
            on_state.append((index, shape))
        elif shape.path is not None and "[" in shape.path:
            compiler.problem((*here, "path"), "Intercept has no indexes and no quoted keys; dots are all there is")
        elif shape.op not in _OPS:
            compiler.problem(here, f"{shape.op!r} is not an op of Intercept; known: {', '.join(sorted(_OPS))}")
        elif (found := condition(compiler, shape.model_copy(update=_loosely(shape)), here, side)) is not None:
            on_args.append(found)
    return tuple(on_args), on_state


def _loosely(shape: ConditionShape) -> dict[str, bool]:
    """How Intercept compares: patterns match anywhere, and equality is of numbers by value, else of printed texts."""
    if shape.op in EQUALITIES:
        return {"coerce": True}
    return {"full": False} if shape.op == "regex" else {}


def _limits(
    compiler: Compiler,
    rule: InterceptRule,
    on_state: Sequence[tuple[int, ConditionShape]],
    plain: ToolRules,
    path: tuple[str | int, ...],
) -> tuple[Limit, ...]:
    owner = "_global" if plain.pattern.text == "*" else plain.pattern.text
    if rule.rate_limit is not None:
        return tuple(
            replace(
                limit,
                counter=f"{owner}._rate_{limit.window.name}",
                scope=(Scope.SERVER,),
                reason=rule.on_deny,
                id=rule.name,
            )
            for limit in rate(compiler, rule.rate_limit, owner, path)
        )
    if rule.state is None:
        for index, _ in on_state:
            compiler.problem((*path, "conditions", index), "a condition on state needs a state block in its rule")
        return ()
    if not on_state:
        compiler.problem((*path, "state"), "no lt or lte condition reads this state, so it would never count")
    amount = _amount(compiler, rule.state, path)
    window = window_of(compiler, rule.state.window, (*path, "state", "window"))
    found = []
    for index, shape in on_state:
        most = _most(compiler, rule.state, shape, (*path, "conditions", index))
        if most is None or window is None or amount is None:
            continue
        found.append(
            Limit(
                pointer=pointer(path),
                counter=f"{owner}.{rule.state.counter}",
                window=window,
                max=most,
                scope=(Scope.SERVER,),
                amount=amount,
                reason=rule.on_deny,
                id=rule.name,
            )
        )
    return tuple(found)


def _amount(compiler: Compiler, state: StateShape, path: tuple[str | int, ...]) -> Decimal | ArgumentPath | None:
    if state.increment_from is None:
        return state.increment if state.increment is not None else Decimal(1)
    if state.increment is not None:
        compiler.problem((*path, "state"), "increment and increment_from say the same thing; keep one")
    return argument_path(compiler, state.increment_from, (*path, "state", "increment_from"))


def _most(compiler: Compiler, state: StateShape, shape: ConditionShape, path: tuple[str | int, ...]) -> Decimal | None:
    named = shape.path is not None and shape.path.rpartition(".")[2] == state.counter
    if not named or shape.op not in {"lt", "lte"}:
        compiler.problem(path, f"only lt or lte on state.{state.counter} can be counted")
        return None
    if isinstance(shape.value, bool) or not isinstance(shape.value, int | Decimal):
        compiler.problem((*path, "value"), "a limit is a number")
        return None
    if not 0 < shape.value <= LARGEST_AMOUNT:
        compiler.problem((*path, "value"), "a limit is above 0, and at most 1e30")
        return None
    # Below N is at most N-1 where calls are counted, and a hair less than N where amounts are added.
    if shape.op == "lte":
        return Decimal(shape.value)
    return Decimal(shape.value) - (_HAIR if state.increment_from is not None else Decimal(1))
