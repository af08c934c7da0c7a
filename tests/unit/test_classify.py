"""A message and its headers: where it goes, or with which status and code it is refused (protocol.md 1.1, 1.2)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from approvals.domain.model import Client
from gateway.protocol.classify import SERVED, Era, Route, classify, client_of, negotiated
from gateway.protocol.headers import Head, Rejection
from gateway.protocol.jsonrpc import Notification, Request, Response
from gateway.protocol.results import discovered, server_info

V = "io.modelcontextprotocol/"
META: dict[str, Any] = {
    V + "protocolVersion": "2026-07-28",
    V + "clientCapabilities": {},
    V + "clientInfo": {"name": "ada", "version": "2"},
}
BOTH = {"accept": "application/json, text/event-stream"}
SESSION = {**BOTH, "mcp-session-id": "s1"}


def head(method: str, name: str | None = None, **more: str) -> dict[str, str]:
    built = {**BOTH, "mcp-protocol-version": "2026-07-28", "mcp-method": method}
    if name is not None:
        built["mcp-name"] = name
    return {**built, **{key.replace("_", "-"): value for key, value in more.items()}}


def without(built: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in built.items() if name not in names}


def request(method: str, **params: Any) -> Request:
    return Request(id=7, method=method, params=params)


def modern(method: str, **params: Any) -> Request:
    return Request(id=7, method=method, params={"_meta": META, **params})


CALL = modern("tools/call", name="pay", arguments={"to": "acme"})
OPENING = request("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "x", "version": "1"})


def sentinel(text: str) -> str:
    return "=?base64?" + base64.b64encode(text.encode()).decode() + "?="


@pytest.mark.parametrize(
    ("message", "sent", "era", "version", "session"),
    [
        pytest.param(CALL, head("tools/call", "pay"), Era.MODERN, "2026-07-28", None, id="modern call"),
        pytest.param(
            CALL, head("tools/call", "pay", mcp_session_id="s1", last_event_id="x"), Era.MODERN, "2026-07-28", None,
            id="modern ignores session ids",
        ),
        pytest.param(CALL, head("tools/call", sentinel("pay")), Era.MODERN, "2026-07-28", None, id="name in base64"),
        pytest.param(
            modern("tools/call", name="pay", task={"ttl": 1}), head("tools/call", "pay"),
            Era.MODERN, "2026-07-28", None, id="the task hint of old is as if not there",
        ),
        pytest.param(
            modern("tools/call", name="zahlé"), head("tools/call", sentinel("zahlé")), Era.MODERN, "2026-07-28", None,
            id="a name beyond ASCII",
        ),
        pytest.param(modern("tools/list"), head("tools/list"), Era.MODERN, "2026-07-28", None, id="modern list"),
        pytest.param(modern("server/discover"), head("server/discover"), Era.MODERN, "2026-07-28", None, id="discover"),
        pytest.param(
            modern("tools/list"), {**head("tools/list"), "accept": "*/*"}, Era.MODERN, "2026-07-28", None,
            id="anything is accepted",
        ),
        pytest.param(
            modern("tools/list"), {**head("tools/list"), "accept": "text/*;q=0.5, application/*"}, Era.MODERN,
            "2026-07-28", None, id="ranges and weights",
        ),
        pytest.param(
            Notification(method="notifications/cancelled", params={"requestId": 1}),
            without(head("x"), "mcp-method"), Era.MODERN, "2026-07-28", None, id="modern notification by its header",
        ),
        pytest.param(OPENING, BOTH, Era.LEGACY, "2025-11-25", None, id="initialize"),
        pytest.param(OPENING, {}, Era.LEGACY, "2025-11-25", None, id="initialize without Accept"),
        pytest.param(
            request("initialize", protocolVersion="2026-07-28", capabilities={}), BOTH, Era.LEGACY, "2025-11-25", None,
            id="initialize never answers with a modern version",
        ),
        pytest.param(
            request("initialize", protocolVersion="1999-01-01"), {**BOTH, "mcp-protocol-version": "1999-01-01"},
            Era.LEGACY, "2025-11-25", None, id="initialize with its own version in the header",
        ),
        pytest.param(
            request("initialize", protocolVersion="2025-03-26"), BOTH, Era.LEGACY, "2025-03-26", None,
            id="initialize of an old version",
        ),
        pytest.param(request("tools/list"), SESSION, Era.LEGACY, None, "s1", id="legacy without a version header"),
        pytest.param(
            request("tools/call", name="pay", task={"ttl": 1}), {**SESSION, "mcp-protocol-version": "2025-11-25"},
            Era.LEGACY, "2025-11-25", "s1", id="task is as if not there where tasks are not offered",
        ),
        pytest.param(request("ping"), SESSION, Era.LEGACY, None, "s1", id="ping"),
        pytest.param(
            request("tools/call", name="pay"), {**SESSION, "mcp-method": "tools/call", "mcp-name": "pay"}, Era.LEGACY,
            None, "s1", id="legacy with headers that agree",
        ),
        pytest.param(
            Notification(method="notifications/initialized", params={}), SESSION, Era.LEGACY, None, "s1",
            id="initialized",
        ),
        pytest.param(Response(id=1), SESSION, Era.LEGACY, None, "s1", id="a client's response"),
    ],
)  # fmt: skip
def test_a_message_is_routed(
    message: Request | Notification | Response, sent: Head, era: Era, version: str | None, session: str | None
) -> None:
    route = classify(message, sent)
    assert isinstance(route, Route), route
    assert (route.era, route.version, route.session) == (era, version, session)


REFUSED: list[Any] = [
    # the modern era
    pytest.param(modern("initialize"), head("initialize"), 404, -32601, "not served", id="modern initialize"),
    pytest.param(modern("ping"), head("ping"), 404, -32601, "not served", id="modern ping"),
    pytest.param(modern("tasks/get", taskId="t"), head("tasks/get", "t"), 400, -32021, "extension", id="tasks/get"),
    pytest.param(modern("tasks/list"), head("tasks/list"), 404, -32601, "not served", id="tasks/list"),
    pytest.param(
        modern("resources/subscribe", uri="x"), head("resources/subscribe"), 404, -32601, "not served", id="subscribe"
    ),
    pytest.param(modern("logging/setLevel", level="info"), head("logging/setLevel"), 404, -32601, "not", id="setLevel"),
    pytest.param(
        modern("subscriptions/listen", notifications={"taskIds": ["t"]}), head("subscriptions/listen"), 400, -32021,
        "extension", id="listening to tasks without declaring them",
    ),
    pytest.param(
        modern("tasks/get", taskId="t"), head("tasks/get", "u"), 400, -32020, "Mcp-Name", id="another task's name"
    ),
    pytest.param(modern("resources/read", uri="x"), head("resources/read", "y"), 400, -32020, "Mcp-Name", id="uri"),
    pytest.param(modern("prompts/get", name="x"), head("prompts/get"), 400, -32020, "Mcp-Name", id="no prompt name"),
    pytest.param(
        modern("prompts/list"), head("prompts/list", "x"), 400, -32020, "does not belong", id="a name where none is"
    ),
    pytest.param(request("tools/list"), head("tools/list"), 400, -32602, "protocolVersion", id="no _meta"),
    pytest.param(
        request("tools/list", _meta={V + "protocolVersion": "2026-07-28"}), head("tools/list"), 400, -32602,
        "clientCapabilities", id="no capabilities",
    ),
    pytest.param(
        request("tools/list", _meta={**META, V + "clientCapabilities": []}), head("tools/list"), 400, -32602,
        "must be an object", id="capabilities as an array",
    ),
    pytest.param(
        request("tools/list", _meta={**META, V + "protocolVersion": 20260728}), head("tools/list"), 400, -32602,
        "must be a string", id="version as a number",
    ),
    pytest.param(
        CALL, without(head("tools/call", "pay"), "mcp-protocol-version"), 400, -32020, "MCP-Protocol-Version",
        id="no version header",
    ),
    pytest.param(
        CALL, head("tools/call", "pay", mcp_protocol_version="2025-11-25"), 400, -32020, "one version",
        id="version header differs",
    ),
    pytest.param(CALL, without(head("tools/call", "pay"), "mcp-method"), 400, -32020, "Mcp-Method", id="no method"),
    pytest.param(CALL, head("tools/list", "pay"), 400, -32020, "Mcp-Method", id="method header differs"),
    pytest.param(CALL, head("Tools/Call", "pay"), 400, -32020, "Mcp-Method", id="method header in another case"),
    pytest.param(CALL, head("tools/call"), 400, -32020, "Mcp-Name", id="no name header"),
    pytest.param(CALL, head("tools/call", "read"), 400, -32020, "Mcp-Name", id="name header differs"),
    pytest.param(CALL, head("tools/call", "=?base64?cGF5"), 400, -32020, "Mcp-Name", id="half a base64 mark"),
    pytest.param(CALL, head("tools/call", "=?base64?!!!!?="), 400, -32020, "base64", id="no base64 inside"),
    pytest.param(CALL, head("tools/call", "=?base64?cGF=?="), 400, -32020, "base64", id="bad padding"),
    pytest.param(CALL, head("tools/call", "=?base64?//8=?="), 400, -32020, "base64", id="base64 of no text"),
    pytest.param(
        modern("tools/call", name="é"), head("tools/call", "=?base64?w6l=?="), 400, -32020, "base64",
        id="base64 with stray bits",
    ),
    pytest.param(CALL, head("tools/call", "=?BASE64?cGF5?="), 400, -32020, "Mcp-Name", id="mark in capitals"),
    pytest.param(modern("tools/list"), head("tools/list", "pay"), 400, -32020, "does not belong", id="orphan name"),
    pytest.param(
        modern("tools/list"), head("tools/list", mcp_param_region="eu"), 400, -32020, "Mcp-Param", id="orphan param"
    ),
    pytest.param(
        request("tools/list", _meta={**META, V + "protocolVersion": "2027-01-01"}),
        head("tools/list", mcp_protocol_version="2027-01-01"), 400, -32022, "not served", id="a version of the future",
    ),
    pytest.param(
        request("tools/list", _meta={**META, V + "protocolVersion": "2025-11-25"}),
        head("tools/list", mcp_protocol_version="2025-11-25"), 400, -32022, "not served", id="legacy stateless",
    ),
    pytest.param(CALL, {**head("tools/call", "pay"), "accept": "application/json"}, 406, -32600, "Accept", id="JSON"),
    pytest.param(CALL, {**head("tools/call", "pay"), "accept": "text/event-stream"}, 406, -32600, "Accept", id="SSE"),
    pytest.param(
        CALL, {**head("tools/call", "pay"), "accept": "application/json, text/event-stream;q=0"}, 406, -32600, "Accept",
        id="SSE refused by weight",
    ),
    pytest.param(CALL, without(head("tools/call", "pay"), "accept"), 406, -32600, "Accept", id="no Accept"),
    pytest.param(Response(id=1), head("x"), 400, -32600, "no client responses", id="modern response"),
    pytest.param(
        Notification(method="tools/call", params={"_meta": META, "name": "pay"}), head("tools/call", "pay"), 400,
        -32600, "needs an id", id="a call without an id is not run",
    ),
    pytest.param(
        Notification(method="notifications/initialized", params={"_meta": META}), head("notifications/initialized"),
        404, -32601, "not served", id="initialized in the modern era",
    ),
    pytest.param(
        modern("tools/call", name="pay", approved=True), head("tools/call", "pay"), 400, -32602, '"approved"',
        id="an approval of the client's own",
    ),
    pytest.param(
        modern("tools/call", name="pay", Arguments={}), head("tools/call", "pay"), 400, -32602, 'is not "arguments"',
        id="twin of arguments",
    ),
    pytest.param(modern("tools/call"), head("tools/call"), 400, -32602, "/params/name", id="no name"),
    pytest.param(modern("tools/call", name=7), head("tools/call", "7"), 400, -32020, "Mcp-Name", id="number as name"),
    pytest.param(modern("tools/call", name=""), head("tools/call", ""), 400, -32602, "/params/name", id="empty name"),
    pytest.param(
        modern("tools/call", name="pay", arguments=None), head("tools/call", "pay"), 400, -32602, "/params/arguments",
        id="null arguments",
    ),
    pytest.param(
        modern("tools/call", name="pay", arguments=[1]), head("tools/call", "pay"), 400, -32602, "/params/arguments",
        id="arguments as an array",
    ),
    pytest.param(modern("tools/list", cursor=""), head("tools/list"), 400, -32602, "cursor", id="cursor of nobody"),
    pytest.param(modern("server/discover", x=1), head("server/discover"), 400, -32602, '"x"', id="unknown member"),
    # the legacy era
    pytest.param(request("tools/list"), BOTH, 400, -32600, "no session", id="no session"),
    pytest.param(request("ping"), BOTH, 400, -32600, "no session", id="ping without a session"),
    pytest.param(Response(id=1), BOTH, 400, -32600, "no session", id="response without a session"),
    pytest.param(request("roots/list"), SESSION, 200, -32601, "not served", id="legacy unknown method"),
    pytest.param(request("logging/setLevel"), SESSION, 400, -32602, "level", id="legacy logging without a level"),
    pytest.param(
        request("subscriptions/listen", notifications={}), SESSION, 200, -32601, "not served", id="listen in a session"
    ),
    pytest.param(request("tasks/get", taskId="t"), SESSION, 200, -32601, "not served", id="tasks in a session"),
    pytest.param(
        request("tools/call", name="pay", inputResponses={}), SESSION, 400, -32602, "inputResponses",
        id="legacy answers nobody asked for",
    ),
    pytest.param(
        request("prompts/get", name="pay", requestState="x"), SESSION, 400, -32602, "requestState",
        id="legacy state nobody gave out",
    ),
    pytest.param(
        Notification(method="notifications/made_up", params={}), SESSION, 400, -32601, "not served",
        id="unknown notification",
    ),
    pytest.param(
        Notification(method="tools/call", params={"name": "pay"}), SESSION, 400, -32600, "needs an id",
        id="legacy call without an id is not run",
    ),
    pytest.param(
        request("tools/call", name="pay"), {**SESSION, "mcp-name": "read"}, 400, -32020, "Mcp-Name",
        id="agreement is demanded in every era",
    ),
    pytest.param(
        request("tools/list"), {**SESSION, "mcp-method": "tools/call"}, 400, -32020, "Mcp-Method",
        id="legacy method header differs",
    ),
    pytest.param(
        request("tools/list"), {**SESSION, "mcp-protocol-version": "1999-01-01"}, 400, -32022, "not served",
        id="legacy version not served",
    ),
    pytest.param(request("tools/list"), {**SESSION, "accept": "text/html"}, 406, -32600, "Accept", id="HTML only"),
    pytest.param(
        request("initialize", protocolVersion=1), BOTH, 400, -32602, "protocolVersion", id="version as number"
    ),
    pytest.param(request("initialize"), BOTH, 400, -32602, "protocolVersion", id="initialize without a version"),
    pytest.param(
        request("initialize", protocolVersion="2025-11-25", clientInfo="x"), BOTH, 400, -32602, "clientInfo",
        id="initialize: string as client",
    ),
    pytest.param(
        request("initialize", protocolVersion="2025-11-25", role="admin"), BOTH, 400, -32602, '"role"',
        id="initialize: unknown member",
    ),
    pytest.param(
        OPENING, {**BOTH, "mcp-protocol-version": "2024-01-01"}, 400, -32022, "not served",
        id="initialize with another version in the header",
    ),
    pytest.param(
        Notification(method="notifications/initialized", params={}), BOTH, 400, -32600, "no session",
        id="notification without a session",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "sent", "status", "code", "words"), REFUSED)
def test_a_message_is_refused(
    message: Request | Notification | Response, sent: Head, status: int, code: int, words: str
) -> None:
    refused = classify(message, sent)
    assert isinstance(refused, Rejection), refused
    assert (refused.status, refused.code) == (status, code)
    assert words in refused.message
    assert refused.id == (message.id if isinstance(message, Request) else None)


def test_an_unserved_version_is_told_what_the_request_could_be_made_in_instead() -> None:
    offered = json.loads(discovered(capabilities={}, instructions=None, info=server_info("1")))["supportedVersions"]
    message = request("tools/list", _meta={**META, V + "protocolVersion": "2027-01-01"})
    refused = classify(message, head("tools/list", mcp_protocol_version="2027-01-01"))
    assert isinstance(refused, Rejection)
    assert refused.data == {"supported": offered, "requested": "2027-01-01"}


def test_an_unserved_version_in_a_session_is_told_all_that_are_served() -> None:
    refused = classify(request("tools/list"), {**SESSION, "mcp-protocol-version": "1999-01-01"})
    assert isinstance(refused, Rejection)
    assert refused.data == {"supported": list(SERVED), "requested": "1999-01-01"}


def test_a_json_only_client_of_the_older_era_gets_no_stream() -> None:
    route = classify(request("tools/call", name="pay"), {**SESSION, "accept": "application/json"})
    assert isinstance(route, Route)
    assert not route.streams


def test_the_client_is_what_it_says_cut_and_cleaned() -> None:
    route = classify(modern("tools/list"), head("tools/list"))
    assert isinstance(route, Route)
    assert route.client == Client(name="ada", version="2")
    assert client_of({"name": "a\x1b[31m\u202eb" + "x" * 500, "version": 3}).name == "a\ufffd[31m\ufffdb" + "x" * 120
    assert client_of({"name": "  ", "version": "1"}) == Client(version="1")
    assert client_of("x") == Client()


@pytest.mark.parametrize(
    ("asked", "given"),
    [("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"), ("2024-11-05", "2025-11-25"), ("x", "2025-11-25")],
)
def test_the_negotiated_version(asked: str, given: str) -> None:
    assert negotiated(asked) == given
