"""stdio keeps the upstream contract, against the official SDK's server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from gateway.upstreams import Upstream
from gateway.upstreams.stdio import StdioUpstream
from tests.contracts.upstream_contract import UpstreamContract
from tests.fakes.upstreams import SDK_SERVER, running


class TestModernStdio(UpstreamContract):
    @pytest.fixture
    async def upstream(self) -> AsyncIterator[Upstream]:
        command = [sys.executable, str(SDK_SERVER), "stdio"]
        async with running(StdioUpstream(name="peer", command=command)) as upstream:
            yield upstream
