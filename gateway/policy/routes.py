"""Approval blocks into Terms: what a rule says, over what a wider rule says, over the configuration.

Between blocks of one policy the more specific one wins key by key. Between rules that each want
approval, and between layers, nothing may be loosened: all factors of all of them, the shorter timeout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import reduce
from typing import TypeVar

from approvals.domain.terms import Escalation, Factor, OnTimeout, Terms
from gateway.policy.limit import Limit, OnExceed
from gateway.policy.model import Action, ApprovalBlock, ApprovalSpec, Policy, ToolRules

T = TypeVar("T")

_SILENCE = [OnTimeout.DENY, OnTimeout.ESCALATE, OnTimeout.ALLOW]
_JUSTIFICATION = ["required", "optional", "off"]
_GRANTS = ["never", "offer", "always"]


class NobodyToAsk(ValueError):
    """Neither the rule nor the configuration names a reviewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDefaults:
    """The `approvals` section of the configuration. Silence can never mean yes here."""

    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    timeout: timedelta = timedelta(minutes=15)
    on_timeout: OnTimeout = OnTimeout.DENY
    escalate: tuple[Escalation, ...] = ()
    delegation: bool = True
    remind: timedelta | None = None
    collect_within: timedelta = timedelta(minutes=15)
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.on_timeout is OnTimeout.ALLOW:
            raise ValueError("on_timeout: allow is said by a rule itself, never by default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A rule that may send a call to people, by its pointer, and whom it asks."""

    rule: str
    spec: ApprovalSpec


def askers(policy: Policy) -> Iterator[Asker]:
    """Every rule of a policy that may ask people, with the blocks that are sure to apply to it.

    What a `risk:…` entry adds depends on the tool, so only the entry itself counts on it.
    """
    globs = [e for e in policy.tools if e.pattern.kind == "glob" and not e.shadow and e.approval is not None]
    for entry in policy.tools:
        if entry.shadow or not _asks(entry):
            continue
        wider = [entry, *(e for e in globs if e is not entry and _covers(e, entry))]
        route = overlay([e.approval for e in sorted(wider, key=lambda e: e.pattern.rank, reverse=True)])
        if entry.action is Action.REQUIRE_APPROVAL:
            yield Asker(rule=f"{entry.pointer}/action", spec=ApprovalSpec(parts=(route,)))
        for rule in entry.approve_if:
            yield Asker(rule=rule.pointer, spec=ApprovalSpec(parts=(overlay([route, rule.approval]),)))
        yield from _asking_limits(entry.limits, route)
    yield from _asking_limits(policy.limits, overlay([e.approval for e in policy.tools if e.pattern.text == "*"]))


def _asks(entry: ToolRules) -> bool:
    return (
        entry.action is Action.REQUIRE_APPROVAL
        or bool(entry.approve_if)
        or any(limit.on_exceed is OnExceed.REQUIRE_APPROVAL for limit in entry.limits)
    )


def _asking_limits(limits: Sequence[Limit], route: ApprovalBlock) -> Iterator[Asker]:
    for limit in limits:
        if limit.on_exceed is OnExceed.REQUIRE_APPROVAL:
            yield Asker(rule=limit.pointer, spec=ApprovalSpec(parts=(route,)))


def _covers(wider: ToolRules, entry: ToolRules) -> bool:
    """Does the wider entry name every tool that the entry names?"""
    if wider.pattern.text == "*":
        return True
    return (
        entry.pattern.kind == "exact" and wider.pattern.kind == "glob" and wider.pattern.matches(entry.pattern.text, "")
    )


def overlay(blocks: Sequence[ApprovalBlock | None]) -> ApprovalBlock:
    """Blocks laid over each other, the last on top, key by key. Factors replace reviewers and quorum, and back."""
    said: dict[str, object] = {}
    for block in blocks:
        if block is None:
            continue
        if block.factors is not None:
            said.pop("reviewers", None)
            said.pop("quorum", None)
        elif block.reviewers is not None:
            said.pop("factors", None)
        said |= {f.name: value for f in fields(block) if (value := getattr(block, f.name)) is not None}
    return ApprovalBlock(**said)  # type: ignore[arg-type]  # each value comes from the field of that name


def terms(spec: ApprovalSpec, defaults: ApprovalDefaults) -> Terms:
    """The terms of an approval that satisfies every part of the spec.

    Raises:
        NobodyToAsk: a part names no reviewer and neither do the defaults.
    """
    return reduce(narrowed, [_terms(part, defaults) for part in spec.parts])


def _terms(block: ApprovalBlock, defaults: ApprovalDefaults) -> Terms:
    factors = _at_least(block.factors, block.quorum) or _anybody_of(block, defaults)
    plain = Terms(factors=factors)
    four_eyes = _or(block.four_eyes, plain.four_eyes)
    return Terms(
        factors=factors,
        four_eyes=four_eyes,
        remind=_or(block.remind, defaults.remind),
        delegation=_or(block.delegation, defaults.delegation),
        timeout=_or(block.timeout, defaults.timeout),
        on_timeout=_or(block.on_timeout, defaults.on_timeout),
        escalate=_or(block.escalate, defaults.escalate),
        collect_within=defaults.collect_within,
        channels=_or(block.channels, defaults.channels),
        edit=_or(block.edit, plain.edit),
        justification=_or(block.justification, plain.justification),
        cancel_window=_or(block.cancel_window, plain.cancel_window),
        execute_on_approve=_or(block.execute_on_approve, plain.execute_on_approve),
        # Entries for a class of risk may bring the two together, which no file shows; then the owner is kept out.
        self_service=_or(block.self_service, plain.self_service) and not four_eyes,
        grants=_or(block.grants, plain.grants),
    )


def _at_least(factors: tuple[Factor, ...] | None, quorum: int | None) -> tuple[Factor, ...]:
    """Factors of a wider rule under the quorum of a narrower one: no factor may ask for fewer."""
    return tuple(Factor(members=f.members, count=max(f.count, quorum or 1)) for f in factors or ())


def _anybody_of(block: ApprovalBlock, defaults: ApprovalDefaults) -> tuple[Factor, ...]:
    members = _or(block.reviewers, defaults.reviewers)
    if not members:
        raise NobodyToAsk("nobody is named to approve: neither by the rule nor by approvals.reviewers")
    return (Factor(members=members, count=_or(block.quorum, defaults.quorum)),)


def narrowed(one: Terms, other: Terms) -> Terms:
    """Terms that satisfy both."""
    counts: dict[tuple[str, ...], int] = {}
    for factor in (*one.factors, *other.factors):
        members = tuple(sorted(set(factor.members)))
        counts[members] = max(counts.get(members, 0), factor.count)
    return Terms(
        factors=tuple(Factor(members=members, count=count) for members, count in counts.items()),
        four_eyes=one.four_eyes or other.four_eyes,
        remind=min((each for each in (one.remind, other.remind) if each is not None), default=None),
        delegation=one.delegation and other.delegation,
        timeout=min(one.timeout, other.timeout),
        on_timeout=min(one.on_timeout, other.on_timeout, key=_SILENCE.index),
        escalate=_steps_of_both(one, other, tuple(counts)),
        collect_within=min(one.collect_within, other.collect_within),
        channels=tuple(dict.fromkeys((*one.channels, *other.channels))),
        edit=one.edit and other.edit,
        justification=min(one.justification, other.justification, key=_JUSTIFICATION.index),
        cancel_window=max(one.cancel_window, other.cancel_window),
        execute_on_approve=one.execute_on_approve and other.execute_on_approve,
        self_service=one.self_service and other.self_service,
        grants=min(one.grants, other.grants, key=_GRANTS.index),
    )


def _steps_of_both(one: Terms, other: Terms, members: Sequence[tuple[str, ...]]) -> tuple[Escalation, ...]:
    """The steps of two chains, each about no factor that the other does not let it widen.

    One that only one of the two has gives no more time.
    """
    kept = []
    for step in dict.fromkeys(replace(step, widens=None) for step in (*one.escalate, *other.escalate)):
        widened = [_widened(one, step), _widened(other, step)]
        allowed = [
            place
            for place, who in enumerate(members)
            if all(found.get(who, step) is not None for found in widened) and any(who in found for found in widened)
        ]
        both = all(any(found.values()) for found in widened)
        if allowed:
            widens = None if len(allowed) == len(members) else tuple(allowed)
            kept.append(replace(step, widens=widens, timeout=step.timeout if both else None))
    return tuple(kept)


def _widened(terms: Terms, step: Escalation) -> dict[tuple[str, ...], Escalation | None]:
    """The factors of some terms, by their members; with each the step where that one widens it, else None."""
    own = next((each for each in terms.escalate if replace(each, widens=None) == step), None)
    return {
        tuple(sorted(set(factor.members))): own
        if own is not None and (own.widens is None or place in own.widens)
        else None
        for place, factor in enumerate(terms.factors)
    }


def _or(said: T | None, otherwise: T) -> T:
    return otherwise if said is None else said
