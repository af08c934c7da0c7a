"""Answers to a response_url: five within half an hour, to whom clicked or into the channel."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from approvals.testing.slack import limits
from approvals.testing.slack.faults import refused
from approvals.testing.slack.methods_chat import checked_blocks
from approvals.testing.slack.state import ApiError, Ephemeral, Json, Message, ResponseUrl
from approvals.testing.slack.workspace import Workspace


async def answer_response_url(workspace: Workspace, request: web.Request) -> web.Response:
    """One post of the app to a response_url."""
    entry = workspace.response_urls.get(request.match_info["key"])
    try:
        if entry is None:
            raise ApiError("invalid_url")
        if workspace.clock() - entry.issued_at > limits.RESPONSE_URL_SECONDS:
            raise ApiError("expired_url")
        if entry.uses >= limits.RESPONSE_URL_USES:
            raise ApiError("used_url")
        said = _said(await request.text())
        blocks = checked_blocks(said.get("blocks"))
        if not said.get("text") and not blocks and not said.get("delete_original"):
            raise ApiError("no_text")
        entry.uses += 1
        _show(workspace, entry, said, blocks)
    except ApiError as refusal:
        status = 404 if refusal.error.endswith("_url") else 400
        return web.json_response(refused(refusal.error, refusal.extra), status=status)
    return web.json_response({"ok": True})


def _said(body: str) -> Json:
    try:
        value: Any = json.loads(body)
    except ValueError:
        raise ApiError("invalid_payload") from None
    if not isinstance(value, dict):
        raise ApiError("invalid_payload")
    return value


def _show(workspace: Workspace, entry: ResponseUrl, said: Json, blocks: list[Json] | None) -> None:
    text = str(said.get("text") or "")
    original = _original(workspace, entry)
    if said.get("delete_original"):
        _remove(workspace, original)
    elif said.get("replace_original") and isinstance(original, Message):
        workspace.revise_message(original, text=text, blocks=blocks or [])
    else:
        if said.get("replace_original"):
            _remove(workspace, original)
        _add(workspace, entry, said, text, blocks or [])


def _add(workspace: Workspace, entry: ResponseUrl, said: Json, text: str, blocks: list[Json]) -> None:
    thread, ts = said.get("thread_ts"), workspace.next_ts()
    if said.get("response_type") == "in_channel":
        workspace.add_message(
            Message(channel=entry.channel, ts=ts, user=workspace.bot.id, text=text, blocks=blocks, thread_ts=thread)
        )
        return
    workspace.add_ephemeral(
        Ephemeral(channel=entry.channel, ts=ts, user=entry.user, text=text, blocks=blocks, thread_ts=thread)
    )


def _original(workspace: Workspace, entry: ResponseUrl) -> Message | Ephemeral | None:
    if entry.message_ts is None:
        return None
    if entry.is_ephemeral:
        return next((e for e in workspace.ephemerals if e.ts == entry.message_ts), None)
    return workspace.messages.get((entry.channel, entry.message_ts))


def _remove(workspace: Workspace, original: Message | Ephemeral | None) -> None:
    if isinstance(original, Message):
        workspace.remove_message(original)
    elif original is not None:
        workspace.ephemerals.remove(original)
        workspace.changes.bump()
