"""Deciding in Slack, over Socket Mode and over signed posts, with the real desk, outbox and slack-sdk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.channels import slack_reading, slack_views
from approvals.domain.card import Card, make_card
from approvals.domain.deny_reasons import USUAL
from approvals.domain.model import Answer, ApprovalRequest, Cause, Overrun, State
from approvals.domain.terms import Factor
from approvals.errors import Unfit
from approvals.rendering import LONG_ARGUMENTS
from approvals.testing import samples
from approvals.testing.slack import Message, View
from tests.fakes.desk import returned
from tests.fakes.edits import RULED, Says
from tests.fakes.slack_office import ADA, BOB, Office, labels, office

BOTH = pytest.mark.parametrize("way", ["socket", "http"])
LONG = {"orders": [{"symbol": f"SYM{number}", "quantity": number} for number in range(200)]}


@pytest.fixture
def way() -> str:
    return "socket"


@pytest.fixture
async def at(sqlite_url: str, way: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way=way) as opened:
        yield opened


@BOTH
async def test_approve_decides_and_the_card_follows_the_call_to_its_end(at: Office) -> None:
    asked, card = await at.asked()
    assert labels(card) == ["Approve", "Approve, same for 15 min", "Deny…", "Edit…", "View full call", "Open the page"]
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.acked
    saved = await at.at.now(asked)
    assert (saved.state, saved.votes[0].reviewer, saved.votes[0].via) == (State.APPROVED, ADA.id, "slack")
    await at.deliver()
    assert labels(card) == []
    assert "Approved by Ada at 14:02 UTC via Slack" in card.text
    await at.at.claim(saved)
    await at.at.desk.settle(asked.id, returned())
    await at.deliver()
    assert "ran, succeeded" in card.text
    assert len(at.slack.messages("#money")) == 1
    assert at.slack.ephemerals == []


@BOTH
async def test_deny_asks_for_a_reason_and_the_agent_gets_it(at: Office) -> None:
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "deny")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    answer = await at.slack.submit(modal, {"preset": USUAL[1], "words": "The market is closed."})
    assert answer.acked
    saved = await at.at.now(asked)
    assert (saved.state, saved.votes[0].reason) == (State.DENIED, "Not needed for this task. The market is closed.")
    assert at.slack.modal(at.people["ada"]) is None
    await at.deliver()
    assert "Denied by Ada" in card.text
    assert labels(card) == []


@BOTH
async def test_edit_shows_the_arguments_and_what_is_sent_approves_the_changed_call(at: Office) -> None:
    says = Says()
    at.at.desk.edits = says
    asked, card = await at.asked(terms=samples.terms(Factor(members=(samples.FINANCE,), count=2)))
    await at.slack.press(at.people["ada"], card, "edit")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    for typed, why in (
        ("{", "at line 1, column 2"),
        ('{"a": 1, "a": 2}', "a name stands twice"),
        ("[1]", "one JSON object"),
    ):
        answer = await at.slack.submit(modal, {"arguments": typed})
        assert why in str(answer.body)
    says.said = Unfit([("/quantity", "is no number"), ("", "is too large")])
    answer = await at.slack.submit(modal, {"arguments": '{"quantity": "x"}'})
    assert "/quantity: is no number; /: is too large" in str(answer.body)
    says.said = RULED
    answer = await at.slack.submit(modal, {"arguments": '{"quantity": 1, "symbol": "BTCUSDT"}'})
    assert answer.acked
    saved = await at.at.now(asked)
    assert (saved.state, saved.call.arguments) == (State.PENDING, b'{"quantity":1,"symbol":"BTCUSDT"}')
    assert [(v.reviewer, v.via, v.binding) for v in saved.votes] == [(ADA.id, "slack", saved.binding)]
    await at.deliver()
    assert "Changed by a reviewer" in str(card.blocks)
    assert "/quantity: 1.5 → 1" in str(card.blocks)
    await at.slack.press(at.people["bob"], card, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED


async def test_what_is_approved_can_be_pulled_back_on_its_card_by_who_may_take_it_back(at: Office) -> None:
    asked, card = await at.asked(terms=samples.terms(cancel_window=timedelta(seconds=30)))
    await at.slack.press(at.people["ada"], card, "approve")
    await at.deliver()
    assert labels(card) == ["Pull back"]
    assert "from 14:02:30 UTC on" in card.text
    await at.slack.press(at.people["eve"], card, "pull_back")
    await at.slack.wait_for(lambda: at.whispers("eve") or None)
    assert "only its reviewers, the agent's owner and operators may" in at.whispers("eve")[0]
    await at.slack.press(at.people["bob"], card, "pull_back")
    saved = await at.at.now(asked)
    assert (saved.state, saved.cause) == (State.CANCELLED, Cause.CANCELLED_BY_PERSON)
    await at.deliver()
    assert labels(card) == []
    assert "Cancelled by bob@example.com" in card.text or "Cancelled by Bob" in card.text


@pytest.mark.parametrize(
    ("arguments", "terms"),
    [
        pytest.param({"password": "hunter2"}, {}, id="what is hidden"),
        pytest.param({"to": "a\u202eb"}, {}, id="what cannot be seen"),
        pytest.param({"note": "x" * 3_100}, {}, id="what is too long for a field"),
        pytest.param({"quantity": 1}, {"edit": False}, id="where the rule forbids it"),
    ],
)
async def test_what_would_not_come_back_as_it_is_is_not_edited_in_slack(
    at: Office, arguments: dict[str, Any], terms: dict[str, Any]
) -> None:
    _, card = await at.asked(arguments, terms=samples.terms(**terms))
    assert "Edit…" not in labels(card)


@BOTH
async def test_the_second_decision_is_told_privately_who_was_first(at: Office) -> None:
    asked, card = await at.asked()
    await at.at.approve(asked, samples.ADA)  # on the web page
    await at.slack.press(at.people["bob"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("bob") or None)
    assert at.whispers("bob") == ["Already approved by Ada at 2026-11-24 14:02:00 UTC."]
    await at.slack.wait_for_change(card, lambda message: labels(message) == [])
    assert len((await at.at.now(asked)).votes) == 1


async def test_two_at_the_same_moment_one_wins_and_the_other_hears_of_it(at: Office) -> None:
    asked, card = await at.asked()
    async with asyncio.TaskGroup() as group:
        for who in ("ada", "bob"):
            group.create_task(at.slack.press(at.people[who], card, "approve"))
    saved = await at.at.now(asked)
    winner = saved.votes[0].reviewer.split("@")[0]
    loser = {"ada": "bob", "bob": "ada"}[winner]
    await at.slack.wait_for(lambda: at.whispers(loser) or None)
    assert f"Already approved by {winner.capitalize()}" in at.whispers(loser)[0]
    assert len(saved.votes) == 1
    assert at.whispers(winner) == []


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("zoe", "not linked to a person. Whoever runs Placet can link it: placet people add EMAIL --slack U04ZOE"),
        ("guest", "guests of the workspace may not decide"),
        ("robot", "a bot may not decide"),
        ("gone", "your Slack account is deactivated"),
        ("stranger", "your Slack account belongs to another workspace"),
        ("eve", "it is routed to finance"),
    ],
)
@pytest.mark.parametrize("button", ["approve", "deny", "view"])
async def test_who_may_not_decide_is_told_so_privately(at: Office, who: str, why: str, button: str) -> None:
    asked, card = await at.asked()
    answer = await at.slack.press(at.people[who], card, button)
    assert answer.acked
    await at.slack.wait_for(lambda: at.whispers(who) or None)
    assert why in at.whispers(who)[0]
    saved = await at.at.now(asked)
    assert (saved.state, saved.votes) == (State.PENDING, ())
    assert at.slack.modal(at.people[who]) is None
    acts = [entry.act for entry in await at.at.db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))]
    actor = "eve@example.com" if who == "eve" else f"slack:{at.people[who].id}"
    tried = [] if button == "view" else [(actor, "slack", button, "not_allowed")]
    assert [(act.actor, act.via, act.detail["decision"], act.detail["code"]) for act in acts] == tried


async def test_four_eyes_hold_in_slack_too(at: Office) -> None:
    asked, card = await at.asked(terms=samples.terms(four_eyes=True), owner="ada@example.com")
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "four-eyes" in at.whispers("ada")[0]
    assert (await at.at.now(asked)).state is State.PENDING


async def test_somebody_removed_from_the_directory_can_decide_no_more(at: Office) -> None:
    asked, card = await at.asked()
    at.at.people(replace(ADA, disabled=True), BOB)
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "your account is disabled" in at.whispers("ada")[0]
    assert (await at.at.now(asked)).state is State.PENDING


async def test_too_late_is_told_and_the_card_repainted(at: Office) -> None:
    asked, card = await at.asked()
    at.at.clock.move(minutes=16)
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert at.whispers("ada") == ["Too late: this request ended at 2026-11-24 14:18:00 UTC without a decision."]
    await at.slack.wait_for_change(card, lambda message: labels(message) == [])
    assert (await at.at.now(asked)).state is State.EXPIRED


async def test_a_stale_binding_decides_nothing(at: Office) -> None:
    asked, card = await at.asked()
    for button in card.blocks[-1]["elements"]:
        button.update({"value": f"{asked.id} {'0' * 64}"} if "value" in button else {})
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert at.whispers("ada") == ["This call changed since you opened it. Read it again, then decide."]
    await at.slack.wait_for_change(card)
    assert asked.binding in card.blocks[-1]["elements"][0]["value"]
    assert (await at.at.now(asked)).votes == ()


async def test_a_copy_of_the_card_decides_nothing_and_loses_its_buttons(at: Office) -> None:
    asked, card = await at.asked()
    copy = Message(channel=card.channel, ts="1.000001", user=card.user, text=card.text, blocks=card.blocks)
    stray = at.slack.workspace.add_message(copy)
    await at.slack.press(at.people["ada"], stray, "approve")
    await at.slack.wait_for_change(stray)
    assert "not the card that Placet keeps up to date" in at.whispers("ada")[0]
    assert stray.blocks == []
    assert f"/requests/{asked.id}" in stray.text
    assert (await at.at.now(asked)).state is State.PENDING


async def test_a_vote_below_the_quorum_shows_on_the_card_and_counts_once(at: Office) -> None:
    asked, card = await at.asked(terms=samples.terms(Factor(members=("group:finance",), count=2)))
    await at.slack.press(at.people["ada"], card, "approve")
    await at.deliver()
    assert "approved by Ada" in str(card.blocks)
    assert "Approve" in labels(card)
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert at.whispers("ada") == ["You may not decide this: you have already voted."]
    await at.slack.press(at.people["bob"], card, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED


@BOTH
async def test_a_cut_card_is_approved_on_the_last_page_of_the_full_call(at: Office) -> None:
    asked, card = await at.asked(LONG, risk="financial")
    assert labels(card)[0] == "Approve…"
    await at.slack.press(at.people["ada"], card, "approve")
    assert (await at.at.now(asked)).state is State.PENDING
    view = await at.slack.wait_for_modal(at.people["ada"])
    while "next" in actions(view):
        before = view.hash
        await at.slack.press(at.people["ada"], view, "next")
        await at.slack.wait_for(lambda v=view, b=before: v if v.hash != b else None)  # type: ignore[misc]  # a lambda with defaults
    await at.slack.press(at.people["ada"], view, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED
    said = await at.slack.wait_for_modal(at.people["ada"], lambda v: v.body["callback_id"] == slack_views.NOTICE)
    assert "Approved by Ada" in str(said.body)


async def test_pages_turn_back_too_and_deny_is_on_every_page(at: Office) -> None:
    asked, card = await at.asked(LONG)
    view = await open_full_call(at, card)
    first = view.body["blocks"]
    await turn(at, view, "next")
    await turn(at, view, "previous")
    assert view.body["blocks"] == first
    await at.slack.press(at.people["ada"], view, "deny")
    modal = await at.slack.wait_for_modal(at.people["ada"], lambda v: v.body["callback_id"] == slack_views.DENY)
    await at.slack.submit(modal, {"words": "no"})
    assert (await at.at.now(asked)).state is State.DENIED
    assert at.slack.views == []


async def test_an_open_full_call_that_was_decided_elsewhere_says_so(at: Office) -> None:
    asked, card = await at.asked()
    view = await open_full_call(at, card)
    await at.at.deny(asked, samples.BOB)
    await at.slack.press(at.people["ada"], view, "approve")
    said = await at.slack.wait_for_modal(at.people["ada"], lambda v: v.body["callback_id"] == slack_views.NOTICE)
    assert "Already denied by Bob" in str(said.body)
    assert (await at.at.now(asked)).votes[-1].answer is Answer.DENY


async def test_a_denial_that_came_too_late_takes_the_place_of_the_form(at: Office) -> None:
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "deny")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    await at.at.approve(asked, samples.BOB)
    await at.slack.submit(modal, {"words": "no"})
    said = await at.slack.wait_for_modal(at.people["ada"], lambda v: v.body["callback_id"] == slack_views.NOTICE)
    assert "Already approved by Bob" in str(said.body)


async def test_a_reason_the_desk_refuses_is_said_beside_the_field(at: Office) -> None:
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "deny")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    await at.slack.submit(modal, {"preset": USUAL[1], "words": "no\u0007"})
    assert "is not allowed" in modal.errors["words"]
    assert (await at.at.now(asked)).state is State.PENDING


async def test_a_call_too_long_for_slack_is_sent_to_the_page(at: Office) -> None:
    asked, card = await at.asked({"blob": "x" * 60_000})
    assert labels(card) == ["Read and decide on the page", "Deny…", "View full call"]
    answer = await at.slack.press(at.people["ada"], card, "open")
    assert answer.acked
    assert (await at.at.now(asked)).state is State.PENDING
    await at.slack.press(at.people["ada"], card, "view")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert "approve" not in actions(modal)


async def test_the_same_envelope_twice_is_one_press(at: Office) -> None:
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "approve")
    again = await at.slack.repeat(at.slack.deliveries[-1])
    assert again.acked
    assert at.whispers("ada") == []
    assert len((await at.at.now(asked)).votes) == 1


async def test_identities_are_asked_once_in_ten_minutes(at: Office) -> None:
    for number in range(3):
        _, card = await at.asked({"number": number})
        await at.slack.press(at.people["ada"], card, "approve")
    assert len(at.slack.calls_of("users.info")) == 1


async def test_who_cannot_be_looked_up_does_not_decide(at: Office) -> None:
    asked, card = await at.asked()
    at.slack.fail("users.info", error="missing_scope", extra={"needed": "users:read"})
    await at.slack.press(at.people["ada"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "could not be looked up" in at.whispers("ada")[0]
    assert (await at.at.now(asked)).state is State.PENDING
    await at.slack.press(at.people["ada"], card, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED


@BOTH
async def test_a_slow_look_up_is_acknowledged_first_and_still_decides(at: Office) -> None:
    asked, card = await at.asked()
    at.channel._answer_seconds = 0.05
    gate = at.slack.hold("users.info")
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.acked
    assert (await at.at.now(asked)).state is State.PENDING
    async with at.at.desk.bus.watch(asked.id) as watch:
        gate.release()
        async with asyncio.timeout(5):
            while (await at.at.now(asked)).state is State.PENDING:
                await watch.changed(0.05)


async def test_a_whisper_finds_another_way_when_the_response_url_fails(at: Office) -> None:
    _, card = await at.asked()
    delivered = at.slack.workspace.new_response_url
    at.slack.workspace.new_response_url = lambda entry: delivered(entry) + "-wrong"  # type: ignore[method-assign]
    await at.slack.press(at.people["eve"], card, "approve")
    await at.slack.wait_for(lambda: at.whispers("eve") or None)
    assert len(at.slack.calls_of("chat.postEphemeral")) == 1


async def test_long_arguments_are_made_into_a_card_beside_the_loop_and_not_at_all_for_a_list(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    def make(request: ApprovalRequest, **rest: Any) -> Card:
        made.append(threading.current_thread() is threading.main_thread())
        return make_card(request, **rest)

    monkeypatch.setattr(slack_reading, "make_card", make)
    asked = await at.at.file({"to": "a" * (LONG_ARGUMENTS + 1)})
    ada = at.people["ada"]
    await at.slack.command(ada, "#money", "/approvals")
    assert at.whispers("ada") == ["1 waiting for you, oldest first."]
    await at.slack.open_home(ada)
    await at.slack.wait_for(lambda: at.slack.home(ada))
    assert made == []
    await at.slack.command(ada, "#money", "/approvals", asked.id)
    await at.slack.wait_for_modal(ada)
    assert made
    assert not any(made)


def home_says(at: Office, words: str) -> bool | None:
    home = at.slack.home(at.people["ada"])
    return (home is not None and words in str(home.body)) or None


async def test_home_lists_what_waits_for_this_person_and_opens_it(at: Office) -> None:
    asked, _ = await at.asked()
    await at.slack.open_home(at.people["ada"])
    home = await at.slack.wait_for(lambda: at.slack.home(at.people["ada"]))
    assert "1 waiting for you" in str(home.body)
    await at.slack.press(at.people["ada"], home, "view")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    await at.slack.press(at.people["ada"], modal, "approve")
    assert (await at.at.now(asked)).state is State.APPROVED
    await at.slack.wait_for(lambda: home_says(at, "Nothing waits for you"))
    for who, said in {"eve": "Nothing waits for you", "zoe": "not linked to a person"}.items():
        await at.slack.open_home(at.people[who])
        other = await at.slack.wait_for(lambda w=who: at.slack.home(at.people[w]))  # type: ignore[misc]  # a lambda with defaults
        assert said in str(other.body)


async def test_home_follows_what_happens_elsewhere_and_is_published_only_where_it_differs(at: Office) -> None:
    async def count() -> str:
        await at.slack.open_home(at.people["ada"])
        home = await at.slack.wait_for(lambda: at.slack.home(at.people["ada"]))
        return str(home.body)

    def says(words: str) -> bool | None:
        home = at.slack.home(at.people["ada"])
        return (home is not None and words in str(home.body)) or None

    assert "Nothing waits for you" in await count()
    first = await at.at.file({"n": 1})
    await at.slack.wait_for(lambda: home_says(at, "1 waiting for you"))
    await at.at.file({"n": 2})
    await at.slack.wait_for(lambda: home_says(at, "2 waiting for you"))
    published = len(at.slack.calls_of("views.publish"))
    await at.at.desk.comment(first.id, by=ADA.id, via="web", text="a comment changes no Home")
    await at.at.deny(first)
    await at.slack.wait_for(lambda: home_says(at, "1 waiting for you"))
    assert len(at.slack.calls_of("views.publish")) == published + 1


@BOTH
async def test_the_command_lists_opens_and_explains(at: Office) -> None:
    asked, _ = await at.asked()
    ada = at.people["ada"]
    await at.slack.command(ada, "#money", "/approvals")
    assert at.whispers("ada") == ["1 waiting for you, oldest first."]
    await at.slack.command(ada, "#money", "/approvals", asked.id)
    modal = await at.slack.wait_for_modal(ada)
    assert asked.id in str(modal.body)
    for text, said in {
        "mute 2h": "Type “list”",
        "req_unknown": "There is no request like that",
    }.items():
        await at.slack.command(ada, "#money", "/approvals", text)
        assert said in at.whispers("ada")[-1]
    await at.slack.command(at.people["zoe"], "#money", "/approvals", "list")
    assert "not linked" in at.whispers("zoe")[-1]
    assert at.slack.notices == []


@BOTH
async def test_the_command_notes_an_absence_and_its_delegate(at: Office) -> None:
    ada, bob = at.people["ada"], at.people["bob"]
    for text, said in {
        "away": "Type “away 2d”",
        "away soon": "is no time",
        "away 2d @nobody": "There is no person",
        "away 2d @ada@example.com": "their own delegate",
        f"away 2d <@{bob.id}|bob>": "meanwhile Bob decides for you",
        "back": "Welcome back",
    }.items():
        await at.slack.command(ada, "#money", "/approvals", text)
        assert said in at.whispers("ada")[-1]
    acts = [entry.act for entry in await at.at.db.read(lambda tx: tx.audit.entries())]
    noted = [(act.action, act.actor, act.via) for act in acts if act.action in {"person.away", "person.back"}]
    assert noted == [("person.away", samples.ADA.id, "slack"), ("person.back", samples.ADA.id, "slack")]


def actions(view: View) -> list[str]:
    rows = [block["elements"] for block in view.body["blocks"] if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


async def open_full_call(at: Office, card: Message) -> View:
    await at.slack.press(at.people["ada"], card, "view")
    return await at.slack.wait_for_modal(at.people["ada"])


async def turn(at: Office, view: View, button: str) -> None:
    before = view.hash
    await at.slack.press(at.people["ada"], view, button)
    await at.slack.wait_for(lambda: view if view.hash != before else None)


OVER = Overrun(counter="paid/day", scope='[["agent", "a"]]', name="paid", most="100", to="220", words="per day")


@BOTH
async def test_approving_can_raise_what_the_call_goes_over_for_an_hour(at: Office) -> None:
    asked, card = await at.asked(over=(OVER,))
    assert labels(card) == ["Approve", "Approve, raise for 1 hour", "Deny…", "Edit…", "View full call", "Open the page"]
    answer = await at.slack.press(at.people["ada"], card, "raise")
    assert answer.acked
    saved = await at.at.now(asked)
    assert (saved.state, saved.votes[0].raise_for) == (State.APPROVED, timedelta(hours=1))
    [made] = await at.at.db.read(lambda tx: tx.raises.of_request(asked.id))
    assert (made.over, made.until) == (OVER, at.at.clock.now + timedelta(hours=1))
    await at.deliver()
    assert "Approved by Ada at 14:02 UTC via Slack, raising paid until 15:02 UTC" in card.text


async def test_who_may_not_decide_raises_nothing(at: Office) -> None:
    asked, card = await at.asked(over=(OVER,), terms=samples.terms(Factor(members=(samples.SECURITY,))))
    await at.slack.press(at.people["ada"], card, "raise")
    assert (await at.at.now(asked)).state is State.PENDING
    assert await at.at.db.read(lambda tx: tx.raises.of_request(asked.id)) == []


async def test_approving_can_let_the_same_call_run_again_for_a_quarter_of_an_hour(at: Office) -> None:
    asked, card = await at.asked()
    answer = await at.slack.press(at.people["ada"], card, "trust")
    assert answer.acked
    [made] = await at.at.db.read(lambda tx: tx.grants.of_request(asked.id))
    assert (made.proposal.places, made.uses_left, made.until) == ((), 5, at.at.clock.now + timedelta(minutes=15))
    await at.deliver()
    assert "via Slack, granting up to 5 more calls of its shape until 14:17 UTC" in card.text
    _, card = await at.asked({"n": 1}, risk="financial")
    assert "Approve, same for 15 min" not in labels(card)


async def test_the_same_call_runs_again_only_in_its_session_where_there_is_one(at: Office) -> None:
    asked, card = await at.asked(session="a" * 32)
    button = next(one for one in card.blocks[-1]["elements"] if one["action_id"] == "trust")
    assert "in the session it works in now without asking" in button["confirm"]["text"]["text"]
    await at.slack.press(at.people["ada"], card, "trust")
    [made] = await at.at.db.read(lambda tx: tx.grants.of_request(asked.id))
    assert (made.session, made.given_by) == ("a" * 32, (samples.ADA.id,))
    await at.deliver()
    assert "granting up to 5 more calls of its shape and session until" in card.text
