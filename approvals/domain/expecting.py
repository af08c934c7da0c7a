"""Whether a call that ran did what people expected of it: each person's newest answer, out of the ledger.

Only what ran is asked about. Who was asked to decide may say, and the owner of its agent; an answer can be changed,
and the ledger keeps what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import ApprovalRequest, Cause, State

RAN = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one person said of the outcome."""

    person: str
    as_expected: bool
    note: str | None
    at: datetime


def is_asked(request: ApprovalRequest) -> bool:
    """Is there an outcome to speak of? What was never sent has none, nor what did not run as a person noted."""
    return request.state in RAN and request.cause not in {Cause.UNSENT, Cause.RESOLVED_DID_NOT_RUN}


def answers(history: Iterable[Record]) -> tuple[Expectation, ...]:
    """The newest answer of each person, in the order in which they first spoke."""
    found: dict[str, Expectation] = {}
    for row in history:
        if row.event is Note.EXPECTATION:
            note = row.detail.get("note")
            found[row.actor] = Expectation(
                person=row.actor,
                as_expected=row.detail.get("as_expected") is True,
                note=None if note is None else str(note),
                at=row.at,
            )
    return tuple(found.values())
