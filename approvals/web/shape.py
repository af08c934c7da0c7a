"""ApprovalRequest -> the contract's JSON, for one person; and how JSON answers go out.

Arguments, earlier arguments and results are spliced in as the bytes that were stored and hashed; they are
never parsed and dumped again, so the page shows what runs. Who may not read secrets gets them masked,
and not the hashes from which a short secret could be guessed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from approvals import stopped
from approvals.directory import Directory
from approvals.domain import escalating, grants, handing_on, quorum, raising, redact, shapes
from approvals.domain.answered import answered_in
from approvals.domain.cancel_window import runs_at
from approvals.domain.changes import changes, masked
from approvals.domain.folding import likeness
from approvals.domain.grants import Covered
from approvals.domain.hushing import hushed
from approvals.domain.model import ApprovalRequest, Outcome, Person, PersonId, Question, State, Vote
from approvals.domain.snoozing import Snooze
from approvals.domain.stops import NO_STOPS, Pause, Stop, Stops, scope_of
from approvals.domain.terms import Steps
from approvals.storage.tx import Tx


class Raw(bytes):
    """JSON text that is already written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """For whom an answer is written, when, the people it names, what that person has put out of their sight, and what
    is stopped."""

    person: Person
    people: Mapping[PersonId, Person]
    now: datetime
    snoozed: Mapping[str, Snooze] = field(default_factory=dict)
    stops: Stops = NO_STOPS

    def name(self, actor: str) -> str:
        """The name to show for a person's address, or the actor as it stands."""
        found = self.people.get(PersonId(actor.lower()))
        return found.label if found is not None else actor


def view(
    tx: Tx, directory: Directory, person: Person, ids: Iterable[str], *, snoozed: Mapping[str, Snooze] | None = None
) -> View:
    """A view that knows the people of these addresses; what is no address is passed over."""
    stops = stopped.everything(tx)
    ids = (*ids, *(one.by for one in stops.freezes))
    found = (directory.person(tx, one) for one in dict.fromkeys(ids) if "@" in one)
    people = {one.id: one for one in found if one is not None}
    return View(person=person, people=people, now=tx.now, snoozed=snoozed or {}, stops=stops)


def write(request: ApprovalRequest, view: View, more: Mapping[str, Any] | None = None) -> Raw:
    """The `Request` of the contract; lists leave out where its cards are, and what it raised (`more`)."""
    full = quorum.may_see_in_full(view.person, request)
    request = request if full else hushed(request)
    members = {**_what(request, view, full=full), **_how_it_stands(request, view, full=full)}
    return join({**members, **(more or {})})


def doers(actors: Iterable[str], view: View) -> list[dict[str, str]]:
    """Who did what no vote says (`acted_by`)."""
    return [{"id": one, "name": view.name(one)} for one in actors]


def join(members: Mapping[str, Any]) -> Raw:
    """A JSON object; members that are Raw are taken as they are."""
    return Raw(b"{" + b",".join(dumps(name) + b":" + dumps(value) for name, value in members.items()) + b"}")


def listed(items: Iterable[bytes]) -> Raw:
    """A JSON array of values that are already written."""
    return Raw(b"[" + b",".join(items) + b"]")


def dumps(value: Any) -> bytes:
    """JSON bytes in ASCII, so that no invisible character travels as itself."""
    if isinstance(value, Raw):
        return value
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()


def answer(request: web.Request, body: bytes, *, revision: int | None = None) -> web.Response:
    """A JSON answer with its ETag, or 304 when the client has just that.

    The tag begins with the revision, and goes on with a hash: whether somebody waits, and who may decide,
    changes without one.
    """
    tag = hashlib.sha256(body).hexdigest()[:16]
    tag = tag if revision is None else f"{revision}-{tag}"
    if request.method in {"GET", "HEAD"}:
        headers = {"ETag": f'"{tag}"'}
        if any(seen.value in {tag, "*"} for seen in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
    else:
        headers = {}
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=headers)


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _what(request: ApprovalRequest, view: View, *, full: bool) -> dict[str, Any]:
    call, caller = request.call, request.caller
    edited_from = request.edited_from
    return {
        "id": request.id,
        "state": request.state.value,
        "cause": request.cause.value if request.cause else None,
        "decoy": request.decoy if request.state is not State.PENDING else None,
        "ground": request.ground.value if request.ground else None,
        "grant": _covered(request.covered, view),
        "revision": request.revision,
        "server": call.server,
        "tool": call.tool,
        "agent": caller.agent,
        "owner": caller.owner,
        "client": {"name": caller.client.name, "version": caller.client.version},
        "arguments": _arguments(request, full=full),
        "destroyed": _destroyed(request),
        "arguments_sha256": call.arguments_sha256 if full else None,
        "binding": request.binding if full else None,
        "changes": _changes(request, full=full),
        "edited_from": _json(edited_from, full=full, places=request.terms.redact) if edited_from is not None else None,
        "rule": request.rule,
        "rule_reason": request.rule_reason,
        "policy_version": request.policy_version,
        "tool_fingerprint": call.tool_fingerprint,
        "risk": request.risk,
        "severity": request.severity,
        "justification": text_of(request.justification, full=full),
        "answer_to": answered_in(call),
    }


