"""Streamable HTTP keeps the upstream contract in both eras, against the official SDK's server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.upstreams import Result, RpcError, Upstream
from gateway.upstreams.http import HttpUpstream
from tests.contracts.upstream_contract import UpstreamContract, text_of
from tests.fakes.upstreams import running, sdk_http_server, send_call, tool_call


@pytest.fixture(scope="module")
def modern_url() -> Iterator[str]:
    with sdk_http_server("http") as url:
        yield url


@pytest.fixture(scope="module")
def legacy_url() -> Iterator[str]:
    with sdk_http_server("http-legacy") as url:
        yield url


class TestModernHttp(UpstreamContract):
    @pytest.fixture
    async def upstream(self, modern_url: str) -> AsyncIterator[Upstream]:
        async with running(HttpUpstream(name="peer", url=modern_url)) as upstream:
            yield upstream

    async def test_an_argument_that_wants_a_header_gets_it(self, upstream: Upstream) -> None:
        """The SDK's server answers -32020 without it."""
        tools = {tool["name"]: tool for tool in await upstream.list_tools()}
        asked = tool_call("region", '{"name":"Köln"}'.encode(), definition=tools["region"])
        answer = await send_call(upstream, asked)
        assert text_of(answer) == "in Köln"

    async def test_a_missing_header_is_found_out_for_the_next_call_and_this_one_is_not_sent_again(
        self, upstream: Upstream
    ) -> None:
        changed = asyncio.Event()
        upstream.on_tools_changed = changed.set
        refused = await send_call(upstream, tool_call("region", b'{"name":"north"}'))
        assert isinstance(refused, RpcError)
        assert (refused.code, changed.is_set()) == (-32020, True)
        answer = await send_call(upstream, tool_call("region", b'{"name":"north"}'))
        assert isinstance(answer, Result)
        assert text_of(answer) == "in north"


class TestLegacyHttp(UpstreamContract):
    @pytest.fixture
    async def upstream(self, legacy_url: str) -> AsyncIterator[Upstream]:
        async with running(HttpUpstream(name="peer", url=legacy_url)) as upstream:
            yield upstream
