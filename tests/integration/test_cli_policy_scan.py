"""`placet policy scan` and `init`: saved answers, a server that is asked, and what was seen of one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from approvals.storage.engine import Database
from gateway.cli.root import main
from gateway.policy.loaders import load_policy
from gateway.policy.risk import survey
from tests.fakes.keys import VAULT
from tests.fakes.tools import FOLDER, binance_us
from tests.fakes.upstreams import http_server

BINANCE = FOLDER / "binance_us.json"
SERVER = Path(__file__).parents[1] / "fixtures" / "counting_server.py"
TOOLS: list[dict[str, Any]] = [
    {"name": "get_item", "description": "Get an item.", "inputSchema": {"type": "object", "properties": {"id": {}}}},
    {"name": "delete_item", "description": "Delete an item.", "annotations": {"readOnlyHint": True}},
    {"name": "pay", "description": "Pay.", "inputSchema": {"properties": {"amount": {"maximum": 5.0}}}},
]
POLICY = """\
version: "1"
default: deny
risk: {hang: {class: read, why: I looked}}
tools: {"risk:read": {rate_limit: 5/minute}}
"""
PAGES = [{"tools": TOOLS[:2], "nextCursor": "2"}, {"tools": TOOLS[2:]}]


def wrapped(result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def placet(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], input=stdin)


def scanned(text: str) -> Any:
    done = placet("scan", "--file", "-", "--json", stdin=text)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"tools": TOOLS}),
        json.dumps(TOOLS),
        json.dumps(wrapped({"tools": TOOLS, "ttlMs": 5, "resultType": "complete"})),
        json.dumps(PAGES),
        json.dumps([wrapped(page) for page in PAGES]),
        "\n".join(json.dumps(wrapped(page)) for page in PAGES) + "\n",
        "\ufeff" + json.dumps({"tools": TOOLS}, indent=2),
    ],
    ids=["result", "tools", "response", "pages", "responses", "lines", "with a mark in front"],
)
def test_a_saved_answer_is_read_in_every_form_it_has(text: str) -> None:
    told = scanned(text)
    assert [one["name"] for one in told["tools"]] == ["delete_item", "get_item", "pay"]
    assert told["counts"] == {"read": 1, "write": 0, "execute": 0, "destructive": 1, "financial": 1}
    assert {one["name"]: one["fingerprint"] for one in told["tools"]} == {
        one.name: one.fingerprint for one in survey(TOOLS)
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "standard input:1:1:"),
        ('{"tools": [], "tools": []}', "standard input:1:15:"),
        ("{'tools': []}", "standard input:1:2:"),
        ('{"tools": [5]}', "tools[0] is no object"),
        ('{"tools": [{"name": ""}]}', "tools[0] has no name"),
        ('{"things": []}', "no list of tools is in it"),
        ("5", "no list of tools is in it"),
        (json.dumps([PAGES[0]]), "the list goes on"),
        (json.dumps([PAGES[1], PAGES[0]]), "page 1: it is the last page by its own word"),
        (json.dumps({"id": 1, "error": {"code": -32601, "message": "no\u202e"}}), "an error: no⟦U+202E⟧"),
        ('{"tools": []}\n{"tools": [}\n', "standard input (line 2):1:12:"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_tools_is_refused_in_words(text: str, words: str) -> None:
    done = placet("scan", "--file", "-", stdin=text)
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", "--file", "x", "--server", "y"],
        ["scan", "--file", "no-such-file"],
        ["scan", "--file", "x", "--last-seen"],
        ["scan", "--server", "x", "--token-env", "T"],
        ["scan", "--url", "http://127.0.0.1:9/mcp", "--token-env", "NOT_SET_ANYWHERE"],
        ["init"],
        ["init", "x", "--server", "y"],
        ["init", "x", "--last-seen"],
    ],
)
def test_what_does_not_say_one_source_is_a_mistake_in_usage(arguments: list[str]) -> None:
    done = placet(*arguments)
    assert done.exit_code == 2
    assert done.stderr


def test_the_catalogue_tells_the_gravest_first_with_its_evidence_its_findings_and_a_rule() -> None:
    done = placet("scan", "--file", "-", stdin=json.dumps(TOOLS))
    assert done.stdout.splitlines() == [
        "3 tools of standard input: 1 financial, 1 destructive, 1 read",
        "",
        "pay",
        "    financial, critical  (high confidence)",
        '      name "pay": moves money or binds to it',
        '      description "Pay": moves money or binds to it',
        '      parameter "amount": may be money',
        "    begin with: a person decides: Money moves",
        "",
        "delete_item",
        "    destructive, high  (high confidence)",
        '      name "delete": takes away what does not come back by itself',
        '      description "Delete an item": takes away what does not come back by itself',
        '      name "item": is one small thing',
        "    ! the server says readOnlyHint, and its own words say destructive",
        "    ! it has no input schema, so nothing of what it takes can be checked",
        "    begin with: hidden: what it takes away does not come back by itself",
        "",
        "get_item",
        "    read, low  (high confidence)",
        '      name "get": only answers',
        '      description "Get an item": only answers',
        "    begin with: allowed, 60 a minute for each agent",
        "",
        "2 findings to look at, marked with !",
    ]


def test_a_hostile_list_cannot_write_lines_of_its_own() -> None:
    hostile = {"name": "get\nfinancial", "description": "Get it.\u202e\x1b[2J\n}hide: []\r- x"}
    out = placet("scan", "--file", "-", stdin=json.dumps([hostile])).stdout
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "get⟦U+000A⟧financial" in out
    text = placet("init", "-", stdin=json.dumps([hostile, {**hostile, "name": "put"}])).stdout
    policy = load_policy(text, "p.yaml")
    assert [entry.pattern.text for entry in policy.tools] == ["put"]
    assert "Left out, because they cannot be called" in text


def test_the_starter_policy_loads_and_says_of_each_tool_what_is_recommended(tmp_path: Path) -> None:
    for name in ("binance.yaml", "binance.json"):
        done = placet("init", str(BINANCE), "--output", str(tmp_path / name))
        assert done.exit_code == 0, done.output
        assert placet("check", str(tmp_path / name)).exit_code == 0
    yaml, text = ((tmp_path / name).read_text(encoding="utf-8") for name in ("binance.yaml", "binance.json"))
    one, other = load_policy(yaml, "a.yaml"), load_policy(text, "a.json")
    assert one.version == other.version
    assert len(one.hide) == 6
    assert len(one.tools) == 87
    assert "# sha256 " + survey([binance_us()[0].definition])[0].fingerprint[:16] in yaml
    beside = (tmp_path / "binance.evidence.txt").read_text(encoding="utf-8")
    assert 'moves money or binds to it (name "withdraw", description "Submit a crypto withdrawal request")' in " ".join(
        beside.replace("#", "").split()
    )


def test_nothing_is_overwritten_unless_it_is_wanted(tmp_path: Path) -> None:
    output, beside = tmp_path / "new" / "p.json", tmp_path / "new" / "p.evidence.txt"
    assert placet("init", str(BINANCE), "--output", str(output)).exit_code == 0
    output.unlink()
    beside.write_text("mine")
    done = placet("init", str(BINANCE), "--output", str(output))
    assert done.exit_code == 2
    assert f"{beside} is already there" in done.stderr
    assert not output.exists()
    assert placet("init", str(BINANCE), "--output", str(output), "--force").exit_code == 0
    assert beside.read_text() != "mine"


def test_the_format_follows_the_name_unless_it_is_said() -> None:
    assert json.loads(placet("init", str(BINANCE), "--format", "json").stdout)["version"] == "1"
    assert placet("init", str(BINANCE)).stdout.startswith("# A policy to begin with")
    both = json.loads(placet("init", str(BINANCE), "--format", "json", "--json").stdout)
    assert load_policy(both["policy"], "p.json").hide
    assert both["evidence"].startswith("# A policy to begin with")


def test_an_empty_list_gives_a_policy_that_denies_everything() -> None:
    policy = load_policy(placet("init", "-", stdin='{"tools": []}').stdout, "p.yaml")
    assert (policy.tools, policy.hide) == ((), ())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    counter = tmp_path / "count"
    config = {
        "database": "sqlite:///placet.db",
        "servers": {
            "counting": {"command": [sys.executable, str(SERVER), str(counter)], "policy": "p.yaml"},
            "gone": {"url": "http://127.0.0.1:9/mcp"},
        },
    }
    (tmp_path / "placet.yaml").write_text(json.dumps(config))
    (tmp_path / "p.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_configured_server_is_asked_and_its_policy_stands_beside(folder: Path) -> None:
    told = json.loads(placet("scan", "--server", "counting", "--json").stdout)
    hang, pay, _ = told["tools"]
    assert (hang["class"], hang["severity"]) == ("read", "low")
    assert hang["evidence"][0] == {"where": "policy", "quote": "hang", "says": "I looked"}
    assert hang["now"] == {
        "word": "allow",
        "rule": "/tools/risk:read",
        "policy": str(folder / "p.yaml"),
        "limits": ["5 calls per minute, by agent on this server"],
    }
    assert (pay["class"], pay["now"]["word"], pay["now"]["rule"]) == ("financial", "deny", "/default")
    assert not (folder / "count").exists()
    text = placet("scan", "--server", "counting").stdout
    assert (
        f"    now: allowed, by /tools/risk:read of {folder / 'p.yaml'}; 5 calls per minute, by agent on this server"
        in text
    )
    assert "    now: denied, by /default of" in text


def test_a_starter_policy_is_made_of_a_configured_server(folder: Path) -> None:
    policy = load_policy(placet("init", "--server", "counting").stdout, "p.yaml")
    assert [entry.pattern.text for entry in policy.tools] == ["read", "hang", "pay"]


def test_a_server_that_cannot_be_asked_is_told(folder: Path) -> None:
    done = placet("scan", "--server", "gone")
    assert done.exit_code == 1
    assert "gone cannot be asked: " in done.stderr
    done = placet("scan", "--server", "nobody")
    assert done.exit_code == 2
    assert "It has: counting, gone." in done.stderr
    done = placet("scan", "--url", "http://127.0.0.1:9/mcp")
    assert done.exit_code == 1
    assert "It cannot be asked: " in done.stderr


def test_what_was_last_seen_asks_nobody(folder: Path) -> None:
    done = placet("scan", "--server", "counting", "--last-seen")
    assert done.exit_code == 1
    assert "start `placet serve` once" in done.stderr

    async def seen() -> None:
        async with Database.opened(f"sqlite:///{folder / 'placet.db'}", VAULT) as db:
            await db.write(lambda tx: tx.pins.first("gone", "get_item", "f" * 64, TOOLS[0]))

    asyncio.run(seen())
    told = json.loads(placet("scan", "--server", "gone", "--last-seen", "--json").stdout)
    assert [(one["name"], one["now"]["policy"]) for one in told["tools"]] == [
        ("get_item", "there is no policy for this server")
    ]
    assert "now: denied: there is no policy" in placet("scan", "--server", "gone", "--last-seen").stdout
    assert "--last-seen takes its tools as they were last seen" in placet("scan", "--server", "gone").stderr


def test_any_server_over_http_is_asked_without_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_A_SERVER", "secret")
    with http_server([sys.executable, "-m", "tests.fakes.everything"]) as url:
        done = placet("scan", "--url", url, "--token-env", "TOKEN_OF_A_SERVER", "--json")
    told = json.loads(done.stdout)
    assert told["source"] == url
    assert len(told["tools"]) > 3
    assert all(one["now"] is None for one in told["tools"])
