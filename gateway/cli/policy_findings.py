"""What is found in policies by looking at them, as the commands print it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.domain.plain import visible
from gateway.policy.findings import Finding, Kind
from gateway.policy.linting import findings
from gateway.policy.model import Policy
from gateway.settings import Settings


def lines(policy: Policy, found: Iterable[Finding]) -> list[str]:
    """Each finding as file:line:column: warning: text."""
    return [_line(policy, one) for one in found]


def _line(policy: Policy, one: Finding) -> str:
    line, column = policy.place(one.rule)
    at = f" (at {one.rule})" if one.rule else ""
    return f"{policy.name}:{line}:{column}: warning: {visible(one.text)}{at}"


def as_json(policy: Policy, found: Iterable[Finding]) -> list[dict[str, Any]]:
    """Each finding with its place."""
    return [{"kind": one.kind.value, "rule": one.rule, "text": one.text, **_place(policy, one.rule)} for one in found]


def _place(policy: Policy, rule: str) -> dict[str, int]:
    line, column = policy.place(rule)
    return {"line": line, "column": column}


def of_configuration(settings: Settings, seen: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What is found in every policy of a configuration, looked at with the tools that its servers last listed.

    A policy of several servers may name the tools of any of them; that it leaves some to the default is no news.
    """
    users: dict[str, tuple[Policy, list[str]]] = {}
    for name, server in settings.servers.items():
        for policy in server.policies:
            users.setdefault(policy.name, (policy, []))[1].append(name)
    for agent in settings.agents.values():
        for policy in agent.policies:
            users.setdefault(policy.name, (policy, []))[1].extend(agent.servers)
    told: list[str] = []
    for policy, names in users.values():
        known = all(seen.get(name) for name in names)
        definitions = [one for name in dict.fromkeys(names) for one in seen[name]] if known else []
        found = [one for one in findings(policy, definitions) if one.kind is not Kind.NOT_NAMED]
        told += lines(policy, found)
    return told
