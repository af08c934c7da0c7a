"""`placet audit verify` over databases that are damaged in every place: it says which row, and never "good"."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from sqlalchemy import text

from approvals.domain.audit import Act
from approvals.notary import Notary
from approvals.storage.tables_audit import audit, checkpoints
from approvals.storage.tx import Tx
from gateway.cli.root import main
from gateway.keys import load, make, signer_of
from gateway.store import Store

VALUES = {
    "a number": "7",
    "another text": "'x'",
    "bytes": "x'00ff'",
    "no UTF-8": "CAST(x'ff' AS TEXT)",
    "a list": "'[1]'",
    "half a JSON": "'{\"a'",
    "too deep": f"'{{\"a\":{'[' * 700}{']' * 700}}}'",
    "a time that there is not": "'2026-02-30 00:00:00.000000'",
    "a fraction": "0.5",
    "nothing": "NULL",
}
COUNT = len(VALUES)
NOTHING_OF_A_REQUEST = {"detail", "words", "salt"}
"""What is destroyed on purpose is no damage: the chain verifies without."""
EMPTY = {"request_id", "binding", "before", "after", "words"}
"""What is nothing anyway where an act is on no request."""


def placet(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "placet.yaml")])


def act(tx: Tx, number: int) -> None:
    """Acts on no request first, then as many on one."""
    if number < COUNT:
        tx.did("agent.added", "cli:root", subject=f"agent:{number}", name=str(number))
        return
    words = {"reason": f"not today {number}"}
    tx.record(Act(action="request.vetoed", actor="ada", at=tx.now, via="web", request=f"req_{number}", binding="b",
                  before="pending", after="denied", subject="s", detail=words))  # fmt: skip


async def installed(folder: Path, url: str) -> Path:
    (folder / "placet.yaml").write_text(f"database: {url}\nservers: {{shop: {{url: 'http://127.0.0.1:9/mcp'}}}}\n")
    make(folder / "placet.keys")
    async with Store(url=url, keys_file=folder / "placet.keys").opened() as db:
        notary = Notary(db, signer_of(load(folder / "placet.keys")))
        for number in range(2 * COUNT):
            await db.write(partial(act, number=number))
            await notary.sign()
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    shutil.copyfile(sqlite_template, folder / "placet.db")
    return await installed(folder, f"sqlite:///{folder}/placet.db")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    for name in ("placet.db", "placet.keys"):
        shutil.copyfile(whole / name, tmp_path / name)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "placet.yaml").write_text((whole / "placet.yaml").read_text().replace(str(whole), str(tmp_path)))
    return tmp_path


def damaged(folder: Path, *statements: str) -> None:
    """Change the file as nothing that keeps to its rules could: without its triggers, keys and NOT NULL."""
    with closing(sqlite3.connect(folder / "placet.db", isolation_level=None)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for table in (audit.name, checkpoints.name):
            db.execute(f"CREATE TABLE loose AS SELECT * FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE loose RENAME TO {table}")
        for statement in statements:
            db.execute(statement)


def refused(said: Result) -> str:
    """What was said of what is not good, which is no traceback."""
    assert said.exit_code == 1, (said.output, said.exception)
    assert isinstance(said.exception, SystemExit), said.exception
    return said.output + said.stderr


def verified(folder: Path) -> Result:
    return placet(folder, "audit", "verify", "--json")


def test_tables_without_their_rules_still_verify(folder: Path) -> None:
    damaged(folder)
    value = json.loads(verified(folder).output)
    assert (value["unchanged"], value["complete"], value["entries"]) == (True, True, 2 * COUNT)


def columns() -> list[Any]:
    """Every column but the number, of rows on a request and of others."""
    places = [(audit, 1), (audit, COUNT + 1), (checkpoints, 1)]
    return [
        pytest.param(table.name, column.name, first, id=f"{column.name} of {table.name} from {first}")
        for table, first in places
        for column in table.c
        if column.name != "seq"
    ]


@pytest.mark.parametrize(("table", "column", "first"), columns())
def test_every_damaged_value_is_named_by_its_row(
    folder: Path, table: str, column: str, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.audit.FLAWS_SHOWN", 1_000)
    damaged(folder, *(
        f"UPDATE {table} SET {column} = {value} WHERE seq = {seq}" for seq, value in enumerate(VALUES.values(), first)
    ))  # fmt: skip
    harmless = NOTHING_OF_A_REQUEST if first > 1 else EMPTY if table == audit.name else set()
    said = json.loads(refused(verified(folder)))
    found = [str(flaw["seq"]) for flaw in said["flaws"]] + [
        word.strip(":") for what in said["missing"] for word in what.split()
    ]
    missed = {kind for seq, kind in enumerate(VALUES, first) if str(seq) not in found}
    assert missed == ({"nothing"} if column in harmless else set())


@pytest.mark.parametrize("table", [audit.name, checkpoints.name])
@pytest.mark.parametrize("value", [*VALUES.values(), "-3", "0", "1", "'9'", "9223372036854775807"])
def test_a_damaged_number_is_never_good(folder: Path, table: str, value: str) -> None:
    damaged(folder, f"UPDATE {table} SET seq = {value} WHERE seq = 3")
    assert refused(verified(folder))


BROKEN: dict[str, Callable[[Path], object]] = {
    "no such file": lambda file: file.unlink(),
    "an empty file": lambda file: file.write_bytes(b""),
    "a letter": lambda file: file.write_text("Dear Ada, this is no database. " * 400),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "another program's": lambda file: emptied(file, *(f"DROP TABLE {table}" for table in tables(file))),
    "no entries' table": lambda file: emptied(file, "DROP TABLE audit"),
    "no heads' table": lambda file: emptied(file, "DROP TABLE checkpoints"),
    "no revision": lambda file: emptied(file, "DROP TABLE alembic_version"),
    "a revision of another kind": lambda file: emptied(file, "UPDATE alembic_version SET version_num = x'ff'"),
    "two revisions": lambda file: emptied(file, "INSERT INTO alembic_version VALUES ('0001')"),
    "an older one": lambda file: emptied(file, "UPDATE alembic_version SET version_num = '0008'"),
    "a column less": lambda file: emptied(file, "ALTER TABLE checkpoints DROP COLUMN signature"),
    "no keys of requests": lambda file: emptied(file, "DROP TABLE data_keys"),
}


def tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        return [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sqlite_sequence'"
            )
        ]


def emptied(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in ("PRAGMA foreign_keys = OFF", *statements):
            db.execute(statement)


@pytest.mark.parametrize("breaking", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_database_is_said(folder: Path, breaking: Callable[[Path], object]) -> None:
    breaking(folder / "placet.db")
    assert refused(verified(folder))


def test_a_verification_makes_no_database(folder: Path) -> None:
    (folder / "placet.db").unlink()
    assert "There is no database" in refused(verified(folder))
    assert not (folder / "placet.db").exists()


def test_no_flipped_byte_of_the_file_ends_in_a_traceback(folder: Path) -> None:
    file, chance = folder / "placet.db", random.Random(6)
    data = file.read_bytes()
    rows = [place for place in range(0, len(data), 4096) if b"agent.added" in data[place : place + 4096]]
    for _ in range(40):
        place = chance.choice(rows) + chance.randrange(4096)
        for beside in folder.glob("placet.db-*"):
            beside.unlink()
        file.write_bytes(data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :])
        said = verified(folder)
        if said.exit_code == 0:
            assert json.loads(said.output)["entries"] == 2 * COUNT, place
        else:
            assert refused(said)


@pytest.mark.parametrize("table", ["audit", "data_keys"])
def test_an_export_of_a_damaged_chain_says_what_to_do(folder: Path, table: str) -> None:
    damaged(folder, "UPDATE audit SET at = 'never' WHERE seq = 3", "UPDATE data_keys SET wrapped = x'00'")
    assert "placet audit verify" in refused(placet(folder, "audit", "export"))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "row"),
    [
        ("UPDATE audit SET detail = '{' WHERE seq = 2", "2"),
        ("UPDATE audit SET detail = '[1]' WHERE seq = 12", "12"),
        ("UPDATE audit SET at = '0044-03-15 00:00:00 BC' WHERE seq = 2", "2"),
        ("UPDATE audit SET at = 'infinity' WHERE seq = 2", "2"),
        ("UPDATE audit SET words = 'x' WHERE seq = 12", "12"),
        ("UPDATE checkpoints SET at = '-infinity' WHERE seq = 2", "2"),
        ("UPDATE checkpoints SET at = '0044-03-15 00:00:00 BC' WHERE seq = 2", "2"),
        ("DROP TABLE audit", ""),
        ("ALTER TABLE checkpoints DROP COLUMN key", ""),
    ],
)
async def test_damage_in_postgresql_is_named_by_its_row(
    postgres_url: str, tmp_path: Path, change: str, row: str
) -> None:
    await installed(tmp_path, postgres_url)
    async with Store(url=postgres_url, keys_file=tmp_path / "placet.keys").opened() as db:
        for one in ("ALTER TABLE audit DISABLE TRIGGER USER", "ALTER TABLE checkpoints DISABLE TRIGGER USER", change):
            await db.write(lambda tx, s=one: tx.conn.execute(text(s)))  # type: ignore[misc]
    said = refused(await asyncio.to_thread(verified, tmp_path))
    assert f'"seq": {row}' in said or f"entry {row}" in said
