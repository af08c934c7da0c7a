"""`placet keys`: the master keys that what is stored is sealed with; a new one, and one that is lost."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from approvals.domain.destroyed import DestroyedBy
from approvals.storage.tx import Tx
from approvals.storage.vault import id_of
from gateway import keys
from gateway.cli.common import USAGE, config_option, fail, json_option, operator, run, say
from gateway.cli.session import opened

BATCH = 200


@click.group()
def command() -> None:
    """List, rotate and give up the keys that what is stored is sealed with.

    What agents and people wrote is sealed under a key for each request, and those keys under a master key of the key
    file. Signatures, sessions and tokens have keys of their own, which none of this changes.
    """


@command.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the master keys by id, and how many keys each wraps: one a request, one a day of the journal."""

    async def job() -> None:
        async with opened(config) as session:
            here = _here(session.settings.keys_file)
            counts = await session.db.read(lambda tx: tx.sealed.masters())
        rows = [
            {"id": id, "keys": counts.get(id, 0), "here": id in here, "newest": id in here[-1:]}
            for id in (*here, *sorted(set(counts) - set(here)))
        ]
        say({"keys": rows}, "\n".join(map(_line, rows)), as_json=as_json)

    run(job)


@command.command()
@click.option("--add-only", is_flag=True, help="Only add the key, to copy the file to other replicas first.")
@config_option
@json_option
def rotate(add_only: bool, config: Path | None, as_json: bool) -> None:
    """Add a new master key and put the key of every request under it.

    If that was interrupted, run it again: it goes on, and adds no other key. Keep the old keys for as long as you keep
    backups that were taken before.
    """

    async def job() -> None:
        async with opened(config) as session:
            file, db = session.settings.keys_file, session.db
            newest, counts = db.vault.newest(), await db.read(lambda tx: tx.sealed.masters())
            added = not any(db.vault.knows(master) and master != newest for master in counts)
            if added:
                newest = id_of(_added(file).masters.keys[-1])
                await db.write(lambda tx: tx.did("keys.added", operator(), subject=f"key:{newest}", via="cli"))
            moved = 0
            while not add_only and (batch := await db.write(lambda tx: tx.sealed.rewrap(BATCH))):
                moved += batch
            if not add_only:
                did = partial(_rotated, newest=newest, moved=moved)
                await db.write(did)
        new = ", added now" if added else ""
        text = f"{file}: the newest key is {newest}{new}. {moved} keys were put under it."
        say({"newest": newest, "added": added, "moved": moved}, text, as_json=as_json)

    run(job)


@command.command()
@click.argument("id")
@click.option("--yes", is_flag=True, help="Yes: what was sealed with it can be read by nobody, ever again.")
@config_option
@json_option
def forget(id: str, yes: bool, config: Path | None, as_json: bool) -> None:
    """Give up a master key that is lost: what it sealed counts as destroyed, and the service starts again.

    States, people, times and hashes stay, and the audit still verifies. Requests that wait cannot run any more. Where
    the whole key file is lost a new one is made.
    """

    async def job() -> None:
        async with opened(config) as session:
            db, file = session.db, session.settings.keys_file
            if id in _here(file):
                fail(f"{id} is not lost: it is in {file}.", USAGE)
            count = (await db.read(lambda tx: tx.sealed.masters())).get(id, 0)
            if not count:
                fail(f"Nothing is sealed with a key {id}. `placet keys list` shows what is.", USAGE)
            if not yes:
                fail(f"What {count} keys open would be unreadable for good. Say --yes if no backup has the key.", USAGE)
            made = not file.exists()
            if made:
                keys.make(file)
            requests = 0
            while batch := await db.write(lambda tx: _destroyed(tx, id)):
                requests += batch
            await db.write(partial(_forgotten, master=id, requests=requests))
            await db.scrub()
        new = f" {file} is new: keep a copy of it." if made else ""
        said = f"What was written in {requests} requests is destroyed.{new}"
        say({"forgotten": id, "requests": requests, "made": made}, said, as_json=as_json)

    run(job)


def _destroyed(tx: Tx, master: str) -> int:
    lost = tx.sealed.under(master, BATCH)
    for record, binding in lost:
        tx.sealed.destroy(record.request, DestroyedBy.LOST_KEY)
        tx.requests.append(record, binding)
    return len(lost)


def _forgotten(tx: Tx, *, master: str, requests: int) -> None:
    tx.sealed.give_up(master)
    tx.did("keys.forgotten", operator(), subject=f"key:{master}", via="cli", requests=requests)


def _rotated(tx: Tx, *, newest: str, moved: int) -> None:
    tx.did("keys.rotated", operator(), subject=f"key:{newest}", via="cli", moved=moved)


def _here(file: Path) -> list[str]:
    """The ids of the keys of the file, of which there are none where it is lost."""
    try:
        return [id_of(key) for key in keys.load(file).masters.keys] if file.exists() else []
    except (OSError, ValueError) as err:
        fail(str(err))


def _added(file: Path) -> keys.Keys:
    try:
        return keys.add(file)
    except (OSError, ValueError) as err:
        fail(str(err))


def _line(row: dict[str, object]) -> str:
    note = "" if row["here"] else "  LOST: not in the key file"
    return f"{row['id']}  {row['keys']} keys{'  (wraps what is new)' if row['newest'] else ''}{note}"
