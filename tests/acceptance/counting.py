"""A gateway before a server that writes down every call it gets, for the tests that count."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.agents import Agent
from tests.acceptance.harness import PATIENCE_SECONDS, ROOT, Placet, Reviewer, policy, serving

ASKS = {"action": "require_approval"}
HELD = {"pay": ASKS, "hang": ASKS, "read": {}}


def server(file: Path, mode: str = "", **more: Any) -> dict[str, Any]:
    """The configuration of a counting server; `mode` makes it misbehave."""
    script = ROOT / "tests" / "fixtures" / "counting_server.py"
    return {"command": [sys.executable, str(script), str(file), mode], **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The gateway, the people, and what the server has seen."""

    placet: Placet
    ada: Reviewer
    bob: Reviewer
    file: Path

    def seen(self, to: str) -> int:
        """How many calls for this receiver have reached the server."""
        if not self.file.exists():
            return 0
        return sum(json.loads(line)["to"] == to for line in self.file.read_text().splitlines())

    def down(self, *, is_down: bool) -> None:
        """Let the server end at once when it is started, or start again."""
        mark = self.file.with_suffix(".down")
        if is_down:
            mark.touch()
        else:
            mark.unlink()

    def kill_server(self) -> None:
        """End the server's process as if it had crashed."""
        os.kill(int(self.file.with_suffix(".pid").read_text()), signal.SIGKILL)

    def agent(self, server: str | None = "shop") -> Agent:
        """The configured agent."""
        return Agent(self.placet, server)

    def other(self, server: str | None = "shop") -> Agent:
        """Another agent, of another owner."""
        return Agent(self.placet, server, self.placet.other_agent)


def shop(
    folder: Path, *, tools: Mapping[str, Any] = HELD, limits: Mapping[str, Any] | None = None, **config: Any
) -> Shop:
    """A gateway that is not started yet, with a card for each call. `limits` are settings of `approvals`."""
    file = folder / "seen.jsonl"
    placet = Placet(
        folder,
        servers={"shop": server(file, **config.pop("server", {}))},
        policies={"shop": policy(tools)},
        approvals={"reviewers": ["group:finance"], "fold": {"from": "never"}, **(limits or {})},
        **config,
    )
    return Shop(placet=placet, ada=Reviewer(placet, placet.ada), bob=Reviewer(placet, placet.bob), file=file)


@asynccontextmanager
async def bell(it: Shop) -> AsyncIterator[asyncio.Event]:
    """Set when a call of `hang` has arrived at the server."""
    pipe, rung = it.file.with_suffix(".bell"), asyncio.Event()
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    asyncio.get_running_loop().add_reader(end, rung.set)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield rung
    finally:
        asyncio.get_running_loop().remove_reader(end)
        os.close(end)
        pipe.unlink()


@asynccontextmanager
async def open_shop(folder: Path, **options: Any) -> AsyncIterator[Shop]:
    """The same, running."""
    made = shop(folder, **options)
    async with serving(made.placet):
        yield made
