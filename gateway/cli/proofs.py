"""What the commands of the audit and of receipts share: the key of the installation, and the chain as a file."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from approvals.domain.audit import Act, Checkpoint, Entry
from approvals.domain.hushing import Hush, hush_of
from approvals.domain.model import ApprovalRequest
from approvals.domain.redact import redact_value
from approvals.errors import Unreadable
from approvals.notary import line as checkpoint_line
from approvals.signing import PublicKey, Signer, public_keys
from approvals.storage import damage, migrate, url
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from gateway.cli.audit_formats import json_line
from gateway.cli.common import USAGE, config_file, fail
from gateway.config import ConfigErrors, store_of
from gateway.keys import load, signer_of
from gateway.store import Store

PAGE = 1_000


def signer_for(keys_file: Path) -> Signer:
    """Who signs for the installation."""
    try:
        return signer_of(load(keys_file))
    except (OSError, ValueError) as err:
        fail(str(err))


def store_for(config: Path | None) -> Store:
    """The database of a configuration, without the rest of it."""
    try:
        return store_of(config_file(config), os.environ)
    except ConfigErrors as err:
        fail(str(err))


def keys_in(files: Iterable[Path]) -> Mapping[str, PublicKey]:
    """The keys in some PEM files by their ids. What names none of them as its key is signed by nobody that counts."""
    found: dict[str, PublicKey] = {}
    for file in files:
        try:
            found |= {key.id: key for key in public_keys(file.read_text(encoding="utf-8"))}
        except (OSError, ValueError) as err:
            fail(f"{file}: {err}. `placet receipt key` prints the key of an installation.", USAGE)
    return found


def own_key(keys_file: Path) -> Mapping[str, PublicKey]:
    """The key of the installation, by its id, where no other was given."""
    if not keys_file.exists():
        fail(f"There is no key file {keys_file}: give --key with the public key that you kept.")
    key = signer_for(keys_file).public
    return {key.id: key}


@asynccontextmanager
async def as_it_is(store: Store) -> AsyncIterator[Database]:
    """The database as it stands, for who looks for damage: nothing is made in it, or brought up to date."""
    path = url.parse(store.url).path
    if path is not None and not path.is_file():
        fail(f"There is no database {path}.")
    async with store.opened() as db:
        revision, wanted = await damage.revision(db), migrate.head()
        if revision is None:
            fail("This is no database of Placet, or its table alembic_version is missing or damaged.")
        if revision != wanted:
            fail(f"The database is at revision {revision}, and this Placet reads {wanted}: see `placet db upgrade`.")
        yield db


async def every_outgoing(db: Database) -> AsyncIterator[Entry]:
    """The chain as it may leave: what the arguments of a request hide, or what looks like a secret, is hidden.

    A detail in which something was hidden goes without its salt, so that the chain still verifies.

    Raises:
        Damaged: an entry cannot be read.
    """
    after = 0
    while page := await damage.reading(db, partial(_outgoing, after=after)):
        for entry in page:
            yield entry
        after = page[-1].seq


def _outgoing(tx: Tx, *, after: int) -> list[Entry]:
    page = tx.audit.entries(after=after, limit=PAGE)
    hushes: dict[str, Hush] = {}
    for id in {entry.act.request for entry in page if entry.act.request is not None and entry.act.detail}:
        found = _readable(tx, id)
        if found is not None:
            hushes[id] = hush_of(found)
    return [_hidden(entry, hushes.get(entry.act.request or "", Hush(()))) for entry in page]


def _readable(tx: Tx, id: str) -> ApprovalRequest | None:
    try:
        return tx.requests.get(id)
    except Unreadable:
        return None


def _hidden(entry: Entry, hush: Hush) -> Entry:
    detail = redact_value(hush.value(entry.act.detail))
    if detail == entry.act.detail:
        return entry
    return replace(entry, act=replace(entry.act, detail=detail), salt=None)


async def every_checkpoint(db: Database) -> list[Checkpoint]:
    """Every signed head of the database, oldest first.

    Raises:
        Damaged: one cannot be read.
    """
    found: list[Checkpoint] = []
    while page := await damage.reading(db, partial(_heads, after=found[-1].seq if found else 0)):
        found += page
    return found


def _heads(tx: Tx, *, after: int) -> Sequence[Checkpoint]:
    return tx.audit.checkpoints(after=after, limit=PAGE)


def read_lines(lines: Iterable[str], file: str) -> Iterator[Entry | Checkpoint]:
    """The entries and signed heads of an exported chain. Each line has one form, so that no byte of it can change.

    Raises:
        ValueError: a line is neither, or not in that form, and which.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            one = _checkpoint(value) if value["kind"] == "checkpoint" else _entry(value)
            again = checkpoint_line(one) if isinstance(one, Checkpoint) else json_line(one)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as err:
            raise ValueError(f"{file}:{number}: this is no line of an exported audit ({err})") from None
        if line.removesuffix("\n") != again:
            raise ValueError(f"{file}:{number}: this line is not byte for byte as it was exported")
        yield one


def _entry(value: dict[str, Any]) -> Entry:
    act = Act(
        action=value["action"],
        actor=value["actor"],
        at=datetime.fromisoformat(value["at"]),
        via=value["via"],
        request=value["request"],
        subject=value["subject"],
        binding=value["binding"],
        before=value["before"],
        after=value["after"],
        detail=value["detail"] or {},
    )
    return Entry(
        seq=int(value["seq"]),
        act=act,
        detail_sha256=value["detail_sha256"],
        prev=value["prev"],
        hash=value["hash"],
        salt=value["salt"],
    )


def _checkpoint(value: dict[str, Any]) -> Checkpoint:
    if not isinstance(value["key"], str):
        raise TypeError("its key is no text")
    return Checkpoint(
        seq=int(value["seq"]),
        head=value["head"],
        at=datetime.fromisoformat(value["at"]),
        key=value["key"],
        signature=value["signature"],
    )