def _how_it_stands(request: ApprovalRequest, view: View, *, full: bool) -> dict[str, Any]:
    refused = why_not(request, view)
    open_now = request.state is State.PENDING and view.now < request.expires_at
    return {
        "created_at": moment(request.created_at),
        "expires_at": moment(request.expires_at),
        "decided_at": moment(request.decided_at),
        "collect_by": moment(request.collect_by),
        "runs_at": moment(runs_at(request)),
        "told_at": moment(request.told_at),
        "needs": [needed(need) for need in quorum.tally(request, view.people)],
        **_after_yours(request, view),
        "votes": [voted(vote, view, full=full) for vote in request.votes],
        "may_decide": request.state is State.PENDING and refused is None,
        "may_approve": may_approve(request, view),
        "why_not": refused,
        "stopped": stop_of(request, view),
        "may_cancel": request.state in {State.PENDING, State.APPROVED} and quorum.may_cancel(view.person, request),
        "may_reassign": open_now and bool(handing_on.places(request, view.person)),
        "fold": likeness(request) if open_now else None,
        "snoozed_until": moment(_snoozed_until(request, view)),
        "may_edit": may_edit(request, view),
        "redacted": not full,
        "waiting": request.waiting,
        "terms": _terms(request),
        "trace": [dict(step) for step in request.trace] if full else [],
        "outcome": _outcome(request.outcome, full=full) if request.outcome is not None else None,
        "over": [
            {"limit": o.name, "max": o.most, "to": o.to, "words": text_of(o.words, full=full)} for o in request.over
        ],
        "questions": [_question(one, view, full=full) for one in request.questions],
        "may_raise": open_now and raising.offered(request),
        "why_no_grant": grants.why_not_offered(request),
        "why_no_grant_session": grants.why_no_session(request),
    }


def _after_yours(request: ApprovalRequest, view: View) -> dict[str, Any]:
    """How far each factor would be if this person approved: as it stands, and with other arguments."""

    def after(asked: ApprovalRequest) -> list[dict[str, Any]]:
        return [needed(need) for need in quorum.after_yes_of(view.person, asked, view.people, at=view.now)]

    may = request.state is State.PENDING and why_not(request, view) is None
    edits = may and may_edit(request, view)
    return {
        "needs_after": after(request) if may else None,
        "needs_after_edit": after(quorum.voided(request)) if edits else None,
    }


def may_edit(request: ApprovalRequest, view: View) -> bool:
    """May an approval change its arguments?"""
    open_now = request.state is State.PENDING and view.now < request.expires_at
    return open_now and request.terms.edit and answered_in(request.call) is None


def why_not(request: ApprovalRequest, view: View) -> str | None:
    """Why this person may not decide it, while it waits."""
    if request.state is not State.PENDING:
        return None
    if view.now >= request.expires_at:
        return "its time has run out"
    return quorum.why_not(view.person, request)


def may_approve(request: ApprovalRequest, view: View) -> bool:
    """Would this person's approval be taken now? What is stopped can only be denied."""
    return request.state is State.PENDING and why_not(request, view) is None and _stop(request, view) is None


def stop_of(request: ApprovalRequest, view: View) -> dict[str, Any] | None:
    """What keeps a request that waits from being approved by anybody now."""
    stop = _stop(request, view)
    if request.state is not State.PENDING or stop is None:
        return None
    if isinstance(stop, Pause):
        scope, by, reason, until = scope_of(agent=stop.agent), None, None, None
    else:
        scope, by, reason, until = stop.scope, stop.by, stop.reason, stop.until
    return {
        "kind": "pause" if isinstance(stop, Pause) else "freeze",
        "scope": scope,
        "by": by,
        "name": None if by is None else view.name(by),
        "reason": reason,
        "at": moment(stop.at),
        "until": moment(until),
    }


