"""`python -m tests.conformance.run`: score the gateway with the official suite, one line a revision.

Without an option, `placet serve` stands in front of the fixture server. `--direct` scores the fixture server itself,
`--client` the gateway's upstream client. Ends with 1 where the score is not what `expected.yml` says.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance import expectations, peers
from tests.conformance.suite import MISSES, REVISIONS, Score, SuiteFailed, of_client, of_server

MODES = ("gateway", "direct", "client")
_WIDTH = 160


async def score(mode: str, revision: str, folder: Path) -> Score:
    """One run of the suite.

    Raises:
        SuiteFailed: there is no score.
    """
    if mode == "client":
        return await of_client("tests.conformance.client", revision)
    async with peers.fixture(folder) as upstream:
        direct = await of_server(upstream, revision)
        if mode == "direct":
            return direct
        async with peers.gateway(folder, upstream) as url:
            return (await of_server(url, revision)).against(direct)


def show(found: Score) -> None:
    """Print a score, and why each missed check was missed."""
    print(found)
    for check in found.checks:
        if check.status in MISSES:
            said = " ".join(check.message.split())
            print(f"  {check.status.lower()} {check.scenario}: {check.id}: {said}"[:_WIDTH])


async def _main(mode: str, revisions: list[str], *, write: bool, quiet: bool) -> int:
    different = False
    for revision in revisions:
        with tempfile.TemporaryDirectory() as folder:
            found = await score(mode, revision, Path(folder))
        if quiet:
            print(found)
        else:
            show(found)
        if write:
            expectations.write(mode, found)
        for line in expectations.differences(mode, found):
            print(f"  {line}")
            different = True
    return int(different)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--direct", dest="mode", action="store_const", const="direct", help="the fixture server alone")
    modes.add_argument("--client", dest="mode", action="store_const", const="client", help="the upstream client")
    parser.add_argument("--write", action="store_true", help="write the score down as what is expected")
    parser.add_argument("--quiet", action="store_true", help="only the numbers")
    parser.add_argument("revisions", nargs="*", default=[], help=f"of {', '.join(REVISIONS)}; both by default")
    options = parser.parse_args()
    if unknown := [revision for revision in options.revisions if revision not in REVISIONS]:
        parser.error(f"unknown revision {unknown[0]}; known are {', '.join(REVISIONS)}")
    revisions = options.revisions or list(REVISIONS)
    try:
        code = asyncio.run(_main(options.mode or "gateway", revisions, write=options.write, quiet=options.quiet))
    except SuiteFailed as err:
        sys.exit(f"The conformance suite gave no score: {err}")
    sys.exit(code)


if __name__ == "__main__":
    main()
