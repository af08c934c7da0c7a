"""What is said about a request while people decide: comments between people, and questions to its agent.

A comment never reaches the agent. A question does, quoted, while the call stays held; the answer is the agent's own
words, which nobody has verified. Neither moves the deadline, and both are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

from approvals.deciding import bad_text, clean, over, unseen
from approvals.domain import quorum
from approvals.domain.answered import answered_in
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note, note, open_question
from approvals.domain.model import ApprovalRequest, Person, PersonId, Question, Role, State
from approvals.domain.plain import visible, visible_lines
from approvals.domain.redact import redact_text
from approvals.errors import Invalid, NotAllowed, NotFound, Refusal
from approvals.room import Result, Room
from approvals.storage.tx import Tx

COMMENTS_MAX = 200
QUESTIONS_MAX, OPEN_MAX = 10, 3
ANSWER_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the words of a comment stand already: a thread, as (channel, target), and which message of it they are."""

    thread: tuple[str, str]
    id: str


def comment(
    room: Room, request_id: str, *, by: PersonId, via: str, text: str, written: Written | None = None
) -> Result:
    """A note of one person for the others, in any state. One that was `written` in a thread is kept once."""
    request = room.load(request_id)
    person = room.person(by)
    refused = unseen(request, person) or _wrong_words("text", text)
    if refused or request is None:
        return refused or NotFound(what="request")
    if (may_not := may_not_comment(person, request)) is not None:
        return may_not
    said = [row for row in room.history(request) if row.event is Note.COMMENTED]
    if written is not None and any(row.detail.get("message") == written.id for row in said):
        return request
    if len(said) >= COMMENTS_MAX:
        return Invalid(field="text", why=f"there are {COMMENTS_MAX} comments already, which is as many as there can be")
    detail = {"note": clean(text), "via": via} | ({} if written is None else {"message": written.id})
    row = note(request, Note.COMMENTED, actor=person.id, at=room.tx.now, before=request.state, detail=detail)
    room.tx.requests.append(row, request.binding)
    room.tx.snoozes.wake(request.id, but=person.id)
    line = f"{visible(person.label)} wrote: {visible_lines(redact_text(clean(text) or ''))}"
    others = [one for one in room.threads(request) if written is None or one != written.thread]
    room.tx.alerts.owe(others, line, request=request.id)
    return request


def ask(room: Room, request_id: str, *, by: PersonId, via: str, text: str) -> Result:
    """Ask the agent something while its call waits; whoever may decide, or an operator, may."""
    request = room.load(request_id)
    person = room.person(by)
    refused = (
        unseen(request, person)
        or (request is not None and over(room, request))
        or (request is not None and may_not_ask(person, request))
        or (request is not None and _cannot_be_asked(request))
        or _wrong_words("question", text)
    )
    if refused or request is None:
        return refused or NotFound(what="request")
    asked = Question(by=person.id, via=via, at=room.tx.now, text=clean(text) or "")
    return room.move(request, Happened(event=Event.ASKED, actor=person.id, question=asked))


def given(tx: Tx, request_id: str) -> None:
    """The agent that waits is given what it was asked, which ends its hold. Decoys show as much."""
    tx.questions.told(request_id, tx.now)
    tx.requests.set_waiting(request_id, None)


def answer(room: Room, request_id: str, *, agent: str, text: str) -> Result:
    """What the agent answers to the oldest open question. One that is told twice, or too late, changes nothing."""
    request = room.load(request_id)
    if request is None or request.caller.agent != agent or answered_in(request.call) is not None:
        return NotFound(what="request")
    said = clean(text)
    if said is None or len(said) > ANSWER_MAX:
        return Invalid(field="answer", why=f"give 1 to {ANSWER_MAX} characters")
    if request.state is not State.PENDING or said in {one.answer for one in request.questions}:
        return request
    if open_question(request) is None:
        return Invalid(field="answer", why="nobody has asked you anything about this call, so it was not kept")
    return room.move(request, Happened(event=Event.ANSWERED, actor=f"agent:{agent}", answer=said))


def may_not_comment(person: Person, request: ApprovalRequest) -> Refusal | None:
    """Who may take a call back has a part in it; who only reads (viewer, auditor) leaves no trace in the ledger."""
    if quorum.may_cancel(person, request):
        return None
    return NotAllowed(
        what="comment on this", why="only its reviewers, the agent's owner and operators may; you can read it"
    )


def may_not_ask(person: Person, request: ApprovalRequest) -> Refusal | None:
    """Whoever may decide it may ask its agent, and operators."""
    why = quorum.why_no_authority(person, request)
    if why is not None and (person.disabled or Role.OPERATOR not in person.roles):
        return NotAllowed(what="ask the agent about this", why=why)
    return None


def _cannot_be_asked(request: ApprovalRequest) -> Refusal | None:
    if answered_in(request.call) is not None:
        return Invalid(field="question", why="this is an answer to a server's question; its agent cannot be asked here")
    waiting = sum(one.answer is None for one in request.questions)
    if waiting >= OPEN_MAX:
        return Invalid(field="question", why=f"{waiting} questions wait for the agent already")
    if len(request.questions) >= QUESTIONS_MAX:
        return Invalid(field="question", why=f"{QUESTIONS_MAX} questions are as many as a call can have")
    return None


def _wrong_words(field: str, text: str) -> Refusal | None:
    return Invalid(field=field, why="say something") if clean(text) is None else bad_text(field, text)
