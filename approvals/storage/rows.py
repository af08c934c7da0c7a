"""Between a row of `requests` (with its votes) and an ApprovalRequest; nothing is asked of a database here.

`CHANGING` are the columns a committed step may move. `told_at` and `waiting_holder` are not among them: they
are set beside the lifecycle, and a step built from an older read must not put them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Row

from approvals.domain import changes, shapes
from approvals.domain.audit import Act
from approvals.domain.destroyed import Destroyed, DestroyedBy
from approvals.domain.folding import likeness
from approvals.domain.grants import Covered
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import (
    Answer,
    ApprovalRequest,
    Caller,
    Cause,
    Claim,
    Client,
    Ground,
    Outcome,
    Overrun,
    PersonId,
    Question,
    RequestId,
    State,
    ToolCall,
    Vote,
)
from approvals.domain.schedule import next_deadline
from approvals.domain.shapes import Proposal
from approvals.domain.sign_in import SignIn
from approvals.errors import Unreadable
from approvals.storage.tables import events, requests, votes
from approvals.storage.terms import terms_from_json, terms_to_json
from approvals.storage.types import Ciphertext
from approvals.storage.vault import Cells
from approvals.storage.words import apart


def new_row(request: ApprovalRequest) -> dict[str, Any]:
    """Every column of a request's first row."""
    call, caller = request.call, request.caller
    return {
        "id": request.id,
        "server": call.server,
        "tool": call.tool,
        "agent": caller.agent,
        "owner": caller.owner,
        "client_name": caller.client.name,
        "client_version": caller.client.version,
        "session": caller.session,
        "call_key": request.call_key,
        "risk": request.risk,
        "justification": request.justification,
        "created_at": request.created_at,
        "told_at": request.told_at,
        "shown_at": request.shown_at,
        "decoy": request.decoy,
        **ruled(request),
        **changing(request),
    }


def ruled(request: ApprovalRequest) -> dict[str, Any]:
    """The columns that say what the policy ruled: only an edit moves them."""
    return {
        "rule": request.rule,
        "rule_reason": request.rule_reason,
        "policy_version": request.policy_version,
        "severity": request.severity,
        "trace": [dict(step) for step in request.trace],
        "over": [asdict(one) for one in request.over] or None,
    }


def changing(request: ApprovalRequest) -> dict[str, Any]:
    """The columns a step may move, as they are after it. An edit changes the arguments and the binding."""
    call, claim, outcome = request.call, request.claim, request.outcome
    return {
        **private(request),
        "arguments_sha256": call.arguments_sha256,
        "meta_sha256": call.meta_sha256,
        "tool_fingerprint": call.tool_fingerprint,
        "binding": request.binding,
        "fold": likeness(request),
        "terms": terms_to_json(request.terms),
        "handed_by": list(request.handed_by) or None,
        "state": request.state.value,
        "cause": request.cause.value if request.cause else None,
        "revision": request.revision,
        "expires_at": request.expires_at,
        "next_at": next_deadline(request) if request.state is State.PENDING else None,
        "decided_at": request.decided_at,
        "collect_by": request.collect_by,
        "ground": request.ground.value if request.ground is not None else None,
        "covered": _covered_to_json(request.covered),
        "claim_holder": claim.holder if claim else None,
        "lease_until": claim.lease_until if claim else None,
        "outcome_kind": outcome.kind if outcome else None,
        "started_at": outcome.started_at if outcome else None,
        "finished_at": outcome.finished_at if outcome else None,
    }


def private(request: ApprovalRequest) -> dict[str, Any]:
    """The columns among them that are sealed: written only when they change, for they may be long."""
    outcome = request.outcome
    return {
        "arguments": request.call.arguments,
        "meta": request.call.meta,
        "edited_from": request.edited_from,
        "outcome_result": outcome.result if outcome else None,
        "outcome_error": outcome.error if outcome else None,
    }


class Texts:
    """The sealed columns of one row, as they read: None in all of them once the row's key was destroyed."""

    def __init__(self, row: Row[Any], cells: Cells | None) -> None:
        if cells is None and row.destroyed_at is None:
            raise Unreadable(what=f"{row.id}, whose key is not in the database (`placet db upgrade` seals old rows),")
        self._row, self._cells = row, None if row.destroyed_at is not None else cells

    def __getitem__(self, column: Column[Any]) -> Any:
        return None if self._cells is None else self._cells.open(column, getattr(self._row, column.name))


def request_from(
    row: Row[Any], cast: tuple[Vote, ...], questions: tuple[Question, ...], cells: Cells | None
) -> ApprovalRequest:
    """The request of one row; `row.waiting` is computed by the query.

    Raises:
        Unreadable: what is sealed in it does not open.
    """
    texts = Texts(row, cells)
    return ApprovalRequest(
        id=RequestId(row.id),
        call=_call(row, texts),
        caller=Caller(
            agent=row.agent,
            owner=PersonId(row.owner) if row.owner is not None else None,
            client=Client(name=row.client_name, version=row.client_version),
            session=row.session,
        ),
        terms=terms_from_json(row.terms),
        rule=row.rule,
        rule_reason=row.rule_reason,
        policy_version=row.policy_version,
        binding=row.binding,
        call_key=row.call_key,
        created_at=row.created_at,
        expires_at=row.expires_at,
        risk=row.risk,
        severity=row.severity,
        justification=texts[requests.c.justification],
        state=State(row.state),
        cause=Cause(row.cause) if row.cause is not None else None,
        revision=row.revision,
        decided_at=row.decided_at,
        collect_by=row.collect_by,
        ground=Ground(row.ground) if row.ground is not None else None,
        covered=_covered(row.covered),
        votes=cast,
        questions=questions,
        edited_from=texts[requests.c.edited_from],
        claim=Claim(holder=row.claim_holder, lease_until=row.lease_until) if row.claim_holder is not None else None,
        outcome=_outcome(row, texts),
        told_at=row.told_at,
        shown_at=row.shown_at,
        destroyed=_destroyed(row),
        waiting=bool(row.waiting),
        trace=tuple(texts[requests.c.trace] or ()),
        over=tuple(Overrun(**one) for one in texts[requests.c.over] or ()),
        handed_by=tuple(PersonId(one) for one in row.handed_by or ()),
        decoy=row.decoy,
    )


