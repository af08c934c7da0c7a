"""What people said beside their votes, as JSON for one person: comments, and whether an outcome was as expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from approvals.domain import expecting, redact
from approvals.domain.expecting import Expectation
from approvals.domain.hushing import hushed_ledger
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import ApprovalRequest
from approvals.storage.tx import Tx
from approvals.web.shape import View, moment


def ledger(tx: Tx, request: ApprovalRequest, *, full: bool) -> Sequence[Record]:
    """What happened to it, without the secrets where the person may not read them (`full`)."""
    history = tx.requests.events(request.id)
    return history if full else hushed_ledger(request, history)


def speakers(request: ApprovalRequest, history: Sequence[Record]) -> list[str]:
    """Whoever commented, asked, or answered about the outcome."""
    said = [row.actor for row in history if row.event in {Note.COMMENTED, Note.EXPECTATION}]
    return [*said, *(one.by for one in request.questions)]


def spoken(request: ApprovalRequest, history: Sequence[Record], names: View, *, full: bool) -> dict[str, Any]:
    """`comments` and `expected` of the contract."""
    said = expecting.answers(history) if expecting.is_asked(request) else ()
    return {
        "comments": [_comment(row, names, full=full) for row in history if row.event is Note.COMMENTED],
        "expected": [_expectation(one, names, full=full) for one in said],
    }


def _comment(row: Record, names: View, *, full: bool) -> dict[str, Any]:
    text = str(row.detail.get("note") or "")
    return {
        "by": row.actor,
        "name": names.name(row.actor),
        "text": text if full else redact.redact_text(text),
        "at": moment(row.at),
        "via": str(row.detail.get("via") or ""),
    }


def _expectation(one: Expectation, names: View, *, full: bool) -> dict[str, Any]:
    return {
        "person": one.person,
        "name": names.name(one.person),
        "as_expected": one.as_expected,
        "note": one.note if full or one.note is None else redact.redact_text(one.note),
        "at": moment(one.at),
    }
