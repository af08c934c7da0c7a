"""What a process remembers of freezes and break-glass: an act counts in it before it is answered, and is not unread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from approvals.acting import Actor
from approvals.break_glass import BreakGlass
from approvals.domain.break_glass import Mode
from approvals.domain.model import Role
from approvals.domain.stops import Freeze
from approvals.errors import Unavailable
from approvals.stops import Stops, Surroundings
from approvals.testing import samples
from gateway.callers import Callers
from gateway.switches import Switches
from tests.fakes.desk import House, house

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
BY_OTTO = Actor(id=OTTO.id, via="web")
HOUR = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class Process:
    """The acts of one process, and what it remembers. Nothing runs in the background: only acts bring news."""

    stops: Stops
    glass: BreakGlass
    switches: Switches


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with house(database_url, people={**samples.PEOPLE, OTTO.id: OTTO}) as at:
        yield process_of(at)


def process_of(at: House) -> Process:
    async def settle() -> None:
        await made.switches.settle()

    around = Surroundings(servers=lambda: ["binance"], targets=list, url="https://placet.test/stops", settle=settle)
    stops, glass = Stops(at.desk, around), BreakGlass(at.desk, around, lambda: Mode.ALERT)
    callers = Callers(at.db, at.desk.bus)
    switches = Switches(stops, glass, at.desk.bus, callers, clock=lambda: at.clock.now)
    made = Process(stops=stops, glass=glass, switches=switches)
    return made


async def test_a_freeze_counts_where_it_was_made_before_it_is_answered_and_so_does_its_end(process: Process) -> None:
    freeze, _ = await process.stops.freeze("server:binance", reason="odd calls", lasts=HOUR, actor=BY_OTTO)
    assert process.switches.why("claude-ada", "binance") == freeze
    assert process.switches.why("claude-ada", "files") is None
    await process.stops.thaw("server:binance", actor=BY_OTTO)
    assert process.switches.why("claude-ada", "binance") is None


async def test_so_do_break_glass_and_its_end(process: Process) -> None:
    await process.glass.open("all", reason="nobody is there", lasts=HOUR, actor=BY_OTTO)
    assert process.switches.bypasses("binance") is True
    await process.glass.close("all", actor=BY_OTTO)
    assert process.switches.bypasses("binance") is False


@dataclass(slots=True, kw_only=True)
class Rows:
    """Stand-in for the acts: what the rows say. The first read is held back where `held` says so."""

    freezes: list[Freeze] = field(default_factory=list)
    held: bool = False
    silent: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def standing(self) -> list[Freeze]:
        if self.silent:
            raise Unavailable(why="the database does not answer")
        found, held, self.held = list(self.freezes), self.held, False
        if held:
            self.began.set()
            await self.let_go.wait()
        return found


class NoGlass:
    async def standing(self) -> list[Any]:
        return []


def frozen() -> Freeze:
    return Freeze(scope="all", reason="odd", by=OTTO.id, at=samples.NOW, until=samples.NOW + timedelta(days=36_500))


def remembering(rows: Rows) -> Switches:
    quiet: Any = type("Quiet", (), {"publish_everything": lambda _self: None})()
    paused: Any = type("Nobody", (), {"paused": lambda _self, _agent: False})()
    return Switches(cast("Stops", rows), cast("BreakGlass", NoGlass()), quiet, paused)


async def test_what_was_read_before_a_freeze_is_not_remembered_after_it() -> None:
    rows = Rows(held=True)
    switches = remembering(rows)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(switches.refresh())
        await rows.began.wait()
        rows.freezes.append(frozen())
        act = group.create_task(switches.settle())
        await asyncio.sleep(0)
        rows.let_go.set()
        await asyncio.gather(slow, act)
    assert switches.why("claude-ada", "binance") == frozen()


async def test_an_act_whose_news_cannot_be_read_is_done_all_the_same_and_nothing_is_forgotten() -> None:
    rows = Rows(freezes=[frozen()])
    switches = remembering(rows)
    await switches.settle()
    rows.silent = True
    await switches.settle()
    assert switches.why("claude-ada", "binance") == frozen()
