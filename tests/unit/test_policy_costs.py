"""What a call costs and whose budget pays, or why nobody can say: then it is denied, in words that help."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.policy.budgets import Budgets, Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.limit import CounterKey
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse, Risk, RiskClass, Ruling, Verdict
from gateway.policy.standings import Exceeded, words
from gateway.protocol.strict import read

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def ruling(limit: str, arguments: dict[str, Any] | None = None, **more: Any) -> Ruling:
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {{"*": {{limits: [{limit}]}}}}\n', "p.yaml")
    given: dict[str, Any] = {"server": "s", "tool": "pay", "agent": "ada", "now": NOON, **more}
    return evaluate(policy, Facts(arguments=arguments or {}, **given))


def use(limit: str, arguments: dict[str, Any] | None = None, **more: Any) -> LimitUse:
    found = ruling(limit, arguments, **more)
    assert len(found.limits) == 1, found.reason
    return found.limits[0]


def keys(limit: str, arguments: dict[str, Any] | None = None, **more: Any) -> tuple[CounterKey, ...]:
    return use(limit, arguments, **more).keys


def budget(**said: str) -> str:
    return "{" + ", ".join(f"{k}: {v}" for k, v in {"counter": "c", "window": "day", "max": "2", **said}.items()) + "}"


def arguments(text: str) -> dict[str, Any]:
    """The arguments of a call as the gateway reads them off the wire."""
    found = read(text.encode())
    assert isinstance(found, dict)
    return found


def test_a_negative_amount_gives_no_budget_back() -> None:
    """policy.md 1.4 no. 2: `amount: -1000` passed `lte 100` and moved the daily spend to -930."""
    denied = ruling(budget(amount="args.amount"), {"amount": -1000})
    assert (denied.verdict, denied.rule) == (Verdict.DENY, "/tools/*/limits/0")
    assert denied.reason == "The policy limits what this call may cost, and args.amount -1000 is not above 0."


@pytest.mark.parametrize(("each", "times"), [("0.99", 2), ("1.99", 1), ("0.1", 20)])
def test_a_fraction_is_counted_as_the_fraction_that_it_is(each: str, times: int) -> None:
    """policy.md 1.4 no. 3: five charges of 0.99 and two of 1.99 passed a cap of 2."""
    budgets = Budgets()
    wanted = [use(budget(amount="args.amount"), arguments(f'{{"amount": {each}}}'))]
    taken = [budgets.take(wanted, NOON) for _ in range(times + 1)]
    assert [isinstance(one, Reservation) for one in taken] == [True] * times + [False]


def test_a_huge_amount_passes_no_cap_and_leaves_none_open() -> None:
    """policy.md 1.4 no. 4: `amount: 1e30` passed a cap of 2, and everything after it."""
    budgets = Budgets()
    huge = budgets.take([use(budget(amount="args.amount"), arguments('{"amount": 1e30}'))], NOON)
    assert isinstance(huge, Exceeded)
    assert huge.retry_after is None
    small = [use(budget(amount="args.amount"), {"amount": 2})]
    assert isinstance(budgets.take(small, NOON), Reservation)
    assert isinstance(budgets.take(small, NOON), Exceeded)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "args.amount is missing; give it as a number above 0"),
        ({"amount": None}, "args.amount is null, not a number; give it as a number above 0"),
        ({"amount": "20"}, "args.amount is a text, not a number; give it as a number above 0"),
        ({"amount": True}, "args.amount is true or false, not a number; give it as a number above 0"),
        ({"amount": [20]}, "args.amount is a list, not a number; give it as a number above 0"),
        ({"amount": float("nan")}, "args.amount is not a finite number; give it as a number above 0"),
        ({"amount": float("inf")}, "args.amount is not a finite number; give it as a number above 0"),
        ({"amount": 0}, "args.amount 0 is not above 0"),
        ({"amount": -0.0}, "args.amount -0.0 is not above 0"),
        ({"amount": Decimal("1E-31")}, "is out of range"),
        ({"amount": Decimal("1E+31")}, "is out of range"),
    ],
)
def test_an_amount_that_cannot_be_counted_is_denied_and_says_what_would_help(given: dict[str, Any], why: str) -> None:
    """policy.md 1.4 no. 5: a missing or text amount told the agent "Internal policy error"."""
    denied = ruling(budget(amount="args.amount"), given)
    assert denied.verdict is Verdict.DENY
    assert why in (denied.reason or "")


@pytest.mark.parametrize(
    ("given", "cost"),
    [({"to": ["a", "b", "c"]}, 3), ({"to": "héé"}, 3), ({"to": {"a": 1}}, 1)],
    ids=["elements", "characters", "members"],
)
def test_a_length_is_an_amount(given: dict[str, Any], cost: int) -> None:
    assert use(budget(amount='"len(args.to)"'), given).amount == cost


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "args.to is missing; it is counted by its length"),
        ({"to": []}, "args.to is empty, and it is counted by its length"),
        ({"to": 5}, "args.to is a number, which has no length"),
    ],
)
def test_what_has_no_length_is_denied(given: dict[str, Any], why: str) -> None:
    denied = ruling(budget(amount='"len(args.to)"'), given)
    assert denied.verdict is Verdict.DENY
    assert why in (denied.reason or "")


PRICES = '{pay: 5, "p*": 2, "risk:financial": args.fee, free: 0, batch: "len(args.items)"}'


@pytest.mark.parametrize(
    ("tool", "given", "risk", "cost"),
    [
        ("pay", {}, "financial", "5"),
        ("print", {}, "write", "2"),
        ("charge", {"fee": 1.5}, "financial", "1.5"),
        ("batch", {"items": [1, 2]}, "write", "2"),
    ],
    ids=["by its name", "by a pattern", "by its class, from an argument", "by a length"],
)
def test_tools_have_prices_of_their_own(tool: str, given: dict[str, Any], risk: str, cost: str) -> None:
    found = use(budget(amount=PRICES), given, tool=tool, risk=Risk(kind=RiskClass(risk)))
    assert found.amount == Decimal(cost)


def test_a_free_tool_takes_nothing_and_one_without_a_price_is_denied() -> None:
    assert ruling(budget(amount=PRICES), tool="free").limits == ()
    denied = ruling(budget(amount=PRICES), tool="other")
    assert denied.reason == 'The policy limits what this call may cost, and the tool "other" has no price in it.'


ONE: dict[str, Any] = {"owner": "o@x", "session": "one"}


@pytest.mark.parametrize(
    ("scope", "other", "shared"),
    [
        ("grant", {"agent": "bo"}, False),
        ("grant", {"server": "t"}, False),
        ("grant", {"tool": "pay2"}, True),
        ("grant", {"session": "two"}, True),
        ("agent", {"server": "t"}, True),
        ("agent", {"agent": "bo"}, False),
        ("owner", {"agent": "bo", "owner": "o@x"}, True),
        ("owner", {"owner": "p@x"}, False),
        ("server", {"agent": "bo"}, True),
        ("server", {"server": "t"}, False),
        ("tool", {"agent": "bo"}, True),
        ("tool", {"tool": "pay2"}, False),
        ("session", {"session": "two"}, False),
        ("session", {"tool": "pay2"}, True),
        ("all", {"agent": "bo", "server": "t", "tool": "pay2", "session": "two"}, True),
        ("[agent, tool]", {"server": "s"}, True),
        ("[agent, tool]", {"agent": "bo"}, False),
        ("[agent, tool]", {"tool": "pay2"}, False),
    ],
)
def test_a_scope_says_whose_calls_share_the_budget(scope: str, other: dict[str, Any], shared: bool) -> None:
    limit = budget(scope=scope)
    assert (keys(limit, **ONE) == keys(limit, **{**ONE, **other})) is shared


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("acme", "acme", True),
        ("acme", "bolt", False),
        ("acme", "ACME ", True),
        ("caf\u00e9", "cafe\u0301", True),
        (1, "1", True),
        (1, 1.0, True),
        (True, "true", True),
        ("x" * 5000, "x" * 5001, False),
    ],
    ids=[
        "the same",
        "another",
        "another case, and space around it",
        "composed or not",
        "a number and its text",
        "a number however written",
        "true",
        "long",
    ],
)
def test_each_value_of_an_argument_has_its_own_budget(one: Any, other: Any, shared: bool) -> None:
    limit = budget(scope="args.to")
    assert (keys(limit, {"to": one}) == keys(limit, {"to": other})) is shared
    assert all(len(key[1]) < 100 for key in keys(limit, {"to": one}))
    assert "acme" not in str(keys(limit, {"to": "acme"}))


def test_every_value_of_a_list_pays_and_one_that_stands_twice_pays_twice() -> None:
    limit = budget(scope="[agent, 'args.to[*]']", max="3", amount="1")
    budgets = Budgets()
    assert isinstance(budgets.take([use(limit, {"to": ["a", "b", "a"]})], NOON), Reservation)
    left = [budgets.check([use(limit, {"to": [to]})], NOON).standings[0].remaining for to in "abc"]
    assert left == [1, 2, 3]
    full = budgets.take([use(limit, {"to": ["c", "a", "a"]})], NOON)
    assert isinstance(full, Exceeded)
    assert full.reason == "The limit 'c' is 3 per day for each agent and args.to[*]; 1 is left and this call needs 2."
    assert budgets.check([use(limit, {"to": ["c"]})], NOON).standings[0].remaining == 3


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "args.to is missing, and it says whose budget pays"),
        ({"to": []}, "args.to[*] is empty, and it says whose budget pays"),
        ({"to": "acme"}, "args.to is not a list"),
        ({"to": [None]}, "args.to[0] is null, and it says whose budget pays; give it as a text"),
        ({"to": [["a"]]}, "args.to[0] is a list"),
        ({"to": ["a", ""]}, "args.to[1] is empty"),
        ({"to": ["ac\u200bme"]}, "args.to[0] has invisible characters"),
        ({"to": [str(number) for number in range(101)]}, "args.to[*] names 101 budgets; at most 100"),
    ],
)
def test_a_call_that_does_not_say_whose_budget_pays_is_denied(given: dict[str, Any], why: str) -> None:
    denied = ruling(budget(scope="'args.to[*]'"), given)
    assert denied.verdict is Verdict.DENY
    assert why in (denied.reason or "")


def test_each_unit_has_a_budget_of_its_own() -> None:
    limit = budget(amount="args.amount", unit="args.currency", max="100")
    budgets = Budgets()
    euros = use(limit, {"amount": 90, "currency": "EUR"})
    assert isinstance(budgets.take([euros], NOON), Reservation)
    assert isinstance(budgets.take([use(limit, {"amount": 90, "currency": "USD"})], NOON), Reservation)
    over = budgets.take([use(limit, {"amount": 20, "currency": "eur"})], NOON)
    assert isinstance(over, Exceeded)
    assert (
        over.reason
        == "The limit 'c' is 100 eur per day for each agent on this server; 10 eur is left and this call needs 20 eur."
    )
    assert over.standing.as_json()["unit"] == "eur"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"amount": 1}, "args.currency is missing; it says what unit the amount is in"),
        ({"amount": 1, "currency": ["EUR"]}, "args.currency is a list, and it says what unit the amount is in"),
        ({"amount": 1, "currency": "E" * 41}, "args.currency is longer than a unit can be"),
    ],
)
def test_an_amount_in_no_unit_is_denied(given: dict[str, Any], why: str) -> None:
    denied = ruling(budget(amount="args.amount", unit="args.currency"), given)
    assert denied.verdict is Verdict.DENY
    assert why in (denied.reason or "")


@pytest.mark.parametrize("amount", ["args.card.amount", '"len(args.card.amount)"', "{pay: args.card.amount}"])
@pytest.mark.parametrize("redact", ["args.card", "args.card.amount", '"args.card[\\"amount\\"]"'])
def test_an_amount_that_is_hidden_is_not_told_where_the_limit_is(amount: str, redact: str) -> None:
    limit = budget(amount=amount, max="5000")
    policy = load_policy(
        f'version: "1"\ndefault: deny\ntools: {{pay: {{redact: [{redact}], limits: [{limit}]}}}}\n', "p.yaml"
    )
    value: Any = "x" * 7777 if "len" in amount else 7777
    facts = Facts(server="s", tool="pay", agent="ada", now=NOON, arguments={"card": {"amount": value}})
    over = Budgets().check(evaluate(policy, facts).limits, NOON)
    assert isinstance(over, Exceeded)
    assert over.reason == "The limit 'c' is 5000 per day for each agent on this server, and this call would go over it."
    assert over.retry_after is None


def test_a_unit_that_is_hidden_is_not_told_either() -> None:
    limit = budget(amount="args.amount", unit="args.account")
    policy = load_policy(
        f'version: "1"\ndefault: deny\ntools: {{pay: {{redact: [args.account], limits: [{limit}]}}}}\n', "p.yaml"
    )
    facts = Facts(server="s", tool="pay", agent="ada", now=NOON, arguments={"amount": 7, "account": "DE89"})
    over = Budgets().check(evaluate(policy, facts).limits, NOON)
    assert isinstance(over, Exceeded)
    assert over.reason == "The limit 'c' is 2 per day for each agent on this server, and this call would go over it."
    assert words(over.use) == "per day for each agent on this server"
