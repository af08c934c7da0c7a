"""What waits while people have quiet hours, and how they are reminded: who is at a place, and what it is told there.

A place of one person is a mail address (their browsers go by it, too), or `@address` in Slack. Channels are told at
once, without waking anybody.
Reminders and digests are rows that `alerts` tells; what they are about is read again when they are told.
"""

from __future__ import annotations

from datetime import datetime

from approvals.domain import quiet, quorum, reminding
from approvals.domain.model import ApprovalRequest, Person
from approvals.room import Room
from approvals.storage.messages import MessageRow

BATCH = 200
TOLD = ("slack", "email", "push")
"""Channels that carry reminders: those where a person is waiting for a card, not a program."""


def is_personal(row: MessageRow) -> bool:
    """Is the place one person's?"""
    return row.channel in TOLD and "@" in row.target


def person_at(room: Room, channel: str, target: str) -> Person | None:
    """Whose place it is; None where it is nobody's alone."""
    if channel not in TOLD or "@" not in target:
        return None
    return room.directory.person(room.tx, target.removeprefix("@"))


def until(room: Room, request: ApprovalRequest, row: MessageRow) -> datetime | None:
    """Until when a card that nobody has seen yet waits for its person's quiet hours to end."""
    person = person_at(room, row.channel, row.target) if row.ref is None else None
    if person is None:
        return None
    return quiet.held_until(person.quiet, severity=request.severity, now=room.tx.now)


def digest(room: Room, row: MessageRow) -> bool:
    """Tell of all the cards that were held for a place by one message, where they are several. Whether that is done."""
    held = room.tx.messages.held_with(row)
    if not any(one.id == row.id for one in held):
        # Somebody told of it meanwhile.
        return True
    if len(held) < 2:
        return False
    if not room.tx.reminders.may(row.channel, row.target, reminding.APART):
        # They were reminded a moment ago, and are not told twice at once.
        for one in held:
            room.tx.messages.hold(one.id, room.tx.now + reminding.APART)
        return True
    room.tx.messages.digested(one.id for one in held)
    room.tx.alerts.remind(row.channel, row.target, [one.request_id for one in held])
    return True


def remind(room: Room) -> int:
    """Remind everybody of what is due, each place once; says how many places are told."""
    places: dict[tuple[str, str], list[str]] = {}
    for request_id, sent in room.tx.reminders.take_due(BATCH):
        request = room.tx.requests.get(request_id)
        if request is None or request.terms.remind is None:
            continue
        again = reminding.next_after(request.terms.remind, sent + 1, room.tx.now)
        room.tx.reminders.sent(request_id, sent + 1, again)
        unseen = {(row.channel, row.target) for row in room.tx.messages.for_request(request_id) if _waits(row)}
        for place in room.routes(room.tx, request.terms):
            # Nobody is reminded of what they are yet to be told of.
            if place not in unseen and _is_told(room, request, *place):
                places.setdefault(place, []).append(request_id)
    told = [place for place in places if room.tx.reminders.may(*place, reminding.APART)]
    for channel, target in told:
        room.tx.alerts.remind(channel, target, places[channel, target])
    return len(told)


def _waits(row: MessageRow) -> bool:
    return row.held_at is not None and row.shown_revision is None


def _is_told(room: Room, request: ApprovalRequest, channel: str, target: str) -> bool:
    """Is a place reminded: not who is asleep, has voted, may not decide, or has put it out of their sight?"""
    if channel not in TOLD:
        return False
    person = person_at(room, channel, target)
    if person is None:
        return True
    if quiet.held_until(person.quiet, severity=request.severity, now=room.tx.now) is not None:
        return False
    snoozed = room.tx.snoozes.of(person.id).get(request.id)
    if snoozed is not None and snoozed.hides(request, room.tx.now):
        return False
    return quorum.why_not(person, request) is None
