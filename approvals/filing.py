"""Filing a call: it joins, is told what came of the last one, is covered by a grant, or is saved and announced.

One transaction, in the order of contract.md 5: the open request first, then an outcome its agent was
never told, then a person's recent denial, then a standing grant, then the caps, then the row with the messages it owes.
Nothing here talks to people: the outbox finds the message rows once they are committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from approvals import granting, stopped
from approvals.directory import Directory
from approvals.domain import fingerprint
from approvals.domain.break_glass import Opening
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Record, advance, ending, filed
from approvals.domain.model import ApprovalRequest, Caller, Cause, Overrun, RequestId, State, ToolCall
from approvals.domain.shapes import WIDEST, Limits
from approvals.domain.terms import Terms
from approvals.errors import Conflict, Invalid, QueueFull, Revoked
from approvals.room import Room, Routes
from approvals.storage.tx import Tx

JUSTIFICATION_MAX = 2_000
CAPS = ("this agent", "this tool", "the gateway")
LITTLE_ROOM = 64
"""More than can be filed at the same moment: fewer free places than this are counted one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many requests may wait for people at once, and the widest that grants may be (contract.md 3)."""

    per_agent: int = 20
    per_tool: int = 100
    total: int = 10_000
    grants: Limits = WIDEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A call that a rule wants asked about.

    `waiting`: the agent's connection is held for it. `bypass`: break-glass was open when last looked; it is looked at
    again here.
    """

    call: ToolCall
    caller: Caller
    terms: Terms
    rule: str
    policy_version: str
    rule_reason: str | None = None
    risk: str = "write"
    severity: str = "medium"
    justification: str | None = None
    trace: tuple[Mapping[str, Any], ...] = ()
    deny_cooldown: timedelta = timedelta(minutes=5)
    waiting: bool = False
    bypass: bool = False
    over: tuple[Overrun, ...] = ()


