"""What Slack accepts as a modal or a Home tab, and the object it answers with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from approvals.testing.slack import limits
from approvals.testing.slack.blocks import Surface, problems_in
from approvals.testing.slack.elements import plain
from approvals.testing.slack.schema import Check, Problem, anything, boolean, record, string

_SHARED: dict[str, Check] = {
    "private_metadata": string(limits.PRIVATE_METADATA, shortest=0),
    "callback_id": string(limits.IDENTIFIER, shortest=0),
    "external_id": string(limits.IDENTIFIER, shortest=0),
}


def _submit_where_there_is_input(view: Any, at: str) -> Iterator[Problem]:
    blocks = view.get("blocks")
    asks = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if asks and not view.get("submit"):
        yield Problem(at, "missing required field: submit")


SHAPES: dict[str, Check] = {
    "modal": record(
        {"title": plain(limits.VIEW_TITLE), "blocks": anything},
        {
            **_SHARED,
            "submit": plain(limits.VIEW_BUTTON),
            "close": plain(limits.VIEW_BUTTON),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
        _submit_where_there_is_input,
    ),
    "home": record({"blocks": anything}, {**_SHARED, "title": anything, "submit": anything, "close": anything}),
}

RETURNED = ("private_metadata", "callback_id", "external_id")
FLAGS = ("clear_on_close", "notify_on_close", "submit_disabled")


def problems_in_view(view: Any, kind: str | None = None) -> list[Problem]:
    """Everything wrong with a view; `kind` says which type the method asks for."""
    if not isinstance(view, dict):
        return [Problem("/view", "must provide an object")]
    given = view.get("type")
    if given is None:
        return [Problem("/view", "missing required field: type")]
    if given not in SHAPES or (kind is not None and given != kind):
        return [Problem("/view/type", "must be a valid enum value")]
    found = list(SHAPES[given](view, "/view"))
    if view.get("blocks") is not None:
        found += problems_in(view["blocks"], Surface(given), "/view/blocks")
    return found


def size_of(view: dict[str, Any]) -> int:
    """The bytes Slack counts against its limit for a view."""
    return len(json.dumps(view).encode())
