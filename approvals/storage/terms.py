"""Terms as the JSON of their column, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from approvals.domain.terms import Escalation, Factor, OnTimeout, Terms

MICROSECOND = timedelta(microseconds=1)


def terms_to_json(terms: Terms) -> dict[str, Any]:
    """Terms as JSON data; lengths of time are whole microseconds."""
    return {
        "factors": [{"members": list(f.members), "count": f.count} for f in terms.factors],
        "four_eyes": terms.four_eyes,
        "delegation": terms.delegation,
        "timeout": terms.timeout // MICROSECOND,
        "on_timeout": terms.on_timeout.value,
        "remind": None if terms.remind is None else terms.remind // MICROSECOND,
        "escalate": [_step_to_json(step) for step in terms.escalate],
        "called": list(terms.called),
        "collect_within": terms.collect_within // MICROSECOND,
        "channels": list(terms.channels),
        "edit": terms.edit,
        "justification": terms.justification,
        "cancel_window": terms.cancel_window // MICROSECOND,
        "execute_on_approve": terms.execute_on_approve,
        "self_service": terms.self_service,
        "grants": terms.grants,
        "redact": [list(steps) for steps in terms.redact],
    }


def terms_from_json(data: Mapping[str, Any]) -> Terms:
    """The Terms that `terms_to_json` wrote; what a newer version added is ignored."""
    return Terms(
        factors=tuple(Factor(members=tuple(f["members"]), count=f["count"]) for f in data["factors"]),
        four_eyes=data["four_eyes"],
        delegation=data.get("delegation", True),
        timeout=data["timeout"] * MICROSECOND,
        on_timeout=OnTimeout(data["on_timeout"]),
        remind=data["remind"] * MICROSECOND if data.get("remind") is not None else None,
        escalate=tuple(_step_from_json(step) for step in data["escalate"]),
        called=tuple(data.get("called", ())),
        collect_within=data["collect_within"] * MICROSECOND,
        channels=tuple(data["channels"]),
        edit=data["edit"],
        justification=data["justification"],
        cancel_window=data["cancel_window"] * MICROSECOND,
        execute_on_approve=data["execute_on_approve"],
        self_service=data["self_service"],
        grants=data["grants"],
        redact=tuple(tuple(steps) for steps in data.get("redact", ())),
    )


def terms_from_text(text: str) -> Terms:
    """The Terms of the text in the column itself."""
    return terms_from_json(json.loads(text))


def _step_to_json(step: Escalation) -> dict[str, Any]:
    return {
        "to": list(step.to),
        "after": None if step.after is None else step.after // MICROSECOND,
        "undelivered": step.undelivered,
        "timeout": None if step.timeout is None else step.timeout // MICROSECOND,
        "channels": list(step.channels),
        "widens": None if step.widens is None else list(step.widens),
    }


def _step_from_json(data: Mapping[str, Any]) -> Escalation:
    after, timeout, widens = data["after"], data.get("timeout"), data.get("widens")
    return Escalation(
        to=tuple(data["to"]),
        after=None if after is None else after * MICROSECOND,
        undelivered=data.get("undelivered", False),
        timeout=None if timeout is None else timeout * MICROSECOND,
        channels=tuple(data.get("channels", ())),
        widens=None if widens is None else tuple(widens),
    )
