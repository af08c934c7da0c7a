"""The page of a server's tools: what each says of itself, what Placet makes of it, and the rules for it.

The rule that stands now is beside the one we would begin with, and where the policy says the risk of a tool, what was
found in its words stays readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from approvals.storage.pins import Pin
from approvals.web.bodies import Model
from gateway.catalog import Tool
from gateway.heavy import run, weight
from gateway.pins import difference
from gateway.policy.evaluate import listing
from gateway.policy.in_effect import in_effect
from gateway.policy.risk import Surveyed, survey
from gateway.policy.risk.overrides import settled
from gateway.policy.writing import as_yaml
from gateway.servers import Server


class EvidenceOut(Model):
    """One thing that speaks for the class or severity: where it stands, its exact words, and what they say."""

    where: str
    quote: str
    says: str


class FindingOut(Model):
    """One thing that does not fit together."""

    code: str
    text: str


class FoundOut(Model):
    """What a tool's own words say, where the policy says otherwise."""

    risk: str
    severity: str


class RecommendedOut(Model):
    """The rule to begin with: as a part of a policy, as YAML to copy, and in words."""

    policy: dict[str, Any]
    yaml: str
    why: str


class NowOut(Model):
    """What stands now: allow, depends, require_approval, deny or hide, which rule says it, and the budgets."""

    word: str
    rule: str
    policy: str
    limits: list[str]


class ToolOut(Model):
    """One tool as the server describes it, with what Placet makes of it. `listed`: agents may see it.

    `found`: what its words say of its risk, where the policy says otherwise. `drifted`: it changed since it was
    accepted, and is kept from agents; `difference` says how.
    """

    name: str
    description: str | None
    fingerprint: str
    risk: str
    severity: str
    confidence: str
    evidence: list[EvidenceOut]
    findings: list[FindingOut]
    found: FoundOut | None
    recommended: RecommendedOut
    now: NowOut
    listed: bool
    drifted: bool
    difference: list[str]
    unusable: str | None
    definition: dict[str, Any]


class ToolsOut(Model):
    """Every tool of a server, usable or not."""

    tools: list[ToolOut]
    next_cursor: str | None


async def tools_out(server: Server, tools: Sequence[Tool], pins: Mapping[str, Pin]) -> list[dict[str, Any]]:
    """The tools of a server as the page has them, by name."""
    definitions = [tool.definition for tool in tools]
    looked = await run(weight(definitions), survey, definitions)
    # The survey is by the names in the definitions, of which two can be alike; so each finds its own tool again.
    by_definition = {id(one.definition): one for one in looked}
    pairs = [(tool, by_definition[id(tool.definition)]) for tool in tools]
    return [_tool(server, tool, one, pins.get(tool.name)) for tool, one in sorted(pairs, key=lambda pair: pair[0].name)]


def _tool(server: Server, tool: Tool, looked: Surveyed, pin: Pin | None) -> dict[str, Any]:
    found = looked.risk
    risk = settled(server.policies, tool.name, found)
    description = tool.definition.get("description")
    same = (risk.kind, risk.severity) == (found.kind, found.severity)
    part = looked.advice.as_policy(tool.name)
    return {
        "name": tool.name,
        "description": description if isinstance(description, str) else None,
        "fingerprint": tool.fingerprint,
        "risk": risk.kind.value,
        "severity": risk.severity.value,
        "confidence": risk.confidence.value,
        "evidence": [{"where": one.where, "quote": one.quote, "says": one.says} for one in risk.evidence],
        "findings": [{"code": one.code, "text": one.text} for one in looked.findings],
        "found": None if same else {"risk": found.kind.value, "severity": found.severity.value},
        "recommended": {"policy": part, "yaml": as_yaml(part), "why": looked.advice.why},
        "now": in_effect(server.policies, tool.name, found.kind).as_json(),
        "drifted": tool.drifted,
        "difference": list(difference(pin)) if pin is not None and tool.drifted else [],
        "listed": tool.unusable is None and not tool.drifted and listing(server.policies, tool.name, found.kind),
        "unusable": tool.unusable,
        "definition": tool.definition,
    }
