"""Who may see, who may decide, and whether enough have.

Authority is a fact of the moment: the caller hands in the person as the directory knows them now.
Four-eyes is about the human behind the agent, and exempts nobody. Nobody counts twice in one factor,
neither as themselves nor by a delegate, and a vote counts only for the binding it named. What a delegate said counts
if the absence lasted when they said it, which the vote records, and if both people are still allowed now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId, Role, Vote
from approvals.domain.terms import Factor

SEE_ALL = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.AUDITOR})
SEE_SECRETS = frozenset({Role.ADMIN, Role.AUDITOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How far one factor is: `have` of `count` distinct people."""

    factor: Factor
    have: int


def may_see(person: Person, request: ApprovalRequest) -> bool:
    """May the person see that this request exists, and its card? Whoever had a part in it may see how it ended."""
    if person.disabled:
        return False
    return (
        bool(person.roles & SEE_ALL)
        or had_a_part(person, request)
        or _is_owner(person, request)
        or _is_routed_to(person, request)
    )


def had_a_part(person: Person, request: ApprovalRequest) -> bool:
    """Has the person voted on it, or handed it on? They may read it, though others decide by now."""
    return person.id in request.handed_by or any(vote.reviewer == person.id for vote in request.votes)


def may_see_in_full(person: Person, request: ApprovalRequest) -> bool:
    """May the person read the arguments unredacted? Who decides must be able to; a viewer is not."""
    if person.disabled:
        return False
    return bool(person.roles & SEE_SECRETS) or _is_owner(person, request) or _is_routed_to(person, request)


def may_cancel(person: Person, request: ApprovalRequest) -> bool:
    """May the person take the call back? Stopping needs less than allowing: its owner may, too."""
    if person.disabled:
        return False
    stewards = {Role.OPERATOR, Role.ADMIN}
    return bool(person.roles & stewards) or _is_owner(person, request) or _is_routed_to(person, request)


def may_speak_of(person: Person, request: ApprovalRequest) -> bool:
    """May the person say whether the outcome was as expected? Whoever was asked or had a part in it, and the owner."""
    if person.disabled:
        return False
    return had_a_part(person, request) or _is_owner(person, request) or _is_routed_to(person, request)


def why_not(person: Person, request: ApprovalRequest, answer: Answer | None = None) -> str | None:
    """Why this person may not decide this request, or None if they may.

    Whoever approved may still deny while others are awaited, but nobody votes the same twice.
    """
    reason = why_no_authority(person, request)
    if reason is not None:
        return reason
    votes = [vote for vote in request.votes if vote.reviewer == person.id]
    if votes and answer is not Answer.DENY:
        return "you have already voted"
    return None


def why_no_authority(person: Person, request: ApprovalRequest) -> str | None:
    """Why this person's word does not count for this request, voted or not, or None if it does."""
    if person.disabled:
        return "your account is disabled"
    if Role.REVIEWER not in person.roles:
        return f"you do not have the reviewer role{_again(person)}"
    if request.terms.four_eyes and request.caller.owner is None:
        return "the rule asks for four eyes, and nobody is on record as the human behind this agent"
    if request.terms.four_eyes and _is_owner(person, request):
        return "it is your own agent's call, and the rule asks for somebody else (four-eyes)"
    if not _is_asked(person, request):
        return f"it is routed to {who(request.terms.factors)}{_again(person)}"
    return None


def represented(person: Person, request: ApprovalRequest) -> tuple[Person, ...]:
    """The absent people in whose place a delegate may decide this request.

    Nobody's where the rule forbids it, and nobody's over the delegate's own agent: whose call it is never decides it
    by somebody else's right.
    """
    if not request.terms.delegation or _is_owner(person, request):
        return ()
    return tuple(absent for absent in person.stands_for if _may_be_represented(absent, request))


def _may_be_represented(absent: Person, request: ApprovalRequest) -> bool:
    if absent.disabled or Role.REVIEWER not in absent.roles:
        return False
    if request.terms.four_eyes and _is_owner(absent, request):
        return False
    return any(speaks_for(absent, factor) for factor in request.terms.factors)


def _is_asked(person: Person, request: ApprovalRequest) -> bool:
    return any(
        speaks_for(one, factor) for one in (person, *represented(person, request)) for factor in request.terms.factors
    )


