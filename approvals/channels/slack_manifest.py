"""The app as Slack has to know it: its scopes, events and addresses. Pure.

`SCOPES` names every method we call with what it needs; a test holds it against the calls in the code.
"""

from __future__ import annotations

from typing import Any, Final

SCOPES: Final[dict[str, tuple[str, ...]]] = {
    "apps.connections.open": ("connections:write",),
    "auth.test": (),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.info": ("channels:read", "groups:read"),
    "dnd.info": ("dnd:read",),
    "users.info": ("users:read",),
    "views.open": (),
    "views.publish": (),
    "views.push": (),
    "views.update": (),
}
APP_SCOPES: Final = ("connections:write",)
"""Scopes of the app-level token, which a manifest cannot ask for."""
REQUIRED: Final = ("chat:write", "commands", "users:read")
HELPFUL: Final = {
    "channels:read": "`placet slack check` cannot see whether the app is in a public channel",
    "dnd:read": "who has set do-not-disturb gets direct messages at once, also those that can wait",
    "groups:read": "`placet slack check` cannot see whether the app is in a private channel",
    "im:write": "direct messages to people who never wrote to the app may fail",
    "users:read.email": "people cannot be proposed by their address",
}
BOT_SCOPES: Final = tuple(sorted((*REQUIRED, *HELPFUL)))
THREAD_EVENTS: Final = ("message.channels", "message.groups")
THREAD_SCOPES: Final = ("channels:history", "groups:history")
"""What it takes to hear what people write under cards. Slack then sends whatever is written where the app is."""
COMMAND: Final = "/approvals"


def manifest(url: str | None = None, *, events: tuple[str, ...] = (), scopes: tuple[str, ...] = ()) -> dict[str, Any]:
    """The manifest: Socket Mode, or Request URLs below `url` (https://…, without a slash at its end).

    `events` and `scopes` are further ones, such as those of THREADS.
    """
    command: dict[str, Any] = {
        "command": COMMAND,
        "description": "What waits for your decision",
        "usage_hint": "[list | req_… | away 2d @delegate | back]",
        "should_escape": True,
    }
    listens: dict[str, Any] = {"bot_events": ["app_home_opened", *events]}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if url is not None:
        command["url"] = f"{url}/slack/commands"
        listens = {"request_url": f"{url}/slack/events", **listens}
        interactivity["request_url"] = f"{url}/slack/interactions"
    return {
        "display_information": {
            "name": "Placet",
            "description": "Approve or deny what AI agents want to do",
            "background_color": "#1d2327",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "Placet", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": sorted({*BOT_SCOPES, *scopes})}},
        "settings": {
            "event_subscriptions": listens,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }
