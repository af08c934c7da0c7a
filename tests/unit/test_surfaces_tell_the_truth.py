"""Every end and turn of a request on every surface: the right word, who and when, and no button that cannot work.

A row is what a request went through; each test is about one surface, or about all of them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from approvals.channels import email, webhook
from approvals.channels.slack_blocks import draw
from approvals.channels.slack_views import full_call, kept
from approvals.domain import outcomes
from approvals.domain.card import Card
from approvals.domain.destroyed import Destroyed, DestroyedBy
from approvals.domain.grants import Covered
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import Answer, ApprovalRequest, Cause, Ground, Outcome, Person, State
from approvals.domain.stops import Freeze, Pause, Stop, Stops, told
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.channel_contract import ended_requests
from approvals.testing.samples import ADA, BOB, FINANCE, NOW
from approvals.web.shape import View, write
from approvals.web.spoken import spoken
from gateway.cli.requests_lines import line, page
from gateway.protocol import answers, questions

ENDED = ended_requests()
ASKED = samples.request(owner="eve@example.com", given=samples.terms(Factor(members=(FINANCE,), count=2), edit=True))
LATER = NOW + timedelta(minutes=3)
APPROVING = frozenset({"approve", "raise", "trust", "edit"})
DECIDING = frozenset({"approve", "raise", "trust", "deny", "edit", "more"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A request with its ledger, and what every surface has to say of it. `pull`: it can be pulled back. `stop`: what
    keeps it from being approved."""

    request: ApprovalRequest
    says: str
    history: tuple[Record, ...] = ()
    waits: bool = False
    pull: bool = False
    minutes: int = 3
    stop: Stop | None = None

    @property
    def card(self) -> Card:
        """Its card at the moment of the row."""
        return samples.card(
            self.request, history=self.history, now=self.now, stopped=told(self.stop) if self.stop else None
        )

    @property
    def now(self) -> datetime:
        """The moment of the row."""
        return NOW + timedelta(minutes=self.minutes)


def did(event: Event | Note, by: str, after: State = State.PENDING, **detail: Any) -> tuple[Record, ...]:
    """One row of a ledger, at 14:05."""
    made = Record(request="req_sample", seq=2, event=event, before=State.PENDING, after=after, actor=by, at=LATER)
    return (replace(made, detail=detail),)


def cancelled(cause: Cause, by: str, says: str) -> Row:
    """A call that was taken back at 14:05."""
    gone = replace(ENDED["cancelled"], cause=cause)
    return Row(request=gone, says=says, history=did(Event.CANCELLED, by, State.CANCELLED, cause=cause.value))


def unasked(ground: Ground, **changes: Any) -> ApprovalRequest:
    """A call that ran with nobody's vote."""
    return replace(ENDED["succeeded"], votes=(), ground=ground, **changes)


UNKNOWN, EXPIRED, BY_ADA = ENDED["unknown"], ENDED["expired"], "Approved by Ada at 14:02 UTC via Slack"
OPENED = did(Event.BYPASSED, BOB.id, State.APPROVED, note="prod is down")
COVERED = Covered(grant="grt_1", given_by=(ADA.id,), request="req_first")
EDITED = replace(ASKED, edited_from=b'{"quantity":9,"symbol":"BTCUSDT"}', revision=2)
GONE = Destroyed(at=LATER, by=DestroyedBy.RETENTION)
WINDOW = replace(ENDED["approved"], terms=samples.terms(cancel_window=timedelta(minutes=5)), waiting=True)
DESTROYED = replace(ENDED["succeeded"], destroyed=GONE, outcome=Outcome(kind="succeeded"))

