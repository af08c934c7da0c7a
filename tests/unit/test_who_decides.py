"""Who is asked: routes by server, tool, argument, agent, owner and risk; factors; and what names nobody is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvals.domain.missing import missing
from approvals.domain.model import Person, PersonId, Role
from approvals.domain.terms import Factor
from approvals.testing import samples
from gateway.config import ConfigErrors, load_config
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, Risk, RiskClass, Verdict
from gateway.policy.routes import ApprovalDefaults, terms
from gateway.protocol import answers

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ROUTES = """
version: "1"
default: deny
tools:
  "*": {action: require_approval, approval: {reviewers: ["group:anybody"]}}
  "risk:financial": {approval: {reviewers: ["group:finance"]}}
  pay:
    approval: {reviewers: ["group:clerks"]}
    approve_if:
      - conditions: [{path: args.amount, op: gt, value: 1000}]
        approval: {factors: [{group: finance, count: 2}, {group: security, count: 1}], four_eyes: true}
      - when: agent == "bot-7"
        approval: {reviewers: ["group:keepers"]}
      - when: owner == "eve@example.com"
        approval: {reviewers: [boss@example.com]}
"""
BANK = 'version: "1"\ndefault: deny\ntools: {"*": {action: require_approval, approval: {reviewers: ["group:bank"]}}}\n'
AGENTS = (
    'version: "1"\ndefault: allow\ntools: {pay: {action: require_approval, approval: {reviewers: ["group:mine"]}}}\n'
)


def policy(text: str) -> Policy:
    return load_policy(text, "p.yaml")


def asked(layers: Any, **but: Any) -> dict[tuple[str, ...], int]:
    """Who must approve a call, and how many of them."""
    given: dict[str, Any] = {"server": "shop", "tool": "pay", "agent": "claude", "owner": "ada@example.com"}
    facts = Facts(**{**given, "arguments": {"amount": 5}, "now": NOW, **but})
    ruling = evaluate(layers, facts)
    assert ruling.verdict is Verdict.REQUIRE_APPROVAL
    assert ruling.approval is not None
    wanted = terms(ruling.approval, ApprovalDefaults(reviewers=("group:ops",)))
    return {factor.members: factor.count for factor in wanted.factors}


CLERKS, FINANCE = {("group:clerks",): 1}, {("group:finance",): 1}


@pytest.mark.parametrize(
    ("layers", "but", "who"),
    [
        pytest.param([ROUTES], {"tool": "look"}, {("group:anybody",): 1}, id="by tool: any other"),
        pytest.param([ROUTES], {}, CLERKS, id="by tool: this one"),
        pytest.param([ROUTES], {"tool": "buy", "risk": Risk(kind=RiskClass.FINANCIAL)}, FINANCE, id="by risk"),
        pytest.param(
            [ROUTES],
            {"arguments": {"amount": 1001}},
            {**CLERKS, ("group:finance",): 2, ("group:security",): 1},
            id="by argument, as factors beside the tool's",
        ),
        pytest.param([ROUTES], {"agent": "bot-7"}, {**CLERKS, ("group:keepers",): 1}, id="by agent"),
        pytest.param([ROUTES], {"owner": "eve@example.com"}, {**CLERKS, ("boss@example.com",): 1}, id="by owner"),
        pytest.param([BANK], {"server": "bank"}, {("group:bank",): 1}, id="by server: each has its own policy"),
        pytest.param([ROUTES, AGENTS], {}, {**CLERKS, ("group:mine",): 1}, id="by agent: a layer of its own"),
    ],
)
def test_a_call_is_routed(layers: list[str], but: dict[str, Any], who: dict[tuple[str, ...], int]) -> None:
    assert asked([policy(text) for text in layers], **but) == who


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        pytest.param("{reviewers: []}", "at least 1", id="no reviewers"),
        pytest.param("{reviewers: ['']}", "at least 1", id="a reviewer without a name"),
        pytest.param("{reviewers: ['group:']}", "group", id="a group without a name"),
        pytest.param("{quorum: 0}", "greater than or equal to 1", id="a quorum of nobody"),
        pytest.param("{factors: []}", "at least 1", id="no factors"),
        pytest.param("{factors: [{group: a, count: 0}]}", "greater than or equal to 1", id="a factor of nobody"),
        pytest.param("{factors: [{group: a, count: -1}]}", "greater than or equal to 1", id="a negative factor"),
        pytest.param("{factors: [{group: a}]}", "'count' is missing", id="a factor without a count"),
        pytest.param("{factors: [{count: 1}]}", "'group' is missing", id="a factor without a group"),
        pytest.param("{factors: [{group: '', count: 1}]}", "at least 1", id="a factor of a group without a name"),
    ],
)
def test_what_names_nobody_is_refused_at_its_line(approval: str, why: str) -> None:
    with pytest.raises(PolicyErrors) as refused:
        policy(f'version: "1"\ndefault: deny\ntools:\n  pay: {{action: require_approval, approval: {approval}}}\n')
    assert why in str(refused.value)
    assert all(problem.line == 4 for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        pytest.param("{reviewers: ['group:ghosts']}", "nobody is in a group 'ghosts'", id="a group of nobody"),
        pytest.param(
            "{factors: [{group: ops, count: 2}]}", "2 of group:ops must approve, and only 1 can", id="too few"
        ),
        pytest.param("{reviewers: [zoe@example.com]}", "there is no person 'zoe@example.com'", id="nobody known"),
        pytest.param("{reviewers: ['group:readers']}", "has the role reviewer", id="nobody with the role"),
        pytest.param("{}", "nobody is named to give it", id="an empty list of the configuration means nobody"),
    ],
)
def test_a_rule_that_nobody_could_satisfy_is_refused_with_its_line(approval: str, why: str, tmp_path: Path) -> None:
    tool = f"pay: {{action: require_approval, approval: {approval}}}"
    (tmp_path / "p.yaml").write_text(f'version: "1"\ndefault: deny\ntools:\n  {tool}\n')
    (tmp_path / "placet.yaml").write_text(
        "servers: {s: {url: 'https://x', policy: p.yaml}}\n"
        "people:\n"
        "  ada@example.com: {roles: [reviewer], groups: [ops]}\n"
        "  vera@example.com: {roles: [viewer], groups: [readers]}\n"
    )
    with pytest.raises(ConfigErrors) as refused:
        load_config(tmp_path / "placet.yaml", {})
    assert [(p.line, why in p.message) for p in refused.value.problems] == [(4, True)]


def person(name: str, *groups: str, role: Role = Role.REVIEWER, **but: Any) -> Person:
    id_ = PersonId(f"{name}@example.com")
    return Person(id=id_, name=name.title(), roles=frozenset({role}), groups=frozenset(groups), **but)


TWO = (Factor(members=("group:finance",), count=2), Factor(members=("group:security",)))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        pytest.param([person("a", "finance"), person("b", "finance", "security")], (), id="enough, one for both"),
        pytest.param(
            [person("a", "finance"), person("b", "security")],
            ("2 of finance must approve, and only 1 can now",),
            id="one too few",
        ),
        pytest.param(
            [person("a", "finance"), person("b", "finance")],
            ("nobody can approve for security now",),
            id="a group of nobody",
        ),
        pytest.param(
            [person("a", "finance"), person("b", "finance", "security", disabled=True), person("c", "finance")],
            ("nobody can approve for security now",),
            id="its only member is disabled",
        ),
        pytest.param(
            [person("a", "finance"), person("b", "finance"), person("v", "security", role=Role.VIEWER)],
            ("nobody can approve for security now",),
            id="its only member may only look",
        ),
        pytest.param(
            [],
            ("nobody can approve for finance now", "nobody can approve for security now"),
            id="nobody at all",
        ),
    ],
)
def test_a_request_says_at_once_who_is_missing(people: list[Person], said: tuple[str, ...]) -> None:
    assert missing(samples.request(given=samples.terms(*TWO)), people) == said


def test_a_delegate_helps_and_takes_one_place_only() -> None:
    away = person("a", "security")
    request = samples.request(given=samples.terms(*TWO))
    there = [person("b", "finance"), person("c", "finance", stands_for=(away,))]
    assert missing(request, there) == ()
    assert missing(
        request, [person("c", "finance", stands_for=(person("b", "finance"),)), person("s", "security")]
    ) == ("2 of finance must approve, and only 1 can now",)


def test_the_agent_is_told_so_too() -> None:
    request = samples.request(given=samples.terms(*TWO))
    plain = answers.pending(request, url="https://p/1")
    told = answers.about(request, url="https://p/1", missing=missing(request, []))
    assert b"cannot be approved" not in plain
    assert isinstance(told, bytes)
    said = (
        b"As things are it cannot be approved: nobody can approve for finance now; nobody can approve for security now."
    )
    assert said in told


def test_the_owner_is_no_help_under_four_eyes() -> None:
    given = samples.terms(Factor(members=("group:finance",)), four_eyes=True)
    request = samples.request(given=given, owner="ada@example.com")
    assert missing(request, [person("ada", "finance")]) == ("nobody can approve for finance now",)
