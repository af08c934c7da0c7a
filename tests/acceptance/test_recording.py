"""What a running gateway keeps of calls: what decided and what it cost, and arguments that nobody can read.

The database file itself is looked at.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from approvals.storage.calls import CallQuery, CallRow
from gateway.store import Store
from tests.acceptance.agents import heard, sdk
from tests.acceptance.counting import ASKS, Shop, open_shop
from tests.acceptance.harness import policy

SPENDS = {"counter": "spent", "window": "day", "max": 100, "amount": "args.amount"}
OVER_ASKS = {"counter": "reads", "window": "day", "max": 1, "on_exceed": "require_approval"}
TOOLS: dict[str, Any] = {"pay": {"limits": [SPENDS]}, "read": {"limits": [OVER_ASKS]}, "hang": ASKS}


def rows(it: Shop, query: str) -> list[Any]:
    """What the gateway's own file holds."""
    with closing(sqlite3.connect(it.placet.folder / "placet.db")) as db:
        return db.execute(query).fetchall()


async def journal(it: Shop) -> list[CallRow]:
    """The journal as who has its keys reads it, oldest first."""
    store = Store(url=f"sqlite:///{it.placet.folder}/placet.db", keys_file=it.placet.folder / "placet.keys")
    async with store.opened() as db:
        return (await db.read(lambda tx: tx.calls.search(CallQuery())))[::-1]


def kept(it: Shop, word: str) -> bool:
    """Does a word stand anywhere in the gateway's files?"""
    return any(word.encode() in path.read_bytes() for path in it.placet.folder.glob("placet.db*"))


async def test_a_row_says_what_decided_what_it_cost_and_when_it_ran(tmp_path: Path) -> None:
    async with open_shop(tmp_path, tools=TOOLS, limits={"hold": {"plain": "1s"}}) as it:
        async with it.agent() as agent:
            assert not (await agent.call("pay", {"to": "acme", "amount": 60})).refused
            assert (await agent.call("pay", {"to": "acme", "amount": 41})).code == "rate_limited"
            assert not (await agent.call("read", {"to": "a", "amount": 1})).refused
            assert (await agent.call("read", {"to": "b", "amount": 1})).code == "approval_pending"
            assert (await agent.call("hang", {"to": "c"})).code == "invalid_arguments"
        await it.placet.stop()
        said = rows(
            it, "select verdict, rule, ran_at is not null, counted_at is not null, outcome from calls order by at"
        )
        assert said == [
            ("allow", "/tools/pay", 1, 1, "succeeded"),
            ("rate_limited", "/tools/pay/limits/0", 0, 1, "rate_limited"),
            ("allow", "/tools/read", 1, 1, "succeeded"),
            ("require_approval", "/tools/read/limits/0", 0, 1, "pending"),
            ("require_approval", "/tools/hang/action", 0, 0, "invalid_arguments"),
        ]
        assert [one["amount"] for one in (await journal(it))[0].limits] == ["60"]
        assert rows(it, "select count(*) from recordings") == [(0,)]


async def test_a_row_says_what_rules_in_shadow_would_have_done(tmp_path: Path) -> None:
    tools = {"*": {}, "pay": {**ASKS, "mode": "shadow"}}
    async with open_shop(tmp_path, tools=tools) as it:
        async with it.agent() as agent:
            assert not (await agent.call("pay", {"to": "acme", "amount": 60})).refused
        await it.placet.stop()
        (call,) = await journal(it)
        assert call.verdict == "allow"
        assert [(one["rule"], one["verdict"]) for one in call.shadow] == [("/tools/pay/action", "require_approval")]


async def test_recorded_arguments_lie_sealed_and_no_row_or_log_has_them(tmp_path: Path) -> None:
    recording = {"arguments": True, "keep": "1d"}
    async with open_shop(tmp_path, tools={"pay": {}}, recording=recording) as it:
        async with it.agent() as agent:
            assert not (await agent.call("pay", {"to": "acme-hunter2", "amount": 60})).refused
        await it.placet.stop()
        assert rows(it, "select count(*) from recordings join calls on calls.id = call_id") == [(1,)]
        assert not kept(it, "hunter2")
        assert not any("hunter2" in line for line in it.placet.output)