ROWS: Mapping[str, Row] = {
    "pending": Row(request=ASKED, says="Waiting until 14:17 UTC for 2 of finance", waits=True),
    "one of two approved": Row(
        request=replace(ASKED, votes=(samples.vote(ASKED, ADA),)), says="for 1 of finance; approved by Ada", waits=True
    ),
    "waits in a freeze": Row(
        request=ASKED,
        says="Waiting until 14:17 UTC for 2 of finance",
        waits=True,
        stop=Freeze(scope="all", reason="odd payments", by=BOB.id, at=NOW, until=NOW + timedelta(hours=1)),
    ),
    "waits while its agent is paused": Row(
        request=ASKED,
        says="Waiting until 14:17 UTC for 2 of finance",
        waits=True,
        stop=Pause(agent="claude-ada", at=NOW),
    ),
    "time is up": Row(request=ASKED, says="Time was up at 14:17 UTC, without 2 of finance", minutes=15),
    "edited": Row(request=EDITED, says="edited by Ada at 14:05 UTC", history=did(Event.EDITED, ADA.id), waits=True),
    "edited and run": Row(
        request=replace(ENDED["succeeded"], edited_from=EDITED.edited_from),
        says=f"{BY_ADA}; edited by Bob at 14:05 UTC; ran, succeeded",
        history=did(Event.EDITED, BOB.id),
    ),
    "escalated": Row(
        request=ASKED,
        says="escalated to security at 14:05 UTC because nobody answered",
        history=did(Event.ESCALATED, "placet", to=["group:security"], note="nobody answered"),
        waits=True,
    ),
    "reassigned": Row(
        request=ASKED, says="handed on by Bob at 14:05 UTC", history=did(Event.REASSIGNED, BOB.id), waits=True
    ),
    "approved by votes": Row(request=ENDED["approved"], says=f"{BY_ADA}; waits until 14:17 UTC for its agent"),
    "in the cancel window": Row(
        request=WINDOW, says=f"{BY_ADA}; runs at 14:07:00 UTC unless somebody pulls it back", pull=True
    ),
    "approved by silence": Row(
        request=unasked(Ground.SILENCE), says="Approved by nobody at 14:02 UTC: the rule lets silence allow"
    ),
    "approved by one and silence": Row(
        request=replace(ENDED["succeeded"], ground=Ground.SILENCE),
        says="Approved by Ada and by no others until 14:02 UTC: the rule lets their silence allow",
    ),
    "covered by a grant": Row(
        request=unasked(Ground.GRANT, covered=COVERED), says="Covered at 14:02 UTC by grant grt_1, given by Ada"
    ),
    "let through by break-glass": Row(
        request=unasked(Ground.BREAK_GLASS),
        says="Not approved by anybody: break-glass was open at 14:02 UTC, opened by Bob (“prod is down”)",
        history=OPENED,
    ),
    "denied": Row(request=ENDED["denied"], says="Denied by Ada at 14:02 UTC via Slack: “Not on a Friday”"),
    "timed out": Row(request=EXPIRED, says="Expired at 14:17 UTC: nobody decided in time"),
    "undelivered": Row(
        request=replace(EXPIRED, cause=Cause.UNDELIVERED), says="Expired at 14:17 UTC: nobody could be reached"
    ),
    "not collected": Row(
        request=replace(ENDED["approved"], state=State.EXPIRED, cause=Cause.NOT_COLLECTED),
        says=f"{BY_ADA}; not run, because its agent did not come back by 14:17 UTC",
    ),
    "agent took it back": cancelled(
        Cause.CLIENT_CANCELLED, "agent:claude-ada", "by the agent claude-ada at 14:05 UTC: the agent took the call back"
    ),
    "person took it back": cancelled(Cause.CANCELLED_BY_PERSON, BOB.id, "Cancelled by Bob at 14:05 UTC: a person took"),
    "revoked": cancelled(Cause.REVOKED, BOB.id, "Cancelled by Bob at 14:05 UTC: an approver, or the agent, may no"),
    "policy changed": cancelled(Cause.POLICY_CHANGED, "placet", "by the gateway at 14:05 UTC: the policy changed"),
    "tool changed": cancelled(Cause.TOOL_CHANGED, "placet", "the tool is no longer the one that was approved"),
    "frozen": cancelled(Cause.FROZEN, BOB.id, "Cancelled by Bob at 14:05 UTC: everything is frozen"),
    "withdrawn": cancelled(Cause.WITHDRAWN, "placet", "the server could not wait for it any longer"),
    "altered": cancelled(Cause.ALTERED, "placet", "no longer matches what was approved"),
    "running": Row(request=ENDED["executing"], says=f"{BY_ADA}; running"),
    "succeeded": Row(request=ENDED["succeeded"], says=f"{BY_ADA}; ran, succeeded in 120 ms"),
    "upstream error": Row(request=ENDED["failed"], says=f"{BY_ADA}; ran, and the server answered with an error"),
    "unsent": Row(
        request=replace(ENDED["failed"], cause=Cause.UNSENT, outcome=None),
        says=f"{BY_ADA}; not run, because nothing could be sent",
    ),
    "unknown": Row(request=UNKNOWN, says=f"{BY_ADA}; sent, but no answer came: nobody can say whether it ran"),
    "somebody says it ran": Row(
        request=replace(UNKNOWN, cause=Cause.RESOLVED_RAN),
        says="no answer came, but it ran, says Bob",
        history=did(Event.RESOLVED, BOB.id, State.UNKNOWN),
    ),
    "somebody says it did not run": Row(
        request=replace(UNKNOWN, cause=Cause.RESOLVED_DID_NOT_RUN),
        says="no answer came, and it did not run, says Bob",
        history=did(Event.RESOLVED, BOB.id, State.UNKNOWN),
    ),
    "a test of attention": Row(
        request=replace(ENDED["cancelled"], cause=Cause.DECOY, decoy="it pays a stranger"),
        says="This was a test of attention, and nothing would have run: it pays a stranger. nobody answered it",
    ),
    "destroyed": Row(request=DESTROYED, says=f"{BY_ADA}; ran, succeeded"),
}
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


