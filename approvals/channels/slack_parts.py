"""The small pieces of Block Kit and the numbers Slack sets for them. Pure: values in, JSON out.

One rule keeps text from becoming anything else: there is no mrkdwn here at all. Words go into rich_text, which
Slack parses for nothing, or into plain_text with `emoji` off, escaped. Links, dates and bold are elements made by
us, so nothing inside a text can be one. Every piece fits its limit, and a piece that was cut ends in "…".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]

LIMITS: Final = {
    "blocks per message": 50,
    "blocks per view": 100,
    "header": 150,
    "section text": 3000,
    "actions": 25,
    "button text": 75,
    "button value": 2000,
    "url": 3000,
    "confirm title": 100,
    "confirm text": 300,
    "confirm button": 30,
    "view title": 24,
    "view button": 24,
    "private_metadata": 3000,
    "input": 3000,
    "label": 2000,
    "option text": 75,
    "option value": 150,
    "message text": 4000,
    "whole message": 13_200,
}
"""Slack's numbers, as far as our cards come near them; the last one is what people measured, undocumented."""

_SHORTCODE = re.compile(r"(?<![0-9]):(?=[A-Za-z0-9_+'-]+:)")


def escaped(text: str) -> str:
    """The three characters with which Slack's markup begins, as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def units(text: str) -> int:
    """The length of a text in UTF-16 units: the strictest way in which Slack could be counting."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """At most `limit` units of the text; the last one is "…" when something is missing."""
    if units(text) <= limit:
        return text
    kept = text[: limit - 1]
    while units(kept) > limit - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def fitted(text: str, limit: int) -> str:
    """The text escaped, cut so that what is sent stays within the limit."""
    if units(escaped(text)) <= limit:
        return escaped(text)
    kept, size = [], 1
    for char in text:
        size += units(escaped(char))
        if size > limit:
            break
        kept.append(char)
    return f"{escaped(''.join(kept).rstrip())}…"


def plain(text: str, limit: int) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": fitted(text, limit) or "–", "emoji": False}


def notice(text: str, limit: int = LIMITS["message text"]) -> str:
    """Text for the places that Slack does parse (notifications, `text`): escaped, and no shortcode becomes an emoji."""
    return fitted(_SHORTCODE.sub(": ", " ".join(text.split())), limit)


def words(text: str, *style: str) -> Json:
    """A run of text inside rich_text; styles are `bold`, `italic`, `code`."""
    return {"type": "text", "text": text or "–"} | ({"style": dict.fromkeys(style, True)} if style else {})


def link(url: str, text: str) -> Json:
    """A link of ours inside rich_text."""
    return {"type": "link", "url": url, "text": text}


def moment(at: datetime) -> Json:
    """A time shown in the reader's own zone; UTC where the client cannot."""
    return {
        "type": "date",
        "timestamp": int(at.timestamp()),
        "format": "{date_short_pretty} at {time}",
        "fallback": at.strftime("%Y-%m-%d %H:%M UTC"),
    }


def line(*elements: Json) -> Json:
    """One line of rich text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def fact(label: str, *elements: Json) -> Json:
    """A line that begins with a label in bold."""
    return line(words(f"{label}  ", "bold"), *elements)


def preformatted(text: str) -> Json:
    """Text in a fixed-width box, line for line."""
    return {"type": "rich_text_preformatted", "elements": [words(text)]}


def quoted(text: str) -> Json:
    """Somebody's words, set apart."""
    return {"type": "rich_text_quote", "elements": [words(text)]}


def rich(*parts: Json, block_id: str) -> Json:
    """A rich_text block."""
    return {"type": "rich_text", "block_id": block_id, "elements": list(parts)}


def header(text: str) -> Json:
    """A headline."""
    return {"type": "header", "block_id": "headline", "text": plain(text, LIMITS["header"])}


def section(text: str, *, block_id: str, accessory: Json | None = None) -> Json:
    """A paragraph of plain text, with a button beside it perhaps."""
    block: Json = {"type": "section", "block_id": block_id, "text": plain(text, LIMITS["section text"])}
    return block if accessory is None else block | {"accessory": accessory}


def context(text: str, *, block_id: str) -> Json:
    """Small print."""
    return {"type": "context", "block_id": block_id, "elements": [plain(text, LIMITS["label"])]}


def actions(*buttons: Json, block_id: str) -> Json:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def button(action_id: str, text: str, *, value: str = "", style: str = "", confirm: Json | None = None) -> Json:
    """A button that tells us it was pressed."""
    made: Json = {"type": "button", "action_id": action_id, "text": plain(text, LIMITS["button text"])}
    made |= {"value": value} if value else {}
    made |= {"style": style} if style else {}
    return made | ({"confirm": confirm} if confirm else {})


def link_button(action_id: str, text: str, url: str, *, style: str = "") -> Json:
    """A button that opens a page; Slack tells us of it all the same."""
    return button(action_id, text, style=style) | {"url": url}


def confirm(title: str, text: str, yes: str) -> Json:
    """The question asked before a button counts."""
    return {
        "title": plain(title, LIMITS["confirm title"]),
        "text": plain(text, LIMITS["confirm text"]),
        "confirm": plain(yes, LIMITS["confirm button"]),
        "deny": plain("Back", LIMITS["confirm button"]),
    }


def modal(title: str, blocks: list[Json], *, callback_id: str, metadata: str = "", submit: str = "") -> Json:
    """A modal view."""
    view: Json = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, LIMITS["view title"]),
        "close": plain("Back" if submit else "Close", LIMITS["view button"]),
        "blocks": blocks,
    }
    view |= {"private_metadata": metadata} if metadata else {}
    return view | ({"submit": plain(submit, LIMITS["view button"])} if submit else {})
