"""Sessions of the older eras over real sockets: caps, expiry, and who has to make room (protocol.md 1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from approvals.domain.model import Caller, Client
from gateway.inbound.http import InboundSettings
from gateway.inbound.sessions import SessionCaps
from tests.fakes.gate import FakeGate, Served, served
from tests.fakes.wire import Agent, Clock, agent, rpc, soon, wait_call


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate() -> FakeGate:
    fake = FakeGate()
    fake.tools["wait"] = fake.held
    return fake


@pytest.fixture
async def server(gate: FakeGate, clock: Clock) -> AsyncIterator[Served]:
    caps = SessionCaps(total=6, per_credential=3, idle_seconds=60)
    async with served(gate, InboundSettings(version="0", clock=clock, sessions=caps)) as running:
        yield running


@pytest.fixture
async def ada(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url) as client:
        yield client


async def test_a_credentials_oldest_idle_session_makes_room(ada: Agent, server: Served) -> None:
    ids: list[str | None] = []
    for _ in range(3):
        await ada.initialize()
        ids.append(ada.session)
    ada.session = ids[0]
    assert (await ada.post(rpc("ping"))).status == 200
    await ada.initialize()
    assert len(server.inbound.sessions) == 3
    ada.session = ids[0]
    assert (await ada.post(rpc("ping"))).status == 200
    ada.session = ids[1]
    assert (await ada.post(rpc("ping"))).status == 404


async def test_busy_sessions_are_not_ended_for_a_new_one(gate: FakeGate, ada: Agent) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            await ada.initialize()
            gate.entered.clear()
            group.create_task(ada.post(wait_call()))
            await soon(gate.entered)
        full = await ada.initialize()
        assert (full.status, full.json["error"]["code"]) == (503, 503)
        gate.release.set()


async def test_an_idle_session_expires(ada: Agent, clock: Clock) -> None:
    await ada.initialize()
    clock.now += 59
    assert (await ada.post(rpc("ping"))).status == 200
    clock.now += 61
    assert (await ada.post(rpc("ping"))).status == 404


async def test_the_total_is_capped_and_the_stale_make_room(server: Served, clock: Clock) -> None:
    sessions = server.inbound.sessions

    def opened(credential: bytes) -> bool:
        session = sessions.open(
            caller=Caller(agent="ada"), credential=credential, server=None, version="2025-11-25", client=Client()
        )
        return session is not None

    assert all(opened(bytes([number])) for number in range(6))
    assert not opened(b"new")
    clock.now += 61
    assert opened(b"new")
    assert len(sessions) == 1


async def test_a_call_says_which_session_it_came_over_by_a_hash(ada: Agent, gate: FakeGate) -> None:
    seen = []
    for _ in range(2):
        await ada.initialize()
        for _ in range(2):
            await ada.post(rpc("tools/call", {"name": "echo", "arguments": {}}))
        seen.append(ada.session)
    keys = [caller.session for caller in gate.callers]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert not {str(one) for one in seen} & {str(key) for key in keys}


async def test_the_sessions_of_who_may_not_come_in_any_more_end(ada: Agent, gate: FakeGate, server: Served) -> None:
    await ada.initialize()
    (session,) = server.inbound.sessions
    server.inbound.sweep()
    assert len(server.inbound.sessions) == 1
    gate.revoked.add("ada")
    server.inbound.sweep()
    await soon(gate.went)
    assert gate.gone == [session.key]
    assert len(server.inbound.sessions) == 0
