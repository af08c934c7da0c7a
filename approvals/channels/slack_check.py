"""Does Slack work with these settings? Asked of Slack itself; nothing is posted that anybody would see.

Each line says what was found and, if it is not well, what to do about it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from approvals.channels import RetryLater
from approvals.channels.slack_client import CALL_SECONDS, Installation, SlackClient, SlackDown, SlackRefused
from approvals.channels.slack_manifest import HELPFUL, REQUIRED
from approvals.channels.slack_refusals import never

Status = Literal["ok", "warn", "fail"]
_IDS = ("C", "G", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was looked at. `fix` is what to do, empty when all is well."""

    id: str
    status: Status
    text: str
    fix: str = ""


async def check(
    *, bot_token: str, app_token: str | None, has_signing_secret: bool, channels: tuple[str, ...], api_url: str
) -> list[Line]:
    """Everything that can be looked at, in the order in which it has to be put right."""
    client = SlackClient(bot_token=bot_token, api_url=api_url)
    try:
        us = await client.installation()
    except (SlackRefused, SlackDown, RetryLater) as err:
        return [Line(id="token", status="fail", text=_why(err, "the workspace"), fix="Nothing else was tried.")]
    lines = [Line(id="token", status="ok", text=f"signed in as {us.name} at {us.url} ({us.team})")]
    lines += _scopes(us)
    lines += await _way_in(client, app_token, has_signing_secret=has_signing_secret)
    for channel in dict.fromkeys(channels):
        lines.append(await _channel(client, us, channel))
    return lines


def _scopes(us: Installation) -> list[Line]:
    if not us.scopes:
        return [Line(id="scopes", status="warn", text="Slack does not say which scopes the token has")]
    again = "Add it on the app's page (OAuth & Permissions) and install the app again."
    missing = [scope for scope in REQUIRED if scope not in us.scopes]
    lines = [Line(id="scopes", status="fail", text=f"the scope {scope} is missing", fix=again) for scope in missing]
    lines += [
        Line(id="scopes", status="warn", text=f"the scope {scope} is missing: {effect}", fix=again)
        for scope, effect in HELPFUL.items()
        if scope not in us.scopes
    ]
    return lines or [Line(id="scopes", status="ok", text="every scope is there")]


async def _way_in(client: SlackClient, app_token: str | None, *, has_signing_secret: bool) -> list[Line]:
    lines = []
    if app_token is not None:
        lines.append(await _socket(client, app_token))
    if has_signing_secret:
        text = "signed posts are accepted; that Slack can reach them is only seen in the app's settings"
        fix = "Save the Request URLs there: Slack tries them at once." if app_token is None else ""
        lines.append(Line(id="request_urls", status="ok", text=text, fix=fix))
    if not lines:
        fix = "Give slack.app_token (Socket Mode) or slack.signing_secret (Request URLs)."
        lines.append(Line(id="way_in", status="fail", text="nothing that is pressed in Slack can arrive here", fix=fix))
    return lines


async def _socket(client: SlackClient, app_token: str) -> Line:
    try:
        url = await client.open_socket(app_token)
        hello = await _hello(url)
    except SlackRefused as refused:
        what = _SOCKET.get(refused.error, "Look at Basic Information and Socket Mode on the app's page.")
        return Line(id="socket", status="fail", text=str(refused), fix=what)
    except (SlackDown, RetryLater) as err:
        return Line(id="socket", status="fail", text=str(err), fix="Try again in a minute.")
    others = int(hello.get("num_connections") or 1) - 1
    return Line(id="socket", status="ok", text=f"Socket Mode opens ({others} other connections)")


_SOCKET = {
    "invalid_auth": "slack.app_token is wrong: make an app-level token with connections:write (it begins with xapp-).",
    "not_allowed_token_type": "slack.app_token must be the app-level token that begins with xapp-.",
    "missing_scope": "Make an app-level token that has connections:write.",
    "forbidden_team": "The workspace does not let this app connect: ask its administrators.",
}


async def _hello(url: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CALL_SECONDS), aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            said = json.loads(await socket.receive_str())
    except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as err:
        raise SlackDown(f"the socket did not open: {type(err).__name__}") from None
    if not isinstance(said, dict) or said.get("type") != "hello":
        raise SlackDown("the socket did not say hello")
    return said


async def _channel(client: SlackClient, us: Installation, channel: str) -> Line:
    name = f"channel {channel}"
    try:
        if channel.startswith(_IDS):
            return _described(name, await client.call("conversations.info", channel=channel), channel)
        # There is no look-up by name; a message that only we ourselves would see is refused as a card would be.
        await client.call(
            "chat.postEphemeral", channel=channel, user=us.user, text="Checking that this can be reached."
        )
    except SlackRefused as refused:
        if refused.error in ("user_not_in_channel", "user_not_found"):
            return Line(id=name, status="ok", text="it is there, and the app may post in it")
        fails: Status = (
            "warn" if refused.method == "conversations.info" and refused.error == "missing_scope" else "fail"
        )
        return Line(id=name, status=fails, text=refused.error, fix=never(refused, channel))
    except (SlackDown, RetryLater) as err:
        return Line(id=name, status="fail", text=str(err), fix="Try again in a minute.")
    return Line(id=name, status="ok", text="it is there, and the app may post in it")


def _described(name: str, said: dict[str, Any], channel: str) -> Line:
    found = said.get("channel")
    facts = found if isinstance(found, dict) else {}
    if facts.get("is_archived"):
        return Line(id=name, status="fail", text="it is archived", fix="Unarchive it, or name another channel.")
    if not facts.get("is_member") and not facts.get("is_im"):
        fix = f"Type /invite @Placet in {facts.get('name') or channel}."
        return Line(id=name, status="fail", text="the app is not in it", fix=fix)
    if facts.get("is_ext_shared"):
        fix = "People of another organisation read every card there; they cannot decide. Use an internal channel."
        return Line(id=name, status="warn", text="it is shared with another organisation", fix=fix)
    return Line(id=name, status="ok", text=f"the app is in #{facts.get('name')}")


def _why(err: Exception, place: str) -> str:
    return never(err, place) if isinstance(err, SlackRefused) else str(err)
