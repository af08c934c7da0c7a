"""Calls inside calls: tools that call other tools by name (`unwrap`), so that the policy sees the real one.

The inner call is judged like any other, by every layer, and the strictest verdict of both is that of the call. Where an
inner call cannot be made out, the call is denied; calls inside calls inside calls are followed so far and no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from approvals.domain.terms import Steps
from gateway.policy.entries import named
from gateway.policy.judging import Say
from gateway.policy.model import Facts, Policy, ToolRules, Verdict
from gateway.policy.names import pattern
from gateway.policy.paths import Missing, Unwrap
from gateway.policy.risk import classify
from gateway.policy.risk.overrides import class_seen
from gateway.policy.sheet import Sheet
from gateway.policy.texts import shown

DEEPEST = 4
"""How many calls may lie within each other."""


class Sealed(Exception):
    """Nobody can say what is called inside; `str()` says why."""


def inner_calls(layers: Sequence[Policy], facts: Facts, sheet: Sheet, depth: int) -> Iterator[tuple[Facts, Sheet]]:
    """Every call within a call, each with the part of the sheet it is judged on; what cannot be opened is noted."""
    found: dict[tuple[str, int], tuple[Facts, bool, Steps]] = {}
    for policy, entry, unwrap in _unwraps(layers, facts):
        try:
            inner = opened(unwrap, facts, depth)
        except Sealed as err:
            reason = f"The policy judges the call inside this one, and {err}."
            say = Say(verdict=Verdict.DENY, rule=unwrap.pointer, reason=reason, why=str(err))
            sheet.shadow(policy, say) if entry.shadow else sheet.note(policy, say)
            continue
        sheet.note(policy, Say(rule=unwrap.pointer, why=f"it calls {shown(inner.tool)}"))
        # Several layers may open the same call: it is judged once, and in shadow only if all of them are.
        key = (inner.tool, id(inner.arguments))
        found[key] = (inner, entry.shadow and found.get(key, (inner, True))[1], unwrap.arguments.plain_steps)
    for inner, in_shadow, at in found.values():
        yield inner, sheet.within(inner.tool, in_shadow=in_shadow, at=at)


def opened(unwrap: Unwrap, facts: Facts, depth: int = 0) -> Facts:
    """The call inside a call. Its risk is judged by its name: that is all there is.

    Raises:
        Sealed: it cannot be made out.
    """
    if depth >= DEEPEST:
        raise Sealed(f"more than {DEEPEST} calls lie within each other")
    try:
        ((where, tool),) = unwrap.tool.values(facts.arguments)
        ((there, arguments),) = unwrap.arguments.values(facts.arguments)
    except Missing as err:
        raise Sealed(str(err)) from err
    if not isinstance(tool, str) or not _names_a_tool(tool):
        raise Sealed(f"{where} {shown(tool)} is not the name of a tool")
    if not isinstance(arguments, Mapping):
        raise Sealed(f"{there} {shown(arguments)} is not an object of arguments")
    return replace(facts, tool=tool, arguments=arguments, risk=classify({"name": tool}))


def _unwraps(layers: Sequence[Policy], facts: Facts) -> Iterator[tuple[Policy, ToolRules, Unwrap]]:
    for policy in layers:
        found = named(policy, facts.tool, class_seen(policy, facts.tool, facts.risk.kind))
        for entry in found.entries:
            if entry.unwrap is not None:
                yield policy, entry, entry.unwrap


def _names_a_tool(text: str) -> bool:
    try:
        return pattern(text).kind == "exact"
    except ValueError:
        return False
