"""The page of servers: every server is asked at once, and none keeps the page waiting."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from aiohttp.test_utils import make_mocked_request

from approvals.domain.model import Person, PersonId, Role
from approvals.web.sessions import VISITOR, Visitor
from gateway.catalog import Catalog
from gateway.console import Console, ServersOut
from gateway.servers import Server, Servers
from gateway.upstreams import Unsent
from gateway.work import Work
from tests.integration.test_catalog import Listing, tool
from tests.integration.test_lookup import Slow


async def shown(console: Console) -> dict[str, tuple[int | None, str | None]]:
    """How many tools and which error the page shows for each server."""
    request = make_mocked_request("GET", "/api/v1/servers")
    otto = Person(id=PersonId("otto@example.com"), roles=frozenset({Role.OPERATOR}))
    request[VISITOR] = Visitor(person=otto, via="api", proof="")
    answer: Any = await console.list_servers(request)
    page = ServersOut.model_validate(json.loads(answer.body))
    return {server.name: (server.tools, server.error) for server in page.servers}


async def test_servers_that_hang_are_shown_so_beside_those_that_answer() -> None:
    mute, hung, gone = Slow(tool("read")), Slow(), Listing()
    gone.failure = Unsent("nobody listens")
    upstreams = {"mute": mute, "hung": hung, "gone": gone, "well": Listing(tool("echo"))}
    servers = Servers(Server(name=n, upstream=u, policies=(), call_seconds=1) for n, u in upstreams.items())
    reloader: Any = SimpleNamespace(settings=SimpleNamespace(servers={}))
    async with asyncio.TaskGroup() as group:
        work = Work(group)
        console = Console(
            servers=servers,
            catalog=Catalog(upstreams),
            judge=cast(Any, None),
            reloader=reloader,
            desk=cast(Any, None),
            work=work,
            patience=0.05,
        )
        late = "it has not answered for 0.05 seconds; the page shows its tools once it has"
        expected = {"mute": (None, late), "hung": (None, late), "gone": (None, "nobody listens"), "well": (1, None)}
        assert await shown(console) == expected
        mute.gate.set()
        async with asyncio.timeout(5):
            while (await shown(console))["mute"] != (1, None):
                pass
        assert mute.asked == 1
        work.cancel()