def speaks_for(person: Person, factor: Factor) -> bool:
    """Is the person one of the factor's members, as themselves?"""
    return any(
        member[6:] in person.groups if member.startswith("group:") else member.lower() == person.id
        for member in factor.members
    )


def tally(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> tuple[Need, ...]:
    """How far each factor is, counting only people whose word counts now, for this very call.

    One person counts in every factor they speak for, but once in each; so does whoever was spoken for.
    """
    voters = {vote.reviewer: as_they_voted(vote, people) for vote in counted(request, people)}
    return tuple(
        Need(factor=factor, have=_places_taken([_places(voter, factor, request) for voter in voters.values()]))
        for factor in request.terms.factors
    )


def with_vote(request: ApprovalRequest, vote: Vote) -> ApprovalRequest:
    """The request with one vote more, as it is counted when that vote is given."""
    return replace(request, votes=(*request.votes, vote))


def voided(request: ApprovalRequest) -> ApprovalRequest:
    """The request without its votes: what an edit leaves of them, for they spoke for another call."""
    return replace(request, votes=())


def after_yes_of(
    person: Person, request: ApprovalRequest, people: Mapping[PersonId, Person], *, at: datetime
) -> tuple[Need, ...]:
    """How far each factor would be if this person, who may decide, approved now: met, and it is approved by that.

    `people` are the voters so far, and those they stood for.
    """
    absent = represented(person, request)
    known = {**people, person.id: person, **{one.id: one for one in absent}}
    vote = Vote(
        reviewer=person.id,
        answer=Answer.APPROVE,
        binding=request.binding,
        via="",
        at=at,
        on_behalf=tuple(one.id for one in absent),
    )
    return tally(with_vote(request, vote), known)


def within_reach(request: ApprovalRequest, factor: Factor, able: Iterable[Person]) -> int:
    """How far a factor could come, if all of these people, who may decide, approved."""
    return _places_taken([_places(one, factor, request) for one in able])


def _places(voter: Person, factor: Factor, request: ApprovalRequest) -> list[PersonId]:
    """Whose places in a factor a vote can take: the voter's own, or that of somebody they stand for."""
    return [one.id for one in (voter, *represented(voter, request)) if speaks_for(one, factor)]


def _places_taken(choices: list[list[PersonId]]) -> int:
    """How many voters find a place of their own: the largest matching, by augmenting paths."""
    taken: dict[PersonId, int] = {}

    def find(voter: int, tried: set[PersonId]) -> bool:
        for place in choices[voter]:
            if place not in tried:
                tried.add(place)
                if place not in taken or find(taken[place], tried):
                    taken[place] = voter
                    return True
        return False

    return sum(find(voter, set()) for voter in range(len(choices)))


def counted(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> list[Vote]:
    """The approvals that count: for this very call, of people whose word counts now."""
    given = [vote for vote in request.votes if vote.answer is Answer.APPROVE and vote.binding == request.binding]
    return [
        vote
        for vote in given
        if vote.reviewer in people and why_no_authority(as_they_voted(vote, people), request) is None
    ]


def as_they_voted(vote: Vote, people: Mapping[PersonId, Person]) -> Person:
    """The voter as they are now, standing for those they stood for when they voted, as those are now."""
    absent = tuple(people[one] for one in vote.on_behalf if one in people)
    return replace(people[vote.reviewer], stands_for=absent)


def named_in(votes: Iterable[Vote]) -> list[PersonId]:
    """Everybody whom a count of these votes has to know."""
    return list(dict.fromkeys(one for vote in votes for one in (vote.reviewer, *vote.on_behalf)))


def met(needs: Iterable[Need]) -> bool:
    """Are all factors met? No factors means no."""
    listed = tuple(needs)
    return bool(listed) and all(need.have >= need.factor.count for need in listed)


def who(factors: Iterable[Factor]) -> str:
    """The people and groups asked, each once: `finance, ada@example.com`."""
    return ", ".join(dict.fromkeys(m.removeprefix("group:") for f in factors for m in f.members))


def _again(person: Person) -> str:
    return "; what your sign-in said of your groups has run out: sign in again" if person.lapsed else ""


def _is_owner(person: Person, request: ApprovalRequest) -> bool:
    owner = request.caller.owner
    return owner is not None and owner.lower() == person.id.lower()


def _is_routed_to(person: Person, request: ApprovalRequest) -> bool:
    return Role.REVIEWER in person.roles and _is_asked(person, request)
