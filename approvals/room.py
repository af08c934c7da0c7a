"""One transaction with what an act needs beside it: the people as they are now, and where requests are announced.

Everything that changes a request takes place in a `Room`, and `Room.move` is its one way to a new state: advance,
commit, and queue the cards of whoever is asked from now on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from approvals import stopped
from approvals.directory import Directory
from approvals.domain import attention, outcomes, quorum
from approvals.domain.attention import Friction
from approvals.domain.happening import Happened
from approvals.domain.lifecycle import Effect, Record, Step, advance
from approvals.domain.model import ApprovalRequest, Person, PersonId, State
from approvals.domain.shapes import WIDEST, Limits
from approvals.domain.terms import Terms
from approvals.errors import Conflict, Refusal
from approvals.storage.tx import Tx

Routes = Callable[[Tx, Terms], list[tuple[str, str]]]
"""The (channel, target) pairs a request with these terms is announced on."""
Places = Callable[[Tx, PersonId], list[tuple[str, str]]]
"""The (channel, target) pairs on which one person is told how a call ended that they wait to hear of."""
Result = ApprovalRequest | Refusal
THREADED = frozenset({"slack"})
"""Channels whose cards have a thread of their own; their refs say where."""


def nobody(_tx: Tx, _person: PersonId) -> list[tuple[str, str]]:
    """People are told nothing."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How people are told; `page` makes the address of a request's page, `inbox` is that of what waits."""

    people: Places = nobody
    page: Callable[[str], str] = str
    inbox: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """One transaction with the directory beside it: where every act below takes place."""

    tx: Tx
    directory: Directory
    routes: Routes
    friction: Friction = attention.OFF
    grant_limits: Limits = WIDEST
    telling: Telling = Telling()

    def load(self, request_id: str) -> ApprovalRequest | None:
        """The request, locked until the transaction ends, as time has left it."""
        request = self.tx.requests.get(request_id, lock=True)
        if request is None:
            return None
        while (by_time := stopped.due(self.tx, request)) is not None:
            request = self.move(request, by_time)
        return request

    def move(self, request: ApprovalRequest, happened: Happened) -> ApprovalRequest:
        """Advance and commit one step.

        Raises:
            Conflict: the row changed although we hold it, so another writer is not keeping the rules.
        """
        step = advance(request, happened, self.tx.now)
        if not self.tx.requests.commit(step):
            raise Conflict
        if Effect.ANNOUNCE in step.effects:
            after = step.after
            self.tx.messages.announce(after.id, self.routes(self.tx, after.terms), after.revision, self.tx.now)
        self._tell_the_end(step, happened.actor)
        if step.after.decoy is not None and step.after.state is not State.PENDING:
            # As with any other that has ended, its agent does not wait any more.
            self.tx.requests.set_waiting(step.after.id, None)
        return step.after

    def _tell_the_end(self, step: Step, actor: str) -> None:
        if step.after.decoy is not None:
            # No call of their agent's.
            return
        people = outcomes.to_tell(step.before, step.after, actor)
        places = [place for one in people for place in self.telling.people(self.tx, one)]
        if places:
            said = outcomes.line(step.after, url=self.telling.page(step.after.id))
            self.tx.alerts.owe(places, said, request=step.after.id)

    def announce(self, request: ApprovalRequest) -> None:
        """Queue the cards of whoever is asked by now and was not before."""
        has = {(row.channel, row.target) for row in self.tx.messages.for_request(request.id)}
        fresh = [route for route in self.routes(self.tx, request.terms) if route not in has]
        self.tx.messages.announce(request.id, fresh, request.revision, self.tx.now)

    def person(self, person_id: str) -> Person:
        """The person as known now; somebody unknown has no roles and no groups."""
        key = PersonId(person_id.lower())
        return self.directory.person(self.tx, key) or Person(id=key)

    def needs(self, request: ApprovalRequest) -> tuple[quorum.Need, ...]:
        """How far each factor is, with the voters as they are now."""
        return quorum.tally(request, self.voters(request))

    def voters(self, request: ApprovalRequest) -> dict[PersonId, Person]:
        """Those who have voted, and those they voted for, as they are now."""
        found = (self.directory.person(self.tx, one) for one in quorum.named_in(request.votes))
        return {person.id: person for person in found if person is not None}

    def named(self, request: ApprovalRequest, history: list[Record]) -> dict[PersonId, Person]:
        """Everybody a card may name: the voters, and the people of the ledger."""
        ids = {*quorum.named_in(request.votes)} | {PersonId(r.actor) for r in history if "@" in r.actor}
        found = (self.directory.person(self.tx, person_id) for person_id in ids)
        return {person.id: person for person in found if person is not None}

    def threads(self, request: ApprovalRequest) -> list[tuple[str, str]]:
        """Under the cards of a request, on channels that have a place there."""
        refs = [(row.channel, row.ref) for row in self.tx.messages.for_request(request.id) if row.channel in THREADED]
        return [(channel, f"{ref['channel']}/{ref['ts']}") for channel, ref in refs if ref is not None]

    def history(self, request: ApprovalRequest) -> list[Record]:
        """The request's ledger, oldest first."""
        return self.tx.requests.events(request.id)
