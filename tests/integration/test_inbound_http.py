"""The agents' side over real sockets: sign-in, both eras, refusals, and the real SDK client (protocol.md 1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from approvals.domain.model import Caller
from approvals.errors import Unavailable
from gateway.inbound.gate import InboundCall, Line
from gateway.inbound.http import InboundSettings
from gateway.upstreams import Result, RpcError
from tests.fakes.gate import ADA, BOB, FakeGate, Served, served
from tests.fakes.hostile import ROWS
from tests.fakes.wire import WAIT, Agent, agent, auth, modern, raw, rpc


@pytest.fixture
def gate() -> FakeGate:
    fake = FakeGate()
    fake.tools["wait"] = fake.held
    return fake


@pytest.fixture
async def server(gate: FakeGate) -> AsyncIterator[Served]:
    async with served(gate) as running:
        yield running


@pytest.fixture
async def ada(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url) as client:
        yield client


@pytest.fixture
async def bob(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url, BOB) as client:
        yield client


# The real client


@pytest.mark.parametrize(
    ("mode", "version"),
    [pytest.param("auto", "2026-07-28", id="modern"), pytest.param("legacy", "2025-11-25", id="legacy")],
)
async def test_the_sdk_client_lists_calls_waits_and_is_refused(
    gate: FakeGate, server: Served, mode: Any, version: str
) -> None:
    seen: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))
        gate.release.set()

    async with (
        httpx2.AsyncClient(headers=auth(ADA), timeout=WAIT) as http,
        Client(streamable_http_client(f"{server.url}/mcp/files", http_client=http), mode=mode) as client,
    ):
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == "placet"
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo", "wait"]
        said = await client.call_tool("echo", {"price": 1.5, "é": "ü"})
        assert json.loads(_text(said)) == {"price": 1.5, "é": "ü"}
        waited = await client.call_tool("wait", {}, progress_callback=on_progress)
        assert _text(waited) == "released"
        with pytest.raises(MCPError, match="Unknown tool: nope"):
            await client.call_tool("nope", {})
    assert seen == [(0, "waiting for approval")]
    assert gate.callers[0].client.name == "mcp"
    assert len(server.inbound.sessions) == 0


def _text(result: Any) -> str:
    text: str = result.content[0].text
    return text


# Sign-in


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="missing"),
        pytest.param({"Authorization": ""}, id="empty"),
        pytest.param({"Authorization": "Bearer "}, id="no token"),
        pytest.param({"Authorization": "Bearer made-up"}, id="unknown token"),
        pytest.param({"Authorization": f"Basic {ADA}"}, id="another scheme"),
        pytest.param({"Authorization": f"Bearer {ADA} {ADA}"}, id="two tokens"),
        pytest.param({"Authorization": "Bearer plc_person_x"}, id="a person's token"),
        pytest.param({"X-Api-Key": ADA}, id="another header"),
    ],
)
async def test_every_failed_sign_in_is_the_same(server: Served, headers: dict[str, str]) -> None:
    message, sent = modern("tools/list")
    async with agent(server.url, None) as nobody:
        plain = await nobody.post(message, headers=sent)
        reply = await nobody.post(message, headers={**sent, **headers})
    assert (reply.status, reply.body) == (401, plain.body)
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="placet"'
    assert reply.json["error"]["code"] == 401


def posted(more: bytes, body: bytes = b"{}", target: bytes = b"/mcp/files") -> bytes:
    """A raw POST as Ada with further header lines."""
    lines = [b"POST " + target + b" HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", more]
    lines += [f"Authorization: Bearer {ADA}".encode(), b"Content-Length: %d" % len(body)]
    return b"\r\n".join(line for line in lines if line) + b"\r\n\r\n" + body


async def test_two_authorization_headers_are_a_failed_sign_in(server: Served) -> None:
    status, head = await raw(server.port, posted(f"Authorization: Bearer {ADA}".encode()))
    assert status == 401
    assert b'WWW-Authenticate: Bearer realm="placet"' in head


async def test_the_body_of_a_stranger_is_not_waited_for(server: Served) -> None:
    sent = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n"
    assert (await raw(server.port, sent))[0] == 401


async def test_a_bad_token_never_falls_back_to_the_anonymous_agent(gate: FakeGate, server: Served) -> None:
    gate.anonymous = Caller(agent="local")
    async with agent(server.url, None) as nobody:
        assert (await nobody.modern("tools/list", path="/mcp/shared")).status == 200
        nobody.extra = {"Authorization": "Bearer wrong"}
        assert (await nobody.modern("tools/list", path="/mcp/shared")).status == 401
        nobody.extra = {"Authorization": ""}
        assert (await nobody.modern("tools/list", path="/mcp/shared")).status == 401


# Paths, methods, heads


@pytest.mark.parametrize(
    "path",
    [
        "/mcp/files",
        "/mcp/nope",
        "/mcp/",
        "/mcp/shared/",
        "/mcp/shared/x",
        "/mcp/%73hared",
        "/mcp/%ff",
        "/mcp/%2e%2e",
        "/mcp/shared%00",
        "/mcp/" + "x" * 200,
    ],
)
async def test_a_server_that_is_not_there_and_one_that_is_not_yours_are_the_same(server: Served, path: str) -> None:
    body = json.dumps(modern("tools/list")[0]).encode()
    sent = posted(b"", body, path.encode()).replace(ADA.encode(), BOB.encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent.replace(b"Content-Length", b"Connection: close\r\nContent-Length"))
    async with asyncio.timeout(WAIT):
        head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 404")
    assert json.loads(answer)["error"] == {
        "code": 404,
        "message": "There is no such server at this path, or this agent may not use it. You may use: shared.",
    }


@pytest.mark.parametrize("path", ["/mcp", "/mcp/files", "/mcp/nope"])
@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "PATCH", "TRACE"])
async def test_other_methods_are_refused_and_change_nothing(gate: FakeGate, ada: Agent, method: str, path: str) -> None:
    reply = await ada.send(method, path, headers=ada.headers())
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, POST, DELETE"
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    assert gate.calls == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(posted(b"Content-Encoding: gzip"), 415, id="coded body"),
        pytest.param(posted(b"Mcp-Name: a\r\nMcp-Name: b"), 400, id="a name twice"),
        pytest.param(posted(b"Mcp_Name: a"), 400, id="underscore twin"),
        pytest.param(posted(b"", target=b"http://localhost/mcp/files"), 400, id="absolute target"),
        pytest.param(posted(b"Origin: https://evil.example"), 403, id="a web page elsewhere"),
        pytest.param(posted(b"").replace(b"Host: localhost", b"Host: evil.example"), 403, id="a rebound name"),
        pytest.param(posted(b"", target=b"/mcp/files?token=x"), 400, id="token in the URL"),
        pytest.param(posted(b"").replace(b"application/json", b"text/plain"), 415, id="a form"),
        pytest.param(posted(b"").replace(b"Content-Length: 2", b"Content-Length: 2000000"), 413, id="too long"),
        pytest.param(
            posted(b"").replace(b"Content-Length: 2", b"Transfer-Encoding: gzip, chunked"), 400, id="coded chunks"
        ),
        pytest.param(
            posted(b"", b"ZZ\r\n").replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"), 400, id="broken chunks"
        ),
        pytest.param(b"GET /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two Hosts"),
    ],
)
async def test_a_head_with_two_meanings_is_refused(gate: FakeGate, server: Served, sent: bytes, status: int) -> None:
    assert (await raw(server.port, sent))[0] == status
    assert gate.calls == []


async def test_discovery_of_oauth_is_plainly_not_there(ada: Agent) -> None:
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp/files"):
        assert (await ada.send("GET", path)).status == 404


# Bodies


async def test_nothing_hostile_reaches_the_gateway(gate: FakeGate, ada: Agent) -> None:
    for reason, body, code, _ in ROWS:
        reply = await ada.post(body)
        assert reply.status == (413 if "cap" in reason and len(body) > 1024 * 1024 else 400), reason
        assert reply.json["error"]["code"] == code, reason
    assert gate.calls == []


async def test_a_body_that_stalls_meets_its_deadline(gate: FakeGate) -> None:
    async with served(gate, InboundSettings(version="0", body_seconds=0.05)) as running:
        sent = posted(b"").replace(b"Content-Length: 2", b"Content-Length: 200")
        assert (await raw(running.port, sent))[0] == 408


async def test_more_bodies_than_the_budget_are_turned_away(gate: FakeGate) -> None:
    async with served(gate, InboundSettings(version="0", bodies_in_flight=10)) as running, agent(running.url) as ada:
        assert (await ada.modern("tools/list")).status == 503
    async with served(gate, InboundSettings(version="0", bodies_in_flight=1000)) as running, agent(running.url) as ada:
        for _ in range(5):
            assert (await ada.modern("tools/list")).status == 200


async def test_a_large_body_is_read_like_a_small_one(gate: FakeGate, ada: Agent) -> None:
    reply = await ada.modern("tools/call", name="echo", arguments={"a": "x" * 200_000})
    assert reply.status == 200
    assert gate.calls[0].arguments == {"a": "x" * 200_000}


async def test_a_syntax_error_says_where(ada: Agent) -> None:
    reply = await ada.post(b'{"jsonrpc":"2.0",}')
    assert (reply.status, reply.json["error"]["code"]) == (400, -32700)
    assert reply.json["error"]["data"]["offset"] >= 16
    assert reply.json["id"] is None


# The modern era


async def test_a_modern_call_is_answered_in_one_json_answer(gate: FakeGate, ada: Agent) -> None:
    gate.tools["raw"] = _raw(b'{"content":[],"n":1.00,"big":12345678901234567890}')
    reply = await ada.modern("tools/call", rpc_id="x", name="raw", arguments={})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert "Mcp-Session-Id" not in reply.headers
    assert b'"n":1.00,"big":12345678901234567890' in reply.body
    assert reply.json["id"] == "x"
    assert reply.json["result"]["resultType"] == "complete"


def _raw(text: bytes) -> Any:
    async def answer(call: InboundCall, line: Line) -> Result:
        return Result(raw=text)

    return answer


async def test_what_the_gateway_gets_of_a_call(gate: FakeGate, ada: Agent) -> None:
    message, headers = modern("tools/call", name="echo", arguments={"a": 1}, token="t")
    meta = {"traceparent": "00-a-b-01", "baggage": 7, "claudecode/toolUseId": "tu_1"}
    message["params"]["_meta"] = {**message["params"]["_meta"], **meta}
    await ada.post(message, headers={**headers, "Mcp-Param-Region": "eu"})
    (call,) = gate.calls
    assert (call.name, call.arguments, call.request_id, call.progress_token) == ("echo", {"a": 1}, 1, "t")
    assert (call.era, call.version, call.client.name) == ("modern", "2026-07-28", "tester")
    assert (dict(call.trace), dict(call.params)) == ({"traceparent": "00-a-b-01"}, {"region": "eu"})
    assert dict(call.meta) == {"claudecode/toolUseId": "tu_1"}
    assert len(call.raw_sha256) == 64


@pytest.mark.parametrize(("code", "status"), [(-32602, 400), (-32601, 404), (-32020, 400), (-32603, 200), (5, 200)])
async def test_an_error_of_the_gateway_has_its_modern_status(
    gate: FakeGate, ada: Agent, code: int, status: int
) -> None:
    async def fails(call: InboundCall, line: Line) -> RpcError:
        return RpcError(code=code, message="no", data={"why": 1})

    gate.tools["fails"] = fails
    reply = await ada.modern("tools/call", name="fails")
    assert reply.status == status
    assert reply.json["error"] == {"code": code, "message": "no", "data": {"why": 1}}


async def test_the_modern_era_has_no_other_methods_and_no_sessions(ada: Agent) -> None:
    version = {"MCP-Protocol-Version": "2026-07-28"}
    for method in ("GET", "DELETE"):
        reply = await ada.send(method, "/mcp/files", headers=ada.headers(version))
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    reply = await ada.post(note, headers=version)
    assert (reply.status, reply.body) == (202, b"")
    assert (await ada.modern("server/discover")).json["result"]["supportedVersions"] == ["2026-07-28"]


async def test_the_aggregate_is_for_everybody(gate: FakeGate, bob: Agent) -> None:
    assert (await bob.modern("tools/list", path="/mcp")).status == 200


# The legacy era


async def test_a_legacy_session_from_opening_to_end(gate: FakeGate, ada: Agent, server: Served) -> None:
    opened = await ada.initialize("2025-06-18")
    assert opened.json["result"]["protocolVersion"] == "2025-06-18"
    assert opened.json["result"]["instructions"] == "Some calls wait for a person."
    assert len(ada.session or "") >= 32
    assert (await ada.post({"jsonrpc": "2.0", "method": "notifications/initialized"})).status == 202
    assert (await ada.post(rpc("ping"))).json["result"] == {}
    assert (await ada.post({"jsonrpc": "2.0", "id": 9, "result": {}})).status == 202
    listed = await ada.post(rpc("tools/list"))
    assert set(listed.json["result"]) == {"tools"}
    called = await ada.post(rpc("tools/call", {"name": "echo", "arguments": {"a": 1}}))
    assert "resultType" not in called.json["result"]
    assert gate.callers[0].client.name == "old"
    plain = {**ada.headers(), "Accept": "application/json"}
    assert (await ada.send("GET", "/mcp/files", headers=plain)).status == 406
    assert (await ada.send("DELETE", "/mcp/files", headers=ada.headers())).status == 204
    assert (await ada.send("DELETE", "/mcp/files", headers=ada.headers())).status == 404
    gone = await ada.post(rpc("ping"))
    assert (gone.status, len(server.inbound.sessions)) == (404, 0)


async def test_a_session_is_worth_nothing_to_another(ada: Agent, bob: Agent) -> None:
    await ada.initialize(path="/mcp/shared")
    bob.session = ada.session
    stolen = await bob.post(rpc("ping"), path="/mcp/shared")
    bob.session = "made-up"
    unknown = await bob.post(rpc("ping"), path="/mcp/shared")
    assert (stolen.status, stolen.body) == (unknown.status, unknown.body)
    assert stolen.status == 404
    bob.session = ada.session
    assert (await bob.send("DELETE", "/mcp/shared", headers=bob.headers())).status == 404
    assert (await ada.post(rpc("ping"), path="/mcp/files")).status == 404
    assert (await ada.post(rpc("ping"), path="/mcp/shared")).status == 200


async def test_no_session_no_service(ada: Agent) -> None:
    assert (await ada.post(rpc("tools/list"))).status == 400
    assert (await ada.send("DELETE", "/mcp/files", headers=ada.headers())).status == 400
    unserved = {"MCP-Protocol-Version": "1999-01-01"}
    await ada.initialize()
    assert (await ada.post(rpc("ping"), headers=unserved)).json["error"]["code"] == -32022
    assert (await ada.post(rpc("roots/list"))).json["error"]["code"] == -32601


# Faults


async def test_a_fault_of_ours_is_refused_and_says_so(gate: FakeGate, ada: Agent, caplog: Any) -> None:
    async def broken(call: InboundCall, line: Line) -> Result:
        raise RuntimeError("secret detail")

    gate.tools["broken"] = broken
    reply = await ada.modern("tools/call", name="broken")
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (500, -32603, 1)
    assert b"secret detail" not in reply.body
    assert "request failed" in caplog.text


async def test_a_store_that_is_away_is_said_before_anything_is_read(ada: Agent, monkeypatch: Any) -> None:
    async def away(self: FakeGate, bearer: str | None) -> Caller | None:
        raise Unavailable

    monkeypatch.setattr(FakeGate, "identify", away)
    reply = await ada.modern("tools/list")
    assert reply.status == 503
    assert "could not save" in reply.json["error"]["message"]


async def test_the_next_page_of_tools_is_asked_for_by_its_cursor(ada: Agent) -> None:
    reply = await ada.modern("tools/list", cursor="c")
    assert reply.json["result"]["nextCursor"] == "after c"
    await ada.initialize()
    legacy = await ada.post(rpc("tools/list", {"cursor": "c"}))
    assert b'"nextCursor":"after c"' in legacy.body


async def test_a_list_that_cannot_be_had_is_an_error(gate: FakeGate, ada: Agent, monkeypatch: Any) -> None:
    async def none(
        self: FakeGate, caller: Caller, server: str | None, *, session: str, capabilities: bytes, cursor: str | None
    ) -> RpcError:
        return RpcError(code=503, message="files is down")

    monkeypatch.setattr(FakeGate, "list_tools", none)
    reply = await ada.modern("tools/list")
    assert (reply.status, reply.json["error"]["message"]) == (200, "files is down")
