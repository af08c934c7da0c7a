"""The right to run a call, each act inside one transaction: claim it, settle it, or let time end it.

The claim is the one conditional update that everything hangs on: before it, the binding is computed
again from the stored columns and the votes are counted again with people as they are now. A result
changes the state only while our claim stands; later it is evidence in the ledger, nothing more.
"""

from __future__ import annotations

from datetime import timedelta

from approvals import granting, stopped
from approvals.domain import cancel_window, escalating, fingerprint, quorum, schedule
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import TABLE, late
from approvals.domain.model import ApprovalRequest, Cause, Claim, Ground, State
from approvals.domain.terms import OnTimeout
from approvals.errors import NotClaimable, NotFound, StaleBinding
from approvals.room import Result, Room


def claim(
    room: Room, request_id: str, *, binding: str, lease: timedelta, holder: str, session: str | None = None
) -> Result:
    """Take the right to execute, once; or end the request if it may not run any more.

    `session` is that of the client who waits for it, None if nobody does.
    """
    request = room.load(request_id)
    if request is None:
        return NotFound(what="request")
    if request.state is not State.APPROVED or request.decoy is not None:
        return NotClaimable(state=request.state, request=request)
    if binding != request.binding:
        return StaleBinding(request=request)
    if cancel_window.is_open(request, room.tx.now):
        # It may run later, if nobody pulls it back.
        return NotClaimable(state=request.state, request=request)
    wrong = _no_longer_valid(room, request)
    if wrong is None and (agent := room.tx.agents.get(request.caller.agent)) is not None:
        if agent.paused_at is not None:
            # It may run once its agent is resumed, if its time has not run out by then.
            return NotClaimable(state=request.state, request=request)
        wrong = Cause.REVOKED if agent.gone else None
    if wrong is None and granting.is_anothers(room, request, session):
        # It may run when the session that its grant is bound to comes for it; when that ends, it ends.
        return NotClaimable(state=request.state, request=request)
    if wrong is not None:
        ended = room.move(request, Happened(event=Event.CANCELLED, actor=schedule.CLOCK, cause=wrong))
        return NotClaimable(state=ended.state, request=ended)
    right = Claim(holder=holder, lease_until=room.tx.now + lease)
    return room.move(request, Happened(event=Event.CLAIMED, actor=schedule.CLOCK, claim=right))


def settle(room: Room, request_id: str, happened: Happened, *, holder: str) -> Result:
    """Record what came of our execution, as state while the claim stands, else as evidence."""
    request = room.tx.requests.get(request_id, lock=True)
    if request is None:
        return NotFound(what="request")
    ours = request.state is State.EXECUTING and request.claim is not None and request.claim.holder == holder
    if ours:
        return room.move(request, happened)
    room.tx.requests.append(late(request, happened, room.tx.now), request.binding)
    room.tx.touch(request_id)
    return request


def apply(room: Room, request_id: str, happened: Happened) -> ApprovalRequest | None:
    """Let a thing happen if it still can: an arrow is there, and what only time brings is due now."""
    request = room.tx.requests.get(request_id, lock=True)
    if request is None or (request.state, happened.event) not in TABLE:
        return None
    if happened.event in schedule.BY_TIME or happened.cause is Cause.LEASE_LOST:
        now_due = stopped.due(room.tx, request)
        if now_due is None or not _same(happened, now_due):
            return None
        happened = now_due
    return room.move(request, happened)


def _same(happened: Happened, now_due: Happened) -> bool:
    """Is it what was seen to be due, or what comes in place of silence?"""
    return happened.event in {now_due.event, Event.DEFAULTED} or now_due.event is Event.UNDELIVERED


def ask_others(room: Room, request: ApprovalRequest) -> ApprovalRequest | None:
    """Nobody was shown a card until now: ask whom the rule names for that. None: it names nobody (any more)."""
    step = escalating.on_undelivered(request)
    if step is None:
        return None
    return room.move(request, schedule.step_taken(request, step, escalating.NOBODY_REACHED, room.tx.now))


def unreachable(room: Room, request: ApprovalRequest, why: str) -> ApprovalRequest:
    """Nobody can be shown a card of a waiting request, ever: ask whom the rule names for that, or end it."""
    return ask_others(room, request) or room.move(
        request, Happened(event=Event.UNDELIVERED, actor=schedule.CLOCK, note=why)
    )


def _no_longer_valid(room: Room, request: ApprovalRequest) -> Cause | None:
    if not _unaltered(request):
        return Cause.ALTERED
    if room.tx.switches.freeze_of(agent=request.caller.agent, server=request.call.server) is not None:
        return Cause.FROZEN
    return None if _grounded(room, request) else Cause.REVOKED


def _grounded(room: Room, request: ApprovalRequest) -> bool:
    """Does what approved it still hold: the rule's own word, break-glass that is open, or people's votes?"""
    match request.ground:
        case Ground.SILENCE:
            return request.terms.on_timeout is OnTimeout.ALLOW
        case Ground.BREAK_GLASS:
            return room.tx.openings.open_for(request.call.server) is not None
        case Ground.GRANT:
            return granting.still_stands(room, request)
        case None:
            return quorum.met(room.needs(request))


def _unaltered(request: ApprovalRequest) -> bool:
    call = request.call
    computed = fingerprint.binding(
        request=request.id,
        agent=request.caller.agent,
        call=call,
        policy_version=request.policy_version,
        rule=request.rule,
    )
    return (
        computed == request.binding
        and fingerprint.sha256_hex(call.arguments) == call.arguments_sha256
        and fingerprint.sha256_hex(call.meta) == call.meta_sha256
    )
