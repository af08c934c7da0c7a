"""The suite every channel passes, ours and other people's: subclass it, and say how your surface is read.

    class TestMyChannel(ChannelContract):
        @pytest.fixture
        async def surface(self):
            ...
            yield MySurface(channel)

A surface answers what a person would see; the suite only ever talks to the channel's methods. What it wants:
cards are revised in place, an ended request offers no answer, hostile text stays text, secrets never arrive.
"""

# ruff: noqa: S101 - a test suite asserts, also where it is shipped

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import pytest

from approvals.channels import Alert, Channel, MessageRef, Undeliverable
from approvals.domain.model import Answer, ApprovalRequest, Cause, Claim, Outcome, State
from approvals.domain.plain import visible_lines
from approvals.testing import samples
from approvals.testing.samples import ADA, NOW

HOSTILE = {
    "bidi": "pay \u202ebob\u202c now",
    "zero-width": "pa\u200by",
    "escape-code": "\x1b[31mAPPROVED\x1b[0m",
    "mention": "<!channel> <@U123> @here",
    "link": "<https://evil.example|https://good.example> [good](https://evil.example)",
    "markup": "*bold* _it_ ~no~ `code` ```block``` &lt; <script>alert(1)</script>",
    "emoji": ":white_check_mark: approved",
    "look-alike": "\u0430pple.com",
}
CANARY = "hunter2" + "Canary"


class Surface(Protocol):
    """What a contract test needs to know of a channel's surface."""

    channel: Channel
    target: str
    """A place where cards can be shown."""
    nowhere: str | None
    """A place where none can, ever; None if there is no such thing."""

    live_markup: tuple[str, ...]
    """What would be a link, a mention or a format here if it stood in `raw`: `<!channel>` for Slack."""

    def messages(self) -> int:
        """How many messages there are at the target."""
        ...

    def text(self) -> str:
        """All that a person reads on the newest message at the target."""
        ...

    def raw(self) -> str:
        """All that was handed to the outside for it, headers and hidden fields too."""
        ...

    def offers_answers(self) -> bool:
        """Can the newest message be answered with a yes or a no?"""
        ...

    def remove_message(self) -> None:
        """Make the newest message vanish, as a person might."""
        ...


def ended_requests() -> dict[str, ApprovalRequest]:
    """The sample request in every state but pending."""
    asked = samples.request()
    yes = replace(
        asked, votes=(samples.vote(asked, ADA),), decided_at=NOW, collect_by=NOW + timedelta(minutes=15), revision=2
    )
    no = samples.vote(asked, ADA, Answer.DENY, reason="Not on a Friday")
    good = _ran("succeeded", b'{"content":[{"type":"text","text":"order 42"}]}')
    bad = _ran("failed", b'{"isError":true,"content":[{"type":"text","text":"no funds"}]}')
    lost = Outcome(kind="unknown", error="the connection was reset")
    return {
        "approved": replace(yes, state=State.APPROVED),
        "executing": replace(yes, state=State.EXECUTING, claim=Claim(holder="one", lease_until=NOW)),
        "succeeded": replace(yes, state=State.SUCCEEDED, outcome=good),
        "failed": replace(yes, state=State.FAILED, cause=Cause.UPSTREAM_ERROR, outcome=bad),
        "unknown": replace(yes, state=State.UNKNOWN, cause=Cause.NO_ANSWER, outcome=lost),
        "denied": replace(asked, state=State.DENIED, votes=(no,), decided_at=NOW, revision=2),
        "expired": replace(asked, state=State.EXPIRED, cause=Cause.TIMED_OUT, revision=2),
        "cancelled": replace(asked, state=State.CANCELLED, cause=Cause.POLICY_CHANGED, revision=2),
    }


