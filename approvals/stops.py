"""What people stop: a freeze of everything, of one agent, or of one server.

A freeze is one row, and counts from its commit on: no call that it covers is claimed any more, whichever process would
run it. What waits goes on waiting and can only be denied; what was approved and has not run ends in the same
transaction; what is running keeps its result. Stopping needs an operator or an admin, or the account that Placet's
commands run under.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from approvals import stopped
from approvals.acting import Actor, permit
from approvals.deciding import words
from approvals.desk import Desk
from approvals.domain import alerting
from approvals.domain.happening import Event, Happened
from approvals.domain.model import Cause, State
from approvals.domain.redact import redact_text
from approvals.domain.schedule import CLOCK
from approvals.domain.stops import AGENT, LONGEST, SERVER, Freeze, named
from approvals.errors import Invalid, NotThere
from approvals.room import Room
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

BATCH = 200
LEAST = timedelta(minutes=1)


async def _nothing() -> None:
    """There is no memory to bring up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the acts need of the process that they happen in, and of its configuration as it is now.

    `servers` are its names, `targets` the (channel, target) pairs that are told, `url` is the page of stops. `settle`
    brings what the process remembers up to date, so that an act counts in it before it is answered.
    """

    servers: Callable[[], Collection[str]]
    targets: Callable[[], Sequence[tuple[str, str]]]
    url: str
    settle: Callable[[], Awaitable[None]] = _nothing


class Stops:
    """The acts of stopping."""

    def __init__(self, desk: Desk, surroundings: Surroundings) -> None:
        self._desk, self._db, self._around = desk, desk.db, surroundings

    async def freeze(self, scope: str, *, reason: str, lasts: timedelta | None, actor: Actor) -> tuple[Freeze, int]:
        """Stop what a scope names, in place of an earlier freeze of it; the freeze, and how many approved calls ended.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            Invalid: no reason, too long, or no such agent or server.
            Unavailable.
        """
        lasts = LONGEST if lasts is None else lasts
        why = words("reason", reason)
        if not LEAST <= lasts <= LONGEST:
            raise Invalid(field="for", why="at least a minute and at most 7 days")

        def work(tx: Tx) -> tuple[Freeze, int]:
            room = self._desk.room(tx)
            permit(room, actor, "stop agents")
            self._check(tx, scope)
            freeze = tx.switches.freeze(scope, reason=why, by=actor.id, at=tx.now, until=tx.now + lasts, via=actor.via)
            ended = _end_approved(room, freeze)
            stopped.repaint(tx, scope)
            self._tell(tx, alerting.frozen(freeze, ended=ended, url=self._around.url))
            return freeze, ended

        freeze, ended = await self._db.write(work)
        await self._around.settle()
        log.warning("frozen", extra={"scope": scope, "by": actor.id, "until": freeze.until.isoformat(), "ended": ended})
        return freeze, ended

    async def thaw(self, scope: str, *, actor: Actor) -> Freeze:
        """End a freeze.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            NotFound: there is none of this scope.
            Unavailable.
        """

        def work(tx: Tx) -> Freeze | None:
            permit(self._desk.room(tx), actor, "end a freeze")
            # One that has run out by itself is not ended by whoever comes after.
            self._ran_out(tx)
            freeze = tx.switches.thaw(scope, by=actor.id, at=tx.now, via=actor.via)
            if freeze is not None:
                self._over(tx, freeze)
            return freeze

        freeze = await self._db.write(work)
        if freeze is None:
            raise NotThere(what="freeze", name=f"of {named(scope)}")
        await self._around.settle()
        log.warning("freeze ended", extra={"scope": scope, "by": actor.id})
        return freeze

    async def end_due(self) -> list[Freeze]:
        """Write down which freezes their own time has ended."""
        ended = await self._db.write(self._ran_out)
        for freeze in ended:
            log.warning("freeze ended", extra={"scope": freeze.scope, "by": CLOCK})
        return ended

    async def in_force(self) -> list[Freeze]:
        """Every freeze that holds now, the oldest first."""
        return await self._db.read(lambda tx: tx.switches.in_force(tx.now))

    async def standing(self) -> list[Freeze]:
        """Every freeze that nobody has ended; its own time may have."""
        return await self._db.read(lambda tx: tx.switches.standing())

    async def history(self) -> list[Freeze]:
        """The last freezes, newest first."""
        return await self._db.read(lambda tx: tx.switches.history())

    def _ran_out(self, tx: Tx) -> list[Freeze]:
        ended = tx.switches.end_due(tx.now, by=CLOCK)
        for freeze in ended:
            self._over(tx, freeze)
        return ended

    def _over(self, tx: Tx, freeze: Freeze) -> None:
        # A yes that crossed with the beginning of the freeze was not found then, and must not run now.
        _end_approved(self._desk.room(tx), freeze)
        stopped.repaint(tx, freeze.scope)
        self._tell(tx, alerting.thawed(freeze, url=self._around.url))

    def _tell(self, tx: Tx, text: str) -> None:
        tx.alerts.owe(self._around.targets(), redact_text(text))

    def _check(self, tx: Tx, scope: str) -> None:
        """A freeze of something that is not there would stop nothing, and nobody would notice."""
        if scope.startswith(AGENT) and tx.agents.get(scope.removeprefix(AGENT)) is None:
            raise Invalid(field="agent", why=f"there is no {named(scope)}")
        if scope.startswith(SERVER) and scope.removeprefix(SERVER) not in self._around.servers():
            raise Invalid(field="server", why=f"there is no {named(scope)}")


def _end_approved(room: Room, freeze: Freeze) -> int:
    """End what was approved before the freeze was over and has not run: nobody would think of it any more."""
    agent = freeze.scope.removeprefix(AGENT) if freeze.scope.startswith(AGENT) else None
    server = freeze.scope.removeprefix(SERVER) if freeze.scope.startswith(SERVER) else None
    query = Query(agent=agent, server=server, states=frozenset({State.APPROVED}), decided_before=freeze.ended_at)
    frozen = Happened(event=Event.CANCELLED, actor=freeze.by, cause=Cause.FROZEN, note=freeze.reason)
    return end_every(room, query, frozen)


def end_every(room: Room, query: Query, happened: Happened) -> int:
    """Cancel every request that a query finds, in one transaction; says how many."""
    query, ended = replace(query, limit=BATCH), 0
    while page := room.tx.requests.search(query):
        before = ended
        for found in page:
            request = room.load(found.id)
            if request is not None and request.state in query.states:
                room.move(request, happened)
                ended += 1
        if ended == before:
            break
    return ended
