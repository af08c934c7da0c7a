"""A rule says `self_service`: the agent's own user is asked to open the page, and what they decide there counts.

The official client asks its user; the user is Ada, who owns the agent and may decide, at the REST API. What no library
sends (tampered states, another agent's) is sent by hand.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitRequestURLParams, ElicitResult

from tests.acceptance.agents import MODERN, Agent, Mode, OldAgent, Said, heard, sdk
from tests.acceptance.counting import ASKS, Shop, open_shop, shop
from tests.acceptance.harness import PATIENCE_SECONDS, serving
from tests.acceptance.test_stdio_bridge import bridged

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
TAKES_URLS: dict[str, dict[str, Any]] = {CAPABILITIES: {"elicitation": {"form": {}, "url": {}}}}
TAKES_TASKS_TOO = {
    CAPABILITIES: {**TAKES_URLS[CAPABILITIES], "extensions": {"io.modelcontextprotocol/tasks": {}}},
}
SHOWN = {"action": "require_approval", "approval": {"self_service": True}}
HASTY = {"action": "require_approval", "approval": {"self_service": True, "timeout": "3s"}}
TOOLS = {"pay": SHOWN, "hang": ASKS, "read": HASTY}
SHORT = {"hold": {"plain": "1s", "with_progress": "1s"}, "result_tool": True}
Connect = Callable[["User"], AbstractAsyncContextManager[Client]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop"), tools=TOOLS) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Holds are short: a call that nobody decides is answered `pending` after a second."""
    async with open_shop(tmp_path_factory.mktemp("hasty"), tools=TOOLS, limits=SHORT) as made:
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


@dataclass
class User:
    """The human at the client: says whether they open a page, after having done what they do there."""

    at: Shop
    action: Any = "accept"
    does: Callable[[ElicitRequestURLParams], Awaitable[object]] | None = None
    asked: list[ElicitRequestURLParams] = field(default_factory=list)

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        self.asked.append(params)
        if self.does is not None:
            await self.does(params)
        return ElicitResult(action=self.action)

    async def opened(self, params: ElicitRequestURLParams) -> dict[str, Any]:
        """What the page of the address shows to Ada."""
        place, _, request_id = params.url.rpartition("/")
        assert place == f"{self.at.placet.url}/requests"
        assert request_id in params.message
        return await self.at.ada.show(request_id)

    def client(self, mode: Mode) -> AbstractAsyncContextManager[Client]:
        """Their client over HTTP."""
        return sdk(self.at.placet, "shop", mode, elicitation=self)


async def again(agent: Agent, first: Said, to: str, action: str = "accept", tool: str = "pay", **but: Any) -> Said:
    """Come back from a round trip, as a client does."""
    came = {"inputResponses": {"approval": {"action": action}}, "requestState": first.result["requestState"], **but}
    return await agent.post(*agent.modern("tools/call", {"name": tool, "arguments": payment(to), **came}, **TAKES_URLS))


async def first_of(agent: Agent, to: str, **meta: Any) -> Said:
    """A call whose client is to show the page."""
    first = await agent.call("pay", payment(to), **(meta or TAKES_URLS))
    assert first.result["resultType"] == "input_required", first
    return first


@pytest.mark.must_have(5)
async def test_the_user_opens_the_page_and_approves_while_the_call_waits(it: Shop) -> None:
    user = User(it)
    async with user.client("auto") as client, asyncio.TaskGroup() as group:
        assert client.protocol_version == MODERN
        called = group.create_task(client.call_tool("pay", payment("ann")))
        asked = await it.ada.pending_of(to="ann")
        waiting = await it.ada.until(asked["id"], lambda one: bool(one["waiting"]) and bool(user.asked))
        assert (waiting["state"], waiting["owner"], waiting["may_decide"]) == ("pending", "ada@example.com", True)
        assert it.seen("ann") == 0
        await it.ada.approve(waiting)
    said = heard(called.result())
    assert (said.code, said.text, said.verdict["request"]) == ("approved", "pay 5 to ann", asked["id"])
    assert said.verdict["reviewers"] == ["ada@example.com"]
    assert (it.seen("ann"), len(user.asked), user.asked[0].elicitation_id) == (1, 1, None)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_user_decides_before_the_client_comes_back(it: Shop, mode: Mode) -> None:
    to = f"ben-{mode}"

    async def approve(params: ElicitRequestURLParams) -> None:
        shown = await user.opened(params)
        assert (shown["arguments"], it.seen(to)) == (payment(to), 0)
        await it.ada.approve(shown)

    user = User(it, does=approve)
    async with user.client(mode) as client:
        said = heard(await client.call_tool("pay", payment(to)))
    assert (said.code, said.text, it.seen(to), len(user.asked)) == ("approved", f"pay 5 to {to}", 1, 1)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_user_denies_on_the_page_whatever_the_client_says(it: Shop, mode: Mode) -> None:
    to = f"cid-{mode}"

    async def deny(params: ElicitRequestURLParams) -> None:
        await it.ada.deny(await user.opened(params), "not today")

    user = User(it, does=deny)
    async with user.client(mode) as client:
        said = heard(await client.call_tool("pay", payment(to)))
    assert (said.code, said.verdict["reason"], it.seen(to)) == ("approval_denied", "not today", 0)


