"""The older catalogue YAML (format C of policy.md 1.2), read as it is; what it does not name is denied."""

from __future__ import annotations

from typing import Any, Literal

from gateway.policy.compiling import Compiler
from gateway.policy.compiling_limits import rate
from gateway.policy.dialects import star_or_exact
from gateway.policy.model import Action, Policy, ToolRules, Verdict
from gateway.policy.names import NamePattern
from gateway.policy.reading import validate
from gateway.policy.shapes import Shape, Text
from gateway.policy.source import pointer


class CatalogueRule(Shape):
    """One rule of the older catalogue."""

    action: Literal["allow", "deny"] = "allow"
    reason: Text | None = None
    rate_limit: Any = None


class CatalogueTool(CatalogueRule):
    """A tool of the older catalogue: rules, or one rule written flat."""

    rules: list[CatalogueRule] | None = None


class CatalogueShape(Shape):
    """A policy file of the older catalogue."""

    tools: dict[str, CatalogueTool]


def load_catalogue(compiler: Compiler, version: str) -> Policy | None:
    """A policy of the older catalogue; what it does not name is denied."""
    shape, problems = validate(CatalogueShape, compiler.node, compiler.file)
    compiler.problems.extend(problems)
    if shape is None:
        return None
    entries: list[ToolRules] = []
    for name, tool in shape.tools.items():
        where = star_or_exact(compiler, name)
        if where is None:
            continue
        if tool.rules is None:
            entries.append(_catalogue_rule(compiler, where, tool, ("tools", name)))
            continue
        if tool.model_fields_set - {"rules"}:
            compiler.problem(("tools", name), "either rules, or one rule written flat; not both")
        entries.extend(
            _catalogue_rule(compiler, where, rule, ("tools", name, "rules", i)) for i, rule in enumerate(tool.rules)
        )
    return Policy(
        name=compiler.file,
        version=version,
        source=compiler.node,
        dialect="catalogue",
        default=Verdict.DENY,
        tools=tuple(entries),
    )


def _catalogue_rule(
    compiler: Compiler, where: NamePattern, rule: CatalogueRule, path: tuple[str | int, ...]
) -> ToolRules:
    return ToolRules(
        pointer=pointer(path),
        pattern=where,
        action=Action(rule.action),
        action_said="action" in rule.model_fields_set,
        reason=rule.reason,
        limits=rate(compiler, rule.rate_limit, where.text, path),
    )
