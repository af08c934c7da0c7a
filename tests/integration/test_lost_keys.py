"""A key file that is gone, empty or cut off: the service refuses and makes none, unless nothing was sealed yet."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.errors import KeysLost
from approvals.storage.vault import id_of
from gateway import keys
from gateway.cli.root import main
from gateway.store import Store

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
