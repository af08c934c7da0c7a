"""What the menu of a card offers beside a decision: snooze, 15 minutes more, hand on, ask the agent, comment.

Each ends in the desk, as everywhere. What needs words opens a window for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from approvals import handing, talking
from approvals.channels import slack_parts as parts
from approvals.channels.slack_buttons import ASK, COMMENT, EXTEND, OFFERED, REASSIGN
from approvals.channels.slack_parts import Json
from approvals.channels.slack_views import FREE_TEXT_MAX, LABEL, WORDS, Kept
from approvals.desk import Desk
from approvals.domain.card import Card
from approvals.domain.model import ApprovalRequest, Person
from approvals.domain.plain import clock_time
from approvals.errors import Invalid, Refusal

VIA = "slack"
VERBS = frozenset(verb for verb, _ in OFFERED)
LONGER = timedelta(minutes=15)
HIDDEN = tuple(timedelta(minutes=minutes) for minutes in (60, 30, 15, 5, 2))
"""For how long it is hidden: the longest of these that ends before the deadline."""
TO = "to"
WINDOWS = {
    REASSIGN: ("Let others decide", "Why? (it is on the card)", "They are asked in place of you and your group."),
    ASK: ("Ask the agent", "Question", "It is told your words as a quotation; its answer is its own word."),
    COMMENT: ("Comment", "Note", "The other people read it; the agent never gets it."),
}


_MAY_NOT = {
    REASSIGN: handing.may_not_hand_on,
    ASK: talking.may_not_ask,
    COMMENT: talking.may_not_comment,
}


def may_not(verb: str, person: Person, request: ApprovalRequest) -> Refusal | None:
    """What can be refused before anybody writes words that would be for nothing."""
    return _MAY_NOT[verb](person, request)


def window(verb: str, card: Card) -> Json:
    """The modal that asks for words."""
    title, label, hint = WINDOWS[verb]
    body = [parts.section(f"{card.tool} on {card.server}, asked for by {card.agent}", block_id="what")]
    if verb == REASSIGN:
        body.append(_input(TO, "Groups or people", "group:security, ada@example.com", optional=False, lines=False))
    body.append(_input(WORDS, label, hint, optional=verb == REASSIGN, lines=True))
    metadata = Kept(request_id=card.request_id, binding=card.binding).text()
    return parts.modal(title, body, callback_id=verb, metadata=metadata, submit="Send")


async def at_once(desk: Desk, verb: str, request: ApprovalRequest, person: Person) -> str:
    """Do what needs no words; the sentence for whoever did it.

    Raises:
        Refusal: the desk's own.
    """
    if verb == EXTEND:
        after = await desk.extend(request.id, reviewer=person.id, by=LONGER)
        return f"It can be decided until {clock_time(after.expires_at)}."
    left = request.expires_at - await desk.db.read(lambda tx: tx.now)
    lasts = next((one for one in HIDDEN if one < left), None)
    if lasts is None:
        raise Invalid(field="Snooze", why="too little time is left to hide it")
    await desk.snooze(request.id, by=person.id, lasts=lasts)
    minutes = int(lasts.total_seconds()) // 60
    return (
        f"It is out of your own lists for {minutes} minutes, or until something about it changes. Its deadline stays."
    )


async def sent_in(desk: Desk, verb: str, request_id: str, person: Person, typed: Mapping[str, str]) -> None:
    """Do what a window was for.

    Raises:
        Refusal: the desk's own.
    """
    words = typed.get(WORDS, "")
    if verb == ASK:
        await desk.ask(request_id, by=person.id, via=VIA, text=words)
    elif verb == COMMENT:
        await desk.comment(request_id, by=person.id, via=VIA, text=words)
    else:
        to = tuple(one.strip() for one in typed.get(TO, "").split(",") if one.strip())
        await desk.reassign(request_id, by=person.id, to=to, note=words or None)


def _input(block: str, label: str, hint: str, *, optional: bool, lines: bool) -> Json:
    element = {"type": "plain_text_input", "action_id": block, "multiline": lines, "max_length": FREE_TEXT_MAX}
    return {
        "type": "input",
        "block_id": block,
        "optional": optional,
        "label": parts.plain(label, LABEL),
        "hint": parts.plain(hint, LABEL),
        "element": element,
    }
