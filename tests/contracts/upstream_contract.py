"""What every upstream transport promises, whatever its era. A transport subclasses this and gives `upstream`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.upstreams import InputRequired, NoAnswer, Result, RpcError, Unsent, Upstream
from tests.fakes.upstreams import send_call, tool_call


class Sent:
    """Counts how often `sent` was called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def text_of(answer: Result | RpcError | InputRequired) -> str:
    assert isinstance(answer, Result)
    return str(json.loads(answer.raw)["content"][0]["text"])


class UpstreamContract:
    async def test_all_tools_are_listed_with_their_whole_definitions(self, upstream: Upstream) -> None:
        tools = {tool["name"]: tool for tool in await upstream.list_tools()}
        assert {"echo", "add", "count", "fail", "hang"} <= set(tools)
        assert tools["add"]["inputSchema"]["properties"]["a"]["type"] == "integer"
        assert tools["echo"]["description"] == "Say it back."

    async def test_a_result_is_the_servers_own_json_text(self, upstream: Upstream) -> None:
        answer = await send_call(upstream, tool_call("add", b'{"a":1,"b":2}'))
        assert text_of(answer) == "3"
        assert isinstance(answer, Result)
        assert not answer.is_error
        assert answer.raw.startswith(b"{")
        assert answer.raw.endswith(b"}")

    async def test_a_tool_that_failed_is_an_answer(self, upstream: Upstream) -> None:
        answer = await send_call(upstream, tool_call("fail"))
        assert isinstance(answer, Result)
        assert answer.is_error

    async def test_an_unknown_tool_is_an_answer(self, upstream: Upstream) -> None:
        answer = await send_call(upstream, tool_call("no_such_tool"))
        assert isinstance(answer, RpcError) or (isinstance(answer, Result) and answer.is_error)

    async def test_text_of_any_kind_arrives_and_comes_back_unchanged(self, upstream: Upstream) -> None:
        said = 'ünï "quoted" \\ \u2028 \u202e 🙂 \t end'
        arguments = json.dumps({"text": said}, ensure_ascii=False, separators=(",", ":")).encode()
        assert text_of(await send_call(upstream, tool_call("echo", arguments))) == said

    async def test_progress_comes_in_order_before_the_result(self, upstream: Upstream) -> None:
        heard: list[dict[str, Any]] = []

        async def progress(params: dict[str, Any]) -> None:
            heard.append(params)

        answer = await send_call(upstream, tool_call("count", b'{"to":3}'), progress=progress)
        assert text_of(answer) == "counted to 3"
        assert [(step["progress"], step["message"]) for step in heard] == [(1, "step 1"), (2, "step 2"), (3, "step 3")]

    async def test_sent_is_called_once_and_before_the_server_acts(self, upstream: Upstream) -> None:
        sent, seen = Sent(), []

        async def progress(_params: dict[str, Any]) -> None:
            seen.append(sent.times)

        await send_call(upstream, tool_call("count", b'{"to":1}'), progress=progress, sent=sent)
        assert seen == [1]
        assert sent.times == 1

    async def test_many_calls_at_once_get_their_own_answers(self, upstream: Upstream) -> None:
        async def one(number: int) -> str:
            arguments = b'{"text":"marker %d"}' % number
            answer = await send_call(upstream, tool_call("echo", arguments, session=f"a{number % 3}"))
            return text_of(answer)

        answers = await asyncio.gather(*(one(number) for number in range(40)))
        assert answers == [f"marker {number}" for number in range(40)]

    async def test_a_call_that_takes_too_long_has_no_answer(self, upstream: Upstream) -> None:
        await upstream.list_tools()
        sent = Sent()
        with pytest.raises(NoAnswer, match=r"peer did not answer within 0\.3 s"):
            await send_call(upstream, tool_call("hang", timeout=0.3), sent=sent)
        assert sent.times == 1

    async def test_a_cancelled_call_is_cancelled_at_the_server(self, upstream: Upstream) -> None:
        async def cancellations() -> int:
            return int(text_of(await send_call(upstream, tool_call("cancellations"))))

        before, hanging = await cancellations(), asyncio.Event()

        async def progress(_params: dict[str, Any]) -> None:
            hanging.set()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(send_call(upstream, tool_call("hang"), progress=progress))
            await hanging.wait()
            task.cancel()
        async with asyncio.timeout(5):
            while await cancellations() == before:
                pass

    async def test_it_knows_whether_the_server_is_up(self, upstream: Upstream) -> None:
        await upstream.list_tools()
        assert upstream.up is True

    async def test_after_closing_nothing_is_sent(self, upstream: Upstream) -> None:
        await upstream.list_tools()
        await upstream.close()
        sent = Sent()
        with pytest.raises(Unsent, match="peer"):
            await send_call(upstream, tool_call("echo", b'{"text":"x"}'), sent=sent)
        assert sent.times == 0
