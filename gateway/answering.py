"""What a client answers to a server's question is new content: it passes the policy again before it goes on.

Judged are the call as it is now and the call with the answer's fields laid over its arguments, and the stricter counts.
An answer that a rule wants approved, and every answer in the run of a call that people have approved, is filed as a
request of its own: bound to call, question and answer, decided like any other, claimed once. It is never run; what it
allows is that this answer goes to the server in this run, and it ends as the run does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.desk import Desk
from approvals.domain.happening import Happened
from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.domain.terms import Terms
from approvals.errors import NotClaimable, QueueFull, Refusal, StaleBinding
from approvals.filing import Filed, FiledAs
from gateway.answer_request import Run, added, filing_of, for_an_answer
from gateway.asking import ELICIT, Given, Refused, Side
from gateway.catalog import Catalog
from gateway.crowding import Crowding
from gateway.judge import Judge, Judgement
from gateway.limits import Exceeded, Limits, Reservation
from gateway.policy.limit import OnExceed
from gateway.policy.model import LimitUse, Verdict
from gateway.policy.routes import narrowed
from gateway.protocol import questions, stopped
from gateway.protocol.patience import PROGRESS_EVERY, Carrier, Plan
from gateway.protocol.verdict import Code
from gateway.servers import Servers
from gateway.switches import Switches
from gateway.upstreams import NoAnswer, Unsent
from gateway.waiting import attached, hold
from gateway.work import Work

log = logging.getLogger(__name__)

SHORTEST = timedelta(seconds=5)
"""With less time than this nobody is asked any more."""
MARGIN = timedelta(seconds=60)
RETOLD = frozenset({FiledAs.COLLECT, FiledAs.COOLDOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruled:
    """What the policy says of the run with the answers: the strictest ruling, whom it asks, and what they cost more."""

    judgement: Judgement
    terms: Terms | None
    more: tuple[LimitUse, ...]


@dataclass(slots=True, kw_only=True)
class Answering:
    """What the checks of all runs share."""

    desk: Desk
    judge: Judge
    limits: Limits
    catalog: Catalog
    switches: Switches
    crowding: Crowding
    servers: Servers
    work: Work
    page: Callable[[str], str]
    closing: bool = False
    _open: dict[str, ApprovalRequest] = field(default_factory=dict)

    def check(self, run: Run) -> AnswerCheck:
        """The check of one run."""
        return AnswerCheck(self, run)

    def waiting_in(self, request_id: str) -> ApprovalRequest | None:
        """The request about an answer that the run of this request waits for, in this process."""
        return self._open.get(request_id)

    @contextmanager
    def waits(self, run: Run, asked: ApprovalRequest, side: Side) -> Iterator[None]:
        """Let everybody see what the run waits for: a repeat of the call, a cancel, progress."""
        before, side.line.request = side.line.request, asked.id
        if run.parent is not None:
            self._open[run.parent.id] = asked
        try:
            yield
        finally:
            side.line.request = before
            if run.parent is not None:
                self._open.pop(run.parent.id, None)
            self.work.start(self.desk.attached.detach(asked.id))


class AnswerCheck:
    """Judges the answers of one run (`asking.Check`)."""

    def __init__(self, parts: Answering, run: Run) -> None:
        self._parts, self._run = parts, run
        self._arguments: dict[str, Any] = {}
        self._claimed: list[ApprovalRequest] = []
        self._taken: list[Reservation] = []

    async def may_ask(self, method: str) -> bool:
        """In an approved call only its user is asked: what a model or a machine answers nobody has looked at."""
        if self._run.parent is None:
            return True
        if method != ELICIT or self._left < SHORTEST:
            return False
        try:
            return await self._parts.desk.prolong(self._run.parent.id, self._left + MARGIN)
        except Refusal:
            return False

    async def passed(self, given: Sequence[Given], side: Side) -> Refused | None:
        """Whether the answers may go to the server; people are asked here, about answers alone."""
        self._arguments = json.loads(self._run.call.arguments)
        ruled = await self._ruled(given, side)
        if isinstance(ruled, Refused):
            return ruled
        if not given:
            needs_people = self._run.parent is None and ruled.terms is not None
            return Refused(verdict=questions.needs_people(tool=self._run.name)) if needs_people else None
        asked: ApprovalRequest | None = None
        if ruled.terms is not None:
            found = await self._approved(given, side, ruled, ruled.terms)
            if isinstance(found, Refused):
                return found
            asked = found
            again = await self._ruled(given, side)
            if isinstance(again, Refused):
                return again
            ruled = again
        return await self._take(ruled, asked)

    async def ended(self, happened: Happened) -> None:
        """The run is over: what was asked about its answers ends as it did."""
        limits = self._parts.limits
        for taken in self._taken:
            await (limits.release(taken) if happened.cause is Cause.UNSENT else limits.settle(taken))
        self._taken = []
        claimed, self._claimed = self._claimed, []
        for asked in claimed:
            try:
                await self._parts.desk.settle(asked.id, happened)
                await self._parts.desk.told(asked.id)
            except Refusal:
                log.warning("what became of an answer is not recorded", extra={"request": asked.id})

    async def _ruled(self, given: Sequence[Given], side: Side) -> _Ruled | Refused:
        parts, run, name = self._parts, self._run, self._run.name
        stop = parts.switches.why(run.caller.agent, run.call.server)
        if stop is not None:
            return Refused(verdict=stopped.answer(stop, now=datetime.now(UTC), tool=name))
        server = parts.servers.seen_by(run.caller.agent, run.call.server)
        if server is None or not parts.switches.may_use(run.caller.agent, run.call.server):
            why = "this agent may no longer use the server"
            return Refused(verdict=questions.no_longer(tool=name, code=Code.CANCELLED, why=why))
        max_age = None if run.parent is None else 0
        try:
            tool = await parts.catalog.tool(run.call.server, run.call.tool, place=side.place, max_age=max_age)
        except (Unsent, NoAnswer) as err:
            why = f"the server does not say what its tools are now ({err})"
            return Refused(verdict=questions.no_longer(tool=name, code=Code.UPSTREAM_UNAVAILABLE, why=why))
        if tool is None or tool.unusable or tool.drifted or tool.fingerprint != run.call.tool_fingerprint:
            why = "the server has changed the definition of the tool"
            return Refused(verdict=questions.no_longer(tool=name, code=Code.TOOL_CHANGED, why=why))
        plain = parts.judge.judge(server, tool, run.caller, self._arguments, side.session)
        if run.parent is not None and parts.judge.is_stricter(plain, run.parent):
            why = "the policy of now is stricter than what was approved"
            return Refused(verdict=questions.no_longer(tool=name, code=Code.POLICY_DENIED, why=why))
        content: dict[str, Any] = {}
        for one in given:
            content |= one.content
        answered = {**self._arguments, **content}
        merged = parts.judge.judge(server, tool, run.caller, answered, side.session) if content else plain
        for judgement in (plain, merged):
            ruling = judgement.ruling
            if ruling.verdict is Verdict.DENY:
                denied = questions.denied_by_policy(tool=name, rule=ruling.rule, reason=ruling.reason)
                return Refused(verdict=denied)
        return await self._priced(plain, merged)

    async def _priced(self, plain: Judgement, merged: Judgement) -> _Ruled | Refused:
        """Whom to ask, with what the answers add to the cost of the call."""
        parts, parent = self._parts, self._run.parent
        more = added(plain.ruling.limits, merged.ruling.limits)
        specs = [one.ruling.approval for one in (plain, merged) if one.ruling.approval is not None]
        room = await parts.limits.check(more)
        if isinstance(room, Exceeded):
            if not room.asks:
                return self._over(room)
            specs.append(room.use.approval)
        asked = [parent.terms] if parent is not None else []
        asked += [parts.judge.terms(spec) for spec in dict.fromkeys(specs)]
        terms = asked[0] if asked else None
        for other in asked[1:]:
            terms = narrowed(terms, other) if terms is not None else other
        strict = plain if plain.ruling.approval is not None and merged.ruling.approval is None else merged
        return _Ruled(judgement=strict, terms=terms, more=more)

    async def _approved(
        self, given: Sequence[Given], side: Side, ruled: _Ruled, terms: Terms
    ) -> ApprovalRequest | Refused:
        """Ask people, and wait as long as this client and the server can."""
        parts, run = self._parts, self._run
        left = self._left
        if left < SHORTEST:
            why = "the time for this call is over."
            return Refused(verdict=questions.unreviewed(tool=run.name, code=Code.EXPIRED, why=why))
        filing = await filing_of(
            run,
            given,
            ruled.judgement.ruling,
            for_an_answer(terms, left if run.parent is not None else None),
            arguments=self._arguments,
            bypass=parts.switches.bypasses(run.call.server),
        )
        try:
            filed = await attached(parts.work, parts.desk, parts.desk.file(filing), _attached_to)
        except QueueFull as full:
            parts.crowding.note(full, agent=run.caller.agent, server=run.call.server, tool=run.name)
            return Refused(verdict=questions.unreviewed(tool=run.name, code=Code.QUEUE_FULL, why=full.agent_text))
        except Refusal as refused:
            code = Code.GATEWAY_UNAVAILABLE
            return Refused(verdict=questions.unreviewed(tool=run.name, code=code, why=refused.agent_text))
        current = filed.request
        if filed.kind not in RETOLD:
            with parts.waits(run, current, side):
                current = await self._decided(current, side, left)
        if current.state is State.APPROVED:
            return current
        if current.state is not State.PENDING:
            parts.work.start(parts.desk.told(current.id))
        return Refused(verdict=questions.about(current, url=parts.page(current.id)))

    async def _decided(self, asked: ApprovalRequest, side: Side, left: timedelta) -> ApprovalRequest:
        parts, run = self._parts, self._run
        remaining = min(left, asked.terms.timeout)
        if run.parent is None:
            plan = run.plan(side, remaining)
        else:
            every = PROGRESS_EVERY if side.progress else None
            plan = Plan(hold=remaining + SHORTEST, carrier=Carrier.STREAM, progress_every=every)
        try:
            current = await hold(parts.desk, asked, plan, side.line, say=self._saying, over=self._over_for)
        except asyncio.CancelledError:
            # The server took its question back, or its time is over. An allowed call may be made again.
            if run.parent is not None:
                parts.work.start(self._withdraw(asked))
            raise
        if current.state is State.PENDING and run.parent is not None:
            return await self._withdraw(current)
        return current

    async def _take(self, ruled: _Ruled, asked: ApprovalRequest | None) -> Refused | None:
        """Take what the answers cost, and the right to give them; all of it or nothing."""
        parts = self._parts
        asking = [use.limit.pointer for use in ruled.more if use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL]
        taken = await parts.limits.reserve(ruled.more, asking if asked is not None else ())
        if isinstance(taken, Exceeded):
            return self._over(taken)
        if asked is not None:
            lease = max(timedelta(0), self._left) + MARGIN
            try:
                self._claimed.append(await parts.desk.claim(asked.id, binding=asked.binding, lease=lease))
            except (NotClaimable, StaleBinding) as refused:
                await parts.limits.release(taken)
                current: ApprovalRequest = refused.fields["request"]
                return Refused(verdict=questions.about(current, url=parts.page(current.id)))
            except Refusal:
                await parts.limits.release(taken)
                raise
        self._taken.append(taken)
        return None

    @property
    def _left(self) -> timedelta:
        return timedelta(seconds=self._run.until - asyncio.get_running_loop().time())

    async def _withdraw(self, asked: ApprovalRequest) -> ApprovalRequest:
        try:
            return await self._parts.desk.cancel(asked.id, actor="placet", cause=Cause.WITHDRAWN)
        except Refusal as refused:
            # Decided at the last moment, or ended by time: what it is now is the answer.
            current: ApprovalRequest = refused.fields.get("request", asked)
            return current

    def _over_for(self, asked: ApprovalRequest) -> bool:
        """Is the answer not waited for any longer? What is stopped goes nowhere, whoever approves it."""
        return self._parts.closing or self._parts.switches.why(asked.caller.agent, asked.call.server) is not None

    def _over(self, over: Exceeded) -> Refused:
        return Refused(
            verdict=questions.over_limit(
                tool=self._run.name, rule=over.rule, reason=over.reason, retry_after=over.retry_after
            )
        )

    def _saying(self, request: ApprovalRequest) -> str:
        return f"waiting for approval {request.id} ({self._parts.page(request.id)})"


def _attached_to(filed: Filed) -> str | None:
    return None if filed.kind in RETOLD else filed.request.id
