"""Runs the matrix: one gateway before all servers, every client with calls for every outcome, and a reviewer.

A cell is good when the client said what it should and the gateway's own record agrees; otherwise it holds a sentence
that says what was wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.acceptance.agents import Said
from tests.acceptance.harness import Placet, Reviewer, agent_token, serving
from tests.acceptance.test_upstreams_people_use import everything_over_http
from tests.matrix.drivers import DRIVERS, Driver, Failed, Heard, Job
from tests.matrix.outcomes import REASON, RULE_SAYS, Outcome
from tests.matrix.servers import SERVERS, Place, Server

AT_ONCE = 4
TASK_TAKERS = {driver.name for driver in DRIVERS if driver.takes_tasks}
Key = tuple[str, str, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One client, one server, one outcome. `problem` is None where all was right."""

    client: str
    server: str
    outcome: Outcome
    problem: str | None


@asynccontextmanager
async def _pages() -> AsyncIterator[str]:
    """A web server with a page for each outcome."""

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=f"the page {request.match_info['name']}", content_type="text/plain")

    app = web.Application()
    app.router.add_get("/{name}", show)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class World:
    """The gateway before all servers, and who decides there."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.tokens = {driver.name: agent_token() for driver in DRIVERS}
        names = [server.name for server in SERVERS]
        agents = {
            name: {"token_sha256": token.sha256, "owner": "bob@example.com", "servers": names}
            for name, token in self.tokens.items()
        }
        self.placet = Placet(
            place.folder,
            servers={server.name: server.spec(place) for server in SERVERS},
            policies={server.name: server.policy(place) for server in SERVERS},
            agents=agents,
        )
        self.ada = Reviewer(self.placet, self.placet.ada)
        self.requests: dict[Key, list[dict[str, Any]]] = {}

    def job(self, driver: Driver, server: Server) -> Job:
        """The four calls of a client at a server."""
        calls = [(server.tool, server.arguments(self.place, outcome)) for outcome in Outcome]
        folder = self.place.made(f"home-{driver.name}")
        url, token = self.placet.mcp(server.name), self.tokens[driver.name].text
        return Job(url=url, token=token, calls=calls, folder=folder)

    def outcome_of(self, request: Mapping[str, Any]) -> Outcome:
        """Which of the four a held request is about."""
        server = next(server for server in SERVERS if server.name == request["server"])
        value = request["arguments"][server.argument]
        return next(outcome for outcome in Outcome if server.values(self.place, outcome) == value)

    async def decide(self) -> None:
        """Approve and deny by what marks a call, for ever, as the live feed tells of new ones."""
        decided: set[str] = set()
        async with (
            asyncio.TaskGroup() as group,
            aiohttp.ClientSession(headers=self.placet.bearer(self.placet.ada)) as http,
            http.get(self.placet.url + "/api/v1/events", timeout=aiohttp.ClientTimeout(total=None)) as stream,
        ):
            while True:
                for request in await self.ada.requests(state="pending"):
                    if request["id"] in decided:
                        continue
                    decided.add(request["id"])
                    group.create_task(self._decide(request))
                await stream.content.readline()

    async def _decide(self, request: dict[str, Any]) -> None:
        if request["agent"] in TASK_TAKERS:
            # At first a task is a held call like any other; decided then, it would never be one.
            await self.ada.until(request["id"], lambda shown: not shown["waiting"])
        if self.outcome_of(request) is Outcome.APPROVED:
            await self.ada.approve(request)
        else:
            await self.ada.deny(request, REASON)

    async def read(self) -> None:
        """What the gateway itself has on record."""
        cursor = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            status, body = await self.ada.ask("GET", f"/api/v1/requests?limit=200{more}")
            assert status == 200, body
            for request in body["requests"]:
                key = (request["agent"], request["server"], self.outcome_of(request))
                self.requests.setdefault(key, []).append(request)
            cursor = body["next_cursor"]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A running gateway before all servers."""
    async with everything_over_http() as everything_url, _pages() as page_url:
        made = World(Place(folder=folder, everything_url=everything_url, page_url=page_url))
        async with serving(made.placet):
            yield made


