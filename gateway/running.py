"""A call that runs, and the client that waits for it: step 7 and 8 of the walk.

An approved run belongs to the service: its client may leave, come back, or be sent away to answer a question of the
server's, and the run goes on. What the client answers is judged in the run (`answering`).
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from approvals.domain import fingerprint
from approvals.domain.lifecycle import open_question
from approvals.domain.missing import missing
from approvals.domain.model import OPEN_STATES, ApprovalRequest, State
from gateway.answer_request import Run
from gateway.answering import AnswerCheck
from gateway.asking import LinePeer, ParkingPeer, Side, peer_of
from gateway.conversation import BAD_STATE, Back, Parked
from gateway.executor import Via
from gateway.inbound.gate import Called
from gateway.limits import Exceeded, Reservation
from gateway.parts import Parts
from gateway.protocol import answers, questions, unasked
from gateway.protocol.asked import in_progress
from gateway.protocol.patience import Plan, plan
from gateway.protocol.verdict import render
from gateway.upstreams import InputRequired, NoAnswer, Result, RpcError, Unsent
from gateway.visits import Visit
from gateway.work import Job

RUNS_AT_LEAST_SECONDS = 8.0
"""How long a held client is given for the run itself, however little of its hold is left."""


def waits(parts: Parts, visit: Visit, side: Side, remaining: timedelta) -> Plan:
    """How this client can be kept waiting for what is due in `remaining`."""
    return plan(
        client=visit.caller.client,
        has_progress_token=side.progress,
        streams=visit.streams,
        hold=parts.holding.hold,
        remaining=max(remaining, timedelta(0)),
        learned=parts.learned.deadline(visit.caller.client, progress=side.progress),
    )


async def run(parts: Parts, visit: Visit, request: ApprovalRequest, until: float) -> Called | ApprovalRequest:
    """Run an approved request; its client waits up to `until` (monotonic). A request: another connection runs it."""
    check = _check(parts, visit, request)
    peer = peer_of(visit.side, check)
    via = Via(side=visit.side, trace=visit.trace, check=check, peer=peer)
    job = parts.work.begin(parts.executor.run(request, via))
    return await _follow(parts, visit, request, job, peer, until)


async def come_back(parts: Parts, visit: Visit, request: ApprovalRequest, parked: Parked) -> Called | ApprovalRequest:
    """The client has the answers its run waits for: hand them over, and go on waiting for the run."""
    visit.request = visit.side.line.request = request.id
    parked.peer.came_back(visit.side)
    hold = waits(parts, visit, visit.side, timedelta(seconds=visit.side.asking)).hold
    return await _follow(parts, visit, request, parked.job, parked.peer, time.monotonic() + hold.total_seconds())


async def run_allowed(parts: Parts, visit: Visit, taken: Reservation, back: Back | None = None) -> Called:
    """Run a call that needs nobody, or go on with it when its client comes back."""
    found, parked = visit.found, back.parked if back is not None else None
    # A parked run has its check: what was claimed for its answers ends with it.
    check = parked.peer.check if parked is not None else None
    check = check if isinstance(check, AnswerCheck) else _check(parts, visit, None)
    via = Via(side=visit.side, trace=visit.trace, check=check)
    try:
        answer = await parts.executor.run_allowed(found.server, visit.call, found.tool, taken, via, back)
    except Unsent as err:
        visit.outcome, visit.ran_at = "unsent", None
        return told(unasked.upstream_unavailable(server=found.server.name, tool=visit.name, why=str(err)))
    except NoAnswer:
        visit.outcome = "unknown"
        return told(answers.outcome_unknown(tool=visit.name))
    if isinstance(answer, InputRequired):
        visit.outcome = "input_required"
        return answer
    failed = isinstance(answer, RpcError) or answer.is_error
    visit.outcome = State.FAILED.value if failed else State.SUCCEEDED.value
    return answer


def about(parts: Parts, visit: Visit, request: ApprovalRequest) -> Result | RpcError:
    """Step 8: what this agent is told of the request; the line says when a final outcome has been written."""
    visit.outcome = request.state.value
    visit.request = visit.side.line.request = request.id
    asked = parts.answering.waiting_in(request.id) if request.state is State.EXECUTING else None
    if asked is not None:
        return told(render(questions.pending(asked, url=parts.holding.page(asked.id))))
    if request.state not in OPEN_STATES:
        visit.side.line.tells = request.id
    elif open_question(request) is not None:
        parts.work.start(parts.desk.asked(request.id))
    said = answers.about(request, url=parts.holding.page(request.id), missing=visit.missing)
    if isinstance(said, answers.UpstreamError):
        return RpcError(code=said.code, message=said.message, data=said.data)
    return Result(raw=said, is_error=request.state is not State.SUCCEEDED)


async def who_is_missing(parts: Parts, request: ApprovalRequest) -> tuple[str, ...]:
    """Why the people there are now could not approve a request that waits for them."""
    if request.state is not State.PENDING:
        return ()
    desk = parts.desk
    return await desk.db.read(lambda tx: missing(request, desk.directory.people(tx).values()))


def saying(parts: Parts, request: ApprovalRequest) -> str:
    """What a client that waits for the request is told of its progress."""
    asked = parts.answering.waiting_in(request.id) if request.state is State.EXECUTING else None
    waited_for = asked or request
    what = f"waiting for approval {waited_for.id}" if asked or request.state is not State.EXECUTING else "running"
    question = open_question(request)
    what += f"; {in_progress(question)}" if question is not None else ""
    return f"{what} ({parts.holding.page(waited_for.id)})"


def limited(parts: Parts, visit: Visit, over: Exceeded) -> Result:
    """A limit has no room for the call."""
    visit.outcome, visit.limited = "rate_limited", over
    said = unasked.rate_limited(
        tool=visit.name, rule=over.rule, reason=over.reason, retry_after=over.retry_after, allows=over.allows
    )
    return refused(parts, visit, f"{visit.outcome} {over.rule}", said)


def refused(parts: Parts, visit: Visit, why: str, said: bytes) -> Result:
    """A refusal, remembered: the same one again says so."""
    caller, call = visit.caller, visit.call
    parts.refusals.note((caller.agent, call.server, call.tool))
    again = parts.refusals.again(fingerprint.call_key(caller.agent, call), why)
    return told(unasked.said_again(said) if again else said)


def bad_state(visit: Visit) -> RpcError:
    """The client came back with what it was not given for this call."""
    visit.outcome = "bad_state"
    return BAD_STATE


def told(raw: bytes) -> Result:
    """An answer of ours in place of a result."""
    return Result(raw=raw, is_error=True)


async def _follow(
    parts: Parts, visit: Visit, request: ApprovalRequest, job: Job[Any], peer: LinePeer, until: float
) -> Called | ApprovalRequest:
    patience: float | None = max(until - time.monotonic(), RUNS_AT_LEAST_SECONDS)
    while not job.done.done():
        wanted, quiet = peer.wanted(), None
        if patience is None and (quiet := peer.quiet()) is None:
            break
        ends = {one for one in (job.done, wanted, quiet) if one is not None}
        await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if wanted is not None and wanted.done() and not job.done.done() and isinstance(peer, ParkingPeer):
            visit.outcome = "input_required"
            return parts.conversations.park(job, peer, request.id)
        # A client that is being asked is not waiting: it is given the time to answer.
        patience = None
    if not job.done.done():
        return about(parts, visit, await parts.desk.get(request.id) or request)
    done: ApprovalRequest | Exceeded = job.done.result()
    if isinstance(done, Exceeded):
        return limited(parts, visit, done)
    return done if done.state is State.EXECUTING else about(parts, visit, done)


def _check(parts: Parts, visit: Visit, request: ApprovalRequest | None) -> AnswerCheck:
    seconds = visit.found.server.call_seconds + visit.side.asking
    return parts.answering.check(
        Run(
            name=visit.name,
            call=request.call if request is not None else visit.call,
            caller=visit.caller,
            until=asyncio.get_running_loop().time() + seconds,
            plan=lambda side, remaining: waits(parts, visit, side, remaining),
            parent=request,
            deny_cooldown=parts.holding.deny_cooldown,
        )
    )
