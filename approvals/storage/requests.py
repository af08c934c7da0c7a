"""Approval requests and their ledger: the only writer of state.

Two statements decide every race. `insert` meets the partial unique index on the call key of open requests;
`commit` updates one row only where the revision is still the one that was read, and writes the event row,
the votes and the wish to repaint every card in the same transaction. A False from either means that
somebody was first: read again, and say who. Rows of `events` are only ever inserted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
    update,
)
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.happening import Event
from approvals.domain.lifecycle import Effect, Record, Step
from approvals.domain.model import ApprovalRequest, State, Vote
from approvals.domain.terms import Terms
from approvals.storage import finding, messages
from approvals.storage.data_keys import data_keys
from approvals.storage.decoys import DecoyRows
from approvals.storage.frame import Group
from approvals.storage.questions import Questions
from approvals.storage.rows import (
    act_of,
    changing,
    event_row,
    new_row,
    private,
    record_from,
    request_from,
    ruled,
    vote_from,
    vote_rows,
)
from approvals.storage.tables import (
    IS_APPROVED,
    IS_EXECUTING,
    IS_OPEN,
    IS_PENDING,
    IS_REAL,
    IS_RETOLD,
    events,
    replicas,
    requests,
    votes,
)
from approvals.storage.tables_messages import messages as card_rows
from approvals.storage.terms import terms_to_json
from approvals.storage.vault import Cells, WrappedKey, has_words

LIVE_FOR = timedelta(seconds=15)
"""A replica whose last heartbeat is older holds nobody's connection any more."""
MAX_LIST = 500
"""No list is longer, whatever was asked for."""

COUNTING = 0x636F_756E_7400
"""Seeds the advisory locks of counting, apart from any other's: "count" in ASCII."""

Cursor = tuple[datetime, str]
"""Where a list goes on: `(created_at, id)` of the last request shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which requests to list. `q` looks into ids, names and justifications, never into arguments."""

    states: frozenset[State] = frozenset()
    server: str | None = None
    tool: str | None = None
    agent: str | None = None
    owner: str | None = None
    q: str | None = None
    limit: int = 50
    after: Cursor | None = None
    oldest_first: bool = False
    ground: str | None = None
    risk: str | None = None
    decided_before: datetime | None = None