@pytest.mark.pain(7)
async def test_opening_the_page_approves_nothing(it: Shop) -> None:
    async with it.agent() as agent:
        first = await agent.call("read", payment("dan"), **TAKES_URLS)
        said = await again(agent, first, "dan", tool="read")
    assert (said.refused, said.code, it.seen("dan")) == (True, "approval_expired", 0)
    request = await it.ada.show(said.verdict["request"])
    assert (request["state"], request["cause"], request["votes"]) == ("expired", "timed_out", [])


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_does_not_open_the_page_denies_nothing_and_is_not_asked_again(it: Shop, action: str) -> None:
    to, user = f"eve-{action}", User(it, action=action)
    async with user.client("auto") as client, asyncio.TaskGroup() as group:
        said = heard(await client.call_tool("pay", payment(to)))
        (asked,) = [one for one in await it.ada.requests(state="pending") if one["arguments"] == payment(to)]
        assert (said.refused, said.code, said.verdict["request"]) == (True, "approval_pending", asked["id"])
        assert "did not, which denies nothing" in said.text
        assert said.verdict["url"] == user.asked[0].url
        called = group.create_task(client.call_tool("pay", payment(to)))
        waiting = await it.bob.until(asked["id"], lambda one: bool(one["waiting"]))
        await it.bob.approve(waiting)
    assert (heard(called.result()).text, it.seen(to), len(user.asked)) == (f"pay 5 to {to}", 1, 1)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_hold_that_ends_pending_asks_nobody_again(hasty: Shop, mode: Mode) -> None:
    to, user = f"fay-{mode}", User(hasty)
    async with user.client(mode) as client:
        said = heard(await client.call_tool("pay", payment(to)))
        assert (said.code, said.verdict["url"]) == ("approval_pending", user.asked[0].url)
        asked = await user.opened(user.asked[0])
        still = heard(await client.call_tool("pay", payment(to)))
        assert (still.code, still.verdict["request"]) == ("approval_pending", asked["id"])
        await hasty.ada.approve(asked)
        collected = heard(await client.call_tool("pay", payment(to)))
    assert (collected.text, hasty.seen(to), len(user.asked)) == (f"pay 5 to {to}", 1, 1)


@pytest.mark.parametrize(
    "declares",
    [
        pytest.param({}, id="nothing"),
        pytest.param({CAPABILITIES: {"elicitation": {}}}, id="the older way to say: forms"),
        pytest.param({CAPABILITIES: {"elicitation": {"form": {}}}}, id="forms"),
    ],
)
async def test_a_client_that_takes_no_addresses_is_held(it: Shop, declares: Any) -> None:
    to = f"gil-{len(str(declares))}"
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment(to), **declares))
        asked = await it.ada.pending_of(to=to)
        await it.ada.approve(await it.ada.until(asked["id"], lambda one: bool(one["waiting"])))
    assert (called.result().code, called.result().text) == ("approved", f"pay 5 to {to}")


async def test_a_rule_that_does_not_say_so_asks_no_user(hasty: Shop) -> None:
    user = User(hasty)
    async with user.client("auto") as client:
        said = heard(await client.call_tool("hang", payment("hal")))
    assert (said.code, user.asked) == ("approval_pending", [])


