"""The other published dialects: Intercept YAML (format B) and the older catalogue YAML (format C)."""

from __future__ import annotations

from gateway.policy.compiling import Compiler
from gateway.policy.model import Policy
from gateway.policy.source import Node


def detect(node: Node) -> str:
    """Which dialect a file is written in: `tools.*.rules` is B or C, anything else our superset of A."""
    tools = node.child("tools")
    if tools is None or not isinstance(tools.value, dict):
        return "placet"
    listed = [entry.child("rules") for entry in tools.value.values()]
    if not any(listed):
        return "placet"
    return "intercept" if node.child("version") is not None else "catalogue"


def load_intercept(compiler: Compiler, _version: str) -> Policy | None:
    """An Intercept policy."""
    compiler.not_yet(("tools",), "the Intercept dialect (tools.*.rules)")
    return None


def load_catalogue(compiler: Compiler, _version: str) -> Policy | None:
    """An older catalogue policy."""
    compiler.not_yet(("tools",), "the catalogue dialect (tools.*.rules without version)")
    return None
