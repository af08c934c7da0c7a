"""One service on one SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.errors import Invalid
from approvals.storage import url
from approvals.storage.sqlite import sole_service


def test_a_second_service_on_the_same_file_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    address = url.parse(f"sqlite:///{tmp_path / 'placet.db'}")
    with sole_service(address), pytest.raises(Invalid, match="PostgreSQL"), sole_service(address):
        pass
    with sole_service(address):
        assert (tmp_path / "placet.db.lock").stat().st_mode & 0o777 == 0o600
