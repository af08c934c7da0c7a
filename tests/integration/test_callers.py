"""Who may call: agents of the configuration as rows, and what becomes of them when the configuration changes."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from approvals import tokens
from approvals.bus import bus_for
from approvals.domain.model import Cause, PersonId, State
from approvals.errors import NotClaimable, Revoked
from approvals.storage.engine import Database
from gateway.agents import end_those_of_left
from gateway.callers import Callers, sync
from gateway.settings import AgentSettings
from tests.fakes.desk import house

TOKEN = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
OTHER = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))


def _agents(token: tokens.Token = TOKEN) -> dict[str, AgentSettings]:
    ada = PersonId("ada@example.com")
    return {"bot": AgentSettings(name="bot", servers=("shop",), owner=ada, token_sha256=token.sha256)}


async def _callers(db: Database, agents: dict[str, AgentSettings]) -> Callers:
    await db.write(lambda tx: sync(tx, agents))
    callers = Callers(db, bus_for(db))
    await callers.refresh()
    return callers


async def test_a_configured_agent_is_known_by_its_token_alone(database: Database) -> None:
    callers = await _callers(database, _agents())
    found = callers.identify(TOKEN.text)
    assert found is not None
    assert (found.agent, found.owner) == ("bot", "ada@example.com")
    assert callers.servers("bot") == ("shop",)
    assert callers.identify(OTHER.text) is None
    assert callers.identify("plc_agent_x") is None
    assert callers.identify(None) is None


async def test_an_agent_that_left_the_configuration_may_not_call_and_may_come_back(database: Database) -> None:
    await _callers(database, _agents())
    gone = await _callers(database, {})
    assert gone.identify(TOKEN.text) is None
    assert gone.servers("bot") == ()
    back = await _callers(database, _agents())
    assert back.identify(TOKEN.text) is not None
    assert back.servers("bot") == ("shop",)


async def test_what_an_agent_left_waiting_ends_when_it_leaves_the_configuration(database_url: str) -> None:
    async with house(database_url) as at:
        await _callers(at.db, _agents())
        waits, approved = await at.file({"n": 1}, agent="bot"), await at.approved({"n": 2}, agent="bot")
        running, others = await at.running({"n": 3}, agent="bot"), await at.file({"n": 4}, agent="another")
        assert await end_those_of_left(at.desk) == 0
        await _callers(at.db, {})
        with pytest.raises(NotClaimable):
            await at.claim(approved)
        with pytest.raises(Revoked):
            await at.file({"n": 5}, agent="bot")
        assert await end_those_of_left(at.desk) == 1
        after = [await at.now(one) for one in (waits, approved, running, others)]
        assert [(one.state, one.cause) for one in after] == [
            (State.CANCELLED, Cause.REVOKED),
            (State.CANCELLED, Cause.REVOKED),
            (State.EXECUTING, None),
            (State.PENDING, None),
        ]
        row = (await at.ledger(waits))[-1]
        assert (row.actor, row.detail["note"]) == ("placet", "its agent left the configuration")
        (left,) = await at.db.read(lambda tx: tx.audit.newest(action="agent.left"))
        assert (left.act.actor, left.act.subject) == ("placet", "agent:bot")
        assert await end_those_of_left(at.desk) == 0


async def test_another_token_in_the_configuration_ends_the_one_before(database: Database) -> None:
    await _callers(database, _agents())
    callers = await _callers(database, _agents(OTHER))
    assert callers.identify(TOKEN.text) is None
    assert callers.identify(OTHER.text) is not None


async def test_a_revoked_agent_stays_revoked_though_the_configuration_names_it(database: Database) -> None:
    await _callers(database, _agents())
    await database.write(lambda tx: tx.agents.revoke("bot", tx.now))
    callers = await _callers(database, _agents())
    assert callers.identify(TOKEN.text) is None


async def test_who_was_let_in_is_let_in_no_longer_than_what_they_came_with(database: Database) -> None:
    callers = await _callers(database, _agents())
    found = callers.identify(TOKEN.text)
    assert found is not None
    await database.write(lambda tx: tx.agents.pause("bot", tx.now))
    await callers.refresh()
    assert callers.admits(found) is True
    callers = await _callers(database, _agents(OTHER))
    other = callers.identify(OTHER.text)
    assert other is not None
    assert (callers.admits(found), callers.admits(other)) == (False, True)
    await database.write(lambda tx: tx.agents.revoke("bot", tx.now))
    await callers.refresh()
    assert callers.admits(other) is False


async def test_who_came_without_a_token_is_let_in_while_nobody_needs_one(database: Database) -> None:
    (agent,) = _agents().values()
    callers = await _callers(database, {"bot": replace(agent, anonymous=True, token_sha256=None)})
    found = callers.identify(None)
    assert found is not None
    assert callers.admits(found) is True
    callers = await _callers(database, _agents())
    assert callers.admits(found) is False
