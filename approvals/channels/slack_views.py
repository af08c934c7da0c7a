"""The modals, the Home tab and the lists: everything of Slack that one person opens for themselves. Pure.

The full call comes in pages; only its last page approves, and it is reached page by page. A view remembers which
request, which binding and which page it shows in `private_metadata`, written by us and returned by Slack under its
signature.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from approvals.channels import slack_blocks as blocks
from approvals.channels import slack_buttons as buttons
from approvals.channels import slack_parts as parts
from approvals.channels.slack_buttons import Action
from approvals.channels.slack_parts import Json
from approvals.channels.slack_readable import PAGES_MAX, pages
from approvals.domain.card import Card
from approvals.domain.card_line import CardLine
from approvals.domain.model import Answer

FULL_CALL, DENY, EDIT, NOTICE, HOME = "full_call", "deny", "edit", "notice", "home"
CONFIRM, CONFIRM_RAISE, CONFIRM_TRUST, UNEXPECTED = "confirm", "confirm_raise", "confirm_trust", "unexpected"
PRESET, WORDS, ARGUMENTS = "preset", "words", "arguments"
FREE_TEXT_MAX = 500
LISTED = 15
LABEL = 140
ROW = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a view of ours remembers. `decides` is set on the page that may approve."""

    request_id: str
    binding: str
    page: int = 0
    decides: bool = False

    def text(self) -> str:
        """As `private_metadata`."""
        return json.dumps(
            {"request": self.request_id, "binding": self.binding, "page": self.page, "decides": self.decides}
        )


def kept(text: str) -> Kept | None:
    """What a view remembered, or None if it is none of ours."""
    try:
        found = json.loads(text)
        return Kept(
            request_id=str(found["request"]),
            binding=str(found["binding"]),
            page=int(found["page"]),
            decides=found["decides"] is True,
        )
    except (ValueError, TypeError, KeyError):
        return None


def full_call(card: Card, page: int = 0, *, note: str | None = None) -> Json:
    """One page of the whole call, redacted as the card is."""
    chunks = pages(card.arguments)
    shown = chunks[:PAGES_MAX]
    page = max(0, min(page, len(shown) - 1))
    last = page == len(shown) - 1
    whole = len(chunks) == len(shown)
    body: list[Json] = [parts.section(note, block_id="note")] if note else []
    if page == 0:
        body += _opening(card)
    else:
        body.append(parts.context(f"{card.tool} on {card.server}", block_id="what"))
    body.append(
        parts.rich(parts.line(parts.words("Arguments", "bold")), parts.preformatted(shown[page]), block_id="arguments")
    )
    body.append(parts.context(_where(card, page, len(shown)), block_id="where"))
    if last and not whole:
        missing = sum(map(len, chunks[PAGES_MAX:]))
        text = f"Slack cannot show the last {missing:,} characters. Read and decide this call on the page."
        body.append(parts.section(text, block_id="rest"))
    body += _turning(page, len(shown))
    decides = last and whole and Answer.APPROVE in card.answers
    body += _answers(card, decides=decides)
    metadata = Kept(request_id=card.request_id, binding=card.binding, page=page, decides=decides).text()
    return parts.modal("Full call", body, callback_id=FULL_CALL, metadata=metadata)


def deny(card: Card, reasons: Sequence[str]) -> Json:
    """Asks for the reason of a denial: one of these, own words, or both. Slack sends back the words of a choice."""
    options = [{"text": parts.plain(text, parts.LIMITS["option text"]), "value": text} for text in reasons]
    preset: Json = {
        "type": "input",
        "block_id": PRESET,
        "optional": True,
        "label": parts.plain("Reason", parts.LIMITS["label"]),
        "element": {"type": "radio_buttons", "action_id": PRESET, "options": options},
    }
    # Both together are a reason, and may be no longer than one.
    most = FREE_TEXT_MAX - max((len(one) + 1 for one in reasons), default=0)
    own: Json = {
        "type": "input",
        "block_id": WORDS,
        "optional": True,
        "label": parts.plain("In your own words", parts.LIMITS["label"]),
        "hint": parts.plain("The agent is told this as your words, not as instructions.", parts.LIMITS["label"]),
        "element": {"type": "plain_text_input", "action_id": WORDS, "multiline": True, "max_length": most},
    }
    what = parts.section(f"{card.tool} on {card.server}, asked for by {card.agent}", block_id="what")
    metadata = Kept(request_id=card.request_id, binding=card.binding).text()
    chosen = [preset] if options else []
    return parts.modal("Deny this call", [what, *chosen, own], callback_id=DENY, metadata=metadata, submit="Deny")


def _step(step: Step) -> list[Json]:
    label = f"Type the name of the tool, {step.tool}, to approve it"
    element = {"type": "plain_text_input", "action_id": CONFIRM, "max_length": FREE_TEXT_MAX}
    typed = {"type": "input", "block_id": CONFIRM, "label": parts.plain(label, LABEL), "element": element}
    return [parts.section(f"{step.why}.", block_id="why"), typed]


SUBMITS = {CONFIRM: "Approve", CONFIRM_RAISE: "Approve and raise", CONFIRM_TRUST: "Approve and trust"}


def confirm(card: Card, *, why: str, level: int, callback: str = CONFIRM, decides: bool = False) -> Json:
    """Asks once more, or for the name of the tool, of who approves too fast; `decides`: on the last page."""
    what = parts.section(f"{card.tool} on {card.server}, asked for by {card.agent}", block_id="what")
    body = [what, *_step(Step(why=why, tool=card.tool))[: 1 if level == 1 else None]]
    return parts.modal(
        "Approve this call?",
        body,
        callback_id=callback,
        metadata=Kept(request_id=card.request_id, binding=card.binding, decides=decides).text(),
        submit=SUBMITS[callback],
    )


