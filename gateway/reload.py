"""Configuration while the service runs: reload is atomic, and a bad file changes nothing but what is said.

SIGHUP, `POST /api/v1/reload` and a changed file lead here. Until the file on disk loads again, the old
configuration stays in force and `difference` says why, on every surface.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from approvals.domain.model import Person
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from gateway.config import ConfigErrors, changed, load_config
from gateway.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


class Reloader:
    """Keeps the settings in force, and replaces them whole."""

    def __init__(
        self, settings: Settings, *, env: dict[str, str], db: Database, apply: Callable[[Settings], Awaitable[None]]
    ) -> None:
        self.settings = settings
        self.difference: str | None = None
        self._env, self._db, self._apply = env, db, apply
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Reload soon (the handler of SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Look at the files every two seconds, for ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                if not await asyncio.to_thread(changed, self.settings):
                    self.difference = None
                    continue
            self._asked.clear()
            await self.reload()

    async def reload(self) -> bool:
        """Take over the configuration on disk, if it is one. False: `difference` says why not."""
        people = await self._db.read(_people)
        try:
            fresh = await asyncio.to_thread(load_config, Path(self.settings.file), self._env, people)
        except ConfigErrors as err:
            self._refuse(str(err))
            return False
        fixed = _fixed(self.settings, fresh)
        if fixed is not None:
            self._refuse(f"{fixed} changed: restart the service to use it")
            return False
        try:
            await self._apply(fresh)
        except ValueError as err:
            self._refuse(str(err))
            return False
        self.settings, self.difference = fresh, None
        log.info("configuration reloaded", extra={"file": str(fresh.file)})
        return True

    def _refuse(self, why: str) -> None:
        if why != self.difference:
            log.error("configuration on disk not taken, the old one stays in force: %s", "; ".join(why.splitlines()))
        self.difference = why


def _people(tx: Tx) -> list[Person]:
    return [row.person for row in tx.people.list()]


def _fixed(old: Settings, new: Settings) -> str | None:
    """What cannot be changed while the service runs."""
    pairs = {
        "listen": (old.listen, new.listen),
        "public_url": (old.public_url, new.public_url),
        "database": (old.database, new.database),
        "keys": (old.keys_file, new.keys_file),
        "slack": (old.slack, new.slack),
        "agent_oauth": (old.agent_oauth, new.agent_oauth),
    }
    return next((name for name, (before, after) in pairs.items() if before != after), None)
