"""The walk of one tool call, one way (house.md 2.5): judged, filed, held, run, answered.

A held, polled, retried or resumed call enters at the same top and differs only in what filing finds.
Each step is one function of another module; the branches between them are all here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from approvals.domain import fingerprint
from approvals.domain.model import OPEN_STATES, ApprovalRequest, Cause, Overrun, State
from approvals.errors import AlreadyDecided, Expired, NotClaimable, QueueFull, Refusal
from approvals.filing import Filed, FiledAs, Filing
from gateway import heavy, stopping, talking
from gateway.conversation import Back
from gateway.inbound.gate import Called, TaskCreated
from gateway.judge import Judgement
from gateway.limits import Exceeded, Reservation, overruns, waived_by
from gateway.parts import Parts
from gateway.policy.model import ApprovalSpec, Ruling, Verdict
from gateway.protocol import answers, unasked
from gateway.protocol.edited import is_edited
from gateway.protocol.showing import Way
from gateway.running import (
    about,
    bad_state,
    come_back,
    limited,
    refused,
    run,
    run_allowed,
    saying,
    told,
    waits,
    who_is_missing,
)
from gateway.upstreams import Result, RpcError
from gateway.visits import Visit, row_of
from gateway.waiting import attached, hold, is_waited_for, wait_left

QUEUE_RETRY = timedelta(seconds=60)
TASK_GRACE = timedelta(seconds=3)
"""How long a client that takes tasks is held first: a quick answer saves it the polling."""
RETOLD = frozenset({FiledAs.COLLECT, FiledAs.COOLDOWN})
NO_RECORD = "The gateway cannot record calls just now, and a call that leaves no record does not run."


async def handle_call(parts: Parts, visit: Visit) -> Called:
    """Walk one call to its answer, and leave one row in the audit whatever happens."""
    if not parts.journal.room:
        return told(unasked.gateway_unavailable(tool=visit.name, why=NO_RECORD))
    judgement = parts.judge.judge(
        visit.found.server, visit.found.tool, visit.caller, visit.arguments, visit.side.session
    )
    try:
        said = await _came_back(parts, visit)
        return said if said is not None else await _judged(parts, visit, judgement)
    except QueueFull as full:
        visit.outcome = full.code
        parts.crowding.note(full, agent=visit.caller.agent, server=visit.found.server.name, tool=visit.name)
        rule = judgement.ruling.rule
        raw = unasked.queue_full(tool=visit.name, why=full.agent_text, rule=rule, retry_after=QUEUE_RETRY)
        return refused(parts, visit, full.code, raw)
    except Refusal as err:
        visit.outcome = err.code
        return told(unasked.gateway_unavailable(tool=visit.name, why=err.agent_text))
    finally:
        _record(parts, visit, judgement)


async def collect(parts: Parts, visit: Visit, request: ApprovalRequest) -> Called:
    """Go on waiting for a request by its id, as the same call made again would (`placet_result`)."""
    said = await _came_back(parts, visit)
    if said is not None:
        return said
    if visit.back is not None:
        request = visit.back.request
    if request.state not in OPEN_STATES:
        return about(parts, visit, request)
    stop = stopping.stop_of(parts, visit, request)
    return await _join(parts, visit, request) if stop is None else stopping.answer(parts, visit, stop, request)


async def _came_back(parts: Parts, visit: Visit) -> Called | None:
    """Know a client that comes back from showing a page; an answer if its state is no good, or its request ended."""
    back = await parts.showing.back(visit.side)
    if isinstance(back, RpcError):
        return bad_state(visit)
    if back is None:
        return None
    # What was said to us is for no server, should the policy let the call through by now.
    visit.back, visit.side = back, replace(visit.side, state=None, answers=None)
    return None if back.request.state in OPEN_STATES else about(parts, visit, back.request)


async def _judged(parts: Parts, visit: Visit, judgement: Judgement) -> Called:
    repeat, stop = await _repeat(parts, visit), stopping.stop_of(parts, visit)
    if repeat is not None and repeat.kind in RETOLD and (stop is None or stopping.is_settled(repeat.request)):
        return about(parts, visit, repeat.request)
    current = repeat.request if repeat is not None and repeat.kind not in RETOLD else None
    if current is not None and (wrong := await talking.take_answer(parts, visit, current)) is not None:
        return wrong
    back = await parts.conversations.returned(visit.side)
    if current is not None and current.state is State.EXECUTING:
        return await _under_way(parts, visit, current, back)
    if stop is not None:
        if isinstance(back, Back):
            parts.conversations.let_go(back, visit.side)
        return stopping.answer(parts, visit, stop, current)
    if isinstance(back, RpcError) or (back is not None and not back.first):
        return await _answered(parts, visit, judgement.ruling, back)
    hammered = _hammered(parts, visit) if current is None else None
    return hammered or await _made(parts, visit, judgement, current, back)


async def _made(
    parts: Parts, visit: Visit, judgement: Judgement, current: ApprovalRequest | None, back: Back | None
) -> Called:
    """A call that is made, for the first time or again; `current` is its request that is open and not running."""
    ruling, visit.joins = judgement.ruling, current is not None
    if visit.found.tool.drifted:
        visit.outcome = "tool_changed"
        return refused(parts, visit, "tool_changed", unasked.tool_changed(tool=visit.name))
    if current is not None and (is_edited(current) or await _over_a_budget(parts, visit, ruling, current)):
        visit.arguments = {}
        return await _join(parts, visit, current)
    if current is not None and ruling.verdict is not Verdict.REQUIRE_APPROVAL:
        # What was asked before, people need not decide any more, unless it has just been decided.
        said = await _end_as_changed(parts, visit, current)
        if said is not None:
            return said
    if ruling.verdict is Verdict.DENY:
        return _denied(parts, visit, ruling)
    problems = await heavy.run(len(visit.call.arguments), visit.found.tool.problems, visit.arguments)
    visit.arguments = {}
    if problems:
        visit.outcome = "invalid_arguments"
        wrong = unasked.invalid_arguments(tool=visit.name, problems=[(p.pointer, p.message) for p in problems])
        return refused(parts, visit, "invalid_arguments", wrong)
    if ruling.verdict is Verdict.REQUIRE_APPROVAL and ruling.approval is not None:
        if back is not None:
            # Nobody can say what it answers, so nobody can be asked about it.
            return bad_state(visit)
        if current is None and (over := await _no_room(parts, visit, ruling)) is not None:
            return await _exceeded(parts, visit, judgement, over)
        return await _ask(parts, visit, judgement, ruling.approval, ruling.rule, ruling.reason)
    return await _allowed(parts, visit, judgement, back)


def _hammered(parts: Parts, visit: Visit) -> Result | None:
    """Calls of a tool that was refused again and again are not looked at for a while."""
    wait = parts.refusals.wait((visit.caller.agent, visit.call.server, visit.call.tool))
    if wait is None:
        return None
    visit.outcome = "rate_limited"
    return told(unasked.too_many_refusals(tool=visit.name, count=parts.refusals.most, retry_after=wait))


def _denied(parts: Parts, visit: Visit, ruling: Ruling) -> Result:
    said = unasked.policy_denied(tool=visit.name, rule=ruling.rule, reason=ruling.reason, allows=ruling.allows)
    return refused(parts, visit, f"policy_denied {ruling.rule}", said)


async def _under_way(parts: Parts, visit: Visit, request: ApprovalRequest, back: Back | RpcError | None) -> Called:
    """The same call is running: wait for it, or give it the answers it waits for."""
    if isinstance(back, RpcError):
        return bad_state(visit)
    if back is None:
        return await _join(parts, visit, request)
    if back.parked is None or back.parked.request != request.id:
        parts.conversations.let_go(back, visit.side)
        return await _join(parts, visit, request)
    done = await come_back(parts, visit, request, back.parked)
    return await _join(parts, visit, done) if isinstance(done, ApprovalRequest) else done


async def _answered(parts: Parts, visit: Visit, ruling: Ruling, back: Back | RpcError) -> Called:
    """A modern client comes back with answers to the server of a call that was allowed: judged anew, like any call."""
    if isinstance(back, RpcError) or (back.parked is not None and back.parked.request is not None):
        return bad_state(visit)
    if visit.found.tool.drifted:
        visit.outcome = "tool_changed"
        parts.conversations.let_go(back, visit.side)
        return told(unasked.tool_changed(tool=visit.name))
    if ruling.verdict is Verdict.DENY:
        parts.conversations.let_go(back, visit.side)
        return _denied(parts, visit, ruling)
    visit.arguments = {}
    return await run_allowed(parts, visit, Reservation(), back)


async def _no_room(parts: Parts, visit: Visit, ruling: Ruling) -> Exceeded | None:
    room = await parts.limits.check(ruling.limits)
    visit.counted_at = room.at
    visit.shadowed = await parts.limits.would(ruling.shadow_limits)
    return room if isinstance(room, Exceeded) else None


async def _over_a_budget(parts: Parts, visit: Visit, ruling: Ruling, request: ApprovalRequest) -> bool:
    """Is the open request about going over a limit, which the call still would? The policy itself asks nobody."""
    if ruling.verdict is not Verdict.ALLOW or not waived_by(request.rule, ruling.limits):
        return False
    return request.state is State.APPROVED or await _no_room(parts, visit, ruling) is not None


async def _repeat(parts: Parts, visit: Visit) -> Filed | None:
    """What the same call has come to, whatever the policy says of it now: what ran is told, never run again."""
    call = visit.call
    if not parts.desk.repeats.may_find(call.server, call.tool):
        return None
    return await parts.desk.repeat(fingerprint.call_key(visit.caller.agent, call), parts.holding.deny_cooldown)


async def _end_as_changed(parts: Parts, visit: Visit, request: ApprovalRequest) -> Called | None:
    """End what the policy no longer asks about; an answer if somebody was first, and it ran or was denied."""
    try:
        await parts.desk.cancel(request.id, actor="placet", cause=Cause.POLICY_CHANGED)
    except (AlreadyDecided, Expired, NotClaimable) as refused:
        current: ApprovalRequest = refused.fields["request"]
        if current.state is State.EXECUTING:
            return await _join(parts, visit, current)
        if current.state not in {State.EXPIRED, State.CANCELLED}:
            return about(parts, visit, current)
    # This call goes on by today's policy, so its agent needs no word of the request.
    await parts.desk.told(request.id)
    return None


async def _exceeded(parts: Parts, visit: Visit, judgement: Judgement, over: Exceeded) -> Called:
    if over.asks:
        visit.limited = over
        return await _ask(parts, visit, judgement, over.use.approval, over.rule, over.reason, overruns(over))
    return limited(parts, visit, over)


async def _ask(
    parts: Parts,
    visit: Visit,
    judgement: Judgement,
    spec: ApprovalSpec,
    rule: str,
    reason: str | None,
    over: tuple[Overrun, ...] = (),
) -> Called:
    """Step 4: save it and tell people, or find what the same call has come to."""
    ruling = judgement.ruling
    terms = parts.judge.terms_of(judgement, spec, visit.found.tool)
    if (wrong := talking.unreasoned(parts, visit, terms)) is not None:
        return wrong
    filing = parts.desk.file(
        Filing(
            call=visit.call,
            caller=visit.caller,
            terms=terms,
            rule=rule,
            rule_reason=reason,
            policy_version=ruling.policy_version,
            risk=ruling.risk.value,
            severity=ruling.severity.value,
            justification=talking.reason_of(visit, terms),
            trace=tuple(step.as_json() for step in ruling.trace),
            deny_cooldown=parts.holding.deny_cooldown,
            waiting=True,
            bypass=parts.switches.bypasses(visit.call.server),
            over=over,
        )
    )
    filed = await attached(parts.work, parts.desk, filing, _attached_to)
    if _attached_to(filed) is None:
        return about(parts, visit, filed.request)
    return await _hold(parts, visit, filed.request)


def _attached_to(filed: Filed) -> str | None:
    return None if filed.kind in RETOLD else filed.request.id


async def _join(parts: Parts, visit: Visit, request: ApprovalRequest) -> Called:
    """Wait, beside other connections of the same agent, for what becomes of an open request."""
    await attached(parts.work, parts.desk, parts.desk.attached.attach(request.id), lambda _: request.id)
    return await _hold(parts, visit, request)


async def _hold(parts: Parts, visit: Visit, request: ApprovalRequest) -> Called:
    """Steps 5 to 8 for a client that is attached to the request."""
    visit.request = visit.side.line.request = request.id
    at_once = _at_once(parts, visit, request)
    if at_once is not None:
        parts.work.start(parts.desk.attached.detach(request.id))
        return at_once
    plan = waits(parts, visit, visit.side, wait_left(request))
    if visit.tasks:
        plan = replace(plan, hold=min(plan.hold, TASK_GRACE))
    began = time.monotonic()
    until = began + plan.hold.total_seconds()
    if parts.held >= parts.held_max:
        parts.work.start(parts.desk.attached.detach(request.id))
        return about(parts, visit, request)
    parts.held += 1
    parts.metrics.held.inc()
    try:
        held = hold(
            parts.desk,
            request,
            plan,
            visit.side.line,
            say=lambda r: saying(parts, r),
            over=lambda r: stopping.is_over(parts, r) or talking.is_asked_anew(r),
        )
        current = await parts.showing.beside(visit.side, request, held)
        stop = stopping.stop_of(parts, visit, current)
        if stop is not None:
            return stopping.answer(parts, visit, stop, current)
        if current.state is State.APPROVED and not is_waited_for(current):
            done = await run(parts, visit, current, until)
            # A request: another connection of the same agent claimed it, and this one waits for what that brings.
            return await _join(parts, visit, done) if isinstance(done, ApprovalRequest) else done
    except asyncio.CancelledError:
        if not parts.closing:
            waited, asks = time.monotonic() - began, visit.side.progress
            parts.work.start(parts.learned.gave_up(visit.caller.client, progress=asks, seconds=waited))
        raise
    finally:
        parts.held -= 1
        parts.metrics.held.dec()
        parts.work.start(parts.desk.attached.detach(request.id))
    await talking.announce(visit, current)
    visit.missing = await who_is_missing(parts, current)
    if visit.tasks and is_waited_for(current) and not talking.is_asked_anew(current):
        visit.outcome = "task"
        return TaskCreated(raw=await parts.tasks.create(current))
    return about(parts, visit, current)


def _at_once(parts: Parts, visit: Visit, request: ApprovalRequest) -> Called | None:
    """The answer of a client that is not held: it has a page to show first, or its user would not open it."""
    if parts.showing.way(visit.side, request) is Way.ROUND_TRIP:
        visit.outcome = "input_required"
        return parts.showing.round_trip(visit.side, request)
    if request.state is not State.PENDING or visit.back is None or not visit.back.unopened(request):
        return None
    visit.outcome = request.state.value
    return told(answers.not_opened(request, url=parts.holding.page(request.id)))


async def _allowed(parts: Parts, visit: Visit, judgement: Judgement, back: Back | None) -> Called:
    taken = await parts.limits.reserve(judgement.ruling.limits)
    visit.counted_at = taken.at
    if isinstance(taken, Exceeded):
        return await _exceeded(parts, visit, judgement, taken)
    visit.ran_at = taken.at or datetime.now(UTC)
    taken, visit.shadowed = await parts.limits.pretend(judgement.ruling.shadow_limits, taken)
    return await run_allowed(parts, visit, taken, back)


def _record(parts: Parts, visit: Visit, judgement: Judgement) -> None:
    row = row_of(visit, judgement)
    parts.journal.write(row, visit.call.arguments)
    verdict = row.outcome if row.outcome in stopping.CODES else row.verdict
    parts.metrics.calls.labels(row.server, verdict).inc()
    parts.metrics.call_seconds.observe(time.monotonic() - visit.began)
