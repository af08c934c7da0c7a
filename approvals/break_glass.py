"""What people do about break-glass: ask for it, confirm it, close it.

It takes a person with the operator or admin role, and where the configuration says so a second one: the account of a
command is nobody, and opens nothing. Everybody who may open it may close it, and that account too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from approvals.acting import COMMAND, Actor, permit
from approvals.deciding import words
from approvals.desk import Desk
from approvals.domain import alerting
from approvals.domain.break_glass import CONFIRM_WITHIN, LONGEST, USUAL, Mode, Opening, named
from approvals.domain.redact import redact_text
from approvals.domain.schedule import CLOCK
from approvals.domain.stops import SERVER
from approvals.errors import Invalid, NotThere
from approvals.stops import LEAST, Surroundings
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

OPEN_IT = "open break-glass"


class BreakGlass:
    """The acts. `mode` is what the configuration says now."""

    def __init__(self, desk: Desk, surroundings: Surroundings, mode: Callable[[], Mode]) -> None:
        self._desk, self._db, self._around, self._mode = desk, desk.db, surroundings, mode

    @property
    def mode(self) -> Mode:
        """How it is opened."""
        return self._mode()

    async def open(self, scope: str, *, reason: str, lasts: timedelta | None, actor: Actor) -> Opening:
        """Ask for an opening; where an alert is enough, it is open then.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            Invalid: it is never opened here, nobody is named, no reason, too long, no such server, or there is one.
            Unavailable.
        """
        mode, lasts, why = self._allowed(actor), USUAL if lasts is None else lasts, words("reason", reason)
        if not LEAST <= lasts <= LONGEST:
            raise Invalid(field="for", why="at least a minute and at most 8 hours")

        def work(tx: Tx) -> Opening:
            permit(self._desk.room(tx), actor, OPEN_IT)
            self._check(scope)
            self._ran_out(tx)
            if mode is Mode.ALERT:
                made = tx.openings.open_alone(scope, reason=why, by=actor.id, lasts=lasts, via=actor.via)
            else:
                until = tx.now + CONFIRM_WITHIN
                made = tx.openings.ask(scope, reason=why, by=actor.id, lasts=lasts, confirm_until=until, via=actor.via)
            if made is None:
                raise Invalid(field="scope", why=f"there is one of {named(scope)} already; close it first")
            tell = alerting.opened if mode is Mode.ALERT else alerting.asked
            self._tell(tx, tell(made, url=self._around.url))
            return made

        opening = await self._db.write(work)
        await self._around.settle()
        log.warning("break-glass", extra={"scope": scope, "by": actor.id, "open": opening.opened_at is not None})
        return opening

    async def confirm(self, scope: str, *, actor: Actor) -> Opening:
        """Open what somebody else has asked for.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            Invalid: it is never opened here, nobody is named, or it is the one who asked.
            NotFound: nothing waits to be confirmed.
            Unavailable.
        """
        self._allowed(actor)

        def work(tx: Tx) -> Opening | None:
            room = self._desk.room(tx)
            permit(room, actor, OPEN_IT)
            self._ran_out(tx)
            waiting = tx.openings.of(scope)
            if waiting is None or not waiting.waits(tx.now):
                return None
            if waiting.by == actor.id:
                raise Invalid(field="confirm", why="it takes a second person; you asked for it yourself")
            # Who asked must still be somebody who may: one of two people is not two.
            permit(room, Actor(id=waiting.by, via=""), OPEN_IT)
            confirmed = tx.openings.confirm(waiting, by=actor.id, via=actor.via)
            if confirmed is not None:
                self._tell(tx, alerting.opened(confirmed, url=self._around.url))
            return confirmed

        opening = await self._db.write(work)
        if opening is None:
            raise NotThere(what="break-glass", name=f"of {named(scope)} that waits to be confirmed")
        await self._around.settle()
        log.warning("break-glass", extra={"scope": scope, "by": opening.by, "confirmed_by": actor.id, "open": True})
        return opening

    async def close(self, scope: str, *, actor: Actor) -> Opening:
        """Close an opening, or take back what was asked for.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            NotFound: there is none of this scope.
            Unavailable.
        """

        def work(tx: Tx) -> Opening | None:
            permit(self._desk.room(tx), actor, "close break-glass")
            self._ran_out(tx)
            ended = tx.openings.end(scope, by=actor.id, via=actor.via)
            if ended is not None:
                self._tell(tx, alerting.closed(ended, url=self._around.url))
            return ended

        opening = await self._db.write(work)
        if opening is None:
            raise NotThere(what="break-glass", name=f"of {named(scope)}")
        await self._around.settle()
        log.warning("break-glass closed", extra={"scope": scope, "by": actor.id})
        return opening

    async def end_due(self) -> list[Opening]:
        """Write down which openings their own time has ended."""
        ended = await self._db.write(self._ran_out)
        for opening in ended:
            log.warning("break-glass closed", extra={"scope": opening.scope, "by": CLOCK})
        return ended

    async def standing(self) -> list[Opening]:
        """Every opening that nobody has ended; its own time may have."""
        return await self._db.read(lambda tx: tx.openings.standing())

    def _allowed(self, actor: Actor) -> Mode:
        mode = self._mode()
        if mode is Mode.NEVER:
            raise Invalid(field="break_glass", why="it is never opened here: break_glass.mode says so")
        if actor.id.startswith(COMMAND):
            raise Invalid(field="as", why="a person opens it; say who you are with --as EMAIL")
        return mode

    def _check(self, scope: str) -> None:
        if scope.startswith(SERVER) and scope.removeprefix(SERVER) not in self._around.servers():
            raise Invalid(field="server", why=f"there is no {named(scope)}")

    def _ran_out(self, tx: Tx) -> list[Opening]:
        ended = tx.openings.end_due(by=CLOCK)
        for opening in ended:
            self._tell(tx, alerting.closed(opening, url=self._around.url))
        return ended

    def _tell(self, tx: Tx, text: str) -> None:
        tx.alerts.owe(self._around.targets(), redact_text(text))
