"""Sample servers, tools, agents, people and checks for the console's fake API, plain and hostile.

The shapes are contract.md 4's, as `gateway/console.py` and `gateway/health.py` write them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

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


def tool(name: str, description: str | None, risk: str, severity: str, **more: Any) -> Json:
    """One tool of a server; `more` replaces what stands here."""
    return {
        "name": name,
        "description": description,
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
        "risk": risk,
        "severity": severity,
        "evidence": ["annotation readOnlyHint"],
        "listed": True,
        "unusable": None,
        "definition": {
            "name": name,
            "description": description,
            "inputSchema": {"type": "object", "properties": {"amount": {"type": "number"}}},
        },
        **more,
    }


TOOLS: list[Json] = [
    tool("find_order", "Look an order up by its number.", "read", "low"),
    tool(
        "refund_payment",
        "Pay money back to a customer. This cannot be undone.",
        "financial",
        "high",
        evidence=["name says refund, payment", "argument amount"],
    ),
    tool("delete_customer", None, "destructive", "critical", evidence=["name says delete"], listed=False),
    tool(
        "run_report",
        "Run a report.",
        "execute",
        "medium",
        evidence=[],
        listed=False,
        unusable="its input schema is not valid JSON Schema 2020-12: /properties/x/type: 'strin' is no type",
    ),
]
HOSTILE_TOOLS: list[Json] = [tool(f"t{n}_{'long_name' * n}", HOSTILE_NOTE, "write", "high") for n in range(4)]


def agents(start: datetime) -> list[Json]:
    """Agents in every standing."""
    base: Json = {"anonymous": False, "source": "config", "paused_at": None, "revoked_at": None, "tokens": []}
    used = {"last_used_at": stamp(start - timedelta(seconds=75))}
    return [
        {**base, "name": "claude-ada", "owner": ADA, "servers": ["payments", "mail"], **used},
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


def people() -> list[Json]:
    """People with and without Slack, and one who is disabled."""
    return [
        {**ME, "slack": ["T01:U01"], "disabled": False},
        {
            "id": BEN,
            "name": "Ben",
            "roles": ["reviewer", "operator"],
            "groups": ["finance"],
            "slack": ["T01:U02"],
            "disabled": False,
        },
        {"id": "old@example.com", "name": "Old Hand", "roles": ["viewer"], "groups": [], "slack": [], "disabled": True},
    ]
