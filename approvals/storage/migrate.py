"""Bring a database to the newest schema: Alembic, configured in code, under a lock that one process holds.

One linear history for both databases, forward only. Everything runs in one transaction (SQLite: BEGIN IMMEDIATE;
PostgreSQL: an advisory lock of the transaction), so of six processes that start at once one applies and five
find nothing to do, and a migration that raises leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from approvals.errors import Invalid
from approvals.storage import old_rows, postgres, sqlite, url
from approvals.storage.engine import Database
from approvals.storage.faults import unavailable_if_passing
from approvals.storage.sqlite import Part
from approvals.storage.vault import Vault, closed

log = logging.getLogger(__name__)

LOCK = 0x706C_6163_6574
"""The advisory lock of migrations: "placet" in ASCII."""


def scripts() -> Path:
    """Where the migrations are: beside the packages in a checkout, inside `approvals` when installed."""
    checkout = Path(__file__).resolve().parents[2] / "migrations"
    if (checkout / "env.py").is_file():
        return checkout
    spec = importlib.util.find_spec("approvals.migrations")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("this installation of Placet has no migrations: install it again")
    return Path(next(iter(spec.submodule_search_locations)))


def head() -> str:
    """The revision this version of Placet works with."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def current(db: Database) -> str | None:
    """The revision a database is at; None before its first migration."""
    return await db.read(lambda tx: _revision(tx.conn))


async def upgrade(url_text: str, vault: Vault | None = None) -> bool:
    """Bring a database to `head()`, and seal what an older Placet wrote in the clear. True: something was applied.

    Raises:
        Unreadable: there is something to seal, and no keys to seal it with.
        Invalid: the address is wrong, or the database was made by a newer Placet.
        Unavailable: the database does not answer, or somebody else migrates for too long.
    """
    address = url.parse(url_text)
    if address.path is not None:
        sqlite.create_file(address.path)
        engine = sqlite.writer(address, Part.GUEST)
    else:
        engine = postgres.writer(address)
    try:
        with unavailable_if_passing("migrate"):
            async with engine.connect() as connection, connection.begin():
                applied = await connection.run_sync(_upgrade)
            sealed = await old_rows.seal(engine, vault or Vault(closed))
    finally:
        await engine.dispose()
    if sealed and address.path is not None:
        # What stood in the clear is still in the file's free pages.
        await asyncio.to_thread(sqlite.compact, address.path)
    return applied or sealed > 0


def _upgrade(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    config = _config()
    before, wanted = _revision(connection), head()
    if before == wanted:
        return False
    if before is not None and before not in _known(config):
        why = f"it is at revision {before}, made by a newer Placet; this one knows revisions up to {wanted}"
        raise Invalid(field="database", why=why)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    log.info("database migrated", extra={"before": before, "after": wanted})
    return True


def _known(config: Config) -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(config).walk_revisions())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    # A configuration file's rules hold even without a file: a percent sign in the path would be read as one of them.
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