def in_slack(card: Card) -> tuple[str, set[str]]:
    """What a message says, and the buttons under it."""
    blocks = draw(card).blocks
    buttons = [one for block in blocks if block["type"] == "actions" for one in block["elements"]]
    return "\n".join(_texts(blocks)), {one["action_id"] for one in buttons}


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if isinstance(value.get("text"), str) else []
    return own + [text for one in value.values() for text in _texts(one)]


def in_a_mail(card: Card) -> str:
    """The plain text of a mail."""
    mail = EmailMessage()
    email.fill(mail, card)
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def in_a_webhook(card: Card) -> dict[str, Any]:
    """The data of an event."""
    data: dict[str, Any] = webhook.event(card, type="t", source="s", now=NOW)["data"]
    return data


def in_rest(row: Row, person: Person = BOB) -> dict[str, Any]:
    """The request as REST gives it to a person."""
    freezes = (row.stop,) if isinstance(row.stop, Freeze) else ()
    paused = {row.stop.agent: NOW} if isinstance(row.stop, Pause) else {}
    stops = Stops(freezes=freezes, paused=paused)
    view = View(person=person, people=samples.PEOPLE, now=row.now, stops=stops)
    shown: dict[str, Any] = json.loads(write(row.request, view))
    return shown


def in_a_terminal(row: Row) -> tuple[str, str]:
    """The line and the page of the command line."""
    status = row.card.status_line
    return line(row.request, told=status, now=row.now), page(row.request, in_rest(row), told=status)


@every_row
def test_every_surface_says_what_happened_with_who_and_when(row: Row) -> None:
    card = row.card
    assert row.says in card.status_line
    assert card.status_line in in_a_mail(card)
    slack = in_slack(card)[0]
    if row.waits:
        assert card.needs_line in slack
        assert (card.turns or "") in slack
        assert all(f"approved by {vote.name}" in slack for vote in card.votes)
    else:
        assert card.status_line in slack
    assert in_a_webhook(card)["status"] == card.status_line
    assert all(card.status_line in text for text in in_a_terminal(row))


