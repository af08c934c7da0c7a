"""The two sentences of a card: what is still needed, and what has happened, naming who, when and how.

Each state has one way to be told; a new one fails the type check here until it has. Times are UTC, since a
card is read in many zones, and have their day where that is not today; a surface that can localise has the moments
themselves on the card.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from approvals.domain import plain
from approvals.domain.cancel_window import runs_at
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note, Record, actor_of, ending
from approvals.domain.model import Answer, ApprovalRequest, Cause, Ground, State, Vote
from approvals.domain.quorum import Need, met
from approvals.domain.redact import redact_text
from approvals.domain.shapes import Scope

REASON_SHOWN = 500
SURFACES = {"slack": "Slack", "web": "the web page", "cli": "the command line", "api": "the API"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A request with all that is needed to tell of it; `names` are the people's labels, already visible."""

    request: ApprovalRequest
    needs: tuple[Need, ...]
    names: Mapping[str, str]
    history: tuple[Record, ...]
    now: datetime

    def name(self, actor: str) -> str:
        """The name to show for an actor of the ledger or a voter."""
        if actor == "placet":
            return "the gateway"
        if actor.startswith("agent:"):
            return f"the agent {plain.visible(actor[6:])}"
        return self.names.get(actor) or plain.visible(actor)

    def time(self, at: datetime | None) -> str:
        """A moment, with its day where that is not today."""
        return plain.hour_of(at, self.now) if at is not None else "an unknown time"


def needs_line(needs: Iterable[Need]) -> str:
    """How far each factor is: `1 of 2 of finance, 0 of 1 of security`."""
    return ", ".join(
        f"{min(need.have, need.factor.count)} of {need.factor.count} of {_members(need.factor.members)}"
        for need in needs
    )


def yours_line(after: Iterable[Need]) -> str:
    """What one person's approval would come to, said to them; `after` is how far each factor is with it."""
    after = tuple(after)
    if met(after):
        return "Your approval is all that is still needed."
    return f"With your approval it still needs {_still_needed(after)}."


def status_line(telling: Telling) -> str:
    """What has happened to the request, in one sentence."""
    request = telling.request
    return (
        _disclosed(telling) if request.decoy is not None and request.state is not State.PENDING else _as_it_is(telling)
    )


def _as_it_is(telling: Telling) -> str:
    request = telling.request
    match request.state:
        case State.PENDING:
            return _waiting(telling)
        case State.DENIED:
            return f"{_decision(telling, 'Denied')}{_reason(request)}"
        case State.CANCELLED:
            return _cancelled(telling)
        case State.EXPIRED:
            return _expired(telling)
        case State.APPROVED:
            return f"{_approval(telling)}; {_about_to_run(telling)}"
        case State.EXECUTING:
            return f"{_approval(telling)}; running"
        case State.SUCCEEDED:
            return f"{_approval(telling)}; ran, succeeded{_took(request)}"
        case State.FAILED:
            return f"{_approval(telling)}; {_failed(request)}"
        case State.UNKNOWN:
            return f"{_approval(telling)}; {_unknown(telling)}"


def _disclosed(telling: Telling) -> str:
    """A decoy that has ended: what it was, and who saw it."""
    request, row = telling.request, actor_of(telling.history, Event.DISCLOSED)
    changed = [telling.name(row.actor)] if row is not None and "decision" not in row.detail else []
    said = [
        *(f"{one} denied it: well seen" for one in _voters(telling, Answer.DENY)),
        *(f"{one} wanted other arguments: well seen" for one in changed),
        *(f"{one} approved it" for one in _voters(telling, Answer.APPROVE)),
    ]
    verdict = "; ".join(said) or "nobody answered it, which counts for nothing"
    bad = plain.visible(redact_text(request.decoy or ""))
    return f"This was a test of attention, and nothing would have run: {bad}. {verdict}"


_ENDED = {
    Cause.UNDELIVERED: "undelivered",
    Cause.NOT_COLLECTED: "not collected",
    Cause.UNSENT: "not sent",
    Cause.RESOLVED_RAN: "ran, somebody says",
    Cause.RESOLVED_DID_NOT_RUN: "did not run, somebody says",
}


def ended_word(state: State, cause: Cause | None) -> str:
    """How it ended, in a word or two, where one state has several ends that call for different things to be done."""
    usual = "outcome unknown" if state is State.UNKNOWN else state.value
    return _ENDED.get(cause, usual) if cause is not None else usual


