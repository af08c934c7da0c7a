"""What became of the calls of a group that wait no more: each by what tells it from the others, and all counted by end.

Like the card of one call: what somebody decided and when, what a reviewer changed, what the server answered, and
whether that was as expected. Pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.domain import expecting, folding, plain
from approvals.domain.changes import edits_of
from approvals.domain.excerpt import result_excerpt, result_label
from approvals.domain.hushing import hushed, hushed_ledger
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.redact import Redactor, redact_text
from approvals.domain.sentences import Telling, ended_word, status_line

NAMES, NAME, SAYS, RESULT, EDITS = 3, 40, 300, 150, 3

_NEW_LINE = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEnd:
    """One call that has ended. `name` is what differs, and its agent; `edits` are what a reviewer changed,
    `result` is what came back, with a word on whose it is."""

    request_id: str
    binding: str
    name: str
    says: str
    edits: tuple[str, ...]
    result: str | None
    asks_expected: bool
    expected: str | None


def ends_of(tellings: Sequence[Telling], others: Iterable[ApprovalRequest] = ()) -> tuple[GroupEnd, ...]:
    """What became of each; `others` stand beside them, and help to tell what differs."""
    redactor = Redactor()
    table = folding.table([_arguments(redactor, one) for one in [*(one.request for one in tellings), *others]])
    names = [path.removeprefix("/") for path in table.columns]
    return tuple(_end(one, names, cells) for one, cells in zip(tellings, table.rows, strict=False))


def counted(requests: Iterable[ApprovalRequest]) -> tuple[tuple[State, str, int], ...]:
    """How many ended how: the state, the word for it, the number; the most common first."""
    found = Counter((one.state, _word(one)) for one in requests)
    return tuple((state, word, count) for (state, word), count in found.most_common())


def _word(request: ApprovalRequest) -> str:
    if request.state is State.PENDING:
        return "out of time"
    return "running" if request.state is State.EXECUTING else ended_word(request.state, request.cause)


def _end(telling: Telling, names: Sequence[str], cells: tuple[Any, ...]) -> GroupEnd:
    request = hushed(telling.request)
    history = hushed_ledger(telling.request, telling.history)
    facts = [f"{_short(name)} {folding.cell(value, NAME)[0]}" for name, value in zip(names, cells, strict=True)]
    edits = edits_of(request)
    more = [f"and {len(edits) - EDITS} more"] if len(edits) > EDITS else []
    result, label = result_excerpt(request.outcome), result_label(request.state, request.cause)
    return GroupEnd(
        request_id=request.id,
        binding=request.binding,
        name=" · ".join([*facts[:NAMES], _short(request.caller.agent)]),
        says=plain.shorten(status_line(replace(telling, request=request, history=history)), SAYS),
        edits=(*(plain.shorten(one, SAYS) for one in edits[:EDITS]), *more),
        result=None if result is None else f"{label}: {plain.shorten(result.replace(_NEW_LINE, ' ⏎ '), RESULT)}",
        asks_expected=expecting.is_asked(request),
        expected=expecting.told(history, telling.names),
    )


def _arguments(redactor: Redactor, request: ApprovalRequest) -> dict[str, Any]:
    found: dict[str, Any] = redactor.value(redactor.places(json.loads(request.call.arguments), request.terms.redact))
    return found


def _short(text: str) -> str:
    return plain.shorten(plain.visible(redact_text(text)), NAME)
