"""Which calls a shape takes in, and which shapes are refused: tables, each row with its reason."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.domain import shapes
from approvals.domain.fingerprint import canonical
from approvals.domain.shapes import Limits, TooWide

PAYMENT = {"to": "acme", "amount": 50, "memo": "rent", "path": "/srv/data/a.txt", "limit": "100.00", "deep": {"x": [1]}}
URL = "https://api.example.com/v1/orders"


def proposal(arguments: dict[str, Any] | None = None, **changes: Any) -> shapes.Proposal:
    said = {"arguments": arguments or {}, "for_seconds": 3600, "uses": 5, "budget": None}
    return shapes.read({**said, **changes})


def outside(loosened: dict[str, Any], given: dict[str, Any], base: dict[str, Any] | None = None) -> str | None:
    return shapes.why_outside(proposal(loosened), canonical(base or PAYMENT), canonical(given))


AMOUNT = {"/amount": {"range": {"max": 100}}}
FILES = {"/path": {"prefix": "/srv/data/"}}


@pytest.mark.parametrize(
    ("loosened", "changes"),
    [
        pytest.param({}, {}, id="the-very-same"),
        pytest.param({}, {"amount": 50.0}, id="the-same-number-written-otherwise"),
        pytest.param(AMOUNT, {"amount": 100}, id="the-most-is-included"),
        pytest.param(AMOUNT, {"amount": 0}, id="the-least-is-included"),
        pytest.param(AMOUNT, {"amount": 99.99}, id="between"),
        pytest.param({"/limit": {"range": {"max": "100.50"}}}, {"limit": "100.5"}, id="a-decimal-in-a-text"),
        pytest.param({"/to": {"one_of": ["acme", "bolt"]}}, {"to": "bolt"}, id="another-of-the-set"),
        pytest.param({"/memo": {"any": True}}, {"memo": "anything; at all"}, id="any-text"),
        pytest.param(FILES, {"path": "/srv/data/sub/b-2.txt"}, id="below-the-folder"),
        pytest.param(FILES, {"path": "/srv/data/\u0434\u0430\u043d\u043d\u044b\u0435.txt"}, id="letters-of-any-script"),
        pytest.param({"/deep/x/0": {"any": True}}, {"deep": {"x": [7]}}, id="a-place-inside-a-list"),
    ],
)
def test_a_call_inside_the_shape_is_covered(loosened: dict[str, Any], changes: dict[str, Any]) -> None:
    assert outside(loosened, {**PAYMENT, **changes}) is None


@pytest.mark.parametrize(
    ("loosened", "changes", "why"),
    [
        pytest.param({}, {"amount": 51}, "/amount is another", id="what-is-not-named-is-exact"),
        pytest.param({}, {"amount": "50"}, "/amount is another", id="a-text-is-no-number"),
        pytest.param({}, {"amount": True}, "/amount is another", id="a-truth-value-is-no-number"),
        pytest.param({}, {"memo": "Rent"}, "/memo is another", id="case-counts"),
        pytest.param({}, {"memo": "re\u0301nt"}, "/memo is another", id="composed-letters"),
        pytest.param({}, {"memo": "rent "}, "/memo is another", id="a-space-more"),
        pytest.param({}, {"dry_run": False}, "/dry_run is new", id="an-argument-more"),
        pytest.param({}, {"deep": {"x": [1], "y": 1}}, "/deep/y is new", id="a-member-more-inside"),
        pytest.param({}, {"deep": {"x": [1, 1]}}, "/deep/x has 2 items, not 1", id="an-item-more"),
        pytest.param({}, {"deep": [1]}, "/deep is another", id="another-kind-of-thing"),
        pytest.param(AMOUNT, {"amount": 100.01}, "/amount is outside", id="more-than-the-most"),
        pytest.param(AMOUNT, {"amount": -1}, "/amount is outside", id="less-than-nothing"),
        pytest.param(AMOUNT, {"amount": "60"}, "/amount is outside", id="a-text-where-a-number-was"),
        pytest.param(AMOUNT, {"amount": True}, "/amount is outside", id="true-is-not-one"),
        pytest.param(AMOUNT, {"amount": None}, "/amount is outside", id="null-is-not-nothing"),
        pytest.param(AMOUNT, {"amount": [60]}, "/amount is outside", id="a-list-of-one"),
        pytest.param(
            {"/limit": {"range": {"max": 200}}}, {"limit": 100}, "/limit is outside", id="a-number-for-a-text"
        ),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": "1e2"}, "/limit is outside", id="an-exponent"),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": " 100"}, "/limit is outside", id="a-space-before"),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": "0100"}, "/limit is outside", id="a-leading-zero"),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": "١٠٠"}, "/limit is outside", id="other-digits"),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": "100,00"}, "/limit is outside", id="a-comma"),
        pytest.param({"/limit": {"range": {"max": 200}}}, {"limit": "NaN"}, "/limit is outside", id="not-a-number"),
        pytest.param({"/to": {"one_of": ["acme", 1]}}, {"to": True}, "/to is outside", id="true-is-not-in-the-set"),
        pytest.param({"/to": {"one_of": ["acme"]}}, {"to": "аcme"}, "/to is outside", id="a-letter-that-looks-alike"),
        pytest.param({"/memo": {"any": True}}, {"memo": 5}, "/memo is outside", id="any-of-another-type"),
        pytest.param({"/memo": {"any": True}}, {"memo": {"a": 1}}, "/memo is outside", id="any-is-single"),
        pytest.param(FILES, {"path": "/srv/data"}, "/path is outside", id="the-folder-itself"),
        pytest.param(FILES, {"path": "/srv/data/"}, "/path is outside", id="the-bare-folder"),
        pytest.param(FILES, {"path": "/srv/database/x"}, "/path is outside", id="a-folder-that-begins-so"),
        pytest.param(FILES, {"path": "/srv/data/../../etc/shadow"}, "/path is outside", id="up-and-away"),
        pytest.param(FILES, {"path": "/srv/data/a/../../x"}, "/path is outside", id="up-further-down"),
        pytest.param(FILES, {"path": "/srv/data/.../x"}, "/path is outside", id="three-dots"),
        pytest.param(FILES, {"path": "/srv/data/..\\x"}, "/path is outside", id="the-other-slash"),
        pytest.param(FILES, {"path": "/srv/data/%2e%2e/x"}, "/path is outside", id="encoded-dots"),
        pytest.param(FILES, {"path": "/srv/data/%252e/x"}, "/path is outside", id="encoded-twice"),
        pytest.param(FILES, {"path": "/srv/data/\uff0e\uff0e\uff0fx"}, "/path is outside", id="full-width-dots"),
        pytest.param(FILES, {"path": "/srv/data//etc"}, "/path is outside", id="an-empty-part"),
        pytest.param(FILES, {"path": "/srv/data/a\x00.txt"}, "/path is outside", id="a-null"),
        pytest.param(FILES, {"path": "/srv/data/a\u202etxt"}, "/path is outside", id="a-character-that-reorders"),
        pytest.param(FILES, {"path": "/srv/data/\u0301a"}, "/path is outside", id="a-mark-that-combines"),
        pytest.param(FILES, {"path": "/srv/data/$(id)"}, "/path is outside", id="what-a-shell-reads"),
        pytest.param(FILES, {"path": "/srv/data/~root"}, "/path is outside", id="somebodys-home"),
        pytest.param(FILES, {"path": "/SRV/data/x"}, "/path is outside", id="another-case"),
    ],
)
def test_a_call_outside_the_shape_is_asked_about(loosened: dict[str, Any], changes: dict[str, Any], why: str) -> None:
    said = outside(loosened, {**PAYMENT, **changes})
    assert said is not None
    assert why in said


def test_what_the_model_had_may_not_be_missing() -> None:
    assert outside({"/memo": {"any": True}}, {k: v for k, v in PAYMENT.items() if k != "memo"}) == "/memo is missing"


@pytest.mark.parametrize(
    "given",
    [
        "https://api.example.com/v2/orders",
        "https://api.example.com.evil.org/v1/orders",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/x?next=https://evil.org",
        "https://api.example.com/v1/x#y",
        "https://api.example.com/v1/x;y",
        "http://api.example.com/v1/orders",
    ],
)
def test_an_address_elsewhere_is_outside(given: str) -> None:
    loosened = {"/url": {"prefix": "https://api.example.com/v1/"}}
    assert outside(loosened, {"url": given}, {"url": URL}) is not None
    assert outside(loosened, {"url": "https://api.example.com/v1/refunds/7"}, {"url": URL}) is None


@pytest.mark.parametrize(
    ("loosened", "base", "field", "why"),
    [
        pytest.param({"/nope": {"any": True}}, PAYMENT, "arguments/nope", "no such argument", id="not-there"),
        pytest.param({"amount": {"any": True}}, PAYMENT, "argumentsamount", "no such argument", id="no-pointer"),
        pytest.param({"": {"any": True}}, PAYMENT, "arguments", "no such argument", id="everything-at-once"),
        pytest.param({"/deep": {"any": True}}, PAYMENT, "arguments/deep", "has parts", id="an-object"),
        pytest.param({"/deep/x": {"any": True}}, PAYMENT, "arguments/deep/x", "has parts", id="a-list"),
        pytest.param({"/deep/x/00": {"any": True}}, PAYMENT, "arguments/deep/x/00", "no such", id="a-crooked-place"),
        pytest.param({"/memo": {"range": {"max": 5}}}, PAYMENT, "arguments/memo", "no number", id="range-of-a-text"),
        pytest.param(
            {"/amount": {"prefix": "5__"}}, PAYMENT, "arguments/amount", "only a text", id="prefix-of-a-number"
        ),
        pytest.param({"/amount": {"range": {"max": 10}}}, PAYMENT, "arguments", "this very call", id="not-this-call"),
        pytest.param({"/to": {"one_of": ["bolt"]}}, PAYMENT, "arguments", "this very call", id="a-set-without-it"),
        pytest.param(
            {"/a": {"any": True}}, {"a": 1}, "arguments", "bound at least one", id="all-of-it-may-be-anything"
        ),
        pytest.param(
            {"/path": {"prefix": "/srv/da"}}, PAYMENT, "arguments/path", "ends with a slash", id="half-a-name"
        ),
        pytest.param(
            {"/path": {"prefix": "/srv/data/"}},
            {"path": "/srv/data/", "n": 1},
            "arguments/path",
            "nothing but the prefix",
            id="the-bare-folder",
        ),
        pytest.param({"/path": {"prefix": "///"}}, PAYMENT, "arguments/path", "begin with it", id="only-slashes"),
        pytest.param({"/path": {"prefix": "/etc/"}}, PAYMENT, "arguments/path", "begin with it", id="another-folder"),
        pytest.param(
            {"/u": {"prefix": "https://"}}, {"u": URL, "n": 1}, "arguments/u", "whole host", id="any-host-at-all"
        ),
        pytest.param(
            {"/u": {"prefix": "https://api.example.com"}},
            {"u": URL, "n": 1},
            "arguments/u",
            "whole host",
            id="half-a-host",
        ),
        pytest.param(
            {"/u": {"prefix": "https://a@b.example/"}},
            {"u": "https://a@b.example/x", "n": 1},
            "arguments/u",
            "whole host",
            id="somebody-before-the-host",
        ),
        pytest.param(
            {"/m": {"prefix": "ada-"}}, {"m": "ada-x@example.com", "n": 1}, "arguments/m", "mail", id="a-mail-address"
        ),
        pytest.param(
            {"/m": {"prefix": "git "}}, {"m": "git status", "n": 1}, "arguments/m", "part ends", id="a-command-line"
        ),
        pytest.param(
            {"/m": {"prefix": "inv-"}}, {"m": "inv-7; drop", "n": 1}, "arguments/m", "plain characters", id="not-plain"
        ),
        pytest.param(
            {"/m": {"prefix": "/a/../"}}, {"m": "/a/../b", "n": 1}, "arguments/m", "leads elsewhere", id="it-climbs"
        ),
    ],
)
def test_a_shape_that_is_too_wide_or_about_something_else_is_refused(
    loosened: dict[str, Any], base: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(TooWide, match=why) as refused:
        shapes.check(proposal(loosened), canonical(base), Limits())
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"for_seconds": 59}, "for"),
        ({"for_seconds": 86_401}, "for"),
        ({"uses": 0}, "uses"),
        ({"uses": 101}, "uses"),
        ({"budget": {"argument": "/memo", "max": 10}}, "budget/argument"),
        ({"budget": {"argument": "/nope", "max": 10}}, "budget/argument"),
        ({"budget": {"argument": "/amount", "max": 0}}, "budget/max"),
    ],
)
def test_bounds_past_the_limits_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(TooWide) as refused:
        shapes.check(proposal(**changes), canonical(PAYMENT), Limits())
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (timedelta(hours=24), "from a minute to 24 h$"),
        (timedelta(minutes=90), "from a minute to 1 h 30 min$"),
        (timedelta(minutes=5), "from a minute to 5 min$"),
    ],
)
def test_how_long_a_grant_may_last_is_said_as_people_say_it(most: timedelta, said: str) -> None:
    with pytest.raises(TooWide, match=said):
        shapes.check(proposal(for_seconds=90_000), canonical(PAYMENT), Limits(longest=most))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"prefix": "a", "any": True},
        {"prefix": 5},
        {"any": False},
        {"one_of": []},
        {"one_of": [[1]]},
        {"one_of": [{"a": 1}]},
        {"one_of": list(range(51))},
        {"one_of": ["x" * 1001]},
        {"range": {}},
        {"range": {"min": 1}},
        {"range": {"min": 2, "max": 1}},
        {"range": {"max": "1e3"}},
        {"range": {"max": True}},
        {"range": {"max": 1e16}},
        {"range": {"max": 5, "step": 1}},
        {"suffix": "x"},
    ],
)
def test_what_is_no_matcher_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(TooWide) as refused:
        proposal({"/amount": said})
    assert refused.value.field == "arguments/amount"


def test_a_call_without_arguments_needs_no_bound() -> None:
    shapes.check(proposal(), b"{}", Limits())
    assert outside({}, {"a": 1}, base={}) is not None


def test_an_argument_that_a_budget_bounds_may_be_anything() -> None:
    budget = {"argument": "/amount", "max": 100}
    shapes.check(proposal({"/amount": {"any": True}}, budget=budget), b'{"amount":5}', Limits())


@pytest.mark.parametrize(
    ("amount", "found"),
    [
        (10, "10"),
        (0.1, "0.1"),
        ("0.30", "0.3"),
        (1e14, "100000000000000"),
        (-1, None),
        ("-1", None),
        (1e-13, None),
        (1e21, None),
        ("x", None),
        (True, None),
        (None, None),
    ],
)
def test_what_a_call_takes_of_a_budget(amount: Any, found: str | None) -> None:
    one = proposal(budget={"argument": "/amount", "max": 100})
    taken = shapes.amount_in(one, canonical({"amount": amount}))
    assert taken == (None if found is None else Decimal(found))


def test_a_proposal_is_read_as_it_was_written() -> None:
    said = {
        "/amount": {"range": {"min": "-5", "max": "100.50"}},
        "/memo": {"any": True},
        "/path": {"prefix": "/srv/data/"},
        "/to": {"one_of": ["acme", 1, True, None]},
    }
    one = proposal(said, budget={"argument": "/amount", "max": "100.10"})
    assert shapes.read(shapes.written(one)) == one
    assert shapes.written(one)["budget"] == {"argument": "/amount", "max": "100.1"}
    assert one.lasts == timedelta(hours=1)
    of_session = proposal(said, scope="session")
    assert shapes.read(shapes.written(of_session)) == of_session != proposal(said)
    assert one != proposal(
        {**said, "/to": {"one_of": ["acme", 1, 1.5, None]}}, budget={"argument": "/amount", "max": 100.1}
    )
