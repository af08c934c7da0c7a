"""The servers of the matrix: how each is started, its one harmless tool, and what marks a call for each outcome.

The policy judges the same tool by one argument, so that allowed and denied differ in nothing else. Nothing here needs
the network: `fetch` reads a page of ours, and `binance` finds the exchange behind a proxy that does not answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.harness import BIN, MCP1_BIN, NPM_BIN, ROOT, policy
from tests.acceptance.test_upstreams_people_use import git
from tests.matrix.outcomes import RULE_SAYS, Outcome

FASTMCP_BIN = ROOT / ".venv-fastmcp" / "bin"
MATRIX_BIN = Path(__file__).parent / "node_modules" / ".bin"
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens on the discard port: what is sent through it as a proxy fails at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the servers work: a folder of the run, and what was started for it."""

    folder: Path
    everything_url: str
    page_url: str

    def made(self, name: str) -> Path:
        """A folder of one server."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server of the matrix. `said` is in the text of an answer that came from it."""

    name: str
    title: str
    package: str
    tool: str
    argument: str
    spec: Callable[[Place], dict[str, Any]]
    values: Callable[[Place, Outcome], str]
    said: Callable[[Outcome], str]
    more: Mapping[str, Any] = field(default_factory=dict)
    transport: str = "stdio"
    note: str | None = None

    def arguments(self, place: Place, outcome: Outcome) -> dict[str, Any]:
        """The arguments of the call that has this outcome."""
        more = {name: str(value(place)) if callable(value) else value for name, value in self.more.items()}
        return {self.argument: self.values(place, outcome), **more}

    def policy(self, place: Place) -> dict[str, Any]:
        """One tool; two values of its argument need a person, one is denied."""

        def rule(*outcomes: Outcome, **more: Any) -> list[dict[str, Any]]:
            condition = {
                "path": f"args.{self.argument}", "op": "in",
                "value": [self.values(place, outcome) for outcome in outcomes],
            }  # fmt: skip
            return [{"conditions": [condition], **more}]

        asks = rule(Outcome.APPROVED, Outcome.REFUSED)
        return policy({self.tool: {"deny_if": rule(Outcome.DENIED, on_deny=RULE_SAYS), "approve_if": asks}})


def _npm(folder: Path, name: str, *arguments: str) -> list[str]:
    return ["node", str((folder / name).resolve()), *arguments]


def _word(_place: Place, outcome: Outcome) -> str:
    return outcome.value


def _same(outcome: Outcome) -> str:
    return outcome.value


def _files(place: Place) -> dict[str, Any]:
    folder = place.made("files")
    for outcome in Outcome:
        (folder / outcome.value).write_text(f"the file {outcome.value}")
    return {"command": _npm(NPM_BIN, "mcp-server-filesystem", str(folder))}


def _memory(place: Place) -> dict[str, Any]:
    file = place.made("memory") / "memory.jsonl"
    entities: list[dict[str, Any]] = [
        {"type": "entity", "name": one.value, "entityType": "word", "observations": []} for one in Outcome
    ]
    file.write_text("\n".join(json.dumps(entity) for entity in entities))
    return {"command": _npm(MATRIX_BIN, "mcp-server-memory"), "env": {"MEMORY_FILE_PATH": str(file)}}


def _repository(place: Place) -> Path:
    return place.folder / "git"


def _git(place: Place) -> dict[str, Any]:
    repository = place.made("git")
    git(repository, "init", "-q", "-b", "main")
    for outcome in Outcome:
        git(repository, "commit", "-q", "--allow-empty", "-m", f"the commit {outcome.value}")
        git(repository, "tag", outcome.value)
    return {"command": [str(BIN / "mcp-server-git"), "--repository", str(repository)]}


_ZONES = {
    Outcome.ALLOWED: "Europe/Athens",
    Outcome.DENIED: "Europe/Berlin",
    Outcome.APPROVED: "Europe/Dublin",
    Outcome.REFUSED: "Europe/Lisbon",
}
_SYMBOLS = {
    Outcome.ALLOWED: "BTCUSDT",
    Outcome.DENIED: "ETHUSDT",
    Outcome.APPROVED: "BNBUSDT",
    Outcome.REFUSED: "ADAUSDT",
}


