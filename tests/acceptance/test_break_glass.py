"""Break-glass: two people open it, calls run without waiting for a while, and everything is on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.agents import SOON_SECONDS, Agent, Said
from tests.acceptance.counting import HELD, Shop, shop
from tests.acceptance.harness import Reviewer, person_token, serving

OTTO, ALMA = "otto@example.com", "alma@example.com"
OTTO_KEY, ALMA_KEY = person_token(), person_token()
PEOPLE = {
    OTTO: {"name": "Otto", "roles": ["operator"], "token_sha256": OTTO_KEY.sha256},
    ALMA: {"name": "Alma", "roles": ["admin"], "token_sha256": ALMA_KEY.sha256},
}
NEVER = {"action": "deny", "reason": "never"}
GLASS = "/api/v1/break-glass"


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Shop]:
    tools = {**HELD, "wipe": NEVER}
    made = shop(tmp_path, tools=tools, server={"env": {"MORE_TOOLS": "wipe"}}, break_glass={"mode": "two_people"})
    made.placet.config["people"] |= PEOPLE
    made.placet.write_config()
    async with serving(made.placet):
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


async def runs_unasked(agent: Agent, to: str) -> Said:
    """Call until it runs: a command counts within a second. Each try that waits is left again."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                async with asyncio.timeout(1):
                    return await agent.call("pay", payment(to))
            except TimeoutError:
                continue


@pytest.mark.must_have(24)
async def test_two_people_open_it_and_calls_run_on_record(it: Shop) -> None:
    otto, alma = Reviewer(it.placet, OTTO_KEY), Reviewer(it.placet, ALMA_KEY)
    status, _ = await otto.ask("POST", f"{GLASS}/open", {"reason": "the desk is down", "for": "1h", "server": "shop"})
    assert status == 200
    assert (await otto.ask("POST", f"{GLASS}/confirm", {"server": "shop"}))[0] == 422
    status, confirmed = await alma.ask("POST", f"{GLASS}/confirm", {"server": "shop"})
    assert (status, confirmed["openings"][0]["open"]) == (200, True)
    async with it.agent() as agent:
        said = await runs_unasked(agent, "acme")
        assert (said.refused, said.text, said.verdict["reviewers"]) == (False, "pay 5 to acme", [])
        assert said.verdict["ground"] == "break_glass"
        assert (await agent.call("wipe", payment("acme"))).code == "policy_denied"
        (ran,) = await it.ada.requests(state="succeeded")
        assert (ran["ground"], ran["votes"], ran["id"]) == ("break_glass", [], said.verdict["request"])
        _, timeline = await it.ada.ask("GET", f"/api/v1/requests/{ran['id']}/timeline")
        passed = next(row for row in timeline["events"] if row["event"] == "bypassed")
        assert (passed["actor"], passed["detail"]["confirmed_by"]) == (OTTO, ALMA)
        async with aiohttp.ClientSession() as http, http.get(it.placet.url + "/readyz") as answer:
            checks = {check["id"]: check["text"] for check in (await answer.json())["checks"]}
        assert checks["break-glass"].startswith("calls to server shop run without approval until")
        await it.placet.cli("break-glass", "close", "--server", "shop", person=None)
        async with asyncio.TaskGroup() as group:
            waits = group.create_task(agent.call("pay", payment("later")))
            asked = await it.ada.pending_of(to="later")
            await it.ada.deny(asked, "not now")
            assert (await waits).code == "approval_denied"
    assert (it.seen("acme"), it.seen("later")) == (1, 0)
    exported, _ = await it.placet.cli("audit", "export", person=None)
    done = [json.loads(line) for line in exported.splitlines()]
    assert [one["action"] for one in done if one.get("action", "").startswith("break_glass")] == [
        "break_glass.asked",
        "break_glass.opened",
        "break_glass.closed",
    ]


async def test_by_commands_it_takes_two_people_who_may(it: Shop) -> None:
    glass = "break-glass"
    _, nobody = await it.placet.cli(glass, "open", "--reason", "r", person=None, code=1)
    assert "a person opens it" in nobody
    _, reviewer = await it.placet.cli(glass, "open", "--reason", "r", code=3)
    assert "operator or admin" in reviewer
    said, _ = await it.placet.cli(glass, "open", "--reason", "the desk is down", "--for", "30m", person=OTTO)
    assert said.startswith("Asked for: every server, by otto@example.com; somebody else confirms it before")
    _, same = await it.placet.cli(glass, "confirm", person=OTTO, code=1)
    assert "it takes a second person" in same
    said, _ = await it.placet.cli(glass, "confirm", person=ALMA)
    assert said.startswith("Open: every server, by otto@example.com, confirmed by alma@example.com, until")
    status, _ = await it.placet.cli(glass, "status", "--json", person=None, code=1)
    assert [one["confirmed_by"] for one in json.loads(status)["openings"]] == [ALMA]
    async with it.agent() as agent:
        assert (await runs_unasked(agent, "by command")).code == "approved"
    await it.placet.cli(glass, "close", person=OTTO)
    said, _ = await it.placet.cli(glass, "status", person=None)
    assert said == "Break-glass is closed (mode: two_people).\n"
