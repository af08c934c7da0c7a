"""A policy to begin with: the recommended rule of every tool of a server, with the evidence it was made from.

YAML carries the evidence as comments, JSON has none, so there it is a report of its own. Every word of a server is
written on one line with nothing invisible in it, so that no comment can end and become a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.policy.model import Risk, RiskClass, Severity
from gateway.policy.risk.rules import GROUPS, SOME
from gateway.policy.risk.survey import Surveyed
from gateway.policy.texts import shown
from gateway.policy.writing import as_json, as_yaml, quoted

_ORDER = (RiskClass.READ, RiskClass.WRITE, RiskClass.EXECUTE, RiskClass.DESTRUCTIVE, RiskClass.FINANCIAL)
_SEVERITIES = list(Severity)
FINGERPRINT_SHOWN = 16
WIDTH = 118


def starter(tools: Sequence[Surveyed]) -> dict[str, Any]:
    """The policy as the plain data of a file in our format."""
    usable = [one for one in tools if one.usable]
    hidden = [one.name for one in _sorted(usable) if one.advice.hide]
    entries = {one.name: dict(one.advice.entry) for group in _groups(usable) for one in group}
    return {"version": "1", "default": "deny", **({"hide": hidden} if hidden else {}), "tools": entries}


def starter_json(tools: Sequence[Surveyed]) -> str:
    """The policy as JSON."""
    return as_json(starter(tools)) + "\n"


def starter_yaml(tools: Sequence[Surveyed], source: str) -> str:
    """The policy as YAML, with its evidence as comments. `source`: where the tools were listed."""
    usable = [one for one in tools if one.usable]
    hidden = [one for one in _sorted(usable) if one.advice.hide]
    lines = [*_head(tools, source), 'version: "1"', "default: deny"]
    if hidden:
        lines += ["hide:", *_comment(GROUPS[RiskClass.DESTRUCTIVE], "  ")]
        for one in hidden:
            lines += ["", *_evidence(one, "  "), f"  - {quoted(one.name)}"]
        lines.append("")
    entries = list(_groups(usable))
    lines.append("tools:" if entries else "tools: {}")
    for group in entries:
        kind = group[0].risk.kind
        told = SOME if kind is RiskClass.DESTRUCTIVE else GROUPS[kind]
        lines += ["", *_comment(f"{kind.value.upper()}, {_count(group)}. {told}", "  ")]
        for one in group:
            written = as_yaml({one.name: dict(one.advice.entry)}).splitlines()
            lines += ["", *_evidence(one, "  "), *(f"  {line}" for line in written)]
    return "\n".join([*lines, *_left_out(tools)]) + "\n"


def report(tools: Sequence[Surveyed], source: str) -> str:
    """The evidence by itself, for a policy that cannot carry it."""
    lines = [*_head(tools, source)]
    for one in _sorted(tools):
        lines += ["", f"{shown(one.name)[1:-1]}: {one.advice.why}", *_evidence(one, "")]
    return "\n".join([*lines, *_left_out(tools)]) + "\n"


def _head(tools: Sequence[Surveyed], source: str) -> Iterator[str]:
    yield from _comment(f"A policy to begin with for {shown(source)}, {_count(tools)}.")
    yield from _comment(
        "Made by `placet policy init` from what the tools say of themselves. Read it before you serve it: each rule "
        "stands under the words it was made from. What is not named is refused and not listed. Under `risk:` you can "
        "say what a tool does where you know better."
    )
    yield from _comment(
        "The hash of each tool is that of its definition as it was read. Placet keeps a tool that has changed from "
        "agents until somebody accepts it."
    )


def _sorted(tools: Sequence[Surveyed]) -> list[Surveyed]:
    """The gravest first, then by name."""
    return sorted(tools, key=lambda one: (-_SEVERITIES.index(one.risk.severity), one.name))


def _groups(tools: Sequence[Surveyed]) -> Iterator[list[Surveyed]]:
    for kind in _ORDER:
        group = [one for one in _sorted(tools) if one.risk.kind is kind and not one.advice.hide]
        if group:
            yield group


def _evidence(one: Surveyed, indent: str) -> Iterator[str]:
    yield from _comment(f"{one.risk.severity}, {one.risk.confidence} confidence: {_told(one.risk)}", indent)
    for finding in one.findings:
        yield from _comment(f"LOOK: {finding.text}", indent)
    if one.fingerprint:
        yield f"{indent}# sha256 {one.fingerprint[:FINGERPRINT_SHOWN]}"


def _told(risk: Risk) -> str:
    """The evidence as one sentence, with each thing that is said once: `only answers (name "get")`."""
    quotes: dict[str, list[str]] = {}
    for one in risk.evidence:
        quotes.setdefault(one.says, []).extend([f"{one.where} {shown(one.quote)}"] if one.quote else [])
    return "; ".join(f"{says} ({', '.join(each)})" if each else says for says, each in quotes.items())


def _left_out(tools: Sequence[Surveyed]) -> Iterator[str]:
    unusable = [one for one in tools if not one.usable]
    if unusable:
        names = ", ".join(shown(one.name) for one in unusable)
        yield ""
        yield from _comment(f"Left out, because they cannot be called: {names}.")


def _count(tools: Sequence[Surveyed]) -> str:
    return f"{len(tools)} {'tool' if len(tools) == 1 else 'tools'}"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    """A text as comment lines that fit."""
    line = f"{indent}#"
    for word in text.split():
        if len(line) + len(word) >= WIDTH and line.strip() != "#":
            yield line
            line = f"{indent}#"
        line += f" {word}"
    yield line
