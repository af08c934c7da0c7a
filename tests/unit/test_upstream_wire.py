"""The pure parts of the client side: event streams, header values, envelopes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway.upstreams import InputRequired, Relay, Unsent
from gateway.upstreams.bodies import META_LOG_LEVEL, meta_text, reply, with_meta
from gateway.upstreams.headers import encode, fault, parameters
from gateway.upstreams.rpc import MAX_DEPTH, Answer, Asked, Garbage, Told, read, too_deep
from gateway.upstreams.sse import Event, Reader, TooMuch


def events(*chunks: bytes, bound: int = 1000) -> list[Event]:
    reader = Reader(max_event_bytes=bound, max_events=50)
    return [event for chunk in chunks for event in reader.feed(chunk)]


def an_event(data: bytes = b"", *, kind: str = "message", id: str | None = None, retry: float | None = None) -> Event:
    return Event(kind=kind, data=data, id=id, retry=retry)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([b"data: a\n\n"], [an_event(b"a")], id="one event"),
        pytest.param([b"data:a\r\n\r\n"], [an_event(b"a")], id="CRLF, no blank after the colon"),
        pytest.param([b"data: a\r\rdata: b\r\r"], [an_event(b"a"), an_event(b"b")], id="CR alone"),
        pytest.param([b"data: a\r", b"\n\r", b"\n"], [an_event(b"a")], id="CRLF cut in two"),
        pytest.param([b"da", b"ta: ", b"a", b"\n", b"\n"], [an_event(b"a")], id="byte by byte"),
        pytest.param([b"data: a\ndata:  b\n\n"], [an_event(b"a\n b")], id="two lines of data"),
        pytest.param([b": hi\n\n:\n\n"], [], id="comments only"),
        pytest.param([b"\xef\xbb\xbfdata: a\n\n"], [an_event(b"a")], id="a byte order mark"),
        pytest.param([b"data: a\n"], [], id="an event that did not end"),
        pytest.param([b"event: x\nid: 1\nretry: 2000\ndata\n\n"], [an_event(kind="x", id="1", retry=2)], id="all"),
        pytest.param([b"id: 1\ndata\n\ndata: b\n\n"], [an_event(id="1"), an_event(b"b", id="1")], id="a priming event"),
        pytest.param([b"id: 1\n\nid\n\ndata: b\n\n"], [an_event(id="1"), an_event(), an_event(b"b")], id="id undone"),
        pytest.param([b"id: a\0b\nretry: 1x\nretry: -1\ndata: b\n\n"], [an_event(b"b")], id="bad id and retry"),
        pytest.param([b"event: x\n\ndata: a\n\n"], [an_event(b"a")], id="a kind without data is forgotten"),
    ],
)  # fmt: skip
def test_an_event_stream_is_read_by_the_standard(chunks: list[bytes], expected: list[Event]) -> None:
    assert events(*chunks) == expected


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"x" * 600, b"x" * 600], id="a line without an end"),
        pytest.param([b"data: " + b"x" * 600 + b"\n", b"data: " + b"x" * 600 + b"\n"], id="many lines of one event"),
        pytest.param([b"data: x\n\n" * 51], id="too many events"),
    ],
)
def test_an_event_stream_is_bounded(chunks: list[bytes]) -> None:
    with pytest.raises(TooMuch):
        events(*chunks)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        pytest.param("new_order", True, id="a tool name"),
        pytest.param("two words", True, id="a blank inside"),
        pytest.param(" edge", False, id="a blank in front"),
        pytest.param("end ", False, id="a blank behind"),
        pytest.param("", False, id="empty"),
        pytest.param("Köln", False, id="beyond ASCII"),
        pytest.param("a\r\nX-Evil: 1", False, id="a line end"),
        pytest.param("a\n", False, id="a line end at the end"),
        pytest.param("=?base64?YQ==?=", False, id="it looks like the marker"),
    ],
)
def test_a_header_value_arrives_as_it_was(value: str, plain: bool) -> None:
    encoded = encode(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    if plain:
        assert encoded == value
    else:
        assert base64.b64decode(encoded.removeprefix("=?base64?").removesuffix("?=")).decode() == value


def marked(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def mark(name: Any, kind: Any = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


@pytest.mark.parametrize(
    ("schema", "arguments", "headers"),
    [
        pytest.param(marked(a=mark("Region")), {"a": "north"}, {"Mcp-Param-Region": "north"}, id="a string"),
        pytest.param(marked(a=mark("N", "integer")), {"a": 7}, {"Mcp-Param-N": "7"}, id="an integer"),
        pytest.param(marked(a=mark("N", "integer")), {"a": 7.0}, {"Mcp-Param-N": "7"}, id="an integer written as 7.0"),
        pytest.param(marked(a=mark("B", "boolean")), {"a": False}, {"Mcp-Param-B": "false"}, id="a boolean"),
        pytest.param(marked(a=mark("R")), {"a": None}, {}, id="null"),
        pytest.param(marked(a=mark("R")), {}, {}, id="absent"),
        pytest.param(marked(a=mark("R")), {"a": ["x"]}, {}, id="not a scalar"),
        pytest.param(marked(o=marked(i=mark("Deep"))), {"o": {"i": "x"}}, {"Mcp-Param-Deep": "x"}, id="nested"),
        pytest.param(marked(o=marked(i=mark("Deep"))), {"o": 1}, {}, id="nested in something else"),
        pytest.param(marked(a={"default": mark("No")}), {"a": "x"}, {}, id="a mark inside a value"),
        pytest.param(None, {"a": "x"}, {}, id="no schema"),
    ],
)
def test_marked_arguments_become_headers(schema: Any, arguments: Any, headers: dict[str, str]) -> None:
    assert fault(schema) is None
    assert parameters(schema, arguments) == headers


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        pytest.param(marked(a=mark("R", "number")), "type string, integer or boolean", id="a number"),
        pytest.param(marked(a=mark("R", ["string", "null"])), "type string, integer or boolean", id="two types"),
        pytest.param(marked(a=mark("bad name")), "not a header name", id="not a token"),
        pytest.param(marked(a=mark(7)), "not a header name", id="not a string"),
        pytest.param(marked(a=mark("R"), b=mark("r")), "used for both", id="twice, in another case"),
        pytest.param({"x-mcp-header": "R"}, "where no argument", id="on the root"),
        pytest.param(marked(a={"items": mark("R")}), "where no argument", id="in a list"),
        pytest.param(marked(a={"anyOf": [mark("R")]}), "where no argument", id="in a branch"),
        pytest.param({"$defs": {"x": mark("R")}}, "where no argument", id="in a definition"),
    ],
)
def test_wrong_marks_are_named(schema: Any, why: str) -> None:
    assert why in str(fault(schema))


def test_an_argument_too_long_for_a_header_is_not_sent() -> None:
    with pytest.raises(Unsent, match="the argument a has to be repeated in a header and is too long"):
        parameters(marked(a=mark("R")), {"a": "x" * 9000})


def test_depth_is_counted_outside_of_strings_only() -> None:
    assert not too_deep(b'{"a":"' + b"[{" * 5000 + b'\\"[[[[","b":[' + b"{}," * 5000 + b"[]]}")
    assert not too_deep(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert too_deep(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert isinstance(read(b'{"a":' * 3000 + b"1" + b"}" * 3000), Garbage)
    assert isinstance(read(b'{"a":' + b"[" * 100_000), Garbage)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b'{"jsonrpc":"2.0","method":"m"}', Told(method="m", params={}), id="a notification"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1.0}}',
            Asked(id="a", method="m", raw=b'{"x":1.0}'),
            id="a request",
        ),
    ],
)
def test_what_a_server_says_is_told_apart(raw: bytes, message: Told | Asked) -> None:
    assert read(raw) == message


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"jsonrpc":"2.0","id":true,"result":{}}', id="a truth value as id"),
        pytest.param(b'{"jsonrpc":"2.0","id":1.5,"result":{}}', id="a fraction as id"),
        pytest.param(b'{"jsonrpc":"2.0","id":[],"method":"m"}', id="a list as id"),
        pytest.param(b'{"jsonrpc":"2.0","method":7}', id="a number as method"),
        pytest.param(b'{"jsonrpc":"2.0","method":"m","params":[]}', id="params by position"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"error":"x"}', id="a text as error"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}', id="a text as code"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":{"\xff":1}}', id="not UTF-8"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_message_is_garbage(raw: bytes) -> None:
    assert isinstance(read(raw), Garbage)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        pytest.param("ping", '"result":{}', id="a ping"),
        pytest.param("elicitation/create", '"result":{"action":"decline"}', id="an elicitation is declined"),
        pytest.param("sampling/createMessage", '"code":-32601', id="sampling is not offered"),
        pytest.param("roots/list", '"code":-32601', id="roots are not offered"),
    ],
)
def test_where_no_client_is_to_be_asked_the_answer_is_ready(method: str, answer: str) -> None:
    text = reply(Asked(id="p", method=method)).decode()
    assert text.startswith('{"jsonrpc":"2.0","id":"p",')
    assert answer in text


def a_relay(**more: Any) -> Relay:
    return Relay(method="m", params=b"{}", session="", timeout=1, **more)


def test_passed_meta_keeps_its_text_and_cannot_set_what_is_ours() -> None:
    passed = b'{"traceparent":"00-1","n":1.10e2,"progressToken":1,"%s":"debug"}' % META_LOG_LEVEL.encode()
    assert (
        meta_text(a_relay(meta=passed, progress=True), version=None, token=5, client={})
        == b'{"traceparent":"00-1","n":1.10e2,"progressToken":5}'
    )
    assert meta_text(a_relay(), version=None, token=5, client={}) == b"{}"


def test_in_the_modern_era_meta_says_what_the_client_can_do_and_wants_to_log() -> None:
    relay = a_relay(capabilities=b'{"elicitation": {}}', log_level="info")
    text = meta_text(relay, version="2026-07-28", token=1, client={"name": "x"}).decode()
    assert '"io.modelcontextprotocol/clientCapabilities":{"elicitation": {}}' in text
    assert '"io.modelcontextprotocol/logLevel":"info"' in text


@pytest.mark.parametrize(
    ("params", "body"),
    [
        pytest.param(b"{}", b'{"_meta":{"a":1}}', id="no params"),
        pytest.param(b' { "x" : 1.0 } ', b'{"x" : 1.0,"_meta":{"a":1}}', id="at the end, the rest as it was"),
        pytest.param(b'{"_meta":{"b":2},"x":1}', b'{"_meta":{"a":1},"x":1}', id="one that was there is replaced"),
        pytest.param(b'{"x":{"_meta":3}}', b'{"x":{"_meta":3},"_meta":{"a":1}}', id="inside a value it stays"),
        pytest.param(b'{"\\u005fmeta":4}', b'{"_meta":{"a":1}}', id="in another spelling"),
    ],
)
def test_params_get_their_meta_once(params: bytes, body: bytes) -> None:
    assert with_meta(params, b'{"a":1}') == body


@pytest.mark.parametrize(
    ("result", "taken"),
    [
        pytest.param('"requestState":"s"', True, id="state alone"),
        pytest.param('"inputRequests":{"a":{"method":"roots/list"}}', True, id="questions alone"),
        pytest.param('"requestState":7', False, id="a state that is a number"),
        pytest.param('"requestState":"%s"' % ("x" * 70_000), False, id="a state without end"),
        pytest.param('"inputRequests":[]', False, id="questions as a list"),
        pytest.param('"inputRequests":{"a":{"method":"tools/call"}}', False, id="a question of another kind"),
        pytest.param(
            '"inputRequests":' + json.dumps({str(n): {"method": "roots/list"} for n in range(65)}),
            False,
            id="too many questions",
        ),
        pytest.param('"x":1', False, id="neither"),
    ],
)
def test_a_result_that_asks_for_input_is_kept_as_text_if_it_is_one(result: str, taken: bool) -> None:
    raw = '{"resultType":"input_required",' + result + "}"
    message = read(('{"jsonrpc":"2.0","id":1,"result":' + raw + "}").encode())
    if taken:
        assert isinstance(message, Answer)
        assert message.outcome == InputRequired(raw=raw.encode())
    else:
        assert isinstance(message, Garbage)
