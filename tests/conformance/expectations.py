"""`expected.yml`: what the suite misses today, so that a run can be judged in both directions.

A miss that is not written there is a loss; one that is written there and did not happen is a gain that was not
written down. Either is said with the command that writes the file again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.conformance.suite import Score

FILE = Path(__file__).parent / "expected.yml"
WRITE = "python -m tests.conformance.run --write"
_HEAD = f"""\
# What the conformance suite misses today, by mode and revision: scenario, and the ids of its missed checks.
# direct: the fixture server alone; gateway: the same through Placet; client: Placet's upstream client.
# Written by `{WRITE}`; only ever to shorten it.
"""


def differences(mode: str, score: Score) -> list[str]:
    """How a score differs from what is expected; empty when it does not."""
    expected = _load().get(mode, {}).get(score.revision, {})
    wanted, found = _pairs(expected.get("misses", {})), _pairs(score.misses())
    lines = [f"lost: {scenario}: {check}" for scenario, check in sorted(found - wanted)]
    lines += [f"gained, write it down with `{WRITE}`: {s}: {check}" for s, check in sorted(wanted - found)]
    numbers = (expected.get("passed"), expected.get("failed"))
    if not lines and numbers != (score.passed, score.failed):
        lines.append(f"expected {numbers[0]} passed, {numbers[1]} failed; found {score.passed}, {score.failed}")
    return lines


def write(mode: str, score: Score) -> None:
    """Write down a score as what is expected."""
    every = _load()
    found = {"passed": score.passed, "failed": score.failed, "misses": score.misses()}
    every.setdefault(mode, {})[score.revision] = found
    FILE.write_text(_HEAD + yaml.safe_dump(every, sort_keys=True, width=110))


def _load() -> dict[str, Any]:
    return (yaml.safe_load(FILE.read_text()) or {}) if FILE.exists() else {}


def _pairs(misses: dict[str, list[str]]) -> set[tuple[str, str]]:
    return {(scenario, check) for scenario, checks in misses.items() for check in checks}
