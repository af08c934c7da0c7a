"""Brings every card to the newest revision of its request, on every channel, however long that takes.

A card is posted once and then revised in place; what changed while a channel was away is told by one revision.
Each channel has a few deliveries of its own at a time and its own pause, so that a bad one delays nobody else.
A delivery whose result is not known is tried again: a second card is better than none. Where a card can never be
shown and nobody else can be reached, the request ends (`undelivered`) instead of waiting for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from approvals import executing, grouping, holding, reached, rendering, similar, stopped
from approvals.channels import Channel, Held, MessageRef, RetryLater, Undeliverable
from approvals.desk import Desk
from approvals.domain.card import Card, make_card
from approvals.domain.folding import Linked, Way, likeness, way_of
from approvals.domain.group_card import Group
from approvals.domain.lifecycle import Record
from approvals.domain.model import OPEN_STATES, ApprovalRequest, Person, PersonId, State
from approvals.domain.quorum import Need
from approvals.domain.redact import redact_text
from approvals.errors import Unavailable
from approvals.pacing import AT_ONCE, LAST_PAUSE, Pace
from approvals.room import Room
from approvals.storage.messages import DIGEST, Backlog, MessageRow
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0
LEASE = timedelta(seconds=90)
"""Longer than a delivery and the saving of its result can take, so that no other replica sends it meanwhile."""
POLL_SECONDS = 1.0
LOOK_SECONDS = 2.0
LOOKED_AT = 50
"""While a channel fails, so many requests that nobody was told of are looked at so often."""
GIVE_UP_ENDED_AFTER = 20
"""A card nobody needs any more is tried for about an hour, then given up."""
SAVE_TRIES = 5
ERROR_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """How one channel has fared since this process started. `failing_since` is None while it works."""

    delivered: int = 0
    retried: int = 0
    dead: int = 0
    failing_since: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """All that a card is made from, as one read found it."""

    request: ApprovalRequest
    needs: tuple[Need, ...]
    people: Mapping[PersonId, Person]
    history: list[Record]
    now: datetime
    stopped: str | None
    group: Group | None
    earlier: str | None
    leader: MessageRow | None


class Outbox:
    """The one loop that talks to channels."""

    def __init__(
        self,
        *,
        desk: Desk,
        channels: Mapping[str, Channel],
        page: Callable[[str], str],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._desk, self._db, self._channels, self._page = desk, desk.db, channels, page
        self._pace = Pace(chance=chance)
        self._health: dict[str, ChannelHealth] = {name: ChannelHealth() for name in channels}
        self._more = asyncio.Event()
        self._look_again = 0.0

    def delivery_health(self) -> Mapping[str, ChannelHealth]:
        """How each channel fares, for metrics, readiness and the doctor."""
        return dict(self._health)

    async def backlog(self) -> Backlog:
        """How far behind we are."""
        return await self._db.read(lambda tx: tx.messages.backlog())

    async def run(self) -> None:
        """Deliver for ever: at once when something changed here, within a second otherwise."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="outbox wake-up")
            while True:
                self._more.clear()
                try:
                    await self._start_due(group)
                    await self.ask_others()
                except Unavailable:
                    log.warning("outbox cannot read", extra={"retry_seconds": POLL_SECONDS})
                await self._wake_up()

    async def deliver_due(self) -> int:
        """Deliver what is due now and wait for it; says how many cards were tried."""
        async with asyncio.TaskGroup() as group:
            return await self._start_due(group)

    async def ask_others(self) -> None:
        """While a channel fails: ask others about what nobody could be told of for long, where a rule says whom."""
        now = time.monotonic()
        if now < self._look_again or not any(health.failing_since for health in self._health.values()):
            return
        self._look_again = now + LOOK_SECONDS
        await self._db.write(self._ask_others)

    def _ask_others(self, tx: Tx) -> None:
        for request_id in tx.messages.untold(LOOKED_AT):
            request = tx.requests.get(request_id, lock=True)
            if request is not None and reached.nobody_for_long(tx, request):
                executing.ask_others(self._desk.room(tx), request)

    async def _listen(self) -> None:
        async with self._desk.bus.watch_all() as watch:
            while True:
                await watch.changed()
                self._more.set()

    async def _wake_up(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._more.wait()
        except TimeoutError:
            return

    async def _start_due(self, group: asyncio.TaskGroup) -> int:
        free = [name for name in self._channels if self._pace.free(name) > 0]
        not_now = [name for name in self._channels if name not in free]
        limit = min((self._pace.free(name) for name in free), default=AT_ONCE)
        # The smallest number of free places is asked for, so that whatever mix comes back there is room for it.
        rows = await self._db.write(
            lambda tx: tx.messages.take_due(self._desk.holder, tx.now, LEASE, limit, but_not=not_now)
        )
        for row in rows:
            self._pace.begin(row.channel)
            group.create_task(self._deliver_and_free(row), name=f"deliver {row.id}")
        if rows and len(rows) == limit:
            self._more.set()
        return len(rows)

    async def _deliver_and_free(self, row: MessageRow) -> None:
        try:
            await self._deliver(row)
        except Unavailable:
            # Nothing is lost: the lease runs out and the card is due again.
            log.warning("delivery could not be saved", extra={"card": row.id, "request": row.request_id})
        except Exception:
            # The edge of the loop: a bug met with one request must not keep the others' cards from their people.
            log.exception("delivery broke", extra={"card": row.id, "request": row.request_id})
            await self._try_again(row, LAST_PAUSE, "an error inside Placet; the log has it")
        finally:
            self._pace.end(row.channel)
            self._more.set()

    async def _deliver(self, row: MessageRow) -> None:
        telling = await self._db.read(lambda tx: self._read(tx, row))
        channel = self._channels.get(row.channel)
        if telling is None or channel is None:
            why = "its request is gone" if telling is None else f"no channel {row.channel!r} is configured"
            await self._save(lambda tx: self._bury(tx, row, why))
            return
        if await self._waits(row, telling.request):
            return
        card = await self._card(telling)
        if row.follows is not None:
            await self._follow(row, telling, channel, card)
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                ref = await _show(channel, row, card)
        except Held as held:
            await self._hold(row, held.until)
        except Undeliverable as never:
            await self._give_up(row, _first_line(never))
        except RetryLater as later:
            await self._pause(row, later)
        except Exception as failed:  # noqa: BLE001 - the edge: a channel is somebody else's code
            await self._failed(row, card, failed)
        else:
            await self._save(
                lambda tx: tx.messages.done(row.id, ref.data if ref else None, card.revision, round=row.round)
            )
            self._pace.delivered(row.channel)
            self._note(row.channel, delivered=1)

    def _read(self, tx: Tx, row: MessageRow) -> _Telling | None:
        request = tx.requests.get(row.request_id)
        if request is None:
            return None
        room = self._desk.room(tx)
        history, group = tx.requests.events(request.id), _group(room, row, request, self._desk.folding)
        alone = row.follows is None and group is None
        return _Telling(
            request=request,
            needs=room.needs(request),
            people=room.named(request, history),
            history=history,
            now=tx.now,
            stopped=stopped.why(tx, request),
            group=group,
            earlier=similar.on_card(tx, request, row.channel) if alone else None,
            leader=tx.messages.get(row.follows) if row.follows is not None else None,
        )

    async def _waits(self, row: MessageRow, request: ApprovalRequest) -> bool:
        """Is it not shown now: its person sleeps, or slept and is told of several at once, or of nothing any more?"""
        if request.state is not State.PENDING and row.held_at is None:
            return False

        def work(tx: Tx) -> bool:
            room = self._desk.room(tx)
            if request.state is not State.PENDING:
                tx.messages.digested([row.id])
                return True
            until = holding.until(room, request, row)
            if until is not None:
                tx.messages.hold(row.id, until)
                return True
            return row.held_at is not None and row.ref is None and holding.digest(room, row)

        held_or_may = row.ref is None and holding.is_personal(row)
        return held_or_may and await self._db.write(work)

    async def _hold(self, row: MessageRow, until: datetime) -> None:
        await self._save(lambda tx: tx.messages.hold(row.id, until))

    async def _follow(self, row: MessageRow, telling: _Telling, channel: Channel, card: Card) -> None:
        """What changed about a request whose card another one shows: that one is drawn anew."""
        leader = telling.leader
        if way_of(row.channel) is Way.IN_PLACE:
            if leader is None or leader.state == "dead":
                await self._save(lambda tx: tx.card_groups.stand_alone(row.id))
                return
            if leader.ref is None:
                await self._try_again(row, self._pace.back_off(row.attempts), "the card of its group is on its way")
                return
            if row.ref is not None and dict(row.ref) != DIGEST:
                await self._take_back(row, telling, channel, card)

        def passed_on(tx: Tx) -> None:
            if leader is not None and leader.id != row.id:
                tx.card_groups.nudge(leader.id, grouping.SETTLE)
            tx.messages.done(row.id, None, card.revision, round=row.round)

        await self._save(passed_on)

    async def _take_back(self, row: MessageRow, telling: _Telling, channel: Channel, card: Card) -> None:
        """Let a card that is out say where its call is shown from now on."""
        fold = likeness(telling.request) or ""
        folded = replace(card, folded_into=self._desk.folding.page(fold))
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.revise(MessageRef(channel=row.channel, data=dict(row.ref or {})), folded)
        except Exception as failed:  # noqa: BLE001 - the edge: its buttons decide that one call, which does no harm
            log.info("card stays beside its group", extra={"card": row.id, "error": _first_line(failed)})
            return
        await self._save(lambda tx: tx.card_groups.taken_back(row.id))

    async def _card(self, telling: _Telling) -> Card:
        def make() -> Card:
            card = make_card(
                telling.request,
                needs=telling.needs,
                people=telling.people,
                url=self._page(telling.request.id),
                now=telling.now,
                history=telling.history,
                stopped=telling.stopped,
            )
            return replace(card, group=telling.group, earlier=telling.earlier)

        return await rendering.of(telling.request, make)

    async def _pause(self, row: MessageRow, later: RetryLater) -> None:
        await self._try_again(row, self._pace.asked(row.channel, later.seconds), _first_line(later))

    async def _failed(self, row: MessageRow, card: Card, failed: Exception) -> None:
        why = f"no answer within {SEND_SECONDS:.0f} s" if isinstance(failed, TimeoutError) else _first_line(failed)
        extra = {"card": row.id, "request": row.request_id, "channel": row.channel, "attempt": row.attempts + 1}
        log.warning("delivery failed", extra=extra | {"error": why})
        self._pace.failed(row.channel, row.id)
        if card.state not in OPEN_STATES and _is_over(card) and row.attempts + 1 >= GIVE_UP_ENDED_AFTER:
            await self._give_up(row, why)
            return
        await self._try_again(row, self._pace.back_off(row.attempts), why)

    async def _try_again(self, row: MessageRow, seconds: float, why: str) -> None:
        def later(tx: Tx) -> None:
            tx.messages.retry(row.id, tx.now + timedelta(seconds=seconds), why)
            request = tx.requests.get(row.request_id, lock=True)
            if request is not None and reached.can_nobody(tx, request):
                executing.ask_others(self._desk.room(tx), request)

        await self._save(later)
        self._note(row.channel, retried=1, error=why)

    async def _give_up(self, row: MessageRow, why: str) -> None:
        log.warning(
            "card undeliverable",
            extra={"card": row.id, "request": row.request_id, "channel": row.channel, "error": why},
        )
        await self._save(lambda tx: self._bury(tx, row, why))
        self._note(row.channel, dead=1, error=why)

    def _bury(self, tx: Tx, row: MessageRow, why: str) -> None:
        # In one transaction with the ending of the request: a crash between the two would leave it waiting.
        tx.messages.dead(row.id, why)
        request = tx.requests.get(row.request_id, lock=True)
        if request is not None and reached.none_left(request, tx.messages.for_request(request.id)):
            executing.unreachable(self._desk.room(tx), request, why)

    async def _save(self, work: Callable[[Tx], None]) -> None:
        # Where a card stands must not be lost: one more try costs little, a card with dead buttons much.
        for attempt in range(SAVE_TRIES - 1):
            try:
                await self._db.write(work)
            except Unavailable:
                await asyncio.sleep(self._pace.back_off(attempt))
            else:
                return
        await self._db.write(work)

    def _note(
        self, channel: str, *, delivered: int = 0, retried: int = 0, dead: int = 0, error: str | None = None
    ) -> None:
        before = self._health.get(channel, ChannelHealth())
        since = None if error is None else before.failing_since or datetime.now(UTC)
        self._health[channel] = replace(
            before,
            delivered=before.delivered + delivered,
            retried=before.retried + retried,
            dead=before.dead + dead,
            failing_since=since,
            last_error=error if error is not None else before.last_error,
        )


async def _show(channel: Channel, row: MessageRow, card: Card) -> MessageRef | None:
    """Post the card, or bring the one there is up to date; None when it stays where it was."""
    if row.ref == DIGEST:
        return None
    if row.ref is None:
        return await channel.post(card, row.target)
    try:
        await channel.revise(MessageRef(channel=row.channel, data=dict(row.ref)), card)
    except Undeliverable:
        if _is_over(card):
            raise
        # The card is gone (somebody deleted it) while people still have to decide: they get another.
        return await channel.post(card, row.target)
    return None


def _is_over(card: Card) -> bool:
    return card.decided and (card.group is None or card.group.waiting == 0)


def _group(room: Room, row: MessageRow, request: ApprovalRequest, folding: Linked) -> Group | None:
    leads = row.follows is None and way_of(row.channel) is Way.IN_PLACE
    return grouping.group_of(room, row.id, request, folding) if leads else None


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return redact_text(text).splitlines()[0][:ERROR_SHOWN]
