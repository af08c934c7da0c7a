"""What an interaction needs to know, in one read of the database: who pressed, and what their card shows now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from approvals import grouping, stopped
from approvals.channels.slack_views import LISTED
from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.card import Card, make_card
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

        def work(tx: Tx) -> Seen:
            person = self._person(tx, user)
            request = tx.requests.get(request_id)
            if request is None or not (quorum.may_see(person, request) or binding == request.binding):
                raise NotFound(what="request")
            rows = [row for row in tx.messages.for_request(request_id) if row.channel == self.channel]
            # A card that follows another is shown by that one.
            rows += [led for row in rows if row.follows and (led := tx.messages.get(row.follows)) is not None]
            kept = [row.ref for row in rows if row.ref is not None]
            arriving = any(row.ref is None and row.state != "dead" and row.follows is None for row in rows)
            return Seen(
                person=person,
                request=request,
                card=replace(self._card(tx, request), yours=self._yours(tx, person, request)),
                places=frozenset((str(ref.get("channel")), str(ref.get("ts"))) for ref in kept),
                is_arriving=arriving,
            )

        return await self._desk.db.read(work)

    async def card(self, request_id: str) -> Card | None:
        """The card as it is now, whoever asks."""

        def work(tx: Tx) -> Card | None:
            request = tx.requests.get(request_id)
            return None if request is None else self._card(tx, request)

        return await self._desk.db.read(work)

    async def shown(self, request_id: str) -> Card | None:
        """The card that shows a request as it is now: its own, or that of the calls it is shown with."""

        def work(tx: Tx) -> Card | None:
            ours = [row for row in tx.messages.for_request(request_id) if row.channel == self.channel]
            led = [lead for row in ours if row.follows and (lead := tx.messages.get(row.follows)) is not None]
            request = tx.requests.get(led[0].request_id if led else request_id)
            return None if request is None else self._card(tx, request)

        return await self._desk.db.read(work)

    async def waiting_for(self, user: str) -> tuple[list[Card], bool]:
        """The oldest calls that this person may decide now, and whether there are more than fit a list.

        Raises:
            NotAllowed: the account is not mapped.
        """
        person = await self.person(user)
        query = Query(states=frozenset({State.PENDING}), oldest_first=True, limit=READ_AT_MOST)
        found = await self._desk.search(query, person)
        theirs = [request for request in found if quorum.why_not(person, request) is None]

        def work(tx: Tx) -> list[Card]:
            hidden = tx.snoozes.of(person.id)
            shown = [one for one in theirs if one.id not in hidden or not hidden[one.id].hides(one, tx.now)]
            return [self._card(tx, request) for request in shown[: LISTED + 1]]

        cards = [card for card in await self._desk.db.read(work) if not card.decided]
        return cards[:LISTED], len(cards) > LISTED

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

    def _card(self, tx: Tx, request: ApprovalRequest) -> Card:
        room, history = self._desk.room(tx), tx.requests.events(request.id)
        ours = [row for row in tx.messages.for_request(request.id) if row.channel == self.channel]
        leads = (grouping.group_of(room, row.id, request, self._desk.folding) for row in ours if row.follows is None)
        card = make_card(
            request,
            needs=room.needs(request),
            people=room.named(request, history),
            url=self._page(request.id),
            now=tx.now,
            history=history,
            stopped=stopped.why(tx, request),
        )
        return replace(card, group=next(filter(None, leads), None))
