"""More than a thousand tools, read page by page by the official clients of both lines and both eras."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent, Mode, sdk
from tests.acceptance.counting import server
from tests.acceptance.harness import MCP1_BIN, PATIENCE_SECONDS, ROOT, Placet, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = [f"tool_{number:04}" for number in range(1200)]
SHOP, BANK = sorted([*MANY, "hang", "pay", "read"]), ["hang", "pay", "read"]
ALL = [*(f"shop__{name}" for name in SHOP), *(f"bank__{name}" for name in BANK)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def placet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Placet]:
    folder: Path = tmp_path_factory.mktemp("many")
    servers = {
        "shop": server(folder / "shop.jsonl", env={"MORE_TOOLS": ",".join(MANY)}),
        "bank": server(folder / "bank.jsonl"),
    }
    everything = policy({"*": {}})
    made = Placet(folder, servers=servers, policies={"shop": everything, "bank": everything})
    async with serving(made):
        yield made


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("path", "expected"), [pytest.param("shop", SHOP, id="one server"), pytest.param(None, ALL, id="all servers")]
)
async def test_the_2x_client_reads_every_page(
    placet: Placet, mode: Mode, path: str | None, expected: list[str]
) -> None:
    async with sdk(placet, path, mode) as client:
        first = page = await client.list_tools()
        names = [tool.name for tool in page.tools]
        pages = 1
        while page.next_cursor is not None:
            page = await client.list_tools(cursor=page.next_cursor)
            names += [tool.name for tool in page.tools]
            pages += 1
        assert (pages, names) == (3, expected)
        again = await client.list_tools()
        assert [tool.name for tool in again.tools] == [tool.name for tool in first.tools]
        last = names[-1]
        assert not (await client.call_tool(last, {"to": "acme", "amount": 1})).is_error


@pytest.mark.parametrize(("path", "expected"), [("shop", SHOP), (None, ALL)], ids=["one server", "all servers"])
async def test_the_1x_client_reads_every_page(placet: Placet, path: str | None, expected: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        str(MCP1_BIN / "python"),
        str(ROOT / "tests" / "fixtures" / "mcp1_agent.py"),
        placet.mcp(path),
        expected[-1],
        json.dumps({"to": "acme", "amount": 1}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PLACET_TOKEN": placet.agent.text},
        limit=2**20,
    )
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, errors.decode()
    assert json.loads(output.splitlines()[0]) == expected


async def test_a_cursor_is_good_for_its_own_agent_and_list_alone(placet: Placet) -> None:
    async with Agent(placet, "shop") as agent, Agent(placet, "shop", placet.other_agent) as other:
        first = await agent.post(*agent.modern("tools/list", {}))
        cursor = first.result["nextCursor"]
        good = await agent.post(*agent.modern("tools/list", {"cursor": cursor}))
        assert len(good.result["tools"]) == 500
        assert (good.result["ttlMs"] > 0, good.result["cacheScope"]) == (True, "private")
        for who, what in ((other, cursor), (agent, cursor[:-4] + "AAAA"), (agent, "page 2")):
            said = await who.post(*who.modern("tools/list", {"cursor": what}))
            assert said.error["code"] == -32602
    async with Agent(placet, None) as everywhere:
        said = await everywhere.post(*everywhere.modern("tools/list", {"cursor": cursor}))
        assert said.error["code"] == -32602
