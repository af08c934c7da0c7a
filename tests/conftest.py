"""Fixtures for every level of the tests: a real database of each kind, at the newest schema.

A test that takes `database` runs twice, on a SQLite file and on PostgreSQL; one that takes `database_url` opens
the database itself. The PostgreSQL server is started once, when the first test asks for it. Where there is none
those tests fail and say what to do, unless PLACET_TEST_NO_POSTGRES=1 leaves them out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from approvals.storage import migrate
from approvals.storage.engine import Database
from approvals.storage.sqlite import Part
from tests.fakes import postgres
from tests.fakes.keys import VAULT

# Speed belongs in benchmarks: no example of a property test has a time limit of its own.
hypothesis.settings.register_profile("placet", deadline=None)
hypothesis.settings.load_profile("placet")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test of `database` or `database_url` both kinds."""
    if "database_kind" in metafunc.fixturenames:
        kinds = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
        metafunc.parametrize("database_kind", kinds)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """The session's PostgreSQL server."""
    if os.environ.get(postgres.OPT_OUT) == "1":
        pytest.skip(f"{postgres.OPT_OUT}=1")
    try:
        server = postgres.start()
    except postgres.NoPostgres as missing:
        pytest.fail(str(missing), pytrace=False)
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    await migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a SQLite file of this test's own."""
    path = tmp_path / "placet.db"
    shutil.copyfile(sqlite_template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
async def postgres_url(postgres_cluster: postgres.Cluster) -> AsyncIterator[str]:
    """The address of a PostgreSQL database of this test's own."""
    name = await postgres_cluster.new_database()
    yield postgres_cluster.url(name)
    await postgres_cluster.give_back(name)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The address of a migrated database, once of each kind."""
    name = "sqlite_url" if database_kind == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def blank_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with nothing in it, once of each kind."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path}/blank.db"
    url: str = request.getfixturevalue("blank_postgres_url")
    return url


@pytest.fixture
async def blank_postgres_url(postgres_cluster: postgres.Cluster) -> AsyncIterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    name = await postgres_cluster.empty_database()
    yield postgres_cluster.url(name)
    await postgres_cluster.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database whose writer is running, once of each kind."""
    async with Database.opened(database_url, VAULT, part=Part.SERVICE) as db:
        yield db
