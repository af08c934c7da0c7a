"""Each new row of a ledger is held against what was so at that moment; then the case is what the row made of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import ApprovalRequest, Role
from approvals.domain.terms import Escalation, OnTimeout
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.facts import Ask, Case, Facts, Trusted, asks_of

TIME = "placet"


def opened(facts: Facts, request: ApprovalRequest) -> Case:
    """The case of a request that was just filed."""
    return Case(
        id=request.id,
        agent=request.caller.agent,
        owner=request.caller.owner,
        server=request.call.server,
        mark=request.call.tool_fingerprint,
        rule=request.rule,
        number=json.loads(request.call.arguments)["n"],
        binding=request.binding,
        asks=asks_of(request.terms),
        terms=request.terms,
        chain=list(request.terms.escalate),
        filed_at=facts.now,
        deadline=facts.now + request.terms.timeout,
    )


def judge(facts: Facts, case: Case, row: Record, request: ApprovalRequest) -> None:
    """Hold one row against the facts. `request` is as it is after all rows of this moment."""
    assert row.at == facts.now
    if isinstance(row.event, Note):
        _note(facts, case, row)
        return
    assert row.before == case.state, f"{row.event} of {case.state}"
    case.moves += 1
    assert row.seq == case.moves + 1
    _JUDGES[row.event](facts, case, row, request)
    case.state = row.after.value
    if row.after.value in ("denied", "expired", "cancelled"):
        case.ended_by, case.ended_at = row.actor, row.at


def _note(facts: Facts, case: Case, row: Record) -> None:
    if row.event is Note.GRANT_GIVEN:
        _granted(facts, case, row)
    elif row.event is Note.GRANT_ENDED:
        grant = facts.grants[row.detail["grant"]]
        assert authority.has_part(facts, case, row.actor)
        assert not grant.ended
        assert row.detail["used"] == grant.used
        grant.ended = True
    elif row.event is Note.COMMENTED:
        assert authority.has_part(facts, case, row.actor)
    elif row.event is Note.LATE:
        assert case.state != "executing" or row.detail.get("event")


def _granted(facts: Facts, case: Case, row: Record) -> None:
    """Everybody whose yes counts wanted just this."""
    givers = authority.counting(facts, case)
    (agreed,) = {case.wants[one] for one in givers}
    assert case.state == "approved"
    assert agreed is not None
    assert (row.detail["given_by"], row.detail["uses"]) == (givers, agreed[1])
    until = _at(row, "until")
    assert until > facts.now
    made = Trusted(id=row.detail["grant"], case=case.id, by=tuple(givers), most=agreed[0], uses=agreed[1], until=until)
    facts.grants[made.id] = made


def _voted(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    who = row.actor
    assert authority.takes_vote(facts, case, who, yes=True)
    assert row.detail["binding"] == case.binding
    case.yes[who] = authority.stands_for(facts, case, who)
    assert set(row.detail.get("for", ())) == case.yes[who]
    assert authority.enough(facts, case, case.yes) is (row.event is Event.QUORUM_MET)
    if row.event is Event.QUORUM_MET:
        _approved(facts, case)


def _approved(facts: Facts, case: Case) -> None:
    case.decided_at = facts.now
    case.collect_by = (case.runs_from() or facts.now) + case.terms.collect_within


def _vetoed(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert authority.takes_vote(facts, case, row.actor, yes=False)
    assert row.detail["binding"] == case.binding
    case.no, case.decided_at = row.actor, facts.now


def _edited(facts: Facts, case: Case, row: Record, request: ApprovalRequest) -> None:
    assert case.terms.edit
    assert authority.takes_vote(facts, case, row.actor, yes=True)
    number = json.loads(request.call.arguments)["n"]
    assert number != case.number
    assert number % 4 != 3, "the policy refuses such numbers"
    assert request.binding != case.binding
    assert row.detail["binding"] == request.binding
    case.number, case.binding, case.rule, case.terms = number, request.binding, request.rule, request.terms
    case.asks, case.chain = asks_of(request.terms), list(request.terms.escalate)
    case.yes, case.wants = {}, {}


def _extended(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert authority.steers(facts, case, row.actor)
    later = _at(row, "expires_at")
    assert case.deadline < later <= case.deadline + timedelta(hours=24)
    assert facts.now < case.deadline
    case.deadline = later


def _escalated(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    step = next(one for one in case.chain if list(one.to) == row.detail["to"])
    over = facts.now >= case.deadline
    assert _is_due(facts, case, step, over=over)
    case.chain.remove(step)
    for place, ask in enumerate(case.asks):
        if step.widens is None or place in step.widens:
            ask.members = tuple(dict.fromkeys((*ask.members, *step.to)))
    case.asks = [Ask(members=ask.members, count=ask.count) for ask in case.asks]
    if step.timeout is not None:
        case.deadline = max(case.deadline, facts.now + step.timeout)
    elif over and case.terms.on_timeout is OnTimeout.ESCALATE:
        case.deadline = facts.now + case.terms.timeout


def _is_due(facts: Facts, case: Case, step: Escalation, *, over: bool) -> bool:
    if step.undelivered:
        return facts.broken or over
    by_its_time = step.after is not None and facts.now >= case.filed_at + step.after
    return by_its_time or (over and case.terms.on_timeout is OnTimeout.ESCALATE)


def _reassigned(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert facts.now < case.deadline
    after = [Ask(members=tuple(one["members"]), count=one["count"]) for one in row.detail["factors"]]
    assert [one.count for one in after] == [one.count for one in case.asks]
    changed = [was for was, now in zip(case.asks, after, strict=True) if was.members != now.members]
    who = row.actor
    steward = authority.has_role(facts, who, Role.OPERATOR) and not (case.terms.four_eyes and who == case.owner)
    mine = authority.may_decide(facts, case, who)
    assert changed
    assert steward or (mine and all(authority.is_member(facts, who, ask) for ask in changed))
    case.asks = after
    assert not authority.enough(facts, case, case.yes), "nobody would be asked any more"


def _asked(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert authority.steers(facts, case, row.actor)
    assert case.open_questions < 3
    assert facts.now < case.deadline
    case.open_questions, case.questions = case.open_questions + 1, case.questions + 1


def _answered(_facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert row.actor == f"agent:{case.agent}"
    assert case.open_questions > 0
    case.open_questions -= 1


def _defaulted(facts: Facts, case: Case, row: Record, request: ApprovalRequest) -> None:
    assert row.actor == TIME
    assert case.silence_allows
    assert facts.now >= case.deadline
    assert not facts.stopped(case)
    case.ground, case.cause = "silence", "silence_allows"
    _approved(facts, case)


def _timed_out(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert row.actor == TIME
    assert facts.now >= case.deadline
    assert not case.silence_allows or facts.stopped(case)
    left = [one for one in case.chain if not one.undelivered]
    assert not (left and case.terms.on_timeout is OnTimeout.ESCALATE)
    assert not any(one.after and one.timeout and case.filed_at + one.after <= case.deadline for one in left)
    case.cause = "timed_out"


def _undelivered(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert row.actor == TIME
    assert facts.broken or facts.now >= case.deadline
    assert case.terms.channels
    assert not any(one.undelivered for one in case.chain)
    case.cause = "undelivered"


def _covered(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    grant = facts.grants[row.detail["grant"]]
    assert authority.is_covered(facts, case, grant)
    assert grant.used < grant.uses
    assert not facts.stopped(case)
    grant.used += 1
    case.ground, case.grant = "grant", grant.id
    _approved(facts, case)


def _bypassed(facts: Facts, case: Case, _row: Record, _request: ApprovalRequest) -> None:
    assert facts.glass_open(case.server)
    assert not facts.stopped(case)
    case.ground, case.cause = "break_glass", "break_glass"
    _approved(facts, case)


def _cancelled(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    cause = case.cause = str(row.detail["cause"])
    match cause:
        case "cancelled_by_person":
            assert authority.has_part(facts, case, row.actor)
        case "client_cancelled":
            assert row.actor == f"agent:{case.agent}"
        case "revoked" if row.actor == TIME:
            assert case.state == "approved"
            assert case.agent in facts.revoked or not authority.has_ground(facts, case)
        case "revoked":
            assert case.agent in facts.revoked
        case "frozen":
            # Also what crossed with a freeze, when that is over: what it covered by then has not run.
            assert case.state == "approved"
            assert facts.frozen(case) or row.actor in facts.people
        case _:
            assert cause in ("policy_changed", "tool_changed")
            assert row.actor == TIME


def _claimed(facts: Facts, case: Case, row: Record, request: ApprovalRequest) -> None:
    assert authority.may_run(facts, case), "no valid authority"
    assert request.binding == case.binding
    assert json.loads(request.call.arguments)["n"] == case.number
    case.claims += 1
    assert case.claims == 1
    case.holder, case.lease_until, case.cause = row.detail["holder"], _at(row, "lease_until"), None


def _lapsed(facts: Facts, case: Case, _row: Record, _request: ApprovalRequest) -> None:
    assert case.collect_by is not None
    assert facts.now >= case.collect_by
    case.cause = "not_collected"


def _returned(_facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert case.claims == 1
    case.cause = row.detail.get("cause")


def _lost(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert row.actor == TIME
    assert case.lease_until is not None
    assert facts.now >= case.lease_until
    case.cause = "lease_lost"


def _resolved(facts: Facts, case: Case, row: Record, _request: ApprovalRequest) -> None:
    assert authority.steers(facts, case, row.actor)
    case.cause = str(row.detail["cause"])


def _at(row: Record, field: str) -> datetime:
    said: Any = row.detail[field]
    return datetime.fromisoformat(said)


_JUDGES = {
    Event.VOTED: _voted,
    Event.QUORUM_MET: _voted,
    Event.VETOED: _vetoed,
    Event.EDITED: _edited,
    Event.EXTENDED: _extended,
    Event.ESCALATED: _escalated,
    Event.REASSIGNED: _reassigned,
    Event.ASKED: _asked,
    Event.ANSWERED: _answered,
    Event.DEFAULTED: _defaulted,
    Event.TIMED_OUT: _timed_out,
    Event.UNDELIVERED: _undelivered,
    Event.COVERED: _covered,
    Event.BYPASSED: _bypassed,
    Event.CANCELLED: _cancelled,
    Event.CLAIMED: _claimed,
    Event.LAPSED: _lapsed,
    Event.RETURNED: _returned,
    Event.RAISED: _returned,
    Event.LOST: _lost,
    Event.RESOLVED: _resolved,
}
