"""Rows of every earlier schema go through all the migrations that came after it, and none is lost.

One walk over the whole history: at each revision every table gets two rows, one with all its columns and one with what
it must have, and then the next migration runs over the rows of all revisions before.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, func, insert, inspect, select, table
from sqlalchemy.types import Boolean, DateTime, Integer, LargeBinary

from approvals.storage import migrate
from approvals.storage.engine import Database
from tests.fakes.keys import VAULT

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOT_OURS = "alembic_version"
DROPPED = {"0010": {"switches"}}
"""What a migration makes anew without its rows: freezes had no end before."""
_WORDS = re.compile(r"'([^']+)'")


def revisions() -> list[str]:
    """All of them, oldest first."""
    scripts = ScriptDirectory.from_config(migrate._config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def words_of(conn: Connection) -> dict[str, dict[str, str]]:
    """By table the columns that take only certain words, with the first of them."""
    checks = inspect(conn).get_multi_check_constraints()
    return {
        table: {column: _WORDS.findall(one["sqltext"])[0] for one in found for column in _checked(str(one["sqltext"]))}
        for (_, table), found in checks.items()
    }


def _checked(sql: str) -> list[str]:
    return re.findall(r"\(*\"?(\w+)\"?\)* (?:IN|= ANY)", sql)


def value(column: Any, number: int, words: dict[str, str]) -> Any:
    """Something that fits a column: the same for a number, so that it names the row of its parent; a text is JSON."""
    if column.name in words:
        return words[column.name]
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Integer):
        return number
    if isinstance(column.type, DateTime):
        return AT.replace(tzinfo=UTC if column.type.timezone else None)
    text = "{}" if column.name in ("arguments", "detail") else f'"{number}"'
    return text.encode() if isinstance(column.type, LargeBinary) else text


def fill(conn: Connection, number: int) -> Counter[str]:
    """Two rows for every table of the schema as it stands; how many each got."""
    found, words = MetaData(), words_of(conn)
    found.reflect(conn)
    tables = [one for one in found.sorted_tables if one.name != NOT_OURS]
    for one in tables:
        for at, whole in enumerate((True, False)):
            row = {
                column.name: value(column, 2 * number + at, words.get(one.name, {}))
                for column in one.columns
                if whole or not column.nullable or column.primary_key
            }
            conn.execute(insert(one).values(row))
    return Counter({one.name: 2 for one in tables})


def counted(conn: Connection) -> Counter[str]:
    """How many rows every table has."""
    names = [name for name in inspect(conn).get_table_names() if name != NOT_OURS]
    return Counter({name: conn.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names})


def walk(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every revision, filled before the next; how many rows there are at the end."""
    expected: Counter[str] = Counter()
    for number, revision in enumerate(revisions(), start=1):
        with monkeypatch.context() as then:
            then.setattr(migrate, "head", lambda r=revision: r)
            then.setattr(command, "upgrade", lambda config, _to, go=command.upgrade, r=revision: go(config, r))
            assert migrate._upgrade(conn)
        for name in DROPPED.get(revision, set()):
            expected.pop(name)
        assert +counted(conn) == expected, f"after {revision}"
        expected += fill(conn, number)
    assert migrate._revision(conn) == migrate.head()
    return expected


async def test_rows_of_every_revision_go_through_to_the_newest(blank_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Database.opened(blank_url, VAULT) as db:
        expected = await db.write(lambda tx: walk(tx.conn, monkeypatch))
    assert await migrate.upgrade(blank_url, VAULT), "what was in the clear is sealed"
    assert not await migrate.upgrade(blank_url, VAULT)
    async with Database.opened(blank_url, VAULT) as db:
        after = await db.read(lambda tx: counted(tx.conn))
    assert after.pop("data_keys") >= expected.pop("data_keys")
    assert after == expected
