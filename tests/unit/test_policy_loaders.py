"""Loading policy files: what loads unchanged, and everything that is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.durations import duration, written
from gateway.policy.limit import OnExceed, Scope
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Policy, Verdict
from gateway.policy.windows import Fixed, Sliding

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"


def load(name: str) -> Policy:
    return load_policy((FIXTURES / name).read_text(), name)


def problems(text: str, name: str = "p.yaml") -> list[str]:
    with pytest.raises(PolicyErrors) as caught:
        load_policy(text, name)
    return [str(problem) for problem in caught.value.problems]


def in_tool(body: str) -> str:
    return f'version: "1"\ndefault: deny\ntools:\n  pay: {body}\n'


def test_the_published_policy_loads_unchanged() -> None:
    policy = load("policylayer.json")
    limit = policy.tools[0].limits[0]
    assert policy.default is Verdict.DENY
    assert (limit.counter, limit.max, limit.scope, limit.window.name) == (
        "binance_us_close_listen_key_rate",
        Decimal(30),
        (Scope.GRANT,),
        "minute",
    )
    assert limit.pointer == "/tools/binance_us_close_listen_key/limits/0"
    assert isinstance(limit.window, Fixed)


def test_the_contracts_example_loads_with_all_it_says() -> None:
    policy = load("contract.yaml")
    pay = policy.tools[1]
    assert pay.approval is not None
    assert pay.approval.reviewers == ("group:finance", "ada@example.com")
    assert [limit.pointer for limit in pay.limits] == ["/tools/pay/limits/0", "/tools/pay/rate_limit"]
    assert pay.limits[0].on_exceed is OnExceed.REQUIRE_APPROVAL
    assert policy.place("/tools/pay/deny_if/0") == (11, 18)


def test_the_version_is_of_the_rules_and_not_of_their_formatting() -> None:
    text = '{"version": "1", "default": "deny", "tools": {"a": {"rate_limit": "3/hour"}, "b": {}}}'
    same = '# a comment\ntools:\n  b: {}\n  a: {rate_limit: 3/hour}\ndefault: deny\nversion: "1"\n'
    assert load_policy(text, "a.json").version == load_policy(same, "b.yaml").version
    assert load_policy(text, "a.json").version != load_policy(text.replace("3/", "4/"), "a.json").version


def test_the_version_tells_numbers_apart_to_their_last_digit() -> None:
    text = '{"version": "1", "default": "deny", "tools": {"a": {"deny_if": [{"conditions": [%s]}]}}}'
    condition = '{"path": "args.x", "op": "gt", "value": %s}'
    numbers = ("1.5", "1.50", "0.10000000000000000000000000000001", "0.10000000000000000000000000000002")
    same, again, low, high = (load_policy(text % (condition % number), "a.json").version for number in numbers)
    assert same == again
    assert len({same, low, high}) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{aktion: deny}", "p.yaml:4:9: unknown key 'aktion'; did you mean 'action'? (at /tools/pay/aktion)"),
        ("{action: ask}", "p.yaml:4:17: 'ask' is not one of allow, deny, hide, require_approval"),
        ("[]", "p.yaml:4:8: a mapping of keys to values is expected here, not a list"),
        ("{reason: 5}", "a text is expected here, not 5; put it in quotes"),
        ("{when: [x]}", "p.yaml:4:15: a text is expected here, not a list"),
        ("{redact: [x]}", "the path 'x' must start with 'args.'"),
        ("{require: [{}]}", "a rule under require without conditions requires nothing"),
        ("{deny_if: [{approval: {quorum: 1}}]}", "approval belongs under approve_if"),
        ("{rate_limit: 30}", "a rate is written 30/minute"),
        ("{rate_limit: 0/minute}", "'0/minute' is not a rate"),
        ("{rate_limit: 3/week}", "'3/week' is not a rate"),
        ("{rate_limit: {max: 0, window: 60}}", "max is a whole number of at least 1"),
        ("{rate_limit: {max: 1, window: 0}}", "a window is between 1s and 366d long"),
        ("{limits: [{counter: x, window: minut, max: 1}]}", "'minut' is not a window; did you mean 'minute'?"),
        (
            "{limits: [{counter: x, window: month, kind: sliding, max: 1}]}",
            "a month has no fixed length, so it is only counted fixed; write 30d",
        ),
        (
            "{limits: [{counter: x, window: day, max: 1, tz: Athens}]}",
            "'Athens' is not a time zone; did you mean 'Europe/Athens'?",
        ),
        ("{limits: [{counter: x, window: day, max: 1, tz: Europe/Athen}]}", "did you mean 'Europe/Athens'?"),
        (
            "{limits: [{counter: x, window: 1d, max: 1, tz: Europe/Athens}]}",
            "a time zone is for windows of the calendar",
        ),
        (
            "{limits: [{counter: x, window: inflight, max: 1, kind: fixed}]}",
            "kind says nothing of calls that run at a time",
        ),
        ("{limits: [{counter: x, window: day, max: 1, unit: currency}]}", "must start with 'args.'"),
        (
            "{limits: [{counter: x, window: day, max: 1, unit: 'args.x[*].c'}]}",
            "a unit is one text; [*] stands for several",
        ),
        ("{limits: [{counter: x, window: day, max: 0}]}", "a number above 0 is expected here"),
        ("{limits: [{counter: x, window: day, max: '5'}]}", "a number is expected here; take off the quotes"),
        (
            "{limits: [{counter: x, window: day, max: 1, scope: grants}]}",
            "'grants' is not a scope; did you mean 'grant'?",
        ),
        ("{limits: [{counter: x, window: day, max: 1, scope: []}]}", "a list of scopes names at least one"),
        ("{limits: [{counter: x, window: day, max: 1, scope: [agent, agent]}]}", "'agent' stands twice in the scope"),
        (
            "{limits: [{counter: x, window: day, max: 1, scope: [agent, own]}]}",
            "'own' is not a scope; did you mean 'owner'?",
        ),
        ("{limits: [{counter: x, window: day, max: 1, scope: args}]}", "names no argument"),
        ("{limits: [{counter: x, window: day, max: 1, amount: 0}]}", "an amount is a number above 0, args.path"),
        ("{limits: [{counter: x, window: day, max: 1, amount: amount}]}", "must start with 'args.'"),
        ("{limits: [{counter: x, window: day, max: 1, amount: 'len(args.x'}]}", "write len(args.path)"),
        ("{limits: [{counter: x, window: day, max: 1, amount: 'len(args.x[*])'}]}", "an amount is one number"),
        ("{limits: [{counter: x, window: day, max: 1, amount: {}}]}", "prices name at least one tool"),
        ("{limits: [{counter: x, window: day, max: 1, amount: {'risk:odd': 1}}]}", "'odd' is not a class of risk"),
        (
            "{limits: [{counter: x, window: day, max: 1, amount: {pay: -1}}]}",
            "an amount is a number above 0, args.path",
        ),
        ("{limits: [{counter: x, window: day, max: 1, amount: 'args.x[*]'}]}", "an amount is one number"),
        ("{limits: [{counter: x, window: day, max: 1, amount: 1, increment: 1}]}", "say the same thing; keep one"),
        ("{limits: [{counter: x, window: day, max: 1, burst: 2}]}", "it goes with kind: bucket"),
        ("{limits: [{counter: x, window: day, max: 1, kind: bucket, burst: 101}]}", "at most 100 times its max"),
        ("{limits: [{counter: x, window: month, max: 1, kind: bucket}]}", "a month has no fixed length"),
        ("{limits: [{counter: x, window: day, max: 1e31}]}", "at most 1e30 and with at most 30 decimals"),
        (
            "{limits: [{counter: x, window: 1.5, max: 1}]}",
            "a window is minute, hour, day, week, month, inflight, a duration like 10m",
        ),
        ("{limits: [{counter: x, window: 400d, max: 1}]}", "'400d' is not a window"),
        ("{limits: [{counter: x, window: day, max: 1, increment: 0}]}", "a number above 0 is expected here"),
        ("{limits: [{counter: x, window: day, max: 1, increment_from: args.x, amount: 1}]}", "keep one"),
        ("{rate_limit: {max: 1}}", "a rate is written 30/minute"),
        ("{deny_if: [{conditions: [{any: []}]}]}", "any needs at least one condition"),
        ("{deny_if: [{conditions: [{path: args.x, op: not_exists, value: 1}]}]}", "not_exists takes true, false"),
        ("{deny_if: [{conditions: [{path: x, op: exists}]}]}", "must start with 'args.'"),
        ("{approval: {quorum: 0}}", "input should be greater than or equal to 1"),
        ("{approval: {factors: []}}", "at least 1"),
        ("{approval: {factors: [{group: a, count: 0}]}}", "input should be greater than or equal to 1"),
        ("{approval: {factors: [{group: a, count: 1}], quorum: 1}}", "factors stand instead of reviewers and quorum"),
        ("{approval: {reviewers: [finance]}}", "'finance' is neither group:NAME nor an e-mail address"),
        ("{approval: {reviewers: ['group:']}}", "is neither group:NAME nor an e-mail address"),
        ("{approval: {timeout: 0s}}", "a timeout is at least 1s"),
        ("{approval: {timeout: 15}}", "15 is not a duration; write 30s, 15m, 2h or 1d"),
        ("{approval: {escalate: []}}", "at least 1"),
        ("{approval: {remind: 30s}}", "a reminder is at least 1m apart"),
        ("{approval: {escalate: [{after: 5m, to: []}]}}", "at least 1"),
        ("{approval: {escalate: [{after: 5m, to: [oncall]}]}}", "'oncall' is neither group:NAME nor an e-mail"),
        ("{approval: {escalate: [{after: 0s, to: ['group:x']}]}}", "after is at least 1s"),
        ("{approval: {escalate: [{timeout: 0s, to: ['group:x']}]}}", "timeout is at least 1s"),
        ("{approval: {escalate: [{after: 5m, undelivered: true, to: ['group:x']}]}}", "are two things"),
        ("{approval: {cancel_window: 61m}}", "a cancel window is at most 1h"),
        ("{approval: {self_service: true, four_eyes: true}}", "four_eyes says that they may not; take out one"),
        ("{approval: {four_eyes: 'yes'}}", "true or false is expected here, not 'yes'"),
    ],
)
def test_a_tool_that_says_something_wrong_is_refused_in_words(body: str, said: str) -> None:
    assert said in "\n".join(problems(in_tool(body)))


@pytest.mark.parametrize(
    ("tools", "rule"),
    [
        pytest.param(
            '{"*": {approval: {four_eyes: true}}, pay: {action: require_approval, approval: {self_service: true}}}',
            "/tools/pay/action",
            id="of two entries",
        ),
        pytest.param(
            "{pay: {approval: {self_service: true}, approve_if: [{approval: {four_eyes: true}}, {}]}}",
            "/tools/pay/approve_if/0",
            id="of an entry and a rule of it",
        ),
    ],
)
def test_an_owner_is_not_asked_to_decide_where_a_wider_entry_keeps_them_out(tools: str, rule: str) -> None:
    (problem,) = problems(f'version: "1"\ndefault: deny\ntools: {tools}\n')
    assert "with what wider entries say, self_service puts the page before the agent's owner" in problem
    assert "write four_eyes: false here if the owner may decide" in problem
    assert f"(at {rule})" in problem


@pytest.mark.parametrize(
    "tools",
    [
        pytest.param(
            '{"*": {approval: {four_eyes: true}},'
            " pay: {action: require_approval, approval: {self_service: true, four_eyes: false}}}",
            id="the more specific entry says otherwise",
        ),
        pytest.param(
            '{"*": {approval: {four_eyes: true}}, pay: {approval: {self_service: true}}}', id="nobody is asked"
        ),
    ],
)
def test_an_owner_may_be_asked_to_decide_where_nothing_keeps_them_out(tools: str) -> None:
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {tools}\n', "p.yaml")
    (pay,) = (entry for entry in policy.tools if entry.pattern.text == "pay")
    assert pay.approval is not None
    assert pay.approval.self_service is True


TYPOS = [
    ("{acton: deny}", "4:9: unknown key 'acton'; did you mean 'action'? (at /tools/pay/acton)"),
    ("{action: alow}", "4:17: 'alow' is not one of allow, deny, hide, require_approval; did you mean 'allow'?"),
    ("{action: Deny}", "did you mean 'deny'? (at /tools/pay/action)"),
    ("{mode: shaddow}", "'shaddow' is not one of enforce, shadow; did you mean 'shadow'? (at /tools/pay/mode)"),
    ("{deny_if: [{conditons: []}]}", "did you mean 'conditions'? (at /tools/pay/deny_if/0/conditons)"),
    ("{deny_if: [{conditions: [{path: args.x, op: equals, value: 1}]}]}", "unknown op 'equals'; did you mean 'eq'?"),
    (
        "{deny_if: [{conditions: [{path: args.x, op: start_with, value: a}]}]}",
        "4:52: unknown op 'start_with'; did you mean 'starts_with'? (at /tools/pay/deny_if/0/conditions/0/op)",
    ),
    ("{deny_if: [{conditions: [{path: args.x, op: greater, value: 1}]}]}", "unknown op 'greater'; did you mean 'gt'?"),
    ("{deny_if: [{conditions: [{path: args.x, opp: eq, value: 1}]}]}", "did you mean 'op'?"),
    ("{deny_if: [{conditions: [{nott: {}}]}]}", "did you mean 'not'?"),
    ("{limits: [{counter: c, window: hours, max: 1}]}", "did you mean 'hour'? (at /tools/pay/limits/0/window)"),
    ("{limits: [{counter: c, window: day, max: 1, scope: agents}]}", "did you mean 'agent'?"),
    ("{limits: [{counter: c, window: day, max: 1, on_exceed: require_aproval}]}", "did you mean 'require_approval'?"),
    ("{limits: [{counter: c, window: day, max: 1, on_exceeds: deny}]}", "did you mean 'on_exceed'?"),
    ("{approval: {reviewer: [x]}}", "did you mean 'reviewers'? (at /tools/pay/approval/reviewer)"),
    ("{approval: {on_timeout: denied}}", "did you mean 'deny'? (at /tools/pay/approval/on_timeout)"),
    ("{approval: {grants: offers}}", "did you mean 'offer'?"),
    ("{schedule: {hour: '08:00-18:00'}}", "did you mean 'hours'? (at /tools/pay/schedule/hour)"),
    ("{unwrap: {tools: args.t, arguments: args.a}}", "did you mean 'tool'? (at /tools/pay/unwrap/tools)"),
]


@pytest.mark.parametrize(("body", "said"), TYPOS)
def test_a_slip_of_the_pen_is_told_with_its_place_and_the_nearest_right_word(body: str, said: str) -> None:
    assert said in "\n".join(problems(in_tool(body)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default: deny", "p.yaml:1:1: 'version' is missing (at /version)"),
        ('version: "1"', "'default' is missing"),
        ("version: 1\ndefault: deny", 'p.yaml:1:10: put it in quotes: "1"'),
        ('version: "2"\ndefault: deny', "'2' is not 1"),
        ('version: "1"\ndefault: ask', "'ask' is not one of allow, deny"),
        ('version: "1"\ndefault: deny\nhide: ["a[b]*"]', "only * and ? are wild"),
        ('version: "1"\ndefault: deny\nhide: [a, a]', "'a' stands twice in hide"),
        ('version: "1"\ndefault: deny\nhide: ["a b"]', "no tool can have this name"),
        ('version: "1"\ndefault: deny\ntools: {"risk:money": {}}', "'money' is not a class of risk"),
        ('version: "1"\ndefault: deny\ntools: {" a": {}}', "a tool name is not empty and has no spaces around it"),
        ('version: "1"\ndefault: deny\ntools: {a: {reason: true}}', "a text is expected here, not true"),
        ('version: "1"\ndefault: deny\ntools: {a: {reason: {}}}', "a text is expected here, not a mapping"),
        ('version: "1"\ndefault: deny\ntools: {a: }', "a mapping of keys to values is expected here, not nothing"),
        ('version: "1"\ndefault: deny\ntools: {a: {limits: {}}}', "a list is expected here, not a mapping"),
        ('version: "1"\ndefault: deny\nhide: [{x: 1}, a]', "a text is expected here"),
        ("a" * 1_000_001, "longer than 1000000 characters"),
        ("tools: {a: {rules: 5}}", "a list is expected here, not 5"),
        ("tools: {a: {action: deny, rules: []}}", "either rules, or one rule written flat; not both"),
        ('tools: {"a*": {action: deny}}', "this dialect has exact names, or '*'; 'a*' is neither"),
        ("- a", "a mapping of keys to values is expected here, not a list"),
        ("just text", "a mapping of keys to values is expected here"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_in_words(text: str, said: str) -> None:
    assert said in "\n".join(problems(text))


def test_everything_that_is_wrong_is_told_at_once_whatever_its_kind() -> None:
    text = (
        "version: 1\nhidde: [b]\ntools:\n  no: {}\n  pay:\n    action: alow\n    when: []\n"
        "    require: [{conditions: [{path: arg.x, op: eqq, value: 1}]}]\n"
    )
    places = [line.split(": ")[0] for line in problems(text)]
    assert places == [
        "p.yaml:1:1",  # default is missing
        "p.yaml:1:10",
        "p.yaml:2:1",
        "p.yaml:4:3",
        "p.yaml:6:13",
        "p.yaml:7:11",
        "p.yaml:8:36",
        "p.yaml:8:47",
    ]


def test_a_deny_whose_text_speaks_of_approval_stays_a_deny_and_says_so() -> None:
    policy = load_policy(in_tool('{deny_if: [{on_deny: "Needs human approval"}]}'), "p.yaml")
    assert "/tools/pay/deny_if/0 denies every call" in policy.notes[0]


@pytest.mark.parametrize(
    ("window", "name", "kind"),
    [("minute", "minute", Fixed), (60, "1m", Sliding), ('"10m"', "10m", Sliding), ("7d", "7d", Sliding)],
)
def test_named_windows_follow_the_calendar_and_durations_roll(window: Any, name: str, kind: type) -> None:
    policy = load_policy(in_tool(f"{{limits: [{{counter: c, window: {window}, max: 1}}]}}"), "p.yaml")
    found = policy.tools[0].limits[0].window
    assert (found.name, type(found)) == (name, kind)


def test_a_catalogue_policy_denies_what_it_does_not_name() -> None:
    policy = load("catalogue.yaml")
    assert (policy.dialect, policy.default) == ("catalogue", Verdict.DENY)
    assert policy.tools[0].limits[0].window == Sliding(name="1m", length=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{conditions: []}", "a rule with action: evaluate needs conditions or a rate_limit"),
        ("{action: deny, rate_limit: 3/hour}", "a rule with action: deny denies always"),
        ("{conditions: [{path: args.x, op: glob, value: a}]}", "'glob' is not an op of Intercept"),
        ("{conditions: [{path: state.x, op: lte, value: 5}]}", "needs a state block in its rule"),
        ("{rate_limit: 3/hour, state: {counter: x, window: day}}", "rate_limit stands alone"),
        (
            "{conditions: [{path: args.x, op: eq, value: 5}], state: {counter: x, window: day}}",
            "no lt or lte condition reads this state, so it would never count",
        ),
        (
            "{conditions: [{path: state.y, op: lte, value: 5}], state: {counter: x, window: day}}",
            "only lt or lte on state.x can be counted",
        ),
        ("{conditions: [{path: state.x, op: lte, value: a}], state: {counter: x, window: day}}", "a limit is a number"),
        ("{conditions: [{path: state.x, op: lte, value: 0}], state: {counter: x, window: day}}", "a limit is above 0"),
        (
            "{conditions: [{path: state.x, op: lte, value: 1}],"
            " state: {counter: x, window: day, increment: 1, increment_from: args.x}}",
            "increment and increment_from say the same thing",
        ),
        ("{conditions: [{path: args.x, op: lt, value: a}]}", "lt needs a number as its value"),
        ("{action: evaluate, approval_timeout: 3m, rate_limit: 3/day}", "belongs to action: require_approval"),
    ],
)
def test_an_intercept_rule_that_means_nothing_is_refused(rule: str, said: str) -> None:
    assert said in "\n".join(problems(f'version: "1"\ntools: {{a: {{rules: [{rule}]}}}}'))


def test_an_intercept_policy_keeps_its_default_and_its_shared_budgets() -> None:
    policy = load("intercept.yaml")
    limits = [limit for entry in policy.tools for limit in entry.limits]
    assert (policy.dialect, policy.default) == ("intercept", Verdict.DENY)
    assert [(limit.counter, limit.scope) for limit in limits] == [
        ("create_charge.daily_spend", (Scope.SERVER,)),
        ("_global._rate_minute", (Scope.SERVER,)),
    ]
    assert load_policy('version: "1"\ntools: {a: {rules: []}}', "p.yaml").default is Verdict.ALLOW


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('version: "1"\nhide: ["a*"]\ntools: {a: {rules: []}}', "Intercept hides exact names, or '*'; 'a*' is neither"),
        ('version: "1"\ntools: {"risk:read": {rules: []}}', "this dialect has exact names, or '*'"),
        ('version: "1"\ntools: {a: {rules: [], limits: []}}', "unknown key 'limits'; known here: rules"),
    ],
)
def test_an_intercept_file_that_says_more_than_the_dialect_is_refused(text: str, said: str) -> None:
    assert said in "\n".join(problems(text))


@pytest.mark.parametrize(
    ("op", "state", "most"),
    [
        ("lte", "{counter: x, window: day}", "5"),
        ("lt", "{counter: x, window: day}", "4"),
        ("lt", "{counter: x, window: day, increment_from: args.x}", "4.999999999999"),
        ("lte", "{counter: x, window: day, increment: 2}", "5"),
    ],
)
def test_an_intercept_counter_below_a_number_never_reaches_it(op: str, state: str, most: str) -> None:
    rule = f"{{conditions: [{{path: state.x, op: {op}, value: 5}}], state: {state}}}"
    policy = load_policy(f'version: "1"\ntools: {{a: {{rules: [{rule}]}}}}', "p.yaml")
    assert policy.tools[0].limits[0].max == Decimal(most)


def test_an_intercept_rule_that_always_asks_asks_always() -> None:
    policy = load_policy('version: "1"\ntools: {a: {rules: [{action: require_approval}]}}', "p.yaml")
    assert policy.tools[0].approve_if[0].conditions == ()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", "30s"),
        ("90s", "90s"),
        ("1h30m", "90m"),
        ("120m", "2h"),
        ("24h", "1d"),
        ("1500ms", "1500ms"),
        ("0s", "0s"),
    ],
)
def test_lengths_of_time_are_read_and_written(text: str, length: str) -> None:
    assert written(duration(text)) == length
    assert duration(duration(text)) == duration(text)


@pytest.mark.parametrize("text", ["", "5", "5 m", "1w", "m", 5, "367d", "999999999d999999999d", "-5m"])
def test_what_is_no_length_of_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|longer than a year"):
        duration(text)


def test_an_intercept_file_with_its_webhook_loads_and_says_that_it_tells_nobody() -> None:
    policy = load_policy(
        'version: "1"\napprovals: {webhook: {url: "https://x.example"}}\ntools: {a: {rules: []}}', "i.yaml"
    )
    assert policy.dialect == "intercept"
    assert ["tells nobody here" in note for note in policy.notes] == [True]


@pytest.mark.parametrize("key", ["as_", "not_", "schema_"])
def test_a_name_of_the_program_is_no_key_of_a_file(key: str) -> None:
    test = f"tests: [{{name: n, call: {{tool: a}}, {key}: x, expect: {{verdict: deny}}}}]"
    with pytest.raises(PolicyErrors, match=f"unknown key '{key}'"):
        load_policy(f'version: "1"\ndefault: deny\n{test}', "p.yaml")
