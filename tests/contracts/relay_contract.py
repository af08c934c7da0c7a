"""What every upstream transport promises beside of calls: all methods, and the server's own traffic.

The server is the SDK's, with everything. `LiveContract` is for the session era, where a server asks in the middle
of a call; `RoundsContract` for the modern one, where it asks by its result.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.upstreams import InputRequired, NoAnswer, Relay, Result, RpcError, Upstream, Wants, nothing
from tests.fakes.upstreams import Client, relay, tool_call

ALL = b'{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{"listChanged":true}}'
WATCHED = "test://watched-resource"


async def answer(upstream: Upstream, asked: Relay, client: Client | None = None) -> Any:
    """The result, parsed."""
    outcome = await upstream.request(asked, peer=client or Client(), sent=nothing)
    assert isinstance(outcome, Result), outcome
    return json.loads(outcome.raw)


async def said(upstream: Upstream, asked: Relay, client: Client | None = None) -> str:
    """The text of a tool's result."""
    return str((await answer(upstream, asked, client))["content"][0]["text"])


class RelayContract:
    async def test_a_server_says_what_it_can(self, upstream: Upstream) -> None:
        hello = await upstream.hello(session="ada", capabilities=ALL)
        assert {"tools", "resources", "prompts", "completions"} <= hello.capabilities.keys()
        assert hello.instructions == "Every kind of tool, resource and prompt, for tests."

    async def test_resources_are_listed_and_read(self, upstream: Upstream) -> None:
        listed = await answer(upstream, relay("resources/list", repeatable=True))
        assert "test://static-text" in {resource["uri"] for resource in listed["resources"]}
        templates = await answer(upstream, relay("resources/templates/list", repeatable=True))
        assert [template["uriTemplate"] for template in templates["resourceTemplates"]] == ["test://template/{id}/data"]
        uri = "test://template/7/data"
        read = await answer(upstream, relay("resources/read", b'{"uri":"%s"}' % uri.encode(), name=uri))
        assert json.loads(read["contents"][0]["text"])["id"] == "7"

    async def test_a_resource_that_is_not_there_is_an_answer(self, upstream: Upstream) -> None:
        asked = relay("resources/read", b'{"uri":"test://no"}', name="test://no")
        outcome = await upstream.request(asked, peer=Client(), sent=nothing)
        assert isinstance(outcome, RpcError)
        assert outcome.code in (-32002, -32602)

    async def test_prompts_are_listed_and_filled_in(self, upstream: Upstream) -> None:
        listed = await answer(upstream, relay("prompts/list", repeatable=True))
        assert "test_simple_prompt" in {prompt["name"] for prompt in listed["prompts"]}
        params = b'{"name":"test_prompt_with_arguments","arguments":{"arg1":"a","arg2":"b"}}'
        got = await answer(upstream, relay("prompts/get", params, name="test_prompt_with_arguments"))
        assert got["messages"][0]["content"]["text"] == "Prompt with arguments: arg1='a', arg2='b'"

    async def test_arguments_are_completed(self, upstream: Upstream) -> None:
        reference = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
        params = json.dumps({"ref": reference, "argument": {"name": "arg1", "value": "par"}}).encode()
        got = await answer(upstream, relay("completion/complete", params))
        assert got["completion"]["values"] == ["paris", "park", "party"]

    async def test_a_method_the_server_does_not_have_is_its_own_error(self, upstream: Upstream) -> None:
        outcome = await upstream.request(relay("no/such"), peer=Client(), sent=nothing)
        assert isinstance(outcome, RpcError)

    async def test_progress_and_logs_reach_the_client_of_their_own_request(self, upstream: Upstream) -> None:
        talker, other = Client(), Client()
        async with asyncio.TaskGroup() as group:
            group.create_task(said(upstream, tool_call("test_tool_with_progress", session="bob", progress=True), other))
            group.create_task(
                said(upstream, tool_call("test_tool_with_progress", session="ada", progress=True), talker)
            )
        for client in (talker, other):
            assert [step["progress"] for step in client.steps] == [0, 50, 100]
        await said(upstream, tool_call("test_tool_with_logging", log_level="debug"), talker)
        assert [json.loads(line)["data"] for line in talker.lines] == [
            "Tool execution started", "Tool processing data", "Tool execution completed",
        ]  # fmt: skip
        assert other.lines == []

    async def test_progress_that_was_not_asked_for_is_not_reported(self, upstream: Upstream) -> None:
        client = Client()
        await said(upstream, tool_call("test_tool_with_progress"), client)
        assert client.steps == []

    async def test_who_listens_hears_of_changes_and_nobody_else(self, upstream: Upstream) -> None:
        heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        deaf: list[str] = []

        def hear(method: str, params: bytes) -> None:
            heard.put_nowait((method, json.loads(params)))

        wants = Wants(tools=True, prompts=True, resources=True, uris=frozenset({WATCHED}))
        none = upstream.listen(
            Wants(prompts=True), session="ada", capabilities=ALL, hear=lambda method, _: deaf.append(method)
        )
        async with none, upstream.listen(wants, session="ada", capabilities=ALL, hear=hear) as accepted:
            assert accepted == wants
            for kind in ("tools", "prompts", "resources", "uri"):
                arguments = json.dumps({"kind": kind, "uri": WATCHED}).encode()
                await said(upstream, tool_call("change", arguments, capabilities=ALL))
                async with asyncio.timeout(5):
                    method, params = await heard.get()
                    while not heard.empty():  # the server may announce on two ways
                        assert heard.get_nowait() == (method, params)
                expected = f"notifications/{kind}/list_changed" if kind != "uri" else "notifications/resources/updated"
                assert method == expected
                assert kind != "uri" or params["uri"] == WATCHED
                assert "_meta" not in params
        assert set(deaf) <= {"notifications/prompts/list_changed"}
        await said(upstream, tool_call("change", b'{"kind":"tools"}', capabilities=ALL))
        while not heard.empty():  # the last announcement may still have come on the other way
            assert heard.get_nowait()[0] == "notifications/resources/updated"

    async def test_after_forgetting_a_session_the_next_request_is_served(self, upstream: Upstream) -> None:
        asked = tool_call("test_simple_text", capabilities=ALL)
        await said(upstream, asked)
        await upstream.forget("ada")
        await upstream.forget("never seen")
        assert await said(upstream, asked) == "This is a simple text response for testing."


