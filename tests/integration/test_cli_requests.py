"""`placet requests` without a service beside it: what it lists, and how it says that there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.root import main

CONFIG = "people:\n  ada@example.com: {name: Ada, roles: [reviewer, operator], groups: [team]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "placet.yaml").write_text(CONFIG)
    return tmp_path


def placet(folder: Path, *arguments: str) -> Result:
    options = ["--config", str(folder / "placet.yaml"), "--as", "ada@example.com"]
    return CliRunner().invoke(main, [*arguments, *options])


@pytest.mark.parametrize("options", [["--state", "all"], ["--all"], ["--state", "denied"], []])
def test_requests_are_listed_by_state_or_all_of_them(folder: Path, options: list[str]) -> None:
    said = placet(folder, "requests", "list", *options, "--json")
    assert (said.exit_code, json.loads(said.output)) == (0, {"requests": []})


@pytest.mark.parametrize("command", ["show", "approve", "deny", "extend"])
def test_a_request_that_is_not_there_is_named(folder: Path, command: str) -> None:
    said = placet(folder, "requests", command, "req_nope")
    assert said.exit_code == 1
    assert said.stderr == "There is no request req_nope, or you may not see it.\n"


def test_an_answer_about_an_outcome_says_yes_or_no(folder: Path) -> None:
    said = placet(folder, "requests", "expected", "req_nope")
    assert (said.exit_code, "--yes" in said.stderr) == (2, True)
    said = placet(folder, "requests", "expected", "req_nope", "--no", "--note", "charged twice")
    assert (said.exit_code, said.stderr) == (1, "There is no request like that, or you may not see it.\n")
