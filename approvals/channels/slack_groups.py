"""A card that stands for many calls, and the modal in which they are decided one by one. Pure.

The card shows the table as far as there is room; "Review" opens a modal with a verdict for each call of it. The id of
a row's block names the request and the binding that were shown, and Slack returns it under its signature: only what
stood in the modal is decided. What cannot be read whole there can only be denied there, and its block says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from approvals.channels import slack_parts as parts
from approvals.channels.slack_blocks import Drawing
from approvals.channels.slack_buttons import Action, button_value
from approvals.channels.slack_group_ends import counts, ended, headline
from approvals.channels.slack_parts import Json
from approvals.channels.slack_readable import COMMON_SHOWN, WARNING, WARNINGS, row_notes, row_why_not, row_words
from approvals.channels.slack_views import FREE_TEXT_MAX, WORDS, Kept
from approvals.domain.card import Card
from approvals.domain.group_card import Group, GroupRow
from approvals.domain.model import Answer

REVIEW = "review"
REST = "rest"
TABLE_CHARACTERS, TABLE_LINES, COLUMN = 2_200, 24, 28
FACT = 300
LABEL = 600
ONLY_DENIES = " deny"
_ROW = re.compile(rf"(req_[A-Za-z0-9_]{{1,60}}) ([0-9a-f]{{16,128}})({ONLY_DENIES})?")


def draw_group(card: Card, group: Group) -> Drawing:
    """The card of several calls."""
    title = _title(card, group)
    blocks = [parts.header(title), _facts(card, group)]
    if group.rows:
        blocks += [*_table(group), *_warnings(group)]
    blocks += ended(group)
    if group.waiting:
        review = parts.button(REVIEW, f"Review {_calls(group.waiting)}…", value=button_value(card), style="primary")
        page = parts.link_button(Action.OPEN, "Open the table", group.url)
        blocks.append(parts.actions(review, page, block_id="answers"))
    return Drawing(text=parts.notice(f"{title}. {card.server}, {card.risk}"), blocks=blocks)


def draw_folded(card: Card, url: str) -> Drawing:
    """What is left of the card of one call that is shown with others."""
    said = f"{card.tool}, asked for by {card.agent}: shown with the calls that are like it."
    line = parts.line(parts.words(parts.cut(said, FACT)), parts.words(" "), parts.link(url, "Open the table"))
    return Drawing(text=parts.notice(said), blocks=[parts.rich(line, block_id="folded")])


def review(card: Card, group: Group, rows: Sequence[GroupRow], *, others: int) -> Json:
    """The modal: a verdict for each of `rows`; `others` are waiting and not this person's to decide, or have no row."""
    blocks = [parts.section(_opening(card, group, others), block_id="what"), *_common(group)]
    blocks += [_row(card, group, at, row) for at, row in enumerate(rows, 1)]
    blocks.append(_rest(card, group, rows))
    blocks.append(
        {
            "type": "input",
            "block_id": WORDS,
            "optional": True,
            "label": parts.plain("Reason of the denials", parts.LIMITS["label"]),
            "element": {
                "type": "plain_text_input",
                "action_id": WORDS,
                "multiline": True,
                "max_length": FREE_TEXT_MAX,
            },
        }
    )
    metadata = Kept(request_id=card.request_id, binding=card.binding).text()
    return parts.modal("Review calls", blocks, callback_id=REVIEW, metadata=metadata, submit="Send answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The answer of one row. `name` is what stood beside it; `only_denies`: nothing else was offered there."""

    request_id: str
    binding: str
    answer: Answer
    name: str
    only_denies: bool


def answers(shown: Mapping[str, str], typed: Mapping[str, str]) -> list[Given]:
    """The answers of the rows that were shown, with their labels; `typed` is what was chosen. Both are by block."""
    found = []
    rest = typed.get(REST, "")
    for block, label in shown.items():
        row = _ROW.fullmatch(block)
        chosen = typed.get(block) or rest
        if row is not None and chosen in set(Answer):
            only_denies = row[3] is not None
            one = Given(request_id=row[1], binding=row[2], answer=Answer(chosen), name=label, only_denies=only_denies)
            found.append(one)
    return found


def _title(card: Card, group: Group) -> str:
    if group.waiting:
        return f"{card.risk.capitalize()} · {_calls(group.waiting)} of {card.tool}"
    return headline(group, card.tool)


def _facts(card: Card, group: Group) -> Json:
    rule = card.rule if not card.rule_reason else f"{card.rule}: {' '.join(card.rule_reason.split())}"
    lines = [
        parts.fact("Tool", parts.words(parts.cut(f"{card.tool} on {card.server}", FACT))),
        parts.fact("Rule", parts.words(parts.cut(rule, FACT))),
    ]
    agents = list(dict.fromkeys(row.agent for row in group.rows))
    if agents:
        lines.append(parts.fact("Agents", parts.words(parts.cut(", ".join(agents), FACT))))
        lines.append(parts.fact("First ends", parts.moment(min(row.expires_at for row in group.rows))))
    if stops := dict.fromkeys(row.stopped for row in group.rows if row.stopped is not None):
        said = f"{'; '.join(stops)}. What that stops cannot be approved until it ends."
        lines.append(parts.fact("Stopped", parts.words(parts.cut(said, LABEL))))
    if group.over and group.waiting:
        lines.append(parts.fact("So far", parts.words(counts(group))))
    return parts.rich(*lines, block_id="facts")


def _table(group: Group) -> list[Json]:
    names = ["", *group.columns, "agent"]
    cells = [[f"{at}", *row.cells, row.agent] for at, row in enumerate(group.rows, 1)]
    widths = [min(COLUMN, max(map(len, column))) for column in zip(names, *cells, strict=True)]
    lines = ["  ".join(_fit(text, width) for text, width in zip(row, widths, strict=True)) for row in [names, *cells]]
    kept = lines[: TABLE_LINES + 1]
    while len(kept) > 1 and parts.units("\n".join(kept)) > TABLE_CHARACTERS:
        kept.pop()
    shown = parts.cut("\n".join(line.rstrip() for line in kept), TABLE_CHARACTERS)
    label = parts.line(parts.words("What differs" if group.columns else "All the same call", "bold"))
    blocks = [*_common(group), parts.rich(label, parts.preformatted(shown), block_id="table")]
    missing = group.waiting - (len(kept) - 1)
    if missing > 0:
        blocks.append(parts.context(f"{missing} more rows: the table has them all.", block_id="cut"))
    if group.hidden:
        masked = "Values are hidden because they look like secrets; they may differ. Decide these on the page."
        blocks.append(parts.context(masked, block_id="masked"))
    return blocks


def _warnings(group: Group) -> list[Json]:
    """What of the calls is not what it looks like, and of which: by their numbers in the table."""
    where: dict[str, list[str]] = {}
    for at, row in enumerate(group.rows, 1):
        for text in row.warnings:
            where.setdefault(text, []).append(str(at))
    if not where:
        return []
    lines = [
        parts.fact("Look closely", parts.words(parts.cut(f"{', '.join(numbers)}: {text}", WARNING)))
        for text, numbers in list(where.items())[:WARNINGS]
    ]
    if len(where) > WARNINGS:
        lines.append(parts.line(parts.words(f"and {len(where) - WARNINGS} more such things: Review has each call's")))
    return [parts.rich(*lines, block_id="warnings")]


def _common(group: Group) -> list[Json]:
    if not group.common:
        return []
    lines = [parts.fact(name, parts.words(text)) for name, text in group.common[:COMMON_SHOWN]]
    if len(group.common) > COMMON_SHOWN:
        lines.append(parts.line(parts.words(f"and {len(group.common) - COMMON_SHOWN} more: see the table")))
    return [parts.rich(parts.line(parts.words("The same in all", "bold")), *lines, block_id="common")]


def _opening(card: Card, group: Group, others: int) -> str:
    said = [f"{card.tool} on {card.server}. Each call is judged by itself, and only what stands here is decided."]
    if others:
        said.append(f"{_calls(others)} more wait that you cannot decide here.")
    if card.risk == "destructive":
        said.append("They destroy something: approve them on the page.")
    elif group.hidden:
        said.append("Values are hidden here: approve on the page.")
    return " ".join(said)


def _row(card: Card, group: Group, at: int, row: GroupRow) -> Json:
    label = parts.cut(f"{at}. {row_words(group, row)}", LABEL)
    why_not = row_why_not(card, group, row)
    options = [("deny", "Deny")]
    if why_not is None and row.stopped is None:
        options = [("approve", "Approve"), *options]
    hints = [f"{row.stopped}: it cannot be approved until that ends."] if row.stopped is not None else []
    hints += [f"{why_not[0].upper()}{why_not[1:]}."] if why_not is not None else []
    hints += [notes] if (notes := row_notes(row)) else []
    block = f"{row.request_id} {row.binding}{ONLY_DENIES if why_not is not None else ''}"
    return _choice(block, label, options, hint=" ".join(hints))


def _rest(card: Card, group: Group, rows: Sequence[GroupRow]) -> Json:
    approvable = [row for row in rows if row_why_not(card, group, row) is None and row.stopped is None]
    options = [("deny", "Deny them")]
    hint = "Nothing: they wait on."
    if approvable:
        options = [("approve", "Approve them"), *options]
    if 0 < len(approvable) < len(rows):
        hint += " Approve leaves out what only offers Deny."
    return _choice(REST, "The calls above that have no answer of their own", options, hint=hint)


def _choice(block_id: str, label: str, options: Sequence[tuple[str, str]], *, hint: str) -> Json:
    made = [{"text": parts.plain(text, parts.LIMITS["option text"]), "value": value} for value, text in options]
    block: Json = {
        "type": "input",
        "block_id": block_id,
        "optional": True,
        "label": parts.plain(label, parts.LIMITS["label"]),
        "element": {"type": "radio_buttons", "action_id": "verdict", "options": made},
    }
    return block | ({"hint": parts.plain(hint, parts.LIMITS["label"])} if hint else {})


def _fit(text: str, width: int) -> str:
    return parts.cut(text, width).ljust(width)


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"
