"""The strict parser: what is refused, in which words, and what passes unchanged (security.md 2c, rules 1 to 8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.domain.fingerprint import canonical
from gateway.protocol.jsonrpc import Malformed, Notification, Request, Response, parse
from gateway.protocol.strict import pointer_to, read
from tests.fakes.hostile import OK, ROWS, envelope, value, wrap


@pytest.mark.parametrize(("body", "code", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_hostile_body_is_refused_with_its_reason(body: bytes, code: int, words: str) -> None:
    refused = parse(body)
    assert isinstance(refused, Malformed)
    assert refused.code == code
    assert words in refused.message
    assert refused.message.isprintable()
    assert len(refused.message) < 600


def test_the_corpus_is_large_and_its_reasons_are_distinct() -> None:
    assert len(ROWS) >= 150
    assert len({row[0] for row in ROWS}) == len(ROWS)


def argument(text: str) -> Any:
    message = parse(value(text))
    assert isinstance(message, Request), message
    return message.params["arguments"]["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("-0", 0, id="minus zero is zero"),
        pytest.param("-0.0", 0.0, id="minus zero as a fraction"),
        pytest.param("9007199254740991", 2**53 - 1, id="largest safe integer"),
        pytest.param("-9007199254740991", 1 - 2**53, id="smallest safe integer"),
        pytest.param("1.0", 1.0, id="whole fraction"),
        pytest.param("1E3", 1000.0, id="capital exponent"),
        pytest.param("1.50", 1.5, id="trailing zero"),
        pytest.param("0.1", 0.1, id="a decimal the float prints back"),
        pytest.param("0.30000000000000004", 0.1 + 0.2, id="seventeen digits that survive"),
        pytest.param("1e21", 1e21, id="large, and not an integer once canonical"),
        pytest.param("5e-324", 5e-324, id="smallest float"),
        pytest.param("1.7976931348623157e308", 1.7976931348623157e308, id="largest float"),
        pytest.param("0e99999999999999999999", 0.0, id="zero however written"),
        pytest.param('"9007199254740993"', "9007199254740993", id="as a string it may be anything"),
        pytest.param(r'"\ud83d\ude00"', "😀", id="an escaped pair is one character"),
        pytest.param(r'"a\u0000b"', "a\x00b", id="NUL in an argument's text"),
        pytest.param('"e\u0301"', "e\u0301", id="text is not normalised"),
        pytest.param(r'"\u202e\u2028"', "\u202e\u2028", id="bidi and line separators stay"),
        pytest.param('"[[[[{{{{,,,,"', "[[[[{{{{,,,,", id="brackets in a string are text"),
        pytest.param(r'"\\\"[\""', '\\"["', id="escaped quotes and backslashes"),
        pytest.param("[]", [], id="empty array"),
        pytest.param("[[],{},[[]]]", [[], {}, [[]]], id="empty containers"),
        pytest.param("null", None, id="null"),
    ],
)
def test_a_value_with_one_meaning_is_read_as_it_stands(text: str, expected: Any) -> None:
    read_back = argument(text)
    assert read_back == expected
    assert type(read_back) is type(expected)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(value("[" * 61 + "]" * 61), id="depth 64"),
        pytest.param(value("[" + ",".join(["1"] * 9_990) + "]"), id="just below 10,000 values"),
        pytest.param(value('"' + ",[{" * 30_000 + '"'), id="commas and brackets of one string"),
        pytest.param(value('["' + r"\\\"[,{" * 20_000 + '"]'), id="quotes and brackets behind backslashes"),
        pytest.param(value('"' + r"\"" * 100_000 + '"'), id="a string of escaped quotes"),
        pytest.param(value("[" + "[]," * 9_980 + "[]]"), id="just below 10,000 empty arrays"),
        pytest.param(wrap("{" + ",".join(f'"k{n}":""' for n in range(9_990)) + "}"), id="just below 10,000 members"),
        pytest.param(value('"' + "x" * (256 * 1024) + '"'), id="a string of 256 KiB"),
        pytest.param(wrap('{"' + "n" * 256 + '":1}'), id="a name of 256 bytes"),
        pytest.param(value("0." + "5".zfill(62)), id="a number of 64 characters"),
        pytest.param(wrap('{"a":1,"A":2}'), id="names in the arguments differ by case"),
        pytest.param(wrap('{"__proto__":1,"constructor":2}'), id="names other languages stumble over"),
        pytest.param(wrap('{"approved":true,"approvalId":"x"}'), id="approval-looking arguments mean nothing"),
        pytest.param(b" \r\n\t" + OK + b"\n", id="blanks around"),
        pytest.param(envelope('"jsonrpc":"2.0","id":"","method":"ping"'), id="an empty id"),
        pytest.param(envelope('"jsonrpc":"2.0","id":-1,"method":"ping"'), id="a negative id"),
    ],
)
def test_what_is_within_the_caps_passes(body: bytes) -> None:
    assert not isinstance(parse(body), Malformed)


def test_a_request_a_notification_and_a_response_are_told_apart() -> None:
    assert parse(envelope('"jsonrpc":"2.0","id":"a","method":"ping"')) == Request(id="a", method="ping", params={})
    assert parse(envelope('"jsonrpc":"2.0","method":"x","params":{"a":1}')) == Notification(method="x", params={"a": 1})
    assert parse(envelope('"jsonrpc":"2.0","id":7,"result":{"roots":[]}')) == Response(id=7, result=b'{"roots":[]}')
    assert parse(envelope('"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}')) == Response(
        id=7, error={"code": 1, "message": "no"}
    )


def test_a_refusal_carries_the_id_when_it_can_be_trusted() -> None:
    refused = parse(envelope('"jsonrpc":"2.0","id":"mine","method":"ping","extra":1'))
    assert isinstance(refused, Malformed)
    assert refused.id == "mine"


def test_a_syntax_error_says_at_which_byte() -> None:
    body = value('"é", oops')
    refused = parse(body)
    assert isinstance(refused, Malformed)
    assert refused.offset == body.index(b"oops")


def test_bytes_that_are_not_text_say_where() -> None:
    body = value(b'"\xff"')
    refused = parse(body)
    assert isinstance(refused, Malformed)
    assert refused.offset == body.index(b"\xff")


def test_the_first_of_several_flaws_is_named() -> None:
    refused = read(b'{"a":{"x":1e999},"b":NaN}')
    assert isinstance(refused, Malformed)
    assert refused.pointer == "/a/x"


def test_pointers_escape_as_their_rfc_says() -> None:
    assert pointer_to(("a/b", "c~d", 0)) == "/a~1b/c~0d/0"


def test_what_passes_is_canonical_and_passes_again() -> None:
    arguments = {"n": [0.1, 1e21, 5e-324, 2**53 - 1, -0.0], "é": {"ключ": "значение"}}
    message = parse(wrap(json.dumps(arguments)))
    assert isinstance(message, Request)
    once = canonical(message.params["arguments"])
    again = read(once)
    assert canonical(again) == once
