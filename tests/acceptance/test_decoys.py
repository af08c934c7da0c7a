"""Tests of attention on a running service: nothing that a reviewer reads tells one apart, and none ever runs.

A decoy comes minutes after the call it is made of; the test moves its time in the database, and wakes whoever plants by
freezing somebody else. Nothing else is done behind the service's back.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.agents import Agent, Said
from tests.acceptance.harness import Placet, Reviewer, person_token
from tests.acceptance.office import Office, closed_office, payment

OTTO, OTTO_KEY = "otto@example.com", person_token()
OWN = {"id", "binding", "arguments", "arguments_sha256", "created_at", "expires_at"}
"""What is each request's own, and no two have in common."""
PATIENCE_SECONDS = 90
"""An agent's calls are noted once a minute, and it is told to the hour when it last was about: the hour may end."""


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Office]:
    async with closed_office(tmp_path, decoys={"rate": 0.2}) as office:
        people = office.shop.placet.config["people"]
        people[OTTO] = {"name": "Otto", "roles": ["operator"], "token_sha256": OTTO_KEY.sha256}
        office.shop.placet.write_config()
        await office.start()
        yield office


async def test_nothing_tells_a_decoy_apart_before_it_is_answered_and_it_never_runs(it: Office) -> None:
    placet, ada = it.shop.placet, it.shop.ada
    async with it.shop.agent() as agent, asyncio.TaskGroup() as group:
        call, real = await _followed(it, agent, group)
        decoy = await _planted(it, agent, real)
        assert decoy["arguments"] != real["arguments"]
        assert {name: real[name] for name in real if decoy[name] != real[name]}.keys() == OWN
        assert (real["waiting"], decoy["waiting"], decoy["decoy"]) == (True, True, None)
        await _the_same_everywhere(it, real, decoy)

        # A question reaches the agent that is held, and ends its hold; so it seems to with the other one.
        asked = [await _asked(ada, one) for one in (real, decoy)]
        assert (await call).code == "approval_pending"
        seen = [await ada.until(one["id"], lambda shown: not shown["waiting"]) for one in asked]
        assert all(one["questions"][0]["told_at"] > one["questions"][0]["at"] for one in seen)
        assert {name for name in seen[0] if seen[0][name] != seen[1][name]} == {*OWN, "questions"}

        # Arguments that no call could have are refused, and answer nothing.
        unfit = [await ada.decide(one, "approve", arguments={"to": "x", "amount": "50"}) for one in seen]
        assert [(status, said["code"]) for status, said in unfit] == [(422, "invalid")] * 2, unfit
        assert (await ada.show(decoy["id"]))["state"] == "pending"

        await it.press("bob", await it.card(decoy), "approve")
        ended = await ada.until_state(decoy["id"], "cancelled")
        assert (ended["cause"], ended["waiting"], ended["outcome"]) == ("decoy", False, None)
        said = await it.repainted(await it.card(decoy), "This was a test of attention")
        assert "Bob approved it" in said
        assert it.shop.seen(decoy["arguments"]["to"]) == it.shop.seen(real["arguments"]["to"]) == 0

        # The agent's own call of just these arguments is another one, which nobody has approved.
        own = group.create_task(agent.call("pay", decoy["arguments"]))
        mine = await ada.pending_of(**decoy["arguments"])
        assert mine["id"] != decoy["id"]
        await ada.deny(mine, "no")
        assert (await own).code == "approval_denied"
        await _only_the_real_one_counts(placet, ada, real)


async def _followed(it: Office, agent: Agent, group: asyncio.TaskGroup) -> tuple[asyncio.Task[Said], dict[str, Any]]:
    """Call, and have each denied, until a decoy is planned after one; that one is held."""
    for number in range(200):
        call = group.create_task(agent.call("pay", payment(f"shop {number}")))
        request = await it.shop.ada.pending_of(to=f"shop {number}")
        with sqlite3.connect(it.shop.placet.folder / "placet.db") as db:
            now = "UPDATE decoy_plans SET due_at = (SELECT created_at FROM requests WHERE id = request_id)"
            if db.execute(now).rowcount:
                return call, request
        await it.shop.ada.deny(request, "not this one")
        await call
    raise AssertionError("none of 200 calls is to be followed by a decoy")


