"""JSON bodies with one meaning only: what is refused, and that the refusal says what and where."""

import pytest

from approvals.web import body
from approvals.web.models import BulkIn, CancelIn, DecisionIn, ExtendIn
from approvals.web.models_talk import CommentIn, ReassignIn
from approvals.web.problems import Problem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "line 1, column 2", id="cut off"),
        pytest.param(b'{"a":1} x', "not JSON", id="data after the end"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "not JSON", id="byte order mark"),
        pytest.param(b'{"a":"\xff"}', "not UTF-8 (byte 6)", id="bad UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not UTF-8", id="a surrogate in UTF-8"),
        pytest.param(b'{"a":NaN}', "NaN is not a JSON number", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "-Infinity is not", id="infinity"),
        pytest.param(b'{"binding":"x","binding":"y"}', "'binding' stands twice", id="a name twice"),
        pytest.param(b'{"a":[{"b":1,"b":1}]}', "'b' stands twice", id="a name twice, deeper, the same value"),
        pytest.param(b"[" * 65 + b"]" * 65, "deeper than 64", id="too deep"),
        pytest.param(b"[" * 200_000, "deeper than 64", id="very deep and never closed"),
        pytest.param(b"1" * 5_000, "not JSON we accept", id="a number of 5,000 digits"),
    ],
)
def test_a_body_with_a_second_meaning_is_a_400_that_says_why(data: bytes, says: str) -> None:
    with pytest.raises(Problem) as caught:
        body.parse(data)
    assert caught.value.status == 400
    assert says in caught.value.detail


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":"[[[[{{{{"}', id="brackets in a string"),
        pytest.param(b'{"a":"\\"[\\\\"}', id="escapes before brackets"),
        pytest.param(b"[" * 64 + b"]" * 64, id="just deep enough"),
    ],
)
def test_brackets_are_only_counted_where_they_nest(data: bytes) -> None:
    assert body.parse(data) is not None


def test_a_body_of_escaped_quotes_is_judged_in_one_pass() -> None:
    # Looked at again from each quote, this would take minutes and run into the suite's own time limit.
    with pytest.raises(Problem):
        body.parse(b'"' + b'\\"' * 120_000)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"decision": "approve", "binding": "b", "reviewer": "eve@x"}, "reviewer", id="a forged actor"),
        pytest.param({"decision": "approve", "binding": "b", "via": "slack"}, "via", id="a forged surface"),
        pytest.param({"decision": "approve", "binding": "b", "arguments": []}, "arguments", id="no object of them"),
        pytest.param({"decision": "Approve", "binding": "b"}, "decision", id="another case"),
        pytest.param({"decision": True, "binding": "b"}, "decision", id="a boolean"),
        pytest.param({"decision": "deny", "binding": 7}, "binding", id="a binding that is a number"),
        pytest.param({"decision": "deny", "binding": "b" * 129}, "binding", id="a long binding"),
        pytest.param({"binding": "b"}, "decision", id="no decision"),
        pytest.param(["decision"], "body", id="not an object"),
    ],
)
def test_a_wrong_member_is_a_422_that_names_it(value: object, field: str) -> None:
    with pytest.raises(Problem) as caught:
        body.validate(value, DecisionIn)
    assert (caught.value.status, caught.value.extra["field"]) == (422, field)


@pytest.mark.parametrize(
    "note",
    [
        pytest.param("r" * 501, id="a long note"),
        pytest.param("\x1b[2J", id="terminal control"),
        pytest.param("\ud800", id="half a surrogate pair"),
    ],
)
def test_words_are_short_and_plain(note: str) -> None:
    with pytest.raises(Problem) as caught:
        body.validate({"note": note}, CancelIn)
    assert (caught.value.status, caught.value.extra["field"]) == (422, "note")
    assert "Value error" not in caught.value.detail


def test_a_wrong_member_deep_down_is_named_by_its_pointer_and_its_value_is_not_echoed() -> None:
    sent = {"decisions": [{"id": "req_a", "decision": "deny"}, {"id": "../etc", "decision": "deny"}]}
    with pytest.raises(Problem) as caught:
        body.validate(sent, BulkIn)
    assert caught.value.extra["field"] == "/decisions/1/id"
    assert b"etc" not in caught.value.body()


@pytest.mark.parametrize("count", [0, 101])
def test_a_bulk_has_between_one_and_a_hundred_decisions(count: int) -> None:
    with pytest.raises(Problem) as caught:
        body.validate({"decisions": [{"id": "req_a", "decision": "deny"}] * count}, BulkIn)
    assert caught.value.extra["field"] == "decisions"


@pytest.mark.parametrize("by", ["0m", "15", "1.5h", "m", "-5m", "15 m", "9999999s", "15m\n"])
def test_a_duration_is_a_whole_number_with_its_unit(by: str) -> None:
    with pytest.raises(Problem):
        body.validate({"by": by}, ExtendIn)


def test_a_missing_binding_is_left_to_the_desk_which_answers_with_the_current_request() -> None:
    assert body.validate({"decision": "approve"}, DecisionIn).binding is None


def test_lines_and_tabs_may_stand_in_a_comment() -> None:
    assert body.validate({"text": "one\n\ttwo"}, CommentIn).text == "one\n\ttwo"


@pytest.mark.parametrize(
    ("to", "says"),
    [
        pytest.param(["x"], "/to/0: at least 3 characters", id="a short name"),
        pytest.param(["g" * 300], "/to/0: at most 256 characters", id="a long name"),
        pytest.param([], "to: at least 1 item", id="nobody"),
        pytest.param(["group:a"] * 11, "to: at most 10 items", id="too many"),
        pytest.param(["a\x00bc"], "/to/0: the character U+0000 at 1 is not allowed", id="our own words stay"),
    ],
)
def test_what_does_not_fit_is_said_in_plain_words(to: list[str], says: str) -> None:
    with pytest.raises(Problem) as caught:
        body.validate({"to": to}, ReassignIn)
    assert caught.value.detail == says
