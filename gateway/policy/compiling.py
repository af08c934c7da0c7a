"""From the validated parts of a policy file to rules: paths parsed, patterns compiled, windows known.

A Compiler collects problems instead of stopping, so that a file is wrong all at once. Each method
takes the path of its part in the file, which becomes the rule's pointer and the problem's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from approvals.domain.model import Factor, OnTimeout
from gateway.policy.conditions import Condition, Group, Side
from gateway.policy.durations import duration, written
from gateway.policy.model import (
    Action,
    ApprovalBlock,
    EscalationStep,
    Limit,
    OnExceed,
    RiskClass,
    Rule,
    Scope,
    ToolRules,
    Window,
)
from gateway.policy.names import RISK_PREFIX, NamePattern, pattern
from gateway.policy.operands import prepare
from gateway.policy.operators import OPERATORS
from gateway.policy.paths import ArgumentPath, parse_path
from gateway.policy.shapes import ApprovalShape, ConditionShape, LimitShape, RuleShape, ToolShape
from gateway.policy.source import Node, Problem, nearest, pointer

Path = tuple[str | int, ...]

NAMED_WINDOWS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
SHORTEST_WINDOW = timedelta(seconds=1)
LONGEST_WINDOW = timedelta(days=31)


class Compiler:
    """Compiles the parts of one file."""

    def __init__(self, node: Node, file: str) -> None:
        self.node, self.file = node, file
        self.problems: list[Problem] = []

    def problem(self, path: Path, message: str, hint: str | None = None) -> None:
        """Note what is wrong with the value at `path`."""
        line, column = self.node.find(path)
        self.problems.append(
            Problem(file=self.file, line=line, column=column, pointer=pointer(path), message=message, hint=hint)
        )

    def not_yet(self, path: Path, what: str) -> None:
        """Note that this version does not do what stands at `path`."""
        line, column = self.node.find_key(path)
        message = f"{what!r} is not supported yet by this version of Placet, and is never ignored; take it out"
        self.problems.append(Problem(file=self.file, line=line, column=column, pointer=pointer(path), message=message))

    def name(self, text: str, path: Path) -> NamePattern | None:
        """The pattern that a key under `tools`, or an entry of `hide`, stands for."""
        try:
            found = pattern(text)
        except ValueError as err:
            self.problem(path, str(err))
            return None
        word = text.removeprefix(RISK_PREFIX)
        if found.kind == "risk" and word not in set(RiskClass):
            self.problem(
                path, f"{word!r} is not a class of risk", nearest(word, RiskClass) or "one of " + ", ".join(RiskClass)
            )
            return None
        return found

    def hide(self, names: Sequence[str]) -> tuple[tuple[str, NamePattern], ...]:
        """The entries of `hide` with their pointers."""
        found = []
        for index, text in enumerate(names):
            path: Path = ("hide", index)
            if text in names[:index]:
                self.problem(path, f"{text!r} stands twice in hide")
            if (compiled := self.name(text, path)) is not None:
                found.append((pointer(path), compiled))
        return tuple(found)

    def tool(self, name: str, shape: ToolShape) -> ToolRules | None:
        """One entry under `tools`."""
        path: Path = ("tools", name)
        compiled = self.name(name, path)
        for key in ("when", "schedule", "redact", "unwrap"):
            if getattr(shape, key) is not None:
                self.not_yet((*path, key), key)
        action = Action(shape.action or "allow")
        rules = ToolRules(
            pointer=pointer(path),
            pattern=compiled or NamePattern(text=name, kind="exact"),
            action=action,
            action_said=shape.action is not None,
            reason=shape.reason,
            require=self._rules(shape.require, (*path, "require"), Side.REQUIRE),
            deny_if=self._rules(shape.deny_if, (*path, "deny_if"), Side.DENY),
            approve_if=self._rules(shape.approve_if, (*path, "approve_if"), Side.DENY),
            limits=self.limits(shape.limits, path) + self._rate(shape.rate_limit, name, path),
            approval=self.approval(shape.approval, (*path, "approval")),
            shadow=shape.mode == "shadow",
            id=shape.id,
        )
        return rules if compiled else None

    def _rules(self, shapes: Sequence[RuleShape], path: Path, side: Side) -> tuple[Rule, ...]:
        return tuple(self._rule(shape, (*path, index), side) for index, shape in enumerate(shapes))

    def _rule(self, shape: RuleShape, path: Path, side: Side) -> Rule:
        if side is Side.REQUIRE and not shape.conditions:
            self.problem(
                path, "a rule under require without conditions requires nothing; add conditions or take it out"
            )
        if shape.approval is not None and path[-2] != "approve_if":
            self.problem((*path, "approval"), "approval belongs under approve_if, or directly under the tool")
        return Rule(
            pointer=pointer(path),
            conditions=self.conditions(shape.conditions, (*path, "conditions"), side),
            on_deny=shape.on_deny,
            approval=self.approval(shape.approval, (*path, "approval")),
        )

    def conditions(self, shapes: Sequence[ConditionShape], path: Path, side: Side) -> tuple[Condition | Group, ...]:
        """Every condition of a list that can be compiled."""
        each = [self._part(shape, (*path, index), side) for index, shape in enumerate(shapes)]
        return tuple(part for part in each if part is not None)

    def _part(self, shape: ConditionShape, path: Path, side: Side) -> Condition | Group | None:
        groups = [key for key, of in (("any", shape.any), ("all", shape.all), ("not", shape.not_)) if of is not None]
        if len(groups) + (shape.path is not None or shape.op is not None) != 1:
            self.problem(path, "a condition is either path, op and value, or one of any, all, not")
            return None
        if not groups:
            return self.condition(shape, path, side)
        if shape.not_ is not None:
            inner = self._part(shape.not_, (*path, "not"), side.turned())
            return Group(pointer=pointer(path), kind="not", of=(inner,)) if inner else None
        of = shape.any if shape.any is not None else shape.all or []
        if not of:
            self.problem((*path, groups[0]), f"{groups[0]} needs at least one condition")
        return Group(pointer=pointer(path), kind=groups[0], of=self.conditions(of, (*path, groups[0]), side))

    def condition(self, shape: ConditionShape, path: Path, side: Side) -> Condition | None:
        """One `path op value`."""
        where = self.path(shape.path, (*path, "path"))
        if shape.op is None:
            self.problem(path, "'op' is missing")
            return None
        if shape.op in {"exists", "not_exists"}:
            return self._presence(shape, where, path)
        op = OPERATORS.get(shape.op)
        if op is None:
            known = [*OPERATORS, "exists", "not_exists"]
            self.problem(
                (*path, "op"), f"unknown op {shape.op!r}", nearest(shape.op, known) or "known: " + ", ".join(known)
            )
            return None
        if "value" not in shape.model_fields_set:
            self.problem(path, f"'value' is missing: what is {shape.op!r} to compare with?")
            return None
        full = shape.full if shape.full is not None else side is Side.REQUIRE
        try:
            ready = prepare(op, shape.value, full=full, fold=shape.fold)
        except ValueError as err:
            self.problem((*path, "value"), str(err))
            return None
        if where is None:
            return None
        return Condition(pointer=pointer(path), path=where, op=op, value=shape.value, ready=ready, fold=shape.fold)

    def _presence(self, shape: ConditionShape, where: ArgumentPath | None, path: Path) -> Condition | None:
        wanted = True if shape.value is None else shape.value
        if not isinstance(wanted, bool):
            self.problem((*path, "value"), f"{shape.op} takes true, false, or no value")
            return None
        if where is None:
            return None
        return Condition(pointer=pointer(path), path=where, op=None, exists=wanted is (shape.op == "exists"))

    def path(self, text: str | None, path: Path) -> ArgumentPath | None:
        """A path into the arguments."""
        if text is None:
            self.problem(path, "'path' is missing")
            return None
        if text == "state" or text.startswith("state."):
            self.problem(path, "paths into state belong to the Intercept dialect; use limits here")
            return None
        try:
            return parse_path(text)
        except ValueError as err:
            self.problem(path, str(err))
            return None

    def limits(self, shapes: Sequence[LimitShape], path: Path) -> tuple[Limit, ...]:
        """The limits of a list that can be compiled; `path` is what the list stands under."""
        each = [self._limit(shape, (*path, "limits", index)) for index, shape in enumerate(shapes)]
        return tuple(limit for limit in each if limit is not None)

    def _limit(self, shape: LimitShape, path: Path) -> Limit | None:
        for key in ("burst", "tz", "unit"):
            if getattr(shape, key) is not None:
                self.not_yet((*path, key), key)
        if shape.kind == "bucket":
            self.not_yet((*path, "kind"), "kind: bucket")
        window = self.window(shape.window, (*path, "window"), shape.kind)
        scope = self._scope(shape.scope, (*path, "scope"))
        amount = self._amount(shape, path)
        if window is None or scope is None or amount is None:
            return None
        return Limit(
            pointer=pointer(path),
            counter=shape.counter,
            window=window,
            max=shape.max,
            scope=scope,
            amount=amount,
            on_exceed=OnExceed(shape.on_exceed),
            reason=shape.on_deny,
        )

    def window(self, value: str | int, path: Path, kind: str | None) -> Window | None:
        """A window by its name, its duration or its seconds; durations roll unless `kind` says fixed."""
        if isinstance(value, str) and value in NAMED_WINDOWS:
            return Window(name=value, length=NAMED_WINDOWS[value], rolling=kind == "sliding")
        if value in {"week", "month", "inflight"}:
            self.not_yet(path, f"window: {value}")
            return None
        try:
            length = timedelta(seconds=value) if isinstance(value, int) else duration(value)
        except (ValueError, OverflowError):
            hint = nearest(str(value), NAMED_WINDOWS) or "minute, hour, day, a duration like 10m, or seconds"
            self.problem(path, f"{value!r} is not a window", hint)
            return None
        if not SHORTEST_WINDOW <= length <= LONGEST_WINDOW:
            self.problem(path, f"a window is between {written(SHORTEST_WINDOW)} and {written(LONGEST_WINDOW)} long")
            return None
        return Window(name=written(length), length=length, rolling=kind != "fixed")

    def _scope(self, value: Any, path: Path) -> Scope | None:
        if isinstance(value, str) and value in set(Scope):
            return Scope(value)
        if isinstance(value, list) or value == "session" or (isinstance(value, str) and value.startswith("args.")):
            self.not_yet(path, f"scope: {value}")
        else:
            self.problem(path, f"{value!r} is not a scope", nearest(str(value), Scope) or "one of " + ", ".join(Scope))
        return None

    def _amount(self, shape: LimitShape, path: Path) -> Decimal | ArgumentPath | None:
        said = [key for key in ("amount", "increment", "increment_from") if getattr(shape, key) is not None]
        if len(said) > 1:
            self.problem((*path, said[1]), f"{said[0]} and {said[1]} say the same thing; keep one")
            return None
        if not said:
            return Decimal(1)
        value, here = getattr(shape, said[0]), (*path, said[0])
        if isinstance(value, str) and value.startswith("len("):
            self.not_yet(here, "amount: len(…)")
            return None
        if isinstance(value, str):
            found = self.path(value, here)
            if found is not None and found.several:
                self.problem(here, "an amount is one number; [*] stands for several")
            return found
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or value <= 0:
            self.problem(here, "an amount is a number above 0, or args.path")
            return None
        return Decimal(value)

    def _rate(self, value: Any, tool: str, path: Path) -> tuple[Limit, ...]:
        if value is None:
            return ()
        here = (*path, "rate_limit")
        if isinstance(value, str):
            count, _, word = value.partition("/")
            if not count.isascii() or not count.isdigit() or int(count) < 1 or word not in NAMED_WINDOWS:
                self.problem(here, f"{value!r} is not a rate; write 30/minute, 30/hour or 30/day")
                return ()
            most: Decimal | None = Decimal(count)
            window = self.window(word, here, None)
        elif isinstance(value, dict) and set(value) == {"max", "window"}:
            most = self._rate_max(value["max"], here)
            window = self.window(value["window"], here, None)
        else:
            self.problem(here, "a rate is written 30/minute, or {max: 30, window: 60} with the window in seconds")
            return ()
        if window is None or most is None:
            return ()
        return (Limit(pointer=pointer(here), counter=f"{tool}_rate_{window.name}", window=window, max=most),)

    def _rate_max(self, value: Any, path: Path) -> Decimal | None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.problem((*path, "max"), "max is a whole number of at least 1")
            return None
        return Decimal(value)

    def approval(self, shape: ApprovalShape | None, path: Path) -> ApprovalBlock | None:
        """One approval block."""
        if shape is None:
            return None
        if shape.factors is not None and (shape.reviewers is not None or shape.quorum is not None):
            self.problem((*path, "factors"), "factors stand instead of reviewers and quorum; keep one of the two")
        if shape.on_timeout == "escalate" and shape.escalate is None:
            self.problem((*path, "on_timeout"), "on_timeout: escalate needs escalate: [{after, to}]")
        if shape.timeout is not None and shape.timeout < SHORTEST_WINDOW:
            self.problem((*path, "timeout"), "a timeout is at least 1s: nobody can decide faster")
        for index, reviewer in enumerate(shape.reviewers or ()):
            self._reviewer(reviewer, (*path, "reviewers", index))
        for index, step in enumerate(shape.escalate or ()):
            for at, reviewer in enumerate(step.to):
                self._reviewer(reviewer, (*path, "escalate", index, "to", at))
        return ApprovalBlock(
            reviewers=_members(shape.reviewers),
            quorum=shape.quorum,
            factors=_tuple(
                shape.factors and [Factor(members=(f"group:{f.group}",), count=f.count) for f in shape.factors]
            ),
            four_eyes=shape.four_eyes,
            timeout=shape.timeout,
            on_timeout=OnTimeout(shape.on_timeout) if shape.on_timeout else None,
            escalate=_tuple(
                shape.escalate and [EscalationStep(after=e.after, to=_members(e.to) or ()) for e in shape.escalate]
            ),
            channels=_tuple(shape.channels),
            edit=shape.edit,
            justification=shape.justification,
            cancel_window=shape.cancel_window,
            execute_on_approve=shape.execute_on_approve,
            self_service=shape.self_service,
            grants=shape.grants,
        )

    def _reviewer(self, text: str, path: Path) -> None:
        if not text.removeprefix("group:") or (not text.startswith("group:") and "@" not in text):
            self.problem(path, f"{text!r} is neither group:NAME nor an e-mail address")


def _members(items: Sequence[str] | None) -> tuple[str, ...] | None:
    """Groups as written, people by their address in lower case, as the directory keys them."""
    return None if items is None else tuple(i if i.startswith("group:") else i.lower() for i in items)


def _tuple(items: Any) -> tuple[Any, ...] | None:
    return None if items is None else tuple(items)
