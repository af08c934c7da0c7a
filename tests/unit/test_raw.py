"""Raw JSON text: members change places, values never change (contract.md 5)."""

from __future__ import annotations

import json

import pytest

from gateway.protocol import raw

ODD = b'{"n":1.0,"big":123456789012345678901234567890,"e":1E+3,"u":"\\u00e9\\ud800","deep":[ 1 , {"a":-0.0} ]}'


def test_an_object_is_split_into_its_own_text() -> None:
    members = raw.split_object(b' { "a" : 1.00 , "b":[1, 2] ,"c":{"d":"}"}} ')
    assert members == {"a": b"1.00", "b": b"[1, 2]", "c": b'{"d":"}"}'}


def test_an_array_is_split_into_its_own_text() -> None:
    assert raw.split_array(b'[1.0 , "a,b", [2,3],{}]') == [b"1.0", b'"a,b"', b"[2,3]", b"{}"]
    assert raw.split_array(b" [ ] ") == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[1]", id="an array"),
        pytest.param(b"{", id="unfinished"),
        pytest.param(b'{"a"}', id="no value"),
        pytest.param(b'{"a":1,}', id="comma at the end"),
        pytest.param(b'{"a":1 "b":2}', id="no comma"),
        pytest.param(b"{a:1}", id="bare name"),
        pytest.param(b'{"a":1}x', id="text after"),
        pytest.param(b'{"a":1}{"b":2}', id="two objects"),
        pytest.param(b'{"a":1,"a":2}', id="a name twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="a name twice by an escape"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested too deep to read"),
    ],
)
def test_what_is_not_one_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        raw.split_object(text)


@pytest.mark.parametrize("text", [b"", b"{}", b"[1", b"[1,]", b"[1 2]", b"[1]]"])
def test_what_is_not_one_array_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        raw.split_array(text)


def test_splitting_and_joining_keeps_every_value() -> None:
    assert raw.split_object(raw.join_object(raw.split_object(ODD))) == raw.split_object(ODD)
    assert raw.join_object(raw.split_object(ODD)) == ODD


def test_a_digit_string_too_long_for_a_number_passes_through() -> None:
    text = b'{"a":' + b"7" * 10_000 + b"}"
    assert raw.split_object(text)["a"] == b"7" * 10_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"{}", b'{"x":1}', id="into an empty object"),
        pytest.param(b" { } ", b'{"x":1} ', id="into an empty object with blanks"),
        pytest.param(b'{"n":1.0}', b'{"x":1,"n":1.0}', id="in front"),
        pytest.param(b'{"n":1.0,"x":9}', b'{"n":1.0,"x":1}', id="in place of one of that name"),
        pytest.param(b'{"n":"x"}', b'{"n":"x","x":1}', id="its letters are in a value"),
        pytest.param(b'{"\\u0078":9}', b'{"x":1}', id="in place of an escaped spelling"),
    ],
)
def test_a_member_is_set(before: bytes, after: bytes) -> None:
    assert raw.with_members(before, {"x": b"1"}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b'{"n":1.0}', b'{"_meta":{"v":{}},"n":1.0}', id="there was none"),
        pytest.param(b'{"_meta":{"a":1.0}}', b'{"_meta":{"a":1.0,"v":{}}}', id="beside what it holds"),
        pytest.param(b'{"_meta":{"v":0}}', b'{"_meta":{"v":{}}}', id="in place of the same key"),
        pytest.param(b'{"_meta":null,"n":1}', b'{"_meta":{"v":{}},"n":1}', id="in place of what is no object"),
        pytest.param(b'{"\\u005fmeta":{"a":1}}', b'{"_meta":{"a":1,"v":{}}}', id="an escaped spelling"),
        pytest.param(b'{"n":"_meta"}', b'{"n":"_meta","_meta":{"v":{}}}', id="its letters are in a value"),
    ],
)
def test_meta_gets_a_member(before: bytes, after: bytes) -> None:
    assert raw.with_meta(before, {"v": b"{}"}) == after


def test_splicing_into_what_is_no_object_is_refused() -> None:
    for text in (b"[]", b"1", b""):
        with pytest.raises(ValueError, match="not a JSON object"):
            raw.with_meta(text, {"v": b"{}"})


def test_members_are_cut_out_and_the_rest_is_not_touched() -> None:
    assert raw.without(b'{"a":1.0, "b": 2}', frozenset({"b"})) == b'{"a":1.0}'
    untouched = b'{"a":1.0, "c": "b"}'
    assert raw.without(untouched, frozenset({"b"})) is untouched


@pytest.mark.parametrize("spelt", ["a\\/b", "a\\u002fb", "a/b"])
def test_a_name_with_a_slash_is_known_however_it_is_spelt(spelt: str) -> None:
    text = b'{"' + spelt.encode() + b'":1,"n":2}'
    assert raw.without(text, frozenset({"a/b"})) == b'{"n":2}'
    assert raw.with_members(text, {"a/b": b"3"}) == b'{"a/b":3,"n":2}'


@pytest.mark.parametrize("name", ["\r", "\n", '"', "\\", "\b", "\x00", "é"])
def test_a_name_that_is_written_escaped_is_known(name: str) -> None:
    text = json.dumps({name: None}).encode()
    assert raw.with_members(text, {name: b"[]"}) == json.dumps({name: []}).encode().replace(b" ", b"")


def test_nothing_to_add_leaves_the_text_alone() -> None:
    assert raw.with_members(ODD, {}) is ODD
    assert raw.with_meta(ODD, {}) is ODD


def test_line_breaks_between_tokens_become_blanks() -> None:
    text = json.dumps({"a": "x\ny", "b": [1, 2]}, indent=2).encode().replace(b"\n", b"\r\n")
    line = raw.one_line(text)
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == json.loads(text)