class LiveContract(RelayContract):
    """The session era."""

    async def test_a_form_is_asked_of_the_calls_own_client(self, upstream: Upstream) -> None:
        client = Client(create=b'{"action":"accept","content":{"username":"Ada","email":"a@b.c"}}')
        text = await said(upstream, tool_call("test_elicitation", b'{"message":"Who?"}', capabilities=ALL), client)
        assert text == 'User response: action=accept, content={"username": "Ada", "email": "a@b.c"}'
        (question,) = client.asked
        assert json.loads(question[1])["message"] == "Who?"

    async def test_a_page_is_shown_by_the_calls_own_client(self, upstream: Upstream) -> None:
        client = Client(create=b'{"action":"cancel"}')
        assert await said(upstream, tool_call("ask_page", capabilities=ALL), client) == "action=cancel"
        assert json.loads(client.asked[0][1])["url"] == "https://example.com/in"

    async def test_the_model_is_asked_of_the_calls_own_client(self, upstream: Upstream) -> None:
        client = Client(createMessage=b'{"role":"assistant","model":"m","content":{"type":"text","text":"4"}}')
        asked = tool_call("test_sampling", b'{"prompt":"2+2"}', capabilities=ALL)
        assert await said(upstream, asked, client) == "LLM response: 4"

    async def test_a_question_beside_of_any_request_goes_to_the_only_client(self, upstream: Upstream) -> None:
        client = Client(
            list=b'{"roots":[{"uri":"file:///a"}]}',
            createMessage=b'{"role":"assistant","model":"m","content":{"type":"text","text":"yes"}}',
        )
        await upstream.hello(session="ada", capabilities=ALL)
        async with upstream.listen(Wants(tools=True), session="ada", capabilities=ALL, hear=lambda *_: None):
            assert await said(upstream, tool_call("ask_aside", capabilities=ALL), client) == "yes"
            assert await said(upstream, tool_call("ask_roots", capabilities=ALL), client) == "file:///a"

    async def test_what_the_client_did_not_declare_is_not_asked(self, upstream: Upstream) -> None:
        client = Client(create=b'{"action":"accept"}')
        await said_or_failed(
            upstream, tool_call("ask_page", capabilities=b'{"elicitation":{}}', session="form"), client
        )
        await said_or_failed(upstream, tool_call("test_elicitation", b'{"message":"?"}', session="none"), client)
        assert client.asked == []

    async def test_an_error_of_the_client_reaches_the_server(self, upstream: Upstream) -> None:
        client = Client(create=RpcError(code=-1, message="The user is away"))
        outcome = await said_or_failed(
            upstream, tool_call("test_elicitation", b'{"message":"?"}', capabilities=ALL), client
        )
        assert "The user is away" in outcome

    async def test_an_open_question_ends_with_its_request(self, upstream: Upstream) -> None:
        client = Client()
        asked = tool_call("test_elicitation", b'{"message":"?"}', capabilities=ALL)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(upstream.request(asked, peer=client, sent=nothing))
            async with asyncio.timeout(5):
                await client.asking.wait()
            task.cancel()
        assert client.ended.is_set()

    async def test_the_clock_of_a_request_runs_on_while_its_client_is_asked(self, upstream: Upstream) -> None:
        client = Client()
        await upstream.hello(session="ada", capabilities=ALL)
        asked = tool_call("test_elicitation", b'{"message":"?"}', capabilities=ALL, timeout=2)
        with pytest.raises(NoAnswer, match="did not answer within 2 s"):
            await upstream.request(asked, peer=client, sent=nothing)
        assert client.ended.is_set()

    async def test_two_clients_at_once_are_asked_their_own_questions(self, upstream: Upstream) -> None:
        async def one(name: str) -> None:
            client = Client(create=b'{"action":"accept","content":{"username":"%s","email":""}}' % name.encode())
            asked = tool_call("test_elicitation", b'{"message":"%s?"}' % name.encode(), session=name, capabilities=ALL)
            assert f'"username": "{name}"' in await said(upstream, asked, client)
            assert json.loads(client.asked[0][1])["message"] == f"{name}?"

        await asyncio.gather(*(one(name) for name in ("ada", "bob", "cy")))

    async def test_the_log_level_is_set(self, upstream: Upstream) -> None:
        assert await answer(upstream, relay("logging/setLevel", b'{"level":"debug"}')) == {}


