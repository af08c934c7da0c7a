"""A server that keeps failing is left alone for a while: it says so everywhere, and concerns nobody but itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.acceptance.agents import sdk
from tests.acceptance.counting import server
from tests.acceptance.harness import PATIENCE_SECONDS, Placet, Reviewer, policy, serving
from tests.fakes.raw_http import DISCOVERED, RawHttp, Seen, http

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = {"name": "pay", "inputSchema": {"type": "object"}}
ABLE = {**DISCOVERED, "capabilities": {"tools": {}, "resources": {}}}


class Moody:
    """A modern server that is down when it is told to be; a read of a resource is never answered."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[str] = []

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.asked.append(seen.method)
        answers: dict[str, Any] = {"server/discover": ABLE, "tools/list": {"tools": [TOOL]}}
        if self.down:
            writer.write(http("", status="502 Bad Gateway", kind=None))
        elif seen.method != "resources/read":
            content = {"content": [{"type": "text", "text": "paid"}]}
            writer.write(seen.answer(answers.get(seen.method, content)))


@dataclass(frozen=True)
class Bank:
    placet: Placet
    ada: Reviewer
    moody: Moody

    async def readyz(self, name: str) -> tuple[bool, str]:
        """What `/readyz` says of a server; it stays ready."""
        async with aiohttp.ClientSession() as web, web.get(self.placet.url + "/readyz") as answer:
            body = await answer.json()
            assert (answer.status, body["ready"]) == (200, True)
        return next((one["ok"], one["text"]) for one in body["checks"] if one["id"] == f"server {name}")

    async def metrics(self) -> str:
        async with aiohttp.ClientSession() as web, web.get(self.placet.url + "/metrics") as answer:
            return await answer.text()

    async def listed(self) -> dict[str, Any]:
        """What `placet servers list` says of the moody server."""
        out, _ = await self.placet.cli("servers", "list", "--json")
        return next(dict(one) for one in json.loads(out)["servers"] if one["name"] == "moody")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bank(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bank]:
    folder: Path = tmp_path_factory.mktemp("bank")
    moody = Moody()
    async with RawHttp(moody) as peer:
        servers = {
            "well": server(folder / "seen.jsonl"),
            "moody": {"url": peer.url, "timeouts": {"connect": "1s", "list": "1s", "call": "5s", "idle": "5s"}},
        }
        policies = {
            "well": policy({"pay": {}}),
            "moody": policy({"pay": {}}, resources={"default": "allow"}),
        }
        placet = Placet(folder, servers=servers, policies=policies)
        async with serving(placet):
            yield Bank(placet=placet, ada=Reviewer(placet, placet.ada), moody=moody)


async def test_a_server_is_left_alone_and_taken_up_again(bank: Bank) -> None:
    async with sdk(bank.placet, "moody", "auto") as agent, sdk(bank.placet, "well", "legacy") as other:
        assert not (await agent.call_tool("pay", {})).is_error
        assert await bank.readyz("moody") == (True, "answers")
        bank.moody.down = True
        said = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "has failed" not in said:
                said = str((await agent.call_tool("pay", {})).content)
        assert "the server moody cannot be reached" in said
        asked = len(bank.moody.asked)

        ok, text = await bank.readyz("moody")
        assert (ok, "requests, it is tried again in" in text) == (False, True)
        assert 'placet_upstream_left_alone{server="moody"} 1.0' in await bank.metrics()
        assert 'placet_upstream_left_alone{server="well"} 0.0' in await bank.metrics()
        listed = await bank.listed()
        assert (listed["ok"], listed["health"].startswith("has failed")) == (False, True)
        _, me = await bank.ada.ask("GET", "/api/v1/me")
        assert any(notice["text"].startswith("Server moody has failed") for notice in me["notices"])

        assert not (await other.call_tool("pay", {"to": "acme", "amount": 1})).is_error
        assert (await agent.call_tool("pay", {})).is_error
        assert len(bank.moody.asked) == asked, "nothing was sent"

        bank.moody.down = False
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await agent.call_tool("pay", {})).is_error:
                pass
        assert bank.moody.asked[asked:] == ["tools/list", "tools/call"], "it was tried by asking for its tools"
        assert await bank.readyz("moody") == (True, "answers")
        assert 'placet_upstream_left_alone{server="moody"} 0.0' in await bank.metrics()
        assert (await bank.listed())["ok"] is True


async def test_whatever_is_no_call_has_the_servers_time_for_lists(bank: Bank) -> None:
    async with sdk(bank.placet, "moody", "auto") as agent:
        with pytest.raises(Exception, match="moody did not answer within 1 s"):
            await agent.read_resource("test://slow")


async def test_without_a_service_the_command_says_that_it_cannot_know(bank: Bank) -> None:
    bank.placet.config["listen"]["port"] = 1
    bank.placet.write_config()
    out, _ = await bank.placet.cli("servers", "list")
    assert "No service answers here" in out
