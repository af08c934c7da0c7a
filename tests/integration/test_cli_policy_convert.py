"""`placet policy convert`: what is written, what is said of it, and what is not written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.root import main
from gateway.policy.loaders import load_policy

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"
ASKING = """\
version: "1"
default: deny
tools:
  pay: {action: require_approval, approval: {reviewers: ["group:finance"]}}
"""
PLACEHOLDER = """\
{"version": "1", "default": "deny", "tools": {"pay": {"deny_if": [
  {"conditions": [], "on_deny": "Requires human approval"}]}}}
"""


def convert(file: Path, *options: str, code: int = 0) -> Result:
    said = CliRunner().invoke(main, ["policy", "convert", str(file), *options])
    assert said.exit_code == code, said.output
    return said


def test_a_policy_of_intercept_is_written_in_ours() -> None:
    said = convert(FIXTURES / "intercept.yaml", "--to", "placet")
    assert said.stdout == (FIXTURES / "intercept.ours.yaml").read_text()
    assert said.stderr == ""


def test_nothing_is_written_while_something_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(ASKING)
    out = tmp_path / "out.json"
    refused = convert(tmp_path / "p.yaml", "--to", "policylayer", "--output", str(out), code=1)
    assert "  STRICTER         /tools/pay/action    it knows no approval: such calls are denied\n" in refused.stderr
    assert "Give --lossy to write it all the same." in refused.stderr
    assert not out.exists()
    said = convert(tmp_path / "p.yaml", "--to", "policylayer", "--output", str(out), "--lossy")
    assert "STRICTER" in said.stderr
    assert json.loads(out.read_text())["tools"]["pay"]["deny_if"][0]["conditions"] == []


def test_what_would_be_lost_is_told_as_json(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(ASKING)
    value = json.loads(convert(tmp_path / "p.yaml", "--to", "intercept", "--json", code=1).stdout)
    assert (value["written"], value["text"]) == (False, None)
    assert value["losses"] == [
        {
            "rule": "/tools/pay/approval/reviewers",
            "effect": "looser",
            "text": "reviewers: whoever has its command line approves",
        }
    ]


def test_a_placeholder_goes_on_denying_unless_it_is_asked_to_ask(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(PLACEHOLDER)
    said = convert(tmp_path / "p.json", "--to", "placet")
    assert "note: /tools/pay/deny_if/0 denies every call, though its text speaks of asking a person" in said.stderr
    assert "deny_if" in said.stdout
    asked = load_policy(convert(tmp_path / "p.json", "--to", "placet", "--ask").stdout, "p.yaml")
    assert (asked.tools[0].action, asked.tools[0].deny_if) == ("require_approval", ())


@pytest.mark.parametrize(("name", "first"), [("out.json", "{"), ("out.yaml", "version:")])
def test_the_name_of_the_file_says_how_it_is_written(tmp_path: Path, name: str, first: str) -> None:
    out = tmp_path / name
    convert(FIXTURES / "catalogue.yaml", "--to", "placet", "--output", str(out))
    assert out.read_text().startswith(first)
    assert load_policy(out.read_text(), name).dialect == "placet"


def test_a_file_that_is_no_policy_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("tools: 5\n")
    assert "p.yaml:1:8" in convert(tmp_path / "p.yaml", "--to", "placet", code=1).stderr
