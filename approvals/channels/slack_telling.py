"""Saying something to one person in Slack, where they just pressed: privately, and never twice.

A refusal after a press on a message comes as a message only they see; in a modal it takes the modal's place. What
cannot be said is logged and left: the card itself is kept up to date by the outbox, whatever happens here.
"""

from __future__ import annotations

import logging

from approvals.channels import RetryLater
from approvals.channels import slack_blocks as blocks
from approvals.channels import slack_groups as groups
from approvals.channels import slack_parts as parts
from approvals.channels import slack_views as views
from approvals.channels.slack_blocks import Drawing
from approvals.channels.slack_client import SlackClient, SlackDown, SlackRefused
from approvals.channels.slack_parts import Json
from approvals.channels.slack_payloads import Click
from approvals.channels.slack_reading import Reading
from approvals.domain.card import Card

log = logging.getLogger(__name__)

FAILURES = (SlackRefused, SlackDown, RetryLater)
REPAINTS_MAX = 3


class Telling:
    """The ways to answer an interaction after it was acknowledged."""

    def __init__(self, client: SlackClient, reading: Reading) -> None:
        self._client, self._reading = client, reading

    async def refuse(self, click: Click, text: str) -> None:
        """Tell whoever pressed why nothing was done."""
        if click.view is None:
            await self.whisper(click, text)
        elif click.view.callback_id == views.HOME:
            await self.show(click, views.notice("Not done", text))
        else:
            await self.replace(click, views.notice("Not done", text))

    async def whisper(self, click: Click, text: str) -> None:
        """A message that only this person sees."""
        said = private(text)
        try:
            if click.response_url is not None:
                await self._client.answer(click.response_url, said)
                return
        except FAILURES as err:
            log.info("response_url did not work", extra={"error": str(err)})
        try:
            where = {"channel": click.channel or "", "user": click.who.user}
            await self._client.call("chat.postEphemeral", **where, text=said["text"], blocks=said["blocks"])
        except FAILURES as err:
            log.warning("person could not be told", extra={"user": click.who.user, "error": str(err)})

    async def beside(self, place: Json, text: str) -> None:
        """A message that only one person sees, in a thread: `place` names its channel, the `user` and `thread_ts`."""
        said = private(text)
        try:
            await self._client.call("chat.postEphemeral", **place, text=said["text"], blocks=said["blocks"])
        except FAILURES as err:
            log.warning("person could not be told", extra={"user": place["user"], "error": str(err)})

    async def message(self, user: str, text: str, *, back: str = "") -> None:
        """A direct message, for when there is no other place left; `back` are their own words, which would be lost."""
        said = private(text)
        shown = parts.preformatted(parts.cut(back, parts.LIMITS["input"]))
        yours = [parts.rich(parts.line(parts.words("You wrote", "bold")), shown, block_id="yours")] if back else []
        try:
            await self._client.call("chat.postMessage", channel=user, text=said["text"], blocks=said["blocks"] + yours)
        except FAILURES as err:
            log.warning("person could not be told", extra={"user": user, "error": str(err)})

    async def late_answer(self, response_url: str | None, body: Json) -> None:
        """The answer to a command that took longer than Slack waits."""
        if response_url is None:
            return
        try:
            await self._client.answer(response_url, body)
        except FAILURES as err:
            log.warning("command could not be answered", extra={"error": str(err)})

    async def show(self, click: Click, view: Json, *, on_top: bool = False) -> None:
        """Open a modal, or put one on top of the one that is open."""
        try:
            await self._client.call("views.push" if on_top else "views.open", trigger_id=click.trigger, view=view)
        except FAILURES as err:
            log.warning("modal could not be opened", extra={"user": click.who.user, "error": str(err)})
            if click.view is None:
                await self.whisper(click, "Slack could not open the window in time. Press the button again.")

    async def replace(self, click: Click, view: Json) -> None:
        """Show something else in the modal that was pressed in, unless it has changed meanwhile."""
        if click.view is None:
            return
        try:
            await self._client.call("views.update", view_id=click.view.id, hash=click.view.hash, view=view)
        except FAILURES as err:
            log.info("modal could not be changed", extra={"user": click.who.user, "error": str(err)})

    async def publish(self, user: str, view: Json) -> None:
        """Set somebody's Home tab."""
        try:
            await self._client.call("views.publish", user_id=user, view=view)
        except FAILURES as err:
            log.warning("home could not be shown", extra={"user": user, "error": str(err)})

    async def repaint(self, click: Click) -> None:
        """Bring the message that was pressed up to date at once: it showed something that is over."""
        shown: Card | None = None
        for _ in range(REPAINTS_MAX):
            # Looked at again after each update, so that of two updates that cross the newer one stays.
            card = await self._reading.shown(click.request_id)
            if card is None or card == shown:
                return
            if not await self._update(click, drawing_of(card)):
                return
            shown = card

    async def bury(self, click: Click) -> None:
        """Take the buttons off a copy of a card that nobody keeps up to date."""
        card = await self._reading.card(click.request_id)
        if card is not None:
            await self._update(click, blocks.draw_stray(card))

    async def _update(self, click: Click, drawing: Drawing) -> bool:
        if click.channel is None or click.ts is None or click.is_ephemeral:
            return False
        try:
            where = {"channel": click.channel, "ts": click.ts}
            await self._client.call("chat.update", **where, text=drawing.text, blocks=drawing.blocks)
        except FAILURES as err:
            log.info("card could not be repainted", extra={"request": click.request_id, "error": str(err)})
            return False
        return True


def drawing_of(card: Card) -> Drawing:
    """A card as it is drawn: alone, for the calls it stands for, or as a word on where it is shown."""
    if card.folded_into is not None:
        return groups.draw_folded(card, card.folded_into)
    return blocks.draw(card) if card.group is None else groups.draw_group(card, card.group)


def private(text: str) -> Json:
    """A message for one pair of eyes, beside the one that was pressed."""
    return {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": parts.notice(text),
        "blocks": [parts.section(text, block_id="note")],
    }
