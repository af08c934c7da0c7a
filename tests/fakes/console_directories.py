"""Sample servers, tools, agents, people and checks for the console's fake API, plain and hostile.

The shapes are contract.md 4's, as `gateway/console.py` and `gateway/health.py` write them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from gateway.policy.writing import as_yaml
from tests.fakes.console_samples import ADA, BEN, HOSTILE_NOTE, Json, stamp

ME: Json = {"id": "you@example.com", "name": "Yuki Moreau", "roles": ["reviewer"], "groups": ["finance"]}

SERVERS: list[Json] = [
    {
        "name": "payments",
        "transport": "http",
        "up": True,
        "error": None,
        "tools": 4,
        "policy": "policies/payments.json",
        "policy_version": "9f2c41d07be3a6c5",
    },
    {
        "name": "warehouse",
        "transport": "stdio",
        "up": False,
        "error": "the process ended with status 1: relation \u201corders\u201d does not exist",
        "tools": None,
        "policy": "policies/warehouse.json, policies/house.json",
        "policy_version": "51aa07de99c2f410",
    },
    {
        "name": "search",
        "transport": "http",
        "up": None,
        "error": None,
        "tools": None,
        "policy": None,
        "policy_version": None,
    },
]

CHECKS: list[Json] = [
    {"id": "database", "ok": True, "text": "answers, and its schema is current"},
    {"id": "audit", "ok": True, "text": "0 calls are not recorded yet"},
    {"id": "channel slack", "ok": True, "text": "delivers"},
]


def evidence(where: str, quote: str, says: str) -> Json:
    """One thing that speaks for a class."""
    return {"where": where, "quote": quote, "says": says}


def tool(name: str, description: str | None, risk: str, severity: str, **more: Any) -> Json:
    """One tool of a server; `more` replaces what stands here."""
    limit = {"counter": f"{name}_per_minute", "window": "minute", "max": 60, "scope": "grant"}
    return {
        "name": name,
        "description": description,
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
        "risk": risk,
        "severity": severity,
        "confidence": "medium",
        "evidence": [evidence("name", name.partition("_")[0], "only answers")],
        "findings": [],
        "found": None,
        "recommended": {
            "policy": {"tools": {name: {"limits": [limit]}}},
            "yaml": as_yaml({"tools": {name: {"limits": [limit]}}}),
            "why": "allowed, 60 a minute for each agent",
        },
        "now": {
            "word": "allow",
            "rule": f"/tools/{name}",
            "policy": "policies/payments.json",
            "limits": ["60 calls per minute, by agent on this server"],
        },
        "listed": True,
        "drifted": False,
        "difference": [],
        "unusable": None,
        "definition": {
            "name": name,
            "description": description,
            "inputSchema": {"type": "object", "properties": {"amount": {"type": "number"}}},
        },
        **more,
    }


MONEY, LOSS = "moves money or binds to it", "takes away what does not come back by itself"
POLICY = "policies/payments.json"
TOOLS: list[Json] = [
    tool("find_order", "Look an order up by its number.", "read", "low", confidence="high"),
    tool(
        "refund_payment",
        "Pay money back to a customer. This cannot be undone.",
        "financial",
        "critical",
        confidence="high",
        evidence=[
            evidence("name", "refund", MONEY),
            evidence("description", "Pay money back", MONEY),
            evidence("parameter", "amount", "is an amount of money"),
        ],
        recommended={
            "policy": {"tools": {"refund_payment": {"action": "require_approval", "reason": "Money moves"}}},
            "yaml": "tools:\n  refund_payment: {action: require_approval, reason: Money moves}\n",
            "why": "a person decides: Money moves",
        },
        now={
            "word": "depends",
            "rule": "/tools/refund_payment/approve_if/0",
            "policy": POLICY,
            "limits": ["5000 of args.amount per day, by agent on this server"],
        },
    ),
    tool(
        "delete_customer",
        None,
        "destructive",
        "critical",
        evidence=[evidence("name", "delete", LOSS)],
        findings=[
            {"code": "read_only_hint", "text": "the server says readOnlyHint, and its own words say destructive"}
        ],
        recommended={
            "policy": {"hide": ["delete_customer"]},
            "yaml": "hide: [delete_customer]\n",
            "why": "hidden: what it takes away does not come back by itself",
        },
        now={"word": "hide", "rule": "/hide/0", "policy": POLICY, "limits": []},
        listed=False,
    ),
    tool(
        "close_month",
        "Book the month, and print the list of what is due.",
        "read",
        "low",
        found={"risk": "write", "severity": "medium"},
        evidence=[
            evidence("policy", "close_*", "It only prints; the books are closed elsewhere"),
            evidence("nothing", "", "nothing in its name, description or schema says what it does"),
        ],
    ),
    tool(
        "run_report",
        "Run a report.",
        "execute",
        "high",
        evidence=[evidence("name", "run", "runs or starts something")],
        listed=False,
        unusable="its input schema is not valid JSON Schema 2020-12: /properties/x/type: 'strin' is no type",
    ),
    tool(
        "send_receipt",
        "Send the receipt of a payment to an address.",
        "write",
        "medium",
        evidence=[
            evidence("name", "send", "makes or changes something"),
            evidence("description", "Send the receipt", "makes or changes something"),
            evidence("parameter", "to", "reaches whomever it names"),
        ],
        findings=[{"code": "look_alike", "text": 'its name looks like "send_reciept"'}],
        drifted=True,
        listed=False,
        now={"word": "deny", "rule": "/default", "policy": POLICY, "limits": []},
    ),
]
HOSTILE_TOOLS: list[Json] = [
    tool(
        f"t{n}_{'long_name' * n}",
        HOSTILE_NOTE,
        "write",
        "high",
        evidence=[evidence("description", HOSTILE_NOTE, HOSTILE_NOTE)],
        findings=[{"code": "hidden_characters", "text": HOSTILE_NOTE}],
    )
    for n in range(4)
]


def agents(start: datetime) -> list[Json]:
    """Agents in every standing."""
    base: Json = {"anonymous": False, "source": "config", "paused_at": None, "revoked_at": None, "tokens": []}
    used = {"last_used_at": stamp(start - timedelta(seconds=75))}
    tokens = [token("plc_agent_1a2B3c4D", start, **used), token("plc_agent_9zYx8Wv7", start, revoked_at=stamp(start))]
    known = {"source": "added", "tokens": tokens}
    return [
        {**base, "name": "claude-ada", "owner": ADA, "servers": ["payments", "mail"], **known, **used},
        {**base, "name": "local", "owner": None, "servers": ["search"], "anonymous": True, "last_used_at": None},
        {
            **base,
            "name": "trader-ben",
            "owner": BEN,
            "servers": ["binance"],
            "paused_at": stamp(start - timedelta(hours=3)),
            "last_used_at": stamp(start - timedelta(hours=4)),
        },
    ]


def token(prefix: str, start: datetime, **fields: Any) -> Json:
    """A token of an agent, as the API shows it."""
    return {
        "prefix": prefix,
        "created_at": stamp(start - timedelta(days=12)),
        "expires_at": stamp(start + timedelta(days=78)),
        "revoked_at": None,
        "last_used_at": None,
        **fields,
    }


def people() -> list[Json]:
    """People with and without Slack, and one who is disabled."""
    return [
        {
            **ME,
            "slack": ["T01:U01"],
            "disabled": False,
            "source": "config",
            "claims": None,
            "away": None,
            "quiet": None,
            "available_at": "2026-11-24T08:00:00Z",
        },
        {
            "id": BEN,
            "name": "Ben",
            "roles": ["reviewer", "operator"],
            "groups": ["finance"],
            "slack": ["T01:U02"],
            "disabled": False,
            "source": "added",
            "claims": {
                "groups": ["oidc:finance", "oidc:staff"],
                "roles": ["reviewer"],
                "said_at": "2026-11-24T07:58:00Z",
                "until": "2026-11-25T07:58:00Z",
                "in_force": True,
            },
            "quiet": {"hours": "22:00-07:00", "tz": "Europe/Athens"},
            "available_at": "2026-12-01T08:00:00.000Z",
            "away": {"since": "2026-11-23T08:00:00.000Z", "until": "2026-12-01T08:00:00.000Z", "to": ME["id"]},
        },
        {
            "id": "old@example.com",
            "name": "Old Hand",
            "roles": ["viewer"],
            "groups": [],
            "slack": [],
            "disabled": True,
            "source": "added",
            "claims": None,
            "away": None,
            "quiet": None,
            "available_at": "2026-11-24T08:00:00Z",
        },
    ]
