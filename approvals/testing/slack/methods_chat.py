"""chat.*: post, update, delete, whisper, and the permalink of a message."""

from __future__ import annotations

import json
from typing import Any

from approvals.testing.slack import limits
from approvals.testing.slack.blocks import Surface, problems_in, weight
from approvals.testing.slack.context import Context
from approvals.testing.slack.state import ApiError, Channel, Ephemeral, Json, Message
from approvals.testing.slack.workspace import Workspace


def post_message(context: Context, args: Json) -> Json:
    """chat.postMessage."""
    workspace = context.workspace
    channel = _writable(context, args, opens_direct=True)
    text, blocks = _content(args)
    message = workspace.add_message(
        Message(
            channel=channel.id,
            ts=workspace.next_ts(),
            user=workspace.bot.id,
            text=text[: limits.POST_TEXT],
            blocks=blocks or [],
            thread_ts=_thread(workspace, channel, args),
        )
    )
    answer: Json = {"channel": channel.id, "ts": message.ts, "message": shown(message, workspace)}
    if len(text) > limits.POST_TEXT:
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def update(context: Context, args: Json) -> Json:
    """chat.update: by channel id and ts; blocks not given are kept."""
    workspace = context.workspace
    message = _own(context, args, "cant_update_message")
    given = args.get("text")
    if given is not None and len(str(given)) > limits.UPDATE_TEXT:
        raise ApiError("msg_too_long")
    if given is None and args.get("blocks") is None:
        raise ApiError("no_text")
    text, blocks = _content({**args, "text": given if given is not None else message.text})
    workspace.revise_message(message, text=text, blocks=blocks)
    said = shown(message, workspace)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": said}


def delete(context: Context, args: Json) -> Json:
    """chat.delete."""
    message = _own(context, args, "cant_delete_message")
    context.workspace.remove_message(message)
    return {"channel": message.channel, "ts": message.ts}


def post_ephemeral(context: Context, args: Json) -> Json:
    """chat.postEphemeral: only for members of the channel."""
    workspace = context.workspace
    channel = _writable(context, args)
    user = args.get("user")
    if not user or user not in workspace.users:
        raise ApiError("user_not_found" if user else "no_user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks = _content(args)
    note = workspace.add_ephemeral(
        Ephemeral(
            channel=channel.id,
            ts=workspace.next_ts(),
            user=user,
            text=text,
            blocks=blocks or [],
            thread_ts=_thread(workspace, channel, args),
        )
    )
    return {"message_ts": note.ts}


def get_permalink(context: Context, args: Json) -> Json:
    """chat.getPermalink."""
    channel = _by_id(context.workspace, args)
    ts = str(args.get("message_ts", ""))
    if (channel.id, ts) not in context.workspace.messages:
        raise ApiError("message_not_found")
    link = f"{context.url}/archives/{channel.id}/p{ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link}


def shown(message: Message, workspace: Workspace) -> Json:
    """A message as Slack returns it."""
    shape: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.team_id,
        "blocks": message.blocks,
    }
    if message.by_app:
        shape |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id}
        shape["bot_profile"] = {
            "id": workspace.bot_id,
            "app_id": workspace.app_id,
            "name": workspace.bot.real_name,
            "deleted": False,
            "team_id": workspace.team_id,
        }
    if message.thread_ts is not None:
        shape["thread_ts"] = message.thread_ts
    if message.edited_ts is not None:
        shape["edited"] = {"user": message.user, "ts": message.edited_ts}
    return shape


def decoded_blocks(value: Any) -> list[Json] | None:
    """Blocks as given: an array, or JSON text of one."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ApiError("invalid_blocks_format") from None
    if not isinstance(value, list):
        raise ApiError("invalid_blocks_format")
    return value


def checked_blocks(value: Any) -> list[Json] | None:
    """The blocks of a message, or the refusal Slack gives for them."""
    blocks = decoded_blocks(value)
    if blocks is None:
        return None
    problems = [str(problem) for problem in problems_in(blocks, Surface.MESSAGE)]
    if problems:
        metadata = {"messages": [f"[ERROR] {problem}" for problem in problems]}
        raise ApiError("invalid_blocks", errors=problems, response_metadata=metadata)
    if weight(blocks) > limits.BLOCKS_WEIGHT:
        raise ApiError("msg_blocks_too_long")
    return blocks


def _content(args: Json) -> tuple[str, list[Json] | None]:
    blocks = checked_blocks(args.get("blocks"))
    text = args.get("text")
    text = "" if text is None else str(text)
    if not text and not blocks:
        raise ApiError("no_text")
    return text, blocks


def _by_id(workspace: Workspace, args: Json) -> Channel:
    channel = workspace.channels.get(str(args.get("channel", "")))
    if channel is None:
        raise ApiError("channel_not_found")
    return channel


def _writable(context: Context, args: Json, *, opens_direct: bool = False) -> Channel:
    workspace, word = context.workspace, str(args.get("channel") or "")
    if opens_direct and word in workspace.users:
        return workspace.direct_message(word)
    channel = workspace.channel_named(word)
    is_member = channel is not None and workspace.bot.id in channel.members
    if channel is None or (channel.is_private and not is_member):
        raise ApiError("channel_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    if not is_member and "chat:write.public" not in context.scopes:
        raise ApiError("not_in_channel")
    return channel


def _own(context: Context, args: Json, else_say: str) -> Message:
    channel = _by_id(context.workspace, args)
    message = context.workspace.messages.get((channel.id, str(args.get("ts", ""))))
    if message is None:
        raise ApiError("message_not_found")
    if not message.by_app:
        raise ApiError(else_say)
    return message


def _thread(workspace: Workspace, channel: Channel, args: Json) -> str | None:
    parent = args.get("thread_ts")
    if parent is not None and (channel.id, str(parent)) not in workspace.messages:
        raise ApiError("thread_not_found")
    return None if parent is None else str(parent)
