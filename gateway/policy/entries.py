"""Which entries of a policy name a tool, found without looking at those that name others.

Exact names are an index. Patterns are tried when a tool is first seen and remembered for it, so what one call
costs to judge does not grow with the rules about other tools.
"""

from __future__ import annotations

from gateway.policy.model import Named, Policy, RiskClass
from gateway.policy.routes import overlay

KNOWN_NAMES = 5_000
"""So many tools are remembered; agents can make names up, where a tool calls tools by their names."""


def named(policy: Policy, tool: str, risk: RiskClass) -> Named:
    """What names a tool of this class of risk."""
    return policy.matches.get((tool, risk)) or _look_up(policy, tool, risk)


def _look_up(policy: Policy, tool: str, risk: RiskClass) -> Named:
    wider = [entry for entry in policy.patterns if entry.pattern.matches(tool, risk)]
    # The sort is stable: entries that are equally specific stay in the order of the file.
    entries = tuple(sorted((*policy.by_name.get(tool, ()), *wider), key=lambda entry: entry.pattern.rank))
    found = Named(
        entries=entries,
        route=overlay([entry.approval for entry in reversed(entries) if not entry.shadow]),
        hidden=tuple(rule for rule, name in policy.hide if name.matches(tool, risk)),
    )
    if len(policy.matches) < KNOWN_NAMES:
        policy.matches[tool, risk] = found
    return found
