"""`placet policy diff`, and the warnings of `placet policy check` and `placet check`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from approvals.storage import migrate
from approvals.storage.engine import Database, Tx
from gateway.cli.root import main
from tests.fakes.keys import VAULT

BEFORE = """\
version: "1"
default: deny
tools:
  echo: {}
  list_orders: {}
  pay:
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 10000}]}]
"""
AFTER = """\
version: "1"
default: deny
hide: [lst_orders]
tools:
  echo: {action: deny, rate_limit: 5/hour}
  list_orders: {action: deny}
  pay:
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 20000}]}]
"""
TOOLS = {"result": {"tools": [{"name": "echo"}, {"name": "list_orders"}, {"name": "pay"}, {"name": "Pay"}]}}
CONFIG = """\
servers:
  shop: {url: "http://127.0.0.1:1/mcp", policy: after.yaml}
agents:
  claude: {token_sha256: %s, servers: [shop], policy: before.yaml}
""" % ("a" * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "before.yaml").write_text(BEFORE)
    (tmp_path / "after.yaml").write_text(AFTER)
    (tmp_path / "placet.yaml").write_text(CONFIG)
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))
    return tmp_path


def placet(*arguments: Any, code: int = 0) -> Result:
    said = CliRunner().invoke(main, list(map(str, arguments)))
    assert said.exit_code == code, said.output
    return said


def seen(folder: Path) -> None:
    """Let the server of the configuration have listed the tools once."""

    async def job() -> None:
        url = f"sqlite:///{folder / 'placet.db'}"
        await migrate.upgrade(url)
        async with Database.opened(url, VAULT) as db:
            await db.write(list_them)

    def list_them(tx: Tx) -> None:
        for one in TOOLS["result"]["tools"]:
            tx.pins.first("shop", one["name"], "f" * 64, one)

    asyncio.run(job())


def test_two_policies_are_compared_in_words(folder: Path) -> None:
    said = placet("policy", "diff", folder / "before.yaml", folder / "after.yaml")
    for line in (
        "echo, list_orders\n  tightens  is denied, before it was allowed  (/tools/echo -> /tools/echo/action)\n",
        "pay\n  LOOSENS   denies if args.amount is > 20000, before args.amount is > 10000  (/tools/pay/deny_if/0)\n",
        "lst_orders\n  -         is hidden, before it was denied  (/default -> /hide/0)\n",
        "3 changes: 1 loosen, 1 tighten, 0 may do either, 1 decide nothing\n",
    ):
        assert line in said.output
    same = placet("policy", "diff", folder / "after.yaml", folder / "after.yaml")
    assert same.output == f"{folder / 'after.yaml'} and {folder / 'after.yaml'} mean the same.\n"


def test_with_a_list_of_tools_what_does_nothing_with_them_is_told_as_well(folder: Path) -> None:
    files = (folder / "before.yaml", folder / "after.yaml")
    value = json.loads(placet("policy", "diff", *files, "--tools", folder / "tools.json", "--json").stdout)
    assert value["summary"] == {"tightens": 1, "loosens": 1, "neither": 1, "either": 0}
    assert [one["tools"] for one in value["differences"]] == [["echo", "list_orders"], ["pay"], ["lst_orders"]]
    assert {(one["kind"], one["rule"], one["line"]) for one in value["warnings"]} == {
        ("matches_nothing", "/hide/0", 3),
        ("shadowed", "/tools/echo/rate_limit", 5),
        ("lookalike", "/tools/pay", 8),
        ("not_named", "/default", 2),
    }


def test_the_tools_of_a_server_are_those_it_last_listed(folder: Path) -> None:
    server = ("--server", "shop", "--last-seen", "--config", folder / "placet.yaml")
    files = (folder / "before.yaml", folder / "after.yaml", *server)
    assert "No tool of shop was seen yet" in placet("policy", "diff", *files, code=1).stderr
    seen(folder)
    assert "there is no tool \"lst_orders\"; did you mean 'list_orders'?" in placet("policy", "diff", *files).output
    unknown = placet("policy", "diff", *files[:2], "--server", "shoop", "--config", folder / "placet.yaml", code=2)
    assert "There is no server 'shoop'" in unknown.stderr
    assert "shop cannot be asked; --last-seen" in placet("policy", "diff", *files[:4], *files[5:], code=1).stderr


def test_warnings_stand_at_their_place_and_stop_nothing_unless_it_is_strict(folder: Path) -> None:
    file = folder / "after.yaml"
    said = placet("policy", "check", file)
    warning = (
        f"{file}:5:36: warning: changes no verdict: /tools/echo/action denies every call (at /tools/echo/rate_limit)"
    )
    assert warning in said.output
    assert placet("policy", "check", file, "--strict", code=1).output == said.output
    listed = json.loads(placet("policy", "check", file, "--tools", folder / "tools.json", "--json").stdout)
    assert (listed["ok"], len(listed["policies"][0]["warnings"])) == (True, 4)
    (folder / "bad.yaml").write_text("version: 1\n")
    assert "bad.yaml:1:10: put it in quotes" in placet("policy", "check", folder / "bad.yaml", code=1).output


def test_a_check_of_the_configuration_warns_with_what_its_servers_listed(folder: Path) -> None:
    alone = placet("check", "--config", folder / "placet.yaml").output
    assert "/tools/echo/rate_limit" in alone
    assert "lst_orders" not in alone
    seen(folder)
    said = placet("check", "--config", folder / "placet.yaml").output
    assert "there is no tool \"lst_orders\"; did you mean 'list_orders'?" in said
    assert said.count('"Pay", which looks like it') == 2
    assert "named by nothing" not in said
    assert "all is well" in said


def test_a_list_is_of_a_file_or_of_a_server(folder: Path) -> None:
    options = ("--tools", folder / "tools.json", "--server", "shop")
    assert "not both" in placet("policy", "check", folder / "after.yaml", *options, code=2).stderr
    assert "cannot be read" in placet("policy", "check", folder / "after.yaml", "--tools", "no", code=2).stderr
    assert "goes with --server" in placet("policy", "check", folder / "after.yaml", "--last-seen", code=2).stderr