class ChannelContract:
    """What any channel owes its reviewers. Provide a `surface` fixture.

    `told` are the states a channel tells of, and `facts` what it tells, where it does not tell all of it.
    """

    told: ClassVar[frozenset[str]] = frozenset(state.value for state in State)
    facts: ClassVar[tuple[str, ...]] = ("new_order", "binance", "claude-ada", "BTCUSDT", "1.5", "finance")

    async def post(self, surface: Any, request: ApprovalRequest | None = None) -> MessageRef:
        """Show the sample's card at the surface's target."""
        ref: MessageRef = await surface.channel.post(samples.card(request), surface.target)
        return ref

    async def test_a_posted_card_tells_what_who_and_why(self, surface: Any) -> None:
        """The facts a reviewer needs are on the card itself."""
        await self.post(surface)
        text = surface.text()
        for fact in self.facts:
            assert fact in text
        assert surface.messages() == 1

    async def test_a_ref_survives_being_stored_as_json(self, surface: Any) -> None:
        """A ref is kept in the database between a post and its revision."""
        ref = await self.post(surface)
        stored = MessageRef(channel=ref.channel, data=_through_json(ref.data))
        await surface.channel.revise(stored, samples.card(ended_requests()["denied"]))
        assert surface.messages() == 1

    @pytest.mark.parametrize("state", [s.value for s in State if s is not State.PENDING])
    async def test_a_revision_replaces_the_card_in_place_and_takes_the_answers_away(
        self, surface: Any, state: str
    ) -> None:
        """Whatever state came, the message that was posted shows it, and can no longer be answered."""
        if state not in self.told:
            pytest.skip("this channel leaves that to the page")
        ref = await self.post(surface)
        card = samples.card(ended_requests()[state])
        await surface.channel.revise(ref, card)
        assert surface.messages() == 1
        assert not surface.offers_answers()
        assert _squeezed(card.status_line) in _squeezed(surface.text())

    async def test_a_revision_can_come_twice(self, surface: Any) -> None:
        """Delivery is at least once."""
        ref = await self.post(surface)
        for _ in range(2):
            await surface.channel.revise(ref, samples.card(ended_requests()["succeeded"]))
        assert surface.messages() == 1

    @pytest.mark.parametrize("kind", HOSTILE)
    async def test_hostile_text_stays_text(self, surface: Any, kind: str) -> None:
        """Nothing an agent writes reorders, hides, links, mentions or decorates."""
        text = HOSTILE[kind]
        request = samples.request(
            {"note": text}, justification=text, call=samples.call({"note": text}, tool="new_order")
        )
        await self.post(surface, request)
        raw = surface.raw()
        for char in ("\u202e", "\u202c", "\u200b", "\x1b"):
            assert char not in raw
        for markup in surface.live_markup:
            assert markup not in raw

    @pytest.mark.parametrize("size", [100, 3_000, 50_000])
    async def test_long_arguments_are_shown_or_said_to_be_cut(self, surface: Any, size: int) -> None:
        """A channel that cuts says so, and leads to the page with the full call."""
        request = samples.request({"note": "x" * size + "TAIL"})
        await self.post(surface, request)
        shown_whole = "TAIL" in surface.text()
        assert shown_whole or f"/requests/{request.id}" in surface.raw()

    @pytest.mark.parametrize("state", ["pending", "denied", "failed"])
    async def test_no_secret_ever_arrives(self, surface: Any, state: str) -> None:
        """What a channel gets has been redacted; it must not find another way to the request."""
        secret = {"password": CANARY, "url": f"https://ada:{CANARY}@example.com"}
        outcome = Outcome(kind="failed", error=f"token={CANARY}")
        request = samples.request(secret, justification=f"the password: {CANARY}")
        ref = await self.post(surface, request)
        if state != "pending":
            ended = replace(request, state=State(state), outcome=outcome, revision=2)
            await surface.channel.revise(ref, samples.card(ended))
        assert CANARY not in surface.raw()

    async def test_a_message_somebody_removed_is_undeliverable_or_quietly_gone(self, surface: Any) -> None:
        """Not an error to be tried again for ever."""
        ref = await self.post(surface)
        surface.remove_message()
        with suppress(Undeliverable):
            await surface.channel.revise(ref, samples.card(ended_requests()["denied"]))
        assert surface.messages() <= 1

    @pytest.mark.parametrize("kind", HOSTILE)
    async def test_what_is_said_arrives_as_text(self, surface: Any, kind: str) -> None:
        """People write reasons too."""
        await surface.channel.say(
            _alert(f"Frozen: every agent.\nReason: {visible_lines(HOSTILE[kind])}"), surface.target
        )
        assert surface.messages() == 1
        assert not surface.offers_answers()
        assert "Frozen: every agent." in surface.text()
        for markup in surface.live_markup:
            assert markup not in surface.raw()

    async def test_what_is_said_to_a_place_that_cannot_be_reached_is_undeliverable(self, surface: Any) -> None:
        """As a card is."""
        if surface.nowhere is None:
            pytest.skip("every place of this channel can be reached")
        with pytest.raises(Undeliverable, match=r".+"):
            await surface.channel.say(_alert("Frozen: every agent."), surface.nowhere)

    async def test_a_place_that_cannot_be_reached_is_undeliverable(self, surface: Any) -> None:
        """So that the outbox stops trying and somebody else can be asked."""
        if surface.nowhere is None:
            pytest.skip("every place of this channel can be reached")
        with pytest.raises(Undeliverable, match=r".+"):
            await surface.channel.post(samples.card(), surface.nowhere)


def _alert(text: str) -> Alert:
    return Alert(id="alert-1", text=text, at=NOW)


def _ran(kind: str, result: bytes) -> Outcome:
    return Outcome(kind=kind, result=result, started_at=NOW, finished_at=NOW + timedelta(milliseconds=120))


def _through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


def _squeezed(text: str) -> str:
    return "".join(text.split())
