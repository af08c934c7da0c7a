"""What agents and people wrote, in a real database: never in the clear in its files, and whole after an upgrade."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from approvals.domain import lifecycle
from approvals.domain.audit import START, Act, flaws, link
from approvals.domain.fingerprint import canonical
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note, advance
from approvals.domain.model import Answer, ApprovalRequest, Claim, Outcome, Overrun
from approvals.errors import Unreadable
from approvals.storage import migrate, old_rows
from approvals.storage.calls import CallQuery
from approvals.storage.engine import Database
from approvals.storage.rows import event_row, new_row, vote_rows
from approvals.storage.schema import METADATA
from approvals.storage.tables import calls, events, requests, votes
from approvals.storage.tables_audit import audit
from approvals.storage.vault import sealed_columns
from tests.fakes.keys import VAULT
from tests.fakes.requests import ADA, NOON, make_request, vote

SECRET = "kanarienvogel-4711"


def told() -> tuple[ApprovalRequest, list[lifecycle.Step]]:
    """A request with the secret in everything that somebody writes, and the steps of its life."""
    over = Overrun(counter="c", scope="s", name="n", most="1", to="2", words=f"for {SECRET}")
    filed = make_request(
        arguments={"note": SECRET},
        justification=f"because {SECRET}",
        trace=({"rule": "/a", "matched": True, "why": f"note is {SECRET}"},),
        over=(over,),
    )
    yes = replace(vote(filed, Answer.APPROVE), reason=f"fine, {SECRET}")
    steps = [advance(filed, Happened(event=Event.QUORUM_MET, actor=ADA, vote=yes), NOON)]
    claim = Claim(holder="one", lease_until=NOON)
    steps.append(advance(steps[-1].after, Happened(event=Event.CLAIMED, actor="placet", claim=claim), NOON))
    outcome = Outcome(kind="failed", result=canonical({"error": SECRET}), error=f"it said {SECRET}")
    steps.append(advance(steps[-1].after, Happened(event=Event.RAISED, actor="placet", outcome=outcome), NOON))
    return filed, steps


async def live(db: Database) -> ApprovalRequest:
    filed, steps = told()
    assert await db.write(lambda tx: tx.requests.insert(filed, lifecycle.filed(filed)))
    for step in steps:
        assert await db.write(lambda tx, s=step: tx.requests.commit(s))  # type: ignore[misc]
    said = lifecycle.note(
        steps[-1].after, Note.COMMENTED, actor=ADA, at=NOON, before=steps[-1].after.state, detail={"note": SECRET}
    )
    await db.write(lambda tx: tx.requests.append(said, filed.binding))
    return steps[-1].after


def in_files(folder: Path, word: str) -> list[str]:
    """The files of a folder whose bytes have a word."""
    return [path.name for path in sorted(folder.iterdir()) if word.encode() in path.read_bytes()]


async def test_a_life_comes_back_as_it_was_with_nothing_of_it_in_the_clear(database: Database, tmp_path: Path) -> None:
    ended = await live(database)
    assert await database.read(lambda tx: tx.requests.get(ended.id)) == ended
    words = [dict(record.detail) for record in await database.read(lambda tx: tx.requests.events(ended.id))]
    assert [one.get("reason") or one.get("error") or one.get("note") for one in words] == [
        None,
        f"fine, {SECRET}",
        None,
        f"it said {SECRET}",
        SECRET,
    ]
    chain = await database.read(lambda tx: list(tx.audit.entries()))
    assert list(flaws(chain)) == []
    assert sum(SECRET in str(entry.act.detail) for entry in chain) == 3
    assert in_files(tmp_path, SECRET) == []
    assert await database.read(lambda tx: _anywhere(tx.conn, SECRET)) == []


def _anywhere(conn: Connection, word: str) -> list[str]:
    """The columns, in any table, in which a word stands."""
    found = []
    for table in METADATA.sorted_tables:
        for row in conn.execute(text(f"SELECT * FROM {table.name}")).mappings():
            found += [f"{table.name}.{name}" for name, value in row.items() if word in _plain(value)]
    return found


def _plain(value: Any) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


async def test_rows_of_an_older_placet_are_sealed_by_the_upgrade_and_lose_nothing(
    blank_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrate, "head", lambda: "0015")
        older.setattr(command, "upgrade", lambda config, _to, go=command.upgrade: go(config, "0015"))
        older.setattr(old_rows, "seal", _nothing)
        await migrate.upgrade(blank_url)
    lives = [told() for _ in range(5)]
    async with Database.opened(blank_url) as db:
        for life in lives:
            await db.write(lambda tx, life=life: _in_the_clear(tx.conn, *life))  # type: ignore[misc]
        row = {"id": "call_1", "at": NOON, "tool": "t", "reason": SECRET, "trace": [{"why": SECRET}], "limits": None}
        row |= dict.fromkeys(("agent", "server", "arguments_sha256", "verdict"), "x")
        await db.write(lambda tx: _plainly(tx.conn, calls, row))
    with pytest.raises(Unreadable, match="opened without the keys"):
        await migrate.upgrade(blank_url)
    monkeypatch.setattr(old_rows, "BATCH", 2)
    with monkeypatch.context() as cut:
        cut.setattr(old_rows, "log", _PowerCut())
        with pytest.raises(KeyboardInterrupt):
            await migrate.upgrade(blank_url, VAULT)
    assert await migrate.upgrade(blank_url, VAULT)
    assert not await migrate.upgrade(blank_url, VAULT)
    async with Database.opened(blank_url, VAULT) as db:
        for _, steps in lives:
            kept = await db.read(lambda tx, id=steps[-1].after.id: tx.requests.get(id))  # type: ignore[misc]
            assert kept == steps[-1].after
            ledger = await db.read(lambda tx, id=steps[-1].after.id: tx.requests.events(id))  # type: ignore[misc]
            assert [one.detail for one in ledger] == [step.record.detail for step in steps]
        (call,) = await db.read(lambda tx: tx.calls.search(CallQuery()))
        assert (call.reason, call.trace, call.limits) == (SECRET, ({"why": SECRET},), ())
        chain = await db.read(lambda tx: list(tx.audit.entries()))
        assert list(flaws(chain)) == []
        assert [entry.act.detail for entry in chain] == [steps[0].record.detail for _, steps in lives]
        assert await db.read(lambda tx: _anywhere(tx.conn, SECRET)) == []
        with pytest.raises(Exception, match="append-only"):
            await db.write(lambda tx: tx.conn.execute(text("UPDATE events SET actor = 'me'")))
    assert in_files(tmp_path, SECRET) == []


async def _nothing(*_: Any) -> int:
    return 0


class _PowerCut:
    def info(self, *_: Any, **__: Any) -> None:
        raise KeyboardInterrupt


def _in_the_clear(conn: Connection, filed: ApprovalRequest, steps: list[lifecycle.Step]) -> None:
    """Write a life as revision 0015 did."""
    after = steps[-1].after
    _plainly(conn, requests, {**new_row(after), "changed_at": NOON})
    for one in vote_rows(after.id, after.votes, 0):
        _plainly(conn, votes, one)
    for step in steps:
        row = {**event_row(step.record), "detail": dict(step.record.detail)}
        _plainly(conn, events, {name: value for name, value in row.items() if name != "words"})
    seq, head = (conn.execute(text("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")).first()) or (0, START)
    record = steps[0].record
    act = Act(action="request.x", actor=ADA, at=NOON, request=after.id, detail=record.detail)
    entry = link(act, seq=seq + 1, prev=head, salt="ab" * 16)
    values = {"seq": entry.seq, "at": NOON, "action": act.action, "actor": ADA, "via": "", "request_id": after.id}
    values |= {"detail": dict(act.detail), "salt": entry.salt, "detail_sha256": entry.detail_sha256}
    _plainly(conn, audit, {**values, "prev": entry.prev, "hash": entry.hash})


def _plainly(conn: Connection, table: Any, values: dict[str, Any]) -> None:
    """Insert with the types of the older schema: texts and JSON where bytes are sealed now."""
    sealed = sealed_columns(table)
    bound, there = {}, {one["name"] for one in inspect(conn).get_columns(table.name)}
    for name, value in values.items():
        if name not in there:
            continue
        if name in sealed and value is not None:
            kind = sealed[name].type.content  # type: ignore[attr-defined]
            value = value if kind == "bytes" else value if kind == "text" else canonical(value).decode()
        elif name not in sealed:
            process = table.c[name].type.dialect_impl(conn.dialect).bind_processor(conn.dialect)
            value = process(value) if process is not None else value
        bound[name] = value
    names = ", ".join(f'"{name}"' for name in bound)
    conn.execute(text(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(f':{name}' for name in bound)})"), bound)
