"""Standing grants as people see, try, give and end them. Giving one with an approval is part of the decision (`desk`).

Whoever may take the call back may also take the grant back: the reviewers of its request, the agent's owner, operators
and admins. It counts from the commit on, in every process: the claim of a covered call asks for its grant again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from approvals import granting
from approvals.desk import Desk
from approvals.domain import backtest, quorum
from approvals.domain.audit import Act
from approvals.domain.backtest import Backtest
from approvals.domain.grants import Grant
from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId
from approvals.domain.shapes import Proposal
from approvals.errors import NotAllowed, NotFound, Refusal
from approvals.storage.grants import Use
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A grant with the calls it let run, newest first."""

    grant: Grant
    uses: tuple[tuple[Use, ApprovalRequest], ...]


class Grants:
    """The acts on grants."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def listed(
        self, person: Person, *, only_in_force: bool = False, limit: int = 50, after: Place | None = None
    ) -> tuple[list[Grant], Place | None]:
        """A page of the grants whose requests the person may see, newest first, and where the next page begins."""

        def look(tx: Tx) -> tuple[list[Grant], Place | None]:
            found = tx.grants.newest(limit=limit, after=after, holds_at=tx.now if only_in_force else None)
            seen = [one for one in found if quorum.may_see(person, one.origin)]
            return seen, (found[-1].at, found[-1].id) if len(found) == limit else None

        return await self._desk.db.read(look)

    async def show(self, grant_id: str, *, person: Person) -> Told:
        """One grant with its uses.

        Raises:
            NotFound: there is none, or the person may not know of it.
        """

        def look(tx: Tx) -> Told | None:
            grant = tx.grants.get(grant_id)
            if grant is None or not quorum.may_see(person, grant.origin):
                return None
            pairs = ((use, tx.requests.get(use.request)) for use in tx.grants.uses(grant_id))
            return Told(grant=grant, uses=tuple((use, one) for use, one in pairs if one is not None))

        found = await self._desk.db.read(look)
        if found is None:
            raise NotFound(what="grant")
        return found

    async def give(
        self, request_id: str, *, person: PersonId, binding: str, proposal: Proposal, via: str = "web"
    ) -> Grant:
        """Give a grant of a call that was approved already; one that is refused is on record.

        Raises:
            NotFound, StaleBinding, NotAllowed, Invalid, Unavailable.
        """

        def work(tx: Tx) -> Grant | Refusal:
            room = self._desk.room(tx)
            done = granting.give_after(room, request_id, reviewer=person, binding=binding, proposal=proposal)
            if isinstance(done, Refusal) and not isinstance(done, NotFound):
                said = {"code": done.code, "why": str(done)}
                tx.record(
                    Act(action="grant.refused", actor=person, at=tx.now, via=via, request=request_id, detail=said)
                )
            return done

        return await self._done(work)

    async def end(self, grant_id: str, *, person: PersonId) -> Grant:
        """Take a grant back before its time; one that is over stays as it is.

        Raises:
            NotFound, NotAllowed, Unavailable.
        """
        return await self._done(lambda tx: granting.end(self._desk.room(tx), grant_id, reviewer=person))

    async def session_over(self, key: str) -> int:
        """A session of an agent is over: whatever was bound to it is, too. Says how many grants.

        Raises:
            Unavailable: it will be found to be over later.
        """
        if not await self._desk.db.read(lambda tx: tx.agent_sessions.is_open(key)):
            return 0
        return await self._desk.db.write(lambda tx: granting.session_over(self._desk.room(tx), key))

    async def sessions_left(self, still: Callable[[], Collection[str]]) -> int:
        """Of the sessions of this process there are only those that `still` gives any more. Says how many grants ended.

        Raises:
            Unavailable.
        """
        known = await self._desk.db.read(lambda tx: tx.agent_sessions.open_of(self._desk.holder))
        # Asked after that was read, so that one which has begun meanwhile is not taken for gone.
        gone = known - frozenset(still())
        return sum([await self.session_over(key) for key in sorted(gone)])

    async def preview(self, request_id: str, *, person: Person, proposal: Proposal) -> Backtest:
        """What the proposal would have matched of the last calls of this tool by this agent.

        Raises:
            NotFound, NotAllowed: the person may not read its arguments.
            Invalid: it could not be given; the field says what is too wide.
        """

        def look(tx: Tx) -> Backtest | Refusal:
            request = tx.requests.get(request_id)
            if request is None or not quorum.may_see(person, request):
                return NotFound(what="request")
            if not quorum.may_see_in_full(person, request):
                return NotAllowed(what="try a grant on this", why="you may not read the arguments")
            wrong = granting.refused(self._desk.room(tx), request, Answer.APPROVE, proposal)
            if wrong is not None:
                return wrong
            call, most = request.call, backtest.LOOKED_AT + 1
            query = Query(agent=request.caller.agent, server=call.server, tool=call.tool, limit=most)
            return backtest.held_against(proposal, request, tx.requests.search(query), by=person)

        found = await self._desk.db.read(look)
        if isinstance(found, Refusal):
            raise found
        return found

    async def _done(self, act: Callable[[Tx], Grant | Refusal]) -> Grant:
        done = await self._desk.db.write(act)
        if isinstance(done, Refusal):
            raise done
        return done
