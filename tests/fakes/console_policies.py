"""Policies for the console's fake API: real texts, read and judged by the real code, saved in memory.

The shapes are `gateway/policy_page/models.py`'s; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.storage.policies import digest
from gateway.policy.evaluate import evaluate
from gateway.policy.layers import version_of
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy
from gateway.policy.risk import classify
from gateway.policy_page import showing
from tests.fakes.console_samples import BEN, Json, stamp

BASE = """\
# What holds for every payment, whoever asks.
version: "1"
default: allow
tools:
  "delete_*":
    action: deny
    reason: Nothing is deleted by agents.
  refund_payment:
    deny_if:
      - conditions: [{path: args.amount, op: gt, value: 10000}]
        on_deny: Never over 10,000.
"""
FIRST = """\
version: "1"
default: deny
tools:
  find_order: {}
"""
PAGE = """\
# Refunds above a hundred need somebody of finance.
version: "1"
default: deny
hide: [admin_*]
all_tools: {limits: [{counter: calls, window: minute, max: 120, scope: agent}]}
tools:
  find_order: {}
  send_mail: {rate_limit: 30/minute}
  refund_payment:
    reason: Money leaves the company
    require:
      - conditions: [{path: args.currency, op: in, value: [USD, EUR]}]
        on_deny: Only US dollars and euros.
    approve_if:
      - conditions: [{path: args.amount, op: gt, value: 100}]
        on_deny: Somebody of finance looks at refunds above a hundred.
    approval: {reviewers: ["group:finance"], timeout: 15m}
    limits:
      - {counter: refunded, window: day, max: 5000, amount: args.amount, on_exceed: require_approval}
tests:
  - name: a small refund passes
    call: {tool: refund_payment, arguments: {amount: 20, currency: USD}}
    expect: {verdict: allow}
"""
BROKEN = """\
version: "1"
default: deny
tools:
  list_stock: {}
  move_stock: {action: require_aproval}
