"""The HTTP head: Host, Origin, tokens in the wrong place, doubled headers, Mcp-Param (security.md 1d, 2b, 2c.12)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.protocol import headers
from gateway.protocol.headers import UNAUTHORIZED, Allowed, Head, Rejection, fold


def sentinel(text: str) -> str:
    return "=?base64?" + base64.b64encode(text.encode()).decode() + "?="


ALLOWED = Allowed(
    hosts=frozenset({"127.0.0.1", "localhost", "[::1]", "placet.example"}),
    origins=frozenset({"https://placet.example"}),
)


@pytest.mark.parametrize(
    ("target", "sent", "status"),
    [
        pytest.param("/mcp", {"host": "127.0.0.1:8642"}, None, id="loopback"),
        pytest.param("/mcp", {"host": "LocalHost"}, None, id="names ignore case"),
        pytest.param("/mcp", {"host": "[::1]:8642"}, None, id="IPv6"),
        pytest.param("/mcp", {"host": "placet.example."}, None, id="a root dot"),
        pytest.param("/mcp", {"host": "placet.example", "origin": "https://placet.example"}, None, id="own origin"),
        pytest.param("/mcp", {"host": "localhost:1", "origin": "http://localhost:1"}, None, id="same origin"),
        pytest.param("/mcp", {"host": "evil.example"}, 403, id="rebound name"),
        pytest.param("/mcp", {"host": "127.0.0.1.evil.example"}, 403, id="rebound name that begins like ours"),
        pytest.param("/mcp", {"host": "localhost:1/#@evil"}, 403, id="a path in Host"),
        pytest.param("/mcp", {"host": "evil@localhost"}, 403, id="a user in Host"),
        pytest.param("/mcp", {"host": "localhost, evil"}, 403, id="two names in Host"),
        pytest.param("/mcp", {"host": ""}, 403, id="empty Host"),
        pytest.param("/mcp", {}, 403, id="no Host"),
        pytest.param("/mcp", {"host": "2130706433"}, 403, id="decimal address"),
        pytest.param("/mcp", {"host": "localhost", "origin": "null"}, 403, id="null origin"),
        pytest.param("/mcp", {"host": "localhost", "origin": "https://evil.example"}, 403, id="other origin"),
        pytest.param("/mcp", {"host": "localhost:1", "origin": "http://localhost:2"}, 403, id="other port"),
        pytest.param("/mcp", {"host": "localhost", "origin": "http://localhost.evil"}, 403, id="origin like ours"),
        pytest.param("/mcp", {"host": "localhost", "origin": ""}, 403, id="empty origin"),
        pytest.param("http://localhost/mcp", {"host": "localhost"}, 400, id="absolute target"),
        pytest.param("*", {"host": "localhost"}, 400, id="asterisk target"),
        pytest.param("/mcp?token=abc", {"host": "localhost"}, 400, id="token in the query"),
        pytest.param("/mcp?x=1&ACCESS_TOKEN=abc", {"host": "localhost"}, 400, id="token in capitals"),
        pytest.param("/mcp/plc_agent_x", {"host": "localhost"}, 400, id="token in the path"),
        pytest.param("/mcp?q=plc_person_x", {"host": "localhost"}, 400, id="token under any name"),
        pytest.param("/mcp", {"host": "localhost", "cookie": "a=plc_agent_x"}, 400, id="token in a cookie"),
        pytest.param("/mcp?page=1", {"host": "localhost"}, None, id="an innocent query"),
    ],
)  # fmt: skip
def test_the_head(target: str, sent: Head, status: int | None) -> None:
    refused = headers.check_head(target, sent, ALLOWED)
    assert (refused.status if refused else None) == status
    assert refused is None or "plc_" not in refused.message.replace("plc_agent_…", "")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param({"content-type": "application/json"}, None, id="plain"),
        pytest.param({"content-type": "Application/JSON; Charset=UTF-8"}, None, id="case and charset"),
        pytest.param({"content-type": "application/json", "transfer-encoding": "chunked"}, None, id="chunked"),
        pytest.param({}, 415, id="no type"),
        pytest.param({"content-type": "text/plain"}, 415, id="a form's type"),
        pytest.param({"content-type": "application/json-patch+json"}, 415, id="another JSON"),
        pytest.param({"content-type": "application/json; charset=utf-16"}, 415, id="another charset"),
        pytest.param({"content-type": "application/json; boundary=x"}, 415, id="another parameter"),
        pytest.param({"content-type": "application/json", "content-encoding": "gzip"}, 415, id="gzip"),
        pytest.param({"content-type": "application/json", "content-encoding": "identity"}, 415, id="identity"),
        pytest.param(
            {"content-type": "application/json", "transfer-encoding": "gzip, chunked"}, 400, id="coded chunks"
        ),
    ],
)
def test_the_headers_of_a_body(sent: Head, status: int | None) -> None:
    refused = headers.check_body_headers(sent)
    assert (refused.status if refused else None) == status


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        pytest.param([("Mcp-Name", "a"), ("mcp-name", "b")], 400, id="name twice"),
        pytest.param([("Mcp-Name", "a"), ("MCP-NAME", "a")], 400, id="equal name twice"),
        pytest.param([("Mcp_Name", "a")], 400, id="underscore twin"),
        pytest.param([("Mcp-Param-Region", "a"), ("mcp-param-region", "b")], 400, id="param twice"),
        pytest.param([("mcp_param_region", "a")], 400, id="underscore twin of a param"),
        pytest.param([("MCP-Session-Id", "a"), ("Mcp-Session-Id", "b")], 400, id="session twice"),
        pytest.param([("Content-Type", "a"), ("Content-Type", "b")], 400, id="type twice"),
        pytest.param([("Origin", "a"), ("Origin", "b")], 400, id="origin twice"),
        pytest.param([("Authorization", "Bearer a"), ("authorization", "Bearer b")], 401, id="authorization twice"),
    ],
)
def test_a_doubled_header_is_refused(pairs: list[tuple[str, str]], status: int) -> None:
    refused = fold(pairs)
    assert isinstance(refused, Rejection)
    assert refused.status == status


def test_harmless_headers_may_repeat() -> None:
    folded = fold([("Accept", "application/json"), ("ACCEPT", "text/event-stream"), ("x_y", "1"), ("Via", "a")])
    assert folded == {"accept": "application/json, text/event-stream", "x_y": "1", "via": "a"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "Bearer a b",
        "Basic eDp5",
        "bearer\tx",
        "Bearer x,y",
        "Bearer é",
        "Bearer x\n",
    ],
)
def test_anything_but_one_bearer_token_is_a_failed_sign_in(value: str) -> None:
    assert headers.bearer({"authorization": value}) is UNAUTHORIZED


def test_a_bearer_token_is_found() -> None:
    assert headers.bearer({"authorization": "Bearer plc_agent_x"}) == "plc_agent_x"
    assert headers.bearer({"authorization": "bEARER a.b-c_d~e+f/g="}) == "a.b-c_d~e+f/g="
    assert headers.bearer({}) is None


SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "deep": {"type": "object", "properties": {"on": {"type": "boolean", "x-mcp-header": "On"}}},
        "price": {"type": "number", "x-mcp-header": "Price"},
    },
}


@pytest.mark.parametrize(
    ("arguments", "sent", "words"),
    [
        pytest.param({}, {}, None, id="nothing to compare"),
        pytest.param({"region": "eu"}, {"region": "eu"}, None, id="equal"),
        pytest.param({"region": "zürich"}, {"region": sentinel("zürich")}, None, id="equal in base64"),
        pytest.param({"count": 42}, {"count": "42.0"}, None, id="integers compare as numbers"),
        pytest.param({"deep": {"on": True}}, {"on": "true"}, None, id="nested boolean"),
        pytest.param({"price": 1.5}, {"price": "9"}, None, id="a header the schema cannot declare"),
        pytest.param({"region": None}, {}, None, id="null is absent"),
        pytest.param({"region": "eu"}, {}, "missing", id="header missing"),
        pytest.param({}, {"region": "eu"}, "is not", id="argument missing"),
        pytest.param({"region": "eu"}, {"region": "us"}, "differs", id="different"),
        pytest.param({"region": "eu"}, {"region": "EU"}, "differs", id="values mind case"),
        pytest.param({"region": "eu"}, {"region": "=?base64?!?="}, "broken", id="broken base64"),
        pytest.param({"count": 42}, {"count": "43"}, "differs", id="different integer"),
        pytest.param({"count": 42}, {"count": "4.2e1"}, "differs", id="exponents never compare as numbers"),
        pytest.param({"deep": {"on": False}}, {"on": "0"}, "differs", id="boolean by another name"),
    ],
)
def test_param_headers_agree_with_the_arguments(arguments: Any, sent: dict[str, str], words: str | None) -> None:
    found = headers.params_disagree(SCHEMA, arguments, sent, required=True)
    assert (found is None) if words is None else (found is not None and words in found)


def test_a_missing_param_header_is_no_matter_before_the_modern_era() -> None:
    assert headers.params_disagree(SCHEMA, {"region": "eu"}, {}, required=False) is None
    assert headers.param_headers({"mcp-param-region": "eu", "accept": "x"}) == {"region": "eu"}
