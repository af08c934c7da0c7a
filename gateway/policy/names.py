"""Which tools an entry names: an exact name, a glob, or a class of risk.

Exact and case-sensitive. `*` stands for any characters and `?` for one; nothing else is wild, so a
bracket never turns into a class by accident (security.md 1e P4). Specificity orders settings only:
exact, then the longer literal prefix, then `risk:…`, then `*`; verdicts always accumulate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import re2

RISK_PREFIX = "risk:"
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """One key under `tools`, or one entry of `hide`. Build it with `pattern()`."""

    text: str
    kind: str
    compiled: Any = field(default=None, compare=False, repr=False)

    def matches(self, tool: str, risk: str) -> bool:
        """Does it name this tool, of this class of risk?"""
        if self.kind == "exact":
            return tool == self.text
        if self.kind == "risk":
            return risk == self.text.removeprefix(RISK_PREFIX)
        return self.compiled.fullmatch(tool) is not None

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the most specific first."""
        if self.kind == "exact":
            return (0, 0)
        literal = min(i for i in (self.text.find("*"), self.text.find("?"), len(self.text)) if i >= 0)
        if self.kind == "glob" and literal:
            return (1, -literal)
        return (2, 0) if self.kind == "risk" else (3, 0)


def pattern(text: str) -> NamePattern:
    """The pattern a key stands for.

    Raises:
        ValueError: it can never name a tool, or would mean different things to different readers.
    """
    if not text or text != text.strip():
        raise ValueError("a tool name is not empty and has no spaces around it")
    if text.startswith(RISK_PREFIX):
        return NamePattern(text=text, kind="risk")
    if "*" in text or "?" in text:
        if any(c in text for c in "[]{}!"):
            raise ValueError("in a pattern only * and ? are wild; brackets and ! have no meaning here")
        return NamePattern(text=text, kind="glob", compiled=compile_glob(text))
    if not _NAME.fullmatch(text):
        raise ValueError("no tool can have this name: letters, digits, '_', '.', '-' and '/' only, at most 128")
    return NamePattern(text=text, kind="exact")


def compile_glob(text: str) -> Any:
    """A glob as an RE2 pattern; use `fullmatch`."""
    body = "".join(".*" if c == "*" else "." if c == "?" else re2.escape(c) for c in text)
    return re2.compile(f"(?s){body}")
