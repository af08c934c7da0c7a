"""Who may decide, and whether enough have.

Authority is a fact of the moment: the caller hands in the person as the directory knows them now.
Four-eyes is about the human behind the agent, and exempts nobody. Nobody counts twice in one factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from approvals.domain.model import Answer, ApprovalRequest, Factor, Person, PersonId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How far one factor is: `have` of `count` distinct people."""

    factor: Factor
    have: int


def why_not(person: Person, request: ApprovalRequest) -> str | None:
    """Why this person may not decide this request, or None if they may."""
    if person.disabled:
        return "your account is disabled"
    if Role.REVIEWER not in person.roles:
        return "you do not have the reviewer role"
    if request.terms.four_eyes and request.caller.owner == person.id:
        return "it is your own agent's call, and the rule asks for somebody else (four-eyes)"
    if not any(speaks_for(person, factor) for factor in request.terms.factors):
        return f"it is routed to {_names(request.terms.factors)}"
    if any(vote.reviewer == person.id for vote in request.votes):
        return "you have already voted"
    return None


def speaks_for(person: Person, factor: Factor) -> bool:
    """Is the person one of the factor's members?"""
    return any(m == person.id or (m.startswith("group:") and m[6:] in person.groups) for m in factor.members)


def tally(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> tuple[Need, ...]:
    """How far each factor is, counting only people who still may speak for it.

    One person counts in every factor they speak for, but once in each.
    """
    voters = {vote.reviewer for vote in request.votes if vote.answer is Answer.APPROVE}
    current = [people[v] for v in voters if v in people and _still_may(people[v], request)]
    return tuple(
        Need(factor=factor, have=sum(speaks_for(person, factor) for person in current))
        for factor in request.terms.factors
    )


def met(needs: Iterable[Need]) -> bool:
    """Are all factors met? No factors means no."""
    listed = tuple(needs)
    return bool(listed) and all(need.have >= need.factor.count for need in listed)


def _still_may(person: Person, request: ApprovalRequest) -> bool:
    if person.disabled or Role.REVIEWER not in person.roles:
        return False
    return not (request.terms.four_eyes and request.caller.owner == person.id)


def _names(factors: Iterable[Factor]) -> str:
    return ", ".join(dict.fromkeys(m.removeprefix("group:") for f in factors for m in f.members))
