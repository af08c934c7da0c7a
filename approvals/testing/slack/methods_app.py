"""auth.test, apps.connections.open and files.*: the app itself and what it uploads."""

from __future__ import annotations

import json
import secrets
from typing import Any

from approvals.testing.slack.context import Context
from approvals.testing.slack.methods_chat import post_message
from approvals.testing.slack.state import ApiError, File, Json
from approvals.testing.slack.workspace import short_id


def auth_test(context: Context, _args: Json) -> Json:
    """auth.test: who this token is."""
    workspace = context.workspace
    return {
        "url": f"{context.url}/",
        "team": workspace.team_name,
        "user": workspace.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot.id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def connections_open(context: Context, _args: Json) -> Json:
    """apps.connections.open: a WebSocket address with a ticket that works once."""
    return {"url": context.new_socket_url()}


def upload_url(context: Context, args: Json) -> Json:
    """files.getUploadURLExternal."""
    name, length = args.get("filename"), str(args.get("length", ""))
    if not name or not length.isdecimal() or int(length) == 0:
        raise ApiError("invalid_arguments")
    file = File(id=short_id("F", 11), name=str(name), length=int(length), ticket=secrets.token_urlsafe(16))
    context.workspace.files[file.id] = file
    return {"upload_url": f"{context.url}/upload/v1/{file.ticket}", "file_id": file.id}


def complete_upload(context: Context, args: Json) -> Json:
    """files.completeUploadExternal: share what was uploaded, in a channel if one is named."""
    given = _files(args.get("files"))
    files = [_uploaded(context, entry) for entry in given]
    for file, entry in zip(files, given, strict=True):
        file.shared, file.title = True, str(entry.get("title") or file.name)
    if args.get("channel_id"):
        text = str(args.get("initial_comment") or f"Uploaded {', '.join(file.title for file in files)}")
        place = {"channel": args["channel_id"], "text": text, "thread_ts": args.get("thread_ts")}
        posted = post_message(context, place)
        message = context.workspace.messages[posted["channel"], posted["ts"]]
        message.file_ids = [file.id for file in files]
        context.workspace.changes.bump()
    return {"files": [{"id": file.id, "title": file.title, "name": file.name} for file in files]}


def _files(value: Any) -> list[Json]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ApiError("invalid_arguments") from None
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise ApiError("invalid_arguments")
    return value


def _uploaded(context: Context, entry: Json) -> File:
    file = context.workspace.files.get(str(entry.get("id", "")))
    if file is None or not file.content:
        raise ApiError("file_not_found")
    return file
