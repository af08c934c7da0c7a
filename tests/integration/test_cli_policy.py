"""`placet policy test` and `explain` without a service beside them."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from approvals.storage import migrate
from approvals.storage.engine import Database
from gateway.cli.root import main
from gateway.limits import Limits
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts
from tests.fakes.keys import VAULT

CONFIG = """\
servers:
  shop: {url: "http://127.0.0.1:1/mcp", policy: [organisation.yaml, shop.yaml]}
  bare: {url: "http://127.0.0.1:1/mcp"}
agents:
  claude-ada: {token_sha256: %s, owner: ada@example.com, servers: [shop]}
people:
  ada@example.com: {roles: [reviewer], groups: [finance]}
""" % ("a" * 64)
ORGANISATION = """\
version: "1"
default: allow
tools:
  "risk:destructive": {action: hide}
"""
SHOP = """\
version: "1"
default: deny
tools:
  echo: {}
  thing: {}
  pay:
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 10000}], on_deny: "Never over 10,000."}]
    approve_if: [{conditions: [{path: args.amount, op: gt, value: 1000}]}]
    limits: [{counter: paid_today, window: day, max: 5000, amount: args.amount, scope: agent}]
    approval: {factors: [{group: finance, count: 1}]}
"""
TESTS = """\
tests:
  - {name: small payments pass, call: {tool: pay, arguments: {amount: 50}}, expect: {verdict: allow}}
  - name: a spent budget is spent
    call: {tool: pay, arguments: {amount: 900}}
    given: {paid_today: 4500}
    expect: {verdict: rate_limited}
