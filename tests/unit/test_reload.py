"""What the log says when a configuration is not taken."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest

from approvals.domain.model import Person
from gateway.config import load_config
from gateway.logs import TextLines
from gateway.reload import Reloader

BAD = "listen: {port: no}\nfreez: yes\naprovals: {}\n"


class Store:
    """A database that knows nobody and keeps nothing."""

    async def read(self, _work: object) -> tuple[list[Person], dict[str, object]]:
        return [], {}

    async def write(self, _work: object) -> None:
        return None


async def test_what_is_wrong_is_one_readable_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "placet.yaml"
    file.write_text("{}\n")

    async def apply(_settings: object) -> None:
        raise AssertionError("nothing is put in force")

    reloader = Reloader(load_config(file, {}), env={}, db=cast(Any, Store()), apply=apply, holder="here")
    file.write_text(BAD)
    with caplog.at_level(logging.ERROR):
        assert await reloader.reload() is False
    (record,) = caplog.records
    line = TextLines().format(record)
    assert "\\u000a" not in line
    assert "\n" not in line
    assert reloader.difference is not None
    problems = reloader.difference.splitlines()
    assert len(problems) >= 3
    assert line.endswith("; ".join(problems))
