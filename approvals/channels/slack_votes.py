"""The one way from Slack to a decision: an approval passes only where the whole call could be read."""

from __future__ import annotations

from approvals.channels.slack_readable import Place, why_not
from approvals.channels.slack_reading import Reading
from approvals.desk import Desk
from approvals.domain.group_card import Group
from approvals.domain.model import Answer, Decision
from approvals.errors import NotAllowed


class Votes:
    """Hands decisions to the desk."""

    def __init__(self, desk: Desk, reading: Reading) -> None:
        self._desk, self._reading = desk, reading

    async def cast(self, request_id: str, decision: Decision, *, read: Place | Group) -> None:
        """Decide; `read` is where the call was read: for one of many, what their card shows now.

        Raises:
            Refusal: the desk's own, and NotAllowed for an approval of what could not be read whole there.
        """
        if decision.answer is Answer.APPROVE:
            card = await self._reading.card(request_id)
            # What is over the desk refuses itself, and says who was first.
            if card is not None and not card.decided and (why := why_not(card, read)) is not None:
                raise NotAllowed(what="approve this here", why=why)
        await self._desk.decide(request_id, decision)
