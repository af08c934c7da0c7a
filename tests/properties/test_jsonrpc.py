"""Any bytes parse to something; what passes has one meaning, and means it again after a round trip."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.domain.fingerprint import canonical
from gateway.protocol import raw
from gateway.protocol.jsonrpc import Malformed, Request, parse
from gateway.protocol.strict import MAX_SAFE_INTEGER, read
from tests.fakes.hostile import OK, ROWS, wrap

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = TEXT.filter(lambda name: "\x00" not in name and len(name.encode()) <= 256)
NUMBERS = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(-1e15, 1e15, allow_nan=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_parse_to_something(body: bytes) -> None:
    found = parse(body)
    assert not isinstance(found, Malformed) or found.message


@given(st.sampled_from([OK, *[row[1] for row in ROWS if len(row[1]) < 500]]), st.data())
@settings(max_examples=300)
def test_a_damaged_body_parses_to_something(body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    upto = data.draw(st.integers(at, min(at + 4, len(body))))
    damaged = body[:at] + data.draw(st.binary(max_size=4)) + body[upto:]
    found = parse(damaged)
    assert not isinstance(found, Malformed) or found.message.isprintable()


@given(VALUES, st.booleans())
@settings(max_examples=200)
def test_a_value_is_read_as_it_was_written_unless_its_names_collide(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    found = read(body)
    if isinstance(found, Malformed):
        assert "same text in Unicode" in found.message
    else:
        assert found == value


@given(st.dictionaries(NAMES, VALUES, max_size=4))
@settings(max_examples=200)
def test_what_passes_has_a_canonical_form_that_passes_and_stays(arguments: dict[str, Any]) -> None:
    message = parse(wrap(json.dumps(arguments)))
    if not isinstance(message, Request):
        return
    once = canonical(message.params["arguments"])
    assert canonical(read(once)) == once


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@settings(max_examples=300)
def test_a_number_that_passes_is_the_number_that_runs(lexeme: str) -> None:
    found = read(b'{"n":' + lexeme.encode() + b"}")
    if isinstance(found, Malformed):
        assert found.pointer == "/n"
        return
    runs = canonical(found).decode()
    assert Decimal(json.loads(runs, parse_int=Decimal, parse_float=Decimal)["n"]) == Decimal(lexeme)


@given(
    st.dictionaries(NAMES, VALUES, max_size=5), st.dictionaries(NAMES, VALUES, max_size=3), st.sampled_from([None, 2])
)
@settings(max_examples=200)
def test_splicing_equals_setting_and_leaves_the_rest_as_text(
    whole: dict[str, Any], extra: dict[str, Any], indent: int | None
) -> None:
    text = json.dumps(whole, indent=indent).encode()
    spliced = raw.with_members(text, {name: raw.dump(value) for name, value in extra.items()})
    assert json.loads(spliced) == {**whole, **extra}
    before, after = raw.split_object(text), raw.split_object(spliced)
    assert all(after[name] == before[name] for name in before if name not in extra)
    assert json.loads(raw.without(spliced, frozenset(extra))) == {k: v for k, v in whole.items() if k not in extra}