class Requests(Group):
    """Statements about approval requests and their events."""

    def get(self, id: str, *, lock: bool = False) -> ApprovalRequest | None:
        """One request; `lock` keeps other writers off its row until this transaction ends."""
        statement = self._select().where(requests.c.id == id)
        return self._one(statement.with_for_update(of=requests) if lock else statement)

    def open_by_key(self, call_key: str) -> ApprovalRequest | None:
        """The open request for this call, if there is one: there is never a second."""
        return self._one(self._select().where(requests.c.call_key == call_key, IS_OPEN))

    def last_ended_by_key(self, call_key: str) -> ApprovalRequest | None:
        """The newest request for this call that has ended."""
        ended = self._select().where(requests.c.call_key == call_key, ~_open())
        return self._one(ended.order_by(requests.c.created_at.desc(), requests.c.id.desc()).limit(1))

    def changed_at(self, id: str) -> datetime | None:
        """When the request last changed: for one that has ended, when it ended."""
        return self._run(select(requests.c.changed_at).where(requests.c.id == id)).scalar_one_or_none()

    def insert(self, request: ApprovalRequest, record: Record) -> bool:
        """Save a new request with its first ledger row. False: an open one for the same call is there."""
        key, cells = self._tx.vault.fresh(request.id)
        statement = (
            self._tx.insert(requests)
            .values(**cells.row(requests, new_row(request)), changed_at=record.at)
            .on_conflict_do_nothing(index_elements=[requests.c.call_key], index_where=IS_OPEN)
            .returning(requests.c.id)
        )
        if self._run(statement).first() is None:
            return False
        self._tx.keep_cells(request.id, key, cells)
        self._add_votes(request.id, request.votes, first=0)
        self.append(record, request.binding)
        return True

    def commit(self, step: Step) -> bool:
        """Make one step of the lifecycle true, whole or not at all. False: somebody else was first."""
        before, after = step.before, step.after
        values, same = changing(after), private(before)
        for name in [name for name, value in private(after).items() if value == same[name]]:
            del values[name]
        if step.record.event is Event.EDITED:
            values |= ruled(after)
        statement = (
            update(requests)
            .where(
                requests.c.id == before.id,
                requests.c.revision == before.revision,
                requests.c.state == before.state.value,
            )
            .values(**self._sealed(requests, after.id, values), changed_at=step.record.at)
            .returning(requests.c.id)
        )
        if self._run(statement).first() is None:
            return False
        self._save_votes(before, after)
        Questions(self._tx).save(before, after)
        self.append(step.record, after.binding)
        if Effect.REVISE in step.effects:
            messages.Messages(self._tx).want(after.id, after.revision, step.record.at)
        return True

    def append(self, record: Record, binding: str) -> None:
        """Write one ledger row with its place in the audit, and wake whoever watches the request."""
        self._run(events.insert().values(**self._sealed(events, record.request, event_row(record))))
        self._tx.record(act_of(record, binding))
        self._tx.touch(record.request)

    def set_waiting(self, id: str, holder: str | None, *, was: str | None = None) -> None:
        """Note which process holds the agent's connection; with `was`, only if that one held it until now."""
        held = true() if was is None else requests.c.waiting_holder == was
        self._run(update(requests).where(requests.c.id == id, held).values(waiting_holder=holder))
        if holder is None:
            DecoyRows(self._tx).left(id)
        self._tx.touch(id)

    def clear_waiting(self, holder: str) -> None:
        """Forget every connection a process held: it has just started, or is known to be gone."""
        self._run(update(requests).where(requests.c.waiting_holder == holder).values(waiting_holder=None))

    def end_leases(self, now: datetime) -> None:
        """Let every running claim be overdue: whoever made them is known to be gone."""
        self._run(update(requests).where(IS_EXECUTING, requests.c.lease_until > now).values(lease_until=now))

    def prolong(self, id: str, holder: str, until: datetime) -> bool:
        """Let a running claim of this process last longer; whether it has one."""
        ours = (requests.c.id == id, IS_EXECUTING, requests.c.claim_holder == holder)
        self._run(update(requests).where(*ours, requests.c.lease_until < until).values(lease_until=until))
        return self._run(select(requests.c.id).where(*ours)).first() is not None

    def set_told(self, id: str, at: datetime) -> bool:
        """Note that the agent has its answer. False: it was told before."""
        untold = update(requests).where(requests.c.id == id, requests.c.told_at.is_(None))
        return self._run(untold.values(told_at=at).returning(requests.c.id)).first() is not None

    def set_shown(self, id: str, at: datetime) -> bool:
        """Note that the agent's user answered to being shown the page. False: they did before."""
        unshown = update(requests).where(requests.c.id == id, requests.c.shown_at.is_(None))
        return self._run(unshown.values(shown_at=at).returning(requests.c.id)).first() is not None

    def set_terms(self, id: str, terms: Terms) -> None:
        """Save other terms of a request; what they ask of people is not compared with its votes again."""
        self._run(update(requests).where(requests.c.id == id).values(terms=terms_to_json(terms)))

    def search(self, query: Query) -> list[ApprovalRequest]:
        """The requests that fit, newest first unless asked otherwise."""
        place = tuple_(requests.c.created_at, requests.c.id)
        statement = self._select().where(*_conditions(query))
        if query.after is not None:
            cursor = tuple_(*_cursor(query.after))
            statement = statement.where(place > cursor if query.oldest_first else place < cursor)
        keys = (requests.c.created_at, requests.c.id)
        statement = statement.order_by(*(keys if query.oldest_first else tuple(key.desc() for key in keys)))
        limit = max(1, min(query.limit, MAX_LIST))
        if query.q:
            ids, all_of_them = finding.ids_saying(self._tx, query.q, statement, limit)
            if all_of_them:
                return finding.in_order(self._many(self._select().where(requests.c.id.in_(ids))), ids)
            statement = statement.where(or_(requests.c.id.in_(ids), finding.named(query.q)))
        return self._many(statement.limit(limit))

    def these(self, ids: Sequence[str]) -> list[ApprovalRequest]:
        """The requests with these ids, in no order."""
        return self._many(self._select().where(requests.c.id.in_(ids))) if ids else []

    def of_fold(self, fold: str, ids: Sequence[str]) -> list[ApprovalRequest]:
        """Those of these requests that are, or were when they ended, alike in this way."""
        return self._many(self._select().where(requests.c.fold == fold, requests.c.id.in_(ids))) if ids else []

    def following(self, leader: str, limit: int) -> list[ApprovalRequest]:
        """The requests whose cards follow this one, oldest first."""
        theirs = select(card_rows.c.request_id).where(card_rows.c.follows == leader, card_rows.c.id != leader)
        found = self._select().where(requests.c.id.in_(theirs)).order_by(requests.c.created_at, requests.c.id)
        return self._many(found.limit(limit))

    def count_alike(self, fold: str) -> int:
        """How many there are of them."""
        counted = select(func.count()).select_from(requests)
        return int(self._run(counted.where(IS_PENDING, requests.c.fold == fold)).scalar_one())

    def due(self, now: datetime, limit: int) -> list[ApprovalRequest]:
        """Requests whose deadline, collection time or lease has come, the longest overdue first."""
        ids = [row.id for row in self._run(due_ids(now, limit))]
        if not ids:
            return []
        found = {request.id: request for request in self._many(self._select().where(requests.c.id.in_(ids)))}
        return [found[id] for id in ids if id in found]

    def count_pending(self, *, agent: str, server: str, tool: str) -> tuple[int, int, int]:
        """How many requests wait for people: of this agent, for this tool, in all."""
        of_tool = and_(requests.c.server == server, requests.c.tool == tool)
        counts = select(
            func.count().filter(requests.c.agent == agent).label("of_agent"),
            func.count().filter(of_tool).label("of_tool"),
            func.count().label("in_all"),
        )
        row = self._run(counts.where(IS_OPEN, IS_PENDING, IS_REAL).select_from(requests)).one()
        return (row.of_agent, row.of_tool, row.in_all)

    def count_alone(self, name: str) -> None:
        """Until this transaction ends, nobody else counts under this name: what makes a cap exact.

        SQLite writes one transaction at a time anyway.
        """
        if self._tx.conn.dialect.name == "postgresql":
            self._run(select(func.pg_advisory_xact_lock(func.hashtextextended(name, COUNTING))))

    def count_by_state(self) -> dict[State, int]:
        """How many requests are open, state by state; a decoy that waits is as any other."""
        statement = select(requests.c.state, func.count().label("open")).where(IS_OPEN).group_by(requests.c.state)
        return {State(row.state): row.open for row in self._run(statement)}

    def oldest_pending(self) -> datetime | None:
        """When the request that has waited longest for people was filed."""
        statement = select(func.min(requests.c.created_at)).where(IS_OPEN, IS_PENDING)
        oldest: datetime | None = self._run(statement).scalar_one()
        return oldest

    def repeatable(self, within: timedelta) -> frozenset[tuple[str, str]]:
        """Every (server, tool) with a request that is open, or ended `within` and was not told, or was denied."""
        of_tool = select(requests.c.server, requests.c.tool)
        lately = requests.c.changed_at > self._tx.time_ago(within)
        found = union(of_tool.where(IS_OPEN, IS_REAL), of_tool.where(IS_RETOLD, IS_REAL, lately))
        return frozenset((row.server, row.tool) for row in self._run(found))

    def events(self, id: str) -> list[Record]:
        """The ledger of one request, oldest first."""
        statement = select(events).where(events.c.request_id == id).order_by(events.c.id)
        cells = self._tx.cells_of([id]).get(id)
        return [record_from(row, cells) for row in self._run(statement)]

    def events_after(self, row_id: int, limit: int) -> list[tuple[int, str, str]]:
        """What was written after a row: (row id, request, event).

        On PostgreSQL a row can appear behind a later one that was committed first, so a follower looks
        back a little; `approvals.bus` does.
        """
        statement = select(events.c.id, events.c.request_id, events.c.event).where(events.c.id > row_id)
        rows = self._run(statement.order_by(events.c.id).limit(limit))
        return [(row.id, row.request_id, row.event) for row in rows]

    def last_event_id(self) -> int:
        """The newest row of the ledger, 0 when it is empty."""
        return int(self._run(select(func.coalesce(func.max(events.c.id), 0))).scalar_one())

    def _select(self) -> Select[Any]:
        alive = exists().where(
            replicas.c.holder == requests.c.waiting_holder, replicas.c.beat_at > self._tx.time_ago(LIVE_FOR)
        )
        # The key comes with the row: a question of its own would cost every step more than all of sealing does.
        kept = requests.outerjoin(data_keys, data_keys.c.subject == requests.c.id)
        return select(requests, alive.label("waiting"), data_keys.c.master, data_keys.c.wrapped).select_from(kept)

    def _one(self, statement: Select[Any]) -> ApprovalRequest | None:
        found = self._many(statement)
        return found[0] if found else None

    def _many(self, statement: Select[Any]) -> list[ApprovalRequest]:
        rows = self._run(statement).all()
        cells = self._tx.opening({r.id: WrappedKey(r.master, r.wrapped) for r in rows if r.master is not None})
        # A request at its first revision has met no event yet: no vote, no question. Most held calls cost one read.
        ids = [row.id for row in rows if row.revision > 1]
        cast, asked = self._votes_of(ids, cells), Questions(self._tx).of(ids)
        return [
            request_from(row, tuple(cast.get(row.id, ())), asked.get(row.id, ()), cells.get(row.id)) for row in rows
        ]

    def _votes_of(self, ids: Sequence[str], cells: Mapping[str, Cells]) -> Mapping[str, list[Vote]]:
        cast: dict[str, list[Vote]] = {}
        if ids:
            statement = select(votes).where(votes.c.request_id.in_(ids)).order_by(votes.c.request_id, votes.c.ordinal)
            for row in self._run(statement):
                cast.setdefault(row.request_id, []).append(vote_from(row, cells.get(row.request_id)))
        return cast

    def _save_votes(self, before: ApprovalRequest, after: ApprovalRequest) -> None:
        kept = len(before.votes)
        if after.votes[:kept] != before.votes:
            # An edit voids the votes; the ledger keeps what was said.
            self._run(delete(votes).where(votes.c.request_id == after.id))
            kept = 0
        self._add_votes(after.id, after.votes[kept:], first=kept)

    def _add_votes(self, id: str, cast: Sequence[Vote], *, first: int) -> None:
        if cast:
            self._run(votes.insert(), [self._sealed(votes, id, row) for row in vote_rows(id, cast, first)])

    def _sealed(self, table: Table, id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        # Where there are no words no key is asked for: most steps have none.
        return self._tx.cells(id).row(table, values) if has_words(table, values) else dict(values)


def due_ids(now: datetime, limit: int) -> Select[Any]:
    """Ids whose time has come: one partial index for each open state, so the size of the table does not matter."""
    ends = (
        (IS_PENDING, requests.c.next_at),
        (IS_APPROVED, requests.c.collect_by),
        (IS_EXECUTING, requests.c.lease_until),
    )
    parts = [
        select(
            select(requests.c.id, column.label("at"))
            .where(state, column <= now)
            .order_by(column)
            .limit(limit)
            .subquery()
        )
        for state, column in ends
    ]
    overdue = union_all(*parts).subquery()
    return select(overdue.c.id).order_by(overdue.c.at, overdue.c.id).limit(limit)


def _open() -> ColumnElement[bool]:
    return requests.c.state.in_(("pending", "approved", "executing"))


def _cursor(after: Cursor) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return literal(after[0], requests.c.created_at.type), literal(after[1])


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    exact = {"server": query.server, "tool": query.tool, "agent": query.agent, "owner": query.owner}
    exact |= {"ground": query.ground, "risk": query.risk}
    found = [requests.c[name] == value for name, value in exact.items() if value is not None]
    if query.states:
        found.append(requests.c.state.in_(sorted(state.value for state in query.states)))
    if query.decided_before is not None:
        found.append(requests.c.decided_at < query.decided_before)
    return found
