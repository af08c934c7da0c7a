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
from gateway.console_tools import ToolsOut, tools_out
from gateway.judge import Judge
from gateway.policy.loaders import load_policy
from gateway.policy.risk import classify
from gateway.policy.routes import ApprovalDefaults
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


POLICY = """
version: "1"
default: deny
hide: [delete_*]
risk: {frobnicate: {class: read, why: It only looks}}
tools:
  "risk:read": {rate_limit: 60/minute}
"""


async def test_the_page_of_tools_has_evidence_findings_the_rule_now_and_one_to_begin_with() -> None:
    hinted = {**tool("delete_item"), "description": "Delete an item.", "annotations": {"readOnlyHint": True}}
    upstream = Listing(tool("transfer"), tool("transfer_history"), tool("frobnicate"), hinted, tool("no such name"))
    catalog = Catalog({"shop": upstream})
    server = Server(name="shop", upstream=upstream, policies=(load_policy(POLICY, "shop.yaml"),), call_seconds=1)
    listed = [*await catalog.tools("shop"), *catalog.withheld("shop")]
    page = ToolsOut.model_validate({"tools": await tools_out(server, listed, {}), "next_cursor": None})
    shown = {one.name: one for one in page.tools}
    assert list(shown) == sorted(shown)
    gone = shown["delete_item"]
    assert (gone.risk, gone.severity, gone.confidence, gone.listed) == ("destructive", "high", "high", False)
    assert gone.evidence[0].model_dump() == {
        "where": "name", "quote": "delete", "says": "takes away what does not come back by itself",
    }  # fmt: skip
    assert [finding.code for finding in gone.findings] == ["read_only_hint"]
    assert (gone.now.word, gone.now.rule, gone.recommended.yaml) == ("hide", "/hide/0", "hide: [delete_item]\n")
    said = shown["frobnicate"]
    assert (said.risk, said.listed, said.now.word) == ("read", True, "allow")
    assert said.found is not None
    assert (said.found.risk, said.evidence[0].says) == ("write", "It only looks")
    assert said.now.limits == ["60 calls per minute, by agent on this server"]
    assert shown["transfer_history"].evidence[-1].where == "sibling"
    assert shown["transfer_history"].found is None
    assert shown["transfer"].recommended.policy["tools"]["transfer"]["action"] == "require_approval"
    assert shown["no such name"].unusable is not None


async def test_tools_that_are_new_are_looked_at_once_however_many_they_are() -> None:
    catalog = Catalog({"shop": Listing(*(tool(f"get_item_{n}") for n in range(700)))})
    tools = await catalog.tools("shop")
    judge = Judge(ApprovalDefaults())
    await judge.meet(tools)
    await judge.meet(tools)
    assert [judge.risk(one) for one in tools] == [classify(one.definition) for one in tools]
    assert judge.risk(tools[0]) is judge.risk(tools[0])
