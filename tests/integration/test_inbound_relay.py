"""Requests that are relayed: what the gateway is handed of them, and in which dress the answer comes (both eras)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from approvals.domain.model import Caller
from gateway.inbound.flood import Rate
from gateway.inbound.gate import Answered, Called, InboundAsk, InboundCall, Line, TaskCreated
from gateway.inbound.http import InboundSettings
from gateway.protocol.classify import Era
from gateway.upstreams import InputRequired, Result, RpcError
from tests.fakes.gate import BOB, FakeGate, Served, served, text_result
from tests.fakes.wire import MODERN_META, Agent, Reply, V, agent, modern, rpc, soon

TASKS: dict[str, Any] = {"extensions": {V + "tasks": {}}}


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
async def server(gate: FakeGate) -> AsyncIterator[Served]:
    async with served(gate) as running:
        yield running


@pytest.fixture
async def ada(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url) as client:
        yield client


def answers(gate: FakeGate, method: str, raw: bytes | RpcError | InputRequired) -> None:
    async def reaction(ask: InboundAsk, line: Line) -> Answered:
        return Result(raw=raw) if isinstance(raw, bytes) else raw

    gate.reactions[method] = reaction


# What is handed on


async def test_a_read_is_handed_on_as_it_was_written(gate: FakeGate, ada: Agent) -> None:
    message, headers = modern("resources/read", uri="test://é", token="t")
    body = json.dumps(message).replace('"test://\\u00e9"', '"test:\\/\\/\\u00e9" ').encode()
    headers["Mcp-Name"] = "=?base64?dGVzdDovL8Op?="
    assert (await ada.post(body, headers=headers)).status == 200
    (ask,) = gate.asks
    assert (ask.method, ask.name, ask.parsed) == ("resources/read", "test://é", {"uri": "test://é"})
    assert ask.params == b'{"uri":"test:\\/\\/\\u00e9"}'
    assert (ask.era, ask.version, ask.progress_token, ask.client.name) == (Era.MODERN, "2026-07-28", "t", "tester")


async def test_what_a_client_declared_and_wants_is_handed_on(gate: FakeGate, ada: Agent) -> None:
    declared: dict[str, Any] = {"elicitation": {"form": {}}, "roots": {}}
    meta = {
        **MODERN_META,
        V + "clientCapabilities": declared,
        V + "logLevel": "warning",
        "traceparent": "00-1",
        "x/kept": 1,
    }
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "prompts/list"}
    assert (await ada.post(rpc("prompts/list", {"_meta": meta, "cursor": "c"}), headers=headers)).status == 200
    (ask,) = gate.asks
    assert json.loads(ask.capabilities) == declared
    assert (ask.log_level, ask.trace, ask.meta) == ("warning", {"traceparent": "00-1"}, {"x/kept": 1})
    assert (ask.params, ask.name) == (b'{"cursor":"c"}', None)


async def test_answers_to_an_input_request_are_set_apart(gate: FakeGate, ada: Agent) -> None:
    state, responses = "opaque", {"k": {"action": "accept", "content": {"n": 1}}}
    for method, params in (
        ("prompts/get", {"name": "p", "arguments": {"a": "b"}}),
        ("resources/read", {"uri": "a:b"}),
        ("tools/call", {"name": "echo", "arguments": {"x": 1}}),
    ):
        reply = await ada.modern(method, **params, inputResponses=responses, requestState=state)
        assert reply.status == 200, reply.body
    prompt, read = gate.asks
    assert prompt.params == b'{"name":"p","arguments":{"a": "b"}}'
    assert read.params == b'{"uri":"a:b"}'
    (call,) = gate.calls
    assert call.arguments == {"x": 1}
    for inbound in (prompt, read, call):
        assert isinstance(inbound, InboundAsk | InboundCall)
        assert json.loads(inbound.input_responses or b"") == responses
        assert inbound.request_state == state


async def test_one_client_has_one_key_and_no_other_has_it(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.modern("prompts/list", path="/mcp/shared")
    await ada.modern("resources/list", path="/mcp/shared")
    async with agent(server.url, BOB) as bob:
        await bob.modern("prompts/list", path="/mcp/shared")
    await ada.initialize()
    session = ada.session
    await ada.post(rpc("prompts/list"))
    await ada.post(rpc("prompts/list", rpc_id=2))
    await ada.initialize()
    await ada.post(rpc("prompts/list"))
    keys = [ask.session for ask in gate.asks]
    assert keys[0] == keys[1]
    assert keys[3] == keys[4]
    assert len(set(keys)) == 4
    assert session is not None
    assert not any(session in key for key in keys)


async def test_a_session_keeps_what_its_client_declared_and_the_level_it_set(gate: FakeGate, ada: Agent) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {"listChanged": True}}, "clientInfo": {}}
    opened = await ada.post(rpc("initialize", params))
    ada.session = opened.headers["Mcp-Session-Id"]
    await ada.post(rpc("prompts/list"))
    assert (await ada.post(rpc("logging/setLevel", {"level": "error"}))).json["result"] == {}
    await ada.post(rpc("prompts/list"))
    assert [ask.log_level for ask in gate.asks] == [None, None, "error"]
    assert gate.asks[1].params == b'{"level":"error"}'
    assert {ask.capabilities for ask in gate.asks} == {b'{"roots":{"listChanged":true}}'}


async def test_a_level_the_server_does_not_take_is_not_set(gate: FakeGate, ada: Agent) -> None:
    answers(gate, "logging/setLevel", RpcError(code=-32601, message="no logging"))
    await ada.initialize()
    assert (await ada.post(rpc("logging/setLevel", {"level": "error"}))).json["error"]["code"] == -32601
    await ada.post(rpc("prompts/list"))
    assert gate.asks[1].log_level is None


async def test_more_capabilities_than_anybody_has_are_refused(ada: Agent) -> None:
    declared = {"experimental": {"x": {"y": "z" * 20_000}}}
    opened = await ada.post(rpc("initialize", {"protocolVersion": "2025-11-25", "capabilities": declared}))
    assert (opened.status, opened.json["error"]["code"]) == (400, -32602)
    meta = {**MODERN_META, V + "clientCapabilities": declared}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "prompts/list"}
    assert (await ada.post(rpc("prompts/list", {"_meta": meta}), headers=headers)).json["error"]["code"] == -32602


# The dress of an answer


async def test_what_a_gate_offers_is_advertised_as_the_era_knows_it(ada: Agent) -> None:
    found = (await ada.modern("server/discover")).json["result"]
    assert found["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    assert found["capabilities"]["extensions"] == {V + "tasks": {}}
    assert "tasks" not in found["capabilities"]
    opened = (await ada.initialize()).json["result"]
    assert opened["capabilities"].keys() == {"tools", "resources", "prompts", "completions", "logging"}
    assert opened["instructions"] == found["instructions"] == "Some calls wait for a person."


@pytest.mark.parametrize(
    ("method", "params", "said", "ttl"),
    [
        pytest.param("resources/list", {}, b'{"resources":[]}', 5_000, id="a list of an older server"),
        pytest.param(
            "resources/list", {}, b'{"resources":[],"ttlMs":100,"cacheScope":"public"}', 100, id="a short life"
        ),
        pytest.param("prompts/list", {}, b'{"prompts":[],"ttlMs":9999999}', 5_000, id="a long life"),
        pytest.param("prompts/list", {}, b'{"prompts":[],"ttlMs":"x"}', 0, id="no number"),
        pytest.param("resources/read", {"uri": "a:b"}, b'{"contents":[]}', 0, id="a read of an older server"),
        pytest.param("resources/read", {"uri": "a:b"}, b'{"contents":[],"ttlMs":7}', 7, id="a read"),
        pytest.param("prompts/get", {"name": "p"}, b'{"messages":[]}', None, id="what is not cached"),
    ],
)
async def test_a_modern_result_says_how_long_it_is_good_for(
    gate: FakeGate, ada: Agent, method: str, params: dict[str, Any], said: bytes, ttl: int | None
) -> None:
    answers(gate, method, said)
    result = (await ada.modern(method, **params)).json["result"]
    assert (result["resultType"], result.get("ttlMs")) == ("complete", ttl)
    assert result.get("cacheScope") == (None if ttl is None else "private")
    assert result["_meta"][V + "serverInfo"]["name"] == "placet"


async def test_an_older_client_sees_no_member_of_the_newer_era(gate: FakeGate, ada: Agent) -> None:
    said = {
        "resources": [{"uri": "a:b", "x": 1.50}],
        "nextCursor": "n",
        "resultType": "complete",
        "ttlMs": 1,
        "cacheScope": "public",
        "_meta": {V + "serverInfo": {"name": "up"}, "kept": True},
    }
    answers(gate, "resources/list", json.dumps(said).replace("1.5", "1.50").encode())
    await ada.initialize()
    reply = await ada.post(rpc("resources/list"))
    assert reply.json["result"] == {
        "resources": [{"uri": "a:b", "x": 1.5}],
        "nextCursor": "n",
        "_meta": {"kept": True},
    }
    assert b"1.50" in reply.body


@pytest.mark.parametrize(
    ("era", "method", "error", "status", "code"),
    [
        pytest.param(
            "modern", "resources/read", RpcError(code=-32002, message="x"), 400, -32602, id="not found, modern"
        ),
        pytest.param("modern", "prompts/get", RpcError(code=-32042, message="x"), 200, -32603, id="a url, modern"),
        pytest.param("modern", "prompts/get", RpcError(code=-32601, message="x"), 404, -32601, id="no prompts, modern"),
        pytest.param("modern", "prompts/get", RpcError(code=17, message="x"), 200, 17, id="a server's own, modern"),
        pytest.param("legacy", "resources/read", RpcError(code=-32002, message="x"), 200, -32002, id="not found"),
        pytest.param(
            "legacy",
            "resources/read",
            RpcError(code=-32602, message="x", data={"uri": "a:b"}),
            200,
            -32002,
            id="not found at a modern server",
        ),
        pytest.param("legacy", "resources/read", RpcError(code=-32602, message="x"), 200, -32602, id="bad params"),
        pytest.param(
            "legacy", "prompts/get", RpcError(code=-32042, message="x", data={"a": 1}), 200, -32042, id="a url"
        ),
    ],
)
async def test_an_error_has_the_code_and_status_of_its_era(
    gate: FakeGate, ada: Agent, era: str, method: str, error: RpcError, status: int, code: int
) -> None:
    answers(gate, method, error)
    params = {"uri": "a:b"} if method == "resources/read" else {"name": "p"}
    if era == "modern":
        reply = await ada.modern(method, **params)
    else:
        await ada.initialize()
        reply = await ada.post(rpc(method, params))
    assert (reply.status, reply.json["error"]["code"], reply.json["error"].get("data")) == (status, code, error.data)


async def test_a_request_for_input_reaches_a_modern_client_alone(gate: FakeGate, ada: Agent) -> None:
    raw = b'{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list"}},"requestState":"\\u0041"}'
    answers(gate, "prompts/get", InputRequired(raw=raw))
    reply = await ada.modern("prompts/get", name="p")
    assert reply.json["result"]["resultType"] == "input_required"
    assert b'"requestState":"\\u0041"' in reply.body
    await ada.initialize()
    broken = await ada.post(rpc("prompts/get", {"name": "p"}))
    assert (broken.status, broken.json["error"]["code"]) == (500, -32603)


# Tasks


async def task(ada: Agent, method: str, task_id: str, **params: Any) -> Any:
    meta = {**MODERN_META, V + "clientCapabilities": TASKS}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": task_id}
    return await ada.post(rpc(method, {"taskId": task_id, **params, "_meta": meta}), headers=headers)


async def test_a_call_may_go_on_as_a_task(gate: FakeGate, ada: Agent) -> None:
    async def later(call: InboundCall, line: Line) -> Called:
        return TaskCreated(raw=b'{"taskId":"t1","status":"working","ttlMs":null}') if call.tasks else text_result("now")

    gate.tools["later"] = later
    assert (await ada.modern("tools/call", name="later")).json["result"]["content"][0]["text"] == "now"
    meta = {**MODERN_META, V + "clientCapabilities": TASKS}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "later"}
    result = (await ada.post(rpc("tools/call", {"name": "later", "_meta": meta}), headers=headers)).json["result"]
    assert (result["resultType"], result["taskId"], result["ttlMs"]) == ("task", "t1", None)


async def test_a_task_is_read_answered_and_cancelled(gate: FakeGate, ada: Agent) -> None:
    gate.tasks["t1"] = b'{"taskId":"t1","status":"working","x":1.50}'
    reply = await task(ada, "tasks/get", "t1")
    assert reply.json["result"]["status"] == "working"
    assert reply.json["result"]["resultType"] == "complete"
    assert b"1.50" in reply.body
    reply = await task(ada, "tasks/update", "t1", inputResponses={"k": {"action": "decline"}})
    assert set(reply.json["result"]) == {"resultType", "_meta"}
    assert gate.updates == [("t1", b'{"k": {"action": "decline"}}')]
    assert (await task(ada, "tasks/cancel", "t1")).status == 200
    reads: list[tuple[str, dict[str, Any]]] = [("tasks/get", {}), ("tasks/update", {"inputResponses": {}})]
    for method, params in [*reads, ("tasks/cancel", {})]:
        reply = await task(ada, method, "t1", **params)
        assert (reply.status, reply.json["error"]["code"]) == (400, -32602)


async def test_tasks_are_for_who_declares_them(ada: Agent) -> None:
    message, headers = modern("tasks/get", taskId="t1")
    reply = await ada.post(message, headers={**headers, "Mcp-Name": "t1"})
    assert (reply.status, reply.json["error"]["code"]) == (400, -32021)
    assert reply.json["error"]["data"] == {"requiredCapabilities": TASKS}


# Floods


async def test_too_many_requests_of_one_token_are_told_when_to_come_back(gate: FakeGate) -> None:
    settings = InboundSettings(version="0", clock=lambda: 0.0, credential_rate=Rate(per_second=1, burst=2))
    async with served(gate, settings) as running, agent(running.url) as ada, agent(running.url, BOB) as bob:
        assert [(await ada.modern("tools/list")).status for _ in range(2)] == [200, 200]
        reply = await ada.modern("tools/list")
        assert (reply.status, reply.headers["Retry-After"], reply.json["id"]) == (429, "1", None)
        assert (await bob.modern("tools/list", path="/mcp/shared")).status == 200


async def test_strangers_use_up_nobodys_share_but_their_own(gate: FakeGate) -> None:
    settings = InboundSettings(version="0", clock=lambda: 0.0, stranger_rate=Rate(per_second=1, burst=2))
    async with served(gate, settings) as running, agent(running.url) as ada, agent(running.url, "plc_x") as stranger:
        assert [(await stranger.modern("tools/list")).status for _ in range(4)] == [401, 401, 429, 429]
        assert (await ada.modern("tools/list")).status == 200


async def test_agents_without_a_token_share_by_address(gate: FakeGate) -> None:
    gate.anonymous = Caller(agent="ada")
    settings = InboundSettings(version="0", clock=lambda: 0.0, credential_rate=Rate(per_second=1, burst=1))
    async with served(gate, settings) as running, agent(running.url, None) as nobody, agent(running.url) as ada:
        assert [(await nobody.modern("tools/list")).status for _ in range(2)] == [200, 429]
        assert (await ada.modern("tools/list")).status == 200


async def declared(by: Agent, body: bytes, headers: dict[str, str], path: str) -> Reply:
    return await by.post(body, headers=headers, path=path)


async def chunked(by: Agent, body: bytes, headers: dict[str, str], path: str) -> Reply:
    async def parts() -> AsyncIterator[bytes]:
        yield body[:1_000]
        yield body[1_000:]

    sent = by.headers({"Content-Type": "application/json", **headers})
    return await by.send("POST", path, data=parts(), headers=sent)


@pytest.mark.parametrize("send", [declared, chunked])
async def test_too_many_bytes_of_one_token_are_told_when_to_come_back(
    gate: FakeGate, send: Callable[[Agent, bytes, dict[str, str], str], Awaitable[Reply]]
) -> None:
    settings = InboundSettings(version="0", clock=lambda: 0.0, bytes_rate=Rate(per_second=1_000, burst=2_500))
    message, headers = modern("tools/call", name="echo", arguments={"a": "x" * 1_500})
    body = json.dumps(message).encode()
    async with served(gate, settings) as running, agent(running.url) as ada, agent(running.url, BOB) as bob:
        assert (await send(ada, body, headers, "/mcp/files")).status == 200
        reply = await send(ada, body, headers, "/mcp/files")
        assert (reply.status, reply.headers["Retry-After"], reply.json["id"]) == (429, "2", None)
        assert "Too many bytes" in reply.json["error"]["message"]
        assert (await ada.modern("tools/list")).status == 200
        assert (await send(bob, body, headers, "/mcp/shared")).status == 200
    assert len(gate.calls) == 2


async def test_more_open_requests_than_can_be_carried_are_refused(gate: FakeGate) -> None:
    gate.tools["wait"] = gate.held
    async with served(gate, InboundSettings(version="0", open_requests=1)) as running, agent(running.url) as ada:
        message, headers = modern("tools/call", name="wait")
        async with ada.streaming(message, headers=headers):
            await soon(gate.entered)
            reply = await ada.modern("tools/list")
            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        gate.release.set()
