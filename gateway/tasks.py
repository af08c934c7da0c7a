"""A held call as a task of the Tasks extension, for clients that declare it (protocol.md 2.3; ext-tasks, draft).

The task is the approval request: its id is the task's id, which is unguessable, durable, and its agent's alone. A task
that is neither cancelled nor expired is a waiter, so the call runs once it is approved and its result is kept for it.
A denial is a completed task whose result says so: models read results.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from approvals.desk import Desk
from approvals.domain.answered import answered_in
from approvals.domain.cancel_window import runs_at
from approvals.domain.lifecycle import open_question
from approvals.domain.model import OPEN_STATES, ApprovalRequest, Caller, Cause, State
from approvals.errors import Refusal
from gateway.protocol import answers
from gateway.protocol.asked import in_progress
from gateway.protocol.raw import dump, join_object
from gateway.protocol.verdict import timestamp
from gateway.upstreams import RpcError
from gateway.work import Work

POLL_MS = 2_000
INVALID_PARAMS = -32602
UNKNOWN = RpcError(code=INVALID_PARAMS, message="At /params/taskId: you have no task of this id.")


class Tasks:
    """Shows requests as tasks."""

    def __init__(self, desk: Desk, work: Work, page: Callable[[str], str]) -> None:
        self._desk, self._work, self._page = desk, work, page

    async def create(self, request: ApprovalRequest) -> bytes:
        """The answer that turns a held call into a task; from now on it runs when it is approved."""
        await self._desk.run_when_approved(request.id)
        return join_object({"resultType": b'"task"', **self._members(request)})

    async def show(self, caller: Caller, task_id: str) -> bytes | RpcError:
        """The task as it is now."""
        request = await self._mine(caller, task_id)
        if request is None:
            return UNKNOWN
        if request.state not in OPEN_STATES and request.told_at is None:
            self._work.start(self._desk.told(request.id))
        return join_object(self._members(request))

    async def cancel(self, caller: Caller, task_id: str) -> RpcError | None:
        """The client cancels in words; what is running goes on."""
        request = await self._mine(caller, task_id)
        if request is None:
            return UNKNOWN
        try:
            await self._desk.cancel(request.id, actor=f"agent:{caller.agent}", cause=Cause.CLIENT_CANCELLED)
        except Refusal:
            return None
        return None

    @asynccontextmanager
    async def watch(
        self, caller: Caller, task_ids: frozenset[str], *, hear: Callable[[bytes], None]
    ) -> AsyncIterator[frozenset[str]]:
        """Hear of each change of these tasks while the block lasts; yields those that are this caller's."""
        mine = {one: request for one in task_ids if (request := await self._mine(caller, one)) is not None}
        job = self._work.begin(self._follow({one: request.revision for one, request in mine.items()}, hear))
        try:
            yield frozenset(mine)
        finally:
            job.cancel()

    async def _follow(self, known: dict[str, int], hear: Callable[[bytes], None]) -> None:
        async with self._desk.bus.watch_all() as changes:
            while known:
                for task_id, revision in list(known.items()):
                    request = await self._desk.get(task_id)
                    if request is None or request.revision == revision:
                        continue
                    known[task_id] = request.revision
                    hear(join_object(self._members(request)))
                    if request.state not in OPEN_STATES:
                        del known[task_id]
                await changes.changed()

    async def _mine(self, caller: Caller, task_id: str) -> ApprovalRequest | None:
        found = await self._desk.get(task_id)
        if found is None or found.caller.agent != caller.agent or answered_in(found.call) is not None:
            return None
        return found

    def _members(self, request: ApprovalRequest) -> dict[str, bytes]:
        status, more = self._status(request)
        ends = request.collect_by or request.expires_at + request.terms.collect_within
        left = max(0, round((ends - datetime.now(UTC)).total_seconds() * 1000))
        return {
            "taskId": dump(request.id),
            "status": dump(status),
            "statusMessage": dump(_saying(request, self._page(request.id))),
            "createdAt": dump(timestamp(request.created_at)),
            "lastUpdatedAt": dump(timestamp(_changed(request))),
            "ttlMs": dump(left),
            "pollIntervalMs": dump(POLL_MS),
            **more,
        }

    def _status(self, request: ApprovalRequest) -> tuple[str, dict[str, bytes]]:
        if request.state in OPEN_STATES:
            return "working", {}
        if request.state is State.CANCELLED and request.cause is Cause.CLIENT_CANCELLED:
            return "cancelled", {}
        said = answers.about(request, url=self._page(request.id))
        if isinstance(said, answers.UpstreamError):
            error = {"code": said.code, "message": said.message} | ({} if said.data is None else {"data": said.data})
            return "failed", {"error": dump(error)}
        return "completed", {"result": said}


def _saying(request: ApprovalRequest, page: str) -> str:
    match request.state:
        case State.PENDING:
            if (question := open_question(request)) is not None:
                return f"{request.id} waits, and {in_progress(question)}: {page}"
            return f"Waiting for a person to approve {request.id}: {page}"
        case State.APPROVED if (at := runs_at(request)) is not None:
            return f"Approved; runs at {timestamp(at)} unless a person pulls it back: {page}"
        case State.APPROVED | State.EXECUTING:
            return f"Approved and running: {page}"
        case state:
            return f"Ended, {state}: {page}"


def _changed(request: ApprovalRequest) -> datetime:
    ended = request.outcome.finished_at if request.outcome is not None else None
    return ended or request.decided_at or request.created_at
