"""What decisions have in common: bounds that part what was approved from what was not, and what is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.evidence import Bound, Kind, Odd, kind, leaves, tightest
from gateway.policy.mining import Decided, NoShape, Said, Shape, Support, allowable, deniable

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TEN = Support(decisions=10, denials=5, later=2)
YES, NO, EDITED, SILENCE = Said.APPROVED, Said.DENIED, Said.EDITED, Said.UNANSWERED


def decided(
    *said: tuple[dict[str, Any], Said], people: Sequence[str] = ("ada", "bob"), hours: int = 7
) -> list[Decided]:
    """Calls one after the other, decided by people in turn."""
    return [
        Decided(
            call=f"call_{number:03}",
            at=NOON + number * timedelta(hours=hours),
            said=answer,
            values=leaves(arguments),
            reviewers=frozenset({people[number // 3 % len(people)]}),
        )
        for number, (arguments, answer) in enumerate(said)
    ]


def amounts(*numbers: float, said: Said = YES, **more: Any) -> list[tuple[dict[str, Any], Said]]:
    return [({"amount": number, **more}, said) for number in numbers]


KINDS = [
    ("a number", "args.amount", [Decimal(1), Decimal(2)], Kind.BOUNDED),
    ("a word", "args.currency", ["USD", "EUR"], Kind.BOUNDED),
    ("a switch", "args.urgent", [True, False], Kind.BOUNDED),
    ("a command by its name", "args.shellCommand", ["ls"], Kind.DECIDES),
    ("a path by its name", "args.file_path", ["notes"], Kind.DECIDES),
    ("a path by its look", "args.target", ["/etc/passwd"], Kind.DECIDES),
    ("a way out of a folder", "args.target", ["a/../b"], Kind.DECIDES),
    ("a URL by its look", "args.target", ["https://example.com"], Kind.DECIDES),
    ("a pipeline by its look", "args.target", ["a | b"], Kind.DECIDES),
    ("free text by its name", "args.comment", ["ok"], Kind.OPEN),
    ("free text by its look", "args.target", ["please do this now"], Kind.OPEN),
    ("a secret by its name", "args.api_key", ["k"], Kind.OPEN),
    ("sometimes null", "args.amount", [Decimal(1), Odd.NULL], Kind.OPEN),
    ("now a number, now a text", "args.amount", [Decimal(1), "1"], Kind.OPEN),
    ("a list", "args.to", [Odd.NESTED], Kind.NESTED),
    ("a repository is no path", "args.repo", ["acme/site"], Kind.BOUNDED),
]


@pytest.mark.parametrize(("path", "values", "wanted"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_an_argument_is_known_by_its_name_and_what_stands_there(path: str, values: list[Any], wanted: Kind) -> None:
    assert kind(path, values) is wanted


def bound(path: str, op: str, value: Any) -> Bound:
    return Bound(path=path, op=op, value=value)


BOUNDS = [
    ("numbers", "args.amount", [Decimal(3), Decimal(1)], bound("args.amount", "between", (Decimal(1), Decimal(3)))),
    ("numbers that only name something", "args.order_id", [Decimal(n) for n in range(9)], None),
    ("a few words", "args.to", ["a"] * 3 + ["b"] * 3, bound("args.to", "in", ("a", "b"))),
    ("a common beginning", "args.repo", ["acme/a", "acme/b", "acme/bc"], bound("args.repo", "starts_with", "acme/")),
    ("a common domain", "args.to", ["x@acme.com", "y@acme.com"], bound("args.to", "ends_with", "@acme.com")),
    ("nothing in common", "args.to", ["x", "y", "z"], None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "values", "wanted"), [row[1:] for row in BOUNDS], ids=[row[0] for row in BOUNDS])
def test_the_tightest_bound_is_laid_around_values(path: str, values: list[Any], wanted: Bound | None) -> None:
    assert tightest(path, values) == wanted


def test_arguments_are_named_as_a_policy_names_them() -> None:
    given_ = {"a": {"b c": 1, "d": {"e": {"f": 1}}}, "list": [1], "none": None, "yes": True}
    assert leaves(given_) == {
        'args.a["b c"]': Decimal(1),
        "args.a.d.e": Odd.NESTED,
        "args.list": Odd.NESTED,
        "args.none": Odd.NULL,
        "args.yes": True,
    }


def test_of_what_a_policy_hides_only_that_it_is_there_is_seen() -> None:
    assert leaves({"card": {"number": "4711"}, "to": "acme"}, [("card", "number")]) == {
        "args.card.number": Odd.NULL,
        "args.to": "acme",
    }


def shape(found: Shape | NoShape) -> Shape:
    assert isinstance(found, Shape), found
    return found


def test_what_was_always_approved_is_bounded_by_everything_that_can_be() -> None:
    rows = decided(*(({"amount": 1 + n % 5, "currency": "USD", "note": f"text {n}"}, YES) for n in range(20)))
    found = shape(allowable(rows, TEN))
    assert found.said() == 'args.amount is 1 to 5 and args.currency is "USD"'
    assert found.leaves_open == ("args.note",)
    assert (found.within.approved, found.within.people, found.later.approved) == (20, ("ada", "bob"), 6)


def test_a_bound_parts_what_was_approved_from_what_was_not() -> None:
    rows = decided(*(pair for n in range(15) for pair in (*amounts(n % 9), *amounts(50 + n, said=NO))))
    found = shape(allowable(rows, TEN))
    assert found.said() == "args.amount is 0 to 8"
    assert found.within.contrary == 0


def test_a_word_and_a_number_part_them_together() -> None:
    """Small dollars are approved and all else is not, euros of any size among that."""
    few = [*amounts(2, 8, currency="USD"), *amounts(50, said=NO, currency="USD"), *amounts(4, said=NO, currency="EUR")]
    found = shape(allowable(decided(*few * 8), TEN))
    assert found.said() == 'args.amount is 2 to 8 and args.currency is "USD"'


def test_an_edit_is_no_approval() -> None:
    rows = decided(*amounts(*range(20)), *amounts(*range(20), said=EDITED))
    assert isinstance(allowable(rows, TEN), NoShape)


def test_silence_counts_neither_way_and_is_told() -> None:
    rows = decided(*(pair for n in range(15) for pair in (*amounts(n % 5), *amounts(n % 5, said=SILENCE))))
    found = shape(allowable(rows, TEN))
    assert (found.within.approved, found.within.unanswered) == (15, 15)


WEAK = [
    ("too few", decided(*amounts(*range(9))), "6 were decided so, and at least 10 are needed"),
    ("one person", decided(*amounts(*range(1, 5), *range(1, 5), *range(1, 5)), people=["ada"]), "only ada decided"),
    ("one day", decided(*amounts(*[1] * 30), hours=0), "on 1 day"),
    ("too few after", decided(*amounts(*range(1, 6)) * 3, *amounts(*[70] * 6)), "only 1 of the later decisions"),
    ("a command", decided(*(({"command": "ls"}, YES) for _ in range(20))), "args.command decides what the call does"),
    ("a list", decided(*(({"to": ["a"]}, YES) for _ in range(20))), "args.to is a list"),
    ("no difference", decided(*[*amounts(5), *amounts(5, said=NO)] * 20), "no bounds tell"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "why"), [row[1:] for row in WEAK], ids=[row[0] for row in WEAK])
def test_what_is_no_evidence_is_passed_over_with_why(rows: list[Decided], why: str) -> None:
    found = allowable(rows, TEN)
    assert isinstance(found, NoShape)
    assert why in found.why


def test_what_held_until_yesterday_and_was_denied_since_is_not_suggested() -> None:
    rows = decided(*amounts(*[5] * 20), *amounts(5, said=NO), *amounts(*[5] * 4))
    found = allowable(rows, TEN)
    assert isinstance(found, NoShape)
    assert "denied or edited later" in found.why


DENIED = [
    ("whatever its arguments", decided(*amounts(*range(10), said=NO)), "whatever its arguments"),
    ("a word", decided(*[({"env": "prod"}, NO), ({"env": "test"}, YES)] * 9), 'args.env is "prod"'),
    ("a number", decided(*[*amounts(8), *amounts(90, 95, said=NO)] * 9), "args.amount is at least 90"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "said"), [row[1:] for row in DENIED], ids=[row[0] for row in DENIED])
def test_what_people_never_approved_is_found(rows: list[Decided], said: str) -> None:
    assert shape(deniable(rows, TEN)).said() == said


def test_one_approval_is_enough_not_to_deny() -> None:
    assert isinstance(deniable(decided(*amounts(*[5] * 20, said=NO), *amounts(5)), TEN), NoShape)


answers = st.sampled_from(Said)
arguments = st.fixed_dictionaries(
    {"amount": st.integers(0, 9), "to": st.sampled_from(["a", "b", "c"])}, optional={"flag": st.booleans()}
)


@given(st.lists(st.tuples(arguments, answers), min_size=1, max_size=60))
def test_a_shape_never_holds_one_call_that_was_decided_otherwise(said: list[tuple[dict[str, Any], Said]]) -> None:
    weak = Support(decisions=1, denials=1, people=1, days=1, later=0)
    rows = decided(*said)
    yes, no = allowable(rows, weak), deniable(rows, weak)
    if isinstance(yes, Shape):
        inside = [row.said for row in rows if all(bound.holds(row.values) for bound in yes.bounds)]
        assert inside.count(YES) == yes.within.approved > 0
        assert NO not in inside
        assert EDITED not in inside
    if isinstance(no, Shape):
        inside = [row.said for row in rows if all(bound.holds(row.values) for bound in no.bounds)]
        assert YES not in inside
        assert EDITED not in inside


@given(st.lists(st.tuples(arguments, answers), min_size=1, max_size=40))
def test_the_same_decisions_give_the_same_shape(said: list[tuple[dict[str, Any], Said]]) -> None:
    rows = decided(*said)
    assert allowable(rows, TEN) == allowable(rows[::-1], TEN)
