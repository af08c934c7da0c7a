"""How a process learns of commits that were not its own: hints for the bus, never the truth.

On PostgreSQL a commit sends the touched subjects by NOTIFY, signed with the sender's origin, and `listen` is the
connection that hears them. On SQLite `data_version` of the writer's own connection moves only when somebody
else has committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from approvals.storage import url
from approvals.storage.frame import Group

CHANNEL = "placet"
DATA_VERSION = text("PRAGMA data_version")


class Notices(Group):
    """Statements about commits elsewhere."""

    def data_version(self) -> int:
        """SQLite's mark of other connections' commits, for the connection of this transaction."""
        return int(self._run(DATA_VERSION).scalar_one())

    def notify(self, origin: str, subjects: Iterable[str]) -> None:
        """Send subjects with this commit; PostgreSQL drops them if it is rolled back."""
        payloads = [f"{origin} {subject}" for subject in sorted(subjects)]
        each = func.unnest(bindparam("payloads", payloads, ARRAY(Text))).column_valued("payload")
        self._run(select(func.pg_notify(CHANNEL, each)))


@asynccontextmanager
async def listen(
    address: url.Address, heard: Callable[[str, str], None], lost: Callable[[], None]
) -> AsyncIterator[None]:
    """Hear (origin, subject) of every commit while inside; `lost` is called if the connection ends by itself."""
    connection: Any = await url.asyncpg().connect(**address.connect)
    try:
        connection.add_termination_listener(lambda _: lost())
        await connection.add_listener(CHANNEL, lambda *args: heard(*_parts(args[3])))
        yield
    finally:
        connection.terminate()


def _parts(payload: str) -> tuple[str, str]:
    origin, _, subject = payload.partition(" ")
    return origin, subject
