"""The tests that stand in a policy file: calls, and what they must get (contract.md 7).

A test judges its call as the gateway would: the policy, then the limits, with the counters it gives and at the time it
names. They run whenever the file is loaded, so a policy that no longer does what its author said never comes into
force. Nothing here reads a clock: a test without `at` is on a Wednesday at noon.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.policy.budgets import Budgets
from gateway.policy.collecting import Collector
from gateway.policy.evaluate import evaluate, listing
from gateway.policy.limit import Limit
from gateway.policy.model import Evidence, Facts, Policy, Risk, RiskClass, ToolRules, Trial, Verdict
from gateway.policy.risk import classify
from gateway.policy.shapes import TrialShape
from gateway.policy.source import Problem, nearest, pointer
from gateway.policy.texts import shown
from gateway.policy.trial_work import work
from gateway.policy.verdicts import Final, final

WEDNESDAY_NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)
SOMEBODY = "somebody"
THE_TEST = Evidence(where="policy", says="the test says so")
MOST_WORK = 250_000
"""How much work the tests of one file may be, about a second: a file that takes minutes to load is no policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One test that was run: what the call got, and everything that is not as expected."""

    trial: Trial
    final: Final
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Is everything as expected?"""
        return not self.failures


class TooLong(Exception):
    """The tests of a file take too much work; `trial` is the first that was not judged."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(
            "the tests up to this one take too much work to run whenever the file is loaded; take some out"
        )
        self.trial = trial


def compiled(notes: Collector, shapes: Sequence[TrialShape]) -> tuple[Trial, ...]:
    """The tests of a file."""
    named: dict[str, int] = {}
    for index, shape in enumerate(shapes):
        if named.setdefault(shape.name, index) != index:
            notes.problem(("tests", index, "name"), f"two tests have the name {shown(shape.name)}")
    return tuple(_trial(shape, pointer(("tests", index))) for index, shape in enumerate(shapes))


def _trial(shape: TrialShape, where: str) -> Trial:
    expect = shape.expect
    return Trial(
        pointer=where,
        name=shape.name,
        tool=shape.call.tool,
        arguments=shape.call.arguments,
        server=shape.server,
        agent=shape.as_,
        owner=shape.owner,
        at=shape.at,
        risk=RiskClass(shape.risk) if shape.risk else None,
        given=dict(shape.given),
        verdict=Verdict(expect.verdict),
        rule=expect.rule,
        reason=expect.reason,
        listed=expect.listed,
    )


def run(policies: Sequence[Policy], trials: Sequence[Trial]) -> tuple[Tried, ...]:
    """Run tests against layers of policies, each on its own: what one takes from a limit is not seen by the next.

    Raises:
        TooLong: together they take more than a moment.
    """
    counters = {limit.counter for policy in policies for limit in _limits(policy)}
    done, spent = list[Tried](), 0
    for trial in trials:
        spent += work(policies, facts_of(trial))
        if spent > MOST_WORK:
            raise TooLong(trial)
        done.append(_run(policies, trial, counters))
    return tuple(done)


def _run(policies: Sequence[Policy], trial: Trial, counters: Collection[str]) -> Tried:
    facts = facts_of(trial)
    ruling = evaluate(policies, facts)
    budgets = Budgets()
    budgets.begin(ruling.limits, trial.given, facts.now)
    got = final(ruling, budgets.check(ruling.limits, facts.now))
    listed = listing(policies, trial.tool, facts.risk.kind)
    failures = (*_unknown(trial, counters), *_failures(trial, got, listed=listed))
    return Tried(trial=trial, final=got, failures=failures)


def _limits(policy: Policy) -> Iterator[Limit]:
    yield from policy.limits
    for entry in policy.tools:
        yield from entry.limits


def _unknown(trial: Trial, counters: Collection[str]) -> Iterator[str]:
    for counter in sorted(trial.given.keys() - set(counters)):
        hint = nearest(counter, counters) or "known: " + (", ".join(sorted(counters)) or "none")
        yield f"no limit counts {shown(counter)}; {hint}"


def problems(policies: Sequence[Policy], policy: Policy) -> tuple[Problem, ...]:
    """Every test of a policy that fails, at its place; `policies` are what it is judged with, itself among them."""
    try:
        tried = run(policies, policy.tests)
    except TooLong as err:
        return (_problem(policy, err.trial, str(err)),)
    return tuple(
        _problem(policy, one.trial, f"the test {shown(one.trial.name)} fails: {failure}")
        for one in tried
        for failure in one.failures
    )


def _problem(policy: Policy, trial: Trial, message: str) -> Problem:
    line, column = policy.place(trial.pointer)
    return Problem(file=policy.name, line=line, column=column, pointer=trial.pointer, message=message)


def facts_of(trial: Trial) -> Facts:
    """The call of a test as the policy sees it. The risk is judged by the name, unless the test says it."""
    guessed = classify({"name": trial.tool})
    return Facts(
        server=trial.server or "server",
        tool=trial.tool,
        arguments=trial.arguments,
        agent=trial.agent or SOMEBODY,
        owner=trial.owner,
        now=trial.at or WEDNESDAY_NOON,
        risk=guessed if trial.risk is None else Risk(kind=trial.risk, evidence=(THE_TEST,)),
    )


def _failures(trial: Trial, got: Final, *, listed: bool) -> Iterator[str]:
    by_rule = trial.rule is not None and trial.rule != got.rule
    if trial.verdict is not got.verdict or by_rule:
        expected = f"{trial.verdict} by {trial.rule}" if trial.rule is not None else trial.verdict.value
        yield f"expected {expected}, got {got.verdict} by {got.rule or 'nothing'}: {why(got)}"
    elif trial.reason is not None and trial.reason not in (got.reason or ""):
        yield f"expected the reason to say {shown(trial.reason)}, it is {shown(got.reason or '')}"
    if trial.listed is not None and trial.listed is not listed:
        yield f"expected the tool to be {_listed(trial.listed)}, it is {_listed(listed)}"


def _listed(listed: bool) -> str:  # noqa: FBT001 (a word for each of the two)
    return "listed" if listed else "not listed"


def why(got: Final) -> str:
    """Why the deciding rule decided: the value that failed, or the words of the limit."""
    said = [one.why for one in got.ruling.trace if one.rule == got.rule and one.matched]
    return said[0] if said and got.verdict is got.ruling.verdict else got.reason or "no rule says why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What tests leave untried: rules that none of them looks at, and rules that were looked at and never matched."""

    unreached: tuple[str, ...]
    unmatched: tuple[str, ...]


