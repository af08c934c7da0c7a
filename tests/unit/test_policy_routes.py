"""Approval blocks into terms: specific over general, and never looser than any rule that asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvals.domain.terms import Escalation, Factor, OnTimeout, Terms
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import ApprovalBlock, ApprovalSpec, Facts, Policy
from gateway.policy.routes import ApprovalDefaults, NobodyToAsk, askers, terms

DEFAULTS = ApprovalDefaults(reviewers=("group:ops",), timeout=timedelta(minutes=9), channels=("web",))


def policy(tools: str) -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\ntools: {tools}\n', "p.yaml")


def asked(layers: Any, amount: int = 5) -> Terms:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    facts = Facts(server="s", tool="pay", arguments={"amount": amount}, agent="a", now=now)
    spec = evaluate(layers, facts).approval
    assert spec is not None
    return terms(spec, DEFAULTS)


def test_a_rule_without_a_block_asks_as_the_configuration_says() -> None:
    found = asked(policy("{pay: {action: require_approval}}"))
    assert found == Terms(factors=(Factor(members=("group:ops",)),), timeout=timedelta(minutes=9), channels=("web",))


def test_a_more_specific_entry_overrides_the_block_of_a_wider_one_key_by_key() -> None:
    found = asked(
        policy(
            '{"*": {action: require_approval, approval: {reviewers: ["group:a"], timeout: 1h, four_eyes: true}},'
            " pay: {approval: {timeout: 2m}}}"
        )
    )
    assert (found.factors[0].members, found.timeout, found.four_eyes) == (("group:a",), timedelta(minutes=2), True)


def test_a_quorum_over_factors_of_a_wider_rule_never_asks_for_fewer() -> None:
    found = asked(
        policy(
            '{"*": {approval: {factors: [{group: a, count: 2}]}},'
            " pay: {action: require_approval, approval: {quorum: 3}}}"
        )
    )
    assert found.factors == (Factor(members=("group:a",), count=3),)


def test_two_rules_that_ask_must_both_be_satisfied() -> None:
    found = asked(
        policy(
            "{pay: {action: require_approval, approval: {reviewers: ['group:a'], timeout: 30m},"
            " approve_if: [{conditions: [{path: args.amount, op: gt, value: 100}],"
            " approval: {factors: [{group: b, count: 2}], timeout: 5m, grants: never}}]}}"
        ),
        amount=500,
    )
    assert {(f.members, f.count) for f in found.factors} == {(("group:a",), 1), (("group:b",), 2)}
    assert (found.timeout, found.grants) == (timedelta(minutes=5), "never")


def test_layers_that_ask_are_joined_at_their_strictest() -> None:
    outer = policy("{pay: {action: require_approval, approval: {reviewers: ['group:a'], quorum: 2, four_eyes: true}}}")
    inner = policy(
        "{pay: {action: require_approval, approval: {reviewers: ['group:a'], on_timeout: allow,"
        " execute_on_approve: true,"
        " channels: ['slack:#x']}}}"
    )
    found = asked([outer, inner])
    assert found.factors == (Factor(members=("group:a",), count=2),)
    assert (found.four_eyes, found.on_timeout, found.execute_on_approve) == (True, OnTimeout.DENY, False)
    assert found.channels == ("web", "slack:#x")


def test_the_page_is_shown_to_the_owner_where_every_rule_that_asks_says_so() -> None:
    shown = "{pay: {action: require_approval, approval: {self_service: true}}}"
    assert asked(policy(shown)).self_service
    assert not asked([policy(shown), policy("{pay: {action: require_approval}}")]).self_service
    four_eyes = policy("{pay: {action: require_approval, approval: {four_eyes: true}}}")
    joined = asked([policy(shown), four_eyes])
    assert (joined.four_eyes, joined.self_service) == (True, False)


def test_an_entry_for_a_class_of_risk_that_wants_four_eyes_keeps_the_owner_out() -> None:
    found = asked(
        policy(
            '{"risk:write": {action: require_approval, approval: {four_eyes: true}},'
            " pay: {approval: {self_service: true}}}"
        )
    )
    assert (found.four_eyes, found.self_service) == (True, False)


def test_silence_allows_only_where_the_rule_says_so() -> None:
    found = asked(policy("{pay: {action: require_approval, approval: {on_timeout: allow}}}"))
    assert found.on_timeout is OnTimeout.ALLOW
    with pytest.raises(ValueError, match="said by a rule itself"):
        ApprovalDefaults(on_timeout=OnTimeout.ALLOW)


def test_an_approval_that_names_nobody_is_an_error_and_not_an_open_door() -> None:
    with pytest.raises(NobodyToAsk):
        terms(ApprovalSpec(), ApprovalDefaults())


def test_every_rule_that_may_ask_is_known_before_any_call() -> None:
    judged = policy(
        '{"*": {approval: {reviewers: ["group:wide"]}}, "risk:write": {action: require_approval},'
        " pay: {approve_if: [{conditions: [{path: args.x, op: eq, value: 1}]}],"
        " limits: [{counter: c, window: day, max: 5, on_exceed: require_approval}]},"
        " quiet: {action: require_approval, mode: shadow}}"
    )
    found = {asker.rule: asker.spec.parts[0].reviewers for asker in askers(judged)}
    assert found == {
        "/tools/risk:write/action": ("group:wide",),
        "/tools/pay/approve_if/0": ("group:wide",),
        "/tools/pay/limits/0": ("group:wide",),
    }


ONCALL = "escalate: [{after: 1m, to: ['group:oncall'], timeout: 30m}]"


def test_a_chain_of_the_configuration_is_for_rules_without_one() -> None:
    step = Escalation(after=timedelta(minutes=1), to=("group:boss",))
    spec = evaluate(
        policy("{pay: {action: require_approval}}"),
        Facts(server="s", tool="pay", arguments={}, agent="a", now=datetime(2026, 11, 24, tzinfo=UTC)),
    ).approval
    assert spec is not None
    assert terms(spec, replace(DEFAULTS, escalate=(step,))).escalate == (step,)
    assert terms(ApprovalSpec(parts=(ApprovalBlock(escalate=()),)), replace(DEFAULTS, escalate=(step,))).escalate == ()


def test_the_chain_of_one_layer_widens_nothing_that_another_asks() -> None:
    outer = policy("{pay: {action: require_approval, approval: {reviewers: ['group:a']}}}")
    inner = policy(f"{{pay: {{action: require_approval, approval: {{reviewers: ['group:b'], {ONCALL}}}}}}}")
    found = asked([outer, inner])
    (step,) = found.escalate
    assert [factor.members for factor in found.factors] == [("group:a",), ("group:b",)]
    assert (step.widens, step.timeout) == ((1,), None)


def test_a_chain_about_whom_both_layers_ask_needs_to_be_in_both() -> None:
    plain = "{pay: {action: require_approval, approval: {reviewers: ['group:a']}}}"
    chained = f"{{pay: {{action: require_approval, approval: {{reviewers: ['group:a'], {ONCALL}}}}}}}"
    assert asked([policy(plain), policy(chained)]).escalate == ()
    step = Escalation(after=timedelta(minutes=1), to=("group:oncall",), timeout=timedelta(minutes=30))
    assert asked([policy(chained), policy(chained)]).escalate == (step,)
