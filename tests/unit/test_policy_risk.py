"""What a tool's definition says of its risk; unknown is never harmless."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy.model import RiskClass, Severity
from gateway.policy.risk import classify

CASES = [
    ("read_file", [], RiskClass.READ),
    ("getUser", [], RiskClass.READ),
    ("list_payments", [], RiskClass.READ),
    ("transfer_history", [], RiskClass.READ),
    ("write_file", [], RiskClass.WRITE),
    ("send_email", ["recipients"], RiskClass.WRITE),
    ("delete_file", [], RiskClass.DESTRUCTIVE),
    ("get_and_delete", [], RiskClass.DESTRUCTIVE),
    ("delete_history", [], RiskClass.DESTRUCTIVE),
    ("get_delete_status", [], RiskClass.READ),
    ("drop_table", [], RiskClass.DESTRUCTIVE),
    ("execute_sql", ["sql"], RiskClass.EXECUTE),
    ("terminal", ["command"], RiskClass.EXECUTE),
    ("helper", ["command"], RiskClass.EXECUTE),
    ("create_payment", ["amount"], RiskClass.FINANCIAL),
    ("withdraw_crypto", ["coin", "amount"], RiskClass.FINANCIAL),
    ("new_order", ["quantity"], RiskClass.FINANCIAL),
    ("new_oco", ["quantity", "price"], RiskClass.FINANCIAL),
    ("test_order", ["quantity"], RiskClass.READ),
    ("frobnicate", [], RiskClass.WRITE),
]


@pytest.mark.parametrize(("name", "fields", "kind"), CASES, ids=[case[0] for case in CASES])
def test_a_tool_is_classed_by_its_name_and_what_it_takes(name: str, fields: list[str], kind: RiskClass) -> None:
    risk = classify({"name": name, "inputSchema": {"properties": {field: {} for field in fields}}})
    assert risk.kind is kind
    assert risk.evidence


def test_a_description_is_only_asked_when_the_name_says_nothing() -> None:
    assert classify({"name": "klaxon", "description": "Deletes every alarm."}).kind is RiskClass.DESTRUCTIVE
    assert classify({"name": "delete_alarm", "description": "Gets nothing."}).kind is RiskClass.DESTRUCTIVE


@pytest.mark.parametrize(
    ("name", "annotations", "severity"),
    [
        ("write_file", {"destructiveHint": True}, Severity.HIGH),
        ("delete_file", {"readOnlyHint": True}, Severity.CRITICAL),
        ("read_file", {"destructiveHint": True}, Severity.LOW),
        ("write_file", "nonsense", Severity.MEDIUM),
    ],
)
def test_annotations_may_raise_the_severity_and_never_lower_it(name: str, annotations: Any, severity: Severity) -> None:
    assert classify({"name": name, "annotations": annotations}).severity is severity


def test_definitions_that_are_no_definitions_are_still_classed() -> None:
    assert classify({}).kind is RiskClass.WRITE
    assert classify({"name": 5, "description": None, "inputSchema": []}).kind is RiskClass.WRITE
