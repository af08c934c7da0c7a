"""The official suite, run on the fixture server, on the gateway before it, and on the gateway's upstream client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import expectations, suite
from tests.conformance.run import MODES, score

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(suite.PATIENCE_SECONDS + 60),
    pytest.mark.skipif(not suite.installed(), reason="the suite is not installed: bash tests/install.sh"),
]


@pytest.mark.parametrize("revision", suite.REVISIONS)
@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_missed_but_what_is_written_down(mode: str, revision: str, tmp_path: Path) -> None:
    found = await score(mode, revision, tmp_path)
    assert expectations.differences(mode, found) == []
