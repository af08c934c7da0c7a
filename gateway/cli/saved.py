"""What the commands about policies of the page share: the database, and saving a text as the API would.

A text is checked with the whole configuration, as if it were in force already. So it can be saved also when the
version that is in force does not load any more, which is when a command line is needed most.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvals.directory import Directory
from approvals.domain.model import Role
from approvals.storage.engine import Database
from approvals.storage.policies import Draft, PolicyVersion, VersionEntry, digest
from gateway.cli.common import DENIED, USAGE, config_file, fail
from gateway.config import ConfigErrors, load_config, store_of
from gateway.drafts import managed_by_files
from gateway.reload import known
from gateway.settings import Settings, claim_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """A text that somebody wants in force on a server's page. `actor` is as it was typed."""

    server: str
    text: str
    actor: str | None
    note: str | None = None
    restores: int | None = None


@asynccontextmanager
async def database(config: Path | None) -> AsyncIterator[Database]:
    """The database of a configuration, whatever else is wrong with that."""
    try:
        store = store_of(config_file(config), os.environ)
    except ConfigErrors as err:
        fail(str(err))
    await store.upgrade()
    async with store.opened() as db:
        yield db


async def save(db: Database, config: Path | None, wanted: Save) -> PolicyVersion:
    """Check and save; what cannot be saved ends the command with everything that is wrong."""
    people, saved = await db.read(known)
    base = saved[wanted.server].number if wanted.server in saved else 0
    as_if = PolicyVersion(
        server=wanted.server,
        number=base + 1,
        text=wanted.text,
        sha256=digest(wanted.text),
        by="",
        at=await db.read(lambda tx: tx.now),
    )
    try:
        settings = load_config(config_file(config), os.environ, people, {**saved, wanted.server: as_if})
    except ConfigErrors as err:
        fail(str(err))
    server = settings.servers.get(wanted.server)
    if server is None:
        fail(f"There is no server {wanted.server!r}. There are: {', '.join(settings.servers) or 'none'}.", USAGE)
    if server.page is None:
        fail(managed_by_files(settings, server))
    by = await _operator(db, settings, wanted.actor)
    draft = Draft(server=wanted.server, text=wanted.text, base=base, by=by, note=wanted.note, restores=wanted.restores)
    version = await db.write(lambda tx: tx.policies.save(draft))
    if version is None:
        fail("Somebody saved another version at the same moment. Look at it, then try again.")
    return version


def shown(version: VersionEntry) -> dict[str, Any]:
    """One version as JSON data."""
    return {
        "server": version.server,
        "number": version.number,
        "sha256": version.sha256,
        "by": version.by,
        "at": version.at.isoformat(),
        "note": version.note,
        "restores": version.restores,
    }


async def _operator(db: Database, settings: Settings, given: str | None) -> str:
    name = given or os.environ.get("PLACET_PERSON")
    if not name:
        fail("Who are you? Give --as EMAIL, or set PLACET_PERSON.", USAGE)
    directory = Directory(settings.people, settings.person_tokens, claim_rules(settings))
    person = await db.read(lambda tx: directory.person(tx, name))
    if person is None:
        fail(f"There is no person {name}. `placet people list` shows who there is.", USAGE)
    if Role.OPERATOR not in person.roles or person.disabled:
        fail("You may not save a policy: that takes the operator role.", DENIED)
    return person.id