"""
STOCK = BROKEN.replace("aproval", "approval")


@dataclass(slots=True)
class Version:
    """One saved text."""

    number: int
    text: str
    by: str
    name: str
    at: str
    note: str | None = None
    restores: int | None = None

    def entry(self, in_force: int) -> Json:
        return {
            "number": self.number,
            "sha256": digest(self.text),
            "by": self.by,
            "name": self.name,
            "at": self.at,
            "note": self.note,
            "restores": self.restores,
            "in_force": self.number == in_force,
        }


@dataclass(slots=True)
class Book:
    """The policies of one server: files as (name, text in force, text on disk or None), and a page if there is one."""

    server: str
    files: list[tuple[str, str, str | None]] = field(default_factory=list)
    versions: list[Version] | None = None

    @property
    def newest(self) -> int:
        return self.versions[-1].number if self.versions else 0

    def policies(self, draft: str | None = None) -> list[Policy]:
        found = [load_policy(text, name) for name, text, _ in self.files]
        text = draft if draft is not None else self.versions[-1].text if self.versions else None
        if self.versions is not None or draft is not None:
            found.append(load_policy(text or FIRST.replace("{}", "{action: deny}"), f"page:{self.server}"))
        return found

    def save(self, text: str, by: Json, at: datetime, note: str | None, restores: int | None = None) -> Version:
        assert self.versions is not None
        version = Version(self.newest + 1, text, by["id"], by["name"], stamp(at), note, restores)
        self.versions.append(version)
        return version


def books(start: datetime, scenario: str) -> dict[str, Book]:
    """The policies of the sample servers."""
    if scenario == "first":
        return {}
    past = [stamp(start - timedelta(hours=hours)) for hours in (200, 30, 3)]
    versions = [
        Version(1, FIRST, BEN, "Ben", past[0], "To begin with"),
        Version(2, PAGE.replace("max: 5000", "max: 500000"), BEN, "Ben", past[1]),
        Version(3, PAGE, BEN, "Ben", past[2], "Five hundred thousand was a slip of the pen"),
    ]
    base = "policies/payments.yaml"
    if scenario == "hostile":
        odd = "# \u202eyaw gnorw \u200b<img src=x onerror=alert(1)> раураl\n"
        return {
            "payments": Book(
                "payments",
                [(base, odd + BASE, odd + BASE)],
                [Version(1, odd + FIRST, BEN, "B\u202een", past[0], "<b>x</b>")],
            ),
            "warehouse": Book("warehouse", [("policies/" + "w" * 200 + ".yaml", STOCK, "\u202e" + STOCK)]),
        }
    return {
        "payments": Book("payments", [(base, BASE, BASE)], versions if scenario != "empty" else []),
        "warehouse": Book("warehouse", [("policies/warehouse.yaml", STOCK, BROKEN)]),
        "search": Book("search"),
    }


def listed(book: Book) -> Json:
    """One server in the list."""
    policies = book.policies() if book.files or book.versions is not None else []
    differing = [(name, text, disk) for name, text, disk in book.files if disk != text]
    return {
        "server": book.server,
        "state": _state(book),
        "policy_version": version_of(policies) if policies else None,
        "layers": [policy.name for policy in policies],
        "dialects": sorted({policy.dialect for policy in policies}),
        "page": book.newest if book.versions is not None else None,
        "differences": [
            {"layer": name, "enforced": digest(text), "on_disk": digest(disk) if disk is not None else None}
            for name, text, disk in differing
        ],
        "problem": None,
    }


def whole(book: Book, *, operator: bool) -> Json:
    """The policy of a server."""
    policies = book.policies() if book.files or book.versions is not None else []
    disks = {name: (text, disk) for name, text, disk in book.files}
    why_not = (
        f"The policy of {book.server} is kept in files only. To edit a layer of it here, write `policy: page` under "
        f"servers.{book.server} in placet.yaml and reload. Until a version is saved, that layer denies all."
        if book.versions is None
        else None
        if operator
        else "Saving a policy takes the operator role."
    )
    return {
        "server": book.server,
        "state": _state(book),
        "policy_version": version_of(policies) if policies else None,
        "layers": [_layer(book, policy, disks.get(policy.name)) for policy in policies],
        "page": book.newest if book.versions is not None else None,
        "newest": book.newest if book.versions is not None else None,
        "problem": None,
        "may_save": why_not is None,
        "why_not": why_not,
    }


def _state(book: Book) -> str:
    if any(text != disk for _, text, disk in book.files):
        return "differs"
    if not book.files and book.versions is None:
        return "none"
    return "unsaved" if book.versions == [] else "enforced"


def _layer(book: Book, policy: Policy, file: tuple[str, str | None] | None) -> Json:
    unsaved = file is None and not book.versions
    text = "" if unsaved else policy.text
    return {
        "name": policy.name,
        "kind": "file" if file is not None else "page",
        "shared": False,
        "text": text,
        "dialect": policy.dialect,
        "version": policy.version,
        "sha256": digest(text),
        "notes": list(policy.notes),
        "tests": len(policy.tests),
        "outline": [] if unsaved else list(showing.outline(policy)),
        "on_disk": _on_disk(policy.name, *file) if file is not None else None,
        "saved": book.versions[-1].entry(book.newest) if file is None and book.versions else None,
    }


def _on_disk(name: str, text: str, disk: str | None) -> Json:
    if disk is None or disk == text:
        return {
            "sha256": digest(disk) if disk is not None else None,
            "differs": disk is None,
            "text": None,
            "problems": [],
        }
    return {"sha256": digest(disk), "differs": True, "text": disk, "problems": wrong(disk, name)}


def wrong(text: str, name: str) -> list[Json]:
    """What is wrong with a text."""
    try:
        load_policy(text, name)
    except PolicyErrors as err:
        return showing.problems(err.problems)
    return []


def checked(text: str, name: str) -> Json:
    """The answer of the check."""
    problems = wrong(text, name)
    policy = None if problems else load_policy(text, name)
    return {
        "ok": policy is not None,
        "problems": problems,
        "notes": list(policy.notes) if policy is not None else [],
        "dialect": policy.dialect if policy is not None else None,
        "version": policy.version if policy is not None else None,
        "sha256": digest(text) if policy is not None else None,
        "tests": len(policy.tests) if policy is not None else 0,
    }


def explained(book: Book, question: Json, arguments: Json, now: datetime) -> Json:
    """The ruling on a call. Counters stand at nothing."""
    policies = book.policies(question.get("text"))
    at = datetime.fromisoformat(question["at"]) if question.get("at") else now
    facts = Facts(
        server=book.server,
        tool=question["tool"],
        arguments=arguments,
        agent=question.get("as") or "somebody",
        now=at,
        risk=classify({"name": question["tool"]}),
    )
    ruling = evaluate(policies, facts)
    return {
        "verdict": ruling.verdict.value,
        "rule": ruling.rule,
        "reason": ruling.reason,
        **_place(policies, ruling.policy, ruling.rule),
        "considered": [{**one.as_json(), **_place(policies, one.policy, one.rule)} for one in ruling.trace],
        "limits": [
            {
                "counter": use.limit.counter,
                "remaining": format(use.limit.max, "f"),
                "resets_at": (at + timedelta(hours=2)).astimezone(UTC).isoformat(),
            }
            for use in ruling.limits
        ],
        "policy_version": ruling.policy_version,
        "risk": ruling.risk.value,
        "severity": ruling.severity.value,
        "asks": ["1 of group:finance"] if ruling.approval is not None else [],
        "notes": [] if question["tool"] in KNOWN else ["The server lists no tool of this name."],
    }


KNOWN = {"find_order", "refund_payment", "delete_customer", "send_mail"}


def _place(policies: Sequence[Policy], policy: str, rule: str) -> Json:
    names = [one.name for one in policies]
    layer = names.index(policy) if policy in names else None
    return {
        "policy": policy or None,
        "layer": layer,
        "line": policies[layer].place(rule)[0] if layer is not None and rule else None,
    }


def replayed(book: Book, text: str, now: datetime) -> Json:
    """What the calls of the last days would have got; made up, but for the place of the rule."""
    place = _place(book.policies(text), f"page:{book.server}", "/tools/send_mail")
    base: dict[str, Any] = {"newly_allowed": 0, "newly_asked": 0, "newly_denied": 0, "unchanged": 41, "not_judged": 3}
    changes: list[Json] = []
    if "send_mail: {action: require_approval}" in text:
        base |= {"newly_asked": 12, "unchanged": 29}
        changes = [
            {
                "change": "newly_asked",
                "tool": "send_mail",
                "agent": "claude-ada",
                "calls": 12,
                "was": {"verdict": "allow", "rule": "/tools/send_mail"},
                "now": {"verdict": "require_approval", "rule": "/tools/send_mail/action", **place},
                "denied_by_people": 0,
                "examples": [{"call": "call_1", "at": stamp(now), "why": "the tool is named"}],
            }
        ]
    load = {"requests": 7, "per_day": 1.0, "busy_day": 2, "busiest": None}
    return {
        "server": book.server,
        "policy_version": "f" * 64,
        "since": stamp(now - timedelta(days=7)),
        "until": stamp(now),
        "recorded_from": stamp(now - timedelta(days=6)),
        "calls": 44,
        "counts": {**base, "stopped": 0, "came_back": 0},
        "not_judged": {"not_kept": 3, "not_opened": 0},
        "changes": changes,
        "approvals": {
            "before": load,
            "predicted": {**load, "per_day": 2.7} if changes else load,
            "reviewers": [],
            "out_of_reach": 0,
        },
        "assumed": ["People are taken to have said yes where they would newly be asked."],
    }
