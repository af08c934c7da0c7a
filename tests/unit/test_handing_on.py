"""Who may be asked instead, and whose place they take: pure tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import handing_on, snoozing
from approvals.domain.model import Person, PersonId, Role, State
from approvals.domain.snoozing import Snooze
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, NOW, SECURITY

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
VERA = samples.person("vera", "readers", roles=(Role.VIEWER,))
GONE = samples.person("gone", disabled=True)
PEOPLE = {**samples.PEOPLE, **{p.id: p for p in (OTTO, VERA, GONE)}}
BOTH = samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,)))


@pytest.mark.parametrize(
    ("person", "at"),
    [
        pytest.param(ADA, {0}, id="those they speak for"),
        pytest.param(DORA, {0, 1}, id="all they speak for"),
        pytest.param(OTTO, {0, 1}, id="an operator who speaks for none: all"),
        pytest.param(replace(ADA, roles=ADA.roles | {Role.OPERATOR}), {0}, id="an operator who speaks for some"),
        pytest.param(EVE, set(), id="a reviewer nothing is routed to"),
        pytest.param(replace(ADA, disabled=True), set(), id="a disabled person"),
        pytest.param(replace(OTTO, disabled=True), set(), id="a disabled operator"),
    ],
)
def test_a_person_gives_away_what_they_speak_for(person: Person, at: set[int]) -> None:
    assert handing_on.places(samples.request(given=BOTH), person) == at


def test_the_human_behind_the_agent_gives_nothing_away_under_four_eyes_operator_or_not() -> None:
    owner = replace(ADA, roles=ADA.roles | {Role.OPERATOR})
    request = samples.request(given=samples.terms(four_eyes=True), owner=ADA.id)
    assert handing_on.places(request, owner) == frozenset()
    assert handing_on.places(replace(request, terms=samples.terms()), owner) == {0}


@pytest.mark.parametrize(
    ("named", "why"),
    [
        pytest.param([], "1 to 10", id="nobody"),
        pytest.param([f"p{n}@example.com" for n in range(11)], "1 to 10", id="too many"),
        pytest.param(["bob"], "neither group:NAME nor an address", id="a bare name"),
        pytest.param(["group:"], "neither", id="a group without a name"),
        pytest.param(["group:a b"], "neither", id="a space in a group"),
        pytest.param(["a@b@c"], "neither", id="two at signs"),
    ],
)
def test_who_is_named_must_be_a_group_or_an_address(named: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        handing_on.members(named)


def test_addresses_are_taken_in_any_case_and_once() -> None:
    assert handing_on.members(["Bob@Example.com", "bob@example.com", "group:Ops"]) == ("bob@example.com", "group:Ops")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        pytest.param("who@example.com", "is nobody who is known here", id="unknown"),
        pytest.param(GONE.id, "is nobody who is known here", id="disabled"),
        pytest.param(VERA.id, "does not have the reviewer role", id="no reviewer"),
        pytest.param(BOB.id, "is the human behind this agent", id="the owner under four-eyes"),
        pytest.param("group:empty", "has nobody in it", id="an empty group"),
        pytest.param("group:readers", "has nobody in it who may decide this", id="a group of viewers"),
        pytest.param(CARL.id, None, id="a reviewer of any group"),
        pytest.param(SECURITY, None, id="a group with a reviewer in it"),
    ],
)
def test_nobody_is_asked_who_could_not_decide(one: str, why: str | None) -> None:
    request = samples.request(given=samples.terms(four_eyes=True), owner=BOB.id)
    said = handing_on.why_not_them(request, (one,), PEOPLE)
    assert said is None if why is None else said is not None and why in said


def test_counts_stay_and_only_the_named_places_change() -> None:
    factors = handing_on.handed(samples.request(given=BOTH), frozenset({0}), (SECURITY,), PEOPLE)
    assert factors == (Factor(members=(SECURITY,), count=2), Factor(members=(SECURITY,)))


def test_as_many_must_be_able_to_decide_as_are_needed() -> None:
    with pytest.raises(ValueError, match="2 people are needed, and only 1"):
        handing_on.handed(samples.request(given=BOTH), frozenset({0}), (PersonId(EVE.id),), PEOPLE)


def test_to_whom_it_is_already_routed_nothing_is_handed() -> None:
    with pytest.raises(ValueError, match="asked already"):
        handing_on.handed(samples.request(), frozenset({0}), (FINANCE,), PEOPLE)


SNOOZED = Snooze(request="req_sample", person=ADA.id, until=NOW + timedelta(minutes=5), revision=1)


@pytest.mark.parametrize(
    ("changes", "minutes", "hidden"),
    [
        pytest.param({}, 1, True, id="for its time"),
        pytest.param({}, 5, False, id="not longer"),
        pytest.param({"revision": 2}, 1, False, id="until anything changes"),
        pytest.param({"state": State.EXPIRED}, 1, False, id="never once it has ended"),
    ],
)
def test_a_snooze_hides(changes: dict[str, Any], minutes: int, hidden: bool) -> None:
    request = samples.request(**changes)
    assert SNOOZED.hides(request, NOW + timedelta(minutes=minutes)) is hidden


@pytest.mark.parametrize(
    ("minutes", "why"), [(0, "more than nothing"), (14, None), (15, "15 minutes that are left"), (60, "15 minutes")]
)
def test_a_snooze_ends_before_the_deadline(minutes: int, why: str | None) -> None:
    said = snoozing.why_not(samples.request(), NOW + timedelta(minutes=minutes), NOW)
    assert said is None if why is None else said is not None and why in said
