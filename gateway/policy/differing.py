"""What one policy says otherwise than another, tool by tool and in words: does it tighten, or does it loosen?

Files are compared by what they mean, whatever their formats, order and spelling. Tools with the same changes are told
together. A change that cannot be proved to do one or the other is said to do either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy import wording
from gateway.policy.differing_approval import approval_changes
from gateway.policy.differing_parts import Change, Effect, limit_changes, matched, rule_changes
from gateway.policy.implying import alike
from gateway.policy.model import Policy
from gateway.policy.profiles import RULES, Profile, Reading, Standing, Subject, always, subjects
from gateway.policy.texts import shown

EVERY_CALL = "every call"
THE_FILE = "the file"
_ORDER = list(Standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes for some tools, all of them alike."""

    tools: tuple[str, ...]
    changes: tuple[Change, ...]


def differences(before: Policy, after: Policy, tools: Sequence[Mapping[str, Any]] = ()) -> tuple[Difference, ...]:
    """Everything that a policy says otherwise than the one before it; nothing where they mean the same.

    `tools` are definitions as a server lists them: they are compared by name, and by the risk that they show.
    """
    readings = (Reading(before), Reading(after))
    found = [_of_subject(*readings, subject) for subject in subjects(readings, tools)]
    found.append((EVERY_CALL, tuple(limit_changes(readings[0].everywhere(), readings[1].everywhere()))))
    found.append((THE_FILE, tuple(_of_file(readings[0].plain, readings[1].plain))))
    return _grouped(found)


def summary(found: Sequence[Difference]) -> dict[Effect, int]:
    """How many changes have which effect."""
    each = [change.effect for one in found for change in one.changes]
    return {effect: each.count(effect) for effect in Effect}


def _grouped(found: Sequence[tuple[str, tuple[Change, ...]]]) -> tuple[Difference, ...]:
    groups: dict[tuple[tuple[str, Effect], ...], tuple[list[str], tuple[Change, ...]]] = {}
    for label, changes in found:
        if changes:
            key = tuple((change.text, change.effect) for change in changes)
            groups.setdefault(key, ([], changes))[0].append(label)
    return tuple(Difference(tools=tuple(labels), changes=changes) for labels, changes in groups.values())


def _of_subject(before: Reading, after: Reading, subject: Subject) -> tuple[str, tuple[Change, ...]]:
    return subject.label, tuple(_profiled(before.profile(subject), after.profile(subject)))


def _profiled(old: Profile, new: Profile) -> Iterator[Change]:
    if old.standing is not new.standing:
        yield _standing(old, new)
    if not (old.passes and new.passes):
        return
    for key in RULES:
        yield from rule_changes(key, _conditional(key, old), _conditional(key, new))
    yield from _terms(old, new)
    yield from limit_changes(old.limits, new.limits)
    yield from _others(old, new)
    if old.reason != new.reason:
        text = f"gives the reason {shown(new.reason)}" if new.reason else "gives no reason"
        yield Change(text=text, effect=Effect.NEITHER, before=old.rule, after=new.rule)


def _standing(old: Profile, new: Profile) -> Change:
    text = f"{new.standing}, before it {_was(old.standing)}"
    more = list(_restrictions(new)) if new.passes and not old.passes else []
    if more:
        text += ": " + "; ".join(more)
    effect = Effect.TIGHTENS if _ORDER.index(new.standing) > _ORDER.index(old.standing) else Effect.LOOSENS
    if not (old.passes or new.passes):
        effect = Effect.NEITHER
    return Change(text=text, effect=effect, before=old.rule, after=new.rule)


def _was(standing: Standing) -> str:
    return "asked a person" if standing is Standing.ASKED else standing.removeprefix("is ").join(("was ", ""))


def _restrictions(new: Profile) -> Iterator[str]:
    """What a tool that can be called now is held to."""
    for key, says in (("require", "it requires that"), ("deny_if", "it is denied if"), ("approve_if", "it asks if")):
        for part in _conditional(key, new):
            yield f"{says} {wording.rule(part.said)}"
    for part in new.limits:
        yield wording.limit(part.said)
    for name, (_, said) in new.others.items():
        yield f"{name}: {wording.value(said)}"


def _conditional(key: str, profile: Profile) -> list[Any]:
    """The rules that depend on something; those that always hold are the standing."""
    return [part for part in profile.rules[key] if not always(part.said)]


def _terms(old: Profile, new: Profile) -> Iterator[Change]:
    if not (_asks(old) and _asks(new)):
        return
    yield from approval_changes(old.approval, new.approval, where="to ask")
    for was, now in matched(old.rules["approve_if"], new.rules["approve_if"])[2]:
        blocks = was.said.get("approval", {}), now.said.get("approval", {})
        yield from approval_changes(*blocks, where=f"to ask if {wording.rule(now.said)}")


def _asks(profile: Profile) -> bool:
    over = any(part.said.get("on_exceed") == "require_approval" for part in profile.limits)
    return profile.standing is Standing.ASKED or bool(profile.rules["approve_if"]) or over


def _others(old: Profile, new: Profile) -> Iterator[Change]:
    for name in sorted(old.others.keys() | new.others.keys()):
        was, now = old.others.get(name), new.others.get(name)
        if was is None and now is not None:
            yield Change(text=f"{name}: {wording.value(now[1])}", effect=_added(name), after=now[0])
        elif was is not None and now is None:
            text = f"no longer {name}: {wording.value(was[1])}"
            yield Change(text=text, effect=_taken(name), before=was[0])
        elif was is not None and now is not None and not alike(was[1], now[1]):
            text = f"{name} is {wording.value(now[1])}, before {wording.value(was[1])}"
            yield Change(text=text, effect=Effect.EITHER, before=was[0], after=now[0])


def _added(name: str) -> Effect:
    return Effect.TIGHTENS if name.split()[0] in {"schedule", "when"} else Effect.EITHER


def _taken(name: str) -> Effect:
    return Effect.LOOSENS if name.split()[0] in {"schedule", "when"} else Effect.EITHER


def _of_file(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """What is said on top, but for what tools are called by."""
    for key in ("resources", "prompts"):
        was, now = ((plain.get(key) or plain)["default"] for plain in (old, new))
        if was != now:
            text = f"{key} are {_PASSING[now]}, before {_PASSING[was]}"
            yield _on_top(key, old, new, text, Effect.LOOSENS if now == "allow" else Effect.TIGHTENS)
    told = {"version", "default", "hide", "tools", "all_tools", "$schema", "resources", "prompts"}
    for key in sorted((old.keys() | new.keys()) - told):
        if alike(old.get(key), new.get(key)):
            continue
        if key == "tests":
            text = f"holds {len(new.get(key, []))} tests, before {len(old.get(key, []))}, and not the same"
            yield _on_top(key, old, new, text, Effect.NEITHER)
            continue
        was, now = (wording.value(plain.get(key)) for plain in (old, new))
        effect = Effect.NEITHER if key in {"description", "list_denied"} else Effect.EITHER
        yield _on_top(key, old, new, f"{key} is {now}, before {was}", effect)


_PASSING = {"allow": "allowed", "deny": "denied"}


def _on_top(key: str, old: Mapping[str, Any], new: Mapping[str, Any], text: str, effect: Effect) -> Change:
    before, after = (f"/{key}" if key in plain else "/default" for plain in (old, new))
    return Change(text=text, effect=effect, before=before, after=after)