@every_row
def test_a_decision_is_offered_only_while_one_can_be_given(row: Row) -> None:
    card = row.card
    buttons, rest = in_slack(card)[1], in_rest(row)
    assert bool(buttons & DECIDING) == row.waits
    assert ("pull_back" in buttons) == row.pull
    assert bool(in_a_webhook(card)["answers"]) == row.waits
    assert ("decide on the page" in in_a_mail(card)) == row.waits
    assert rest["may_decide"] == row.waits
    assert not row.waits or rest["may_edit"]
    assert row.waits or not (rest["may_edit"] or rest["may_reassign"] or rest["may_raise"])


@every_row
def test_an_approval_is_offered_only_while_one_would_be_taken(row: Row) -> None:
    card, rest = row.card, in_rest(row)
    can = row.waits and row.stop is None
    assert bool(in_slack(card)[1] & APPROVING) == can
    assert ("approve" in in_a_webhook(card)["answers"]) == can
    assert rest["may_approve"] == can
    assert bool(rest["stopped"]) == (row.waits and row.stop is not None)


@pytest.mark.parametrize("kind", ["waits in a freeze", "waits while its agent is paused"])
def test_what_is_stopped_can_be_denied_and_every_surface_says_what_stops_it(kind: str) -> None:
    row = ROWS[kind]
    card, rest = row.card, in_rest(row)
    assert row.stop is not None
    said, buttons = in_slack(card)
    assert f"{told(row.stop)}. It cannot be approved until that ends; it can be denied." in said
    assert {"deny", "view", "more"} <= buttons
    assert told(row.stop) in in_a_mail(card)
    assert in_a_webhook(card)["stopped"] == told(row.stop)
    assert rest["may_decide"]
    assert (rest["stopped"]["kind"], rest["stopped"]["at"]) == (
        "pause" if isinstance(row.stop, Pause) else "freeze",
        "2026-11-24T14:02:00.000Z",
    )
    assert "it can be denied, not approved" in in_a_terminal(row)[1]


def test_the_last_page_of_the_full_call_approves_nothing_that_is_stopped() -> None:
    stopped, free = (full_call(ROWS[one].card) for one in ("waits in a freeze", "pending"))
    decides = [one is not None and one.decides for one in (kept(view["private_metadata"]) for view in (stopped, free))]
    assert decides == [False, True]


@every_row
def test_rest_gives_the_state_the_cause_and_whoever_voted(row: Row) -> None:
    rest, request = in_rest(row), row.request
    assert (rest["state"], rest["cause"]) == (request.state.value, request.cause.value if request.cause else None)
    assert [(one["reviewer"], one["decision"]) for one in rest["votes"]] == [
        (one.reviewer, one.answer.value) for one in request.votes
    ]
    assert rest["ground"] == (request.ground.value if request.ground else None)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("denied", "denied"),
        ("timed out", "expired"),
        ("undelivered", "undelivered"),
        ("not collected", "not collected"),
        ("upstream error", "failed"),
        ("unsent", "not sent"),
        ("unknown", "outcome unknown"),
        ("somebody says it ran", "ran, somebody says"),
        ("somebody says it did not run", "did not run, somebody says"),
        ("time is up", "time is up"),
    ],
)
def test_ends_that_differ_have_different_first_words(kind: str, word: str) -> None:
    card = ROWS[kind].card
    assert card.headline == f"new_order on binance: {word}"
    assert word.capitalize() in draw(card).blocks[0]["text"]["text"]


