"""Who presses, and what is kept of a vote that is refused here and never gets to the desk.

An account that stands for nobody tries to decide, or somebody who may not: the audit has it, as it has what the desk
refuses. What only reads leaves no trace.
"""

from __future__ import annotations

from approvals.channels.slack_payloads import Click, Who
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_reading import Reading
from approvals.channels.slack_views import Kept
from approvals.desk import Desk
from approvals.domain.model import Answer, Decision, Person, PersonId
from approvals.errors import NotAllowed, Refusal

VIA = "slack"


class Door:
    """Lets people in, and keeps who was turned away with a vote in their hand."""

    def __init__(self, desk: Desk, *, people: SlackPeople, reading: Reading) -> None:
        self._desk, self._people, self._reading = desk, people, reading

    async def person(self, who: Who, of: Click | Kept, answer: Answer | None) -> Person:
        """The person behind an account; `answer` is the vote they bring, if it is one.

        Raises:
            NotAllowed: nobody we know, or an account that may not stand for anybody.
        """
        try:
            await self._people.admit(who)
            return await self._reading.person(who.user)
        except NotAllowed as refused:
            if answer is not None:
                await self.turn_away(of, f"slack:{who.user}", answer, refused)
            raise

    async def turn_away(self, of: Click | Kept, who: str, answer: Answer, refused: Refusal) -> None:
        """Keep that a vote did not count. `who` is a person's address, or an account of nobody (`slack:U0EVE`)."""
        vote = Decision(reviewer=PersonId(who), answer=answer, binding=of.binding, via=VIA)
        await self._desk.turn_away(of.request_id, vote, refused)
