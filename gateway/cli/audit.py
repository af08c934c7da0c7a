"""`placet audit`: is the chain whole, and the chain for others to keep."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from approvals.domain.audit import START, UNHASHABLE, Checkpoint, Entry, Flaw, flaws, head_bytes
from approvals.notary import line as checkpoint_line
from approvals.signing import PublicKey
from approvals.storage import damage
from approvals.storage.damage import Damage
from gateway.cli.audit_formats import csv_header, csv_line, json_line, ocsf
from gateway.cli.common import FAILED, config_option, fail, json_option, run, say
from gateway.cli.proofs import (
    as_it_is,
    every_checkpoint,
    every_outgoing,
    keys_in,
    own_key,
    read_lines,
    store_for,
)
from gateway.cli.session import opened

FLAWS_SHOWN = 20


@click.group()
def command() -> None:
    """Verify the audit chain, and export it."""


@dataclass(slots=True, kw_only=True)
class _Walk:
    """What was seen on the way along the chain. `hashes` are those of the entries that a signed head names.

    `head` is None behind an entry that cannot be read: what follows it may name any.
    """

    wanted: frozenset[int]
    count: int = 0
    seq: int = 0
    head: str | None = START
    found: list[Flaw] = field(default_factory=list)
    hashes: dict[int, str | None] = field(default_factory=dict)
    unchecked: int = 0

    def see(self, entry: Entry | Damage) -> None:
        """Look at the next entry."""
        if isinstance(entry, Damage):
            self._find(Flaw(seq=self.seq + 1 if entry.seq is None else entry.seq, what=entry.what))
        else:
            self._find(*flaws([entry], after=self.seq, head=entry.prev if self.head is None else self.head))
            self.unchecked += entry.salt is None
        if entry.seq is None:
            return
        self.count, self.seq = self.count + 1, entry.seq
        self.head = None if isinstance(entry, Damage) else entry.hash
        if entry.seq in self.wanted:
            self.hashes[entry.seq] = self.head

    def _find(self, *found: Flaw) -> None:
        if len(self.found) < FLAWS_SHOWN:
            self.found += found


@command.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="The public key, as PEM. Several (give it again, or one file has them all): each head is checked by its own.",
)
@click.option(
    "--checkpoints",
    "kept",
    type=click.Path(exists=True, path_type=Path),
    help="Signed heads that were kept elsewhere (the file of audit.checkpoints).",
)
@config_option
@json_option
def verify(file: Path | None, key_files: Sequence[Path], kept: Path | None, config: Path | None, as_json: bool) -> None:
    """Say whether the chain is unchanged, and whether it is all there.

    Verifies the database, or an exported FILE, for which nothing else is needed but --key. Two verdicts: nothing in
    the chain was changed (every entry fits the one before), and nothing is missing (every signed head is in it).
    Exit code 1 if either fails.
    """
    outside = _kept(kept)

    async def of_database() -> tuple[_Walk, list[Checkpoint | Damage], Mapping[str, PublicKey]]:
        store = store_for(config)
        keys = keys_in(key_files) or own_key(store.keys_file)
        async with as_it_is(store) as db:
            heads = [*[one async for one in damage.heads(db)], *outside]
            walk = _walk(heads)
            async for entry in damage.entries(db):
                walk.see(entry)
        return walk, heads, keys

    async def of_file() -> tuple[_Walk, list[Checkpoint | Damage], Mapping[str, PublicKey]]:
        if file is None or not key_files:
            fail("To verify a file, give --key with the public key (`placet receipt key` prints it).")
        keys = keys_in(key_files)
        heads: list[Checkpoint | Damage] = [*(one for one in _lines(file) if isinstance(one, Checkpoint)), *outside]
        walk = _walk(heads)
        for one in _lines(file):
            if isinstance(one, Entry):
                walk.see(one)
        return walk, heads, keys

    walk, heads, keys = run(of_database if file is None else of_file)
    missing = _missing(walk, heads, keys)
    _report(walk, heads, missing, as_json=as_json)
    if walk.found or missing:
        raise SystemExit(FAILED)


@command.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "ocsf"]), default="jsonl", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to (default: standard output).")
@config_option
def export(form: str, output: Path | None, config: Path | None) -> None:
    """Print the whole chain, oldest first, with secrets hidden.

    jsonl can be verified again (it has the signed heads too); csv is safe to open in a spreadsheet; ocsf is one event
    of the class API Activity a line.
    """

    async def job() -> None:
        async with opened(config) as session:
            lines = _exported(form, every_outgoing(session.db))
            heads = [checkpoint_line(one) for one in await every_checkpoint(session.db)] if form == "jsonl" else []
            if output is None:
                await _write(click.echo, lines, heads)
                return
            with output.open("x", encoding="utf-8", newline="\n") as stream:
                await _write(lambda text: stream.write(text + "\n"), lines, heads)

    try:
        run(job)
    except FileExistsError:
        fail(f"{output} is there already, and is not overwritten.")
    except OSError as err:
        fail(f"{output} cannot be written: {err}")


async def _exported(form: str, entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    if form == "csv":
        yield csv_header()
    async for entry in entries:
        match form:
            case "csv":
                yield csv_line(entry)
            case "ocsf":
                yield json.dumps(ocsf(entry))
            case _:
                yield json_line(entry)


async def _write(write: Callable[[str], object], lines: AsyncIterator[str], heads: Iterable[str]) -> None:
    async for one in lines:
        write(one)
    for head in heads:
        write(head)


def _lines(file: Path) -> list[Entry | Checkpoint]:
    try:
        with file.open(encoding="utf-8", newline="\n") as stream:
            return list(read_lines(stream, str(file)))
    except (OSError, ValueError) as err:
        fail(str(err))


def _kept(file: Path | None) -> list[Checkpoint]:
    return [] if file is None else [one for one in _lines(file) if isinstance(one, Checkpoint)]


def _walk(heads: Sequence[Checkpoint | Damage]) -> _Walk:
    return _Walk(wanted=frozenset(one.seq for one in heads if one.seq is not None))


def _missing(walk: _Walk, heads: Sequence[Checkpoint | Damage], keys: Mapping[str, PublicKey]) -> list[str]:
    found = []
    for one in heads:
        if isinstance(one, Damage):
            found.append(one.what if one.seq is None else f"the signed head of entry {one.seq}: {one.what}")
        elif one.key not in keys or not _signed(one, keys[one.key]):
            by = "this key" if len(keys) == 1 else "any of these keys"
            found.append(f"the signed head of entry {one.seq} is not signed by {by}")
        elif one.seq > walk.seq:
            found.append(f"entry {one.seq} was signed, and the chain ends at {walk.seq}: its end is missing")
        elif walk.hashes.get(one.seq) != one.head:
            found.append(f"entry {one.seq} is not the one that was signed: the chain was written anew")
    return found


def _signed(one: Checkpoint, key: PublicKey) -> bool:
    try:
        signature = bytes.fromhex(one.signature)
        return signature.hex() == one.signature and key.checks(head_bytes(one.seq, one.head, one.at), signature)
    except UNHASHABLE:
        return False


def _report(walk: _Walk, heads: Sequence[Checkpoint | Damage], missing: Sequence[str], *, as_json: bool) -> None:
    last = max((one.seq for one in heads if isinstance(one, Checkpoint)), default=0)
    value = {
        "unchanged": not walk.found,
        "complete": not missing,
        "entries": walk.count,
        "unchecked_details": walk.unchecked,
        "head": walk.head,
        "signed_heads": len(heads),
        "signed_until": last,
        "flaws": [{"seq": flaw.seq, "what": flaw.what} for flaw in walk.found],
        "missing": list(missing),
    }
    lines = [
        f"{walk.count} entries, {len(heads)} signed heads.",
        *([f"{walk.unchecked} details were destroyed or hidden, and are not checked."] if walk.unchecked else []),
        "Unchanged: every entry follows the one before it." if not walk.found else "CHANGED:",
        *(f"  entry {flaw.seq}: {flaw.what}" for flaw in walk.found),
        (f"Complete up to entry {last}, the last that was signed." if heads else "Nothing was signed yet.")
        if not missing
        else "INCOMPLETE:",
        *(f"  {what}" for what in missing[:FLAWS_SHOWN]),
    ]
    say(value, "\n".join(lines), as_json=as_json)
