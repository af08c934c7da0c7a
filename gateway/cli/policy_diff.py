"""`placet policy diff`: what one policy says otherwise than another, in words, tool by tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from approvals.domain.plain import visible
from gateway.cli import policy_findings
from gateway.cli.common import config_option, json_option, say
from gateway.cli.policy_files import look_at, stacks
from gateway.cli.policy_tools import listed, tools_options
from gateway.policy.differing import Difference, differences, summary
from gateway.policy.differing_parts import Change, Effect
from gateway.policy.linting import findings

WORDS = {
    Effect.TIGHTENS: "tightens",
    Effect.LOOSENS: "LOOSENS",
    Effect.EITHER: "EITHER",
    Effect.NEITHER: "-",
}
NAMED = 12
"""So many tools are named before the rest is counted."""


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@tools_options
@config_option
@json_option
def command(
    before: Path,
    after: Path,
    tools: str | None,
    server: str | None,
    last_seen: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Say what the policy AFTER says otherwise than the policy BEFORE, tool by tool.

    tightens: calls are refused or asked about that passed. LOOSENS: calls pass that were refused or asked about.
    EITHER: nobody can say. With a list of tools they are compared by name and by the risk that they show, and what in
    AFTER does nothing with these tools is told as well.
    """
    (old, new), definitions = (
        (stack[-1] for stack in stacks([before, after], look_at)),
        listed(tools, server, config, last_seen=last_seen),
    )
    found = differences(old, new, definitions)
    warnings = findings(new, definitions) if definitions else ()
    value = {
        "before": {"file": str(before), "policy_version": old.version},
        "after": {"file": str(after), "policy_version": new.version},
        "differences": [_json(one) for one in found],
        "summary": {effect.value: count for effect, count in summary(found).items()},
        "warnings": policy_findings.as_json(new, warnings),
    }
    lines = [*_text(before, after, found), *([""] if warnings else []), *policy_findings.lines(new, warnings)]
    say(value, "\n".join(lines), as_json=as_json)


def _text(before: Path, after: Path, found: Sequence[Difference]) -> list[str]:
    if not found:
        return [f"{before} and {after} mean the same."]
    lines = [f"{before} -> {after}", ""]
    for one in found:
        lines += [_who(one.tools), *(f"  {WORDS[change.effect]:<8}  {_words(change)}" for change in one.changes), ""]
    counts = summary(found)
    told = (
        f"{counts[Effect.LOOSENS]} loosen",
        f"{counts[Effect.TIGHTENS]} tighten",
        f"{counts[Effect.EITHER]} may do either",
        f"{counts[Effect.NEITHER]} decide nothing",
    )
    return [*lines, f"{sum(counts.values())} changes: {', '.join(told)}"]


def _who(tools: Sequence[str]) -> str:
    more = f" and {len(tools) - NAMED} more" if len(tools) > NAMED else ""
    return ", ".join(map(visible, tools[:NAMED])) + more


def _words(change: Change) -> str:
    rules = [rule for rule in (change.before, change.after) if rule is not None]
    where = " -> ".join(dict.fromkeys(rules))
    return visible(change.text) + (f"  ({where})" if where else "")


def _json(one: Difference) -> dict[str, Any]:
    return {
        "tools": list(one.tools),
        "changes": [
            {"effect": c.effect.value, "text": c.text, "rule_before": c.before, "rule_after": c.after}
            for c in one.changes
        ],
    }
