"""`placet audit` and `placet receipt` over a real database file, whole and tampered with."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from approvals.notary import Notary
from approvals.signing import PublicKey
from approvals.storage.engine import Database
from gateway.cli.root import main
from gateway.keys import load, make, signer_of
from tests.fakes.keys import VAULT

CONFIG = """
people:
  ada@example.com: {name: Ada, roles: [reviewer, operator], groups: [team]}
servers:
  shop: {url: "http://127.0.0.1:9/mcp"}
"""


def placet(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "placet.yaml")])


@pytest.fixture
async def folder(tmp_path: Path, sqlite_template: Path) -> Path:
    """An installation in which a few things were done, with a signed head."""
    (tmp_path / "placet.yaml").write_text(CONFIG)
    shutil.copyfile(sqlite_template, tmp_path / "placet.db")
    (tmp_path / "placet.db").chmod(0o600)
    make(tmp_path / "placet.keys")
    async with Database.opened(f"sqlite:///{tmp_path}/placet.db", VAULT) as db:
        for name in ("claude", "=cmd|'/c calc'!A1", "cursor"):
            await db.write(lambda tx, n=name: tx.did("agent.added", "cli:root", subject=f"agent:{n}", name=n))  # type: ignore[misc]
        await Notary(db, signer_of(load(tmp_path / "placet.keys")), tmp_path / "heads.jsonl").sign()
    return tmp_path


def rewritten(folder: Path, *statements: str) -> None:
    """Change the database as somebody could who has its file."""
    with sqlite3.connect(folder / "placet.db") as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)
    db.close()


def test_an_untouched_chain_is_unchanged_and_complete(folder: Path) -> None:
    said = placet(folder, "audit", "verify", "--json")
    value = json.loads(said.output)
    assert (said.exit_code, value["unchanged"], value["complete"], value["entries"]) == (0, True, True, 3)
    assert value["signed_until"] == 3


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE audit SET actor = 'cli:eve' WHERE seq = 2", "was changed after it was written"),
        ("UPDATE audit SET detail = '{}' WHERE seq = 2", "its detail was changed"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM audit WHERE seq = 3", "its end is missing"),
        ("DELETE FROM audit", "its end is missing"),
    ],
)
def test_each_tampering_is_said_and_fails(folder: Path, statement: str, word: str) -> None:
    rewritten(folder, statement)
    said = placet(folder, "audit", "verify")
    assert said.exit_code == 1
    assert word in said.output


def test_an_end_cut_off_with_its_signed_head_is_seen_by_the_head_kept_elsewhere(folder: Path) -> None:
    rewritten(folder, "DELETE FROM audit WHERE seq = 3", "DELETE FROM checkpoints")
    assert placet(folder, "audit", "verify").exit_code == 0
    said = placet(folder, "audit", "verify", "--checkpoints", str(folder / "heads.jsonl"))
    assert (said.exit_code, "its end is missing" in said.output) == (1, True)


def exported(folder: Path, form: str = "jsonl") -> Path:
    file = folder / f"audit.{form}"
    said = placet(folder, "audit", "export", "--format", form, "--output", str(file))
    assert said.exit_code == 0, said.output
    return file


def test_an_exported_chain_is_verified_with_the_public_key_alone(folder: Path) -> None:
    file, key = exported(folder), folder / "placet.pem"
    key.write_text(placet(folder, "receipt", "key").output)
    said = CliRunner().invoke(main, ["audit", "verify", str(file), "--key", str(key)])
    assert (said.exit_code, said.output.splitlines()[0]) == (0, "3 entries, 1 signed heads.")


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "a word": lambda lines: [lines[0].replace("cli:root", "cli:eve"), *lines[1:]],
    "an entry gone": lambda lines: [lines[0], *lines[2:]],
    "two swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "the end cut off": lambda lines: [*lines[:2], lines[-1]],
    "the signature": lambda lines: [*lines[:-1], lines[-1].replace('"signature": "', '"signature": "00')],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_export_fails(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    file, key = exported(folder), folder / "placet.pem"
    key.write_text(placet(folder, "receipt", "key").output)
    file.write_text("\n".join(change(file.read_text().splitlines())) + "\n")
    assert CliRunner().invoke(main, ["audit", "verify", str(file), "--key", str(key)]).exit_code == 1


def test_an_export_overwrites_nothing(folder: Path) -> None:
    file = exported(folder)
    said = placet(folder, "audit", "export", "--output", str(file))
    assert (said.exit_code, "is not overwritten" in said.stderr) == (1, True)


def test_a_spreadsheet_gets_no_formula(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(folder, "csv").read_text())))
    assert len(rows) == 3
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_events_for_a_siem_have_what_their_class_requires(folder: Path) -> None:
    events = [json.loads(line) for line in exported(folder, "ocsf").read_text().splitlines()]
    required = {"activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint"}
    assert all(required | {"time", "type_uid"} <= event.keys() for event in events)
    assert all(event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] for event in events)


def test_a_receipt_of_nothing_is_refused_by_name(folder: Path) -> None:
    said = placet(folder, "receipt", "show", "req_nope")
    assert (said.exit_code, said.stderr) == (1, "There is no request req_nope, or you may not see it.\n")


def test_what_is_no_receipt_is_refused_in_words(folder: Path) -> None:
    key, file = folder / "placet.pem", folder / "x.json"
    key.write_text(placet(folder, "receipt", "key").output)
    file.write_text('{"payload": 1}\n')
    said = CliRunner().invoke(main, ["receipt", "verify", str(file), "--key", str(key)])
    assert (said.exit_code, "not accepted" in said.stderr) == (1, True)


@pytest.fixture
async def replaced(folder: Path) -> Path:
    """An installation that signed another head with a new key file; the public keys lie beside it."""
    file = folder / "placet.keys"
    old = signer_of(load(file)).public.pem
    file.unlink()
    make(file)
    async with Database.opened(f"sqlite:///{folder}/placet.db", VAULT) as db:
        await db.write(lambda tx: tx.did("agent.added", "cli:root", subject="agent:late", name="late"))
        await Notary(db, signer_of(load(file)), folder / "heads.jsonl").sign()
    new = signer_of(load(file)).public.pem
    for name, text in {"old": old, "new": new, "both": old + new, "cut": old + new[:40]}.items():
        (folder / f"{name}.pem").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("names", "code", "word"),
    [
        pytest.param(["old", "new"], 0, "Complete up to entry 4", id="both keys"),
        pytest.param(["both"], 0, "Complete up to entry 4", id="both keys in one file"),
        pytest.param(["old"], 1, "head of entry 4 is not signed by this key", id="only the old key"),
        pytest.param([], 1, "head of entry 3 is not signed by this key", id="only the key of the installation"),
        pytest.param(["cut"], 2, "a key in it is cut off", id="half a key"),
    ],
)
def test_each_head_is_checked_by_the_key_that_it_was_signed_with(
    replaced: Path, names: list[str], code: int, word: str
) -> None:
    given = [part for name in names for part in ("--key", str(replaced / f"{name}.pem"))]
    of_database = placet(replaced, "audit", "verify", *given)
    assert (of_database.exit_code, word in of_database.output) == (code, True), of_database.output
    if given:
        of_file = CliRunner().invoke(main, ["audit", "verify", str(exported(replaced)), *given])
        assert (of_file.exit_code, word in of_file.output) == (code, True), of_file.output


def test_a_head_that_names_another_key_than_it_was_signed_with_is_not_accepted(replaced: Path) -> None:
    one, other = (PublicKey.from_pem((replaced / f"{name}.pem").read_text()).id for name in ("old", "new"))
    rewritten(replaced, f"UPDATE checkpoints SET key = '{other}' WHERE key = '{one}'")
    said = placet(replaced, "audit", "verify", "--key", str(replaced / "both.pem"))
    assert (said.exit_code, "not signed by any of these keys" in said.output) == (1, True), said.output


def test_without_a_key_file_the_way_to_give_a_key_is_named(folder: Path) -> None:
    (folder / "placet.keys").unlink()
    said = placet(folder, "audit", "verify")
    assert (said.exit_code, "give --key" in said.stderr) == (1, True)


def test_a_backup_that_cannot_be_written_is_refused_in_words(folder: Path) -> None:
    said = placet(folder, "db", "backup", str(folder / "nowhere" / "x.db"))
    assert (said.exit_code, "cannot be written" in said.stderr) == (1, True)
    assert placet(folder, "db", "backup", str(folder / "x.db")).exit_code == 0
