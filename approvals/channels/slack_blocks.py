"""A card as Slack shows it: one renderer for the first post and for every repaint. Pure.

What does not fit is cut where people see it, with how much is missing; a card of which anything was cut does not
approve by itself: its Approve opens the full call, whose last page decides, and what is too long for Slack
altogether is decided on the web page. Every field has its own budget, so that a whole card stays far below what
Slack refuses. The button carries the request and the binding, never an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from approvals.channels import slack_buttons as buttons
from approvals.channels import slack_parts as parts
from approvals.channels.slack_buttons import Action, button_value
from approvals.channels.slack_parts import Json
from approvals.channels.slack_readable import (
    ARGUMENT_CHARACTERS,
    ARGUMENT_LINES,
    JUSTIFICATION,
    WARNING,
    WARNINGS,
    Reach,
    excerpt,
    reach,
)
from approvals.domain.card import Card
from approvals.domain.excerpt import result_label
from approvals.domain.model import Answer, State
from approvals.domain.sentences import ended_word

ENDED_CHARACTERS, ENDED_LINES = 600, 8
"""Of a call that is over, less is shown: the buttons of the next card matter more."""
NAME, REASON, RESULT, STATUS, NEEDS = 250, 300, 600, 1_000, 300
EDITS, EDIT = 5, 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A message: what notifications say, and its blocks (none: only the text is shown)."""

    text: str
    blocks: list[Json]


def draw(card: Card) -> Drawing:
    """The card as a Slack message."""
    blocks = [parts.header(headline(card))]
    if card.decided:
        blocks.append(status(card))
    blocks.append(facts(card))
    blocks += stopped(card)
    blocks += said_by_agent(card, limit=JUSTIFICATION)
    blocks += talked(card)
    blocks += warnings(card, most=WARNINGS, limit=WARNING)
    blocks += edits(card)
    blocks += _arguments(card)
    blocks += _result(card)
    blocks += _expected(card)
    blocks.append(_small_print(card))
    if not card.decided:
        blocks.append(_buttons(card))
    elif card.can_be_pulled_back:
        blocks.append(parts.actions(buttons.pull_back_button(card), block_id="answers"))
    return Drawing(text=summary(card), blocks=blocks)


def draw_minimal(card: Card) -> Drawing:
    """What is shown when Slack refuses the card: a line of text and the link, nothing to press."""
    return Drawing(text=f"{summary(card)} <{parts.escaped(card.url)}|Open the call in Placet>", blocks=[])


def draw_stray(card: Card) -> Drawing:
    """What is shown on a copy of the card that nobody keeps up to date."""
    text = f"{card.headline}. This is a second copy of the card and can no longer be used."
    return Drawing(text=f"{parts.notice(text)} <{parts.escaped(card.url)}|Open the call in Placet>", blocks=[])


def draw_alert(text: str) -> Drawing:
    """Something that is no card and needs no answer. Slack parses what notifications say: that is the first line."""
    return Drawing(
        text=parts.notice(text.partition("\n")[0]), blocks=[parts.rich(parts.line(parts.words(text)), block_id="alert")]
    )


def summary(card: Card) -> str:
    """The card in one line, for notifications and screen readers: never an argument, never the agent's words."""
    if card.decided:
        return parts.notice(f"{card.headline}. {card.status_line}", 1_500)
    return parts.notice(f"{card.headline}: {card.agent}, {buttons.risk(card)}. Needs {card.needs_line}", 1_500)


def headline(card: Card) -> str:
    """The first line: the risk while people are asked, what became of it afterwards."""
    return f"{_state_word(card)} · {card.tool}"


def facts(card: Card) -> Json:
    """Who wants what, where, under which rule, and until when."""
    agent = [parts.words(parts.cut(card.agent, NAME))]
    if card.client:
        agent.append(parts.words(f" (its client says, unverified: “{parts.cut(card.client, NAME)}”)"))
    lines = [
        parts.fact("Tool", parts.words(f"{parts.cut(card.tool, NAME)} on {parts.cut(card.server, NAME)}")),
        parts.fact("Agent", *agent),
    ]
    if card.owner:
        lines.append(parts.fact("For", parts.words(parts.cut(card.owner, NAME))))
    rule = [parts.words(parts.cut(card.rule, NAME))]
    if card.rule_reason:
        rule.append(parts.words(f": {parts.cut(_one_line(card.rule_reason), REASON)}"))
    lines.append(parts.fact("Rule", *rule))
    if card.over:
        lines.append(parts.fact("Goes over", parts.words(parts.cut("; ".join(card.over), REASON))))
    if not card.decided:
        lines.append(
            parts.fact("Needs", parts.words(parts.cut(card.needs_line or "a reviewer", NEEDS)), *_so_far(card))
        )
        lines.append(parts.fact("Until", parts.moment(card.expires_at)))
        if card.earlier:
            lines.append(parts.fact("Asked before", parts.words(parts.cut(card.earlier, STATUS))))
        if card.turns:
            lines.append(parts.fact("Since then", parts.words(parts.cut(card.turns, STATUS))))
    return parts.rich(*lines, block_id="facts")


def status(card: Card) -> Json:
    """What has happened, naming who and when."""
    said = parts.line(parts.words(parts.cut(card.status_line, STATUS), "bold"))
    return parts.rich(said, parts.line(parts.link(card.url, "Open the call")), block_id="status")


def stopped(card: Card) -> list[Json]:
    """What keeps the call from being approved now, and what can be done all the same."""
    if card.stopped is None:
        return []
    said = f"{card.stopped}. It cannot be approved until that ends; it can be denied."
    return [parts.rich(parts.fact("Stopped", parts.words(parts.cut(said, STATUS))), block_id="stopped")]


