"""`python -m tests.matrix`: run the matrix, say what is not good; with `--write`, write the page as well."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.matrix.page import PAGE, write
from tests.matrix.run import cells


def main() -> int:
    """The command: 0 when every cell is good."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(cells(Path(folder)))
    bad = [cell for cell in found.values() if cell.problem is not None]
    for cell in bad:
        print(f"{cell.client}, {cell.server}, {cell.outcome.label}: {cell.problem}")
    print(f"{len(found)} cells, {len(bad)} not good")
    if chosen.write:
        print(f"wrote {PAGE.name}" if write(found) else f"{PAGE.name} is up to date")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
