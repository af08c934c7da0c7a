"""What an interaction needs to know, in one read of the database: who pressed, and what their card shows now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from approvals import grouping, rendering, stopped
from approvals.channels.slack_views import LISTED
from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.card import Card, make_card
from approvals.domain.card_line import CardLine, make_line
from approvals.domain.model import ApprovalRequest, Person, State
from approvals.domain.sentences import yours_line
from approvals.errors import NotAllowed, NotFound
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

T = TypeVar("T")
READ_AT_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as a person may see it. `places` are the messages we keep up to date, as channel and ts."""

    person: Person
    request: ApprovalRequest
    card: Card
    places: frozenset[tuple[str, str]]
    is_arriving: bool
    """A message of it is on its way, or its place is not saved yet."""

    def is_kept_at(self, channel: str, ts: str) -> bool:
        """Is this message one that we keep up to date?"""
        return (channel, ts) in self.places or self.is_arriving


class Reading:
    """Reads requests for people known by their Slack id."""

    def __init__(self, desk: Desk, *, page: Callable[[str], str], channel: str) -> None:
        self._desk, self._page, self.channel = desk, page, channel

    async def person(self, user: str) -> Person:
        """The person a Slack account is mapped to.

        Raises:
            NotAllowed: nobody; says how to change that.
        """
        return await self._desk.db.read(lambda tx: self._person(tx, user))

    async def look(self, user: str, request_id: str, *, binding: str | None = None) -> Seen:
        """The request and its card. Whoever names its binding has seen the card already.

        Raises:
            NotAllowed: the account is not mapped.
            NotFound: there is no such request, or this person may not see it.
        """

        def work(tx: Tx) -> tuple[ApprovalRequest, Callable[[], Seen]]:
            person = self._person(tx, user)
            request = tx.requests.get(request_id)
            if request is None or not (quorum.may_see(person, request) or binding == request.binding):
                raise NotFound(what="request")
            rows = [row for row in tx.messages.for_request(request_id) if row.channel == self.channel]
            # A card that follows another is shown by that one.
            rows += [led for row in rows if row.follows and (led := tx.messages.get(row.follows)) is not None]
            kept = [row.ref for row in rows if row.ref is not None]
            arriving = any(row.ref is None and row.state != "dead" and row.follows is None for row in rows)
            places = frozenset((str(ref.get("channel")), str(ref.get("ts"))) for ref in kept)
            make, yours = self._card(tx, request), self._yours(tx, person, request)
            return request, lambda: Seen(
                person=person,
                request=request,
                card=replace(make(), yours=yours),
                places=places,
                is_arriving=arriving,
            )

        return await rendering.of(*await self._desk.db.read(work))

    async def card(self, request_id: str) -> Card | None:
        """The card as it is now, whoever asks."""

        return await self._made(lambda _tx: request_id)

    async def shown(self, request_id: str) -> Card | None:
        """The card that shows a request as it is now: its own, or that of the calls it is shown with."""

        def leader(tx: Tx) -> str:
            ours = [row for row in tx.messages.for_request(request_id) if row.channel == self.channel]
            led = [lead for row in ours if row.follows and (lead := tx.messages.get(row.follows)) is not None]
            return led[0].request_id if led else request_id

        return await self._made(leader)

    async def waiting_for(self, user: str) -> tuple[list[CardLine], bool]:
        """The oldest calls that this person may decide now, and whether there are more than fit a list.

        Raises:
            NotAllowed: the account is not mapped.
        """
        person = await self.person(user)
        query = Query(states=frozenset({State.PENDING}), oldest_first=True, limit=READ_AT_MOST)
        found = await self._desk.search(query, person)
        theirs = [request for request in found if quorum.why_not(person, request) is None]

        def work(tx: Tx) -> list[CardLine]:
            hidden, room = tx.snoozes.of(person.id), self._desk.room(tx)
            waits = [one for one in theirs if tx.now < one.expires_at]
            shown = [one for one in waits if one.id not in hidden or not hidden[one.id].hides(one, tx.now)]
            return [make_line(request, room.needs(request), tx.now) for request in shown[: LISTED + 1]]

        lines = await self._desk.db.read(work)
        return lines[:LISTED], len(lines) > LISTED

    async def _made(self, of: Callable[[Tx], str]) -> Card | None:
        def work(tx: Tx) -> tuple[ApprovalRequest, Callable[[], Card]] | None:
            request = tx.requests.get(of(tx))
            return None if request is None else (request, self._card(tx, request))

        read = await self._desk.db.read(work)
        return None if read is None else await rendering.of(*read)

    def _person(self, tx: Tx, user: str) -> Person:
        person = self._desk.directory.by_slack(tx, user)
        if person is None:
            raise NotAllowed(
                what="do this",
                why=f"your Slack account {user} is not linked to a person. Whoever runs Placet can link it: "
                f"placet people add EMAIL --slack {user}",
            )
        return person

    def _yours(self, tx: Tx, person: Person, request: ApprovalRequest) -> str | None:
        if request.state is not State.PENDING or quorum.why_not(person, request) is not None:
            return None
        voters = self._desk.room(tx).voters(request)
        return yours_line(quorum.after_yes_of(person, request, voters, at=tx.now))

    def _card(self, tx: Tx, request: ApprovalRequest) -> Callable[[], Card]:
        """What makes the card, once the transaction is over."""
        room, history = self._desk.room(tx), tx.requests.events(request.id)
        ours = [row for row in tx.messages.for_request(request.id) if row.channel == self.channel]
        leads = (grouping.group_of(room, row.id, request, self._desk.folding) for row in ours if row.follows is None)
        make = partial(
            make_card,
            request,
            needs=room.needs(request),
            people=room.named(request, history),
            url=self._page(request.id),
            now=tx.now,
            history=history,
            stopped=stopped.why(tx, request),
        )
        group = next(filter(None, leads), None)
        return lambda: replace(make(), group=group)