def _sqlite(place: Place) -> dict[str, Any]:
    file = place.made("sqlite") / "words.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE words (word TEXT)")
        connection.executemany("INSERT INTO words VALUES (?)", [(outcome.value,) for outcome in Outcome])
    connection.close()
    return {"command": [str(MCP1_BIN / "mcp-server-sqlite"), "--db-path", str(file)]}


SERVERS = (
    Server(
        name="everything",
        title="server-everything",
        package="@modelcontextprotocol/server-everything",
        tool="echo",
        argument="message",
        spec=lambda _: {"command": _npm(NPM_BIN, "mcp-server-everything", "stdio")},
        values=_word,
        said=lambda outcome: f"Echo: {outcome}",
    ),
    Server(
        name="everything_http",
        title="server-everything",
        package="@modelcontextprotocol/server-everything",
        tool="echo",
        argument="message",
        spec=lambda place: {"url": place.everything_url},
        values=_word,
        said=lambda outcome: f"Echo: {outcome}",
        transport="HTTP",
    ),
    Server(
        name="files",
        title="server-filesystem",
        package="@modelcontextprotocol/server-filesystem",
        tool="read_text_file",
        argument="path",
        spec=_files,
        values=lambda place, outcome: str(place.folder / "files" / outcome),
        said=lambda outcome: f"the file {outcome}",
    ),
    Server(
        name="memory",
        title="server-memory",
        package="@modelcontextprotocol/server-memory",
        tool="search_nodes",
        argument="query",
        spec=_memory,
        values=_word,
        said=_same,
    ),
    Server(
        name="thinking",
        title="server-sequential-thinking",
        package="@modelcontextprotocol/server-sequential-thinking",
        tool="sequentialthinking",
        argument="thought",
        spec=lambda _: {"command": _npm(MATRIX_BIN, "mcp-server-sequential-thinking")},
        values=_word,
        said=lambda _: '"totalThoughts": 7',
        more={"nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 7},
    ),
    Server(
        name="git",
        title="mcp-server-git",
        package="mcp-server-git",
        tool="git_show",
        argument="revision",
        spec=_git,
        values=_word,
        said=lambda outcome: f"the commit {outcome}",
        more={"repo_path": _repository},
    ),
    Server(
        name="time",
        title="mcp-server-time",
        package="mcp-server-time",
        tool="get_current_time",
        argument="timezone",
        spec=lambda _: {"command": [str(BIN / "mcp-server-time"), "--local-timezone", "UTC"]},
        values=lambda _, outcome: _ZONES[outcome],
        said=lambda outcome: _ZONES[outcome],
    ),
    Server(
        name="fetch",
        title="mcp-server-fetch",
        package="mcp-server-fetch",
        tool="fetch",
        argument="url",
        spec=lambda _: {"command": [str(FASTMCP_BIN / "mcp-server-fetch"), "--allow-private-ips"]},
        values=lambda place, outcome: f"{place.page_url}/{outcome}",
        said=lambda outcome: f"the page {outcome}",
        note="It fetches a page that the test serves.",
    ),
    Server(
        name="sqlite",
        title="mcp-server-sqlite",
        package="mcp-server-sqlite",
        tool="read_query",
        argument="query",
        spec=_sqlite,
        values=lambda _, outcome: f"SELECT word FROM words WHERE word = '{outcome}'",
        said=_same,
    ),
    Server(
        name="binance",
        title="binance-mcp-server",
        package="binance-mcp-server",
        tool="get_ticker_price",
        argument="symbol",
        spec=lambda _: {
            "command": [str(MCP1_BIN / "binance-mcp-server")],
            "env": {
                "BINANCE_API_KEY": "x", "BINANCE_API_SECRET": "y", "BINANCE_TESTNET": "true",
                "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE,
            },
        },
        values=lambda _, outcome: _SYMBOLS[outcome],
        said=lambda _: '"success":false',
        note="Its answer is that the exchange cannot be reached: the tests have no network. That the server itself was "
        "reached is what counts.",
    ),
    Server(
        name="tasks",
        title="fastmcp with fastmcp-tasks",
        package="fastmcp-tasks",
        tool="repeat",
        argument="word",
        spec=lambda _: {
            "command": [str(FASTMCP_BIN / "python"), str(ROOT / "tests" / "fixtures" / "tasks_server.py")],
        },
        values=_word,
        said=lambda outcome: f"again: {outcome}",
    ),
)  # fmt: skip
"""The rows of the matrix: the nine servers of the design, everything twice, and a server of the Tasks extension."""
