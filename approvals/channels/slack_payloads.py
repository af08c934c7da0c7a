"""What Slack sends, read strictly: clicks, submissions, commands and events as frozen values. Pure.

Anything of another shape is `Malformed`, whoever sent it: a signature says that Slack wrote it, not that it is
meant for us. Nothing is taken from a payload but ids, what was pressed or typed, and where to answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

from approvals.channels.slack_views import Kept, kept

_VALUE = re.compile(r"(req_[A-Za-z0-9_]{1,60}) ([0-9a-f]{16,128})")
_USER = re.compile(r"[UW][A-Z0-9]{1,30}")
FIELDS_MAX = 40


class Malformed(ValueError):
    """A payload that is not what Slack sends."""


class NotHandled(Exception):
    """A bug kept us from handling a payload: Slack must hear that it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The person Slack says it was: `team` is the person's, `workspace` the one it happened in."""

    user: str
    team: str
    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of ours as it came back."""

    id: str
    hash: str
    callback_id: str
    kept: Kept | None
    shown: Mapping[str, str] = field(default_factory=dict)
    """The labels of its blocks, by id; empty for what has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One button pressed, in a message (`channel`, `ts`) or in a view."""

    who: Who
    action: str
    request_id: str
    binding: str
    at: str
    trigger: str
    response_url: str | None = None
    channel: str | None = None
    ts: str | None = None
    is_ephemeral: bool = False
    view: View | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A modal submitted; `typed` is what was chosen and written, by block id."""

    who: Who
    view: View
    typed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command."""

    who: Who
    text: str
    trigger: str
    response_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeOpened:
    """Somebody looks at the Home tab."""

    who: Who
    event_id: str


def interaction(payload: Any) -> Click | Submission | None:
    """A click or a submission; None for what we do not listen to.

    Raises:
        Malformed: it is not what Slack sends.
    """
    kind = string(payload, "type")
    if kind == "block_actions":
        return _click(payload)
    if kind != "view_submission":
        return None
    values = _object(_object(_object(payload, "view"), "state"), "values")
    return Submission(who=_who(payload), view=_view(_object(payload, "view")), typed=_typed(values))


def command(fields: Any) -> Command:
    """A slash command from its form fields.

    Raises:
        Malformed: it is not what Slack sends.
    """
    team = string(fields, "team_id")
    who = Who(user=user_id(string(fields, "user_id")), team=team, workspace=team)
    text = fields.get("text", "")
    if not isinstance(text, str):
        raise Malformed("text is not a string")
    return Command(who=who, text=text, trigger=string(fields, "trigger_id"), response_url=_url(fields))


def event(payload: Any) -> HomeOpened | None:
    """The one event we listen to; None for others.

    Raises:
        Malformed: it is not what Slack sends.
    """
    if string(payload, "type") != "event_callback":
        return None
    inner = _object(payload, "event")
    if inner.get("type") != "app_home_opened" or inner.get("tab") != "home":
        return None
    team = string(payload, "team_id")
    who = Who(user=user_id(string(inner, "user")), team=team, workspace=team)
    return HomeOpened(who=who, event_id=string(payload, "event_id"))


def form(body: bytes) -> dict[str, str]:
    """The fields of a form body.

    Raises:
        Malformed: it is no form, or says a field twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
            errors="strict",
            strict_parsing=True,
        )
    except ValueError as err:
        raise Malformed(f"not a form: {type(err).__name__}") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a field is said twice")
    return fields


def json_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        Malformed: it is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _click(payload: Any) -> Click:
    actions = payload.get("actions")
    if not isinstance(actions, list) or len(actions) != 1:
        raise Malformed("a click has exactly one action")
    pressed = _chosen(actions[0])
    view = _view(_object(payload, "view")) if "view" in payload else None
    request_id, binding = _named(pressed, view)
    container = _object(payload, "container")
    in_message = container.get("type") == "message"
    return Click(
        who=_who(payload),
        action=string(pressed, "action_id"),
        request_id=request_id,
        binding=binding,
        at=string(pressed, "action_ts"),
        trigger=string(payload, "trigger_id"),
        response_url=_url(payload),
        channel=string(container, "channel_id") if in_message else None,
        ts=string(container, "message_ts") if in_message else None,
        is_ephemeral=container.get("is_ephemeral") is True,
        view=view,
    )


def _chosen(pressed: Any) -> Any:
    """A choice in a menu of ours as the press of a button: its first word is what was chosen."""
    chosen = pressed.get("selected_option") if isinstance(pressed, dict) and pressed.get("type") == "overflow" else None
    if chosen is None:
        return pressed
    verb, _, value = string(chosen, "value").partition(" ")
    return {**pressed, "action_id": verb, "value": value}


def _named(pressed: Any, view: View | None) -> tuple[str, str]:
    """The request and binding a button carries, or the view it is in; empty for a button that carries none."""
    value = pressed.get("value") if isinstance(pressed, dict) else None
    if value:
        match = _VALUE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Malformed("the button carries something else")
        return match[1], match[2]
    if view is not None and view.kept is not None:
        return view.kept.request_id, view.kept.binding
    return "", ""


def _who(payload: Any) -> Who:
    user = _object(payload, "user")
    # A person of another workspace (Slack Connect) carries their own team.
    workspace = string(_object(payload, "team"), "id")
    team = user.get("team_id") or workspace
    if not isinstance(team, str):
        raise Malformed("team_id is not a string")
    return Who(user=user_id(string(user, "id")), team=team, workspace=workspace)


def _view(view: Any) -> View:
    metadata = view.get("private_metadata") or ""
    return View(
        id=string(view, "id"),
        hash=string(view, "hash"),
        callback_id=str(view.get("callback_id") or ""),
        kept=kept(metadata) if isinstance(metadata, str) else None,
        shown={str(one.get("block_id", "")): _label(one) for one in view.get("blocks") or () if isinstance(one, dict)},
    )


def _label(block: Mapping[str, Any]) -> str:
    label = block.get("label")
    return unescape(str(label.get("text", ""))) if isinstance(label, dict) else ""


def _typed(values: Mapping[str, Any]) -> dict[str, str]:
    typed: dict[str, str] = {}
    for block_id, elements in values.items():
        if not isinstance(elements, dict):
            raise Malformed("a block of the state is not an object")
        for element in elements.values():
            found = element.get("value") if isinstance(element, dict) else None
            chosen = element.get("selected_option") if isinstance(element, dict) else None
            if isinstance(chosen, dict):
                found = chosen.get("value")
            if isinstance(found, str):
                typed[block_id] = found
    return typed


def _url(payload: Any) -> str | None:
    found = payload.get("response_url")
    return found if isinstance(found, str) and found else None


def user_id(text: str) -> str:
    """The id of an account.

    Raises:
        Malformed: it is none.
    """
    if not _USER.fullmatch(text):
        raise Malformed("not a user id")
    return text


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise Malformed(f"{name} is missing or not an object")
    return found


def string(value: Any, name: str) -> str:
    """A member that is a string and not empty.

    Raises:
        Malformed: it is not there.
    """
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str) or not found:
        raise Malformed(f"{name} is missing or not a string")
    return found
