"""Who may do what to a request at this moment, and whether it may run: said again, in other words than the code's.

Slow and plain on purpose. Who counts how often is tried out by brute force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from approvals.domain.model import Role
from tests.properties.desk_machine.facts import Ask, Case, Facts, Trusted


def is_reviewer(facts: Facts, who: str) -> bool:
    """Is the person there, not disabled, and a reviewer?"""
    person = facts.people.get(who)
    return person is not None and not person.disabled and Role.REVIEWER in person.roles


def has_role(facts: Facts, who: str, *roles: Role) -> bool:
    """Is the person there, not disabled, and one of these?"""
    person = facts.people.get(who)
    return person is not None and not person.disabled and bool(person.roles & set(roles))


def is_barred(case: Case, who: str) -> bool:
    """Do four eyes keep this person out?"""
    return case.terms.four_eyes and case.owner in (None, who)


def is_member(facts: Facts, who: str, ask: Ask) -> bool:
    """Does the ask name the person, or a group that they are in?"""
    return who in ask.members or any(f"group:{group}" in ask.members for group in facts.people[who].groups)


def in_own_right(facts: Facts, case: Case, who: str) -> bool:
    """Does the person's own word count?"""
    return is_reviewer(facts, who) and not is_barred(case, who) and any(is_member(facts, who, ask) for ask in case.asks)


def stands_for(facts: Facts, case: Case, who: str) -> frozenset[str]:
    """Those in whose place the person may speak now."""
    if not case.terms.delegation or who == case.owner:
        return frozenset()
    return frozenset(one for one in facts.delegates_of(who) if may_be_stood_for(facts, case, one))


def may_be_stood_for(facts: Facts, case: Case, who: str) -> bool:
    """Can anybody speak in their place? Nobody for the human behind the agent, where four eyes are wanted."""
    barred = case.terms.four_eyes and who == case.owner
    return is_reviewer(facts, who) and not barred and any(is_member(facts, who, ask) for ask in case.asks)


def may_decide(facts: Facts, case: Case, who: str) -> bool:
    """Does the person's word count now, as their own or as somebody's delegate?"""
    if not is_reviewer(facts, who) or is_barred(case, who):
        return False
    return in_own_right(facts, case, who) or bool(stands_for(facts, case, who))


def takes_vote(facts: Facts, case: Case, who: str, *, yes: bool) -> bool:
    """Must an answer for the present binding be taken?"""
    if case.state != "pending" or facts.now >= case.deadline or not may_decide(facts, case, who):
        return False
    return not yes or (who not in case.yes and not facts.stopped(case))


def counts(facts: Facts, case: Case, yes: Mapping[str, frozenset[str]]) -> list[int]:
    """How far each ask is."""
    places = []
    for voter, absent in yes.items():
        if not is_reviewer(facts, voter) or is_barred(case, voter):
            continue
        spoken = absent if case.terms.delegation and voter != case.owner else frozenset()
        places.append({voter} | {one for one in spoken if may_be_stood_for(facts, case, one)})
    return [_most([{one for one in each if is_member(facts, one, ask)} for each in places]) for ask in case.asks]


def _most(choices: list[set[str]]) -> int:
    if not choices:
        return 0
    first, rest = choices[0], choices[1:]
    with_it = (1 + _most([each - {place} for each in rest]) for place in first)
    return max([_most(rest), *with_it])


def enough(facts: Facts, case: Case, yes: Mapping[str, frozenset[str]]) -> bool:
    """Have enough said yes?"""
    return all(have >= ask.count for have, ask in zip(counts(facts, case, yes), case.asks, strict=True))


def as_now(facts: Facts, case: Case, givers: Iterable[str]) -> dict[str, frozenset[str]]:
    """Votes of people who speak for themselves, and for those whose delegates they are now."""
    return {one: stands_for(facts, case, one) for one in givers}


def counting(facts: Facts, case: Case) -> list[str]:
    """Whose yes counts at all now."""
    found = []
    for voter, absent in case.yes.items():
        spoken = absent if case.terms.delegation and voter != case.owner else frozenset()
        by_others = any(may_be_stood_for(facts, case, one) for one in spoken)
        able = is_reviewer(facts, voter) and not is_barred(case, voter)
        if able and (in_own_right(facts, case, voter) or by_others):
            found.append(voter)
    return found


def is_covered(facts: Facts, case: Case, grant: Trusted) -> bool:
    """Does the grant speak for the call, leaving aside how often it was used?"""
    was = facts.cases[grant.case]
    alike = (was.agent, was.server, was.mark, was.rule) == (case.agent, case.server, case.mark, case.rule)
    in_force = not grant.ended and facts.now < grant.until and case.terms.grants != "never"
    return alike and in_force and 0 <= case.number <= grant.most and enough(facts, case, as_now(facts, case, grant.by))


def has_ground(facts: Facts, case: Case) -> bool:
    """Is what approved it still true?"""
    match case.ground:
        case "silence":
            return case.silence_allows
        case "break_glass":
            return facts.glass_open(case.server)
        case "grant":
            return is_covered(facts, case, facts.grants[case.grant or ""])
        case _:
            return enough(facts, case, case.yes)


def may_run(facts: Facts, case: Case) -> bool:
    """Is there, at this moment, valid authority to run it?"""
    if case.state != "approved" or case.collect_by is None or facts.now >= case.collect_by:
        return False
    opens = case.runs_from()
    if opens is not None and facts.now < opens:
        return False
    return not facts.stopped(case) and case.agent not in facts.revoked and has_ground(facts, case)


def has_part(facts: Facts, case: Case, who: str) -> bool:
    """May the person take it back, or write to the others?"""
    person = facts.people.get(who)
    if who == case.owner:
        return person is None or not person.disabled
    if has_role(facts, who, Role.OPERATOR, Role.ADMIN):
        return True
    if not is_reviewer(facts, who):
        return False
    return any(is_member(facts, who, ask) for ask in case.asks) or bool(stands_for(facts, case, who))


def steers(facts: Facts, case: Case, who: str) -> bool:
    """May the person give more time and ask the agent?"""
    return may_decide(facts, case, who) or has_role(facts, who, Role.OPERATOR)