def coverage(policy: Policy, tried: Sequence[Tried]) -> Coverage:
    """What the tests of a policy leave untried. A limit matches when it has no room."""
    seen = {one.rule for each in tried for one in each.final.ruling.trace if one.policy == policy.name}
    matched = {one.rule for each in tried for one in each.final.ruling.trace if one.matched}
    for each in tried:
        seen |= {standing.rule for standing in each.final.standings}
        seen |= {use.limit.pointer for use in each.final.ruling.limits}
        matched.add(each.final.rule)
    rules = rules_of(policy)
    return Coverage(
        unreached=tuple(rule for rule in rules if rule not in seen | matched),
        unmatched=tuple(rule for rule in rules if rule in seen and rule not in matched),
    )


def rules_of(policy: Policy) -> tuple[str, ...]:
    """Every rule of a policy by its pointer, in the order of the file."""
    found = [rule for rule, _ in policy.hide] + [limit.pointer for limit in policy.limits]
    for entry in policy.tools:
        found += _rules_of(entry)
    return (*dict.fromkeys(found), "/default")


def _rules_of(entry: ToolRules) -> Iterator[str]:
    yield f"{entry.pointer}/action" if entry.action_said else entry.pointer
    if entry.schedule is not None:
        yield entry.schedule.pointer
    if entry.when is not None:
        yield entry.when.pointer
    if entry.unwrap is not None:
        yield entry.unwrap.pointer
    for rule in (*entry.require, *entry.deny_if, *entry.approve_if):
        yield rule.pointer
    for limit in entry.limits:
        yield limit.pointer
