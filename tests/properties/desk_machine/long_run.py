"""Many runs of the machine: `python -m tests.properties.desk_machine.long_run --runs 5000 --processes 2`.

A process makes its runs in lots, each from a seed of its own that is printed with what became of it. What a lot finds
is told at the end, step by step, and the others go on; `--shortest` shrinks it first.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
import traceback
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, seed, settings

from tests.properties.desk_machine.rules import DeskMachine

LOT = 125


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """So many runs of so many steps, from one seed; what is found is told as it is, or in its shortest form."""

    seed: int
    runs: int
    steps: int
    phases: tuple[Phase, ...]


AS_IT_IS, SHORTEST = (Phase.generate,), (Phase.generate, Phase.shrink)


def several(runs: int, *, steps: int, phases: tuple[Phase, ...] = SHORTEST) -> settings:
    """The settings of so many runs; what was found before is not remembered, so that a seed says everything."""
    return settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def make(lot: Lot) -> str | None:
    """Make the runs of a lot; what they found, if anything."""
    logging.disable(logging.CRITICAL)
    began = time.monotonic()

    class Machine(DeskMachine):
        """Of this lot."""

    case = seed(lot.seed)(Machine).TestCase
    case.settings = several(lot.runs, steps=lot.steps, phases=lot.phases)
    found: str | None = None
    try:
        case("runTest").runTest()
    except Exception:  # noqa: BLE001 - told at the end; the other lots go on
        found = traceback.format_exc()
    word = "found something" if found else "held"
    print(f"seed {lot.seed}: {lot.runs} runs {word} ({time.monotonic() - began:.0f} s)", flush=True)
    return found


def main() -> int:
    """Make them all; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--shortest", action="store_true", help="shrink what is found, which takes its time")
    asked = parser.parse_args()
    phases = SHORTEST if asked.shortest else AS_IT_IS
    seeds = range(asked.seed, asked.seed + -(-asked.runs // LOT))
    lots = [Lot(seed=one, runs=LOT, steps=asked.steps, phases=phases) for one in seeds]
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        found = [one for one in pool.imap_unordered(make, lots) if one is not None]
    for one in found:
        print(one)
    told = f"{len(lots) * LOT} runs of {asked.steps} steps, seeds {seeds[0]} to {seeds[-1]}"
    print(f"{told}: {len(found)} lots found something")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