async def cells(folder: Path) -> dict[Key, Cell]:
    """Run all of it."""
    limit = asyncio.Semaphore(AT_ONCE)
    heard: dict[tuple[str, str], Heard | str] = {}
    async with world(folder) as it:

        async def one(driver: Driver, server: Server) -> None:
            async with limit:
                heard[driver.name, server.name] = await _try(driver, it.job(driver, server))

        async with asyncio.TaskGroup() as deciding:
            reviewer = deciding.create_task(it.decide())
            async with asyncio.TaskGroup() as group:
                for server in SERVERS:
                    for driver in DRIVERS:
                        group.create_task(one(driver, server))
            reviewer.cancel()
        await it.read()
    return {
        (driver.name, server.name, outcome): Cell(
            client=driver.name,
            server=server.name,
            outcome=outcome,
            problem=_problem(it, driver, server, outcome, heard[driver.name, server.name]),
        )
        for driver in DRIVERS
        for server in SERVERS
        for outcome in Outcome
    }


async def _try(driver: Driver, job: Job) -> Heard | str:
    try:
        return await driver.run(job)
    except (Failed, TimeoutError) as err:
        return f"the client failed: {err}"
    except BaseExceptionGroup as group:
        with contextlib.suppress(BaseException):
            raise group
        return f"the client failed: {group.exceptions!r}"


def _problem(it: World, driver: Driver, server: Server, outcome: Outcome, heard: Heard | str) -> str | None:
    """What is wrong with a cell, in a sentence."""
    if isinstance(heard, str):
        return heard
    if heard.version != driver.speaks:
        return f"it spoke {heard.version!r}, not {driver.speaks}"
    if heard.tools != [server.tool]:
        return f"it saw the tools {heard.tools}"
    answer = heard.answers[list(Outcome).index(outcome)]
    if isinstance(answer, str):
        return f"it raised an error: {answer}"
    if problem := _answer_problem(server, outcome, answer):
        return problem
    records = it.requests.get((driver.name, server.name, outcome), [])
    return _record_problem(outcome, records, answer) or _task_problem(driver, records, heard)


def _answer_problem(server: Server, outcome: Outcome, answer: Said) -> str | None:
    code, refused, said = {
        Outcome.ALLOWED: (None, False, server.said(outcome)),
        Outcome.DENIED: ("policy_denied", True, RULE_SAYS),
        Outcome.APPROVED: ("approved", False, server.said(outcome)),
        Outcome.REFUSED: ("approval_denied", True, REASON),
    }[outcome]
    if answer.code != code:
        return f"the verdict is {answer.code!r}, not {code!r}: {answer.text[:300]}"
    if answer.refused != refused:
        return f"isError is {answer.refused}: {answer.text[:300]}"
    if said not in answer.text:
        return f"{said!r} is not in its text: {answer.text[:300]}"
    return None


def _record_problem(outcome: Outcome, records: list[dict[str, Any]], answer: Said) -> str | None:
    states = [record["state"] for record in records]
    expected = {Outcome.APPROVED: ["succeeded"], Outcome.REFUSED: ["denied"]}.get(outcome, [])
    if states != expected:
        return f"the gateway has requests of states {states} on record, not {expected}"
    if records and answer.verdict["request"] != records[0]["id"]:
        return f"it was told of {answer.verdict['request']}, on record is {records[0]['id']}"
    return None


def _task_problem(driver: Driver, records: list[dict[str, Any]], heard: Heard) -> str | None:
    if driver.takes_tasks and not {record["id"] for record in records} <= set(heard.tasks):
        return f"it asked after the tasks {heard.tasks}, not after the held call"
    return None
