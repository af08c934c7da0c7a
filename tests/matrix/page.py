"""`docs/compatibility.md` out of what the matrix found."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.harness import ROOT
from tests.matrix.drivers import DRIVERS, FOLDER
from tests.matrix.outcomes import Outcome
from tests.matrix.run import Cell, Key
from tests.matrix.servers import SERVERS

PAGE = ROOT / "docs" / "compatibility.md"
_MODULES = (FOLDER / "node_modules", ROOT / "tests" / "npm" / "node_modules")
_ENVIRONMENTS = (Path(sys.prefix), ROOT / ".venv-mcp1", ROOT / ".venv-fastmcp")
_HEAD = """# Compatibility

Every client below was put before every server below, with Placet between them, and made four calls: one that the policy
allows, one that it denies, one that is held and then approved by a person, and one that is held and then denied. A cell
is good when the client was told what it should be, in words it shows to its model, and when Placet's own record agrees:
an approved call was asked about and ran once, a denied one never.

This page is written by `python -m tests.matrix --write`. `make test` runs the whole matrix and fails when a cell is not
good, or when the page does not say what was found.

## The matrix

✓ for each of: {outcomes}.
"""
_MISSING = "not installed"


def version_of(package: str) -> str:
    """The version of a package as it is installed for the tests; `mcp 1` and `mcp 2` are told apart."""
    for modules in _MODULES:
        if (file := modules / package / "package.json").exists():
            return str(json.loads(file.read_text(encoding="utf-8"))["version"])
    name, _, major = package.partition(" ")
    for environment in _ENVIRONMENTS:
        for folder in environment.glob(f"lib/python3*/site-packages/{name.replace('-', '_')}-*.dist-info"):
            version = folder.name.removesuffix(".dist-info").rpartition("-")[2]
            if version.startswith(major):
                return version
    return _MISSING


def _row(*parts: str) -> str:
    return "| " + " | ".join(parts) + " |"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(*head), "|" + "---|" * len(head), *(_row(*row) for row in rows), ""]


def _cells(found: Mapping[Key, Cell]) -> tuple[list[list[str]], list[str]]:
    """The rows of the matrix, and a line for each thing that is not good."""
    rows, problems = [], []
    for server in SERVERS:
        row = [f"{server.title}, {server.transport}"]
        for driver in DRIVERS:
            marks = ""
            for outcome in Outcome:
                problem = found[driver.name, server.name, outcome].problem
                marks += "✓" if problem is None else "✗"
                if problem is not None:
                    problems.append(f"- {driver.title}, {row[0]}, {outcome.label}: {problem}")
            row.append(marks)
        rows.append(row)
    return rows, problems


def page(found: Mapping[Key, Cell]) -> str:
    """The whole page."""
    rows, problems = _cells(found)
    lines = [_HEAD.format(outcomes=", ".join(outcome.label for outcome in Outcome))]
    lines += _table(["", *(driver.title for driver in DRIVERS)], rows)
    lines += [*problems, ""] if problems else []
    lines += ["## The clients", ""]
    lines += _table(
        ["Client", "Package", "Version", "Speaks", "A held call waits"],
        [
            [
                driver.title, driver.package.partition(" ")[0], version_of(driver.package), driver.speaks,
                "as a task" if driver.takes_tasks else "on an open stream",
            ]
            for driver in DRIVERS
        ],
    )  # fmt: skip
    lines += ["## The servers", ""]
    lines += _table(
        ["Server", "Package", "Version", "Over", "Tool that was called"],
        [
            [server.title, server.package, version_of(server.package), server.transport, f"`{server.tool}`"]
            for server in SERVERS
        ],
    )
    lines += [f"{server.title}: {server.note}\n" for server in SERVERS if server.note]
    return "\n".join(lines).rstrip("\n") + "\n" + _WAITS + _PAGES


_WAITS = """
## Long waits

A person may take ten minutes; a client's clock may not. These were tried with the clients' own clocks, with all times
scaled down (`tests/matrix/test_long_waits.py`). In each case a person decides once, and the call runs once.

| Client | Its clock | How the outcome reaches it |
|---|---|---|
| TS sdk 1 with `resetTimeoutOnProgress`, as Claude Code | 5 minutes without progress | one open stream, with progress |
| The same, where the hold is shorter than the wait | 5 minutes without progress | pending, and it calls again |
| TS sdk 1 and client 2 without progress | 60 seconds | pending, and it calls again |
| TS client 2 with progress that it does not heed | 60 seconds | it gives up and calls again; later, pending in time |
| fastmcp 4 | none | a task that it asks after |
| mcp 2 over `placet stdio` | 60 seconds | pending, and it calls again |
| The same with progress | none | one call; the bridge calls again for it |

Pending is a result in words that the model reads: it says to call again with the same arguments, and that call joins
the request that is open. The hold is `approvals.hold` of the [configuration](configuration.md). Where clients of a kind
gave up twice after the same time, Placet answers the next of them before that.
"""


_PAGES = """
## Opening the page

Where a rule says `self_service: true`, a client that can open addresses asks its user to open the page of the request.
These were tried with a user who opens the page and decides there, and with one who does not open it
(`tests/matrix/test_pages_to_open.py`, `tests/acceptance/test_self_service.py`). Each user was asked once, and each
approved call ran once.

| Client | Speaks | Its user is asked | Where the user does not open it |
|---|---|---|---|
| mcp 2, TS client 2 | 2026-07-28 | by a round trip before the hold | pending at once |
| fastmcp 4 | 2026-07-28 | by a round trip; the wait is a task | pending at once |
| mcp 2, mcp 1, TS sdk 1, TS client 2 | 2025-11-25 | on the stream of the held call | the call is held all the same |
| mcp 2 over `placet stdio` | both | as without it | as without it |

A client that does not declare `elicitation.url` is held as under any other rule, and the pending answer names the page.
"""


def write(found: Mapping[Key, Cell], path: Path = PAGE) -> bool:
    """Write the page; whether it changed."""
    text = page(found)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True
