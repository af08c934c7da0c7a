"""What waits, without what agents and people wrote: enough to say who may see and decide it, and nothing is opened.

A list that groups has to look at every request that waits, also at those of other pages; opening all of them would
make each look as dear as reading them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Text, select, type_coerce

from approvals.domain.model import ApprovalRequest, Caller, Client, PersonId, RequestId, ToolCall, Vote
from approvals.domain.terms import Terms
from approvals.storage import finding
from approvals.storage.frame import Group
from approvals.storage.rows import vote_from
from approvals.storage.tables import IS_PENDING, requests, votes
from approvals.storage.terms import terms_from_text

_PLAIN = ("id", "server", "tool", "agent", "owner", "rule", "binding", "risk", "severity", "revision", "fold")
_COLUMNS = tuple(requests.c[name] for name in (*_PLAIN, "created_at", "expires_at", "handed_by"))
_NEWEST = (requests.c.created_at.desc(), requests.c.id.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A request that waits, with everything empty that is sealed, and the word for what is alike."""

    request: ApprovalRequest
    fold: str | None


class Outlines(Group):
    """Statements about all that waits."""

    def pending(self, *, fold: str | None = None) -> list[Outline]:
        """All that waits, or all of it that is alike in this way, oldest first."""
        of = [IS_PENDING] if fold is None else [IS_PENDING, requests.c.fold == fold]
        terms = type_coerce(requests.c.terms, Text).label("terms_text")
        found = select(*_COLUMNS, terms).where(*of).order_by(requests.c.created_at, requests.c.id)
        cast: dict[str, list[Vote]] = {}
        voted = select(votes).join(requests, requests.c.id == votes.c.request_id).where(*of)
        for row in self._run(voted.order_by(votes.c.request_id, votes.c.ordinal)):
            cast.setdefault(row.request_id, []).append(vote_from(row, None))
        known: dict[str, Terms] = {}
        return [Outline(request=_outline(row, cast, known), fold=row.fold) for row in self._run(found)]

    def saying(self, q: str) -> frozenset[str]:
        """The ids of what waits and has this text in a name or, among the newest, in its justification."""
        within = select(requests).where(IS_PENDING)
        ids, all_of_them = finding.ids_saying(self._tx, q, within.order_by(*_NEWEST), finding.OPENED)
        if all_of_them:
            return frozenset(ids)
        named = self._run(within.with_only_columns(requests.c.id).where(finding.named(q))).scalars()
        return frozenset((*ids, *named))


def _outline(row: Row[Any], cast: Mapping[str, Sequence[Vote]], known: dict[str, Terms]) -> ApprovalRequest:
    # Calls that are alike share their terms word for word: each text is read once.
    terms = known.get(row.terms_text)
    if terms is None:
        terms = known[row.terms_text] = terms_from_text(row.terms_text)
    nothing = ToolCall(
        server=row.server,
        tool=row.tool,
        arguments=b"{}",
        arguments_sha256="",
        meta=b"{}",
        meta_sha256="",
        tool_fingerprint="",
    )
    owner = PersonId(row.owner) if row.owner is not None else None
    return ApprovalRequest(
        id=RequestId(row.id),
        call=nothing,
        caller=Caller(agent=row.agent, owner=owner, client=Client(name=None, version=None)),
        terms=terms,
        rule=row.rule,
        rule_reason=None,
        policy_version="",
        binding=row.binding,
        call_key="",
        created_at=row.created_at,
        expires_at=row.expires_at,
        risk=row.risk,
        severity=row.severity,
        revision=row.revision,
        votes=tuple(cast.get(row.id, ())),
        handed_by=tuple(PersonId(one) for one in row.handed_by or ()),
    )
