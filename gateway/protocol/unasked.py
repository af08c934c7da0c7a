"""What the agent is told of a call that nobody was asked about: refused, over a limit, unfit, or with no way to it.

As in `answers`: what happened, why, and what to do. No request was saved, so none is named.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from approvals.domain.plain import shorten, visible
from gateway.protocol.raw import dump
from gateway.protocol.verdict import Code, Verdict, call_of, ended, render, seconds

ALLOWS_LIMIT = 400
AGAIN = (
    "This is the same refusal of the same call as before: calling it again changes nothing. Change your approach, or "
    "ask your user how to go on."
)


def policy_denied(*, tool: str, rule: str | None, reason: str | None, allows: str | None = None) -> bytes:
    """A rule, or the lack of one, forbids the call; `allows` is what that rule would let through."""
    if allows is None:
        then = "Do not repeat or rephrase it: the answer stays the same. Choose another way, or tell your user that "
    else:
        then = (
            f"This rule would allow {shorten(visible(allows), ALLOWS_LIMIT)}; whatever you call is judged by all "
            "rules. Do not repeat the call as it is: the answer stays the same. If that is no use, tell your user that "
        )
    text = (
        f"{call_of(tool)} was refused by policy and did not run.{_because(reason)} Nobody was asked. {then}"
        "this is not allowed here."
    )
    return render(Verdict(code=Code.POLICY_DENIED, text=text, retryable=False, rule=rule, reason=reason, allows=allows))


def rate_limited(
    *, tool: str, rule: str | None, reason: str | None, retry_after: timedelta | None, allows: str | None = None
) -> bytes:
    """A limit has no room for the call now; without `retry_after`, it never has. `allows` is what it has room for."""
    room = f" It would allow {allows} now." if allows is not None else ""
    text = f"{call_of(tool)} is over a limit and did not run.{_because(reason)}{room} " + (
        "It can never succeed as it is: do not repeat it, ask for less or tell your user."
        if retry_after is None
        else f"Wait {seconds(retry_after)} before you call it again; calling sooner is refused the same way."
    )
    retryable = retry_after is not None
    return render(
        Verdict(
            code=Code.RATE_LIMITED, text=text, retryable=retryable, rule=rule, reason=reason, retry_after=retry_after,
            allows=allows,
        )
    )  # fmt: skip


def too_many_refusals(*, tool: str, count: int, retry_after: timedelta) -> bytes:
    """The agent's calls of this tool were refused so often that they are not looked at for a while."""
    text = (
        f"{call_of(tool)} did not run and was not looked at: your calls of this tool were refused {count} times "
        f"within a minute. Stop trying. Wait {seconds(retry_after)}, then change approach, or tell your user what you "
        "need."
    )
    return render(Verdict(code=Code.RATE_LIMITED, text=text, retryable=True, retry_after=retry_after))


def said_again(refusal: bytes) -> bytes:
    """A refusal of ours that the agent got before, word for word, for the very same call."""
    told = json.loads(refusal)
    first = told["content"][0]
    first["text"] = f"{AGAIN} {first['text']}"
    return dump(told)


def queue_full(*, tool: str, why: str, rule: str | None, retry_after: timedelta) -> bytes:
    """A cap on open requests is reached. `why` is the refusal's sentence for the agent."""
    text = f"{call_of(tool)} did not run. {why}"
    return render(Verdict(code=Code.QUEUE_FULL, text=text, retryable=True, rule=rule, retry_after=retry_after))


def invalid_arguments(*, tool: str, problems: Sequence[tuple[str, str]]) -> bytes:
    """The arguments do not fit the tool's schema; `problems` are (JSON pointer, sentence)."""
    shown = "; ".join(
        f"at {shorten(visible(at), 120) or '/'}: {shorten(visible(why), 300)}" for at, why in problems[:5]
    )
    text = (
        f"{call_of(tool)} did not run, and nobody was asked, because its arguments do not fit the tool's schema: "
        f"{shown}. Correct the arguments and call it again."
    )
    return render(Verdict(code=Code.INVALID_ARGUMENTS, text=text, retryable=False, reason=shown))


def tool_changed(*, tool: str) -> bytes:
    """The tool's definition is not the one that was judged."""
    text = (
        f"{call_of(tool)} did not run: the server changed the definition of this tool, and an operator has to accept "
        "the new one first. List the tools again, and tell your user if you need this one."
    )
    return render(Verdict(code=Code.TOOL_CHANGED, text=text, retryable=False))


def upstream_unavailable(*, server: str, tool: str, why: str) -> bytes:
    """Nothing was sent, because the upstream cannot be reached."""
    text = (
        f"{call_of(tool)} did not run: the server {visible(server)} cannot be reached ({shorten(visible(why), 300)}). "
        "Nothing was sent to it. Try again in a minute; if it stays so, tell your user."
    )
    minute = timedelta(minutes=1)
    return render(Verdict(code=Code.UPSTREAM_UNAVAILABLE, text=text, retryable=True, retry_after=minute))


def gateway_unavailable(*, tool: str, why: str) -> bytes:
    """The gateway itself could not do its part, so nothing ran. `why` is the refusal's sentence for the agent."""
    minute = timedelta(minutes=1)
    text = f"{call_of(tool)} did not run. {why}"
    return render(Verdict(code=Code.GATEWAY_UNAVAILABLE, text=text, retryable=True, retry_after=minute))


def _because(reason: str | None) -> str:
    return f" The reason given: {ended(reason)}" if reason else ""