def _stop(request: ApprovalRequest, view: View) -> Stop | None:
    return view.stops.of(agent=request.caller.agent, server=request.call.server, now=view.now)


def _snoozed_until(request: ApprovalRequest, view: View) -> datetime | None:
    one = view.snoozed.get(request.id)
    return one.until if one is not None and one.hides(request, view.now) else None


def _covered(covered: Covered | None, view: View) -> dict[str, Any] | None:
    if covered is None:
        return None
    names = [view.name(one) for one in covered.given_by]
    return {"id": covered.grant, "given_by": list(covered.given_by), "names": names, "request": covered.request}


def needed(need: quorum.Need) -> dict[str, Any]:
    """How far one factor is."""
    members = need.factor.members
    group = members[0].removeprefix("group:") if len(members) == 1 and members[0].startswith("group:") else None
    return {"group": group, "members": list(members), "count": need.factor.count, "have": need.have}


def voted(vote: Vote, view: View, *, full: bool) -> dict[str, Any]:
    """One vote, as this person may read it."""
    return {
        "reviewer": vote.reviewer,
        "name": view.name(vote.reviewer),
        "on_behalf": [{"id": one, "name": view.name(one)} for one in vote.on_behalf],
        "decision": vote.answer.value,
        "reason": text_of(vote.reason, full=full),
        "at": moment(vote.at),
        "via": vote.via,
        "raise_seconds": None if vote.raise_for is None else int(vote.raise_for.total_seconds()),
        "grant": shapes.written(vote.grant) if vote.grant is not None and full else None,
    }


def _question(one: Question, view: View, *, full: bool) -> dict[str, Any]:
    return {
        "by": one.by,
        "name": view.name(one.by),
        "question": text_of(one.text, full=full),
        "at": moment(one.at),
        "via": one.via,
        "told_at": moment(one.told_at),
        "answer": text_of(one.answer, full=full),
        "answered_at": moment(one.answered_at),
    }


def _terms(request: ApprovalRequest) -> dict[str, Any]:
    terms = request.terms
    return {
        "four_eyes": terms.four_eyes,
        "delegation": terms.delegation,
        "on_timeout": terms.on_timeout.value,
        "escalate": [
            {
                "to": list(step.to),
                "at": moment(escalating.moment(request, step)),
                "undelivered": step.undelivered,
                "timeout_seconds": None if step.timeout is None else step.timeout.total_seconds(),
            }
            for step in terms.escalate
        ],
        "timeout_seconds": terms.timeout.total_seconds(),
        "collect_within_seconds": terms.collect_within.total_seconds(),
        "cancel_window_seconds": terms.cancel_window.total_seconds(),
        "channels": list(terms.channels),
    }


def _outcome(outcome: Outcome, *, full: bool) -> Raw:
    result = _json(outcome.result, full=full) if outcome.result is not None else None
    return join(
        {
            "kind": outcome.kind,
            "result": result,
            "error": text_of(outcome.error, full=full),
            "started_at": moment(outcome.started_at),
            "finished_at": moment(outcome.finished_at),
        }
    )


def _changes(request: ApprovalRequest, *, full: bool) -> list[dict[str, Any]]:
    if request.edited_from is None:
        return []
    found = changes(json.loads(request.edited_from), json.loads(request.call.arguments), request.terms.redact)
    return [one.as_json() for one in (found if full else masked(found))]


def _destroyed(request: ApprovalRequest) -> dict[str, Any] | None:
    gone = request.destroyed
    return None if gone is None else {"at": moment(gone.at), "by": gone.by.value}


def _arguments(request: ApprovalRequest, *, full: bool) -> Raw:
    if request.destroyed is not None:
        return Raw(b"null")
    return _json(request.call.arguments, full=full, places=request.terms.redact)


def _json(stored: bytes, *, full: bool, places: Iterable[Steps] = ()) -> Raw:
    if full:
        return Raw(stored)
    try:
        return Raw(dumps(redact.redact_value(json.loads(stored, parse_float=_finite), places)))
    except (ValueError, RecursionError):
        return Raw(dumps(redact.HIDDEN))


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def text_of(text: str | None, *, full: bool) -> str | None:
    """A text as this person may read it."""
    return text if full or text is None else redact.redact_text(text)