def _about_to_run(telling: Telling) -> str:
    request = telling.request
    at, waits = runs_at(request), f"waits until {telling.time(request.collect_by)} for its agent"
    if at is None:
        return "about to run" if request.waiting else waits
    moment = plain.hour_of(at, telling.now, seconds=True)
    return f"runs at {moment} unless somebody pulls it back" if request.waiting else f"{waits}, from {moment} on"


def turns_line(telling: Telling) -> str | None:
    """What turns a call has taken that waits: who else was asked, who changed it, who handed it on, and when."""
    turns = _escalated(telling) + _edited(telling) + _handed_on(telling)
    return turns.removeprefix("; ") or None


def _waiting(telling: Telling) -> str:
    request = telling.request
    missing, until = _still_needed(telling.needs), telling.time(request.expires_at)
    waits = telling.now < request.expires_at
    line = f"Waiting until {until} for {missing}" if waits else f"Time was up at {until}, without {missing}"
    line += _escalated(telling) + _edited(telling)
    yes = _voters(telling, Answer.APPROVE)
    line += f"; approved by {', '.join(yes)}" if yes else ""
    return line + _handed_on(telling)


def _voters(telling: Telling, answer: Answer) -> list[str]:
    """Who gave this answer, each once, and in whose place."""
    votes = {vote.reviewer: vote for vote in telling.request.votes if vote.answer is answer}
    return [
        telling.name(voter) + (f" for {_and([telling.name(one) for one in vote.on_behalf])}" if vote.on_behalf else "")
        for voter, vote in votes.items()
    ]


def _handed_on(telling: Telling) -> str:
    row = actor_of(telling.history, Event.REASSIGNED)
    if row is None:
        return ""
    note = row.detail.get("note")
    return f"; handed on by {telling.name(row.actor)} at {telling.time(row.at)}" + (
        f" (“{_said(str(note))}”)" if note else ""
    )


def _edited(telling: Telling) -> str:
    """Who changed the call last: what they changed is on the card beside it."""
    row = actor_of(telling.history, Event.EDITED)
    return "" if row is None else f"; edited by {telling.name(row.actor)} at {telling.time(row.at)}"


def _escalated(telling: Telling) -> str:
    """Who else was asked, and why: whoever is called to a request should know that others were before."""
    row = actor_of(telling.history, Event.ESCALATED)
    if row is None:
        return ""
    to = plain.visible(", ".join(str(member).removeprefix("group:") for member in row.detail.get("to") or ()))
    return f"; escalated to {to} at {telling.time(row.at)} because {plain.visible(str(row.detail.get('note')))}"


def _still_needed(needs: tuple[Need, ...]) -> str:
    missing = [need for need in needs if need.have < need.factor.count]
    parts = [f"{need.factor.count - need.have} of {_members(need.factor.members)}" for need in missing or needs]
    return " and ".join(parts) or "a reviewer"


def _approval(telling: Telling) -> str:
    request = telling.request
    if request.ground is Ground.BREAK_GLASS:
        return _by_break_glass(telling)
    if request.covered is not None:
        by = _and([telling.name(one) for one in request.covered.given_by])
        return f"Covered at {telling.time(request.decided_at)} by grant {request.covered.grant}, given by {by}"
    if request.ground is Ground.SILENCE or not request.votes:
        return _by_silence(telling)
    return _decision(telling, "Approved") + _raised(telling) + _granted(telling) + _edited(telling)


def _by_silence(telling: Telling) -> str:
    at, yes = telling.time(telling.request.decided_at), _voters(telling, Answer.APPROVE)
    if not yes:
        return f"Approved by nobody at {at}: the rule lets silence allow"
    return f"Approved by {_and(yes)} and by no others until {at}: the rule lets their silence allow"


def _by_break_glass(telling: Telling) -> str:
    line = f"Not approved by anybody: break-glass was open at {telling.time(telling.request.decided_at)}"
    row = actor_of(telling.history, Event.BYPASSED)
    if row is None:
        return line
    confirmed = row.detail.get("confirmed_by")
    by = telling.name(row.actor) + (f", confirmed by {telling.name(str(confirmed))}" if confirmed else "")
    return f"{line}, opened by {by} (“{_said(str(row.detail.get('note')))}”)"


def _raised(telling: Telling) -> str:
    """What the approval raised, and until when: what was done, which stays true if somebody takes it back."""
    made = next((row for row in telling.history if row.event is Note.BUDGETS_RAISED), None)
    if made is None:
        return ""
    names = _and(list(dict.fromkeys(plain.visible(str(one["limit"])) for one in made.detail["budgets"])))
    return f", raising {names} until {telling.time(datetime.fromisoformat(made.detail['until']))}"


