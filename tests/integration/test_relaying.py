"""Relaying: a server that hangs keeps nothing of the others from a client, and news are for who may hear them now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
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
from gateway.upstreams import Hear, Hello, Result, RpcError, Unsent, Wants
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
        self.hear: Hear = lambda *_: None

    async def hello(self, **_: Any) -> Hello:
        return HELLO

    async def request(self, relay: Any, *, peer: Any, sent: Any) -> Result:
        self.methods.append(relay.method)
        return Result(raw=b'{"resources":[{"uri":"x:1","name":"one"}]}')

    @asynccontextmanager
    async def listen(self, wants: Wants, **more: Any) -> AsyncIterator[Wants]:
        self.hear = more["hear"]
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
async def relaying(stops: Collection[str] = (), /, **upstreams: Steady) -> AsyncIterator[Relaying]:
    servers = {name: served(name, one) for name, one in upstreams.items()}
    async with relaying_to(servers, stops) as made:
        yield made


def served(name: str, upstream: Steady, policy: str = OPEN) -> Server:
    return Server(name=name, upstream=cast(Any, upstream), policies=(load_policy(policy, "p.yaml"),), call_seconds=300)


@asynccontextmanager
async def relaying_to(servers: dict[str, Server], stops: Collection[str]) -> AsyncIterator[Relaying]:
    """`servers` are those that the agent may use, and `stops` those that are stopped: a test may change both."""

    def found(_caller: Caller, server: str | None) -> list[Server]:
        return [one for name, one in servers.items() if server in (None, name)]

    lookup = SimpleNamespace(servers=found, every=lambda: list(servers.values()))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        work = Work(group)
        made = Relaying(
            cast(Any, lookup),
            Conversations(work, b"k" * 32, cast(Any, None)),
            cast(Any, SimpleNamespace(why=lambda _agent, server: server if server in stops else None)),
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


CLOSED = 'version: "1"\ndefault: allow\nresources: {default: deny}\n'
UPDATED, TOOLS = "notifications/resources/updated", "notifications/tools/list_changed"
Change = Callable[[dict[str, Server], set[str], Steady], object]
LATER = [
    pytest.param(lambda servers, stops, it: servers.clear(), [], id="the agent may not use the server any more"),
    pytest.param(lambda servers, stops, it: stops.add("one"), [], id="the server is stopped"),
    pytest.param(
        lambda servers, stops, it: servers.update(one=served("one", it, CLOSED)), [TOOLS], id="the policy is stricter"
    ),
    pytest.param(lambda servers, stops, it: None, [UPDATED, TOOLS], id="nothing has changed"),
]


@pytest.mark.parametrize(("change", "heard"), LATER)
async def test_news_come_only_to_who_may_hear_them_now(change: Change, heard: list[str]) -> None:
    told: list[str] = []
    steady, stops = Steady(), set[str]()
    servers = {"one": served("one", steady)}
    wants = Wants(tools=True, uris=frozenset({"x:1"}))
    async with (
        relaying_to(servers, stops) as it,
        it.listen(ADA, None, wants, session="s", capabilities=b"{}", hear=lambda method, _: told.append(method)),
    ):
        change(servers, stops, steady)
        steady.hear(UPDATED, b'{"uri":"x:1"}')
        steady.hear(TOOLS, b"{}")
    assert told == heard
