"""Cards going out: through the real outbox, to the strict look-alike, whatever goes wrong on the way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from approvals.channels import RetryLater, Undeliverable
from approvals.channels.slack import SlackChannel, SlackConfig
from approvals.channels.slack_client import SlackDown, SlackRefused
from approvals.domain.model import Cause, State
from approvals.storage.messages import MessageRow
from approvals.testing import samples
from gateway.once import Once
from tests.fakes.slack_office import ADA, BOB, Office, labels, office, on_route


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="http") as opened:
        yield opened


async def row(at: Office, request_id: str) -> MessageRow:
    rows = await at.at.db.read(lambda tx: tx.messages.for_request(request_id))
    return rows[0]


async def test_the_place_of_a_card_is_the_one_slack_answered_with(at: Office) -> None:
    asked, card = await at.asked()
    assert (await row(at, asked.id)).ref == {"channel": card.channel, "ts": card.ts}
    sent = at.slack.calls_of("chat.postMessage")[0].args
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)
    assert not {"link_names", "parse"} & set(sent)


@pytest.mark.parametrize("target", ["@ada", "@Ada", "@ada@example.com", "U01ADA"])
async def test_a_person_gets_a_direct_message(at: Office, target: str) -> None:
    on_route(at.at.desk, target)
    asked = await at.at.file()
    await at.deliver()
    card = at.slack.messages("U01ADA")[-1]
    await at.slack.press(at.people["ada"], card, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED
    await at.deliver()
    assert labels(card) == []


async def test_who_is_not_to_be_disturbed_gets_what_can_wait_later_and_what_is_urgent_now(at: Office) -> None:
    now = int(time.time())
    at.people["ada"].dnd = (now - 60, now + 3600)
    on_route(at.at.desk, "@ada")
    waits = await at.at.file({"n": 1}, severity="low")
    await at.deliver()
    assert at.slack.messages("U01ADA") == []
    held = await row(at, waits.id)
    assert (held.state, held.next_at) == ("queued", datetime.fromtimestamp(now + 3600, UTC))
    await at.at.file({"n": 2}, severity="critical")
    await at.deliver()
    assert len(at.slack.messages("U01ADA")) == 1


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("@nobody", "nobody is called @nobody among those linked to Slack"),
        ("@twin", "2 people are called @twin"),
        ("#nowhere", "There is no #nowhere, or it is private"),
        ("#old", "#old is archived: unarchive it"),
        ("#closed", "The app is not in #closed: type /invite @Placet there"),
        ("U0NOBODY", "There is no U0NOBODY"),
    ],
)
async def test_a_place_that_cannot_be_reached_is_final_and_says_what_to_do(at: Office, target: str, why: str) -> None:
    twins = (replace(BOB, name="Twin"), replace(ADA, name="Twin"))
    at.at.people(*twins)
    at.slack.add_channel("old", is_archived=True)
    at.slack.add_channel("closed", bot_is_member=False)
    with pytest.raises(Undeliverable) as caught:
        await at.channel.post(samples.card(), target)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("invalid_auth", "Slack does not know the bot token"),
        ("account_inactive", "The app was removed from the workspace"),
        ("missing_scope", "The app lacks chat:write: add it"),
        ("some_new_error", "Slack says some_new_error for #money"),
    ],
)
async def test_a_refused_post_ends_a_request_that_reaches_nobody_else(at: Office, error: str, why: str) -> None:
    at.slack.fail("chat.postMessage", error=error, extra={"needed": "chat:write"})
    asked = await at.at.file(terms=samples.terms(channels=("slack",)))
    await at.deliver()
    saved = await at.at.now(asked)
    assert (saved.state, saved.cause) == (State.EXPIRED, Cause.UNDELIVERED)
    assert why in ((await row(at, asked.id)).error or "")


async def test_a_pause_slack_asks_for_is_kept_and_no_card_is_doubled(at: Office) -> None:
    at.slack.fail("chat.postMessage", retry_after=7)
    with pytest.raises(RetryLater) as caught:
        await at.channel.post(samples.card(), "")
    assert caught.value.seconds == 7
    assert at.slack.messages("#money") == []
    assert len(at.slack.calls_of("chat.postMessage")) == 1


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"status": 503}, {"error": "internal_error"}, {"cut": "before"}, {"cut": "after"}]
)
async def test_trouble_is_left_to_the_outbox_and_never_tried_twice_here(at: Office, how: dict[str, object]) -> None:
    at.slack.fail("chat.postMessage", **how)
    with pytest.raises(SlackDown) as caught:
        await at.channel.post(samples.card(), "")
    assert "\n" not in str(caught.value)
    assert "xoxb" not in str(caught.value)
    assert len(at.slack.calls_of("chat.postMessage")) == 1


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long"])
async def test_a_card_slack_finds_too_much_becomes_a_line_with_the_link(at: Office, error: str) -> None:
    at.slack.fail("chat.postMessage", error=error)
    asked, card = await at.asked()
    assert card.blocks == []
    assert "|Open the call in Placet>" in card.text
    assert f"/requests/{asked.id}" in card.text
    assert (await row(at, asked.id)).state == "delivered"


async def test_a_refused_update_still_takes_the_buttons_away(at: Office) -> None:
    asked, card = await at.asked()
    await at.at.approve(asked)
    at.slack.fail("chat.update", error="msg_blocks_too_long")
    await at.deliver()
    assert card.blocks == []
    assert "Approved by Ada" in card.text


async def test_even_a_line_of_text_can_be_refused(at: Office) -> None:
    at.slack.fail("chat.postMessage", error="invalid_blocks", times=2)
    with pytest.raises(Undeliverable, match="even a line of text"):
        await at.channel.post(samples.card(), "")


async def test_a_card_somebody_deleted_is_posted_again_while_people_must_decide(at: Office) -> None:
    asked, card = await at.asked()
    at.slack.workspace.remove_message(card)
    await at.at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(minutes=15))
    await at.deliver()
    assert labels(at.card())[0] == "Approve"
    await at.slack.press(at.people["ada"], at.card(), "approve")
    assert (await at.at.now(asked)).state is State.APPROVED


async def test_nothing_is_sent_to_an_answer_address_that_is_not_slacks(at: Office) -> None:
    client = at.channel._client
    for address in ("https://evil.example/actions/1", "http://169.254.169.254/latest", "file:///etc/passwd"):
        with pytest.raises(SlackRefused, match="not an address of Slack's"):
            await client.answer(address, {"text": "x"})
    real = SlackChannel(
        SlackConfig(bot_token="xoxb-1", channel="#m"), desk=at.at.desk, page=str, first=Once(at.at.db).first
    )._client
    for address in ("http://hooks.slack.com/a", "https://hooks.slack.com.evil.example/a", f"{at.slack.url}/actions/1"):
        with pytest.raises(SlackRefused, match="not an address of Slack's"):
            await real.answer(address, {"text": "x"})