class RoundsContract(RelayContract):
    """The modern era."""

    async def test_a_question_comes_as_the_result_and_its_answer_goes_with_the_next_try(
        self, upstream: Upstream
    ) -> None:
        tool = "test_input_required_result_multi_round"
        outcome = await upstream.request(tool_call(tool, capabilities=ALL), peer=Client(), sent=nothing)
        for key, field in (("step1", "name"), ("step2", "color")):
            assert isinstance(outcome, InputRequired)
            asked = json.loads(outcome.raw)
            assert list(asked["inputRequests"]) == [key]
            answers = {key: {"action": "accept", "content": {field: f"a {field}"}}}
            rest = b',"inputResponses":%s,"requestState":%s' % (
                json.dumps(answers).encode(),
                json.dumps(asked["requestState"]).encode(),
            )
            outcome = await upstream.request(tool_call(tool, rest=rest, capabilities=ALL), peer=Client(), sent=nothing)
        assert isinstance(outcome, Result)
        assert b"a name likes a color" in outcome.raw

    async def test_a_prompt_asks_as_well(self, upstream: Upstream) -> None:
        params = b'{"name":"test_input_required_result_prompt"}'
        asked = relay("prompts/get", params, name="test_input_required_result_prompt", capabilities=ALL)
        assert isinstance(await upstream.request(asked, peer=Client(), sent=nothing), InputRequired)

    async def test_capabilities_are_those_of_the_request(self, upstream: Upstream) -> None:
        tool = "test_input_required_result_capabilities"
        assert await said(upstream, tool_call(tool)) == "Nothing can be asked"
        outcome = await upstream.request(tool_call(tool, capabilities=b'{"sampling":{}}'), peer=Client(), sent=nothing)
        assert isinstance(outcome, InputRequired)
        assert list(json.loads(outcome.raw)["inputRequests"]) == ["model"]

    async def test_logs_come_only_where_they_were_asked_for(self, upstream: Upstream) -> None:
        client = Client()
        await said(upstream, tool_call("test_logging_tool"), client)
        assert client.lines == []


async def said_or_failed(upstream: Upstream, asked: Relay, client: Client) -> str:
    """Whatever came of it, as text."""
    outcome = await upstream.request(asked, peer=client, sent=nothing)
    return outcome.raw.decode() if isinstance(outcome, Result) else str(outcome)
