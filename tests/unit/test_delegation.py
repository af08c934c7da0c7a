"""Whose word a delegate's is, and when not; how being away is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.domain import absent, quorum
from approvals.domain.absent import Absence
from approvals.domain.model import ApprovalRequest, Person, PersonId, Role, Vote
from approvals.domain.terms import Factor
from approvals.storage.rows import vote_rows
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, NOW, PEOPLE, SECURITY

FOR_ADA = replace(EVE, stands_for=(ADA,))
"""Eve, whom nothing is routed to, is the delegate of Ada, who is of finance."""
FOUR_EYES = samples.terms(four_eyes=True)


@pytest.mark.parametrize(
    ("person", "request_", "why"),
    [
        pytest.param(FOR_ADA, samples.request(), None, id="in-her-place"),
        pytest.param(EVE, samples.request(), "it is routed to finance", id="not-any-more"),
        pytest.param(
            FOR_ADA, samples.request(given=samples.terms(delegation=False)), "it is routed to", id="the-rule-forbids-it"
        ),
        pytest.param(FOR_ADA, samples.request(owner=EVE.id), "it is routed to", id="her-own-agent-without-four-eyes"),
        pytest.param(
            FOR_ADA, samples.request(given=FOUR_EYES, owner=EVE.id), "your own agent's call", id="her-own-agent"
        ),
        pytest.param(
            FOR_ADA, samples.request(given=FOUR_EYES, owner=ADA.id), "it is routed to", id="the-absent-may-not-either"
        ),
        pytest.param(
            replace(FOR_ADA, roles=frozenset()), samples.request(), "reviewer role", id="the-delegate-is-no-reviewer"
        ),
        pytest.param(replace(FOR_ADA, disabled=True), samples.request(), "disabled", id="the-delegate-is-disabled"),
        pytest.param(
            replace(EVE, stands_for=(replace(ADA, disabled=True),)), samples.request(), "routed", id="ada-is-disabled"
        ),
        pytest.param(
            replace(EVE, stands_for=(replace(ADA, roles=frozenset({Role.VIEWER})),)),
            samples.request(),
            "routed",
            id="ada-is-no-reviewer",
        ),
        pytest.param(
            replace(EVE, stands_for=(replace(CARL, stands_for=(ADA,)),)), samples.request(), "routed", id="no-chain"
        ),
    ],
)
def test_whose_word_a_delegates_is(person: Person, request_: ApprovalRequest, why: str | None) -> None:
    reason = quorum.why_not(person, request_)
    assert (reason is None) == (why is None)
    assert why is None or (reason is not None and why in reason)
    if reason is None:
        assert quorum.may_see(person, request_)
        assert quorum.may_see_in_full(person, request_)


def votes(request: ApprovalRequest, *cast: tuple[Person, tuple[Person, ...]]) -> tuple[Vote, ...]:
    return tuple(samples.vote(request, by, on_behalf=tuple(one.id for one in absent_)) for by, absent_ in cast)


TWO = samples.terms(Factor(members=(FINANCE,), count=2))


@pytest.mark.parametrize(
    ("cast", "have"),
    [
        pytest.param([(EVE, (ADA,))], 1, id="a-delegate"),
        pytest.param([(EVE, (ADA, BOB))], 1, id="one-person-for-two"),
        pytest.param([(EVE, (ADA,)), (ADA, ())], 1, id="the-delegate-and-the-absent-one"),
        pytest.param([(ADA, ()), (EVE, (ADA,))], 1, id="in-any-order"),
        pytest.param([(EVE, (ADA,)), (CARL, (ADA,))], 1, id="two-for-one"),
        pytest.param([(EVE, (ADA,)), (BOB, ())], 2, id="a-delegate-and-another"),
        pytest.param([(BOB, (ADA,)), (ADA, ())], 2, id="who-speaks-for-themselves-too"),
        pytest.param([(EVE, (ADA, BOB)), (ADA, ())], 2, id="in-the-place-that-is-left"),
        pytest.param([(EVE, ())], 0, id="nobodys-delegate"),
    ],
)
def test_nobody_counts_twice_neither_themselves_nor_by_a_delegate(cast: Any, have: int) -> None:
    request = samples.request(given=TWO)
    assert [n.have for n in quorum.tally(replace(request, votes=votes(request, *cast)), PEOPLE)] == [have]


@pytest.mark.parametrize(
    ("people", "counts"),
    [
        pytest.param(PEOPLE, True, id="both-still-allowed"),
        pytest.param({**PEOPLE, ADA.id: replace(ADA, groups=frozenset())}, False, id="ada-left-the-group"),
        pytest.param({**PEOPLE, ADA.id: replace(ADA, disabled=True)}, False, id="ada-is-disabled"),
        pytest.param({**PEOPLE, EVE.id: replace(EVE, roles=frozenset())}, False, id="eve-is-no-reviewer"),
        pytest.param({EVE.id: EVE}, False, id="ada-is-gone"),
        pytest.param({ADA.id: ADA}, False, id="eve-is-gone"),
    ],
)
def test_what_a_delegate_said_counts_while_both_may(people: Any, counts: bool) -> None:
    # Whether Ada is still away does not matter: the vote says that she was.
    request = samples.request()
    voted = replace(request, votes=votes(request, (EVE, (ADA,))))
    assert quorum.met(quorum.tally(voted, people)) is counts


@given(
    cast=st.lists(
        st.tuples(st.sampled_from(list(PEOPLE.values())), st.lists(st.sampled_from(list(PEOPLE.values())), max_size=3)),
        max_size=6,
    )
)
def test_no_factor_has_more_than_voters_or_than_members(cast: list[tuple[Person, list[Person]]]) -> None:
    request = samples.request(given=samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,))))
    voted = replace(request, votes=votes(request, *((by, tuple(away)) for by, away in cast)))
    finance, security = quorum.tally(voted, PEOPLE)
    assert finance.have <= min(len({by.id for by, _ in cast}), 3)
    assert security.have <= min(len({by.id for by, _ in cast}), 2)
    alone = replace(voted, votes=votes(request, *((by, ()) for by, _ in cast)))
    assert [n.have for n in quorum.tally(alone, PEOPLE)] <= [finance.have, security.have]


def test_the_card_and_the_record_say_in_whose_place() -> None:
    request = samples.request()
    voted = replace(request, votes=votes(request, (EVE, (ADA,)), (DORA, ())))
    card = samples.card(replace(voted, terms=TWO))
    assert card.status_line.endswith("approved by Eve for Ada, Dora")
    assert [vote.name for vote in card.votes] == ["Eve for Ada", "Dora"]
    assert [row["on_behalf"] for row in vote_rows(request.id, voted.votes, 0)] == [[ADA.id], None]


ATHENS = ZoneInfo("Europe/Athens")


@pytest.mark.parametrize(
    ("text", "zone", "at"),
    [
        pytest.param("2d", UTC, NOW + timedelta(days=2), id="days"),
        pytest.param(" 3w", UTC, NOW + timedelta(weeks=3), id="weeks"),
        pytest.param("90m", UTC, NOW + timedelta(minutes=90), id="minutes"),
        pytest.param("2026-12-01", UTC, datetime(2026, 12, 1, tzinfo=UTC), id="a-day"),
        pytest.param("2026-12-01", ATHENS, datetime(2026, 11, 30, 22, tzinfo=UTC), id="a-day-there"),
        pytest.param("2026-12-01T09:00", ATHENS, datetime(2026, 12, 1, 7, tzinfo=UTC), id="a-time-there"),
        pytest.param("2026-12-01T09:00+01:00", ATHENS, datetime(2026, 12, 1, 8, tzinfo=UTC), id="a-zone-of-its-own"),
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, zone: Any, at: datetime) -> None:
    assert absent.moment(text, NOW, zone) == at


@pytest.mark.parametrize("text", ["", "soon", "0d", "-2d", "2 d", "2y", "99999d", "2026-13-01", "<@U1>"])
def test_what_is_no_moment_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time; write 2h, 3d"):
        absent.moment(text, NOW)


def away(**changes: Any) -> Absence:
    return replace(Absence(person=ADA.id, since=NOW, until=NOW + timedelta(days=2), to=BOB.id), **changes)


@pytest.mark.parametrize(
    ("absence", "delegate", "why"),
    [
        pytest.param(away(), BOB, None, id="good"),
        pytest.param(away(to=None), None, None, id="nobody-instead"),
        pytest.param(away(until=NOW), BOB, "later than now", id="over"),
        pytest.param(away(since=NOW + timedelta(days=3)), BOB, "ends after it begins", id="ends-before-it-begins"),
        pytest.param(away(until=NOW + timedelta(days=400)), BOB, "within a year", id="for-ever"),
        pytest.param(away(to=ADA.id), ADA, "their own delegate", id="oneself"),
        pytest.param(away(to=PersonId("x@y")), None, "there is no person", id="a-stranger"),
        pytest.param(away(), replace(BOB, disabled=True), "role reviewer", id="disabled"),
        pytest.param(away(), replace(BOB, roles=frozenset({Role.ADMIN})), "role reviewer", id="no-reviewer"),
    ],
)
def test_what_an_absence_may_be(absence: Absence, delegate: Person | None, why: str | None) -> None:
    wrong = absent.why_not(absence, delegate=delegate, now=NOW)
    assert (wrong is None) == (why is None)
    assert why is None or (wrong is not None and why in wrong[1])
