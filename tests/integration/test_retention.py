"""What is too old is destroyed for good, is said to be, and is still proved; keys are rotated, and may be lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from approvals.domain import lifecycle, receipt
from approvals.domain.audit import flaws
from approvals.domain.card import make_card
from approvals.domain.destroyed import DestroyedBy
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note, advance
from approvals.domain.model import Answer, ApprovalRequest
from approvals.notary import Notary
from approvals.retention import Keep, Retention
from approvals.signing import Signer
from approvals.storage.calls import CallQuery, CallRow
from approvals.storage.data_keys import count, find
from approvals.storage.engine import Database
from approvals.storage.requests import Query
from approvals.storage.vault import Masters, Vault, id_of
from gateway import keys as key_files
from gateway.cli.root import main
from gateway.protocol.answers import about
from tests.fakes.keys import MASTER, VAULT
from tests.fakes.requests import ADA, NOON, make_request, vote

SECRET = "kanarienvogel-4711"
SIGNER = Signer(seed=b"s" * 32, salt_key=b"k" * 32)
DAY = timedelta(days=1)
NAMES = ("agent", "server", "tool", "arguments_sha256")


class House:
    """A database on a clock of its own, with a notary and what destroys."""

    def __init__(self, db: Database, clock: list[datetime]) -> None:
        self.db, self.clock = db, clock
        self.notary = Notary(db, SIGNER)
        self.retention = Retention(db, self.notary, Keep(arguments=90 * DAY, calls=400 * DAY))

    async def denied(self) -> ApprovalRequest:
        """A request that was denied with the secret everywhere."""
        filed = make_request(arguments={"note": SECRET}, justification=SECRET)
        assert await self.db.write(lambda tx: tx.requests.insert(filed, lifecycle.filed(filed)))
        no = replace(vote(filed, Answer.DENY), reason=SECRET)
        step = advance(filed, Happened(event=Event.VETOED, actor=ADA, vote=no), self.clock[0])
        assert await self.db.write(lambda tx: tx.requests.commit(step))
        return step.after

    async def now(self, request: ApprovalRequest) -> ApprovalRequest:
        """The request as it is now."""
        found = await self.db.read(lambda tx: tx.requests.get(request.id))
        assert found is not None
        return found

    async def receipt(self, request: ApprovalRequest) -> bytes:
        """Its receipt, as anybody is given it."""
        current = await self.now(request)
        return await self.db.read(lambda tx: self.notary.certify(tx, current))

    async def chain(self) -> list[Any]:
        """The audit chain, which has no flaw."""
        entries = await self.db.read(lambda tx: list(tx.audit.entries()))
        assert list(flaws(entries)) == []
        return entries


@pytest.fixture
async def at(database_url: str) -> Any:
    clock = [NOON]
    async with Database.opened(database_url, VAULT, clock=lambda: clock[0]) as db:
        yield House(db, clock)


async def test_what_ended_long_ago_is_destroyed_and_its_receipt_and_place_in_the_chain_are_not(
    at: House, tmp_path: Path
) -> None:
    old, open_one = await at.denied(), make_request(arguments={"note": "open"})
    await at.db.write(lambda tx: tx.requests.insert(open_one, lifecycle.filed(open_one)))
    before = await at.receipt(old)
    wrapped = await at.db.read(lambda tx: find(tx.conn, [old.id])[old.id].wrapped)
    at.clock[0] += 89 * DAY
    young = await at.denied()
    assert await at.retention.sweep() == 0
    at.clock[0] += DAY + timedelta(seconds=1)
    assert await at.retention.sweep() == 1
    assert await at.retention.sweep() == 0

    gone = await at.now(old)
    assert gone.destroyed is not None
    assert (gone.destroyed.by, gone.destroyed.at) == (DestroyedBy.RETENTION, at.clock[0])
    assert (gone.justification, gone.votes[0].reason, gone.call.arguments) == (None, None, b"{}")
    assert (gone.state, gone.binding, gone.votes[0].reviewer) == (old.state, old.binding, ADA)
    assert (await at.now(young)).justification == SECRET
    assert (await at.now(open_one)).destroyed is None

    assert await at.receipt(old) == before
    taken = receipt.opened(before)
    assert SIGNER.public.checks(taken.signed, taken.signature)
    chain = [entry for entry in await at.chain() if entry.act.request == old.id]
    assert [entry.act.action for entry in chain] == ["request.filed", "request.vetoed", "request.destroyed"]
    assert SECRET not in str(chain)
    ledger = await at.db.read(lambda tx: tx.requests.events(old.id))
    assert ledger[-1].event is Note.DESTROYED
    assert ledger[1].detail["decision"] == "deny"
    assert "reason" not in ledger[1].detail
    if at.db.dialect == "sqlite":
        assert _files_with(tmp_path, wrapped) == []


def _files_with(folder: Path, data: bytes) -> list[str]:
    return [path.name for path in folder.iterdir() if data in path.read_bytes()]


async def test_every_surface_says_that_it_is_destroyed(at: House) -> None:
    old = await at.denied()
    at.clock[0] += 91 * DAY
    await at.retention.sweep()
    gone = await at.now(old)
    card = make_card(gone, needs=(), people={}, url="u", now=at.clock[0])
    assert card.arguments == "(destroyed by retention on 2027-02-23)"
    told = about(gone, url="u")
    assert isinstance(told, bytes)
    assert b"no longer kept" in told
    assert SECRET.encode() not in told
    assert await at.db.read(lambda tx: tx.requests.search(Query(q=SECRET))) == []
    found = await at.db.read(lambda tx: tx.requests.search(Query(q="pay")))
    assert [one.id for one in found] == [old.id]


async def test_what_is_written_after_the_end_is_sealed_anew_and_destroyed_in_its_turn(at: House) -> None:
    old = await at.denied()
    at.clock[0] += 91 * DAY
    await at.retention.sweep()
    gone = await at.now(old)
    said = lifecycle.note(
        gone, Note.COMMENTED, actor=ADA, at=at.clock[0], before=gone.state, detail={"note": "late words"}
    )
    await at.db.write(lambda tx: tx.requests.append(said, gone.binding))
    assert (await at.db.read(lambda tx: tx.requests.events(old.id)))[-1].detail == {"note": "late words"}
    await at.chain()
    assert await at.retention.sweep() == 0
    at.clock[0] += 91 * DAY
    assert await at.retention.sweep() == 1
    assert (await at.db.read(lambda tx: tx.requests.events(old.id)))[-1].detail == {}
    await at.chain()


async def test_rows_of_the_journal_go_with_an_entry_in_the_audit(at: House) -> None:
    rows = [
        CallRow(
            id=f"call_{n}",
            at=NOON - n * 100 * DAY,
            agent="a",
            server="s",
            tool="t",
            arguments_sha256="",
            verdict="allow",
        )
        for n in range(6)
    ]
    await at.db.write(lambda tx: tx.calls.insert_many(rows))
    await at.retention.sweep()
    kept = await at.db.read(lambda tx: tx.calls.search(CallQuery()))
    assert [row.id for row in kept] == ["call_0", "call_1", "call_2", "call_3", "call_4"]
    days = await at.db.read(lambda tx: count(tx.conn))
    assert sum(days.values()) == 5
    assert [(entry.act.action, entry.act.detail["count"]) for entry in await at.chain()] == [("calls.deleted", 1)]


async def test_nothing_is_destroyed_unless_it_is_configured(at: House) -> None:
    old = await at.denied()
    at.clock[0] += 4_000 * DAY
    at.retention.keep = Keep()
    assert await at.retention.sweep() == 0
    assert (await at.now(old)).justification == SECRET


async def test_a_service_puts_every_key_under_a_master_that_was_added(database_url: str) -> None:
    file = [MASTER]
    vault = Vault(lambda: Masters(tuple(file)))
    async with Database.opened(database_url, vault) as db:
        at = House(db, [NOON])
        requests = [await at.denied() for _ in range(3)]
        file.append(b"n" * 32)
        at.retention.keep = Keep()
        await at.retention.sweep()
        assert await db.read(lambda tx: tx.sealed.masters()) == {id_of(b"n" * 32): 3}
    async with Database.opened(database_url, Vault(lambda: Masters((b"n" * 32,)))) as db:
        assert (await House(db, [NOON]).now(requests[0])).justification == SECRET


CONFIG = """\
listen: {host: 127.0.0.1, port: 8642}
public_url: http://127.0.0.1:8642
database: sqlite:///placet.db
keys: {file: placet.keys}
"""
Placet = Callable[..., Result]


@pytest.fixture
async def folder(sqlite_url: str, tmp_path: Path) -> Path:
    """An installation with three requests in it."""
    (tmp_path / "placet.yaml").write_text(CONFIG)
    key_files.make(tmp_path / "placet.keys")
    async with Database.opened(sqlite_url, Vault(lambda: key_files.load(tmp_path / "placet.keys").masters)) as db:
        for _ in range(3):
            await House(db, [NOON]).denied()
    return tmp_path


def placet(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(folder / "placet.yaml")])


def _masters(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "placet.db")) as db:
        return [row[0] for row in db.execute("SELECT DISTINCT master FROM data_keys")]


def test_a_rotation_goes_on_where_it_stopped_and_then_adds_another(folder: Path) -> None:
    first = json.loads(placet(folder, "keys", "rotate", "--add-only", "--json").output)
    assert (first["added"], first["moved"]) == (True, 0)
    second = json.loads(placet(folder, "keys", "rotate", "--json").output)
    assert (second["added"], second["moved"], second["newest"]) == (False, 3, first["newest"])
    assert _masters(folder) == [first["newest"]]
    third = json.loads(placet(folder, "keys", "rotate", "--json").output)
    assert (third["added"], third["moved"]) == (True, 3)
    assert (folder / "placet.keys").stat().st_mode & 0o777 == 0o600
    listed = json.loads(placet(folder, "keys", "list", "--json").output)["keys"]
    assert [(one["keys"], one["newest"], one["here"]) for one in listed] == [
        (0, False, True),
        (0, False, True),
        (3, True, True),
    ]
    assert placet(folder, "audit", "verify").exit_code == 0


def test_a_lost_master_is_told_clearly_the_chain_verifies_and_it_can_be_given_up(folder: Path) -> None:
    lost = _masters(folder)[0]
    (folder / "placet.keys").unlink()
    key_files.make(folder / "placet.keys")
    (folder / "key.pem").write_text(placet(folder, "receipt", "key").output)
    assert placet(folder, "audit", "verify", "--key", str(folder / "key.pem")).exit_code == 0
    served = placet(folder, "serve")
    assert served.exit_code == 1
    assert f"3 keys open, wrapped by the master key {lost}" in served.output
    assert "LOST" in placet(folder, "keys", "list").output
    assert "unreadable for good" in placet(folder, "keys", "forget", lost).output
    assert placet(folder, "keys", "forget", lost, "--yes").output == "What was written in 3 requests is destroyed.\n"
    assert placet(folder, "audit", "verify", "--key", str(folder / "key.pem")).exit_code == 0
    assert _masters(folder) == []