def test_no_answer_no_delivery_and_a_denial_are_told_apart_everywhere() -> None:
    rows = [ROWS[one] for one in ("timed out", "undelivered", "denied")]
    tell = (
        lambda row: row.card.headline,
        lambda row: draw(row.card).text,
        lambda row: in_slack(row.card)[0],
        lambda row: in_a_mail(row.card),
        lambda row: in_a_webhook(row.card)["status"],
        lambda row: (in_rest(row)["state"], in_rest(row)["cause"]),
        lambda row: in_a_terminal(row)[0],
        lambda row: outcomes.line(row.request, url=""),
    )
    for surface in tell:
        assert len({surface(row) for row in rows}) == 3


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("approved by silence", "was allowed by silence and ran"),
        ("covered by a grant", "was covered by a standing grant and ran"),
        ("let through by break-glass", "was let through by break-glass and ran"),
        ("succeeded", "was approved and ran"),
        ("unsent", "could not be sent and did not run"),
        ("somebody says it did not run", "somebody noted that it did not run"),
    ],
)
def test_the_owner_is_told_what_let_it_run_and_whether_it_did(kind: str, said: str) -> None:
    assert said in outcomes.line(ROWS[kind].request, url="")


def test_what_did_not_run_is_not_asked_about() -> None:
    assert ROWS["somebody says it ran"].card.asks_expected
    assert not any(ROWS[one].card.asks_expected for one in ("unsent", "somebody says it did not run"))


def test_what_a_reviewer_changed_is_on_every_surface_that_shows_arguments() -> None:
    card = ROWS["edited"].card
    assert card.edits == ("/quantity: 9 → 1.5",)
    assert card.edits[0] in in_slack(card)[0]
    assert f"Changed by a reviewer: {card.edits[0]}" in in_a_mail(card)
    assert in_a_webhook(card)["edits"] == list(card.edits)


def test_what_was_destroyed_is_said_to_be_and_shown_nowhere() -> None:
    row, said = ROWS["destroyed"], "destroyed by retention on 2026-11-24"
    shown = (in_slack(row.card)[0], in_a_mail(row.card), in_a_webhook(row.card)["arguments"], in_a_terminal(row)[1])
    assert all(said in text and "BTCUSDT" not in text for text in shown)
    assert in_rest(row)["arguments"] is None


def test_a_request_shown_whole_in_a_terminal_has_the_reasons_of_votes_the_result_and_what_people_said() -> None:
    ran = ENDED["succeeded"]
    row = Row(request=replace(ran, votes=tuple(replace(one, reason="Ticket 5521\u202e") for one in ran.votes)), says="")
    history = (
        *did(Note.COMMENTED, BOB.id, note="Looks\nodd", via="web"),
        *did(Note.EXPECTATION, ADA.id, as_expected=False, note="charged twice"),
    )
    names = View(person=BOB, people=samples.PEOPLE, now=NOW)
    shown = {**in_rest(row), **spoken(row.request, history, names, full=True)}
    said = page(row.request, shown, told="")
    assert "by ada@example.com via slack: “Ticket 5521" in said
    assert "\u202e" not in said
    assert "bob@example.com wrote: Looks\n" in said
    assert "ada@example.com says: not as expected (“charged twice”)" in said
    assert all(line in said for line in ("  result\n", '"content": ['))


def test_what_went_wrong_with_a_call_is_shown_in_a_terminal() -> None:
    broke = replace(UNKNOWN, outcome=Outcome(kind="unknown", error="the line went dead"))
    assert "went wrong  the line went dead" in in_a_terminal(Row(request=broke, says=""))[1]


def test_what_an_agent_is_told_of_a_revocation_is_true_of_itself_and_of_its_approver() -> None:
    ended = ROWS["revoked"].request
    heard = answers.about(ended, url="")
    assert isinstance(heard, bytes)
    for said in (heard.decode(), questions.about(ended, url="").text):
        assert "either this agent may no longer call" in said
        assert "or its approval no longer counts" in said


def test_every_denial_names_its_answer() -> None:
    assert [one.answer for one in ROWS["denied"].card.votes] == [Answer.DENY]
