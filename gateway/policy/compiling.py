"""From the validated parts of a policy file to rules.

A Compiler collects problems instead of stopping. Each method takes the path of its part in the file, which
becomes the rule's pointer and the problem's place. Conditions, limits and approval blocks have their own files.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gateway.policy.collecting import Collector, Path
from gateway.policy.compiling_approval import approval
from gateway.policy.compiling_conditions import argument_path, conditions
from gateway.policy.compiling_limits import limits, rate
from gateway.policy.compiling_names import tool_pattern
from gateway.policy.compiling_schedule import schedule
from gateway.policy.compiling_when import when
from gateway.policy.conditions import Side
from gateway.policy.model import Action, Rule, ToolRules
from gateway.policy.names import NamePattern
from gateway.policy.paths import ArgumentPath, Unwrap
from gateway.policy.shapes import RuleShape, ToolShape, UnwrapShape
from gateway.policy.source import pointer

UTC = ZoneInfo("UTC")


class Compiler(Collector):
    """Compiles the parts of one file. `zone` is that of its clocks."""

    zone: ZoneInfo = UTC

    def hide(self, names: Sequence[str]) -> tuple[tuple[str, NamePattern], ...]:
        """The entries of `hide` with their pointers."""
        found = []
        for index, text in enumerate(names):
            path: Path = ("hide", index)
            if text in names[:index]:
                self.problem(path, f"{text!r} stands twice in hide")
            if (compiled := tool_pattern(self, text, path)) is not None:
                found.append((pointer(path), compiled))
        return tuple(found)

    def extends(self, files: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
        """The files of `extends` with the pointers that name them."""
        node = self.node.child("extends")
        one = node is not None and isinstance(node.value, str)
        paths: list[Path] = [("extends",) if one else ("extends", index) for index in range(len(files or ()))]
        for index, (path, file) in enumerate(zip(paths, files or (), strict=True)):
            if file in (files or ())[:index]:
                self.problem(path, f"{file!r} stands twice in extends")
        return tuple((pointer(path), file) for path, file in zip(paths, files or (), strict=True))

    def tool(self, name: str, shape: ToolShape) -> ToolRules | None:
        """One entry under `tools`."""
        path: Path = ("tools", name)
        compiled = tool_pattern(self, name, path)
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
            limits=limits(self, shape.limits, path) + rate(self, shape.rate_limit, name, path),
            approval=approval(self, shape.approval, (*path, "approval")),
            schedule=schedule(self, shape.schedule, (*path, "schedule"), self.zone),
            when=when(self, shape.when, (*path, "when"), self.zone),
            redact=self._redact(shape.redact or (), (*path, "redact")),
            unwrap=self._unwrap(shape.unwrap, (*path, "unwrap")),
            shadow=shape.mode == "shadow",
            id=shape.id,
        )
        return rules if compiled else None

    def _redact(self, texts: Sequence[str], path: Path) -> tuple[ArgumentPath, ...]:
        found = [argument_path(self, text, (*path, index)) for index, text in enumerate(texts)]
        return tuple(one for one in found if one is not None)

    def _unwrap(self, shape: UnwrapShape | None, path: Path) -> Unwrap | None:
        if shape is None:
            return None
        tool = argument_path(self, shape.tool, (*path, "tool"))
        arguments = argument_path(self, shape.arguments, (*path, "arguments"))
        for key, found in (("tool", tool), ("arguments", arguments)):
            if found is not None and found.several:
                self.problem((*path, key), "an inner call has one tool and one object of arguments; [*] is several")
        if tool is None or arguments is None:
            return None
        return Unwrap(pointer=pointer(path), tool=tool, arguments=arguments)

    def _rules(self, shapes: Sequence[RuleShape], path: Path, side: Side) -> tuple[Rule, ...]:
        return tuple(self._rule(shape, (*path, index), side) for index, shape in enumerate(shapes))

    def _rule(self, shape: RuleShape, path: Path, side: Side) -> Rule:
        if side is Side.REQUIRE and not shape.conditions and shape.when is None:
            self.problem(
                path, "a rule under require without conditions requires nothing; add conditions or take it out"
            )
        if shape.approval is not None and path[-2] != "approve_if":
            self.problem((*path, "approval"), "approval belongs under approve_if, or directly under the tool")
        return Rule(
            pointer=pointer(path),
            conditions=conditions(self, shape.conditions, (*path, "conditions"), side),
            when=when(self, shape.when, (*path, "when"), self.zone),
            on_deny=shape.on_deny,
            approval=approval(self, shape.approval, (*path, "approval")),
            id=shape.id,
        )
