"""Putting the page of a waiting request before the agent's own user, by elicitation in url mode (protocol.md 2.2).

What is said, how it goes out in each era, and what may come back. The reply says whether the user opened the page and
nothing more: a client speaks for the agent's side, so nothing it says can decide a request. The page itself asks who
has come, and lets decide whoever may. Its address carries no credential.
"""

from __future__ import annotations

import json
from enum import StrEnum

from approvals.domain.model import ApprovalRequest
from approvals.domain.plain import shorten, visible
from gateway.protocol.raw import dump, join_object, split_object

METHOD = "elicitation/create"
COMPLETE = "notifications/elicitation/complete"
URL_MODE = b'{"mode":"url"}'
"""The least a question in url mode holds, to ask a client's capabilities about."""
KEY = "approval"
"""Our one question among the `inputRequests`."""


class Way(StrEnum):
    """How the page is put before the user: not at all, by a round trip, or on the stream of the held call."""

    NOT = "not"
    ROUND_TRIP = "round_trip"
    LIVE = "live"


class Reply(StrEnum):
    """What the user said to opening the page, in the words of the protocol."""

    OPENED = "accept"
    DECLINED = "decline"
    DISMISSED = "cancel"


def way(*, wanted: bool, declared: bool, modern: bool, live: bool) -> Way:
    """How this client shows a page.

    `wanted`: the rule says so, the request is undecided, and its user was not asked before. `declared`: the client
    takes url mode. `live`: it can be asked on the stream of its call.
    """
    if not wanted or not declared:
        return Way.NOT
    if modern:
        return Way.ROUND_TRIP
    return Way.LIVE if live else Way.NOT


def question(request: ApprovalRequest, *, url: str, elicitation: str | None = None) -> bytes:
    """The params of the question; `elicitation` is the id that 2025-11-25 wants and later eras do not know."""
    tool, server = (shorten(visible(name), 128) for name in (request.call.tool, request.call.server))
    message = (
        f"The call of {tool} on the server {server} waits until a person approves it ({request.id}). Open the page to "
        "see exactly what would run and, if you may decide it, to approve or deny it. Opening the page decides nothing."
    )
    members = {"mode": dump("url"), "url": dump(url), "message": dump(message)}
    return join_object(members if elicitation is None else {**members, "elicitationId": dump(elicitation)})


def round_trip(request: ApprovalRequest, *, url: str, state: str) -> bytes:
    """The result that asks the client to show the page and to come back with `state`."""
    asked = join_object({"method": dump(METHOD), "params": question(request, url=url)})
    return join_object(
        {"resultType": dump("input_required"), "inputRequests": join_object({KEY: asked}), "requestState": dump(state)}
    )


def completed(elicitation: str) -> bytes:
    """The params of the notification that nothing is left to do on the page."""
    return join_object({"elicitationId": dump(elicitation)})


def reply_in(responses: bytes | None) -> Reply | None:
    """The reply among the `inputResponses` of a client that came back; None where there is none that can be read."""
    answer = split_object(responses).get(KEY) if responses is not None else None
    return reply(answer) if answer is not None else None


def reply(answer: bytes) -> Reply | None:
    """What an elicitation's result says; None for what is none."""
    try:
        action = json.loads(split_object(answer).get("action", b"null"))
    except ValueError:
        return None
    return next((one for one in Reply if one.value == action), None)
