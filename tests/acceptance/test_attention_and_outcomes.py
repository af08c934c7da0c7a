"""Numbers of the people who decide: approved too fast, so a step more; and what ran, as expected or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.counting import Shop, shop
from tests.acceptance.harness import Reviewer, person_token, serving

OTTO, OTTO_KEY = "otto@example.com", person_token()
QUICK = {"friction": {"last": 5, "surfaces": ["web", "slack", "cli", "api"]}}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Shop]:
    made = shop(tmp_path, limits=QUICK)
    made.placet.config["people"][OTTO] = {"name": "Otto", "roles": ["operator"], "token_sha256": OTTO_KEY.sha256}
    made.placet.write_config()
    async with serving(made.placet):
        yield made


@pytest.mark.must_have(25)
@pytest.mark.pain(18)
async def test_who_approves_without_reading_is_slowed_down_and_the_numbers_say_so(it: Shop) -> None:
    otto = Reviewer(it.placet, OTTO_KEY)
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        for number in range(5):
            call = group.create_task(agent.call("pay", {"to": f"shop {number}", "amount": 5}))
            await it.ada.approve(await it.ada.pending_of(to=f"shop {number}"))
            assert (await call).code == "approved"
        last = group.create_task(agent.call("pay", {"to": "slowly", "amount": 5}))
        held = await it.ada.pending_of(to="slowly")
        path = f"/api/v1/requests/{held['id']}"
        decision = {"decision": "approve", "binding": held["binding"]}
        assert (await it.ada.show(held["id"]))["confirm"]["send"] == "pay"
        status, refused = await it.ada.ask("POST", f"{path}/decision", decision)
        assert (status, refused["code"], refused["send"], it.seen("slowly")) == (409, "confirm_needed", "pay", 0)
        _, told = await it.placet.cli("requests", "approve", held["id"], code=1)
        assert "You approved 5 of your last 5 calls faster than they can be read." in told
        await it.placet.cli("requests", "approve", held["id"], "--confirm", "pay")
        assert (await last).code == "approved"

    said, _ = await it.placet.cli("requests", "expected", held["id"], "--no", "--note", "charged twice")
    assert "not as expected, says ada@example.com" in said
    shown = await it.ada.show(held["id"])
    assert (shown["outcome"]["kind"], shown["expected"][0]["note"]) == ("succeeded", "charged twice")

    _, found = await otto.ask("GET", "/api/v1/insights")
    [ada], [pay] = found["reviewers"], found["tools"]
    assert (found["requests"]["approved"], ada["name"], ada["friction"]) == (6, "Ada", 2)
    assert (pay["tool"], pay["pace"]["decisions"], pay["outcomes"]["unexpected"]) == ("pay", 6, 1)
    async with aiohttp.ClientSession() as http, http.get(f"{it.placet.url}/metrics") as answer:
        metrics = await answer.text()
    assert 'placet_decisions_total{decision="approve",reading="too_fast"}' in metrics
    assert "ada" not in metrics
    exported, _ = await it.placet.cli("audit", "export", person=None)
    actions = [json.loads(line).get("action") for line in exported.splitlines()]
    assert (actions.count("request.vote_refused"), actions.count("request.expectation")) == (2, 1)
