"""Letting somebody else decide: whose place is taken, and whether those who come can fill it.

A count is never lowered and nobody comes who could not decide: an unknown person, somebody without the reviewer role,
the human behind the agent under four-eyes, a group that nobody of is left of. Authority is still looked at with every
vote; this only keeps a request from waiting for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from approvals.domain import quorum
from approvals.domain.model import ApprovalRequest, Person, PersonId, Role
from approvals.domain.terms import Factor

TO_MAX = 10
_GROUP = re.compile(r"group:[^\s:,]{1,100}")
_ADDRESS = re.compile(r"[^\s@:,]{1,120}@[^\s@:,]{1,120}")


def members(named: Iterable[str]) -> tuple[str, ...]:
    """The groups and people named, each once, addresses in lower case.

    Raises:
        ValueError: the sentence that says which one is not a group or an address, or that there are none or too many.
    """
    found = tuple(dict.fromkeys(one if one.startswith("group:") else one.lower() for one in named))
    if not 1 <= len(found) <= TO_MAX:
        raise ValueError(f"name 1 to {TO_MAX} groups or people")
    for one in found:
        if not (_GROUP.fullmatch(one) or _ADDRESS.fullmatch(one)):
            raise ValueError(f"{one[:80]!r} is neither group:NAME nor an address")
    return found


def places(request: ApprovalRequest, person: Person) -> frozenset[int]:
    """The factors this person may give away, by their place: those they speak for; an operator without one, all."""
    factors = request.terms.factors
    if quorum.why_no_authority(person, request) is None:
        return frozenset(n for n, factor in enumerate(factors) if quorum.speaks_for(person, factor))
    return frozenset(range(len(factors))) if may_steer(person, request) else frozenset()


def may_steer(person: Person, request: ApprovalRequest) -> bool:
    """May the person say, for any factor, who decides? An operator may, but not about a call of their own agent."""
    if person.disabled or Role.OPERATOR not in person.roles:
        return False
    owner = request.caller.owner
    return not (request.terms.four_eyes and owner is not None and owner.lower() == person.id)


def why_not_them(request: ApprovalRequest, to: tuple[str, ...], people: Mapping[PersonId, Person]) -> str | None:
    """Why these cannot be asked instead, one by one, or None."""
    for one in to:
        why = _why_not(request, one, people)
        if why is not None:
            return f"{one} {why}"
    return None


def handed(
    request: ApprovalRequest, at: frozenset[int], to: tuple[str, ...], people: Mapping[PersonId, Person]
) -> tuple[Factor, ...]:
    """The factors as they are with `to` in these places.

    Raises:
        ValueError: nothing would change, or there are fewer of them than a factor needs.
    """
    factors = tuple(replace(f, members=to) if n in at else f for n, f in enumerate(request.terms.factors))
    if factors == request.terms.factors:
        raise ValueError("they are asked already")
    able = sum(_may_decide(request, person, to) for person in people.values())
    most = max(factors[n].count for n in at)
    if able < most:
        raise ValueError(f"{most} people are needed, and only {able} of these may decide it")
    return factors


def _why_not(request: ApprovalRequest, one: str, people: Mapping[PersonId, Person]) -> str | None:
    if one.startswith("group:"):
        inside = [person for person in people.values() if one[6:] in person.groups and not person.disabled]
        if not inside:
            return "has nobody in it"
        return None if any(_may_decide(request, p, (one,)) for p in inside) else "has nobody in it who may decide this"
    person = people.get(PersonId(one))
    if person is None or person.disabled:
        return "is nobody who is known here"
    if Role.REVIEWER not in person.roles:
        return "does not have the reviewer role"
    owner = request.caller.owner
    if request.terms.four_eyes and owner is not None and owner.lower() == person.id:
        return "is the human behind this agent, and the rule asks for somebody else (four-eyes)"
    return None if _may_decide(request, person, (one,)) else "may not decide this"


def _may_decide(request: ApprovalRequest, person: Person, to: tuple[str, ...]) -> bool:
    only = replace(request, terms=replace(request.terms, factors=(Factor(members=to),)))
    return quorum.why_no_authority(person, only) is None
