"""The buttons and the menu of a card in Slack, and what each is called there. Pure.

A button carries the request and the binding, never an argument. What does more than approve one call asks once more.
"""

from __future__ import annotations

from enum import StrEnum

from approvals.channels import slack_parts as parts
from approvals.channels.slack_parts import Json
from approvals.channels.slack_readable import is_editable
from approvals.domain.card import Card
from approvals.domain.card_line import CardLine
from approvals.domain.shapes import Scope

DANGEROUS = frozenset({"destructive", "financial"})


class Action(StrEnum):
    """The action ids of our buttons."""

    APPROVE = "approve"
    RAISE = "raise"
    """Approves, and raises what the call goes over for an hour."""
    TRUST = "trust"
    """Approves, and lets the very same call run again for a quarter of an hour."""
    DENY = "deny"
    EDIT = "edit"
    """Opens the arguments to be changed before they are approved."""
    VIEW = "view"
    NEXT = "next"
    PREVIOUS = "previous"
    EXPECTED = "expected"
    UNEXPECTED = "unexpected"
    """Asks what was not as expected."""
    PULL_BACK = "pull_back"
    """Takes back what was approved and has not run."""
    OPEN = "open"
    """Opens the web page; nothing of ours happens."""


MORE = "more"
SNOOZE, EXTEND, REASSIGN, ASK, COMMENT = "snooze", "extend", "reassign", "ask", "comment"
OFFERED = (
    (SNOOZE, "Snooze"),
    (EXTEND, "Add 15 minutes"),
    (REASSIGN, "Hand on…"),
    (ASK, "Ask the agent…"),
    (COMMENT, "Comment…"),
)
"""What the menu of a card offers."""


def button_value(card: Card | CardLine) -> str:
    """What our buttons carry."""
    return f"{card.request_id} {card.binding}"


def approve_button(card: Card) -> Json:
    """Approve, asking once more where the call cannot be taken back."""
    sure = None
    if card.risk in DANGEROUS or card.severity == "critical":
        runs = f"{card.tool} on {card.server} runs once, exactly as shown, for {card.agent}."
        what = f"{risk(card).capitalize()}: {_when_all_have(card)}{runs}"
        sure = parts.confirm("Approve this call?", what, "Approve")
    return parts.button(Action.APPROVE, "Approve", value=button_value(card), style="primary", confirm=sure)


def raise_button(card: Card) -> Json:
    """Approve and raise, which always asks once more: it is about further calls, too."""
    what = (
        f"This call runs once, and for one hour, {card.agent} may go further without asking. {'; '.join(card.raises)}"
    )
    sure = parts.confirm("Approve and raise for 1 hour?", what, "Approve and raise")
    return parts.button(Action.RAISE, "Approve, raise for 1 hour", value=button_value(card), confirm=sure)


def trust_button(card: Card) -> Json:
    """Approve and let the same call run again, which always asks once more: it is about further calls, too."""
    where = " in the session it works in now" if card.trust is Scope.SESSION else ""
    what = (
        f"This call runs once, and for 15 minutes {card.agent} may make the very same call up to 5 more times{where} "
        "without asking. To let other calls like it run, approve on the page."
    )
    sure = parts.confirm("Approve the same for 15 min?", what, "Approve and trust")
    return parts.button(Action.TRUST, "Approve, same for 15 min", value=button_value(card), confirm=sure)


def _when_all_have(card: Card) -> str:
    return "once all who must have approved, " if card.asks_several else ""


def deny_button(card: Card) -> Json:
    """Deny…, which asks for a reason."""
    return parts.button(Action.DENY, "Deny…", value=button_value(card))


def pull_back_button(card: Card) -> Json:
    """Pull back, which needs no second thought: what is stopped can be asked for again."""
    return parts.button(Action.PULL_BACK, "Pull back", value=button_value(card), style="danger")


def edit_button(card: Card) -> list[Json]:
    """Edit…, where the call may be changed in Slack."""
    return [parts.button(Action.EDIT, "Edit…", value=button_value(card))] if is_editable(card) else []


def menu(card: Card) -> Json:
    """What else can be done with the call (`slack_more` does it)."""
    options = [
        {"text": parts.plain(words, parts.LIMITS["option text"]), "value": f"{verb} {button_value(card)}"}
        for verb, words in OFFERED
    ]
    return {"type": "overflow", "action_id": MORE, "options": options}


def risk(card: Card | CardLine) -> str:
    """The class, and the severity where that says more."""
    return f"{card.risk}, {card.severity}" if card.severity in ("high", "critical") else card.risk
