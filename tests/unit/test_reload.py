"""What happens when a configuration is not taken: what is in force stays, and the log and every surface say why."""

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


async def test_a_policy_that_fails_its_own_tests_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    file, policy = tmp_path / "placet.yaml", tmp_path / "shop.yaml"
    file.write_text('servers: {shop: {url: "http://127.0.0.1:1/mcp", policy: shop.yaml}}\n')
    test = "tests: [{name: paying is refused, call: {tool: pay}, expect: {verdict: deny}}]\n"
    policy.write_text('version: "1"\ndefault: deny\n' + test)
    before = load_config(file, {})
    applied: list[object] = []

    async def apply(settings: object) -> None:
        applied.append(settings)

    reloader = Reloader(before, env={}, db=cast(Any, Store()), apply=apply, holder="here")
    policy.write_text('version: "1"\ndefault: allow\n' + test)
    assert await reloader.reload() is False
    assert applied == []
    assert reloader.difference is not None
    assert 'the test "paying is refused" fails: expected deny, got allow by /default' in reloader.difference
    policy.write_text('version: "1"\ndefault: deny\ntools: {}\n' + test)
    assert await reloader.reload() is True
    assert len(applied) == 1
