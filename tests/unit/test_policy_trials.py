"""The tests that stand in a policy file: they gate its loading, and say what they leave untried."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.policy import trials
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Policy, Trial, Verdict
from gateway.policy.trial_work import work

ALLOW = Verdict.ALLOW
RULES = """\
version: "1"
default: deny
hide: [withdraw]
tools:
  echo: {}
  pay:
    reason: Money leaves
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 10000}], on_deny: "Never over 10,000"}]
    approve_if: [{conditions: [{path: args.amount, op: gt, value: 1000}]}]
    limits:
      - {counter: paid, window: day, max: 5000, amount: args.amount, on_exceed: require_approval}
      - {counter: calls, window: 10m, max: 3}
  "risk:financial": {}
tests:
"""
PAY = "call: {tool: pay, arguments: {amount: %s}}"


def load(*tests: str) -> Policy:
    return load_policy(RULES + "".join(f"  - {{name: t{i}, {test}}}\n" for i, test in enumerate(tests)), "p.yaml")


def refused(*tests: str) -> list[str]:
    with pytest.raises(PolicyErrors) as caught:
        load(*tests)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("call: {tool: echo}, expect: {verdict: allow, rule: /tools/echo}", id="a plain allow"),
        pytest.param(f"{PAY % 20000}, expect: {{verdict: deny, rule: /tools/pay/deny_if/0}}", id="a condition"),
        pytest.param(f"{PAY % 2000}, expect: {{verdict: require_approval, reason: Money}}", id="part of the reason"),
        pytest.param(
            f"{PAY % 900}, given: {{paid: 4100}}, expect: {{verdict: allow}}", id="a counter with just enough room"
        ),
        pytest.param(
            f"{PAY % 900}, given: {{paid: 4100.01}}, expect: {{verdict: require_approval, rule: /tools/pay/limits/0}}",
            id="a counter without room that asks",
        ),
        pytest.param(
            f"{PAY % 2000}, given: {{calls: 3}}, expect: {{verdict: rate_limited, rule: /tools/pay/limits/1}}",
            id="a rolling counter without room, before anybody is asked",
        ),
        pytest.param(
            f"{PAY % 900}, given: {{calls: 3, paid: 5000}}, expect: {{verdict: rate_limited}}",
            id="a limit that refuses comes before one that asks",
        ),
        pytest.param("call: {tool: withdraw}, expect: {verdict: deny, listed: false}", id="a hidden tool"),
        pytest.param("call: {tool: echo}, expect: {verdict: allow, listed: true}", id="a listed tool"),
        pytest.param("call: {tool: x}, risk: financial, expect: {verdict: allow}", id="a risk that is said"),
        pytest.param("call: {tool: transfer}, expect: {verdict: allow}", id="a risk judged by the name"),
        pytest.param("call: {tool: x}, expect: {verdict: deny, rule: /default}", id="the default"),
    ],
)
def test_a_policy_that_does_what_its_tests_say_loads(test: str) -> None:
    assert len(load(test).tests) == 1


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (
            "call: {tool: echo}, expect: {verdict: deny}",
            'p.yaml:15:5: the test "t0" fails: expected deny, got allow by /tools/echo: the tool is named (at /tests',
        ),
        (
            f"{PAY % 20000}, expect: {{verdict: require_approval, rule: /tools/pay/approve_if/0}}",
            "expected require_approval by /tools/pay/approve_if/0, got deny by /tools/pay/deny_if/0: "
            "args.amount 20000 is > 10000",
        ),
        (
            f"{PAY % 900}, given: {{paid: 4200}}, expect: {{verdict: allow}}",
            "expected allow, got require_approval by /tools/pay/limits/0: "
            "The limit 'paid' is 5000 per day for each agent on this server; 800 is left and this call needs 900.",
        ),
        (
            f"{PAY % 20000}, expect: {{verdict: deny, reason: Always}}",
            'expected the reason to say "Always", it is "Never over 10,000"',
        ),
        (
            "call: {tool: withdraw}, expect: {verdict: deny, listed: true}",
            "expected the tool to be listed, it is not listed",
        ),
    ],
)
def test_a_failing_test_refuses_the_file_and_says_what_decided(test: str, said: str) -> None:
    assert said in "\n".join(refused(test))


def test_every_failing_test_is_told_at_once() -> None:
    said = refused(
        "call: {tool: echo}, expect: {verdict: deny}",
        "call: {tool: echo}, expect: {verdict: allow}",
        "call: {tool: x}, expect: {verdict: allow}",
    )
    assert [line.split(" fails")[0] for line in said] == ['p.yaml:15:5: the test "t0"', 'p.yaml:17:5: the test "t2"']


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("call: {tool: echo}, expect: {verdict: allow}, given: {paid: -1}", "is a number of at least 0"),
        ("call: {tool: echo}, expect: {verdict: allow}, at: 2026-11-24", "a time with its zone is expected here"),
        ("call: {tool: echo}, expect: {verdict: allow}, at: '2026-11-24T10:00:00'", "a time with its zone"),
        ("call: {tool: echo}, expect: {verdict: ask}", "'ask' is not one of allow, deny, rate_limited"),
        ("call: {tool: echo}, expect: {}", "'verdict' is missing"),
        ("call: {arguments: {}}, expect: {verdict: allow}", "'tool' is missing"),
        ("call: {tool: echo}, expect: {verdict: allow}, risk: money", "'money' is not one of read"),
        ("call: {tool: echo}, expect: {verdict: allow}, when: now", "unknown key 'when'"),
    ],
)
def test_a_test_that_says_nothing_sensible_is_refused(test: str, said: str) -> None:
    assert said in "\n".join(refused(test))


def test_two_tests_of_one_name_are_refused() -> None:
    test = "  - {name: same, call: {tool: echo}, expect: {verdict: allow}}\n"
    with pytest.raises(PolicyErrors, match=r'p.yaml:16:12: two tests have the name "same"'):
        load_policy(RULES + 2 * test, "p.yaml")


def test_a_counter_that_nothing_counts_fails_its_test() -> None:
    (said,) = refused("call: {tool: echo}, expect: {verdict: allow}, given: {pait: 1}")
    assert 'the test "t0" fails: no limit counts "pait"; did you mean \'paid\'?' in said


def test_tests_that_take_too_much_work_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_WORK", 1_000)
    many = ", ".join(f"{{path: 'args.x[*]', op: eq, value: {n}}}" for n in range(10))
    text = f'version: "1"\ndefault: deny\ntools: {{pay: {{deny_if: [{{conditions: [{{any: [{many}]}}]}}]}}}}\ntests:\n'
    one = "  - {name: %s, call: {tool: pay, arguments: {x: [" + ", ".join("0" * 38) + "]}}, expect: {verdict: deny}}\n"
    assert len(load_policy(text + one % "a" + one % "b", "p.yaml").tests) == 2
    with pytest.raises(PolicyErrors, match=r"p.yaml:7:5: the tests up to this one take too much work to run") as caught:
        load_policy(text + "".join(one % name for name in "abcd"), "p.yaml")
    assert len(caught.value.problems) == 1


def test_work_is_counted_by_conditions_elements_characters_and_expressions() -> None:
    rules = {
        "none": "{}",
        "one": "{deny_if: [{conditions: [{path: args.x, op: eq, value: 1}]}]}",
        "each": "{deny_if: [{conditions: [{path: 'args.x[*]', op: eq, value: 1}]}]}",
        "when": "{when: 'tool == \"when\"'}",
    }
    text = 'version: "1"\ndefault: deny\ntools:\n' + "".join(f"  {name}: {said}\n" for name, said in rules.items())
    policy = load_policy(text, "p.yaml")
    taken = {
        (name, size): work(
            (policy,), trials.facts_of(Trial(pointer="", name="", tool=name, arguments=said, verdict=ALLOW))
        )
        for name in rules
        for size, said in (("short", {"x": 1}), ("list", {"x": [1] * 98}), ("long", {"x": "a" * 5_000}))
    }
    assert taken == {
        ("none", "short"): 1, ("none", "list"): 1, ("none", "long"): 1,
        ("one", "short"): 3, ("one", "list"): 3, ("one", "long"): 8,
        ("each", "short"): 4, ("each", "list"): 102, ("each", "long"): 9,
        ("when", "short"): 51, ("when", "list"): 51, ("when", "long"): 51,
    }  # fmt: skip


def test_more_tests_than_a_file_may_hold_are_refused() -> None:
    assert "at most 1000" in refused(*1001 * ["call: {tool: echo}, expect: {verdict: allow}"])[0]


def test_a_policy_keeps_its_version_when_only_its_tests_change() -> None:
    one = load("call: {tool: echo}, expect: {verdict: allow}")
    other = load("call: {tool: x}, expect: {verdict: deny}")
    assert one.version == other.version == load_policy(RULES.removesuffix("tests:\n"), "p.yaml").version


def test_the_contracts_own_example_of_a_test_passes() -> None:
    file = Path(__file__).parent.parent / "fixtures" / "policies" / "contract.yaml"
    (test,) = load_policy(file.read_text(), "contract.yaml").tests
    assert (test.name, test.agent, test.given) == ("small payment asks", "claude-ada", {"paid_today": Decimal(4000)})


def test_each_test_stands_for_itself() -> None:
    policy = load(*3 * [f"{PAY % 900}, given: {{calls: 2}}, expect: {{verdict: allow}}"])
    assert [one.passed for one in trials.run((policy,), policy.tests)] == [True, True, True]


def test_what_tests_leave_untried_is_told() -> None:
    policy = load(
        f"{PAY % 5}, expect: {{verdict: allow}}",
        f"{PAY % 20000}, expect: {{verdict: deny}}",
        f"{PAY % 5}, given: {{calls: 3}}, expect: {{verdict: rate_limited}}",
    )
    left = trials.coverage(policy, trials.run((policy,), policy.tests))
    assert left.unreached == ("/hide/0", "/tools/echo", "/default")
    assert left.unmatched == ("/tools/pay/limits/0",)


def test_tests_run_against_layers_as_the_gateway_judges() -> None:
    outer = load_policy('version: "1"\ndefault: allow\ntools: {echo: {action: deny}}\n', "outer.yaml")
    inner = load("call: {tool: echo}, expect: {verdict: allow}")
    (tried,) = trials.run((outer, inner), inner.tests)
    assert (tried.passed, tried.final.verdict, tried.final.rule) == (False, Verdict.DENY, "/tools/echo/action")
    assert "/tools/echo" not in trials.coverage(inner, [tried]).unreached


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1969-12-31T00:00:00Z"])
def test_a_time_at_the_end_of_the_calendar_is_refused_where_it_stands(at: str) -> None:
    limits = "[{counter: a, window: month, max: 1}, {counter: b, window: 366d, max: 1}]"
    test = f'{{name: n, call: {{tool: t}}, at: "{at}", expect: {{verdict: allow}}}}'
    with pytest.raises(PolicyErrors, match=r"p.yaml:4:.*in the years 1970 to 9000"):
        load_policy(f'version: "1"\ndefault: deny\ntools: {{t: {{limits: {limits}}}}}\ntests: [{test}]\n', "p.yaml")
