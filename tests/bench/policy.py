"""What judging one call costs, and what other rules add to it: `make bench`, or `python -m tests.bench.policy`.

Printed as microseconds a call and as ratios to a policy with one rule, measured in turns so that a busy machine
slows them alike. Rules that name other tools should cost nothing: a ratio near 1. Speed is never a test's matter.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy, Ruling, Verdict

ROUNDS = 9
CALLS = 400
RULES = 1_000
FACTS = Facts(
    server="bank",
    tool="pay",
    arguments={"to": "acme", "amount": 50, "currency": "USD"},
    agent="ada",
    now=datetime(2026, 1, 1, tzinfo=UTC),
)
PAY = """
  pay:
    require: [{conditions: [{path: args.currency, op: in, value: [USD, EUR]}]}]
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 10000}]}]
    rate_limit: 30/minute
"""


def policy(others: str = "", pay: str = PAY) -> Policy:
    """A policy with the rules of `pay`, and others before and after."""
    return load_policy(f'version: "1"\ndefault: deny\ntools:{pay}{others}\n', "bench.yaml")


def cases() -> dict[str, Policy]:
    """What is compared; the first is the measure of the others."""
    exact = "".join(f"  tool_{n}: {{rate_limit: 30/minute}}\n" for n in range(RULES))
    globs = "".join(f"  team{n}_*: {{action: deny}}\n" for n in range(RULES))
    conditions = ", ".join(
        f"{{conditions: [{{path: args.amount, op: eq, value: {10_000 + n}}}]}}" for n in range(RULES)
    )
    return {
        "one rule": policy(),
        f"and {RULES} exact names of other tools": policy(exact),
        f"and {RULES} globs of other tools": policy(globs),
        f"and {RULES} conditions on this tool": policy(pay=f"\n  pay: {{deny_if: [{conditions}]}}\n"),
    }


def measure(judge: Callable[[Policy], Ruling | bool], policies: dict[str, Policy]) -> dict[str, float]:
    """CPU microseconds for one judgement by each policy: the median of rounds in turns."""
    found: dict[str, list[float]] = {name: [] for name in policies}
    for _ in range(ROUNDS):
        for name, one in policies.items():
            calls = CALLS if "conditions" not in name else CALLS // 40
            began = time.process_time()
            for _ in range(calls):
                judge(one)
            found[name].append((time.process_time() - began) / calls * 1e6)
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Print the table."""
    policies = cases()
    for one in policies.values():
        assert evaluate(one, FACTS).verdict is Verdict.ALLOW
    for title, judge in (
        ("one call judged", lambda one: evaluate(one, FACTS)),
        ("one tool looked at for a list", lambda one: listing(one, "pay")),
    ):
        times = measure(judge, policies)
        base = times["one rule"]
        print(title)
        for name, spent in times.items():
            print(f"  {spent:8.1f} µs  x {spent / base:6.2f}  {name}")


if __name__ == "__main__":
    main()