"""
WRONG = "  - {name: wrong, call: {tool: pay, arguments: {amount: 20000}}, expect: {verdict: allow}}\n"
PAY = {"tool": "pay", "arguments": {"amount": 4500}}
THING = {
    "name": "thing",
    "description": "Deletes everything.",
    "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "placet.yaml").write_text(CONFIG)
    (tmp_path / "organisation.yaml").write_text(ORGANISATION)
    (tmp_path / "shop.yaml").write_text(SHOP + TESTS)
    return tmp_path


def placet(folder: Path, *arguments: str, given: str = "", code: int = 0) -> Result:
    said = CliRunner().invoke(main, [*arguments, "--config", str(folder / "placet.yaml")], input=given)
    assert said.exit_code == code, said.output
    return said


def alone(*arguments: str, given: str = "", code: int = 0) -> Result:
    said = CliRunner().invoke(main, list(arguments), input=given)
    assert said.exit_code == code, said.output
    return said


def explained(folder: Path, call: dict[str, Any], *options: str) -> dict[str, Any]:
    said = placet(folder, "policy", "explain", "--server", "shop", "--json", *options, "-", given=json.dumps(call))
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def in_database(folder: Path, work: Any) -> None:
    async def job() -> None:
        url = f"sqlite:///{folder / 'placet.db'}"
        await migrate.upgrade(url)
        async with Database.opened(url, VAULT) as db:
            await work(db)

    asyncio.run(job())


def test_the_tests_of_every_policy_of_the_configuration_are_run(folder: Path) -> None:
    said = placet(folder, "policy", "test")
    assert f"{folder / 'organisation.yaml'}: no tests" in said.output
    assert "  ok      small payments pass\n  ok      a spent budget is spent\n" in said.output
    assert "2 tests: 2 ok, 0 failed" in said.output
    assert "no test reaches:\n          /tools/echo\n          /tools/thing\n          /default" in said.output
    assert "never matched:\n          /tools/pay/deny_if/0\n          /tools/pay/approve_if/0" in said.output


def test_a_failing_test_is_told_with_its_trace_and_fails_the_command(folder: Path) -> None:
    file = folder / "shop.yaml"
    file.write_text(SHOP + TESTS + WRONG)
    said = alone("policy", "test", str(file), "--junit", str(folder / "out.xml"), code=1)
    for line in (
        "  FAILED  wrong",
        f"          {file}:17:5",
        "          expected allow, got deny by /tools/pay/deny_if/0: args.amount 20000 is > 10000",
        "            > /tools/pay/deny_if/0     args.amount 20000 is > 10000",
        "            * /tools/pay/approve_if/0  args.amount 20000 is > 1000",
        "3 tests: 2 ok, 1 failed",
    ):
        assert f"{line}\n" in said.output
    suite = ET.parse(folder / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    value = json.loads(alone("policy", "test", str(file), "--json", code=1).stdout)
    (wrong,) = [one for one in value["files"][0]["tests"] if not one["ok"]]
    assert (value["ok"], wrong["test"], wrong["line"], wrong["got"]["verdict"]) == (False, "/tests/2", 17, "deny")


def test_a_configuration_whose_policy_fails_its_tests_is_refused(folder: Path) -> None:
    (folder / "shop.yaml").write_text(SHOP + TESTS + WRONG)
    assert (
        'the test "wrong" fails: expected allow, got deny by /tools/pay/deny_if/0'
        in placet(folder, "check", code=1).output
    )


def test_a_file_that_is_no_policy_has_no_tests_to_run(folder: Path) -> None:
    (folder / "shop.yaml").write_text("version: 1\n")
    said = placet(folder, "policy", "test", code=1)
    assert "'default' is missing" in said.stderr
    assert "cannot read the file: No such file" in alone("policy", "test", str(folder / "no.yaml"), code=1).stderr


def test_a_call_is_explained_with_every_rule_and_the_value_that_decided(folder: Path) -> None:
    value = explained(folder, PAY, "--as", "claude-ada", "--at", "2026-11-24T10:00:00Z")
    assert set(value) >= {"verdict", "rule", "reason", "considered", "limits", "policy_version"}
    assert (value["verdict"], value["rule"]) == ("require_approval", "/tools/pay/approve_if/0")
    assert {"rule": "/tools/pay/deny_if/0", "matched": False, "why": "args.amount 4500 is not > 10000"} in value[
        "considered"
    ]
    assert value["limits"] == [{"counter": "paid_today", "remaining": "5000", "resets_at": "2026-11-25T00:00:00+00:00"}]
    assert "judged by the tool's name alone: when the server was last seen, it has not been asked" in value["notes"][0]


def test_an_explanation_is_laid_out_for_people(folder: Path) -> None:
    options = ["--server", "shop", "--as", "claude-ada", "--at", "2026-11-24T10:00:00Z", "-"]
    said = placet(folder, "policy", "explain", *options, given=json.dumps(PAY)).output
    for line in (
        "require_approval  by /tools/pay/approve_if/0",
        '  call    "pay" at shop, by claude-ada for ada@example.com, 2026-11-24 10:00:00 UTC',
        "  asks    1 of group:finance",
        f"    > {folder / 'shop.yaml'}#/tools/pay/approve_if/0  args.amount 4500 is > 1000",
        "      paid_today  5000 of 5000 left  more at 2026-11-25 00:00:00 UTC",
    ):
        assert f"{line}\n" in said


def test_counters_are_those_of_the_database_unless_they_are_given(folder: Path) -> None:
    async def spend(db: Database) -> None:
        facts = Facts(server="shop", tool="pay", arguments={"amount": 800}, agent="claude-ada", now=datetime.now(UTC))
        await Limits(db).reserve(evaluate(load_policy(SHOP, "shop.yaml"), facts).limits)

    in_database(folder, spend)
    left = [
        explained(folder, PAY, *options)["limits"][0]["remaining"]
        for options in (
            ["--as", "claude-ada"],
            ["--as", "somebody-else"],
            ["--as", "claude-ada", "--given", "paid_today=4999.5"],
            ["--as", "claude-ada", "--at", "2020-01-01T00:00:00Z"],
        )
    ]
    assert list(map(Decimal, left)) == [Decimal(n) for n in ("4200", "5000", "0.5", "5000")]


def test_a_limit_without_room_decides_and_is_marked(folder: Path) -> None:
    options = ["--server", "shop", "--given", "paid_today=1000", "-"]
    call = json.dumps(PAY)
    said = placet(folder, "policy", "explain", *options, given=call).output
    assert said.startswith("rate_limited  by /tools/pay/limits/0\n")
    assert "    > paid_today  4000 of 5000 left" in said


def test_the_definition_that_the_server_last_listed_says_the_risk_and_whether_the_arguments_fit(folder: Path) -> None:
    before = explained(folder, {"tool": "thing"})
    in_database(folder, lambda db: db.write(lambda tx: tx.pins.first("shop", "thing", "f" * 64, THING)))
    after = explained(folder, {"tool": "thing"})
    assert (before["verdict"], before["risk"]["class"]) == ("allow", "write")
    assert (after["verdict"], after["risk"]["class"]) == ("deny", "destructive")
    assert any("do not fit the tool's schema" in note for note in after["notes"])
    assert "The tool is hidden: no agent sees it listed." in after["notes"]
    assert "it lists no tool of this name" in explained(folder, {"tool": "pay", "arguments": {"amount": 1}})["notes"][0]


def test_files_are_asked_without_a_configuration(folder: Path) -> None:
    (folder / "call.json").write_text('{"name": "pay", "arguments": {"amount": 5}}')
    files = ["--file", str(folder / "organisation.yaml"), "--file", str(folder / "shop.yaml")]
    said = alone("policy", "explain", *files, str(folder / "call.json"), "--json")
    value = json.loads(said.stdout)
    assert (value["verdict"], len(value["considered"])) == ("allow", 4)


@pytest.mark.parametrize(
    ("call", "options", "said"),
    [
        ('{"tool": "pay"', [], "The call cannot be read"),
        ('{"tool": "pay", "tool": "x"}', [], "The call cannot be read"),
        ("[]", [], "A call is"),
        ('{"arguments": {}}', [], "A call is"),
        ('{"tool": "pay", "name": "pay"}', [], "A call is"),
        ('{"tool": "pay", "arguments": []}', [], "A call is"),
        ('{"tool": "pay", "args": {}}', [], 'and not "args"'),
        ('{"tool": "pay"}', ["--server", "shoop"], 'There is no server "shoop" in the configuration; did you mean'),
        ('{"tool": "pay"}', [], "Which server? Give --server: shop, bare"),
        ('{"tool": "pay"}', ["--server", "shop", "--at", "noon"], "--at is a time"),
        ('{"tool": "pay"}', ["--server", "shop", "--given", "paid_today"], "--given is COUNTER=VALUE"),
        ('{"tool": "pay"}', ["--server", "shop", "--given", "paid_today=-1"], "--given is COUNTER=VALUE"),
        ('{"tool": "pay"}', ["--file", "shop.yaml", "--server", "shop"], "Either --file, or --config"),
        ('{"tool": "echo"}', ["--server", "shop", "--given", "paid_today=1"], 'no limit that counts "paid_today"'),
    ],
)
def test_what_cannot_be_explained_is_said_in_words(folder: Path, call: str, options: list[str], said: str) -> None:
    refused = placet(folder, "policy", "explain", *options, "-", given=call, code=2)
    assert said in refused.stderr
    assert refused.stdout == ""


def test_a_server_without_policy_and_an_agent_nobody_knows_are_explained(folder: Path) -> None:
    said = placet(folder, "policy", "explain", "--server", "bare", "--as", "eve", "-", given='{"tool": "pay"}').output
    assert "deny  by no rule\n  There is no policy for this server, so every tool is denied." in said
    assert 'note: There is no agent "eve": such a call would be refused before any policy.' in said
    barred = placet(folder, "policy", "explain", "--server", "bare", "--as", "claude-ada", "-", given='{"tool": "x"}')
    assert 'The agent "claude-ada" may not use the server "bare".' in barred.output
