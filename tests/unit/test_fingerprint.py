"""The four hashes: each field changes them, key order does not, and no newline moves between fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.domain import fingerprint
from approvals.testing import samples

CALL = samples.call({"amount": 50, "to": "acme"})
PARTS: dict[str, Any] = {"request": "req_1", "agent": "a", "call": CALL, "policy_version": "v1", "rule": "/tools/pay"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"b": 1, "a": 2}, b'{"a":2,"b":1}', id="keys-sorted"),
        pytest.param({"n": 1.0}, b'{"n":1}', id="a-whole-float-is-an-integer"),
        pytest.param({"n": 1e21}, b'{"n":1e+21}', id="exponents-as-ecmascript"),
        pytest.param({"t": "é\u2028"}, '{"t":"é\u2028"}'.encode(), id="text-is-not-escaped"),
        pytest.param({}, b"{}", id="empty"),
    ],
)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any, expected: bytes) -> None:
    assert fingerprint.canonical(value) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800"])
def test_what_has_no_canonical_form_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fingerprint.canonical({"x": value})


@pytest.mark.parametrize(
    "change",
    [
        {"request": "req_2"},
        {"agent": "b"},
        {"policy_version": "v2"},
        {"rule": "/tools/pay/approve_if/0"},
        {"call": replace(CALL, server="other")},
        {"call": replace(CALL, tool="other")},
        {"call": replace(CALL, arguments_sha256="0" * 64)},
        {"call": replace(CALL, meta_sha256="0" * 64)},
        {"call": replace(CALL, tool_fingerprint="0" * 64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_bound_field_changes_the_binding(change: dict[str, Any]) -> None:
    assert fingerprint.binding(**(PARTS | change)) != fingerprint.binding(**PARTS)


def test_nothing_can_move_from_one_field_to_the_next() -> None:
    one = fingerprint.binding(**(PARTS | {"policy_version": 'v","rule":"x', "rule": "y"}))
    two = fingerprint.binding(**(PARTS | {"policy_version": "v", "rule": 'x","rule":"y'}))
    assert one != two


def test_the_call_key_survives_a_new_policy_and_a_new_tool_but_not_other_arguments() -> None:
    key = fingerprint.call_key("a", CALL)
    assert key == fingerprint.call_key("a", replace(CALL, tool_fingerprint="0" * 64))
    assert key != fingerprint.call_key("b", CALL)
    assert key != fingerprint.call_key("a", samples.call({"amount": 51, "to": "acme"}))


def test_the_same_json_in_another_order_is_the_same_call() -> None:
    assert fingerprint.call_key("a", CALL) == fingerprint.call_key("a", samples.call({"to": "acme", "amount": 50.0}))


def test_a_tools_fingerprint_sees_every_field_but_not_their_order() -> None:
    tool = {"name": "pay", "description": "Pays", "inputSchema": {"type": "object"}, "_meta": {"v": 1}}
    assert fingerprint.of_tool(tool) == fingerprint.of_tool(dict(reversed(tool.items())))
    prints = {fingerprint.of_tool(tool | {key: "changed"}) for key in (*tool, "icons")}
    assert len(prints | {fingerprint.of_tool(tool)}) == 6


def test_hashes_of_different_kinds_are_told_apart_by_their_domain() -> None:
    assert fingerprint.of_tool({}) != fingerprint.sha256_hex(b"{}")