async def _planted(it: Office, agent: Agent, real: Mapping[str, Any]) -> dict[str, Any]:
    """Wake whoever plants until a second request is there."""
    otto = Reviewer(it.shop.placet, OTTO_KEY)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for on in (True, False):
                scope = {"on": on, "agent": "other", **({"reason": "a drill"} if on else {})}
                status, said = await otto.ask("POST", "/api/v1/freeze", scope)
                assert status == 200, said
            found = [one for one in await it.shop.ada.requests(state="pending") if one["id"] != real["id"]]
            if found:
                return await it.shop.ada.show(found[0]["id"])
            await agent.tools()


async def _the_same_everywhere(it: Office, real: Mapping[str, Any], decoy: Mapping[str, Any]) -> None:
    placet, ada = it.shop.placet, it.shop.ada

    async def of_both(method: str, path: str, body: Any = None) -> list[Any]:
        found = [await ada.ask(method, f"/api/v1/requests/{one['id']}{path}", body) for one in (real, decoy)]
        return [(status, _plain(body, one)) for (status, body), one in zip(found, (real, decoy), strict=True)]

    for what in ("GET", "/timeline"), ("GET", "/receipt"):
        one, other = await of_both(*what)
        assert one == other
    before = [(await ada.ask("GET", f"/api/v1/requests/{one['id']}/similar"))[1] for one in (real, decoy)]
    assert before[0]["counts"] == before[1]["counts"], "neither is an earlier decision, of itself or of the other"
    grant = {"grant": {"arguments": {"/to": "any", "/amount": {"range": {"max": 900}}}, "for": "1h", "uses": 2}}
    one, other = await of_both("POST", "/grants/preview", grant)
    assert one == other
    listed = {one["id"]: one for one in await ada.requests()}
    assert {k for k, v in listed[real["id"]].items() if v != listed[decoy["id"]][k]} == OWN
    assert await _events(placet, real) == await _events(placet, decoy)
    for path in ("/api/v1/audit", "/api/v1/freeze"):
        assert decoy["id"] not in json.dumps((await ada.ask("GET", path))[1])

    # Numbers count it as one that waits; when an agent last called is not told so near that it could be missed.
    _, numbers = await Reviewer(placet, OTTO_KEY).ask("GET", "/api/v1/insights")
    assert (numbers["waiting"], numbers["requests"]["waiting"]) == (2, 2)
    async with aiohttp.ClientSession() as http, http.get(f"{placet.url}/metrics") as answer:
        assert 'placet_requests_open{state="pending"} 2.0' in await answer.text()
    _, agents = await ada.ask("GET", "/api/v1/agents")
    used = [token["last_used_at"] for one in agents["agents"] for token in one["tokens"] if token["last_used_at"]]
    assert used
    assert all(at.endswith(":00:00.000Z") for at in used)

    cards = [
        _plain({"blocks": (await it.card(one)).blocks, "text": (await it.card(one)).text}, one) for one in (real, decoy)
    ]
    assert cards[0] == cards[1]


def _plain(body: Any, request: Mapping[str, Any]) -> Any:
    """What was told, without what is the request's own."""
    text = re.sub(r"\b1[0-9]{9}\b|[0-9]{2}:[0-9]{2} UTC|\bsha256 [0-9a-f]{12}\b", "…", json.dumps(body))
    own = (*request["arguments"].values(), *(request[name] for name in OWN - {"arguments"}))
    for value in sorted(map(str, own), key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(value)}\b", "…", text)
    return text


async def _events(placet: Placet, request: Mapping[str, Any]) -> str:
    """What the feed first told of a request."""
    headers = {**placet.bearer(placet.ada), "Last-Event-ID": "0"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{placet.url}/api/v1/events") as stream,
    ):
        async for line in stream.content:
            if request["id"] in (told := line.decode()):
                return told.replace(request["id"], "…")
    raise AssertionError("the feed ended")


async def _asked(ada: Reviewer, request: Mapping[str, Any]) -> dict[str, Any]:
    status, said = await ada.ask("POST", f"/api/v1/requests/{request['id']}/ask", {"question": "Who is this?"})
    assert status == 200, said
    return dict(said)


async def _only_the_real_one_counts(placet: Placet, ada: Reviewer, real: Mapping[str, Any]) -> None:
    _, numbers = await Reviewer(placet, OTTO_KEY).ask("GET", "/api/v1/insights")
    (bob,) = [one for one in numbers["reviewers"] if one["name"] == "Bob"]
    assert (bob["decoys"]["missed"], bob["pace"]["decisions"]) == (1, 0)
    every = await ada.requests(limit="200")
    assert numbers["requests"]["asked"] == len(every) - 1
    assert (numbers["requests"]["approved"], numbers["waiting"]) == (0, 1)
    assert (await ada.show(real["id"]))["state"] == "pending"
