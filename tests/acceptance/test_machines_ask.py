"""Health and numbers for machines: what the contract names, moving as calls are made, and nobody's name in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


async def get(it: Shop, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(it.placet.url + path) as answer:
        return answer.status, await answer.text()


async def numbers(it: Shop) -> dict[tuple[str, frozenset[Any]], float]:
    """Every sample by name and labels."""
    status, text = await get(it, "/metrics")
    assert status == 200
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[Any]]:
    return name, frozenset(labels.items())


async def test_it_is_alive_and_ready(it: Shop) -> None:
    assert (await get(it, "/livez"))[0] == 200
    status, text = await get(it, "/readyz")
    assert (status, '"ready": true' in text) == (200, True)


async def test_every_number_of_the_contract_is_there_and_moves(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        await agent.call("read", {"to": "a", "amount": 1})
        called = group.create_task(agent.call("pay", {"to": "counted", "amount": 5}))
        asked = await it.ada.pending_of(to="counted")
        during = await numbers(it)
        assert during[key("placet_requests_open", state="pending")] == 1
        assert during[key("placet_held_calls")] == 1
        assert during[key("placet_oldest_pending_seconds")] >= 0
        assert during[key("placet_upstream_up", server="shop")] == 1
        await it.ada.approve(asked)
        await called
    after = await numbers(it)
    assert after[key("placet_requests_open", state="pending")] == 0
    assert after[key("placet_held_calls")] == 0
    assert after[key("placet_calls_total", server="shop", verdict="allow")] == 1
    assert after[key("placet_calls_total", server="shop", verdict="require_approval")] == 1
    assert after[key("placet_outcomes_total", state="succeeded", cause="")] == 1
    assert after[key("placet_decision_seconds_count")] == 1
    names = {name for name, _ in after}
    assert {"placet_call_seconds_count", "placet_call_seconds_bucket"} <= names


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/version"])
async def test_machines_learn_no_names_and_no_secrets(it: Shop, path: str) -> None:
    _, text = await get(it, path)
    for word in ("ada", "bob", "claude", "finance", it.placet.agent.sha256, "plc_"):
        assert word not in text.lower()
