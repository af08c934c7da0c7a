"""Every client before every server, for every outcome. The matrix runs once; each of its cells is a test."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import pytest_asyncio

from tests.matrix import page
from tests.matrix.drivers import DRIVERS, Driver
from tests.matrix.outcomes import Outcome
from tests.matrix.run import Cell, Key, cells
from tests.matrix.servers import SERVERS, Server

# The first of the tests waits for all of the matrix.
pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Key, Cell]:
    return await cells(tmp_path_factory.mktemp("matrix"))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("server", SERVERS, ids=[server.name for server in SERVERS])
@pytest.mark.parametrize("driver", DRIVERS, ids=[driver.name for driver in DRIVERS])
def test_a_call_ends_as_it_should(found: Mapping[Key, Cell], driver: Driver, server: Server, outcome: Outcome) -> None:
    assert found[driver.name, server.name, outcome].problem is None


def test_the_page_says_what_was_found(found: Mapping[Key, Cell]) -> None:
    written = page.PAGE.read_text(encoding="utf-8")
    assert written == page.page(found), "run: python -m tests.matrix --write"
