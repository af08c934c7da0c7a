"""The names of tools in a policy file: exact, globs, or a class of risk."""

from __future__ import annotations

from gateway.policy.collecting import Collector, Path
from gateway.policy.model import RiskClass
from gateway.policy.names import RISK_PREFIX, NamePattern, pattern
from gateway.policy.source import nearest


def tool_pattern(notes: Collector, text: str, path: Path) -> NamePattern | None:
    """The pattern that a name stands for."""
    try:
        found = pattern(text)
    except ValueError as err:
        notes.problem(path, str(err))
        return None
    word = text.removeprefix(RISK_PREFIX)
    if found.kind == "risk" and word not in set(RiskClass):
        notes.problem(
            path, f"{word!r} is not a class of risk", nearest(word, RiskClass) or "one of " + ", ".join(RiskClass)
        )
        return None
    return found