def unexpected(card: Card) -> Json:
    """Asks what was not as expected."""
    element = {"type": "plain_text_input", "action_id": WORDS, "multiline": True, "max_length": FREE_TEXT_MAX}
    words: Json = {
        "type": "input",
        "block_id": WORDS,
        "optional": True,
        "label": parts.plain("What was not as expected?", LABEL),
        "hint": parts.plain("The other people see this, the agent does not.", LABEL),
        "element": element,
    }
    metadata = Kept(request_id=card.request_id, binding=card.binding).text()
    what = parts.section(f"{card.tool} on {card.server}", block_id="what")
    return parts.modal("Not as expected", [what, words], callback_id=UNEXPECTED, metadata=metadata, submit="Send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What approving takes more from somebody who approves too fast: the name of the tool, and why."""

    why: str
    tool: str


def edit(card: Card, *, typed: str | None = None, step: Step | None = None) -> Json:
    """The arguments to be changed, or as they were `typed`, beneath what else has to be read of the call.

    What is sent approves the call with them.
    """
    read = [*blocks.said_by_agent(card, limit=3_000), *blocks.warnings(card, most=40, limit=1_000)]
    field: Json = {
        "type": "input",
        "block_id": ARGUMENTS,
        "label": parts.plain("Arguments, as JSON", parts.LIMITS["label"]),
        "hint": parts.plain(
            "Checked against the tool's schema and the policy. Who approved before is asked again, and the agent is "
            "told what you changed.",
            parts.LIMITS["label"],
        ),
        "element": {
            "type": "plain_text_input",
            "action_id": ARGUMENTS,
            "multiline": True,
            "initial_value": typed or card.editable or "{}",
            "max_length": parts.LIMITS["input"],
        },
    }
    what = parts.section(f"{card.tool} on {card.server}, asked for by {card.agent}", block_id="what")
    metadata = Kept(request_id=card.request_id, binding=card.binding).text()
    return parts.modal(
        "Change and approve",
        [what, *read, field, *(_step(step) if step else [])],
        callback_id=EDIT,
        metadata=metadata,
        submit="Approve changed",
    )


def notice(title: str, text: str, url: str | None = None, *, label: str = "Open the page") -> Json:
    """A modal that only says something."""
    body = [parts.section(text, block_id="note")]
    if url:
        body.append(parts.actions(parts.link_button(Action.OPEN, label, url), block_id="more"))
    return parts.modal(title, body, callback_id=NOTICE)


def home(cards: Sequence[CardLine], *, more: bool) -> Json:
    """The Home tab of somebody who may decide."""
    count = f"{len(cards)}{'+' if more else ''}"
    title = "Nothing waits for you" if not cards else f"{count} waiting for you"
    body = [parts.header(title), *listed(cards)]
    if more:
        body.append(parts.context(f"The {LISTED} oldest are shown; the page has them all.", block_id="more"))
    if not cards:
        body.append(
            parts.section("Calls that need your decision appear here and where they are posted.", block_id="none")
        )
    return {"type": "home", "callback_id": HOME, "blocks": body}


def home_for_nobody(why: str) -> Json:
    """The Home tab of somebody who may not decide."""
    return {"type": "home", "callback_id": HOME, "blocks": [parts.section(why, block_id="none")]}


def listed(cards: Sequence[CardLine]) -> list[Json]:
    """A row for each call, with a button that opens it."""
    rows = []
    for number, card in enumerate(cards[:LISTED]):
        text = f"{buttons.risk(card).capitalize()} · {card.tool}\n{card.agent} on {card.server}"
        text += f", until {card.until}, needs {card.needs_line}"
        view = parts.button(Action.VIEW, "View", value=buttons.button_value(card))
        rows.append(parts.section(parts.cut(text, ROW), block_id=f"row_{number}", accessory=view))
    return rows


def _opening(card: Card) -> list[Json]:
    top = [parts.header(blocks.headline(card))]
    if card.decided:
        top.append(blocks.status(card))
    return [
        *top,
        blocks.facts(card),
        *blocks.stopped(card),
        *blocks.said_by_agent(card, limit=3_000),
        *blocks.warnings(card, most=40, limit=1_000),
        *blocks.edits(card),
    ]


def _where(card: Card, page: int, count: int) -> str:
    of = f"Page {page + 1} of {count} · " if count > 1 else ""
    return f"{of}{card.request_id} · sha256 {card.arguments_sha256[:12]}"


def _turning(page: int, count: int) -> list[Json]:
    turns = []
    if page > 0:
        turns.append(parts.button(Action.PREVIOUS, "Previous page"))
    if page < count - 1:
        turns.append(parts.button(Action.NEXT, "Next page"))
    return [parts.actions(*turns, block_id="turning")] if turns else []


def _answers(card: Card, *, decides: bool) -> list[Json]:
    open_page = parts.link_button(Action.OPEN, "Open the page", card.url)
    if card.decided:
        return [parts.actions(open_page, block_id="answers")]
    first = [buttons.approve_button(card)] if decides else []
    said = [parts.context(card.yours, block_id="yours")] if decides and card.yours else []
    edit = buttons.edit_button(card) if decides else []
    return [*said, parts.actions(*first, buttons.deny_button(card), *edit, open_page, block_id="answers")]
