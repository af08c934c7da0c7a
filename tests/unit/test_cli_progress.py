"""How far a command has come is said on stderr, and only where somebody might wonder."""

from __future__ import annotations

import pytest

from gateway.cli.progress import Progress


def test_a_long_recording_is_told_of_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    for done in range(500, 10_001, 500):
        progress(done, 10_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"{tenth}000 of 10000 calls" for tenth in range(1, 11)]


def test_a_short_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    Progress()(100, 100)
    assert capsys.readouterr().err == ""
