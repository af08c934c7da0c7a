"""How a process learns of commits that were not its own: hints for the bus, never the truth.

On PostgreSQL a commit sends the touched subjects by NOTIFY, signed with the sender's origin, and `listen` is the
connection that hears them. On SQLite `data_version` of the writer's own connection moves only when somebody
else has committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from approvals.errors import Unavailable
from approvals.storage import url
from approvals.storage.frame import Group

CHANNEL = "placet"
CHECK_SECONDS = 5
"""How long a listening connection may take to say that it is there."""
LISTEN_FAILURES = (OSError, TimeoutError, Unavailable)
"""What `listen` raises when the server cannot be reached or does not want us now."""
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
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Hear (origin, subject) of every commit while inside; `lost` is called if the connection ends by itself.

    Gives a check to await now and then: a connection whose other end has vanished says nothing by itself.

    Raises:
        Unavailable: the server refused, or the check had no answer.
        OSError: it cannot be reached.
    """
    driver = url.asyncpg()
    failures = (driver.PostgresError, driver.InterfaceError)
    try:
        connection: Any = await driver.connect(**address.connect)
    except failures as error:
        raise Unavailable from error

    async def check() -> None:
        try:
            await connection.execute("SELECT 1", timeout=CHECK_SECONDS)
        except failures as error:
            raise Unavailable from error

    try:
        connection.add_termination_listener(lambda _: lost())
        await connection.add_listener(CHANNEL, lambda *told: heard(*_parts(told[3])))
        yield check
    finally:
        connection.terminate()


def _parts(payload: str) -> tuple[str, str]:
    origin, _, subject = payload.partition(" ")
    return origin, subject
