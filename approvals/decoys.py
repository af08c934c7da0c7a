"""Plants decoys among real requests, where the configuration wants them, and keeps what reviewers did with them.

A real request is followed, by chance, by a plan; when its time has come the plan becomes a decoy, if one can stand
then: the policy asks the same people about the changed call as about the real one, the rule has traffic but no storm,
no other decoy of it waits, and nobody who is asked has quiet hours. No call of an agent's leads to one, nor one to a
run.

What a reviewer can read must not tell one apart: its agent seems to wait for as long as it did for the real request,
and goes away when it would; it comes at no regular time, and only while its agent is about.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from approvals import filing, granting, grouping, stopped
from approvals.desk import Desk
from approvals.domain import decoys, fingerprint, quorum
from approvals.domain.decoys import Bad, Decoys, Plan
from approvals.domain.happening import Event
from approvals.domain.lifecycle import filed as record_of
from approvals.domain.model import ApprovalRequest, Role, Ruled, State, ToolCall
from approvals.errors import Refusal, Unavailable
from approvals.filing import Filed, FiledAs, Filing
from approvals.room import Room
from approvals.storage.switches import SUBJECT
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
BATCH = 20
TRIED = 6
"""So many changes of one call are held against the policy, until one is asked about as the call itself is."""


class Planter:
    """The loop that plants. `settings` are those in force, and `hold` is for how long any client is held."""

    def __init__(
        self, desk: Desk, new_id: Callable[[str], str], *, chance: Callable[[], float] = random.random
    ) -> None:
        self.settings: Decoys = decoys.OFF
        self.hold = timedelta(seconds=50)
        self._desk, self._db, self._new_id, self._chance = desk, desk.db, new_id, chance
        desk.on_filed = self.think

    def think(self, tx: Tx, filed: Filed) -> None:
        """Plan a decoy after a request that was just filed, in its transaction, as often as the rate says."""
        new = filed.kind is FiledAs.SAVED and filed.request.state is State.PENDING
        if not new or decoys.why_not(filed.request) is not None or self._chance() >= self.settings.rate:
            return
        left_at = None if filed.request.waiting else tx.now
        due_at = tx.now + decoys.delay(self._chance())
        tx.decoys.plan(Plan(request=filed.request.id, due_at=due_at, left_at=left_at))

    async def run(self) -> None:
        """Plant for ever; woken when something was stopped, because whoever is held then goes away."""
        async with self._desk.bus.watch(SUBJECT) as watch:
            while True:
                pause = EVERY_SECONDS * (0.5 + self._chance())
                try:
                    await self.plant()
                    await self.let_go()
                    pause = min(pause, await self._db.read(_until_next))
                except Unavailable:
                    log.warning("decoys cannot be planted", extra={"retry_seconds": EVERY_SECONDS})
                await watch.changed(pause)

    async def plant(self) -> int:
        """Turn the plans that are due into decoys, or drop them; says how many were planted."""
        planted = 0
        for plan in await self._db.read(lambda tx: tx.decoys.due(BATCH)):
            original = await self._desk.get(plan.request)
            found = None if original is None else await self._bad(original)
            planted += await self._use(plan, original, found)
        return planted

    async def let_go(self) -> None:
        """Have agents that seem to wait go away where a stop, or an end to all waiting, sends away those that do."""
        for request_id in await self._db.read(lambda tx: tx.decoys.waited_for()):
            await self._db.write(lambda tx, id=request_id: _let_go(tx, id))  # type: ignore[misc]

    async def _use(
        self, plan: Plan, original: ApprovalRequest | None, found: tuple[ToolCall, Bad, Ruled] | None
    ) -> bool:
        def work(tx: Tx) -> bool:
            if not tx.decoys.take(plan.request) or original is None:
                return False
            if original.decoy is not None:
                tx.requests.set_waiting(original.id, None)
            if found is None or plan.due_at < tx.now - decoys.GIVEN_UP:
                return False
            return self._put(self._desk.room(tx), original, plan, *found)

        return await self._db.write(work)

    async def _bad(self, original: ApprovalRequest) -> tuple[ToolCall, Bad, Ruled] | None:
        """A changed call that the policy asks the same people about as about the real one."""
        if not self.settings.rate or self._desk.edits is None or decoys.why_not(original) is not None:
            return None
        arguments = json.loads(original.call.arguments)
        for bad in decoys.changes(original, arguments, self.settings, self._chance())[:TRIED]:
            call = _changed(original.call, bad)
            try:
                ruled = await self._desk.edits.ruled(original, call)
            except Refusal:
                continue
            if ruled.rule == original.rule and ruled.terms is None and not ruled.over:
                return call, bad, ruled
        return None

    def _put(self, room: Room, original: ApprovalRequest, plan: Plan, call: ToolCall, bad: Bad, ruled: Ruled) -> bool:
        tx, request_id = room.tx, self._new_id("req")
        what = Filing(
            call=call,
            caller=original.caller,
            terms=original.terms,
            rule=original.rule,
            policy_version=ruled.policy_version,
            rule_reason=original.rule_reason,
            risk=original.risk,
            severity=ruled.severity,
            justification=original.justification,
            trace=ruled.trace,
        )
        # Its key is no call's: the agent's own call never finds it.
        plain = filing.request_of(what, request_id, f"decoy:{request_id}", tx.now)
        if not _fits(room, plain) or _was_handed_on(room, original):
            return False
        made = replace(plain, decoy=bad.change)
        if not tx.requests.insert(made, record_of(made)):
            return False
        self._let_wait(tx, made, decoys.waits_for(original, plan, hold=self.hold))
        if what.terms.remind is not None:
            tx.reminders.plan(made.id, tx.now + what.terms.remind)
        tx.messages.announce(made.id, room.routes(tx, what.terms), made.revision, tx.now)
        grouping.join(tx, made, self._desk.folding)
        tx.did("decoy.planted", "placet", subject=f"request:{made.id}", rule=made.rule, change=bad.change)
        return True

    def _let_wait(self, tx: Tx, made: ApprovalRequest, lasts: timedelta | None) -> None:
        if lasts is None or lasts:
            tx.requests.set_waiting(made.id, self._desk.holder)
        if lasts:
            tx.decoys.plan(Plan(request=made.id, due_at=tx.now + lasts))


def _until_next(tx: Tx) -> float:
    at = tx.decoys.next_due()
    return EVERY_SECONDS * 2 if at is None else max((at - tx.now).total_seconds(), 0.0)


def _let_go(tx: Tx, request_id: str) -> None:
    request = tx.requests.get(request_id)
    if request is not None and (stopped.why(tx, request) or tx.openings.open_for(request.call.server) is not None):
        tx.requests.set_waiting(request_id, None)


def _was_handed_on(room: Room, original: ApprovalRequest) -> bool:
    """Are others asked than the rule says? The record of a decoy could not say how that came."""
    return any(row.event is Event.REASSIGNED for row in room.history(original))


def _changed(call: ToolCall, bad: Bad) -> ToolCall:
    data = fingerprint.canonical(bad.arguments)
    return replace(call, arguments=data, arguments_sha256=fingerprint.sha256_hex(data))


def _fits(room: Room, made: ApprovalRequest) -> bool:
    """Can a decoy stand now?"""
    tx, server = room.tx, made.call.server
    if tx.agents.is_gone(made.caller.agent) or stopped.why(tx, made) is not None:
        return False
    if tx.openings.open_for(server) is not None or granting.covering(room, made) is not None:
        return False
    if tx.decoys.waits(server, made.rule) or tx.decoys.waiting(server, made.rule) >= decoys.STORM:
        return False
    asked = [
        person
        for person in room.directory.people(tx).values()
        if Role.REVIEWER in person.roles
        and not person.disabled
        and any(quorum.speaks_for(person, factor) for factor in made.terms.factors)
    ]
    return bool(asked) and not any(one.quiet is not None and one.quiet.ends(tx.now) is not None for one in asked)
