"""Runs the official conformance suite and reads what it found.

The suite is a Node program that writes one file of checks a scenario. A check that failed is a miss; a warning is one
too, because the fixture server behind the gateway earns none. A check that was not made, or only noted, does not
count for the suite: against the score of the fixture server itself it is seen, and is a miss as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).parent / "node_modules"
PROGRAM = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
REVISIONS = ("2025-11-25", "2026-07-28")
CLIENT_SCENARIOS = {
    "2025-11-25": (
        "initialize",
        "tools_call",
        "elicitation-sep1034-client-defaults",
        "sse-retry",
        "json-schema-2020-12-preservation",
    ),
    "2026-07-28": (
        "tools_call",
        "request-metadata",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
        "json-schema-2020-12-preservation",
    ),
}
"""All that are not about signing in with OAuth and not about an extension."""

PATIENCE_SECONDS = 300
_RESULT = re.compile(r"(?:server-|client-)?(?P<scenario>.+?)-\d{4}-\d\d-\d\dT[\d-]+Z")
_TOTAL = re.compile(r"^Total: (\d+) passed, (\d+) failed$", re.MULTILINE)
LOST = "LOST"
MISSES = frozenset({"FAILURE", "WARNING", LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing the suite looked at."""

    scenario: str
    id: str
    status: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the suite found in one run."""

    revision: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> int:
        """How many checks succeeded."""
        return Counter(check.status for check in self.checks)["SUCCESS"]

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return Counter(check.status for check in self.checks)["FAILURE"]

    def misses(self) -> dict[str, list[str]]:
        """The ids of missed checks, by scenario."""
        found: dict[str, set[str]] = {}
        for check in self.checks:
            if check.status in MISSES:
                found.setdefault(check.scenario, set()).add(check.id)
        return {scenario: sorted(ids) for scenario, ids in sorted(found.items())}

    def against(self, other: Score) -> Score:
        """The same score, with every check that succeeded more often in the other one as lost."""
        missed = {(scenario, check) for scenario, checks in self.misses().items() for check in checks}
        fewer = other._successes() - self._successes()
        lost = tuple(
            Check(
                scenario=scenario, id=check, status=LOST, message="succeeds without the gateway, and was not made here"
            )
            for scenario, check in sorted(fewer.keys() - missed)
        )
        return Score(revision=self.revision, checks=self.checks + lost)

    def _successes(self) -> Counter[tuple[str, str]]:
        return Counter((check.scenario, check.id) for check in self.checks if check.status == "SUCCESS")

    def __str__(self) -> str:
        return f"{self.revision}: {self.passed} passed, {self.failed} failed"


class SuiteFailed(Exception):
    """The suite did not come to a score; the text is the end of what it printed."""


def installed() -> bool:
    """Whether the suite can be run here."""
    return PROGRAM.exists() and _node() is not None


async def of_server(url: str, revision: str) -> Score:
    """Score a server against everything that a revision requires.

    Raises:
        SuiteFailed: there is no score.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = await _run("server", "--url", url, "--requirements", revision, "-o", folder)
        score = Score(revision=revision, checks=tuple(_read(Path(folder))))
    total = _TOTAL.search(output)
    if total is None or (int(total[1]), int(total[2])) != (score.passed, score.failed):
        raise SuiteFailed(f"its summary does not agree with its files ({score}):\n{output[-2000:]}")
    return score


async def of_client(module: str, revision: str) -> Score:
    """Score a client, run as `python -m module URL`, in every client scenario of a revision.

    Raises:
        SuiteFailed: there is no score.
    """
    checks: list[Check] = []
    for scenario in CLIENT_SCENARIOS[revision]:
        checks += await _of_client(module, revision, scenario)
    return Score(revision=revision, checks=tuple(checks))


async def _of_client(module: str, revision: str, scenario: str) -> list[Check]:
    command = f"{sys.executable} -m {module}"
    with tempfile.TemporaryDirectory() as folder:
        given = ("--command", command, "--scenario", scenario, "--spec-version", revision, "-o", folder)
        output = await _run("client", *given)
        checks = [
            Check(scenario=scenario, id=check.id, status=check.status, message=check.message)
            for check in _read(Path(folder))
        ]
    if not checks:
        raise SuiteFailed(f"{scenario} left no result:\n{output[-2000:]}")
    if "CLIENT EXITED WITH ERROR" in output or "CLIENT TIMED OUT" in output:
        checks.append(Check(scenario=scenario, id="client-exit", status="FAILURE", message="the client failed"))
    return checks


def _read(folder: Path) -> Iterable[Check]:
    for file in sorted(folder.rglob("checks.json")):
        name = _RESULT.fullmatch(file.parent.name)
        scenario = name["scenario"] if name else file.parent.name
        for found in json.loads(file.read_text()):
            message = str(found.get("errorMessage", ""))
            yield Check(scenario=scenario, id=found["id"], status=found["status"], message=message)


async def _run(*arguments: str) -> str:
    node = _node()
    if node is None or not PROGRAM.exists():
        raise SuiteFailed("it is not installed: bash tests/install.sh")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(node), str(PROGRAM), *arguments, cwd=ROOT, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError as err:
        raise SuiteFailed(f"it did not end within {PATIENCE_SECONDS} s") from err
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode(errors="replace")


def _node() -> Path | None:
    """The Node.js that was installed with the suite; where there is none for this machine, the machine's own."""
    for own in sorted(MODULES.glob("node-*/bin/node")):
        return own
    found = shutil.which("node")
    return Path(found) if found else None
