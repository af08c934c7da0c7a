"""A real PostgreSQL, started once for a test session in a temporary folder, and gone with it.

It listens on a socket in that folder and nowhere else, trusts local connections, and does not sync: nothing in
it is worth a crash. Each test gets a database of its own, copied from one that was migrated once.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import asyncpg  # type: ignore[import-untyped] # the driver ships no types

from approvals.storage import migrate

OPT_OUT = "PLACET_TEST_NO_POSTGRES"
TEMPLATE = "placet_template"
PORT = 5432
"""Names the socket; no network port is opened."""
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=60")


SHAPE = """
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
       (SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped),
       (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'),
       (SELECT count(*) FROM pg_constraint),
       (SELECT string_agg(proname, ',') FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
"""
"""What of a database's schema a test could have changed, in numbers, and the revision it is at."""
FULL = "SELECT pg_relation_size('requests') > 128 * 1024"
"""Rows that are away still take their pages, by which the planner chooses."""
EMPTIED = """
DO $$ DECLARE r record; BEGIN
  SET LOCAL session_replication_role = replica;  -- Neither triggers nor references are asked.
  FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', r.tablename);
  END LOOP;
  FOR r IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', r.sequencename);
  END LOOP;
END $$
"""
"""Every row away. A fortieth of the time that another database takes, and there is one for each of 1,600 tests."""


class NoPostgres(Exception):
    """There is no server to test with."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}. Install PostgreSQL 15 or newer, or set {OPT_OUT}=1 to leave its tests out.")


class Cluster:
    """A running server."""

    def __init__(self, folder: Path, binaries: Path, user: str | None) -> None:
        self.folder, self._binaries, self._user = folder, binaries, user
        self._numbers = itertools.count(1)
        self._migrated = False
        self._spare: list[str] = []
        self._shape: asyncpg.Record | None = None

    def url(self, database: str) -> str:
        """The database line for one database of this server."""
        return f"postgresql://postgres@localhost:{PORT}/{database}?host={quote(str(self.folder))}"

    async def new_database(self) -> str:
        """Make a database that is at the newest schema, or take one that was emptied; says its name."""
        if self._spare:
            return self._spare.pop()
        if not self._migrated:
            await self.empty_database(TEMPLATE)
            await migrate.upgrade(self.url(TEMPLATE))
            self._migrated = True
        return await self._create(f"t{next(self._numbers)}", f"TEMPLATE {TEMPLATE}")

    async def give_back(self, database: str) -> None:
        """Empty a database for the next test, cut off who is connected; drop it where it was altered or filled."""
        connection = await self.connect(database)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await connection.execute(EMPTIED)
            shape = None if await connection.fetchval(FULL) else await connection.fetchrow(SHAPE)
        except asyncpg.PostgresError:
            shape = None
        finally:
            await connection.close()
        self._shape = self._shape or await self._template_shape()
        if shape == self._shape:
            self._spare.append(database)
        else:
            await self.drop(database)

    async def _template_shape(self) -> asyncpg.Record:
        template = await self.connect(TEMPLATE)
        try:
            return await template.fetchrow(SHAPE)
        finally:
            await template.close()

    async def empty_database(self, name: str | None = None) -> str:
        """Make a database with nothing in it; says its name."""
        return await self._create(name or f"t{next(self._numbers)}", "")

    async def drop(self, database: str) -> None:
        """Delete a database; whoever is still connected is cut off."""
        await self._administer(f"DROP DATABASE {database} WITH (FORCE)")

    async def cut_listeners(self, database: str) -> int:
        """End the connections that wait for notices, from the server's side; says how many."""
        statement = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'"
        )
        admin = await self.connect("postgres")
        try:
            return int(await admin.fetchval(statement, database))
        finally:
            await admin.close()

    async def connect(self, database: str) -> asyncpg.Connection:
        """A connection beside those of the code under test."""
        return await asyncpg.connect(host=str(self.folder), port=PORT, user="postgres", database=database, timeout=10)

    def start(self) -> None:
        """Initialise and start the server, and wait until it answers."""
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = " ".join(f"-c {setting}" for setting in SETTINGS)
        listen = f"-p {PORT} -k {self.folder} -c listen_addresses="
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(data), "-w", "-t", "60", "-l", log, "-o", f"{listen} {options}", "start")

    def stop(self) -> None:
        """Stop the server at once, and leave nothing of it."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _create(self, name: str, how: str) -> str:
        await self._administer(f"CREATE DATABASE {name} {how}")
        return name

    async def _administer(self, statement: str) -> None:
        admin = await self.connect("postgres")
        try:
            await admin.execute(statement)
        finally:
            await admin.close()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program != "pg_ctl" else subprocess.DEVNULL,
            timeout=90,
            check=False,
        )
        if done.returncode != 0:
            log = self.folder / "log"
            said = log.read_text() if log.exists() else (done.stdout or b"").decode()
            raise NoPostgres(f"{program} failed: {said.strip()[-800:]}")


def start() -> Cluster:
    """A running server, to be stopped by whoever started it.

    Raises:
        NoPostgres: there are no binaries, or they do not start.
    """
    binaries, user = _find_binaries(), _other_user()
    folder = Path(tempfile.mkdtemp(prefix="placet-pg-", dir=_short_temporary_folder()))
    if user is not None:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    cluster = Cluster(folder, binaries, user)
    try:
        cluster.start()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return cluster


def _find_binaries() -> Path:
    on_path = shutil.which("pg_ctl")
    beside = Path(on_path).resolve().parent if on_path else None
    if beside is not None and (beside / "initdb").exists():
        return beside
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql@*/bin")]
    found = sorted((place for place in places if (place / "initdb").exists()), key=_version)
    if not found:
        raise NoPostgres("no PostgreSQL server was found on PATH or under /usr/lib/postgresql")
    return found[-1]


def _version(place: Path) -> int:
    digits = place.parent.name.rpartition("@")[2]
    return int(digits) if digits.isdigit() else 0


def _other_user() -> str | None:
    """PostgreSQL refuses to run as root: whom to run it as instead, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _short_temporary_folder() -> str:
    # The path of a unix socket may have about 100 characters, and another user must be able to reach it.
    return "/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir()
