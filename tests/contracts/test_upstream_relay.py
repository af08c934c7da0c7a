"""All methods and the servers' own traffic, over both transports and in both eras, with the SDK's server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gateway.upstreams import Upstream, Wants
from gateway.upstreams import process as process_module
from gateway.upstreams.greeting import initialize_only
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.stdio import StdioUpstream
from tests.contracts.relay_contract import ALL, WATCHED, LiveContract, RoundsContract, said
from tests.fakes.upstreams import RELAY_SERVER, ROOT, Client, http_server, running, tool_call


@pytest.fixture(scope="module")
def modern_url() -> Iterator[str]:
    with http_server([*RELAY_SERVER, "http"]) as url:
        yield url


@pytest.fixture(scope="module")
def legacy_url() -> Iterator[str]:
    with http_server([*RELAY_SERVER, "http-legacy"]) as url:
        yield url


def stdio() -> StdioUpstream:
    return StdioUpstream(name="peer", command=[*RELAY_SERVER, "stdio"], cwd=ROOT)


class TestModernHttp(RoundsContract):
    @pytest.fixture
    async def upstream(self, modern_url: str) -> AsyncIterator[Upstream]:
        async with running(HttpUpstream(name="peer", url=modern_url)) as upstream:
            yield upstream


class TestLegacyHttp(LiveContract):
    @pytest.fixture
    async def upstream(self, legacy_url: str) -> AsyncIterator[Upstream]:
        async with running(HttpUpstream(name="peer", url=legacy_url)) as upstream:
            yield upstream


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def modern_stdio() -> AsyncIterator[Upstream]:
    async with running(stdio()) as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def legacy_stdio() -> AsyncIterator[Upstream]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_module, "discover_first", initialize_only)
        async with running(stdio()) as upstream:
            yield upstream


@pytest.mark.asyncio(loop_scope="class")
class TestModernStdio(RoundsContract):
    @pytest.fixture
    def upstream(self, modern_stdio: Upstream) -> Upstream:
        return modern_stdio


@pytest.mark.asyncio(loop_scope="class")
class TestLegacyStdio(LiveContract):
    @pytest.fixture
    def upstream(self, legacy_stdio: Upstream) -> Upstream:
        return legacy_stdio


async def test_a_session_has_a_process_of_its_own_once_it_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "discover_first", initialize_only)
    async with running(stdio()) as upstream:
        shared = await said(upstream, tool_call("process", session="ada"))
        assert await said(upstream, tool_call("process", session="bob")) == shared
        own = await said(upstream, tool_call("process", session="ada", capabilities=ALL))
        assert own != shared
        assert await said(upstream, tool_call("process", session="ada")) == own
        wants = Wants(uris=frozenset({WATCHED}))
        async with upstream.listen(wants, session="bob", capabilities=b"{}", hear=lambda *_: None):
            assert await said(upstream, tool_call("process", session="bob")) not in (own, shared)
        await upstream.forget("ada")
        assert await said(upstream, tool_call("process", session="ada")) == shared
    for process in (own, shared):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


@pytest.mark.parametrize("transport", ["http", "stdio"])
async def test_a_server_of_both_eras_asks_a_client_that_can_be_asked_live(transport: str, modern_url: str) -> None:
    asked = tool_call("test_elicitation", b'{"message":"?"}', capabilities=ALL, live=True)
    client = Client(create=b'{"action":"decline"}')
    peer: Upstream = HttpUpstream(name="peer", url=modern_url) if transport == "http" else stdio()
    async with running(peer) as upstream:
        assert await said(upstream, asked, client) == "User response: action=decline, content=null"
        assert len(client.asked) == 1
        assert (await upstream.hello()).version == "2026-07-28"
