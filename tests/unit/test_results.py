"""The same outcome in the dress of each era: what is added, what is cut out, and that nothing else moves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol import results
from gateway.protocol.classify import Era

INFO = results.server_info("1.2.3")
STAMP = b'"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"placet","title":"Placet","version":"1.2.3"}}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            b'{"content":[],"n":1.0}', b'{"resultType":"complete",' + STAMP + b',"content":[],"n":1.0}', id="of old"
        ),
        pytest.param(
            b'{"resultType":"input_required","x":1.0}', b"{" + STAMP + b',"resultType":"input_required","x":1.0}',
            id="its own result type stays",
        ),
        pytest.param(
            b'{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"upstream"},"a":1.0},"resultType":"complete"}',
            b'{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"placet","title":"Placet","version":"1.2.3"},'
            b'"a":1.0},"resultType":"complete"}',
            id="the upstream's name is replaced",
        ),
    ],
)  # fmt: skip
def test_a_modern_result(before: bytes, after: bytes) -> None:
    found = results.called(before, era=Era.MODERN, info=INFO)
    assert json.loads(found) == json.loads(after)
    assert (b"1.0" in found) is (b"1.0" in before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b'{ "content":[] , "n":1.00}', b'{ "content":[] , "n":1.00}', id="nothing to change"),
        pytest.param(b'{"content":[],"resultType":"complete","n":1.00}', b'{"content":[],"n":1.00}', id="no type"),
        pytest.param(b'{"content":[],"ttlMs":1,"cacheScope":"public"}', b'{"content":[]}', id="no cache members"),
        pytest.param(
            b'{"content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{},"a":1.00}}',
            b'{"content":[],"_meta":{"a":1.00}}', id="no server name",
        ),
        pytest.param(
            b'{"content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{}}}', b'{"content":[]}', id="no empty _meta"
        ),
        pytest.param(b'{"content":["serverInfo"]}', b'{"content":["serverInfo"]}', id="the word in a value"),
        pytest.param(b'{"content":[],"structuredContent":[1.00]}', b'{"content":[]}', id="structured array"),
        pytest.param(
            b'{"content":[],"structuredContent":{"n":1.00}}', b'{"content":[],"structuredContent":{"n":1.00}}',
            id="structured content as an object",
        ),
    ],
)  # fmt: skip
def test_a_legacy_result(before: bytes, after: bytes) -> None:
    assert results.called(before, era=Era.LEGACY, info=INFO) == after


TOOLS = [
    {"name": "b", "inputSchema": {}, "execution": {"taskSupport": "optional"}, "x": {"kept": 1}},
    {"name": "a", "inputSchema": {}, "outputSchema": {"type": "array"}},
    {"name": "tasks", "inputSchema": {}, "execution": {"taskSupport": "required"}},
]


def test_a_list_hides_what_needs_tasks_and_keeps_order_and_unknown_members() -> None:
    assert json.loads(results.listed(TOOLS, era=Era.MODERN, info=INFO)) == {
        "tools": [
            {"name": "b", "inputSchema": {}, "x": {"kept": 1}},
            {"name": "a", "inputSchema": {}, "outputSchema": {"type": "array"}},
        ],
        "resultType": "complete",
        "ttlMs": results.LIST_TTL_MS,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": json.loads(INFO)},
    }
    assert json.loads(results.listed(TOOLS, era=Era.LEGACY, info=INFO)) == {
        "tools": [{"name": "b", "inputSchema": {}, "x": {"kept": 1}}, {"name": "a", "inputSchema": {}}]
    }


OFFERED: dict[str, Any] = {
    "tools": {"listChanged": True},
    "tasks": {"list": {}},
    "extensions": {"x": {}},
    "made_up": {"n": 1.5},
}


def test_discover_offers_the_modern_versions_and_is_private() -> None:
    assert json.loads(results.discovered(capabilities=OFFERED, instructions="Be patient.", info=INFO)) == {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {"listChanged": True}, "extensions": {"x": {}}, "made_up": {"n": 1.5}},
        "instructions": "Be patient.",
        "ttlMs": results.DISCOVER_TTL_MS,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": json.loads(INFO)},
    }
    assert "instructions" not in json.loads(results.discovered(capabilities={}, instructions=None, info=INFO))


def test_initialize_names_the_server_and_what_its_era_knows() -> None:
    assert json.loads(
        results.initialized(version="2025-11-25", capabilities=OFFERED, instructions=None, info=INFO)
    ) == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {"listChanged": True}, "made_up": {"n": 1.5}},
        "serverInfo": {"name": "placet", "title": "Placet", "version": "1.2.3"},
    }


def test_an_answer_echoes_its_id_and_an_error_may_have_none() -> None:
    assert results.envelope("é", b'{"n":1.00}') == b'{"jsonrpc":"2.0","id":"\\u00e9","result":{"n":1.00}}'
    assert json.loads(results.error_envelope(None, code=-32700, message="no", data={"offset": 3})) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32700, "message": "no", "data": {"offset": 3}},
    }


def test_progress_leaves_out_what_was_not_said() -> None:
    assert json.loads(results.progressed(7, progress=1)) == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 7, "progress": 1},
    }
    assert json.loads(results.progressed("t", progress=1.5, message="m", total=3))["params"] == {
        "progressToken": "t",
        "progress": 1.5,
        "message": "m",
        "total": 3,
    }
