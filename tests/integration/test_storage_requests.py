"""Saving, committing and finding approval requests, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError

from approvals.domain import lifecycle
from approvals.domain.fingerprint import make_call
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Effect, Note, Step
from approvals.domain.model import Answer, ApprovalRequest, Cause, Outcome, Ruled, State
from approvals.domain.terms import Escalation, OnTimeout
from approvals.storage.engine import Database, Tx
from approvals.storage.requests import LIVE_FOR, Query, due_ids
from tests.fakes.keys import VAULT
from tests.fakes.requests import ADA, NOON, approved, claimed, denied, make_request, vote

MINUTE = timedelta(minutes=1)


async def file(db: Database, **fields: Any) -> ApprovalRequest:
    request = make_request(**fields)
    assert await db.write(lambda tx: tx.requests.insert(request, lifecycle.filed(request)))
    return request


async def commit(db: Database, step: Step) -> ApprovalRequest:
    assert await db.write(lambda tx: tx.requests.commit(step))
    return step.after


async def read(db: Database, id: str) -> ApprovalRequest:
    found = await db.read(lambda tx: tx.requests.get(id))
    assert found is not None
    return found


async def test_a_request_comes_back_as_it_was_saved(database: Database) -> None:
    request = await file(database)
    assert await read(database, request.id) == request


async def test_every_field_of_the_terms_comes_back(database: Database) -> None:
    terms = replace(
        make_request().terms,
        four_eyes=True,
        timeout=timedelta(seconds=1, microseconds=1),
        on_timeout=OnTimeout.ESCALATE,
        escalate=(Escalation(after=5 * MINUTE, to=("group:oncall",)),),
        channels=("slack:#money", "web"),
        edit=False,
        justification="required",
        cancel_window=timedelta(seconds=5),
        execute_on_approve=True,
        self_service=True,
        grants="never",
    )
    request = await file(database, terms=terms)
    assert (await read(database, request.id)).terms == terms


async def test_what_a_text_column_cannot_hold_is_made_visible_instead_of_failing_the_write(database: Database) -> None:
    request = await file(database, justification="nul \x00 half \ud800 whole \U0001f600")
    assert (await read(database, request.id)).justification == "nul � half � whole \U0001f600"


async def test_a_request_that_is_not_there_is_none(database: Database) -> None:
    assert await database.read(lambda tx: tx.requests.get("req_none")) is None


async def test_fifty_inserts_of_the_same_call_at_once_make_one_row(database: Database) -> None:
    same = [make_request(arguments={"to": "acme"}) for _ in range(50)]

    def insert(request: ApprovalRequest) -> Any:
        return lambda tx: tx.requests.insert(request, lifecycle.filed(request))

    made = await asyncio.gather(*(database.write(insert(request)) for request in same))
    assert made.count(True) == 1
    winner = same[made.index(True)]
    assert await database.read(lambda tx: tx.requests.open_by_key(winner.call_key)) == winner
    rows = await database.read(lambda tx: tx.conn.execute(text("SELECT count(*) FROM events")).scalar_one())
    assert rows == 1, "a request that was not saved must leave no ledger row"


async def test_the_same_call_may_be_filed_again_once_the_first_has_ended(database: Database) -> None:
    first = await file(database, arguments={"to": "acme"})
    ended = await commit(database, denied(first))
    second = await file(database, arguments={"to": "acme"}, at=NOON + MINUTE)
    assert await database.read(lambda tx: tx.requests.open_by_key(second.call_key)) == second
    assert await database.read(lambda tx: tx.requests.last_ended_by_key(second.call_key)) == ended


async def test_the_last_ended_request_of_a_call_is_the_newest(database: Database) -> None:
    for minute in (0, 2, 1):
        request = await file(database, arguments={"to": "acme"}, at=NOON + minute * MINUTE)
        await commit(database, denied(request, at=NOON + 5 * MINUTE))
    last = await database.read(lambda tx: tx.requests.last_ended_by_key(request.call_key))
    assert last is not None
    assert last.created_at == NOON + 2 * MINUTE


async def test_fifty_claims_at_once_have_one_winner(database: Database) -> None:
    request = await commit(database, approved(await file(database)))
    steps = [claimed(request, holder=f"replica-{number}") for number in range(50)]

    def claim(step: Step) -> Any:
        return lambda tx: tx.requests.commit(step)

    won = await asyncio.gather(*(database.write(claim(step)) for step in steps))
    assert won.count(True) == 1
    saved = await read(database, request.id)
    assert saved.state is State.EXECUTING
    assert saved.claim == steps[won.index(True)].after.claim
    changes = [record.event for record in await database.read(lambda tx: tx.requests.events(request.id))]
    assert changes == [Note.FILED, Event.QUORUM_MET, Event.CLAIMED]


async def test_a_lost_race_writes_nothing_at_all(database: Database) -> None:
    request = await file(database)
    await commit(database, denied(request))
    before = await database.read(lambda tx: tx.requests.last_event_id())
    assert not await database.write(lambda tx: tx.requests.commit(approved(request)))
    assert await database.read(lambda tx: tx.requests.last_event_id()) == before
    assert [cast.answer for cast in (await read(database, request.id)).votes] == [Answer.DENY]


async def test_a_whole_life_comes_back_field_by_field(database: Database) -> None:
    request = await commit(database, approved(await file(database)))
    assert await read(database, request.id) == request
    request = await commit(database, claimed(request))
    assert await read(database, request.id) == request
    outcome = Outcome(kind="succeeded", result=b'{"content":[]}', started_at=NOON, finished_at=NOON + MINUTE)
    returned = Happened(event=Event.RETURNED, actor="placet", outcome=outcome)
    request = await commit(database, lifecycle.advance(request, returned, NOON + MINUTE))
    assert await read(database, request.id) == request
    assert await database.read(lambda tx: tx.requests.changed_at(request.id)) == NOON + MINUTE


async def test_an_edit_changes_the_call_and_voids_the_votes_but_not_the_ledger(database: Database) -> None:
    request = await file(database)
    voted = Happened(event=Event.VOTED, actor=ADA, vote=vote(request))
    request = await commit(database, lifecycle.advance(request, voted, NOON))
    assert len((await read(database, request.id)).votes) == 1
    call = make_call(server="bank", tool="pay", arguments={"amount": 2}, tool_fingerprint="f" * 64)
    ruled = Ruled(rule="/tools/pay/approve_if/0", policy_version="v2", severity="low", trace=({"rule": "/x"},))
    edited = Happened(event=Event.EDITED, actor=ADA, call=call, binding="e" * 64, ruled=ruled)
    request = await commit(database, lifecycle.advance(request, edited, NOON))
    saved = await read(database, request.id)
    assert saved == request
    assert (saved.votes, saved.call.arguments, saved.binding) == ((), b'{"amount":2}', "e" * 64)
    records = await database.read(lambda tx: tx.requests.events(request.id))
    assert [record.event for record in records] == [Note.FILED, Event.VOTED, Event.EDITED]


async def test_a_step_built_from_an_older_read_does_not_untell_the_agent(database: Database) -> None:
    request = await commit(database, approved(await file(database)))
    assert await database.write(lambda tx: tx.requests.set_told(request.id, NOON))
    await commit(database, claimed(request))
    assert (await read(database, request.id)).told_at == NOON


async def test_only_the_first_telling_is_noted(database: Database) -> None:
    request = await file(database)
    assert await database.write(lambda tx: tx.requests.set_told(request.id, NOON))
    assert not await database.write(lambda tx: tx.requests.set_told(request.id, NOON + MINUTE))
    assert (await read(database, request.id)).told_at == NOON


async def test_only_the_first_answer_to_being_shown_the_page_is_noted_and_no_step_undoes_it(database: Database) -> None:
    request = await file(database)
    assert request.shown_at is None
    assert await database.write(lambda tx: tx.requests.set_shown(request.id, NOON))
    assert not await database.write(lambda tx: tx.requests.set_shown(request.id, NOON + MINUTE))
    await commit(database, approved(request))
    assert (await read(database, request.id)).shown_at == NOON


async def test_the_ledger_tells_the_whole_story_with_its_details(database: Database) -> None:
    request = await file(database)
    step = denied(request)
    ended = await commit(database, step)
    comment = lifecycle.note(ended, Note.COMMENTED, actor=ADA, at=NOON, before=ended.state, detail={"text": "why\x00"})
    await database.write(lambda tx: tx.requests.append(comment, ended.binding))
    records = await database.read(lambda tx: tx.requests.events(request.id))
    assert records == [lifecycle.filed(request), step.record, comment]


async def test_what_was_written_can_be_followed_row_by_row(database: Database) -> None:
    start = await database.read(lambda tx: tx.requests.last_event_id())
    request = await file(database)
    await commit(database, denied(request))
    rows = await database.read(lambda tx: tx.requests.events_after(start, 10))
    assert [(id, event) for _, id, event in rows] == [(request.id, "filed"), (request.id, "vetoed")]
    assert await database.read(lambda tx: tx.requests.events_after(rows[0][0], 10)) == rows[1:]
    assert await database.read(lambda tx: tx.requests.last_event_id()) == rows[-1][0]


@pytest.mark.parametrize("change", ["UPDATE events SET actor = 'me'", "DELETE FROM events"])
async def test_the_ledger_refuses_to_be_rewritten(database: Database, change: str) -> None:
    request = await file(database)
    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(lambda tx: tx.conn.execute(text(change)))
    assert len(await database.read(lambda tx: tx.requests.events(request.id))) == 1


async def test_one_revision_has_one_ledger_row(database: Database) -> None:
    request = await file(database)
    step = denied(request)
    await commit(database, step)
    with pytest.raises(DBAPIError):
        await database.write(lambda tx: tx.requests.append(step.record, request.binding))


async def test_what_is_due_is_found_in_each_open_state_longest_overdue_first(database: Database) -> None:
    executing = await commit(database, claimed(await commit(database, approved(await file(database)))))
    collecting = await commit(database, approved(await file(database)))
    pending = await file(database)
    later = await file(database, expires_at=NOON + timedelta(hours=3))
    ended = await commit(database, denied(await file(database)))
    now = NOON + timedelta(hours=1)
    due = await database.read(lambda tx: tx.requests.due(now, 10))
    assert [request.id for request in due] == [executing.id, collecting.id, pending.id]
    assert {later.id, ended.id}.isdisjoint(request.id for request in due)
    assert [request.id for request in await database.read(lambda tx: tx.requests.due(now, 1))] == [executing.id]


async def test_a_deadline_counts_from_the_moment_it_is_reached(database: Database) -> None:
    request = await file(database)
    just_before = request.expires_at - timedelta(microseconds=1)
    assert await database.read(lambda tx: tx.requests.due(just_before, 10)) == []
    assert await database.read(lambda tx: tx.requests.due(request.expires_at, 10)) == [request]


async def test_finding_what_is_due_reads_the_three_partial_indexes_and_not_the_table(database: Database) -> None:
    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN" if tx.conn.dialect.name == "sqlite" else "EXPLAIN"
        if tx.conn.dialect.name == "postgresql":
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = due_ids(NOON, 10).compile(tx.conn, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(f"{explain} {compiled}"))

    found = await database.read(plan)
    for index in ("ix_requests_next", "ix_requests_collecting", "ix_requests_leased"):
        assert index in found
    assert "SCAN requests\n" not in found
    assert "Seq Scan" not in found


async def test_the_open_request_of_a_call_is_found_by_its_unique_index(database: Database) -> None:
    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN" if tx.conn.dialect.name == "sqlite" else "EXPLAIN"
        if tx.conn.dialect.name == "postgresql":
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))
        statement = (
            f"{explain} SELECT id FROM requests WHERE call_key = 'k' AND state IN ('pending','approved','executing')"
        )
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(statement))

    assert "uq_requests_open_call" in await database.read(plan)


async def test_pending_requests_are_counted_for_the_caps(database: Database) -> None:
    await file(database)
    await file(database, tool="refund")
    await file(database, agent="other")
    await commit(database, approved(await file(database)))
    counts = await database.read(lambda tx: tx.requests.count_pending(agent="claude-ada", server="bank", tool="pay"))
    assert counts == (2, 2, 3)
    assert await database.read(lambda tx: tx.requests.count_by_state()) == {State.PENDING: 3, State.APPROVED: 1}


async def test_the_oldest_pending_request_is_known(database: Database) -> None:
    assert await database.read(lambda tx: tx.requests.oldest_pending()) is None
    await file(database, at=NOON + MINUTE)
    await file(database, at=NOON)
    assert await database.read(lambda tx: tx.requests.oldest_pending()) == NOON


async def test_tools_with_requests_that_a_repeat_finds_are_listed_once(database: Database) -> None:
    await file(database)
    await file(database)
    await commit(database, denied(await file(database, tool="refund")))
    assert await database.read(lambda tx: tx.requests.repeatable(timedelta(hours=1))) == {
        ("bank", "pay"),
        ("bank", "refund"),
    }


SEARCHES = [
    ("everything, newest first", Query(), [4, 3, 2, 1, 0]),
    ("oldest first", Query(oldest_first=True), [0, 1, 2, 3, 4]),
    ("by state", Query(states=frozenset({State.DENIED})), [1]),
    ("by several states", Query(states=frozenset({State.DENIED, State.APPROVED})), [2, 1]),
    ("by server", Query(server="files"), [3]),
    ("by tool", Query(tool="refund"), [0]),
    ("by agent", Query(agent="other"), [4]),
    ("by owner", Query(owner="nobody@example.com"), []),
    ("by a word of the justification, whatever its case", Query(q="RENT"), [2]),
    ("by a part of a name", Query(q="refu"), [0]),
    ("a percent sign is no wildcard", Query(q="%"), []),
    ("as many as asked", Query(limit=2), [4, 3]),
    ("at least one", Query(limit=0), [4]),
]


@pytest.mark.parametrize(("query", "wanted"), [row[1:] for row in SEARCHES], ids=[row[0] for row in SEARCHES])
async def test_requests_are_found(database: Database, query: Query, wanted: list[int]) -> None:
    made = [
        await file(database, tool="refund"),
        await file(database, at=NOON + MINUTE),
        await file(database, at=NOON + 2 * MINUTE, justification="The rent is due"),
        await file(database, at=NOON + 3 * MINUTE, server="files"),
        await file(database, at=NOON + 4 * MINUTE, agent="other"),
    ]
    await commit(database, denied(made[1]))
    await commit(database, approved(made[2]))
    found = await database.read(lambda tx: tx.requests.search(query))
    assert [request.id for request in found] == [made[number].id for number in wanted]


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_pages_meet_without_gap_or_overlap_even_at_one_moment(database: Database, oldest_first: bool) -> None:
    made = {(await file(database)).id for _ in range(7)}
    seen: list[str] = []
    after = None
    while page := await database.read(
        lambda tx, at=after: tx.requests.search(Query(limit=3, after=at, oldest_first=oldest_first))  # type: ignore[misc] # mypy cannot infer a lambda with a default
    ):
        seen += [request.id for request in page]
        after = (page[-1].created_at, page[-1].id)
    assert len(seen) == 7
    assert set(seen) == made


async def test_a_request_is_waited_for_only_while_its_holder_lives(database_url: str) -> None:
    times = [NOON]
    async with Database.opened(database_url, VAULT, clock=lambda: times[-1]) as db:
        request = await file(db)
        await db.write(lambda tx: tx.replicas.heartbeat("here", tx.now))
        await db.write(lambda tx: tx.requests.set_waiting(request.id, "here"))
        assert (await read(db, request.id)).waiting
        times.append(NOON + LIVE_FOR)
        assert not (await read(db, request.id)).waiting, "the holder has not been heard of for too long"
        await db.write(lambda tx: tx.replicas.heartbeat("here", tx.now))
        assert (await read(db, request.id)).waiting
        await db.write(lambda tx: tx.requests.clear_waiting("here"))
        assert not (await read(db, request.id)).waiting


async def test_a_holder_that_lets_go_does_not_take_the_connection_of_the_next(database: Database) -> None:
    request = await file(database)
    await database.write(lambda tx: tx.replicas.heartbeat("second", tx.now))
    await database.write(lambda tx: tx.requests.set_waiting(request.id, "first"))
    await database.write(lambda tx: tx.requests.set_waiting(request.id, "second"))
    await database.write(lambda tx: tx.requests.set_waiting(request.id, None, was="first"))
    assert (await read(database, request.id)).waiting


async def test_committing_a_step_asks_every_reachable_card_to_be_repainted(database: Database) -> None:
    request = await file(database)
    await database.write(lambda tx: tx.messages.announce(request.id, [("slack", "#money")], 1, NOON))
    step = denied(request, at=NOON + MINUTE)
    assert Effect.REVISE in step.effects
    await commit(database, step)
    [card] = await database.read(lambda tx: tx.messages.for_request(request.id))
    assert (card.wanted_revision, card.state, card.next_at) == (2, "queued", NOON + MINUTE)


async def test_a_cause_comes_back(database: Database) -> None:
    request = await file(database)
    cancelled = Happened(event=Event.CANCELLED, actor="agent:claude-ada", cause=Cause.CLIENT_CANCELLED)
    await commit(database, lifecycle.advance(request, cancelled, NOON))
    assert (await read(database, request.id)).cause is Cause.CLIENT_CANCELLED


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = make_request(expires_at=NOON.replace(tzinfo=None))
    with pytest.raises(StatementError, match="needs a zone"):
        await database.write(lambda tx: tx.requests.insert(naive, lifecycle.filed(naive)))
