"""Which published dialect a policy file is written in (policy.md 1 and 3.1), and how they name tools."""

from __future__ import annotations

from gateway.policy.collecting import Collector
from gateway.policy.compiling_names import tool_pattern
from gateway.policy.names import NamePattern
from gateway.policy.source import Node

_CATALOGUE_KEYS = {"action", "reason", "rate_limit", "rules"}


def detect(node: Node) -> str:
    """Which dialect a file is written in (policy.md 3.1): ours unless its tools say otherwise."""
    tools = node.child("tools")
    if tools is None or not isinstance(tools.value, dict):
        return "placet"
    entries = [entry.value for entry in tools.value.values() if isinstance(entry.value, dict)]
    if node.child("version") is not None or node.child("default") is not None:
        return "intercept" if any("rules" in entry for entry in entries) else "placet"
    return "catalogue" if entries and all(set(entry) <= _CATALOGUE_KEYS for entry in entries) else "placet"


def is_exact(name: str) -> bool:
    """Is this a plain tool name, where nothing is wild?"""
    return "*" not in name and "?" not in name and not name.startswith("risk:")


def star_or_exact(compiler: Collector, name: str) -> NamePattern | None:
    """The pattern of a key under `tools` in a dialect without globs."""
    path = ("tools", name)
    if name != "*" and not is_exact(name):
        compiler.problem(path, f"this dialect has exact names, or '*'; {name!r} is neither")
        return None
    return tool_pattern(compiler, name, path)