@pytest.mark.pain(25)
async def test_a_state_is_refused_unless_it_is_whole_and_ones_own_and_for_this_call(it: Shop) -> None:
    async with it.agent() as agent, it.other() as other:
        first, another = await first_of(agent, "ida"), await first_of(agent, "ivo")
        theirs = await first_of(other, "ida")
        state: str = first.result["requestState"]
        middle = len(state) // 2
        tampered = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
        foreign = theirs.result["requestState"], another.result["requestState"]
        for bad in (tampered, *foreign, "made up"):
            said = await again(agent, first, "ida", requestState=bad)
            assert (said.status, said.error["code"]) == (400, -32602), said
            assert "requestState" in said.error["message"]
        open_ones = [one for one in await it.ada.requests(state="pending") if one["arguments"]["to"] in {"ida", "ivo"}]
        assert len(open_ones) == 3
        for one in open_ones:
            await it.ada.deny(one, "clearing up")
    assert it.seen("ida") + it.seen("ivo") == 0


async def test_a_state_that_comes_twice_runs_nothing_twice(it: Shop) -> None:
    async with it.agent() as agent:
        first = await first_of(agent, "joe")
        await it.ada.approve(await it.ada.pending_of(to="joe"))
        said = [await again(agent, first, "joe") for _ in range(3)]
        assert {(one.code, one.text) for one in said} == {("approved", "pay 5 to joe")}
        assert len({one.verdict["request"] for one in said}) == 1
        assert it.seen("joe") == 1
        # The same call without it is a new one.
        assert (await first_of(agent, "joe")).result["requestState"] != first.result["requestState"]


async def test_a_client_that_comes_back_without_an_answer_is_asked_once_more(it: Shop) -> None:
    async with it.agent() as agent:
        first = await first_of(agent, "kim")
        second = await again(agent, first, "kim", inputResponses={})
        assert second.result["inputRequests"] == first.result["inputRequests"]
        await it.ada.approve(await it.ada.pending_of(to="kim"))
        assert (await again(agent, second, "kim")).text == "pay 5 to kim"
    assert it.seen("kim") == 1


async def test_the_tool_that_waits_for_a_result_shows_the_page_too(hasty: Shop) -> None:
    async with hasty.agent() as agent:
        first = await first_of(agent, "uma")
        asked = await hasty.ada.pending_of(to="uma")
        wait = {"name": "placet_result", "arguments": {"request": asked["id"]}}

        async def collect(state: str) -> Said:
            came = {"inputResponses": {"approval": {"action": "accept"}}, "requestState": state}
            return await agent.post(*agent.modern("tools/call", {**wait, **came}, **TAKES_URLS))

        shown = await agent.post(*agent.modern("tools/call", wait, **TAKES_URLS))
        assert shown.result["inputRequests"] == first.result["inputRequests"]
        assert (await collect(first.result["requestState"])).error["code"] == -32602
        assert (await collect(shown.result["requestState"])).code == "approval_pending"
        await hasty.ada.approve(asked)
        assert (await collect(shown.result["requestState"])).text == "pay 5 to uma"
    assert hasty.seen("uma") == 1


@pytest.mark.must_have(5)
async def test_a_client_that_takes_tasks_shows_the_page_and_then_gets_its_task(it: Shop) -> None:
    async with it.agent() as agent:
        first = await first_of(agent, "lea", **TAKES_TASKS_TOO)
        came = {"inputResponses": {"approval": {"action": "accept"}}, "requestState": first.result["requestState"]}
        message = {"name": "pay", "arguments": payment("lea"), **came}
        made = await agent.post(*agent.modern("tools/call", message, **TAKES_TASKS_TOO))
        assert (made.result["resultType"], made.result["status"]) == ("task", "working")
        asked = await it.ada.pending_of(to="lea")
        assert made.result["taskId"] == asked["id"]
        await it.ada.approve(asked)
        await it.ada.until_state(asked["id"], "succeeded")
        shown = await agent.post(*agent.modern("tasks/get", {"taskId": asked["id"]}, **TAKES_TASKS_TOO))
        assert shown.result["result"]["content"] == [{"type": "text", "text": "pay 5 to lea"}]
    assert it.seen("lea") == 1


async def test_an_older_client_is_held_whatever_its_user_answers(it: Shop) -> None:
    user = User(it, action="decline")
    async with user.client("legacy") as client, asyncio.TaskGroup() as group:
        called = group.create_task(client.call_tool("pay", payment("max")))
        asked = await it.bob.pending_of(to="max")
        waiting = await it.bob.until(asked["id"], lambda one: bool(user.asked) and bool(one["waiting"]))
        await it.bob.approve(waiting)
    assert (heard(called.result()).text, it.seen("max"), len(user.asked)) == ("pay 5 to max", 1, 1)
    assert user.asked[0].elicitation_id


