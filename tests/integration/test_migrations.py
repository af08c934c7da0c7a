"""The schema: where the history of migrations leads, and that it is walked once by whoever starts first."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.exc import DBAPIError

from approvals.errors import Damaged, Invalid
from approvals.storage import migrate
from approvals.storage.engine import Database, Tx
from approvals.storage.schema import METADATA
from tests.fakes.keys import VAULT
from tests.fakes.processes import at_the_line

ROOT = Path(__file__).resolve().parents[2]


def _described(inspector: Inspector) -> dict[str, Any]:
    """Everything reflection can tell of our tables, in an order that does not depend on chance."""
    described: dict[str, Any] = {}
    for table in sorted(METADATA.tables):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], column.get("default"))
            for column in inspector.get_columns(table)
        }
        checks = {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)}
        indexes = {
            index["name"]: (
                index["column_names"],
                index["unique"],
                {name: str(value) for name, value in index.get("dialect_options", {}).items()},
            )
            for index in inspector.get_indexes(table)
        }
        described[table] = {
            "columns": columns,
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(table))),
            "unique": sorted(map(str, inspector.get_unique_constraints(table))),
            "checks": checks,
            "indexes": indexes,
        }
    return described


def _tables(inspector: Inspector) -> set[str]:
    return set(inspector.get_table_names()) - {"alembic_version"}


async def _reflected(url: str) -> tuple[set[str], dict[str, Any]]:
    async with Database.opened(url, VAULT) as db:
        return await db.read(lambda tx: (_tables(inspect(tx.conn)), _described(inspect(tx.conn))))


async def test_the_migrated_schema_is_the_one_of_the_tables(database_url: str, blank_url: str) -> None:
    async with Database.opened(blank_url, VAULT) as db:
        await db.write(lambda tx: METADATA.create_all(tx.conn))
    tables, described = await _reflected(database_url)
    assert tables == set(METADATA.tables)
    assert described == (await _reflected(blank_url))[1]


async def test_nothing_is_left_for_another_migration_to_do(database: Database) -> None:
    def difference(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA))

    assert await database.read(lambda tx: difference(tx.conn)) == []


async def test_upgrading_twice_does_nothing_the_second_time(blank_url: str) -> None:
    assert await migrate.upgrade(blank_url)
    assert not await migrate.upgrade(blank_url)
    async with Database.opened(blank_url, VAULT) as db:
        assert await migrate.current(db) == migrate.head()


async def test_a_new_database_has_no_revision(blank_url: str) -> None:
    async with Database.opened(blank_url, VAULT) as db:
        assert await migrate.current(db) is None


async def test_six_processes_at_once_migrate_once(blank_url: str) -> None:
    async with at_the_line([("migrate", blank_url, "-")] * 6) as racers:
        said = await racers.go()
    assert sorted(said) == ["applied"] + ["nothing"] * 5
    assert (await _reflected(blank_url))[0] == set(METADATA.tables)


async def test_a_migration_that_raises_leaves_nothing_behind(blank_url: str, tmp_path: Path, monkeypatch: Any) -> None:
    scripts = tmp_path / "history"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text((migrate.scripts() / "env.py").read_text())
    (scripts / "versions" / "0001_broken.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '0001', None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer()))\n"
        "    raise RuntimeError('power cut')\n"
    )
    monkeypatch.setattr(migrate, "scripts", lambda: scripts)
    with pytest.raises(RuntimeError, match="power cut"):
        await migrate.upgrade(blank_url)
    async with Database.opened(blank_url, VAULT) as db:
        assert await db.read(lambda tx: inspect(tx.conn).get_table_names()) == []


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    async with Database.opened(database_url, VAULT) as db:
        await db.write(lambda tx: tx.conn.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Invalid, match="9999, made by a newer Placet"):
        await migrate.upgrade(database_url)


async def test_rows_survive_an_upgrade(database_url: str) -> None:
    """Rows of the newest release are still there, and the same, after the upgrade has run again."""
    async with Database.opened(database_url, VAULT) as db:
        await db.write(lambda tx: tx.switches.freeze("all", reason="kept", by="cli", at=tx.now))
    await migrate.upgrade(database_url)
    async with Database.opened(database_url, VAULT) as db:
        assert [one.reason for one in await db.read(lambda tx: tx.switches.history())] == ["kept"]


def _refused(tx: Tx, statement: str) -> str:
    with pytest.raises(DBAPIError) as refused, tx.conn.begin_nested():
        tx.conn.execute(text(statement))
    return str(refused.value)


@pytest.mark.postgres
async def test_postgresql_refuses_to_empty_the_ledger_too(postgres_url: str) -> None:
    async with Database.opened(postgres_url, VAULT) as db:
        assert "append-only" in await db.write(lambda tx: _refused(tx, "TRUNCATE events"))


async def test_a_file_that_is_no_database_is_told_apart_from_a_busy_one(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Ada, this is not a database. " * 100)
    with pytest.raises(Damaged, match="not a database"):
        await migrate.upgrade(f"sqlite:///{path}")
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(path).execute("SELECT 1 FROM sqlite_master")


def _install(site: Path) -> None:
    """Lay the packages out as pyproject.toml says that a wheel does."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package in setup["packages"]:
        mapped = setup["package-dir"].get(package) or package.replace(".", "/")
        target = site / package.replace(".", "/")
        target.mkdir(parents=True, exist_ok=True)
        for file in (ROOT / mapped).glob("*.py"):
            shutil.copy(file, target)


def test_an_installed_placet_finds_its_migrations(tmp_path: Path) -> None:
    site = tmp_path / "site"
    _install(site)
    code = (
        "import asyncio; from approvals.storage import migrate\n"
        "print(migrate.scripts()); asyncio.run(migrate.upgrade('sqlite:///installed.db')); print(migrate.head())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(site / "approvals" / "migrations"), migrate.head()]
