"""Which requests fold into one table, and what the table says: pure."""

from dataclasses import replace
from typing import Any

import pytest

from approvals.domain.fingerprint import make_call
from approvals.domain.folding import ABSENT, Folding, cell, likeness, table
from approvals.domain.model import ApprovalRequest, Caller
from approvals.domain.terms import Factor
from approvals.testing import samples

BASE = samples.request()


def like(**but: Any) -> ApprovalRequest:
    return replace(BASE, **but)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(like(caller=Caller(agent="another")), id="another agent"),
        pytest.param(like(id="req_other", binding="b", call_key="k"), id="another time"),
        pytest.param(
            like(call=replace(BASE.call, arguments=b'{"to":"x"}', arguments_sha256="0")), id="other arguments"
        ),
        pytest.param(like(terms=replace(BASE.terms, execute_on_approve=True)), id="it runs by itself once approved"),
        pytest.param(like(justification="because", votes=()), id="another reason of the agent's"),
    ],
)
def test_requests_fold_across_agents_arguments_and_time(other: ApprovalRequest) -> None:
    assert likeness(other) == likeness(BASE) is not None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(like(call=replace(BASE.call, server="other")), id="server"),
        pytest.param(like(call=replace(BASE.call, tool="other")), id="tool"),
        pytest.param(like(call=replace(BASE.call, tool_fingerprint="other")), id="fingerprint"),
        pytest.param(like(rule="/tools/other/action"), id="rule"),
        pytest.param(like(rule_reason="because"), id="reason of the rule"),
        pytest.param(like(risk="read"), id="risk"),
        pytest.param(like(severity="low"), id="severity"),
        pytest.param(like(terms=replace(BASE.terms, factors=(Factor(members=("group:x",)),))), id="people"),
        pytest.param(like(terms=replace(BASE.terms, factors=(Factor(members=("group:x",), count=2),))), id="how many"),
        pytest.param(like(terms=replace(BASE.terms, four_eyes=not BASE.terms.four_eyes)), id="four eyes"),
        pytest.param(like(terms=replace(BASE.terms, channels=("slack:#other",))), id="channels"),
        pytest.param(like(terms=replace(BASE.terms, redact=(("a",),))), id="what is hidden"),
    ],
)
def test_requests_do_not_fold_where_people_would_be_asked_something_else(other: ApprovalRequest) -> None:
    assert likeness(other) != likeness(BASE)


def test_an_answer_to_a_question_stands_alone() -> None:
    call = make_call(server="s", tool="t", arguments={}, tool_fingerprint="f", meta={"placet/answer": ""})
    assert likeness(like(call=call)) is None


@pytest.mark.parametrize(
    ("start", "count", "folds"), [(3, 2, False), (3, 3, True), (None, 1_000, False)], ids=["below", "at", "off"]
)
def test_folding_begins_at_its_number(start: int | None, count: int, folds: bool) -> None:
    assert Folding(start=start).folds(count) is folds


@pytest.mark.parametrize(
    ("calls", "common", "columns", "rows"),
    [
        pytest.param(
            [{"to": "acme", "amount": 1}, {"to": "acme", "amount": 2}],
            [("/to", "acme")],
            ["/amount"],
            [(1,), (2,)],
            id="what is the same is said once",
        ),
        pytest.param(
            [{"a": 1}, {"b": 1}],
            [],
            ["/a", "/b"],
            [(1, ABSENT), (ABSENT, 1)],
            id="a member that is absent is told from every value",
        ),
        pytest.param([{"a": None}, {}], [], ["/a"], [(None,), (ABSENT,)], id="null is not absent"),
        pytest.param([{"a": 1}, {"a": True}], [], ["/a"], [(1,), (True,)], id="1 is not true"),
        pytest.param([{"a": "1"}, {"a": 1}], [], ["/a"], [("1",), (1,)], id="a text is not a number"),
        pytest.param(
            [{"p": {"x": 1, "y": 2}}, {"p": {"x": 1, "y": 3}}],
            [("/p/x", 1)],
            ["/p/y"],
            [(2,), (3,)],
            id="objects are compared member by member",
        ),
        pytest.param(
            [{"p": {"x": 1}}, {"p": [1]}], [], ["/p"], [({"x": 1},), ([1],)], id="an object and a list are two values"
        ),
        pytest.param([{"l": [1, 2]}, {"l": [2, 1]}], [], ["/l"], [([1, 2],), ([2, 1],)], id="lists are one value"),
        pytest.param([{"a/b": 1}, {"a/b": 2}], [], ["/a~1b"], [(1,), (2,)], id="paths are JSON Pointers"),
        pytest.param([{"a": 1}, {"a": 1}], [("/a", 1)], [], [(), ()], id="the same call of two agents"),
        pytest.param([{}, {}], [], [], [(), ()], id="no arguments"),
    ],
)
def test_a_table_shows_what_differs(
    calls: list[dict[str, Any]], common: list[tuple[str, Any]], columns: list[str], rows: list[tuple[Any, ...]]
) -> None:
    made = table(calls)
    assert (list(made.common), list(made.columns), list(made.rows)) == (common, columns, rows)
    assert [type(value) for row in made.rows for value in row] == [type(value) for row in rows for value in row]


def test_columns_without_room_are_counted() -> None:
    made = table([{str(n): n for n in range(20)}, {}], columns=5)
    assert (len(made.columns), made.left_out, {len(row) for row in made.rows}) == (5, 15, {5})


@pytest.mark.parametrize(
    ("value", "text", "whole"),
    [
        pytest.param("acme", "acme", True, id="a text as it is"),
        pytest.param(1e21, "1e+21", True, id="a number as it runs"),
        pytest.param(True, "true", True, id="a truth"),
        pytest.param({"a": [1]}, '{"a":[1]}', True, id="what has members"),
        pytest.param(ABSENT, "–", True, id="nothing"),
        pytest.param("", '""', True, id="an empty text"),
        pytest.param("–", '"–"', True, id="the mark of nothing, forged"),
        pytest.param(" a", '" a"', True, id="space at the edge"),
        pytest.param("a\u202eb", "a⟦U+202E⟧b", True, id="what cannot be seen"),
        pytest.param("x" * 30, "x" * 19 + "…", False, id="too long, and said to be"),
    ],
)
def test_a_cell_says_what_is_in_it_and_whether_it_is_all(value: Any, text: str, whole: bool) -> None:
    assert cell(value, 20) == (text, whole)
