"""The payloads Slack sends: clicks, submissions, closed modals, commands, shortcuts, events.

Pure: everything comes in as an argument, a JSON value goes out. Which fields a payload has depends
on where the person clicked: an ephemeral message is not included, a view has no channel.
"""

from __future__ import annotations

import copy
from typing import Any

from approvals.testing.slack.methods_chat import shown
from approvals.testing.slack.modals import rendered
from approvals.testing.slack.state import Channel, Ephemeral, Json, Message, User, View
from approvals.testing.slack.workspace import Workspace

VERIFICATION_TOKEN = "deprecated-verification-token"  # noqa: S105  Slack still sends one; apps must not trust it

CHOSEN_ONE = ("overflow", "static_select", "radio_buttons")
CHOSEN_MANY = ("checkboxes", "multi_static_select")


class NoSuchElement(LookupError):
    """The message or view has nothing a person could use under that name."""


def sender(user: User, workspace: Workspace) -> Json:
    """What all interaction payloads say of who, where and which app."""
    return {
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "team": {"id": workspace.team_id, "domain": workspace.team_name.lower().replace(" ", "-")},
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def channel_shape(channel: Channel) -> Json:
    """A channel as payloads name it."""
    name = "directmessage" if channel.is_im else "privategroup" if channel.is_private else channel.name
    return {"id": channel.id, "name": name}


def in_message(message: Message | Ephemeral, workspace: Workspace) -> Json:
    """Container, channel and message of a click in a message."""
    hidden = isinstance(message, Ephemeral)
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": hidden,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    where: Json = {"container": container, "channel": channel_shape(workspace.channels[message.channel])}
    if isinstance(message, Message):
        where["message"] = copy.deepcopy(shown(message, workspace))
        where["state"] = {"values": copy.deepcopy(message.state)}
    else:
        where["state"] = {"values": {}}
    return where


def in_view(view: View, workspace: Workspace) -> Json:
    """Container and view of a click in a modal or on Home."""
    return {"container": {"type": "view", "view_id": view.id}, "view": rendered(view, workspace)}


def action(block: Json, element: Json, choice: Any, action_ts: str) -> Json:
    """One entry of `actions`: what was used, and what was chosen in it."""
    kind = element["type"]
    entry: Json = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": action_ts,
    }
    for name in ("text", "value", "style", "url", "placeholder"):
        if name in element:
            entry[name] = element[name]
    return copy.deepcopy(entry | chosen(element, choice) if kind != "button" else entry)


def chosen(element: Json, choice: Any) -> Json:
    """The part of an action or a state that says what was typed or picked."""
    kind = element["type"]
    if kind in CHOSEN_ONE:
        return {"selected_option": None if choice is None else option(element, choice)}
    if kind in CHOSEN_MANY:
        return {"selected_options": [option(element, value) for value in choice or ()]}
    field = {
        "datepicker": "selected_date",
        "timepicker": "selected_time",
        "datetimepicker": "selected_date_time",
        "users_select": "selected_user",
        "multi_users_select": "selected_users",
        "channels_select": "selected_channel",
        "conversations_select": "selected_conversation",
    }.get(kind, "value")
    return {field: choice}


def option(element: Json, value: str) -> Json:
    """The option of an element with that value."""
    options = list(element.get("options") or ())
    for group in element.get("option_groups") or ():
        options += group["options"]
    for candidate in options:
        if candidate["value"] == value:
            return dict(candidate)
    known = ", ".join(str(candidate["value"]) for candidate in options)
    raise NoSuchElement(f"{element.get('action_id')} has no option {value!r}; it has {known}")


def command(user: User, channel: Channel, word: str, text: str, workspace: Workspace) -> Json:
    """The form fields of a slash command."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "team_domain": workspace.team_name.lower().replace(" ", "-"),
        "channel_id": channel.id,
        "channel_name": channel_shape(channel)["name"],
        "user_id": user.id,
        "user_name": user.name,
        "command": word,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
    }


def event(body: Json, workspace: Workspace, event_id: str) -> Json:
    """The outer shape of an Events API delivery."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "api_app_id": workspace.app_id,
        "type": "event_callback",
        "event": body,
        "event_id": event_id,
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }
