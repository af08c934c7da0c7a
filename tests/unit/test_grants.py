"""Whether a standing grant speaks for a call: every way in which it does not, one a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.domain import grants, shapes
from approvals.domain.answered import ANSWER_TO
from approvals.domain.fingerprint import make_call
from approvals.domain.grants import Covered, End, Grant
from approvals.domain.model import Answer, ApprovalRequest, Ground, Overrun, Person, Role, State
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, FINANCE, NOW, PEOPLE, SECURITY

HOUR = timedelta(hours=1)
LATER = NOW + timedelta(minutes=10)
OFFERED = samples.terms(grants="always")
SHAPE = {"/quantity": {"range": {"max": 10}}}
OVER = Overrun(counter="c", scope="s", name="paid", most="1", to="2", words="per day")


def proposal(**changes: Any) -> shapes.Proposal:
    return shapes.read({"arguments": SHAPE, "for_seconds": 3600, "uses": 3, "budget": None} | changes)


def grant(given: Any = None, **changes: Any) -> Grant:
    origin = samples.request({"quantity": 2, "symbol": "BTCUSDT"}, given=given or OFFERED, state=State.SUCCEEDED)
    fields: dict[str, Any] = {"proposal": proposal(), "given_by": (ADA.id,), "at": NOW, "until": NOW + HOUR}
    return Grant(id="grt_sample", origin=origin, **(fields | changes))


def call(quantity: Any = 5, *, given: Any = None, **changes: Any) -> ApprovalRequest:
    made = samples.request({"quantity": quantity, "symbol": "BTCUSDT"}, id="req_next", given=given or OFFERED)
    return replace(made, **changes)


def over(session: str | None) -> Any:
    """The caller of a call that came over this session."""
    return replace(samples.caller(), session=session)


def why(one: Grant, request: ApprovalRequest, people: Any = PEOPLE) -> str | None:
    return grants.why_not(one, request, people, LATER)


def test_a_call_of_the_shape_is_covered() -> None:
    assert why(grant(), call()) is None


@pytest.mark.parametrize(
    ("bound", "session"),
    [
        pytest.param("a", "a", id="over-its-session"),
        pytest.param(None, "a", id="bound-to-none-over-some-session"),
        pytest.param(None, None, id="bound-to-none-over-none"),
    ],
)
def test_a_call_over_the_session_of_a_grant_is_covered(bound: str | None, session: str | None) -> None:
    assert why(grant(session=bound), call(caller=over(session))) is None


def test_no_session_is_made_up_for_a_call_that_has_none() -> None:
    of_session = proposal(scope="session")
    request = call(caller=over(None))
    assert "no session is made up" in str(grants.why_no_session(request))
    with pytest.raises(ValueError, match="no session"):
        grants.session_of(of_session, request)
    request = call(caller=over("a"))
    assert grants.why_no_session(request) is None
    assert (grants.session_of(of_session, request), grants.session_of(proposal(), request)) == ("a", None)


@pytest.mark.parametrize(
    ("one", "end"),
    [
        pytest.param(grant(), None, id="in-force"),
        pytest.param(grant(ended_at=NOW, ended_by=BOB.id), End.TAKEN_BACK, id="a-person-ended-it"),
        pytest.param(grant(ended_at=NOW, ended_by="placet"), End.SESSION_OVER, id="nobody-ended-it"),
        pytest.param(grant(until=LATER), End.TIME_OVER, id="its-time-has-run-out"),
        pytest.param(grant(used=3), End.USED_UP, id="no-use-is-left"),
        pytest.param(grant(used=3, ended_at=NOW, ended_by=BOB.id), End.TAKEN_BACK, id="used-up-and-taken-back"),
    ],
)
def test_how_a_grant_ended_is_told_apart(one: Grant, end: End | None) -> None:
    assert one.end(LATER) is end
    assert one.holds(LATER) is (end is None)


ANOTHER_TOOL = replace(call().call, tool_fingerprint="e" * 64)
ANOTHER_META = make_call(
    server="binance",
    tool="new_order",
    arguments={"quantity": 5, "symbol": "BTCUSDT"},
    tool_fingerprint="f" * 64,
    meta={"x": 1},
)


@pytest.mark.parametrize(
    ("one", "request_", "said"),
    [
        pytest.param(grant(until=LATER), call(), "it is over", id="its-time-is-over"),
        pytest.param(grant(used=3), call(), "it is over", id="no-use-is-left"),
        pytest.param(grant(ended_at=NOW, ended_by="x"), call(), "it is over", id="taken-back"),
        pytest.param(grant(), call(11), "outside of what was granted", id="out-of-its-shape"),
        pytest.param(grant(), call(caller=samples.caller("other")), "another agent", id="another-agent"),
        pytest.param(grant(session="a"), call(caller=over("b")), "another session", id="another-session"),
        pytest.param(grant(session="a"), call(caller=over(None)), "another session", id="no-session-at-all"),
        pytest.param(grant(), call(call=ANOTHER_TOOL), "has changed", id="the-tool-changed"),
        pytest.param(grant(), call(call=ANOTHER_META), "beside the arguments", id="other-meta"),
        pytest.param(grant(), call(rule="/tools/new_order/approve_if/0"), "another rule", id="another-rule-asks"),
        pytest.param(grant(), call(over=(OVER,)), "over a limit", id="it-goes-over-a-limit"),
        pytest.param(grant(), call(given=samples.terms(grants="never")), "grants: never", id="the-rule-says-never"),
        pytest.param(grant(), call(given=samples.terms()), "financial tool", id="the-rule-no-longer-says-always"),
        pytest.param(
            grant(),
            call(given=samples.terms(grants="always", four_eyes=True)),
            "not enough",
            id="four-eyes-and-no-owner",
        ),
        pytest.param(
            grant(),
            call(given=replace(OFFERED, factors=(Factor(members=(FINANCE,), count=2),))),
            "not enough",
            id="the-rule-asks-for-more-people",
        ),
        pytest.param(
            grant(),
            call(given=replace(OFFERED, factors=(Factor(members=(SECURITY,)),))),
            "not enough",
            id="the-rule-asks-others",
        ),
    ],
)
def test_a_grant_speaks_for_nothing_else(one: Grant, request_: ApprovalRequest, said: str) -> None:
    found = why(one, request_)
    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    "giver",
    [
        pytest.param(None, id="gone"),
        pytest.param(replace(ADA, disabled=True), id="disabled"),
        pytest.param(replace(ADA, groups=frozenset()), id="no-longer-of-the-group"),
        pytest.param(replace(ADA, roles=frozenset({Role.ADMIN})), id="no-longer-a-reviewer"),
    ],
)
def test_a_grant_speaks_only_while_its_giver_could_decide(giver: Person | None) -> None:
    people = {} if giver is None else {giver.id: giver}
    assert why(grant(), call(), people) == "those who gave it are not enough to approve this call now"


def test_a_grant_of_the_agents_owner_does_not_speak_under_four_eyes() -> None:
    terms = samples.terms(grants="always", four_eyes=True)
    own = call(given=terms, caller=samples.caller(owner=ADA.id))
    assert why(grant(), own) is not None
    assert why(grant(given_by=(BOB.id,)), own) is None


STANDS_IN = replace(samples.EVE, stands_for=(ADA,))


@pytest.mark.parametrize(
    ("giver", "changes", "covers"),
    [
        pytest.param(STANDS_IN, {}, True, id="while-the-absence-lasts"),
        pytest.param(samples.EVE, {}, False, id="once-it-is-over"),
        pytest.param(STANDS_IN, {"given": replace(OFFERED, delegation=False)}, False, id="the-rule-knows-no-delegates"),
        pytest.param(STANDS_IN, {"caller": samples.caller(owner=samples.EVE.id)}, False, id="the-delegates-own-agent"),
        pytest.param(
            replace(samples.EVE, stands_for=(replace(ADA, disabled=True),)), {}, False, id="the-absent-one-is-disabled"
        ),
        pytest.param(
            STANDS_IN,
            {"given": replace(OFFERED, factors=(Factor(members=(SECURITY,)),))},
            False,
            id="the-absent-one-is-not-asked",
        ),
        pytest.param(
            STANDS_IN,
            {"given": replace(OFFERED, factors=(Factor(members=(FINANCE,), count=2),))},
            False,
            id="a-delegate-is-one-person",
        ),
    ],
)
def test_a_grant_of_a_delegate_speaks_while_they_could_decide_as_one(
    giver: Person, changes: dict[str, Any], covers: bool
) -> None:
    one = grant(given_by=(giver.id,))
    assert (why(one, call(**changes), {giver.id: giver}) is None) is covers


def test_the_absent_one_and_their_delegate_are_one_giver() -> None:
    two = replace(OFFERED, factors=(Factor(members=(FINANCE,), count=2),))
    people = {**PEOPLE, samples.EVE.id: STANDS_IN}
    assert why(grant(given_by=(ADA.id, samples.EVE.id)), call(given=two), people) is not None
    assert why(grant(given_by=(BOB.id, samples.EVE.id)), call(given=two), people) is None


def test_all_who_gave_it_count_together() -> None:
    two = replace(OFFERED, factors=(Factor(members=(FINANCE,)), Factor(members=(SECURITY,))))
    assert why(grant(given_by=(ADA.id, CARL.id)), call(given=two)) is None
    assert why(grant(given_by=(DORA.id,)), call(given=two)) is None
    assert why(grant(given_by=(ADA.id, BOB.id)), call(given=two)) is not None


def test_a_budget_is_what_all_uses_come_to() -> None:
    budget = proposal(budget={"argument": "/quantity", "max": 12})
    one = grant(proposal=budget)
    assert why(one, call(10)) is None
    spent = one.use(Decimal(10))
    assert (spent.uses_left, spent.budget_left) == (2, Decimal(2))
    assert why(spent, call(2)) is None
    assert why(spent, call(2.5)) == "its budget does not reach"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"risk": "financial"}, "financial tool", id="moves-money"),
        pytest.param({"risk": "destructive"}, "destructive tool", id="destroys"),
        pytest.param({"severity": "critical"}, "critical severity", id="critical"),
        pytest.param({"terms": samples.terms(grants="barred")}, "its server calls the tool", id="says-its-server"),
        pytest.param({"terms": samples.terms(grants="never")}, "grants: never", id="never"),
        pytest.param({"over": (OVER,)}, "over a limit", id="over-a-limit"),
        pytest.param(
            {"call": make_call(server="s", tool="t", arguments={}, tool_fingerprint="f", meta={ANSWER_TO: "req_x"})},
            "an answer",
            id="an-answer-in-a-run",
        ),
    ],
)
def test_grants_are_not_offered_for_what_must_be_decided_each_time(changes: dict[str, Any], said: str) -> None:
    harmless = replace(samples.request(), risk="write", severity="high")
    assert grants.why_not_offered(harmless) is None
    assert said in str(grants.why_not_offered(replace(harmless, **changes)))


def test_a_rule_that_says_always_offers_grants_of_whatever_it_is_about() -> None:
    assert grants.why_not_offered(samples.request(given=OFFERED)) is None


def test_everybody_who_approves_must_want_the_same_grant() -> None:
    two = samples.request(given=samples.terms(Factor(members=(FINANCE,), count=2)))
    one, other = proposal(), proposal(uses=2)

    def agreed(*wanted: shapes.Proposal | None) -> Any:
        voters = (ADA, BOB)
        votes = tuple(samples.vote(two, by, grant=want) for by, want in zip(voters, wanted, strict=True))
        return grants.agreed(replace(two, votes=votes), PEOPLE)

    assert agreed(one, one) == (one, None)
    assert agreed(None, None) == (None, None)
    assert agreed(one, other)[0] is agreed(None, one)[0] is None
    assert "only this one call" in agreed(one, other)[1]


def test_a_word_that_does_not_count_stands_in_no_grants_way() -> None:
    request = samples.request()
    stranger = samples.vote(request, samples.EVE, Answer.APPROVE)
    request = replace(request, votes=(stranger, samples.vote(request, ADA, grant=proposal())))
    assert grants.agreed(request, PEOPLE) == (proposal(), None)


@pytest.mark.parametrize(
    ("one", "stands"),
    [
        pytest.param(grant(used=3), True, id="its-last-use-is-this-one"),
        pytest.param(grant(used=1, ended_at=NOW, ended_by="x"), False, id="taken-back-since"),
        pytest.param(grant(used=1, until=LATER), False, id="its-time-has-run-out"),
        pytest.param(grant(used=1, session="a"), False, id="another-session"),
        pytest.param(replace(grant(), id="grt_other"), False, id="another-grant"),
    ],
)
def test_a_use_that_was_taken_lets_its_call_run_while_the_grant_stands(one: Grant, stands: bool) -> None:
    covered = Covered(grant="grt_sample", given_by=(ADA.id,), request="req_sample")
    request = call(state=State.APPROVED, ground=Ground.GRANT, covered=covered)
    assert grants.still_stands(one, request, PEOPLE, LATER) is stands
    assert not grants.still_stands(one, request, {}, LATER)
