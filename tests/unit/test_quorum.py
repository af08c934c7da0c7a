"""Who may see, who may decide, and when enough have: tables whose ids are the reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from approvals.domain import quorum
from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId, Role
from approvals.domain.terms import Factor, Terms
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, PEOPLE, SECURITY

TWO_AND_ONE = samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,)))
FOUR_EYES = samples.terms(four_eyes=True)


def without(person: Person, *roles: Role) -> Person:
    return replace(person, roles=frozenset(roles))


@pytest.mark.parametrize(
    ("person", "request_", "why"),
    [
        pytest.param(ADA, samples.request(), None, id="member-of-the-group"),
        pytest.param(
            EVE,
            samples.request(given=samples.terms(Factor(members=("Eve@Example.com",)))),
            None,
            id="named-in-any-case",
        ),
        pytest.param(EVE, samples.request(), "it is routed to finance", id="another-group"),
        pytest.param(
            replace(EVE, groups=frozenset({"Finance"})),
            samples.request(),
            "it is routed to finance",
            id="groups-are-exact",
        ),
        pytest.param(
            replace(EVE, groups=frozenset({"group:finance"})),
            samples.request(),
            "it is routed to",
            id="prefix-is-no-group",
        ),
        pytest.param(replace(ADA, disabled=True), samples.request(), "your account is disabled", id="disabled"),
        pytest.param(without(ADA), samples.request(), "you do not have the reviewer role", id="no-role"),
        pytest.param(
            without(ADA, Role.ADMIN, Role.OPERATOR), samples.request(), "you do not have the reviewer", id="admin-only"
        ),
        pytest.param(ADA, samples.request(owner="ada@example.com"), None, id="own-agent-without-four-eyes"),
        pytest.param(
            ADA, samples.request(given=FOUR_EYES, owner="ada@example.com"), "your own agent's call", id="own-agent"
        ),
        pytest.param(
            without(ADA, Role.REVIEWER, Role.ADMIN),
            samples.request(given=FOUR_EYES, owner="Ada@Example.com"),
            "your own agent's call",
            id="own-agent-admin-and-case",
        ),
        pytest.param(BOB, samples.request(given=FOUR_EYES, owner="ada@example.com"), None, id="somebody-elses-agent"),
        pytest.param(BOB, samples.request(given=FOUR_EYES), "nobody is on record", id="four-eyes-without-an-owner"),
    ],
)
def test_why_a_person_may_not_decide(person: Person, request_: ApprovalRequest, why: str | None) -> None:
    reason = quorum.why_not(person, request_)
    assert (reason is None) == (why is None)
    assert why is None or (reason is not None and why in reason)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(Answer.APPROVE, "you have already voted"), (None, "you have already voted"), (Answer.DENY, None)],
)
def test_who_has_approved_may_only_still_deny(answer: Answer | None, why: str | None) -> None:
    asked = samples.request(given=TWO_AND_ONE)
    voted = replace(asked, votes=(samples.vote(asked, ADA),))
    assert quorum.why_not(ADA, voted, answer) == why


def haves(given: Terms, *voters: Person, people: dict[PersonId, Person] | None = None) -> list[int]:
    asked = samples.request(given=given)
    voted = replace(asked, votes=tuple(samples.vote(asked, voter) for voter in voters))
    return [need.have for need in quorum.tally(voted, {**PEOPLE, **(people or {})})]


@pytest.mark.parametrize(
    ("voters", "expected"),
    [
        pytest.param((), [0, 0], id="nobody"),
        pytest.param((ADA,), [1, 0], id="one"),
        pytest.param((ADA, ADA), [1, 0], id="twice-the-same-person"),
        pytest.param((ADA, BOB, CARL), [2, 1], id="all"),
        pytest.param((DORA,), [1, 1], id="one-person-in-two-groups"),
        pytest.param((EVE, CARL), [0, 1], id="a-stranger-does-not-count"),
    ],
)
def test_the_tally_counts_distinct_people_per_factor(voters: tuple[Person, ...], expected: list[int]) -> None:
    assert haves(TWO_AND_ONE, *voters) == expected


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(ADA, disabled=True), id="disabled"),
        pytest.param(without(ADA), id="demoted"),
        pytest.param(replace(ADA, groups=frozenset()), id="left-the-group"),
    ],
)
def test_a_vote_stops_counting_when_its_voter_loses_the_right(changed: Person) -> None:
    assert haves(samples.terms(), ADA) == [1]
    assert haves(samples.terms(), ADA, people={ADA.id: changed}) == [0]


BOTH = (Factor(members=(FINANCE,)), Factor(members=(SECURITY,)))


@pytest.mark.parametrize(
    ("factors", "voted", "person", "after"),
    [
        pytest.param(BOTH, (), DORA, [1, 1], id="one-person-in-both-groups-completes-it"),
        pytest.param(BOTH, (ADA,), BOB, [2, 0], id="another-of-a-group-that-is-met-completes-nothing"),
        pytest.param(BOTH, (ADA,), CARL, [1, 1], id="the-last-one-completes-it"),
        pytest.param(BOTH, (), ADA, [1, 0], id="the-first-of-two"),
        pytest.param((Factor(members=(FINANCE,), count=2),), (BOB,), ADA, [2], id="the-second-of-two"),
        pytest.param((Factor(members=(FINANCE,)),), (), ADA, [1], id="the-only-one"),
    ],
)
def test_what_one_approval_more_would_come_to(
    factors: tuple[Factor, ...], voted: tuple[Person, ...], person: Person, after: list[int]
) -> None:
    asked = samples.request(given=samples.terms(*factors))
    asked = replace(asked, votes=tuple(samples.vote(asked, one) for one in voted))
    told = quorum.after_yes_of(person, asked, {one.id: one for one in voted}, at=samples.NOW)
    assert [need.have for need in told] == after
    counted = quorum.tally(quorum.with_vote(asked, samples.vote(asked, person)), PEOPLE)
    assert quorum.met(told) == quorum.met(counted), "the same as when it is given"


def test_after_an_edit_only_the_editors_approval_counts() -> None:
    asked = samples.request(given=samples.terms(Factor(members=(FINANCE,), count=2)))
    asked = replace(asked, votes=(samples.vote(asked, BOB),))
    (told,) = quorum.after_yes_of(ADA, quorum.voided(asked), {BOB.id: BOB}, at=samples.NOW)
    assert (told.have, told.factor.count) == (1, 2)


def test_a_delegate_whose_absent_has_voted_completes_nothing() -> None:
    asked = samples.request(
        given=samples.terms(Factor(members=("ada@example.com",)), Factor(members=(FINANCE,), count=2))
    )
    asked = replace(asked, votes=(samples.vote(asked, ADA),))
    told = quorum.after_yes_of(replace(EVE, stands_for=(ADA,)), asked, {ADA.id: ADA}, at=samples.NOW)
    assert [need.have for need in told] == [1, 1]


def test_a_vote_counts_only_for_the_binding_it_named_and_only_if_it_is_a_yes() -> None:
    asked = samples.request()
    for cast in (samples.vote(asked, ADA, binding="old"), samples.vote(asked, ADA, Answer.DENY)):
        assert [n.have for n in quorum.tally(replace(asked, votes=(cast,)), PEOPLE)] == [0]


def test_the_owners_vote_does_not_count_under_four_eyes() -> None:
    asked = samples.request(given=FOUR_EYES, owner=ADA.id)
    voted = replace(asked, votes=(samples.vote(asked, ADA),))
    assert not quorum.met(quorum.tally(voted, PEOPLE))


def test_a_removed_person_does_not_count() -> None:
    asked = samples.request()
    voted = replace(asked, votes=(samples.vote(asked, ADA),))
    assert not quorum.met(quorum.tally(voted, {}))


def test_all_factors_must_be_met_and_no_factors_is_never_enough() -> None:
    needs = quorum.tally(samples.request(given=TWO_AND_ONE), PEOPLE)
    assert not quorum.met([])
    assert not quorum.met(needs)
    assert not quorum.met([replace(needs[0], have=2), replace(needs[1], have=0)])
    assert quorum.met([replace(needs[0], have=2), replace(needs[1], have=1)])


@pytest.mark.parametrize(("members", "count"), [((FINANCE,), 0), ((FINANCE,), -1), ((), 1)])
def test_a_factor_of_nobody_or_of_zero_cannot_be_built(members: tuple[str, ...], count: int) -> None:
    with pytest.raises(ValueError, match="a factor needs"):
        Factor(members=members, count=count)


def test_terms_without_factors_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="nobody is asked"):
        Terms(factors=())


SEEING = [
    pytest.param(ADA, True, True, True, id="reviewer-routed-to"),
    pytest.param(EVE, False, False, False, id="reviewer-of-another-group"),
    pytest.param(without(ADA), False, False, False, id="in-the-group-without-the-role"),
    pytest.param(without(EVE, Role.VIEWER), True, False, False, id="viewer"),
    pytest.param(without(EVE, Role.OPERATOR), True, False, True, id="operator"),
    pytest.param(without(EVE, Role.ADMIN), True, True, True, id="admin"),
    pytest.param(without(EVE, Role.AUDITOR), True, True, False, id="auditor"),
    pytest.param(samples.person("owner", roles=()), True, True, True, id="owner-of-the-agent"),
    pytest.param(replace(without(ADA, *Role), disabled=True), False, False, False, id="disabled"),
]


def test_whoever_voted_sees_how_it_ended_though_it_was_handed_on_since() -> None:
    asked = samples.request()
    voted = replace(asked, votes=(samples.vote(asked, EVE),))
    assert not quorum.may_see(EVE, asked)
    assert quorum.may_see(EVE, voted)
    assert not quorum.may_see_in_full(EVE, voted)


@pytest.mark.parametrize(("person", "sees", "in_full", "cancels"), SEEING)
def test_who_sees_reads_in_full_and_may_cancel(person: Person, sees: bool, in_full: bool, cancels: bool) -> None:
    asked = samples.request(owner="owner@example.com")
    assert quorum.may_see(person, asked) is sees
    assert quorum.may_see_in_full(person, asked) is in_full
    assert quorum.may_cancel(person, asked) is cancels
