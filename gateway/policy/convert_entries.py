"""A policy in our own format laid out for writers of formats that only know exact names.

What a pattern says of a tool that is named itself is added to that tool's entry: every rule of every entry counts
anyway, so nothing changes for it. What is lost are the tools that only the pattern names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.policy.collecting import Path
from gateway.policy.convert_losses import Losses
from gateway.policy.names import NamePattern, pattern

HARMLESS = frozenset({"id", "description", "redact"})
"""Keys of a tool that decide no call."""
TOP_HARMLESS = frozenset({"description", "list_denied", "risk", "tests"})
"""Keys of a policy that decide no call by themselves."""
_STRICTNESS = ["allow", "require_approval", "deny", "hide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One rule or limit with its place."""

    path: Path
    value: Mapping[str, Any]

    @property
    def beyond(self) -> list[str]:
        """Keys of a rule that say when it holds, and that no other format has."""
        return sorted(self.value.keys() - {"id", "conditions", "on_deny", "approval"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What holds for the tools of one name. `beyond`: what decides calls and no other format can say, by its place."""

    path: Path
    action: str = "allow"
    action_path: Path = ()
    reason: str | None = None
    require: tuple[Part, ...] = ()
    deny_if: tuple[Part, ...] = ()
    approve_if: tuple[Part, ...] = ()
    limits: tuple[Part, ...] = ()
    approval: tuple[Part, ...] = ()
    beyond: tuple[Path, ...] = ()

    @property
    def restricts(self) -> bool:
        """Does it do more than to allow?"""
        rules = self.require or self.deny_if or self.approve_if or self.limits or self.beyond
        return bool(rules) or self.action != "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A whole policy: its default, what is hidden, and an entry for each name the target can write."""

    default: str
    hide: tuple[tuple[Path, str], ...] = ()
    limits: tuple[Part, ...] = ()
    tools: Mapping[str, Entry] = field(default_factory=dict)


def lay_out(
    plain: Mapping[str, Any],
    losses: Losses,
    *,
    native: frozenset[str] = frozenset(),
    kept: frozenset[str] = frozenset(),
) -> Layout:
    """Lay out the plain data of a policy.

    `native` are patterns that the target knows, as what they are here; `kept` are keys on top that it has as well.
    """
    entries = {name: _entry(name, said, losses) for name, said in plain.get("tools", {}).items()}
    shadows = {name for name, said in plain.get("tools", {}).items() if said.get("mode") == "shadow"}
    default = plain["default"]
    everything = entries.get("*")
    if everything is not None and "*" not in shadows and ("*" in native or not everything.restricts):
        default = "allow"  # "*" names every tool, so the default decides nothing
    tools = _spread(entries, shadows, default, losses, native)
    hide, tools = _hidden(plain.get("hide", []), tools, default, losses)
    rest = plain.keys() - {"version", "default", "hide", "all_tools", "tools", "$schema", *kept}
    _top(plain, rest, losses)
    everywhere = plain.get("all_tools", {}).get("limits", [])
    return Layout(default=default, hide=hide, limits=_parts(everywhere, ("all_tools", "limits")), tools=tools)


def _top(plain: Mapping[str, Any], rest: Iterable[str], losses: Losses) -> None:
    for key in sorted(rest):
        if key in TOP_HARMLESS:
            losses.same((key,), f"{key}: it has nothing like it")
        elif key in {"resources", "prompts"}:
            tell = losses.looser if plain[key].get("default") == "deny" else losses.stricter
            tell((key,), f"what happens to {key}: it speaks of tools only")
        else:
            losses.looser((key,), f"{key}: it has nothing like it")


def _entry(name: str, said: Mapping[str, Any], losses: Losses) -> Entry:
    path: Path = ("tools", name)
    if said.get("mode") == "shadow":
        losses.same((*path, "mode"), "an entry that is only tried (mode: shadow)")
        return Entry(path=path)
    rate = [_rate(name, said["rate_limit"], (*path, "rate_limit"))] if "rate_limit" in said else []
    for key in sorted(said.keys() & HARMLESS):
        losses.same((*path, key), f"{key} of {name}")
    known = {"action", "reason", "require", "deny_if", "approve_if", "limits", "rate_limit", "approval", "mode"}
    return Entry(
        path=path,
        action=said.get("action", "allow"),
        action_path=(*path, "action"),
        reason=said.get("reason"),
        require=_parts(said.get("require", []), (*path, "require")),
        deny_if=_parts(said.get("deny_if", []), (*path, "deny_if")),
        approve_if=_parts(said.get("approve_if", []), (*path, "approve_if")),
        limits=(*_parts(said.get("limits", []), (*path, "limits")), *rate),
        approval=(Part(path=(*path, "approval"), value=said["approval"]),) if "approval" in said else (),
        beyond=tuple((*path, key) for key in sorted(said.keys() - known - HARMLESS)),
    )


def _parts(values: Iterable[Mapping[str, Any]], path: Path) -> tuple[Part, ...]:
    return tuple(Part(path=(*path, index), value=value) for index, value in enumerate(values))


def _rate(name: str, said: Any, path: Path) -> Part:
    """The limit that a rate is short for, by the name its counter has."""
    if isinstance(said, str):
        count, _, window = said.partition("/")
        value = {"counter": f"{name}_rate_{window}", "window": window, "max": int(count)}
    else:
        value = {"counter": f"{name}_rate_{said['window']}", "window": said["window"], "max": said["max"]}
    return Part(path=path, value=value)


def _spread(
    entries: Mapping[str, Entry], shadows: set[str], default: str, losses: Losses, native: frozenset[str]
) -> dict[str, Entry]:
    patterns = {name: pattern(name) for name in entries if name not in shadows}
    wide = sorted(
        (it for name, it in patterns.items() if it.kind != "exact" and name not in native), key=lambda it: it.rank
    )
    tools: dict[str, Entry] = {}
    for name, entry in entries.items():
        if name in native and name not in shadows:
            tools[name] = entry
        if pattern(name).kind != "exact":
            continue
        wider = [entries[it.text] for it in wide if it.kind == "glob" and it.matches(name, "")]
        if name not in shadows or wider or "*" in patterns:
            tools[name] = _merged([entry, *wider])
    for it in wide:
        _lost_names(it, entries[it.text], default, losses)
    return tools


def _lost_names(it: NamePattern, entry: Entry, default: str, losses: Losses) -> None:
    text = f"{it.text!r} names tools by a pattern; "
    if it.kind == "risk" and entry.restricts:
        losses.looser(entry.path, text + "what it says of tools of a class of risk is not written")
    elif default == "deny":
        losses.stricter(entry.path, text + "those that are not named themselves are denied")
    elif entry.restricts:
        losses.looser(entry.path, text + "those that are not named themselves are allowed")


def _merged(entries: list[Entry]) -> Entry:
    first, *rest = entries
    if not rest:
        return first
    strictest = max(entries, key=lambda entry: _STRICTNESS.index(entry.action))
    return replace(
        first,
        action=strictest.action,
        action_path=strictest.action_path,
        reason=strictest.reason if strictest.action != "allow" else first.reason,
        require=tuple(part for entry in entries for part in entry.require),
        deny_if=tuple(_spoken(part, entry) for entry in entries for part in entry.deny_if),
        approve_if=tuple(_spoken(part, entry) for entry in entries for part in entry.approve_if),
        limits=tuple(part for entry in entries for part in entry.limits),
        approval=tuple(part for entry in reversed(entries) for part in entry.approval),
        beyond=tuple(path for entry in entries for path in entry.beyond),
    )


def _spoken(part: Part, entry: Entry) -> Part:
    """A rule without words of its own speaks with those of its entry."""
    if entry.reason is None or "on_deny" in part.value:
        return part
    return replace(part, value={**part.value, "on_deny": entry.reason})


def _hidden(
    names: Iterable[str], tools: dict[str, Entry], default: str, losses: Losses
) -> tuple[tuple[tuple[Path, str], ...], dict[str, Entry]]:
    found: dict[str, Path] = {}
    for index, name in enumerate(names):
        path: Path = ("hide", index)
        if name == "*" or pattern(name).kind == "exact":
            found.setdefault(name, path)
            continue
        it = pattern(name)
        for tool in tools:
            if it.kind == "glob" and tool != "*" and it.matches(tool, ""):
                found.setdefault(tool, path)
        tell = losses.same if default == "deny" and it.kind == "glob" else losses.looser
        tell(path, f"{name!r} hides tools by a pattern; only those that are named themselves stay hidden")
    for name, entry in tools.items():
        if entry.action == "hide":
            found.setdefault(name, entry.action_path)
    # What is hidden is denied whatever its entry says; the entry stays where it names the tool for somebody else.
    left = {name: entry for name, entry in tools.items() if entry.action != "hide"}
    return tuple((path, name) for name, path in found.items()), left
