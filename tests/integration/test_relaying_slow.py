"""Relaying on the aggregate: a server that hangs keeps nothing that the others have from a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from approvals.domain.model import Caller, Client
from gateway.conversation import Conversations
from gateway.inbound.gate import InboundAsk
from gateway.paging import Cursors
from gateway.policy.loaders import load_policy
from gateway.protocol.classify import Era
from gateway.relaying import Relaying
from gateway.servers import Server
from gateway.upstreams import Hello, Result, RpcError, Unsent, Wants
from gateway.work import Work
from tests.integration.test_catalog import Listing
from tests.integration.test_conversation import FakeLine

OPEN = 'version: "1"\ndefault: allow\nresources: {default: allow}\nprompts: {default: allow}\n'
ADA = Caller(agent="ada")
HELLO = Hello(version="2025-11-25", capabilities={"logging": {}, "resources": {}}, instructions=None)


class Steady(Listing):
    """Answers at once, with one resource, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: list[str] = []

    async def hello(self, **_: Any) -> Hello:
        return HELLO

    async def request(self, relay: Any, *, peer: Any, sent: Any) -> Result:
        self.methods.append(relay.method)
        return Result(raw=b'{"resources":[{"uri":"x:1","name":"one"}]}')

    @asynccontextmanager
    async def listen(self, wants: Wants, **_: Any) -> AsyncIterator[Wants]:
        yield wants


class Hanging(Steady):
    """Never answers a request; a subscription is taken up once both have been asked."""

    def __init__(self, both: asyncio.Barrier | None = None) -> None:
        super().__init__()
        self.both = both or asyncio.Barrier(1)

    async def request(self, relay: Any, *, peer: Any, sent: Any) -> Result:
        self.methods.append(relay.method)
        await asyncio.Event().wait()
        raise AssertionError

    @asynccontextmanager
    async def listen(self, wants: Wants, **_: Any) -> AsyncIterator[Wants]:
        await self.both.wait()
        yield wants


@asynccontextmanager
async def relaying(**upstreams: Steady) -> AsyncIterator[Relaying]:
    policies = (load_policy(OPEN, "p.yaml"),)
    servers = [
        Server(name=name, upstream=cast(Any, one), policies=policies, call_seconds=300)
        for name, one in upstreams.items()
    ]
    lookup = SimpleNamespace(servers=lambda _caller, _server: servers, every=lambda: servers)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        work = Work(group)
        made = Relaying(
            cast(Any, lookup),
            Conversations(work, b"k" * 32, cast(Any, None)),
            cast(Any, SimpleNamespace(why=lambda _agent, _server: None)),
            cursors=Cursors(b"k" * 32),
            work=work,
            instructions="",
            patience=0.1,
        )
        yield made
        work.cancel()


def asked(method: str, **params: Any) -> InboundAsk:
    return InboundAsk(
        request_id=1,
        version="2025-11-25",
        method=method,
        params=b"{}",
        parsed=params,
        name=None,
        client=Client(name="c", version="1"),
        session="s",
        era=Era.LEGACY,
        capabilities=b"{}",
    )


@pytest.mark.parametrize("method", ["resources/list", "prompts/list"])
async def test_a_list_leaves_out_a_server_that_hangs(method: str) -> None:
    steady, hung = Steady(), Hanging()
    async with relaying(steady=steady, hung=hung) as it:
        said = await it.ask(ADA, None, asked(method), FakeLine())
    assert isinstance(said, Result)
    assert (steady.methods, hung.methods) == ([method], [method])


async def test_a_log_level_is_set_at_every_server_though_the_first_one_hangs() -> None:
    steady, hung = Steady(), Hanging()
    async with relaying(hung=hung, steady=steady) as it:
        said = await it.ask(ADA, None, asked("logging/setLevel", level="error"), FakeLine())
    assert not isinstance(said, RpcError)
    assert (steady.methods, hung.methods) == (["logging/setLevel"], ["logging/setLevel"])


class Stopped(Steady):
    """Was taken out of use."""

    @asynccontextmanager
    async def listen(self, wants: Wants, **_: Any) -> AsyncIterator[Wants]:
        if wants.resources:
            raise Unsent("it is not in use")
        yield wants


async def test_a_server_that_cannot_be_listened_to_ends_no_subscription_to_the_others() -> None:
    wants = Wants(resources=True)
    key: dict[str, Any] = {"session": "s", "capabilities": b"{}", "hear": lambda *_: None}
    async with relaying(gone=Stopped(), steady=Steady()) as it, it.listen(ADA, None, wants, **key) as accepted:
        assert accepted.resources
    async with relaying(gone=Stopped(), too=Stopped()) as it:
        with pytest.raises(Unsent):
            await it.listen(ADA, None, wants, **key).__aenter__()


async def test_subscriptions_are_taken_up_side_by_side() -> None:
    both = asyncio.Barrier(2)
    async with (
        relaying(one=Hanging(both), steady=Steady(), other=Hanging(both)) as it,
        it.listen(ADA, None, Wants(resources=True), session="s", capabilities=b"{}", hear=lambda *_: None) as accepted,
    ):
        assert accepted.resources
