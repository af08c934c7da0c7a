"""Comments and questions through the desk, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals import talking
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note, open_question
from approvals.domain.model import Person, Question, Role, State
from approvals.errors import Invalid, NotAllowed, NotFound, Refusal
from approvals.room import Telling
from approvals.storage.requests import Query
from approvals.storage.tx import Tx
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, EVE
from tests.fakes.desk import House, house

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
VERA = samples.person("vera", roles=(Role.VIEWER,))


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    people = {**samples.PEOPLE, OTTO.id: OTTO, VERA.id: VERA}
    async with house(database_url, people=people) as made:
        yield made


async def test_a_question_is_told_answered_and_kept_with_the_request(at: House) -> None:
    asked = await at.file()
    at.clock.move(seconds=5)
    now = await at.desk.ask(asked.id, by=ADA.id, via="web", text="  Which ticket? ")
    first = Question(by=ADA.id, via="web", at=at.clock.now, text="Which ticket?")
    assert now.questions == (first,)
    assert (now.revision, now.binding, now.expires_at) == (2, asked.binding, asked.expires_at)
    await at.desk.ask(asked.id, by=OTTO.id, via="slack", text="For whom?")
    assert await at.desk.asks("claude-ada")
    assert not await at.desk.asks("another")
    await at.desk.asked(asked.id)
    assert [one.told_at is not None for one in (await at.now(asked)).questions] == [True, False]
    at.clock.move(seconds=5)
    now = await at.desk.answer(asked.id, agent="claude-ada", text=" Ticket 5521 ")
    assert [one.answer for one in now.questions] == ["Ticket 5521", None]
    assert await at.desk.answer(asked.id, agent="claude-ada", text="Ticket 5521") == now, "told twice"
    now = await at.desk.answer(asked.id, agent="claude-ada", text="For Ada")
    assert (open_question(now), await at.desk.asks("claude-ada")) == (None, False)
    assert await at.now(asked) == now
    assert (await at.desk.search(Query()))[0].questions == now.questions
    ledger = [
        (row.event, row.actor, row.detail.get("question"), row.detail.get("answer")) for row in await at.ledger(asked)
    ]
    assert ledger[1:] == [
        (Event.ASKED, ADA.id, "Which ticket?", None),
        (Event.ASKED, OTTO.id, "For whom?", None),
        (Event.ANSWERED, "agent:claude-ada", None, "Ticket 5521"),
        (Event.ANSWERED, "agent:claude-ada", None, "For Ada"),
    ]
    assert (await at.approve(now)).state is State.APPROVED


@pytest.mark.parametrize(
    ("by", "text", "kind", "why"),
    [
        pytest.param(EVE, "Why?", NotFound, "no request", id="somebody it is not for"),
        pytest.param(VERA, "Why?", NotAllowed, "reviewer role", id="a viewer"),
        pytest.param(ADA, "  ", Invalid, "say something", id="nothing"),
        pytest.param(ADA, "x" * 501, Invalid, "at most 500", id="too long"),
        pytest.param(ADA, "a\x00b", Invalid, r"U\+0000", id="a control character"),
    ],
)
async def test_a_question_that_is_refused_changes_nothing(
    at: House, by: Person, text: str, kind: type[Refusal], why: str
) -> None:
    asked = await at.file()
    with pytest.raises(kind, match=why):
        await at.desk.ask(asked.id, by=by.id, via="web", text=text)
    assert await at.now(asked) == asked


async def test_there_are_three_open_questions_at_most_and_ten_in_all(at: House) -> None:
    asked = await at.file()
    for number in range(talking.QUESTIONS_MAX):
        await at.desk.ask(asked.id, by=ADA.id, via="web", text="Why?")
        if number < talking.OPEN_MAX - 1:
            continue
        with pytest.raises(Invalid, match=r"wait for the agent|as many as"):
            await at.desk.ask(asked.id, by=ADA.id, via="web", text="Why?")
        await at.desk.answer(asked.id, agent="claude-ada", text=f"because {number}")
    with pytest.raises(Invalid, match="10 questions"):
        await at.desk.ask(asked.id, by=ADA.id, via="web", text="Why?")


async def test_only_the_agent_of_the_call_answers_and_only_what_is_asked(at: House) -> None:
    asked = await at.file()
    with pytest.raises(Invalid, match="nobody has asked"):
        await at.desk.answer(asked.id, agent="claude-ada", text="Hello")
    await at.desk.ask(asked.id, by=ADA.id, via="web", text="Why?")
    with pytest.raises(NotFound):
        await at.desk.answer(asked.id, agent="another", text="Because")
    with pytest.raises(Invalid, match="1 to 2000"):
        await at.desk.answer(asked.id, agent="claude-ada", text="x" * 2001)
    denied = await at.deny(asked)
    assert await at.desk.answer(asked.id, agent="claude-ada", text="Too late") == denied


async def test_a_comment_is_kept_in_any_state_and_wakes_who_had_hidden_it(at: House) -> None:
    denied = await at.deny(await at.file())
    await at.desk.comment(denied.id, by=BOB.id, via="slack", text=" I agree ")
    row = (await at.ledger(denied))[-1]
    assert (row.event, row.actor, dict(row.detail)) == (Note.COMMENTED, BOB.id, {"note": "I agree", "via": "slack"})
    assert await at.now(denied) == denied
    with pytest.raises(NotAllowed, match="you can read it"):
        await at.desk.comment(denied.id, by=VERA.id, via="web", text="Me too")


async def test_a_comment_is_owed_under_the_cards_of_slack_and_an_outcome_to_the_owner(at: House) -> None:
    at.desk.reconfigure(
        caps=at.desk._caps,
        routes=lambda *_: [("slack", "#money"), ("hook", "one")],
        telling=Telling(people=lambda _, one: [("slack", f"@{one}")], page=lambda id: f"https://here/{id}"),
    )
    asked = await at.file(owner="owner@example.com")

    def posted(tx: Tx) -> None:
        for row in tx.messages.for_request(asked.id):
            tx.messages.done(row.id, {"channel": "C1", "ts": "17.5"}, 1)

    await at.db.write(posted)
    await at.desk.comment(asked.id, by=BOB.id, via="web", text="password: hunter2-and-more, <b>look</b>")
    await at.deny(asked, reason="Not today")

    def due(tx: Tx) -> list[tuple[str, str, str]]:
        return [(r.channel, r.target, r.text) for r in tx.alerts.take_due("one", timedelta(seconds=9), 9)]

    comment, outcome = await at.db.write(due)
    assert comment[:2] == ("slack", "C1/17.5")
    assert comment[2].startswith("Bob wrote: password: ")
    assert "hunter2" not in comment[2]
    assert outcome == (
        "slack",
        "@owner@example.com",
        "new_order on binance, which claude-ada asked for, was denied by a reviewer and did not run.\n"
        f"https://here/{asked.id}",
    )
