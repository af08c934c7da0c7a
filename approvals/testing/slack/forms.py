"""Filling the fields of a modal, and what Slack itself refuses before the app hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals.testing.slack.blocks import interactive
from approvals.testing.slack.payloads import NoSuchElement, chosen
from approvals.testing.slack.state import Json, View

INCOMPLETE = "Please complete this required field."


def fill(view: View, values: Mapping[str, Any]) -> None:
    """Type and choose; keys are block ids or action ids, choices are option values.

    Raises:
        NoSuchElement: the view has no such field, or the field no such option.
    """
    fields = list(interactive(view.body["blocks"]))
    for name, value in values.items():
        for block, element in fields:
            if name in (block["block_id"], element["action_id"]):
                entry = {"type": element["type"], **chosen(element, value or None)}
                view.state.setdefault(block["block_id"], {})[element["action_id"]] = entry
                break
        else:
            known = ", ".join(f"{block['block_id']} / {element['action_id']}" for block, element in fields)
            raise NoSuchElement(f"this view has no field {name!r}; it has {known or 'none'}")


def missing(view: View) -> dict[str, str]:
    """What is not filled as the view demands, by block id."""
    found: dict[str, str] = {}
    for block in view.body["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        value = _value(view.state.get(block["block_id"], {}).get(element.get("action_id"), {}))
        problem = _problem(element, value, is_optional=bool(block.get("optional")))
        if problem is not None:
            found[block["block_id"]] = problem
    return found


def _value(entry: Json) -> Any:
    return next((inner for name, inner in entry.items() if name != "type"), None)


def _problem(element: Json, value: Any, *, is_optional: bool) -> str | None:
    if not value:
        return None if is_optional else INCOMPLETE
    if not isinstance(value, str):
        return None
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < least:
        return f"Use at least {least} characters."
    if len(value) > most:
        return f"Use at most {most} characters."
    return None
