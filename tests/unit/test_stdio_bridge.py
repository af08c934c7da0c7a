"""The pure parts of `placet stdio`: lines, messages, waiting, headers, and what is refused before anything is sent."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge import messages
from gateway.bridge.lines import Lines, TooLong
from gateway.bridge.messages import Answer, Asked, Noted, Replied, Said, from_client, from_gateway
from gateway.bridge.mirror import Mirror
from gateway.bridge.session import Opened, is_lost, opening_of, refusal_of
from gateway.bridge.trouble import Refused, explain
from gateway.bridge.waits import Rising, Waiting, patience, pending_in, still_waiting, waiting_in
from gateway.cli.stdio import wrong_token, wrong_url
from gateway.protocol.jsonrpc import Malformed
from gateway.upstreams import NoAnswer, Unsent
from tests.fakes.hostile import ROWS

V = "io.modelcontextprotocol/"
META = {
    V + "protocolVersion": "2026-07-28",
    V + "clientCapabilities": {},
    V + "clientInfo": {"name": "c", "version": "1"},
}
URL = "http://127.0.0.1:8642/mcp"


def line(method: str, params: Any = None, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}, **more}).encode()


@given(st.lists(st.binary(max_size=30).filter(lambda one: b"\n" not in one)), st.data())
def test_lines_come_out_whole_however_they_are_cut(texts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(text + b"\n" for text in texts)
    lines, found, at = Lines(limit=100), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 7))
        found += list(lines.feed(stream[at : at + step]))
        at += step
    found += list(lines.close())
    assert found == [text.removesuffix(b"\r") for text in texts if text.removesuffix(b"\r").strip()]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([b"12345\n1\n"], [b"12345", b"1"], id="at the cap"),
        pytest.param([b"12345\r\n1\n"], [b"12345", b"1"], id="at the cap, with a CR"),
        pytest.param([b"123456\n1\n"], [TooLong(), b"1"], id="over the cap"),
        pytest.param([b"123", b"456", b"78" * 1000, b"9\n1\n"], [TooLong(), b"1"], id="over it in pieces, told once"),
        pytest.param([b"\n \n\r\n1\n"], [b"1"], id="blank lines are no messages"),
        pytest.param([b"1"], [b"1"], id="no line break at the end"),
        pytest.param([b"1234567"], [TooLong()], id="over the cap without an end"),
        pytest.param([b"123456", b""], [TooLong()], id="one too many without an end"),
    ],
)
def test_a_line_over_the_cap_is_skipped_and_said(chunks: list[bytes], expected: list[bytes | TooLong]) -> None:
    lines, found = Lines(limit=5), []
    for chunk in chunks:
        found += list(lines.feed(chunk))
    assert [*found, *lines.close()] == expected


@pytest.mark.parametrize(("body", "code"), [pytest.param(row[1], row[2], id=row[0]) for row in ROWS])
def test_what_the_gateway_would_refuse_is_refused_here(body: bytes, code: int) -> None:
    found = from_client(body)
    assert isinstance(found, Malformed)
    assert found.code == code


def test_a_request_keeps_the_text_of_its_params() -> None:
    params = b'{"name":"pay","arguments":{"x": 1.50, "y":"\\u00e9"}}'
    raw = b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":' + params + b"}"
    asked = from_client(raw)
    assert isinstance(asked, Asked)
    assert asked.params == params
    assert (asked.id, asked.name, asked.version, asked.token, asked.client) == ("a", "pay", None, None, None)


def test_a_modern_request_is_known_by_its_meta() -> None:
    asked = from_client(line("tools/call", {"name": "p", "_meta": {**META, "progressToken": 7}}, id=1))
    assert isinstance(asked, Asked)
    assert (asked.version, asked.token) == ("2026-07-28", 7)
    assert json.loads(asked.client or b"") == META[V + "clientInfo"]


@pytest.mark.parametrize(
    ("responses", "declined"),
    [
        pytest.param({"k": {"action": "decline"}}, True, id="would not"),
        pytest.param({"k": {"action": "cancel"}}, True, id="closed it"),
        pytest.param({"k": {"action": "accept"}, "l": {"action": "decline"}}, True, id="one of two"),
        pytest.param({"k": {"action": "accept"}}, False, id="did"),
        pytest.param({"k": {"role": "user"}, "l": 1}, False, id="no such answers"),
        pytest.param([], False, id="no answers"),
    ],
)
def test_what_a_user_turned_down_is_known(responses: Any, *, declined: bool) -> None:
    asked = from_client(line("tools/call", {"name": "p", "inputResponses": responses, "_meta": META}, id=1))
    assert isinstance(asked, Asked)
    assert asked.declined is declined


@pytest.mark.parametrize(
    ("capabilities", "more", "only"),
    [
        pytest.param({}, {}, False, id="declares nothing"),
        pytest.param({"experimental": {"x": {}}, "extensions": {}}, {}, False, id="declares nothing of it"),
        pytest.param({"elicitation": {}}, {}, True, id="elicitation"),
        pytest.param({"sampling": {}}, {}, True, id="sampling"),
        pytest.param({"roots": {}}, {}, True, id="roots"),
        pytest.param({"extensions": {V + "tasks": {}}}, {}, True, id="an extension"),
        pytest.param({}, {"requestState": "s"}, True, id="goes on with an input request"),
        pytest.param({}, {"inputResponses": {}}, True, id="answers an input request"),
    ],
)
def test_what_only_the_modern_era_brings_back_is_known(capabilities: Any, more: Any, *, only: bool) -> None:
    meta = {**META, V + "clientCapabilities": capabilities}
    asked = from_client(line("tools/call", {"name": "p", **more, "_meta": meta}, id=1))
    assert isinstance(asked, Asked)
    assert asked.modern_only is only
    del meta[V + "protocolVersion"]
    older = from_client(line("tools/call", {"name": "p", **more, "_meta": meta}, id=1))
    assert isinstance(older, Asked)
    assert not older.modern_only


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("prompts/get", {"name": "p"}, "p"),
        ("resources/read", {"uri": "x://y"}, "x://y"),
        ("tasks/get", {"taskId": "t"}, "t"),
        ("tools/list", {"name": "p"}, None),
        ("prompts/get", {"name": 5}, None),
    ],
)
def test_the_name_of_a_request_is_where_its_method_has_it(method: str, params: Any, name: str | None) -> None:
    asked = from_client(line(method, params, id=1))
    assert isinstance(asked, Asked)
    assert asked.name == name


def test_notifications_and_answers_are_told_apart() -> None:
    noted = from_client(line("notifications/cancelled", {"requestId": 3, "reason": "no"}))
    assert noted == Noted(
        method="notifications/cancelled", params=b'{"requestId": 3, "reason": "no"}', version=None, target=3
    )
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}'
    assert from_client(raw) == Replied(line=raw)


def test_session_params_have_nothing_of_the_modern_envelope() -> None:
    params = (
        b'{"name":"p","arguments":{"n": 1.0},"_meta":' + json.dumps({**META, "traceparent": "00-a"}).encode() + b"}"
    )
    assert messages.for_session(params) == b'{"name":"p","arguments":{"n": 1.0},"_meta":{"traceparent":"00-a"}}'
    only = json.dumps({"name": "p", "_meta": META}).encode()
    assert messages.for_session(only) == b'{"name":"p"}'


def test_a_cancel_names_the_call_as_the_gateway_knows_it() -> None:
    params = json.dumps({"requestId": 3, "reason": "changed my mind", "_meta": META}).encode()
    assert json.loads(messages.retargeted(params, "ours-1")) == {"requestId": "ours-1", "reason": "changed my mind"}


def test_an_answer_keeps_its_text_and_gets_the_clients_id() -> None:
    answer = from_gateway(b'{"jsonrpc":"2.0","id":"ours","result":{\n"n": 1.50}}')
    assert isinstance(answer, Answer)
    assert answer.line(7) == b'{"jsonrpc":"2.0","id":7,"result":{ "n": 1.50}}'
    refused = from_gateway(b'{"jsonrpc":"2.0","id":"ours","error":{"code": -1, "message":"x","data":{"k":[1.0]}}}')
    assert isinstance(refused, Answer)
    assert refused.line("a") == b'{"jsonrpc":"2.0","id":"a","error":{"code": -1, "message":"x","data":{"k":[1.0]}}}'


def test_what_the_gateway_says_keeps_its_text_on_one_line() -> None:
    said = from_gateway(b'{"jsonrpc":"2.0","method":"notifications/message",\n"params":{"level":"info","data": 1.0}}')
    assert isinstance(said, Said)
    assert said.line == b'{"jsonrpc":"2.0","method":"notifications/message", "params":{"level":"info","data": 1.0}}'
    assert (said.id, said.params) == (None, b'{"level":"info","data": 1.0}')


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":1}', b'{"jsonrpc":"2.0","id":1,"result":NaN}', b"\xff"])
def test_what_is_no_message_of_a_gateway_is_said_to_be_none(raw: bytes) -> None:
    assert isinstance(from_gateway(raw), str)


PAGE = "http://127.0.0.1:8642/requests/req_a"


@pytest.mark.parametrize(
    ("message", "found"),
    [
        pytest.param(f"waiting for approval req_a ({PAGE})", Waiting(request="req_a", page=PAGE), id="the gateway's"),
        pytest.param(
            "waiting for approval req_a (https://evil.example/requests/req_a)",
            Waiting(request="req_a"),
            id="an address elsewhere is not repeated",
        ),
        pytest.param(
            "waiting for approval req_a (http://127.0.0.1:8642/requests/req_b)",
            Waiting(request="req_a"),
            id="the page of another request is not repeated",
        ),
        pytest.param(f"running ({PAGE})", None, id="running"),
        pytest.param(f"waiting for approval ({PAGE})", None, id="no request"),
        pytest.param(f"now waiting for approval req_a ({PAGE})", None, id="words in front"),
        pytest.param(f"waiting for approval req_a ({PAGE}) ", None, id="something behind"),
        pytest.param(
            "waiting for approval req_a (http://[x/requests/req_a)", Waiting(request="req_a"), id="no address"
        ),
        pytest.param("waiting for approval " + "req_" + "a" * 100 + " (x)", None, id="too long an id"),
        pytest.param(7, None, id="no text"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_progress_says_what_a_call_waits_for(message: Any, found: Waiting | None) -> None:
    assert waiting_in({"message": message, "_meta": {"placet/request": "req_a"}}, URL) == found


@pytest.mark.parametrize("meta", [None, {}, [], {"placet/request": "req_b"}, {"placet/request": 7}])
def test_an_upstreams_progress_cannot_say_that_a_call_is_held(meta: Any) -> None:
    assert waiting_in({"message": f"waiting for approval req_a ({PAGE})", "_meta": meta}, URL) is None


def result(**verdict: Any) -> bytes:
    return json.dumps({"content": [], "isError": True, "_meta": {"placet/verdict": verdict}}).encode()


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(result(code="approval_pending", request="req_a"), Waiting(request="req_a"), id="pending"),
        pytest.param(result(code="approval_denied", request="req_a"), None, id="denied"),
        pytest.param(result(code="approval_pending"), None, id="no request"),
        pytest.param(result(code="approval_pending", request="r_a"), None, id="not a request's id"),
        pytest.param(result(code="approval_pending", request=["req_a"]), None, id="an id that is no text"),
        pytest.param(
            result(code="approval_pending", request="req_a").replace(b"true", b"false"), None, id="not an error"
        ),
        pytest.param(b'{"content":["placet/verdict approval_pending"]}', None, id="only the words"),
        pytest.param(b'{"_meta":{"placet/verdict":["approval_pending"]},"isError":true}', None, id="a list"),
        pytest.param(b'{"_meta":["placet/verdict","approval_pending"],"isError":true}', None, id="meta is a list"),
    ],
)
def test_a_result_says_whether_the_call_still_waits(raw: bytes, found: Waiting | None) -> None:
    assert pending_in(raw) == found


def test_the_bridges_own_pending_answer_is_one_like_the_gateways() -> None:
    raw = still_waiting("pay\u202e", Waiting(request="req_a", page=PAGE))
    assert pending_in(raw) == Waiting(request="req_a")
    body = json.loads(raw)
    assert body["_meta"]["placet/verdict"] == {
        "code": "approval_pending", "request": "req_a", "retryable": True, "url": PAGE,
    }  # fmt: skip
    text = body["content"][0]["text"]
    assert "exactly the same arguments" in text
    assert PAGE in text
    assert "\u202e" not in text
    assert "url" not in json.loads(still_waiting("pay", Waiting(request="req_a")))["_meta"]["placet/verdict"]


@pytest.mark.parametrize(
    ("client", "has_token", "wait", "seconds"),
    [
        pytest.param(None, False, None, 50, id="below the sixty seconds of a plain client"),
        pytest.param(b'{"name":"c"}', True, None, 1500, id="a client that hears progress"),
        pytest.param(b'{"name":"claude-ai"}', True, None, 50, id="a client known to give up at 60 s all the same"),
        pytest.param(b'{"name":"c"}', True, timedelta(seconds=5), 5, id="what the command line says"),
        pytest.param(b'["c"]', False, timedelta(hours=2), 7200, id="what the command line says is longer"),
        pytest.param(b'["c"]', False, None, 50, id="a client that says nonsense of itself"),
    ],
)
def test_how_long_a_call_is_waited_for(
    client: bytes | None, *, has_token: bool, wait: timedelta | None, seconds: float
) -> None:
    assert patience(client, has_token=has_token, wait=wait) == seconds


def moved(rising: Rising, progress: Any, **more: Any) -> Any:
    told = {"progressToken": "ours", "progress": progress, **more}
    raw = rising.moved(json.dumps(told).encode(), told, 7)
    return None if raw is None else json.loads(raw)


def test_progress_rises_through_every_hold() -> None:
    rising, values = Rising(), []
    for hold in ([0.0, 10.0, 20.0], [0.0, 10.0], [0.0], [0.5, 0.5, 0.2]):
        values += [moved(rising, value)["progress"] for value in hold]
        rising.next_hold()
    assert values == sorted(set(values))
    assert values[:4] == [0.0, 10.0, 20.0, 21.0]


def test_progress_of_one_hold_is_the_gateways_own_text() -> None:
    told = {"progressToken": "ours", "progress": 1.5, "total": 3, "message": "é"}
    raw = b'{"progressToken":"ours","progress": 1.50,"total":3,"message":"\\u00e9","new":[1.0]}'
    moved_to = Rising().moved(raw, told, "mine")
    assert moved_to == b'{"progressToken":"mine","progress":1.50,"total":3,"message":"\\u00e9","new":[1.0]}'


def test_a_total_moves_with_its_progress() -> None:
    rising = Rising()
    assert moved(rising, 5, total=9) == {"progressToken": 7, "progress": 5, "total": 9}
    rising.next_hold()
    assert moved(rising, 1, total=9) == {"progressToken": 7, "progress": 6.0, "total": 14.0}


@pytest.mark.parametrize("value", [None, "1", True, 10**400, math.nan, []], ids=repr)
def test_progress_without_a_number_is_dropped(value: Any) -> None:
    told = {"progressToken": "ours", "progress": value}
    assert Rising().moved(b"{}", told, 7) is None


SCHEMA = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


def call(name: str, arguments: Any) -> Asked:
    asked = from_client(line("tools/call", {"name": name, "arguments": arguments, "_meta": META}, id=1))
    assert isinstance(asked, Asked)
    return asked


def listed(*tools: Any) -> bytes:
    return json.dumps({"tools": tools}).encode()


def test_the_headers_of_a_call_repeat_its_body() -> None:
    mirror = Mirror()
    mirror.learn(listed({"name": "pay é", "inputSchema": SCHEMA}, 7, {"name": None}))
    assert mirror.headers(call("pay é", {"region": "zürich"})) == {
        "Mcp-Method": "tools/call", "Mcp-Name": "=?base64?cGF5IMOp?=", "Mcp-Param-Region": "=?base64?esO8cmljaA==?=",
    }  # fmt: skip
    assert mirror.headers(call("pay é", {})) == {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?cGF5IMOp?="}
    assert mirror.headers(call("other", {"region": "x"})) == {"Mcp-Method": "tools/call", "Mcp-Name": "other"}


def test_headers_that_do_not_fit_are_left_out() -> None:
    mirror = Mirror()
    mirror.learn(listed({"name": "pay", "inputSchema": SCHEMA}))
    assert "Mcp-Param-Region" not in mirror.headers(call("pay", {"region": "x" * 9000}))
    assert mirror.headers(call("n" * 9000, {})) == {"Mcp-Method": "tools/call"}


def test_a_tool_that_no_longer_marks_its_schema_gets_no_headers() -> None:
    mirror = Mirror()
    mirror.learn(listed({"name": "pay", "inputSchema": SCHEMA}))
    mirror.learn(listed({"name": "pay", "inputSchema": {"type": "object"}}))
    assert "Mcp-Param-Region" not in mirror.headers(call("pay", {"region": "x"}))


def test_a_tool_that_marks_its_schema_wrongly_gets_no_headers() -> None:
    mirror = Mirror()
    wrong = {"type": "object", "properties": {"a": {"type": "object", "x-mcp-header": "A"}}}
    mirror.learn(listed({"name": "pay", "inputSchema": wrong}))
    assert mirror.headers(call("pay", {"a": "x"})) == {"Mcp-Method": "tools/call", "Mcp-Name": "pay"}


TROUBLES = [
    pytest.param(Unsent("the gateway cannot be reached: refused"), False, 503, "Nothing was sent", id="unreachable"),
    pytest.param(
        Unsent("the gateway cannot be reached: refused"), True, 503, "Nothing was sent", id="call, unreachable"
    ),
    pytest.param(NoAnswer("the gateway broke off"), False, 502, "Try again", id="broken"),
    pytest.param(NoAnswer("the gateway broke off"), True, 504, "is not known", id="call, broken"),
    pytest.param(Refused(401, "no"), True, 401, "$TOK", id="token"),
    pytest.param(Refused(403, "bad \u202e host"), True, 403, "\\u202e", id="forbidden, its words escaped"),
    pytest.param(Refused(404, None), True, 404, "/mcp", id="wrong url"),
    pytest.param(Refused(405, None), False, 404, "/mcp", id="not an endpoint"),
    pytest.param(Refused(302, None), True, 404, "never followed", id="redirect"),
    pytest.param(Refused(503, "busy"), True, 503, "busy", id="the gateway itself says it is busy"),
    pytest.param(Refused(503, None), True, 504, "is not known", id="somebody before it says so"),
    pytest.param(Refused(504, "x"), True, 504, "is not known", id="somebody before it gave up"),
    pytest.param(Refused(500, None), False, 503, "Try again", id="failed"),
    pytest.param(Refused(413, "too large"), True, 502, "too large", id="any other status"),
]


@pytest.mark.parametrize(("trouble", "is_call", "code", "words"), TROUBLES)
def test_every_trouble_says_what_to_do(trouble: Any, *, is_call: bool, code: int, words: str) -> None:
    told = explain(trouble, token_env="TOK", is_call=is_call)
    assert (told.code, told.code > 0) == (code, True)
    assert words in told.text
    assert json.loads(told.line("a")) == {
        "jsonrpc": "2.0", "id": "a", "error": {"code": code, "message": told.text, "data": told.data},
    }  # fmt: skip


def test_only_a_404_in_a_session_means_that_it_is_lost() -> None:
    opened = Opened(id="s", version="2025-11-25", info=b"{}")
    assert is_lost(Refused(404, None), opened)
    assert not is_lost(Refused(400, None), opened)
    assert not is_lost(Refused(404, None), Opened(id=None, version="2025-11-25", info=b"{}"))


def test_the_bridges_own_session_is_in_the_clients_name_and_declares_nothing() -> None:
    assert json.loads(opening_of(b'{"name":"c","version":"1"}')) == {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"},
    }  # fmt: skip
    assert json.loads(opening_of(None))["clientInfo"]["name"] == "placet stdio"


def test_a_request_of_the_gateways_is_declined_for_a_client_that_has_none() -> None:
    def said(method: str, rpc_id: int | None) -> Said:
        return Said(method=method, id=rpc_id, params=b"{}", line=b"")

    assert refusal_of(said("notifications/message", None)) is None
    assert json.loads(refusal_of(said("ping", 4)) or b"") == {"jsonrpc": "2.0", "id": 4, "result": {}}
    assert json.loads(refusal_of(said("roots/list", 4)) or b"")["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("ftp://h/mcp", "https://", id="another scheme"),
        pytest.param("/mcp", "https://", id="no host"),
        pytest.param("https:///mcp", "https://", id="an empty host"),
        pytest.param("https://h:99999/mcp", "not an address", id="no port"),
        pytest.param("https://[::1/mcp", "not an address", id="half an address"),
        pytest.param("https://me:pw@h/mcp", "no password", id="credentials"),
        pytest.param("https://h/mcp?t=plc_agent_x", "no token", id="a token"),
        pytest.param("https://h/mcp#x", "fragment", id="a fragment"),
        pytest.param("https://h/m cp", "plain ASCII", id="a blank"),
        pytest.param("https://hé/mcp", "plain ASCII", id="not ASCII"),
        pytest.param("http://gateway.example/mcp", "unencrypted", id="plain to another machine"),
        pytest.param("http://127.0.0.1.evil.example/mcp", "unencrypted", id="looks like loopback"),
        pytest.param("http://0.0.0.0/mcp", "unencrypted", id="any address is not loopback"),
    ],
)
def test_a_wrong_address_is_refused(url: str, words: str) -> None:
    found = wrong_url(url, insecure_http=False)
    assert found is not None
    assert words in found


@pytest.mark.parametrize(
    "url",
    ["https://gateway.example/mcp", URL, "http://localhost/mcp/files", "http://[::1]:1/mcp", "http://127.9.9.9/mcp"],
)
def test_a_good_address_is_taken(url: str) -> None:
    assert wrong_url(url, insecure_http=False) is None


def test_plain_http_elsewhere_needs_to_be_said() -> None:
    assert wrong_url("http://gateway.example/mcp", insecure_http=True) is None


@pytest.mark.parametrize(
    "token",
    ["${PLACET_TOKEN}", "$TOKEN", "Bearer plc_agent_x", "plc_person_x", "a b", "é", "a\nb", "x" * 9000],
    ids=repr,
)
def test_a_wrong_token_is_refused_and_not_repeated(token: str) -> None:
    found = wrong_token(token)
    assert found is not None
    assert token not in found


def test_a_good_token_is_taken() -> None:
    assert wrong_token("plc_agent_abc123") is None
