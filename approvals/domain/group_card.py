"""One card for many calls that are alike: the table of `folding` as text, what waits in it and what has ended.

Like `card`: redacted, then made visible; a cell that was cut is marked, for what cannot be read here is not approved
here. What waits comes first, the oldest on top.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.domain import folding, plain
from approvals.domain.changes import edits_of
from approvals.domain.group_ends import GroupEnd, counted, ends_of
from approvals.domain.hushing import hushed
from approvals.domain.looking import warnings_of
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.redact import Redactor, redact_text
from approvals.domain.sentences import Telling
from approvals.domain.stops import NO_STOPS, Stop, Stops, told

ROWS, COLUMNS = 30, 8
CELL, COMMON, NAME, SAYS, STOP = 60, 200, 60, 600, 300
ENDED_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One call. `whole`: its cells, what it has in common with the others, and what the agent says are shown uncut.

    `warnings`: what of it is not what it looks like. `edits`: what a reviewer changed. `stopped`: what keeps it from
    being approved now.
    """

    request_id: str
    binding: str
    agent: str
    cells: tuple[str, ...]
    whole: bool
    says: str | None
    expires_at: datetime
    warnings: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The calls of one card. `rows` wait, `more` wait beside them without a row.

    `ended` says of the last what became of each, `over` counts all that have ended, and `ends` by how they did;
    `history` is where they all are. `hidden`: values are masked, and may differ.
    """

    common: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    more: int
    over: int
    ended: tuple[GroupEnd, ...]
    ends: tuple[tuple[State, str, int], ...]
    hidden: bool
    left_out: int
    url: str
    history: str

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self.rows) + self.more


def make_group(
    requests: Sequence[ApprovalRequest],
    *,
    ended: Iterable[Telling],
    url: str,
    history: str = "/history",
    now: datetime,
    stops: Stops = NO_STOPS,
) -> Group:
    """The group of these requests as it is now; `ended` are the last of those that have ended."""
    waiting = sorted((one for one in requests if _waits(one, now)), key=lambda one: (one.created_at, one.id))
    shown, redactor = waiting[:ROWS], Redactor()
    calls = [redactor.value(redactor.places(json.loads(one.call.arguments), one.terms.redact)) for one in shown]
    table = folding.table(calls, columns=COLUMNS)
    common = [(_name(path), *folding.cell(value, COMMON)) for path, value in table.common]
    whole = table.left_out == 0 and all(all_of_it for _, _, all_of_it in common)
    return Group(
        common=tuple((path, text) for path, text, _ in common),
        columns=tuple(_name(path) for path in table.columns),
        rows=tuple(
            _row(one, cells, whole=whole, stop=stops.of(agent=one.caller.agent, server=one.call.server, now=now))
            for one, cells in zip(shown, table.rows, strict=True)
        ),
        more=len(waiting) - len(shown),
        over=len(requests) - len(waiting),
        ended=ends_of(tuple(ended), shown),
        ends=counted(one for one in requests if not _waits(one, now)),
        hidden=redactor.hidden > 0,
        left_out=table.left_out,
        url=url,
        history=history,
    )


def lately_ended(requests: Iterable[ApprovalRequest], now: datetime) -> list[ApprovalRequest]:
    """Those of which a group says what became of them."""
    over = [one for one in requests if not _waits(one, now)]
    return sorted(over, key=lambda one: one.decided_at or one.expires_at)[-ENDED_SHOWN:]


def _waits(request: ApprovalRequest, now: datetime) -> bool:
    return request.state is State.PENDING and now < request.expires_at


def _row(request: ApprovalRequest, values: tuple[object, ...], *, whole: bool, stop: Stop | None) -> GroupRow:
    request = hushed(request)
    cells = [folding.cell(value, CELL) for value in values]
    told_why = plain.visible(redact_text(request.justification)) if request.justification else None
    says = None if told_why is None else plain.shorten(told_why, SAYS)
    return GroupRow(
        request_id=request.id,
        binding=request.binding,
        agent=plain.shorten(plain.visible(redact_text(request.caller.agent)), NAME),
        cells=tuple(text for text, _ in cells),
        whole=whole and all(all_of_it for _, all_of_it in cells) and says == told_why,
        says=says,
        expires_at=request.expires_at,
        warnings=warnings_of(request, json.loads(request.call.arguments)),
        edits=tuple(plain.shorten(one, COMMON) for one in edits_of(request)),
        stopped=None if stop is None else plain.shorten(plain.visible(redact_text(told(stop))), STOP),
    )


def _name(path: str) -> str:
    return plain.shorten(plain.visible(redact_text(path.removeprefix("/"))), NAME)
