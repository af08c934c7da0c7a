"""The one door: every change of a request, from whatever side, is a method here and one transaction.

What happens inside the transaction is in `filing`, `deciding` and `executing`; whether it may is in
`domain.quorum`; where it leads is in `domain.lifecycle`. Two things beside it are kept in memory, and
may be lost: how many held connections wait for each request (`attached`), and a guess of which tools
have requests that the same call, made again, would find (`repeats`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from approvals import deciding, editing, executing, expected, filing, grouping, handing, stopped, talking
from approvals.attached import Attached
from approvals.bus import Bus
from approvals.directory import Directory
from approvals.domain import attention, deny_reasons, folding, quorum
from approvals.domain.attention import Friction
from approvals.domain.happening import Happened
from approvals.domain.lifecycle import Record
from approvals.domain.model import ApprovalRequest, Cause, Decision, Person, PersonId, State
from approvals.editing import Edits, Judged
from approvals.errors import Conflict, Refusal, Unavailable
from approvals.filing import Caps, Filed, FiledAs, Filing
from approvals.repeats import Repeats
from approvals.room import Result, Room, Routes, Telling
from approvals.storage.engine import Database
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

T = TypeVar("T")
TRIES = 3
PAGE_MAX = 200
PAGES_MAX = 60
"""How many pages a search for one person reads at most: more than the cap on pending requests holds."""


class Desk:
    """The approval domain as the gateway and the surfaces use it."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        directory: Directory,
        new_id: Callable[[str], str],
        holder: str,
        caps: Caps,
        routes: Routes,
        friction: Friction = attention.OFF,
    ) -> None:
        self.friction, self.folding = friction, folding.OFF
        self.telling = Telling()
        self.deny_reasons: tuple[str, ...] = deny_reasons.USUAL
        self.db, self.bus, self.directory, self.holder = db, bus, directory, holder
        self._new_id, self._caps, self._routes = new_id, caps, routes
        self.edits: Edits | None = None
        self.on_filed: Callable[[Tx, Filed], None] = lambda _tx, _filed: None
        self.attached = Attached(db, holder)
        self.repeats = Repeats(db)

    def reconfigure(
        self, *, caps: Caps, routes: Routes, friction: Friction = attention.OFF, telling: Telling | None = None
    ) -> None:
        """Take over a reloaded configuration."""
        self._caps, self._routes, self.friction = caps, routes, friction
        self.telling = telling or Telling()

    def room(self, tx: Tx) -> Room:
        """The transaction with the people as they are now, and where requests are announced."""
        return Room(tx, self.directory, self._routes, self.friction, self._caps.grants, self.telling)

    async def file(self, what: Filing) -> Filed:
        """Save a call for people to decide, or join or retell the same call.

        Raises:
            Revoked: the agent's access has ended.
            QueueFull: a cap on waiting requests is reached.
            Unavailable: the store cannot take it; nothing was saved.
        """
        filing.check(what)
        request_id, caps, routes = self._new_id("req"), self._caps, self._routes

        def work(tx: Tx) -> Filed:
            holder, directory = self.holder, self.directory
            filed = filing.file_in(
                tx, what, request_id=request_id, caps=caps, routes=routes, holder=holder, directory=directory
            )
            if filed.kind is FiledAs.SAVED:
                grouping.join(tx, filed.request, self.folding)
            self.on_filed(tx, filed)
            return filed

        filed = await self.db.write(work)
        self.repeats.filed(what.call.server, what.call.tool)
        if not what.waiting or filed.kind not in (FiledAs.SAVED, FiledAs.JOINED):
            return filed
        if filed.kind is FiledAs.SAVED:
            self.attached.filed(filed.request.id)
            return filed
        await self.attached.attach(filed.request.id)
        return replace(filed, request=replace(filed.request, waiting=True))

    async def decide(self, request_id: str, decision: Decision) -> ApprovalRequest:
        """Give one reviewer's answer.

        Raises:
            NotFound, StaleBinding, Expired, AlreadyDecided, NotAllowed, Invalid, Unavailable.
            ConfirmNeeded: the reviewer has approved too fast too often, and this takes a step more.
        """
        judged = None if decision.arguments is None else await self._judged(request_id, decision)
        return await self._act(lambda room: deciding.decide(room, request_id, decision, judged))

    async def turn_away(self, request_id: str, decision: Decision, refused: Refusal) -> None:
        """Keep on record a vote that a surface has refused by itself."""
        await self.db.write(lambda tx: deciding.turned_away(self.room(tx), request_id, decision, refused))

    async def cancel(self, request_id: str, *, actor: str, cause: Cause, note: str | None = None) -> ApprovalRequest:
        """Take back a call not yet sent, as a person, `agent:NAME` or `placet`.

        Raises:
            NotFound, NotAllowed, AlreadyDecided, Expired, NotClaimable (it is running), Invalid, Unavailable.
        """
        return await self._act(lambda room: deciding.cancel(room, request_id, actor=actor, cause=cause, note=note))

    async def extend(self, request_id: str, *, reviewer: PersonId, by: timedelta) -> ApprovalRequest:
        """Move the deadline of a waiting request.

        Raises:
            NotFound, NotAllowed, AlreadyDecided, Expired, Invalid, Unavailable.
        """
        return await self._act(lambda room: deciding.extend(room, request_id, reviewer, by))

    async def reassign(
        self, request_id: str, *, by: PersonId, to: tuple[str, ...], factor: int | None = None, note: str | None = None
    ) -> ApprovalRequest:
        """Let others decide in place of those whom a person speaks for.

        Raises:
            NotFound, NotAllowed, AlreadyDecided, Expired, Invalid, Unavailable.
        """
        return await self._act(lambda room: handing.reassign(room, request_id, by=by, to=to, factor=factor, note=note))

    async def comment(
        self, request_id: str, *, by: PersonId, via: str, text: str, written: talking.Written | None = None
    ) -> ApprovalRequest:
        """Write a note for the other people; `written`: it stands in a thread already.

        Raises:
            NotFound, NotAllowed, Invalid, Unavailable.
        """
        return await self._act(
            lambda room: talking.comment(room, request_id, by=by, via=via, text=text, written=written)
        )

    async def ask(self, request_id: str, *, by: PersonId, via: str, text: str) -> ApprovalRequest:
        """Ask the agent something while its call waits.

        Raises:
            NotFound, NotAllowed, AlreadyDecided, Expired, Invalid, Unavailable.
        """
        asked = await self._act(lambda room: talking.ask(room, request_id, by=by, via=via, text=text))
        if asked.decoy is not None and asked.waiting:
            # An agent that is held is given a question at once, and its hold ends with that.
            await self.db.write(lambda tx: talking.given(tx, request_id))
        return asked

    async def answer(self, request_id: str, *, agent: str, text: str) -> ApprovalRequest:
        """Take what the agent answers to the oldest question that is open.

        Raises:
            NotFound, Invalid, Unavailable.
        """
        return await self._act(lambda room: talking.answer(room, request_id, agent=agent, text=text))

    async def asks(self, agent: str) -> bool:
        """Has somebody asked this agent something that it has not answered?"""
        return await self.db.read(lambda tx: tx.questions.waits_for(agent))

    async def asked(self, request_id: str) -> None:
        """Remember that the agent has been given the oldest question that is open."""
        await self.db.write(lambda tx: tx.questions.told(request_id, tx.now))

    async def snooze(self, request_id: str, *, by: PersonId, lasts: timedelta | None) -> ApprovalRequest:
        """Put a waiting request out of one person's sight for a while; None shows it again.

        Raises:
            NotFound, AlreadyDecided, Expired, Invalid, Unavailable.
        """
        return await self._act(lambda room: handing.snooze(room, request_id, by=by, lasts=lasts))

    async def resolve(
        self, request_id: str, *, reviewer: PersonId, ran: bool, note: str | None = None
    ) -> ApprovalRequest:
        """Note whether a call of unknown outcome ran.

        Raises:
            NotFound, NotAllowed, Invalid, Unavailable.
        """
        return await self._act(lambda room: deciding.resolve(room, request_id, reviewer=reviewer, ran=ran, note=note))

    async def saw(self, request: ApprovalRequest, person: Person) -> None:
        """Note that somebody who may decide it is shown the whole call; a store that is busy costs nothing."""
        if request.state is not State.PENDING or quorum.why_not(person, request) is not None:
            return
        if await self.db.read(lambda tx: tx.attention.opened_at(request.id, person.id)) is None:
            with contextlib.suppress(Unavailable):
                await self.db.write(lambda tx: tx.attention.saw(request.id, person.id))

    async def expect(
        self, request_id: str, *, person: PersonId, as_expected: bool, words: str | None, via: str
    ) -> ApprovalRequest:
        """Keep what a person says of the outcome of a call that ran.

        Raises:
            NotFound, NotAllowed, Invalid, Unavailable.
        """
        return await self._act(
            lambda room: expected.say(room, request_id, person=person, as_expected=as_expected, words=words, via=via)
        )

    async def claim(
        self, request_id: str, *, binding: str, lease: timedelta, session: str | None = None
    ) -> ApprovalRequest:
        """Take the right to execute, once. `session` is that of the client who waits for it.

        Raises:
            NotFound, StaleBinding, Unavailable.
            NotClaimable: it is not approved (any more); `request` is what it is now.
        """
        return await self._act(
            lambda room: executing.claim(
                room, request_id, binding=binding, lease=lease, holder=self.holder, session=session
            )
        )

    async def prolong(self, request_id: str, by: timedelta) -> bool:
        """Keep our claim for at least so long from now, because the run waits for people; whether we have it still.

        Raises:
            Unavailable.
        """
        return await self.db.write(lambda tx: tx.requests.prolong(request_id, self.holder, tx.now + by))

    async def settle(self, request_id: str, happened: Happened) -> ApprovalRequest:
        """Record the result of our execution; late results become evidence only.

        Raises:
            NotFound, Unavailable.
        """
        return await self._act(lambda room: executing.settle(room, request_id, happened, holder=self.holder))

    async def apply(self, request_id: str, happened: Happened) -> ApprovalRequest | None:
        """Let time or the outbox end something; None if it can no longer happen."""
        return await self._write(lambda room: executing.apply(room, request_id, happened))

    async def told(self, request_id: str) -> None:
        """Remember that the agent has been given the final outcome."""
        await self.db.write(lambda tx: tx.requests.set_told(request_id, tx.now))

    async def shown(self, request_id: str) -> None:
        """Remember that the agent's user was asked to open the page, so that they are not asked again."""
        await self.db.write(lambda tx: tx.requests.set_shown(request_id, tx.now))

    async def run_when_approved(self, request_id: str) -> None:
        """Its agent waits without a connection (a task): once approved, it runs, and its result is kept."""

        def work(tx: Tx) -> None:
            request = tx.requests.get(request_id, lock=True)
            if request is not None and not request.terms.execute_on_approve:
                tx.requests.set_terms(request_id, replace(request.terms, execute_on_approve=True))
                tx.touch(request_id)

        await self.db.write(work)

    async def get(self, request_id: str, person: Person | None = None) -> ApprovalRequest | None:
        """The request; for a person, only if they may see it."""
        found = await self.db.read(lambda tx: tx.requests.get(request_id))
        if found is None or (person is not None and not quorum.may_see(person, found)):
            return None
        return found

    async def search(self, query: Query, person: Person | None = None) -> list[ApprovalRequest]:
        """A page of requests; for a person, only those they may see."""
        query = replace(query, limit=max(1, min(query.limit, PAGE_MAX)))
        if person is None:
            return await self.db.read(lambda tx: tx.requests.search(query))
        return await self._search_for(query, person)

    async def timeline(self, request_id: str) -> list[Record]:
        """The request's ledger, oldest first."""
        return await self.db.read(lambda tx: tx.requests.events(request_id))

    async def repeat(self, call_key: str, cooldown: timedelta) -> Filed | None:
        """What the call of this key finds when it is made again, as `file` would; None if it is a new one.

        Raises:
            Unavailable.
        """

        def look(tx: Tx) -> tuple[Filed | None, Happened | None]:
            found = filing.existing(tx, call_key, cooldown)
            return found, stopped.due(tx, found.request) if found is not None else None

        while True:
            found, by_time = await self.db.read(look)
            if found is not None and found.kind is FiledAs.COLLECT:
                # Behind what is still being written: its agent may just have been told.
                found, by_time = await self.db.write(look)
            if found is None or by_time is None:
                return found
            # The sweeper has not come by yet.
            await self.apply(found.request.id, by_time)

    async def _judged(self, request_id: str, decision: Decision) -> Judged:
        """What the edited call of a decision would get; asked again each time, for nothing of it is kept."""
        found = await self.get(request_id)
        person = await self.db.read(lambda tx: self.directory.person(tx, decision.reviewer.lower()))
        if found is None or person is None:
            return None
        return await editing.judged(self.edits, found, person, decision)

    async def _search_for(self, query: Query, person: Person) -> list[ApprovalRequest]:
        found: list[ApprovalRequest] = []
        for _ in range(PAGES_MAX):
            page = await self.db.read(lambda tx, q=query: tx.requests.search(q))  # type: ignore[misc]
            found += [request for request in page if quorum.may_see(person, request)]
            if len(found) >= query.limit or len(page) < query.limit:
                break
            query = replace(query, after=(page[-1].created_at, page[-1].id))
        return found[: query.limit]

    async def _act(self, act: Callable[[Room], Result]) -> ApprovalRequest:
        result = await self._write(act)
        if isinstance(result, Refusal):
            raise result
        return result

    async def _write(self, act: Callable[[Room], T]) -> T:
        def work(tx: Tx) -> T:
            return act(self.room(tx))

        for _ in range(TRIES - 1):
            try:
                return await self.db.write(work)
            except Conflict:
                continue
        return await self.db.write(work)