async def test_an_older_client_without_a_stream_is_not_asked(hasty: Shop) -> None:
    async with OldAgent(hasty.placet, "shop") as agent:
        await agent.open(capabilities={"elicitation": {"form": {}, "url": {}}})
        said = await agent.post(agent.old_call("pay", payment("ned"), 1), {"Accept": "application/json"})
    assert said.code == "approval_pending"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_stdio_bridge_passes_it_through(it: Shop, mode: Mode) -> None:
    to = f"pam-{mode}"

    async def approve(params: ElicitRequestURLParams) -> None:
        await it.ada.approve(await user.opened(params))

    user = User(it, does=approve)
    async with bridged(it.placet, mode, elicitation=user) as client:
        said = heard(await client.call_tool("pay", payment(to)))
    assert (said.code, said.text, it.seen(to), len(user.asked)) == ("approved", f"pay 5 to {to}", 1, 1)


async def test_over_the_stdio_bridge_too_a_user_who_does_not_open_it_is_answered_at_once(it: Shop) -> None:
    user = User(it, action="decline")
    async with bridged(it.placet, "auto", elicitation=user) as client:
        said = heard(await client.call_tool("pay", payment("quin")))
    assert (said.code, len(user.asked)) == ("approval_pending", 1)


async def test_the_stdio_bridge_goes_on_waiting_with_the_state_it_was_given(hasty: Shop) -> None:
    user, told = User(hasty), asyncio.Queue[float]()

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        await told.put(progress)

    async with bridged(hasty.placet, "auto", elicitation=user) as client, asyncio.TaskGroup() as group:
        called = group.create_task(client.call_tool("pay", payment("rob"), progress_callback=progressed))
        # Each hold says once where it stands: the second has begun, so the bridge has come back twice.
        for _ in range(2):
            await asyncio.wait_for(told.get(), PATIENCE_SECONDS)
        await hasty.ada.approve(await hasty.ada.pending_of(to="rob"))
    assert (heard(called.result()).text, hasty.seen("rob"), len(user.asked)) == ("pay 5 to rob", 1, 1)


async def test_a_kill_between_the_rounds_loses_nothing(tmp_path: Path) -> None:
    at = shop(tmp_path, tools=TOOLS)

    async def restart(params: ElicitRequestURLParams) -> None:
        await at.placet.stop(signal.SIGKILL)
        await at.placet.start()
        await at.ada.approve(await user.opened(params))

    user = User(at, does=restart)
    async with serving(at.placet), user.client("auto") as client:
        said = heard(await client.call_tool("pay", payment("sue")))
        assert (said.code, said.text, at.seen("sue"), len(user.asked)) == ("approved", "pay 5 to sue", 1, 1)


@pytest.mark.parametrize(
    ("rule", "code", "text", "seen"),
    [
        pytest.param({"action": "deny", "reason": "closed"}, "policy_denied", "refused by policy", 0, id="denies it"),
        pytest.param({}, None, "pay 5 to tom", 1, id="allows it"),
    ],
)
async def test_a_client_that_comes_back_is_judged_by_the_policy_of_now(
    tmp_path: Path, rule: Any, code: str | None, text: str, seen: int
) -> None:
    async with open_shop(tmp_path, tools=TOOLS) as at, at.agent() as agent:
        first = await first_of(agent, "tom")
        asked = await at.ada.pending_of(to="tom")
        at.placet.write_policy("shop", {"version": "1", "default": "deny", "tools": {"pay": rule}})
        await at.placet.reload()
        said = await again(agent, first, "tom")
        assert (said.code, at.seen("tom")) == (code, seen)
        assert text in said.text
        ended = await at.ada.show(asked["id"])
        assert (ended["state"], ended["cause"]) == ("cancelled", "policy_changed")


async def test_a_rule_that_keeps_the_owner_out_cannot_show_them_the_page(tmp_path: Path) -> None:
    both = {"action": "require_approval", "approval": {"self_service": True, "four_eyes": True}}
    at = shop(tmp_path, tools={"pay": both})
    out, _ = await at.placet.cli("check", code=1)
    assert "shop.json:" in out
    assert "four_eyes says that they may not; take out one of the two" in out
