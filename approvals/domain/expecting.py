"""Whether a call that ran did what people expected of it: each person's newest answer, out of the ledger.

Only what ran is asked about. Who was asked to decide may say, and the owner of its agent; an answer can be changed,
and the ledger keeps what was said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from approvals.domain import plain
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.domain.redact import redact_text

LINE = 200
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


def told(history: Iterable[Record], names: Mapping[str, str]) -> str | None:
    """What people said of the outcome, in a line; `names` are their labels."""
    said = [
        f"{names.get(one.person) or _line(one.person)}: {'as expected' if one.as_expected else 'not as expected'}"
        + (f" (“{_line(one.note)}”)" if one.note else "")
        for one in answers(history)
    ]
    return "; ".join(said) or None


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


def _line(text: str) -> str:
    return plain.shorten(plain.visible(redact_text(text)), LINE)
