"""Where the whole of a call can be read in Slack, and so be approved: the one rule of every approval there. Pure.

An approval from Slack needs the whole call in front of whoever gives it. `why_not` says what is against one, by the
place it was given in: the card, the last page of the full call, the window that changes the arguments, or the window of
many calls, whose rows are short. Whoever draws offers what it lets through, and `slack_votes` asks it again for each
answer that comes back, for what was offered is not what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from approvals.channels import slack_parts as parts
from approvals.domain.card import Card
from approvals.domain.group_card import Group, GroupRow

ARGUMENT_CHARACTERS, ARGUMENT_LINES = 1_800, 16
PAGE_CHARACTERS, PAGES_MAX = 2_800, 20
JUSTIFICATION = 600
WARNINGS, WARNING = 4, 300
COMMON_SHOWN = 8
ROW = 590
"""Of what names one of many calls; its number stands before it."""
NOTES = 1_500
"""Of what is said beneath it."""


class Reach(StrEnum):
    """Where a call can be approved: it depends on where it can be read whole."""

    CARD = "card"
    FULL_CALL = "full_call"
    PAGE = "page"


class Place(StrEnum):
    """Where an approval of one call was given."""

    CARD = "card"
    FULL_CALL = "full_call"
    """The last page of it, which is reached page by page."""
    FORM = "form"
    """The window that changes the arguments."""
    NOWHERE = "nowhere"
    """A place that offers only to deny it."""


def why_not(card: Card, place: Place | Group) -> str | None:
    """Why this call cannot be approved there, as a clause that says where it can be; None where it can."""
    if isinstance(place, Group):
        row = next((row for row in place.rows if row.request_id == card.request_id), None)
        return row_why_not(card, place, row)
    if place is Place.NOWHERE:
        return "it was only offered to be denied: approve it on the page"
    where = reach(card)
    if where is Reach.PAGE:
        return f"it is too long to be read in Slack. Decide on the page: {card.url}"
    if place is Place.FORM and not is_editable(card):
        return f"it cannot be changed in Slack. The page has all of it: {card.url}"
    if place is Place.CARD and where is not Reach.CARD:
        return "the card does not show all of it: open the full call, whose last page decides"
    return None


def row_why_not(card: Card, group: Group, row: GroupRow | None) -> str | None:
    """The same for one of many calls; `row` is what stands for it, `card` is the card of any of them."""
    if row is None:
        return "it has no row here: approve it on the page"
    if card.risk == "destructive":
        return "it destroys something: approve it on the page"
    if group.hidden:
        return "values are hidden here: approve it on the page"
    shown = _fits(row_words(group, row), ROW) and _fits(row_notes(row), NOTES)
    if not row.whole or len(group.common) > COMMON_SHOWN or not shown:
        return "not all of it fits here: approve it on the page"
    return None


def row_words(group: Group, row: GroupRow) -> str:
    """What tells one of many calls from the others: what differs, and whose it is."""
    facts = [f"{name} {text}" for name, text in zip(group.columns, row.cells, strict=True)]
    return " · ".join([*facts, row.agent])


def row_notes(row: GroupRow) -> str:
    """What has to be read with it: what is not what it looks like, and what the agent says."""
    notes = [f"Look closely: {text}." for text in row.warnings]
    notes += [f"Changed by a reviewer: {text}." for text in row.edits]
    return " ".join([*notes, f"It says, unverified: {row.says}"] if row.says else notes)


def reach(card: Card) -> Reach:
    """Where this call can be approved."""
    if not _is_cut(card):
        return Reach.CARD
    return Reach.FULL_CALL if len(pages(card.arguments)) <= PAGES_MAX else Reach.PAGE


def is_editable(card: Card) -> bool:
    """Do the arguments fit the window that changes them?"""
    return card.editable is not None and parts.units(card.editable) <= parts.LIMITS["input"]


def pages(text: str) -> list[str]:
    """A long text in pieces that a modal can show, broken between lines where lines allow it."""
    found: list[str] = []
    rows: list[str] = []
    size = 0
    for row in _rows(text):
        cost = parts.units(row) + 1
        if rows and size + cost > PAGE_CHARACTERS + 1:
            found.append("\n".join(rows))
            rows, size = [], 0
        rows.append(row)
        size += cost
    return [*found, "\n".join(rows)]


def excerpt(text: str, characters: int = ARGUMENT_CHARACTERS, lines: int = ARGUMENT_LINES) -> tuple[str, str | None]:
    """The beginning of the arguments, and how much of them it is (None: all)."""
    rows = text.split("\n")
    kept = "\n".join(rows[:lines])
    if parts.units(kept) > characters:
        shown = parts.cut(kept, characters)
        return shown, f"{len(shown) - 1:,} of {len(text):,} characters shown"
    if len(rows) > lines:
        return kept, f"{lines} of {len(rows):,} lines shown"
    return text, None


def _rows(text: str) -> Iterator[str]:
    for row in text.split("\n"):
        if parts.units(row) <= PAGE_CHARACTERS:
            yield row
            continue
        # A piece of a broken line fills its page, so that no line break appears where there is none.
        step = PAGE_CHARACTERS if parts.units(row) == len(row) else PAGE_CHARACTERS // 2
        yield from (row[at : at + step] for at in range(0, len(row), step))


def _is_cut(card: Card) -> bool:
    long_reason = card.justification is not None and parts.units(card.justification) > JUSTIFICATION
    long_warning = len(card.warnings) > WARNINGS or any(parts.units(text) > WARNING for text in card.warnings)
    return long_reason or long_warning or excerpt(card.arguments)[1] is not None


def _fits(text: str, limit: int) -> bool:
    """As it is, and as it is sent: escaped, it may be five times as long."""
    return parts.units(text) <= limit and parts.units(parts.escaped(text)) <= parts.LIMITS["label"] - 10
