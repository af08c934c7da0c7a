"""Listing the tools of several servers: none waits long for another, and what comes late is not lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from approvals.domain.model import Caller
from gateway.catalog import Catalog
from gateway.judge import Judge
from gateway.lookup import UNREACHABLE, Lookup
from gateway.policy.loaders import load_policy
from gateway.policy.routes import ApprovalDefaults
from gateway.servers import Server, Servers
from gateway.upstreams import NoAnswer, RpcError
from gateway.work import Work
from tests.integration.test_catalog import Listing, tool

POLICY = load_policy('version: "1"\ndefault: deny\ntools: {"*": {}}\n', "p.yaml")
ADA = Caller(agent="ada")


class Everybody:
    """Callers: each may use every server."""

    def __init__(self, names: list[str]) -> None:
        self._names = tuple(names)

    def servers(self, _agent: str) -> tuple[str, ...]:
        return self._names


@asynccontextmanager
async def looking(upstreams: Mapping[str, Listing], *, patience: float = 0.01) -> AsyncIterator[Lookup]:
    """A lookup over these servers; its waits are short, for the slow ones never answer by themselves."""
    servers = Servers(Server(name=n, upstream=u, policies=(POLICY,), call_seconds=1) for n, u in upstreams.items())
    async with asyncio.TaskGroup() as group:
        work = Work(group)
        yield Lookup(
            servers=servers,
            catalog=Catalog(upstreams),
            callers=cast(Any, Everybody(list(upstreams))),
            judge=Judge(ApprovalDefaults()),
            work=work,
            patience=patience,
        )
        work.cancel()


class Slow(Listing):
    """A server that answers when the test opens its gate."""

    def __init__(self, *tools: dict[str, Any]) -> None:
        super().__init__(*tools)
        self.gate.clear()
        self.was_asked = asyncio.Event()

    async def list_tools(self, *, session: str = "", capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        self.was_asked.set()
        return await super().list_tools(session=session, capabilities=capabilities)


async def names(lookup: Lookup, server: str | None = None) -> list[str]:
    found = await lookup.tools(ADA, server)
    assert not isinstance(found, RpcError), found
    return [one.listing["name"] for one in found]


async def test_servers_that_hang_do_not_keep_the_others_tools_from_an_agent(caplog: pytest.LogCaptureFixture) -> None:
    hung = {"b": Slow(tool("read")), "c": Slow(tool("read"))}
    async with looking({"a": Listing(tool("echo")), **hung}) as lookup:
        with caplog.at_level(logging.WARNING):
            assert await names(lookup) == ["a__echo"]
        assert [name for name in "abc" if f"cannot be listed: {name}:" in caplog.text] == ["b", "c"]


async def test_what_comes_late_is_told_of_and_is_in_the_next_list_without_asking_again() -> None:
    late, told = Slow(tool("read")), asyncio.Event()
    async with looking({"a": Listing(tool("echo")), "b": late}) as lookup:
        lookup.on_late = told.set
        assert await names(lookup) == ["a__echo"]
        late.gate.set()
        await told.wait()
        assert await names(lookup) == ["a__echo", "b__read"]
        assert late.asked == 1


async def test_a_server_that_has_become_slow_keeps_its_last_list() -> None:
    became_slow = Listing(tool("read"))
    async with looking({"a": Listing(tool("echo")), "b": became_slow}, patience=0.2) as lookup:
        assert await names(lookup) == ["a__echo", "b__read"]
        became_slow.on_tools_changed()
        became_slow.gate.clear()
        assert await names(lookup) == ["a__echo", "b__read"]
        assert became_slow.asked == 2


async def test_while_nobody_has_answered_the_first_is_waited_for() -> None:
    first, second = Slow(tool("echo")), Slow(tool("read"))
    async with looking({"a": first, "b": second}) as lookup, asyncio.TaskGroup() as group:
        listed = group.create_task(names(lookup))
        await first.was_asked.wait()
        first.gate.set()
        assert await listed == ["a__echo"]


async def test_a_server_of_its_own_path_is_waited_for_as_long_as_it_takes() -> None:
    only = Slow(tool("echo"))
    async with looking({"a": only, "b": Listing()}) as lookup, asyncio.TaskGroup() as group:
        listed = group.create_task(names(lookup, "a"))
        await only.was_asked.wait()
        only.gate.set()
        assert await listed == ["echo"]


async def test_that_nobody_can_be_reached_is_an_error_that_says_why() -> None:
    gone = Listing()
    gone.failure = NoAnswer("it is gone")
    async with looking({"a": gone, "b": gone}) as lookup:
        found = await lookup.tools(ADA, None)
    assert isinstance(found, RpcError)
    assert (found.code, "a: it is gone" in found.message) == (UNREACHABLE, True)


async def test_an_agent_that_leaves_does_not_end_the_asking_for_the_others() -> None:
    only = Slow(tool("echo"))
    async with looking({"a": only}) as lookup, asyncio.TaskGroup() as group:
        leaving = group.create_task(names(lookup))
        await only.was_asked.wait()
        leaving.cancel()
        staying = group.create_task(names(lookup))
        only.gate.set()
        assert await staying == ["echo"]
        assert only.asked == 1