def _call(row: Row[Any], texts: Texts) -> ToolCall:
    return ToolCall(
        server=row.server,
        tool=row.tool,
        arguments=texts[requests.c.arguments] or b"{}",
        arguments_sha256=row.arguments_sha256,
        meta=texts[requests.c.meta] or b"{}",
        meta_sha256=row.meta_sha256,
        tool_fingerprint=row.tool_fingerprint,
    )


def _destroyed(row: Row[Any]) -> Destroyed | None:
    return None if row.destroyed_at is None else Destroyed(at=row.destroyed_at, by=DestroyedBy(row.destroyed_by))


def _covered_to_json(covered: Covered | None) -> dict[str, Any] | None:
    return None if covered is None else {**asdict(covered), "given_by": list(covered.given_by)}


def _covered(data: Mapping[str, Any] | None) -> Covered | None:
    if data is None:
        return None
    return Covered(
        grant=data["grant"],
        given_by=tuple(map(PersonId, data["given_by"])),
        request=data["request"],
        scope=shapes.Scope(data.get("scope", shapes.Scope.AGENT)),
    )


def _outcome(row: Row[Any], texts: Texts) -> Outcome | None:
    if row.outcome_kind is None:
        return None
    return Outcome(
        kind=row.outcome_kind,
        result=texts[requests.c.outcome_result],
        error=texts[requests.c.outcome_error],
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def vote_rows(request_id: str, cast: Sequence[Vote], first: int) -> list[dict[str, Any]]:
    """The rows of some votes, numbered from `first`."""
    return [
        {
            "request_id": request_id,
            "ordinal": first + offset,
            "reviewer": vote.reviewer,
            "answer": vote.answer.value,
            "binding": vote.binding,
            "via": vote.via,
            "at": vote.at,
            "reason": vote.reason,
            "raise_seconds": None if vote.raise_for is None else int(vote.raise_for.total_seconds()),
            "sign_in": None if vote.sign_in is None else vote.sign_in.saved(),
            "grant": None if vote.grant is None else shapes.written(vote.grant),
            "on_behalf": list(vote.on_behalf) or None,
        }
        for offset, vote in enumerate(cast)
    ]


def vote_from(row: Row[Any], cells: Cells | None) -> Vote:
    """One saved vote; without its reason once the key was destroyed."""
    return Vote(
        reviewer=PersonId(row.reviewer),
        answer=Answer(row.answer),
        binding=row.binding,
        via=row.via,
        at=row.at,
        reason=None if cells is None else cells.open(votes.c.reason, row.reason),
        raise_for=None if row.raise_seconds is None else timedelta(seconds=row.raise_seconds),
        sign_in=SignIn.read(row.sign_in),
        grant=_proposal(row.grant, cells),
        on_behalf=tuple(PersonId(one) for one in row.on_behalf or ()),
    )


def _proposal(sealed: Ciphertext | None, cells: Cells | None) -> Proposal | None:
    return None if sealed is None or cells is None else shapes.read(cells.open(votes.c.grant, sealed))


def event_row(record: Record) -> dict[str, Any]:
    """The row of one ledger record."""
    plain, words = apart(record.detail)
    return {
        "request_id": record.request,
        "seq": record.seq,
        "kind": "note" if isinstance(record.event, Note) else "change",
        "event": record.event.value,
        "before": record.before.value if record.before is not None else None,
        "after": record.after.value,
        "actor": record.actor,
        "at": record.at,
        "detail": plain,
        "words": words or None,
    }


def act_of(record: Record, binding: str) -> Act:
    """What the audit says of a ledger row: all of it, but for what the redactor would hide of an edit."""
    detail = dict(record.detail)
    if "changes" in detail:
        detail |= changes.kept(changes.masked(changes.read(detail)))
    return Act(
        action=f"request.{record.event.value}",
        actor=record.actor,
        at=record.at,
        via=str(record.detail.get("via") or ""),
        request=record.request,
        binding=binding,
        before=record.before.value if record.before is not None else None,
        after=record.after.value,
        detail=detail,
    )


def record_from(row: Row[Any], cells: Cells | None) -> Record:
    """One ledger record; without what people wrote once the key was destroyed."""
    words = None
    if cells is not None:
        with suppress(Unreadable):  # written before the key was destroyed, and another one made for later words
            words = cells.open(events.c.words, row.words)
    return Record(
        request=row.request_id,
        seq=row.seq,
        event=Note(row.event) if row.kind == "note" else Event(row.event),
        before=State(row.before) if row.before is not None else None,
        after=State(row.after),
        actor=row.actor,
        at=row.at,
        detail=row.detail | (words or {}),
    )
