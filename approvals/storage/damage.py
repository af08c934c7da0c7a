"""Reads the audit as a damaged database still has it: what can be read, and of each other row which column cannot.

A page is read as ever. Where that fails, or a value is not of its kind, its rows are read one by one, and of a row
that fails its columns, each in a transaction of its own: an error ends a transaction in PostgreSQL. Rows that no
page can have come to (one with the number of another, or before the first) are counted at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Column, Table, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError

from approvals.domain.audit import Checkpoint, Entry
from approvals.errors import Damaged, Unavailable
from approvals.storage.engine import Database
from approvals.storage.faults import first_line
from approvals.storage.tables_audit import audit, checkpoints
from approvals.storage.tx import Tx

PAGE = 1_000
LAST = 2**63 - 1
"""No number is higher: what SQLite says is higher is a text."""
UNREADABLE = (
    SQLAlchemyError,
    Damaged,
    Unavailable,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
"""What reading a value that is not as it was written can raise, in the driver, in our types and in the decoding."""


class Numbered(Protocol):
    """A row of the audit: an entry, or a signed head."""

    @property
    def seq(self) -> int:
        """Its number."""


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What cannot be read: row `seq` of a table, or with None something of the whole of it."""

    seq: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf(Generic[T]):
    table: Table
    rows: Callable[[Tx, int, int | None], Sequence[T]]
    wrong: Callable[[T], str | None]


_KINDS: dict[str, tuple[type, str]] = {
    "seq": (int, "a number"), "at": (datetime, "a time"), "detail": (dict, "an object"),
}  # fmt: skip
_TEXT = (str, "a text")


def _unkind(table: Table, values: dict[str, object]) -> str | None:
    """Which value is not of its column's kind: SQLite stores any in any."""
    for name, value in values.items():
        kind, called = _KINDS.get(name, _TEXT)
        if not isinstance(value, kind) and not (value is None and table.c[name].nullable):
            return f"its {name} is not {called}"
    return None


def _wrong_entry(entry: Entry) -> str | None:
    act = entry.act
    values = {
        name: getattr(act, name) for name in ("at", "action", "actor", "via", "subject", "binding", "before", "after")
    }
    rest = {"seq": entry.seq, "request_id": act.request, "detail": act.detail, "salt": entry.salt}
    hashes = {"detail_sha256": entry.detail_sha256, "prev": entry.prev, "hash": entry.hash}
    if (why := _unkind(audit, values | rest | hashes)) is None and entry.salt is None and act.request is None:
        return "its salt is gone, so nobody can tell whether its detail was changed"
    return why


_ENTRIES: _Shelf[Entry] = _Shelf(
    table=audit,
    rows=lambda tx, after, until: tx.audit.entries(after=after, until=until, limit=PAGE),
    wrong=_wrong_entry,
)
_HEADS: _Shelf[Checkpoint] = _Shelf(
    table=checkpoints,
    rows=lambda tx, after, until: tx.audit.checkpoints(after=after, until=until, limit=PAGE),
    wrong=lambda head: _unkind(checkpoints, asdict(head)),
)


def entries(db: Database) -> AsyncIterator[Entry | Damage]:
    """The chain, oldest first, with what is damaged in its place."""
    return _all(db, _ENTRIES)


def heads(db: Database) -> AsyncIterator[Checkpoint | Damage]:
    """The signed heads, oldest first, with what is damaged in its place."""
    return _all(db, _HEADS)


async def reading(db: Database, work: Callable[[Tx], Sequence[Any]]) -> Sequence[Any]:
    """What a work reads of the audit, for who can do nothing with a part of it.

    Raises:
        Damaged: it cannot be read.
    """
    try:
        return await db.read(work)
    except UNREADABLE as err:
        why = f"the audit cannot be read ({type(err).__name__}); `placet audit verify` says which row"
        raise Damaged(why=why) from err


async def revision(db: Database) -> str | None:
    """The revision that a database says it is at; None where it says none, or more than one.

    Raises:
        Damaged: its file is broken.
    """
    try:
        said = await db.read(
            lambda tx: tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        )
    except SQLAlchemyError:
        return None
    return str(said[0]) if len(said) == 1 else None


async def _all(db: Database, shelf: _Shelf[T]) -> AsyncIterator[T | Damage]:
    after = seen = 0
    while page := await _page(db, shelf, after):
        for one in page:
            yield one
        if (last := page[-1].seq) is None:
            return
        after, seen = last, seen + len(page)
    for one in await _strays(db, shelf, after, seen):
        yield one


async def _page(db: Database, shelf: _Shelf[T], after: int) -> Sequence[T | Damage]:
    try:
        page = await db.read(lambda tx: shelf.rows(tx, after, LAST))
    except UNREADABLE:
        return await _singly(db, shelf, after)
    return await _singly(db, shelf, after) if any(map(shelf.wrong, page)) else page


async def _singly(db: Database, shelf: _Shelf[T], after: int) -> Sequence[T | Damage]:
    seq = shelf.table.c.seq
    wanted = select(seq).where(seq > after, seq <= LAST).order_by(seq).limit(PAGE)
    try:
        numbers = await db.read(lambda tx: tx.conn.execute(wanted).scalars().all())
    except (SQLAlchemyError, Damaged) as err:
        return [_broken(shelf.table, err)]
    found: list[T | Damage] = []
    for number in dict.fromkeys(numbers):
        found += await _one(db, shelf, after, number)
        after = number
    return found


async def _one(db: Database, shelf: _Shelf[T], after: int, seq: int) -> Sequence[T | Damage]:
    try:
        rows = await db.read(lambda tx: shelf.rows(tx, after, seq))
    except UNREADABLE as err:
        bad = [column.name for column in shelf.table.c if not await _reads(db, column, seq)]
        what = f"its {' and '.join(bad)} cannot be read" if bad else f"it cannot be read ({type(err).__name__})"
        return [Damage(seq=seq, what=what)]
    return [row if (why := shelf.wrong(row)) is None else Damage(seq=seq, what=why) for row in rows]


async def _reads(db: Database, column: Column[Any], seq: int) -> bool:
    try:
        await db.read(lambda tx: tx.conn.execute(select(column).where(column.table.c.seq == seq)).all())
    except UNREADABLE:
        return False
    return True


async def _strays(db: Database, shelf: _Shelf[T], after: int, seen: int) -> Sequence[Damage]:
    # What was added meanwhile has a number behind the last.
    seq = shelf.table.c.seq
    count = select(func.count()).select_from(shelf.table).where(or_(seq <= after, seq > LAST, seq.is_(None)))
    try:
        strays = await db.read(lambda tx: tx.conn.execute(count).scalar_one()) - seen
    except (SQLAlchemyError, Damaged) as err:
        return [_broken(shelf.table, err)]
    what = f"{strays} rows of the table {shelf.table.name} have no number of their own from 1 on"
    return [Damage(seq=None, what=what)] if strays else []


def _broken(table: Table, error: BaseException) -> Damage:
    return Damage(seq=None, what=f"the table {table.name} cannot be read ({first_line(error)})")
