"""Conditions: what holds, what does not, and what nobody can say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.policy.collecting import Collector
from gateway.policy.compiling_conditions import conditions
from gateway.policy.conditions import Judged, Side, both
from gateway.policy.looking import MOST_LOOKS, TOO_MUCH
from gateway.policy.operators import OPERATORS
from gateway.policy.paths import EVERY, MOST_VALUES, parse_path
from gateway.policy.shapes import ConditionShape
from gateway.policy.source import Node
from gateway.policy.texts import printed


def judge(condition: dict[str, Any], arguments: dict[str, Any], side: Side = Side.REQUIRE) -> Judged:
    notes = Collector(Node(value={}, line=1, column=1), "p.yaml")
    compiled = conditions(notes, [ConditionShape.model_validate(condition)], (), side)
    assert not notes.problems, notes.problems
    return both([part.judge(arguments, side) for part in compiled])


def refused(condition: dict[str, Any]) -> str:
    notes = Collector(Node(value={}, line=1, column=1), "p.yaml")
    assert conditions(notes, [ConditionShape.model_validate(condition)], (), Side.REQUIRE) == ()
    return notes.problems[0].message


ROWS: list[tuple[str, Any, Any, bool | None, str]] = [
    # op, policy value, argument, holds, id
    ("eq", "USD", "USD", True, "equal texts"),
    ("==", 5, 5.0, True, "numbers are equal by value"),
    ("eq", 1, "1", None, "a text is not a number"),
    ("eq", 1, True, None, "true is not 1"),
    ("eq", "caf\u00e9", "cafe\u0301", True, "texts are compared in NFC"),
    ("eq", "USD", "usd", False, "case matters"),
    ("eq", {"a": [1]}, {"a": [1.0]}, True, "objects by their parts"),
    ("neq", "USD", "EUR", True, "differs"),
    ("!=", "USD", 5, None, "differs in kind is not an answer"),
    ("lt", 100, 99.99, True, "below"),
    ("lt", 100, 100, False, "not below itself"),
    ("<=", Decimal("0.3"), 0.3, True, "decimals are exact"),
    ("lte", 100, "50", None, "ordering never coerces"),
    ("gt", 100, 1e30, True, "huge numbers do not overflow"),
    ("gt", 9007199254740992, 9007199254740993, True, "large integers are exact"),
    (">=", 100, float("nan"), None, "NaN is no number"),
    ("gte", 100, None, None, "null is no number"),
    ("between", [1, 10], 10, True, "between includes its ends"),
    ("between", [1, 10], 10.5, False, "outside"),
    ("in", ["a", "b"], "b", True, "one of"),
    ("in", ["a", "b"], "c", False, "none of them"),
    ("in", ["a", "b"], 1, None, "unlike every value in the list"),
    ("not_in", ["a"], "b", True, "not in"),
    ("contains", "drop", "a drop b", True, "text in a text"),
    ("contains", 2, [1, 2], True, "element of a list"),
    ("contains", "x", 5, None, "a number contains nothing"),
    ("not_contains", "x", ["y"], True, "list without it"),
    ("starts_with", "/srv", "/srv/x", True, "begins"),
    ("ends_with", "@corp.example", "a@corp.example.evil", False, "does not end"),
    ("regex", "^a+$", "aaa", True, "pattern"),
    ("regex", "^delete_.*$", "delete_x\n", False, "$ is not before a newline"),
    ("matches", "a", "bab", False, "under require the whole text must match"),
    ("matches", "a", 5, None, "patterns want text"),
    ("glob", "*.txt", "a/b.txt", True, "glob"),
    ("glob", "[ab]", "a", False, "brackets are plain in a glob"),
    ("len_lte", 2, [1, 2], True, "length of a list"),
    ("len_gt", 2, "abc", True, "length of a text"),
    ("len_eq", 1, 5, None, "numbers have no length"),
    ("len_lt", 2, {"a": 1}, True, "length of an object"),
    ("len_gte", 1, [], False, "empty list"),
    ("subset_of", ["a", "b"], ["a"], True, "subset"),
    ("subset_of", ["a"], ["a", "z"], False, "not a subset"),
    ("subset_of", ["a"], "a", None, "a text is not a list"),
    ("cidr", "10.0.0.0/8", "10.1.2.3", True, "address in a network"),
    ("cidr", "10.0.0.0/8", "::ffff:10.1.2.3", True, "mapped address in a network"),
    ("cidr", ["10.0.0.0/8"], "example.com", None, "a name is not an address"),
    ("host_in", "example.com", "https://EXAMPLE.com./x", True, "host of a URL"),
    ("host_in", "*.example.com", "https://a.example.com", True, "any host under it"),
    ("host_in", "*.example.com", "https://example.com", False, "itself is not under it"),
    ("host_in", "example.com", "https://example.com@evil.test/", None, "user part hides the host"),
    ("host_in", "example.com", "https://example.com\\@evil.test/", None, "backslash hides the host"),
    ("host_in", "example.com", "example.com", None, "no scheme"),
    ("host_in", "example.com", "http://[x", None, "no address at all"),
    ("path_under", "/srv/data", "/srv/data/x", True, "inside"),
    ("path_under", "/srv/data", "/srv/database", False, "a longer name is not inside"),
    ("path_under", "/srv/data", "/srv/data/../../etc", None, "dots climb out"),
    ("path_under", "/srv/data", "srv/data/x", None, "relative path"),
    ("path_under", "/", "/etc", True, "root holds everything"),
    ("path_under", "/srv/data", "/srv//data/./x", True, "double slashes and dots are one path"),
    ("path_under", ["/tmp/a", "/srv/data/"], "/srv/data", True, "one of several, itself"),
]

HOSTILE: list[tuple[str, Any, Any, bool | None, str]] = [
    ("host_in", "example.com", "https://user:pw@example.com/", None, "user part"),
    ("host_in", "example.com", "https://evil.test#@example.com/", None, "user part after a fragment"),
    ("host_in", "example.com", "https://example.com?@evil.test/", None, "user part after a query"),
    ("host_in", "example.com", "https://ex%61mple.com/", None, "percent-encoded host"),
    ("host_in", "example.com", "https://example.com%2eevil.test/", None, "percent-encoded dot"),
    ("host_in", "example.com", "https://example.com.evil.test/", False, "the host as a prefix"),
    ("host_in", "*.example.com", "https://evilexample.com/", False, "the host as a suffix"),
    ("host_in", "example.com", "https:example.com", None, "no slashes"),
    ("host_in", "example.com", "https:/example.com", None, "one slash"),
    ("host_in", "example.com", "https:///example.com", None, "three slashes"),
    ("host_in", "example.com", "//example.com/x", None, "no scheme, two slashes"),
    ("host_in", "example.com", "https://example.com:x/", None, "a port that is none"),
    ("host_in", "example.com", "https://example.com:8443/", True, "another port is the same host"),
    ("host_in", "example.com", "https://example.com:99999/", None, "a port beyond ports"),
    ("host_in", "example.com", "https://example.com../", None, "two dots at the end"),
    ("host_in", "example.com", " https://example.com/", None, "leading space"),
    ("host_in", "example.com", "https://example.com/\t", None, "a tab that some readers drop"),
    ("host_in", "example.com", "https://exam\nple.com/", None, "a newline that some readers drop"),
    ("host_in", "example.com", "https://example.com;evil.test/", None, "a semicolon in the host"),
    ("host_in", "example.com", "https://ex\u00e4mple.com/", None, "a name that is not ASCII"),
    ("host_in", "xn--exmple-cua.com", "https://xn--exmple-cua.com/", True, "the same name as it is looked up"),
    ("host_in", "example.com", "https://ex\u0430mple.com/", None, "a Cyrillic look-alike"),
    ("host_in", "example.com", "https://example\u3002com/", None, "an ideographic full stop"),
    ("host_in", "example.com", "https://exam\u200bple.com/", None, "a zero-width space in the host"),
    ("host_in", "example.com", "file://example.com/etc/passwd", None, "file URLs read this machine"),
    ("host_in", "example.com", "javascript://example.com/%0aalert(1)", None, "javascript goes nowhere"),
    ("host_in", "example.com", "HTTPS://example.com/", True, "schemes in any case"),
    ("host_in", "127.0.0.1", "http://[::ffff:127.0.0.1]/", True, "an IPv4 address written as IPv6"),
    ("host_in", "127.0.0.1", "http://[::ffff:7f00:1]/", True, "an IPv4 address written as IPv6, in hex"),
    ("host_in", "127.0.0.1", "http://2130706433/", None, "an address as one number"),
    ("host_in", "127.0.0.1", "http://0x7f.0.0.1/", None, "an address in hex"),
    ("host_in", "127.0.0.1", "http://0x7f000001/", None, "an address as one hex number"),
    ("host_in", "127.0.0.1", "http://0177.0.0.1/", None, "an address in octal"),
    ("host_in", "127.0.0.1", "http://127.1/", None, "an address cut short"),
    ("host_in", "127.0.0.1", "http://127.0.0.1./", True, "an address with a dot at its end"),
    ("host_in", "[::1]", "http://[0:0:0:0:0:0:0:1]/", True, "one IPv6 address in two spellings"),
    ("host_in", "::1", "http://[::1%25eth0]/", None, "an IPv6 address with a zone"),
    ("cidr", "127.0.0.0/8", "::ffff:127.0.0.1", True, "an IPv4 address written as IPv6"),
    ("cidr", "::ffff:10.0.0.0/104", "10.1.2.3", True, "an IPv4 network written as IPv6"),
    ("cidr", "::/0", "10.1.2.3", False, "every IPv6 address is not every address"),
    ("cidr", "fe80::/10", "fe80::1%eth0", None, "a zone"),
    ("cidr", "10.0.0.0/8", "010.0.0.1", None, "a leading zero"),
    ("cidr", "10.0.0.0/8", "10.1", None, "an address cut short"),
    ("cidr", "10.0.0.0/8", " 10.0.0.1", None, "a space"),
    ("cidr", "10.0.0.0/8", "\uff11\uff10.0.0.1", None, "digits of another width"),
    ("cidr", "10.0.0.0/8", 167772161, None, "an address as a number"),
    ("cidr", "10.0.0.0/8", "10.0.0.1/32", None, "a network is not an address"),
    ("path_under", "/srv/data", "/srv/data/%2e%2e/etc", None, "encoded dots"),
    ("path_under", "/srv/data", "/srv/data/%252e%252e/etc", None, "dots encoded twice"),
    ("path_under", "/srv/data", "/srv/data%2F..%2Fetc", None, "encoded slashes"),
    ("path_under", "/srv/data", "/srv/data/x%00.txt", None, "an encoded NUL"),
    ("path_under", "/srv/data", "/srv/data/100%.txt", True, "a percent sign that encodes nothing"),
    ("path_under", "/srv/data", "/srv/data/\x00", None, "NUL"),
    ("path_under", "/srv/data", "/srv/data\\..\\etc", None, "backslashes"),
    ("path_under", "/srv/data", "/srv/data/\uff0e\uff0e/etc", None, "dots of another width"),
    ("path_under", "/srv/data", "/srv/data/..\uff0fetc", None, "a slash of another width"),
    ("path_under", "/srv/data", "/srv/data/\u2025/etc", None, "two dots in one character"),
    ("path_under", "/srv/data", "/srv/da\u200bta/x", None, "a zero-width space"),
    ("path_under", "/srv/data", "//srv/data/x", True, "two slashes in front"),
    ("path_under", "/srv/data", "~/x", None, "a home folder"),
    ("path_under", "/srv/data", "file:///srv/data/x", None, "a URL"),
    ("path_under", "/srv/data", "C:\\srv\\data", None, "a drive"),
    ("path_under", "/srv/data", "/SRV/data/x", False, "case matters"),
    ("eq", "evil", "evil\u200b", False, "a zero-width space makes another text"),
    ("eq", "evil", "\u0435vil", False, "a Cyrillic letter makes another text"),
    ("starts_with", "drop", "\u202edrop", False, "a direction mark is a character"),
    ("regex", "(?i)drop", "DROP", True, "case within the pattern"),
    ("regex", "caf\u00e9", "cafe\u0301", True, "a pattern meets composed text"),
    ("regex", "caf.", "cafe\u0301", True, "a composed letter is one character"),
    ("glob", "caf\u00e9*", "cafe\u0301x", True, "a glob meets composed text"),
    ("glob", "*.txt", "a.txt\n", False, "a glob is whole"),
    ("contains", "a", {"a": 1}, None, "an object contains nothing"),
    ("in", [1, 2], True, None, "true is no number"),
    ("len_lte", 3, "\U0001f600\U0001f600\U0001f600", True, "characters are counted, not bytes"),
    ("between", [0, 1], Decimal("1.0000000000000000000000000000001"), False, "a hair above"),
    ("lt", 0, Decimal("-0.0"), False, "minus nothing is nothing"),
    ("lte", 100, Decimal("1e400"), False, "beyond floats"),
    ("subset_of", ["a"], [["a"]], False, "a list in the list is no element"),
]
ROWS += HOSTILE


@pytest.mark.parametrize(("op", "value", "actual", "holds"), [row[:4] for row in ROWS], ids=[row[4] for row in ROWS])
def test_an_operator_says_yes_no_or_that_it_cannot_say(op: str, value: Any, actual: Any, holds: bool | None) -> None:
    assert judge({"path": "args.x", "op": op, "value": value}, {"x": actual}).holds is holds


def test_every_operator_is_tried_and_says_what_it_is() -> None:
    assert {OPERATORS[row[0]].name for row in ROWS} == {op.name for op in OPERATORS.values()}
    assert all(op.test.__doc__ for op in OPERATORS.values())


@pytest.mark.parametrize(
    ("condition", "arguments", "holds", "why"),
    [
        ({"path": "args.x", "op": "exists"}, {"x": 1}, True, "args.x is there"),
        ({"path": "args.x", "op": "exists"}, {"x": None}, False, "args.x is missing"),
        ({"path": "args.x", "op": "exists", "value": False}, {}, True, "args.x is missing"),
        ({"path": "args.x", "op": "not_exists"}, {"x": 1}, False, "args.x is there"),
        ({"path": "args.x.y", "op": "eq", "value": 1}, {"x.y": 1}, None, "args.x is missing"),
        ({"path": 'args["x.y"]', "op": "eq", "value": 1}, {"x.y": 1}, True, 'args["x.y"] 1 is 1'),
        ({"path": "args.x[1].y", "op": "eq", "value": 2}, {"x": [0, {"y": 2}]}, True, "args.x[1].y 2 is 2"),
        ({"path": "args.x[1]", "op": "eq", "value": 2}, {"x": [0]}, None, "args.x[1] is missing"),
        ({"path": "args.x[0]", "op": "eq", "value": 2}, {"x": {"0": 2}}, None, "args.x is not a list"),
        ({"path": "args.amount", "op": "lte", "value": 100}, {"amount": 500}, False, "args.amount 500 is not <= 100"),
        ({"path": "args.x", "op": "eq", "value": "a", "fold": True}, {"x": "A"}, True, 'args.x "A" is "a"'),
        ({"path": "args.x", "op": "in", "value": ["B"], "fold": True}, {"x": "b"}, True, 'args.x "b" is one of ["B"]'),
        ({"path": "args.x", "op": "regex", "value": "A", "fold": True}, {"x": "a"}, True, 'args.x "a" matches "A"'),
        ({"path": "args.x", "op": "regex", "value": "a", "full": False}, {"x": "bab"}, True, 'matches "a"'),
        ({"path": "args.x", "op": "glob", "value": "A*", "fold": True}, {"x": "aB"}, True, 'matches "A*"'),
        ({"path": "args.x", "op": "path_under", "value": "/SRV", "fold": True}, {"x": "/srv/a"}, True, "is under"),
        ({"path": "args.x", "op": "eq", "value": 1, "coerce": True}, {"x": "1"}, True, 'args.x "1" is 1'),
        ({"path": "args.x", "op": "not_in", "value": [1, "a"], "coerce": True}, {"x": 1.0}, False, "is one of"),
        ({"path": "args.x", "op": "contains", "value": 1, "coerce": True}, {"x": ["1"]}, True, "contains 1"),
        ({"path": "args.x", "op": "contains", "value": "1", "coerce": True}, {"x": [1]}, True, "contains"),
        (
            {"path": "args.x", "op": "contains", "value": 1, "coerce": True},
            {"x": "a1"},
            None,
            "is a number, not a text",
        ),
        ({"path": "args.x", "op": "contains", "value": "1", "coerce": True}, {"x": "a1"}, True, "contains"),
        (
            {"path": "args.x", "op": "neq", "value": "a"},
            {"x": "a\u200b"},
            True,
            'args.x "a\\u200b" is not "a" (it holds invisible characters)',
        ),
    ],
)
def test_a_condition_tells_the_value_that_decided(
    condition: dict[str, Any], arguments: dict[str, Any], holds: bool | None, why: str
) -> None:
    judged = judge(condition, arguments)
    assert judged.holds is holds
    assert why in judged.why


@pytest.mark.parametrize(
    ("side", "values", "holds"),
    [
        (Side.DENY, ["a", "evil"], True),
        (Side.DENY, ["a", "b"], False),
        (Side.REQUIRE, ["evil", "a"], False),
        (Side.REQUIRE, ["evil", "evil"], True),
        (Side.DENY, [], False),
        (Side.REQUIRE, [], True),
        (Side.DENY, ["a", 5], None),
        (Side.REQUIRE, ["evil", 5], None),
    ],
)
def test_every_element_means_any_on_the_deny_side_and_all_on_the_other(
    side: Side, values: list[Any], holds: bool | None
) -> None:
    assert judge({"path": "args.to[*]", "op": "eq", "value": "evil"}, {"to": values}, side).holds is holds


@pytest.mark.parametrize(
    ("side", "op", "items", "holds"),
    [
        (Side.DENY, "exists", [{}, {"id": 1}], True),
        (Side.DENY, "exists", [{"id": 1}, {}], True),
        (Side.DENY, "exists", [{}, {"id": None}, 5], False),
        (Side.DENY, "not_exists", [{"id": 1}, {}], True),
        (Side.DENY, "not_exists", [{"id": 1}, {"id": 2}], False),
        (Side.REQUIRE, "exists", [{"id": 1}, {}], False),
        (Side.REQUIRE, "exists", [{"id": 1}, {"id": 2}], True),
        (Side.REQUIRE, "not_exists", [{}, {"id": 1}], False),
        (Side.REQUIRE, "not_exists", [{}, {"id": None}], True),
        (Side.REQUIRE, "exists", [], False),
        (Side.DENY, "not_exists", [], True),
    ],
)
def test_what_exists_in_a_list_is_asked_of_one_on_the_deny_side_and_of_all_on_the_other(
    side: Side, op: str, items: list[Any], holds: bool
) -> None:
    assert judge({"path": "args.to[*].id", "op": op}, {"to": items}, side).holds is holds


@pytest.mark.parametrize("op", ["exists", "not_exists", "eq"])
@pytest.mark.parametrize("items", [[1] * (MOST_VALUES + 1), [[1] * 200] * 200])
def test_a_list_that_is_too_long_cannot_be_judged(op: str, items: list[Any]) -> None:
    condition = {"path": "args.to[*][*]" if isinstance(items[0], list) else "args.to[*]", "op": op}
    judged = judge({**condition, **({"value": 1} if op == "eq" else {})}, {"to": items}, Side.DENY)
    assert judged.holds is None
    assert str(MOST_VALUES) in judged.why


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"op": "subset_of", "value": [1, 2]}, id="all of its elements are looked up"),
        pytest.param({"op": "contains", "value": 3}, id="an element is looked for"),
        pytest.param({"op": "eq", "value": [1]}, id="compared as a whole"),
        pytest.param({"op": "eq", "value": "1", "coerce": True}, id="printed"),
        pytest.param({"op": "in", "value": [[1], [2]]}, id="looked up as a whole"),
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_a_list_is_not_looked_at_without_an_end(condition: dict[str, Any], side: Side) -> None:
    judged = judge({"path": "args.to", **condition}, {"to": [1] * MOST_LOOKS}, side)
    assert judged.holds is None
    assert judged.why == TOO_MUCH


def test_the_length_of_a_list_is_known_without_looking_at_its_elements() -> None:
    assert (
        judge({"path": "args.to", "op": "len_lte", "value": MOST_LOOKS * 2}, {"to": [1] * MOST_LOOKS * 2}).holds is True
    )


def test_a_trace_tells_of_a_few_elements_and_how_many_more_there_are() -> None:
    why = judge({"path": "args.to[*]", "op": "eq", "value": 1}, {"to": [1] * 1000}).why
    assert why.endswith("args.to[9] 1 is 1 and 990 more")


@pytest.mark.parametrize(
    ("group", "holds"),
    [
        ({"any": [{"path": "args.none", "op": "eq", "value": 1}, {"path": "args.x", "op": "eq", "value": 1}]}, True),
        ({"any": [{"path": "args.none", "op": "eq", "value": 1}, {"path": "args.x", "op": "eq", "value": 2}]}, None),
        ({"all": [{"path": "args.none", "op": "eq", "value": 1}, {"path": "args.x", "op": "eq", "value": 2}]}, False),
        ({"all": [{"path": "args.none", "op": "eq", "value": 1}, {"path": "args.x", "op": "eq", "value": 1}]}, None),
        ({"not": {"path": "args.x", "op": "eq", "value": 2}}, True),
        ({"not": {"path": "args.none", "op": "eq", "value": 2}}, None),
        ({"not": {"path": "args.list[*]", "op": "eq", "value": 2}}, False),
    ],
)
def test_groups_settle_what_they_can_and_never_guess(group: dict[str, Any], holds: bool | None) -> None:
    assert judge(group, {"x": 1, "list": [1, 2]}).holds is holds


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"path": "args.x", "op": "lt", "value": "5"}, "lt needs a number as its value; this is a text, not a number"),
        ({"path": "args.x", "op": "eqq", "value": 1}, "unknown op 'eqq'"),
        ({"path": "args.x", "op": "eq"}, "'value' is missing"),
        ({"path": "args.x", "value": 1}, "'op' is missing"),
        ({"op": "eq", "value": 1}, "'path' is missing"),
        ({"path": "x", "op": "eq", "value": 1}, "the path 'x' must start with 'args.'"),
        ({"path": "args", "op": "eq", "value": 1}, "names no argument"),
        ({"path": "args..x", "op": "eq", "value": 1}, "cannot be read from character 5 on"),
        ({"path": "args[x]", "op": "eq", "value": 1}, "cannot be read from character 5 on"),
        ({"path": "state.x", "op": "eq", "value": 1}, "paths into state belong to the Intercept dialect"),
        ({"path": "args.x", "op": "regex", "value": "(?=a)"}, "is not RE2: invalid perl operator"),
        ({"path": "args.x", "op": "regex", "value": "a)(b"}, "is not RE2"),
        ({"path": "args.x", "op": "between", "value": 5}, "between needs a list of two numbers"),
        ({"path": "args.x", "op": "starts_with", "value": ""}, "starts_with needs a text as its value"),
        ({"path": "args.x", "op": "host_in", "value": [5]}, "host_in needs a text or a list of texts"),
        ({"path": 'args["\\q"]', "op": "eq", "value": 5}, "is not a JSON string"),
        ({"not": {"path": "x", "op": "eq", "value": 5}}, "must start with 'args.'"),
        ({"path": "args.x", "op": "in", "value": []}, "in needs a list with at least one value"),
        ({"path": "args.x", "op": "between", "value": [2, 1]}, "can never hold"),
        ({"path": "args.x", "op": "len_gt", "value": 1.5}, "a number is expected"),
        ({"path": "args.x", "op": "cidr", "value": "10.0.0.1/8"}, "host bits set"),
        ({"path": "args.x", "op": "host_in", "value": "https://x"}, "host_in needs host names"),
        ({"path": "args.x", "op": "host_in", "value": "x:443"}, "host_in needs host names"),
        ({"path": "args.x", "op": "host_in", "value": "b\u00fccher.example"}, "as it is looked up, xn--"),
        ({"path": "args.x", "op": "host_in", "value": "0177.0.0.1"}, "host_in needs host names"),
        ({"path": "args.x", "op": "path_under", "value": "/srv/../etc"}, "directories without '..'"),
        ({"path": "args.x", "op": "contains", "value": ""}, "needs something to look for"),
        ({"path": "args.x", "op": "path_under", "value": "data"}, "absolute directories"),
        ({"path": "args.x", "op": "exists", "value": 1}, "exists takes true, false, or no value"),
        ({"path": "args.x", "op": "eq", "value": 1, "any": []}, "either path, op and value, or one of any, all, not"),
        ({}, "either path, op and value, or one of any, all, not"),
    ],
)
def test_a_condition_that_could_never_be_judged_is_refused_when_it_is_loaded(
    condition: dict[str, Any], said: str
) -> None:
    if condition.get("value") == 1.5:
        condition = {**condition, "value": Decimal("1.5")}
        said = "whole number that is not negative"
    assert said in refused(condition)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"path": "args.x", "op": "lt", "value": 5, "fold": True}, "lt compares no letters, so fold changes nothing"),
        ({"path": "args.x", "op": "exists", "fold": True}, "exists compares no letters"),
        ({"path": "args.x", "op": "eq", "value": "a", "full": True}, "full belongs to regex; eq has no pattern"),
        ({"path": "args.x", "op": "lt", "value": 5, "coerce": True}, "coerce belongs to eq, neq, in, not_in, contains"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(condition: dict[str, Any], said: str) -> None:
    notes = Collector(Node(value={}, line=1, column=1), "p.yaml")
    conditions(notes, [ConditionShape.model_validate(condition)], (), Side.REQUIRE)
    assert said in notes.problems[0].message


def test_paths_keep_their_steps() -> None:
    assert parse_path('args.a["b.c"][0][*].d').steps == ("a", "b.c", 0, EVERY, "d")


def test_a_pattern_that_would_stall_a_backtracking_engine_is_linear() -> None:
    assert judge({"path": "args.x", "op": "regex", "value": "(a+)+$"}, {"x": "a" * 50_000 + "!"}).holds is False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (Decimal("1.50"), "1.5"),
        ("a", "a"),
        (True, "true"),
        (None, "null"),
        (1e50, "1E+50"),
        (10**28 + 1, "1" + "0" * 27 + "1"),
        (Decimal("-0.0"), "0"),
        (Decimal("1e2"), "100"),
    ],
)
def test_values_print_as_intercept_compares_them(value: Any, text: str) -> None:
    assert printed(value) == text
