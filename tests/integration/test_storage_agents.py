"""Agents, their tokens, the audit of calls, freezes and heartbeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from approvals.storage.agents import AgentRow, TokenRow
from approvals.storage.calls import CallQuery, CallRow
from approvals.storage.engine import Database
from approvals.storage.requests import LIVE_FOR
from tests.fakes.requests import ADA, NOON

HOUR = timedelta(hours=1)
AGENT = AgentRow(name="claude-ada", owner=ADA, servers=("bank", "files"), source="added", created_at=NOON)
TOKEN = TokenRow(hash="a" * 64, agent="claude-ada", prefix="plc_agent_abcdefgh", created_at=NOON)
CALL = CallRow(
    id="call_1",
    at=NOON,
    agent="claude-ada",
    owner=ADA,
    server="bank",
    tool="pay",
    arguments_sha256="b" * 64,
    verdict="allow",
    rule="/tools/pay",
    trace=({"rule": "/tools/pay", "matched": True, "why": "named"},),
    policy_version="v1",
    outcome="succeeded",
    ms=12,
)


async def add(db: Database) -> None:
    await db.write(lambda tx: tx.agents.upsert(AGENT))
    await db.write(lambda tx: tx.agents.add_token(TOKEN))


async def test_an_agent_comes_back(database: Database) -> None:
    await add(database)
    assert await database.read(lambda tx: tx.agents.get("claude-ada")) == AGENT
    assert await database.read(lambda tx: tx.agents.list()) == [AGENT]
    assert await database.read(lambda tx: tx.agents.get("nobody")) is None


async def test_saving_an_agent_again_does_not_lift_a_pause(database: Database) -> None:
    await add(database)
    assert await database.write(lambda tx: tx.agents.pause("claude-ada", NOON))
    await database.write(lambda tx: tx.agents.upsert(replace(AGENT, servers=("bank",))))
    saved = await database.read(lambda tx: tx.agents.get("claude-ada"))
    assert saved == replace(AGENT, servers=("bank",), paused_at=NOON)
    assert await database.write(lambda tx: tx.agents.resume("claude-ada"))
    assert await database.read(lambda tx: tx.agents.get("claude-ada")) == replace(AGENT, servers=("bank",))


async def test_a_revoked_agent_has_no_live_token_even_when_it_is_reinstated(database: Database) -> None:
    await add(database)
    assert await database.write(lambda tx: tx.agents.revoke("claude-ada", NOON))
    assert await database.write(lambda tx: tx.agents.reinstate("claude-ada"))
    assert await database.read(lambda tx: tx.agents.get("claude-ada")) == AGENT
    assert await database.read(lambda tx: tx.agents.live_tokens(NOON)) == []


@pytest.mark.parametrize("change", ["pause", "revoke"])
async def test_what_is_done_to_no_agent_says_so(database: Database, change: str) -> None:
    assert not await database.write(lambda tx: getattr(tx.agents, change)("nobody", NOON))


async def test_a_token_is_found_by_its_hash_and_belongs_to_an_agent(database: Database) -> None:
    await add(database)
    assert await database.read(lambda tx: tx.agents.token(TOKEN.hash)) == TOKEN
    assert await database.read(lambda tx: tx.agents.token("f" * 64)) is None
    with pytest.raises(IntegrityError):
        await database.write(lambda tx: tx.agents.add_token(replace(TOKEN, hash="c" * 64, agent="nobody")))


async def test_rotation_keeps_the_new_token_and_ends_the_others(database: Database) -> None:
    await add(database)
    fresh = replace(TOKEN, hash="c" * 64, created_at=NOON + HOUR)
    await database.write(lambda tx: tx.agents.add_token(fresh))
    assert await database.write(lambda tx: tx.agents.revoke_tokens("claude-ada", NOON + HOUR, but=fresh.hash)) == 1
    assert await database.read(lambda tx: tx.agents.live_tokens(NOON + HOUR)) == [fresh]
    tokens = await database.read(lambda tx: tx.agents.tokens("claude-ada"))
    assert tokens == [fresh, replace(TOKEN, revoked_at=NOON + HOUR)]


async def test_a_token_ends_once(database: Database) -> None:
    await add(database)
    assert await database.write(lambda tx: tx.agents.revoke_token(TOKEN.hash, NOON))
    assert not await database.write(lambda tx: tx.agents.revoke_token(TOKEN.hash, NOON + HOUR))


async def test_an_expired_token_is_not_live(database: Database) -> None:
    await database.write(lambda tx: tx.agents.upsert(AGENT))
    await database.write(lambda tx: tx.agents.add_token(replace(TOKEN, expires_at=NOON)))
    just_before = NOON - timedelta(microseconds=1)
    assert len(await database.read(lambda tx: tx.agents.live_tokens(just_before))) == 1
    assert await database.read(lambda tx: tx.agents.live_tokens(NOON)) == []


async def test_the_last_use_of_a_token_is_noted(database: Database) -> None:
    await add(database)
    await database.write(lambda tx: tx.agents.used(TOKEN.hash, NOON + HOUR))
    assert await database.read(lambda tx: tx.agents.token(TOKEN.hash)) == replace(TOKEN, last_used_at=NOON + HOUR)


async def test_a_batch_of_calls_is_saved_once_even_when_it_is_tried_again(database: Database) -> None:
    batch = [replace(CALL, id=f"call_{number}", at=NOON + number * HOUR) for number in range(5)]
    await database.write(lambda tx: tx.calls.insert_many(batch))
    await database.write(lambda tx: tx.calls.insert_many([*batch, replace(CALL, id="call_9", at=NOON - HOUR)]))
    await database.write(lambda tx: tx.calls.insert_many([]))
    found = await database.read(lambda tx: tx.calls.search(CallQuery()))
    assert [call.id for call in found] == ["call_4", "call_3", "call_2", "call_1", "call_0", "call_9"]
    assert found[:5] == batch[::-1]


CALL_SEARCHES = [
    ("by agent", CallQuery(agent="other"), ["call_2"]),
    ("by verdict", CallQuery(verdict="deny"), ["call_1"]),
    ("by request", CallQuery(request_id="req_1"), ["call_0"]),
    ("since a time", CallQuery(since=NOON + HOUR), ["call_2", "call_1"]),
    ("after a place in the list", CallQuery(after=(NOON + HOUR, "call_1")), ["call_0"]),
    ("by two things at once", CallQuery(server="bank", tool="none"), []),
]


@pytest.mark.parametrize(("query", "wanted"), [row[1:] for row in CALL_SEARCHES], ids=[row[0] for row in CALL_SEARCHES])
async def test_calls_are_found(database: Database, query: CallQuery, wanted: list[str]) -> None:
    rows = [
        replace(CALL, id="call_0", request_id="req_1"),
        replace(CALL, id="call_1", at=NOON + HOUR, verdict="deny", tool="evil\x00tool"),
        replace(CALL, id="call_2", at=NOON + 2 * HOUR, agent="other"),
    ]
    await database.write(lambda tx: tx.calls.insert_many(rows))
    assert [call.id for call in await database.read(lambda tx: tx.calls.search(query))] == wanted


async def test_a_freeze_holds_until_its_time_or_until_it_is_ended(database: Database) -> None:
    await database.write(lambda tx: tx.switches.freeze("all", reason="drill", by=ADA, at=NOON, until=NOON + HOUR))
    await database.write(lambda tx: tx.switches.freeze("agent:x", reason="odd calls", by=ADA, at=NOON))
    assert [one.scope for one in await database.read(lambda tx: tx.switches.in_force(NOON))] == ["all", "agent:x"]
    [held] = await database.read(lambda tx: tx.switches.in_force(NOON + HOUR))
    assert (held.scope, held.reason, held.by, held.holds(NOON + HOUR)) == ("agent:x", "odd calls", ADA, True)
    assert await database.write(lambda tx: tx.switches.thaw("agent:x", by=ADA, at=NOON + HOUR))
    assert not await database.write(lambda tx: tx.switches.thaw("agent:x", by=ADA, at=NOON + HOUR))
    assert await database.read(lambda tx: tx.switches.in_force(NOON + HOUR)) == []


async def test_freezing_again_replaces_the_first_and_keeps_it_on_record(database: Database) -> None:
    await database.write(lambda tx: tx.switches.freeze("all", reason="first", by="cli", at=NOON))
    await database.write(lambda tx: tx.switches.freeze("all", reason="second", by=ADA, at=NOON + HOUR))
    assert [one.reason for one in await database.read(lambda tx: tx.switches.in_force(NOON + HOUR))] == ["second"]
    history = await database.read(lambda tx: tx.switches.history())
    assert [(one.reason, one.ended_by) for one in history] == [("second", None), ("first", ADA)]


async def test_a_process_is_alive_while_it_is_heard_of(database: Database) -> None:
    await database.write(lambda tx: tx.replicas.heartbeat("a", NOON))
    await database.write(lambda tx: tx.replicas.heartbeat("b", NOON))
    await database.write(lambda tx: tx.replicas.heartbeat("a", NOON + LIVE_FOR))
    assert await database.read(lambda tx: tx.replicas.live(NOON + LIVE_FOR)) == {"a"}
    await database.write(lambda tx: tx.replicas.leave("a"))
    assert await database.read(lambda tx: tx.replicas.live(NOON)) == {"b"}
    await database.write(lambda tx: tx.replicas.sweep(NOON + LIVE_FOR))
    assert await database.read(lambda tx: tx.replicas.live(NOON)) == frozenset()
