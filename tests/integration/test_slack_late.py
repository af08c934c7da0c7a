"""Windows of Slack whose work takes longer than Slack waits are closed by then, and nothing is lost in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.folding import Linked
from approvals.domain.model import State
from approvals.errors import Unavailable
from tests.fakes.slack_office import Office, office

PAGE = "https://placet.example.com/?fold={}"


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="socket") as opened:
        opened.at.desk.folding = Linked(start=3, page=PAGE.format)
        yield opened


async def told(at: Office) -> str:
    """The direct message that Ada gets."""
    message = await at.slack.wait_for(lambda: next(iter(at.slack.messages("U01ADA")), None))
    return f"{message.text}\n{message.blocks}"


@pytest.mark.parametrize(
    ("opens", "typed", "why", "back"),
    [
        ("deny", {"words": "no\u0007 " + "x" * 400}, "Your denial did not count", "x" * 400),
        ("edit", {"arguments": '{"symbol": "BTC'}, "Your approval did not count", '{"symbol": "BTC'),
        (
            "edit",
            {"arguments": '{"symbol": 1, "quantity": 1, "\u0007": 1}'},
            "Your approval did not count",
            '"symbol": 1',
        ),
        ("reassign", {"to": "nobody", "words": "On leave"}, "What you sent did not count", "On leave"),
        ("comment", {"words": "bad \u0007 note"}, "What you sent did not count", "note"),
    ],
    ids=["a denial", "no JSON", "a bad edit", "handing on", "a comment"],
)
async def test_whoever_sent_what_was_refused_after_the_window_closed_is_told_with_their_words(
    at: Office, opens: str, typed: dict[str, Any], why: str, back: str
) -> None:
    asked, card = await at.asked()
    if opens in ("reassign", "comment"):
        await at.slack.press(at.people["ada"], card, "more", choice=f"{opens} {asked.id} {asked.binding}")
    else:
        await at.slack.press(at.people["ada"], card, opens)
    modal = await at.slack.wait_for_modal(at.people["ada"])
    at.channel._answer_seconds = 0
    await at.slack.submit(modal, typed)
    assert at.slack.modal(at.people["ada"]) is None
    said = await told(at)
    assert why in said
    assert back in said
    assert (await at.at.now(asked)).state is State.PENDING


@pytest.mark.parametrize("failure", [Unavailable(), ZeroDivisionError()], ids=["the database is busy", "a bug"])
@pytest.mark.parametrize("opens", ["deny", "review"])
async def test_whoever_sent_a_window_that_broke_after_it_closed_is_told(
    at: Office, monkeypatch: pytest.MonkeyPatch, opens: str, failure: Exception
) -> None:
    calls = [await at.at.file({"n": n}) for n in range(3 if opens == "review" else 1)]
    await at.deliver()
    at.at.clock.move(seconds=2)
    await at.deliver()
    await at.slack.press(at.people["ada"], at.slack.messages("#money")[0], opens)
    modal = await at.slack.wait_for_modal(at.people["ada"])

    async def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(at.at.desk, "decide", fails)
    at.channel._answer_seconds = 0
    await at.slack.submit(modal, {"rest": "approve"} if opens == "review" else {"words": "no"})
    said = await told(at)
    assert "count" in said or "Not recorded" in said
    assert [(await at.at.now(one)).state for one in calls] == [State.PENDING] * len(calls)