FIRST = {"pay": {"limits": [SPENDS]}, "read": {}, "hang": {"action": "deny"}}
SECOND = {
    "pay": {
        "deny_if": [{"conditions": [{"path": "args.to", "op": "eq", "value": "evil"}]}],
        "approve_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 12}]}],
        "limits": [{**SPENDS, "max": 40}],
    },
    "read": ASKS,
}
CALLS = [
    ("pay", {"to": "acme", "amount": 10}),
    ("pay", {"to": "evil", "amount": 10}),
    ("pay", {"to": "acme", "amount": 60}),
    ("pay", {"to": "acme", "amount": 15}),
    ("pay", {"to": "acme", "amount": 30}),
    ("pay", {"to": "acme", "amount": 4}),
    ("read", {"to": "acme", "amount": 1}),
    ("hang", {"to": "acme", "amount": 1}),
]
SAID = {"policy_denied": "deny", "rate_limited": "rate_limited", "approval_pending": "require_approval", None: "allow"}


async def made(it: Shop) -> list[str]:
    """The same calls by the official client, and the verdict that each of them met."""
    async with sdk(it.placet, "shop", "auto") as client:
        answers = [heard(await client.call_tool(tool, arguments)) for tool, arguments in CALLS]
    return [SAID[answer.code] for answer in answers]


async def test_a_replay_of_another_policy_says_what_the_same_calls_get_under_it(tmp_path: Path) -> None:
    then, now = tmp_path / "then", tmp_path / "now"
    then.mkdir()
    now.mkdir()
    options: dict[str, Any] = {
        "recording": {"arguments": True},
        "limits": {"hold": {"plain": "1s", "with_progress": "1s"}},
    }
    async with open_shop(then, tools=FIRST, **options) as it:
        assert await made(it) == ["allow"] * 4 + ["rate_limited", "allow", "allow", "deny"]
        new = then / "new.json"
        new.write_text(json.dumps(policy(SECOND)))
        asked = ("--server", "shop", "--since", "1h", "--assume", "denied", "--json")
        out, _ = await it.placet.cli("policy", "replay", *asked, str(new))
        plain = ("policy", "replay", "--server", "shop", str(new))
        said, failed = await it.placet.cli(*plain, "--fail-on", "newly-denied", code=1)
        assert "newly denied" in said
        assert "--fail-on" in failed
        await it.placet.cli(*plain, "--fail-on", "not-judged")
        ids = [one[0] for one in rows(it, "select id from calls order by at")]
        (then / "placet.keys").rename(then / "elsewhere.keys")
        assert "copy it from where the service runs" in (await it.placet.cli(*plain, code=1))[1]
    told = json.loads(out)
    predicted = {one["call"]: group["now"]["verdict"] for group in told["changes"] for one in group["examples"]}
    recorded = dict(zip(ids, ["allow"] * 4 + ["rate_limited", "allow", "allow", "deny"], strict=True))
    async with open_shop(now, tools=SECOND, **options) as it:
        assert await made(it) == [predicted.get(call, recorded[call]) for call in ids]
    assert told["counts"]["newly_asked"] == 3
    assert told["approvals"]["predicted"]["requests"] == 3
    assert [one["reviewer"] for one in told["approvals"]["reviewers"]] == ["ada@example.com", "bob@example.com"]


LARGE = {"conditions": [{"path": "args.amount", "op": "gt", "value": 50}]}
SHADOWED = {
    "pay": {"limits": [SPENDS]},
    "p*": {"mode": "shadow", "deny_if": [LARGE], "limits": [{**SPENDS, "max": 25}]},
}


async def test_a_rule_in_shadow_stops_nothing_and_is_told_of(tmp_path: Path) -> None:
    async with open_shop(tmp_path, tools=SHADOWED) as it:
        async with it.agent() as agent:
            for amount in (10, 60, 20, 10):
                assert not (await agent.call("pay", {"to": "acme", "amount": amount})).refused
        out, _ = await it.placet.cli("policy", "shadow", "--server", "shop", "--json")
        said, _ = await it.placet.cli("policy", "shadow")
    [entry] = json.loads(out)["servers"]["shop"]
    assert (entry["entry"], entry["seen"], entry["ready"]) == ("/tools/p*", 4, False)
    assert entry["would"] == {"deny": 1, "ask": 0, "limit": 1, "allow": 0}
    assert [(case["rule"], case["tool"], case["agent"], case["ran_well"]) for case in entry["cases"]] == [
        ("/tools/p*/deny_if/0", "pay", "claude-ada", 1),
        ("/tools/p*/limits/0", "pay", "claude-ada", 1),
    ]
    assert "not ready: it has seen 4 calls" in said
