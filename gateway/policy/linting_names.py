"""Names in a policy that name nothing, names that look like others, and tools that nothing names."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.policy.findings import Finding, Kind, Tools, listed
from gateway.policy.lookalikes import twins
from gateway.policy.names import NamePattern, pattern
from gateway.policy.profiles import Reading
from gateway.policy.source import nearest, pointer
from gateway.policy.texts import shown


def of_names(reading: Reading, tools: Tools | None) -> Iterator[Finding]:
    """Everything that the names of a policy show."""
    each = [*_named(reading)]
    exact = [it.text for _, it in each if it.kind == "exact"]
    for group in twins(exact):
        for name in group[1:]:
            rule = next(rule for rule, it in each if it.text == name)
            yield Finding(kind=Kind.LOOKALIKE, rule=rule, text=f"{shown(name)} looks like {shown(group[0])}")
    if tools is None:
        return
    for rule, it in each:
        if not tools.named_by(it):
            yield Finding(kind=Kind.MATCHES_NOTHING, rule=rule, text=_nothing(it, tools))
    yield from _lookalikes(each, tools)
    yield from _unnamed(reading, tools)


def _named(reading: Reading) -> Iterator[tuple[str, NamePattern]]:
    """Every name and pattern with its rule."""
    for index, it in enumerate(reading.hidden):
        yield pointer(("hide", index)), it
    for name, it in reading.names.items():
        yield pointer(("tools", name)), it
    for name in reading.plain.get("risk", {}):
        yield pointer(("risk", name)), pattern(name)


def _nothing(it: NamePattern, tools: Tools) -> str:
    if it.kind == "risk":
        return f"no tool is of the class {it.text.removeprefix('risk:')}"
    if it.kind == "glob":
        return f"{shown(it.text)} names no tool"
    hint = nearest(it.text, tools.kinds)
    return f"there is no tool {shown(it.text)}" + (f"; {hint}" if hint else "")


def _lookalikes(each: list[tuple[str, NamePattern]], tools: Tools) -> Iterator[Finding]:
    exact = {it.text: rule for rule, it in each if it.kind == "exact"}
    for group in twins([*tools.kinds, *exact]):
        there = [name for name in group if name in tools.kinds]
        for name in (name for name in group if name in exact):
            others = [other for other in there if other != name and other not in exact]
            if others:
                text = f"what is said of {shown(name)} does not hold for {listed(others)}, which looks like it"
                yield Finding(kind=Kind.LOOKALIKE, rule=exact[name], text=text)
        if not any(name in exact for name in group):
            yield Finding(kind=Kind.LOOKALIKE, rule="", text=f"the server has tools that look alike: {listed(there)}")


def _unnamed(reading: Reading, tools: Tools) -> Iterator[Finding]:
    names = frozenset(tools.kinds)
    for _, it in _named(reading):
        if not it.text.startswith("risk:") or it.kind == "risk":
            names -= tools.named_by(it)
    shadows = {name for name, entry in reading.plain.get("tools", {}).items() if entry.get("mode") == "shadow"}
    names |= {name for name in tools.kinds if name in shadows}
    if names:
        does = "allows" if reading.plain["default"] == "allow" else "denies"
        count = f"{len(names)} tool{'s are' if len(names) > 1 else ' is'} named by nothing"
        text = f"{count}, and the default {does} {'them' if len(names) > 1 else 'it'}: {listed(names)}"
        yield Finding(kind=Kind.NOT_NAMED, rule="/default", text=text)
