"""What people are shown of a request, held against its case: the card, the REST shape, the blocks of Slack.

Each is made as the service makes it, from one read. Nothing to approve with where nothing can be approved; every vote
that counts named; what ended named with who and when.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from approvals.channels import Alert, MessageRef, Undeliverable, slack_blocks
from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.card import Card, make_card
from approvals.domain.lifecycle import Record
from approvals.domain.model import Answer, ApprovalRequest, Person
from approvals.storage.engine import Tx
from approvals.web import shape
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.facts import Case, Facts

RAN = ("approved", "executing", "succeeded", "failed", "unknown")


class Wall:
    """A channel that keeps what it shows. While `facts.broken` it reaches nobody."""

    def __init__(self, name: str, facts: Facts) -> None:
        self.name, self.facts = name, facts
        self.shown: dict[str, Card] = {}
        self.given_up: set[str] = set()
        self.meanwhile: Callable[[str], Awaitable[None]] | None = None
        """What happens while a card is under way, by the request's id: whoever delivers is not alone."""

    async def post(self, card: Card, to: str) -> MessageRef:
        """Show a card."""
        await self._show(card)
        return MessageRef(channel=self.name, data={"channel": to, "ts": card.request_id})

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Show it anew."""
        assert ref.data["ts"] == card.request_id
        await self._show(card)

    async def say(self, alert: Alert, to: str) -> None:
        """Nobody looks."""

    async def _show(self, card: Card) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile(card.request_id)
        if self.facts.broken:
            self.given_up.add(card.request_id)
            raise Undeliverable("nobody is there")
        self.given_up.discard(card.request_id)
        self.shown[card.request_id] = card


def check(tx: Tx, desk: Desk, facts: Facts, case: Case, request: ApprovalRequest, viewers: Iterable[Person]) -> None:
    """Every surface of one request as it is now."""
    room, history = desk.room(tx), tx.requests.events(request.id)
    needs, people = room.needs(request), room.named(request, history)
    card = make_card(request, needs=needs, people=people, url="https://p/r", now=tx.now, history=history)
    _row(facts, case, request)
    _ledger(case, request, history)
    _card(facts, case, card)
    _slack(case, card)
    for viewer in viewers:
        named = quorum.named_in(request.votes)
        _rest(facts, case, viewer, json.loads(shape.write(request, shape.view(tx, desk.directory, viewer, named))))


def _row(facts: Facts, case: Case, request: ApprovalRequest) -> None:
    assert (request.state, request.cause, request.ground) == (case.state, case.cause, case.ground)
    assert (request.binding, request.revision, request.expires_at) == (case.binding, case.moves + 1, case.deadline)
    assert json.loads(request.call.arguments)["n"] == case.number
    assert [(f.members, f.count) for f in request.terms.factors] == [(ask.members, ask.count) for ask in case.asks]
    assert _votes(case) == [(vote.reviewer, vote.answer) for vote in request.votes]
    assert all(vote.binding == case.binding for vote in request.votes)
    assert (request.decided_at, request.collect_by) == (case.decided_at, case.collect_by)
    assert (request.covered.grant if request.covered else None) == case.grant


def _votes(case: Case) -> list[tuple[str, Answer]]:
    return [(one, Answer.APPROVE) for one in case.yes] + ([(case.no, Answer.DENY)] if case.no else [])


def _ledger(case: Case, request: ApprovalRequest, history: list[Record]) -> None:
    """Each vote for the present binding is on record; there was one claim at most."""
    said = [
        (row.actor, row.detail["decision"])
        for row in history
        if row.detail.get("binding") == case.binding and "decision" in row.detail
    ]
    assert said == [(who, answer.value) for who, answer in _votes(case)]
    assert sum(row.event == "claimed" for row in history) == case.claims <= 1
    assert len(history) == case.rows


def _card(facts: Facts, case: Case, card: Card) -> None:
    answerable = case.state == "pending" and facts.now < case.deadline
    assert (card.state, card.binding, card.revision) == (case.state, case.binding, case.moves + 1)
    assert card.answers == ((Answer.APPROVE, Answer.DENY) if answerable else ())
    assert card.decided is not answerable
    assert [(vote.reviewer, vote.answer) for vote in card.votes] == _votes(case)
    have = authority.counts(facts, case, case.yes)
    for ask, number, said in zip(case.asks, have, card.needs_line.split(", "), strict=True):
        assert said.startswith(f"{min(number, ask.count)} of {ask.count} of ")
    assert card.can_be_pulled_back is (case.state == "approved" and case.runs_from() is not None)
    assert card.editable is None or (answerable and case.terms.edit)
    assert card.trust is None or (answerable and case.terms.grants != "never")
    assert f'"n": {case.number}' in card.arguments
    _sentence(facts, case, card.status_line)


def _sentence(facts: Facts, case: Case, said: str) -> None:
    """Who and when, whatever became of it."""
    if case.state == "pending":
        waits = facts.now < case.deadline
        assert said.startswith(
            f"Waiting until {_time(facts, case.deadline)} for "
            if waits
            else f"Time was up at {_time(facts, case.deadline)}"
        )
        assert all(facts.name(who) in said for who in case.yes)
        return
    if case.state == "denied":
        assert said.startswith(f"Denied by {facts.name(case.no or '')}")
        assert f" at {_time(facts, case.decided_at)}" in said
        return
    if case.state == "cancelled":
        assert said.startswith(f"Cancelled by {facts.name(case.ended_by or '')} at {_time(facts, case.ended_at)}: ")
        return
    if case.state == "expired" and case.cause != "not_collected":
        why = "nobody could be reached" if case.cause == "undelivered" else "nobody decided in time"
        assert said == f"Expired at {_time(facts, case.ended_at)}: {why}"
        return
    assert said.startswith(_approved(facts, case))
    assert all(facts.name(who) in said for who in case.yes if case.ground is None)
    assert _time(facts, case.decided_at) in said
    if case.state == "expired":
        assert said.endswith(f"not run, because its agent did not come back by {_time(facts, case.ended_at)}")


def _approved(facts: Facts, case: Case) -> str:
    match case.ground:
        case "silence":
            return "Approved by nobody at "
        case "break_glass":
            return "Not approved by anybody: break-glass was open at "
        case "grant":
            return f"Covered at {_time(facts, case.decided_at)} by grant {case.grant}, given by "
        case _:
            return f"Approved by {facts.name(next(iter(case.yes)))}"


def _slack(case: Case, card: Card) -> None:
    drawn = slack_blocks.draw(card)
    actions = {one.get("action_id") for block in drawn.blocks for one in block.get("elements", ())}
    answerable = bool(card.answers)
    assert ("approve" in actions) is ("deny" in actions) is answerable
    assert ("pull_back" in actions) is card.can_be_pulled_back
    values = [str(one["value"]) for block in drawn.blocks for one in block.get("elements", ()) if "value" in one]
    assert all(value.endswith(f"{case.id} {case.binding}") for value in values)
    if card.decided:
        assert card.status_line in json.dumps(drawn.blocks, ensure_ascii=False).replace('\\"', '"')


def _rest(facts: Facts, case: Case, viewer: Person, said: dict[str, Any]) -> None:
    assert (said["state"], said["cause"], said["ground"]) == (case.state, case.cause, case.ground)
    assert said["revision"] == case.moves + 1
    assert said["may_decide"] is (case.state == "pending" and _could_approve(facts, case, viewer.id))
    assert (said["why_not"] is None) is (said["may_decide"] or case.state != "pending")
    unsent = case.state in ("pending", "approved")
    assert said["may_cancel"] is (unsent and authority.has_part(facts, case, viewer.id))
    assert [(vote["reviewer"], vote["decision"]) for vote in said["votes"]] == [(w, a.value) for w, a in _votes(case)]
    assert [need["have"] for need in said["needs"]] == authority.counts(facts, case, case.yes)
    assert (said["grant"] or {}).get("id") == case.grant
    assert said["runs_at"] is None or (case.state == "approved" and case.runs_from() is not None)
    assert not said["may_edit"] or (case.state == "pending" and case.terms.edit)


def _could_approve(facts: Facts, case: Case, who: str) -> bool:
    """Leaving a freeze aside, which is told of beside the request and still lets it be denied."""
    return facts.now < case.deadline and who not in case.yes and authority.may_decide(facts, case, who)


def _time(facts: Facts, at: datetime | None) -> str:
    assert at is not None
    return at.strftime("%H:%M UTC" if at.date() == facts.now.date() else "%Y-%m-%d %H:%M UTC")