def talked(card: Card) -> list[Json]:
    """What the agent was asked last, and what it answered."""
    if not card.questions:
        return []
    one = card.questions[-1]
    told = [parts.line(parts.words("It has not answered yet."))]
    if one.answer is not None:
        label = parts.line(parts.words("The agent says, unverified", "bold"))
        told = [label, parts.quoted(parts.cut(one.answer, JUSTIFICATION))]
    asked = parts.fact(f"{parts.cut(one.name, NAME)} asked the agent", parts.words(parts.cut(one.text, REASON)))
    return [parts.rich(asked, *told, block_id="talked")]


def said_by_agent(card: Card, *, limit: int) -> list[Json]:
    """The agent's own reason, under a label it cannot change."""
    if not card.justification:
        return []
    label = parts.line(parts.words("The agent says, unverified", "bold"))
    return [parts.rich(label, parts.quoted(parts.cut(card.justification, limit)), block_id="agent_says")]


def warnings(card: Card, *, most: int, limit: int) -> list[Json]:
    """What is not what it looks like, or is hidden."""
    if not card.warnings:
        return []
    lines = [parts.fact("Look closely", parts.words(parts.cut(text, limit))) for text in card.warnings[:most]]
    if len(card.warnings) > most:
        lines.append(parts.line(parts.words(f"and {len(card.warnings) - most} more such things: see the full call")))
    return [parts.rich(*lines, block_id="warnings")]


def edits(card: Card) -> list[Json]:
    """What reviewers changed of what the agent asked."""
    if not card.edits:
        return []
    lines = [parts.line(parts.words("Changed by a reviewer, from what the agent asked", "bold"))]
    lines += [parts.line(parts.words(parts.cut(text, EDIT))) for text in card.edits[:EDITS]]
    if len(card.edits) > EDITS:
        lines.append(parts.line(parts.words(f"and {len(card.edits) - EDITS} more: see the page")))
    return [parts.rich(*lines, block_id="edits")]


def _arguments(card: Card) -> list[Json]:
    size = (ENDED_CHARACTERS, ENDED_LINES) if card.decided else (ARGUMENT_CHARACTERS, ARGUMENT_LINES)
    text, missing = excerpt(card.arguments, *size)
    label = parts.line(parts.words("Arguments", "bold"))
    shown = [parts.rich(label, parts.preformatted(text), block_id="arguments")]
    if missing is None:
        return shown
    where = "" if card.decided else f" {_WHERE[reach(card)]}"
    return [*shown, parts.context(f"{missing}.{where}", block_id="cut")]


_WHERE = {
    Reach.CARD: "",
    Reach.FULL_CALL: "Approve opens the full call; its last page decides.",
    Reach.PAGE: "Too long for Slack: read and decide it on the page.",
}


def _result(card: Card) -> list[Json]:
    if not card.result_excerpt:
        return []
    label = parts.line(parts.words(result_label(card.state, card.cause), "bold"))
    return [parts.rich(label, parts.preformatted(parts.cut(card.result_excerpt, RESULT)), block_id="result")]


def _expected(card: Card) -> list[Json]:
    """What people said of the outcome, and the buttons to say it."""
    if not card.asks_expected:
        return []
    said = parts.words(parts.cut(card.expected_line or "nobody has said yet", STATUS))
    yes = parts.button(Action.EXPECTED, "As expected", value=button_value(card))
    no = parts.button(Action.UNEXPECTED, "Not as expected…", value=button_value(card))
    line = parts.rich(parts.fact("As expected?", said), block_id="expected")
    return [line, parts.actions(yes, no, block_id="outcome")]


def _small_print(card: Card) -> Json:
    return parts.context(f"{card.request_id} · sha256 {card.arguments_sha256[:12]}", block_id="small_print")


def _buttons(card: Card) -> Json:
    where = reach(card)
    view = parts.button(Action.VIEW, "View full call", value=button_value(card))
    if where is Reach.PAGE:
        page = parts.link_button(Action.OPEN, "Read and decide on the page", card.url, style="primary")
        return parts.actions(page, buttons.deny_button(card), view, buttons.menu(card), block_id="answers")
    approve = [buttons.approve_button(card)]
    if where is Reach.FULL_CALL:
        approve = [parts.button(Action.APPROVE, "Approve…", value=button_value(card), style="primary")]
    if Answer.APPROVE not in card.answers:
        approve = []
    page = parts.link_button(Action.OPEN, "Open the page", card.url)
    raises = [buttons.raise_button(card)] if card.raises and where is Reach.CARD else []
    trust = [buttons.trust_button(card)] if card.trust is not None and where is Reach.CARD else []
    edit = buttons.edit_button(card)
    return parts.actions(
        *approve, *raises, *trust, buttons.deny_button(card), *edit, view, page, buttons.menu(card), block_id="answers"
    )


def _so_far(card: Card) -> list[Json]:
    names = list(dict.fromkeys(vote.name for vote in card.votes if vote.answer is Answer.APPROVE))
    return [parts.words(f"; approved by {parts.cut(', '.join(names), NEEDS)}")] if names else []


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _ended(card: Card) -> str:
    return ended_word(card.state, card.cause).capitalize()


def _state_word(card: Card) -> str:
    match card.state:
        case State.PENDING:
            return "– Time is up" if card.decided else buttons.risk(card).capitalize()
        case State.APPROVED:
            return "✓ Approved"
        case State.EXECUTING:
            return "✓ Running"
        case State.SUCCEEDED:
            return "✓ Done"
        case State.FAILED:
            return f"✕ {_ended(card)}"
        case State.UNKNOWN:
            return f"? {_ended(card)}"
        case State.DENIED:
            return "✕ Denied"
        case State.EXPIRED:
            return f"– {_ended(card)}"
        case State.CANCELLED:
            return "– Cancelled"
