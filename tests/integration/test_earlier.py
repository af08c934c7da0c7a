"""What was decided before is found by the ends of two indexes, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from approvals.domain import lifecycle, similar
from approvals.domain.destroyed import DestroyedBy
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import advance
from approvals.domain.model import Answer, ApprovalRequest, Cause, State
from approvals.domain.similar import Past
from approvals.storage.earlier import newest
from approvals.storage.engine import Database, Tx
from approvals.storage.tables import requests
from approvals.storage.tables_earlier import IS_PEOPLES, IS_UNDECIDED
from tests.fakes.requests import ADA, NOON, approved, denied, make_request

MINUTE = timedelta(minutes=1)


async def save(db: Database, *happened: Happened, at: int = 0, **fields: object) -> ApprovalRequest:
    """A request, and what happened to it so many minutes after noon."""
    request = make_request(**fields)  # type: ignore[arg-type]
    moment = NOON + at * MINUTE

    def work(tx: Tx) -> ApprovalRequest:
        assert tx.requests.insert(request, lifecycle.filed(request))
        after = request
        for one in happened:
            step = advance(after, one, moment)
            assert tx.requests.commit(step)
            after = step.after
        return after

    return await db.write(work)


async def of_tool(db: Database, limit: int = 50, *, but: str = "req_none", before: int | None = None) -> list[Past]:
    until = None if before is None else NOON + before * MINUTE
    return await db.read(lambda tx: tx.earlier.of_tool("bank", "pay", but=but, before=until, limit=limit))


TAKEN_BACK = Happened(event=Event.CANCELLED, actor="agent:claude-ada", cause=Cause.CLIENT_CANCELLED)
OVER = Happened(event=Event.TIMED_OUT, actor="placet")


async def decide(db: Database, answer: Answer, at: int, **fields: object) -> ApprovalRequest:
    request = make_request(**fields)  # type: ignore[arg-type]
    step = (approved if answer is Answer.APPROVE else denied)(request, at=NOON + at * MINUTE)

    def work(tx: Tx) -> None:
        assert tx.requests.insert(request, lifecycle.filed(request))
        assert tx.requests.commit(step)

    await db.write(work)
    return step.after


async def test_the_newest_decisions_come_with_their_arguments_and_votes_and_without_the_rest(
    database: Database,
) -> None:
    first = await decide(database, Answer.APPROVE, 1, arguments={"to": "a"}, justification="secret plans")
    second = await decide(database, Answer.DENY, 2, arguments={"to": "b"})
    over = await save(database, OVER, at=3)
    await save(database, tool="other")
    await decide(database, Answer.DENY, 2, tool="other")
    await decide(database, Answer.DENY, 2, server="other")
    waits = await save(database)
    found = await of_tool(database)
    assert [one.request.id for one in found] == [second.id, first.id, over.id]
    assert waits.id not in {one.request.id for one in found}
    newest_, older, ended = found
    assert (newest_.request.call, older.request.call) == (second.call, first.call)
    assert [one.reviewer for one in newest_.request.votes] == [ADA]
    assert older.request.justification is None, "what comparing does not take stays closed"
    assert [one.at for one in (newest_, older, ended)] == [NOON + n * MINUTE for n in (2, 1, 3)]


async def test_only_what_was_decided_before_that_moment_is_found(database: Database) -> None:
    early = await decide(database, Answer.APPROVE, 1)
    this = await decide(database, Answer.APPROVE, 5)
    await decide(database, Answer.DENY, 9)
    await save(database, OVER, at=7)
    assert [one.request.id for one in await of_tool(database, but=this.id, before=5)] == [early.id]


async def test_what_is_cancelled_again_and_again_pushes_no_decision_out(database: Database) -> None:
    no = await decide(database, Answer.DENY, 0)
    for n in range(4):
        await save(database, TAKEN_BACK, at=n + 1)
    found = await of_tool(database, limit=3)
    assert [one.request.state for one in found] == [State.DENIED, *[State.CANCELLED] * 3]
    assert found[0].request.id == no.id


async def test_a_test_of_attention_is_never_found(database: Database) -> None:
    await decide(database, Answer.DENY, 0, decoy="amount is 100 times what was asked for before")
    await save(database, OVER, decoy="to is somebody else")
    assert await of_tool(database) == []


async def test_long_arguments_and_destroyed_ones_are_not_read(database: Database) -> None:
    long = await decide(database, Answer.APPROVE, 1, arguments={"text": "x" * similar.COMPARED})
    gone = await decide(database, Answer.DENY, 0, arguments={"to": "a"})
    await database.write(lambda tx: tx.sealed.destroy(gone.id, DestroyedBy.RETENTION))
    first, second = await of_tool(database)
    assert (first.request.call.arguments, first.request.call.arguments_sha256) == (b"", long.call.arguments_sha256)
    assert (second.request.id, second.request.state) == (gone.id, State.DENIED)
    assert second.request.destroyed is not None
    found = similar.similar(
        make_request(arguments={"to": "a"}), [first, second], sees=lambda _: True, in_full=lambda _: True
    )
    assert (found.decided, [row.past.request.id for row in found.rows]) == (2, [long.id])


@pytest.mark.parametrize(
    ("lane", "column", "index"),
    [
        (IS_PEOPLES, requests.c.decided_at, "ix_requests_peoples"),
        (IS_UNDECIDED, requests.c.created_at, "ix_requests_undecided"),
    ],
    ids=["what people decided", "what ended without"],
)
async def test_the_newest_are_the_end_of_an_index_and_nothing_is_sorted(
    database: Database, lane: object, column: object, index: str
) -> None:
    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN" if tx.conn.dialect.name == "sqlite" else "EXPLAIN"
        if tx.conn.dialect.name == "postgresql":
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))
            tx.conn.execute(text("SET LOCAL enable_bitmapscan = off"))
        statement = newest("bank", "pay", lane, column, 50)  # type: ignore[arg-type]
        compiled = statement.compile(tx.conn, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(f"{explain} {compiled}"))

    found = await database.read(plan)
    assert index in found
    assert "SCAN requests" not in found
    assert "Seq Scan on requests" not in found
    assert "TEMP B-TREE" not in found
    assert "Sort" not in found
