"""The requests part of the REST contract: look, decide, and the few other things people do to a request.

Every change goes through the desk, the same door that Slack and the command line use; what may not be
seen is not there, before anything else is said. A refusal that knows the current request shows it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from aiohttp import web

from approvals import attending
from approvals.access import Access, access, vote
from approvals.domain import changes, expecting, fingerprint, quorum, redact
from approvals.domain.lifecycle import Record
from approvals.domain.missing import missing
from approvals.domain.model import Answer, ApprovalRequest, Cause, Decision, State
from approvals.errors import Invalid, Refusal
from approvals.storage.messages import MessageRow
from approvals.storage.tx import Tx
from approvals.web import body, grants, problems
from approvals.web.grant_models import proposal_of
from approvals.web.models import AnswerIn, BulkIn, BulkItemIn, CancelIn, DecisionIn, ExtendIn, ResolveIn
from approvals.web.models_insights import ExpectedIn
from approvals.web.parts import PARTS, WebParts
from approvals.web.problems import Problem
from approvals.web.raises import written
from approvals.web.sessions import VISITOR, Visitor
from approvals.web.shape import Raw, View, answer, doers, dumps, join, listed, moment, view, write
from approvals.web.spoken import ledger, speakers, spoken

_ID = re.compile(r"req_[0-9A-Za-z]{1,60}")

Act = Callable[[WebParts, str, Visitor], Awaitable[ApprovalRequest]]


@access(Access.PERSON)
async def show(request: web.Request) -> web.StreamResponse:
    """One request."""
    found = await visible(request)
    parts, visitor = request.app[PARTS], request[VISITOR]
    shaped = await _shaped(parts, visitor, found)
    await parts.desk.saw(found, visitor.person)
    return answer(request, shaped, revision=found.revision)


@access(Access.PERSON)
async def timeline(request: web.Request) -> web.StreamResponse:
    """Everything that happened to a request."""
    found = await visible(request)
    parts, person = request.app[PARTS], request[VISITOR].person

    def look(tx: Tx) -> bytes:
        full = quorum.may_see_in_full(person, found)
        history = ledger(tx, found, full=full)
        names = view(tx, parts.directory, person, (row.actor for row in history))
        return dumps(
            {
                "events": [_entry(row, names, full=full) for row in history],
            }
        )

    return answer(request, await parts.db.read(look))


@vote
@access(Access.PERSON)
async def decide(request: web.Request) -> web.StreamResponse:
    """Approve or deny exactly the call whose binding is named."""
    sent = await body.receive(request)
    parts, visitor, id_ = request.app[PARTS], request[VISITOR], request.match_info["id"]
    try:
        decision = _decision(body.validate(sent, DecisionIn), visitor)
    except (Problem, Refusal) as wrong:
        await _keep_unread(parts, visitor, id_, sent, wrong)
        raise
    if not _ID.fullmatch(id_):
        raise problems.unseen(visitor.person, "request")
    return answer(request, await _decided(parts, visitor, id_, decision))


@vote
@access(Access.PERSON)
async def decide_many(request: web.Request) -> web.StreamResponse:
    """Several decisions; each is judged and saved on its own, and has its own result."""
    sent = await body.read(request, BulkIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    batch = parts.random(8).hex()
    results = [await _one_of_many(parts, visitor, item, batch) for item in sent.decisions]
    return answer(request, join({"results": listed(results)}))


@access(Access.PERSON)
async def extend(request: web.Request) -> web.StreamResponse:
    """Give people more time to decide."""
    sent = await body.read(request, ExtendIn)
    by = body.length(sent.by)
    return await act(request, lambda parts, id_, visitor: parts.desk.extend(id_, reviewer=visitor.person.id, by=by))


@access(Access.PERSON)
async def cancel(request: web.Request) -> web.StreamResponse:
    """Take the call back before it runs."""
    sent = await body.read(request, CancelIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.cancel(
            id_, actor=visitor.person.id, cause=Cause.CANCELLED_BY_PERSON, note=sent.note
        ),
    )


@access(Access.PERSON)
async def resolve(request: web.Request) -> web.StreamResponse:
    """Note whether a call of unknown outcome ran."""
    sent = await body.read(request, ResolveIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.resolve(id_, reviewer=visitor.person.id, ran=sent.ran, note=sent.note),
    )


@access(Access.PERSON)
async def expect(request: web.Request) -> web.StreamResponse:
    """Say whether what came of a call that ran was as expected; again, to change it."""
    sent = await body.read(request, ExpectedIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.expect(
            id_, person=visitor.person.id, as_expected=sent.as_expected, words=sent.note, via=visitor.via
        ),
    )


async def visible(request: web.Request) -> ApprovalRequest:
    """The request of the path, if whoever asks may see it."""
    id_ = request.match_info["id"]
    found = None
    if _ID.fullmatch(id_):
        found = await request.app[PARTS].desk.get(id_, request[VISITOR].person)
    if found is None:
        raise problems.unseen(request[VISITOR].person, "request")
    return found


async def act(request: web.Request, what: Act) -> web.Response:
    """Do one thing to a request this person may see, and answer with the request as it then stands."""
    found = await visible(request)
    parts, visitor = request.app[PARTS], request[VISITOR]
    after = await _refusing(parts, visitor, what(parts, found.id, visitor))
    return answer(request, await _shaped(parts, visitor, after))


async def _refusing(parts: WebParts, visitor: Visitor, done: Awaitable[ApprovalRequest]) -> ApprovalRequest:
    try:
        return await done
    except Refusal as refusal:
        current = refusal.fields.get("request")
        shown = None
        if isinstance(current, ApprovalRequest):
            shown = await _shaped(parts, visitor, current)
        raise problems.of_refusal(refusal, request=shown) from None


async def _keep_unread(parts: WebParts, visitor: Visitor, id_: str, sent: Any, wrong: Problem | Refusal) -> None:
    """Keep on record a vote that the desk never hears of, because something in it means nothing: a grant past every
    bound, arguments without an exact form. Only of a request that whoever sent it knows of.
    """
    said = sent if isinstance(sent, dict) else {}
    found = await parts.desk.get(id_) if _ID.fullmatch(id_) else None
    if found is None or said.get("decision") not in [*Answer]:
        return
    if said.get("binding") == found.binding or quorum.may_see(visitor.person, found):
        refused = wrong if isinstance(wrong, Refusal) else _as_refusal(wrong)
        vote = Decision(
            reviewer=visitor.person.id,
            answer=Answer(said["decision"]),
            binding=str(said.get("binding") or ""),
            via=visitor.via,
            sign_in=visitor.sign_in,
        )
        await parts.desk.turn_away(id_, vote, refused)


def _as_refusal(problem: Problem) -> Refusal:
    field = str(problem.extra.get("field") or "")
    return Invalid(field=field, why=problem.detail.removeprefix(f"{field}: "))


async def _one_of_many(parts: WebParts, visitor: Visitor, item: BulkItemIn, batch: str) -> Raw:
    try:
        shaped = await _decided(parts, visitor, item.id, _decision(item, visitor, batch))
    except Problem as problem:
        members = {**problem.extra, "id": item.id, "status": problem.status, "code": problem.code}
        shown = {} if problem.request is None else {"request": Raw(problem.request)}
        return join({**members, "detail": problem.detail, **shown})
    return join({"id": item.id, "status": 200, "request": shaped})


async def _decided(parts: WebParts, visitor: Visitor, id_: str, decision: Decision) -> Raw:
    """Decide, and the request as it then stands. The desk keeps the vote of whoever names the binding of a request that
    they may not see; they are told what everybody is told who may not see it.
    """
    is_seen = await parts.desk.get(id_, visitor.person) is not None
    try:
        after = await _refusing(parts, visitor, parts.desk.decide(id_, decision))
    except Problem as problem:
        if is_seen or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise problems.unseen(visitor.person, "request") from None
    return await _shaped(parts, visitor, after)


async def _shaped(parts: WebParts, visitor: Visitor, found: ApprovalRequest) -> Raw:
    def look(tx: Tx) -> Raw:
        messages, raises = tx.messages.for_request(found.id), tx.raises.of_request(found.id)
        full = quorum.may_see_in_full(visitor.person, found)
        history = ledger(tx, found, full=full)
        named = [*quorum.named_in(found.votes), *speakers(found, history)]
        given = tx.grants.of_request(found.id)
        named += [one for grant in given for one in grant.given_by]
        named += found.covered.given_by if found.covered is not None else ()
        acted = tx.doers.of([found.id]).get(found.id, [])
        named += acted
        seen_by = view(tx, parts.directory, visitor.person, named, snoozed=tx.snoozes.of(visitor.person.id))
        more = {
            "acted_by": doers(acted, seen_by),
            "confirm": step_for(tx, parts, visitor, found),
            **spoken(found, history, seen_by, full=full),
            "may_say_expected": expecting.is_asked(found) and quorum.may_speak_of(visitor.person, found),
            "deliveries": [_delivery(row) for row in messages],
            "raises": [written(one, found, seen_by) for one in raises],
            "missing": list(missing(found, parts.directory.people(tx).values())),
            "grants": [grants.written(one, seen_by) for one in given],
        }
        return write(found, seen_by, more)

    return await parts.db.read(look)


def step_for(tx: Tx, parts: WebParts, visitor: Visitor, found: ApprovalRequest) -> dict[str, Any] | None:
    """The step more that approving takes this person."""
    person = visitor.person
    if found.state is not State.PENDING or quorum.why_not(person, found) is not None:
        return None
    step = attending.asked(tx, parts.desk.friction, found, person=person.id, via=visitor.via)
    return None if step is None else asdict(step)


def _decision(sent: AnswerIn, visitor: Visitor, batch: str | None = None) -> Decision:
    one = sent if isinstance(sent, DecisionIn) else None
    wanted = one.grant if one is not None else None
    return Decision(
        reviewer=visitor.person.id,
        answer=Answer(sent.decision),
        binding=sent.binding or "",
        via=visitor.via,
        reason=sent.reason,
        sign_in=visitor.sign_in,
        raise_for=body.length(one.raise_for) if one is not None and one.raise_for is not None else None,
        arguments=_arguments(one.arguments) if one is not None else None,
        confirm=sent.confirm,
        batch=batch,
        grant=None if wanted is None else proposal_of(wanted),
    )


def _arguments(sent: dict[str, Any] | None) -> bytes | None:
    """Edited arguments in the one form in which they are judged, hashed, shown and sent."""
    try:
        return None if sent is None else fingerprint.canonical(sent)
    except ValueError as err:
        raise problems.invalid("/arguments", f"they have no exact form ({err})") from None


def _entry(row: Record, names: View, *, full: bool) -> dict[str, Any]:
    detail = dict(row.detail)
    if not full:
        shown = changes.kept(changes.masked(changes.read(detail))) if "changes" in detail else {}
        detail = redact.redact_value({name: value for name, value in detail.items() if name != "binding"} | shown)
    return {
        "seq": row.seq,
        "event": row.event.value,
        "from": row.before.value if row.before is not None else None,
        "to": row.after.value,
        "actor": row.actor,
        "name": names.name(row.actor),
        "at": moment(row.at),
        "detail": detail,
    }


def _delivery(row: MessageRow) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "target": row.target,
        "state": row.state,
        "attempts": row.attempts,
        "error": row.error,
        "current": row.shown_revision is not None and row.shown_revision >= row.wanted_revision,
    }
