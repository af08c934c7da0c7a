"""What is done to agents, over REST and against the rows: who may, what ends at once, and what is shown once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from approvals import tokens
from approvals.acting import Actor
from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.errors import AlreadyDecided, Refusal, Revoked
from approvals.storage.engine import Database
from approvals.testing import samples
from gateway.agents import Agents
from gateway.callers import Callers
from gateway.console_agents import ConsoleAgents, IssuedOut, RevokedOut
from tests.fakes.desk import House, house
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, AUDREY, OTTO, VERA, Console, serving

AGENTS = "/api/v1/agents"
BOT = {"name": "bot", "owner": "Ada@example.com"}
ON_THE_MACHINE = Actor(id="cli:root", via="cli")


def settings(**more: Any) -> Any:
    found = {"servers": {"bank": None, "files": None}, "public_url": "https://placet.test", "agent_oauth": None, **more}
    return SimpleNamespace(settings=SimpleNamespace(**found))


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    over = lambda desk: ConsoleAgents(reloader=settings(), desk=desk).endpoints()  # noqa: E731
    async with serving(database, over=over) as running:
        yield running


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as made:
        yield made


async def states(console: Console, *requests: ApprovalRequest) -> list[tuple[State, Cause | None]]:
    found = [await console.desk.get(request.id) for request in requests]
    return [(one.state, one.cause) for one in found if one is not None]


async def test_an_agent_is_added_with_a_token_that_is_shown_once(console: Console) -> None:
    otto = await console.sign_in(OTTO)
    made = await console.post(AGENTS, otto, {**BOT, "servers": ["bank"]})
    assert made.status == 200, made.body
    IssuedOut.model_validate_json(made.body)
    token = tokens.parse(tokens.Kind.AGENT, made.json()["token"])
    assert token is not None
    assert made.json()["url"] == "https://placet.test/mcp/bank"
    assert made.headers["Cache-Control"] == "no-store"
    agent = made.json()["agent"]
    assert (agent["owner"], agent["servers"], agent["source"]) == ("ada@example.com", ["bank"], "added")
    listed = await console.get(AGENTS, otto)
    assert [one["prefix"] for one in listed.json()["agents"][0]["tokens"]] == [token.prefix]
    assert token.text.encode() not in listed.body
    callers = Callers(console.db, console.desk.bus)
    await callers.refresh()
    assert callers.identify(token.text) is not None


async def test_a_rotation_gives_another_and_the_old_one_ends_after_a_day(console: Console) -> None:
    otto = await console.sign_in(OTTO)
    first = await console.post(AGENTS, otto, BOT)
    second = await console.post(f"{AGENTS}/bot/rotate", otto, {})
    assert second.json()["token"] != first.json()["token"]
    assert second.json()["url"] == "https://placet.test/mcp", "it may use several servers"
    new, old = second.json()["agent"]["tokens"]
    assert tokens.parse(tokens.Kind.AGENT, first.json()["token"]) is not None
    assert old["expires_at"] < new["expires_at"]


async def test_an_agent_is_paused_and_resumed(console: Console) -> None:
    otto = await console.sign_in(OTTO)
    await console.post(AGENTS, otto, BOT)
    callers = Callers(console.db, console.desk.bus)
    paused = await console.post(f"{AGENTS}/bot/pause", otto, {})
    assert paused.json()["paused_at"] is not None
    again = await console.post(f"{AGENTS}/bot/pause", otto, {})
    assert again.json()["paused_at"] == paused.json()["paused_at"]
    await callers.refresh()
    assert callers.paused("bot")
    resumed = await console.post(f"{AGENTS}/bot/resume", otto, {})
    assert resumed.json()["paused_at"] is None
    done = [e.act.action for e in await console.db.read(lambda tx: tx.audit.entries())]
    assert [one for one in done if one.startswith("agent")] == ["agent.added", "agent.paused", "agent.resumed"]


@pytest.mark.parametrize("what", ["the agent", "one token"])
async def test_a_revocation_ends_what_was_not_sent_at_once(console: Console, what: str) -> None:
    otto = await console.sign_in(OTTO)
    made = await console.post(AGENTS, otto, BOT)
    approved, running, pending, others = [await console.file(agent=name) for name in ("bot", "bot", "bot", "other")]
    for request in (approved, running):
        body = {"decision": "approve", "binding": request.binding}
        await console.post(f"/api/v1/requests/{request.id}/decision", await console.sign_in(ADA), body)
    await console.desk.claim(running.id, binding=running.binding, lease=timedelta(minutes=1))
    prefix = made.json()["agent"]["tokens"][0]["prefix"]
    body = {} if what == "the agent" else {"token": prefix}
    async with console.desk.bus.watch(pending.id) as held:
        gone = await console.post(f"{AGENTS}/bot/revoke", otto, body)
        assert held.take(), "whoever is held for it is woken"
    assert gone.status == 200, gone.body
    RevokedOut.model_validate_json(gone.body)
    assert gone.json()["ended"] == 2
    assert (gone.json()["agent"]["revoked_at"] is not None) == (what == "the agent")
    assert await states(console, approved, running, pending, others) == [
        (State.CANCELLED, Cause.REVOKED),
        (State.EXECUTING, None),
        (State.CANCELLED, Cause.REVOKED),
        (State.PENDING, None),
    ]
    late = await console.post(
        f"/api/v1/requests/{pending.id}/decision",
        await console.sign_in(ADA),
        {"decision": "approve", "binding": pending.binding},
    )
    assert (late.status, late.json()["code"]) == (409, "already_decided")
    assert "cancelled by Otto" in late.json()["detail"]
    callers = Callers(console.db, console.desk.bus)
    await callers.refresh()
    assert callers.identify(made.json()["token"]) is None


async def test_a_revocation_and_an_approval_at_once_leave_nothing_to_run(at: House) -> None:
    agents = Agents(desk=at.desk)
    await agents.add("claude-ada", owner="ada@example.com", servers=(), known=("binance",), actor=ON_THE_MACHINE)
    asked = [await at.file({"n": number}) for number in range(8)]
    done = await asyncio.gather(
        *(at.approve(one) for one in asked), agents.revoke("claude-ada", actor=ON_THE_MACHINE), return_exceptions=True
    )
    assert all(not isinstance(one, BaseException) or isinstance(one, AlreadyDecided) for one in done)
    ended = [await at.now(one) for one in asked]
    assert {(one.state, one.cause) for one in ended} == {(State.CANCELLED, Cause.REVOKED)}
    with pytest.raises(Revoked):
        await at.file({"n": 99})


async def test_a_call_on_its_way_when_its_agent_is_revoked_is_ended_or_not_saved(at: House) -> None:
    agents = Agents(desk=at.desk)
    await agents.add("claude-ada", owner="ada@example.com", servers=(), known=("binance",), actor=ON_THE_MACHINE)
    calls = [at.file({"n": number}) for number in range(8)]
    done = await asyncio.gather(*calls, agents.revoke("claude-ada", actor=ON_THE_MACHINE), return_exceptions=True)
    assert all(not isinstance(one, BaseException) or isinstance(one, Refusal) for one in done)
    saved = [await at.now(one) for one in done if isinstance(one, ApprovalRequest)]
    assert {one.state for one in saved} <= {State.CANCELLED}


@pytest.mark.parametrize("who", [ADA, VERA, AUDREY])
@pytest.mark.parametrize("act", ["", "/bot/rotate", "/bot/revoke", "/bot/pause", "/bot/resume"])
async def test_only_stewards_do_anything_to_agents(console: Console, who: Any, act: str) -> None:
    await console.post(AGENTS, await console.sign_in(OTTO), BOT)
    got = await console.post(AGENTS + act, await console.sign_in(who), {**BOT, "name": "mine"} if not act else {})
    assert (got.status, got.json()["code"]) == (403, "not_allowed")
    assert "operator or admin" in got.json()["detail"]
    (agent,) = (await console.get(AGENTS, await console.sign_in(OTTO))).json()["agents"]
    assert (agent["paused_at"], agent["revoked_at"], len(agent["tokens"])) == (None, None, 1)


@pytest.mark.parametrize(
    ("act", "body", "status", "said"),
    [
        pytest.param("", {**BOT, "name": "a b"}, 422, "name", id="no name"),
        pytest.param("", {**BOT, "name": "taken"}, 422, "already", id="a name that is taken"),
        pytest.param("", {**BOT, "owner": "ada"}, 422, "owner", id="nobody's"),
        pytest.param("", {**BOT, "servers": ["shop"]}, 422, "no server 'shop'", id="a server that is not there"),
        pytest.param("/nobody/pause", {}, 404, "no agent 'nobody'", id="an agent that is not there"),
        pytest.param("/taken/revoke", {"token": "plc_agent_x"}, 404, "no token", id="a token that is not there"),
        pytest.param("/gone/rotate", {}, 422, "was revoked for good", id="a token for who was revoked"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    console: Console, act: str, body: dict[str, Any], status: int, said: str
) -> None:
    otto = await console.sign_in(OTTO)
    for name in ("taken", "gone"):
        await console.post(AGENTS, otto, {**BOT, "name": name})
    await console.post(f"{AGENTS}/gone/revoke", otto, {})
    got = await console.post(AGENTS + act, otto, body)
    assert got.status == status, got.body
    assert said in got.json()["detail"]


async def test_where_agents_come_with_tokens_of_an_issuer_no_keys_are_made(sqlite_url: str) -> None:
    oauth = settings(agent_oauth=SimpleNamespace(issuer="https://login.test"))
    over = lambda desk: ConsoleAgents(reloader=oauth, desk=desk).endpoints()  # noqa: E731
    async with Database.opened(sqlite_url, VAULT) as db, serving(db, over=over) as console:
        got = await console.post(AGENTS, await console.sign_in(OTTO), BOT)
        assert got.status == 422
        assert "https://login.test" in got.json()["detail"]


async def test_an_account_of_a_command_needs_no_role_and_a_name_like_it_is_no_account(at: House) -> None:
    agents = Agents(desk=at.desk)
    await agents.add("bot", owner="ada@example.com", servers=(), known=("bank",), actor=ON_THE_MACHINE)
    with pytest.raises(Refusal, match="operator or admin"):
        await agents.pause("bot", actor=Actor(id=samples.ADA.id, via="cli"))
    assert cast(Any, await at.db.read(lambda tx: tx.agents.get("bot"))).paused_at is None
