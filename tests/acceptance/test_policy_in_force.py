"""What the policy says is what agents get: a published file as it is, no policy at all, and what is hidden."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from approvals import tokens
from tests.acceptance.agents import Agent, Said
from tests.acceptance.counting import ASKS, server
from tests.acceptance.harness import ROOT, Placet, Reviewer, agent_token, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "binance_us_close_listen_key"
ARGUMENTS = {"to": "x", "amount": 1}
PUBLISHED = ROOT / "tests" / "fixtures" / "policies" / "policylayer.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A gateway before several servers, each with a policy of its own."""

    placet: Placet
    ada: Reviewer
    agents: list[tokens.Token]
    folder: Path

    def seen(self, name: str) -> int:
        file = self.folder / f"{name}.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    folder = tmp_path_factory.mktemp("exchange")
    more = {"MORE_TOOLS": f"{KEY},binance_us_new_order,binance_us_ping"}
    names = ["published", "unruled", "hiding"]
    made = [agent_token() for _ in range(4)]
    placet = Placet(
        folder,
        servers={name: server(folder / f"{name}.jsonl", env=more) for name in names},
        policies={
            "published": json.loads(PUBLISHED.read_text()),
            "hiding": policy({"pay": {}, "hang": {"action": "hide"}, "read": ASKS}, hide=["binance_us_*"]),
        },
    )
    del placet.config["servers"]["unruled"]["policy"]
    for number, token in enumerate(made):
        about = {"token_sha256": token.sha256, "owner": "ada@example.com", "servers": names}
        placet.config["agents"][f"grant-{number}"] = about
    placet.write_config()
    (folder / "policies" / "published.json").write_bytes(PUBLISHED.read_bytes())
    async with serving(placet):
        yield Exchange(placet=placet, ada=Reviewer(placet, placet.ada), agents=made, folder=folder)


async def in_one_minute(exchange: Exchange, server: str, calls: int) -> tuple[list[Said], int]:
    """Calls of one agent at once, all in the same minute of the clock; the answers, and which agents are fresh yet."""
    for number, token in enumerate(exchange.agents):
        async with Agent(exchange.placet, server, token) as agent:
            minute = time.time() // 60
            said = await asyncio.gather(*(agent.call(KEY, ARGUMENTS) for _ in range(calls)))
            if time.time() // 60 == minute:
                return list(said), number + 1
    raise AssertionError("every round of calls lay across a full minute")


async def test_the_published_policy_allows_thirty_a_minute_and_refuses_the_next(exchange: Exchange) -> None:
    said, fresh = await in_one_minute(exchange, "published", 31)
    allowed = [one for one in said if not one.refused]
    (refused,) = [one for one in said if one.refused]
    assert [one.text for one in allowed] == [f"{KEY} 1 to x"] * 30
    assert (refused.code, refused.verdict["rule"]) == ("rate_limited", f"/tools/{KEY}/limits/0")
    assert 0 < refused.verdict["retry_after_ms"] <= 60_000
    assert (refused.verdict["retryable"], "over a limit" in refused.text) == (True, True)
    async with Agent(exchange.placet, "published", exchange.agents[fresh]) as another:
        assert not (await another.call(KEY, ARGUMENTS)).refused


async def test_the_published_policy_denies_and_hides_everything_else(exchange: Exchange) -> None:
    async with Agent(exchange.placet, "published") as agent:
        assert await agent.tools() == [KEY]
        before = exchange.seen("published")
        for name in ("pay", "binance_us_new_order"):
            said = await agent.call(name, ARGUMENTS)
            assert (said.refused, said.code, said.verdict["retryable"]) == (True, "policy_denied", False)
        assert exchange.seen("published") == before
    assert await exchange.ada.requests(server="published") == []


async def test_a_server_without_a_policy_denies_every_tool_and_everybody_says_so(exchange: Exchange) -> None:
    async with Agent(exchange.placet, "unruled") as agent:
        assert await agent.tools() == []
        said = await agent.call("read", ARGUMENTS)
    assert (said.refused, said.code, exchange.seen("unruled")) == (True, "policy_denied", 0)
    sentence = "Server unruled has no policy: every tool of it is denied."
    async with aiohttp.ClientSession() as http, http.get(exchange.placet.url + "/readyz") as answer:
        checks = (await answer.json())["checks"]
        assert answer.status == 200
    assert {"id": "policy", "ok": False, "text": sentence} in checks
    status, me = await exchange.ada.ask("GET", "/api/v1/me")
    assert (status, me["notices"]) == (200, [{"level": "error", "text": sentence}])
    assert any("unruled has no policy" in line for line in exchange.placet.output)


async def test_hidden_tools_are_not_listed_and_refused(exchange: Exchange) -> None:
    async with Agent(exchange.placet, "hiding") as agent:
        assert await agent.tools() == ["pay", "read"]
        for name in ("hang", KEY, "binance_us_ping"):
            said = await agent.call(name, ARGUMENTS)
            assert (said.refused, said.code) == (True, "policy_denied")
        assert not (await agent.call("pay", ARGUMENTS)).refused
    assert exchange.seen("hiding") == 1


@pytest.mark.parametrize("name", ["published", "unruled", "hiding"])
async def test_the_page_of_servers_tells_people_of_every_policy(exchange: Exchange, name: str) -> None:
    status, body = await exchange.ada.ask("GET", "/api/v1/servers")
    assert status == 200
    (shown,) = [one for one in body["servers"] if one["name"] == name]
    has: Any = shown["policy_version"]
    assert (has is None) == (name == "unruled")
