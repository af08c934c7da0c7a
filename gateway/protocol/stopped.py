"""What an agent is told while it, its server or everything is stopped: of a tool call, and of any other request.

A stopped call is answered at once, whoever held it: with who did it left out, and until when said in words and for
programs. A request that waits for people is not lost by it, and the answer says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from approvals.domain.plain import shorten, visible
from approvals.domain.stops import AGENT, SERVER, Freeze, Stop
from gateway.protocol.verdict import VERDICT, Code, Verdict, call_of, meta_of, quoted, render, timestamp


def call(stop: Stop, *, tool: str, now: datetime, request: str | None = None, url: str | None = None) -> bytes:
    """The result of a tool call that is stopped. `request` is the approval request that goes on waiting for it."""
    saved = (
        f" It stays saved ({request}): the same call made again afterwards goes on from there."
        if request is not None
        else ""
    )
    what = f"{call_of(tool)} did not run"
    return render(_verdict(stop, what, saved, now=now, request=request, url=url))


def method(stop: Stop, *, name: str, now: datetime) -> tuple[str, dict[str, Any]]:
    """The message and the data of the error that any other request gets."""
    verdict = _verdict(stop, f"{name} was not sent", "", now=now, request=None, url=None)
    return verdict.text, {VERDICT: meta_of(verdict)}


def answer(stop: Stop, *, now: datetime, tool: str | None = None) -> Verdict:
    """What the agent is told of what its client answered to a server's question: it is new content, and held back."""
    what = f"to the call of {shorten(visible(tool), 128)} " if tool is not None else ""
    return _verdict(stop, f"What was answered {what}was not given to the server", "", now=now, request=None, url=None)


def _verdict(stop: Stop, what: str, saved: str, *, now: datetime, request: str | None, url: str | None) -> Verdict:
    if not isinstance(stop, Freeze):
        text = (
            f"{what}: an operator has paused this agent. Stop calling tools here and tell your user; nothing of yours "
            f"runs until an operator resumes it.{saved}"
        )
        return Verdict(code=Code.PAUSED, text=text, retryable=True, request=request, url=url)
    text = (
        f"{what}: an operator has frozen {_named(stop.scope)} until {timestamp(stop.until)}. The reason given: "
        f"{quoted(stop.reason)}. Stop calling tools here until then and tell your user; whatever you call gets this "
        f"answer.{saved}"
    )
    return Verdict(
        code=Code.FROZEN,
        text=text,
        retryable=True,
        request=request,
        reason=stop.reason,
        retry_after=stop.until - now,
        url=url,
        expires_at=stop.until,
    )


def _named(scope: str) -> str:
    if scope.startswith(SERVER):
        return f"the server {visible(scope.removeprefix(SERVER))}"
    return "this agent" if scope.startswith(AGENT) else "all agents"
