"""Configuration while the service runs: reload is atomic, and a bad file changes nothing but what is said.

SIGHUP, `POST /api/v1/reload` and a changed file lead here, and so does a policy that was saved on the page, by
whatever process. Until the file on disk loads again, the old configuration stays in force and `difference` says why,
on every surface; a saved version does not wait for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from approvals.bus import Bus
from approvals.domain.model import Person
from approvals.errors import Unavailable
from approvals.storage.engine import Database
from approvals.storage.policies import SUBJECT, PolicyVersion
from approvals.storage.tx import Tx
from gateway import drafts, in_force
from gateway.config import ConfigErrors, changed, load_config
from gateway.in_force import Standing
from gateway.policy.loaders import PolicyErrors
from gateway.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
SAVED_SECONDS = 1.0
"""How often it is looked for versions saved elsewhere: the bus is a hint."""
AGAIN_SECONDS = 10.0
"""When a saved version that could not be taken is tried once more: its people may be there by then."""


class Reloader:
    """Keeps the settings in force, and replaces them whole."""

    def __init__(
        self,
        settings: Settings,
        *,
        env: dict[str, str],
        db: Database,
        apply: Callable[[Settings], Awaitable[None]],
        holder: str,
    ) -> None:
        self.settings = settings
        self.difference: str | None = None
        self.differing: tuple[Standing, ...] = ()
        """The policies whose files are not what is in force, with both hashes."""
        self.not_taken: Mapping[str, str] = {}
        """Why the newest saved version of a server is not in force, by server."""
        self._env, self._db, self._apply, self._holder = env, db, apply, holder
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._tried: dict[str, tuple[int, float]] = {}

    def ask(self) -> None:
        """Reload soon (the handler of SIGHUP)."""
        self._asked.set()

    async def run(self) -> None:
        """Look at the files every two seconds, for ever."""
        await self._tell()
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                if not await asyncio.to_thread(changed, self.settings):
                    await self._agree()
                    continue
            self._asked.clear()
            await self.reload()

    async def follow(self, bus: Bus) -> None:
        """Take what is saved on the page, wherever it was saved, for ever."""
        async with bus.watch(SUBJECT) as watch:
            while True:
                await self.take_saved()
                await watch.changed(SAVED_SECONDS)

    async def reload(self) -> bool:
        """Take over the configuration on disk, if it is one. False: `difference` says why not."""
        async with self._one_at_a_time:
            why = await self._reload()
        await self._note(why)
        return why is None

    async def take_saved(self) -> None:
        """Put the newest saved version of each page in force."""
        async with self._one_at_a_time:
            taken = [await self._take(version) for version in await self._behind()]
        if any(taken):
            await self._tell()

    async def _reload(self) -> str | None:
        people, saved = await self._db.read(known)
        try:
            fresh = await asyncio.to_thread(load_config, Path(self.settings.file), self._env, people, saved)
        except ConfigErrors as err:
            return str(err)
        fixed = _fixed(self.settings, fresh)
        if fixed is not None:
            return f"{fixed} changed: restart the service to use it"
        try:
            await self._apply(fresh)
        except ValueError as err:
            return str(err)
        self.settings, self.not_taken = fresh, {}
        log.info("configuration reloaded", extra={"file": str(fresh.file)})
        return None

    async def _behind(self) -> list[PolicyVersion]:
        """The newest versions that are not in force here."""
        pages = {server.name: server.page for server in self.settings.servers.values() if server.page is not None}
        numbers = await self._db.read(lambda tx: tx.policies.numbers())
        now = asyncio.get_running_loop().time()
        wanted = [(name, numbers[name]) for name, page in pages.items() if numbers.get(name, page) != page]
        wanted = [one for one in wanted if self._tried.get(one[0], (0, 0.0)) < (one[1], now - AGAIN_SECONDS)]
        found = await self._db.read(lambda tx: [tx.policies.get(*one) for one in wanted]) if wanted else []
        return [version for version in found if version is not None]

    async def _take(self, version: PolicyVersion) -> bool:
        people, _ = await self._db.read(known)
        try:
            fresh = await asyncio.to_thread(drafts.put, self.settings, people, version)
            await self._apply(fresh)
        except (PolicyErrors, ValueError) as err:
            self._tried[version.server] = (version.number, asyncio.get_running_loop().time())
            why = f"Version {version.number} of the policy of {version.server} is saved and not in force: {err}"
            if self.not_taken.get(version.server) != why:
                log.error("saved policy not taken: %s", "; ".join(why.splitlines()))
            self.not_taken = {**self.not_taken, version.server: why}
            return False
        self.settings = fresh
        self.not_taken = {name: why for name, why in self.not_taken.items() if name != version.server}
        log.info("saved policy in force", extra={"server": version.server, "number": version.number})
        return True

    async def _agree(self) -> None:
        """What is on disk is what is in force."""
        if self.difference is not None or self.differing:
            await self._note(None)

    async def _note(self, why: str | None) -> None:
        if why is not None and why != self.difference:
            log.error("configuration on disk not taken, the old one stays in force: %s", "; ".join(why.splitlines()))
        self.difference = why
        compared = await asyncio.to_thread(in_force.standings, self.settings)
        self.differing = tuple(one for one in compared if one.differs)
        await self._tell()

    async def _tell(self) -> None:
        """Say in the database what is in force here, for commands that run beside."""
        said = await asyncio.to_thread(in_force.told, self.settings, self.difference)
        try:
            await self._db.write(lambda tx: tx.replicas.tell(self._holder, tx.now, said))
        except Unavailable:
            log.warning("could not note which policies are in force")


def known(tx: Tx) -> tuple[list[Person], Mapping[str, PolicyVersion]]:
    """What the database has for a configuration: people, and the policies that were saved on pages."""
    return [row.person for row in tx.people.list()], tx.policies.current()


def _fixed(old: Settings, new: Settings) -> str | None:
    """What cannot be changed while the service runs."""
    pairs = {
        "listen": (old.listen, new.listen),
        "public_url": (old.public_url, new.public_url),
        "database": (old.database, new.database),
        "keys": (old.keys_file, new.keys_file),
        "slack": (old.slack, new.slack),
        "email": (old.email, new.email),
        "notify": (old.notify, new.notify),
        "push": (old.push, new.push),
        "webhooks": (old.webhooks, new.webhooks),
        "agent_oauth": (old.agent_oauth, new.agent_oauth),
    }
    return next((name for name, (before, after) in pairs.items() if before != after), None)
