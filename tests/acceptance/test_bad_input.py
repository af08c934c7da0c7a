"""Bad input over the wire: what was wrong is said, nothing reaches the server, nobody is asked, no row stays."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from approvals import tokens
from tests.acceptance.agents import LEGACY, Agent, OldAgent
from tests.acceptance.counting import ASKS, Shop, server
from tests.acceptance.harness import Placet, Reviewer, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    file = folder / "seen.jsonl"
    placet = Placet(
        folder,
        servers={"shop": server(file), "safe": server(folder / "safe.jsonl")},
        policies={"shop": policy({"pay": ASKS, "read": {}}), "safe": policy({"read": {}})},
    )
    placet.config["agents"]["other"]["servers"] = ["safe"]
    placet.write_config()
    async with serving(placet):
        yield Shop(placet=placet, ada=Reviewer(placet, placet.ada), bob=Reviewer(placet, placet.bob), file=file)


async def nothing_happened(it: Shop) -> None:
    assert await it.ada.requests() == []
    assert not it.file.exists()


CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pay", "arguments": {"to": "x"}}}
TEXT = json.dumps(CALL)
BROKEN = [
    pytest.param(f"[{TEXT},{TEXT}]", -32600, "Batches", id="a batch"),
    pytest.param(TEXT.replace('"to": "x"', '"to": "x", "to": "y"'), -32600, "to", id="a key twice"),
    pytest.param(TEXT.replace('"x"', "NaN"), -32700, "", id="NaN"),
    pytest.param(TEXT.replace('"x"', "1e999"), -32600, "", id="a number without end"),
    pytest.param(TEXT[:-1], -32700, "", id="cut off"),
    pytest.param(TEXT.replace('"x"', '"\\ud800"'), -32600, "", id="half a surrogate pair"),
    pytest.param(TEXT.replace('"2.0"', '"1.0"'), -32600, "", id="another JSON-RPC"),
    pytest.param("", -32700, "", id="nothing"),
    pytest.param(TEXT.replace('"x"', "[" * 200 + "]" * 200), -32600, "", id="too deep"),
]


@pytest.mark.parametrize(("body", "code", "says"), BROKEN)
@pytest.mark.parametrize("era", ["modern", "older"])
async def test_what_is_no_message_is_refused_whole(it: Shop, body: str, code: int, says: str, era: str) -> None:
    async with OldAgent(it.placet, "shop") as agent:
        if era == "older":
            await agent.open()
        headers = {"MCP-Protocol-Version": LEGACY} if era == "older" else {}
        said = await agent.post(body.encode(), headers)
    assert said.status == 400
    assert said.error["code"] in {code, -32700, -32600}
    assert says in said.error["message"]
    assert len(said.error["message"]) > 15
    await nothing_happened(it)


async def test_an_unknown_tool_is_an_error_that_says_where_to_look(it: Shop) -> None:
    async with it.agent() as agent:
        said = await agent.call("pai", {"to": "x", "amount": 1})
    assert said.error["code"] == -32602
    assert "tools/list" in said.error["message"]
    await nothing_happened(it)


@pytest.mark.pain(19)
@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        pytest.param({"to": "x"}, "amount", id="one is missing"),
        pytest.param({"to": "x", "amount": "5"}, "/amount", id="text for a number"),
        pytest.param({"to": "x", "amount": 0}, "/amount", id="too small"),
        pytest.param({"to": "x", "amount": 5, "memo": "now"}, "memo", id="one too many"),
        pytest.param({"to": ["x"], "amount": 5}, "/to", id="a list for text"),
    ],
)
async def test_arguments_that_do_not_fit_the_schema_ask_nobody(it: Shop, arguments: Any, pointer: str) -> None:
    async with it.agent() as agent:
        said = await agent.call("pay", arguments)
    assert (said.refused, said.code, said.verdict["retryable"]) == (True, "invalid_arguments", False)
    assert pointer in said.text
    assert "nobody was asked" in said.text
    await nothing_happened(it)


async def test_arguments_that_are_no_object_are_refused(it: Shop) -> None:
    async with it.agent() as agent:
        message, headers = agent.modern("tools/call", {"name": "pay", "arguments": ["x", 5]})
        said = await agent.post(message, headers)
    assert (said.status, said.error["code"]) == (400, -32602)
    await nothing_happened(it)


async def test_headers_that_disagree_with_the_body_are_refused(it: Shop) -> None:
    async with it.agent() as agent:
        message, headers = agent.modern("tools/call", {"name": "pay", "arguments": {"to": "x", "amount": 5}})
        said = await agent.post(message, {**headers, "Mcp-Name": "read"})
    assert (said.status, said.error["code"]) == (400, -32020)
    await nothing_happened(it)


async def test_every_wrong_token_gets_the_same_answer(it: Shop) -> None:
    wrong = {
        "unknown": tokens.make(tokens.Kind.AGENT, b"\1" * tokens.RANDOM_BYTES).text,
        "a person's": it.placet.ada.text,
        "garbage": "let me in",
        "cut": it.placet.agent.text[:-1],
    }
    answers = []
    for text in wrong.values():
        async with it.agent() as agent:
            agent.headers["Authorization"] = f"Bearer {text}"
            said = await agent.call("read", {"to": "x", "amount": 1})
            answers.append((said.status, json.dumps(said.body)))
    assert {status for status, _ in answers} == {401}
    assert len(set(answers)) == 1
    await nothing_happened(it)


async def test_a_server_of_others_is_not_there(it: Shop) -> None:
    async with it.other("shop") as foreign, it.other("no-such") as missing:
        answers = [await one.call("read", {"to": "x", "amount": 1}) for one in (foreign, missing)]
    assert [one.status for one in answers] == [404, 404]
    assert answers[0].error["message"] == answers[1].error["message"]
    assert "shop" not in answers[0].error["message"]
    async with it.other(None) as agent:
        assert await agent.tools() == ["read"]
        assert not (await agent.call("read", {"to": "x", "amount": 1})).refused
    await nothing_happened(it)


@pytest.mark.pain(25)
async def test_an_agents_token_opens_nothing_for_people(it: Shop) -> None:
    async with aiohttp.ClientSession(headers=it.placet.bearer(it.placet.agent)) as http:
        for path in ("/api/v1/requests", "/api/v1/me", "/api/v1/events", "/api/v1/agents"):
            async with http.get(it.placet.url + path) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"{", 400, None, id="no JSON"),
        pytest.param(b'{"decision":"approve","decision":"deny","binding":"x"}', 400, None, id="a key twice"),
        pytest.param(b'{"decision":"maybe","binding":"x"}', 422, "invalid", id="no decision"),
        pytest.param(b'{"decision":"approve","binding":"x","sudo":true}', 422, "invalid", id="one too many"),
        pytest.param(b'{"decision":"approve","binding":"x"}', 404, "not_found", id="no such request"),
    ],
)
async def test_a_decision_that_is_none_is_refused(it: Shop, body: bytes, status: int, code: str | None) -> None:
    headers = {**it.placet.bearer(it.placet.ada), "Content-Type": "application/json"}
    path = "/api/v1/requests/req_aaaaaaaaaaaaaaaaaaaaaaaaaa/decision"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(it.placet.url + path, data=body) as answer:
        problem = await answer.json()
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert code is None or problem["code"] == code
    assert problem["detail"]


async def test_another_origin_and_another_host_are_refused(it: Shop) -> None:
    async with it.agent() as agent:
        message, headers = agent.modern("tools/list", {})
        assert (await agent.post(message, {**headers, "Origin": "https://evil.example"})).status == 403
        assert (await agent.post(message, {**headers, "Host": "evil.example"})).status in {403, 421}


async def test_two_agents_have_sessions_of_their_own(it: Shop) -> None:
    async with OldAgent(it.placet, None) as mine, Agent(it.placet, None, it.placet.other_agent) as thief:
        await mine.open()
        stolen = {name: mine.headers[name] for name in ("Mcp-Session-Id", "MCP-Protocol-Version")}
        said = await thief.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, stolen)
        made_up = await thief.post(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {**stolen, "Mcp-Session-Id": "made-up"}
        )
    assert (said.status, made_up.status) == (404, 404)
    assert said.body == made_up.body
