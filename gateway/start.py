"""Settings from the file and the database together: people of both may be asked, and policies may be saved there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from approvals.storage import migrate
from approvals.storage.engine import Database
from gateway.config import database_of, load_config
from gateway.reload import known
from gateway.settings import Settings


async def load(file: Path, env: Mapping[str, str]) -> Settings:
    """Load the configuration, after bringing its database up to date.

    Raises:
        ConfigErrors: the files cannot be used; everything that is wrong with them.
        Refusal: the database cannot.
    """
    url = database_of(file, env)
    await migrate.upgrade(url)
    async with Database.opened(url) as db:
        people, saved = await db.read(known)
    return load_config(file, env, people, saved)
