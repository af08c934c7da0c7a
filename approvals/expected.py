"""What people say of what came of a call: once for each person, changed as often as they like, always on record."""

from __future__ import annotations

from approvals.deciding import bad_text, clean
from approvals.domain import expecting, quorum
from approvals.domain.lifecycle import Note, note
from approvals.errors import Invalid, NotAllowed, NotFound
from approvals.room import Result, Room

REDRAWN = "slack"
"""The channel whose cards are kept up to date after the end; a mail or an event is sent once."""


def say(room: Room, request_id: str, *, person: str, as_expected: bool, words: str | None, via: str) -> Result:
    """Keep one person's answer to "as expected?"."""
    request, speaker = room.load(request_id), room.person(person)
    if request is None or not quorum.may_see(speaker, request):
        return NotFound(what="request")
    if not quorum.may_speak_of(speaker, request):
        return NotAllowed(what="say whether this was as expected", why="only its reviewers and the agent's owner may")
    if not expecting.is_asked(request):
        return Invalid(field="state", why=f"there is no outcome to speak of: it is {request.state}, and nothing ran")
    refused = bad_text("note", words)
    if refused is not None:
        return refused
    detail = {"as_expected": as_expected, "note": clean(words), "via": via}
    room.tx.attention.say(request.id, speaker.id, as_expected=as_expected)
    room.tx.messages.again(request.id, REDRAWN)
    row = note(request, Note.EXPECTATION, actor=speaker.id, at=room.tx.now, before=request.state, detail=detail)
    room.tx.requests.append(row, request.binding)
    return request
