"""Many calls that are alike, as one table: which belong together, and what differs between them.

Requests fold when one rule asked the same people about the same tool: server, tool and its fingerprint, rule and its
reason, risk, factors, four-eyes, channels and what is hidden. Agent and time do not matter. A table states once what
all of its calls have in common, and has a column for each place where they differ; what a surface must not show has
been hidden in the values before they come here, so that a difference nobody may see makes no column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from approvals.domain import plain
from approvals.domain.answered import answered_in
from approvals.domain.fingerprint import canonical
from approvals.domain.model import ApprovalRequest

PREFIX: Final = "fold_"
COLUMNS_MOST = 12
DEPTH_MOST = 4
"""Objects are compared member by member so deep; below, they are one value."""


class _Absent:
    """What stands where a call has no such member: no JSON value is the same."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """When similar requests become one: from so many that wait at once. None: never."""

    start: int | None = 3

    def folds(self, count: int) -> bool:
        """Are so many enough?"""
        return self.start is not None and count >= self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked(Folding):
    """The same, with the address of each group's table, and of what has ended."""

    page: Callable[[str], str] = field(default="/?fold={}".format, compare=False)
    history: str = "/history"


OFF = Linked(start=None)


class Way(StrEnum):
    """How a channel tells of requests that are alike."""

    IN_PLACE = "in_place"
    """One card becomes the card of them all."""
    BY_NUMBER = "by_number"
    """One line each time their number doubles."""


IN_PLACE = frozenset({"slack"})
"""Channels that bring a card up to date where it is."""


def way_of(channel: str) -> Way | None:
    """How a channel folds; None: each request is told by itself, as programs want it (webhooks)."""
    kind = channel.partition(":")[0]
    return {**dict.fromkeys(IN_PLACE, Way.IN_PLACE), "email": Way.BY_NUMBER, "notify": Way.BY_NUMBER}.get(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Calls side by side: `common` are (JSON Pointer, value), `rows` have a value or ABSENT for each of `columns`.

    `left_out` are columns for which there was no room: none of the rows is whole then.
    """

    common: tuple[tuple[str, Any], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int = 0


def likeness(request: ApprovalRequest) -> str | None:
    """What requests that fold have in common, as one word; None: this one stands alone."""
    if answered_in(request.call) is not None:
        return None  # each answer belongs to a question of its own
    call, terms = request.call, request.terms
    what = {
        "server": call.server,
        "tool": call.tool,
        "fingerprint": call.tool_fingerprint,
        "rule": request.rule,
        "reason": request.rule_reason,
        "risk": [request.risk, request.severity],
        "factors": [[sorted(factor.members), factor.count] for factor in terms.factors],
        "four_eyes": terms.four_eyes,
        "channels": sorted(terms.channels),
        "redact": [list(steps) for steps in terms.redact],
        "edit": terms.edit,
    }
    return PREFIX + hashlib.sha256(canonical(what)).hexdigest()[:32]


def table(calls: Sequence[dict[str, Any]], *, columns: int = COLUMNS_MOST) -> Table:
    """The arguments of several calls side by side; of more columns than this, the first."""
    common: list[tuple[str, Any]] = []
    differing: list[tuple[str, list[Any]]] = []
    for name in _names(calls):
        _compare(f"/{_escaped(name)}", [call.get(name, ABSENT) for call in calls], 1, common, differing)
    kept = differing[:columns]
    return Table(
        common=tuple(common),
        columns=tuple(path for path, _ in kept),
        rows=tuple(tuple(values[at] for _, values in kept) for at in range(len(calls))),
        left_out=len(differing) - len(kept),
    )


def cell(value: Any, limit: int) -> tuple[str, bool]:
    """A value on one line, nothing in it left unseen, and whether all of it is there."""
    if value is ABSENT:
        return "–", True
    text = plain.visible(value if isinstance(value, str) else canonical(value).decode())
    if isinstance(value, str) and (not value or value != value.strip() or value == "–"):
        text = f'"{text}"'
    return (text, True) if len(text) <= limit else (f"{text[: limit - 1]}…", False)


def _compare(
    path: str, values: list[Any], depth: int, common: list[tuple[str, Any]], differing: list[tuple[str, list[Any]]]
) -> None:
    if len({_exact(value) for value in values}) == 1:
        common.append((path, values[0]))
    elif depth < DEPTH_MOST and all(isinstance(value, dict) and value for value in values):
        for name in _names(values):
            members = [value.get(name, ABSENT) for value in values]
            _compare(f"{path}/{_escaped(name)}", members, depth + 1, common, differing)
    else:
        differing.append((path, values))


def _exact(value: Any) -> bytes:
    # 1, 1.0 and true are the same to Python; as canonical JSON they are what they are.
    return b"" if value is ABSENT else canonical(value)


def _names(objects: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for one in objects for name in one))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
