"""Settings from the file and the database together: people of both may be asked, and policies may be saved there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config import load_config, store_of
from gateway.reload import known
from gateway.settings import Settings


async def load(file: Path, env: Mapping[str, str]) -> Settings:
    """Load the configuration, after bringing its database up to date.

    Raises:
        ConfigErrors: the files cannot be used; everything that is wrong with them.
        Refusal: the database cannot.
    """
    store = store_of(file, env)
    await store.upgrade()
    async with store.opened() as db:
        people, saved = await db.read(known)
    return load_config(file, env, people, saved)
