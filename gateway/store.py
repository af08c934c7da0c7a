"""Where an installation keeps what must last: its database, and the file of keys to what is sealed in it.

Every command and the service open the database through here, so that none of them can do it without the keys.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from approvals.errors import KeysLost, Unreadable
from approvals.storage.engine import Database
from approvals.storage.sqlite import Part
from approvals.storage.vault import Masters, Vault
from gateway.keys import Keys, load, make


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A database and its keys; `url` may hold a password."""

    url: str = field(repr=False)
    keys_file: Path

    def vault(self) -> Vault:
        """The keys to what is sealed; the file is read when something is."""
        return Vault(self._masters)

    async def upgrade(self) -> bool:
        """Bring the schema to this version and seal what is not sealed yet. True: something was done.

        Raises:
            Refusal: the database cannot be opened, or there is something to seal and no keys.
        """
        from approvals.storage import migrate  # brings Alembic: a tenth of a second that only this pays

        return await migrate.upgrade(self.url, self.vault())

    async def keys(self) -> Keys:
        """The installation's keys; made where there are none, unless something is sealed already.

        Raises:
            KeysLost: there is no key file, and fresh keys would open nothing.
            ValueError: the file cannot be read, is not one of ours, or others can read it.
        """
        try:
            if not self.keys_file.exists():
                await self._make_keys()
            return load(self.keys_file)
        except OSError as err:
            raise ValueError(f"{self.keys_file} cannot be read or written: {err.strerror}") from err

    async def _make_keys(self) -> None:
        async with self.opened() as db:
            masters = await db.read(lambda tx: tx.sealed.masters())
        if masters:
            raise KeysLost(file=self.keys_file, count=sum(masters.values()), masters=", ".join(sorted(masters)))
        with suppress(FileExistsError):  # another replica was first
            make(self.keys_file)

    def opened(self) -> AbstractAsyncContextManager[Database]:
        """The database for a command, open for the length of a block."""
        return Database.opened(self.url, self.vault())

    async def serving(self) -> Database:
        """The database for the service, whose `run()` is the caller's to start.

        Raises:
            Unreadable: something is sealed by a master key that is not in the file.
        """
        db = await Database.open(self.url, self.vault(), part=Part.SERVICE)
        try:
            masters = await db.read(lambda tx: tx.sealed.masters())
            for master, count in masters.items():
                if not db.vault.knows(master):
                    sealed = f"what {count} keys open, wrapped by the master key {master},"
                    raise Unreadable(what=f"{sealed} which is not in {self.keys_file},")
        except BaseException:
            await db.close()
            raise
        return db

    def _masters(self) -> Masters:
        return load(self.keys_file).masters
