"""What one person sees of the workspace, as JSON for the page."""

from __future__ import annotations

from approvals.testing.slack.modals import rendered
from approvals.testing.slack.state import Channel, Ephemeral, Json, Message, User, View
from approvals.testing.slack.workspace import Workspace

LATEST = 200
NOTICE_SECONDS = 12.0


def seen_by(workspace: Workspace, user: User) -> Json:
    """Channels, messages, whispers, the modal on top and Home of one person."""
    channels = [c for c in workspace.channels.values() if user.id in c.members or not c.is_private]
    visible = {c.id for c in channels if user.id in c.members}
    messages = sorted((m for m in workspace.messages.values() if m.channel in visible), key=_when)[-LATEST:]
    whispers = [e for e in workspace.ephemerals if e.user == user.id and e.channel in visible]
    stack = workspace.stacks.get(user.id) or []
    home = workspace.homes.get(user.id)
    recent = [n.text for n in workspace.notices if n.user == user.id and workspace.clock() - n.at < NOTICE_SECONDS]
    return {
        "version": workspace.changes.version,
        "now": workspace.clock(),
        "team": workspace.team_name,
        "app": {"id": workspace.bot.id, "name": workspace.bot.real_name},
        "me": user.id,
        "users": [_user(other) for other in workspace.users.values()],
        "groups": {group.id: group.handle for group in workspace.groups.values()},
        "channels": [_channel(c, user, workspace) for c in channels],
        "messages": [_message(m, workspace) for m in messages],
        "ephemerals": [_whisper(e, workspace) for e in whispers],
        "modal": _view(stack[-1], workspace) if stack else None,
        "depth": len(stack),
        "home": _view(home, workspace) if home is not None else None,
        "notices": recent[-1:],
    }


def _when(message: Message) -> tuple[int, str]:
    return len(message.ts), message.ts


def _user(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.real_name,
        "is_bot": user.is_bot,
        "deleted": user.deleted,
        "guest": user.is_restricted or user.is_ultra_restricted,
    }


def _channel(channel: Channel, user: User, workspace: Workspace) -> Json:
    name = workspace.bot.real_name if channel.is_im else channel.name
    return {
        "id": channel.id,
        "name": name,
        "is_im": channel.is_im,
        "is_private": channel.is_private,
        "is_member": user.id in channel.members,
        "members": len(channel.members),
    }


def _message(message: Message, workspace: Workspace) -> Json:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": message.blocks,
        "state": message.state,
        "thread_ts": message.thread_ts,
        "edited": message.edited_ts,
        "files": [
            {"name": file.title or file.name, "text": file.content[:20_000].decode("utf-8", "replace")}
            for file in (workspace.files[name] for name in message.file_ids)
        ],
    }


def _whisper(note: Ephemeral, workspace: Workspace) -> Json:
    return {
        "channel": note.channel,
        "ts": note.ts,
        "user": workspace.bot.id,
        "text": note.text,
        "blocks": note.blocks,
        "thread_ts": note.thread_ts,
        "ephemeral": True,
    }


def _view(view: View, workspace: Workspace) -> Json:
    return {**rendered(view, workspace), "errors": view.errors}
