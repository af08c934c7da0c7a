"""What was decided before about calls like one: what counts, what is alike, in which order, and who gets to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import similar
from approvals.domain.answered import ANSWER_TO
from approvals.domain.destroyed import Destroyed, DestroyedBy
from approvals.domain.fingerprint import canonical
from approvals.domain.model import Answer, ApprovalRequest, Cause, Ground, State
from approvals.domain.similar import Past, Similar, Verdict, put_to_the_same, verdict_of, words
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.samples import ADA, FINANCE, NOW, SECURITY

PAYMENT = {"account": "DE1", "amount": 50, "currency": "EUR"}
ASKED = samples.request(PAYMENT)


def ended(state: State = State.SUCCEEDED, arguments: Any = None, **changes: Any) -> ApprovalRequest:
    """A request that people decided, unless said otherwise."""
    made = samples.request(PAYMENT if arguments is None else arguments, id=f"req_{len(changes)}_{state}")
    return replace(made, **{"state": state, "decided_at": NOW, **changes})


def undecided(state: State, **changes: Any) -> ApprovalRequest:
    return ended(state, decided_at=None, **changes)


def everything(_request: ApprovalRequest) -> bool:
    return True


def nothing(_request: ApprovalRequest) -> bool:
    return False


def look(*earlier: ApprovalRequest, now: ApprovalRequest = ASKED, in_full: similar.Is = everything) -> Similar:
    past = [Past(request=one, at=NOW - timedelta(minutes=n)) for n, one in enumerate(earlier)]
    return similar.similar(now, past, sees=everything, in_full=in_full)


DENIED, APPROVED = ended(State.DENIED), ended()
GONE = Destroyed(at=NOW, by=DestroyedBy.RETENTION)
ENDS: Mapping[str, tuple[ApprovalRequest, Verdict | None]] = {
    "waits": (ASKED, None),
    "denied": (DENIED, Verdict.DENIED),
    "approved and about to run": (ended(State.APPROVED), Verdict.APPROVED),
    "running": (ended(State.EXECUTING), Verdict.APPROVED),
    "ran": (APPROVED, Verdict.APPROVED),
    "failed, which is no word on the decision": (ended(State.FAILED), Verdict.APPROVED),
    "unknown": (ended(State.UNKNOWN), Verdict.APPROVED),
    "approved and never collected": (ended(State.EXPIRED, cause=Cause.NOT_COLLECTED), Verdict.APPROVED),
    "approved before the policy changed": (ended(State.CANCELLED, cause=Cause.POLICY_CHANGED), Verdict.APPROVED),
    "approved, then pulled back": (ended(State.CANCELLED, cause=Cause.CANCELLED_BY_PERSON), Verdict.PULLED_BACK),
    "nobody answered": (undecided(State.EXPIRED, cause=Cause.TIMED_OUT), Verdict.EXPIRED),
    "nobody could be told": (undecided(State.EXPIRED, cause=Cause.UNDELIVERED), Verdict.UNDELIVERED),
    "taken back by its agent": (undecided(State.CANCELLED, cause=Cause.CLIENT_CANCELLED), Verdict.CANCELLED),
    "taken back by a person": (undecided(State.CANCELLED, cause=Cause.CANCELLED_BY_PERSON), Verdict.CANCELLED),
    "a grant spoke": (ended(ground=Ground.GRANT), Verdict.GRANT),
    "silence allowed": (ended(ground=Ground.SILENCE), Verdict.SILENCE),
    "break-glass": (ended(ground=Ground.BREAK_GLASS), Verdict.BREAK_GLASS),
}


@pytest.mark.parametrize(("request_", "verdict"), ENDS.values(), ids=ENDS)
def test_each_end_is_called_what_it_was(request_: ApprovalRequest, verdict: Verdict | None) -> None:
    assert verdict_of(request_) is verdict


SENTENCES: Mapping[str, tuple[tuple[ApprovalRequest, ...], str]] = {
    "nothing": ((), "No earlier decision of this tool."),
    "one": ((APPROVED,), "Approved 1, the only one decided by people; 1 with exactly these arguments (approved 1)."),
    "both": (
        (APPROVED, ended(State.DENIED, {"account": "DE2"})),
        "Approved 1, denied 1 of the last 2 decided by people; 1 with exactly these arguments (approved 1).",
    ),
    "nobody decided": (
        (undecided(State.EXPIRED), ended(ground=Ground.GRANT), ended(ground=Ground.GRANT)),
        "No earlier decision of this tool; besides, nobody answered 1, run by a standing grant 2.",
    ),
    "what waits is no decision": ((ASKED,), "No earlier decision of this tool."),
    "what was destroyed counts by its end": (
        (replace(DENIED, destroyed=GONE),),
        "Denied 1, the only one decided by people.",
    ),
}


@pytest.mark.parametrize(("earlier", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_counts_are_one_sentence_that_judges_nothing(earlier: tuple[ApprovalRequest, ...], sentence: str) -> None:
    assert words(look(*earlier)) == sentence


LIKENESSES: Mapping[str, tuple[dict[str, Any], int, int, tuple[str, ...]]] = {
    "all": (PAYMENT, 3, 3, ()),
    "one differs": ({**PAYMENT, "amount": 5000}, 2, 3, ("amount",)),
    "one is missing": ({"account": "DE1", "amount": 50}, 2, 3, ("currency",)),
    "one is more": ({**PAYMENT, "note": "x"}, 3, 4, ("note",)),
    "true is not 1": ({**PAYMENT, "amount": True}, 2, 3, ("amount",)),
    "a text is no number": ({**PAYMENT, "amount": "50"}, 2, 3, ("amount",)),
    "50.0 is 50": ({**PAYMENT, "amount": 50.0}, 3, 3, ()),
    "null is not absent": ({**PAYMENT, "note": None}, 3, 4, ("note",)),
}


@pytest.mark.parametrize(("arguments", "equal", "of", "differs"), LIKENESSES.values(), ids=LIKENESSES)
def test_arguments_are_compared_by_name_and_only_names_are_told(
    arguments: dict[str, Any], equal: int, of: int, differs: tuple[str, ...]
) -> None:
    (row,) = look(ended(arguments=arguments)).rows
    assert row.likeness is not None
    assert (row.likeness.equal, row.likeness.of, row.likeness.differs) == (equal, of, differs)
    assert row.likeness.is_exact is (not differs)


def test_what_people_decided_comes_first_then_what_is_most_alike_then_the_newest() -> None:
    other = ended(State.DENIED, {**PAYMENT, "account": "DE2"})
    found = look(
        *(undecided(State.CANCELLED) for _ in range(6)),
        *(ended(arguments={"account": "DE9"}) for _ in range(5)),
        other,
        DENIED,
        APPROVED,
    )
    assert [row.past.request for row in found.rows[:3]] == [DENIED, APPROVED, other]
    assert len(found.rows) == similar.ROWS
    assert all(row.verdict in similar.PEOPLES for row in found.rows), "an agent cannot push a denial out by cancelling"
    assert (found.decided, found.counts[Verdict.CANCELLED]) == (8, 6)


def test_the_calls_with_one_argument_in_common_are_counted_by_how_they_were_decided() -> None:
    found = look(
        APPROVED,
        ended(State.DENIED, {**PAYMENT, "amount": 9}),
        ended(arguments={"account": "x"}),
        undecided(State.EXPIRED),
    )
    assert [(one.argument, dict(one.counts), one.of) for one in found.same] == [
        ("account", {Verdict.APPROVED: 1, Verdict.DENIED: 1}, 3),
        ("amount", {Verdict.APPROVED: 1}, 3),
        ("currency", {Verdict.APPROVED: 1, Verdict.DENIED: 1}, 3),
    ]


def test_what_a_reader_may_not_read_is_not_compared_for_them() -> None:
    secret = {"account": "DE1", "password": "hunter22"}
    now = samples.request(secret)
    (row,) = look(ended(arguments=secret), now=now, in_full=nothing).rows
    assert row.likeness == similar.Likeness(equal=1, of=2, hidden=("password",), same=("account",))
    (row,) = look(ended(arguments=secret), now=now, in_full=lambda one: one is now).rows
    assert row.likeness is not None
    assert (row.likeness.hidden, row.likeness.is_exact) == (("password",), False), "of the earlier one they read less"
    hidden = samples.request(PAYMENT, given=samples.terms(redact=(("account",),)))
    found = look(APPROVED, now=hidden, in_full=nothing)
    assert [one.argument for one in found.same] == ["amount", "currency"]
    assert not found.exact


def test_whoever_may_not_see_a_request_is_told_nothing_of_it() -> None:
    found = similar.similar(ASKED, [Past(request=DENIED, at=NOW)], sees=nothing, in_full=everything)
    assert (dict(found.counts), found.rows) == ({}, ())


def test_what_was_destroyed_has_no_row_and_is_compared_with_nothing() -> None:
    gone = replace(DENIED, destroyed=GONE, call=replace(DENIED.call, arguments=b"{}"))
    found = look(gone, APPROVED)
    assert [row.past.request for row in found.rows] == [APPROVED]
    assert [(dict(one.counts), one.of) for one in found.same[:1]] == [({Verdict.APPROVED: 1}, 1)]
    assert words(found).startswith("Approved 1, denied 1 of the last 2")


def test_long_arguments_are_compared_as_a_whole() -> None:
    long = ended(arguments={"text": "x" * similar.COMPARED})
    unread = replace(long, call=replace(long.call, arguments=b""))
    now = replace(ASKED, call=long.call)
    for earlier in (long, unread):
        (row,) = look(earlier, now=now).rows
        assert row.likeness == similar.Likeness(is_exact=True)
        (row,) = look(earlier).rows
        assert row.likeness is None
        assert look(earlier, now=now, in_full=nothing).rows[0].likeness is None


def test_what_has_to_be_masked_is_compared_only_where_it_is_short() -> None:
    call = samples.call(PAYMENT | {"note": "x" * similar.MASKED})
    now, earlier = replace(ASKED, call=call), replace(APPROVED, call=call)
    assert look(earlier, now=now, in_full=nothing).rows[0].likeness is None
    whole = look(earlier, now=now).rows[0].likeness
    assert whole is not None
    assert (whole.is_exact, whole.equal) == (True, 4)


def test_an_answer_is_held_against_answers_and_a_call_against_calls() -> None:
    meta = canonical({ANSWER_TO: "req_1"})
    answer = replace(APPROVED, call=replace(APPROVED.call, meta=meta))
    assert not look(answer).counts
    assert look(answer, DENIED, now=replace(ASKED, call=answer.call)).counts == {Verdict.APPROVED: 1}


ROUTES: Mapping[str, tuple[tuple[Factor, ...], dict[str, Any], bool]] = {
    "the same people": ((Factor(members=(FINANCE,)),), {}, True),
    "more were asked before": ((Factor(members=(FINANCE, SECURITY)),), {}, True),
    "in two factors": ((Factor(members=(FINANCE,)), Factor(members=(SECURITY,))), {}, True),
    "others were asked before": ((Factor(members=(SECURITY,)),), {}, False),
    "delegates did not stand in before": ((Factor(members=(FINANCE,)),), {"delegation": False}, False),
}


@pytest.mark.parametrize(("factors", "terms", "same"), ROUTES.values(), ids=ROUTES)
def test_a_card_tells_what_everybody_who_is_asked_was_asked_before(
    factors: tuple[Factor, ...], terms: dict[str, Any], same: bool
) -> None:
    earlier = replace(DENIED, terms=samples.terms(*factors, **terms), votes=(samples.vote(DENIED, ADA, Answer.DENY),))
    assert put_to_the_same(ASKED, earlier) is same