def _granted(telling: Telling) -> str:
    """What else the approval lets run, or that it does not though somebody wanted it."""
    made = next((row for row in telling.history if row.event in {Note.GRANT_GIVEN, Note.GRANT_NOT_GIVEN}), None)
    if made is None:
        return ""
    if made.event is Note.GRANT_NOT_GIVEN:
        return "; no grant came of it"
    uses = int(made.detail["uses"])
    calls = "one more call" if uses == 1 else f"up to {uses} more calls"
    only = " and session" if made.detail.get("grant_scope") == Scope.SESSION else ""
    return f", granting {calls} of its shape{only} until {telling.time(datetime.fromisoformat(made.detail['until']))}"


def _decision(telling: Telling, word: str) -> str:
    request = telling.request
    answer = Answer.DENY if request.state is State.DENIED else Answer.APPROVE
    votes = [vote for vote in request.votes if vote.answer is answer]
    if not votes:
        return word
    at, ways = telling.time(request.decided_at or votes[-1].at), {vote.reviewer: _surface(vote) for vote in votes}
    who = _voters(telling, answer)
    if len(set(ways.values())) == 1:
        return f"{word} by {_and(who)} at {at} via {_surface(votes[-1])}"
    return f"{word} by {_and([f'{one} via {way}' for one, way in zip(who, ways.values(), strict=True)])} at {at}"


def _reason(request: ApprovalRequest) -> str:
    reason = request.votes[-1].reason if request.votes else None
    return f": “{_said(reason)}”" if reason else ""


def _cancelled(telling: Telling) -> str:
    request, row = telling.request, ending(telling.history)
    why = _WHY_CANCELLED.get(request.cause) if request.cause else None
    by = f" by {telling.name(row.actor)} at {telling.time(row.at)}" if row else ""
    note = row.detail.get("note") if row else None
    said = f" (“{_said(str(note))}”)" if note else ""
    return f"Cancelled{by}" + (f": {why}" if why else "") + said


_WHY_CANCELLED = {
    Cause.CLIENT_CANCELLED: "the agent took the call back",
    Cause.CANCELLED_BY_PERSON: "a person took the call back",
    Cause.REVOKED: "an approver, or the agent, may no longer do this",
    Cause.POLICY_CHANGED: "the policy changed",
    Cause.TOOL_CHANGED: "the tool is no longer the one that was approved",
    Cause.FROZEN: "everything is frozen",
    Cause.WITHDRAWN: "the server could not wait for it any longer",
    Cause.ALTERED: "the saved call no longer matches what was approved; the database needs a look",
}


def _expired(telling: Telling) -> str:
    request, row = telling.request, ending(telling.history)
    at = telling.time(row.at if row else request.expires_at)
    if request.cause is Cause.NOT_COLLECTED:
        return f"{_approval(telling)}; not run, because its agent did not come back by {at}"
    if request.cause is Cause.UNDELIVERED:
        return f"Expired at {at}: nobody could be reached"
    return f"Expired at {at}: nobody decided in time"


def _failed(request: ApprovalRequest) -> str:
    if request.cause is Cause.UNSENT:
        return "not run, because nothing could be sent"
    return f"ran, and the server answered with an error{_took(request)}"


def _unknown(telling: Telling) -> str:
    said = actor_of(telling.history, Event.RESOLVED)
    by = f", says {telling.name(said.actor)}" if said else ""
    if telling.request.cause is Cause.RESOLVED_RAN:
        return f"no answer came, but it ran{by}"
    if telling.request.cause is Cause.RESOLVED_DID_NOT_RUN:
        return f"no answer came, and it did not run{by}"
    return "sent, but no answer came: nobody can say whether it ran"


def _took(request: ApprovalRequest) -> str:
    outcome = request.outcome
    if outcome is None or outcome.started_at is None or outcome.finished_at is None:
        return ""
    ms = max(0, round((outcome.finished_at - outcome.started_at).total_seconds() * 1000))
    return f" in {ms} ms" if ms < 10_000 else f" in {ms / 1000:.0f} s"


def _members(members: tuple[str, ...]) -> str:
    return " or ".join(plain.visible(member.removeprefix("group:")) for member in members)


def _surface(vote: Vote) -> str:
    return SURFACES.get(vote.via) or plain.visible(vote.via)


def _said(text: str) -> str:
    return plain.shorten(plain.visible(redact_text(text).replace("\n", " ⏎ ")), REASON_SHOWN)


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
