"""What Slack accepts as blocks of a message, a modal and a Home tab, and how it completes them.

`problems_in` lists everything wrong with an array of blocks; `completed` returns the blocks as
Slack stores them, with the ids and defaults it adds. The shape of single elements is in
`elements` and `richtext`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from approvals.testing.slack import elements, limits
from approvals.testing.slack.elements import identifier, plain, text
from approvals.testing.slack.richtext import RICH_TEXT
from approvals.testing.slack.schema import (
    Check,
    Problem,
    anything,
    array,
    boolean,
    both,
    needs_any,
    one_of,
    record,
    string,
    tagged,
    web_url,
)


class Surface(StrEnum):
    """Where blocks are shown."""

    MESSAGE = "message"
    MODAL = "modal"
    HOME = "home"


_ID: dict[str, Check] = {"block_id": identifier}

_section = record(
    {},
    {
        **_ID,
        "text": text(limits.SECTION_TEXT),
        "fields": array(text(limits.SECTION_FIELD), limits.SECTION_FIELDS),
        "accessory": elements.IN_SECTION,
        "expand": boolean,
    },
    needs_any("text", "fields"),
)
_image = record(
    {"alt_text": string(limits.ALT_TEXT)},
    {
        **_ID,
        "image_url": both(string(limits.IMAGE_URL), web_url),
        "slack_file": anything,
        "title": plain(limits.ALT_TEXT),
    },
    needs_any("image_url", "slack_file"),
)
_input = record(
    {"label": plain(limits.LABEL), "element": elements.IN_INPUT},
    {**_ID, "hint": plain(limits.LABEL), "optional": boolean, "dispatch_action": boolean},
)
_card = record(
    {},
    {
        **_ID,
        "title": text(limits.CARD_TITLE),
        "subtitle": text(limits.CARD_TITLE),
        "body": text(limits.CARD_BODY),
        "subtext": text(limits.CARD_BODY),
        "hero_image": elements.image,
        "icon": elements.image,
        "actions": array(tagged({"button": elements.button}), limits.CARD_ACTIONS),
    },
    needs_any("title", "hero_image", "actions", "body"),
)
_cell = tagged(
    {
        "raw_text": record({"text": string(limits.SECTION_TEXT)}),
        "raw_number": record({"value": anything}, {"text": string(limits.SECTION_TEXT)}),
        "rich_text": RICH_TEXT,
    }
)
_table = record(
    {"rows": array(array(_cell, limits.TABLE_COLUMNS), limits.TABLE_ROWS)},
    {**_ID, "column_settings": array(anything, limits.TABLE_COLUMNS, least=0)},
)

EVERYWHERE: dict[str, Check] = {
    "section": _section,
    "header": record({"text": plain(limits.HEADER_TEXT)}, _ID),
    "divider": record({}, _ID),
    "context": record({"elements": array(elements.IN_CONTEXT, limits.CONTEXT_ELEMENTS)}, _ID),
    "actions": record({"elements": array(elements.IN_ACTIONS, limits.ACTIONS_ELEMENTS)}, _ID),
    "image": _image,
    "input": _input,
    "rich_text": RICH_TEXT,
}
ACCEPTED: dict[Surface, dict[str, Check]] = {
    Surface.MESSAGE: {
        **EVERYWHERE,
        "markdown": record({"text": string(limits.MARKDOWN_TEXT)}, _ID),
        "table": _table,
        "card": _card,
        "carousel": record({"elements": array(tagged({"card": _card}), limits.CAROUSEL_CARDS)}, _ID),
    },
    Surface.MODAL: {
        **EVERYWHERE,
        "alert": record(
            {"text": text(limits.ALERT_TEXT)},
            {**_ID, "level": one_of("default", "info", "warning", "error", "success")},
        ),
    },
    Surface.HOME: EVERYWHERE,
}


def problems_in(blocks: Any, surface: Surface, at: str = "/blocks") -> list[Problem]:
    """Everything wrong with an array of blocks, in the order Slack would meet it."""
    most = limits.BLOCKS_PER_MESSAGE if surface is Surface.MESSAGE else limits.BLOCKS_PER_VIEW
    shape = array(tagged(ACCEPTED[surface]), most, least=0)
    found = list(shape(blocks, at))
    if not found:
        found += _repeated_block_ids(blocks, at)
        found += _repeated_action_ids(blocks, at)
        found += _markdown_total(blocks, at)
    return found


def weight(value: Any) -> int:
    """How much of the undocumented budget for one message's blocks a value takes."""
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        own += limits.WEIGHT_PER_OBJECT if "type" in value else 0
        return own + sum(weight(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(weight(inner) for inner in value)
    return 0


def _repeated_block_ids(blocks: list[dict[str, Any]], at: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        name = block.get("block_id")
        if name in seen:
            yield Problem(f"{at}/{index}/block_id", f"`block_id` {name!r} already exists".replace("'", '"'))
        if name is not None:
            seen.add(name)


def _repeated_action_ids(blocks: list[dict[str, Any]], at: str) -> Iterator[Problem]:
    for index, block in enumerate(blocks):
        seen: set[str] = set()
        for place, element in _interactive(block):
            name = element.get("action_id")
            if name in seen:
                yield Problem(f"{at}/{index}{place}/action_id", f'`action_id` "{name}" already exists')
            if name is not None:
                seen.add(name)


def _markdown_total(blocks: list[dict[str, Any]], at: str) -> Iterator[Problem]:
    total = sum(len(block["text"]) for block in blocks if block.get("type") == "markdown")
    if total > limits.MARKDOWN_TEXT:
        yield Problem(at, f"markdown text must be less than {limits.MARKDOWN_TEXT + 1} characters")


def _interactive(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("elements", "actions"):
        for index, element in enumerate(block.get(name) or ()):
            yield f"/{name}/{index}", element
            if block.get("type") == "carousel":
                yield from _interactive(element)
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict):
            yield f"/{name}", block[name]


NOT_INTERACTIVE = frozenset({"image", "plain_text", "mrkdwn", "card"})


def interactive(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each block with each element in it that a person can use."""
    for block in blocks:
        if block.get("type") == "rich_text":
            continue
        for _, element in _interactive(block):
            if element.get("type") not in NOT_INTERACTIVE:
                yield block, element


def completed(blocks: list[dict[str, Any]], new_id: Callable[[], str]) -> list[dict[str, Any]]:
    """The blocks as Slack stores them: ids where none was given, text flags spelled out."""
    stored = copy.deepcopy(blocks)
    for block in stored:
        if not block.get("block_id"):
            block["block_id"] = new_id()
    for _, element in interactive(stored):
        if not element.get("action_id"):
            element["action_id"] = new_id()
    _spell_out(stored)
    return stored


def _spell_out(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _spell_out(inner)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        for inner in value.values():
            _spell_out(inner)
