"""The agent says why, people read it as its own word, and the server never sees it (contract.md 7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.agents import heard, sdk
from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY = {"placet_justification": "Ticket 5521 asks for it"}
TOOLS = {"pay": {"action": "require_approval", "approval": {"justification": "required"}}, "read": {}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop"), tools=TOOLS) as made:
        yield made


@pytest.mark.must_have(20)
async def test_the_reason_is_listed_asked_for_shown_and_kept_from_the_server(it: Shop) -> None:
    call = {"to": "why", "amount": 5}
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        async with sdk(it.placet, "shop", "auto") as client:
            tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
            assert "placet_justification" in tools["pay"]["required"]
            assert "placet_justification" not in tools["read"].get("properties", {})
            missing = heard(await client.call_tool("pay", call))
        assert (missing.code, "/placet_justification: say why" in missing.text) == ("invalid_arguments", True)
        long = await agent.call("pay", {**call, "placet_justification": "x" * 1001})
        assert (long.code, "at most 1000 characters" in long.text) == ("invalid_arguments", True)
        assert await it.ada.requests(state="pending") == []

        held = group.create_task(agent.call("pay", {**call, **WHY}))
        request = await it.ada.pending_of(to="why")
        assert (request["justification"], request["arguments"]) == ("Ticket 5521 asks for it", call)
        joined = group.create_task(agent.call("pay", call))
        await it.ada.approve(request)
        assert [(await one).code for one in (held, joined)] == ["approved"] * 2
        assert it.seen("why") == 1
        assert (await agent.call("read", {"to": "free", "amount": 1, **WHY})).code is None
        assert it.seen("free") == 1
