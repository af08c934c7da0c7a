"""Changes between the rules and limits of two profiles: what came, what went, and what only moved its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.policy import wording
from gateway.policy.implying import alike, rule_implies
from gateway.policy.profiles import Part
from gateway.policy.texts import shown


class Effect(StrEnum):
    """What a change does to calls: fewer pass unasked, more do, none does otherwise, or nobody can say."""

    TIGHTENS = "tightens"
    LOOSENS = "loosens"
    NEITHER = "neither"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a policy says otherwise, in words; the rules that say it, before and after."""

    text: str
    effect: Effect
    before: str | None = None
    after: str | None = None


SAYS = {"require": "requires that", "deny_if": "denies if", "approve_if": "asks if"}
_MEANING = ("conditions", "when")


def rule_changes(key: str, before: Sequence[Part], after: Sequence[Part]) -> Iterator[Change]:
    """Changes between the rules under `require`, `deny_if` or `approve_if`."""
    gone, come, same = matched(before, after)
    for old, new in same:
        yield from _words(key, old, new)
    for old in list(gone):
        like = [part for part in come if _paths(part.said) == _paths(old.said)]
        for new in like[:1]:
            gone.remove(old)
            come.remove(new)
            text = f"{SAYS[key]} {wording.rule(new.said)}, before {wording.rule(old.said)}"
            yield Change(text=text, effect=_moved(key, old, new), before=old.rule, after=new.rule)
    for old in gone:
        yield Change(text=f"no longer {SAYS[key]} {wording.rule(old.said)}", effect=Effect.LOOSENS, before=old.rule)
    for new in come:
        yield Change(text=f"{SAYS[key]} {wording.rule(new.said)}", effect=Effect.TIGHTENS, after=new.rule)


def matched(before: Sequence[Part], after: Sequence[Part]) -> tuple[list[Part], list[Part], list[tuple[Part, Part]]]:
    """What went, what came, and what means the same in both, wherever it stands: first pairs that are alike in all."""
    gone, come, same = list(before), list(after), list[tuple[Part, Part]]()
    for likeness in (_whole, _meaning):
        for old in list(gone):
            new = next((part for part in come if alike(likeness(part.said), likeness(old.said))), None)
            if new is not None:
                gone.remove(old)
                come.remove(new)
                same.append((old, new))
    return gone, come, same


def _whole(said: Mapping[str, Any]) -> dict[str, Any]:
    return dict(said)


def _meaning(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in _MEANING if said.get(key)}


def _words(key: str, old: Part, new: Part) -> Iterator[Change]:
    if old.said.get("on_deny") != new.said.get("on_deny"):
        text = f"says {shown(new.said.get('on_deny'))} where it {SAYS[key]} {wording.rule(new.said)}"
        yield Change(text=text, effect=Effect.NEITHER, before=old.rule, after=new.rule)


def _moved(key: str, old: Part, new: Part) -> Effect:
    narrower, wider = rule_implies(new.said, old.said), rule_implies(old.said, new.said)
    if narrower is wider:
        return Effect.NEITHER if narrower else Effect.EITHER
    # What holds for fewer calls lets fewer through where it must hold, and catches fewer where it refuses or asks.
    return Effect.TIGHTENS if narrower is (key == "require") else Effect.LOOSENS


def _paths(said: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    todo = list(said.get("conditions", []))
    while todo:
        one = todo.pop()
        todo += [*one.get("any", []), *one.get("all", []), *([one["not"]] if "not" in one else [])]
        found |= {one["path"]} if "path" in one else set()
    return found


def limit_changes(before: Sequence[Part], after: Sequence[Part]) -> Iterator[Change]:
    """Changes between limits; those of the same counter, window and scope are the same limit."""
    gone = list(before)
    come: list[Part] = []
    for new in after:
        old = next((part for part in gone if _budget(part.said) == _budget(new.said)), None)
        if old is None:
            come.append(new)
            continue
        gone.remove(old)
        yield from _limit_moved(old, new)
    for old in gone:
        yield Change(text=f"no longer {wording.limit(old.said)}", effect=Effect.LOOSENS, before=old.rule)
    for new in come:
        yield Change(text=wording.limit(new.said), effect=Effect.TIGHTENS, after=new.rule)


def _budget(said: Mapping[str, Any]) -> tuple[str, ...]:
    return (said["counter"], str(said["window"]), str(said.get("scope", "grant")))


def _limit_moved(old: Part, new: Part) -> Iterator[Change]:
    counter, per = shown(new.said["counter"]), f"{wording.per(new.said)} {wording.whose(new.said)}"
    at = {"before": old.rule, "after": new.rule}
    most, least = new.said["max"], old.said["max"]
    if most != least:
        text = f"at most {wording.number(most)} {per} (counter {counter}), before {wording.number(least)}"
        yield Change(text=text, effect=Effect.LOOSENS if most > least else Effect.TIGHTENS, **at)
    asks = new.said.get("on_exceed") == "require_approval"
    if asks is not (old.said.get("on_exceed") == "require_approval"):
        text = f"asks a person when {counter} is used up" if asks else f"refuses when {counter} is used up"
        yield Change(text=text, effect=Effect.LOOSENS if asks else Effect.TIGHTENS, **at)
    decided = {"counter", "window", "scope", "max", "on_exceed", "id", "on_deny"}
    for key in sorted((old.said.keys() | new.said.keys()) - decided):
        if not alike(old.said.get(key), new.said.get(key)):
            text = (
                f"{key} of {counter} is {wording.value(new.said.get(key))}, before {wording.value(old.said.get(key))}"
            )
            yield Change(text=text, effect=Effect.EITHER, **at)
    if old.said.get("on_deny") != new.said.get("on_deny"):
        yield Change(
            text=f"says {shown(new.said.get('on_deny'))} when {counter} is used up", effect=Effect.NEITHER, **at
        )