class FiledAs(StrEnum):
    """What became of a filing."""

    SAVED = "saved"
    """A new request; people are being asked."""
    JOINED = "joined"
    """The same call is open already."""
    COLLECT = "collect"
    """The same call ended and its agent was never told: tell it now, then `desk.told()`."""
    COOLDOWN = "cooldown"
    """A person denied the same call a moment ago: tell it again, nobody is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """The request a filing led to, and how."""

    kind: FiledAs
    request: ApprovalRequest


def check(filing: Filing) -> None:
    """Refuse what must not be saved.

    Raises:
        Invalid: the justification is too long.
    """
    if filing.justification is not None and len(filing.justification) > JUSTIFICATION_MAX:
        raise Invalid(field="justification", why=f"at most {JUSTIFICATION_MAX} characters")


def repeat_of(last: ApprovalRequest, ended: datetime, now: datetime, cooldown: timedelta) -> FiledAs | None:
    """What a repeat of an ended call is told, or None if it is a new call."""
    if last.told_at is None and now < ended + last.terms.collect_within:
        return FiledAs.COLLECT
    by_a_person = last.state is State.DENIED and last.decided_at is not None
    if by_a_person and last.decided_at is not None and now < last.decided_at + cooldown:
        return FiledAs.COOLDOWN
    return None


def existing(tx: Tx, key: str, cooldown: timedelta) -> Filed | None:
    """What the same call finds, None if it is a new one. Changes nothing: a joined request may be overdue."""
    current = tx.requests.open_by_key(key)
    if current is not None:
        return Filed(kind=FiledAs.JOINED, request=current)
    last = tx.requests.last_ended_by_key(key)
    if last is None or last.destroyed is not None:
        return None
    kind = repeat_of(last, _end_of(last, tx.requests.events(last.id)), tx.now, cooldown)
    return Filed(kind=kind, request=last) if kind is not None else None


def file_in(
    tx: Tx, filing: Filing, *, request_id: str, caps: Caps, routes: Routes, holder: str, directory: Directory
) -> Filed:
    """The whole of filing, inside one transaction.

    Raises:
        Revoked: the agent's access has ended, which whoever let the call in had not heard yet.
        QueueFull: a cap is reached; nothing was saved.
        Conflict: the same call opened and ended again and again while we looked.
    """
    # First of all, so that a revocation either is seen here, or waits for us and finds what we save.
    if tx.agents.is_gone(filing.caller.agent):
        raise Revoked
    opening = tx.openings.open_for(filing.call.server) if filing.bypass else None
    key = fingerprint.call_key(filing.caller.agent, filing.call)
    room = Room(tx, directory, routes)
    for _ in range(3):
        found = _existing(tx, key, filing)
        if found is not None:
            return found if opening is None else _passed(tx, found, opening)
        request = request_of(filing, request_id, key, tx.now)
        grant = granting.covering(room, request) if opening is None else None
        full = _over_cap(tx, filing, caps) if opening is None and grant is None else None
        if full is not None:
            # The same call may have been filed while we waited for our turn to count.
            found = _existing(tx, key, filing)
            if found is None:
                raise full
            return found
        if tx.requests.insert(request, filed(request)):
            _note_beside(tx, filing, request.id, holder)
            if grant is not None:
                return Filed(kind=FiledAs.SAVED, request=granting.cover(room, request, grant))
            tx.messages.announce(request.id, routes(tx, filing.terms), request.revision, tx.now)
            saved = Filed(kind=FiledAs.SAVED, request=request)
            return saved if opening is None else _passed(tx, saved, opening)
    raise Conflict


def _note_beside(tx: Tx, filing: Filing, request_id: str, holder: str) -> None:
    """What is kept of a new request beside its row."""
    caller = filing.caller
    if caller.session is not None:
        tx.agent_sessions.seen(caller.session, agent=caller.agent, holder=holder)
    if filing.terms.remind is not None:
        tx.reminders.plan(request_id, tx.now + filing.terms.remind)
    if filing.waiting:
        tx.requests.set_waiting(request_id, holder)
    tx.touch(request_id)


def _passed(tx: Tx, filed: Filed, opening: Opening) -> Filed:
    """Let a call that waits for people run, because break-glass is open; what is told of an ended one stays told."""
    request = filed.request
    if request.state is not State.PENDING or stopped.why(tx, request) is not None:
        return filed
    passed = Happened(event=Event.BYPASSED, actor=opening.by, cause=Cause.BREAK_GLASS, opening=opening)
    step = advance(request, passed, tx.now)
    if not tx.requests.commit(step):
        raise Conflict
    return Filed(kind=filed.kind, request=step.after)


def _existing(tx: Tx, key: str, filing: Filing) -> Filed | None:
    while (found := existing(tx, key, filing.deny_cooldown)) is not None and found.kind is FiledAs.JOINED:
        by_time = stopped.due(tx, found.request)
        if by_time is None:
            break
        # The sweeper has not come by yet; a call must not join what time has ended.
        tx.requests.commit(advance(found.request, by_time, tx.now))
    return found


def _end_of(last: ApprovalRequest, history: list[Record]) -> datetime:
    row = ending(history)
    return row.at if row is not None else last.decided_at or last.created_at


def _over_cap(tx: Tx, filing: Filing, caps: Caps) -> QueueFull | None:
    call, agent = filing.call, filing.caller.agent
    names = (f"agent {agent}", f"tool {call.server}/{call.tool}", "all")
    limits = (caps.per_agent, caps.per_tool, caps.total)

    def count() -> tuple[int, int, int]:
        return tx.requests.count_pending(agent=agent, tool=call.tool, server=call.server)

    # Where little room is left, whoever counts the same has to wait for us, which makes a cap exact under a race.
    # The names are always taken in this order.
    for name, have, limit in zip(names, count(), limits, strict=True):
        if have >= limit - LITTLE_ROOM:
            tx.requests.count_alone(name)
    for cap, have, limit in zip(CAPS, count(), limits, strict=True):
        if have >= limit:
            return QueueFull(cap=cap, limit=limit)
    return None


def request_of(filing: Filing, request_id: str, key: str, now: datetime) -> ApprovalRequest:
    """The request of a filing, as it begins."""
    return ApprovalRequest(
        id=RequestId(request_id),
        call=filing.call,
        caller=filing.caller,
        terms=filing.terms,
        rule=filing.rule,
        rule_reason=filing.rule_reason,
        policy_version=filing.policy_version,
        binding=fingerprint.binding(
            request=request_id,
            agent=filing.caller.agent,
            call=filing.call,
            policy_version=filing.policy_version,
            rule=filing.rule,
        ),
        call_key=key,
        created_at=now,
        expires_at=now + filing.terms.timeout,
        risk=filing.risk,
        severity=filing.severity,
        justification=filing.justification,
        waiting=filing.waiting,
        trace=filing.trace,
        over=filing.over,
    )
