"""users.*, usergroups.users.list and conversations.*: who and where."""

from __future__ import annotations

from typing import Any

from approvals.testing.slack.context import Context
from approvals.testing.slack.state import ApiError, Channel, Json, User
from approvals.testing.slack.workspace import Workspace

PAGE = 100


def users_info(context: Context, args: Json) -> Json:
    """users.info: the e-mail address only with its scope."""
    user = context.workspace.users.get(str(args.get("user", "")))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": profile(user, with_email="users:read.email" in context.scopes)}


def dnd_info(context: Context, args: Json) -> Json:
    """dnd.info: the next do-not-disturb of a person, which may be the one they are in."""
    user = context.workspace.users.get(str(args.get("user", "")))
    if user is None:
        raise ApiError("user_not_found")
    start, end = user.dnd or (1, 1)
    return {"dnd_enabled": user.dnd is not None, "next_dnd_start_ts": start, "next_dnd_end_ts": end}


def lookup_by_email(context: Context, args: Json) -> Json:
    """users.lookupByEmail: deactivated people are not found."""
    wanted = str(args.get("email", "")).lower()
    for user in context.workspace.users.values():
        if user.email is not None and user.email.lower() == wanted and not user.deleted:
            return {"user": profile(user, with_email=True)}
    raise ApiError("users_not_found")


def group_users(context: Context, args: Json) -> Json:
    """usergroups.users.list."""
    group = context.workspace.groups.get(str(args.get("usergroup", "")))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def conversations_open(context: Context, args: Json) -> Json:
    """conversations.open: the direct message with one person."""
    users = [word for word in str(args.get("users") or "").split(",") if word]
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) > 1:
        raise ApiError("not_enough_users" if users[0] == users[1] else "method_not_supported_for_channel_type")
    if users[0] not in context.workspace.users:
        raise ApiError("user_not_found")
    if context.workspace.users[users[0]].deleted:
        raise ApiError("user_disabled")
    return {"channel": {"id": context.workspace.direct_message(users[0]).id}}


def conversations_info(context: Context, args: Json) -> Json:
    """conversations.info."""
    return {"channel": _shape(_visible(context.workspace, args), context.workspace)}


def conversations_members(context: Context, args: Json) -> Json:
    """conversations.members, in pages."""
    members = sorted(_visible(context.workspace, args).members)
    start = _offset(args.get("cursor"))
    size = int(args.get("limit") or PAGE)
    following = str(start + size) if start + size < len(members) else ""
    return {"members": members[start : start + size], "response_metadata": {"next_cursor": following}}


def profile(user: User, *, with_email: bool) -> Json:
    """A user as Slack returns one."""
    inner: Json = {
        "real_name": user.real_name,
        "display_name": user.name,
        "real_name_normalized": user.real_name,
        "display_name_normalized": user.name,
        "team": user.team_id,
    }
    if with_email and user.email is not None and not user.is_stranger:
        inner["email"] = user.email
    return {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": user.tz,
        "is_bot": user.is_bot,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_restricted": user.is_restricted or user.is_ultra_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_stranger": user.is_stranger,
        "is_app_user": False,
        "profile": inner,
    }


def _visible(workspace: Workspace, args: Json) -> Channel:
    channel = workspace.channels.get(str(args.get("channel", "")))
    if channel is None or (channel.is_private and workspace.bot.id not in channel.members):
        raise ApiError("channel_not_found")
    return channel


def _shape(channel: Channel, workspace: Workspace) -> Json:
    shape: Json = {
        "id": channel.id,
        "is_im": channel.is_im,
        "is_channel": not channel.is_im,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_ext_shared": channel.is_ext_shared,
        "is_member": workspace.bot.id in channel.members,
        "context_team_id": workspace.team_id,
    }
    if channel.is_im:
        shape["user"] = next(iter(channel.members - {workspace.bot.id}), "")
    else:
        shape |= {"name": channel.name, "name_normalized": channel.name, "num_members": len(channel.members)}
    return shape


def _offset(cursor: Any) -> int:
    if not cursor:
        return 0
    if not str(cursor).isdecimal():
        raise ApiError("invalid_cursor")
    return int(cursor)
