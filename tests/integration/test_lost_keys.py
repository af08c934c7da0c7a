"""A key file that is gone, empty or cut off: the service refuses and makes none, unless nothing was sealed yet."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.domain import lifecycle
from approvals.errors import KeysLost
from approvals.storage.vault import id_of
from gateway import keys
from gateway.cli.root import main
from gateway.store import Store
from tests.fakes.requests import make_request

CONFIG = "listen: {port: %d}\ndatabase: sqlite:///placet.db\nkeys: {file: placet.keys}\n"


def folder_instead(file: Path) -> None:
    """Leave a folder where the file was."""
    file.unlink()
    file.mkdir(mode=0o700)


BREAKING: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "There is no key file {file}, and the database has 1 keys"),
    "empty": (lambda file: file.write_text(""), "{file} has no line that begins with 'master:': it is empty"),
    "cut off": (lambda file: file.write_text(file.read_text()[:20]), "{file}: a key "),
    "a folder": (folder_instead, "{file} cannot be read or written"),
}


async def sealed(url: str, file: Path) -> Store:
    """A database with one key in it."""
    store = Store(url=url, keys_file=file)
    keys.make(file)
    async with store.opened() as db:
        await db.write(lambda tx: tx.day_cells("2026-11-24"))
    return store


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on, so that a service always ends."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture
async def folder(sqlite_url: str, tmp_path: Path, taken: int) -> Path:
    (tmp_path / "placet.yaml").write_text(CONFIG % taken)
    await sealed(sqlite_url, tmp_path / "placet.keys")
    return tmp_path


def placet(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "placet.yaml")])


def served(folder: Path) -> tuple[int, str]:
    """`placet serve` as a process of its own."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "placet"), "serve", "--config", str(folder / "placet.yaml")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("breaking", "said"), BREAKING.values(), ids=BREAKING)
def test_a_service_does_not_start_over_a_lost_key_file_and_makes_none(
    folder: Path, breaking: Callable[[Path], object], said: str
) -> None:
    file = folder / "placet.keys"
    backup = file.read_bytes()
    breaking(file)
    before = file.read_bytes() if file.is_file() else None
    code, told = served(folder)
    assert code == 1
    assert said.format(file=file) in told
    assert "Traceback" not in told
    assert (file.read_bytes() if file.is_file() else None) == before
    shutil.rmtree(file) if file.is_dir() else None
    file.write_bytes(backup)
    file.chmod(0o600)
    assert "Cannot listen on" in served(folder)[1], "with the file back it goes as far as listening"


def test_a_fresh_installation_gets_its_keys(folder: Path) -> None:
    for file in ("placet.db", "placet.keys"):
        (folder / file).unlink()
    assert "Cannot listen on" in served(folder)[1]
    assert len(keys.load(folder / "placet.keys").masters.keys) == 1


async def test_keys_are_made_while_nothing_is_sealed_and_not_once_something_is(
    database_url: str, tmp_path: Path
) -> None:
    store = Store(url=database_url, keys_file=tmp_path / "placet.keys")
    made = await store.keys()
    assert await store.keys() == made
    async with store.opened() as db:
        await db.write(lambda tx: tx.day_cells("2026-11-24"))
    (tmp_path / "placet.keys").unlink()
    with pytest.raises(KeysLost, match=id_of(made.masters.keys[-1])):
        await store.keys()
    assert not (tmp_path / "placet.keys").exists()


def test_what_a_lost_file_opened_is_listed_and_given_up_for_a_new_file(folder: Path) -> None:
    file = folder / "placet.keys"
    lost = id_of(keys.load(file).masters.keys[-1])
    file.unlink()
    (row,) = json.loads(placet(folder, "keys", "list", "--json").output)["keys"]
    assert (row["id"], row["keys"], row["here"], row["newest"]) == (lost, 1, False, False)
    assert placet(folder, "keys", "forget", lost).exit_code == 2
    assert not file.exists(), "nothing is made before the word is given"
    assert f"{file} is new" in placet(folder, "keys", "forget", lost, "--yes").output
    assert keys.load(file).masters.keys
    assert json.loads(placet(folder, "keys", "list", "--json").output)["keys"][0]["keys"] == 0


async def damaged(folder: Path, statement: str) -> list[str]:
    """An installation with five requests, after a statement was run on its database; the requests."""
    filed = [make_request(justification="so that it is done") for _ in range(5)]
    async with Store(url=f"sqlite:///{folder}/placet.db", keys_file=folder / "placet.keys").opened() as db:
        for one in filed:
            assert await db.write(lambda tx, one=one: tx.requests.insert(one, lifecycle.filed(one)))  # type: ignore[misc]
    with closing(sqlite3.connect(folder / "placet.db")) as raw, raw:
        raw.execute(statement, {"id": min(one.id for one in filed)})
    return sorted(one.id for one in filed)


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        pytest.param("DELETE FROM data_keys WHERE subject = :id", 1, id="one row gone"),
        pytest.param("DELETE FROM data_keys WHERE :id != ''", 5, id="all rows gone"),
    ],
)
def test_every_command_says_which_requests_lost_their_key_in_the_database(
    folder: Path, statement: str, count: int
) -> None:
    first = asyncio.run(damaged(folder, statement))[0]
    code, told = served(folder)
    assert (code, "Traceback" in told) == (1, False)
    assert f"keys (rows of data_keys) of {count} requests" in told
    assert first in told
    for command in (["requests", "list"], ["requests", "show", first], ["audit", "export"], ["keys", "list"]):
        said = placet(folder, *command)
        assert (said.exit_code, f"of {count} requests" in said.stderr) == (1, True), said.output


def test_a_row_that_is_neither_sealed_nor_in_the_clear_is_refused_and_not_sealed_again(folder: Path) -> None:
    id = asyncio.run(damaged(folder, "DELETE FROM data_keys WHERE subject = :id"))[0]
    with closing(sqlite3.connect(folder / "placet.db")) as raw, raw:
        raw.execute("UPDATE requests SET arguments = X'7b7d' WHERE id = ?", (id,))
    said = placet(folder, "requests", "list")
    assert (said.exit_code, "neither sealed nor in the clear" in said.stderr) == (1, True), said.output
