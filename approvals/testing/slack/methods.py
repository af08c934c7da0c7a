"""The Web API methods the look-alike knows: handler, token kind, scopes and rate of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from approvals.testing.slack import methods_app, methods_chat, methods_people, methods_views
from approvals.testing.slack.context import Context
from approvals.testing.slack.state import Json


class TokenKind(StrEnum):
    """What a token speaks for."""

    BOT = "xoxb"
    APP = "xapp"


@dataclass(frozen=True, slots=True)
class Method:
    """One method; any one of `scopes` is enough."""

    handler: Callable[[Context, Json], Json]
    per_minute: int
    scopes: tuple[str, ...] = ()
    token: TokenKind = TokenKind.BOT


_READ_CHANNELS = ("channels:read", "groups:read", "im:read", "mpim:read")
TIER_2, TIER_3, TIER_4 = 20, 50, 100

METHODS: dict[str, Method] = {
    "apps.connections.open": Method(methods_app.connections_open, TIER_4, ("connections:write",), TokenKind.APP),
    "auth.test": Method(methods_app.auth_test, TIER_4 * 6),
    "blocks.validate": Method(methods_views.validate, TIER_4),
    "chat.delete": Method(methods_chat.delete, TIER_3, ("chat:write",)),
    "chat.getPermalink": Method(methods_chat.get_permalink, TIER_4 * 6),
    "chat.postEphemeral": Method(methods_chat.post_ephemeral, TIER_4, ("chat:write",)),
    "chat.postMessage": Method(methods_chat.post_message, TIER_3, ("chat:write",)),
    "chat.update": Method(methods_chat.update, TIER_3, ("chat:write",)),
    "conversations.info": Method(methods_people.conversations_info, TIER_3, _READ_CHANNELS),
    "conversations.members": Method(methods_people.conversations_members, TIER_4, _READ_CHANNELS),
    "conversations.open": Method(methods_people.conversations_open, TIER_3, ("im:write", "mpim:write")),
    "dnd.info": Method(methods_people.dnd_info, TIER_3, ("dnd:read",)),
    "files.completeUploadExternal": Method(methods_app.complete_upload, TIER_4, ("files:write",)),
    "files.getUploadURLExternal": Method(methods_app.upload_url, TIER_4, ("files:write",)),
    "usergroups.users.list": Method(methods_people.group_users, TIER_2, ("usergroups:read",)),
    "users.info": Method(methods_people.users_info, TIER_4, ("users:read",)),
    "users.lookupByEmail": Method(methods_people.lookup_by_email, TIER_3, ("users:read.email",)),
    "views.open": Method(methods_views.open_view, TIER_4),
    "views.publish": Method(methods_views.publish_view, TIER_4),
    "views.push": Method(methods_views.push_view, TIER_4),
    "views.update": Method(methods_views.update_view, TIER_4),
}

DEFAULT_SCOPES = frozenset(
    {
        "channels:read",
        "chat:write",
        "commands",
        "dnd:read",
        "files:write",
        "im:write",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
